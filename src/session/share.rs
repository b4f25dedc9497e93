//! Makes files of the generator at hand, for others to use.

use super::names::file_stem;
use super::serve::{Session, failed};
use super::transport::Transport;
use super::{About, Problem, Reply, SharedForm};
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::export::{Card, Found, Graph, html, onnx};
use crate::protocol::{Command, Event, FailureKind};
use crate::run::RunError;

impl<T: Transport> Session<T> {
    /// Makes a file of what draws: the run under way, else the open checkpoint, else the starter.
    pub(super) async fn share(&self, form: SharedForm) {
        if self.has_run() {
            // Its networks are on the device. A checkpoint brings them here.
            self.unshared.borrow_mut().push(form);
            return self.command(Command::Autosave);
        }
        match self.at_hand().await {
            Ok((_, opened)) => self.share_checkpoint(form, &opened.checkpoint),
            Err(problem) => self.fail(About::Drawing, problem),
        }
    }

    /// Takes from an event of the run what sharing needs: its scores, and the checkpoint that requests wait for.
    pub(super) fn share_run(&self, event: &Event) {
        match event {
            Event::Started { .. } => *self.scored.borrow_mut() = None,
            Event::Values { step, .. } => {
                if let Some(found) = Found::until(*step, [event.clone()]) {
                    *self.scored.borrow_mut() = Some(found);
                }
            }
            Event::Checkpoint { bytes, .. } => {
                let waiting = self.unshared.take();
                if waiting.is_empty() {
                    return;
                }
                match Checkpoint::from_bytes(bytes) {
                    Ok(checkpoint) => waiting.into_iter().for_each(|form| self.share_checkpoint(form, &checkpoint)),
                    Err(error) => self.fail(About::Drawing, not_made(error)),
                }
            }
            _ => {}
        }
    }

    /// What the run was asked for at its very end is made of what it left.
    pub(super) async fn share_rest(&self) {
        for form in self.unshared.take() {
            if self.opened.borrow().is_some() {
                self.share(form).await;
            } else {
                self.fail(About::Drawing, Problem::NoNetwork);
            }
        }
    }

    fn share_checkpoint(&self, form: SharedForm, checkpoint: &Checkpoint) {
        let step = checkpoint.meta.progress.step;
        // Of a run that left no checkpoint the scores are there, and the starter draws.
        let is_scored = self.has_run() || self.opened.borrow().is_some();
        let scored = self.scored.borrow().clone().filter(|found| is_scored && found.step <= step);
        match made(form, checkpoint, scored) {
            Ok((name, file)) => self.transport.post(&Reply::Exported { name }, Some(file)),
            Err(error) => self.fail(About::Drawing, not_made(error)),
        }
    }
}

fn not_made(error: CheckpointError) -> Problem {
    failed(FailureKind::Input, format!("the file was not made: {}", RunError::from(error)))
}

/// A file and its name.
fn made(
    form: SharedForm,
    checkpoint: &Checkpoint,
    scored: Option<Found>,
) -> Result<(String, Vec<u8>), CheckpointError> {
    let meta = &checkpoint.meta;
    let stem = file_stem(&meta.config.recipe, meta.progress.nimg);
    Ok(match form {
        SharedForm::Onnx => (format!("{stem}.onnx"), onnx(&Graph::new(checkpoint)?)),
        SharedForm::Html => (format!("{stem}.html"), html(&Graph::new(checkpoint)?).into_bytes()),
        SharedForm::Card { rounds } => {
            // The name that the page gives the checkpoint's own file.
            let file = format!("{stem}.safetensors");
            let card = Card { checkpoint, file: &file, scored, evaluation: None, rounds: &rounds };
            (format!("{stem}.md"), card.markdown()?.into_bytes())
        }
    })
}
