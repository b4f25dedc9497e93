//! The whole page is the place to drop things on.

use leptos::{ev, prelude::*};
use web_sys::DragEvent;

use crate::files::Dropped;
use crate::store::Store;

#[component]
pub fn DropOverlay() -> impl IntoView {
    let store = expect_context::<Store>();
    // Entering a child comes before leaving its parent: only a count knows when the page is left.
    let inside = StoredValue::new(0_i32);
    let moved = move |by: i32| {
        inside.update_value(|inside| *inside = (*inside + by).max(0));
        store.dragging.set(inside.get_value() > 0);
    };
    let _ = window_event_listener(ev::dragenter, move |event| {
        if has_files(&event) {
            event.prevent_default();
            moved(1);
        }
    });
    let _ = window_event_listener(ev::dragover, move |event| {
        if has_files(&event) {
            event.prevent_default();
        }
    });
    let _ = window_event_listener(ev::dragleave, move |event| {
        if has_files(&event) {
            moved(-1);
        }
    });
    let _ = window_event_listener(ev::drop, move |event| {
        if !has_files(&event) {
            return;
        }
        event.prevent_default();
        inside.set_value(0);
        store.dragging.set(false);
        if let Some(transfer) = event.data_transfer() {
            store.take_drop(Dropped::take(&transfer));
        }
    });
    view! {
        <Show when=move || store.dragging.get()>
            <div class="drop-overlay" data-testid="drop-overlay">
                <p>"Drop to train on these"</p>
            </div>
        </Show>
    }
}

/// A link or a piece of text that is dragged is none of ours.
fn has_files(event: &DragEvent) -> bool {
    event.data_transfer().is_some_and(|transfer| transfer.types().includes(&"Files".into(), 0))
}
