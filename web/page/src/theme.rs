//! Dark or light: as the system has it, until the visitor chooses. `web/assets/theme.js` applies the choice before the
//! first paint.

use leptos::prelude::*;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{MediaQueryList, Storage};

const KEY: &str = "whelp-theme";

/// Whether dark colours are shown, now and whenever that changes.
pub fn dark_signal() -> RwSignal<bool> {
    let dark = RwSignal::new(is_dark());
    if let Some(query) = system_prefers_dark() {
        let follow = Closure::<dyn FnMut()>::new(move || dark.set(is_dark()));
        // A listener like the query lives as long as the page.
        let _ = query.add_event_listener_with_callback("change", follow.as_ref().unchecked_ref());
        follow.forget();
        std::mem::forget(query);
    }
    dark
}

/// Shows the other colours and remembers it.
pub fn toggle(dark: RwSignal<bool>) {
    let theme = if dark.get_untracked() { "light" } else { "dark" };
    if let Some(root) = document().document_element() {
        // Only an invalid name would fail.
        let _ = root.set_attribute("data-theme", theme);
    }
    if let Some(storage) = storage() {
        // A full or forbidden storage forgets the choice, nothing more.
        let _ = storage.set_item(KEY, theme);
    }
    dark.set(is_dark());
}

fn is_dark() -> bool {
    let chosen = document().document_element().and_then(|root| root.get_attribute("data-theme"));
    match chosen.as_deref() {
        Some("dark") => true,
        Some("light") => false,
        _ => system_prefers_dark().is_some_and(|query| query.matches()),
    }
}

fn system_prefers_dark() -> Option<MediaQueryList> {
    window().match_media("(prefers-color-scheme: dark)").ok().flatten()
}

/// None where the browser forbids storing.
fn storage() -> Option<Storage> {
    window().local_storage().ok().flatten()
}
