//! Twelve real pictures in a row, as the networks will see them.

use leptos::{html, prelude::*};
use whelp::protocol::Grid;

use crate::store::Store;
use crate::{draw, notices::Tone};

/// Between two pictures, in their own pixels.
const GAP: usize = 2;

/// What the strip has room for.
const COLUMNS: usize = 12;

#[component]
pub fn Strip() -> impl IntoView {
    let store = expect_context::<Store>();
    let canvas = NodeRef::<html::Canvas>::new();
    Effect::new(move |_| {
        let Some(canvas) = canvas.get() else { return };
        store.data.with(|data| {
            let Some(preview) = data.as_ref().map(|data| first(&data.preview, COLUMNS)) else { return };
            if draw::draw_grid(&canvas, &preview, COLUMNS, GAP).is_err() {
                let text = "The preview of your pictures could not be drawn. Training is not affected.";
                store.notices.show(Tone::Warning, text, &[]);
            }
        });
    });
    let hidden = move || store.data.with(Option::is_none);
    view! {
        <div class="strip">
            <canvas
                node_ref=canvas
                data-testid="preview"
                role="img"
                aria-label="Some of the pictures"
                hidden=hidden
            ></canvas>
        </div>
    }
}

/// The grid's first pictures; the pixels of the rest stay and are not drawn.
fn first(grid: &Grid, count: usize) -> Grid {
    let mut grid = grid.clone();
    let rows = grid.count.min(count).div_ceil(grid.columns.max(1));
    grid.pixels.truncate(rows * grid.tile * grid.width() * grid.channels);
    grid.count = grid.count.min(count);
    grid
}
