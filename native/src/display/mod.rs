//! What a training shows: a screen in a terminal that can have one, else lines. This is the only place that decides which.

mod bar;
#[cfg(unix)]
mod screen;
mod words;

use whelp::protocol::Event;

use crate::cli::ControlWord;
use bar::Bar;

pub use bar::reading_bar;
#[cfg(unix)]
pub use screen::uncover_at_abort;
pub use words::{pictures, time};

/// Shows a run to people.
pub enum Display {
    Lines(Bar),
    #[cfg(unix)]
    Screen(screen::Screen),
}

/// What a display is of.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The run's folder.
    pub root: String,
    /// Where the run is watched in the page.
    pub link: Option<String>,
}

impl Display {
    /// Lines.
    pub fn lines() -> Self {
        Self::Lines(Bar::new())
    }

    /// A screen, in a terminal that can have one, else lines. `ask` passes on to the run what somebody asks by a key.
    pub fn of(subject: Subject, ask: impl Fn(ControlWord) + Send + 'static) -> Self {
        #[cfg(unix)]
        if screen::Surroundings::of_this_process().have_a_screen() {
            return Self::Screen(screen::Screen::new(subject, Box::new(ask)));
        }
        drop((subject, ask));
        Self::lines()
    }

    /// Shows one event. A terminal that is gone is no failure. Lines wait for a slow one; a screen does not.
    pub fn show(&mut self, event: &Event) {
        match self {
            Self::Lines(bar) => bar.show(event),
            #[cfg(unix)]
            Self::Screen(screen) => screen.show(event),
        }
    }
}
