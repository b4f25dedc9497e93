//! Pause, go on, draw and stop, for a run that is watched.

use leptos::{html, prelude::*};

use crate::store::{Phase, Store};
use crate::watch::Watching;

/// What the first button does at the moment.
#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    Pause,
    Resume,
    /// Nothing, until something has happened; the label says what.
    Wait(&'static str),
}

impl First {
    fn now(store: Store) -> Self {
        match store.phase.get() {
            Phase::Training => First::Pause,
            Phase::Paused => First::Resume,
            Phase::Pausing => First::Wait("Pausing…"),
            Phase::Resuming => First::Wait("Resuming…"),
            Phase::Stopping => First::Wait("Stopping…"),
            Phase::Starting | Phase::Idle | Phase::Finished(_) | Phase::Broken => First::Wait("Pause"),
        }
    }

    fn label(self) -> &'static str {
        match self {
            First::Pause => "Pause",
            First::Resume => "Resume",
            First::Wait(label) => label,
        }
    }

    fn id(self) -> &'static str {
        match self {
            First::Pause => "pause",
            First::Resume => "resume",
            First::Wait(_) => "wait",
        }
    }

    /// An SVG path in a box of 16 x 16.
    fn icon(self) -> &'static str {
        match self {
            First::Resume => "M4 2l10 6-10 6z",
            First::Pause | First::Wait(_) => "M3 2h4v12H3zM9 2h4v12H9z",
        }
    }

    fn act(self, store: Store) {
        match self {
            First::Pause => store.pause(),
            First::Resume => store.resume(),
            First::Wait(_) => {}
        }
    }
}

#[component]
pub fn WatchedControls() -> impl IntoView {
    let store = expect_context::<Store>();
    let watching = expect_context::<Watching>();
    let first = Memo::new(move |_| First::now(store));
    let can_ask = Memo::new(move |_| watching.can_ask() && store.phase.get().is_active());
    let waits = move || !can_ask.get() || matches!(first.get(), First::Wait(_));
    let can_stop = move || can_ask.get() && store.phase.get() != Phase::Stopping;
    // Never `disabled`: that would lose the focus.
    view! {
        <div class="controls">
            <button
                type="button"
                class="button primary"
                data-testid=move || first.get().id()
                aria-disabled=move || waits().then_some("true")
                on:click=move |_| {
                    if can_ask.get_untracked() {
                        first.get_untracked().act(store);
                    }
                }
            >
                <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
                    <path d=move || first.get().icon() />
                </svg>
                <span>{move || first.get().label()}</span>
            </button>
            <button
                type="button"
                class="button"
                data-testid="sample"
                title="Draws the samples of this moment, also into the run's folder."
                aria-disabled=move || (!can_ask.get()).then_some("true")
                on:click=move |_| {
                    if can_ask.get_untracked() {
                        watching.sample(store);
                    }
                }
            >
                "Draw"
            </button>
            <button
                type="button"
                class="button"
                data-testid="stop"
                aria-disabled=move || (!can_stop()).then_some("true")
                on:click=move |_| {
                    if untrack(can_stop) {
                        watching.asks_stop.set(true);
                    }
                }
            >
                "Stop"
            </button>
        </div>
    }
}

/// A click is not enough to end a training of weeks.
#[component]
pub fn AskStop() -> impl IntoView {
    let store = expect_context::<Store>();
    let watching = expect_context::<Watching>();
    let is_asked = Memo::new(move |_| {
        watching.asks_stop.get()
            && watching.can_ask()
            && store.phase.get().is_active()
            && store.phase.get() != Phase::Stopping
    });
    view! {
        <Show when=move || is_asked.get()>
            <Question />
        </Show>
    }
}

#[component]
fn Question() -> impl IntoView {
    let store = expect_context::<Store>();
    let asks = expect_context::<Watching>().asks_stop;
    let no = NodeRef::<html::Button>::new();
    // The focus goes to the answer that changes nothing.
    Effect::new(move |_| {
        if let Some(no) = no.get() {
            let _ = no.focus();
        }
    });
    view! {
        <div class="confirm" role="group" aria-label="End the run?">
            <p>"End the run? It saves a checkpoint first, and the command that began it goes on with it."</p>
            <div class="buttons">
                <button
                    type="button"
                    class="button"
                    data-testid="confirm"
                    on:click=move |_| {
                        asks.set(false);
                        store.stop();
                    }
                >
                    "End it"
                </button>
                <button
                    type="button"
                    class="button"
                    data-testid="keep"
                    node_ref=no
                    on:click=move |_| asks.set(false)
                >
                    "Let it train"
                </button>
            </div>
        </div>
    }
}
