//! The generated pictures, and a caption that says what drew them.

use leptos::{html, prelude::*};
use std::time::Duration;

use crate::store::{Fresh, Origin, Phase, Samples, Store};
use crate::view::View;
use crate::{draw, format, notices::Tone};

/// Gap between two pictures, in their own pixels.
const GAP: usize = 1;

#[component]
pub fn SampleGrid() -> impl IntoView {
    let store = expect_context::<Store>();
    let canvas = NodeRef::<html::Canvas>::new();
    let has_samples = Memo::new(move |_| store.samples.with(Option::is_some));
    Effect::new(move |_| {
        let Some(canvas) = canvas.get() else { return };
        on_show(store, |samples| {
            let Some(Samples { grid, .. }) = samples else { return };
            if draw::draw_grid(&canvas, grid, grid.columns, GAP).is_err() {
                let text = "The new pictures could not be drawn. Training is not affected.";
                store.notices.show(Tone::Warning, text, &[]);
            }
        });
    });
    let caption = move || on_show(store, |samples| samples.map_or_else(String::new, caption));
    let step = move || on_show(store, |samples| samples.and_then(own_step));
    view! {
        <figure
            class="samples"
            class:empty=move || !has_samples.get()
            hidden=move || matches!(store.view.get(), View::Play | View::Compare)
        >
            <div class="frame">
                <canvas
                    node_ref=canvas
                    data-testid="grid"
                    data-step=step
                    role="img"
                    aria-label=move || format!("Generated pictures. {}", caption())
                    hidden=move || !has_samples.get()
                ></canvas>
                <Show when=move || !has_samples.get()>
                    <Placeholder />
                </Show>
            </div>
            <figcaption>
                <span data-testid="grid-caption">{caption}</span>
                <Course />
            </figcaption>
        </figure>
    }
}

/// The pictures on show: the newest, or a snapshot of the training's course.
fn on_show<R>(store: Store, read: impl FnOnce(Option<&Samples>) -> R) -> R {
    match store.looking_at.get() {
        Some(at) => store.snapshots.with(|snapshots| read(snapshots.get(at))),
        None => store.samples.with(|samples| read(samples.as_ref())),
    }
}

/// How long each snapshot is seen.
const SNAPSHOT: Duration = Duration::from_millis(160);

/// The course of the training: a slider through its snapshots, and a button that plays them.
#[component]
fn Course() -> impl IntoView {
    let store = expect_context::<Store>();
    let count = Memo::new(move |_| store.snapshots.with(|snapshots| snapshots.len()));
    let is_there = Memo::new(move |_| count.get() > 1);
    let plays = RwSignal::new(false);
    let clock = StoredValue::new(None::<IntervalHandle>);
    Effect::new(move |_| {
        if let Some(clock) = clock.try_update_value(Option::take).flatten() {
            clock.clear();
        }
        if plays.get() && is_there.get() {
            clock.set_value(set_interval_with_handle(move || store.step_timeline(), SNAPSHOT).ok());
        }
    });
    // Pictures that were asked for are to be seen, and not the film over them.
    Effect::new(move |_| {
        if store.samples.with(|samples| samples.as_ref().is_some_and(|it| matches!(it.origin, Origin::Fresh(_)))) {
            plays.set(false);
        }
    });
    let last = move || count.get().saturating_sub(1);
    let on_input = move |event| {
        plays.set(false);
        let at = event_target_value(&event).parse::<usize>().ok();
        // At its end the slider follows the training.
        store.looking_at.set(at.filter(|at| *at < untrack(last)));
    };
    view! {
        <Show when=move || is_there.get()>
            <span class="course">
                <input
                    type="range"
                    data-testid="course"
                    aria-label="Course of the training"
                    aria-valuetext=move || on_show(store, |samples| samples.map_or_else(String::new, caption))
                    min="0"
                    max=move || last().to_string()
                    step="1"
                    prop:value=move || store.looking_at.get().unwrap_or(last()).to_string()
                    on:input=on_input
                />
                <button
                    type="button"
                    class="dismiss"
                    data-testid="play-course"
                    aria-label=move || if plays.get() { "Stop the film" } else { "Play the course of the training" }
                    on:click=move |_| {
                        plays.update(|plays| *plays = !*plays);
                        if !plays.get_untracked() {
                            store.looking_at.set(None);
                        }
                    }
                >
                    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
                        <path d=move || if plays.get() { "M3 3h10v10H3z" } else { "M4 2l10 6-10 6z" } />
                    </svg>
                </button>
            </span>
        </Show>
    }
}

/// Shown until there are pictures.
#[component]
fn Placeholder() -> impl IntoView {
    let store = expect_context::<Store>();
    let sentence = move || match store.phase.get() {
        phase if phase.is_active() && phase != Phase::Paused => "The first pictures are on their way.",
        _ => "Generated pictures will appear here, and improve as training goes on.",
    };
    view! {
        <div class="placeholder">
            <p>{sentence}</p>
        </div>
    }
}

fn caption(samples: &Samples) -> String {
    let seen = format::short(samples.nimg);
    match &samples.origin {
        Origin::Run => format!("After {seen} pictures"),
        Origin::Fresh(fresh) => format!("After {seen} pictures · new samples, {}", described(fresh)),
        Origin::Starter => {
            // It went on from another run, so its own count would tell too little.
            "Drawn by the starter network that comes with this page, trained on pictures of dogs".to_owned()
        }
    }
}

/// The step at which the visitor's networks drew them; none for the starter's pictures.
fn own_step(samples: &Samples) -> Option<u64> {
    (samples.origin != Origin::Starter).then_some(samples.step)
}

/// Class, seed and truncation: what is needed to draw the same pictures again.
fn described(fresh: &Fresh) -> String {
    let Fresh { seed, class, truncation_psi } = fresh;
    let class = class.as_ref().map(|name| format!("{name}, ")).unwrap_or_default();
    let truncation = if *truncation_psi < 1.0 { format!(", truncation {truncation_psi}") } else { String::new() };
    format!("{class}seed {seed}{truncation}")
}
