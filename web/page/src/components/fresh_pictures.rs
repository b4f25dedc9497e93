//! More pictures from networks that are not training: of one class, and more typical or more varied.

use leptos::prelude::*;

use crate::store::Store;

/// Range and step of the slider, in truncation psi.
const LEAST_VARIED: f64 = 0.3;
const MOST_VARIED: f64 = 1.0;
const STEP: f64 = 0.05;

#[component]
pub fn FreshPictures() -> impl IntoView {
    let store = expect_context::<Store>();
    let has_classes = Memo::new(move |_| store.classes.with(|classes| !classes.is_empty()));
    let chosen = Memo::new(move |_| store.drawing.get().class);
    let variety = Memo::new(move |_| store.drawing.get().truncation_psi);
    let on_class = move |event| {
        store.drawing.update(|drawing| drawing.class = event_target_value(&event).parse().ok());
        store.generate_again();
    };
    let on_variety = move |event| {
        if let Ok(psi) = event_target_value(&event).parse() {
            store.drawing.update(|drawing| drawing.truncation_psi = psi);
            store.generate_again();
        }
    };
    let options = move || {
        let option = |(index, name): (u32, String)| {
            view! { <option value=index.to_string() prop:selected=move || chosen.get() == Some(index)>{name}</option> }
        };
        (0..).zip(store.classes.get()).map(option).collect_view()
    };
    view! {
        <div class="fresh">
            <div class="buttons">
                <button
                    type="button"
                    class="button"
                    data-testid="generate-more"
                    on:click=move |_| store.generate_more()
                >
                    "Generate more"
                </button>
                <Show when=move || has_classes.get()>
                    <select data-testid="draw-class" aria-label="Class to draw" on:change=on_class>
                        <option value="" prop:selected=move || chosen.get().is_none()>"All classes"</option>
                        {options}
                    </select>
                </Show>
            </div>
            <label class="variety">
                <span>"typical"</span>
                <input
                    type="range"
                    data-testid="draw-variety"
                    aria-label="Variety of the pictures"
                    min=LEAST_VARIED.to_string()
                    max=MOST_VARIED.to_string()
                    step=STEP.to_string()
                    prop:value=move || variety.get().to_string()
                    on:change=on_variety
                />
                <span>"varied"</span>
            </label>
        </div>
    }
}
