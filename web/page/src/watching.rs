//! What a visitor sees who looks at a training now and then: its course as snapshots, how far it is in the tab's title, and, if
//! wanted, a screen that stays awake and a notification at the end.

use js_sys::{Function, Object, Promise, Reflect};
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use whelp::protocol::Progress;

use super::format;
use super::snapshots::Snapshots;
use super::store::{Origin, Phase, Samples, Store};

impl Store {
    /// Keeps the run's own pictures, for the timeline.
    pub(super) fn take_snapshot(self, samples: &Samples) {
        if samples.origin != Origin::Run {
            // What was asked for is to be seen.
            return self.looking_at.set(None);
        }
        self.change_snapshots(|snapshots| snapshots.push(samples.clone()));
    }

    /// Changes the timeline. The pictures that are looked at stay, or give way to the next that are left.
    pub(super) fn change_snapshots(self, change: impl FnOnce(&mut Snapshots)) {
        let at = self.looking_at.get_untracked();
        let step = at.and_then(|at| self.snapshots.with_untracked(|snapshots| snapshots.iter().nth(at).map(step_of)));
        self.snapshots.update(change);
        let now = step.and_then(|step| self.snapshots.with_untracked(|snapshots| first_from(snapshots, step)));
        if now != at {
            self.looking_at.set(now);
        }
    }

    pub(super) fn forget_snapshots(self) {
        self.looking_at.set(None);
        self.snapshots.update(|snapshots| snapshots.clear());
    }

    /// Shows the next snapshot, the first after the last.
    pub fn step_timeline(self) {
        let last = self.snapshots.with_untracked(|snapshots| snapshots.len().saturating_sub(1));
        self.looking_at.update(|at| *at = Some(at.filter(|at| *at < last).map_or(0, |at| at + 1)));
    }
}

fn step_of((_, samples): (u64, &Samples)) -> u64 {
    samples.step
}

/// The place of the first pictures of a step or later; none if those are the newest.
fn first_from(snapshots: &Snapshots, step: u64) -> Option<usize> {
    let place = snapshots.iter().position(|numbered| step_of(numbered) >= step)?;
    Some(place).filter(|place| place + 1 < snapshots.len())
}

/// The title of the tab.
pub fn title(phase: Phase, progress: &Progress) -> String {
    let far = match progress.fraction {
        Some(done) => format!("{} %", (done * 100.0).floor()),
        None => format::short(progress.nimg),
    };
    match phase {
        Phase::Idle | Phase::Starting => "Whelp".to_owned(),
        Phase::Training | Phase::Pausing | Phase::Resuming | Phase::Stopping => format!("{far} · Whelp"),
        Phase::Paused => format!("{far}, paused · Whelp"),
        Phase::Finished(_) => "Done · Whelp".to_owned(),
        Phase::Broken => "Stopped · Whelp".to_owned(),
    }
}

/// A promise that a method of the browser returns; none where it has no such method.
fn promised(of: &JsValue, path: &[&str], argument: &JsValue) -> Option<Promise> {
    let (method, objects) = path.split_last()?;
    let owner = objects.iter().try_fold(of.clone(), |owner, name| Reflect::get(&owner, &(*name).into()).ok())?;
    let method: Function = Reflect::get(&owner, &(*method).into()).ok()?.dyn_into().ok()?;
    method.call1(&owner, argument).ok()?.dyn_into().ok()
}

/// Whether the browser can keep the screen awake, and whether it has notifications.
pub fn can_do() -> [bool; 2] {
    let has = |of: &JsValue, name: &str| Reflect::has(of, &name.into()).unwrap_or(false);
    let navigator = Reflect::get(&window(), &"navigator".into()).unwrap_or_default();
    [has(&navigator, "wakeLock"), has(&window(), "Notification")]
}

/// Keeps the screen awake until what this returns is released. The browser lets go by itself when the tab is hidden.
pub fn stay_awake(lock: StoredValue<Option<JsValue>, LocalStorage>) {
    let Some(promise) = promised(&window(), &["navigator", "wakeLock", "request"], &"screen".into()) else { return };
    spawn_local(async move {
        // Refused when the battery is low: then the screen goes dark, and nothing else is lost.
        if let Ok(taken) = JsFuture::from(promise).await {
            lock.set_value(Some(taken));
        }
    });
}

/// Lets the screen go dark again.
pub fn release(lock: StoredValue<Option<JsValue>, LocalStorage>) {
    if let Some(taken) = lock.try_update_value(Option::take).flatten() {
        let _ = promised(&taken, &["release"], &JsValue::UNDEFINED);
    }
}

/// Asks whether notifications may be shown. To be called after a click.
pub fn ask_to_notify(then: impl Fn(bool) + 'static) {
    let Some(promise) = promised(&window(), &["Notification", "requestPermission"], &JsValue::UNDEFINED) else {
        return then(false);
    };
    spawn_local(async move {
        let answer = JsFuture::from(promise).await;
        then(answer.is_ok_and(|answer| answer.as_string().as_deref() == Some("granted")));
    });
}

/// Tells of the end of a training outside of the page.
pub fn notify(text: &str) {
    let options = Object::new();
    // Setting a property of a new plain object cannot fail. One of the same tag is replaced.
    let _ = Reflect::set(&options, &"body".into(), &text.into());
    let _ = Reflect::set(&options, &"tag".into(), &"whelp".into());
    if let Ok(kind) = Reflect::get(&window(), &"Notification".into()).and_then(JsCast::dyn_into::<Function>) {
        // Some phones show them from a service worker alone.
        let _ = Reflect::construct(&kind, &js_sys::Array::of2(&"Whelp".into(), &options));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use whelp::protocol::FinishReason;

    #[test]
    fn the_title_says_how_far_a_training_is() {
        let progress = Progress { nimg: 12_400, fraction: Some(0.429), ..Progress::default() };
        assert_eq!(title(Phase::Training, &progress), "42 % · Whelp");
        assert_eq!(title(Phase::Paused, &progress), "42 %, paused · Whelp");
        let endless = Progress { fraction: None, ..progress };
        assert_eq!(title(Phase::Training, &endless), "12.4\u{a0}k · Whelp");
        assert_eq!(title(Phase::Idle, &endless), "Whelp");
        assert_eq!(title(Phase::Finished(FinishReason::Completed), &endless), "Done · Whelp");
    }
}
