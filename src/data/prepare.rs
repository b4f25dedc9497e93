//! One file's bytes to pictures of a data set.

use super::facts::Facts;
use super::{
    AnnotationError, Area, BoundingBox, Color, DecodeError, Filter, Layout, Raster, Resizer, Square, annotation, decode,
};
use crate::config::{Background, Channels, Crop, DataConfig, Frames, Framing};

/// What is asked of the pictures; the part of a [`DataConfig`] that decides their bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Preparation {
    /// Height and width, in pixels.
    pub resolution: usize,
    /// Colour or grey, or what the source has.
    pub channels: Channels,
    /// What is used of a picture with boxes.
    pub crop: Crop,
    /// What becomes of a whole picture that is not square.
    pub framing: Framing,
    /// What shines through, and lies beside padded pictures.
    pub background: Background,
    /// Which pictures of an animation are used.
    pub frames: Frames,
    /// Whether what the data doctor flags is left out.
    pub exclude_flagged: bool,
}

impl From<&DataConfig> for Preparation {
    fn from(config: &DataConfig) -> Self {
        let DataConfig { resolution, channels, crop, framing, background, frames, exclude_flagged, .. } = *config;
        Self { resolution, channels, crop, framing, background, frames, exclude_flagged }
    }
}

impl Preparation {
    /// What a new configuration asks for, at another resolution.
    pub fn plain(resolution: usize) -> Self {
        Self { resolution, ..Self::from(&DataConfig::default()) }
    }

    /// What becomes of the files of a source of this layout.
    pub fn cut(self, layout: Layout) -> Cut {
        let color = match (self.channels, layout) {
            (Channels::Rgb, _) => Color::Rgb,
            (Channels::Grey, _) | (Channels::Auto, Layout::Idx { .. }) => Color::Grey,
            (Channels::Auto, Layout::Plain | Layout::Classes | Layout::StanfordDogs) => Color::Rgb,
        };
        let Self { resolution, crop, framing, background, frames, .. } = self;
        Cut { target: Target { resolution, color }, crop, framing, background, frames }
    }
}

/// What becomes of every file of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// What every picture becomes.
    pub target: Target,
    /// What is used of a picture with boxes.
    pub crop: Crop,
    /// What becomes of a whole picture that is not square.
    pub framing: Framing,
    /// What shines through, and lies beside padded pictures.
    pub background: Background,
    /// Which pictures of an animation are used.
    pub frames: Frames,
}

impl Cut {
    /// The square at the centre, over white.
    pub fn plain(target: Target) -> Self {
        let Preparation { crop, framing, background, frames, .. } = Preparation::plain(target.resolution);
        Self { target, crop, framing, background, frames }
    }

    /// Resizes one part of a picture, with Lanczos-3; a part that is not square is made to fit and padded, rounded as
    /// Pillow's `ImageOps.pad` does it.
    ///
    /// # Shapes
    /// - returns: `[channels, resolution, resolution]`
    fn part(&self, raster: &Raster, area: Area) -> Vec<u8> {
        let Target { resolution, color } = self.target;
        let pixels = raster.area(area, color, self.background);
        let Area { width, height, .. } = area;
        let fitted = [width, height].map(|side| fitted(side, width.max(height), resolution));
        let resizer = Resizer::rectangle([width, height], fitted, Filter::Lanczos);
        let resized = match color {
            Color::Rgb => resizer.resize::<3>(&pixels),
            Color::Grey => resizer.resize::<1>(&pixels),
        };
        let interleaved = if fitted == [resolution; 2] { resized } else { self.padded(&resized, fitted) };
        match color {
            Color::Rgb => planes(&interleaved),
            Color::Grey => interleaved,
        }
    }

    /// Puts a picture of `[width, height]` pixels into the middle of a square.
    fn padded(&self, pixels: &[u8], [width, height]: [usize; 2]) -> Vec<u8> {
        let (side, channels) = (self.target.resolution, self.target.color.channels());
        let [left, top] = [width, height].map(|size| ((side - size) as f64 / 2.0).round_ties_even() as usize);
        let mut square = vec![self.background.level(); self.target.bytes()];
        for (row, line) in pixels.chunks_exact(width * channels).enumerate() {
            let start = ((top + row) * side + left) * channels;
            square[start..start + line.len()].copy_from_slice(line);
        }
        square
    }

    /// What is used of a picture in which nobody marked anything.
    fn areas(&self, raster: &Raster) -> Vec<Area> {
        let (width, height) = raster.upright_size();
        match self.framing {
            Framing::Center => vec![Square::center(width, height).into()],
            Framing::Pad => vec![raster.whole()],
            Framing::Tiles => Square::tiles(width, height).into_iter().map(Area::from).collect(),
        }
    }
}

/// Of a side, when the longer one becomes `resolution`.
fn fitted(side: usize, longer: usize, resolution: usize) -> usize {
    ((side as f64 / longer as f64 * resolution as f64).round_ties_even() as usize).max(1)
}

/// What every picture of a data set is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Height and width, in pixels.
    pub resolution: usize,
    /// Its channels.
    pub color: Color,
}

impl Target {
    /// RGB pictures of `resolution` x `resolution` pixels.
    pub fn rgb(resolution: usize) -> Self {
        Self { resolution, color: Color::Rgb }
    }

    /// Bytes of one picture.
    pub fn bytes(self) -> usize {
        self.color.channels() * self.resolution * self.resolution
    }

    /// # Shapes
    /// - `square`: what `resizer` takes, with this target's channels, interleaved
    /// - returns: `[channels, resolution, resolution]`
    pub(super) fn resize(self, square: &[u8], resizer: &Resizer) -> Vec<u8> {
        match self.color {
            Color::Rgb => planes(&resizer.resize::<3>(square)),
            Color::Grey => resizer.resize::<1>(square),
        }
    }
}

/// Pictures made of one file.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// At least one, each `[channels, resolution, resolution]`.
    pub pictures: Vec<Vec<u8>>,
    /// Why the picture is whole although its boxes were asked for.
    pub uncropped: Option<AnnotationError>,
    /// What the data doctor wants to know.
    pub facts: Facts,
}

/// Decodes, turns upright, crops to the square at the centre and resizes with Lanczos-3.
///
/// The same bytes give the same pixels in the page and on every machine.
///
/// # Shapes
/// - `bytes`: a whole file
/// - returns: `[channels, resolution, resolution]`, 0..=255
///
/// # Errors
/// Those of [`decode`].
pub fn prepare(bytes: &[u8], target: Target) -> Result<Vec<u8>, DecodeError> {
    let raster = decode(bytes)?;
    Ok(Cut::plain(target).part(&raster, raster.center().into()))
}

/// As [`prepare`], with the parts that `cut` asks for: the squares around the boxes of `annotation`, in its order, and
/// what is used of the whole picture last.
///
/// Without a box that can be used the picture is whole, and the result says why.
///
/// # Errors
/// Those of [`decode`]; a bad annotation is none.
pub fn prepare_cropped(
    bytes: &[u8],
    annotation: Result<&[u8], AnnotationError>,
    cut: &Cut,
) -> Result<Prepared, DecodeError> {
    let (mut pictures, mut uncropped, mut facts) = (Vec::new(), None, None);
    decode::decode_each(bytes, cut.frames, |raster| {
        let (mut areas, whole_because) = match cut.crop {
            Crop::Whole => (Vec::new(), None),
            Crop::Box | Crop::Both => match annotation.clone().and_then(|xml| squares(xml, &raster)) {
                Ok(squares) => (squares.into_iter().map(Area::from).collect(), None),
                Err(reason) => (Vec::new(), Some(reason)),
            },
        };
        if areas.is_empty() || cut.crop == Crop::Both {
            areas.extend(cut.areas(&raster));
        }
        let first = pictures.len();
        pictures.extend(areas.iter().map(|area| cut.part(&raster, *area)));
        uncropped = uncropped.take().or(whole_because);
        facts.get_or_insert_with(|| Facts::new(bytes, &raster, &areas, &pictures[first], cut));
    })?;
    let facts = facts.expect("there is a picture, or an error");
    Ok(Prepared { pictures, uncropped, facts })
}

/// A square for each box in the upright picture; at least one.
fn squares(xml: &[u8], raster: &Raster) -> Result<Vec<Square>, AnnotationError> {
    let annotation = annotation::read(xml)?;
    let (width, height) = raster.upright_size();
    // Pictures are often made smaller to save space, and their annotations are left as they were.
    let scale = annotation.size.map_or((1.0, 1.0), |(w, h)| (width as f64 / w, height as f64 / h));
    let square = |found: BoundingBox| found.scaled(scale).square(width, height);
    let squares: Vec<_> = annotation.boxes.into_iter().filter_map(square).collect();
    if squares.is_empty() { Err(AnnotationError::NoBox) } else { Ok(squares) }
}

/// The square at the centre of the upright picture in RGB, resized.
///
/// # Shapes
/// - returns: `[resolution, resolution, 3]`, interleaved
pub fn resize_square(raster: &Raster, resolution: usize, filter: Filter) -> Vec<u8> {
    let square = raster.center();
    Resizer::new(square.side, resolution, filter).resize::<3>(&raster.square(square, Color::Rgb))
}

/// `[height, width, 3]` to `[3, height, width]`.
fn planes(interleaved: &[u8]) -> Vec<u8> {
    (0..3).flat_map(|channel| interleaved.iter().skip(channel).step_by(3).copied()).collect()
}

#[cfg(test)]
mod tests {
    use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};

    use super::*;

    /// 40 x 20 pixels whose red is the column and whose green is the row.
    fn picture() -> Vec<u8> {
        let pixels: Vec<u8> = (0..20).flat_map(|y| (0..40).flat_map(move |x| [x, y, 0])).collect();
        let mut png = Vec::new();
        PngEncoder::new(&mut png).write_image(&pixels, 40, 20, ExtendedColorType::Rgb8).unwrap();
        png
    }

    fn annotated(size: &str, boxes: &[[u32; 4]]) -> String {
        let object = |[x0, y0, x1, y1]: &[u32; 4]| {
            format!(
                "<object><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>"
            )
        };
        format!("<annotation>{size}{}</annotation>", boxes.iter().map(object).collect::<String>())
    }

    /// Upper left pixels of the squares, which are of 10 x 10 pixels and therefore not resized.
    fn corners(xml: &str, crop: Crop) -> (Vec<[u8; 2]>, Option<AnnotationError>) {
        let cut = Cut { crop, ..Cut::plain(Target::rgb(10)) };
        let prepared = prepare_cropped(&picture(), Ok(xml.as_bytes()), &cut).unwrap();
        (prepared.pictures.iter().map(|picture| [picture[0], picture[100]]).collect(), prepared.uncropped)
    }

    #[test]
    fn boxes_are_cut_out_as_asked_for() {
        let xml = annotated("", &[[3, 4, 13, 14], [30, 10, 40, 20]]);
        assert_eq!(corners(&xml, Crop::Box), (vec![[3, 4], [30, 10]], None));
        let (both, uncropped) = corners(&xml, Crop::Both);
        assert_eq!((both.len(), &both[..2], uncropped), (3, &[[3, 4], [30, 10]][..], None));
        assert_eq!(corners(&xml, Crop::Whole), (vec![both[2]], None), "the whole picture is the last one of both");
        let halved = annotated("<size><width>80</width><height>40</height></size>", &[[6, 8, 26, 28]]);
        assert_eq!(corners(&halved, Crop::Box), (vec![[3, 4]], None), "the picture is half as large as the note says");
    }

    #[test]
    fn without_a_box_the_picture_is_whole_and_says_why() {
        let whole = corners("", Crop::Whole).0;
        for crop in [Crop::Box, Crop::Both] {
            let none = annotated("", &[]);
            assert_eq!(corners(&none, crop), (whole.clone(), Some(AnnotationError::NoBox)));
            let outside = annotated("", &[[50, 50, 90, 90]]);
            assert_eq!(corners(&outside, crop), (whole.clone(), Some(AnnotationError::NoBox)));
            assert!(matches!(corners("<annotation>", crop).1, Some(AnnotationError::Malformed { .. })));
            let cut = Cut { crop, ..Cut::plain(Target::rgb(10)) };
            let missing = prepare_cropped(&picture(), Err(AnnotationError::Missing), &cut).unwrap();
            assert_eq!((missing.pictures.len(), missing.uncropped), (1, Some(AnnotationError::Missing)));
        }
    }

    fn framed(framing: Framing) -> Vec<Vec<u8>> {
        let cut = Cut { framing, background: Background::Black, ..Cut::plain(Target::rgb(20)) };
        prepare_cropped(&picture(), Err(AnnotationError::Missing), &cut).unwrap().pictures
    }

    #[test]
    fn a_long_picture_is_framed_as_asked_for() {
        let reds = |picture: &[u8]| [picture[0], picture[19]];
        assert_eq!(framed(Framing::Center).iter().map(|p| reds(p)).collect::<Vec<_>>(), [[10, 29]]);
        assert_eq!(framed(Framing::Tiles).iter().map(|p| reds(p)).collect::<Vec<_>>(), [[0, 19], [20, 39]]);
        let padded = &framed(Framing::Pad)[0];
        // Halved to 20 x 10 pixels, with five black rows above and below.
        assert!(padded[..100].iter().all(|red| *red == 0) && padded[300..400].iter().all(|red| *red == 0));
        assert_eq!((padded[100], padded[119]), (1, 38), "the whole width, two columns in one");
    }

    #[test]
    fn sides_are_rounded_as_python_does_it() {
        assert_eq!(fitted(3, 4, 10), 8, "7.5 to even");
        assert_eq!(fitted(1, 4, 10), 2, "2.5 to even");
        assert_eq!(fitted(1, 1000, 32), 1);
    }

    #[test]
    fn grey_is_one_channel_of_the_right_size() {
        let target = Target { resolution: 20, color: Color::Grey };
        let grey = prepare(&picture(), target).unwrap();
        assert_eq!(grey.len(), target.bytes());
        assert_eq!(grey[0], 3, "column 10, row 0: 0.299 * 10");
        assert_eq!(grey[399], 20, "column 29, row 19: 0.299 * 29 + 0.587 * 19 = 19.8");
    }
}
