//! The whole page accepts dropped files.

use leptos::{ev, prelude::*};
use web_sys::DragEvent;

use crate::files::Dropped;
use crate::store::Store;

#[component]
pub fn DropOverlay() -> impl IntoView {
    let store = expect_context::<Store>();
    // A child's `dragenter` comes before its parent's `dragleave`, so a count tells when the pointer leaves the page.
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

/// Whether files are dragged: links and text are left to the browser.
fn has_files(event: &DragEvent) -> bool {
    event.data_transfer().is_some_and(|transfer| transfer.types().includes(&"Files".into(), 0))
}
