//! Any bytes as an archive: listed, planned, and its first files read twice.

#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use whelp::data::{ArchiveKind, Item, Plan, Preparation, Source, prepare_cropped, AnnotationError};

/// A few hundred bytes may name any number of entries that unpack to any number of bytes.
const READ: usize = 3;

fuzz_target!(|data: &[u8]| {
    let files = vec![("fuzz".to_owned(), data)];
    let Ok(mut source) = Source::new(files, |data| ArchiveKind::of(data).map(|_| Cursor::new(data.to_vec()))) else {
        return;
    };
    let names = source.names().to_vec();
    for name in &names {
        assert!(!name.split('/').any(|part| part == "..") && !name.starts_with('/'), "{name}");
    }
    let Ok(plan) = Plan::new("fuzz", &names, &[], Preparation::plain(32)) else { return };
    let mut builder = plan.builder("fuzz");
    for position in source.reading_order(&plan.entries).into_iter().take(READ).cycle().take(2 * READ) {
        let entry = plan.entries[position];
        if let Item::Entry(archive, index) = source.item(entry.index) {
            archive.idx_kind(index);
            let Ok(picture) = archive.picture(index) else { return };
            let missing = AnnotationError::Missing;
            let prepared = picture.and_then(|bytes| prepare_cropped(&bytes, Err(missing), &plan.cut));
            builder.push_at(position, &names[entry.index], entry.class, prepared);
        }
    }
    let _ = builder.finish();
});
