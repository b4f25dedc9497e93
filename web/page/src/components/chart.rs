//! A chart of lines over steps, or over pictures seen. It is drawn only when new values come and when the colours, the size or
//! what the visitor wants of it change. Dragging over it enlarges a part; a double click or new values show all of it again.
//! Below it stand the values under the pointer, or the newest ones.

use js_sys::{Array, Float64Array, JSON, JsString, Object, Reflect};
use leptos::{html, prelude::*};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{Blob, BlobPropertyBag, HtmlCanvasElement, HtmlElement, ResizeObserver};

use super::uplot::UPlot;
use crate::play::to_blob;
use crate::store::Store;
use crate::{files, format, notices::Tone};

/// A line: its label, and the colour of the style sheet that it is drawn in.
pub type Line = (&'static str, &'static str);

/// What uPlot calls while a chart is there.
struct Calls {
    /// With the chart, when the pointer is over other values.
    moved: Closure<dyn FnMut(JsValue)>,
    /// With the chart and values of the vertical axis, for their labels: uPlot's own show thousandths at most.
    labels: Closure<dyn FnMut(JsValue, Array) -> Array>,
    /// With the chart and those labels, for the room that they take.
    room: Closure<dyn FnMut(JsValue, JsValue) -> f64>,
}

/// A chart's watch over its element's size.
struct Fit {
    observer: ResizeObserver,
    _call: Closure<dyn FnMut()>,
}

/// `columns` are the places on the axis, and then the values of each of `lines`, NaN where there is none. `across`: what the axis
/// counts.
#[component]
pub fn Chart(
    #[prop(into)] columns: Signal<Vec<Vec<f64>>>,
    #[prop(into)] lines: Vec<Line>,
    dots: bool,
    name: &'static str,
    #[prop(default = "step")] across: &'static str,
) -> impl IntoView {
    let store = expect_context::<Store>();
    let (is_log, is_smooth) = (RwSignal::new(false), RwSignal::new(false));
    let shown = move || columns.with(|columns| if is_smooth.get() { smoothed(columns) } else { columns.clone() });
    let target = NodeRef::<html::Div>::new();
    let chart = StoredValue::new_local(None::<UPlot>);
    let lines = StoredValue::new(lines);
    // The row of the values under the pointer.
    let pointed = RwSignal::new(None::<usize>);
    let calls = StoredValue::new_local(Calls {
        moved: Closure::new(move |chart: JsValue| pointed.set(row_under_pointer(&chart))),
        labels: Closure::new(|_, values: Array| values.iter().map(|value| label(&value)).collect()),
        room: Closure::new(|_, labels: JsValue| room_for(&labels)),
    });
    let readout = move || {
        let pointed = pointed.get();
        lines.with_value(|lines| told(across, lines, &shown(), pointed))
    };

    // uPlot takes its colours once, so other colours need a new chart.
    Effect::new(move |_| {
        store.dark.track();
        let log = is_log.get();
        let Some(target) = target.get() else { return };
        if let Some(old) = chart.try_update_value(Option::take).flatten() {
            old.destroy();
        }
        let data = arrays(&untrack(shown));
        let options = lines.with_value(|lines| options(&target, lines, dots, log));
        let made = options.and_then(|options| {
            calls.with_value(|calls| calls.add_to(&options))?;
            UPlot::new(&options, &data, &target)
        });
        chart.set_value(made.ok());
    });
    Effect::new(move |_| {
        let data = arrays(&shown());
        chart.with_value(|chart| chart.iter().for_each(|chart| chart.set_data(&data)));
    });
    let fit = StoredValue::new_local(None::<Fit>);
    Effect::new(move |_| {
        let Some(target) = target.get() else { return };
        let observed = target.clone();
        let call = Closure::<dyn FnMut()>::new(move || {
            chart.try_with_value(|chart| chart.iter().for_each(|chart| chart.set_size(&size(&target))));
        });
        if let Ok(observer) = ResizeObserver::new(call.as_ref().unchecked_ref()) {
            observer.observe(&observed);
            fit.set_value(Some(Fit { observer, _call: call }));
        }
    });
    // Both would go on calling what is gone.
    on_cleanup(move || {
        if let Some(Fit { observer, .. }) = fit.try_update_value(Option::take).flatten() {
            observer.disconnect();
        }
        if let Some(chart) = chart.try_update_value(Option::take).flatten() {
            chart.destroy();
        }
    });

    let offer = move |blob: Option<Blob>, ending: &str| {
        if blob.is_none_or(|blob| files::offer(&blob, &format!("whelp-{name}.{ending}")).is_err()) {
            store.notices.show(Tone::Error, "The browser did not save the file. Allow downloads for this page.", &[]);
        }
    };
    let save_table = move |_| {
        let parts = Array::of1(
            &columns.with_untracked(|columns| lines.with_value(|lines| table(across, lines, columns))).into(),
        );
        let options = BlobPropertyBag::new();
        options.set_type("text/csv");
        offer(Blob::new_with_str_sequence_and_options(&parts, &options).ok(), "csv");
    };
    let save_picture = move |_| {
        let canvas = target.get_untracked().and_then(|target| target.query_selector("canvas").ok().flatten());
        let canvas = canvas.and_then(|canvas| canvas.dyn_into::<HtmlCanvasElement>().ok());
        let asked = canvas.is_some_and(|canvas| to_blob(&canvas, move |blob| offer(blob, "png")).is_ok());
        if !asked {
            offer(None, "png");
        }
    };
    let switch = move |label: &'static str, signal: RwSignal<bool>| {
        view! {
            <button
                type="button"
                class="link"
                aria-pressed=move || if signal.get() { "true" } else { "false" }
                on:click=move |_| signal.update(|on| *on = !*on)
            >
                {label}
            </button>
        }
    };
    let is_empty = Memo::new(move |_| columns.with(|columns| columns.first().is_none_or(Vec::is_empty)));
    view! {
        <div class="plot" node_ref=target></div>
        <p class="readout" data-testid=format!("readout-{name}") hidden=move || is_empty.get()>{readout}</p>
        <p class="tools" hidden=move || is_empty.get()>
            {switch("logarithm", is_log)}
            {switch("smooth", is_smooth)}
            <button type="button" class="link" data-testid=format!("csv-{name}") on:click=save_table>"CSV"</button>
            <button type="button" class="link" data-testid=format!("png-{name}") on:click=save_picture>"PNG"</button>
        </p>
    }
}

impl Calls {
    /// # Errors
    /// For no options of this module.
    fn add_to(&self, options: &Object) -> Result<(), JsValue> {
        let hooks = Object::new();
        Reflect::set(&hooks, &"setCursor".into(), &Array::of1(self.moved.as_ref()))?;
        Reflect::set(options, &"hooks".into(), &hooks)?;
        let vertical = Reflect::get_u32(&Reflect::get(options, &"axes".into())?, 1)?;
        Reflect::set(&vertical, &"values".into(), self.labels.as_ref())?;
        Reflect::set(&vertical, &"size".into(), self.room.as_ref())?;
        Ok(())
    }
}

/// The row of the values that the pointer is over; none where it is elsewhere.
fn row_under_pointer(chart: &JsValue) -> Option<usize> {
    let cursor = Reflect::get(chart, &"cursor".into()).ok()?;
    Some(Reflect::get(&cursor, &"idx".into()).ok()?.as_f64()? as usize)
}

/// A value of an axis in words. On a logarithmic axis only some have a place.
fn label(value: &JsValue) -> JsValue {
    value.as_f64().map_or(JsValue::NULL, |value| format::measured(value).into())
}

/// The width that labels take beside the chart, in pixels.
fn room_for(labels: &JsValue) -> f64 {
    // There are none while nothing is drawn.
    let labels = labels.dyn_ref::<Array>().cloned().unwrap_or_default();
    let longest = labels.iter().filter_map(|label| label.dyn_into::<JsString>().ok()).map(|label| label.length()).max();
    (f64::from(longest.unwrap_or(0)) * DIGIT_WIDTH + LABEL_GAP).max(LEAST_ROOM)
}

/// Of the axes' font, at most, in pixels.
const DIGIT_WIDTH: f64 = 7.0;
const LABEL_GAP: f64 = 12.0;
const LEAST_ROOM: f64 = 40.0;

/// The values of a row in words; without one, of the last.
fn told(across: &str, lines: &[Line], columns: &[Vec<f64>], row: Option<usize>) -> String {
    let Some((places, values)) = columns.split_first().filter(|(places, _)| !places.is_empty()) else {
        return String::new();
    };
    let row = row.filter(|row| *row < places.len()).unwrap_or(places.len() - 1);
    let values = lines.iter().zip(values);
    let values = values.map(|((label, _), column)| format!(" · {label} {}", format::measured(column[row])));
    format!("{across} {}", format::full(places[row] as u64)) + &values.collect::<String>()
}

/// How much of the average before is in each smoothed value.
const SMOOTHNESS: f64 = 0.9;

/// The steps, and the exponential averages of all lines.
fn smoothed(columns: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let average = |column: &Vec<f64>| {
        let mut average = f64::NAN;
        let next = |value: &f64| {
            if average.is_nan() {
                average = *value;
            } else if !value.is_nan() {
                average = SMOOTHNESS * average + (1.0 - SMOOTHNESS) * value;
            }
            if value.is_nan() { f64::NAN } else { average }
        };
        column.iter().map(next).collect()
    };
    let (steps, lines) = columns.split_at(columns.len().min(1));
    steps.iter().cloned().chain(lines.iter().map(average)).collect()
}

/// A table with a row for each place on the axis, and an empty cell where there is no value.
fn table(across: &str, lines: &[Line], columns: &[Vec<f64>]) -> String {
    // Labels have commas.
    let mut text = lines.iter().fold(quoted(across), |head, (label, _)| head + "," + &quoted(label));
    for row in 0..columns.first().map_or(0, Vec::len) {
        let cell = |column: &Vec<f64>| {
            column.get(row).filter(|value| !value.is_nan()).map_or_else(String::new, f64::to_string)
        };
        text.push('\n');
        text += &columns.iter().map(cell).collect::<Vec<_>>().join(",");
    }
    text.push('\n');
    text
}

/// A cell with words, by RFC 4180.
fn quoted(words: &str) -> String {
    if words.contains([',', '"', '\n']) { format!("\"{}\"", words.replace('"', "\"\"")) } else { words.to_owned() }
}

/// The columns for uPlot, which knows null as no value; of a NaN it makes no axis.
fn arrays(columns: &[Vec<f64>]) -> Array {
    let array = |column: &Vec<f64>| -> JsValue {
        if column.iter().any(|value| value.is_nan()) {
            let value = |value: &f64| if value.is_nan() { JsValue::NULL } else { JsValue::from_f64(*value) };
            column.iter().map(value).collect::<Array>().into()
        } else {
            Float64Array::from(column.as_slice()).into()
        }
    };
    columns.iter().map(array).collect()
}

fn size(target: &HtmlElement) -> Object {
    let size = Object::new();
    // Setting a property of a new plain object cannot fail.
    let _ = Reflect::set(&size, &"width".into(), &target.client_width().max(160).into());
    let _ = Reflect::set(&size, &"height".into(), &target.client_height().max(80).into());
    size
}

/// uPlot's options, in the style sheet's current colours.
fn options(target: &HtmlElement, lines: &[Line], dots: bool, log: bool) -> Result<Object, JsValue> {
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
        "cursor": { "points": { "show": false } },
        // 3: a logarithm. Values that have none are left out.
        "scales": { "x": { "time": false }, "y": { "distr": if log { 3 } else { 1 } } },
        "axes": [with(serde_json::json!({ "size": 28 })), axis],
        "series": series,
    });
    let options: Object = JSON::parse(&options.to_string())?.unchecked_into();
    Object::assign(&options, &size(target));
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_row_for_each_step_and_gaps_where_there_is_no_value() {
        let lines: &[Line] = &[("generator", ""), ("discriminator", "")];
        let columns = [vec![1.0, 2.0], vec![0.5, f64::NAN], vec![-1.0, 3.0]];
        assert_eq!(table("step", lines, &columns), "step,generator,discriminator\n1,0.5,-1\n2,,3\n");
        assert_eq!(table("pictures", lines, &[]), "pictures,generator,discriminator\n");
        let lines: &[Line] = &[("R1, on real pictures", ""), ("a \"b\"", "")];
        assert_eq!(table("step", lines, &[]), "step,\"R1, on real pictures\",\"a \"\"b\"\"\"\n");
    }

    #[test]
    fn the_values_under_the_pointer_are_told_or_the_newest() {
        let lines: &[Line] = &[("generator", ""), ("discriminator", "")];
        let columns = [vec![1000.0, 2000.0], vec![0.5, f64::NAN], vec![-1.0, 12_345.6]];
        assert_eq!(told("step", lines, &columns, Some(0)), "step 1,000 · generator 0.5 · discriminator -1");
        let newest = "step 2,000 · generator – · discriminator 12,346";
        assert_eq!(told("step", lines, &columns, None), newest);
        // A run may have gone back since the pointer moved.
        assert_eq!(told("step", lines, &columns, Some(7)), newest);
        assert_eq!(told("step", lines, &[], Some(0)), "");
        assert_eq!(told("step", lines, &[vec![], vec![], vec![]], None), "");
    }

    #[test]
    fn smoothing_begins_with_the_first_value_and_leaves_gaps() {
        let columns = smoothed(&[vec![1.0, 2.0, 3.0], vec![1.0, f64::NAN, 2.0]]);
        assert_eq!(columns[0], [1.0, 2.0, 3.0]);
        assert!(columns[1][0] == 1.0 && columns[1][1].is_nan());
        assert!((columns[1][2] - 1.1).abs() < 1e-12);
    }
}
