//! The built-in dogs: one PNG that holds every picture as a tile.

use super::{Area, Color, DataError, Dataset, DatasetBuilder, Filter, Preparation, Raster, Resizer, decode};
use crate::config::{Background, Crop};

/// Side of a tile in pixels: the size of CIFAR-10's pictures.
pub const TILE: usize = 32;

/// What their data set is called.
pub const DOGS_NAME: &str = "Built-in dogs";

/// Cuts a mosaic of 32 x 32 tiles, row by row, into a data set.
///
/// At other resolutions than 32 every tile is resized by itself with Lanczos-3. There are no boxes to crop to.
///
/// # Errors
/// [`DataError::BuiltIn`] if `png` cannot be decoded, is not RGB of 8 bits, or its sides are no multiples of 32.
pub fn dogs(png: &[u8], preparation: Preparation) -> Result<Dataset, DataError> {
    let mosaic = decode(png).map_err(|error| DataError::BuiltIn { reason: error.to_string() })?;
    let Raster { width, height, channels, bytes_per_sample, .. } = mosaic;
    if width % TILE != 0 || height % TILE != 0 || (channels, bytes_per_sample) != (3, 1) {
        let reason = format!(
            "expected an RGB mosaic whose sides are multiples of {TILE}, found {width} x {height} pixels of {channels} \
             channels and {} bits",
            bytes_per_sample * 8
        );
        return Err(DataError::BuiltIn { reason });
    }
    let cut = preparation.cut(Color::Rgb);
    let target = cut.target;
    let part = Area::center(TILE, TILE, target.resolution);
    let to = [target.resolution.width, target.resolution.height];
    let resizer = Resizer::rectangle([part.width, part.height], to, Filter::Lanczos);
    let mut builder = DatasetBuilder::for_cut(DOGS_NAME, cut).of_side(TILE);
    if preparation.crop != Crop::Whole {
        builder =
            builder.note("The built-in dogs have no boxes to crop to, so the pictures are used whole.".to_owned());
    }
    for top in (0..height).step_by(TILE) {
        for left in (0..width).step_by(TILE) {
            let area = Area { left: left + part.left, top: top + part.top, ..part };
            let tile = mosaic.area(area, target.color, Background::White);
            builder.push("tile", Ok(target.resize(&tile, &resizer)));
        }
    }
    builder.finish()
}

#[cfg(test)]
mod tests {
    use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};

    use super::*;
    use crate::config::Channels;

    fn at(resolution: usize) -> Preparation {
        Preparation::plain(resolution)
    }

    /// Tile `k` is flat, of the colour `(k, 2k, 3k)`, but for a white pixel in its corner.
    fn mosaic(columns: usize, rows: usize) -> Vec<u8> {
        let (width, height) = (columns * TILE, rows * TILE);
        let mut pixels = Vec::new();
        for y in 0..height {
            for x in 0..width {
                let k = (y / TILE * columns + x / TILE) as u8;
                pixels.extend(if x % TILE == 0 && y % TILE == 0 { [255; 3] } else { [k, 2 * k, 3 * k] });
            }
        }
        let mut png = Vec::new();
        let encoder = PngEncoder::new(&mut png);
        encoder.write_image(&pixels, width as u32, height as u32, ExtendedColorType::Rgb8).unwrap();
        png
    }

    #[test]
    fn tiles_are_pictures_in_reading_order() {
        let data = dogs(&mosaic(3, 2), at(TILE)).unwrap();
        assert_eq!((data.len(), data.summary().name.as_str()), (6, DOGS_NAME));
        for k in 0..6 {
            let pixels = data.pixels(k);
            let plane = TILE * TILE;
            assert_eq!((pixels[0], pixels[plane], pixels[2 * plane]), (255, 255, 255));
            assert_eq!((pixels[1], pixels[plane - 1]), (k as u8, k as u8));
            assert_eq!((pixels[2 * plane - 1], pixels[3 * plane - 1]), (2 * k as u8, 3 * k as u8));
        }
    }

    #[test]
    fn at_twice_the_size_neighbours_do_not_bleed() {
        let data = dogs(&mosaic(2, 1), at(2 * TILE)).unwrap();
        let pixels = data.pixels(0);
        assert_eq!(pixels.len(), 3 * 64 * 64);
        assert!(pixels[40 * 64..64 * 64].iter().all(|value| *value == 0), "far from its white corner, tile 0 is black");
    }

    #[test]
    fn they_can_be_grey_but_not_cropped() {
        let preparation = Preparation { channels: Channels::Grey, crop: Crop::Box, ..Preparation::plain(TILE) };
        let data = dogs(&mosaic(2, 2), preparation).unwrap();
        assert_eq!((data.channels(), data.pixels(3)[1]), (1, 5), "0.299 * 3 + 0.587 * 6 + 0.114 * 9 = 5.4");
        assert_eq!(data.summary().notes.len(), 1);
    }

    #[test]
    fn another_picture_is_refused() {
        let png = mosaic(1, 1);
        assert!(dogs(&png[..png.len() / 2], at(32)).is_err());
        let mut grey = Vec::new();
        PngEncoder::new(&mut grey).write_image(&[7; 1024], 32, 32, ExtendedColorType::L8).unwrap();
        let sentence = dogs(&grey, at(32)).unwrap_err().to_string();
        assert!(sentence.contains("found 32 x 32 pixels of 1 channels and 8 bits"), "{sentence}");
    }
}
