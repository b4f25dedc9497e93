//! The runs that the browser keeps, as a list; and the offer to go on with one that was interrupted.

use js_sys::Date;
use leptos::{ev, html, prelude::*};
use std::time::Duration;
use whelp::data::Grid;
use whelp::kept_runs::KeptRun;
use whelp::session::RunAccess;

use crate::scores::with_error;
use crate::store::{Device, Store};
use crate::view::View;
use crate::{draw, format};

/// How often the times on show are brought up to date.
const MINUTE: Duration = Duration::from_secs(60);

/// Milliseconds since 1970, as of the last minute.
#[derive(Clone, Copy)]
struct Now(RwSignal<f64>);

impl Now {
    fn new() -> Self {
        let now = RwSignal::new(Date::now());
        // It lives as long as the page.
        set_interval(move || now.set(Date::now()), MINUTE);
        Self(now)
    }

    fn since(self, ms: u64) -> String {
        format::ago((self.0.get() - ms as f64) / 1000.0)
    }
}

#[component]
pub fn Runs() -> impl IntoView {
    let store = expect_context::<Store>();
    let now = Now::new();
    let ids = move || store.runs.with(|runs| runs.iter().map(|run| run.id.clone()).collect::<Vec<_>>());
    let is_shown = Memo::new(move |_| {
        store.runs.with(|runs| !runs.is_empty())
            || store.run_access.get() == Some(RunAccess::Reads)
            || store.view.get() == View::Runs
    });
    let total = move || store.runs.with(|runs| total(runs));
    let reads = Memo::new(move |_| store.run_access.get() == Some(RunAccess::Reads));
    let can_clear = Memo::new(move |_| !reads.get() && store.runs.with(|runs| !runs.is_empty()));
    let asks = RwSignal::new(false);
    view! {
        <Show when=move || is_shown.get()>
            <section class="part runs" aria-labelledby="runs-title" data-testid="runs">
                <h2 id="runs-title">"Your runs"</h2>
                <Show when=move || reads.get()>
                    <p role="status" data-testid="other-tab">
                        "Another tab of this page keeps its runs. This one shows them, and does not keep its own."
                    </p>
                </Show>
                <p class="hint">
                    <span data-testid="runs-total">{total}</span>
                    " "
                    <Show when=move || can_clear.get() && !asks.get()>
                        <button type="button" class="link" data-testid="delete-runs" on:click=move |_| asks.set(true)>
                            "Delete all"
                        </button>
                    </Show>
                </p>
                <Show when=move || can_clear.get() && asks.get()>
                    <Confirm
                        question="Delete all runs with their checkpoints and pictures?"
                        yes="Delete all"
                        on_yes=move || store.delete_runs()
                        asks
                    />
                </Show>
                <ul class="list">
                    <For each=ids key=String::clone children=move |id| view! { <Row id now reads /> } />
                </ul>
            </section>
        </Show>
    }
}

/// A question with two answers.
#[component]
fn Confirm(
    question: &'static str,
    yes: &'static str,
    on_yes: impl Fn() + Copy + 'static,
    asks: RwSignal<bool>,
) -> impl IntoView {
    let no = NodeRef::<html::Button>::new();
    // The focus goes to the answer that changes nothing.
    Effect::new(move |_| {
        if let Some(no) = no.get() {
            let _ = no.focus();
        }
    });
    view! {
        <div class="confirm" role="group" aria-label=question>
            <p>{question}</p>
            <div class="buttons">
                <button
                    type="button"
                    class="button"
                    data-testid="confirm"
                    on:click=move |_| {
                        asks.set(false);
                        on_yes();
                    }
                >
                    {yes}
                </button>
                <button
                    type="button"
                    class="button"
                    data-testid="keep"
                    node_ref=no
                    on:click=move |_| asks.set(false)
                >
                    "Cancel"
                </button>
            </div>
        </div>
    }
}

#[component]
fn Row(id: String, now: Now, reads: Memo<bool>) -> impl IntoView {
    let store = expect_context::<Store>();
    let id = StoredValue::new(id);
    let run = Memo::new(move |before: Option<&Option<KeptRun>>| {
        let found = store.runs.with(|runs| id.with_value(|id| runs.iter().find(|run| run.id == *id).cloned()));
        // A row that is being removed shows what it was.
        found.or_else(|| before.cloned().flatten())
    });
    let of = move |pick: fn(&KeptRun) -> String| run.with(|run| run.as_ref().map(pick).unwrap_or_default());
    let name = move || of(|run| run.name.clone());
    let grid = Memo::new(move |_| run.with(|run| run.as_ref().map(|run| run.thumbnail.clone()).unwrap_or_default()));
    let is_under_way = Memo::new(move |_| id.with_value(|id| store.is_under_way(id)));
    let facts = move || {
        let saved = run.with(|run| run.as_ref().map(|run| run.saved_ms)).unwrap_or_default();
        let when = if is_under_way.get() { "training now".to_owned() } else { now.since(saved) };
        of(facts) + " · " + &when
    };
    let is_busy = move || store.is_busy();
    // Before that the form is not the visitor's: it gets the settings that suit the device.
    let is_ready = move || matches!(store.device.get(), Device::Ready(_));
    let renames = RwSignal::new(false);
    let asks = RwSignal::new(false);
    let can_change = move || !reads.get();
    let can_compare = Memo::new(move |_| store.runs.with(|runs| runs.len() > 1));
    let labelled = move |verb: &'static str| format!("{verb} {}", name());
    view! {
        <li class="run" data-testid="run">
            <Thumbnail grid />
            <div class="about">
                <Show when=move || !renames.get()>
                    <h3 data-testid="run-name">{name}</h3>
                </Show>
                <Show when=move || renames.get()>
                    <Rename
                        name=Signal::derive(name)
                        on_name=move |name| store.rename_run(id.get_value(), name)
                        renames
                    />
                </Show>
                <p class="hint" data-testid="run-facts">{facts}</p>
                <Show when=move || asks.get()>
                    <Confirm
                        question="Delete this run with its checkpoints and pictures?"
                        yes="Delete"
                        on_yes=move || store.delete_run(id.get_value())
                        asks
                    />
                </Show>
                <div class="buttons small" hidden=move || asks.get()>
                    <Show when=can_change>
                        <button
                            type="button"
                            class="button"
                            data-testid="continue-run"
                            aria-label=move || labelled("Continue")
                            disabled=is_busy
                            on:click=move |_| {
                                store.continue_run(id.get_value());
                                to_top();
                            }
                        >
                            "Continue"
                        </button>
                    </Show>
                    <button
                        type="button"
                        class="button"
                        data-testid="play-run"
                        aria-label=move || labelled("Play with")
                        disabled=move || is_busy() || !is_ready()
                        on:click=move |_| store.play_with_run(id.get_value())
                    >
                        "Play"
                    </button>
                    <button
                        type="button"
                        class="button"
                        data-testid="use-settings"
                        title="Fills the form with these settings, for a new run on the same pictures."
                        aria-label=move || labelled("Reuse settings of")
                        disabled=move || is_busy() || !is_ready()
                        on:click=move |_| {
                            id.with_value(|id| store.use_settings_of(id));
                            to_top();
                        }
                    >
                        "Reuse settings"
                    </button>
                    <Show when=move || can_compare.get()>
                        <button
                            type="button"
                            class="button"
                            data-testid="compare-run"
                            aria-label=move || labelled("Compare")
                            on:click=move |_| {
                                id.with_value(|id| store.compare(id, None));
                                to_top();
                            }
                        >
                            "Compare"
                        </button>
                    </Show>
                    <button
                        type="button"
                        class="button"
                        data-testid="download-run"
                        aria-label=move || labelled("Download")
                        on:click=move |_| store.download_run(id.get_value())
                    >
                        "Download"
                    </button>
                    <Show when=can_change>
                        <button
                            type="button"
                            class="button"
                            data-testid="rename-run"
                            aria-label=move || labelled("Rename")
                            disabled=move || renames.get()
                            on:click=move |_| renames.set(true)
                        >
                            "Rename"
                        </button>
                        <button
                            type="button"
                            class="button"
                            data-testid="delete-run"
                            aria-label=move || labelled("Delete")
                            disabled=move || is_under_way.get()
                            on:click=move |_| asks.set(true)
                        >
                            "Delete"
                        </button>
                    </Show>
                </div>
            </div>
        </li>
    }
}

/// A field for another name: Enter takes it, Escape leaves the old one.
#[component]
fn Rename(name: Signal<String>, on_name: impl Fn(String) + Copy + 'static, renames: RwSignal<bool>) -> impl IntoView {
    let field = NodeRef::<html::Input>::new();
    Effect::new(move |_| {
        if let Some(field) = field.get() {
            // Here, because a value that is set later takes the selection away.
            field.set_value(&name.get_untracked());
            let _ = field.focus();
            field.select();
        }
    });
    let submit = move |event: ev::SubmitEvent| {
        event.prevent_default();
        if let Some(field) = field.get_untracked() {
            on_name(field.value());
        }
        renames.set(false);
    };
    let leave = move |event: ev::KeyboardEvent| {
        if event.key() == "Escape" {
            renames.set(false);
        }
    };
    view! {
        <form class="rename" on:submit=submit>
            <input
                type="text"
                aria-label="Name of the run"
                maxlength="80"
                data-testid="run-name-field"
                node_ref=field
                on:keydown=leave
            />
            <button type="submit" class="button" data-testid="take-name">
                "Save"
            </button>
        </form>
    }
}

#[component]
fn Thumbnail(#[prop(into)] grid: Signal<Grid>) -> impl IntoView {
    let canvas = NodeRef::<html::Canvas>::new();
    Effect::new(move |_| {
        if let Some(canvas) = canvas.get() {
            // A run without pictures has an empty place for them.
            let _ = grid.with(|grid| draw::draw_grid(&canvas, grid, grid.columns, 0));
        }
    });
    view! { <canvas class="thumbnail" node_ref=canvas role="img" aria-label="Pictures of this run"></canvas> }
}

/// The offer to go on with a run that was interrupted, above the controls.
#[component]
pub fn Offer() -> impl IntoView {
    let store = expect_context::<Store>();
    let now = Now::new();
    let run = Memo::new(move |_| {
        let id = store.offer.get()?;
        store.runs.with(|runs| runs.iter().find(|run| run.id == id).cloned())
    });
    let is_offered = Memo::new(move |_| run.with(Option::is_some));
    let grid = Memo::new(move |_| run.with(|run| run.as_ref().map(|run| run.thumbnail.clone()).unwrap_or_default()));
    let words = move || {
        run.with(|run| {
            run.as_ref().map(|run| {
                let seen = format::short(run.progress.nimg);
                format!("{}: {seen} pictures seen, saved {}.", run.name, now.since(run.saved_ms))
            })
        })
    };
    view! {
        <Show when=move || is_offered.get()>
            <div class="offer" data-testid="offer">
                <Thumbnail grid />
                <div class="about">
                    // Without the time since, which changes every minute.
                    <p role="status">
                        <strong>"Your training was interrupted. It can go on where it was."</strong>
                    </p>
                    <p class="hint">{words}</p>
                    <div class="buttons">
                        <button
                            type="button"
                            class="button primary"
                            data-testid="go-on"
                            on:click=move |_| {
                                if let Some(id) = store.offer.get_untracked() {
                                    store.continue_run(id);
                                }
                            }
                        >
                            "Go on"
                        </button>
                        <button
                            type="button"
                            class="button"
                            data-testid="not-now"
                            on:click=move |_| store.offer.set(None)
                        >
                            "Not now"
                        </button>
                    </div>
                </div>
            </div>
        </Show>
    }
}

/// Shows the generated pictures and the controls.
pub fn to_top() {
    window().scroll_to_with_x_and_y(0.0, 0.0);
}

/// Recipe, size, pictures seen, best score, size on disk.
fn facts(run: &KeptRun) -> String {
    let seen = format::short(run.progress.nimg);
    let (recipe, resolution) = (&run.config.recipe, run.config.data.resolution);
    let best = run.best.as_ref().map_or_else(String::new, |best| {
        format!(" · best {} {}", best.name, with_error(best.value, best.standard_error))
    });
    format!("{recipe} · {resolution} px · {seen} pictures seen{best} · {}", format::megabytes(run.bytes))
}

fn total(runs: &[KeptRun]) -> String {
    let size = format::megabytes(runs.iter().map(|run| run.bytes).sum());
    match runs.len() {
        0 => "No run is kept yet.".to_owned(),
        1 => format!("1 run ({size}) is kept on this device."),
        count => format!("{count} runs ({size}) are kept on this device."),
    }
}
