//! The advanced settings: one section of the form for each section of the configuration.

use leptos::{ev, prelude::*};
use serde_json::Value;
use whelp::fields::{Accepts, FIELDS, Field};

use super::length_field::LengthField;
use super::setting_field::SettingField;
use crate::store::Store;

/// Sections of the configuration, with the titles that the page shows.
const SECTIONS: [(&str, &str); 7] = [
    ("data", "Pictures"),
    ("model", "Networks"),
    ("train", "Training"),
    ("schedule", "Schedule"),
    ("augment", "Augmentation"),
    ("metrics", "Scores"),
    ("output", "Output"),
];

/// The section that shows a field. None for the recipe and the length: they have components of their own.
fn section(field: &Field) -> Option<&'static str> {
    match field.path.split_once('.') {
        _ if field.path == "recipe" || field.accepts == Accepts::Length => None,
        Some((section, _)) => SECTIONS.iter().map(|(known, _)| *known).find(|known| *known == section),
        // The seed has no section in the configuration.
        None => Some("train"),
    }
}

#[component]
pub fn Advanced() -> impl IntoView {
    let store = expect_context::<Store>();
    let tree = Memo::new(move |_| store.config.with(|config| serde_json::to_value(config).unwrap_or_default()));
    // A tip can cover something: Escape hides tips until another field is focused or pointed at.
    let is_quiet = RwSignal::new(false);
    let on_key = move |event: ev::KeyboardEvent| {
        if event.key() == "Escape" {
            is_quiet.set(true);
        }
    };
    let sections = SECTIONS.map(|(id, title)| view! { <Section id title tree /> });
    view! {
        <LengthField />
        <div
            class="sections"
            class:quiet=move || is_quiet.get()
            on:keydown=on_key
            on:focusin=move |_| is_quiet.set(false)
            on:mouseover=move |_| is_quiet.set(false)
        >
            {sections}
        </div>
    }
}

#[component]
fn Section(id: &'static str, title: &'static str, tree: Memo<Value>) -> impl IntoView {
    let fields = FIELDS.iter().filter(|field| section(field) == Some(id));
    view! {
        <details class="section" data-testid=format!("section-{id}")>
            <summary>{title}</summary>
            <div class="fields">{fields.map(|field| view! { <SettingField field tree /> }).collect_view()}</div>
        </details>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_a_place() {
        let homeless: Vec<&str> =
            FIELDS.iter().filter(|field| section(field).is_none()).map(|field| field.path).collect();
        assert_eq!(homeless, ["recipe", "train.length"]);
    }
}
