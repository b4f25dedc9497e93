//! A few pictures of a grid, small enough for a list.

use crate::config::Resolution;
use crate::data::Grid;

/// Pictures in a row, and in a column.
const SIDE: usize = 4;

/// The largest side of one picture, in pixels.
const LARGEST_TILE: usize = 32;

/// The first sixteen pictures of a grid, each at most 32 pixels wide and high: every pixel is the mean of a square of pixels. A grid of
/// fewer pictures gives as many as it has.
pub fn thumbnail(grid: &Grid) -> Grid {
    let factor = grid.tile.longer().div_ceil(LARGEST_TILE).max(1);
    let (tile, channels) = (grid.tile.divided(factor), grid.channels);
    let count = grid.count.min(SIDE * SIDE);
    let columns = SIDE.min(count);
    let mut small = Grid { tile, columns, count, channels, pixels: Vec::new() };
    small.pixels = vec![0; small.width() * small.height() * channels];
    let width = small.width();
    for index in 0..count {
        let corner = |tile: Resolution, columns: usize| (index % columns * tile.width, index / columns * tile.height);
        let ((from_x, from_y), (to_x, to_y)) = (corner(grid.tile, grid.columns), corner(tile, columns));
        let columns_of = |y| (0..tile.width).flat_map(move |x| (0..channels).map(move |channel| (y, x, channel)));
        for (y, x, channel) in (0..tile.height).flat_map(columns_of) {
            let square = (0..factor).flat_map(|dy| (0..factor).map(move |dx| (dy, dx)));
            let sum: usize = square
                .map(|(dy, dx)| {
                    let row = from_y + y * factor + dy;
                    let column = from_x + x * factor + dx;
                    usize::from(grid.pixels[(row * grid.width() + column) * channels + channel])
                })
                .sum();
            let area = factor * factor;
            small.pixels[((to_y + y) * width + to_x + x) * channels + channel] = ((sum + area / 2) / area) as u8;
        }
    }
    small
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pictures of one value each, but for the first pixel, which is 0.
    fn grid(tile: usize, columns: usize, count: usize) -> Grid {
        let mut grid = Grid { tile: tile.into(), columns, count, channels: 1, pixels: Vec::new() };
        let width = grid.width();
        grid.pixels = (0..width * grid.height())
            .map(|at| {
                let (y, x) = (at / width, at % width);
                let index = y / tile * columns + x / tile;
                if y % tile + x % tile == 0 || index >= count { 0 } else { (10 + index) as u8 }
            })
            .collect();
        grid
    }

    #[test]
    fn small_pictures_stay_as_they_are_and_sixteen_are_enough() {
        let small = thumbnail(&grid(2, 8, 64));
        assert_eq!((small.tile, small.columns, small.count), (2.into(), 4, 16));
        assert_eq!(small.pixels[..8], [0, 10, 0, 11, 0, 12, 0, 13]);
        // The second row of the thumbnail: the fifth picture of the first row.
        assert_eq!(small.pixels[16..18], [0, 14]);
        assert_eq!(*small.pixels.last().unwrap(), 10 + 15);
    }

    #[test]
    fn large_pictures_are_averaged() {
        let small = thumbnail(&grid(64, 1, 1));
        assert_eq!((small.tile, small.columns, small.count, small.pixels.len()), (32.into(), 1, 1, 32 * 32));
        assert_eq!(small.pixels[..2], [8, 10], "three of 10 and one of 0; four of 10");
        assert_eq!(thumbnail(&grid(28, 8, 8)).tile, 28.into());
        assert_eq!(thumbnail(&grid(256, 2, 2)).tile, 32.into());
    }

    #[test]
    fn rectangles_keep_their_shape() {
        let tile = Resolution { width: 64, height: 96 };
        let pixels = (0..64 * 96).map(|at| (at / 64) as u8).collect();
        let small = thumbnail(&Grid { tile, columns: 1, count: 1, channels: 1, pixels });
        assert_eq!(small.tile, Resolution { width: 21, height: 32 });
        assert_eq!(
            (small.pixels.len(), small.pixels[0], small.pixels[21]),
            (21 * 32, 1, 4),
            "means of rows 0 to 2, 3 to 5"
        );
    }

    #[test]
    fn nothing_gives_nothing() {
        assert_eq!(thumbnail(&Grid::default()), Grid::default());
    }
}
