//! Drawn pictures as files to hand on: a film as GIF, pictures as a zip with a list of how to draw them again.

use std::io::{Cursor, Write};

use gif::{Encoder, Frame, Repeat};
use image::{ExtendedColorType, ImageFormat};
use serde::{Deserialize, Serialize};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::latent::PictureSpec;
use crate::platform::yield_now;

/// What to make of pixels, which go beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Export {
    /// A film that repeats for ever.
    Gif {
        /// The frames.
        shape: Shape,
        /// Pixels of the file for each of a frame, in both directions.
        scale: usize,
        /// How long a frame is seen, in hundredths of a second.
        delay_cs: u16,
    },
    /// A PNG of each picture, and `manifest.json`.
    Zip {
        /// The pictures.
        shape: Shape,
        /// How each of them is drawn.
        pictures: Vec<PictureSpec>,
        /// What drew them, in words.
        generator: String,
    },
}

/// Pictures of one size, one after the other, row by row, with interleaved channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
    /// 1 (grey) or 3 (RGB).
    pub channels: usize,
}

/// The largest scale.
pub const MOST_SCALE: usize = 8;

/// How carefully colours are chosen, from 1, the most, to 30: the value that the encoder's authors recommend.
const COLOUR_SPEED: i32 = 10;

/// Makes the file. It yields between pictures.
///
/// # Errors
/// Why it can't be made, as a clause.
pub async fn export(export: &Export, pixels: &[u8]) -> Result<Vec<u8>, String> {
    match export {
        Export::Gif { shape, scale, delay_cs } => gif(*shape, *scale, *delay_cs, pixels).await,
        Export::Zip { shape, pictures, generator } => zip(*shape, pictures, generator, pixels).await,
    }
}

impl Shape {
    fn bytes(self) -> usize {
        self.width * self.height * self.channels
    }

    /// The pixels of each picture.
    fn split(self, pixels: &[u8]) -> Result<std::slice::ChunksExact<'_, u8>, String> {
        let is_sound = matches!(self.channels, 1 | 3) && self.bytes() > 0;
        let is_whole = is_sound && !pixels.is_empty() && pixels.len().is_multiple_of(self.bytes());
        if is_whole { Ok(pixels.chunks_exact(self.bytes())) } else { Err("the pixels don't fit their size".to_owned()) }
    }
}

async fn gif(shape: Shape, scale: usize, delay_cs: u16, pixels: &[u8]) -> Result<Vec<u8>, String> {
    let scale = scale.clamp(1, MOST_SCALE);
    let side = |pixels: usize| u16::try_from(pixels * scale).map_err(|_| "a GIF of that size can't be made".to_owned());
    let (width, height) = (side(shape.width)?, side(shape.height)?);
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, width, height, &[]).map_err(|error| error.to_string())?;
    encoder.set_repeat(Repeat::Infinite).map_err(|error| error.to_string())?;
    for frame in shape.split(pixels)? {
        let rgb: Vec<u8> = match shape.channels {
            1 => frame.iter().flat_map(|grey| [*grey; 3]).collect(),
            _ => frame.to_vec(),
        };
        // Colours are chosen before the frame is enlarged, which adds none.
        let small = Frame::from_rgb_speed(shape.width as u16, shape.height as u16, &rgb, COLOUR_SPEED);
        let mut large =
            Frame::from_indexed_pixels(width, height, enlarged(&small.buffer, shape.width, scale), small.transparent);
        large.palette = small.palette;
        large.delay = delay_cs;
        encoder.write_frame(&large).map_err(|error| error.to_string())?;
        yield_now().await;
    }
    drop(encoder);
    Ok(file)
}

/// Each pixel becomes a square of `scale` by `scale`.
fn enlarged(pixels: &[u8], width: usize, scale: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(pixels.len() * scale * scale);
    for row in pixels.chunks_exact(width) {
        let wide: Vec<u8> = row.iter().flat_map(|pixel| std::iter::repeat_n(*pixel, scale)).collect();
        (0..scale).for_each(|_| out.extend_from_slice(&wide));
    }
    out
}

/// What `manifest.json` has.
#[derive(Serialize)]
struct Manifest<'a> {
    generator: &'a str,
    pictures: Vec<Listed<'a>>,
}

#[derive(Serialize)]
struct Listed<'a> {
    file: String,
    #[serde(flatten)]
    spec: &'a PictureSpec,
}

async fn zip(shape: Shape, specs: &[PictureSpec], generator: &str, pixels: &[u8]) -> Result<Vec<u8>, String> {
    let pictures = shape.split(pixels)?;
    if pictures.len() != specs.len() {
        return Err(format!("there are {} pictures, and {} are described", pictures.len(), specs.len()));
    }
    let color = if shape.channels == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    // PNGs are compressed already.
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut add = |name: &str, bytes: &[u8]| {
        zip.start_file(name, options).map_err(|error| error.to_string())?;
        zip.write_all(bytes).map_err(|error| error.to_string())
    };
    let mut listed = Vec::new();
    for (index, (picture, spec)) in pictures.zip(specs).enumerate() {
        // The names of `whelp generate --out images.zip`.
        let file = format!("{index:05}.png");
        let mut png = Cursor::new(Vec::new());
        let (width, height) = (shape.width as u32, shape.height as u32);
        image::write_buffer_with_format(&mut png, picture, width, height, color, ImageFormat::Png)
            .map_err(|error| error.to_string())?;
        add(&file, png.get_ref())?;
        listed.push(Listed { file, spec });
        yield_now().await;
    }
    let manifest = serde_json::to_vec_pretty(&Manifest { generator, pictures: listed });
    add("manifest.json", &manifest.map_err(|error| error.to_string())?)?;
    Ok(zip.finish().map_err(|error| error.to_string())?.into_inner())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use futures_lite::future::block_on;
    use image::AnimationDecoder;
    use image::codecs::gif::GifDecoder;

    use super::*;

    /// Two frames of 2 x 3 pixels: red above blue, and the reverse.
    fn frames() -> (Shape, Vec<u8>) {
        let (red, blue) = ([255, 0, 0].repeat(2), [0, 0, 255].repeat(2));
        let [a, b] = [[&red[..], &blue, &blue].concat(), [&blue[..], &red, &red].concat()];
        (Shape { width: 2, height: 3, channels: 3 }, [a, b].concat())
    }

    #[test]
    fn a_gif_has_every_frame_enlarged_without_smoothing() {
        let (shape, pixels) = frames();
        let file = block_on(export(&Export::Gif { shape, scale: 4, delay_cs: 8 }, &pixels)).unwrap();
        let decoded = GifDecoder::new(Cursor::new(file)).unwrap().into_frames().collect_frames().unwrap();
        assert_eq!(decoded.len(), 2);
        for (frame, small) in decoded.iter().zip(pixels.chunks(18)) {
            assert_eq!(frame.delay().numer_denom_ms(), (80, 1));
            let picture = frame.buffer();
            assert_eq!(picture.dimensions(), (8, 12));
            for (x, y, pixel) in picture.enumerate_pixels() {
                let at = 3 * (y as usize / 4 * 2 + x as usize / 4);
                assert_eq!(pixel.0[..3], small[at..at + 3], "at {x}, {y}");
            }
        }
    }

    #[test]
    fn grey_frames_and_many_colours_are_encoded_too() {
        let shape = Shape { width: 40, height: 40, channels: 1 };
        let grey: Vec<u8> = (0..1600).map(|index| (index % 251) as u8).collect();
        let file = block_on(gif(shape, 1, 8, &grey)).unwrap();
        let frames = GifDecoder::new(Cursor::new(file)).unwrap().into_frames().collect_frames().unwrap();
        assert_eq!(frames[0].buffer().pixels().map(|pixel| pixel.0[0]).collect::<Vec<_>>(), grey);

        let shape = Shape { channels: 3, ..shape };
        let colours: Vec<u8> = (0..4800).map(|index| (index * 7 % 256) as u8).collect();
        let file = block_on(gif(shape, 1, 8, &colours)).unwrap();
        assert_eq!(GifDecoder::new(Cursor::new(file)).unwrap().into_frames().collect_frames().unwrap().len(), 1);
    }

    #[test]
    fn pixels_that_do_not_fit_are_refused() {
        let (shape, pixels) = frames();
        for pixels in [&pixels[1..], &[]] {
            assert!(block_on(export(&Export::Gif { shape, scale: 1, delay_cs: 8 }, pixels)).is_err());
        }
        let huge = Shape { width: 9000, height: 1, channels: 1 };
        assert!(block_on(gif(huge, 8, 8, &[0; 9000])).is_err());
    }

    #[test]
    fn a_zip_says_how_each_of_its_pictures_is_drawn_again() {
        let (shape, pixels) = frames();
        let pictures = vec![PictureSpec::of_seed(7, 3), PictureSpec { class: Some(1), ..PictureSpec::of_seed(7, 4) }];
        let zip = Export::Zip { shape, pictures: pictures.clone(), generator: "my dogs".to_owned() };
        let file = block_on(export(&zip, &pixels)).unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(file)).unwrap();
        assert_eq!(archive.file_names().collect::<Vec<_>>(), ["00000.png", "00001.png", "manifest.json"]);
        let mut bytes = Vec::new();
        archive.by_name("00001.png").unwrap().read_to_end(&mut bytes).unwrap();
        assert_eq!(image::load_from_memory(&bytes).unwrap().to_rgb8().into_raw(), pixels[18..]);
        let manifest: serde_json::Value = serde_json::from_reader(archive.by_name("manifest.json").unwrap()).unwrap();
        assert_eq!(manifest["generator"], "my dogs");
        for (listed, spec) in manifest["pictures"].as_array().unwrap().iter().zip(&pictures) {
            assert_eq!(&serde_json::from_value::<PictureSpec>(listed.clone()).unwrap(), spec);
        }
        assert_eq!(manifest["pictures"][1]["file"], "00001.png");
        let short = Export::Zip { shape, pictures: pictures[..1].to_vec(), generator: String::new() };
        assert!(block_on(export(&short, &pixels)).unwrap_err().contains("there are 2 pictures, and 1 are described"));
    }
}
