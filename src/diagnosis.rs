//! How a run goes, in plain words, from measured figures alone.
//!
//! [`Diagnosis::of`] reads the [`Signs`] of a run and names one condition, the gravest. Its limits leave room
//! on both sides of what healthy runs of every recipe and runs that were made to fail have shown (`cargo xtask bench health`).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::config::{Architecture, LEARNT_SIDE, Loss, RunConfig};
use crate::resume;

/// Before so many real images nothing but numbers out of bounds is an alarm: every generator begins with one grey picture.
const WARM_UP_NIMG: u64 = 4_000;

/// A loss or a logit above this is on its way to infinity. Those of healthy runs stay below a hundred.
const LARGEST: f64 = 1e4;

/// The discriminator wins if its loss is less than this share of the loss of one that can only guess.
const LEAST_LOSS_SHARE: f64 = 0.02;

/// Steps that the loss is averaged over, and the fewest for that.
pub const LOSS_STEPS: usize = 200;

/// Generated pictures have collapsed if they differ from each other by less than this share of what real ones do, although they
/// once differed by [`ONCE_DIVERSE`] or have had [`TIME_TO_DIVERSIFY_NIMG`] to get there.
const LEAST_DIVERSITY: f64 = 0.35;
const ONCE_DIVERSE: f64 = 0.6;
const TIME_TO_DIVERSIFY_NIMG: u64 = 50_000;

/// Pictures that differ by less than this share are one picture. A generator that still draws one after [`TIME_TO_DIFFER_NIMG`] has
/// collapsed too: those of healthy runs were past it at their first score.
const NO_DIVERSITY: f64 = 0.01;
const TIME_TO_DIFFER_NIMG: u64 = 20_000;

/// The discriminator knows the training pictures by heart if held-out ones look to it more like generated ones than like those: r_v of
/// Karras et al. 2020, arXiv:2006.06676, equation 1, of which 0 is no overfitting and 1 is nothing else.
const MOST_BY_HEART: f64 = 0.7;

/// Colours are off if the mean of a channel is so many of its deviations away from that of the real pictures.
const MOST_COLOR_SHIFT: f64 = 0.5;

/// A run has stalled after so many scores without progress, if they took so large a share of it.
const STALLED_SCORES: u64 = 6;
const STALLED_SHARE: f64 = 0.4;

/// What was measured of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Signs {
    /// Real images that the discriminator has seen.
    pub nimg: u64,
    /// The largest magnitude among the newest losses and mean logits, with the name of its series.
    pub largest: Option<(String, f64)>,
    /// The discriminator's loss without penalties over the last [`LOSS_STEPS`] steps, as a share of that of one that can only
    /// guess: [`loss_share`]. None if there were fewer steps or the loss has no such scale.
    pub loss_share: Option<f64>,
    /// The newest score.
    pub scored: Option<ScoreSigns>,
}

/// What a score found.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreSigns {
    /// The score by which one checkpoint is the best: [`score_name`](crate::metrics::score_name).
    pub name: String,
    /// Its value.
    pub value: f64,
    /// The best value so far.
    pub best: f64,
    /// Scores in a row that were no better.
    pub stalled: u64,
    /// Real images seen since the last progress.
    pub stalled_nimg: u64,
    /// Mean distance of two generated pictures' features, by that of two real pictures'.
    pub diversity: f64,
    /// The largest diversity so far.
    pub most_diverse: f64,
    /// The largest distance of a channel's mean from that of the real pictures, in deviations of that channel.
    pub color_shift: f64,
    /// `(D(training) - D(held out)) / (D(training) - D(generated))`, means of logits; none without held-out pictures.
    pub by_heart: Option<f64>,
}

/// How a run goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "condition", rename_all = "snake_case")]
pub enum Diagnosis {
    /// It has only begun.
    WarmingUp { nimg: u64 },
    /// Nothing is wrong.
    Healthy { score: Option<NamedScore>, diversity: Option<f64>, loss_share: Option<f64> },
    /// The scores don't get better any more.
    Stalled { score: NamedScore, scores: u64, nimg: u64 },
    /// The generator learns nothing from a discriminator that is never wrong.
    DiscriminatorWins { loss_share: f64 },
    /// The discriminator knows the training pictures, and not what such pictures have in common.
    KnowsByHeart { by_heart: f64 },
    /// The generator draws the same picture again and again.
    Collapsed { diversity: f64 },
    /// The generated pictures have other colours than the real ones.
    ColorsOff { shift: f64 },
    /// Numbers grow beyond all bounds.
    NearInfinity { series: String, value: f64 },
}

/// A score with the best one so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NamedScore {
    /// See [`score_name`](crate::metrics::score_name).
    pub name: String,
    /// The newest value.
    pub value: f64,
    /// The best value.
    pub best: f64,
}

/// What may help a run that does not go well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// Go on with augmentation that follows how much the discriminator overfits.
    Augment,
    /// Go on with half the learning rates.
    LowerLearningRates,
    /// Go back to the checkpoint with the best score, and on from there with half the learning rates.
    GoBackToBest,
    /// Begin a new run with the networks as they are, and show the frozen network larger pictures: shapes that are lost on it at
    /// the size of a quick start.
    LargerPictures,
}

impl Diagnosis {
    /// The gravest condition that `signs` show.
    pub fn of(signs: &Signs) -> Self {
        if let Some((series, value)) = signs.largest.clone().filter(|(_, value)| *value > LARGEST) {
            return Self::NearInfinity { series, value };
        }
        if signs.nimg < WARM_UP_NIMG {
            return Self::WarmingUp { nimg: signs.nimg };
        }
        let by_loss = signs.loss_share.filter(|share| *share < LEAST_LOSS_SHARE);
        let Some(scored) = &signs.scored else {
            return by_loss
                .map_or(Self::Healthy { score: None, diversity: None, loss_share: signs.loss_share }, |loss_share| {
                    Self::DiscriminatorWins { loss_share }
                });
        };
        let ScoreSigns { diversity, most_diverse, color_shift, by_heart, stalled, stalled_nimg, .. } = *scored;
        let has_had_time = most_diverse >= ONCE_DIVERSE || signs.nimg >= TIME_TO_DIVERSIFY_NIMG;
        let are_the_same = diversity < NO_DIVERSITY && signs.nimg >= TIME_TO_DIFFER_NIMG;
        if diversity < LEAST_DIVERSITY && has_had_time || are_the_same {
            return Self::Collapsed { diversity };
        }
        if let Some(loss_share) = by_loss {
            return Self::DiscriminatorWins { loss_share };
        }
        if let Some(by_heart) = by_heart.filter(|gap| *gap > MOST_BY_HEART) {
            return Self::KnowsByHeart { by_heart };
        }
        if color_shift > MOST_COLOR_SHIFT && has_had_time {
            return Self::ColorsOff { shift: color_shift };
        }
        let score = NamedScore { name: scored.name.clone(), value: scored.value, best: scored.best };
        if stalled >= STALLED_SCORES && stalled_nimg as f64 >= STALLED_SHARE * signs.nimg as f64 {
            return Self::Stalled { score, scores: stalled, nimg: stalled_nimg };
        }
        Self::Healthy { score: Some(score), diversity: Some(diversity), loss_share: signs.loss_share }
    }

    /// Whether something is wrong.
    pub fn is_alarm(&self) -> bool {
        !matches!(self, Self::WarmingUp { .. } | Self::Healthy { .. })
    }

    /// Whether it is the same condition, with whatever figures. That the loss can be told now is news.
    pub fn is_same_condition(&self, other: &Self) -> bool {
        let knows_loss = |it: &Self| matches!(it, Self::Healthy { loss_share: Some(_), .. });
        std::mem::discriminant(self) == std::mem::discriminant(other) && knows_loss(self) == knows_loss(other)
    }

    /// What may help, the most promising first, for a run with these settings.
    pub fn remedies(&self, config: &RunConfig) -> Vec<Remedy> {
        let augment = can_augment_more(config).then_some(Remedy::Augment);
        match self {
            Self::WarmingUp { .. } | Self::Healthy { .. } => Vec::new(),
            Self::NearInfinity { .. } => vec![Remedy::LowerLearningRates],
            Self::Stalled { .. } => {
                let can_see_more = larger_side(config).is_some();
                [Remedy::LowerLearningRates].into_iter().chain(can_see_more.then_some(Remedy::LargerPictures)).collect()
            }
            Self::DiscriminatorWins { .. } => augment.into_iter().chain([Remedy::LowerLearningRates]).collect(),
            Self::KnowsByHeart { .. } => augment.into_iter().collect(),
            Self::Collapsed { .. } | Self::ColorsOff { .. } => vec![Remedy::GoBackToBest],
        }
    }
}

/// One or two sentences with the figure, and what to think of it.
impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WarmingUp { nimg } => {
                write!(f, "Warming up: {} images seen. Shapes come after some thousands.", thousands(*nimg))
            }
            Self::Healthy { score: Some(NamedScore { name, value, best }), diversity, .. } => {
                let score = if value <= best {
                    format!("{name} is {}, the best so far", short(*value))
                } else {
                    format!("{name} is {}, at best {}", short(*value), short(*best))
                };
                let diversity = diversity.map_or_else(String::new, |share| {
                    format!("; two generated pictures differ by {} of what two real ones do", percent(share))
                });
                write!(f, "Healthy: {score}{diversity}.")
            }
            Self::Healthy { loss_share: Some(_), .. } => f.write_str("Healthy: neither network is winning."),
            Self::Healthy { .. } => f.write_str("Healthy: all numbers are within bounds."),
            Self::Stalled { score: NamedScore { name, value, best }, scores, nimg } => write!(
                f,
                "Stalled: {name} has not got better in the last {scores} scores, over {} images. It is {}, and was {} at best. It \
                 may have learnt what it can with these settings.",
                thousands(*nimg),
                short(*value),
                short(*best)
            ),
            Self::DiscriminatorWins { loss_share } => write!(
                f,
                "The discriminator is winning: its loss is {} of what guessing costs, so it is hardly ever wrong, and the \
                 generator learns little from it.",
                percent(*loss_share)
            ),
            Self::KnowsByHeart { by_heart } => write!(
                f,
                "The discriminator knows the training pictures by heart: it rates real pictures that it was not shown almost like \
                 generated ones ({} of the way). More pictures would help most.",
                percent(*by_heart)
            ),
            Self::Collapsed { diversity } => write!(
                f,
                "Collapsed: two generated pictures differ by only {} of what two real ones do. The generator draws nearly the same \
                 picture again and again, and seldom recovers by itself.",
                percent(*diversity)
            ),
            Self::ColorsOff { shift } => write!(
                f,
                "The colours are off: the mean of a channel is {shift:.2} standard deviations away from that of the real pictures."
            ),
            Self::NearInfinity { series, value } => write!(
                f,
                "Numbers grow out of bounds: {series} is {value:.0}, and is soon no number any more if that goes on."
            ),
        }
    }
}

impl Remedy {
    /// The settings to go on with.
    pub fn apply(self, config: &RunConfig) -> RunConfig {
        let mut config = config.clone();
        match self {
            Self::Augment => {
                let augment = &mut config.augment;
                augment.adaptive = true;
                if !augment.is_active() {
                    (augment.translation, augment.color, augment.cutout) = (true, true, true);
                }
            }
            Self::LowerLearningRates | Self::GoBackToBest => config.scale_learning_rates(resume::SLOWER),
            Self::LargerPictures => config.model.network_side = larger_side(&config).or(config.model.network_side),
        }
        config
    }

    /// Whether it takes a new run that begins with the networks: their heads grow, so the old one can't go on.
    pub fn begins_anew(self) -> bool {
        self == Self::LargerPictures
    }
}

/// Whether adaptive augmentation may alter more pictures than are altered anyway.
fn can_augment_more(config: &RunConfig) -> bool {
    let augment = &config.augment;
    let most = config.schedule.augment_p.map_or(augment.p, |end| end.max(augment.p));
    let are_all_altered = augment.is_active() && most >= 1.0;
    !(augment.adaptive || are_all_altered)
}

/// Twice the longer side in which the frozen network sees pictures now, at most that which it learnt to see with; none if it sees
/// them so already, or there is no such network.
fn larger_side(config: &RunConfig) -> Option<usize> {
    let side = config.model.network_size(config.data.resolution).longer();
    let is_projected = config.model.architecture == Architecture::Projected;
    (is_projected && side < LEARNT_SIDE).then(|| (2 * side).min(LEARNT_SIDE))
}

/// The discriminator's loss without penalties as a share of what it is for a discriminator that can only guess: 1 for that one, and 0
/// for one that is never wrong. None for losses without such a scale.
pub fn loss_share(loss: Loss, label_smoothing: f64, mean_loss: f64) -> Option<f64> {
    let guessing = match loss {
        Loss::Bce | Loss::RelativisticAvg => 2.0 * std::f64::consts::LN_2,
        Loss::Hinge => 2.0,
        Loss::Lsgan => 0.25,
        Loss::Relativistic => std::f64::consts::LN_2,
        Loss::Wasserstein => return None,
    };
    // With smoothed labels not even the best discriminator has no loss.
    let least = match loss {
        Loss::Bce => [label_smoothing, 1.0 - label_smoothing].iter().filter(|p| **p > 0.0).map(|p| -p * p.ln()).sum(),
        _ => 0.0,
    };
    Some((mean_loss - least) / (guessing - least))
}

/// `12.3 thousand`, and small numbers as they are.
fn thousands(count: u64) -> String {
    match count {
        0..10_000 => count.to_string(),
        10_000..1_000_000 => format!("{:.0} thousand", count as f64 / 1e3),
        _ => format!("{:.2} million", count as f64 / 1e6),
    }
}

fn percent(share: f64) -> String {
    let percent = 100.0 * share.max(0.0);
    if percent < 1.0 { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
}

/// With digits enough for small values.
fn short(value: f64) -> String {
    if value.abs() < 0.1 { format!("{value:.4}") } else { format!("{value:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipes;

    fn scored() -> ScoreSigns {
        ScoreSigns {
            name: "fd_c10_1k_val".into(),
            value: 0.52,
            best: 0.5,
            stalled: 1,
            stalled_nimg: 10_000,
            diversity: 0.9,
            most_diverse: 0.92,
            color_shift: 0.05,
            by_heart: Some(0.1),
        }
    }

    fn signs(nimg: u64, scored: Option<ScoreSigns>) -> Signs {
        Signs { nimg, largest: Some(("loss/d".into(), 1.4)), loss_share: Some(0.7), scored }
    }

    fn condition(change: impl FnOnce(&mut Signs)) -> Diagnosis {
        let mut signs = signs(100_000, Some(scored()));
        change(&mut signs);
        Diagnosis::of(&signs)
    }

    #[test]
    fn each_condition_is_named_by_its_figure() {
        let scored_with = |change: fn(&mut ScoreSigns)| condition(|signs| change(signs.scored.as_mut().unwrap()));
        assert_eq!(
            scored_with(|_| ()).to_string(),
            "Healthy: fd_c10_1k_val is 0.52, at best 0.50; two generated pictures differ by 90 % of what two real ones do."
        );
        assert_eq!(scored_with(|scored| scored.diversity = 0.2), Diagnosis::Collapsed { diversity: 0.2 });
        assert_eq!(scored_with(|scored| scored.by_heart = Some(0.9)), Diagnosis::KnowsByHeart { by_heart: 0.9 });
        assert_eq!(scored_with(|scored| scored.color_shift = 0.75), Diagnosis::ColorsOff { shift: 0.75 });
        let stalled = scored_with(|scored| (scored.stalled, scored.stalled_nimg) = (7, 70_000));
        assert!(
            stalled
                .to_string()
                .starts_with("Stalled: fd_c10_1k_val has not got better in the last 7 scores, over 70 thousand")
        );
        let wins = condition(|signs| signs.loss_share = Some(0.003));
        assert!(
            wins.to_string().starts_with("The discriminator is winning: its loss is 0.3 % of what guessing costs"),
            "{wins}"
        );
        let large = condition(|signs| signs.largest = Some(("score/real".into(), 2e4)));
        assert!(large.to_string().contains("score/real is 20000"), "{large}");
        for alarm in [stalled, wins, large] {
            assert!(alarm.is_alarm() && !alarm.is_same_condition(&condition(|_| ())));
        }
    }

    #[test]
    fn a_young_run_raises_no_alarm_but_for_numbers_out_of_bounds() {
        let grey = ScoreSigns { diversity: 0.0, most_diverse: 0.0, color_shift: 2.0, ..scored() };
        let young = Diagnosis::of(&signs(1000, Some(grey.clone())));
        assert_eq!(young.to_string(), "Warming up: 1000 images seen. Shapes come after some thousands.");
        assert!(!Diagnosis::of(&signs(15_000, Some(grey.clone()))).is_alarm(), "it may still become diverse");
        assert_eq!(Diagnosis::of(&signs(20_000, Some(grey.clone()))), Diagnosis::Collapsed { diversity: 0.0 });
        let little = ScoreSigns { diversity: 0.05, color_shift: 0.0, ..grey };
        assert!(!Diagnosis::of(&signs(45_000, Some(little.clone()))).is_alarm(), "pictures of its own, if alike");
        assert_eq!(Diagnosis::of(&signs(60_000, Some(little))), Diagnosis::Collapsed { diversity: 0.05 });
        let infinite = Signs { largest: Some(("loss/g".into(), 1e6)), ..signs(10, None) };
        assert!(Diagnosis::of(&infinite).is_alarm());
    }

    #[test]
    fn a_run_without_scores_is_judged_by_its_loss() {
        let healthy = Diagnosis::of(&signs(10_000, None)).to_string();
        assert_eq!(healthy, "Healthy: neither network is winning.");
        let wins = Signs { loss_share: Some(0.001), ..signs(10_000, None) };
        assert_eq!(Diagnosis::of(&wins), Diagnosis::DiscriminatorWins { loss_share: 0.001 });
        let unknown = Signs { loss_share: None, largest: None, ..signs(10_000, None) };
        assert_eq!(Diagnosis::of(&unknown).to_string(), "Healthy: all numbers are within bounds.");
    }

    #[test]
    fn the_loss_of_a_discriminator_that_guesses_is_the_whole_share() {
        let ln2 = std::f64::consts::LN_2;
        let close = |share: Option<f64>, expected: f64| assert!((share.unwrap() - expected).abs() < 1e-9, "{share:?}");
        for (loss, guessing) in [
            (Loss::Bce, 2.0 * ln2),
            (Loss::Hinge, 2.0),
            (Loss::Lsgan, 0.25),
            (Loss::Relativistic, ln2),
            (Loss::RelativisticAvg, 2.0 * ln2),
        ] {
            close(loss_share(loss, 0.0, guessing), 1.0);
            close(loss_share(loss, 0.0, 0.0), 0.0);
        }
        let entropy = -(0.1f64 * 0.1f64.ln() + 0.9 * 0.9f64.ln());
        close(loss_share(Loss::Bce, 0.1, entropy), 0.0);
        close(loss_share(Loss::Bce, 0.1, 2.0 * ln2), 1.0);
        assert_eq!(loss_share(Loss::Wasserstein, 0.0, 1.0), None);
    }

    #[test]
    fn remedies_change_the_settings_that_they_name() {
        let config = RunConfig::default();
        assert_eq!(Diagnosis::Collapsed { diversity: 0.1 }.remedies(&config), [Remedy::GoBackToBest]);
        let by_heart = Diagnosis::KnowsByHeart { by_heart: 0.9 };
        assert_eq!(by_heart.remedies(&config), [Remedy::Augment]);
        let augmented = Remedy::Augment.apply(&config);
        assert!(augmented.augment.adaptive && augmented.augment.is_active());
        assert_eq!(by_heart.remedies(&augmented), [], "it is on already");
        let always = recipes::find("projected").unwrap().config();
        assert_eq!(by_heart.remedies(&always), [], "all pictures are altered already");
        let wins = Diagnosis::DiscriminatorWins { loss_share: 0.01 };
        assert_eq!(wins.remedies(&always), [Remedy::LowerLearningRates]);
        let seldom = recipes::find("r3gan").unwrap().config();
        assert_eq!(by_heart.remedies(&seldom), [Remedy::Augment]);
        let slower = Remedy::LowerLearningRates.apply(&config);
        assert_eq!(slower.train.generator_lr, config.train.generator_lr / 2.0);
        let score = NamedScore { name: "fd_c10_1k_val".into(), value: 0.5, best: 0.5 };
        let stalled = Diagnosis::Stalled { score, scores: 6, nimg: 50_000 };
        assert_eq!(stalled.remedies(&recipes::find("dcgan32").unwrap().config()), [Remedy::LowerLearningRates]);
        let mut config = recipes::find("projected").unwrap().config();
        for (resolution, sides) in [("32", &[128, 224][..]), ("64", &[224]), ("48x64", &[224]), ("128", &[])] {
            config.set("data.resolution", resolution).unwrap();
            config.model.network_side = None;
            for side in sides {
                assert_eq!(stalled.remedies(&config)[1], Remedy::LargerPictures, "{resolution}");
                config = Remedy::LargerPictures.apply(&config);
                assert_eq!(config.model.network_side, Some(*side), "{resolution}");
                config.clone().validate().unwrap();
            }
            assert_eq!(stalled.remedies(&config), [Remedy::LowerLearningRates], "{resolution}: it sees all it can");
        }
    }
}
