//! The dark and the light theme: the system's, until the visitor chooses. `web/assets/theme.js` applies the choice before
//! the page is first painted.

use leptos::prelude::*;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{MediaQueryList, Storage};

const KEY: &str = "whelp-theme";

/// A signal of whether the dark theme is shown.
pub fn dark_signal() -> RwSignal<bool> {
    let dark = RwSignal::new(is_dark());
    if let Some(query) = system_prefers_dark() {
        let follow = Closure::<dyn FnMut()>::new(move || dark.set(is_dark()));
        // The listener and the query live as long as the page.
        let _ = query.add_event_listener_with_callback("change", follow.as_ref().unchecked_ref());
        follow.forget();
        std::mem::forget(query);
    }
    dark
}

/// Switches to the other theme and remembers the choice.
pub fn toggle(dark: RwSignal<bool>) {
    let theme = if dark.get_untracked() { "light" } else { "dark" };
    if let Some(root) = document().document_element() {
        // Fails only for an invalid attribute name.
        let _ = root.set_attribute("data-theme", theme);
    }
    if let Some(storage) = storage() {
        // If the storage is full or forbidden, only the choice is forgotten.
        let _ = storage.set_item(KEY, theme);
    }
    dark.set(is_dark());
}

/// Whether the visitor has switched something on, here or on an earlier visit.
pub fn is_chosen(key: &str) -> bool {
    storage().and_then(|storage| storage.get_item(key).ok().flatten()).is_some()
}

/// Remembers whether something is switched on.
pub fn choose(key: &str, is_on: bool) {
    if let Some(storage) = storage() {
        // If the storage is full or forbidden, only the choice is forgotten.
        let _ = if is_on { storage.set_item(key, "on") } else { storage.remove_item(key) };
    }
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

/// None if the browser forbids storage.
fn storage() -> Option<Storage> {
    window().local_storage().ok().flatten()
}
