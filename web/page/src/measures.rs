//! What a run measures beside its losses: the lines that a visitor can choose from, in words.

use whelp::history::History;
use whelp::series::{
    AUGMENT_P, BY_HEART, COLOR_SHIFT, DIVERSITY, IMAGES_PER_SEC, LEARNING_RATE_D, LEARNING_RATE_G, LOSS_R1, LOSS_R2,
    MEMORY_BYTES, NIMG, SCORE_FAKE, SCORE_REAL, SCORING_SHARE,
};

use super::scores::ScoreHistory;

/// Lines that belong together.
#[derive(Debug)]
pub struct Measure {
    /// Names it in addresses of elements and in file names.
    pub id: &'static str,
    pub title: &'static str,
    /// One or two.
    pub lines: &'static [MeasuredLine],
    /// What one sees there.
    pub what: &'static str,
}

#[derive(Debug)]
pub struct MeasuredLine {
    pub label: &'static str,
    /// The colour of the style sheet that it is drawn in.
    pub colour: &'static str,
    pub source: Source,
    /// What a value is multiplied by to be shown.
    pub scale: f64,
}

#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// A series of the history.
    Series(&'static str),
    /// The score whose name begins so, by the network that leads.
    Score(&'static str),
}

const FIRST: &str = "--accent";
const SECOND: &str = "--muted";

const fn line(label: &'static str, colour: &'static str, series: &'static str) -> MeasuredLine {
    MeasuredLine { label, colour, source: Source::Series(series), scale: 1.0 }
}

const fn score(label: &'static str, colour: &'static str, prefix: &'static str) -> MeasuredLine {
    MeasuredLine { label, colour, source: Source::Score(prefix), scale: 1.0 }
}

const fn scaled(line: MeasuredLine, scale: f64) -> MeasuredLine {
    MeasuredLine { scale, ..line }
}

pub static MEASURES: [Measure; 13] = [
    Measure {
        id: "outputs",
        title: "What the discriminator answers",
        lines: &[line("to real pictures", FIRST, SCORE_REAL), line("to drawn pictures", SECOND, SCORE_FAKE)],
        what: "The higher an answer, the surer the discriminator is that a picture is real. Where both lines meet, it cannot tell \
               drawn pictures from real ones any more.",
    },
    Measure {
        id: "penalties",
        title: "Gradient penalties",
        lines: &[line("R1, on real pictures", FIRST, LOSS_R1), line("R2, on drawn pictures", SECOND, LOSS_R2)],
        what: "What is added to the discriminator's loss where small changes of a picture change its answer much. That keeps both \
               networks in balance. Not every recipe has them.",
    },
    Measure {
        id: "speed",
        title: "Speed",
        lines: &[line("pictures a second", FIRST, IMAGES_PER_SEC)],
        what: "Real pictures that the discriminator sees in a second.",
    },
    Measure {
        id: "memory",
        title: "Memory",
        lines: &[scaled(line("MB", FIRST, MEMORY_BYTES), 1e-6)],
        what: "What the program that trains holds: pictures, networks, and room to work in. A graphics card's own memory is not \
               part of it.",
    },
    Measure {
        id: "rates",
        title: "Learning rates",
        lines: &[
            line("of the generator", FIRST, LEARNING_RATE_G),
            line("of the discriminator", SECOND, LEARNING_RATE_D),
        ],
        what: "How far each step moves the weights of a network. Most recipes lower them on the way, to settle.",
    },
    Measure {
        id: "augmentation",
        title: "Augmentation",
        lines: &[line("chance of each", FIRST, AUGMENT_P)],
        what: "How often pictures are moved or recoloured before the discriminator sees them. Adaptive augmentation raises it when the \
               discriminator begins to know the training pictures by heart.",
    },
    Measure {
        id: "variety",
        title: "Variety",
        lines: &[line("of drawn pictures, by that of real ones", FIRST, DIVERSITY)],
        what: "How different two drawn pictures are on average, compared with two real ones. Near 1 they differ as much as those, near \
               0 all are alike.",
    },
    Measure {
        id: "colours",
        title: "Colours",
        lines: &[line("distance from those of real pictures", FIRST, COLOR_SHIFT)],
        what: "How far the mean colour of drawn pictures is from that of real ones, in standard deviations. Near 0 they are the same.",
    },
    Measure {
        id: "by-heart",
        title: "Known by heart",
        lines: &[line("training pictures rather than others", FIRST, BY_HEART)],
        what: "How much surer the discriminator is of the pictures that it trains on than of some that were held out. Near 0 it has \
               learnt nothing by heart. There is a line where pictures are held out.",
    },
    Measure {
        id: "kid",
        title: "Kernel distance (KID)",
        lines: &[score("KID, lower is better", FIRST, "kid_")],
        what: "A second distance between drawn and real pictures, which depends less on how many are compared.",
    },
    Measure {
        id: "precision-recall",
        title: "Precision and recall",
        lines: &[
            score("precision: look real", FIRST, "precision_"),
            score("recall: cover the real ones", SECOND, "recall_"),
        ],
        what: "Precision is the share of drawn pictures that lie among real ones, recall the share of real ones that lie among drawn \
               ones. A run that draws a few good pictures again and again has much of the first and little of the second.",
    },
    Measure {
        id: "density-coverage",
        title: "Density and coverage",
        lines: &[score("density", FIRST, "density_"), score("coverage", SECOND, "coverage_")],
        what: "Like precision and recall, but single odd pictures count less.",
    },
    Measure {
        id: "scoring",
        title: "Time that scores take",
        lines: &[scaled(line("percent of the run", FIRST, SCORING_SHARE), 100.0)],
        what: "The share of the run's time that went into scoring its pictures. A setting bounds it.",
    },
];

impl Measure {
    /// Its lines, as a chart takes them.
    pub fn in_colours(&self) -> Vec<(&'static str, &'static str)> {
        self.lines.iter().map(|line| (line.label, line.colour)).collect()
    }

    /// Whether it is told so seldom that its values are drawn as points.
    pub fn is_sparse(&self) -> bool {
        let is_sparse = |source| match source {
            Source::Series(name) => [DIVERSITY, COLOR_SHIFT, BY_HEART, SCORING_SHARE].contains(&name),
            Source::Score(_) => true,
        };
        self.lines.iter().any(|line| is_sparse(line.source))
    }

    /// The places on an axis and the value of each line there, NaN where it has none. The axis counts steps, or images seen.
    pub fn columns(&self, history: &History, scores: &ScoreHistory, by_images: bool) -> Vec<Vec<f64>> {
        let is_scored = self.lines.iter().any(|line| matches!(line.source, Source::Score(_)));
        let places = match (is_scored, by_images) {
            (true, true) => scores.values_of(|values| values.get(NIMG).copied()),
            (true, false) => scores.steps(),
            (false, true) => history.columns([NIMG]).1.concat(),
            (false, false) => history.columns([]).0,
        };
        let values = self.lines.iter().map(|line| {
            let values = match line.source {
                Source::Series(name) => history.columns([name]).1.concat(),
                Source::Score(prefix) => scores.line(prefix),
            };
            values.into_iter().map(|value| value * line.scale).collect()
        });
        let columns: Vec<Vec<f64>> = std::iter::once(places).chain(values).collect();
        // Most are told once in several steps: a line would have gaps there instead of points.
        let rows = (0..columns[0].len())
            .filter(|row| !columns[0][*row].is_nan() && columns[1..].iter().any(|column| !column[*row].is_nan()));
        let rows: Vec<usize> = rows.collect();
        columns.iter().map(|column| rows.iter().map(|row| column[*row]).collect()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use whelp::series::{StepSeries, of_score};

    fn measure(id: &str) -> &'static Measure {
        MEASURES.iter().find(|measure| measure.id == id).unwrap()
    }

    #[test]
    fn lines_have_the_places_where_they_were_told() {
        let mut history = History::default();
        let mut told = StepSeries::default();
        for step in 1..=4 {
            told.push(step, [(SCORE_REAL, step as f32), (SCORE_FAKE, -(step as f32)), (NIMG, 8.0 * step as f32)]);
        }
        history.extend(&told);
        history.note(3, &BTreeMap::from([(MEMORY_BYTES.to_owned(), 5e7)]));
        let mut scores = ScoreHistory::default();
        let score = |recall| BTreeMap::from([(of_score("recall_c10_1k_val"), recall), (NIMG.to_owned(), 16.0)]);
        scores.add(2, score(0.5));

        let outputs = measure("outputs").columns(&history, &scores, false);
        assert_eq!(outputs, [[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0], [-1.0, -2.0, -3.0, -4.0]]);
        assert_eq!(measure("outputs").columns(&history, &scores, true)[0], [8.0, 16.0, 24.0, 32.0]);
        assert_eq!(measure("memory").columns(&history, &scores, false), [[3.0], [50.0]]);
        let [places, precision, recall] = &measure("precision-recall").columns(&history, &scores, true)[..] else {
            panic!()
        };
        assert_eq!((places, recall), (&vec![16.0], &vec![0.5]));
        assert!(precision[0].is_nan());
        assert!(measure("penalties").columns(&history, &scores, false).iter().all(Vec::is_empty));
    }

    #[test]
    fn every_measure_has_its_own_id_and_no_more_lines_than_colours() {
        let mut ids: Vec<_> = MEASURES.iter().map(|measure| measure.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), MEASURES.len());
        assert!(MEASURES.iter().all(|measure| matches!(measure.lines.len(), 1 | 2)));
    }
}
