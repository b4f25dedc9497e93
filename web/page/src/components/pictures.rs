//! The pictures to train on: the built-in dogs, or the visitor's own.

use leptos::prelude::*;
use whelp::config::{Resolution, RunConfig};
use whelp::data::{PictureSize, held_out};
use whelp::session::RunAccess;

use super::check::Check;
use super::file_picker::{FilePicker, Pick};
use super::problems::Problems;
use super::strip::Strip;
use crate::format;
use crate::store::{Data, LoadStage, Loading, Store};

/// File types for the browser's file dialog. `.gz` is for packed tar archives and idx files.
const PICTURES_AND_ARCHIVES: &str = "image/jpeg,image/png,image/webp,image/gif,image/bmp,image/tiff,\
                                     image/avif,.avif,image/heic,.heic,.heif,image/jxl,.jxl,.zip,application/zip,\
                                     .tar,application/x-tar,.tgz,.gz,application/gzip";

#[component]
pub fn Pictures() -> impl IntoView {
    let store = expect_context::<Store>();
    let shares = move || store.config.with(|config| (config.data.validation, config.data.keep_typical));
    let summary = move || {
        store.data.with(|data| data.as_ref().map_or_else(|| "None yet".to_owned(), |data| summary(data, shares())))
    };
    let is_square = move || store.config.with(|config| config.data.resolution.is_square());
    let is_own = move || store.data.with(|data| data.as_ref().is_some_and(|data| !data.is_builtin));
    // Also where a run's pictures are gone.
    let is_not_builtin = move || {
        !store.loading.with(Option::is_some)
            && store.data.with(|data| data.as_ref().is_none_or(|data| !data.is_builtin))
    };
    let can_start = Memo::new(move |_| !store.is_busy());
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
            <Sizes />
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
                // Their networks grow in their own shape alone.
                <Show when=move || is_own() && is_square() && can_start.get()>
                    <button
                        type="button"
                        class="button"
                        data-testid="start-from-starter"
                        title="Trains networks that draw dogs already. That takes less time and fewer pictures."
                        on:click=move |_| store.start_from_starter()
                    >
                        "Start from the dogs"
                    </button>
                </Show>
                <Show when=is_not_builtin>
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

/// The squares to choose from with one click, in pixels. 28 is for idx files alone and stays with the settings.
const SIZES: [usize; 4] = [32, 64, 128, 256];

/// Why the pictures have their size, and buttons for the others.
#[component]
fn Sizes() -> impl IntoView {
    let store = expect_context::<Store>();
    let chosen = Memo::new(move |_| store.config.with(|config| config.data.resolution));
    let reason = move || {
        store.data.with(|data| {
            let size = data.as_ref().map(|data| &data.size);
            let is_opened = store
                .opened
                .with(|opened| opened.as_ref().is_some_and(|opened| opened.config.data.resolution == chosen.get()));
            let by = if is_opened { Some("the checkpoint has them") } else { None };
            let by = by.or_else(|| store.resolution_chosen.get().then_some("you chose"));
            let trains = |config: &Option<RunConfig>| {
                config.as_ref().is_some_and(|config| config.data.resolution == chosen.get())
            };
            let is_trainings = store.has_others.get() && store.running.with_value(trains);
            let by = if is_trainings { Some("the training has them") } else { by };
            store.config.with(|config| why(config, size, by))
        })
    };
    let button = move |size: Resolution| {
        view! {
            <button
                type="button"
                class="button"
                data-testid=format!("size-{size}")
                aria-pressed=move || (chosen.get() == size).to_string()
                disabled=move || store.is_busy()
                on:click=move |_| store.choose_resolution(size)
            >
                {size.to_string()}
            </button>
        }
    };
    // A size that is no square: the chosen one, or the one that suits the shape of the pictures, where the recipe can draw it.
    let other = Memo::new(move |_| {
        let suggested = store.data.with(|data| data.as_ref().and_then(|data| data.report.shape));
        let can_draw = store.config.with(|config| config.model.architecture.has_residual_generator());
        Some(chosen.get()).filter(|chosen| !chosen.is_square()).or(suggested.filter(|_| can_draw))
    });
    view! {
        <p class="hint" data-testid="picture-size">{reason}</p>
        <div class="buttons sizes" role="group" aria-label="Size of the pictures in pixels">
            {SIZES.map(Resolution::square).map(button)} {move || other.get().map(button)}
        </div>
    }
}

/// The resolution of the form and why it is that, in a sentence. `by` ends "64 pixels, as …" if something else than the pictures
/// and the recipe decides.
fn why(config: &RunConfig, suited: Option<&PictureSize>, by: Option<&str>) -> String {
    let resolution = config.data.resolution;
    match (by, suited.filter(|size| size.resolution == resolution)) {
        (Some(by), _) => PictureSize::set(resolution, by).reason,
        (None, Some(size)) => size.reason.clone(),
        (None, None) => PictureSize::set(resolution, &format!("the recipe {} has them", config.recipe)).reason,
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
    let is_full = move || {
        store.kept.with(|kept| kept.is_refused)
            && store.run_access.get().is_some_and(|access| access != RunAccess::Refused)
    };
    view! {
        <Show when=move || store.run_access.get() == Some(RunAccess::Refused)>
            <p class="hint" data-testid="not-kept">
                "This browser gives the page no storage, so nothing is kept for your next visit. Download a checkpoint before \
                 you leave."
            </p>
        </Show>
        <Show when=is_full>
            <p class="hint" data-testid="no-room">
                "There is no room to keep these pictures. To go on with a run on your next visit, choose them again."
            </p>
        </Show>
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
            <button type="button" class="button" data-testid="cancel-data" on:click=move |_| store.give_up_loading()>
                "Cancel"
            </button>
        </div>
    }
}

fn summary(data: &Data, (share, keep_typical): (f64, f64)) -> String {
    let summary = &data.summary;
    let typical = match keep_typical {
        share if share < 1.0 => format!(" · the most typical {}\u{a0}%", (share * 1000.0).round() / 10.0),
        _ => String::new(),
    };
    let held_out = match held_out(summary.count, share) {
        0 => String::new(),
        count => format!(" · {} held out", format::full(count as u64)),
    };
    format!(
        "{} · {} · {} px{held_out}{typical}",
        summary.name,
        format::pictures(summary.count as u64),
        summary.resolution
    )
}

fn words(loading: &Loading) -> String {
    match loading.stage {
        LoadStage::Finding { found } => format!("{} files found", format::full(found as u64)),
        LoadStage::Reading { total: 0, .. } => format!("Reading {}…", loading.name),
        LoadStage::Reading { done, total, .. } => {
            format!("{} read", format::count_of(done, total))
        }
    }
}

fn share(loading: &Loading) -> Option<f64> {
    match loading.stage {
        LoadStage::Finding { .. } | LoadStage::Reading { total: 0, .. } => None,
        LoadStage::Reading { done, total, .. } => Some(done as f64 / total as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use whelp::recipes;

    #[test]
    fn the_size_of_the_pictures_has_a_reason() {
        let mut config = recipes::DEFAULT.config();
        let suited = PictureSize { resolution: 64.into(), reason: "64 pixels, because I say so.".to_owned() };
        let of_recipe = format!("32 pixels, as the recipe {} has them.", recipes::DEFAULT.name);
        assert_eq!(why(&config, Some(&suited), None), of_recipe);
        config.set_resolution(64);
        assert_eq!(why(&config, Some(&suited), None), suited.reason);
        for suited in [Some(&suited), None] {
            assert_eq!(why(&config, suited, Some("you chose")), "64 pixels, as you chose.");
        }
    }
}
