//! The chart of both losses. It is drawn only when new losses come and when the colours or the size change.

use js_sys::{Array, Float64Array, JSON, Object, Reflect};
use leptos::{html, prelude::*};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{HtmlElement, ResizeObserver};
use whelp::series::{LOSS_D, LOSS_G};

use super::uplot::UPlot;
use crate::losses::LossSeries;
use crate::store::Store;

#[component]
pub fn LossChart() -> impl IntoView {
    let store = expect_context::<Store>();
    let target = NodeRef::<html::Div>::new();
    let chart = StoredValue::new_local(None::<UPlot>);
    let is_empty = Memo::new(move |_| store.losses.with(LossSeries::is_empty));
    // For tests, which cannot read numbers from a canvas.
    let newest = move || {
        let newest = store.losses.with(|losses| losses.newest([LOSS_D, LOSS_G]));
        newest.map(|(step, [d, g])| format!("{step} {d} {g}"))
    };

    // uPlot takes its colours once, so other colours need a new chart.
    Effect::new(move |_| {
        store.dark.track();
        let Some(target) = target.get() else { return };
        if let Some(old) = chart.try_update_value(Option::take).flatten() {
            old.destroy();
        }
        let data = store.losses.with_untracked(columns);
        chart.set_value(options(&target).and_then(|options| UPlot::new(&options, &data, &target)).ok());
    });
    Effect::new(move |_| {
        let data = store.losses.with(columns);
        chart.with_value(|chart| chart.iter().for_each(|chart| chart.set_data(&data)));
    });
    Effect::new(move |_| {
        let Some(target) = target.get() else { return };
        let observed = target.clone();
        let fit = Closure::<dyn FnMut()>::new(move || {
            chart.with_value(|chart| chart.iter().for_each(|chart| chart.set_size(&size(&target))));
        });
        if let Ok(observer) = ResizeObserver::new(fit.as_ref().unchecked_ref()) {
            observer.observe(&observed);
        }
        // It lives as long as the page, like the element that it watches.
        fit.forget();
    });

    view! {
        <section class="part losses" aria-labelledby="losses-title">
            <h2 id="losses-title">"Losses"</h2>
            <p class="legend">
                <span class="key generator">"generator (draws pictures)"</span>
                <span class="key discriminator">"discriminator (spots them)"</span>
            </p>
            <details class="what">
                <summary>"what is this?"</summary>
                <p>
                    "Two networks compete. The generator draws pictures, and the discriminator tries to tell them \
                     from real ones. Each line is one network's loss: lower is better for that network, and when one \
                     line falls, the other tends to rise. Neither line says how good the pictures are: look at them."
                </p>
            </details>
            <div class="chart" class:empty=move || is_empty.get() data-testid="loss-chart" data-newest=newest>
                <div class="plot" node_ref=target></div>
                <Show when=move || is_empty.get()>
                    <p class="hint">"Both losses appear here during training."</p>
                </Show>
            </div>
        </section>
    }
}

/// `[steps, generator, discriminator]`.
fn columns(losses: &LossSeries) -> Array {
    let (steps, [g, d]) = losses.columns([LOSS_G, LOSS_D]);
    [steps, g, d].iter().map(|column| Float64Array::from(column.as_slice())).collect()
}

fn size(target: &HtmlElement) -> Object {
    let size = Object::new();
    // Setting a property of a new plain object cannot fail.
    let _ = Reflect::set(&size, &"width".into(), &target.client_width().max(160).into());
    let _ = Reflect::set(&size, &"height".into(), &target.client_height().max(80).into());
    size
}

/// uPlot's options, in the style sheet's current colours.
fn options(target: &HtmlElement) -> Result<Object, JsValue> {
    let style = window().get_computed_style(target)?.ok_or("no style")?;
    let colour = |name: &str| style.get_property_value(name).map(|value| value.trim().to_owned());
    let (accent, muted, line) = (colour("--accent")?, colour("--muted")?, colour("--line")?);
    let font = "12px system-ui, sans-serif";
    let grid = serde_json::json!({ "stroke": line, "width": 1 });
    let axis = serde_json::json!({ "stroke": muted, "font": font, "grid": grid, "ticks": { "show": false } });
    let with = |extra: serde_json::Value| {
        let mut axis = axis.clone();
        axis.as_object_mut().into_iter().for_each(|axis| axis.extend(extra.as_object().cloned().unwrap_or_default()));
        axis
    };
    let options = serde_json::json!({
        "legend": { "show": false },
        "cursor": { "show": false },
        "scales": { "x": { "time": false } },
        "axes": [with(serde_json::json!({ "size": 28 })), with(serde_json::json!({ "size": 40 }))],
        "series": [
            {},
            { "label": "generator", "stroke": accent, "width": 1.5, "points": { "show": false } },
            { "label": "discriminator", "stroke": muted, "width": 1.5, "points": { "show": false } },
        ],
    });
    let options: Object = JSON::parse(&options.to_string())?.unchecked_into();
    Object::assign(&options, &size(target));
    Ok(options)
}
