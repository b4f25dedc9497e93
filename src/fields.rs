//! Every setting in one table: its name, what it means and what it accepts. Validation and the page's form both read
//! it, so they cannot disagree.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use crate::config::{Length, Resolution};

/// One settable field of a [`RunConfig`](crate::config::RunConfig).
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its path, e.g. `train.batch`.
    pub path: &'static str,
    /// Its name on the page: a noun phrase in sentence case, the unit in brackets at the end.
    pub label: &'static str,
    /// One to three short sentences: what it does, and when to change it.
    pub help: &'static str,
    /// The values it accepts.
    pub accepts: Accepts,
    /// Whether a resumed run may have another value than its checkpoint.
    pub resume: Resume,
}

/// What a field's value does when a run is resumed from a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// It may change: the checkpoint's networks can be trained on with any value.
    Free,
    /// It has to be the checkpoint's: it shapes the networks' tensors, decides which pictures they are trained on, or
    /// gives their outputs a meaning.
    Fixed,
}

impl Field {
    /// Whether it decides which tensors the networks have. A run that starts from the networks of a checkpoint has these
    /// settings from it: those of the section `model` that a resumed run may not change either, but for what a projected
    /// discriminator looks through, because heads that don't fit can begin anew. The resolution decides too: see
    /// [`RunConfig::warm_started`](crate::config::RunConfig::warm_started).
    pub fn shapes_networks(&self) -> bool {
        const LOOKED_THROUGH: [&str; 3] = ["model.taps", "model.network_side", "model.pixel_head"];
        self.path.starts_with("model.") && self.resume == Resume::Fixed && !LOOKED_THROUGH.contains(&self.path)
    }

    /// Its path as a JSON pointer into a serialised configuration, e.g. `/train/batch`.
    pub fn pointer(&self) -> String {
        pointer(self.path)
    }
}

/// A path such as `train.batch` as a JSON pointer.
pub fn pointer(path: &str) -> String {
    format!("/{}", path.replace('.', "/"))
}

/// The values that a field accepts. Its `Display` ends the sentence "it accepts …".
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
    /// A whole number from 1, or `null`.
    OptionalWhole,
    /// A number in a range, or `null`.
    OptionalReal(Range),
    /// A [`Resolution`](crate::config::Resolution).
    Resolution,
    /// True or false.
    Flag,
    /// One of a few names. Each comes with the words that the page shows for it.
    Choice(&'static [(&'static str, &'static str)]),
    /// Any text.
    Text,
    /// A path inside the run's folder, with `{n}` for a number.
    NumberedPng,
    /// [`Length`](crate::config::Length): a unit and a whole number.
    Length,
}

/// An interval of real numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Whether the lower end is excluded.
    pub above: bool,
    /// Whether the upper end is excluded.
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
    /// Whether a JSON value has the right type and is in range.
    pub fn allows(&self, value: &Value) -> bool {
        match self {
            Self::Whole { low, high } => value.as_u64().is_some_and(|n| (*low..=*high).contains(&n)),
            Self::Real(range) => value.as_f64().is_some_and(|x| range.contains(x)),
            Self::OptionalWhole => value.is_null() || value.as_u64().is_some_and(|n| (1..1 << 48).contains(&n)),
            Self::OptionalReal(range) => value.is_null() || value.as_f64().is_some_and(|x| range.contains(x)),
            Self::Resolution => Resolution::deserialize(value).is_ok_and(Resolution::is_possible),
            Self::Flag => value.is_boolean(),
            Self::Choice(names) => value.as_str().is_some_and(|name| names.iter().any(|(known, _)| *known == name)),
            Self::Text => value.is_string(),
            Self::NumberedPng => value.as_str().is_some_and(is_numbered_png),
            Self::Length => Length::deserialize(value).is_ok_and(Length::is_valid),
        }
    }

    /// Whether `null` is accepted.
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
            Self::Resolution => f.write_str(Resolution::POSSIBLE),
            Self::Flag => f.write_str("true or false"),
            Self::Choice(names) => {
                let names: Vec<String> = names.iter().map(|(name, _)| (*name).to_owned()).collect();
                f.write_str(&alternatives(&names))
            }
            Self::Text => f.write_str("text"),
            Self::NumberedPng => f.write_str(
                "a path inside the run's folder that contains {n} for the epoch and ends in .png, such as \
                 output/fake_samples_epoch_{n}.png; no absolute path, and no .. in it",
            ),
            Self::Length => f.write_str(
                "\"unlimited\", or one of {\"steps\":N}, {\"epochs\":N}, {\"kimg\":N}, {\"seconds\":N} with N from 1",
            ),
        }
    }
}

/// Whether a path stays inside the run's folder on every system: names between slashes, no drive, no root, no `..`.
///
/// A configuration may come with somebody else's checkpoint, so it must not decide where on this machine files are written.
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

/// The field with this path.
pub fn find(path: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.path == path)
}

/// A field that a resumed run may change.
const fn free(path: &'static str, label: &'static str, accepts: Accepts, help: &'static str) -> Field {
    Field { path, label, help, accepts, resume: Resume::Free }
}

/// A field that a resumed run has from its checkpoint.
const fn fixed(path: &'static str, label: &'static str, accepts: Accepts, help: &'static str) -> Field {
    Field { path, label, help, accepts, resume: Resume::Fixed }
}

const LR: Range = Range::above(0.0, 1.0);
const BETA: Range = Range::below(0.0, 1.0);
const GAMMA: Range = Range::closed(0.0, 1e4);
const KIMG: Range = Range::closed(0.0, 1e6);
const SECONDS: Range = Range::closed(0.1, 1e6);

/// Every field, in the order of the configuration.
pub const FIELDS: &[Field] = &[
    fixed("recipe", "Recipe", Accepts::Text, "The preset you started from."),
    fixed(
        "seed",
        "Seed",
        Accepts::Whole { low: 0, high: u64::MAX },
        "The same seed, settings and device give the same run.",
    ),
    fixed(
        "data.resolution",
        "Resolution (pixels)",
        Accepts::Resolution,
        "One number for squares, such as 64, or width and height, such as 64x96. Twice the resolution is four times the work.",
    ),
    fixed(
        "data.channels",
        "Colour mode",
        Accepts::Choice(&[("auto", "From the data"), ("rgb", "Colour"), ("grey", "Grey")]),
        "Grey pictures need less work. From the data: idx files stay grey, all others are in colour.",
    ),
    fixed(
        "data.crop",
        "Crop",
        Accepts::Choice(&[("whole", "Whole pictures"), ("box", "Marked boxes"), ("both", "Both")]),
        "What to train on where the data marks its subjects with boxes, as Stanford Dogs does.",
    ),
    fixed(
        "data.framing",
        "Framing",
        Accepts::Choice(&[("center", "Centre"), ("pad", "Padded"), ("tiles", "Several parts")]),
        "How a picture of another shape is fitted: its centre, all of it with padding, or several parts of a long one.",
    ),
    fixed(
        "data.background",
        "Background",
        Accepts::Choice(&[("white", "White"), ("grey", "Grey"), ("black", "Black")]),
        "Colour behind transparent areas and in the padding.",
    ),
    fixed(
        "data.frames",
        "Animation frames",
        Accepts::Choice(&[("first", "First frame"), ("all", "All frames")]),
        "Which frames of an animated GIF become pictures.",
    ),
    fixed(
        "data.splits",
        "Splits",
        Accepts::Choice(&[("all", "All"), ("training", "Training"), ("validation", "Validation"), ("test", "Test")]),
        "Which part to use of data that comes divided, as into folders named train and test.",
    ),
    fixed(
        "data.exclude_flagged",
        "Exclusion of flagged pictures",
        Accepts::Flag,
        "Leaves out what the check flags: duplicates, small, blank or very long pictures, and grey ones among coloured.",
    ),
    fixed(
        "data.keep_typical",
        "Share of typical pictures",
        Accepts::Real(Range { low: 0.0, high: 1.0, above: true, below: false }),
        "Below 1, trains only on the pictures most typical of the set. Half is better for dogs. Needs 8 MB more to judge them.",
    ),
    fixed(
        "data.validation",
        "Held-out share",
        Accepts::Real(Range::closed(0.0, 0.5)),
        "Share of the pictures that are never trained on, so you can measure against them. The seed picks them.",
    ),
    free(
        "data.horizontal_flip",
        "Random mirroring",
        Accepts::Flag,
        "Shows each picture mirrored half of the time. Helps with few pictures, but not where sides matter, as in writing.",
    ),
    fixed(
        "model.architecture",
        "Architecture",
        Accepts::Choice(&[
            ("dcgan", "DCGAN"),
            ("dense-upsample", "Dense with upsampling"),
            ("dense", "Dense"),
            ("r3gan", "R3GAN"),
            ("projected", "Projected"),
        ]),
        "The family of both networks. Projected judges with a network that knows pictures already, so it learns fastest.",
    ),
    fixed(
        "model.latent",
        "Latent size",
        Accepts::Whole { low: 1, high: 4096 },
        "Number of random values that each picture is drawn from.",
    ),
    fixed(
        "model.generator_width",
        "Generator width",
        Accepts::Whole { low: 1, high: 1024 },
        "Scales the channels of every layer. A wider generator draws better and is slower.",
    ),
    fixed(
        "model.discriminator_width",
        "Discriminator width",
        Accepts::Whole { low: 1, high: 1024 },
        "Scales the channels of every layer. A wider discriminator is a better critic and is slower.",
    ),
    fixed(
        "model.blocks",
        "Residual blocks per resolution",
        Accepts::Whole { low: 1, high: 8 },
        "R3GAN and projected only. More blocks draw better and are slower.",
    ),
    fixed(
        "model.narrow_stages",
        "Narrow resolutions",
        Accepts::Whole { low: 1, high: 6 },
        "R3GAN and projected only: the largest resolutions that have the widths above. All others are twice as wide.",
    ),
    fixed(
        "model.discriminator_norm",
        "Discriminator normalisation",
        Accepts::Choice(&[("none", "None"), ("batch", "Batch norm"), ("batch-last", "Batch norm after activation")]),
        "DCGAN only. Choose None to use R1 or R2.",
    ),
    free(
        "model.dropout",
        "Discriminator dropout",
        Accepts::Real(BETA),
        "Share of activations dropped in each step, against memorising. Not for R3GAN.",
    ),
    fixed(
        "model.minibatch_stddev",
        "Minibatch standard deviation",
        Accepts::Flag,
        "Shows the discriminator how varied a batch is. Helps when the generator repeats itself.",
    ),
    fixed(
        "model.conditional",
        "Class conditioning",
        Accepts::Flag,
        "Tells both networks each picture's class, so you can ask for one later. Needs R3GAN and data with classes.",
    ),
    fixed(
        "model.taps",
        "Depth of the frozen network",
        Accepts::Choice(&[("early", "Textures and parts"), ("deep", "Whole things too")]),
        "Projected only. Deeper needs a larger download, and knows better what a dog is.",
    ),
    fixed(
        "model.network_side",
        "Pixels for the frozen network",
        Accepts::OptionalWhole,
        "Projected only. Longer side in which the frozen network sees pictures. Larger is slower. Empty: twice the pictures'.",
    ),
    fixed(
        "model.pixel_head",
        "Judge pixels too",
        Accepts::Flag,
        "Projected only. One more head sees the pixels themselves, which keeps colours and variety.",
    ),
    free(
        "train.batch",
        "Batch size",
        Accepts::Whole { low: 2, high: 4096 },
        "Pictures per step. Larger batches train more steadily and need more memory.",
    ),
    free("train.length", "Length", Accepts::Length, "When training ends, counted from its very first step."),
    fixed(
        "train.loss",
        "Loss",
        Accepts::Choice(&[
            ("bce", "Cross-entropy"),
            ("hinge", "Hinge"),
            ("wasserstein", "Wasserstein"),
            ("lsgan", "Least squares"),
            ("relativistic", "Relativistic"),
            ("relativistic-avg", "Relativistic average"),
        ]),
        "What the two networks compete for. R3GAN uses the relativistic loss.",
    ),
    free(
        "train.label_smoothing",
        "Label smoothing",
        Accepts::Real(Range::closed(0.0, 0.5)),
        "Cross-entropy only: the label of real pictures is 1 minus this, so that the discriminator is never too sure.",
    ),
    free("train.generator_lr", "Generator learning rate", Accepts::Real(LR), "Adam step size of the generator."),
    free(
        "train.discriminator_lr",
        "Discriminator learning rate",
        Accepts::Real(LR),
        "Adam step size of the discriminator.",
    ),
    free("train.beta1", "Adam beta1", Accepts::Real(BETA), "Decay of Adam's average gradient. GANs use 0 or 0.5."),
    free("train.beta2", "Adam beta2", Accepts::Real(BETA), "Decay of Adam's average squared gradient."),
    free(
        "train.adam_eps",
        "Adam epsilon",
        Accepts::Real(Range::above(0.0, 1e-2)),
        "Keeps Adam from dividing by zero. Rarely worth changing.",
    ),
    free(
        "train.clip_norm",
        "Gradient clipping norm",
        Accepts::OptionalReal(Range::above(0.0, 1e6)),
        "Scales a network's gradient down if its norm is larger than this. Empty: no clipping.",
    ),
    free(
        "train.r1_gamma",
        "R1 gamma",
        Accepts::Real(GAMMA),
        "Weight of the gradient penalty on real pictures. It steadies training and makes steps slower. 0: off.",
    ),
    free(
        "train.r2_gamma",
        "R2 gamma",
        Accepts::Real(GAMMA),
        "Weight of the same penalty on generated pictures. 0: off.",
    ),
    free(
        "train.freeze_d",
        "Frozen discriminator stages",
        Accepts::Whole { low: 0, high: 6 },
        "Keeps its first stages as they are. Helps if you start from trained networks and have few pictures. 0: none.",
    ),
    free(
        "train.ema_half_life_kimg",
        "Average half-life (kimg)",
        Accepts::Real(KIMG),
        "Averaged weights draw the pictures you see. After this many thousand pictures, old weights count half.",
    ),
    free(
        "train.ema_rampup",
        "Average ramp-up",
        Accepts::OptionalReal(Range::above(0.0, 1e3)),
        "Early on, the half-life is at most this share of the pictures seen. Empty: never shortened.",
    ),
    free(
        "train.on_divergence",
        "On divergence",
        Accepts::Choice(&[("rollback", "Go back, slower"), ("stop", "Stop")]),
        "If numbers break or the pictures collapse: go back, with half the learning rates, twice at most; or stop.",
    ),
    free(
        "train.stop_when_stalled",
        "Stop when stalled (scores)",
        Accepts::OptionalWhole,
        "Ends training after so many scores in a row that are no better than before. Empty: never.",
    ),
    free(
        "train.precision",
        "Precision on graphics devices",
        Accepts::Choice(&[("auto", "By trial"), ("full", "Full, 32 bits"), ("half", "Half, 16 bits")]),
        "Half needs less memory, and often less time. By trial: where it is faster and near enough. Never on a CPU.",
    ),
    free(
        "schedule.kimg",
        "Schedule length (kimg)",
        Accepts::Real(Range::above(0.0, 1e6)),
        "Thousands of pictures over which the values below move to their end, along a cosine.",
    ),
    free(
        "schedule.generator_lr",
        "Final generator learning rate",
        Accepts::OptionalReal(LR),
        "Value at the end of the schedule. Empty: constant.",
    ),
    free(
        "schedule.discriminator_lr",
        "Final discriminator learning rate",
        Accepts::OptionalReal(LR),
        "Value at the end of the schedule. Empty: constant.",
    ),
    free(
        "schedule.beta2",
        "Final Adam beta2",
        Accepts::OptionalReal(BETA),
        "Value at the end of the schedule. Empty: constant.",
    ),
    free(
        "schedule.r1_gamma",
        "Final R1 gamma",
        Accepts::OptionalReal(GAMMA),
        "Value at the end of the schedule. Empty: constant.",
    ),
    free(
        "schedule.r2_gamma",
        "Final R2 gamma",
        Accepts::OptionalReal(GAMMA),
        "Value at the end of the schedule. Empty: constant.",
    ),
    free(
        "schedule.ema_half_life_kimg",
        "Final average half-life (kimg)",
        Accepts::OptionalReal(KIMG),
        "Value at the end of the schedule. Empty: constant.",
    ),
    free(
        "schedule.augment_p",
        "Final augmentation chance",
        Accepts::OptionalReal(Range::closed(0.0, 1.0)),
        "Value at the end of the schedule, unless the chance is adaptive. Empty: constant.",
    ),
    free(
        "augment.p",
        "Augmentation chance",
        Accepts::Real(Range::closed(0.0, 1.0)),
        "Chance of each change below. Generated pictures are changed too, so the generator doesn't learn the changes.",
    ),
    free(
        "augment.adaptive",
        "Adaptive chance",
        Accepts::Flag,
        "Starts at the chance above. It rises while the discriminator memorises the real pictures, and falls otherwise.",
    ),
    free(
        "augment.target",
        "Adaptive target",
        Accepts::Real(Range::closed(0.0, 1.0)),
        "How sure of real pictures the discriminator may be before the chance rises: 0 is undecided, 1 is always right.",
    ),
    free(
        "augment.adaptive_kimg",
        "Adaptive rise time (kimg)",
        Accepts::Real(Range::above(0.0, 1e6)),
        "Thousands of pictures in which the chance can rise from 0 to 1.",
    ),
    free("augment.color", "Colour jitter", Accepts::Flag, "Changes brightness, saturation and contrast."),
    free(
        "augment.color_share",
        "Colour jitter share",
        Accepts::Real(Range::closed(0.0, 1.0)),
        "Chance of each change of colours, as a share of the chance above. Less keeps the colours of your pictures.",
    ),
    free("augment.translation", "Translation", Accepts::Flag, "Shifts pictures by up to an eighth of their side."),
    free("augment.cutout", "Cutout", Accepts::Flag, "Blanks a rectangle that has the shape of the picture."),
    free(
        "augment.cutout_size",
        "Cutout size",
        Accepts::Real(Range::closed(0.0, 1.0)),
        "Sides of the blank rectangle, as a share of the picture's sides.",
    ),
    free("augment.flip", "Mirroring", Accepts::Flag, "Swaps left and right in half of the pictures that are changed."),
    free(
        "augment.shear",
        "Shear",
        Accepts::Real(Range::closed(0.0, 1.0)),
        "Largest slant, in pixels sideways per pixel upwards.",
    ),
    free(
        "augment.zoom",
        "Zoom",
        Accepts::Real(Range::closed(0.0, 0.9)),
        "Largest change of size, as a share of the size.",
    ),
    free(
        "metrics.every_kimg",
        "Score interval (kimg)",
        Accepts::OptionalReal(Range::above(0.0, 1e6)),
        "Scores the generated pictures every so many thousand pictures. Empty: not by pictures.",
    ),
    free(
        "metrics.every_minutes",
        "Score interval (minutes)",
        Accepts::OptionalReal(Range::above(0.0, 1e5)),
        "Scores the generated pictures every so many minutes. Empty: not by time.",
    ),
    free(
        "metrics.count",
        "Pictures per score",
        Accepts::Whole { low: 10, high: 50_000 },
        "More give a surer score and take longer. Only scores of as many pictures can be compared.",
    ),
    free(
        "metrics.budget",
        "Time for scores (share)",
        Accepts::Real(Range::above(0.0, 1.0)),
        "Share of the time that scores may take. If they would take more, they come later.",
    ),
    free(
        "metrics.best",
        "Best checkpoint by",
        Accepts::Choice(&[("fd", "Fréchet distance"), ("kid", "Kernel distance")]),
        "The score that decides which checkpoint is the best.",
    ),
    free(
        "output.tick_steps",
        "Report interval (steps)",
        Accepts::Whole { low: 1, high: 10_000 },
        "How often the losses are reported. Each report waits for the device.",
    ),
    free(
        "output.grid",
        "Sample grid size (pictures)",
        Accepts::Whole { low: 1, high: 1024 },
        "Number of pictures in the sample grid. Their latents never change.",
    ),
    free(
        "output.sample_steps",
        "Sample interval (steps)",
        Accepts::OptionalWhole,
        "Draws a sample grid every so many steps. Empty: not by steps.",
    ),
    free(
        "output.sample_secs",
        "Sample interval (seconds)",
        Accepts::OptionalReal(SECONDS),
        "Draws a sample grid every so many seconds, which takes time from training. Empty: not by time.",
    ),
    free(
        "output.epoch_samples",
        "Saved sample interval (epochs)",
        Accepts::OptionalWhole,
        "Terminal only: also saves a sample grid under the name below every so many epochs. Empty: never.",
    ),
    free(
        "output.epoch_file",
        "Saved sample name",
        Accepts::NumberedPng,
        "Terminal only: a path in the run's folder, with {n} for the epoch.",
    ),
    free(
        "output.checkpoint_steps",
        "Checkpoint interval (steps)",
        Accepts::OptionalWhole,
        "Saves a checkpoint every so many steps. Empty: not by steps.",
    ),
    free(
        "output.checkpoint_secs",
        "Checkpoint interval (seconds)",
        Accepts::OptionalReal(SECONDS),
        "Saves a checkpoint every so many seconds: what a crash can cost. Empty: not by time. The page saves by itself too.",
    ),
    free(
        "output.idle_share",
        "Idle time (share)",
        Accepts::Real(Range::closed(0.0, 0.95)),
        "Share of the time in which the device rests, for battery and heat. 0.5: training takes twice as long.",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

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
                assert_eq!(tree.pointer(&field.pointer()).unwrap(), name, "{}", field.path);
            }
        }
    }

    /// Labels stand above their inputs in columns of 208 CSS pixels, help in a bubble above the column.
    #[test]
    fn labels_and_help_are_short_and_well_formed() {
        let starts_upper = |text: &str| text.starts_with(|first: char| first.is_uppercase());
        for Field { path, label, help, .. } in FIELDS {
            assert!(starts_upper(label) && !label.ends_with('.') && label.chars().count() <= 36, "{path}: {label:?}");
            assert!(starts_upper(help) && help.ends_with('.') && help.chars().count() <= 120, "{path}: {help:?}");
            assert!(!help.contains("  ") && !label.contains("  "), "{path}");
        }
        let labels: BTreeSet<&str> = FIELDS.iter().map(|field| field.label).collect();
        assert_eq!(labels.len(), FIELDS.len(), "two settings have the same label");
    }

    #[test]
    fn the_words_of_a_choice_differ_and_start_with_a_capital() {
        for field in FIELDS {
            let Accepts::Choice(names) = field.accepts else { continue };
            let words: BTreeSet<&str> = names.iter().map(|(_, words)| *words).collect();
            assert_eq!(words.len(), names.len(), "{}", field.path);
            assert!(words.iter().all(|words| words.starts_with(|first: char| first.is_uppercase())), "{}", field.path);
        }
    }
}
