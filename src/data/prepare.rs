//! From one file's bytes to pictures of a data set.

use super::facts::Facts;
use super::{
    AnnotationError, Area, BoundingBox, Color, Cut, DecodeError, Filter, Raster, Resizer, Target, annotation, decode,
};
use crate::config::{Background, Crop, Resolution};

/// Pictures made of one file.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// At least one, each `[channels, height, width]`.
    pub pictures: Vec<Vec<u8>>,
    /// Why the picture is used whole although its boxes were asked for.
    pub uncropped: Option<AnnotationError>,
    /// For the data doctor.
    pub facts: Facts,
}

/// Decodes a picture, turns it upright, crops it to the part at the centre and resizes it with Lanczos-3.
///
/// The same bytes give the same pixels in every browser and on every machine.
///
/// # Shapes
/// - `bytes`: the whole file
/// - returns: `[channels, height, width]`, 0..=255
///
/// # Errors
/// Those of [`decode`].
pub fn prepare(bytes: &[u8], target: Target) -> Result<Vec<u8>, DecodeError> {
    let raster = decode(bytes)?;
    Ok(Cut::plain(target).part(&raster, raster.center(target.resolution)))
}

/// Like [`prepare`], with the parts that `cut` asks for: first the parts around the boxes of `annotation`, in its
/// order, then those of the whole picture.
///
/// Without a usable box the picture is used whole, and the result says why.
///
/// # Errors
/// Those of [`decode`]. A bad annotation is no error.
pub fn prepare_cropped(
    bytes: &[u8],
    annotation: Result<&[u8], AnnotationError>,
    cut: &Cut,
) -> Result<Prepared, DecodeError> {
    let (mut pictures, mut uncropped, mut facts) = (Vec::new(), None, None);
    decode::decode_each(bytes, cut.frames, |raster| {
        let (mut areas, whole_because) = match cut.crop {
            Crop::Whole => (Vec::new(), None),
            Crop::Box | Crop::Both => {
                match annotation.clone().and_then(|xml| parts(xml, &raster, cut.target.resolution)) {
                    Ok(parts) => (parts, None),
                    Err(reason) => (Vec::new(), Some(reason)),
                }
            }
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

/// A part of this shape for each box, in pixels of the upright picture; at least one.
fn parts(xml: &[u8], raster: &Raster, shape: Resolution) -> Result<Vec<Area>, AnnotationError> {
    let annotation = annotation::read(xml)?;
    let (width, height) = raster.upright_size();
    // Pictures are often made smaller to save space, without changing their annotations.
    let own = [width, height].map(|side| (side * raster.divisor) as f64);
    let (w, h) = annotation.size.unwrap_or((own[0], own[1]));
    let scale = (width as f64 / w, height as f64 / h);
    let part = |found: BoundingBox| found.scaled(scale).part(width, height, shape);
    let parts: Vec<_> = annotation.boxes.into_iter().filter_map(part).collect();
    if parts.is_empty() { Err(AnnotationError::NoBox) } else { Ok(parts) }
}

/// Resizes the part at the centre of the upright picture that has the shape of `resolution`, in RGB.
///
/// # Shapes
/// - returns: `[height, width, 3]`, interleaved
pub fn resize_center(raster: &Raster, resolution: Resolution, filter: Filter) -> Vec<u8> {
    let area = raster.center(resolution);
    let resizer = Resizer::rectangle([area.width, area.height], [resolution.width, resolution.height], filter);
    resizer.resize::<3>(&raster.area(area, Color::Rgb, Background::White))
}

#[cfg(test)]
mod tests {
    use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};

    use super::*;
    use crate::config::Framing;

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

    /// Upper left pixels of the parts, which are of 10 x 10 pixels and therefore not resized.
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
    fn grey_is_one_channel_of_the_right_size() {
        let target = Target { resolution: 20.into(), color: Color::Grey };
        let grey = prepare(&picture(), target).unwrap();
        assert_eq!(grey.len(), target.bytes());
        assert_eq!(grey[0], 3, "column 10, row 0: 0.299 * 10");
        assert_eq!(grey[399], 20, "column 29, row 19: 0.299 * 29 + 0.587 * 19 = 19.8");
    }
}
