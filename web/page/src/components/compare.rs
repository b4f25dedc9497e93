//! Two kept runs side by side: their pictures on the stage, of any moment that is kept; their lines, settings and figures beside it.

use leptos::{html, prelude::*};
use std::sync::Arc;
use whelp::kept_runs::KeptRun;

use super::chart::{Chart, Line};
use super::measures::MeasureChoice;
use crate::compare::{Side, differing, incomparable, merged};
use crate::measures::MEASURES;
use crate::scores::with_error;
use crate::store::Store;
use crate::view::View;
use crate::{draw, format};

/// What the charts of the chosen measure are called.
const MEASURE_NAMES: [&str; 2] = ["compare-measure-0", "compare-measure-1"];

const LINES: &[Line] = &[("first", "--accent"), ("second", "--muted")];

/// Gap between two pictures, in their own pixels.
const GAP: usize = 1;

/// The pictures of both runs, in the place of the training's.
#[component]
pub fn CompareStage() -> impl IntoView {
    let store = expect_context::<Store>();
    let side = move |index: usize| {
        let canvas = NodeRef::<html::Canvas>::new();
        let shown = store.compare.sides[index];
        Effect::new(move |_| {
            let Some(canvas) = canvas.get() else { return };
            store.compare.with_pictures(index, |pictures| {
                if let Some((grid, _)) = pictures {
                    // A run without pictures has an empty place for them.
                    let _ = draw::draw_grid(&canvas, grid, grid.columns, GAP);
                }
            });
        });
        let caption = move || {
            let name = store.compared().map(|runs| runs[index].name.clone()).unwrap_or_default();
            match store.compare.with_pictures(index, |pictures| pictures.map(|(_, nimg)| format::short(nimg))) {
                Some(seen) => format!("{name} · after {seen} pictures"),
                None => name,
            }
        };
        view! {
            <figure>
                <div class="frame">
                    <canvas
                        node_ref=canvas
                        data-testid=format!("compare-grid-{index}")
                        role="img"
                        aria-label=move || format!("Generated pictures. {}", caption())
                        hidden=move || shown.with(Option::is_none)
                    ></canvas>
                </div>
                <figcaption data-testid=format!("compare-caption-{index}")>{caption}</figcaption>
            </figure>
        }
    };
    view! {
        <div class="samples compare-stage" hidden=move || store.view.get() != View::Compare>
            {[0, 1].map(side)}
            <Course />
        </div>
    }
}

/// Takes both runs back to what they had drawn after as many pictures.
#[component]
fn Course() -> impl IntoView {
    let store = expect_context::<Store>();
    let moments = Memo::new(move |_| store.compare.moments());
    let is_there = Memo::new(move |_| moments.with(|moments| !moments.is_empty()));
    let last = move || moments.with(|moments| moments.len().saturating_sub(1));
    let place = move || {
        let at = store.compare.at.get();
        moments.with(|moments| at.and_then(|at| moments.iter().rposition(|moment| *moment <= at))).unwrap_or(last())
    };
    let on_input = move |event| {
        let place = event_target_value(&event).parse::<usize>().ok();
        // At its end it shows the newest pictures.
        let place = place.filter(|place| *place < untrack(last));
        store.compare_at(place.and_then(|place| moments.with_untracked(|moments| moments.get(place).copied())));
    };
    let words = move || match store.compare.at.get() {
        Some(at) => format!("after {} pictures", format::short(at as u64)),
        None => "the newest pictures".to_owned(),
    };
    view! {
        <Show when=move || is_there.get()>
            <label class="variety">
                <span>"first"</span>
                <input
                    type="range"
                    data-testid="compare-course"
                    aria-label="Course of both runs"
                    aria-valuetext=words
                    min="0"
                    max=move || last().to_string()
                    step="1"
                    prop:value=move || place().to_string()
                    on:input=on_input
                />
                <span>"newest"</span>
            </label>
        </Show>
    }
}

#[component]
pub fn Compare() -> impl IntoView {
    let store = expect_context::<Store>();
    ask_for_courses(store);
    let can_compare = Memo::new(move |_| store.runs.with(|runs| runs.len() > 1));
    let is_gone = Memo::new(move |_| {
        let asked = store.compare.asked.get();
        let is_kept = |id: &String| id.is_empty() || store.runs.with(|runs| runs.iter().any(|run| run.id == *id));
        store.run_access.get().is_some() && !asked.iter().all(is_kept)
    });
    view! {
        <section class="part compare first" aria-labelledby="compare-title" data-testid="compare">
            <h2 id="compare-title">"Compare two runs"</h2>
            <Show when=move || is_gone.get()>
                <p role="status" data-testid="compare-gone">
                    "A run of this address is no longer kept on this device. Another one takes its place."
                </p>
            </Show>
            <Show
                when=move || can_compare.get()
                fallback=|| {
                    view! {
                        <p class="hint">
                            "Two runs are needed to compare. Train, then train once more with other settings or pictures."
                        </p>
                    }
                }
            >
                <Choice />
            </Show>
        </section>
        <Lines can_compare />
        <Differences can_compare />
    }
}

/// Asks for what is compared: when other runs are chosen, and when one of them is saved.
fn ask_for_courses(store: Store) {
    let wanted = Memo::new(move |_| {
        let runs = if store.view.get() == View::Compare { store.compared() } else { None };
        runs.map(|runs| runs.map(|run| (run.id, run.saved_ms)))
    });
    Effect::new(move |before: Option<Option<[(String, u64); 2]>>| {
        let now = wanted.get();
        let before = before.flatten();
        for (run, side) in now.iter().flatten().zip(store.compare.sides) {
            let is_other = side.with_untracked(|side| side.as_ref().is_none_or(|side| side.id != run.0));
            if is_other {
                side.set(None);
                store.forget_moments();
            }
            let is_saved = before.as_ref().is_none_or(|before| !before.contains(run));
            if is_other || is_saved {
                store.read_course(run.0.clone());
            }
        }
        now
    });
}

/// Which runs they are.
#[component]
fn Choice() -> impl IntoView {
    let store = expect_context::<Store>();
    let field = move |index: usize| {
        let [key, name] = [["generator", "First run"], ["discriminator", "Second run"]][index];
        let is_chosen = move |id: &str, place: usize| store.compared().is_some_and(|runs| runs[place].id == id);
        let options = move || {
            let option = |run: KeptRun| {
                let (shown, other) = (run.id.clone(), run.id.clone());
                view! {
                    <option
                        value=run.id
                        prop:selected=move || is_chosen(&shown, index)
                        disabled=move || is_chosen(&other, 1 - index)
                    >
                        {run.name}
                    </option>
                }
            };
            store.runs.get().into_iter().map(option).collect_view()
        };
        let on_change = move |event| {
            let id = event_target_value(&event);
            if let Some([first, second]) = untrack(move || store.compared()) {
                match index {
                    0 => store.compare(&id, Some(&second.id)),
                    _ => store.compare(&first.id, Some(&id)),
                }
            }
        };
        view! {
            <label>
                <span class=format!("key {key}")>{name}</span>
                <select data-testid=format!("compare-run-{index}") on:change=on_change>
                    {options}
                </select>
            </label>
        }
    };
    view! { <div class="choose">{[0, 1].map(field)}</div> }
}

/// A line of each run, by images seen.
#[component]
fn Lines(can_compare: Memo<bool>) -> impl IntoView {
    let store = expect_context::<Store>();
    let sides = move || store.compare.sides.map(|side| side.get());
    let of_losses = move |network: usize| {
        let line = move |side: Option<Arc<Side>>| side.map(|side| side.losses()[network].clone()).unwrap_or_default();
        Signal::derive(move || merged(sides().map(line)))
    };
    let [generators, discriminators] = [0, 1].map(of_losses);
    let scores = Memo::new(move |_| sides().map(|side| side.and_then(|side| side.scores())));
    let score_names = move || scores.get().map(|line| line.map(|(name, _)| name));
    let score_name = Memo::new(move |_| {
        let names = score_names();
        if incomparable(names.clone()).is_some() { None } else { names.into_iter().flatten().next() }
    });
    let no_score = Memo::new(move |_| incomparable(score_names()));
    let of_scores = Signal::derive(move || merged(scores.get().map(|line| line.unwrap_or_default().1)));
    // For tests, which cannot read numbers from a canvas.
    let points = move || {
        let counts = sides().map(|side| side.map_or(0, |side| side.losses()[0].0.len()));
        format!("{} {}", counts[0], counts[1])
    };
    let chart = move |title: &'static str, columns: Signal<Vec<Vec<f64>>>, name: &'static str, dots: bool| {
        view! {
            <section class="part compare losses" aria-label=title>
                <h3>{title}</h3>
                <div class="chart">
                    <Chart columns lines=LINES dots name across="pictures" />
                </div>
            </section>
        }
    };
    let chosen = RwSignal::new(0);
    let measured = move || {
        let measure = &MEASURES[chosen.get()];
        let lines = measure.lines.iter().enumerate().map(|(index, line)| {
            let of = move |side: Option<Arc<Side>>| {
                side.and_then(|side| side.measured(measure).into_iter().nth(index)).unwrap_or_default()
            };
            let columns = Signal::derive(move || merged(sides().map(of)));
            let name_of = move |side: Option<Arc<Side>>| side.and_then(|side| side.score_name(line));
            let reason = Memo::new(move |_| incomparable(sides().map(name_of)));
            move || match reason.get() {
                Some(reason) => view! { <p class="hint">{reason}</p> }.into_any(),
                None => chart(line.label, columns, MEASURE_NAMES[index], measure.is_sparse()).into_any(),
            }
        });
        let hint = view! { <p class="hint">{measure.what}</p> };
        (hint, lines.collect_view())
    };
    view! {
        <Show when=move || can_compare.get()>
            <div class="part compare lines" data-testid="compare-lines" data-points=points>
                <p class="hint">
                    "By pictures seen. A loss says how well one network does against the other, not how good the pictures are: \
                     for that there are the scores, and your eyes."
                </p>
                {chart("Loss of the generator", generators, "compare-generator", false)}
                {chart("Loss of the discriminator", discriminators, "compare-discriminator", false)}
                <Show when=move || score_name.get().is_some()>
                    {move || score_name.get().map(|name| view! {
                        <p class="hint">{format!("Score: {name}, lower is better.")}</p>
                    })}
                    {chart("Score", of_scores, "compare-scores", true)}
                </Show>
                {move || no_score.get().map(|reason| view! { <p class="hint" data-testid="compare-no-score">{reason}</p> })}
                <MeasureChoice chosen id="compare-measure" />
                {measured}
            </div>
        </Show>
    }
}

/// A table of what is not the same.
#[component]
fn Differences(can_compare: Memo<bool>) -> impl IntoView {
    let store = expect_context::<Store>();
    let heads = move || {
        let runs = store.compared();
        runs.map(|runs| runs.map(|run| view! { <th scope="col">{run.name}</th> }).collect_view())
    };
    let row = |(label, [first, second]): (&'static str, [String; 2])| {
        view! { <tr><th scope="row">{label}</th><td>{first}</td><td>{second}</td></tr> }
    };
    let rows = move || {
        let runs = store.compared()?;
        let figures = figures(&runs).into_iter().filter(|(_, [first, second])| first != second);
        let settings = differing([&runs[0].config, &runs[1].config]);
        Some(figures.chain(settings).map(row).collect_view())
    };
    let are_alike = Memo::new(move |_| {
        store.compared().is_some_and(|runs| differing([&runs[0].config, &runs[1].config]).is_empty())
    });
    view! {
        <Show when=move || can_compare.get()>
            <section class="part compare" aria-labelledby="differences-title">
                <h3 id="differences-title">"What differs"</h3>
                <table class="differences" data-testid="differences">
                    <thead><tr><td></td>{heads}</tr></thead>
                    <tbody>{rows}</tbody>
                </table>
                <Show when=move || are_alike.get()>
                    <p class="hint">"All settings are the same."</p>
                </Show>
            </section>
        </Show>
    }
}

/// What both runs have come to.
fn figures(runs: &[KeptRun; 2]) -> Vec<(&'static str, [String; 2])> {
    let of = |label, pick: fn(&KeptRun) -> String| (label, runs.each_ref().map(pick));
    let best = |run: &KeptRun| {
        run.best.as_ref().map_or_else(
            || "not scored".to_owned(),
            |best| format!("{} {}", best.name, with_error(best.value, best.standard_error)),
        )
    };
    vec![
        of("Trained on", pictures),
        of("Pictures seen", |run| format::full(run.progress.nimg)),
        of("Time", |run| format::clock(run.progress.elapsed_secs)),
        of("Best score", best),
    ]
}

fn pictures(run: &KeptRun) -> String {
    use whelp::kept_runs::RunPictures;
    match &run.pictures {
        RunPictures::BuiltinDogs => "the built-in dogs".to_owned(),
        RunPictures::Kept { name, .. } => name.clone(),
    }
}
