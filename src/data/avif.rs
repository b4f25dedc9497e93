//! AVIF: an AV1 picture in boxes. Decoded in Rust natively; in the page the browser does it.

use std::cell::Cell;

use image::metadata::Orientation;
use re_rav1d::dav1d::pixel::{MatrixCoefficients, YUVRange};
use re_rav1d::dav1d::{Decoder, Error, Picture, PixelLayout, PlanarImageComponent as Component, Settings};
use zenavif_parse::{AvifParser, CleanAperture, ColorInformation};

use super::color::is_foreign;
use super::limits::{MAX_PIXELS, check_size};
use super::{DecodeError, Format, Raster};

/// Decodes the picture, put together from tiles if it is stored so, or the first of a sequence, to 8 bits a sample. What its clean
/// aperture leaves out is cut off.
///
/// # Errors
/// [`DecodeError::Damaged`], [`DecodeError::TooSmall`], [`DecodeError::TooManyPixels`], and
/// [`DecodeError::Unsupported`] for matrices without a linear inverse and for tiles whose alpha is a picture in tiles too. Alpha that
/// each tile has for itself is not seen.
pub(super) fn decode(bytes: &[u8]) -> Result<Raster, DecodeError> {
    let file = AvifParser::from_bytes(bytes).map_err(unparsed)?;
    let (color, alpha) = match file.animation_info() {
        Some(_) => {
            let first = file.frame(0).map_err(unparsed)?;
            (first.data, first.alpha_data)
        }
        None => (file.primary_data().map_err(unparsed)?, file.alpha_data().transpose().map_err(unparsed)?),
    };
    let channels = if alpha.is_some() { 4 } else { 3 };
    let nclx = match file.color_info() {
        Some(ColorInformation::Nclx { matrix_coefficients, full_range, .. }) => {
            Some((*matrix_coefficients, *full_range))
        }
        Some(ColorInformation::IccProfile(_)) | None => None,
    };
    let is_in_tiles = file.grid_config().is_some();
    let mut canvas = if is_in_tiles && file.animation_info().is_none() {
        if alpha.is_some() {
            return Err(unusual());
        }
        in_tiles(&Grid::read(&color)?, &file, nclx)?
    } else {
        // Before the frame is decoded, where this is its own.
        if !is_in_tiles {
            let claimed = file.primary_metadata().map_err(unparsed)?;
            check_size(claimed.max_frame_width.get(), claimed.max_frame_height.get(), channels)?;
        }
        with_frame(&color, |color| Canvas::of(color, nclx, channels))?
    };
    if let Some(alpha) = alpha {
        with_frame(&alpha, |alpha| lay_alpha(alpha, file.premultiplied_alpha(), &mut canvas))?;
    }
    if let Some([left, top, width, height]) = file.clean_aperture().and_then(|aperture| canvas.rectangle(aperture)) {
        check_size(width as u32, height as u32, channels)?;
        canvas = canvas.cut([left, top], [width, height]);
    }
    let Canvas { size: [width, height], samples, .. } = canvas;
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

/// Decoded pixels, row by row.
struct Canvas {
    size: [usize; 2],
    channels: usize,
    samples: Vec<u8>,
}

impl Canvas {
    /// White, with alpha if there is a fourth channel.
    fn blank(size @ [width, height]: [usize; 2], channels: usize) -> Self {
        Self { size, channels, samples: vec![255; width * height * channels] }
    }

    /// The colours of one AV1 picture.
    fn of(picture: &Picture, container: Option<(u16, bool)>, channels: usize) -> Result<Self, DecodeError> {
        check_size(picture.width(), picture.height(), channels)?;
        let mut canvas = Self::blank(size(picture), channels);
        paint(picture, Coding::of(picture, container)?, channels, &mut canvas.samples);
        Ok(canvas)
    }

    /// Lays another picture down with its corner at `left` and `top`. What lies beyond the edges is left out.
    fn lay(&mut self, other: &Self, [left, top]: [usize; 2]) {
        let [width, height] =
            [0, 1].map(|axis| other.size[axis].min(self.size[axis].saturating_sub([left, top][axis])));
        let channels = self.channels;
        for y in 0..height {
            let to = ((top + y) * self.size[0] + left) * channels;
            let from = y * other.size[0] * channels;
            self.samples[to..][..width * channels].copy_from_slice(&other.samples[from..][..width * channels]);
        }
    }

    /// A part of it.
    fn cut(&self, [left, top]: [usize; 2], size @ [width, _]: [usize; 2]) -> Self {
        let row =
            |y: usize| &self.samples[((top + y) * self.size[0] + left) * self.channels..][..width * self.channels];
        let samples = (0..size[1]).flat_map(row).copied().collect();
        Self { size, channels: self.channels, samples }
    }

    /// Left, top, width and height of what a clean aperture shows. None if these are no whole pixels of the picture: such a
    /// property says nothing.
    ///
    /// Source: ISO/IEC 14496-12:2022, 12.1.4.1; whole pixels by ISO/IEC 23000-22:2019, 7.3.6.7.
    fn rectangle(&self, aperture: &CleanAperture) -> Option<[usize; 4]> {
        // The centre is off the picture's by a fraction of a pixel.
        let along = |whole: usize, (length, of): (u32, u32), (offset, parts): (i32, u32)| {
            let [whole, length, of] = [whole as i128, i128::from(length), i128::from(of)];
            let [offset, parts] = [i128::from(offset), i128::from(parts)];
            if of == 0 || parts == 0 || length % of != 0 {
                return None;
            }
            let length = length / of;
            let (first, halves) = ((whole - length) * parts + 2 * offset, 2 * parts);
            let is_inside = first >= 0 && first % halves == 0 && length > 0 && first / halves + length <= whole;
            is_inside.then_some(((first / halves) as usize, length as usize))
        };
        let it = aperture;
        let (left, width) = along(self.size[0], (it.width_n, it.width_d), (it.horiz_off_n, it.horiz_off_d))?;
        let (top, height) = along(self.size[1], (it.height_n, it.height_d), (it.vert_off_n, it.vert_off_d))?;
        Some([left, top, width, height])
    }
}

/// How a picture is put together from tiles of one size.
struct Grid {
    rows: usize,
    columns: usize,
    /// Of the picture, which may show only a part of the last tiles.
    size: [u32; 2],
}

impl Grid {
    /// Reads the content of the item, which the parser passes on as it is.
    ///
    /// Source: ISO/IEC 23008-12:2022, 6.6.2.3.2.
    fn read(content: &[u8]) -> Result<Self, DecodeError> {
        let (&[version, flags, rows, columns], size) =
            content.split_first_chunk().ok_or_else(|| damaged("it does not say how its tiles lie"))?;
        let number = |bytes: &[u8]| bytes.iter().fold(0, |number: u32, byte| number << 8 | u32::from(*byte));
        let bytes = if flags & 1 == 0 { 2 } else { 4 };
        if version != 0 || size.len() != 2 * bytes {
            return Err(damaged("it does not say how its tiles lie"));
        }
        let [width, height] = [&size[..bytes], &size[bytes..]].map(number);
        Ok(Self { rows: usize::from(rows) + 1, columns: usize::from(columns) + 1, size: [width, height] })
    }
}

/// The colours of a picture in tiles, which lie in rows. Each is read when its turn has come.
fn in_tiles(grid: &Grid, file: &AvifParser, container: Option<(u16, bool)>) -> Result<Canvas, DecodeError> {
    let [width, height] = grid.size;
    check_size(width, height, 3)?;
    let wrong = || damaged("its tiles do not cover it");
    if file.grid_tile_count() != grid.rows * grid.columns {
        return Err(wrong());
    }
    let mut canvas = Canvas::blank([width as usize, height as usize], 3);
    let mut side = None;
    for index in 0..grid.rows * grid.columns {
        let tile = with_frame(&file.tile_data(index).map_err(unparsed)?, |tile| {
            let size @ [across, down] = size(tile);
            let covers = width.div_ceil(across as u32) as usize == grid.columns
                && height.div_ceil(down as u32) as usize == grid.rows;
            if !covers || *side.get_or_insert(size) != size {
                return Err(wrong());
            }
            // A single row or column of tiles that are far larger than the picture covers it too.
            let all = [across * grid.columns, down * grid.rows].map(|side| u32::try_from(side).unwrap_or(u32::MAX));
            check_size(all[0], all[1], 3)?;
            Canvas::of(tile, container, 3)
        })?;
        let [across, down] = tile.size;
        canvas.lay(&tile, [index % grid.columns * across, index / grid.columns * down]);
    }
    Ok(canvas)
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
fn lay_alpha(alpha: &Picture, is_premultiplied: bool, canvas: &mut Canvas) -> Result<(), DecodeError> {
    if size(alpha) != canvas.size {
        return Err(unusual());
    }
    let level = Level::luma(alpha.color_range() == YUVRange::Full, alpha.bit_depth());
    let plane = Plane::of(alpha, Component::Y);
    let mut row = Vec::new();
    for (y, line) in canvas.samples.chunks_exact_mut(plane.width * 4).enumerate() {
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
