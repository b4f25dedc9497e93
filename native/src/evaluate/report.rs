//! What `whelp evaluate` prints: a table, or the same as one JSON object.

use std::fmt::Write as _;

use serde::Serialize;
use whelp::features::FeatureNetwork;
use whelp::metrics::Scores;

/// Digits of a hash that people compare.
const HASH_SHOWN: usize = 8;

/// Everything that was found out.
#[derive(Serialize)]
pub struct Evaluation {
    pub network: Network,
    pub generated: Judged,
    /// Which real pictures they are compared with.
    pub real: String,
    pub real_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub real_dog_rate: Option<f64>,
    /// Real pictures compared with real ones: what no generator can be expected to get below.
    pub floor: Judged,
    pub notes: Vec<String>,
}

/// The network whose features are compared.
#[derive(Serialize)]
pub struct Network {
    name: &'static str,
    hash: String,
    features: usize,
    /// What the Fréchet distance on its features is called.
    pub fd: String,
    /// What the kernel distance on its features is called.
    pub kid: String,
}

impl Network {
    pub fn new(network: &FeatureNetwork) -> Self {
        Self {
            name: network.name(),
            hash: network.hash().to_owned(),
            features: network.features(),
            fd: format!("FD-{}", network.suffix()),
            kid: format!("KID-{}", network.suffix()),
        }
    }
}

/// A set of pictures and its scores.
#[derive(Serialize)]
pub struct Judged {
    /// Which pictures, in words.
    pub pictures: String,
    pub count: usize,
    #[serde(flatten)]
    pub scores: Scores,
    /// Share of the pictures that are taken for dogs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dog_rate: Option<f64>,
}

impl Evaluation {
    /// The same as text.
    pub fn table(&self) -> String {
        let Self { network, generated, real, real_count, real_dog_rate, floor, notes } = self;
        let has_dogs = generated.dog_rate.is_some();
        let mut text = format!(
            "network     {} (weights {}), {} features\n",
            network.name,
            &network.hash[..HASH_SHOWN],
            network.features
        );
        text += &format!("generated   {} {}\n", generated.count, generated.pictures);
        text += &format!("real        {real_count} {real}\n");
        text += &format!("floor       {} {}\n\n", floor.count, floor.pictures);
        let rate = |rate: Option<f64>| rate.map_or_else(String::new, |rate| format!("  {rate:>5.3}"));
        let header = if has_dogs { "   dogs" } else { "" };
        let _ = writeln!(text, "{:<10}  {:>11}  {:>18}  precision  recall{header}", "", network.fd, network.kid);
        for (name, Judged { scores, dog_rate, .. }) in [("generated", generated), ("floor", floor)] {
            let kid = format!("{:.5} ± {:.5}", scores.kid, scores.kid_standard_error);
            let (fd, precision, recall, dogs) = (scores.fd, scores.precision, scores.recall, rate(*dog_rate));
            let _ = writeln!(text, "{name:<10}  {fd:>11.3}  {kid:>18}  {precision:>9.3}  {recall:>6.3}{dogs}");
        }
        if has_dogs {
            let _ = writeln!(text, "{:<62}{}", "real", rate(*real_dog_rate));
        }
        notes.iter().for_each(|note| text += &format!("\n{note}\n"));
        text
    }
}
