//! The files that could not be used, each with the reason.

use leptos::prelude::*;
use whelp::data::Skipped;

use crate::format;
use crate::store::Store;

#[component]
pub fn Problems() -> impl IntoView {
    let store = expect_context::<Store>();
    let skipped = move || {
        store.data.with(|data| {
            data.as_ref()
                .map(|data| (data.summary.skipped_count, data.summary.skipped.clone()))
                .filter(|(count, _)| *count > 0)
        })
    };
    move || {
        skipped().map(|(count, named)| {
            let unnamed = count.saturating_sub(named.len());
            let headline = match count {
                1 => "1 file could not be used".to_owned(),
                count => format!("{} files could not be used", format::full(count as u64)),
            };
            let row = |file: Skipped| view! { <li><span class="name">{file.name}</span>" "{file.reason}</li> };
            let rest = (unnamed > 0).then(|| view! { <li>{format!("and {} more", format::full(unnamed as u64))}</li> });
            view! {
                <details class="problems" data-testid="data-problems">
                    <summary>{headline}</summary>
                    <ul>
                        {named.into_iter().map(row).collect_view()}
                        {rest}
                    </ul>
                </details>
            }
        })
    }
}
