//! A run on several devices.

use burn::tensor::Device;

use super::{Run, RunError};
use crate::protocol::Event;
use crate::run::sharing::{check_sharing, sharing_note};
use crate::train::{StepStats, Team};

impl Run {
    /// Checks that its devices can share the batches, and says what they do otherwise than one device.
    pub(super) fn shared(mut self) -> Result<Self, RunError> {
        let devices = self.device.count();
        check_sharing(&self.config, devices)?;
        let note = sharing_note(&self.config, self.data.summary().kind(), devices);
        self.pending.extend(note.map(|message| Event::Warning { message }));
        Ok(self)
    }

    /// One step on all devices.
    pub(super) fn step_on_devices(&mut self) -> Result<StepStats, RunError> {
        if self.device.count() == 1 {
            return Ok(self.step_on_device());
        }
        let Self { device, trainer, .. } = self;
        let team = match &mut self.team {
            Some(team) => team,
            // The others begin with what this device holds: new networks, a checkpoint's, or those before a divergence.
            none => none.insert(Team::new(trainer, &device.device, &device.others, device.has_collectives)?),
        };
        let devices: Vec<Device> = std::iter::once(&device.device).chain(&device.others).cloned().collect();
        let batches = self.batches.next_shared(trainer.nimg, self.config.model.latent, &devices);
        Ok(team.step(trainer, batches)?)
    }
}
