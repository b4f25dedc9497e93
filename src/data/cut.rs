//! Which part of a picture is used, and the size and colour it gets.

use super::{Area, Color, Filter, Raster, Resizer, Square};
use crate::config::{Background, Channels, Crop, DataConfig, Frames, Framing, Splits};

/// The part of a [`DataConfig`] that decides the bytes of the prepared pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Preparation {
    /// Height and width, in pixels.
    pub resolution: usize,
    /// Colour, grey, or whichever the source has.
    pub channels: Channels,
    /// Which parts of a picture with bounding boxes are used.
    pub crop: Crop,
    /// How a picture that is not square is made square.
    pub framing: Framing,
    /// Colour behind transparent areas and in the padding.
    pub background: Background,
    /// Which frames of an animation are used.
    pub frames: Frames,
    /// Which splits are used.
    pub splits: Splits,
    /// Whether files that the data doctor flags are left out.
    pub exclude_flagged: bool,
}

impl From<&DataConfig> for Preparation {
    fn from(config: &DataConfig) -> Self {
        let DataConfig { resolution, channels, crop, framing, background, frames, splits, exclude_flagged, .. } =
            *config;
        Self { resolution, channels, crop, framing, background, frames, splits, exclude_flagged }
    }
}

impl Preparation {
    /// The default configuration at another resolution.
    pub fn plain(resolution: usize) -> Self {
        Self { resolution, ..Self::from(&DataConfig::default()) }
    }

    /// How each picture of a source is cut. `auto` is the colour that [`Channels::Auto`] stands for in this source.
    pub fn cut(self, auto: Color) -> Cut {
        let color = match self.channels {
            Channels::Rgb => Color::Rgb,
            Channels::Grey => Color::Grey,
            Channels::Auto => auto,
        };
        let Self { resolution, crop, framing, background, frames, .. } = self;
        Cut { target: Target { resolution, color }, crop, framing, background, frames }
    }
}

/// How the pictures of a source are cut and resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Size and colour of the result.
    pub target: Target,
    /// Which parts of a picture with bounding boxes are used.
    pub crop: Crop,
    /// How a picture that is not square is made square.
    pub framing: Framing,
    /// Colour behind transparent areas and in the padding.
    pub background: Background,
    /// Which frames of an animation are used.
    pub frames: Frames,
}

impl Cut {
    /// The square at the centre, on white.
    pub fn plain(target: Target) -> Self {
        let Preparation { crop, framing, background, frames, .. } = Preparation::plain(target.resolution);
        Self { target, crop, framing, background, frames }
    }

    /// Resizes one part of a picture with Lanczos-3. A part that is not square is padded; sizes are rounded as in
    /// Pillow's `ImageOps.pad`.
    ///
    /// # Shapes
    /// - returns: `[channels, resolution, resolution]`
    pub(super) fn part(&self, raster: &Raster, area: Area) -> Vec<u8> {
        let Target { resolution, color } = self.target;
        let pixels = raster.area(area, color, self.background);
        let Area { width, height, .. } = area;
        let fitted = [width, height].map(|side| fitted(side, width.max(height), resolution));
        let resizer = Resizer::rectangle([width, height], fitted, Filter::Lanczos);
        let resized = match color {
            Color::Rgb => resizer.resize::<3>(&pixels),
            Color::Grey => resizer.resize::<1>(&pixels),
        };
        let interleaved = if fitted == [resolution; 2] { resized } else { self.padded(&resized, fitted) };
        match color {
            Color::Rgb => planes(&interleaved),
            Color::Grey => interleaved,
        }
    }

    /// Puts a picture of `[width, height]` pixels in the middle of a square.
    fn padded(&self, pixels: &[u8], [width, height]: [usize; 2]) -> Vec<u8> {
        let (side, channels) = (self.target.resolution, self.target.color.channels());
        let [left, top] = [width, height].map(|size| ((side - size) as f64 / 2.0).round_ties_even() as usize);
        let mut square = vec![self.background.level(); self.target.bytes()];
        for (row, line) in pixels.chunks_exact(width * channels).enumerate() {
            let start = ((top + row) * side + left) * channels;
            square[start..start + line.len()].copy_from_slice(line);
        }
        square
    }

    /// The parts that are used of a picture without bounding boxes.
    pub(super) fn areas(&self, raster: &Raster) -> Vec<Area> {
        let (width, height) = raster.upright_size();
        match self.framing {
            Framing::Center => vec![Square::center(width, height).into()],
            Framing::Pad => vec![raster.whole()],
            Framing::Tiles => Square::tiles(width, height).into_iter().map(Area::from).collect(),
        }
    }
}

/// Length of a side, in pixels, after a resize that makes the longer side `resolution`.
fn fitted(side: usize, longer: usize, resolution: usize) -> usize {
    ((side as f64 / longer as f64 * resolution as f64).round_ties_even() as usize).max(1)
}

/// Size and colour of every picture of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Height and width, in pixels.
    pub resolution: usize,
    /// Colour or grey.
    pub color: Color,
}

impl Target {
    /// RGB pictures of `resolution` x `resolution` pixels.
    pub fn rgb(resolution: usize) -> Self {
        Self { resolution, color: Color::Rgb }
    }

    /// Bytes of one picture.
    pub fn bytes(self) -> usize {
        self.color.channels() * self.resolution * self.resolution
    }

    /// Resizes a square picture.
    ///
    /// # Shapes
    /// - `square`: `[side, side, channels]`, with the side that `resizer` was made for
    /// - returns: `[channels, resolution, resolution]`
    pub(super) fn resize(self, square: &[u8], resizer: &Resizer) -> Vec<u8> {
        match self.color {
            Color::Rgb => planes(&resizer.resize::<3>(square)),
            Color::Grey => resizer.resize::<1>(square),
        }
    }
}

/// `[height, width, 3]` to `[3, height, width]`.
fn planes(interleaved: &[u8]) -> Vec<u8> {
    (0..3).flat_map(|channel| interleaved.iter().skip(channel).step_by(3).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_are_rounded_as_python_does_it() {
        assert_eq!(fitted(3, 4, 10), 8, "7.5 to even");
        assert_eq!(fitted(1, 4, 10), 2, "2.5 to even");
        assert_eq!(fitted(1, 1000, 32), 1);
    }
}
