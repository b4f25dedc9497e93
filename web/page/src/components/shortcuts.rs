//! Keys that work everywhere on the page, and the sheet that lists them.

use leptos::{ev, html, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use super::play;
use crate::store::Store;
use crate::theme;
use crate::view::View;

const KEYS: [(&str, &str); 11] = [
    ("?", "This list"),
    ("t", "Train: pictures, settings, charts"),
    ("p", "Play with the pictures"),
    ("r", "Your runs"),
    ("c", "Compare two runs"),
    ("n", "While playing: other pictures"),
    ("← →", "While playing: the picture before, the next one"),
    ("f", "While playing: mark the open picture as a favourite"),
    ("← →", "While guessing: real, or drawn"),
    ("Esc", "While playing: back to all pictures"),
    ("← ↑ → ↓", "In a grid: from picture to picture; Enter opens one"),
];

/// Where it is remembered that single letters do nothing.
const OFF: &str = "whelp-keys-off";

#[component]
pub fn Shortcuts() -> impl IntoView {
    let store = expect_context::<Store>();
    let sheet = NodeRef::<html::Dialog>::new();
    // People who speak to their computer press letters without meaning to.
    let is_off = RwSignal::new(theme::is_chosen(OFF));
    let _ = window_event_listener(ev::keydown, move |event| {
        let is_plain = !(event.ctrl_key() || event.alt_key() || event.meta_key() || event.default_prevented());
        if !is_plain || takes_keys(&event) {
            return;
        }
        let is_open = sheet.get_untracked().is_some_and(|sheet| sheet.open());
        let is_taken = match event.key().as_str() {
            // An open sheet closes by itself with Escape.
            _ if is_open => false,
            "?" => {
                if let Some(sheet) = sheet.get_untracked() {
                    // Fails only if it is open.
                    let _ = sheet.show_modal();
                }
                true
            }
            "t" | "p" | "r" | "c" | "n" | "f" if is_off.get_untracked() => false,
            "t" => show(View::Watch),
            "p" => show(View::Play),
            "r" => show(View::Runs),
            "c" => show(View::Compare),
            key => store.view.get_untracked() == View::Play && play::key(store, key, event.repeat()),
        };
        if is_taken {
            event.prevent_default();
        }
    });
    let row = |(key, what): (&'static str, &'static str)| view! { <dt><kbd>{key}</kbd></dt><dd>{what}</dd> };
    view! {
        <dialog node_ref=sheet class="shortcuts" data-testid="shortcuts" aria-labelledby="shortcuts-title">
            <h2 id="shortcuts-title">"Keys"</h2>
            <dl>{KEYS.map(row).collect_view()}</dl>
            <label class="check">
                <input
                    type="checkbox"
                    data-testid="letters"
                    prop:checked=move || !is_off.get()
                    on:change=move |event| {
                        let is_on = event_target_checked(&event);
                        theme::choose(OFF, !is_on);
                        is_off.set(!is_on);
                    }
                />
                "Letters are keys too"
            </label>
            <form method="dialog">
                <button class="button">"Close"</button>
            </form>
        </dialog>
    }
}

fn show(view: View) -> bool {
    view.show();
    true
}

/// Whether the focus is where keys mean something else: in a field, in a list, on a slider.
fn takes_keys(event: &ev::KeyboardEvent) -> bool {
    let target: Option<HtmlElement> = event.target().and_then(|target| target.dyn_into().ok());
    target.is_some_and(|target| match target.tag_name().as_str() {
        "SELECT" | "TEXTAREA" => true,
        // A letter means nothing to a box to tick, which keeps the focus when its sheet closes.
        "INPUT" => target.get_attribute("type").as_deref() != Some("checkbox"),
        _ => false,
    })
}
