//! Whether the network repeats pictures that it was trained on.

use leptos::{html, prelude::*};

use crate::copying::Copying;
use crate::store::{Device, Store};
use crate::{draw, format};

/// Gap between two pictures, in their own pixels.
const GAP: usize = 1;

/// Where the loaded pictures are others than the network's.
const OTHERS: &str =
    "This network is not known to be trained on these pictures, so nothing follows on whether it repeats its own.";

#[component]
pub fn CopiesFound() -> impl IntoView {
    let store = expect_context::<Store>();
    let play = store.play;
    Effect::new(move |_| {
        if let Some(drawn) = play.compared.drawn.get() {
            untrack(|| store.compare_drawn(drawn));
        }
    });
    let canvas = NodeRef::<html::Canvas>::new();
    let found = Memo::new(move |_| matches!(play.copying.get(), Copying::Found(_)));
    Effect::new(move |_| {
        let (Some(canvas), Copying::Found(pairs)) = (canvas.get(), play.copying.get()) else { return };
        // A canvas that can't be drawn on stays empty; the stage says so for all.
        let _ = draw::draw_grid(&canvas, &pairs.grid, pairs.columns, GAP);
    });
    let columns = move || match play.copying.get() {
        Copying::Found(pairs) => pairs.columns.to_string(),
        Copying::Idle | Copying::Drawing(_) | Copying::Looking(_) => String::new(),
    };
    let is_busy = Memo::new(move |_| matches!(play.copying.get(), Copying::Drawing(_) | Copying::Looking(_)));
    let can_look = Memo::new(move |_| {
        !is_busy.get() && matches!(store.device.get(), Device::Ready(_)) && store.data.with(Option::is_some)
    });
    let state = move || match play.copying.get() {
        Copying::Idle => None,
        Copying::Drawing(_) => Some("Drawing…".to_owned()),
        Copying::Looking(search) => {
            let [done, total] = [search.done, search.total].map(|count| format::full(count as u64));
            Some(format!("Looking at the loaded pictures: {done} of {total}"))
        }
        Copying::Found(pairs) if pairs.copies.of == 1 => {
            let verdict = match (pairs.copies.count, pairs.copies.closest.first()) {
                _ if !pairs.are_trainings => OTHERS,
                (Some(_), Some(pair)) if pair.is_copy => "It is so close that it counts as a copy.",
                (Some(_), Some(_)) => "It is no closer than pictures are by chance.",
                _ => "",
            };
            Some(format!("The open picture, and below it what it comes nearest to among {}. {verdict}", pairs.among))
        }
        Copying::Found(pairs) if !pairs.are_trainings => Some(format!("Compared with {}. {OTHERS}", pairs.among)),
        Copying::Found(pairs) => Some(format!("Compared with {}: {}", pairs.among, pairs.copies.in_words())),
    };
    let look = move |_| {
        if can_look.get_untracked() {
            store.look_for_copies();
        }
    };
    view! {
        <section class="part play" aria-labelledby="copies-title" data-testid="copies">
            <h2 id="copies-title">"Copies"</h2>
            <p class="hint">
                "A network can learn pictures by heart and draw them again. This draws a hundred, and looks for each among the pictures \
                 that are loaded. On a slow device it takes some minutes."
            </p>
            <div class="buttons">
                <button
                    type="button"
                    class="button"
                    data-testid="look-for-copies"
                    aria-disabled=move || (!can_look.get()).then_some("true")
                    on:click=look
                >
                    "Look for copies"
                </button>
            </div>
            <p role="status" aria-live=move || if is_busy.get() { "off" } else { "polite" } data-testid="copies-found">
                {state}
            </p>
            <figure class="pairs" style:--columns=columns hidden=move || !found.get()>
                <canvas
                    node_ref=canvas
                    data-testid="pairs"
                    role="img"
                    aria-label="The closest pairs: drawn pictures, and below each of them one that it comes nearest to"
                ></canvas>
                <figcaption class="hint">"The closest. Above: drawn. Below: what it comes nearest to."</figcaption>
            </figure>
        </section>
    }
}
