//! The data doctor: what is wrong with a source of pictures, and what to do about it. Flags on files, counts, advice.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::facts::Facts;
use super::{Color, Cut, DecodeError, Skipped};
use crate::config::{Crop, Framing, Resolution};

/// What the data doctor found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Name of the source.
    pub name: String,
    /// All files.
    pub files: usize,
    /// Usable files, including the flagged ones.
    pub usable: usize,
    /// Pictures of the data set. A file with several boxes can give several, a flagged file that is left out gives
    /// none.
    pub pictures: usize,
    /// Whether flagged files are left out.
    pub excludes_flagged: bool,
    /// Skipped files by kind of reason, the most frequent first.
    pub outcomes: Vec<Count>,
    /// Each skipped file with its reason; at most [`Report::MOST_NAMED`].
    pub skipped: Vec<Skipped>,
    /// Flagged files by flag. A file may have several.
    pub flags: Vec<FlagCount>,
    /// Each flagged file; at most [`Report::MOST_NAMED`].
    pub flagged: Vec<Flagged>,
    /// Flagged files, each counted once.
    pub flagged_count: usize,
    /// Usable files by format, the most frequent first.
    pub formats: Vec<Count>,
    /// Usable files by class, in the order of the classes.
    pub classes: Vec<Count>,
    /// Usable files by the side of the part that became a picture, in pixels, the shortest first.
    pub sides: Vec<Count>,
    /// The largest resolution, in pixels, that nine of ten files are large enough for, and at least the smallest of those
    /// offered; none if their sizes are not known.
    #[serde(default)]
    pub fits: Option<usize>,
    /// The size that shows whole pictures, where nine of ten have about the same shape and squares are cut out of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Resolution>,
    /// Files with a colour profile other than sRGB, which is not applied.
    pub profiles: usize,
    /// Whether there are enough pictures.
    pub verdict: Verdict,
    /// What to do, in sentences.
    pub advice: Vec<String>,
}

/// A name and a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// What is counted.
    pub name: String,
    /// How many there are.
    pub count: usize,
}

/// How many files have a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlagCount {
    /// The flag.
    pub flag: Flag,
    /// How many there are.
    pub count: usize,
}

/// A usable file that may harm the training.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flagged {
    /// Its name within the source.
    pub name: String,
    /// At least one.
    pub flags: Vec<Flag>,
    /// The file that it is a duplicate of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub like: Option<String>,
}

/// What can be wrong with a usable file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flag {
    /// The same bytes as an earlier file.
    Duplicate,
    /// Looks like an earlier one: the same picture in another size or compression, or photographs of one burst.
    NearDuplicate,
    /// Smaller than the data set's resolution, and enlarged.
    Small,
    /// So long that the part at the centre shows little of it.
    Long,
    /// All of one colour.
    Blank,
    /// Grey in a data set of colour pictures.
    GreyAmongColor,
}

impl Flag {
    /// Every flag.
    pub const ALL: [Self; 6] =
        [Self::Duplicate, Self::NearDuplicate, Self::Small, Self::Long, Self::Blank, Self::GreyAmongColor];

    /// As in "3 duplicates".
    pub fn label(self, count: usize) -> &'static str {
        match (self, count) {
            (Self::Duplicate, 1) => "duplicate",
            (Self::Duplicate, _) => "duplicates",
            (Self::NearDuplicate, 1) => "near duplicate",
            (Self::NearDuplicate, _) => "near duplicates",
            (Self::Small, _) => "too small",
            (Self::Long, _) => "very long",
            (Self::Blank, _) => "blank",
            (Self::GreyAmongColor, _) => "grey among colour pictures",
        }
    }
}

/// Whether there are enough pictures to train on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Fewer than 100: enough to try it out.
    #[default]
    TooFew,
    /// Fewer than 1,000: it works from trained networks, or with adaptive augmentation.
    Few,
    /// Enough.
    Ready,
}

impl Verdict {
    /// In words.
    pub fn label(self) -> &'static str {
        match self {
            Self::TooFew => "only enough for a try",
            Self::Few => "few pictures, but usable",
            Self::Ready => "ready to train",
        }
    }

    const FEW: usize = 100;
    const READY: usize = 1000;

    fn of(pictures: usize) -> Self {
        match pictures {
            0..Self::FEW => Self::TooFew,
            Self::FEW..Self::READY => Self::Few,
            _ => Self::Ready,
        }
    }
}

/// A file that became pictures.
#[derive(Clone, Debug)]
pub(super) struct Examined {
    /// In the order of the source.
    pub position: usize,
    pub name: String,
    /// Index of its first picture, in the order in which they were added.
    pub first: usize,
    /// Number of its pictures.
    pub count: usize,
    pub facts: Facts,
}

/// A file that was skipped.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    pub position: usize,
    pub file: Skipped,
    pub kind: &'static str,
}

const UNREADABLE: &str = "unreadable";

impl DecodeError {
    /// The kind of reason, for counting.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::NotAPicture | Self::Foreign { .. } => "not a picture",
            Self::Unsupported { .. } => "unsupported format",
            Self::TooManyBytes { .. } | Self::TooManyPixels { .. } => "too large",
            Self::TooSmall { .. } => "far too small",
            Self::Damaged { .. } => "damaged",
            Self::Unreadable { .. } | Self::Packed { .. } => UNREADABLE,
            Self::NoClass => "without a class",
            Self::DecoderCrashed => "crashed the decoder",
        }
    }
}

/// A picture more than this many times as long, or as wide, as the shape of the data set is [`Flag::Long`].
const LONG: f64 = 2.5;

/// The most bits in which the perceptual hashes of near duplicates differ. Less than the 8 bytes of a hash, which
/// [`Hashes`] relies on.
const NEAR_BITS: u32 = 4;

/// With a larger share of grey files, they are not flagged.
const GREY_SHARE: f64 = 0.2;

/// The most files that are compared with each other: more would take minutes.
const MOST_COMPARED: usize = 300_000;

/// Whether the parts at the centre are used, without regard to what the pictures show.
fn is_center(cut: &Cut) -> bool {
    cut.framing == Framing::Center && cut.crop == Crop::Whole
}

/// How many times as wide as high a picture is.
fn aspect(facts: &Facts) -> f64 {
    facts.width as f64 / facts.height as f64
}

/// How many times one of two numbers is the other, as a number from 1 on.
fn factor(a: f64, b: f64) -> f64 {
    (a / b).max(b / a)
}

/// The flags of each file, and the earlier file that it is a duplicate of. `files` are in the order of the source.
pub(super) fn examine(files: &[Examined], cut: &Cut) -> Vec<(Vec<Flag>, Option<usize>)> {
    let grey = files.iter().filter(|file| file.facts.is_grey).count();
    let is_grey_odd = cut.target.color == Color::Rgb && (grey as f64) <= GREY_SHARE * files.len() as f64;
    let is_center = is_center(cut);
    let shape = cut.target.resolution.width as f64 / cut.target.resolution.height as f64;
    let (mut contents, mut hashes) = (HashMap::new(), Hashes::default());
    let mut examine = |(index, file): (usize, &Examined)| {
        let facts = &file.facts;
        let mut flags = Vec::new();
        let mut like = None;
        if let Some(first) = contents.get(&facts.content) {
            flags.push(Flag::Duplicate);
            like = Some(*first);
        } else {
            contents.insert(facts.content, index);
            // All blank pictures look alike, and have a flag of their own.
            if !facts.is_blank && files.len() <= MOST_COMPARED {
                like = hashes.find_or_insert(facts.perceptual_hash, index);
                flags.extend(like.map(|_| Flag::NearDuplicate));
            }
        }
        let others = [
            (facts.is_enlarged, Flag::Small),
            (is_center && factor(aspect(facts), shape) > LONG, Flag::Long),
            (facts.is_blank, Flag::Blank),
            (facts.is_grey && is_grey_odd && !facts.is_blank, Flag::GreyAmongColor),
        ];
        flags.extend(others.iter().filter(|(is_so, _)| *is_so).map(|(_, flag)| *flag));
        (flags, like)
    };
    files.iter().enumerate().map(&mut examine).collect()
}

/// Perceptual hashes so far, by each of their bytes. Two hashes that differ in fewer bits than they have bytes have at
/// least one byte in common, so only those are compared.
#[derive(Default)]
struct Hashes {
    by_byte: HashMap<(usize, u8), Vec<(u64, usize)>>,
}

impl Hashes {
    /// The first file with a similar hash. If there is none, remembers this one.
    fn find_or_insert(&mut self, hash: u64, index: usize) -> Option<usize> {
        let keys = || hash.to_le_bytes().into_iter().enumerate();
        let near = |(other, _): &&(u64, usize)| (hash ^ other).count_ones() <= NEAR_BITS;
        let found = keys().filter_map(|key| self.by_byte.get(&key)?.iter().find(near)).map(|(_, index)| *index).min();
        if found.is_none() {
            keys().for_each(|key| self.by_byte.entry(key).or_default().push((hash, index)));
        }
        found
    }
}

impl Report {
    /// The most files that are named. An archive made to exhaust us can have any number.
    pub const MOST_NAMED: usize = 10_000;

    /// `files` are in the order of the source, `examined` is what [`examine`] returned for them, `pictures` is the size
    /// of the data set.
    pub(super) fn new(
        name: String,
        pictures: usize,
        files: &[Examined],
        examined: &[(Vec<Flag>, Option<usize>)],
        excludes_flagged: bool,
    ) -> Self {
        let counted = |flag: &Flag| examined.iter().filter(|(flags, _)| flags.contains(flag)).count();
        let flags = Flag::ALL.into_iter().map(|flag| FlagCount { flag, count: counted(&flag) });
        let flagged = files.iter().zip(examined).filter(|(_, (flags, _))| !flags.is_empty());
        let flagged = flagged.map(|(file, (flags, like))| Flagged {
            name: file.name.clone(),
            flags: flags.clone(),
            like: like.map(|index| files[index].name.clone()),
        });
        Self {
            name,
            // Pictures that were added without a file of their own have no facts.
            usable: if files.is_empty() { pictures } else { files.len() },
            files: if files.is_empty() { pictures } else { files.len() },
            pictures,
            excludes_flagged,
            flags: flags.filter(|flag| flag.count > 0).collect(),
            flagged_count: flagged.clone().count(),
            flagged: flagged.take(Self::MOST_NAMED).collect(),
            formats: by_frequency(files.iter().filter_map(|file| Some(file.facts.format?.name()))),
            sides: sides(files),
            profiles: files.iter().filter(|file| file.facts.has_profile).count(),
            ..Self::default()
        }
    }

    /// Adds the files that could not be used.
    pub(super) fn with_refused(mut self, refused: &[Refused], count: usize) -> Self {
        self.files += count;
        self.outcomes = by_frequency(refused.iter().map(|refused| refused.kind));
        self.skipped = refused.iter().map(|refused| refused.file.clone()).collect();
        self
    }

    /// Adds how many pictures each class has.
    pub(super) fn with_classes(mut self, names: &[String], labels: &[u32]) -> Self {
        let mut counts = vec![0; names.len()];
        labels.iter().for_each(|label| counts[*label as usize] += 1);
        self.classes = names.iter().zip(counts).map(|(name, count)| Count { name: name.clone(), count }).collect();
        self
    }

    /// Adds how large the pictures were before they were resized: one side for each file, or one for all of them.
    pub(super) fn with_sides(mut self, sides: &[usize]) -> Self {
        self.fits = fits(sides);
        self
    }

    /// Adds the size that suits the shape of the pictures, if that is not the square that they are cut to.
    pub(super) fn with_shape(mut self, cut: &Cut, files: &[Examined]) -> Self {
        let is_cut = is_center(cut) && cut.target.resolution.is_square();
        self.shape = is_cut.then(|| shape(files, cut.target.resolution.width)).flatten();
        self
    }

    /// Adds the verdict and advice.
    pub(super) fn with_advice(mut self, cut: &Cut, sides: &[usize]) -> Self {
        let unflagged =
            if self.excludes_flagged { self.pictures } else { self.pictures - self.flagged_count.min(self.pictures) };
        self.verdict = Verdict::of(unflagged);
        self.advice = [
            self.on_flagged(),
            on_number(unflagged),
            on_resolution(cut, sides),
            self.on_shape(),
            on_flips(unflagged),
            self.on_classes(),
            self.on_profiles(),
        ]
        .into_iter()
        .flatten()
        .collect();
        self
    }

    /// Whether the same files give the same data set the next time. A file that could not be read may be readable then.
    pub fn is_lasting(&self) -> bool {
        self.outcomes.iter().all(|outcome| outcome.name != UNREADABLE)
    }

    /// "3 duplicates, 1 blank"; empty if nothing is flagged.
    pub fn flags_in_words(&self) -> String {
        let words = self.flags.iter().map(|FlagCount { flag, count }| format!("{count} {}", flag.label(*count)));
        words.collect::<Vec<_>>().join(", ")
    }

    /// A note on the files that were left out as flagged, if there are any.
    pub(super) fn left_out(&self) -> Option<String> {
        (self.flagged_count > 0 && self.excludes_flagged)
            .then(|| format!("Left out as flagged: {}.", self.flags_in_words()))
    }

    fn on_flagged(&self) -> Option<String> {
        (self.flagged_count > 0 && !self.excludes_flagged)
            .then(|| format!("Flagged: {}. Look at them, or leave them out.", self.flags_in_words()))
    }

    fn on_shape(&self) -> Option<String> {
        self.shape.map(|shape| {
            format!(
                "Nearly all pictures have about the shape of {shape}: data.resolution={shape} shows them whole, a square cuts off \
                 their ends."
            )
        })
    }

    fn on_classes(&self) -> Option<String> {
        const UNBALANCED: usize = 10;
        let largest = self.classes.iter().max_by_key(|class| class.count)?;
        let smallest = self.classes.iter().min_by_key(|class| class.count)?;
        (largest.count > UNBALANCED * smallest.count.max(1)).then(|| {
            format!(
                "The classes are unbalanced: {} has {} pictures, {} has {}. The rare one will look worse.",
                largest.name, largest.count, smallest.name, smallest.count
            )
        })
    }

    fn on_profiles(&self) -> Option<String> {
        let count = self.profiles;
        (count > 0).then(|| {
            format!("Colour profiles other than sRGB are not applied: the colours of {count} pictures may be off.")
        })
    }
}

fn on_number(pictures: usize) -> Option<String> {
    // Karras et al. 2020 (arXiv:2006.06676), figure 1: without augmentation the discriminator overfits to 2,000 to
    // 20,000 pictures.
    let advice = match pictures {
        0..Verdict::FEW => {
            "The discriminator memorises so few pictures. Add more. Until then start from trained networks, such as the \
             dogs', and expect little variety."
        }
        Verdict::FEW..Verdict::READY => {
            "These are few pictures: start from trained networks, such as the dogs', or set augment.adaptive where the recipe \
             is not projected, which alters every picture anyway."
        }
        Verdict::READY..20_000 => "The default recipe's augmentation suits this number of pictures.",
        _ => {
            "These are plenty of pictures: for the r3gan recipes weak augmentation is enough, e.g. schedule.augment_p=0.1."
        }
    };
    Some(advice.to_owned())
}

/// Resolutions that a data set can have, the largest first; 28 is only for MNIST.
const RESOLUTIONS: [usize; 4] = [256, 128, 64, 32];

/// Share of the files that must be large enough for a resolution.
const LARGE_ENOUGH: f64 = 0.9;

/// See [`Report::fits`].
pub(super) fn fits(sides: &[usize]) -> Option<usize> {
    let share =
        |resolution: usize| sides.iter().filter(|side| **side >= resolution).count() as f64 / sides.len() as f64;
    let smallest = RESOLUTIONS[RESOLUTIONS.len() - 1];
    (!sides.is_empty())
        .then(|| RESOLUTIONS.into_iter().find(|resolution| share(*resolution) >= LARGE_ENOUGH).unwrap_or(smallest))
}

/// How far the shapes of two pictures may be apart to be about the same, as a factor.
const SAME_SHAPE: f64 = 1.12;

/// How far a shape is from a square, as a factor, for another size to be worth its while.
const NOT_SQUARE: f64 = 1.2;

/// See [`Report::shape`]. `side` is that of the squares now.
fn shape(files: &[Examined], side: usize) -> Option<Resolution> {
    let mut aspects: Vec<f64> = files.iter().map(|file| aspect(&file.facts)).collect();
    aspects.sort_by(f64::total_cmp);
    let median = *aspects.get(aspects.len() / 2)?;
    let same = aspects.iter().filter(|aspect| factor(**aspect, median) <= SAME_SHAPE).count();
    let is_shared = same as f64 >= LARGE_ENOUGH * aspects.len() as f64 && factor(median, 1.0) >= NOT_SQUARE;
    is_shared.then(|| Resolution::nearest(median, side)).flatten()
}

/// The same for pictures that are no squares.
fn on_rectangles(now: Resolution, sides: &[usize]) -> Option<String> {
    let share =
        |size: Resolution| sides.iter().filter(|side| **side >= size.longer()).count() as f64 / sides.len() as f64;
    let is_large_enough = |size: Resolution| share(size) >= LARGE_ENOUGH;
    let (half, twice) = (now.divided(2), now.times(2));
    (!sides.is_empty()).then(|| match is_large_enough(now) {
        false if half.is_possible() => {
            format!("Most pictures are too small for {now} pixels: set data.resolution={half}.")
        }
        false => format!("Most pictures are too small for {now} pixels, so they are enlarged."),
        true if twice.is_possible() && is_large_enough(twice) => {
            format!("The pictures are large enough for {twice} pixels (data.resolution={twice}).")
        }
        true => format!("The pictures suit {now} pixels."),
    })
}

fn on_resolution(cut: &Cut, sides: &[usize]) -> Option<String> {
    if !cut.target.resolution.is_square() {
        return on_rectangles(cut.target.resolution, sides);
    }
    let best = fits(sides)?;
    let now = cut.target.resolution.width;
    Some(match best.cmp(&now) {
        std::cmp::Ordering::Less => {
            format!("Most pictures are too small for {now} pixels: set data.resolution={best}.")
        }
        std::cmp::Ordering::Equal => format!("The pictures suit {now} pixels."),
        std::cmp::Ordering::Greater => {
            format!("The pictures are large enough for {best} pixels (data.resolution={best}).")
        }
    })
}

fn on_flips(pictures: usize) -> Option<String> {
    (pictures < 20_000).then(|| {
        "data.horizontal_flip mirrors each picture half of the time: good for most photographs, wrong for text."
            .to_owned()
    })
}

fn by_frequency<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Count> {
    let mut counts = BTreeMap::new();
    names.for_each(|name| *counts.entry(name).or_insert(0) += 1);
    let mut counts: Vec<Count> =
        counts.into_iter().map(|(name, count)| Count { name: name.to_owned(), count }).collect();
    counts.sort_by_key(|count| std::cmp::Reverse(count.count));
    counts
}

/// Lower bounds of the bins for sides, in pixels.
const SIDES: [usize; 8] = [8, 32, 64, 128, 256, 512, 1024, 2048];

fn sides(files: &[Examined]) -> Vec<Count> {
    let bin = |(i, from): (usize, &usize)| {
        let (to, name) = match SIDES.get(i + 1) {
            Some(to) => (*to, format!("{from} to {}", to - 1)),
            None => (usize::MAX, format!("{from} and more")),
        };
        Count { name, count: files.iter().filter(|file| (*from..to).contains(&file.facts.side)).count() }
    };
    SIDES.iter().enumerate().map(bin).filter(|bin| bin.count > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Format, Target};

    fn file(index: usize, change: impl FnOnce(&mut Facts)) -> Examined {
        let mut facts = Facts {
            format: Some(Format::Jpeg),
            content: index as u128,
            width: 100,
            height: 100,
            side: 100,
            is_enlarged: false,
            is_grey: false,
            is_blank: false,
            has_profile: false,
            // Far apart from each other.
            perceptual_hash: (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        };
        change(&mut facts);
        Examined { position: index, name: format!("{index}.jpg"), first: index, count: 1, facts }
    }

    fn flags(files: &[Examined]) -> Vec<Vec<Flag>> {
        examine(files, &Cut::plain(Target::rgb(64))).into_iter().map(|(flags, _)| flags).collect()
    }

    #[test]
    fn each_fault_has_its_flag() {
        let mut files: Vec<Examined> = (0..20).map(|index| file(index, |_| ())).collect();
        files.push(file(20, |facts| facts.content = 3));
        files.push(file(21, |facts| facts.perceptual_hash = files[4].facts.perceptual_hash ^ 0b1011));
        files.push(file(22, |facts| facts.is_enlarged = true));
        files.push(file(23, |facts| facts.width = 251));
        files.push(file(24, |facts| (facts.is_blank, facts.is_grey) = (true, true)));
        files.push(file(25, |facts| facts.is_grey = true));
        let found = flags(&files);
        assert!(found[..20].iter().all(Vec::is_empty), "{found:?}");
        let expected = Flag::ALL.map(|flag| vec![flag]);
        assert_eq!(found[20..], expected);
        let likes: Vec<_> = examine(&files, &Cut::plain(Target::rgb(64))).into_iter().map(|(_, like)| like).collect();
        assert_eq!((likes[20], likes[21]), (Some(3), Some(4)));
    }

    #[test]
    fn duplicates_of_a_duplicate_are_of_the_first() {
        let files: Vec<_> = (0..3).map(|index| file(index, |facts| facts.perceptual_hash = 0xff << index)).collect();
        let likes: Vec<_> = examine(&files, &Cut::plain(Target::rgb(64))).into_iter().map(|(_, like)| like).collect();
        assert_eq!(likes, [None, Some(0), Some(0)], "two and four bits apart");
    }

    #[test]
    fn what_is_usual_is_no_fault() {
        let grey: Vec<_> = (0..10).map(|index| file(index, |facts| facts.is_grey = index < 3)).collect();
        assert!(flags(&grey).iter().all(Vec::is_empty), "three of ten are not flagged");
        let long = [file(0, |facts| facts.width = 1000)];
        for cut in [
            Cut { framing: Framing::Pad, ..Cut::plain(Target::rgb(64)) },
            Cut { crop: Crop::Box, ..Cut::plain(Target::rgb(64)) },
        ] {
            assert!(examine(&long, &cut)[0].0.is_empty());
        }
    }

    #[test]
    fn pictures_of_one_shape_suggest_its_size() {
        let sized = |width: usize, height: usize| file(0, |facts| (facts.width, facts.height) = (width, height));
        let suggested = |files: &[Examined], cut: &Cut| Report::default().with_shape(cut, files).shape;
        let square = Cut::plain(Target::rgb(64));
        let tall: Vec<Examined> = (0..10).map(|index| sized(200 + index, 300)).collect();
        let shape = Resolution { width: 64, height: 96 };
        assert_eq!(suggested(&tall, &square), Some(shape));
        let advice = Report { shape: Some(shape), ..Report::default() }.on_shape().unwrap();
        assert!(advice.contains("shape of 64x96: data.resolution=64x96 shows them whole"), "{advice}");
        let mixed: Vec<Examined> = (0..10).map(|index| sized(200, if index < 8 { 300 } else { 100 })).collect();
        assert_eq!(suggested(&mixed, &square), None, "eight of ten");
        assert_eq!(suggested(&[sized(100, 110)], &square), None, "nearly square");
        for cut in [Cut { framing: Framing::Pad, ..square }, Cut::plain(Target::rgb(shape))] {
            assert_eq!(suggested(&tall, &cut), None);
        }
    }

    #[test]
    fn very_long_is_told_by_the_shape_of_the_data_set() {
        let long = [file(0, |facts| (facts.width, facts.height) = (100, 300))];
        let flags = |resolution: Resolution| examine(&long, &Cut::plain(Target::rgb(resolution)))[0].0.clone();
        assert_eq!(flags(64.into()), [Flag::Long]);
        assert!(flags(Resolution { width: 64, height: 128 }).is_empty());
        assert_eq!(flags(Resolution { width: 128, height: 64 }), [Flag::Long]);
    }

    #[test]
    fn what_could_not_be_read_is_not_to_be_kept() {
        let refused = |reason: DecodeError| Refused {
            position: 0,
            file: Skipped { name: "x".to_owned(), reason: reason.to_string() },
            kind: reason.kind(),
        };
        let report = |reason| Report::default().with_refused(&[refused(reason)], 1);
        assert!(report(DecodeError::Empty).is_lasting());
        assert!(!report(DecodeError::Unreadable { reason: "no permission".to_owned() }).is_lasting());
    }

    #[test]
    fn hashes_are_found_by_any_byte_that_agrees() {
        let mut hashes = Hashes::default();
        assert_eq!(hashes.find_or_insert(0, 0), None);
        for changed in [0x0101_0101_u64, 0x0101_0101_0000_0000, 0xf000_0000_0000_0000] {
            assert_eq!(hashes.find_or_insert(changed, 9), Some(0), "{changed:x}");
        }
        assert_eq!(hashes.find_or_insert(0x0101_0101_0100_0000, 9), None, "five bits");
    }

    #[test]
    fn advice_names_settings() {
        let sides = vec![100; 10];
        let cut = Cut::plain(Target::rgb(32));
        assert_eq!(
            on_resolution(&cut, &sides).unwrap(),
            "The pictures are large enough for 64 pixels (data.resolution=64)."
        );
        let cut = Cut::plain(Target::rgb(128));
        assert!(on_resolution(&cut, &sides).unwrap().ends_with("set data.resolution=64."));
        let mostly = |large: usize| [vec![10; 10 - large], vec![300; large]].concat();
        assert_eq!([mostly(10), mostly(9), mostly(8)].map(|sides| fits(&sides)), [Some(256), Some(256), Some(32)]);
        assert_eq!(fits(&[]), None);
        let tall = Cut::plain(Target::rgb(Resolution { width: 64, height: 96 }));
        let told = |side: usize| on_resolution(&tall, &[side; 10]).unwrap();
        assert_eq!(told(95), "Most pictures are too small for 64x96 pixels: set data.resolution=32x48.");
        assert_eq!(told(96), "The pictures suit 64x96 pixels.");
        assert_eq!(told(192), "The pictures are large enough for 128x192 pixels (data.resolution=128x192).");
        for (count, verdict) in [(99, Verdict::TooFew), (100, Verdict::Few), (1000, Verdict::Ready)] {
            assert_eq!(Verdict::of(count), verdict);
        }
    }
}
