//! For trainings that nobody looks at all the time: the tab's title, a screen that stays awake, a notification at the end.

use leptos::prelude::*;
use wasm_bindgen::JsValue;

use crate::store::{Phase, Store};
use crate::{theme, watching};

const AWAKE: &str = "whelp-awake";
const NOTIFY: &str = "whelp-notify";

#[component]
pub fn Attention() -> impl IntoView {
    let store = expect_context::<Store>();
    let title = Memo::new(move |_| store.progress.with(|progress| watching::title(store.phase.get(), progress)));
    Effect::new(move |_| document().set_title(&title.get()));

    let [can_wake, can_notify] = watching::can_do();
    let awake = RwSignal::new(theme::is_chosen(AWAKE));
    let notifies = RwSignal::new(theme::is_chosen(NOTIFY));
    let lock = StoredValue::new_local(None::<JsValue>);
    let trains = Memo::new(move |_| store.phase.get() == Phase::Training);
    Effect::new(move |_| {
        watching::release(lock);
        if awake.get() && trains.get() && store.in_sight.get() {
            watching::stay_awake(lock);
        }
    });
    Effect::new(move |before: Option<Phase>| {
        let now = store.phase.get();
        let ends = before.is_some_and(Phase::is_active) && matches!(now, Phase::Finished(_) | Phase::Broken);
        if ends && notifies.get_untracked() && document().hidden() {
            let is_done = matches!(now, Phase::Finished(_));
            watching::notify(if is_done { "The training is done." } else { "The training has stopped with an error." });
        }
        now
    });
    let on_awake = move |event| {
        let is_on = event_target_checked(&event);
        theme::choose(AWAKE, is_on);
        awake.set(is_on);
    };
    let on_notify = move |event| {
        let is_on = event_target_checked(&event);
        theme::choose(NOTIFY, is_on);
        notifies.set(is_on);
        if is_on {
            watching::ask_to_notify(move |may| {
                theme::choose(NOTIFY, may);
                notifies.set(may);
            });
        }
    };
    (can_wake || can_notify).then(|| {
        view! {
            <section class="part attention" aria-labelledby="attention-title">
                <h2 id="attention-title">"While it trains"</h2>
                {can_wake.then(|| view! {
                    <label class="check">
                        <input type="checkbox" data-testid="awake" prop:checked=awake on:change=on_awake />
                        "Keep the screen awake"
                    </label>
                })}
                {can_notify.then(|| view! {
                    <label class="check">
                        <input type="checkbox" data-testid="notify" prop:checked=notifies on:change=on_notify />
                        "Tell me when it is done"
                    </label>
                })}
            </section>
        }
    })
}
