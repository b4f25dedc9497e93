//! The scores of the pictures: a chart of the one that the best checkpoint is chosen by, and the newest values of all.

use leptos::prelude::*;

use super::chart::{Chart, Line};
use crate::scores::ScoreHistory;
use crate::store::Store;

const LINES: &[Line] = &[("score", "--accent")];

#[component]
pub fn ScoreChart() -> impl IntoView {
    let store = expect_context::<Store>();
    let has_scores = Memo::new(move |_| !store.scores.with(ScoreHistory::is_empty));
    view! {
        <Show when=move || has_scores.get()>
            <Scores />
        </Show>
    }
}

#[component]
fn Scores() -> impl IntoView {
    let store = expect_context::<Store>();
    let columns = Signal::derive(move || store.scores.with(ScoreHistory::leading).into());
    let name = move || store.scores.with(|scores| scores.leading_name().unwrap_or_default().to_owned());
    let newest = move || store.scores.with(ScoreHistory::newest_in_words);
    let rows = move || newest().into_iter().map(|row| view! { <li>{row}</li> }).collect_view();
    let best = Memo::new(move |_| store.best.with(|best| best.as_ref().map(|best| best.why.clone())));
    let can_download =
        Memo::new(move |_| store.best.with(|best| best.as_ref().is_some_and(|best| best.saved.is_some())));
    view! {
        <section class="part losses" aria-labelledby="scores-title">
            <h2 id="scores-title">"Scores"</h2>
            <p class="legend"><span class="key generator">{move || format!("{} (lower is better)", name())}</span></p>
            <details class="what">
                <summary>"what is this?"</summary>
                <p>
                    "A network that nothing here learns from compares the drawn pictures with real ones. fd and kid are \
                     distances: lower is better. precision says how many pictures look real, recall how much of the real \
                     variety is drawn. After ± is the standard error: smaller differences may be chance. Names that end in \
                     train compare with the pictures of the training, and then copies of them score well."
                </p>
            </details>
            <div class="chart"><Chart columns lines=LINES dots=true name="scores" /></div>
            <ul class="hint" data-testid="scores">{rows}</ul>
            <Show when=move || best.get().is_some()>
                <p class="hint" data-testid="best">{move || best.get()}</p>
            </Show>
            <Show when=move || can_download.get()>
                <div class="buttons">
                    <button
                        type="button"
                        class="button"
                        data-testid="download-best"
                        on:click=move |_| store.download_best()
                    >
                        "Download the best"
                    </button>
                </div>
            </Show>
        </section>
    }
}
