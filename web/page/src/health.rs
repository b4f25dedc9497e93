//! How the run goes, and the buttons that help it.

use leptos::prelude::*;
use whelp::diagnosis::{Diagnosis, Remedy};

use super::store::{Intent, Phase, Saved, Store};

impl Store {
    /// What would help the run, the most promising first; nothing if it goes well, or is ending anyway.
    pub fn remedies(self) -> Vec<Remedy> {
        // While a checkpoint is being opened, a start would take that one.
        let can_go_on = self.intent.get() == Intent::Nothing
            && !self.opening.get()
            && matches!(self.phase.get(), Phase::Training | Phase::Paused | Phase::Finished(_) | Phase::Broken);
        let has_saved = self.rescue().is_some();
        let has_best = self.best.with(|best| best.as_ref().is_some_and(|best| best.saved.is_some()));
        let remedies = self.diagnosis.with(|diagnosis| {
            let diagnosis = diagnosis.as_ref().filter(|_| can_go_on)?;
            self.running.with_value(|config| Some(diagnosis.remedies(config.as_ref()?)))
        });
        let is_possible = |remedy: &Remedy| match remedy {
            Remedy::GoBackToBest => has_best,
            // Before that, a checkpoint that was opened once would be taken.
            Remedy::LargerPictures => has_saved || self.phase.get().is_active(),
            Remedy::Augment | Remedy::LowerLearningRates => true,
        };
        remedies.unwrap_or_default().into_iter().filter(is_possible).collect()
    }

    /// Stops the run if it is under way, and goes on with what `remedy` changes.
    pub fn cure(self, remedy: Remedy) {
        self.cure.set_value(Some(remedy));
        if self.phase.get_untracked().is_active() {
            self.end_run();
        } else {
            self.take_cure();
        }
    }

    /// Goes on after a run that was stopped for that.
    pub(super) fn take_cure(self) {
        let Some(remedy) = self.cure.try_update_value(Option::take).flatten() else { return };
        let Some(config) = self.running.get_value() else { return };
        self.return_to_own_pictures();
        self.show_with_pace(remedy.apply(&config));
        self.diagnosis.set(None);
        if let (Remedy::GoBackToBest, Some(saved)) = (remedy, self.best.get_untracked().and_then(|best| best.saved)) {
            // The same networks, earlier: what came after that step goes when the run starts.
            let run = saved.run.clone().or_else(|| self.current_run.get_untracked());
            self.latest.set(Some(Saved { lineage: self.lineage.get_value(), run, ..saved }));
        }
        if remedy.begins_anew() { self.start_from_checkpoint() } else { self.continue_training() }
    }
}

/// Its label.
pub fn label(remedy: Remedy) -> &'static str {
    match remedy {
        Remedy::Augment => "Go on with adaptive augmentation",
        Remedy::LowerLearningRates => "Go on with half the learning rates",
        Remedy::GoBackToBest => "Go back to the best pictures",
        Remedy::LargerPictures => "Begin another run that sees more detail, slower",
    }
}

/// Its id, for tests.
pub fn id(remedy: Remedy) -> &'static str {
    match remedy {
        Remedy::Augment => "cure-augment",
        Remedy::LowerLearningRates => "cure-lower-learning-rates",
        Remedy::GoBackToBest => "cure-go-back-to-best",
        Remedy::LargerPictures => "cure-larger-pictures",
    }
}

/// The sentence of a run that trains, in place of the rule of thumb: none before anything can be told.
pub fn sentence(diagnosis: &Diagnosis) -> Option<String> {
    match diagnosis {
        Diagnosis::WarmingUp { .. } => None,
        Diagnosis::Healthy { .. }
        | Diagnosis::Stalled { .. }
        | Diagnosis::DiscriminatorWins { .. }
        | Diagnosis::KnowsByHeart { .. }
        | Diagnosis::Collapsed { .. }
        | Diagnosis::ColorsOff { .. }
        | Diagnosis::NearInfinity { .. } => Some(diagnosis.to_string()),
    }
}
