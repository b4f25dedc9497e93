//! What `whelp evaluate` prints: a table, or the same as one JSON object.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Value, json};
use whelp::features::FeatureNetwork;
use whelp::metrics::{Copies, Estimate, RealSplit, SWD_MOST, Score, Scores, Verdict, score_name};

use super::copies;

/// Digits of a hash that people compare.
const HASH_SHOWN: usize = 8;

/// Everything that was found out.
pub struct Evaluation {
    pub network: Network,
    pub generated: Judged,
    /// The other pictures, with `--against`.
    pub against: Option<Judged>,
    /// By score: by how much `generated` has more than `against`, and what that means.
    pub differences: Option<BTreeMap<Score, Difference>>,
    /// Which real pictures they are compared with.
    pub real: String,
    pub real_count: usize,
    pub real_dog_rate: Option<f64>,
    pub split: RealSplit,
    /// Real pictures compared with real ones: what no generator can be expected to get below.
    pub floor: Judged,
    pub copies: Copies,
    pub notes: Vec<String>,
}

/// The network whose features are compared.
#[derive(Serialize)]
pub struct Network {
    name: &'static str,
    short: &'static str,
    hash: String,
    features: usize,
}

impl Network {
    pub fn new(network: &FeatureNetwork) -> Self {
        Self {
            name: network.name(),
            short: network.short(),
            hash: network.hash().to_owned(),
            features: network.features(),
        }
    }
}

/// A set of pictures and its scores.
pub struct Judged {
    /// Which pictures, in words.
    pub pictures: String,
    pub count: usize,
    pub scores: Scores,
    /// Share of the pictures that are taken for dogs.
    pub dog_rate: Option<f64>,
    pub memorization: Option<Memorization>,
}

/// How near pictures are to those of the training.
#[derive(Serialize)]
pub struct Memorization {
    pub distance: Estimate,
    /// A smaller distance raises the MiFID.
    pub threshold: f64,
}

/// How two sets of pictures differ by a score.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    pub estimate: Estimate,
    pub verdict: Option<Verdict>,
}

impl Evaluation {
    /// Finds out what differs, if there is something to compare with.
    pub fn compare(&mut self) {
        let Some(against) = self.against.as_ref().filter(|against| against.count == self.generated.count) else {
            return;
        };
        let difference = |(score, first): (Score, &Estimate)| {
            let second = against.scores.get(score)?;
            let estimate = first.with(second, |first, second| first - second);
            Some((score, Difference { estimate, verdict: Verdict::of(score, first, second) }))
        };
        self.differences = Some(self.generated.scores.iter().filter_map(difference).collect());
    }

    fn name(&self, score: Score, count: usize) -> String {
        let count = if score == Score::Swd { count.min(SWD_MOST) } else { count };
        score_name(score, self.network.short, count, self.split)
    }

    /// As JSON: scores by their names, each with its standard error.
    pub fn json(&self) -> Value {
        let judged = |judged: &Judged| {
            let scores: BTreeMap<String, &Estimate> =
                judged.scores.iter().map(|(score, estimate)| (self.name(score, judged.count), estimate)).collect();
            let mut value = json!({ "pictures": judged.pictures, "count": judged.count, "scores": scores });
            if let Some(rate) = judged.dog_rate {
                value["dog_rate"] = rate.into();
            }
            if let Some(memorization) = &judged.memorization {
                value["memorization"] = json!(memorization);
            }
            value
        };
        let mut value = json!({
            "network": self.network,
            "generated": judged(&self.generated),
            "real": self.real,
            "real_count": self.real_count,
            "floor": judged(&self.floor),
            "copies": self.copies,
            "notes": self.notes,
        });
        if let Some(rate) = self.real_dog_rate {
            value["real_dog_rate"] = rate.into();
        }
        if let Some(against) = &self.against {
            value["against"] = judged(against);
        }
        if let Some(differences) = &self.differences {
            let of = |(score, Difference { estimate, verdict }): (&Score, &Difference)| {
                let mut value = json!(estimate);
                value["verdict"] = json!(verdict.map(word));
                (self.name(*score, self.generated.count), value)
            };
            value["differences"] = differences.iter().map(of).collect();
        }
        value
    }

    /// The same as text.
    pub fn table(&self) -> String {
        let Self { network, generated, against, real, real_count, floor, notes, .. } = self;
        let hash = &network.hash[..HASH_SHOWN];
        let mut text = format!("network     {} (weights {hash}), {} features\n", network.name, network.features);
        text += &format!("generated   {} {}\n", generated.count, generated.pictures);
        if let Some(against) = against {
            text += &format!("against     {} {}\n", against.count, against.pictures);
        }
        text += &format!("real        {real_count} {real}\n");
        text += &format!("floor       {} {}\n\n", floor.count, floor.pictures);

        let mut rows = vec![self.header()];
        rows.extend(generated.scores.iter().map(|(score, _)| self.row(score)));
        rows.extend(self.dogs());
        let widths: Vec<usize> =
            (0..rows[0].len()).map(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0)).collect();
        for row in rows {
            let cells = row.iter().zip(&widths).enumerate().map(|(at, (cell, width))| match at {
                0 => format!("{cell:<width$}"),
                _ => format!("  {cell:>width$}"),
            });
            let line: String = cells.collect();
            let _ = writeln!(text, "{}", line.trim_end());
        }
        notes.iter().for_each(|note| text += &format!("\n{note}\n"));
        text + &format!("\n{}\n", copies::in_words(&self.copies))
    }

    fn header(&self) -> Vec<String> {
        let names: &[&str] = match self.against {
            Some(_) => &["", "generated", "against", "difference", "", "floor"],
            None => &["", "generated", "floor"],
        };
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn row(&self, score: Score) -> Vec<String> {
        let of = |judged: &Judged| judged.scores.get(score).map_or_else(String::new, |found| with_error(score, found));
        let mut row = vec![self.name(score, self.generated.count), of(&self.generated)];
        if let Some(against) = &self.against {
            let difference = self.differences.as_ref().and_then(|differences| differences.get(&score));
            row.push(of(against));
            row.push(difference.map_or_else(String::new, |difference| with_error(score, &difference.estimate)));
            let verdict = difference.and_then(|difference| difference.verdict);
            row.push(verdict.map_or_else(String::new, |verdict| word(verdict).to_owned()));
        }
        row.push(of(&self.floor));
        row
    }

    /// The share that is taken for dogs. Its standard error is that of a share.
    fn dogs(&self) -> Option<Vec<String>> {
        let of = |rate: Option<f64>, count: usize| {
            rate.map_or_else(String::new, |rate| {
                format!("{rate:.3} ± {:.3}", (rate * (1.0 - rate) / count as f64).sqrt())
            })
        };
        let judged = |judged: &Judged| of(judged.dog_rate, judged.count);
        let real = of(Some(self.real_dog_rate?), self.real_count);
        let mut row = vec![format!("dogs (real: {real})"), judged(&self.generated)];
        if let Some(against) = &self.against {
            row.extend([judged(against), String::new(), String::new()]);
        }
        row.push(judged(&self.floor));
        Some(row)
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Better => "better",
        Verdict::Worse => "worse",
        Verdict::Noise => "noise",
    }
}

fn with_error(score: Score, estimate: &Estimate) -> String {
    let digits = if matches!(score, Score::Kid | Score::Swd) { 5 } else { 3 };
    let value = format!("{:.digits$}", estimate.value);
    match estimate.standard_error() {
        Some(error) => format!("{value} ± {error:.digits$}"),
        None => value,
    }
}
