//! A decoded picture as its file stores it, and upright parts of it.

use image::metadata::Orientation;

use super::color::luma;
use super::{Area, Color};
use crate::config::{Background, Resolution};

/// A decoded picture. Colours are converted only after cropping, which is cheaper.
#[derive(Clone, Debug)]
pub struct Raster {
    /// In pixels, as stored: before the picture is turned upright.
    pub width: usize,
    /// In pixels, as stored.
    pub height: usize,
    /// 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha.
    pub channels: usize,
    /// 1, or 2 for samples of 16 bits in the machine's byte order.
    pub bytes_per_sample: usize,
    /// `[height, width, channels]` samples, row-major.
    pub samples: Vec<u8>,
    /// How to turn it upright.
    pub orientation: Orientation,
    /// Whether it has a colour profile other than sRGB, which is not applied.
    pub has_profile: bool,
    /// How many times the file's sides are longer: more than 1 if it was too large to be decoded whole.
    pub divisor: usize,
}

impl Raster {
    /// An upright RGB picture of 8 bits.
    ///
    /// # Shapes
    /// - `samples`: `[height, width, 3]`, interleaved
    ///
    /// # Panics
    /// If `samples` has another size.
    pub fn rgb8(width: usize, height: usize, samples: Vec<u8>) -> Self {
        assert_eq!(samples.len(), width * height * 3, "{width} x {height} RGB pixels");
        Self {
            width,
            height,
            channels: 3,
            bytes_per_sample: 1,
            samples,
            orientation: Orientation::NoTransforms,
            has_profile: false,
            divisor: 1,
        }
    }

    /// A grey picture of 8 bits.
    ///
    /// # Shapes
    /// - `samples`: `[height, width]`
    ///
    /// # Panics
    /// If `samples` has another size.
    pub fn grey8(width: usize, height: usize, samples: Vec<u8>) -> Self {
        assert_eq!(samples.len(), width * height, "{width} x {height} grey pixels");
        Self {
            width,
            height,
            channels: 1,
            bytes_per_sample: 1,
            samples,
            orientation: Orientation::NoTransforms,
            has_profile: false,
            divisor: 1,
        }
    }

    /// Width and height of the upright picture, in pixels.
    pub fn upright_size(&self) -> (usize, usize) {
        if Turn::new(self.orientation).exchange { (self.height, self.width) } else { (self.width, self.height) }
    }

    /// The largest part at the centre of the upright picture that has this shape.
    pub fn center(&self, shape: Resolution) -> Area {
        let (width, height) = self.upright_size();
        Area::center(width, height, shape)
    }

    /// All of the upright picture.
    pub fn whole(&self) -> Area {
        let (width, height) = self.upright_size();
        Area { left: 0, top: 0, width, height }
    }

    /// A part of the upright picture, blended with the background where it is transparent.
    ///
    /// The picture is turned before it is resized, because the two passes of a resize with 8 bits do not commute.
    /// Colour is converted to grey before the resize too, as it is usual with Pillow's `Image.convert("L")`.
    ///
    /// # Shapes
    /// - `area`: within [`Raster::upright_size`]
    /// - returns: `[height, width, color.channels()]` of the area, interleaved
    ///
    /// # Panics
    /// If `area` leaves the picture.
    pub fn area(&self, area: Area, color: Color, background: Background) -> Vec<u8> {
        match color {
            Color::Rgb => self.paint(area, background.level(), |rgb| rgb),
            Color::Grey => self.paint(area, background.level(), |rgb| [luma(rgb)]),
        }
    }

    /// Converts every pixel from RGB to `C` channels.
    fn paint<const C: usize>(&self, area: Area, ground: u8, color: impl Fn([u8; 3]) -> [u8; C]) -> Vec<u8> {
        let sample = |bytes: [u8; 2]| byte_from_16_bits(u16::from_ne_bytes(bytes));
        let over = |value, alpha| over(ground, value, alpha);
        match (self.channels, self.bytes_per_sample) {
            (1, 1) => self.gather(area, |[grey]| color([grey; 3])),
            (2, 1) => self.gather(area, |[grey, alpha]| color([over(grey, alpha); 3])),
            (3, 1) => self.gather(area, color),
            (4, 1) => self.gather(area, |[r, g, b, alpha]| color([r, g, b].map(|value| over(value, alpha)))),
            (1, _) => self.gather(area, |grey: [u8; 2]| color([sample(grey); 3])),
            (2, _) => self.gather(area, |[g, h, a, b]| color([over(sample([g, h]), sample([a, b])); 3])),
            (3, _) => self.gather(area, |[r, s, g, h, b, c]| color([[r, s], [g, h], [b, c]].map(sample))),
            (_, _) => self.gather(area, |[r, s, g, h, b, c, a, d]| {
                color([[r, s], [g, h], [b, c]].map(|value| over(sample(value), sample([a, d]))))
            }),
        }
    }

    /// Reads the stored area in upright order. The `BYTES` of a pixel become `C` channels.
    fn gather<const BYTES: usize, const C: usize>(
        &self,
        area: Area,
        color_from_pixel: impl Fn([u8; BYTES]) -> [u8; C],
    ) -> Vec<u8> {
        let Area { left, top, .. } = area;
        let (width, height) = self.upright_size();
        let is_inside = left + area.width <= width && top + area.height <= height;
        assert!(is_inside, "{area:?} is within {width} x {height} pixels");
        let turn = Turn::new(self.orientation);
        let (x, y) = if turn.exchange { (top, left) } else { (left, top) };
        let x = if turn.reverse_x { self.width - 1 - x } else { x };
        let y = if turn.reverse_y { self.height - 1 - y } else { y };
        let right = if turn.reverse_x { -1 } else { 1 };
        let down = if turn.reverse_y { -1 } else { 1 } * self.width as isize;
        let (step, line_step) = if turn.exchange { (down, right) } else { (right, down) };
        let (pixels, _) = self.samples.as_chunks::<BYTES>();
        let mut gathered = vec![0; area.width * area.height * C];
        let mut start = (y * self.width + x) as isize;
        for line in gathered.chunks_exact_mut(area.width * C) {
            let mut source = start;
            for color in line.as_chunks_mut::<C>().0 {
                *color = color_from_pixel(pixels[source as usize]);
                source += step;
            }
            start += line_step;
        }
        gathered
    }
}

/// Nearest of 0..=255 to a value of 0..=65535.
fn byte_from_16_bits(value: u16) -> u8 {
    ((u32::from(value) + 128) / 257) as u8
}

/// The ground shines through where alpha is less than 255; rounded to nearest.
fn over(ground: u8, value: u8, alpha: u8) -> u8 {
    let [ground, value, alpha] = [ground, value, alpha].map(u32::from);
    ((value * alpha + ground * (255 - alpha) + 127) / 255) as u8
}

/// How the stored picture is read to come out upright: columns for rows, and each axis forwards or backwards.
struct Turn {
    exchange: bool,
    reverse_x: bool,
    reverse_y: bool,
}

impl Turn {
    fn new(orientation: Orientation) -> Self {
        let (exchange, reverse_x, reverse_y) = match orientation {
            Orientation::NoTransforms => (false, false, false),
            Orientation::FlipHorizontal => (false, true, false),
            Orientation::Rotate180 => (false, true, true),
            Orientation::FlipVertical => (false, false, true),
            Orientation::Rotate90FlipH => (true, false, false),
            Orientation::Rotate90 => (true, false, true),
            Orientation::Rotate270FlipH => (true, true, true),
            Orientation::Rotate270 => (true, true, false),
        };
        Self { exchange, reverse_x, reverse_y }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raster(width: usize, channels: usize, bytes_per_sample: usize, samples: Vec<u8>) -> Raster {
        let height = samples.len() / (width * channels * bytes_per_sample);
        Raster {
            width,
            height,
            channels,
            bytes_per_sample,
            samples,
            orientation: Orientation::NoTransforms,
            has_profile: false,
            divisor: 1,
        }
    }

    fn rgb(raster: &Raster) -> Vec<u8> {
        raster.area(raster.center(Resolution::square(1)), Color::Rgb, Background::White)
    }

    fn reds(raster: &Raster) -> Vec<u8> {
        rgb(raster).chunks_exact(3).map(|pixel| pixel[0]).collect()
    }

    #[test]
    fn every_orientation_is_undone_before_the_crop() {
        // Stored: 1 2 3 4 5
        //         6 7 8 9 10
        let mut picture = raster(5, 1, 1, (1..=10).collect());
        let mut upright = |orientation| {
            picture.orientation = orientation;
            reds(&picture)
        };
        assert_eq!(upright(Orientation::NoTransforms), [2, 3, 7, 8]);
        assert_eq!(upright(Orientation::FlipHorizontal), [4, 3, 9, 8]);
        assert_eq!(upright(Orientation::Rotate180), [9, 8, 4, 3]);
        assert_eq!(upright(Orientation::FlipVertical), [7, 8, 2, 3]);
        assert_eq!(upright(Orientation::Rotate90FlipH), [2, 7, 3, 8]);
        assert_eq!(upright(Orientation::Rotate90), [7, 2, 8, 3]);
        assert_eq!(upright(Orientation::Rotate270FlipH), [9, 4, 8, 3]);
        assert_eq!(upright(Orientation::Rotate270), [4, 9, 3, 8]);
    }

    #[test]
    fn a_square_is_counted_in_the_upright_picture() {
        let mut picture = raster(5, 1, 1, (1..=10).collect());
        let mut square = |orientation, left, top| {
            picture.orientation = orientation;
            picture.area(Area { left, top, width: 2, height: 2 }, Color::Grey, Background::White)
        };
        assert_eq!(square(Orientation::NoTransforms, 3, 0), [4, 5, 9, 10]);
        assert_eq!(square(Orientation::FlipHorizontal, 3, 0), [2, 1, 7, 6]);
        // Upright: 6 1 / 7 2 / 8 3 / 9 4 / 10 5
        assert_eq!(square(Orientation::Rotate90, 0, 3), [9, 4, 10, 5]);
        assert_eq!(picture.upright_size(), (2, 5));
    }

    #[test]
    fn colour_becomes_grey_pixel_by_pixel_and_grey_stays() {
        let picture = raster(2, 3, 1, vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9]);
        assert_eq!(picture.area(picture.whole(), Color::Grey, Background::White), [76, 150, 29, 9]);
        let picture = raster(2, 1, 1, vec![1, 2, 3, 4]);
        assert_eq!(picture.area(picture.whole(), Color::Grey, Background::White), [1, 2, 3, 4]);
    }

    #[test]
    fn alpha_is_laid_over_white() {
        assert_eq!(reds(&raster(1, 2, 1, vec![0, 255])), [0]);
        assert_eq!(reds(&raster(1, 2, 1, vec![0, 0])), [255]);
        assert_eq!(reds(&raster(1, 2, 1, vec![100, 128])), [177]); // 50.196 + 127
        assert_eq!(rgb(&raster(1, 4, 1, vec![10, 20, 30, 51])), [206, 208, 210]);
    }

    #[test]
    fn another_background_shines_through_as_well() {
        let picture = raster(1, 4, 1, vec![10, 20, 30, 51]);
        let over = |background| picture.area(picture.whole(), Color::Rgb, background);
        assert_eq!(over(Background::Black), [2, 4, 6]);
        assert_eq!(over(Background::Grey), [104, 106, 108]);
    }

    #[test]
    fn an_area_need_not_be_square() {
        let picture = raster(5, 1, 1, (1..=10).collect());
        let area = Area { left: 1, top: 1, width: 3, height: 1 };
        assert_eq!(picture.area(area, Color::Grey, Background::White), [7, 8, 9]);
        assert_eq!(picture.area(picture.whole(), Color::Grey, Background::White), (1..=10).collect::<Vec<_>>());
    }

    #[test]
    fn sixteen_bits_are_rounded_to_eight() {
        let samples = |values: [u16; 3]| values.iter().flat_map(|value| value.to_ne_bytes()).collect();
        assert_eq!(rgb(&raster(1, 3, 2, samples([0, 128, 129]))), [0, 0, 1]);
        assert_eq!(rgb(&raster(1, 3, 2, samples([65535, 65407, 65406]))), [255, 255, 254]);
    }
}
