//! Sentences that want to be read: what happened and what to do. They stay until they are dismissed.

use leptos::prelude::*;

/// One sentence, perhaps with buttons.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    pub id: u32,
    pub tone: Tone,
    pub text: String,
    pub remedies: Vec<Remedy>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Error,
    Warning,
    Info,
}

/// A button that mends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// A new worker, the same pictures, the last checkpoint.
    Recover,
    /// The last checkpoint as a file.
    DownloadLatest,
    /// A new worker.
    Retry,
    /// A new worker on the processor.
    UseCpu,
}

impl Remedy {
    /// What its button says.
    pub fn label(self) -> &'static str {
        match self {
            Remedy::Recover => "Start again from the last checkpoint",
            Remedy::DownloadLatest => "Download it",
            Remedy::Retry => "Try again",
            Remedy::UseCpu => "Use the processor instead",
        }
    }

    /// For tests and for style.
    pub fn id(self) -> &'static str {
        match self {
            Remedy::Recover => "recover",
            Remedy::DownloadLatest => "download-latest",
            Remedy::Retry => "retry",
            Remedy::UseCpu => "use-cpu",
        }
    }
}

/// The notices on the page, oldest first.
#[derive(Clone, Copy)]
pub struct Notices(RwSignal<Vec<Notice>>);

impl Notices {
    /// More than this cover the page; the oldest go.
    const SHOWN: usize = 3;

    pub fn new() -> Self {
        Self(RwSignal::new(Vec::new()))
    }

    /// Shows a sentence. One that is there already is not repeated.
    pub fn show(self, tone: Tone, text: impl Into<String>, remedies: &[Remedy]) {
        let text = text.into();
        self.0.update(|notices| {
            let id = notices.iter().map(|notice| notice.id).max().map_or(0, |id| id + 1);
            notices.retain(|notice| notice.text != text);
            notices.push(Notice { id, tone, text, remedies: remedies.to_vec() });
            let extra = notices.len().saturating_sub(Self::SHOWN);
            notices.drain(..extra);
        });
    }

    pub fn dismiss(self, id: u32) {
        self.0.update(|notices| notices.retain(|notice| notice.id != id));
    }

    /// Takes away those whose buttons have lost their object, e.g. after a new worker was started.
    pub fn dismiss_with_remedies(self) {
        self.0.update(|notices| notices.retain(|notice| notice.remedies.is_empty()));
    }

    pub fn get(self) -> Vec<Notice> {
        self.0.get()
    }
}
