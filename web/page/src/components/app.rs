//! The whole page.

use leptos::{ev, prelude::*};
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use whelp::session::DevicePreference;

use super::attention::Attention;
use super::checkpoint::Checkpoint;
use super::compare::{Compare, CompareStage};
use super::controls::Controls;
use super::drop_overlay::DropOverlay;
use super::header::Header;
use super::loss_chart::LossChart;
use super::measures::Measures;
use super::notice_list::NoticeList;
use super::numbers::{Clocks, Headline};
use super::pictures::Pictures;
use super::play::{Play, PlayStage};
use super::remedies::Remedies;
use super::runs::{Offer, Runs};
use super::sample_grid::SampleGrid;
use super::score_chart::ScoreChart;
use super::settings::Settings;
use super::shortcuts::Shortcuts;
use super::status_line::StatusLine;
use super::timeline::Timeline;
use super::tour::Tour;
use crate::store::Store;

#[component]
pub fn App() -> impl IntoView {
    let store = Store::new();
    provide_context(store);
    store.connect(DevicePreference::Auto);
    guard_against_leaving(store);
    watch_visibility(store);
    view! {
        <Header />
        <main class="layout">
            <section class="stage" aria-label="Generated pictures and training">
                <SampleGrid />
                <PlayStage />
                <CompareStage />
                <Offer />
                <div class="deck">
                    <Controls />
                    <Headline />
                </div>
                <Timeline />
                <Clocks />
                <StatusLine />
                <Remedies />
            </section>
            // Everything stays in place, and the style sheet shows what belongs to the view.
            <div class="panel" data-view=move || store.view.get().id()>
                <Tour />
                <Pictures />
                <Settings />
                <Checkpoint />
                <LossChart />
                <ScoreChart />
                <Measures />
                <Attention />
                <Runs />
                <Compare />
                <Play />
            </div>
        </main>
        <NoticeList />
        <Shortcuts />
        <DropOverlay />
    }
}

/// A tab that is hidden may be closed without another word.
fn watch_visibility(store: Store) {
    let on_change = Closure::<dyn Fn()>::new(move || {
        let is_hidden = document().hidden();
        store.in_sight.set(!is_hidden);
        if is_hidden { store.save_now() } else { store.look_again() }
    });
    // Every document has this event.
    let _ = document().add_event_listener_with_callback("visibilitychange", on_change.as_ref().unchecked_ref());
    on_change.forget();
}

/// Closing the tab would interrupt a run, so the browser asks first. Meanwhile the run is saved.
fn guard_against_leaving(store: Store) {
    let _ = window_event_listener(ev::beforeunload, move |event| {
        if store.phase.get_untracked().is_active() {
            store.save_now();
            event.prevent_default();
        }
    });
}
