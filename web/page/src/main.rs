//! The page, on the main thread. Components draw, the store keeps, the worker computes. It has no training logic and no
//! burn, which would be most of its size.

mod actions;
mod checkpoints;
mod client;
mod compare;
mod complaint;
mod components;
mod copying;
mod draw;
mod files;
mod focus;
mod format;
mod guess;
mod health;
mod measures;
mod notices;
mod play;
mod replies;
mod rescue;
mod retreat;
mod runs;
mod scores;
mod settings;
mod snapshots;
mod socket;
mod status;
mod store;
mod theme;
mod video;
mod view;
mod watch;
mod watching;
mod wording;
mod worker;

use leptos::prelude::document;
use wasm_bindgen::JsCast;

/// Replaces the "Starting" line that index.html shows while this program loads.
fn main() {
    let root = document().get_element_by_id("app").expect("index.html has an element with the id app");
    root.set_inner_html("");
    let root = root.unchecked_into();
    focus::keep();
    if watch::is_invited() {
        leptos::mount::mount_to(root, components::WatchedApp).forget();
    } else {
        leptos::mount::mount_to(root, components::App).forget();
    }
}
