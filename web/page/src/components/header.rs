//! The name, the device and the switch between light and dark.

use leptos::prelude::*;

use crate::store::{Device, Store};
use crate::theme;
use crate::view::View;

#[component]
pub fn Header() -> impl IntoView {
    let store = expect_context::<Store>();
    let device = move || match store.device.get() {
        Device::Looking => "Looking for a graphics device…".to_owned(),
        Device::Measuring(device) | Device::Ready(device) => format!("device: {} · {}", device.name, device.backend),
        Device::None => "no device".to_owned(),
    };
    let reason = move || match store.device.get() {
        Device::Ready(device) => device.reason,
        Device::Looking | Device::Measuring(_) | Device::None => None,
    };
    view! {
        <header class="header">
            <h1>"Whelp"</h1>
            <nav aria-label="Panels">
                {View::ALL.map(|view| view! {
                    <a
                        href=format!("#{}", view.id())
                        data-testid=format!("view-{}", view.id())
                        aria-current=move || (store.view.get().linked() == view).then_some("page")
                    >
                        {view.label()}
                    </a>
                }).collect_view()}
            </nav>
            <p class="device" data-testid="device">{device}</p>
            <ThemeButton />
            {move || reason().map(|reason| view! { <p class="reason" data-testid="device-reason">{reason}</p> })}
        </header>
    }
}

/// The switch between light and dark.
#[component]
pub fn ThemeButton() -> impl IntoView {
    let store = expect_context::<Store>();
    let other_theme = move || if store.dark.get() { "Use light colours" } else { "Use dark colours" };
    view! {
        <button
            type="button"
            class="theme"
            data-testid="theme"
            aria-label=other_theme
            title=other_theme
            on:click=move |_| theme::toggle(store.dark)
        >
            "◐"
        </button>
    }
}
