//! A row of twelve training pictures, as the networks will see them.

use leptos::{html, prelude::*};
use whelp::data::Grid;

use crate::store::Store;
use crate::{draw, notices::Tone};

/// Gap between two pictures, in their own pixels.
const GAP: usize = 2;

/// Pictures that the strip has room for.
const COLUMNS: usize = 12;

#[component]
pub fn Strip() -> impl IntoView {
    let store = expect_context::<Store>();
    let canvas = NodeRef::<html::Canvas>::new();
    Effect::new(move |_| {
        let Some(canvas) = canvas.get() else { return };
        store.data.with(|data| {
            let Some(preview) = data.as_ref().map(|data| some(&data.preview, COLUMNS)) else { return };
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
                aria-label="Some of the training pictures"
                hidden=hidden
            ></canvas>
        </div>
    }
}

/// `count` evenly spaced pictures of the grid, in one row; all of them if there are fewer.
fn some(grid: &Grid, count: usize) -> Grid {
    let (tile, channels, width) = (grid.tile, grid.channels, grid.width());
    let count = count.min(grid.count);
    let mut row =
        Grid { tile, columns: count, count, channels, pixels: Vec::with_capacity(count * grid.picture_bytes()) };
    for line in 0..tile.height {
        for slot in 0..count {
            let index = slot * grid.count / count;
            let (top, left) = (index / grid.columns * tile.height + line, index % grid.columns * tile.width);
            let start = (top * width + left) * channels;
            row.pixels.extend_from_slice(&grid.pixels[start..start + tile.width * channels]);
        }
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_taken_evenly() {
        // Five pictures of 2 x 2 grey pixels in three columns; each pixel is ten times its picture and its place.
        let pixel = |row: usize, column: usize| (10 * (row / 2 * 3 + column / 2) + row % 2 * 2 + column % 2) as u8;
        let pixels = (0..4).flat_map(|row| (0..6).map(move |column| pixel(row, column))).collect();
        let grid = Grid { tile: 2.into(), columns: 3, count: 5, channels: 1, pixels };
        let two = some(&grid, 2);
        assert_eq!((two.columns, two.count), (2, 2));
        assert_eq!(two.pixels, [0, 1, 20, 21, 2, 3, 22, 23]);
        assert_eq!(some(&grid, 12).count, 5);
    }
}
