//! Buttons that help a run which does not go well, under the sentence that says what is wrong.

use leptos::prelude::*;

use crate::health::{id, label};
use crate::store::Store;

#[component]
pub fn Remedies() -> impl IntoView {
    let store = expect_context::<Store>();
    let remedies = Memo::new(move |_| store.remedies());
    view! {
        <div class="buttons remedies" data-testid="remedies">
            <For each=move || remedies.get() key=|remedy| *remedy as u8 children=move |remedy| {
                view! {
                    <button type="button" class="button" data-testid=id(remedy) on:click=move |_| store.cure(remedy)>
                        {label(remedy)}
                    </button>
                }
            } />
        </div>
    }
}
