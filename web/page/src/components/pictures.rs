//! The pictures to train on: the built-in dogs, or the visitor's own.

use leptos::prelude::*;
use whelp::data::held_out;

use super::check::Check;
use super::file_picker::{FilePicker, Pick};
use super::problems::Problems;
use super::strip::Strip;
use crate::format;
use crate::store::{Data, LoadStage, Loading, Store};

/// File types for the browser's file dialog. `.gz` is for packed tar archives and idx files.
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
            "Pictures that you drop now are for the next training run."
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

/// The prepared pictures kept on this device for the next visit, with a button to remove them.
#[component]
fn Kept() -> impl IntoView {
    let store = expect_context::<Store>();
    let words = move || {
        let kept = store.kept.get();
        let size = format::megabytes(kept.bytes);
        match kept.count {
            1 => format!("1 prepared set of pictures ({size}) is kept for your next visit. "),
            count => format!("{count} prepared sets of pictures ({size}) are kept for your next visit. "),
        }
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

/// The progress of reading pictures, with a button to cancel it.
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
