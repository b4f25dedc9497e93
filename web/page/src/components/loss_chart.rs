//! The chart of both losses.

use leptos::prelude::*;
use whelp::history::History;
use whelp::series::{LOSS_D, LOSS_G};

use super::chart::{Chart, Line};
use crate::store::Store;

const LINES: &[Line] = &[("generator", "--accent"), ("discriminator", "--muted")];

#[component]
pub fn LossChart() -> impl IntoView {
    let store = expect_context::<Store>();
    let is_empty = Memo::new(move |_| store.losses.with(History::is_empty));
    // For tests, which cannot read numbers from a canvas.
    let newest = move || {
        let newest = store.losses.with(|losses| losses.newest([LOSS_D, LOSS_G]));
        newest.map(|(step, [d, g])| format!("{step} {d} {g}"))
    };
    let columns = Signal::derive(move || {
        let (steps, [g, d]) = store.losses.with(|losses| losses.columns([LOSS_G, LOSS_D]));
        vec![steps, g, d]
    });
    view! {
        <section class="part losses" aria-labelledby="losses-title">
            <h2 id="losses-title">"Losses"</h2>
            <p class="legend">
                <span class="key generator">"generator (draws pictures)"</span>
                <span class="key discriminator">"discriminator (spots them)"</span>
            </p>
            <details class="what">
                <summary>"what is this?"</summary>
                <p>
                    "Two networks compete. The generator draws pictures, and the discriminator tries to tell them \
                     from real ones. Each line is one network's loss: lower is better for that network, and when one \
                     line falls, the other tends to rise. Neither line says how good the pictures are: look at them."
                </p>
            </details>
            <div class="chart" class:empty=move || is_empty.get() data-testid="loss-chart" data-newest=newest>
                <Chart columns lines=LINES dots=false name="losses" />
                <Show when=move || is_empty.get()>
                    <p class="hint">"Both losses appear here during training."</p>
                </Show>
            </div>
        </section>
    }
}
