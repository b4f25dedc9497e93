//! Drawn pictures on one canvas, with a button over each. Of the buttons one alone is a stop of the Tab key; the arrow keys go
//! from one to the next.

use leptos::{ev, html, prelude::*};
use std::sync::Arc;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use crate::draw;
use crate::play::Drawn;
use crate::store::Store;

/// Gap between two pictures, in their own pixels.
const GAP: usize = 1;

/// `id`: its `data-testid`. `name`: what the pictures are, for screen readers. `columns`: as many as rows, if there are none.
#[component]
pub fn Tiles(
    id: &'static str,
    name: &'static str,
    drawn: Signal<Option<Arc<Drawn>>>,
    columns: Option<usize>,
    on_pick: Callback<usize>,
) -> impl IntoView {
    let store = expect_context::<Store>();
    let canvas = NodeRef::<html::Canvas>::new();
    let count = Memo::new(move |_| drawn.with(|drawn| drawn.as_ref().map_or(0, |drawn| drawn.specs.len())));
    let columns = Memo::new(move |_| {
        let square = || (1..).find(|side| side * side >= count.get()).unwrap_or(1);
        columns.map_or_else(square, |columns| columns.min(count.get()).max(1))
    });
    // Width by height of all pictures together.
    let shape = move || {
        let (columns, count) = (columns.get(), count.get());
        let tile = drawn.with(|drawn| drawn.as_ref().map(|drawn| drawn.grid.tile)).filter(|tile| tile.height > 0);
        let rows = count.div_ceil(columns).max(1);
        tile.map_or(1.0, |tile| (columns * tile.width) as f64 / (rows * tile.height) as f64)
    };
    let at = RwSignal::new(0_usize);
    Effect::new(move |_| {
        let Some(canvas) = canvas.get() else { return };
        drawn.with(|drawn| {
            if let Some(drawn) = drawn {
                // A canvas that can't be drawn on stays as it is; the stage says so for all.
                let _ = draw::draw_grid(&canvas, &drawn.grid, columns.get_untracked(), GAP);
            }
        });
    });
    let is_liked = move |index: usize| {
        drawn.with(|drawn| {
            drawn.as_ref().and_then(|drawn| drawn.specs.get(index)).is_some_and(|spec| store.play.is_favourite(spec))
        })
    };
    let on_key = move |event: ev::KeyboardEvent| {
        let row = columns.get_untracked() as isize;
        let by = match event.key().as_str() {
            "ArrowLeft" => -1,
            "ArrowRight" => 1,
            "ArrowUp" => -row,
            "ArrowDown" => row,
            _ => return,
        };
        event.prevent_default();
        event.stop_propagation();
        let to = at.get_untracked().saturating_add_signed(by).min(count.get_untracked().saturating_sub(1));
        if by.unsigned_abs() > at.get_untracked() && by < 0 {
            return;
        }
        at.set(to);
        let group: Option<HtmlElement> = event.current_target().and_then(|group| group.dyn_into().ok());
        let button = group.and_then(|group| group.children().item(to as u32)?.dyn_into::<HtmlElement>().ok());
        if let Some(button) = button {
            // Fails for no button.
            let _ = button.focus();
        }
    };
    let button = move |index: usize| {
        let label = move || format!("Picture {index}{}", if is_liked(index) { ", a favourite" } else { "" });
        view! {
            <button
                type="button"
                class:liked=move || is_liked(index)
                aria-label=label
                tabindex=move || if at.get().min(count.get().saturating_sub(1)) == index { "0" } else { "-1" }
                on:focus=move |_| at.set(index)
                on:click=move |_| on_pick.run(index)
            ></button>
        }
    };
    let seen = move || drawn.with(|drawn| drawn.as_ref().map(|drawn| drawn.nimg));
    view! {
        <div class="tiles" style:--columns=move || columns.get().to_string() style:--shape=move || shape().to_string() hidden=move || count.get() == 0>
            <canvas node_ref=canvas data-testid=id data-seen=seen role="img" aria-label=name></canvas>
            <div class="picks" role="group" aria-label=name on:keydown=on_key>
                {move || (0..count.get()).map(button).collect_view()}
            </div>
        </div>
    }
}
