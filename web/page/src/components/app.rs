//! The whole page.

use leptos::{ev, prelude::*};
use whelp::session::DevicePreference;

use super::checkpoint::Checkpoint;
use super::controls::Controls;
use super::drop_overlay::DropOverlay;
use super::header::Header;
use super::loss_chart::LossChart;
use super::notice_list::NoticeList;
use super::numbers::{Clocks, Headline};
use super::pictures::Pictures;
use super::sample_grid::SampleGrid;
use super::score_chart::ScoreChart;
use super::settings::Settings;
use super::status_line::StatusLine;
use super::timeline::Timeline;
use crate::store::Store;

#[component]
pub fn App() -> impl IntoView {
    let store = Store::new();
    provide_context(store);
    store.connect(DevicePreference::Auto);
    guard_against_leaving(store);
    view! {
        <Header />
        <main class="layout">
            <section class="stage" aria-label="Generated pictures and training">
                <SampleGrid />
                <div class="deck">
                    <Controls />
                    <Headline />
                </div>
                <Timeline />
                <Clocks />
                <StatusLine />
            </section>
            <div class="panel">
                <Pictures />
                <Settings />
                <Checkpoint />
                <LossChart />
                <ScoreChart />
            </div>
        </main>
        <NoticeList />
        <DropOverlay />
    }
}

/// Closing the tab would end a run, so the browser asks first.
fn guard_against_leaving(store: Store) {
    let _ = window_event_listener(ev::beforeunload, move |event| {
        if store.phase.get_untracked().is_active() {
            event.prevent_default();
        }
    });
}
