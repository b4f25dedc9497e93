//! The page: everything on the main thread. Components draw, the store keeps, the worker computes. No tensor and no
//! training logic is in here, nor burn, which would be most of the page's weight.

mod actions;
mod checkpoints;
mod components;
mod draw;
mod files;
mod format;
mod losses;
mod notices;
mod panics;
mod replies;
mod settings;
mod status;
mod store;
mod theme;
mod worker;

use leptos::prelude::document;
use wasm_bindgen::JsCast;

/// Takes the place of the "Starting" line that index.html shows while this program loads.
fn main() {
    panics::install();
    let root = document().get_element_by_id("app").expect("index.html has an element with the id app");
    root.set_inner_html("");
    leptos::mount::mount_to(root.unchecked_into(), components::App).forget();
}
