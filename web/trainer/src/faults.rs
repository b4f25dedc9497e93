//! Failures that nobody would notice: panics, and errors that the graphics stack only logs.

use std::cell::RefCell;
use std::panic::PanicHookInfo;

use log::{Level, LevelFilter, Log, Metadata, Record};
use whelp::device::DeviceError;

use super::port;

thread_local! {
    static GRAPHICS_FAULT: RefCell<Option<DeviceError>> = const { RefCell::new(None) };
}

/// Turns panics into replies, and listens to the graphics stack's log.
pub fn install() {
    std::panic::set_hook(Box::new(|panic| port::fail_session(told_by(panic))));
    static LOGGER: Logger = Logger;
    // Fails only if it has been called before.
    if log::set_logger(&LOGGER).is_ok() {
        log::set_max_level(LevelFilter::Error);
    }
}

/// What a panic says, and the file and line that it comes from. Errors of the graphics stack are panics too.
fn told_by(panic: &PanicHookInfo) -> String {
    let said = panic.payload_as_str().unwrap_or("no reason given");
    let Some(place) = panic.location() else { return said.to_owned() };
    let file = place.file().rsplit(['/', '\\']).next().unwrap_or_default();
    format!("{said} [{file}:{}]", place.line())
}

/// Takes the first error that the graphics stack has logged since the last call.
pub fn take_graphics_fault() -> Option<DeviceError> {
    GRAPHICS_FAULT.with_borrow_mut(Option::take)
}

struct Logger;

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata) -> bool {
        metadata.level() == Level::Error
    }

    /// The page shows it, so the console need not.
    fn log(&self, record: &Record) {
        if self.enabled(record.metadata()) {
            let text = format!("{}: {}", record.target(), record.args());
            GRAPHICS_FAULT.with_borrow_mut(|fault| {
                fault.get_or_insert_with(|| DeviceError::from_report(text));
            });
        }
    }

    fn flush(&self) {}
}
