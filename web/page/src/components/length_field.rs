//! How long to train: a number and its unit, or no end.

use leptos::prelude::*;
use whelp::config::Length;

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
    let set = move |length: Length| store.config.update(|config| config.train.length = length);
    let on_unit = move |event| {
        let id = event_target_value(&event);
        if let Some(unit) = UNITS.iter().find(|unit| unit.id == id) {
            set(unit.usual);
        }
    };
    let on_amount = move |event| {
        if let Ok(amount) = event_target_value(&event).trim().parse() {
            set(unit.get_untracked().length(amount));
        }
    };
    let options = UNITS.map(|choice| {
        let is_chosen = move || unit.get().id == choice.id;
        view! { <option value=choice.id selected=is_chosen>{choice.label}</option> }
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
    fn every_usual_length_is_valid() {
        assert!(UNITS.iter().all(|unit| unit.usual.is_valid()));
    }
}
