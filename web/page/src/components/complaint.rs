//! The sentence on what is wrong with the settings.

use leptos::prelude::*;
use whelp::config::ConfigError;

use crate::store::Store;

/// Its id; the field that it is about refers to it.
pub const COMPLAINT_ID: &str = "settings-complaint";

#[component]
pub fn Complaint() -> impl IntoView {
    let store = expect_context::<Store>();
    let complaint = move || store.complaint.with(|error| error.as_ref().map(ConfigError::to_string));
    move || {
        complaint().map(|text| {
            view! {
                <p class="complaint" role="alert" id=COMPLAINT_ID data-testid="settings-complaint">
                    {text}"."
                </p>
            }
        })
    }
}
