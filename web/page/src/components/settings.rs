//! The recipe, and below it the advanced settings.

use leptos::prelude::*;
use whelp::config::Architecture;
use whelp::fields::{self, Accepts};
use whelp::recipes::{self, Recipe};

use super::advanced::Advanced;
use super::complaint::Complaint;
use crate::store::{Device, Store, Suggested};

#[component]
pub fn Settings() -> impl IntoView {
    let store = expect_context::<Store>();
    let recipe = Memo::new(move |_| store.config.with(|config| config.recipe.clone()));
    // Once the device is known, its suggestion fills in the form and would overwrite what was typed before.
    let is_fixed =
        Memo::new(move |_| store.is_busy() || matches!(store.device.get(), Device::Looking | Device::Measuring(_)));
    let is_gentle = Memo::new(move |_| store.config.with(|config| config.output.idle_share > 0.0));
    let can_start_over = Memo::new(move |_| store.can_continue() && !store.is_busy());
    let advice = move || {
        recipes::find(&recipe.get()).map(|recipe| format!("{}: {}.", recipe.summary, recipe.advice)).unwrap_or_default()
    };
    let groups = families().into_iter().map(|(family, recipes)| {
        let options = recipes.into_iter().map(|choice| {
            view! { <option value=choice.name prop:selected=move || recipe.get() == choice.name>{label(&choice)}</option> }
        });
        view! { <optgroup label=family>{options.collect_view()}</optgroup> }
    });
    let on_recipe = move |event| {
        if let Ok(recipe) = recipes::find(&event_target_value(&event)) {
            store.choose_recipe(recipe);
        }
    };
    view! {
        <section class="part settings" aria-labelledby="recipe-title">
            <h2 id="recipe-title">"Recipe"</h2>
            <fieldset disabled=move || is_fixed.get()>
                <label class="unseen" for="setting-recipe">"Recipe"</label>
                <select id="setting-recipe" data-testid="setting-recipe" on:change=on_recipe>
                    {groups.collect_view()}
                </select>
                <p class="hint">{advice}</p>
                {move || picked(store).map(|text| view! { <p class="hint" data-testid="picked-size">{text}</p> })}
                <details class="advanced" data-testid="advanced">
                    <summary>"Advanced settings"</summary>
                    <Advanced />
                </details>
            </fieldset>
            <label class="switch">
                <input
                    type="checkbox"
                    data-testid="gentle"
                    prop:checked=move || is_gentle.get()
                    on:change=move |event| store.set_gentle(event_target_checked(&event))
                />
                "Gentle: leaves your device idle half of the time"
            </label>
            <Complaint />
            <Show when=move || can_start_over.get()>
                <p class="hint">
                    "Continuing keeps the pictures, networks, loss and seed. To change those, start over."
                </p>
                <div class="buttons">
                    <button type="button" class="button" data-testid="train" on:click=move |_| store.train()>
                        "Start over"
                    </button>
                </div>
            </Show>
        </section>
    }
}

/// Why this size was suggested, as long as the form still has the suggested size.
fn picked(store: Store) -> Option<String> {
    let Suggested { config: suggested, reason } = store.suggested.get()?;
    let is_kept = store.config.with(|config| {
        config.recipe == suggested.recipe
            && config.model == suggested.model
            && config.train.batch == suggested.train.batch
    });
    reason.filter(|_| is_kept)
}

/// The recipes grouped by architecture, in the order of [`recipes::ALL`].
fn families() -> Vec<(&'static str, Vec<Recipe>)> {
    let mut families: Vec<(&'static str, Vec<Recipe>)> = Vec::new();
    for recipe in recipes::ALL {
        let family = name(recipe.config().model.architecture);
        match families.iter_mut().find(|(known, _)| *known == family) {
            Some((_, members)) => members.push(recipe),
            None => families.push((family, vec![recipe])),
        }
    }
    families
}

/// The name of an architecture as the form shows it.
fn name(architecture: Architecture) -> &'static str {
    let id = serde_json::to_value(architecture).unwrap_or_default();
    let Some(Accepts::Choice(names)) = fields::find("model.architecture").map(|field| field.accepts) else { return "" };
    names.iter().find(|(known, _)| id == *known).map_or("", |(_, words)| words)
}

/// Its name, and its resolution if it is made for one.
fn label(recipe: &Recipe) -> String {
    if recipe.fixes_resolution() {
        format!("{} · {} pixels", recipe.name, recipe.config().data.resolution)
    } else {
        recipe.name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recipe_is_offered_in_a_family_that_has_a_name() {
        let families = families();
        assert_eq!(families[0].0, "Projected");
        assert!(families.iter().all(|(name, recipes)| !name.is_empty() && !recipes.is_empty()));
        assert_eq!(families.iter().map(|(_, recipes)| recipes.len()).sum::<usize>(), recipes::ALL.len());
    }
}
