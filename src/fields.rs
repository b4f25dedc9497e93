//! Every setting in one table: what it is called, what it means and what it accepts. Validation, the page's settings and
//! the terminal's help all read it, so they cannot disagree.

use std::fmt;

use serde_json::Value;

/// One settable field of a [`RunConfig`](crate::config::RunConfig).
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its path, e.g. `train.batch`.
    pub path: &'static str,
    /// A name for people.
    pub label: &'static str,
    /// One or two sentences: what it does, and when to change it.
    pub help: &'static str,
    /// Its values.
    pub accepts: Accepts,
}

/// What a field accepts; displayed as the end of the sentence "it accepts …".
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Accepts {
    /// A whole number in `low..=high`.
    Whole {
        /// Smallest.
        low: u64,
        /// Largest.
        high: u64,
    },
    /// A number in a range.
    Real(Range),
    /// A whole number from 1, or nothing.
    OptionalWhole,
    /// A number in a range, or nothing.
    OptionalReal(Range),
    /// One of a few whole numbers.
    OneOf(&'static [u64]),
    /// True or false.
    Flag,
    /// One of a few names, each with words for people.
    Choice(&'static [(&'static str, &'static str)]),
    /// Any text.
    Text,
    /// A file's path in the run's folder, with `{n}` for a number.
    NumberedPng,
    /// [`Length`](crate::config::Length): a unit and a whole number.
    Length,
}

/// Real numbers between two ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Whether the lower end itself is out.
    pub above: bool,
    /// Whether the upper end itself is out.
    pub below: bool,
}

impl Range {
    const fn closed(low: f64, high: f64) -> Self {
        Self { low, high, above: false, below: false }
    }

    const fn above(low: f64, high: f64) -> Self {
        Self { low, high, above: true, below: false }
    }

    const fn below(low: f64, high: f64) -> Self {
        Self { low, high, above: false, below: true }
    }

    fn contains(&self, value: f64) -> bool {
        let from = if self.above { value > self.low } else { value >= self.low };
        let to = if self.below { value < self.high } else { value <= self.high };
        from && to
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.above, self.below) {
            (false, false) => write!(f, "a number from {} to {}", self.low, self.high),
            (true, false) => write!(f, "a number above {}, at most {}", self.low, self.high),
            (false, true) => write!(f, "a number from {} to below {}", self.low, self.high),
            (true, true) => write!(f, "a number above {} and below {}", self.low, self.high),
        }
    }
}

impl Accepts {
    /// Whether the JSON value is of the right type and in range.
    pub fn allows(&self, value: &Value) -> bool {
        match self {
            Self::Whole { low, high } => value.as_u64().is_some_and(|n| (*low..=*high).contains(&n)),
            Self::Real(range) => value.as_f64().is_some_and(|x| range.contains(x)),
            Self::OptionalWhole => value.is_null() || value.as_u64().is_some_and(|n| (1..1 << 48).contains(&n)),
            Self::OptionalReal(range) => value.is_null() || value.as_f64().is_some_and(|x| range.contains(x)),
            Self::OneOf(values) => value.as_u64().is_some_and(|n| values.contains(&n)),
            Self::Flag => value.is_boolean(),
            Self::Choice(names) => value.as_str().is_some_and(|name| names.iter().any(|(known, _)| *known == name)),
            Self::Text => value.is_string(),
            Self::NumberedPng => value.as_str().is_some_and(is_numbered_png),
            Self::Length => match value {
                Value::String(unit) => unit == "unlimited",
                Value::Object(unit) => unit.values().all(|n| n.as_u64().is_some_and(|n| (1..1 << 48).contains(&n))),
                _ => false,
            },
        }
    }

    /// Whether nothing (`null`) is a value.
    pub fn is_optional(&self) -> bool {
        matches!(self, Self::OptionalWhole | Self::OptionalReal(_))
    }
}

impl fmt::Display for Accepts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole { low, high } => write!(f, "a whole number from {low} to {high}"),
            Self::Real(range) => range.fmt(f),
            Self::OptionalWhole => f.write_str("null or a whole number from 1"),
            Self::OptionalReal(range) => write!(f, "null or {range}"),
            Self::OneOf(values) => {
                let values: Vec<String> = values.iter().map(u64::to_string).collect();
                f.write_str(&alternatives(&values))
            }
            Self::Flag => f.write_str("true or false"),
            Self::Choice(names) => {
                let names: Vec<String> = names.iter().map(|(name, _)| (*name).to_owned()).collect();
                f.write_str(&alternatives(&names))
            }
            Self::Text => f.write_str("text"),
            Self::NumberedPng => f.write_str(
                "a path inside the run's folder, with {n} for the epoch and .png at its end, such as \
                 output/fake_samples_epoch_{n}.png; neither an absolute path nor .. in it",
            ),
            Self::Length => f.write_str(
                "\"unlimited\", or one of {\"steps\":N}, {\"epochs\":N}, {\"kimg\":N}, {\"seconds\":N} with N from 1",
            ),
        }
    }
}

/// Parts between slashes and nothing that any system reads as a drive, a root or a way up: a configuration may come
/// with a checkpoint from elsewhere, and must not choose where on this machine files are written.
fn is_numbered_png(path: &str) -> bool {
    let is_name = |part: &str| !matches!(part, "" | "." | "..");
    path.split('/').all(is_name)
        && !path.contains(|c: char| matches!(c, '\\' | ':') || c.is_control())
        && path.contains("{n}")
        && path.ends_with(".png")
}

/// "a, b or c".
fn alternatives(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// The field of that path.
pub fn find(path: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.path == path)
}

const fn field(path: &'static str, label: &'static str, accepts: Accepts, help: &'static str) -> Field {
    Field { path, label, help, accepts }
}

const LR: Range = Range::above(0.0, 1.0);
const BETA: Range = Range::below(0.0, 1.0);
const GAMMA: Range = Range::closed(0.0, 1e4);
const KIMG: Range = Range::closed(0.0, 1e6);
const SECONDS: Range = Range::closed(0.1, 1e6);

/// Every field, in the order of the configuration.
pub const FIELDS: &[Field] = &[
    field("recipe", "Recipe", Accepts::Text, "The named settings that these began as."),
    field(
        "seed",
        "Seed",
        Accepts::Whole { low: 0, high: u64::MAX },
        "The same seed, settings and device give the same run.",
    ),
    field(
        "data.resolution",
        "Resolution",
        Accepts::OneOf(&[28, 32, 64, 128]),
        "Side of the pictures in pixels. Twice the side is four times the work.",
    ),
    field(
        "data.channels",
        "Colours",
        Accepts::Choice(&[("auto", "As the data"), ("rgb", "Colour"), ("grey", "Grey")]),
        "Grey pictures need less work. As the data: idx files are grey, all else is in colour.",
    ),
    field(
        "data.crop",
        "Crop",
        Accepts::Choice(&[("whole", "Whole pictures"), ("box", "Boxes"), ("both", "Both")]),
        "Where a data set marks its subjects with boxes, as Stanford Dogs does: train on those, or on both.",
    ),
    field(
        "data.framing",
        "Long pictures",
        Accepts::Choice(&[("center", "Centre square"), ("pad", "Whole, padded"), ("tiles", "Several squares")]),
        "What becomes of pictures that are not square: the square at the centre, all of it with the background beside it, \
         or, of very long ones, several squares.",
    ),
    field(
        "data.background",
        "Background",
        Accepts::Choice(&[("white", "White"), ("grey", "Grey"), ("black", "Black")]),
        "What shines through transparent pictures and lies beside padded ones.",
    ),
    field(
        "data.frames",
        "Animations",
        Accepts::Choice(&[("first", "First picture"), ("all", "All pictures")]),
        "Which pictures of an animated GIF are used.",
    ),
    field(
        "data.exclude_flagged",
        "Leave out what is flagged",
        Accepts::Flag,
        "Leaves out what the check of the pictures flags: duplicates, small, blank and very long pictures, and grey ones \
         among coloured.",
    ),
    field(
        "data.validation",
        "Held out",
        Accepts::Real(Range::closed(0.0, 0.5)),
        "Share of the pictures that is never trained on, so that results can be measured against it. The seed picks them.",
    ),
    field(
        "data.horizontal_flip",
        "Mirror half of the pictures",
        Accepts::Flag,
        "Helps with few pictures, unless left and right differ, as in writing.",
    ),
    field(
        "model.architecture",
        "Architecture",
        Accepts::Choice(&[
            ("dcgan", "DCGAN"),
            ("dense-upsample", "Dense, upsample"),
            ("dense", "Dense"),
            ("r3gan", "R3GAN"),
        ]),
        "The family of both networks. R3GAN is the modern one.",
    ),
    field(
        "model.latent",
        "Latent size",
        Accepts::Whole { low: 1, high: 4096 },
        "How many random numbers a picture is drawn from.",
    ),
    field(
        "model.generator_width",
        "Generator width",
        Accepts::Whole { low: 1, high: 1024 },
        "Wider draws better, and is slower.",
    ),
    field(
        "model.discriminator_width",
        "Discriminator width",
        Accepts::Whole { low: 1, high: 1024 },
        "Wider judges better, and is slower.",
    ),
    field(
        "model.blocks",
        "Blocks a stage",
        Accepts::Whole { low: 1, high: 8 },
        "Residual blocks at each resolution (R3GAN): more draw better, and are slower.",
    ),
    field(
        "model.discriminator_norm",
        "Discriminator's norm",
        Accepts::Choice(&[("none", "None"), ("batch", "Batch norm"), ("batch-last", "Batch norm after activation")]),
        "What a DCGAN's discriminator normalises. R1 and R2 need none.",
    ),
    field(
        "model.dropout",
        "Dropout",
        Accepts::Real(BETA),
        "Share of the discriminator's activations that each step leaves out: it learns less by heart.",
    ),
    field(
        "model.minibatch_stddev",
        "Minibatch deviation",
        Accepts::Flag,
        "Shows the discriminator how varied a batch is, against generators that draw one picture only.",
    ),
    field(
        "model.conditional",
        "Classes",
        Accepts::Flag,
        "Tells both networks the class of a picture, so that one class can be asked for later. R3GAN, and data with classes.",
    ),
    field(
        "train.batch",
        "Pictures a step",
        Accepts::Whole { low: 2, high: 4096 },
        "Batch: larger is steadier, and needs more memory.",
    ),
    field("train.length", "Length", Accepts::Length, "When the training is complete; resumed parts count."),
    field(
        "train.loss",
        "Loss",
        Accepts::Choice(&[
            ("bce", "Cross entropy"),
            ("hinge", "Hinge"),
            ("wasserstein", "Wasserstein"),
            ("lsgan", "Least squares"),
            ("relativistic", "Relativistic"),
            ("relativistic-avg", "Relativistic average"),
        ]),
        "What the two networks play for. R3GAN is relativistic.",
    ),
    field(
        "train.label_smoothing",
        "Label smoothing",
        Accepts::Real(Range::closed(0.0, 0.5)),
        "With cross entropy: real pictures count as 1 less this, so that the discriminator is never too sure.",
    ),
    field("train.generator_lr", "Generator learning rate", Accepts::Real(LR), "How far each step of it goes."),
    field("train.discriminator_lr", "Discriminator learning rate", Accepts::Real(LR), "How far each step of it goes."),
    field("train.beta1", "Adam beta1", Accepts::Real(BETA), "Memory of the gradient's direction. 0 or 0.5 for GANs."),
    field("train.beta2", "Adam beta2", Accepts::Real(BETA), "Memory of the gradient's size."),
    field(
        "train.adam_eps",
        "Adam epsilon",
        Accepts::Real(Range::above(0.0, 1e-2)),
        "Keeps Adam's division finite; rarely worth a change.",
    ),
    field(
        "train.clip_norm",
        "Gradient clipping",
        Accepts::OptionalReal(Range::above(0.0, 1e6)),
        "Gradients longer than this, all of a network's together, are scaled down to it.",
    ),
    field(
        "train.r1_gamma",
        "R1 gamma",
        Accepts::Real(GAMMA),
        "Penalty on how steep the discriminator is at real pictures: steadier, at the price of speed.",
    ),
    field("train.r2_gamma", "R2 gamma", Accepts::Real(GAMMA), "The same at generated pictures."),
    field(
        "train.ema_half_life_kimg",
        "Average's half-life",
        Accepts::Real(KIMG),
        "Thousands of images after which old weights count half in the averaged generator that draws what you see.",
    ),
    field(
        "train.ema_rampup",
        "Average's ramp-up",
        Accepts::OptionalReal(Range::above(0.0, 1e3)),
        "Early on, the half-life is at most this share of the images seen.",
    ),
    field(
        "schedule.kimg",
        "Schedule's length",
        Accepts::Real(Range::above(0.0, 1e6)),
        "Thousands of images over which the values below reach their end, along a cosine.",
    ),
    field(
        "schedule.generator_lr",
        "Generator learning rate at the end",
        Accepts::OptionalReal(LR),
        "Empty: it stays as it is.",
    ),
    field(
        "schedule.discriminator_lr",
        "Discriminator learning rate at the end",
        Accepts::OptionalReal(LR),
        "Empty: it stays as it is.",
    ),
    field("schedule.beta2", "Adam beta2 at the end", Accepts::OptionalReal(BETA), "Empty: it stays as it is."),
    field("schedule.r1_gamma", "R1 gamma at the end", Accepts::OptionalReal(GAMMA), "Empty: it stays as it is."),
    field("schedule.r2_gamma", "R2 gamma at the end", Accepts::OptionalReal(GAMMA), "Empty: it stays as it is."),
    field(
        "schedule.ema_half_life_kimg",
        "Average's half-life at the end",
        Accepts::OptionalReal(KIMG),
        "Empty: it stays as it is.",
    ),
    field(
        "schedule.augment_p",
        "Augmentation at the end",
        Accepts::OptionalReal(Range::closed(0.0, 1.0)),
        "Empty: it stays as it is.",
    ),
    field(
        "augment.p",
        "Augmentation",
        Accepts::Real(Range::closed(0.0, 1.0)),
        "Chance of each alteration below. Both networks see altered pictures, so the generator does not learn them.",
    ),
    field(
        "augment.adaptive",
        "Adaptive",
        Accepts::Flag,
        "Starts from the chance above and follows how well the discriminator knows the real pictures by heart.",
    ),
    field(
        "augment.target",
        "Adaptive target",
        Accepts::Real(Range::closed(0.0, 1.0)),
        "How sure of real pictures the discriminator may be before more is altered.",
    ),
    field(
        "augment.adaptive_kimg",
        "Adaptive speed",
        Accepts::Real(Range::above(0.0, 1e6)),
        "Thousands of images in which the chance can go from 0 to 1.",
    ),
    field("augment.color", "Colours", Accepts::Flag, "Brightness, saturation and contrast."),
    field("augment.translation", "Shift", Accepts::Flag, "By up to an eighth of the side."),
    field("augment.cutout", "Cutout", Accepts::Flag, "Blanks a square of half the side."),
    field("augment.flip", "Mirror", Accepts::Flag, "Left and right; real and generated pictures alike."),
    field(
        "augment.shear",
        "Shear",
        Accepts::Real(Range::closed(0.0, 1.0)),
        "Largest slant, in pixels to the side for each pixel up.",
    ),
    field(
        "augment.zoom",
        "Zoom",
        Accepts::Real(Range::closed(0.0, 0.9)),
        "Largest change of size, as a share of the size.",
    ),
    field(
        "output.tick_steps",
        "Steps a report",
        Accepts::Whole { low: 1, high: 10_000 },
        "How often losses are read back; the device is waited for each time.",
    ),
    field("output.grid", "Pictures in the grid", Accepts::Whole { low: 1, high: 1024 }, "Drawn from fixed latents."),
    field("output.sample_steps", "Steps between grids", Accepts::OptionalWhole, "Empty: not by steps."),
    field(
        "output.sample_secs",
        "Seconds between grids",
        Accepts::OptionalReal(SECONDS),
        "Empty: not by time. Drawing takes time from training.",
    ),
    field(
        "output.epoch_samples",
        "Epochs between kept grids",
        Accepts::OptionalWhole,
        "In the terminal: every so many epochs a grid is kept under a name of its own. Empty: never.",
    ),
    field("output.epoch_file", "Name of kept grids", Accepts::NumberedPng, "With {n} for the epoch; in the terminal."),
    field("output.checkpoint_steps", "Steps between checkpoints", Accepts::OptionalWhole, "Empty: not by steps."),
    field(
        "output.checkpoint_secs",
        "Seconds between checkpoints",
        Accepts::OptionalReal(SECONDS),
        "Empty: not by time. What a crash can cost.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RunConfig;
    use crate::validate::paths;

    #[test]
    fn the_table_has_every_field_of_the_configuration_and_no_other() {
        let mut known = paths(&serde_json::to_value(RunConfig::default()).unwrap());
        let mut listed: Vec<String> = FIELDS.iter().map(|field| field.path.to_owned()).collect();
        known.sort();
        listed.sort();
        assert_eq!(listed, known);
    }

    #[test]
    fn every_choice_is_one_that_the_configuration_knows() {
        for field in FIELDS {
            let Accepts::Choice(names) = field.accepts else { continue };
            for (name, _) in names {
                let mut config = RunConfig::default();
                config.set(field.path, name).unwrap();
                let tree = serde_json::to_value(&config).unwrap();
                let pointer = format!("/{}", field.path.replace('.', "/"));
                assert_eq!(tree.pointer(&pointer).unwrap(), name, "{}", field.path);
            }
        }
    }

    #[test]
    fn every_field_has_words_for_people() {
        for field in FIELDS {
            assert!(field.help.ends_with('.') && !field.label.is_empty(), "{}", field.path);
        }
    }
}
