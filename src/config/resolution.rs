//! Width and height of the pictures.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Width and height of pictures, in pixels. People and files write a square as one number, `64`, and another rectangle as
/// `64x96`: the width, then the height.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Resolution {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// The sides that square pictures can have, in pixels. 28 is MNIST's; the others are powers of two.
const SQUARES: [usize; 5] = [28, 32, 64, 128, 256];

/// The sides that other pictures can have, in pixels.
const SIDES: RangeInclusive<usize> = 16..=256;

/// What is left of the shorter side when both are halved as often as possible: networks begin or end there.
const LEAST: RangeInclusive<usize> = 4..=7;

impl Resolution {
    /// What pictures can have, as the end of the sentence "it accepts …".
    pub const POSSIBLE: &str = "28, 32, 64, 128 or 256, or WIDTHxHEIGHT such as 64x96: two sides from 16 to 256 that can both \
                                be halved until the shorter has 4 to 7 pixels";

    /// Square pictures.
    pub const fn square(side: usize) -> Self {
        Self { width: side, height: side }
    }

    /// Whether width and height are the same.
    pub fn is_square(self) -> bool {
        self.width == self.height
    }

    /// Pixels of a picture.
    pub fn pixels(self) -> usize {
        self.width * self.height
    }

    /// The shorter side.
    pub fn shorter(self) -> usize {
        self.width.min(self.height)
    }

    /// The longer side.
    pub fn longer(self) -> usize {
        self.width.max(self.height)
    }

    /// Both sides so many times as long.
    #[must_use]
    pub fn times(self, factor: usize) -> Self {
        Self { width: self.width * factor, height: self.height * factor }
    }

    /// Both sides divided by `divisor`, rounded down.
    #[must_use]
    pub fn divided(self, divisor: usize) -> Self {
        Self { width: self.width / divisor, height: self.height / divisor }
    }

    /// The same shape with the longer side `longer` and the other one rounded, at least 1.
    #[must_use]
    pub fn with_longer(self, longer: usize) -> Self {
        let scaled = |side: usize| ((side * longer + self.longer() / 2) / self.longer().max(1)).max(1);
        Self { width: scaled(self.width), height: scaled(self.height) }
    }

    /// How often both sides can be halved with 4 pixels or more left of the shorter: 64 to 4, 28 to 7, 64x96 to 4x6.
    pub fn halvings(self) -> usize {
        let whole = self.width.trailing_zeros().min(self.height.trailing_zeros());
        whole.min((self.shorter() / 4).checked_ilog2().unwrap_or(0)) as usize
    }

    /// Whether pictures can have this size: see [`Resolution::POSSIBLE`].
    pub fn is_possible(self) -> bool {
        if self.is_square() {
            return SQUARES.contains(&self.width);
        }
        let are_sides = [self.width, self.height].iter().all(|side| SIDES.contains(side));
        are_sides && LEAST.contains(&(self.shorter() >> self.halvings()))
    }

    /// The possible size whose shape is about that of pictures `aspect` times as wide as high, with about as many pixels as a
    /// square of `side`: from 0.7 to 1.6 times as many. Of all that are off by no more than a twentieth beyond the nearest, it is
    /// the one that can be halved most often, and of those the nearest. Nothing if that is a square.
    pub fn nearest(aspect: f64, side: usize) -> Option<Self> {
        const AS_NEAR: f64 = 1.05;
        let pixels = (side * side) as f64;
        let by = |a: f64, b: f64| (a / b).max(b / a);
        let off = |size: &Self| by(size.width as f64 / size.height as f64, aspect);
        let about = |size: &Self| (0.7..=1.6).contains(&(size.pixels() as f64 / pixels));
        let sizes = SIDES.flat_map(|width| SIDES.map(move |height| Self { width, height }));
        let is_possible = |size: &Self| size.is_possible() || *size == Self::square(side);
        let possible: Vec<Self> = sizes.filter(|size| about(size) && is_possible(size)).collect();
        let nearest = possible.iter().map(off).min_by(f64::total_cmp)?;
        let near = possible.into_iter().filter(|size| off(size) <= AS_NEAR * nearest);
        let order = |a: &Self, b: &Self| {
            let more = b.halvings().cmp(&a.halvings());
            let by_pixels = |size: &Self| by(size.pixels() as f64, pixels);
            more.then(off(a).total_cmp(&off(b))).then(by_pixels(a).total_cmp(&by_pixels(b)))
        };
        near.min_by(order).filter(|size| !size.is_square())
    }
}

impl From<usize> for Resolution {
    fn from(side: usize) -> Self {
        Self::square(side)
    }
}

impl fmt::Display for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_square() { self.width.fmt(f) } else { f.pad(&format!("{}x{}", self.width, self.height)) }
    }
}

/// As [`fmt::Display`]: what is printed of settings, and hashed as the key of prepared pictures, stays as it was when all
/// pictures were squares.
impl fmt::Debug for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is no size of pictures.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a size of pictures; write a number such as 64, or a width and a height such as 64x96")]
pub struct NotAResolution(String);

impl FromStr for Resolution {
    type Err = NotAResolution;

    /// Reads `64`, `64x96`, `64 X 96` or `64×96`.
    fn from_str(text: &str) -> Result<Self, NotAResolution> {
        let mut sides = text.split(['x', 'X', '×']).map(|side| side.trim().parse().ok().filter(|side| *side > 0));
        let (width, height, more) = (sides.next(), sides.next(), sides.next());
        match (width.flatten(), height, more) {
            (Some(side), None, None) => Ok(Self::square(side)),
            (Some(width), Some(Some(height)), None) => Ok(Self { width, height }),
            _ => Err(NotAResolution(text.to_owned())),
        }
    }
}

impl Serialize for Resolution {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_square() { serializer.serialize_u64(self.width as u64) } else { serializer.collect_str(self) }
    }
}

impl<'de> Deserialize<'de> for Resolution {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sides;

        impl Visitor<'_> for Sides {
            type Value = Resolution;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size of pictures: a number such as 64, or \"64x96\"")
            }

            fn visit_u64<E: Error>(self, side: u64) -> Result<Resolution, E> {
                usize::try_from(side).map(Resolution::square).map_err(E::custom)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Resolution, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_any(Sides)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(width: usize, height: usize) -> Resolution {
        Resolution { width, height }
    }

    #[test]
    fn sizes_are_written_as_people_write_them() {
        for text in ["64x96", "64X96", "64×96", " 64 x 96 "] {
            assert_eq!(text.parse(), Ok(of(64, 96)), "{text}");
        }
        assert_eq!(("64".parse(), "64x64".parse()), (Ok(of(64, 64)), Ok(of(64, 64))));
        for text in ["", "x", "64x", "x96", "0x96", "64x96x3", "-64", "64.0", "many"] {
            let error = text.parse::<Resolution>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("{text:?} is not a size of pictures; write")), "{error}");
        }
        assert_eq!([of(64, 96), of(64, 64)].map(|size| size.to_string()), ["64x96", "64"]);
        assert_eq!(format!("{:?} {:>6} {:>6}", of(64, 96), of(64, 96), of(8, 8)), "64x96  64x96      8");
    }

    #[test]
    fn files_have_a_number_for_a_square_and_a_text_for_the_others() {
        let json = |size: Resolution| serde_json::to_string(&size).unwrap();
        assert_eq!((json(of(32, 32)), json(of(96, 64))), ("32".to_owned(), "\"96x64\"".to_owned()));
        let read = |json: &str| serde_json::from_str::<Resolution>(json).map_err(|error| error.to_string());
        assert_eq!((read("32"), read("\"96x64\""), read("\"32\"")), (Ok(of(32, 32)), Ok(of(96, 64)), Ok(of(32, 32))));
        for json in ["true", "-3", "1.5", "[64,96]", "\"wide\""] {
            let error = read(json).unwrap_err();
            assert!(error.contains("size of pictures"), "{error}");
        }
    }

    #[test]
    fn possible_are_some_squares_and_sides_that_are_halved_together() {
        for (width, height) in
            [(28, 28), (64, 64), (64, 96), (96, 64), (32, 48), (48, 64), (16, 24), (80, 112), (64, 256), (28, 56)]
        {
            assert!(of(width, height).is_possible(), "{width} x {height}");
        }
        // The table of docs/data.md.
        let table =
            include_str!("../../docs/data.md").split("| shape | sizes |").nth(1).unwrap().split("\n\n").next().unwrap();
        let listed = table.split(['|', ',', '\n']).filter_map(|cell| cell.trim().parse::<Resolution>().ok());
        let listed: Vec<Resolution> = listed.collect();
        assert!(listed.len() == 18 && listed.iter().all(|size| size.is_possible()), "{listed:?}");
        let squares: Vec<String> = SQUARES.iter().map(usize::to_string).collect();
        assert!(Resolution::POSSIBLE.starts_with(&format!("{} or {}, or ", squares[..4].join(", "), squares[4])));
        for (width, height) in
            [(48, 48), (64, 65), (64, 100), (8, 16), (256, 384), (80, 120), (12, 16), (1, 2), (0, 64)]
        {
            assert!(!of(width, height).is_possible(), "{width} x {height}");
        }
    }

    #[test]
    fn sides_are_halved_down_to_four_pixels_or_an_odd_number() {
        let halvings = [4, 8, 28, 32, 64, 128, 256].map(|side| Resolution::square(side).halvings());
        assert_eq!(halvings, [0, 1, 2, 3, 4, 5, 6]);
        let halvings = [(64, 96), (96, 64), (48, 64), (96, 128), (64, 80)].map(|(w, h)| of(w, h).halvings());
        assert_eq!(halvings, [4, 4, 3, 4, 4]);
    }

    #[test]
    fn a_shape_keeps_its_proportions_where_it_is_scaled() {
        assert_eq!((of(64, 96).times(2), of(64, 96).divided(3)), (of(128, 192), of(21, 32)));
        assert_eq!([of(64, 96).with_longer(224), of(96, 64).with_longer(3)], [of(149, 224), of(3, 2)]);
        assert_eq!(Resolution::square(64).with_longer(100), of(100, 100));
    }

    #[test]
    fn usual_shapes_have_a_size_near_them() {
        let near = |aspect: f64, side| Resolution::nearest(aspect, side).map(|size| size.to_string());
        assert_eq!(near(2.0 / 3.0, 64).as_deref(), Some("64x96"));
        assert_eq!(near(3.0 / 2.0, 64).as_deref(), Some("96x64"));
        assert_eq!(near(0.685, 64).as_deref(), Some("64x96"), "about two to three");
        assert_eq!(near(3.0 / 4.0, 64).as_deref(), Some("48x64"));
        assert_eq!(near(9.0 / 16.0, 64).as_deref(), Some("40x72"));
        assert_eq!(near(0.5, 32).as_deref(), Some("24x48"));
        assert_eq!(near(1.02, 64), None);
    }
}
