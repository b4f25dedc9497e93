//! Which panel is beside the pictures, as the address says: `#play`, `#runs`, or nothing for the first one. So a panel can be
//! bookmarked, and the browser's back button works.

use leptos::prelude::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Pictures, settings, charts: all that belongs to training.
    Watch,
    Play,
    Runs,
    /// Two runs side by side: see [`Compare`](crate::compare::Compare).
    Compare,
}

impl View {
    /// Those with a link in the header.
    pub const ALL: [Self; 3] = [Self::Watch, Self::Play, Self::Runs];

    /// Its name in the address and in the style sheet.
    pub fn id(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Play => "play",
            Self::Runs => "runs",
            Self::Compare => "compare",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Watch => "Train",
            Self::Play => "Play",
            Self::Runs => "Runs",
            Self::Compare => "Compare",
        }
    }

    /// The one with a link that it belongs to.
    pub fn linked(self) -> Self {
        match self {
            Self::Compare => Self::Runs,
            Self::Watch | Self::Play | Self::Runs => self,
        }
    }

    fn now() -> Self {
        let hash = window().location().hash().unwrap_or_default();
        let name = hash.strip_prefix('#').unwrap_or_default();
        // What follows is for the panel.
        let name = name.split_once('=').map_or(name, |(name, _)| name);
        let views = Self::ALL.into_iter().chain([Self::Compare]);
        views.into_iter().find(|view| view.id() == name).unwrap_or(Self::Watch)
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
