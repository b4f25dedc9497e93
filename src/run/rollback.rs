//! What a run goes back to when it diverges, and how it goes on from there.

use super::RunError;
use crate::checkpoint::Checkpoint;
use crate::config::{OnDivergence, RunConfig};
use crate::resume::{MOST_ROLLBACKS, SLOWER};
use crate::validate::ValidConfig;

/// The last good checkpoint, on the host, and how often the run went back.
#[derive(Debug, Default)]
pub struct Rollback {
    checkpoint: Option<Checkpoint>,
    /// The one with the best score: the last one may have collapsed already.
    best: Option<Checkpoint>,
    count: u32,
}

impl Rollback {
    /// Remembers a checkpoint whose numbers are all finite, if the settings want that.
    pub fn keep(&mut self, config: &ValidConfig, checkpoint: Checkpoint) {
        self.checkpoint = match config.train.on_divergence {
            OnDivergence::Rollback => Some(checkpoint),
            OnDivergence::Stop => None,
        };
    }

    /// Whether there is one to go back to after a divergence.
    pub fn has_any(&self) -> bool {
        self.checkpoint.is_some()
    }

    /// Remembers the checkpoint with the best score, if the settings want that.
    pub fn keep_best(&mut self, config: &ValidConfig, checkpoint: &Checkpoint) {
        self.best = (config.train.on_divergence == OnDivergence::Rollback).then(|| checkpoint.clone());
    }

    /// Whether a collapse is to end the training of these networks, or they could go back: what the settings say, if there is a
    /// checkpoint to go back to.
    pub fn heeds_collapse(&self, config: &ValidConfig) -> bool {
        match config.train.on_divergence {
            OnDivergence::Rollback => self.best.is_some(),
            OnDivergence::Stop => true,
        }
    }

    /// What helps after `error`, if anything does.
    fn refuge(&self, error: &RunError) -> Option<&Checkpoint> {
        match error {
            RunError::Diverged { .. } => self.checkpoint.as_ref(),
            RunError::Collapsed { .. } => self.best.as_ref(),
            RunError::Data { .. }
            | RunError::Pictures(_)
            | RunError::Config(_)
            | RunError::Checkpoint(_)
            | RunError::Features(_)
            | RunError::Device(_) => None,
        }
    }

    /// Where to go on from after `error`, with which settings, and a sentence that says so. None if the run has to end: neither
    /// a divergence nor a collapse, no checkpoint yet, or often enough already.
    ///
    /// # Errors
    /// [`RunError::Config`] if such low learning rates are refused.
    pub fn attempt(
        &mut self,
        error: &RunError,
        config: &ValidConfig,
    ) -> Result<Option<(&Checkpoint, ValidConfig, String)>, RunError> {
        if self.count == MOST_ROLLBACKS || self.refuge(error).is_none() {
            return Ok(None);
        }
        self.count += 1;
        // What was kept after the step that the run goes back to is of another course.
        match error {
            RunError::Collapsed { .. } => self.checkpoint.clone_from(&self.best),
            _ => {
                let step = self.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.meta.progress.step);
                self.best.take_if(|best| best.meta.progress.step > step);
            }
        }
        let mut slower = config.clone().into_inner();
        slower.scale_learning_rates(SLOWER);
        let rates = |config: &RunConfig| [config.train.generator_lr, config.train.discriminator_lr];
        let ([generator, discriminator], [slower_generator, slower_discriminator]) = (rates(config), rates(&slower));
        let Some(checkpoint) = self.refuge(error) else { return Ok(None) };
        let message = format!(
            "{error}. The run went back to its checkpoint of step {} and goes on with lower learning rates: {generator} to \
             {slower_generator} for the generator, {discriminator} to {slower_discriminator} for the discriminator. This is \
             attempt {} of {MOST_ROLLBACKS}",
            checkpoint.meta.progress.step, self.count
        );
        Ok(Some((checkpoint, slower.validate()?, message)))
    }

    /// What is to be added to an error that ends the run.
    pub fn words_after(&self, error: &RunError) -> String {
        match self.refuge(error) {
            Some(checkpoint) if self.count > 0 => {
                let times = if self.count == 1 { "once" } else { "twice" };
                let step = checkpoint.meta.progress.step;
                format!(
                    ", although the run went back {times}, last to its checkpoint of step {step}, with lower learning rates"
                )
            }
            _ => String::new(),
        }
    }
}
