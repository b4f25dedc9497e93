//! AVIF: an AV1 picture in boxes. Decoded in Rust natively; in the page the browser does it.

use std::cell::Cell;

use image::metadata::Orientation;
use re_rav1d::dav1d::pixel::{MatrixCoefficients, YUVRange};
use re_rav1d::dav1d::{Decoder, Error, Picture, PixelLayout, PlanarImageComponent as Component, Settings};
use zenavif_parse::{AvifParser, ColorInformation};

use super::color::is_foreign;
use super::limits::{MAX_PIXELS, check_size};
use super::{DecodeError, Format, Raster};

/// Decodes the picture, or the first of a sequence, to 8 bits a sample. A clean aperture is not cut out.
///
/// # Errors
/// [`DecodeError::Damaged`], [`DecodeError::TooSmall`], [`DecodeError::TooManyPixels`], and
/// [`DecodeError::Unsupported`] for pictures in tiles and for matrices without a linear inverse.
pub(super) fn decode(bytes: &[u8]) -> Result<Raster, DecodeError> {
    let file = AvifParser::from_bytes(bytes).map_err(unparsed)?;
    if file.grid_config().is_some() {
        return Err(unusual());
    }
    let (color, alpha) = match file.animation_info() {
        Some(_) => {
            let first = file.frame(0).map_err(unparsed)?;
            (first.data, first.alpha_data)
        }
        None => (file.primary_data().map_err(unparsed)?, file.alpha_data().transpose().map_err(unparsed)?),
    };
    let channels = if alpha.is_some() { 4 } else { 3 };
    let claimed = file.primary_metadata().map_err(unparsed)?;
    check_size(claimed.max_frame_width.get(), claimed.max_frame_height.get(), channels)?;

    let nclx = match file.color_info() {
        Some(ColorInformation::Nclx { matrix_coefficients, full_range, .. }) => {
            Some((*matrix_coefficients, *full_range))
        }
        Some(ColorInformation::IccProfile(_)) | None => None,
    };
    let (size @ [width, height], mut samples) = with_frame(&color, |color| {
        check_size(color.width(), color.height(), channels)?;
        let size @ [width, height] = size(color);
        let mut samples = vec![255; width * height * channels];
        paint(color, Coding::of(color, nclx)?, channels, &mut samples);
        Ok((size, samples))
    })?;
    if let Some(alpha) = alpha {
        with_frame(&alpha, |alpha| lay_alpha(alpha, size, file.premultiplied_alpha(), &mut samples))?;
    }
    Ok(Raster {
        width,
        height,
        channels,
        bytes_per_sample: 1,
        samples,
        orientation: orientation(file.rotation().map_or(0, |turn| turn.angle), file.mirror().map(|mirror| mirror.axis)),
        has_profile: file.color_info().is_some_and(is_foreign_color),
        divisor: 1,
    })
}

fn damaged(reason: impl std::fmt::Display) -> DecodeError {
    DecodeError::damaged(Format::Avif.name(), reason)
}

fn unparsed(error: zenavif_parse::Error) -> DecodeError {
    match error {
        zenavif_parse::Error::Unsupported(_) => unusual(),
        error => damaged(error),
    }
}

fn unusual() -> DecodeError {
    DecodeError::Unsupported { found: "a picture in an unusual encoding", advice: "Save it as an ordinary PNG or JPEG" }
}

/// Whether colours are not those of sRGB: primaries other than BT.709's, or the transfer function of a film.
///
/// Source: ITU-T H.273, tables 2 and 3.
fn is_foreign_color(color: &ColorInformation) -> bool {
    match color {
        ColorInformation::IccProfile(profile) => is_foreign(profile),
        ColorInformation::Nclx { color_primaries, transfer_characteristics, .. } => {
            !matches!(color_primaries, 1 | 2) || !matches!(transfer_characteristics, 1 | 2 | 6 | 13 | 14 | 15)
        }
    }
}

/// How to turn the picture upright: by degrees against the clock, then mirrored, 0 upside down and 1 left for right.
///
/// Source: ISO/IEC 23008-12:2022, 6.5.10 and 6.5.12.
fn orientation(degrees: u16, mirror: Option<u8>) -> Orientation {
    match (degrees, mirror) {
        (90, None) => Orientation::Rotate270,
        (180, None) => Orientation::Rotate180,
        (270, None) => Orientation::Rotate90,
        (0, Some(0)) | (180, Some(1)) => Orientation::FlipVertical,
        (0, Some(1)) | (180, Some(0)) => Orientation::FlipHorizontal,
        (90, Some(0)) | (270, Some(1)) => Orientation::Rotate90FlipH,
        (90, Some(1)) | (270, Some(0)) => Orientation::Rotate270FlipH,
        _ => Orientation::NoTransforms,
    }
}

thread_local! {
    /// The decoder for this thread's next picture: each one that is closed leaks some kilobytes (seen with re_rav1d 0.1.3).
    static DECODER: Cell<Option<Decoder>> = const { Cell::new(None) };
}

/// Decoders keep the memory of a picture for the next one. This many pixels are little enough to keep.
const MOST_KEPT_PIXELS: u64 = 1 << 22;

/// Hands the last layer of one AV1 frame on. It has to be gone before its decoder, or its memory would leak.
fn with_frame<T>(bytes: &[u8], take: impl FnOnce(&Picture) -> Result<T, DecodeError>) -> Result<T, DecodeError> {
    let mut decoder = DECODER.take().map_or_else(open_decoder, Ok)?;
    let picture = decode_frame(&mut decoder, bytes)?;
    let taken = take(&picture);
    let pixels = u64::from(picture.width()) * u64::from(picture.height());
    drop(picture);
    if pixels <= MOST_KEPT_PIXELS {
        decoder.flush();
        DECODER.set(Some(decoder));
    }
    taken
}

fn open_decoder() -> Result<Decoder, DecodeError> {
    let mut settings = Settings::new();
    // The terminal decodes a picture on each core.
    settings.set_n_threads(1);
    settings.set_max_frame_delay(1);
    settings.set_frame_size_limit(MAX_PIXELS as u32);
    Decoder::with_settings(&settings).map_err(damaged)
}

fn decode_frame(decoder: &mut Decoder, bytes: &[u8]) -> Result<Picture, DecodeError> {
    let mut layer = None;
    let mut sent = decoder.send_data(bytes.to_vec(), None, None, None);
    loop {
        let mut took = false;
        while let Ok(picture) = decoder.get_picture() {
            (layer, took) = (Some(picture), true);
        }
        match sent {
            Ok(()) => break,
            // Pictures had to be taken before the rest can be sent.
            Err(Error::Again) if took => sent = decoder.send_pending_data(),
            Err(error) => return Err(damaged(error)),
        }
    }
    layer.ok_or_else(|| damaged("it holds no whole picture"))
}

fn size(picture: &Picture) -> [usize; 2] {
    [picture.width() as usize, picture.height() as usize]
}

/// What samples stand for.
#[derive(Clone, Copy)]
struct Coding {
    matrix: Matrix,
    luma: Level,
    chroma: Level,
}

#[derive(Clone, Copy)]
enum Matrix {
    /// Green, blue and red.
    Identity,
    YCgCo,
    /// The shares of red and blue in the luma.
    Luma {
        red: f32,
        blue: f32,
    },
}

/// `value = (sample - zero) · step`
#[derive(Clone, Copy)]
struct Level {
    zero: f32,
    step: f32,
}

impl Level {
    fn value(self, sample: f32) -> f32 {
        (sample - self.zero) * self.step
    }

    fn luma(is_full: bool, bits: usize) -> Self {
        let unit = (1 << (bits - 8)) as f32;
        match is_full {
            true => Self { zero: 0.0, step: 1.0 / ((1 << bits) - 1) as f32 },
            false => Self { zero: 16.0 * unit, step: 1.0 / (219.0 * unit) },
        }
    }

    fn chroma(is_full: bool, bits: usize) -> Self {
        let unit = (1 << (bits - 8)) as f32;
        let span = if is_full { ((1 << bits) - 1) as f32 } else { 224.0 * unit };
        Self { zero: 128.0 * unit, step: 1.0 / span }
    }
}

impl Coding {
    /// By the container's matrix coefficients and range, else by the picture's own.
    ///
    /// Source: ITU-T H.273, table 4 and equations 20 to 55.
    fn of(picture: &Picture, container: Option<(u16, bool)>) -> Result<Self, DecodeError> {
        let (matrix, is_full) = match container {
            Some(coding) => coding,
            None => (own_matrix(picture)?, picture.color_range() == YUVRange::Full),
        };
        let is_grey = picture.pixel_layout() == PixelLayout::I400;
        let matrix = match matrix {
            _ if is_grey => Matrix::Luma { red: 0.299, blue: 0.114 },
            0 if picture.pixel_layout() != PixelLayout::I444 => return Err(unusual()),
            0 => Matrix::Identity,
            1 => Matrix::Luma { red: 0.2126, blue: 0.0722 },
            4 => Matrix::Luma { red: 0.30, blue: 0.11 },
            2 | 5 | 6 => Matrix::Luma { red: 0.299, blue: 0.114 },
            7 => Matrix::Luma { red: 0.212, blue: 0.087 },
            8 => Matrix::YCgCo,
            9 => Matrix::Luma { red: 0.2627, blue: 0.0593 },
            _ => return Err(unusual()),
        };
        let bits = picture.bit_depth();
        let luma = Level::luma(is_full, bits);
        let chroma = if matches!(matrix, Matrix::Identity) { luma } else { Level::chroma(is_full, bits) };
        Ok(Self { matrix, luma, chroma })
    }

    /// Red, green and blue, of 0 to 1 in the gamut.
    fn rgb(self, [y, u, v]: [f32; 3]) -> [f32; 3] {
        let (y, u, v) = (self.luma.value(y), self.chroma.value(u), self.chroma.value(v));
        match self.matrix {
            Matrix::Identity => [v, y, u],
            Matrix::YCgCo => [y - u + v, y + u, y - u - v],
            Matrix::Luma { red, blue } => {
                let (r, b) = (y + 2.0 * (1.0 - red) * v, y + 2.0 * (1.0 - blue) * u);
                [r, (y - red * r - blue * b) / (1.0 - red - blue), b]
            }
        }
    }
}

/// The number of a picture's matrix in H.273's table 4.
fn own_matrix(picture: &Picture) -> Result<u16, DecodeError> {
    Ok(match picture.matrix_coefficients() {
        MatrixCoefficients::Identity => 0,
        MatrixCoefficients::BT709 => 1,
        MatrixCoefficients::Unspecified => 2,
        MatrixCoefficients::BT470M => 4,
        MatrixCoefficients::BT470BG => 5,
        MatrixCoefficients::ST240M => 7,
        MatrixCoefficients::YCgCo => 8,
        MatrixCoefficients::BT2020NonConstantLuminance => 9,
        _ => return Err(unusual()),
    })
}

/// The samples of one plane.
struct Plane {
    bytes: re_rav1d::dav1d::Plane,
    stride: usize,
    width: usize,
    height: usize,
    is_wide: bool,
}

impl Plane {
    fn of(picture: &Picture, component: Component) -> Self {
        let [width, height] = size(picture);
        let (across, down) = match (component, picture.pixel_layout()) {
            (Component::Y, _) | (_, PixelLayout::I444 | PixelLayout::I400) => (1, 1),
            (_, PixelLayout::I422) => (2, 1),
            (_, PixelLayout::I420) => (2, 2),
        };
        Self {
            bytes: picture.plane(component),
            stride: picture.stride(component) as usize,
            width: width.div_ceil(across),
            height: height.div_ceil(down),
            is_wide: picture.bit_depth() > 8,
        }
    }

    /// The samples of a row.
    fn row(&self, y: usize, to: &mut Vec<f32>) {
        let row = &self.bytes[y * self.stride..];
        to.clear();
        if self.is_wide {
            let (samples, _) = row.as_chunks::<2>();
            to.extend(samples[..self.width].iter().map(|sample| f32::from(u16::from_ne_bytes(*sample))));
        } else {
            to.extend(row[..self.width].iter().map(|sample| f32::from(*sample)));
        }
    }

    /// The samples of a row of a picture of `width` x `height` pixels. Where a plane has half of them along an axis, its
    /// samples lie between two pixels, and each pixel takes three quarters of the nearer one and a quarter of the other.
    fn enlarged_row(&self, y: usize, [width, height]: [usize; 2], rows: &mut [Vec<f32>; 2], to: &mut Vec<f32>) {
        let [near, far] = rows;
        let [row, other] = if self.height == height { [y; 2] } else { neighbours(y, self.height) };
        self.row(row, near);
        if other != row {
            self.row(other, far);
            near.iter_mut().zip(&*far).for_each(|(near, far)| *near = blend(*near, *far));
        }
        to.clear();
        if self.width == width {
            to.extend_from_slice(near);
        } else {
            to.extend((0..width).map(|x| {
                let [column, other] = neighbours(x, self.width);
                blend(near[column], near[other])
            }));
        }
    }
}

/// The nearer and the further of the two samples around a pixel.
fn neighbours(pixel: usize, samples: usize) -> [usize; 2] {
    let near = pixel / 2;
    let far = if pixel.is_multiple_of(2) { near.saturating_sub(1) } else { (near + 1).min(samples - 1) };
    [near, far]
}

fn blend(near: f32, far: f32) -> f32 {
    0.75 * near + 0.25 * far
}

/// Nearest of 0 to 255; what lies outside of the gamut is cut off.
fn byte(value: f32) -> u8 {
    (value * 255.0).round() as u8
}

/// Writes red, green and blue of each pixel, the first three of its `channels`.
fn paint(picture: &Picture, coding: Coding, channels: usize, samples: &mut [u8]) {
    let size @ [width, _] = size(picture);
    let luma = Plane::of(picture, Component::Y);
    let chroma = (picture.pixel_layout() != PixelLayout::I400)
        .then(|| [Component::U, Component::V].map(|component| Plane::of(picture, component)));
    // Grey is in the middle of both.
    let grey = vec![coding.chroma.zero; width];
    let (mut y_row, mut u_row, mut v_row) = (Vec::new(), grey.clone(), grey);
    let mut rows = [Vec::new(), Vec::new()];
    for (y, line) in samples.chunks_exact_mut(width * channels).enumerate() {
        luma.row(y, &mut y_row);
        if let Some([u, v]) = &chroma {
            u.enlarged_row(y, size, &mut rows, &mut u_row);
            v.enlarged_row(y, size, &mut rows, &mut v_row);
        }
        for (x, pixel) in line.chunks_exact_mut(channels).enumerate() {
            pixel[..3].copy_from_slice(&coding.rgb([y_row[x], u_row[x], v_row[x]]).map(byte));
        }
    }
}

/// Writes alpha, the last of four channels, and undoes that colours were multiplied by it.
fn lay_alpha(
    alpha: &Picture,
    color: [usize; 2],
    is_premultiplied: bool,
    samples: &mut [u8],
) -> Result<(), DecodeError> {
    if size(alpha) != color {
        return Err(unusual());
    }
    let level = Level::luma(alpha.color_range() == YUVRange::Full, alpha.bit_depth());
    let plane = Plane::of(alpha, Component::Y);
    let mut row = Vec::new();
    for (y, line) in samples.chunks_exact_mut(plane.width * 4).enumerate() {
        plane.row(y, &mut row);
        for (pixel, sample) in line.as_chunks_mut::<4>().0.iter_mut().zip(&row) {
            let alpha = level.value(*sample).clamp(0.0, 1.0);
            pixel[3] = byte(alpha);
            if is_premultiplied && alpha > 0.0 {
                pixel[..3].iter_mut().for_each(|value| *value = (f32::from(*value) / alpha).round() as u8);
            }
        }
    }
    Ok(())
}
