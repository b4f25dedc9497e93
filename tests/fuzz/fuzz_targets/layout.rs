//! Any lines as the names of a source, and any text as a table among them: whatever they say, the plan holds together.

#![no_main]

use std::collections::HashSet;

use libfuzzer_sys::fuzz_target;
use whelp::config::Crop;
use whelp::data::{Clues, Plan, Preparation, Reading, Source, Step};

/// Files that a source has at most, and those that are read.
const FILES: usize = 64;
const READ: usize = 8;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let (names, table) = text.split_once("\n\n").unwrap_or((&text, ""));
    let names: HashSet<&str> = names.lines().filter(|name| !name.is_empty()).take(FILES).collect();
    let files = || names.iter().map(|name| ((*name).to_owned(), table.as_bytes().to_vec())).collect::<Vec<_>>();
    let Ok(source) = Source::new(files()) else { return };
    let preparation = Preparation { crop: Crop::Both, ..Preparation::plain(32) };
    if let Ok(plan) = Plan::new("fuzz", source.names(), &Clues::default(), preparation) {
        let entries: HashSet<usize> = plan.entries.iter().map(|entry| entry.index).collect();
        assert_eq!(entries.len(), plan.entries.len(), "no file is read twice");
        let is_there = |class: Option<u32>| class.is_none_or(|class| (class as usize) < plan.classes.len());
        assert!(plan.entries.iter().all(|entry| entry.index < source.names().len() && is_there(entry.class)));
    }
    let Ok(mut reading) = Reading::new("fuzz", files(), preparation) else { return };
    for _ in 0..READ {
        let Ok(Some(step)) = reading.step() else { break };
        if let Step::Prepare(mut job) = step {
            if let Some(bytes) = job.picture.file().cloned() {
                job.picture.give(Ok(bytes));
            }
            reading.add(job.prepare());
        }
    }
    let _ = reading.finish();
});
