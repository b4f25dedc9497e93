//! The notices, fixed at the bottom of the window.

use leptos::prelude::*;

use crate::notices::{Notice, Remedy, Tone};
use crate::store::Store;

#[component]
pub fn NoticeList() -> impl IntoView {
    let store = expect_context::<Store>();
    view! {
        <div class="notices">
            <For each=move || store.notices.get() key=|notice| notice.id children=move |notice| show(store, notice) />
        </div>
    }
}

fn show(store: Store, notice: Notice) -> impl IntoView {
    let Notice { id, tone, text, remedies } = notice;
    let (name, role) = match tone {
        Tone::Error => ("error", "alert"),
        Tone::Warning => ("warning", "status"),
        Tone::Info => ("info", "status"),
    };
    let button = move |remedy: Remedy| {
        view! {
            <button
                type="button"
                class="button"
                data-testid=remedy.id()
                on:click=move |_| {
                    // A download may be wanted twice. The other remedies have a visible effect, so their notice can go.
                    if remedy != Remedy::DownloadLatest {
                        store.notices.dismiss(id);
                    }
                    store.remedy(remedy);
                }
            >
                {remedy.label()}
            </button>
        }
    };
    view! {
        <div class=format!("notice {name}") role=role data-testid=name>
            <p>{text}</p>
            <button
                type="button"
                class="dismiss"
                data-testid="dismiss"
                aria-label="Dismiss"
                on:click=move |_| store.notices.dismiss(id)
            >
                "×"
            </button>
            <div class="buttons">{remedies.into_iter().map(button).collect_view()}</div>
        </div>
    }
}
