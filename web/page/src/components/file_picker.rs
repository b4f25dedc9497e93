//! A button to pick files. It is a file input inside a label, so keyboards and screen readers can use it.

use leptos::{html, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::HtmlInputElement;

use crate::files::{self, PathAndFile};

/// What can be picked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// Any number of files, of the types in `accept`.
    Files {
        accept: &'static str,
    },
    One {
        accept: &'static str,
    },
    Folder,
}

#[component]
pub fn FilePicker(
    label: &'static str,
    /// The input's id and `data-testid`.
    id: &'static str,
    pick: Pick,
    on_pick: impl Fn(Vec<PathAndFile>) + 'static,
) -> impl IntoView {
    let input = NodeRef::<html::Input>::new();
    // The view macro does not know this attribute.
    Effect::new(move |_| {
        if let (Some(input), Pick::Folder) = (input.get(), pick) {
            // Fails only for an invalid name, and this one is valid.
            let _ = input.set_attribute("webkitdirectory", "");
        }
    });
    let accept = match pick {
        Pick::Files { accept } | Pick::One { accept } => Some(accept),
        Pick::Folder => None,
    };
    let on_change = move |event: web_sys::Event| {
        let Some(input) = event.target().and_then(|target| target.dyn_into::<HtmlInputElement>().ok()) else { return };
        let found = input.files().map(|list| files::picked(&list)).unwrap_or_default();
        // Otherwise picking the same file again would be no change.
        input.set_value("");
        if !found.is_empty() {
            on_pick(found);
        }
    };
    view! {
        <label class="button picker">
            <input
                node_ref=input
                id=id
                data-testid=id
                type="file"
                class="unseen"
                accept=accept
                multiple=matches!(pick, Pick::Files { .. })
                on:change=on_change
            />
            {label}
        </label>
    }
}
