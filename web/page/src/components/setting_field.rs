//! The form of one setting, made from its row in `fields::FIELDS`: a label, an input that fits what the field accepts,
//! and a tip that shows while the field is focused or pointed at.

use js_sys::Reflect;
use leptos::{html, prelude::*};
use serde_json::Value;
use web_sys::HtmlInputElement;
use whelp::config::Resolution;
use whelp::fields::{Accepts, Field, Resume};

use super::complaint::COMPLAINT_ID;
use crate::store::Store;

/// Attributes of an `input` element.
#[derive(Default)]
struct Typing {
    kind: &'static str,
    keyboard: Option<&'static str>,
    step: Option<&'static str>,
    min: Option<String>,
    max: Option<String>,
}

impl Typing {
    fn whole(min: u64, max: Option<u64>) -> Self {
        let (min, max) = (Some(min.to_string()), max.map(|max| max.to_string()));
        Self { kind: "number", keyboard: Some("numeric"), step: Some("1"), min, max }
    }

    fn real(min: f64, max: f64) -> Self {
        let (min, max) = (Some(min.to_string()), Some(max.to_string()));
        Self { kind: "number", keyboard: Some("decimal"), step: Some("any"), min, max }
    }

    fn text() -> Self {
        Self { kind: "text", ..Self::default() }
    }
}

/// The id and `data-testid` of a field's input: `setting-` and the field's name, e.g. `setting-batch`.
///
/// Fields of other sections than data, model and train keep their section, because some names occur twice:
/// `setting-schedule-beta2`.
fn id(path: &str) -> String {
    let name = match path.split_once('.') {
        Some(("data" | "model" | "train", name)) => name,
        _ => path,
    };
    format!("setting-{}", name.replace(['.', '_'], "-"))
}

/// Draws nothing for `train.length`, which has a component of its own.
#[component]
pub fn SettingField(
    field: &'static Field,
    /// The form's configuration as JSON.
    tree: Memo<Value>,
) -> impl IntoView {
    let pointer = field.pointer();
    let value = Memo::new(move |_| tree.with(|tree| tree.pointer(&pointer).cloned().unwrap_or_default()));
    match field.accepts {
        Accepts::Flag => view! { <Checked field value /> }.into_any(),
        Accepts::Whole { low, high } => {
            view! { <Typed field value typing=Typing::whole(low, Some(high)) /> }.into_any()
        }
        Accepts::OptionalWhole => view! { <Typed field value typing=Typing::whole(1, None) /> }.into_any(),
        Accepts::Real(range) | Accepts::OptionalReal(range) => {
            view! { <Typed field value typing=Typing::real(range.low, range.high) /> }.into_any()
        }
        Accepts::Text | Accepts::NumberedPng | Accepts::Resolution => {
            view! { <Typed field value typing=Typing::text() /> }.into_any()
        }
        Accepts::Choice(names) => {
            let choices = names.iter().map(|(name, words)| (Value::from(*name), (*words).to_owned())).collect();
            view! { <Chosen field value choices /> }.into_any()
        }
        Accepts::Length => ().into_any(),
    }
}

/// The explanation of a field. The input's `aria-describedby` refers to it.
#[component]
fn Tip(field: &'static Field) -> impl IntoView {
    view! {
        <p class="tip" role="tooltip" id=hint_id(field)>
            {field.help}
        </p>
    }
}

fn hint_id(field: &Field) -> String {
    format!("{}-hint", id(field.path))
}

/// For `aria-invalid`: `true` if the complaint about the settings is about this field.
fn is_wrong(store: Store, field: &Field) -> Option<&'static str> {
    store.complaint.with(|error| error.as_ref().is_some_and(|error| error.concerns(field.path)).then_some("true"))
}

/// Marks a field that needs a new run, while there is a checkpoint to continue from.
#[component]
fn NewRun(field: &'static Field) -> impl IntoView {
    let store = expect_context::<Store>();
    let is_shown = move || field.resume == Resume::Fixed && store.can_continue();
    view! {
        <Show when=is_shown>
            <span class="new-run" title="Applies only when you start over">" · new run"</span>
        </Show>
    }
}

#[component]
fn Checked(field: &'static Field, value: Memo<Value>) -> impl IntoView {
    let store = expect_context::<Store>();
    let on_change = move |event| store.set_field(field, &event_target_checked(&event).to_string());
    view! {
        <div class="field">
            <label class="check">
                <input
                    id=id(field.path)
                    data-testid=id(field.path)
                    type="checkbox"
                    aria-describedby=hint_id(field)
                    aria-invalid=move || is_wrong(store, field)
                    aria-errormessage=COMPLAINT_ID
                    prop:checked=move || value.get() == Value::Bool(true)
                    on:change=on_change
                />
                {field.label}
                <NewRun field />
            </label>
            <Tip field />
        </div>
    }
}

#[component]
fn Chosen(field: &'static Field, value: Memo<Value>, choices: Vec<(Value, String)>) -> impl IntoView {
    let store = expect_context::<Store>();
    // The option's value is the choice as JSON, with quotes.
    let options = choices.into_iter().map(|(choice, words)| {
        let json = choice.to_string();
        view! { <option value=json prop:selected=move || value.get() == choice>{words}</option> }
    });
    view! {
        <div class="field">
            <label for=id(field.path)>
                {field.label}
                <NewRun field />
            </label>
            <select
                id=id(field.path)
                data-testid=id(field.path)
                aria-describedby=hint_id(field)
                aria-invalid=move || is_wrong(store, field)
                aria-errormessage=COMPLAINT_ID
                on:change=move |event| store.set_field(field, &event_target_value(&event))
            >
                {options.collect_view()}
            </select>
            <Tip field />
        </div>
    }
}

/// Takes over what is typed as soon as it is a value of the field, and complains otherwise.
#[component]
fn Typed(field: &'static Field, value: Memo<Value>, typing: Typing) -> impl IntoView {
    let store = expect_context::<Store>();
    let Typing { kind, keyboard, step, min, max } = typing;
    let input = NodeRef::<html::Input>::new();
    let is_refused = Memo::new(move |_| store.refused.with(|refused| refused.contains_key(field.path)));
    // Text that already means the value is left as typed, e.g. "0.0" on the way to "0.01".
    Effect::new(move |_| {
        let (Some(input), value) = (input.get(), value.get()) else { return };
        if !is_refused.get() && json_from(field.accepts, &input.value()).as_ref() != Some(&value) {
            input.set_value(&shown(&value));
        }
    });
    let on_input = move |_| {
        let Some(input) = input.get_untracked() else { return };
        match json_from(field.accepts, &input.value()).filter(|_| !is_half_typed(&input)) {
            Some(json) => store.set_field(field, &json.to_string()),
            None if input.value().is_empty() && !is_half_typed(&input) => store.refuse_typed(field, "empty"),
            None if field.accepts == Accepts::Resolution => store.refuse_typed(field, input.value().trim()),
            None => store.refuse_typed(field, "not a number"),
        }
    };
    view! {
        <div class="field">
            <label for=id(field.path)>
                {field.label}
                <NewRun field />
            </label>
            <input
                node_ref=input
                id=id(field.path)
                data-testid=id(field.path)
                type=kind
                inputmode=keyboard
                step=step
                min=min
                max=max
                placeholder=field.accepts.is_optional().then_some("none")
                autocomplete="off"
                spellcheck="false"
                aria-describedby=hint_id(field)
                aria-invalid=move || is_wrong(store, field)
                aria-errormessage=COMPLAINT_ID
                on:input=on_input
            />
            <Tip field />
        </div>
    }
}

/// Whether the input holds text that is not a number: the browser then reports an empty value.
fn is_half_typed(input: &HtmlInputElement) -> bool {
    let get = |of: &wasm_bindgen::JsValue, key: &str| Reflect::get(of, &key.into()).unwrap_or_default();
    get(&get(input, "validity"), "badInput").is_truthy()
}

/// Typed text as JSON; none if the field needs a number, or the size of pictures, and the text is none.
fn json_from(accepts: Accepts, text: &str) -> Option<Value> {
    let text = text.trim();
    match accepts {
        Accepts::Text | Accepts::NumberedPng => Some(Value::from(text)),
        Accepts::Resolution => serde_json::to_value(text.parse::<Resolution>().ok()?).ok(),
        _ if text.is_empty() => accepts.is_optional().then_some(Value::Null),
        // Integers stay exact, however large: seeds go up to 2^64.
        Accepts::Whole { .. } | Accepts::OptionalWhole => {
            text.parse::<u64>().map(Value::from).or_else(|_| text.parse::<f64>().map(Value::from)).ok()
        }
        _ => text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from),
    }
}

/// A value as one would type it.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => {
            let number = number.as_f64().unwrap_or_default();
            // 1e-8 is easier to read than 0.00000001.
            if number != 0.0 && number.abs() < 1e-4 { format!("{number:e}") } else { number.to_string() }
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use whelp::config::RunConfig;
    use whelp::fields::FIELDS;

    #[test]
    fn every_setting_has_an_id_of_its_own() {
        let ids: BTreeSet<String> = FIELDS.iter().map(|field| id(field.path)).collect();
        assert_eq!(ids.len(), FIELDS.len());
        assert!(ids.contains("setting-batch") && ids.contains("setting-schedule-generator-lr"));
    }

    #[test]
    fn every_value_survives_being_shown_and_typed() {
        let mut config = RunConfig { seed: u64::MAX, ..RunConfig::default() };
        config.train.generator_lr = 2.5e-5;
        for recipe in whelp::recipes::ALL.iter().map(whelp::recipes::Recipe::config).chain([config]) {
            let tree = serde_json::to_value(&recipe).unwrap();
            for field in FIELDS.iter().filter(|field| !matches!(field.accepts, Accepts::Length | Accepts::Flag)) {
                let value = tree.pointer(&field.pointer()).unwrap();
                if matches!(field.accepts, Accepts::Choice(_)) {
                    continue;
                }
                assert_eq!(json_from(field.accepts, &shown(value)).as_ref(), Some(value), "{}", field.path);
            }
        }
    }

    #[test]
    fn only_numbers_are_numbers_and_only_what_is_optional_may_be_empty() {
        let whole = Accepts::Whole { low: 0, high: 9 };
        assert_eq!(json_from(whole, " 12 "), Some(Value::from(12u64)));
        assert_eq!([json_from(whole, ""), json_from(whole, "many")], [None, None]);
        assert_eq!(json_from(Accepts::OptionalWhole, ""), Some(Value::Null));
        assert_eq!(shown(&Value::from(1e-8)), "1e-8");
        let size = |text| json_from(Accepts::Resolution, text);
        assert_eq!([size("64"), size("64 x 96")], [Some(Value::from(64)), Some(Value::from("64x96"))]);
        assert_eq!([size(""), size("64x")], [None, None]);
    }
}
