//! The recipe, and for those who want it everything else.

use leptos::prelude::*;
use whelp::config::RunConfig;
use whelp::recipes::{self, Recipe};

use super::fields::NumberField;
use super::length_field::LengthField;
use crate::page::store::Store;

#[component]
pub fn Settings() -> impl IntoView {
    let store = expect_context::<Store>();
    let recipe = Memo::new(move |_| store.config.with(|config| config.recipe.clone()));
    let is_busy = Memo::new(move |_| store.is_busy());
    let advice = move || {
        recipes::find(&recipe.get()).map(|recipe| format!("{}: {}.", recipe.summary, recipe.advice)).unwrap_or_default()
    };
    let options = recipes::ALL.map(|choice| {
        view! { <option value=choice.name selected=move || recipe.get() == choice.name>{label(&choice)}</option> }
    });
    let on_recipe = move |event| {
        if let Ok(recipe) = recipes::find(&event_target_value(&event)) {
            store.choose_recipe(recipe);
        }
    };
    let complaint = move || store.config.with(|config| config.clone().validate().err().map(|error| error.to_string()));
    view! {
        <section class="part" aria-labelledby="recipe-title">
            <h2 id="recipe-title">"Recipe"</h2>
            <fieldset disabled=move || is_busy.get()>
                <label class="unseen" for="setting-recipe">"Recipe"</label>
                <select id="setting-recipe" data-testid="setting-recipe" on:change=on_recipe>
                    {options}
                </select>
                <p class="hint">{advice}</p>
                <details class="advanced" data-testid="advanced">
                    <summary>"Advanced settings"</summary>
                    <Show when=move || store.can_go_on() && !is_busy.get()>
                        <p class="hint">
                            "Going on keeps a training's own settings except its length; the rest is for starting over."
                        </p>
                    </Show>
                    <Advanced />
                </details>
            </fieldset>
            {move || {
                complaint().map(|text| {
                    view! { <p class="complaint" role="alert" data-testid="settings-complaint">{text}"."</p> }
                })
            }}
        </section>
    }
}

#[component]
fn Advanced() -> impl IntoView {
    let store = expect_context::<Store>();
    let flips = move || store.config.with(|config| config.data.horizontal_flip);
    view! {
        <LengthField />
        <div class="fields">
            <NumberField
                label="Pictures a step"
                hint="Batch: larger is steadier, and needs more memory."
                id="setting-batch"
                read=|config: &RunConfig| config.train.batch
                write=|config, batch| config.train.batch = batch
            />
            <NumberField
                label="Seed"
                hint="The same seed and device give the same run."
                id="setting-seed"
                read=|config: &RunConfig| config.seed
                write=|config, seed| config.seed = seed
            />
            <NumberField
                label="Generator width"
                hint="Wider draws better, and is slower."
                id="setting-generator-width"
                read=|config: &RunConfig| config.model.generator_width
                write=|config, width| config.model.generator_width = width
            />
            <NumberField
                label="Discriminator width"
                hint="Wider judges better, and is slower."
                id="setting-discriminator-width"
                read=|config: &RunConfig| config.model.discriminator_width
                write=|config, width| config.model.discriminator_width = width
            />
            <NumberField
                label="Generator learning rate"
                hint="How far each step goes."
                id="setting-generator-lr"
                keyboard="decimal"
                read=|config: &RunConfig| config.train.generator_lr
                write=|config, lr| config.train.generator_lr = lr
            />
            <NumberField
                label="Discriminator learning rate"
                hint="How far each step goes."
                id="setting-discriminator-lr"
                keyboard="decimal"
                read=|config: &RunConfig| config.train.discriminator_lr
                write=|config, lr| config.train.discriminator_lr = lr
            />
        </div>
        <label class="check">
            <input
                type="checkbox"
                id="setting-flip"
                data-testid="setting-flip"
                prop:checked=flips
                on:change=move |event| {
                    store.config.update(|config| config.data.horizontal_flip = event_target_checked(&event));
                }
            />
            "Mirror half of the pictures"
        </label>
        <p class="hint">"Helps with few pictures, unless left and right differ, as in writing."</p>
    }
}

fn label(recipe: &Recipe) -> String {
    format!("{} · {} pixels", recipe.name, recipe.config().data.resolution)
}
