//! What is trained on: the built-in dogs, or what the visitor brings.

use leptos::prelude::*;
use whelp::data::held_out;

use super::check::Check;
use super::file_picker::{FilePicker, Pick};
use super::problems::Problems;
use super::strip::Strip;
use crate::format;
use crate::store::{Data, LoadStage, Loading, Store};

/// What can be read, for the browser's file dialog. The last two are for tar archives and idx files.
const PICTURES_AND_ARCHIVES: &str = "image/jpeg,image/png,image/webp,image/gif,image/bmp,image/tiff,.zip,application/zip,\
                                     .tar,application/x-tar,.tgz,.gz,application/gzip";

#[component]
pub fn Pictures() -> impl IntoView {
    let store = expect_context::<Store>();
    let share = move || store.config.with(|config| config.data.validation);
    let summary = move || {
        store.data.with(|data| data.as_ref().map_or_else(|| "None yet".to_owned(), |data| summary(data, share())))
    };
    let is_own = move || store.data.with(|data| data.as_ref().is_some_and(|data| !data.is_builtin));
    let is_loading = Memo::new(move |_| store.loading.with(Option::is_some));
    let invitation = move || {
        if store.phase.get().is_active() {
            "Pictures dropped now are for the next training."
        } else {
            "Drop a folder, pictures, a zip or a tar anywhere on this page."
        }
    };
    view! {
        <section class="part pictures" aria-labelledby="pictures-title">
            <h2 id="pictures-title">"Pictures"</h2>
            <div class="summary">
                <p data-testid="data-summary" hidden=move || is_loading.get()>{summary}</p>
                <Show when=move || is_loading.get()>
                    <LoadProgress />
                </Show>
            </div>
            <Strip />
            <Problems />
            <Check />
            <p class="hint">
                {invitation} " " <span class="promise">"Your pictures stay on this device."</span>
            </p>
            <Kept />
            <div class="buttons">
                <FilePicker
                    label="Pictures or archive…"
                    id="pick-pictures"
                    pick=Pick::Files { accept: PICTURES_AND_ARCHIVES }
                    on_pick=move |files| store.take_files(files)
                />
                <FilePicker
                    label="Folder…"
                    id="pick-folder"
                    pick=Pick::Folder
                    on_pick=move |files| store.take_files(files)
                />
                <Show when=is_own>
                    <button
                        type="button"
                        class="button"
                        data-testid="use-builtin"
                        on:click=move |_| store.use_builtin()
                    >
                        "Built-in dogs"
                    </button>
                </Show>
            </div>
        </section>
    }
}

/// What stays on this device for the next visit, with a way to remove it.
#[component]
fn Kept() -> impl IntoView {
    let store = expect_context::<Store>();
    let words = move || {
        let kept = store.kept.get();
        let sets = if kept.count == 1 { "1 prepared set".to_owned() } else { format!("{} prepared sets", kept.count) };
        format!("{sets} of pictures kept for your next visit, {}. ", format::megabytes(kept.bytes))
    };
    view! {
        <Show when=move || { store.kept.get().count > 0 }>
            <p class="hint" data-testid="kept">
                {words}
                <button type="button" class="link" data-testid="clear-kept" on:click=move |_| store.clear_kept()>
                    "Remove"
                </button>
            </p>
        </Show>
    }
}

/// Progress of reading, with a way out.
#[component]
fn LoadProgress() -> impl IntoView {
    let store = expect_context::<Store>();
    let words = move || store.loading.with(|loading| loading.as_ref().map(words));
    let share = move || store.loading.with(|loading| loading.as_ref().and_then(share));
    view! {
        <div class="loading">
            <progress
                data-testid="data-progress"
                aria-label="Reading pictures"
                max="1"
                prop:value=move || share().unwrap_or(0.0)
            ></progress>
            <span class="words">{words}</span>
            <button type="button" class="button" data-testid="cancel-data" on:click=move |_| store.cancel_loading()>
                "Cancel"
            </button>
        </div>
    }
}

fn summary(data: &Data, share: f64) -> String {
    let summary = &data.summary;
    let held_out = match held_out(summary.count, share) {
        0 => String::new(),
        count => format!(" · {} held out", format::full(count as u64)),
    };
    format!("{} · {} · {} px{held_out}", summary.name, format::pictures(summary.count as u64), summary.resolution)
}

fn words(loading: &Loading) -> String {
    match loading.stage {
        LoadStage::Finding { found } => format!("{} files found", format::full(found as u64)),
        LoadStage::Reading { total: 0, .. } => format!("Reading {}…", loading.name),
        LoadStage::Reading { done, total, .. } => {
            format!("{} of {} read", format::full(done as u64), format::full(total as u64))
        }
    }
}

fn share(loading: &Loading) -> Option<f64> {
    match loading.stage {
        LoadStage::Finding { .. } | LoadStage::Reading { total: 0, .. } => None,
        LoadStage::Reading { done, total, .. } => Some(done as f64 / total as f64),
    }
}
