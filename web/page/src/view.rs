//! Which panel is beside the pictures, as the address says: `#play`, `#runs`, or nothing for the first one. So a panel can be
//! bookmarked, and the browser's back button works.

use leptos::prelude::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Pictures, settings, charts: all that belongs to training.
    Watch,
    Play,
    Runs,
}

impl View {
    pub const ALL: [Self; 3] = [Self::Watch, Self::Play, Self::Runs];

    /// Its name in the address and in the style sheet.
    pub fn id(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Play => "play",
            Self::Runs => "runs",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Watch => "Train",
            Self::Play => "Play",
            Self::Runs => "Runs",
        }
    }

    fn now() -> Self {
        let hash = window().location().hash().unwrap_or_default();
        Self::ALL.into_iter().find(|view| hash.strip_prefix('#') == Some(view.id())).unwrap_or(Self::Watch)
    }

    /// A signal that follows the address.
    pub fn signal() -> RwSignal<Self> {
        let view = RwSignal::new(Self::now());
        // It lives as long as the page.
        let _ = window_event_listener_untyped("hashchange", move |_| view.set(Self::now()));
        view
    }

    /// Goes there, as a click on a link would.
    pub fn show(self) {
        // Fails for no address that begins with a hash.
        let _ = window().location().set_hash(self.id());
    }
}
