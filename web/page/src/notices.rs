//! Notices: what happened and what to do. They stay until they are dismissed.

use leptos::prelude::*;

/// A sentence or two, perhaps with buttons.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    pub id: u32,
    pub tone: Tone,
    pub text: String,
    pub remedies: Vec<Remedy>,
}

/// How serious it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Error,
    Warning,
    Info,
}

/// A button with which the visitor can solve the problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Starts a new worker and continues from the last checkpoint.
    Recover,
    /// Continues from the last checkpoint with half the learning rates.
    LowerLearningRates,
    /// Continues with the settings of the open checkpoint.
    UseCheckpointSettings,
    /// Downloads the last checkpoint.
    DownloadLatest,
    /// Starts a new worker.
    Retry,
    /// Starts a new worker on the processor.
    UseCpu,
}

impl Remedy {
    /// Its label.
    pub fn label(self) -> &'static str {
        match self {
            Remedy::Recover => "Continue from the last checkpoint",
            Remedy::LowerLearningRates => "Continue with half the learning rates",
            Remedy::UseCheckpointSettings => "Continue with the checkpoint's settings",
            Remedy::DownloadLatest => "Download the checkpoint",
            Remedy::Retry => "Try again",
            Remedy::UseCpu => "Use the processor instead",
        }
    }

    /// Its id, for tests and styles.
    pub fn id(self) -> &'static str {
        match self {
            Remedy::Recover => "recover",
            Remedy::LowerLearningRates => "lower-learning-rates",
            Remedy::UseCheckpointSettings => "use-checkpoint-settings",
            Remedy::DownloadLatest => "download-latest",
            Remedy::Retry => "retry",
            Remedy::UseCpu => "use-cpu",
        }
    }
}

/// The notices on the page, oldest first.
#[derive(Clone, Copy)]
pub struct Notices {
    shown: RwSignal<Vec<Notice>>,
    /// The id of the next one: the page tells them apart by it, also from one that has just gone.
    next: StoredValue<u32>,
}

impl Notices {
    /// More notices than this would cover the page; the oldest disappear.
    const SHOWN: usize = 3;

    pub fn new() -> Self {
        Self { shown: RwSignal::new(Vec::new()), next: StoredValue::new(0) }
    }

    /// Shows a notice. A notice with the same text is replaced.
    pub fn show(self, tone: Tone, text: impl Into<String>, remedies: &[Remedy]) {
        let text = text.into();
        let id = self.next.get_value();
        self.next.set_value(id.wrapping_add(1));
        self.shown.update(|notices| {
            notices.retain(|notice| notice.text != text);
            notices.push(Notice { id, tone, text, remedies: remedies.to_vec() });
            let extra = notices.len().saturating_sub(Self::SHOWN);
            notices.drain(..extra);
        });
    }

    pub fn dismiss(self, id: u32) {
        self.shown.update(|notices| notices.retain(|notice| notice.id != id));
    }

    /// Dismisses those with buttons, which have no use once a new worker has been started.
    pub fn dismiss_with_remedies(self) {
        self.shown.update(|notices| notices.retain(|notice| notice.remedies.is_empty()));
    }

    pub fn get(self) -> Vec<Notice> {
        self.shown.get()
    }
}
