//! Faults that reach nobody by themselves: panics, and what the graphics stack only logs.

use std::cell::RefCell;

use log::{Level, LevelFilter, Log, Metadata, Record};
use whelp_messages::{About, Reply};

use super::port::post;

thread_local! {
    static GRAPHICS_FAULT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Turns panics into replies and listens to the graphics stack's log.
pub fn install() {
    std::panic::set_hook(Box::new(|panic| {
        let message = format!(
            "The trainer broke down ({panic}). Start it again from the last checkpoint; nothing saved is lost."
        );
        post(&Reply::Failed { about: About::Worker, message }, None);
    }));
    static LOGGER: Logger = Logger;
    // Fails only if it was called before.
    if log::set_logger(&LOGGER).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
}

/// The first error that the graphics stack logged and nobody took yet.
///
/// A shader that fails validation leaves stale numbers and an error in the log, nothing more
/// (tracel-ai/cubecl#1641), so a logged error ends a run.
pub fn take_graphics_fault() -> Option<String> {
    GRAPHICS_FAULT.with_borrow_mut(Option::take)
}

struct Logger;

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata) -> bool {
        metadata.level() <= Level::Warn
    }

    fn log(&self, record: &Record) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let text = format!("{}: {}", record.target(), record.args());
        if record.level() == Level::Error {
            web_sys::console::error_1(&text.as_str().into());
            GRAPHICS_FAULT.with_borrow_mut(|fault| fault.get_or_insert(text).len());
        } else {
            web_sys::console::debug_1(&text.into());
        }
    }

    fn flush(&self) {}
}
