//! A button that lets the visitor pick files: a real file input under a label, so keyboards and screen readers know it.

use leptos::{html, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::HtmlInputElement;

use crate::files::{self, PathAndFile};

/// What can be picked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// Any number, of the types that `accept` lists.
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
    /// For tests, and as the input's id.
    id: &'static str,
    pick: Pick,
    on_pick: impl Fn(Vec<PathAndFile>) + 'static,
) -> impl IntoView {
    let input = NodeRef::<html::Input>::new();
    // Not an attribute that the view macro knows.
    Effect::new(move |_| {
        if let (Some(input), Pick::Folder) = (input.get(), pick) {
            // A fixed, valid name.
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
        // The same file picked again is a change again.
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
