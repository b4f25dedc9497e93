//! Encodes pictures as PNG.

use std::io::{self, Cursor};

use image::{ExtendedColorType, ImageFormat};
use whelp::data::Grid;

/// A grid as one PNG.
pub fn encode(grid: &Grid) -> io::Result<Vec<u8>> {
    encode_pixels(&grid.pixels, grid.width(), grid.height(), grid.channels)
}

/// Encodes grey or RGB bytes with interleaved channels.
pub fn encode_pixels(pixels: &[u8], width: usize, height: usize, channels: usize) -> io::Result<Vec<u8>> {
    let color = if channels == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    let mut bytes = Cursor::new(Vec::new());
    image::write_buffer_with_format(&mut bytes, pixels, width as u32, height as u32, color, ImageFormat::Png)
        .map_err(io::Error::other)?;
    Ok(bytes.into_inner())
}
