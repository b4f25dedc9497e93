//! Many small pictures in one PNG: tiles of 32x32, row by row, in their original order.

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;

/// Width and height of a picture, in pixels.
pub const TILE: usize = 32;
/// Bytes of one picture: red, green and blue of each pixel.
pub const TILE_BYTES: usize = TILE * TILE * 3;
/// Tiles in one row of the mosaic.
pub const COLUMNS: usize = 100;

/// An 8-bit RGB PNG's size and pixels.
pub fn read_rgb(path: &Path) -> Result<(usize, usize, Vec<u8>)> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut reader =
        png::Decoder::new(BufReader::new(file)).read_info().with_context(|| format!("{}", path.display()))?;
    let bytes = reader.output_buffer_size().with_context(|| format!("{} is too large", path.display()))?;
    let mut pixels = vec![0; bytes];
    let info = reader.next_frame(&mut pixels).with_context(|| format!("{}", path.display()))?;
    if (info.color_type, info.bit_depth) != (png::ColorType::Rgb, png::BitDepth::Eight) {
        bail!("{}: expected 8-bit RGB, found {:?} of {:?}", path.display(), info.color_type, info.bit_depth);
    }
    Ok((info.width as usize, info.height as usize, pixels))
}

/// Lays pictures out as the mosaic's pixels.
pub fn arrange(pictures: &[Vec<u8>]) -> Result<Vec<u8>> {
    ensure!(pictures.len().is_multiple_of(COLUMNS), "{} pictures do not fill rows of {COLUMNS}", pictures.len());
    let mut mosaic = vec![0; pictures.len() * TILE_BYTES];
    let line = TILE * 3;
    for (index, picture) in pictures.iter().enumerate() {
        ensure!(picture.len() == TILE_BYTES, "picture {index} has {} bytes, not {TILE_BYTES}", picture.len());
        let (row, column) = (index / COLUMNS, index % COLUMNS);
        for y in 0..TILE {
            let start = ((row * TILE + y) * COLUMNS + column) * line;
            mosaic[start..start + line].copy_from_slice(&picture[y * line..][..line]);
        }
    }
    Ok(mosaic)
}

/// Writes the mosaic as small as PNG goes: visitors download it before their first training step.
pub fn write(path: &Path, mosaic: &[u8]) -> Result<()> {
    let width = COLUMNS * TILE;
    let height = mosaic.len() / (width * 3);
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut encoder = png::Encoder::new(BufWriter::new(file), width.try_into()?, height.try_into()?);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_deflate_compression(png::DeflateCompression::Level(9));
    encoder.set_filter(png::Filter::Adaptive);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(mosaic)?;
    writer.finish().with_context(|| format!("cannot write {}", path.display()))
}

/// A checksum of the pixels, not of the file, so that it does not depend on how well they were compressed.
pub fn checksum(mosaic: &[u8]) -> String {
    Sha256::digest(mosaic).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(seed: usize) -> Vec<u8> {
        (0..TILE_BYTES).map(|byte| ((byte * 7 + seed * 31) % 251) as u8).collect()
    }

    #[test]
    fn every_picture_keeps_its_place_and_its_lines() {
        let pictures: Vec<_> = (0..2 * COLUMNS).map(picture).collect();
        let mosaic = arrange(&pictures).unwrap();
        let pixel = |x: usize, y: usize| &mosaic[(y * COLUMNS * TILE + x) * 3..][..3];
        let of = |index: usize, x: usize, y: usize| &pictures[index][(y * TILE + x) * 3..][..3];
        assert_eq!(pixel(0, 0), of(0, 0, 0));
        assert_eq!(pixel(5, 9), of(0, 5, 9));
        assert_eq!(pixel(TILE + 1, 31), of(1, 1, 31));
        assert_eq!(pixel(3 * TILE + 31, TILE + 2), of(COLUMNS + 3, 31, 2));
    }

    #[test]
    fn pixels_survive_the_file() {
        let mosaic = arrange(&(0..COLUMNS).map(picture).collect::<Vec<_>>()).unwrap();
        let path = std::env::temp_dir().join(format!("mosaic-{}.png", std::process::id()));
        write(&path, &mosaic).unwrap();
        let read = read_rgb(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(read, (COLUMNS * TILE, TILE, mosaic));
    }

    #[test]
    fn rows_that_are_not_full_are_refused() {
        assert!(arrange(&[picture(0)]).is_err());
    }
}
