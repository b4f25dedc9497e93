//! What the page does by itself when a device gives up: it asks less of it, then uses less of it, then the processor.
//!
//! Until a device has trained a step, whatever fails counts as its refusal: its self-test has run few of the kernels. A device that
//! is lost before anything is saved, or has too little memory, had too much to do, as on a telephone that ends what takes long:
//! smaller networks are tried on it. Later a device may be lost for many reasons, so the visitor is asked first.

use leptos::prelude::*;
use std::time::Duration;
use whelp::config::RunConfig;
use whelp::protocol::FailureKind;
use whelp::session::{DeviceInfo, DevicePreference, Refusal};

use super::client::Client;
use super::notices::Tone;
use super::store::{Device, Intent, Phase, Store};
use super::wording;

/// The browser needs a moment to find a lost graphics device again.
const RECOVERY: Duration = Duration::from_secs(2);

/// How often the batch of a start from the starter is halved before less of the device is used.
const MOST_HALVINGS: u32 = 2;

impl Store {
    /// Whether the worker uses a graphics device, or may come to.
    fn uses_graphics(self) -> bool {
        self.device.with_untracked(|device| !matches!(device, Device::Ready(info) if info.backend == DeviceInfo::CPU))
    }

    /// Goes on with less, if the device has failed before it trained, or was asked too much before anything was saved. False if
    /// nothing less is tried.
    pub(super) fn retreats(self, kind: FailureKind, message: &str) -> bool {
        if !self.uses_graphics() {
            return false;
        }
        if !matches!(kind, FailureKind::DeviceLost | FailureKind::OutOfMemory) {
            return !self.has_trained.get_value() && self.use_less(Refusal::of_failure(message));
        }
        if self.rescue_untracked().is_some() {
            return false;
        }
        let preference = self.preference.get_value();
        match self.phase.get_untracked() {
            Phase::Starting | Phase::Training => self.asks_less(kind) || self.use_less(wording::refusal(kind)),
            _ if matches!(self.device.get_untracked(), Device::Measuring(_)) => {
                // The smallest is suggested unless something is measured.
                self.gave_up.set_value(true);
                self.notices.show(Tone::Warning, wording::of_unmeasured(kind), &[]);
                self.begin_again(preference, RECOVERY);
                true
            }
            // It had nothing to do, so the visitor is asked.
            _ => false,
        }
    }

    /// Tries the same device with smaller networks. False if there are none.
    fn asks_less(self, kind: FailureKind) -> bool {
        if self.started_as.get_value() == Intent::FromStarter {
            return self.halves_batch(kind);
        }
        let Some(asked) = self.running.get_value() else { return false };
        let keeps_networks = self.started_as.get_value() != Intent::Train;
        let Some(less) = asked.with_less_work(keeps_networks) else { return false };
        self.notices.show(Tone::Warning, wording::of_less_work(kind, &asked, &less), &[]);
        self.show_with_pace(less);
        self.begin_again(self.preference.get_value(), RECOVERY);
        true
    }

    /// Tries the starter's networks with half as many pictures a step. Its settings are not known here before it has begun.
    fn halves_batch(self, kind: FailureKind) -> bool {
        if self.halvings.get_value() == MOST_HALVINGS {
            return false;
        }
        self.halvings.update_value(|halvings| *halvings += 1);
        self.notices.show(Tone::Warning, wording::of_halved_batch(kind), &[]);
        self.begin_again(self.preference.get_value(), RECOVERY);
        true
    }

    /// Opens a graphics device once more that failed while it had nothing to do, as when the computer slept: what comes next is not
    /// to blame. What was started then goes on. False if that has been tried.
    pub(super) fn reopens(self, kind: FailureKind) -> bool {
        let is_due =
            kind.is_devices() && self.phase.get_untracked() == Phase::Starting && !self.has_reopened.get_value();
        if is_due {
            self.has_reopened.set_value(true);
            self.begin_again(self.preference.get_value(), RECOVERY);
        }
        is_due
    }

    /// Asks less of a device that trained and then gave up, for when the visitor goes on: at once if its memory was too small,
    /// from the second time on if it was lost. Says so.
    pub(super) fn ask_less_after(self, kind: FailureKind) -> Option<String> {
        self.times_lost.update_value(|times| *times += u32::from(kind == FailureKind::DeviceLost));
        let is_due = match kind {
            FailureKind::OutOfMemory => true,
            FailureKind::DeviceLost => self.times_lost.get_value() > 1,
            FailureKind::Input
            | FailureKind::Pictures
            | FailureKind::Device
            | FailureKind::Diverged
            | FailureKind::Bug => false,
        };
        let running = self.running.get_value().filter(|_| is_due)?;
        let less = running.with_less_work(true)?;
        let sentence = wording::of_next_batch(&running, &less);
        self.show_with_pace(less);
        Some(sentence)
    }

    /// Starts another worker, with less of the graphics device or on the processor. False if there is nothing less to try.
    pub(super) fn use_less(self, refusal: Refusal) -> bool {
        let Some(next) = self.preference.with_value(|preference| preference.after(refusal)) else { return false };
        self.begin_again(next, Duration::ZERO);
        true
    }

    /// Fills in settings that a run had, but for how much of the time it works: that may have been changed meanwhile.
    pub(super) fn show_with_pace(self, mut config: RunConfig) {
        config.output.idle_share = self.config.with_untracked(|form| form.output.idle_share);
        self.show_settings(config);
    }

    /// Starts another worker. What was started goes on with it.
    fn begin_again(self, preference: DevicePreference, after: Duration) {
        self.client.with_value(|client| client.iter().for_each(Client::terminate));
        self.wants_download.set(false);
        let phase = self.phase.get_untracked();
        if phase.is_active() {
            self.phase.set(Phase::Idle);
            if phase != Phase::Stopping {
                self.return_to_own_pictures();
                self.intent.set(self.started_as.get_value());
            }
        }
        self.device.set(Device::Looking);
        self.has_begun_again.set_value(true);
        let connections = self.connections.get_value();
        // Later, because it replaces the client that is calling this. The visitor may have chosen another device by then.
        let connect = move || {
            if self.connections.get_value() == connections {
                self.connect(preference.clone());
                // Canvases lose their pictures with the graphics device.
                self.draw_again();
            }
        };
        set_timeout(connect, after);
    }
}
