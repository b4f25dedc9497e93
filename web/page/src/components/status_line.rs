//! One plain sentence about the state of the page.

use leptos::prelude::*;

use crate::status::{Outlook, Situation, sentence};
use crate::store::{Data, Phase, Store};
use crate::{format, health};

#[component]
pub fn StatusLine() -> impl IntoView {
    let store = expect_context::<Store>();
    // Progress changes with every tick, but a screen reader reads the sentence whenever it changes. So only what the
    // sentence really shows is taken from the progress.
    let seen = Memo::new(move |_| match store.phase.get() {
        Phase::Finished(_) => store.progress.with(|progress| format::short(progress.nimg)),
        _ => String::new(),
    });
    let outlook =
        Memo::new(move |_| store.progress.with(|progress| Outlook::after(progress.nimg, store.is_warm.get())));
    let loading = Memo::new(move |_| store.loading.with(|l| l.as_ref().map(|loading| loading.name.clone())));
    // While nothing is trained, only what is wrong is worth a word.
    let health = Memo::new(move |_| {
        let trains = store.phase.get() == Phase::Training;
        store.diagnosis.with(|told| health::sentence(told.as_ref().filter(|told| trains || told.is_alarm())?))
    });
    let status = Memo::new(move |_| {
        sentence(&Situation {
            device: store.device.get(),
            phase: store.phase.get(),
            intent: store.intent.get(),
            loading: loading.get(),
            data: store.data.with(|data| data.as_ref().map(Data::name)),
            opened: store.opened.with(|opened| opened.as_ref().map(|opened| opened.name.clone())),
            outlook: outlook.get(),
            seen: seen.get(),
            can_continue: store.can_continue(),
            health: health.get(),
            judged: store.judging.get().map(|(done, total)| format::count_of(done, total)),
            fetched: store.fetching.get().map(|(done, total)| format::part_of(done, total)),
        })
    });
    // Counts that run are not read aloud, one after the other.
    let is_counting = Memo::new(move |_| {
        let counts = store.judging.with(Option::is_some) || store.fetching.with(Option::is_some);
        counts && store.phase.get() == Phase::Starting
    });
    let live = move || if is_counting.get() { "off" } else { "polite" };
    view! { <p class="status" role="status" aria-live=live data-testid="status">{status}</p> }
}
