//! Bounding boxes of Stanford Dogs: XML in the format of Pascal VOC.

use std::io::{self, Read};

use roxmltree::{Document, Node};

use super::BoundingBox;

/// The largest annotation that is read, in bytes. Usual ones have about 500.
pub const MAX_ANNOTATION_BYTES: u64 = 1 << 20;

/// The most boxes that are read of one file: more than any picture has dogs.
const MAX_BOXES: usize = 100;

/// Why a picture has no usable box. The text is the end of a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnnotationError {
    /// There is no file with annotations for the picture.
    #[error("there is no annotation for it")]
    Missing,
    /// The bytes could not be read.
    #[error("its annotation could not be read: {reason}")]
    Unreadable {
        /// The message of the system or of the archive's reader.
        reason: String,
    },
    /// Not XML, or too large.
    #[error("its annotation is damaged: {reason}")]
    Malformed {
        /// The parser's message.
        reason: String,
    },
    /// There is no object with a box, or its box lies outside of the picture.
    #[error("its annotation has no box in the picture")]
    NoBox,
}

/// Whether a folder of this name holds annotations.
pub(super) fn is_annotation_folder(name: &str) -> bool {
    ["annotation", "annotations"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Reads a whole annotation file.
///
/// # Errors
/// [`AnnotationError::Unreadable`] when the reader fails, [`AnnotationError::Malformed`] beyond
/// [`MAX_ANNOTATION_BYTES`].
pub fn read_annotation(reader: impl Read) -> Result<Vec<u8>, AnnotationError> {
    let mut bytes = Vec::new();
    let unreadable = |error: io::Error| AnnotationError::Unreadable { reason: error.to_string() };
    reader.take(MAX_ANNOTATION_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_ANNOTATION_BYTES {
        return Err(AnnotationError::Malformed { reason: "it is larger than 1 MB".to_owned() });
    }
    Ok(bytes)
}

/// The content of an annotation.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Annotation {
    /// Width and height of the annotated picture, in pixels.
    pub size: Option<(f64, f64)>,
    pub boxes: Vec<BoundingBox>,
}

/// Reads the boxes of all objects, without incomplete ones.
///
/// # Errors
/// [`AnnotationError::Malformed`] if it is not XML.
pub(super) fn read(xml: &[u8]) -> Result<Annotation, AnnotationError> {
    let malformed = |reason: String| AnnotationError::Malformed { reason };
    let text = str::from_utf8(xml).map_err(|_| malformed("it is not text in UTF-8".to_owned()))?;
    // By default the parser refuses a document type, whose entities could expand to gigabytes.
    let document = Document::parse(text).map_err(|error| malformed(error.to_string()))?;
    let root = document.root_element();
    let size = child(root, "size");
    let size = size.and_then(|size| Some((number(size, "width")?, number(size, "height")?)));
    let objects = root.children().filter(|node| node.has_tag_name("object"));
    let boxes = objects.filter_map(|object| bounding_box(child(object, "bndbox")?)).take(MAX_BOXES).collect();
    Ok(Annotation { size: size.filter(|(width, height)| *width >= 1.0 && *height >= 1.0), boxes })
}

fn bounding_box(node: Node) -> Option<BoundingBox> {
    let edge = |name| number(node, name);
    Some(BoundingBox { x_min: edge("xmin")?, y_min: edge("ymin")?, x_max: edge("xmax")?, y_max: edge("ymax")? })
}

fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|child| child.has_tag_name(name))
}

fn number(node: Node, name: &str) -> Option<f64> {
    child(node, name)?.text()?.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Stanford Dogs has them, with a second dog.
    const TWO_DOGS: &str = "<annotation>
	<folder>02085620</folder>
	<filename>n02085620_10074</filename>
	<source>
		<database>ImageNet database</database>
	</source>
	<size>
		<width>333</width>
		<height>500</height>
		<depth>3</depth>
	</size>
	<segment>0</segment>
	<object>
		<name>Chihuahua</name>
		<pose>Unspecified</pose>
		<truncated>0</truncated>
		<difficult>0</difficult>
		<bndbox>
			<xmin>25</xmin>
			<ymin>10</ymin>
			<xmax>276</xmax>
			<ymax>498</ymax>
		</bndbox>
	</object>
	<object><bndbox><xmin>1.5</xmin><ymin> 2 </ymin><xmax>30</xmax><ymax>40</ymax></bndbox></object>
</annotation>";

    #[test]
    fn every_object_gives_its_box() {
        let annotation = read(TWO_DOGS.as_bytes()).unwrap();
        assert_eq!(annotation.size, Some((333.0, 500.0)));
        let first = BoundingBox { x_min: 25.0, y_min: 10.0, x_max: 276.0, y_max: 498.0 };
        let second = BoundingBox { x_min: 1.5, y_min: 2.0, x_max: 30.0, y_max: 40.0 };
        assert_eq!(annotation.boxes, [first, second]);
    }

    #[test]
    fn what_is_missing_or_nonsense_is_passed_over() {
        let boxes = |object: &str| read(format!("<annotation>{object}</annotation>").as_bytes()).unwrap().boxes;
        assert!(boxes("<object><name>dog</name></object>").is_empty());
        assert!(boxes("<object><bndbox><xmin>1</xmin></bndbox></object>").is_empty());
        let nan = "<object><bndbox><xmin>NaN</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox></object>";
        assert!(boxes(nan).is_empty());
        let many = nan.replace("NaN", "1").repeat(1000);
        assert_eq!(boxes(&many).len(), MAX_BOXES);
    }

    #[test]
    fn what_is_not_xml_or_could_unfold_is_refused() {
        let reason = |xml: &[u8]| read(xml).unwrap_err().to_string();
        assert!(reason(&TWO_DOGS.as_bytes()[..300]).starts_with("its annotation is damaged: "));
        assert!(reason(b"").starts_with("its annotation is damaged: "));
        assert_eq!(reason(b"<a>\xff</a>"), "its annotation is damaged: it is not text in UTF-8");
        let laughs = br#"<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>"#;
        assert!(read(laughs).is_err());
        assert!(read_annotation(io::repeat(b' ')).is_err());
    }
}
