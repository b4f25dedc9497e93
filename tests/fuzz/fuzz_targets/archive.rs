//! Any bytes as a source: listed, planned, and its first files read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use whelp::data::{Preparation, Reading, Source, Step};

/// A few hundred bytes may name any number of entries that unpack to any number of bytes.
const READ: usize = 3;

fuzz_target!(|data: &[u8]| {
    let files = || vec![("fuzz".to_owned(), data.to_vec())];
    let Ok(source) = Source::new(files()) else { return };
    for name in source.names() {
        assert!(!name.split('/').any(|part| part == "..") && !name.starts_with('/'), "{name}");
    }
    let Ok(mut reading) = Reading::new("fuzz", files(), Preparation::plain(32)) else { return };
    for _ in 0..READ {
        let Ok(Some(step)) = reading.step() else { break };
        if let Step::Prepare(job) = step {
            reading.add(job.prepare());
        }
    }
    let _ = reading.finish();
});
