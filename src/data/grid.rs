//! Pictures laid out in one larger picture, to look at.

use serde::{Deserialize, Serialize};

use super::Dataset;
use crate::config::Resolution;

/// Pictures of one size, laid out row by row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Grid {
    /// Width and height of one picture.
    pub tile: Resolution,
    /// Pictures in a row.
    pub columns: usize,
    /// Pictures. If they do not fill the last row, the rest of it is black.
    pub count: usize,
    /// 1 (grey) or 3 (RGB).
    pub channels: usize,
    /// The whole grid, row-major, channels interleaved: `rows * height * columns * width * channels` bytes.
    #[serde(skip)]
    pub pixels: Vec<u8>,
}

impl Grid {
    /// Bytes of one picture.
    pub fn picture_bytes(&self) -> usize {
        self.tile.pixels() * self.channels
    }

    /// Width of the whole grid in pixels.
    pub fn width(&self) -> usize {
        self.columns * self.tile.width
    }

    /// Height of the whole grid in pixels.
    pub fn height(&self) -> usize {
        self.count.div_ceil(self.columns.max(1)) * self.tile.height
    }

    /// How many bytes its pixels have; none if no memory could hold so many.
    pub(crate) fn bytes(&self) -> Option<usize> {
        let rows = self.count.div_ceil(self.columns.max(1));
        let sides = [rows, self.tile.height, self.columns, self.tile.width, self.channels];
        sides.into_iter().try_fold(1usize, usize::checked_mul)
    }
}

impl Dataset {
    /// At most `count` pictures, evenly spaced through the data set, in about as many rows as columns.
    pub fn preview(&self, count: usize) -> Grid {
        self.preview_of(count, &(0..self.len() as u32).collect::<Vec<_>>())
    }

    /// The same of the pictures with these indices.
    ///
    /// # Panics
    /// If there are not that many pictures.
    pub fn preview_of(&self, count: usize, indices: &[u32]) -> Grid {
        let count = count.min(indices.len());
        let columns = count.isqrt() + usize::from(count.isqrt().pow(2) < count);
        let (tile, channels) = (self.resolution(), self.channels());
        let mut grid = Grid { tile, columns, count, channels, pixels: Vec::new() };
        grid.pixels = vec![0; grid.width() * grid.height() * channels];
        let width = grid.width();
        for slot in 0..count {
            let (top, left) = (slot / columns * tile.height, slot % columns * tile.width);
            let pixels = self.pixels(indices[slot * indices.len() / count] as usize);
            for (i, pixel) in pixels.iter().enumerate() {
                let (channel, y, x) = (i / tile.pixels(), i / tile.width % tile.height, i % tile.width);
                grid.pixels[((top + y) * width + left + x) * channels + channel] = *pixel;
            }
        }
        grid
    }
}

#[cfg(test)]
mod tests {
    use crate::data::DatasetBuilder;

    #[test]
    fn pictures_stand_in_rows_with_interleaved_channels() {
        let mut builder = DatasetBuilder::new("six", 1);
        (0..6).for_each(|i| builder.push("x", Ok(vec![i, 10 + i, 20 + i])));
        let data = builder.finish().unwrap();

        let grid = data.preview(3); // pictures 0, 2, 4 in two columns; the fourth place stays black
        assert_eq!((grid.columns, grid.count, grid.width(), grid.height()), (2, 3, 2, 2));
        assert_eq!(grid.pixels, [0, 10, 20, 2, 12, 22, 4, 14, 24, 0, 0, 0]);
        assert_eq!(data.preview(100).count, 6);
        assert!(data.preview(0).pixels.is_empty());
    }

    #[test]
    fn rows_and_columns_of_a_picture_stay_in_place() {
        let mut builder = DatasetBuilder::new("one", 2);
        builder.push("x", Ok(vec![1, 2, 3, 4, 11, 12, 13, 14, 21, 22, 23, 24]));
        let grid = builder.finish().unwrap().preview(1);
        assert_eq!(grid.pixels, [1, 11, 21, 2, 12, 22, 3, 13, 23, 4, 14, 24]);
    }
}
