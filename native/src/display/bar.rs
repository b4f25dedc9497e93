//! Lines on stderr, and in a terminal a progress bar below them.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};
use whelp::protocol::Event;

use super::words::Words;
use crate::output::note;

/// Steps of the progress bar, which shows a share of the run's length.
const RESOLUTION: u64 = 1000;

/// The progress bar for reading pictures.
pub fn reading_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("reading pictures {bar:30} {pos}/{len}").expect("a fixed template");
    ProgressBar::new(0).with_style(style)
}

/// Shows a run on stderr.
#[derive(Debug)]
pub struct Bar {
    bar: ProgressBar,
    words: Words,
}

impl Bar {
    pub fn new() -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let bar = if is_terminal { ProgressBar::new(RESOLUTION) } else { ProgressBar::hidden() };
        let template = "{bar:30} {percent:>3}%  {msg}";
        bar.set_style(ProgressStyle::with_template(template).expect("a fixed template"));
        Self { bar, words: Words::default() }
    }

    /// Shows one event.
    pub fn show(&mut self, event: &Event) {
        if let Event::Finished { .. } = event {
            self.bar.finish_and_clear();
        }
        for line in self.words.lines(event) {
            // A hidden bar prints nothing: in a file, in a pipe, and in a terminal that can't move its cursor.
            if self.bar.is_hidden() {
                note!("{line}");
            } else {
                self.bar.println(line);
            }
        }
        if let Event::Tick { progress, .. } = event {
            self.bar.set_position((progress.fraction.unwrap_or(0.0) * RESOLUTION as f64) as u64);
            self.bar.set_message(self.words.status(progress));
        }
        if let Event::Failed { .. } = event {
            self.bar.abandon();
        }
    }
}
