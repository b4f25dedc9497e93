//! "Real or drawn?": the question, and what came of it.

use leptos::{html, prelude::*};
use std::sync::Arc;
use std::time::Duration;
use whelp::people::{PICTURES, Share};
use whelp::session::RunAccess;

use super::runs::to_top;
use super::tiles::Tiles;
use crate::guess::{Cards, EXPOSURE_MS, Guessing};
use crate::play::{Drawn, Generator};
use crate::store::{Device, Store};

#[component]
pub fn Guess() -> impl IntoView {
    let store = expect_context::<Store>();
    let play = store.play;
    Effect::new(move |_| {
        if let Some(drawn) = play.dealt.drawn.get() {
            untrack(|| store.deal_real(&drawn));
        }
    });
    hide_after_a_moment(store);
    let place = Memo::new(move |_| match play.guessing.get() {
        Guessing::Asking(cards, said) => Some((said.len() + 1, cards.count())),
        Guessing::Idle | Guessing::Dealing | Guessing::Done(..) => None,
    });
    let (first_answer, start) = (NodeRef::<html::Button>::new(), NodeRef::<html::Button>::new());
    // The button that had the focus is gone.
    Effect::new(move |was_on: Option<bool>| {
        let is_on = place.get().is_some();
        let button = if is_on { first_answer.get() } else { start.get() };
        if was_on.is_some_and(|was_on| was_on != is_on)
            && let Some(button) = button
        {
            // Fails for no button.
            let _ = button.focus();
        }
        is_on
    });
    let is_idle = Memo::new(move |_| !play.guessing.with(Guessing::is_on));
    let can_begin =
        Memo::new(move |_| matches!(store.device.get(), Device::Ready(_)) && store.data.with(Option::is_some));
    let begin = move |_| {
        if can_begin.get_untracked() {
            store.begin_round();
            to_top();
        }
    };
    let label = move || match play.guessing.get() {
        Guessing::Done(..) => "Another round",
        Guessing::Idle | Guessing::Dealing | Guessing::Asking(..) => "Start a round",
    };
    let question = move || match place.get() {
        Some((place, count)) => format!("Picture {place} of {count}: is it a real one, or was it drawn?"),
        None => "Pictures are being drawn…".to_owned(),
    };
    view! {
        <section class="part play" aria-labelledby="guess-title" data-testid="guess">
            <h2 id="guess-title">"Real or drawn?"</h2>
            <Show
                when=move || is_idle.get()
                fallback=move || {
                    view! {
                        <p data-testid="question" role="status">{question}</p>
                        <div class="buttons">
                            <Show when=move || place.get().is_some()>
                                <button
                                    type="button"
                                    class="button"
                                    data-testid="say-real"
                                    node_ref=first_answer
                                    on:click=move |_| store.answer(false)
                                >
                                    "← Real"
                                </button>
                                <button
                                    type="button"
                                    class="button"
                                    data-testid="say-drawn"
                                    on:click=move |_| store.answer(true)
                                >
                                    "Drawn →"
                                </button>
                            </Show>
                            <button type="button" class="link" data-testid="end-round" on:click=move |_| store.end_round()>
                                "Give up this round"
                            </button>
                        </div>
                    }
                }
            >
                <Outcome />
                <p class="hint">
                    {format!(
                        "{} pictures, half of them real. Say of each which it is, or let a friend do it: the more drawn ones are \
                         taken for real, the better the network.",
                        PICTURES,
                    )}
                </p>
                <label class="check">
                    <input
                        type="checkbox"
                        data-testid="brief"
                        prop:checked=move || play.is_brief.get()
                        on:change=move |event| play.is_brief.set(event_target_checked(&event))
                    />
                    {format!("Show each for {} second only", EXPOSURE_MS / 1000)}
                </label>
                <div class="buttons">
                    <button
                        type="button"
                        class="button"
                        data-testid="start-round"
                        node_ref=start
                        aria-disabled=move || (!can_begin.get()).then_some("true")
                        on:click=begin
                    >
                        {label}
                    </button>
                </div>
            </Show>
        </section>
    }
}

/// What the last round came to, and all rounds together.
#[component]
fn Outcome() -> impl IntoView {
    let store = expect_context::<Store>();
    let play = store.play;
    let last = move || match play.guessing.get() {
        Guessing::Done(cards, said) => Some((cards, said)),
        Guessing::Idle | Guessing::Dealing | Guessing::Asking(..) => None,
    };
    let in_words = move || {
        last().map(|(cards, said)| {
            let round = cards.round(&said);
            format!(
                "{} of {} drawn pictures were taken for real, and {} of {} real ones for drawn. {}",
                round.fooled,
                round.drawn,
                round.doubted,
                round.real,
                cards.origin()
            )
        })
    };
    let all = move || {
        play.rounds.with(|rounds| match rounds.len() {
            0 => None,
            count => {
                let (fooled, wrong) = (Share::that_fooled(rounds), Share::wrong(rounds));
                let rounds = if count == 1 { "one round".to_owned() } else { format!("{count} rounds") };
                let kept = match (store.generator(), store.run_access.get()) {
                    (Generator::Run(Some(_)), Some(RunAccess::Keeps)) => " They are kept with the run.",
                    _ => "",
                };
                Some(format!(
                    "In {rounds}: fooled by {}; wrong in {}, and 50 % would be guessing. The range is where the share lies with \
                     95 % certainty.{kept}",
                    fooled.in_words(),
                    wrong.in_words()
                ))
            }
        })
    };
    let pictures =
        move |fooled: bool| Signal::derive(move || last().and_then(|(cards, said)| cards.drawn_that(&said, fooled)));
    let has = |pictures: Signal<Option<Arc<Drawn>>>| Memo::new(move |_| pictures.with(Option::is_some));
    let (fooled, recognised) = (pictures(true), pictures(false));
    let (has_fooled, has_recognised) = (has(fooled), has(recognised));
    let open = move |pictures: Signal<Option<Arc<Drawn>>>| {
        Callback::new(move |index: usize| {
            let spec = pictures.with_untracked(|drawn| drawn.as_ref()?.specs.get(index).cloned());
            if let Some(spec) = spec {
                store.open_picture(spec);
            }
        })
    };
    view! {
        <p data-testid="round" role="status" hidden=move || last().is_none()>{in_words}</p>
        <p class="hint" data-testid="rounds" hidden=move || all().is_none()>{all}</p>
        <Show when=move || has_fooled.get()>
            <h3>"Drawn, and taken for real"</h3>
            <div class="liked-tiles">
                <Tiles id="fooled" name="Drawn, and taken for real" drawn=fooled columns=Some(PICTURES / 2) on_pick=open(fooled) />
            </div>
        </Show>
        <Show when=move || has_recognised.get()>
            <h3>"Drawn, and recognised"</h3>
            <div class="liked-tiles">
                <Tiles
                    id="recognised"
                    name="Drawn, and recognised"
                    drawn=recognised
                    columns=Some(PICTURES / 2)
                    on_pick=open(recognised)
                />
            </div>
        </Show>
    }
}

/// The keys of a round; true if `key` is one. A key that is held down answers once.
pub fn key(store: Store, key: &str, is_repeated: bool) -> bool {
    match key {
        "ArrowLeft" | "ArrowRight" if is_repeated => {}
        "ArrowLeft" => store.answer(false),
        "ArrowRight" => store.answer(true),
        "Escape" => store.end_round(),
        _ => return false,
    }
    true
}

/// In a brief round a picture disappears after a moment.
fn hide_after_a_moment(store: Store) {
    let play = store.play;
    let clock = StoredValue::new(None::<TimeoutHandle>);
    Effect::new(move |_| {
        let at: Option<(Arc<Cards>, usize)> = match play.guessing.get() {
            Guessing::Asking(cards, said) => Some((cards, said.len())),
            Guessing::Idle | Guessing::Dealing | Guessing::Done(..) => None,
        };
        if let Some(clock) = clock.try_update_value(Option::take).flatten() {
            clock.clear();
        }
        play.is_hidden.set(false);
        if at.is_some_and(|(cards, _)| cards.is_brief()) {
            let moment = Duration::from_millis(u64::from(EXPOSURE_MS));
            clock.set_value(set_timeout_with_handle(move || play.is_hidden.set(true), moment).ok());
        }
    });
}
