//! Pictures that the browser can read and the library can't: AVIF, HEIC, JPEG XL.

use js_sys::{Array, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, ImageBitmap, OffscreenCanvas, OffscreenCanvasRenderingContext2d};
use whelp::data;

use super::port::scope;

/// The same picture as a PNG: upright, in sRGB, an animation's first frame.
///
/// # Errors
/// What the browser threw, or nothing if the picture is larger than any that the library decodes.
pub async fn as_png(bytes: &[u8]) -> Result<Vec<u8>, JsValue> {
    let blob = Blob::new_with_u8_array_sequence(&Array::of1(&Uint8Array::from(bytes)))?;
    let bitmap = JsFuture::from(scope().create_image_bitmap_with_blob(&blob)?).await?;
    let bitmap: ImageBitmap = bitmap.unchecked_into();
    let drawn = draw(&bitmap);
    bitmap.close();
    let png: Blob = JsFuture::from(drawn?.convert_to_blob()?).await?.unchecked_into();
    let buffer = JsFuture::from(png.array_buffer()).await?;
    Ok(Uint8Array::new(&buffer).to_vec())
}

fn draw(bitmap: &ImageBitmap) -> Result<OffscreenCanvas, JsValue> {
    let (width, height) = (bitmap.width(), bitmap.height());
    if u64::from(width) * u64::from(height) > data::MAX_PIXELS {
        return Err(JsValue::UNDEFINED);
    }
    let canvas = OffscreenCanvas::new(width, height)?;
    let context = canvas.get_context("2d")?.ok_or(JsValue::UNDEFINED)?;
    let context: OffscreenCanvasRenderingContext2d = context.unchecked_into();
    context.draw_image_with_image_bitmap(bitmap, 0.0, 0.0)?;
    Ok(canvas)
}
