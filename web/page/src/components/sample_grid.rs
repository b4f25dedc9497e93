//! The generated pictures, and a caption that says what drew them.

use leptos::{html, prelude::*};

use crate::store::{Fresh, Origin, Phase, Samples, Store};
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
        store.samples.with(|samples| {
            let Some(Samples { grid, .. }) = samples else { return };
            if draw::draw_grid(&canvas, grid, grid.columns, GAP).is_err() {
                let text = "The new pictures could not be drawn. Training is not affected.";
                store.notices.show(Tone::Warning, text, &[]);
            }
        });
    });
    let caption = move || store.samples.with(|samples| samples.as_ref().map_or_else(String::new, caption));
    let step = move || store.samples.with(|samples| samples.as_ref().and_then(own_step));
    view! {
        <figure class="samples" class:empty=move || !has_samples.get()>
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
            <figcaption data-testid="grid-caption">{caption}</figcaption>
        </figure>
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
