//! When a run is complete.

use std::fmt;

use serde::{Deserialize, Serialize};

/// When a run is complete, counted from its very first step: a resumed run does not start counting again.
///
/// In JSON it is `"unlimited"`, or an object with the unit and the amount such as `{"steps":500}`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Length {
    /// Steps of both networks.
    Steps(u64),
    /// Passes through the data set.
    Epochs(u64),
    /// Thousands of images shown to the discriminator.
    Kimg(u64),
    /// Seconds of training, without pauses.
    Seconds(u64),
    /// Until it is stopped.
    Unlimited,
}

/// How far a run is, in every unit that a [`Length`] can have.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// Steps of both networks.
    pub step: u64,
    /// Images shown to the discriminator.
    pub nimg: u64,
    /// Passes through the data set.
    pub epoch: f64,
    /// Seconds of training, without pauses.
    pub elapsed_secs: f64,
}

impl Length {
    /// Amounts are below this, so that they are exact as `f64`.
    const LIMIT: u64 = 1 << 48;

    /// How many of its unit; none for `Unlimited`.
    pub fn amount(self) -> Option<u64> {
        match self {
            Self::Steps(n) | Self::Epochs(n) | Self::Kimg(n) | Self::Seconds(n) => Some(n),
            Self::Unlimited => None,
        }
    }

    /// Another amount of the same unit.
    pub fn with_amount(self, amount: u64) -> Self {
        match self {
            Self::Steps(_) => Self::Steps(amount),
            Self::Epochs(_) => Self::Epochs(amount),
            Self::Kimg(_) => Self::Kimg(amount),
            Self::Seconds(_) => Self::Seconds(amount),
            Self::Unlimited => Self::Unlimited,
        }
    }

    /// The name of its unit, as JSON has it.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Steps(_) => "steps",
            Self::Epochs(_) => "epochs",
            Self::Kimg(_) => "kimg",
            Self::Seconds(_) => "seconds",
            Self::Unlimited => "unlimited",
        }
    }

    /// Whether its amount is from 1 to 2^48 - 1.
    pub fn is_valid(self) -> bool {
        self.amount().is_none_or(|amount| (1..Self::LIMIT).contains(&amount))
    }

    /// How many of its unit are done.
    fn done(self, counts: &Counts) -> f64 {
        match self {
            Self::Steps(_) => counts.step as f64,
            Self::Epochs(_) => counts.epoch,
            Self::Kimg(_) => counts.nimg as f64 / 1000.0,
            Self::Seconds(_) | Self::Unlimited => counts.elapsed_secs,
        }
    }

    /// Whether a run that is this far has nothing left to do.
    pub fn is_reached(self, counts: &Counts) -> bool {
        self.amount().is_some_and(|amount| self.done(counts) >= amount as f64)
    }

    /// Share of the run that is done, in [0, 1]; none for `Unlimited`.
    pub fn fraction(self, counts: &Counts) -> Option<f64> {
        Some((self.done(counts) / self.amount()? as f64).min(1.0))
    }

    /// Seconds until the run is complete at this speed; none if the speed is 0, or for `Unlimited`.
    pub fn remaining_secs(self, counts: &Counts, images_per_sec: f64) -> Option<f64> {
        let done = self.done(counts);
        let left = (self.amount()? as f64 - done).max(0.0);
        match self {
            Self::Seconds(_) => Some(left),
            // So far each unit has taken this many images.
            _ if done > 0.0 && images_per_sec > 0.0 => Some(left * (counts.nimg as f64 / done) / images_per_sec),
            _ => None,
        }
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.amount() {
            Some(1) => write!(f, "1 {}", self.unit().trim_end_matches('s')),
            Some(amount) => write!(f, "{amount} {}", self.unit()),
            None => f.write_str("until stopped"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTS: Counts = Counts { step: 10, nimg: 2000, epoch: 1.5, elapsed_secs: 60.0 };

    #[test]
    fn a_length_is_reached_in_its_own_unit() {
        let reached = |length: Length| length.is_reached(&COUNTS);
        assert!(reached(Length::Steps(10)) && !reached(Length::Steps(11)));
        assert!(reached(Length::Epochs(1)) && !reached(Length::Epochs(2)));
        assert!(reached(Length::Kimg(2)) && !reached(Length::Kimg(3)));
        assert!(reached(Length::Seconds(60)) && !reached(Length::Seconds(61)));
        assert!(!reached(Length::Unlimited));
    }

    #[test]
    fn fraction_and_remaining_time_agree() {
        let lengths = [Length::Steps(40), Length::Epochs(6), Length::Kimg(8)];
        for length in lengths {
            assert_eq!(length.fraction(&COUNTS), Some(0.25), "{length}");
            // A quarter was 2000 images, so 6000 are left.
            assert_eq!(length.remaining_secs(&COUNTS, 100.0), Some(60.0), "{length}");
            assert_eq!(length.remaining_secs(&COUNTS, 0.0), None, "{length}");
            assert_eq!(length.remaining_secs(&Counts::default(), 100.0), None, "{length}");
        }
        assert_eq!(Length::Seconds(240).fraction(&COUNTS), Some(0.25));
        assert_eq!(Length::Seconds(240).remaining_secs(&COUNTS, 0.0), Some(180.0));
        assert_eq!(Length::Steps(5).fraction(&COUNTS), Some(1.0));
        assert_eq!(Length::Steps(5).remaining_secs(&COUNTS, 100.0), Some(0.0));
        assert_eq!(Length::Unlimited.fraction(&COUNTS), None);
        assert_eq!(Length::Unlimited.remaining_secs(&COUNTS, 100.0), None);
    }

    #[test]
    fn unit_and_amount_are_those_of_the_json() {
        for length in [Length::Steps(7), Length::Epochs(3), Length::Kimg(200), Length::Seconds(1800)] {
            let json = serde_json::json!({ length.unit(): length.amount() });
            assert_eq!(serde_json::to_value(length).unwrap(), json);
            assert_eq!(serde_json::from_value::<Length>(json).unwrap(), length);
            assert_eq!(length.with_amount(1).with_amount(length.amount().unwrap()), length);
            assert!(length.is_valid());
            assert!(!length.with_amount(0).is_valid() && !length.with_amount(1 << 48).is_valid());
        }
        assert_eq!(serde_json::to_value(Length::Unlimited).unwrap(), Length::Unlimited.unit());
        assert!(Length::Unlimited.is_valid());
    }

    #[test]
    fn a_length_reads_as_one_says_it() {
        let words = [Length::Steps(1), Length::Epochs(25), Length::Kimg(1), Length::Seconds(90), Length::Unlimited];
        assert_eq!(
            words.map(|length| length.to_string()),
            ["1 step", "25 epochs", "1 kimg", "90 seconds", "until stopped"]
        );
    }
}
