//! What the screen shows.

use std::collections::VecDeque;
use std::sync::Arc;

use whelp::data::Grid;
use whelp::history::History;
use whelp::protocol::{BestScore, CheckpointReason, Event, FinishReason, Progress};
use whelp::series;

use crate::cli::ControlWord;
use crate::display::Subject;
use crate::display::words::{Words, pictures, with_error};

/// Lines that were printed meanwhile: as many are kept for the terminal.
const MOST_LINES: usize = 500;

/// As many of the latest lines can be seen on the screen.
const MOST_RECENT: usize = 50;

/// Kinds of lines of which only the newest is printed later. `events.jsonl` has all of them.
const PASSING: [&str; 4] = ["samples", "checkpoint", "scores", "best"];

/// A run as it is now.
#[derive(Debug)]
pub struct State {
    pub subject: Subject,
    /// The device, the pictures and the recipe, in words.
    pub device: String,
    pub pictures: String,
    pub recipe: String,
    pub history: History,
    pub progress: Option<Progress>,
    pub phase: Phase,
    /// The newest scores in words, by name.
    pub scores: Vec<(String, String)>,
    /// The step of the newest scores.
    scores_step: u64,
    pub best: Option<BestScore>,
    pub health: Option<Health>,
    pub samples: Option<Samples>,
    /// The step of the newest checkpoint.
    pub checkpoint: Option<u64>,
    /// What was asked by a key and is not done yet.
    pub asked: Option<ControlWord>,
    /// The latest lines, oldest first.
    pub recent: VecDeque<String>,
    /// Whether anything is new since it was drawn.
    pub is_new: bool,
    /// Lines for the terminal once it is uncovered, and how many had no place.
    lines: VecDeque<String>,
    left_out: usize,
}

/// What a run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Training,
    Paused,
    Ended(FinishReason),
}

/// How the run goes.
#[derive(Debug)]
pub struct Health {
    pub step: u64,
    /// A sentence, and what may help.
    pub words: String,
    pub is_alarm: bool,
}

/// The newest samples.
#[derive(Clone, Debug)]
pub struct Samples {
    pub step: u64,
    pub grid: Arc<Grid>,
}

impl State {
    pub fn new(subject: Subject) -> Self {
        Self {
            subject,
            device: String::new(),
            pictures: String::new(),
            recipe: String::new(),
            history: History::default(),
            progress: None,
            phase: Phase::Training,
            scores: Vec::new(),
            scores_step: 0,
            best: None,
            health: None,
            samples: None,
            checkpoint: None,
            asked: None,
            recent: VecDeque::new(),
            is_new: true,
            lines: VecDeque::new(),
            left_out: 0,
        }
    }

    /// Takes what an event tells.
    pub fn hear(&mut self, event: &Event, words: &Words) {
        self.is_new = true;
        match event {
            Event::Started { device, data, progress, config, .. } => {
                (self.device, self.pictures, self.recipe) = (device.clone(), pictures(data), config.recipe.clone());
                // A run that goes back takes the steps after its checkpoint anew.
                self.history.truncate_after(progress.step);
                if self.scores_step > progress.step {
                    self.scores.clear();
                }
                self.best.take_if(|best| best.step > progress.step);
                (self.phase, self.health, self.checkpoint) = (Phase::Training, None, None);
                self.progress = Some(progress.clone());
            }
            Event::Tick { progress, series } => {
                self.history.extend(series);
                self.progress = Some(progress.clone());
            }
            Event::Values { step, values, .. } => {
                let scores = values.iter().filter_map(|(series, value)| {
                    let name = series::score_of(series)?;
                    let error = values.get(&series::of_standard_error(name)).copied();
                    Some((name.to_owned(), with_error(*value, error)))
                });
                let scores: Vec<_> = scores.collect();
                if !scores.is_empty() {
                    (self.scores, self.scores_step) = (scores, *step);
                }
            }
            Event::Best { score, .. } => self.best = Some(score.clone()),
            Event::Diagnosis { step, diagnosis, .. } => {
                let (words, is_alarm) = (words.health(diagnosis), diagnosis.is_alarm());
                self.health = Some(Health { step: *step, words, is_alarm });
            }
            Event::Samples { step, grid, .. } => {
                self.samples = Some(Samples { step: *step, grid: Arc::new(grid.clone()) });
                self.is_done(ControlWord::Sample);
            }
            Event::Checkpoint { step, reason, .. } => {
                self.checkpoint = Some(*step);
                if *reason == CheckpointReason::Requested {
                    self.is_done(ControlWord::Save);
                }
            }
            Event::Paused { progress } => {
                (self.phase, self.progress) = (Phase::Paused, Some(progress.clone()));
                self.is_done(ControlWord::Pause);
            }
            Event::Resumed { progress } => {
                (self.phase, self.progress) = (Phase::Training, Some(progress.clone()));
                self.is_done(ControlWord::Resume);
            }
            Event::Finished { reason, progress } => {
                (self.phase, self.progress) = (Phase::Ended(*reason), Some(progress.clone()));
            }
            Event::Warning { .. } | Event::Drawn { .. } | Event::Failed { .. } => {}
        }
    }

    /// What a key asks of the run; none if it is no such key, or if there is nothing more to ask.
    pub fn asked_by(&mut self, key: char) -> Option<ControlWord> {
        let word = match key.to_ascii_lowercase() {
            'p' if self.phase == Phase::Paused => ControlWord::Resume,
            'p' => ControlWord::Pause,
            's' => ControlWord::Sample,
            'c' => ControlWord::Save,
            'q' => ControlWord::Stop,
            _ => return None,
        };
        if self.asked == Some(ControlWord::Stop) || matches!(self.phase, Phase::Ended(_)) {
            return None;
        }
        (self.asked, self.is_new) = (Some(word), true);
        Some(word)
    }

    /// Nobody waits for it any more.
    fn is_done(&mut self, word: ControlWord) {
        if self.asked == Some(word) {
            self.asked = None;
        }
    }

    /// Takes a line that would have been printed.
    pub fn take(&mut self, line: &str) {
        self.is_new = true;
        let kind = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
        let of = kind(line);
        if PASSING.contains(&of.as_str()) {
            self.lines.retain(|earlier| kind(earlier) != of);
        }
        self.lines.push_back(line.to_owned());
        self.recent.push_back(line.to_owned());
        if self.recent.len() > MOST_RECENT {
            self.recent.pop_front();
        }
        if self.lines.len() > MOST_LINES {
            self.lines.pop_front();
            self.left_out += 1;
        }
    }

    /// The lines for the terminal, which it has not been given yet.
    pub fn give_back(&mut self) -> Vec<String> {
        let left_out = std::mem::take(&mut self.left_out);
        let note = format!("note        {left_out} earlier lines have no place here; the run's events.jsonl tells all");
        (left_out > 0).then_some(note).into_iter().chain(self.lines.drain(..)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        State::new(Subject { root: "run".to_owned(), link: None })
    }

    #[test]
    fn warnings_are_kept_for_the_terminal_and_of_what_passes_the_newest() {
        let mut state = state();
        for step in 1..=3 {
            state.take(&format!("samples     step {step}"));
            state.take(&format!("warning     number {step}"));
            state.take(&format!("checkpoint  step {step}"));
        }
        let kept = ["warning     number 1", "warning     number 2", "samples     step 3", "warning     number 3"];
        assert_eq!(state.give_back(), [&kept[..], &["checkpoint  step 3"]].concat());
        assert!(state.give_back().is_empty(), "once");
        (0..MOST_LINES + 7).for_each(|number| state.take(&format!("warning     number {number}")));
        let given = state.give_back();
        assert!(given[0].starts_with("note        7 earlier lines"), "{}", given[0]);
        assert_eq!((given.len(), given[1].as_str()), (MOST_LINES + 1, "warning     number 7"));
    }

    #[test]
    fn keys_ask_once_and_until_it_is_done() {
        let (mut state, words) = (state(), Words::default());
        assert_eq!(state.asked_by('x'), None);
        assert_eq!(state.asked_by('P'), Some(ControlWord::Pause));
        assert_eq!(state.asked, Some(ControlWord::Pause));
        state.hear(&Event::Paused { progress: Progress::default() }, &words);
        assert_eq!((state.asked, state.phase), (None, Phase::Paused));
        assert_eq!(state.asked_by('p'), Some(ControlWord::Resume));
        state.hear(&Event::Resumed { progress: Progress::default() }, &words);
        assert_eq!((state.asked, state.phase), (None, Phase::Training));
        assert_eq!(state.asked_by('q'), Some(ControlWord::Stop));
        assert_eq!(state.asked_by('p'), None, "it ends already");
    }
}
