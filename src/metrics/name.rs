//! What scores are called.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A score of a set of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Score {
    /// See [`frechet_distance`](super::frechet_distance).
    Fd,
    /// See [`kid`](super::kid).
    Kid,
    /// See [`neighbor_scores`](super::neighbor_scores).
    Precision,
    /// See [`neighbor_scores`](super::neighbor_scores).
    Recall,
    /// See [`neighbor_scores`](super::neighbor_scores).
    Density,
    /// See [`neighbor_scores`](super::neighbor_scores).
    Coverage,
    /// See [`mifid`](super::mifid).
    Mifid,
    /// See [`Sketch::distance`](super::Sketch::distance).
    Swd,
}

impl Score {
    /// The first part of its name.
    pub fn short(self) -> &'static str {
        match self {
            Self::Fd => "fd",
            Self::Kid => "kid",
            Self::Precision => "precision",
            Self::Recall => "recall",
            Self::Density => "density",
            Self::Coverage => "coverage",
            Self::Mifid => "mifid",
            Self::Swd => "swd",
        }
    }

    /// Whether a larger value is better.
    pub fn grows(self) -> bool {
        match self {
            Self::Precision | Self::Recall | Self::Density | Self::Coverage => true,
            Self::Fd | Self::Kid | Self::Mifid | Self::Swd => false,
        }
    }

    /// Whether it is computed on what a network sees.
    fn needs_network(self) -> bool {
        self != Self::Swd
    }
}

/// The real pictures that others are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RealSplit {
    /// Trained on.
    Training,
    /// Of the same data set, and held out from the training.
    Validation,
    /// Made for comparison: nobody trains on them.
    Test,
    /// Named by a person, with nothing known about a training.
    Given,
}

impl fmt::Display for RealSplit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Training => "train",
            Self::Validation => "val",
            Self::Test => "test",
            Self::Given => "given",
        })
    }
}

/// What a score is called: `fd_c10_1k_test` is a Fréchet distance on the features of the network `c10`, of 1,000 pictures, to
/// those of the test split. Only scores of one name can be compared. They are never called FID, which is on Inception's features.
pub fn score_name(score: Score, network: &str, count: usize, split: RealSplit) -> String {
    let short = score.short();
    let network = if score.needs_network() { format!("_{network}") } else { String::new() };
    let count = match count {
        thousands if thousands >= 1000 && thousands % 1000 == 0 => format!("{}k", thousands / 1000),
        count => count.to_string(),
    };
    format!("{short}{network}_{count}_{split}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_is_compared() {
        assert_eq!(score_name(Score::Fd, "c10", 1000, RealSplit::Test), "fd_c10_1k_test");
        assert_eq!(score_name(Score::Kid, "lite0", 50_000, RealSplit::Validation), "kid_lite0_50k_val");
        assert_eq!(score_name(Score::Swd, "c10", 1500, RealSplit::Training), "swd_1500_train");
        assert_eq!(score_name(Score::Recall, "c10", 40, RealSplit::Given), "recall_c10_40_given");
    }
}
