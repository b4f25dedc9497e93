//! Checkpoints: download the networks, open a file, continue from it.

use leptos::prelude::*;

use super::file_picker::{FilePicker, Pick};
use super::fresh_pictures::FreshPictures;
use crate::format;
use crate::store::{Opened, Store};

#[component]
pub fn Checkpoint() -> impl IntoView {
    let store = expect_context::<Store>();
    let can_download = move || store.phase.get().is_active() || store.latest.with(Option::is_some);
    let is_saving = move || store.wants_download.get();
    let can_generate = Memo::new(move |_| store.can_generate());
    let can_start = Memo::new(move |_| store.can_continue() && !store.is_busy());
    let text = move || {
        store.opened.with(|opened| match opened {
            Some(opened) => describe(opened),
            None if store.opening.get() => "Opening…".to_owned(),
            None => store.latest.with(|latest| match latest {
                Some(saved) => format!("The latest checkpoint is from after {} pictures.", format::short(saved.nimg)),
                None => "Both networks in one file. Drop a checkpoint on the page to continue from it.".to_owned(),
            }),
        })
    };
    let open = move |files: Vec<(String, web_sys::File)>| {
        for (name, file) in files {
            store.open_checkpoint(name, file.into());
        }
    };
    view! {
        <section class="part" aria-labelledby="checkpoint-title">
            <h2 id="checkpoint-title">"Checkpoint"</h2>
            <p class="hint" data-testid="checkpoint-summary">{text}</p>
            <div class="buttons">
                <button
                    type="button"
                    class="button"
                    data-testid="download-checkpoint"
                    aria-disabled=move || (!can_download() || is_saving()).then_some("true")
                    on:click=move |_| {
                        if can_download() && !is_saving() {
                            store.download();
                        }
                    }
                >
                    {move || if is_saving() { "Saving…" } else { "Download" }}
                </button>
                <FilePicker
                    label="Open…"
                    id="open-checkpoint"
                    pick=Pick::One { accept: ".safetensors" }
                    on_pick=open
                />
            </div>
            <Show when=move || can_start.get()>
                <p class="hint">"A new training can begin with its networks, with pictures of your own."</p>
                <div class="buttons">
                    <button
                        type="button"
                        class="button"
                        data-testid="start-from-checkpoint"
                        on:click=move |_| store.start_from_checkpoint()
                    >
                        "Start from this checkpoint"
                    </button>
                </div>
            </Show>
            <Show when=move || can_generate.get()>
                <FreshPictures />
            </Show>
        </section>
    }
}

fn describe(opened: &Opened) -> String {
    let Opened { name, config, progress, .. } = opened;
    format!(
        "{name}: {}, {} px, after {} pictures ({} steps, {}).",
        config.recipe,
        config.data.resolution,
        format::short(progress.nimg),
        format::full(progress.step),
        format::clock(progress.elapsed_secs),
    )
}
