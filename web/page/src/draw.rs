//! Draws grids of pictures on a canvas, one pixel of the canvas for each pixel. The style sheet enlarges them without blur.

use leptos::prelude::document;
use wasm_bindgen::{Clamped, JsCast, JsValue};
use web_sys::{CanvasRenderingContext2d, ContextAttributes2d, HtmlCanvasElement, ImageData};
use whelp::config::Resolution;
use whelp::data::Grid;

/// Draws `grid` in `columns` columns, with `gap` transparent pixels between pictures.
///
/// # Errors
/// If the grid is empty, if its number of pixels does not match its size, or what the browser says if it cannot draw.
pub fn draw_grid(canvas: &HtmlCanvasElement, grid: &Grid, columns: usize, gap: usize) -> Result<(), JsValue> {
    let rgba = rgba_from(grid).ok_or("the grid's number of pixels does not match its size")?;
    let image = ImageData::new_with_u8_clamped_array(Clamped(&rgba), grid.width() as u32)?;
    let columns = columns.clamp(1, grid.count);
    let extent = |pictures: usize, side: usize| (pictures * (side + gap) - gap) as u32;
    canvas.set_width(extent(columns, grid.tile.width));
    canvas.set_height(extent(grid.count.div_ceil(columns), grid.tile.height));
    // This keeps the canvas in ordinary memory. One in the graphics device's memory is lost with the device.
    let options = ContextAttributes2d::new();
    options.set_will_read_frequently(true);
    let context: CanvasRenderingContext2d = canvas
        .get_context_with_context_options("2d", &options)?
        .ok_or("this browser has no canvas to draw on")?
        .unchecked_into();
    for index in 0..grid.count {
        let (from_x, from_y) = position(index, grid.columns, grid.tile);
        let Resolution { width, height } = grid.tile;
        let (to_x, to_y) = position(index, columns, Resolution { width: width + gap, height: height + gap });
        context.put_image_data_with_dirty_x_and_dirty_y_and_dirty_width_and_dirty_height(
            &image,
            to_x - from_x,
            to_y - from_y,
            from_x,
            from_y,
            width as f64,
            height as f64,
        )?;
    }
    Ok(())
}

/// The pictures without gaps, each pixel a square of `scale` by `scale`, on a canvas of their own.
///
/// # Errors
/// As [`draw_grid`], and if the browser has no room for a canvas of that size.
pub fn enlarged(grid: &Grid, columns: usize, scale: usize) -> Result<HtmlCanvasElement, JsValue> {
    let canvas = || -> Result<HtmlCanvasElement, JsValue> { Ok(document().create_element("canvas")?.unchecked_into()) };
    let (small, large) = (canvas()?, canvas()?);
    draw_grid(&small, grid, columns, 0)?;
    let (width, height) = (small.width() * scale as u32, small.height() * scale as u32);
    large.set_width(width);
    large.set_height(height);
    let context: CanvasRenderingContext2d =
        large.get_context("2d")?.ok_or("this browser has no canvas to draw on")?.unchecked_into();
    context.set_image_smoothing_enabled(false);
    context.draw_image_with_html_canvas_element_and_dw_and_dh(&small, 0.0, 0.0, width.into(), height.into())?;
    Ok(large)
}

/// The upper left corner of picture `index` if the corners of neighbours are this far apart, in pixels.
fn position(index: usize, columns: usize, pitch: Resolution) -> (f64, f64) {
    ((index % columns * pitch.width) as f64, (index / columns * pitch.height) as f64)
}

/// The whole grid as RGBA, opaque; none if the number of pixels does not match its size.
fn rgba_from(grid: &Grid) -> Option<Vec<u8>> {
    let pixels = grid.width() * grid.height();
    if pixels == 0 || !matches!(grid.channels, 1 | 3) || grid.pixels.len() != pixels * grid.channels {
        return None;
    }
    let mut rgba = Vec::with_capacity(pixels * 4);
    for pixel in grid.pixels.chunks_exact(grid.channels) {
        let last = grid.channels - 1;
        rgba.extend([pixel[0], pixel[last.min(1)], pixel[last], u8::MAX]);
    }
    Some(rgba)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_is_repeated_and_alpha_is_opaque() {
        let grey = Grid { tile: 1.into(), columns: 2, count: 2, channels: 1, pixels: vec![7, 9] };
        assert_eq!(rgba_from(&grey).unwrap(), [7, 7, 7, 255, 9, 9, 9, 255]);
        let rgb = Grid { tile: 1.into(), columns: 1, count: 1, channels: 3, pixels: vec![1, 2, 3] };
        assert_eq!(rgba_from(&rgb).unwrap(), [1, 2, 3, 255]);
    }

    #[test]
    fn pictures_stand_as_far_apart_as_they_are_wide_and_high() {
        let pitch = Resolution { width: 65, height: 97 };
        assert_eq!([0, 3, 5].map(|index| position(index, 4, pitch)), [(0.0, 0.0), (195.0, 0.0), (65.0, 97.0)]);
    }

    #[test]
    fn a_grid_with_too_few_pixels_is_not_drawn() {
        let short = Grid { tile: 2.into(), columns: 1, count: 1, channels: 3, pixels: vec![0; 11] };
        assert_eq!(rgba_from(&short), None);
        assert_eq!(rgba_from(&Grid::default()), None);
    }
}
