//! Numbers of the run: pictures seen, speed, time. Each has room for its widest value, so nothing moves when it changes.

use js_sys::Date;
use leptos::prelude::*;
use std::time::Duration;

use crate::format;
use crate::store::{Phase, Store};

/// The two that matter most: pictures seen, and speed.
#[component]
pub fn Headline() -> impl IntoView {
    let store = expect_context::<Store>();
    let seen = Memo::new(move |_| store.progress.with(|progress| progress.nimg));
    let speed = Memo::new(move |_| match store.phase.get() {
        Phase::Training | Phase::Pausing => store.progress.with(|progress| progress.images_per_sec),
        _ => 0.0,
    });
    view! {
        <p class="headline">
            <span class="seen" data-testid="images-seen" data-value=move || seen.get()>
                {move || format!("{} seen", format::short(seen.get()))}
            </span>
            <span class="speed" data-testid="speed" data-value=move || speed.get() title="Pictures per second">
                {move || format::per_second(speed.get())}
            </span>
        </p>
    }
}

/// The rest, in a row under the timeline.
#[component]
pub fn Clocks() -> impl IntoView {
    let store = expect_context::<Store>();
    tick_while_training(store);
    let epoch = move || store.progress.with(|progress| format!("epoch {:.1}", progress.epoch));
    let step = move || store.progress.with(|progress| format!("step {}", format::full(progress.step)));
    let elapsed = move || store.progress.with(|progress| progress.elapsed_secs) + store.since_progress.get();
    let remaining = move || {
        let secs = store.progress.with(|progress| progress.remaining_secs);
        match (secs, store.phase.get()) {
            (Some(secs), Phase::Training | Phase::Paused | Phase::Pausing | Phase::Resuming) => {
                format!("{} left", format::duration(secs - store.since_progress.get()))
            }
            _ => String::new(),
        }
    };
    view! {
        <p class="clocks">
            <span data-testid="epoch" title="Passes through the pictures">{epoch}</span>
            <span data-testid="step" title="Updates of both networks">{step}</span>
            <span data-testid="elapsed" title="Time spent training">{move || format::clock(elapsed())}</span>
            <span data-testid="remaining">{remaining}</span>
        </p>
    }
}

/// Counts the seconds between two ticks of a run. The timer exists only while a run is training.
fn tick_while_training(store: Store) {
    let clock = StoredValue::new(None::<IntervalHandle>);
    Effect::new(move |_| {
        if let Some(clock) = clock.try_update_value(Option::take).flatten() {
            clock.clear();
        }
        if store.phase.get() == Phase::Training {
            let tick = move || store.since_progress.set((Date::now() - store.progress_at.get_value()) / 1000.0);
            clock.set_value(set_interval_with_handle(tick, Duration::from_secs(1)).ok());
        } else {
            store.since_progress.set(0.0);
        }
    });
}
