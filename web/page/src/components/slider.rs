//! A slider between two words.

use leptos::prelude::*;

/// `range`: the least value, the most, and the step. `live`: whether `on_value` is called while it moves, or once it rests.
#[component]
pub fn Slider(
    id: &'static str,
    name: &'static str,
    ends: [&'static str; 2],
    range: [f64; 3],
    value: Signal<f64>,
    on_value: Callback<f64>,
    live: bool,
) -> impl IntoView {
    let take = move |event: web_sys::Event, is_due: bool| {
        if let Ok(value) = event_target_value(&event).parse()
            && is_due
        {
            on_value.run(value);
        }
    };
    view! {
        <label class="variety">
            <span>{ends[0]}</span>
            <input
                type="range"
                data-testid=id
                aria-label=name
                min=range[0].to_string()
                max=range[1].to_string()
                step=range[2].to_string()
                prop:value=move || value.get().to_string()
                on:input=move |event| take(event, live)
                on:change=move |event| take(event, !live)
            />
            <span>{ends[1]}</span>
        </label>
    }
}
