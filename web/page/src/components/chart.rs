//! A chart of lines over steps. It is drawn only when new values come and when the colours or the size change.

use js_sys::{Array, Float64Array, JSON, Object, Reflect};
use leptos::{html, prelude::*};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{HtmlElement, ResizeObserver};

use super::uplot::UPlot;
use crate::store::Store;

/// A line: its label, and the colour of the style sheet that it is drawn in.
pub type Line = (&'static str, &'static str);

/// `columns` are the steps, and then the values of each of `lines`, NaN where there is none.
#[component]
pub fn Chart(#[prop(into)] columns: Signal<Vec<Vec<f64>>>, lines: &'static [Line], dots: bool) -> impl IntoView {
    let store = expect_context::<Store>();
    let target = NodeRef::<html::Div>::new();
    let chart = StoredValue::new_local(None::<UPlot>);

    // uPlot takes its colours once, so other colours need a new chart.
    Effect::new(move |_| {
        store.dark.track();
        let Some(target) = target.get() else { return };
        if let Some(old) = chart.try_update_value(Option::take).flatten() {
            old.destroy();
        }
        let data = columns.with_untracked(|columns| arrays(columns));
        let made = options(&target, lines, dots).and_then(|options| UPlot::new(&options, &data, &target));
        chart.set_value(made.ok());
    });
    Effect::new(move |_| {
        let data = columns.with(|columns| arrays(columns));
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

    view! { <div class="plot" node_ref=target></div> }
}

fn arrays(columns: &[Vec<f64>]) -> Array {
    columns.iter().map(|column| Float64Array::from(column.as_slice())).collect()
}

fn size(target: &HtmlElement) -> Object {
    let size = Object::new();
    // Setting a property of a new plain object cannot fail.
    let _ = Reflect::set(&size, &"width".into(), &target.client_width().max(160).into());
    let _ = Reflect::set(&size, &"height".into(), &target.client_height().max(80).into());
    size
}

/// uPlot's options, in the style sheet's current colours.
fn options(target: &HtmlElement, lines: &[Line], dots: bool) -> Result<Object, JsValue> {
    let style = window().get_computed_style(target)?.ok_or("no style")?;
    let colour = |name: &str| style.get_property_value(name).map(|value| value.trim().to_owned());
    let (muted, line) = (colour("--muted")?, colour("--line")?);
    let font = "12px system-ui, sans-serif";
    let grid = serde_json::json!({ "stroke": line, "width": 1 });
    let axis = serde_json::json!({ "stroke": muted, "font": font, "grid": grid, "ticks": { "show": false } });
    let with = |extra: serde_json::Value| {
        let mut axis = axis.clone();
        axis.as_object_mut().into_iter().for_each(|axis| axis.extend(extra.as_object().cloned().unwrap_or_default()));
        axis
    };
    let mut series = vec![serde_json::json!({})];
    for (label, name) in lines {
        let points = serde_json::json!({ "show": dots });
        let stroke = colour(name)?;
        series.push(serde_json::json!({ "label": label, "stroke": stroke, "width": 1.5, "points": points }));
    }
    let options = serde_json::json!({
        "legend": { "show": false },
        "cursor": { "show": false },
        "scales": { "x": { "time": false } },
        "axes": [with(serde_json::json!({ "size": 28 })), with(serde_json::json!({ "size": 40 }))],
        "series": series,
    });
    let options: Object = JSON::parse(&options.to_string())?.unchecked_into();
    Object::assign(&options, &size(target));
    Ok(options)
}
