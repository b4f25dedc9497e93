//! The whole page when it watches a run of the program that serves it.

use leptos::prelude::*;

use super::advanced::Advanced;
use super::header::ThemeButton;
use super::loss_chart::LossChart;
use super::measures::Measures;
use super::notice_list::NoticeList;
use super::numbers::{Clocks, Headline};
use super::sample_grid::SampleGrid;
use super::score_chart::ScoreChart;
use super::timeline::Timeline;
use super::watched_controls::{AskStop, WatchedControls};
use crate::store::{Phase, Store};
use crate::view::View;
use crate::watch::{Beginning, Link, Watching, sentence, state_in_words};
use crate::{format, health};

#[component]
pub fn WatchedApp() -> impl IntoView {
    let store = Store::new();
    let watching = Watching::new();
    provide_context(store);
    provide_context(watching);
    watching.connect(store);
    // There is one panel, whatever the address says.
    Effect::new(move |_| {
        if store.view.get() != View::Watch {
            store.view.set(View::Watch);
        }
    });
    Effect::new(move |_| {
        let name = watching.shown.get().map_or_else(String::new, |name| format!("{name} · "));
        document().set_title(&format!("{name}Whelp"));
    });
    view! {
        <WatchedHeader />
        <main class="layout">
            <section class="stage" aria-label="Generated pictures and training">
                <SampleGrid />
                <div class="deck">
                    <WatchedControls />
                    <Headline />
                </div>
                <AskStop />
                <Timeline />
                <Clocks />
                <WatchedStatus />
            </section>
            <div class="panel">
                <WatchedRuns />
                <WatchedPictures />
                <WatchedSettings />
                <WatchedCheckpoint />
                <LossChart />
                <ScoreChart />
                <Measures />
            </div>
        </main>
        <NoticeList />
    }
}

#[component]
fn WatchedHeader() -> impl IntoView {
    let watching = expect_context::<Watching>();
    let device = move || {
        watching.beginning.with(|beginning| {
            beginning.as_ref().map_or_else(String::new, |beginning| format!("device: {}", beginning.device))
        })
    };
    view! {
        <header class="header">
            <h1>"Whelp"</h1>
            <p class="device" data-testid="device">{device}</p>
            <ThemeButton />
        </header>
    }
}

/// That somebody watches, what, and what it is doing.
#[component]
fn WatchedStatus() -> impl IntoView {
    let store = expect_context::<Store>();
    let watching = expect_context::<Watching>();
    // A screen reader reads the sentence whenever it changes, so only what it shows is taken from the progress.
    let seen = Memo::new(move |_| match store.phase.get() {
        Phase::Finished(_) | Phase::Idle => store.progress.with(|progress| format::short(progress.nimg)),
        _ => String::new(),
    });
    let health = Memo::new(move |_| store.diagnosis.with(|diagnosis| health::sentence(diagnosis.as_ref()?)));
    let status = Memo::new(move |_| {
        let host = watching.host.get();
        let failure = watching.failure.get();
        let doing = sentence(store.phase.get(), watching.is_live.get(), &seen.get(), failure.as_deref());
        match (watching.link.get(), watching.shown.get()) {
            (Link::Refused, _) => {
                "This address needs a token. Open the whole link that Whelp printed when it began.".to_owned()
            }
            (Link::Opening, _) | (Link::Open, None) => "Connecting to the program that shows the run…".to_owned(),
            (Link::Open, Some(run)) => {
                let health = health.get().filter(|_| store.phase.get() == Phase::Training);
                let health = health.map_or_else(String::new, |health| format!(" {health}"));
                format!("This page watches {run} on {host}. {doing}{health}")
            }
            (Link::Lost, Some(run)) if matches!(store.phase.get(), Phase::Finished(_) | Phase::Broken) => {
                format!("This page watched {run} on {host}. {doing} The program that showed it has ended.")
            }
            (Link::Lost, Some(run)) => {
                format!(
                    "The connection to {run} on {host} is lost, and is tried again. If the program that showed it has ended, \
                     this is the last that it told."
                )
            }
            (Link::Lost, None) => "The program that shows the run does not answer. It is asked again…".to_owned(),
        }
    });
    view! { <p class="status" role="status" aria-live="polite" data-testid="status">{status}</p> }
}

/// The runs to choose from; nothing if there is one.
#[component]
fn WatchedRuns() -> impl IntoView {
    let store = expect_context::<Store>();
    let watching = expect_context::<Watching>();
    let has_several = Memo::new(move |_| watching.runs.with(|runs| runs.len() > 1));
    let ids = move || watching.runs.with(|runs| runs.iter().map(|run| run.id.clone()).collect::<Vec<_>>());
    let row = move |id: String| {
        let id = StoredValue::new(id);
        let facts = move || {
            watching.runs.with(|runs| {
                let run = id.with_value(|id| runs.iter().find(|run| run.id == *id));
                run.map_or_else(String::new, |run| {
                    let seen = format::short(run.progress.nimg);
                    let state = state_in_words(run.state);
                    format!("{} · {} px · {seen} seen · {state}", run.recipe, run.resolution)
                })
            })
        };
        let is_shown = move || id.with_value(|id| watching.shown.with(|shown| shown.as_deref() == Some(id)));
        view! {
            <li data-testid="run">
                <button
                    type="button"
                    class="choice"
                    data-testid="show-run"
                    aria-pressed=move || is_shown().to_string()
                    on:click=move |_| watching.show(store, id.get_value())
                >
                    <strong data-testid="run-name">{id.get_value()}</strong>
                    <span class="hint" data-testid="run-facts">{facts}</span>
                </button>
            </li>
        }
    };
    view! {
        <Show when=move || has_several.get()>
            <section class="part runs" aria-labelledby="runs-title" data-testid="runs">
                <h2 id="runs-title">"Runs"</h2>
                <ul class="choices">
                    <For each=ids key=String::clone children=row />
                </ul>
            </section>
        </Show>
    }
}

/// What the run is trained on.
#[component]
fn WatchedPictures() -> impl IntoView {
    let store = expect_context::<Store>();
    let watching = expect_context::<Watching>();
    let summary = move || {
        let held_out = store.config.with(|config| config.data.validation);
        watching.beginning.with(|beginning| {
            beginning.as_ref().map_or_else(|| "Not known yet".to_owned(), |beginning| pictures(beginning, held_out))
        })
    };
    let skipped = move || {
        watching.beginning.with(|beginning| beginning.as_ref().map_or(0, |beginning| beginning.data.skipped_count))
    };
    let notes = move || {
        let notes =
            watching.beginning.with(|beginning| beginning.as_ref().map(|beginning| beginning.data.notes.clone()));
        notes.into_iter().flatten().map(|note| view! { <p class="hint">{note}</p> }).collect_view()
    };
    let left_out = move || {
        let files = match skipped() {
            1 => "1 file".to_owned(),
            count => format!("{} files", format::full(count as u64)),
        };
        format!("{files} could not be used; events.jsonl names them.")
    };
    view! {
        <section class="part pictures" aria-labelledby="pictures-title">
            <h2 id="pictures-title">"Pictures"</h2>
            <p data-testid="data-summary">{summary}</p>
            {notes}
            <Show when=move || { skipped() > 0 }>
                <p class="hint" data-testid="data-problems">{left_out}</p>
            </Show>
        </section>
    }
}

fn pictures(beginning: &Beginning, held_out: f64) -> String {
    let data = &beginning.data;
    let held_out = match whelp::data::held_out(data.count, held_out) {
        0 => String::new(),
        count => format!(" · {} held out", format::full(count as u64)),
    };
    let grey = if data.channels == 1 { " · grey" } else { "" };
    let classes = match data.classes.len() {
        0 => String::new(),
        count => format!(" · {count} classes"),
    };
    let (name, count) = (&data.name, format::pictures(data.count as u64));
    format!("{name} · {count} · {} px{grey}{classes}{held_out}", data.resolution)
}

/// The run's settings, which nobody changes here.
#[component]
fn WatchedSettings() -> impl IntoView {
    let store = expect_context::<Store>();
    let watching = expect_context::<Watching>();
    let has_begun = Memo::new(move |_| watching.beginning.with(Option::is_some));
    let recipe = move || store.config.with(|config| format!("{} · batch size {}", config.recipe, config.train.batch));
    let networks = move || {
        watching.beginning.with(|beginning| {
            let Some(beginning) = beginning else { return String::new() };
            let millions = |count: usize| format!("{:.2} M", count as f64 / 1e6);
            let (g, d) = (millions(beginning.generator_parameters), millions(beginning.discriminator_parameters));
            format!("Generator {g}, discriminator {d} parameters.")
        })
    };
    view! {
        <Show when=move || has_begun.get()>
            <section class="part settings" aria-labelledby="settings-title">
                <h2 id="settings-title">"Settings"</h2>
                <p data-testid="recipe">{recipe}</p>
                <p class="hint">{networks}</p>
                <details class="advanced" data-testid="advanced">
                    <summary>"All settings"</summary>
                    <fieldset disabled>
                        <Advanced />
                    </fieldset>
                </details>
            </section>
        </Show>
    }
}

/// The newest checkpoint, and a button for another one.
#[component]
fn WatchedCheckpoint() -> impl IntoView {
    let store = expect_context::<Store>();
    let watching = expect_context::<Watching>();
    let text = move || watching.saved.get().unwrap_or_else(|| "No checkpoint has been saved yet.".to_owned());
    let is_saving = move || watching.is_saving.get();
    let can_save = Memo::new(move |_| watching.can_ask());
    view! {
        <section class="part" aria-labelledby="checkpoint-title">
            <h2 id="checkpoint-title">"Checkpoint"</h2>
            <p class="hint path" data-testid="checkpoint-summary">{text}</p>
            <Show when=move || can_save.get()>
                <div class="buttons">
                    <button
                        type="button"
                        class="button"
                        data-testid="save"
                        aria-disabled=move || is_saving().then_some("true")
                        on:click=move |_| {
                            if !is_saving() {
                                watching.save(store);
                            }
                        }
                    >
                        {move || if is_saving() { "Saving…" } else { "Save a checkpoint now" }}
                    </button>
                </div>
            </Show>
        </section>
    }
}
