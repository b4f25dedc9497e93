//! Labelled inputs of the settings.

use leptos::{html, prelude::*};
use std::fmt::Display;
use std::str::FromStr;
use whelp::config::RunConfig;

use crate::page::store::Store;

/// A number of the configuration. What is typed counts at once where it is a number, and is marked where it is not.
#[component]
pub fn NumberField<T>(
    label: &'static str,
    /// One plain line.
    hint: &'static str,
    /// Of the input, and for tests.
    id: &'static str,
    read: fn(&RunConfig) -> T,
    write: fn(&mut RunConfig, T),
    #[prop(default = "numeric")] keyboard: &'static str,
) -> impl IntoView
where
    T: FromStr + Display + PartialEq + Copy + Send + Sync + 'static,
{
    let store = expect_context::<Store>();
    let input = NodeRef::<html::Input>::new();
    let value = Memo::new(move |_| store.config.with(read));
    let is_valid = RwSignal::new(true);
    // Text that means the value already is left as it was typed, e.g. "0.0" on the way to "0.01".
    Effect::new(move |_| {
        let (Some(input), value) = (input.get(), value.get()) else { return };
        if input.value().trim().parse::<T>().ok() != Some(value) {
            input.set_value(&value.to_string());
            is_valid.set(true);
        }
    });
    let on_input = move |event| match event_target_value(&event).trim().parse() {
        Ok(value) => {
            is_valid.set(true);
            store.config.update(|config| write(config, value));
        }
        Err(_) => is_valid.set(false),
    };
    view! {
        <div class="field">
            <label for=id>{label}</label>
            <input
                node_ref=input
                id=id
                data-testid=id
                type="text"
                inputmode=keyboard
                autocomplete="off"
                spellcheck="false"
                aria-describedby=format!("{id}-hint")
                aria-invalid=move || (!is_valid.get()).then_some("true")
                on:input=on_input
            />
            <p class="hint" id=format!("{id}-hint")>{hint}</p>
        </div>
    }
}
