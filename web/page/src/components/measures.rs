//! A chart of what the visitor chooses among all that a run measures.

use leptos::prelude::*;

use super::chart::Chart;
use crate::measures::{MEASURES, Measure};
use crate::store::Store;

#[component]
pub fn Measures() -> impl IntoView {
    let store = expect_context::<Store>();
    let chosen = RwSignal::new(0);
    let measure = move || &MEASURES[chosen.get()];
    let columns_of = move |measure: &Measure| {
        store.losses.with(|losses| store.scores.with(|scores| measure.columns(losses, scores, false)))
    };
    let is_empty = Memo::new(move |_| columns_of(measure())[0].is_empty());
    let chart = move || {
        let measure = measure();
        // Of this measure: a chart that is about to go has no place for another one's lines.
        let columns = Signal::derive(move || columns_of(measure));
        view! { <Chart columns lines=measure.in_colours() dots=measure.is_sparse() name=measure.id /> }
    };
    view! {
        <section class="part losses" aria-labelledby="measures-title">
            <h2 id="measures-title">"More lines"</h2>
            <p class="legend">{move || measure().legend()}</p>
            <details class="what">
                <summary>"what is this?"</summary>
                <p data-testid="measure-what">{move || measure().what}</p>
            </details>
            <MeasureChoice chosen id="measure" />
            <div class="chart" class:empty=move || is_empty.get()>
                {chart}
                <Show when=move || is_empty.get()>
                    <p class="hint">"Nothing of this has been measured yet."</p>
                </Show>
            </div>
        </section>
    }
}

/// Which of them is drawn.
#[component]
pub fn MeasureChoice(chosen: RwSignal<usize>, id: &'static str) -> impl IntoView {
    let option = |(index, measure): (usize, &Measure)| view! { <option value=index>{measure.title}</option> };
    view! {
        <select
            aria-label="What is drawn"
            data-testid=id
            prop:value=move || chosen.get().to_string()
            on:change=move |event| {
                let index = event_target_value(&event).parse().ok();
                chosen.set(index.filter(|index| *index < MEASURES.len()).unwrap_or(0));
            }
        >
            {MEASURES.iter().enumerate().map(option).collect_view()}
        </select>
    }
}

impl Measure {
    /// The key to its lines.
    fn legend(&self) -> impl IntoView + use<> {
        let keys = ["generator", "discriminator"];
        let line = |(line, key)| view! { <span class=format!("key {key}")>{line}</span> };
        self.lines.iter().map(|line| line.label).zip(keys).map(line).collect_view()
    }
}
