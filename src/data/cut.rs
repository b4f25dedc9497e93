//! Which part of a picture is used, and the size and colour it gets.

use super::area::is_wide;
use super::{Area, Color, Filter, Raster, Resizer};
use crate::config::{Background, Channels, Crop, DataConfig, Frames, Framing, Resolution, Splits};

/// The part of a [`DataConfig`] that decides the bytes of the prepared pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Preparation {
    /// Width and height of the result.
    pub resolution: Resolution,
    /// Colour, grey, or whichever the source has.
    pub channels: Channels,
    /// Which parts of a picture with bounding boxes are used.
    pub crop: Crop,
    /// How a picture of another shape is fitted.
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
    pub fn plain(resolution: impl Into<Resolution>) -> Self {
        Self { resolution: resolution.into(), ..Self::from(&DataConfig::default()) }
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
    /// How a picture of another shape is fitted.
    pub framing: Framing,
    /// Colour behind transparent areas and in the padding.
    pub background: Background,
    /// Which frames of an animation are used.
    pub frames: Frames,
}

impl Cut {
    /// The part at the centre, on white.
    pub fn plain(target: Target) -> Self {
        let Preparation { crop, framing, background, frames, .. } = Preparation::plain(target.resolution);
        Self { target, crop, framing, background, frames }
    }

    /// Resizes one part of a picture with Lanczos-3. A part of another shape is padded; sizes are rounded as in Pillow's
    /// `ImageOps.pad`.
    ///
    /// # Shapes
    /// - returns: `[channels, height, width]`
    pub(super) fn part(&self, raster: &Raster, area: Area) -> Vec<u8> {
        let Target { resolution, color } = self.target;
        let pixels = raster.area(area, color, self.background);
        let fitted = if area.has_shape(resolution) { resolution } else { fitted(area, resolution) };
        let [from, to] = [[area.width, area.height], [fitted.width, fitted.height]];
        let resizer = Resizer::rectangle(from, to, Filter::Lanczos);
        let resized = match color {
            Color::Rgb => resizer.resize::<3>(&pixels),
            Color::Grey => resizer.resize::<1>(&pixels),
        };
        let interleaved = if fitted == resolution { resized } else { self.padded(&resized, fitted) };
        match color {
            Color::Rgb => planes(&interleaved),
            Color::Grey => interleaved,
        }
    }

    /// Puts a smaller picture of this size in the middle.
    fn padded(&self, pixels: &[u8], size: Resolution) -> Vec<u8> {
        let Target { resolution, color } = self.target;
        let channels = color.channels();
        let middle = |side: usize, size: usize| ((side - size) as f64 / 2.0).round_ties_even() as usize;
        let (left, top) = (middle(resolution.width, size.width), middle(resolution.height, size.height));
        let mut padded = vec![self.background.level(); self.target.bytes()];
        for (row, line) in pixels.chunks_exact(size.width * channels).enumerate() {
            let start = ((top + row) * resolution.width + left) * channels;
            padded[start..start + line.len()].copy_from_slice(line);
        }
        padded
    }

    /// The parts that are used of a picture without bounding boxes.
    pub(super) fn areas(&self, raster: &Raster) -> Vec<Area> {
        let (width, height) = raster.upright_size();
        match self.framing {
            Framing::Center => vec![raster.center(self.target.resolution)],
            Framing::Pad => vec![raster.whole()],
            Framing::Tiles => Area::tiles(width, height, self.target.resolution),
        }
    }
}

/// The largest size of the shape of `area` that fits into `into`.
fn fitted(area: Area, into: Resolution) -> Resolution {
    let scaled = |side: usize, other: usize, to: usize| {
        ((side as f64 / other as f64 * to as f64).round_ties_even() as usize).max(1)
    };
    if is_wide(area.width, area.height, into) {
        Resolution { height: scaled(area.height, area.width, into.width).min(into.height), ..into }
    } else {
        Resolution { width: scaled(area.width, area.height, into.height).min(into.width), ..into }
    }
}

/// Size and colour of every picture of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Width and height of the result.
    pub resolution: Resolution,
    /// Colour or grey.
    pub color: Color,
}

impl Target {
    /// RGB pictures of this size.
    pub fn rgb(resolution: impl Into<Resolution>) -> Self {
        Self { resolution: resolution.into(), color: Color::Rgb }
    }

    /// Bytes of one picture.
    pub fn bytes(self) -> usize {
        self.color.channels() * self.resolution.pixels()
    }

    /// Resizes a picture.
    ///
    /// # Shapes
    /// - `picture`: `[height, width, channels]`, of the size that `resizer` was made for
    /// - returns: `[channels, height, width]` of the target
    pub(super) fn resize(self, picture: &[u8], resizer: &Resizer) -> Vec<u8> {
        match self.color {
            Color::Rgb => planes(&resizer.resize::<3>(picture)),
            Color::Grey => resizer.resize::<1>(picture),
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
        let fitted = |width, height, into: Resolution| {
            let Resolution { width, height } = fitted(Area { left: 0, top: 0, width, height }, into);
            [width, height]
        };
        let ten = Resolution::square(10);
        assert_eq!(fitted(3, 4, ten), [8, 10], "7.5 to even");
        assert_eq!(fitted(4, 1, ten), [10, 2], "2.5 to even");
        assert_eq!(fitted(1, 1000, Resolution::square(32)), [1, 32]);
        let tall = Resolution { width: 64, height: 96 };
        assert_eq!([fitted(100, 100, tall), fitted(10, 30, tall)], [[64, 64], [32, 96]]);
    }
}
