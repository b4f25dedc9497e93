//! Failures that nobody would notice: panics, and errors that the graphics stack only logs.

use std::cell::RefCell;

use log::{Level, LevelFilter, Log, Metadata, Record};
use whelp::device::DeviceError;

use super::port;

thread_local! {
    static GRAPHICS_FAULT: RefCell<Option<DeviceError>> = const { RefCell::new(None) };
}

/// Turns panics into replies, and listens to the graphics stack's log.
pub fn install() {
    std::panic::set_hook(Box::new(|panic| port::fail_session(panic.to_string())));
    static LOGGER: Logger = Logger;
    // Fails only if it has been called before.
    if log::set_logger(&LOGGER).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
}

/// Takes the first error that the graphics stack has logged since the last call.
pub fn take_graphics_fault() -> Option<DeviceError> {
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
            GRAPHICS_FAULT.with_borrow_mut(|fault| {
                fault.get_or_insert_with(|| DeviceError::from_report(text));
            });
        } else {
            web_sys::console::debug_1(&text.into());
        }
    }

    fn flush(&self) {}
}
