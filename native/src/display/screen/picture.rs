//! A grid of samples in the size of the screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;
use whelp::config::Resolution;
use whelp::data::Grid;

use super::color::Colors;

/// Pixels for the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    pub width: usize,
    pub height: usize,
    /// `[height, width, 3]`
    pub rgb: Vec<u8>,
}

/// The first pictures of a grid: as many as fill most of `width x height` pixels without being smaller than `least` pixels. None if
/// there is nothing to see.
///
/// A pixel is the mean of those that it covers, or the one that it lies in.
pub fn fit(grid: &Grid, width: usize, height: usize, least: usize) -> Option<Pixels> {
    let rows = grid.count.div_ceil(grid.columns.max(1));
    let whole = grid.width() * grid.height() * grid.channels;
    if whole == 0 || grid.pixels.len() != whole || width == 0 || height == 0 {
        return None;
    }
    // Width and height of a picture, of so many columns and rows of them.
    let size = |(columns, rows): (usize, usize)| {
        let (width, height) = (width / columns, height / rows);
        let Resolution { width: across, height: down } = grid.tile;
        if width * down <= height * across { [width, width * down / across] } else { [height * across / down, height] }
    };
    let shapes = (1..=grid.columns).flat_map(|columns| (1..=rows).map(move |rows| (columns, rows)));
    let large = shapes.filter(|shape| size(*shape).iter().all(|side| *side >= least));
    let filled =
        |shape: &(usize, usize)| (shape.0 * shape.1 * size(*shape).iter().product::<usize>(), shape.0 * shape.1);
    let (columns, rows) = large.max_by_key(filled).unwrap_or((1, 1));
    let [across, down] = size((columns, rows)).map(|side| side.max(1));
    // Along one axis of a picture.
    let covered = |at: usize, tile: usize, side: usize| {
        let from = at * tile / side;
        from..((at + 1) * tile).div_ceil(side).clamp(from + 1, tile)
    };
    let mut rgb = Vec::with_capacity(columns * rows * across * down * 3);
    for y in 0..rows * down {
        for x in 0..columns * across {
            let (top, left) = (y / down * grid.tile.height, x / across * grid.tile.width);
            let mut sums = [0_usize; 3];
            let mut count = 0;
            for row in covered(y % down, grid.tile.height, down) {
                for column in covered(x % across, grid.tile.width, across) {
                    let place = ((top + row) * grid.width() + left + column) * grid.channels;
                    for (channel, sum) in sums.iter_mut().enumerate() {
                        *sum += usize::from(grid.pixels[place + channel.min(grid.channels - 1)]);
                    }
                    count += 1;
                }
            }
            rgb.extend(sums.map(|sum| (sum / count) as u8));
        }
    }
    Some(Pixels { width: columns * across, height: rows * down, rgb })
}

impl Pixels {
    fn at(&self, x: usize, y: usize) -> [u8; 3] {
        let place = (y * self.width + x) * 3;
        if x < self.width && y < self.height {
            [self.rgb[place], self.rgb[place + 1], self.rgb[place + 2]]
        } else {
            [0; 3]
        }
    }

    /// Draws two pixels in each cell, from the top left.
    pub fn draw(&self, area: Rect, buffer: &mut Buffer, colors: Colors) {
        for (y, row) in (area.top()..area.bottom()).take(self.height.div_ceil(2)).enumerate() {
            for (x, column) in (area.left()..area.right()).take(self.width).enumerate() {
                let (upper, lower) = (self.at(x, 2 * y), self.at(x, 2 * y + 1));
                let cell = &mut buffer[(column, row)];
                if colors.have_pictures() {
                    let color = |[r, g, b]: [u8; 3]| colors.closest(Color::Rgb(r, g, b));
                    cell.set_char('▀').set_fg(color(upper)).set_bg(color(lower));
                } else {
                    cell.set_char(shade(upper, lower));
                }
            }
        }
    }
}

/// As bright as the two pixels, on a dark terminal.
fn shade(upper: [u8; 3], lower: [u8; 3]) -> char {
    const SHADES: [char; 5] = [' ', '░', '▒', '▓', '█'];
    // Rec. 601.
    let light = |[r, g, b]: [u8; 3]| 299 * usize::from(r) + 587 * usize::from(g) + 114 * usize::from(b);
    SHADES[(light(upper) + light(lower)) * SHADES.len() / (2 * 255_000 + 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two by two pictures of two by two pixels: one colour each, but for the last.
    fn grid() -> Grid {
        let [a, b, c, d, e] = [[200, 0, 0], [0, 200, 0], [0, 0, 200], [100, 100, 100], [0, 0, 0]];
        let rows = [[a, a, b, b], [a, a, b, b], [c, c, d, e], [c, c, e, d]];
        Grid { tile: 2.into(), columns: 2, count: 4, channels: 3, pixels: rows.concat().concat() }
    }

    #[test]
    fn pictures_shrink_to_their_mean_and_grow_in_whole_pixels() {
        let pixels = fit(&grid(), 40, 32, 12).unwrap();
        assert_eq!((pixels.width, pixels.height), (32, 32), "squares");
        assert_eq!([pixels.at(0, 0), pixels.at(31, 0), pixels.at(0, 31)], [[200, 0, 0], [0, 200, 0], [0, 0, 200]]);
        assert_eq!([pixels.at(17, 17), pixels.at(30, 17), pixels.at(30, 30)], [[100; 3], [0; 3], [100; 3]]);
        let mut small = grid();
        (small.columns, small.count, small.tile) = (1, 1, 4.into());
        let pixels = fit(&small, 2, 2, 12).unwrap();
        assert_eq!([pixels.at(0, 0), pixels.at(1, 0), pixels.at(1, 1)], [[200, 0, 0], [0, 200, 0], [50; 3]]);
    }

    #[test]
    fn pictures_keep_their_shape() {
        let tile = Resolution { width: 2, height: 3 };
        let grid = Grid { tile, columns: 2, count: 2, channels: 1, pixels: vec![90; 12] };
        let size = |width, height| fit(&grid, width, height, 12).map(|pixels| (pixels.width, pixels.height));
        assert_eq!(size(40, 40), Some((40, 30)), "two of 20 x 30");
        assert_eq!(size(40, 24), Some((32, 24)), "two of 16 x 24");
        assert_eq!(size(12, 40), Some((12, 18)), "one of them");
    }

    #[test]
    fn where_there_is_little_room_fewer_pictures_are_shown() {
        let pixels = fit(&grid(), 20, 20, 12).unwrap();
        assert_eq!((pixels.width, pixels.height, pixels.at(19, 19)), (20, 20, [200, 0, 0]));
        let pixels = fit(&grid(), 64, 20, 12).unwrap();
        assert_eq!((pixels.width, pixels.height, pixels.at(39, 19)), (40, 20, [0, 200, 0]));
        assert_eq!(fit(&Grid::default(), 20, 20, 12), None);
        assert_eq!(fit(&grid(), 0, 20, 12), None);
        assert_eq!(fit(&Grid { pixels: Vec::new(), ..grid() }, 20, 20, 12), None, "what was taken out can't be shown");
    }

    #[test]
    fn grey_pictures_are_grey_and_without_colours_there_are_shades() {
        let grey = Grid { tile: 1.into(), columns: 2, count: 2, channels: 1, pixels: vec![255, 0] };
        let pixels = fit(&grey, 32, 16, 12).unwrap();
        assert_eq!([pixels.at(0, 0), pixels.at(16, 0)], [[255; 3], [0; 3]]);
        let area = Rect::new(0, 0, 32, 8);
        let mut buffer = Buffer::empty(area);
        pixels.draw(area, &mut buffer, Colors::None);
        assert_eq!([buffer[(0, 0)].symbol(), buffer[(31, 7)].symbol()], ["█", " "]);
        pixels.draw(area, &mut buffer, Colors::True);
        let cell = &buffer[(0, 0)];
        assert_eq!((cell.symbol(), cell.fg, cell.bg), ("▀", Color::Rgb(255, 255, 255), Color::Rgb(255, 255, 255)));
    }
}
