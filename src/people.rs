//! "Real or drawn?": what people take for real.
//!
//! A person sees real pictures and drawn ones in a mixed order and says of each which it is. Half of all answers are wrong where
//! nobody can tell them apart: HYPE, Zhou et al. 2019 (arXiv:1904.01121).

use serde::{Deserialize, Serialize};

#[cfg(feature = "engine")]
use crate::config::Resolution;
#[cfg(feature = "engine")]
use crate::data::{Dataset, PictureLost, Split};
use crate::random::{Random, Stream};
#[cfg(feature = "engine")]
use crate::sample::Pictures;

/// Pictures of a round. Half of them are real.
pub const PICTURES: usize = 20;

/// The most rounds that are kept of a run. The oldest go first.
pub const MOST_ROUNDS: usize = 200;

/// Positions in the random stream of scores: the order in which real and drawn pictures are shown, and which real ones are.
const ORDER: u64 = 1002;
#[cfg(feature = "engine")]
const REAL: u64 = 1004;

/// The quantile of the normal distribution that leaves out 2.5 %.
const Z: f64 = 1.959_963_984_540_054;

/// What one person answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// When it ended, in milliseconds since 1970.
    pub ended_ms: u64,
    /// Images that the network had been trained on.
    pub nimg: u64,
    /// How long each picture was to be seen, in milliseconds; none: as long as the person liked.
    pub exposure_ms: Option<u32>,
    /// Whether the real pictures were held out from the training.
    pub held_out: bool,
    /// Drawn pictures that were shown.
    pub drawn: u32,
    /// Those of them that were taken for real.
    pub fooled: u32,
    /// Real pictures that were shown.
    pub real: u32,
    /// Those of them that were taken for drawn.
    pub doubted: u32,
}

/// A share of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Answers that count.
    pub count: u32,
    /// All answers.
    pub of: u32,
}

impl Round {
    /// Counts answers: for each picture whether it was drawn, and whether it was taken for drawn. Its other fields are those of
    /// `about`.
    #[must_use]
    pub fn of(answers: &[(bool, bool)], about: Self) -> Self {
        let count = |is: fn(&(bool, bool)) -> bool| answers.iter().filter(|answer| is(answer)).count() as u32;
        Self {
            drawn: count(|(drawn, _)| *drawn),
            fooled: count(|(drawn, said)| *drawn && !said),
            real: count(|(drawn, _)| !drawn),
            doubted: count(|(drawn, said)| !drawn && *said),
            ..about
        }
    }

    /// Whether its numbers fit together.
    pub fn is_whole(&self) -> bool {
        self.drawn > 0 && self.fooled <= self.drawn && self.doubted <= self.real
    }
}

impl Share {
    /// How many of the drawn pictures were taken for real.
    pub fn that_fooled(rounds: &[Round]) -> Self {
        let sum = |of: fn(&Round) -> u32| rounds.iter().map(of).sum();
        Self { count: sum(|round| round.fooled), of: sum(|round| round.drawn) }
    }

    /// How many answers were wrong, which HYPE counts. One half: nobody can tell.
    pub fn wrong(rounds: &[Round]) -> Self {
        let sum = |of: fn(&Round) -> u32| rounds.iter().map(of).sum();
        Self { count: sum(|round| round.fooled + round.doubted), of: sum(|round| round.drawn + round.real) }
    }

    /// In [0, 1]; 0 if there are no answers.
    pub fn value(self) -> f64 {
        f64::from(self.count) / f64::from(self.of.max(1))
    }

    /// The 95 % interval of a binomial share: Wilson 1927, Probable inference. It takes answers for independent of each other, and
    /// those of one person are not quite.
    pub fn interval(self) -> [f64; 2] {
        if self.of == 0 {
            return [0.0, 1.0];
        }
        let (n, p) = (f64::from(self.of), self.value());
        let scale = 1.0 / (1.0 + Z * Z / n);
        let centre = scale * (p + Z * Z / (2.0 * n));
        let half = scale * Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        [(centre - half).max(0.0), (centre + half).min(1.0)]
    }

    /// "4 of 10 (40 %, 17 to 69 %)", the last being the 95 % interval.
    pub fn in_words(self) -> String {
        let percent = |share: f64| format!("{:.0}", 100.0 * share);
        let [low, high] = self.interval().map(percent);
        format!("{} of {} ({} %, {low} to {high} %)", self.count, self.of, percent(self.value()))
    }
}

/// The order in which so many pictures are shown.
pub fn order(seed: u64, count: usize) -> Vec<u32> {
    Random::new(seed, Stream::Scores, ORDER).permutation(count)
}

/// Where the real pictures of a round come from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeldOut {
    /// The run's `data.validation`.
    pub share: f64,
    /// The run's `seed`.
    pub seed: u64,
}

/// Real pictures in colour, of this size, and whether they were held out from the training: they are where as many
/// were. Fewer than `count` where there are no more.
///
/// # Errors
/// [`PictureLost`] if one of the set can't be read any more.
#[cfg(feature = "engine")]
pub fn real_pictures(
    data: &Dataset,
    held_out: HeldOut,
    seed: u64,
    count: usize,
    size: Resolution,
) -> Result<(Pictures, bool), PictureLost> {
    let Split { training, validation } = Split::new(data.len(), held_out.share, held_out.seed);
    let is_held_out = validation.len() >= count;
    let from = if is_held_out { validation } else { training };
    let order = Random::new(seed, Stream::Scores, REAL).permutation(from.len());
    let chosen: Vec<u32> = order.iter().take(count).map(|place| from[*place as usize]).collect();
    Ok((Pictures::from_dataset(data, &chosen)?.in_colour_at(size), is_held_out))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(fooled: u32, doubted: u32) -> Round {
        let (drawn, real) = (10, 10);
        Round { ended_ms: 0, nimg: 9, exposure_ms: Some(1000), held_out: true, drawn, fooled, real, doubted }
    }

    #[test]
    fn answers_are_counted_by_what_was_shown() {
        let answers = [(true, true), (true, false), (true, false), (false, false), (false, true)];
        let counted = Round::of(&answers, round(9, 9));
        assert_eq!(counted, Round { drawn: 3, fooled: 2, real: 2, doubted: 1, ..round(0, 0) });
        assert!(counted.is_whole());
        assert!(!Round { fooled: 4, ..counted.clone() }.is_whole());
        assert!(!Round { drawn: 0, fooled: 0, ..counted }.is_whole());
    }

    #[test]
    fn shares_of_all_rounds_have_the_interval_of_wilson() {
        let rounds = [round(4, 1), round(6, 3)];
        let fooled = Share::that_fooled(&rounds);
        assert_eq!(fooled, Share { count: 10, of: 20 });
        assert_eq!(Share::wrong(&rounds), Share { count: 14, of: 40 });
        // statsmodels.stats.proportion.proportion_confint(10, 20, method="wilson"), and of (0, 10) and (10, 10).
        let close = |share: Share, wanted: [f64; 2]| {
            let found = share.interval();
            assert!((0..2).all(|i| (found[i] - wanted[i]).abs() < 1e-6), "{found:?} is not {wanted:?}");
        };
        close(fooled, [0.299_298, 0.700_702]);
        close(Share { count: 0, of: 10 }, [0.0, 0.277_533]);
        close(Share { count: 10, of: 10 }, [0.722_467, 1.0]);
        assert_eq!(Share::that_fooled(&[]).interval(), [0.0, 1.0]);
        assert_eq!(Share { count: 4, of: 10 }.in_words(), "4 of 10 (40 %, 17 to 69 %)");
    }

    #[test]
    fn an_order_holds_each_picture_once_and_follows_its_seed() {
        let mut shown = order(3, PICTURES);
        assert_eq!(shown, order(3, PICTURES));
        assert_ne!(shown, order(4, PICTURES));
        shown.sort_unstable();
        assert_eq!(shown, (0..PICTURES as u32).collect::<Vec<_>>());
    }
}
