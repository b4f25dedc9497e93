//! How long to train: a number and its unit, or no end.

use leptos::prelude::*;
use whelp::config::Length;
use whelp::fields;

use crate::store::Store;

/// A unit of lengths that the page offers.
#[derive(Debug, PartialEq)]
struct Unit {
    /// For tests.
    id: &'static str,
    label: &'static str,
    /// What is filled in when the unit is chosen: some minutes of training on a graphics device.
    usual: Length,
    /// How many of the library's unit it is.
    factor: u64,
}

const UNITS: [Unit; 5] = [
    Unit { id: "unlimited", label: "until I stop it", usual: Length::Unlimited, factor: 1 },
    Unit { id: "steps", label: "steps", usual: Length::Steps(2000), factor: 1 },
    Unit { id: "epochs", label: "passes through the pictures", usual: Length::Epochs(25), factor: 1 },
    Unit { id: "kimg", label: "thousand pictures", usual: Length::Kimg(200), factor: 1 },
    Unit { id: "minutes", label: "minutes", usual: Length::Seconds(30 * 60), factor: 60 },
];

/// The unit of a length, and how many of it; none for a length without end.
fn shown(length: Length) -> (&'static Unit, Option<u64>) {
    const UNIT_TABLE: &[Unit] = &UNITS;
    let unit = UNIT_TABLE.iter().find(|unit| unit.usual.unit() == length.unit()).unwrap_or(&UNIT_TABLE[0]);
    (unit, length.amount().map(|amount| amount.div_ceil(unit.factor)))
}

/// The field that all of this sets.
const FIELD: &str = "train.length";

/// A count as people write it: digits, perhaps with commas or spaces between thousands.
fn read(typed: &str) -> Option<u64> {
    let is_between = |c: char| c == ',' || c == '\'' || c == '_' || c.is_whitespace();
    typed.chars().filter(|c| !is_between(*c)).collect::<String>().parse().ok()
}

impl Unit {
    fn length(&self, amount: u64) -> Length {
        self.usual.with_amount(amount.saturating_mul(self.factor))
    }
}

#[component]
pub fn LengthField() -> impl IntoView {
    let store = expect_context::<Store>();
    let length = Memo::new(move |_| store.config.with(|config| config.train.length));
    let unit = Memo::new(move |_| shown(length.get()).0);
    let amount = move || shown(length.get()).1;
    let field = fields::find(FIELD);
    let set = move |length: Length| {
        if let (Some(field), Ok(json)) = (field, serde_json::to_string(&length)) {
            store.set_field(field, &json);
        }
    };
    let on_unit = move |event| {
        let id = event_target_value(&event);
        if let Some(unit) = UNITS.iter().find(|unit| unit.id == id) {
            set(unit.usual);
        }
    };
    let on_amount = move |event| {
        let typed = event_target_value(&event);
        match (read(&typed), field) {
            (Some(amount), _) => set(unit.get_untracked().length(amount)),
            (None, Some(field)) => store.refuse_typed(field, &typed),
            (None, None) => {}
        }
    };
    let is_refused = Memo::new(move |_| store.refused.with(|refused| refused.contains_key(FIELD)));
    let options = UNITS.map(|choice| {
        let is_chosen = move || unit.get().id == choice.id;
        view! { <option value=choice.id prop:selected=is_chosen>{choice.label}</option> }
    });
    view! {
        <div class="field length">
            <label for="setting-length-unit">"Training length"</label>
            <div class="pair">
                <Show when=move || amount().is_some()>
                    <input
                        id="setting-length"
                        data-testid="setting-length"
                        type="text"
                        inputmode="numeric"
                        autocomplete="off"
                        aria-label="How many"
                        aria-invalid=move || is_refused.get().then_some("true")
                        prop:value=move || amount().unwrap_or_default().to_string()
                        on:change=on_amount
                        on:input=on_amount
                    />
                </Show>
                <select id="setting-length-unit" data-testid="setting-length-unit" on:change=on_unit>
                    {options}
                </select>
            </div>
            <p class="hint">"Counted from the very first step, also when you continue from a checkpoint."</p>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_survive_the_form() {
        let lengths =
            [Length::Unlimited, Length::Steps(7), Length::Epochs(3), Length::Kimg(200), Length::Seconds(1800)];
        for length in lengths {
            let (unit, amount) = shown(length);
            assert_eq!(unit.length(amount.unwrap_or_default()), length);
        }
        assert_eq!(shown(Length::Seconds(61)).1, Some(2), "whole minutes");
    }

    #[test]
    fn thousands_may_be_apart_and_what_is_no_count_is_refused() {
        for typed in ["50000", " 50,000 ", "50 000", "50\u{a0}000", "50\u{202f}000", "50'000"] {
            assert_eq!(read(typed), Some(50_000), "{typed}");
        }
        for typed in ["", "2k", "1.5", "-3", "ten", "99999999999999999999"] {
            assert_eq!(read(typed), None, "{typed}");
        }
        assert!(fields::find(FIELD).is_some());
    }

    #[test]
    fn every_usual_length_is_valid() {
        assert!(UNITS.iter().all(|unit| unit.usual.is_valid()));
    }
}
