//! What is taken away from playing: pictures, films, favourites, and the generator itself.

use leptos::prelude::*;
use std::sync::Arc;
use whelp::session::SharedForm;

use crate::play::{Drawn, FilmKind, Shown, file_name};
use crate::store::Store;
use crate::video;

/// Everything that can be taken away.
#[component]
pub fn Save() -> impl IntoView {
    let store = expect_context::<Store>();
    let play = store.play;
    let on_scale = move |event| {
        if let Ok(scale) = event_target_value(&event).parse() {
            play.scale.set(scale);
        }
    };
    let scales = [1, 2, 3, 4, 5, 6, 7, 8].map(|scale: usize| {
        view! { <option value=scale.to_string() prop:selected=move || play.scale.get() == scale>{format!("{scale}x")}</option> }
    });
    let save_stage = move |_| {
        let Some(drawn) = untrack(move || play.on_stage()) else { return };
        let count = drawn.grid.count;
        let name = match (play.shown.get_untracked(), drawn.specs.as_slice()) {
            (Shown::Picture, [spec]) => file_name(spec),
            (Shown::Film, _) => format!("whelp-frame-{}", play.frame.get_untracked()),
            _ => format!("whelp-seed{}", play.seed.get_untracked()),
        };
        store.save_picture(&drawn.grid, (1..).find(|side| side * side >= count).unwrap_or(1), &name);
    };
    let has = move |drawn: RwSignal<Option<Arc<Drawn>>>| drawn.with(Option::is_some);
    let has_film = Memo::new(move |_| has(play.film.drawn) && play.favourites.with(|liked| liked.len() > 1));
    let has_liked = Memo::new(move |_| has(play.liked.drawn));
    let has_course = Memo::new(move |_| store.snapshots.with(|snapshots| snapshots.len() > 1));
    let has_video = video::is_there();
    let save_film = move |id, label, kind| {
        view! { <SaveButton id label on_save=Callback::new(move |()| store.save_film(kind)) /> }
    };
    let save_course = move |id, label, kind| {
        view! { <SaveButton id label on_save=Callback::new(move |()| store.save_training(kind)) /> }
    };
    view! {
        <section class="part play" aria-labelledby="save-title">
            <h2 id="save-title">"Save"</h2>
            <div class="buttons">
                <select
                    class="scale"
                    data-testid="scale"
                    aria-label="Pixels of the file for each pixel of a picture"
                    on:change=on_scale
                >
                    {scales}
                </select>
                <button type="button" class="button" data-testid="save-png" on:click=save_stage>
                    "What you see (PNG)"
                </button>
                <Show when=move || has_film.get()>
                    {save_film("save-gif", "The film (GIF)", FilmKind::Gif)}
                    {has_video.then(|| save_film("save-video", "The film (video)", FilmKind::Video))}
                </Show>
                <Show when=move || has_liked.get()>
                    <SaveButton
                        id="save-zip"
                        label="Favourites (zip)"
                        on_save=Callback::new(move |()| store.save_favourites())
                    />
                </Show>
                <Show when=move || has_course.get()>
                    {save_course("save-course", "The training (GIF)", FilmKind::Gif)}
                    {has_video.then(|| save_course("save-course-video", "The training (video)", FilmKind::Video))}
                </Show>
            </div>
            <p class="hint">
                "Pixels stay sharp at every size. The zip lists seed and number of each picture: "
                <code>"whelp generate --seed"</code>
                " draws the same ones."
            </p>
        </section>
    }
}

/// The generator itself, for others.
#[component]
pub fn Share() -> impl IntoView {
    let store = expect_context::<Store>();
    let button = |id, label, form: SharedForm| {
        view! { <SaveButton id=id label=label on_save=Callback::new(move |()| store.share(form.clone())) /> }
    };
    view! {
        <section class="part play" aria-labelledby="share-title">
            <h2 id="share-title">"Share the generator"</h2>
            <div class="buttons">
                {button("share-html", "A page that draws (HTML)", SharedForm::Html)}
                {button("share-onnx", "For programs (ONNX)", SharedForm::Onnx)}
                {button("share-card", "Model card", SharedForm::Card { rounds: Vec::new() })}
            </div>
            <p class="hint">
                "The page is one file that draws in any browser, without a network. The card says what the generator is and what \
                 it learnt from, in Markdown: fill in the licence. All of them name the pictures it was trained on."
            </p>
        </section>
    }
}

/// A button that waits while a file is being made.
#[component]
fn SaveButton(id: &'static str, label: &'static str, on_save: Callback<()>) -> impl IntoView {
    let store = expect_context::<Store>();
    let makes = store.play.makes;
    view! {
        <button
            type="button"
            class="button"
            data-testid=id
            aria-disabled=move || makes.get().then_some("true")
            on:click=move |_| {
                if !makes.get_untracked() {
                    on_save.run(());
                }
            }
        >
            {label}
        </button>
    }
}
