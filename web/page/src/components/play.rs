//! The panel to play with a generator, and what the stage shows meanwhile.

use leptos::{ev, html, prelude::*};
use std::time::Duration;
use whelp::session::RunAccess;

use super::copies::CopiesFound;
use super::guess::{self, Guess};
use super::save::{Save, Share};
use super::slider::Slider;
use super::tiles::Tiles;
use crate::guess::Guessing;
use crate::play::{FRAME_CS, Generator, MOST_PICTURES, Shown, described};
use crate::store::{Device, Store};
use crate::view::View;
use crate::{draw, format, notices::Tone};

/// The id of the button that leads back to all pictures.
const BACK: &str = "back-to-pictures";

/// What a picture is mixed of has a limit.
const TOO_FAR: &str =
    "These favourites were reached by walks that are too long to be mixed. Choose others, or shorter walks.";

/// Favourites in a row.
const COLUMNS: usize = 8;

/// The pictures in the place of the training's, while one plays.
#[component]
pub fn PlayStage() -> impl IntoView {
    let store = expect_context::<Store>();
    let play = store.play;
    let is_grid = Memo::new(move |_| play.shown.get() == Shown::Grid);
    let large = NodeRef::<html::Canvas>::new();
    let is_empty = Memo::new(move |_| match play.shown.get() {
        Shown::Guess => play.is_hidden.get() || store.asked_about().is_none(),
        Shown::Grid | Shown::Picture | Shown::Film => play.on_stage().is_none(),
    });
    Effect::new(move |_| {
        let Some(canvas) = large.get() else { return };
        if is_grid.get() {
            return;
        }
        let on_stage = if play.shown.get() == Shown::Guess { store.asked_about() } else { play.on_stage() };
        if let Some(drawn) = on_stage
            && draw::draw_grid(&canvas, &drawn.grid, 1, 0).is_err()
        {
            store.notices.show(Tone::Warning, "The picture could not be drawn.", &[]);
        }
    });
    let caption = move || {
        if play.shown.get() == Shown::Guess {
            return "Real or drawn?".to_owned();
        }
        let seen =
            |sheet: crate::play::Sheet| sheet.drawn.with(|drawn| drawn.as_ref().map(|drawn| format::short(drawn.nimg)));
        let seen = match play.shown.get() {
            Shown::Grid => seen(play.grid),
            Shown::Picture => seen(play.around),
            Shown::Film => seen(play.film),
            Shown::Guess => None,
        };
        let what = match play.shown.get() {
            Shown::Grid => format!("Seed {}", play.seed.get()),
            Shown::Picture => play.open.with(|open| open.as_ref().map(described)).unwrap_or_default(),
            Shown::Film => "A film through your favourites".to_owned(),
            Shown::Guess => String::new(),
        };
        let mut letters = what.chars();
        let what =
            letters.next().map_or(String::new(), |first| first.to_uppercase().collect::<String>() + letters.as_str());
        match (seen, store.generator()) {
            (Some(seen), Generator::Run(_) | Generator::File(_)) => format!("{what} · after {seen} pictures"),
            (Some(_), Generator::Starter) => format!("{what} · drawn by the starter network"),
            (None, _) => "Drawing…".to_owned(),
        }
    };
    let pick = Callback::new(move |index: usize| {
        let spec = play.grid.drawn.with_untracked(|drawn| drawn.as_ref()?.specs.get(index).cloned());
        if let Some(spec) = spec {
            store.open_picture(spec);
        }
    });
    view! {
        <figure class="samples play-stage" hidden=move || store.view.get() != View::Play>
            <div class="frame">
                <div class="fill" hidden=move || !is_grid.get() data-focus-next=BACK>
                    <Tiles
                        id="play-grid"
                        name="Pictures of this seed"
                        drawn=play.grid.drawn.into()
                        columns=None
                        on_pick=pick
                    />
                </div>
                <canvas
                    node_ref=large
                    class="large"
                    data-testid="large"
                    role="img"
                    aria-label=caption
                    hidden=move || is_grid.get() || is_empty.get()
                ></canvas>
            </div>
            <figcaption data-testid="play-caption">{caption}</figcaption>
        </figure>
    }
}

#[component]
pub fn Play() -> impl IntoView {
    let store = expect_context::<Store>();
    let play = store.play;
    let generator = Memo::new(move |_| store.generator());
    Effect::new(move |before: Option<Generator>| {
        let now = generator.get();
        untrack(|| store.turn_to(before.as_ref(), &now));
        now
    });
    // After the one above, which forgets what the last network drew.
    Effect::new(move |_| {
        generator.track();
        if store.view.get() == View::Play && matches!(store.device.get(), Device::Ready(_)) {
            store.draw_grid();
        }
    });
    roll_film(store);
    let has_classes = Memo::new(move |_| store.classes.with(|classes| !classes.is_empty()));
    let class = Memo::new(move |_| store.drawing.get().class);
    let psi = Signal::derive(move || store.drawing.get().truncation_psi);
    let on_seed = move |event: ev::Event| {
        if let Ok(seed) = event_target_value(&event).trim().parse() {
            play.close();
            play.seed.set(seed);
        }
    };
    let on_count = move |event: ev::Event| {
        if let Ok(count) = event_target_value(&event).trim().parse::<usize>() {
            play.close();
            play.count.set(count.clamp(1, MOST_PICTURES));
        }
    };
    let on_class = move |event| {
        play.close();
        store.drawing.update(|drawing| drawing.class = event_target_value(&event).parse().ok());
    };
    let on_psi = Callback::new(move |psi| {
        play.close();
        store.drawing.update(|drawing| drawing.truncation_psi = psi);
    });
    let classes = move || {
        let option = |(index, name): (u32, String)| {
            view! { <option value=index.to_string() prop:selected=move || class.get() == Some(index)>{name}</option> }
        };
        (0..).zip(store.classes.get()).map(option).collect_view()
    };
    view! {
        // In a round of guessing the answers are right below the picture.
        <section
            class="part play first"
            aria-labelledby="play-title"
            data-testid="play"
            hidden=move || play.guessing.with(Guessing::is_on)
        >
            <h2 id="play-title">"Play"</h2>
            <p class="hint" data-testid="play-generator">
                {move || format!("Drawn by {}. Click a picture to see it large.", store.generator_name())}
            </p>
            <div class="pair">
                <label>
                    "Seed"
                    <input
                        type="number"
                        min="0"
                        step="1"
                        data-testid="play-seed"
                        prop:value=move || play.seed.get().to_string()
                        on:change=on_seed
                    />
                </label>
                <label>
                    "Pictures"
                    <input
                        type="number"
                        min="1"
                        max=MOST_PICTURES.to_string()
                        step="1"
                        data-testid="play-count"
                        prop:value=move || play.count.get().to_string()
                        on:change=on_count
                    />
                </label>
                <button type="button" class="button" data-testid="dice" on:click=move |_| store.roll_dice()>
                    "⚄ Other pictures"
                </button>
            </div>
            <Show when=move || has_classes.get()>
                <select data-testid="play-class" aria-label="Class to draw" on:change=on_class>
                    <option value="" prop:selected=move || class.get().is_none()>"All classes"</option>
                    {classes}
                </select>
            </Show>
            <Slider
                id="play-truncation"
                name="Variety of the pictures"
                ends=["typical", "varied"]
                range=[0.3, 1.0, 0.05]
                value=psi
                on_value=on_psi
                live=false
            />
            <Details />
        </section>
        <Favourites />
        <Guess />
        <CopiesFound />
        <Save />
        <Share />
    }
}

/// The open picture: what it is, and its neighbours.
#[component]
fn Details() -> impl IntoView {
    let store = expect_context::<Store>();
    let play = store.play;
    let is_open = Memo::new(move |_| play.shown.get() == Shown::Picture);
    let is_liked = move || play.open.with(|open| open.as_ref().is_some_and(|open| play.is_favourite(open)));
    let like = move |_| {
        if let Some(open) = play.open.get_untracked() {
            store.toggle_favourite(&open);
        }
    };
    let pick = Callback::new(move |index: usize| {
        let spec = play.around.drawn.with_untracked(|drawn| drawn.as_ref()?.specs.get(index).cloned());
        if let Some(spec) = spec {
            store.open_picture(spec);
        }
    });
    let on_distance = Callback::new(move |distance| {
        play.distance.set(distance);
        store.draw_around();
    });
    let is_far =
        Memo::new(move |_| play.open.with(|open| open.as_ref().is_some_and(|open| open.neighbours(1, 0.5).is_none())));
    view! {
        <Show when=move || is_open.get()>
            <div class="buttons">
                <button id=BACK type="button" class="button" data-testid="back" on:click=move |_| play.close()>
                    "← All pictures"
                </button>
                <button
                    type="button"
                    class="button"
                    data-testid="like"
                    aria-pressed=move || if is_liked() { "true" } else { "false" }
                    on:click=like
                >
                    {move || if is_liked() { "★ Favourite" } else { "☆ Favourite" }}
                </button>
            </div>
            <div class="buttons">
                <button type="button" class="link" data-testid="nearest" on:click=move |_| store.find_nearest()>
                    "Find the training picture that it comes nearest to"
                </button>
            </div>
            <h3>"Neighbours"</h3>
            <p class="hint">
                {move || if is_far.get() {
                    "This walk is as long as a walk can be. Make the picture a favourite, or go back."
                } else {
                    "The picture is in the middle. Click one beside it to walk there."
                }}
            </p>
            <div class="around">
                <Tiles
                    id="around"
                    name="The picture and its neighbours"
                    drawn=play.around.drawn.into()
                    columns=Some(3)
                    on_pick=pick
                />
            </div>
            <Slider
                id="distance"
                name="How far the neighbours are"
                ends=["near", "far"]
                range=[0.05, 0.6, 0.05]
                value=play.distance.into()
                on_value=on_distance
                live=true
            />
        </Show>
    }
}

/// Pictures that were pinned, and what can be made of them.
#[component]
fn Favourites() -> impl IntoView {
    let store = expect_context::<Store>();
    let play = store.play;
    let count = Memo::new(move |_| play.favourites.with(Vec::len));
    let mix = RwSignal::new(0.5);
    let pick = Callback::new(move |index: usize| {
        // What is on show, which is drawn anew a moment after they change.
        let spec = play.liked.drawn.with_untracked(|drawn| drawn.as_ref()?.specs.get(index).cloned());
        if let Some(spec) = spec {
            store.open_picture(spec);
        }
    });
    let on_mix = Callback::new(move |at: f64| {
        mix.set(at);
        let mixed = play.favourites.with_untracked(|liked| match liked.as_slice() {
            [.., from, to] => Some(from.towards(to, at)),
            _ => None,
        });
        match mixed {
            Some(spec) if spec.is_drawable() => store.open_picture(spec),
            Some(_) => store.notices.show(Tone::Info, TOO_FAR, &[]),
            None => {}
        }
    });
    let can_film = Memo::new(move |_| count.get() > 1);
    let hint = move || match (count.get(), store.generator()) {
        (0, _) => "Pictures that you mark with ☆ are listed here. Two or more make a film.",
        (_, Generator::Run(Some(_))) if store.run_access.get() == Some(RunAccess::Keeps) => {
            "They are kept with the run."
        }
        (_, Generator::Run(_) | Generator::File(_) | Generator::Starter) => {
            "They last until you close the page. Those of your own runs are kept."
        }
    };
    view! {
        <section class="part play" aria-labelledby="liked-title" hidden=move || play.guessing.with(Guessing::is_on)>
            <h2 id="liked-title">"Favourites"</h2>
            <p class="hint" data-testid="liked-hint">{hint}</p>
            <div class="liked-tiles">
                <Tiles
                    id="liked"
                    name="Favourites"
                    drawn=play.liked.drawn.into()
                    columns=Some(COLUMNS)
                    on_pick=pick
                />
            </div>
            <Show when=move || can_film.get()>
                <Slider
                    id="mix"
                    name="Mix of the last two favourites"
                    ends=["the last but one", "the last"]
                    range=[0.0, 1.0, 0.02]
                    value=mix.into()
                    on_value=on_mix
                    live=true
                />
                <Film />
            </Show>
        </section>
    }
}

/// The film through the favourites.
#[component]
fn Film() -> impl IntoView {
    let store = expect_context::<Store>();
    let play = store.play;
    let is_shown = Memo::new(move |_| play.shown.get() == Shown::Film);
    let frames = Memo::new(move |_| play.film.drawn.with(|drawn| drawn.as_ref().map_or(0, |drawn| drawn.specs.len())));
    let label = move || match (is_shown.get(), frames.get(), play.rolls.get()) {
        (true, 0, _) => format!("Drawing… {}", play.film.part.get()),
        (true, _, true) => "Stop the film".to_owned(),
        (true, _, false) => "Go on".to_owned(),
        (false, ..) => "Film through all".to_owned(),
    };
    let on_click = move |_| {
        match (is_shown.get_untracked(), frames.get_untracked()) {
            (true, 0) => {}
            (true, _) => play.rolls.update(|rolls| *rolls = !*rolls),
            (false, _) => store.make_film(!prefers_stillness()),
        };
    };
    let on_frame = Callback::new(move |frame: f64| {
        play.rolls.set(false);
        play.frame.set(frame as usize);
    });
    view! {
        <div class="buttons">
            <button type="button" class="button" data-testid="film" data-frames=move || frames.get() on:click=on_click>
                {label}
            </button>
            <Show when=move || is_shown.get()>
                <button type="button" class="button" data-testid="film-back" on:click=move |_| play.close()>
                    "← All pictures"
                </button>
            </Show>
        </div>
        <Show when=move || is_shown.get() && (frames.get() > 1)>
            <Slider
                id="film-frame"
                name="Place in the film"
                ends=["", ""]
                range=[0.0, frames.get_untracked() as f64 - 1.0, 1.0]
                value=Signal::derive(move || play.frame.get() as f64)
                on_value=on_frame
                live=true
            />
        </Show>
    }
}

/// Shows the next frame of a film again and again. The timer exists only while it rolls and can be seen.
fn roll_film(store: Store) {
    let clock = StoredValue::new(None::<IntervalHandle>);
    Effect::new(move |_| {
        if let Some(clock) = clock.try_update_value(Option::take).flatten() {
            clock.clear();
        }
        let is_seen = store.view.get() == View::Play && store.play.shown.get() == Shown::Film;
        if store.play.rolls.get() && is_seen {
            let frame = Duration::from_millis(10 * u64::from(FRAME_CS));
            clock.set_value(set_interval_with_handle(move || store.play.step_film(), frame).ok());
        }
    });
}

/// Whether the visitor wants little to move.
pub fn prefers_stillness() -> bool {
    window().match_media("(prefers-reduced-motion: reduce)").ok().flatten().is_some_and(|query| query.matches())
}

/// The keys of this panel; true if `key` is one.
pub fn key(store: Store, key: &str, is_repeated: bool) -> bool {
    let play = store.play;
    if play.guessing.with_untracked(Guessing::is_on) {
        return guess::key(store, key, is_repeated);
    }
    match key {
        "n" => store.roll_dice(),
        "f" => {
            if let Some(open) = play.open.get_untracked().filter(|_| play.shown.get_untracked() == Shown::Picture) {
                store.toggle_favourite(&open);
            }
        }
        "Escape" => play.close(),
        "ArrowLeft" => store.open_next(-1),
        "ArrowRight" => store.open_next(1),
        _ => return false,
    }
    true
}
