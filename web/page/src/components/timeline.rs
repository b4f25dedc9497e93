//! The progress bar of the run.

use leptos::prelude::*;

use crate::store::Store;

#[component]
pub fn Timeline() -> impl IntoView {
    let store = expect_context::<Store>();
    let fraction =
        Memo::new(move |_| store.progress.with(|progress| progress.fraction.map(|done| done.clamp(0.0, 1.0))));
    let percent = move || fraction.get().map(|done| (done * 100.0).floor());
    let words = move || percent().map_or_else(|| "no end set".to_owned(), |percent| format!("{percent} % done"));
    view! {
        <div
            class="timeline"
            role="progressbar"
            aria-label="Training"
            aria-valuemin="0"
            aria-valuemax="100"
            aria-valuenow=percent
            aria-valuetext=words
            data-testid="timeline"
        >
            <div class="done" style:width=move || format!("{:.2}%", fraction.get().unwrap_or(0.0) * 100.0)></div>
        </div>
    }
}
