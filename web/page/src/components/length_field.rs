//! How long to train: a number and its unit, or no end.

use leptos::prelude::*;
use whelp::config::Length;

use crate::store::Store;

/// The units of a length that the page offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Unlimited,
    Steps,
    Epochs,
    Kimg,
    Minutes,
}

impl Unit {
    const ALL: [Unit; 5] = [Unit::Unlimited, Unit::Steps, Unit::Epochs, Unit::Kimg, Unit::Minutes];

    fn of(length: Length) -> (Unit, u64) {
        match length {
            Length::Unlimited => (Unit::Unlimited, 0),
            Length::Steps(steps) => (Unit::Steps, steps),
            Length::Epochs(epochs) => (Unit::Epochs, epochs),
            Length::Kimg(kimg) => (Unit::Kimg, kimg),
            Length::Seconds(secs) => (Unit::Minutes, secs.div_ceil(60)),
        }
    }

    fn length(self, amount: u64) -> Length {
        match self {
            Unit::Unlimited => Length::Unlimited,
            Unit::Steps => Length::Steps(amount),
            Unit::Epochs => Length::Epochs(amount),
            Unit::Kimg => Length::Kimg(amount),
            Unit::Minutes => Length::Seconds(amount.saturating_mul(60)),
        }
    }

    /// The number filled in when the unit is chosen: some minutes of training on a graphics device.
    fn usual(self) -> u64 {
        match self {
            Unit::Unlimited => 0,
            Unit::Steps => 2000,
            Unit::Epochs => 25,
            Unit::Kimg => 200,
            Unit::Minutes => 30,
        }
    }

    fn id(self) -> &'static str {
        match self {
            Unit::Unlimited => "unlimited",
            Unit::Steps => "steps",
            Unit::Epochs => "epochs",
            Unit::Kimg => "kimg",
            Unit::Minutes => "minutes",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Unit::Unlimited => "until I stop it",
            Unit::Steps => "steps",
            Unit::Epochs => "passes through the pictures",
            Unit::Kimg => "thousand pictures",
            Unit::Minutes => "minutes",
        }
    }
}

#[component]
pub fn LengthField() -> impl IntoView {
    let store = expect_context::<Store>();
    let shown = Memo::new(move |_| store.config.with(|config| Unit::of(config.train.length)));
    let unit = Memo::new(move |_| shown.get().0);
    let set = move |unit: Unit, amount: u64| store.config.update(|config| config.train.length = unit.length(amount));
    let on_unit = move |event| {
        let id = event_target_value(&event);
        if let Some(unit) = Unit::ALL.into_iter().find(|unit| unit.id() == id) {
            set(unit, unit.usual());
        }
    };
    let on_amount = move |event| {
        if let Ok(amount) = event_target_value(&event).trim().parse() {
            set(unit.get_untracked(), amount);
        }
    };
    let options = Unit::ALL.map(|choice| {
        view! { <option value=choice.id() selected=move || unit.get() == choice>{choice.label()}</option> }
    });
    view! {
        <div class="field length">
            <label for="setting-length-unit">"Training length"</label>
            <div class="pair">
                <Show when=move || unit.get() != Unit::Unlimited>
                    <input
                        id="setting-length"
                        data-testid="setting-length"
                        type="text"
                        inputmode="numeric"
                        autocomplete="off"
                        aria-label="How many"
                        prop:value=move || shown.get().1.to_string()
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
        for length in [Length::Unlimited, Length::Steps(7), Length::Epochs(3), Length::Kimg(200), Length::Seconds(1800)]
        {
            let (unit, amount) = Unit::of(length);
            assert_eq!(unit.length(amount), length);
        }
    }
}
