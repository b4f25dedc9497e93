//! What a first visitor can do here, in four steps that are done and not read about. It never blocks: whatever the visitor does
//! first, the step that it belongs to is done.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use crate::store::{Phase, Store};
use crate::theme;
use crate::view::View;

/// Under which the browser remembers that there is no more tour.
const KEY: &str = "whelp-tour";

/// How long a training is watched, in seconds.
const WATCHED_SECS: f64 = 60.0;

/// A name, and what to do.
const STEPS: [(&str, &str); 4] = [
    (
        "Train",
        "Press Train. One network begins to draw, another one tells its pictures from real ones, and both learn from that.",
    ),
    (
        "Watch a minute",
        "Noise becomes colours, then shapes. The slider under the pictures leads back to the beginning.",
    ),
    (
        "Your pictures",
        "Press Stop. Then drop a folder of pictures anywhere on the page, or choose one under Pictures. They stay on this device.",
    ),
    (
        "Play",
        "Open Play, at the top. Click a picture to see it large and to walk to its neighbours; mark those that you like.",
    ),
];

const END: &str = "That was the tour. Your runs are kept under Runs, and ? lists the keys.";

#[component]
pub fn Tour() -> impl IntoView {
    let store = expect_context::<Store>();
    let is_over = RwSignal::new(theme::is_chosen(KEY));
    let done = RwSignal::new([false; STEPS.len()]);
    let current = Memo::new(move |_| done.get().iter().position(|is_done| !is_done));
    let finish = move |step: usize| {
        if !done.get_untracked()[step] {
            done.update(|done| done[step] = true);
        }
    };
    let facts = Memo::new(move |_| {
        let trains = store.phase.get() == Phase::Training;
        let is_watched = store.progress.with(|progress| progress.elapsed_secs >= WATCHED_SECS);
        let has_own = store.data.with(|data| data.as_ref().is_some_and(|data| !data.is_builtin));
        [trains, trains && is_watched, has_own, store.view.get() == View::Play]
    });
    Effect::new(move |_| {
        for (step, _) in facts.get().into_iter().enumerate().filter(|(_, is_true)| *is_true) {
            finish(step);
        }
    });
    Effect::new(move |_| {
        if current.get().is_none() {
            theme::choose(KEY, true);
        }
    });
    let close = move |_| {
        theme::choose(KEY, true);
        is_over.set(true);
        // The button that had the focus is gone.
        let train = document().query_selector(".button.primary").ok().flatten();
        if let Some(train) = train.and_then(|train| train.dyn_into::<HtmlElement>().ok()) {
            let _ = train.focus();
        }
    };
    let step = move |(index, (name, _)): (usize, (&'static str, &'static str))| {
        let is_current = move || current.get() == Some(index);
        view! {
            <li class:done=move || done.get()[index] aria-current=move || is_current().then_some("step")>
                {name}
                <Show when=move || done.get()[index]>
                    <span class="unseen">", done"</span>
                </Show>
            </li>
        }
    };
    let words = move || current.get().map_or(END, |step| STEPS[step].1);
    let label = move || if current.get().is_some() { "No tour" } else { "Close" };
    view! {
        <Show when=move || !is_over.get()>
            <section class="tour" aria-labelledby="tour-title" data-testid="tour">
                <h2 id="tour-title">"First time here?"</h2>
                <ol>{STEPS.into_iter().enumerate().map(step).collect_view()}</ol>
                <p role="status" data-testid="tour-step">{words}</p>
                <div class="buttons small">
                    <Show when=move || current.get().is_some()>
                        <button
                            type="button"
                            class="button"
                            data-testid="tour-skip"
                            on:click=move |_| current.get_untracked().into_iter().for_each(finish)
                        >
                            "Next"
                        </button>
                    </Show>
                    <button type="button" class="button" data-testid="tour-close" on:click=close>
                        {label}
                    </button>
                </div>
            </section>
        </Show>
    }
}
