//! The primary button (Train, Pause, Resume, …) and Stop.

use leptos::prelude::*;

use crate::store::{Intent, Phase, Store};

/// What the primary button does at the moment.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Primary {
    Train,
    Continue,
    Pause,
    Resume,
    /// Nothing can be pressed until something has ended; the label says what.
    Wait(&'static str),
}

impl Primary {
    fn now(store: Store) -> Self {
        match store.phase.get() {
            Phase::Starting => Primary::Wait("Starting…"),
            Phase::Training => Primary::Pause,
            Phase::Pausing => Primary::Wait("Pausing…"),
            Phase::Paused => Primary::Resume,
            Phase::Resuming => Primary::Wait("Resuming…"),
            Phase::Stopping => Primary::Wait("Stopping…"),
            Phase::Idle | Phase::Finished(_) | Phase::Broken => match store.intent.get() {
                Intent::Train | Intent::Continue | Intent::FromCheckpoint | Intent::FromStarter => {
                    Primary::Wait("Getting ready…")
                }
                Intent::Nothing if store.can_continue() => Primary::Continue,
                Intent::Nothing => Primary::Train,
            },
        }
    }

    fn label(self) -> &'static str {
        match self {
            Primary::Train => "Train",
            Primary::Continue => "Continue training",
            Primary::Pause => "Pause",
            Primary::Resume => "Resume",
            Primary::Wait(label) => label,
        }
    }

    fn id(self) -> &'static str {
        match self {
            Primary::Train => "train",
            Primary::Continue => "continue",
            Primary::Pause => "pause",
            Primary::Resume => "resume",
            Primary::Wait(_) => "wait",
        }
    }

    /// An SVG path in a box of 16 x 16.
    fn icon(self) -> &'static str {
        match self {
            Primary::Train | Primary::Continue | Primary::Resume => "M4 2l10 6-10 6z",
            Primary::Pause => "M3 2h4v12H3zM9 2h4v12H9z",
            Primary::Wait(_) => "M2 7h3v3H2zM6.5 7h3v3h-3zM11 7h3v3h-3z",
        }
    }

    fn act(self, store: Store) {
        match self {
            Primary::Train => store.train(),
            Primary::Continue => store.continue_training(),
            Primary::Pause => store.pause(),
            Primary::Resume => store.resume(),
            Primary::Wait(_) => {}
        }
    }
}

#[component]
pub fn Controls() -> impl IntoView {
    let store = expect_context::<Store>();
    let primary = Memo::new(move |_| Primary::now(store));
    let waits = move || matches!(primary.get(), Primary::Wait(_));
    let can_stop = move || store.is_busy() && store.phase.get() != Phase::Stopping;
    // One element for all states, so that the focus stays on it. Never `disabled`: that would lose the focus.
    view! {
        <div class="controls">
            <button
                type="button"
                class="button primary"
                data-testid=move || primary.get().id()
                aria-disabled=move || waits().then_some("true")
                aria-busy=move || waits().then_some("true")
                on:click=move |_| primary.get_untracked().act(store)
            >
                <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
                    <path d=move || primary.get().icon() />
                </svg>
                <span>{move || primary.get().label()}</span>
            </button>
            <button
                type="button"
                class="button"
                data-testid="stop"
                aria-disabled=move || (!can_stop()).then_some("true")
                on:click=move |_| store.stop()
            >
                "Stop"
            </button>
        </div>
    }
}
