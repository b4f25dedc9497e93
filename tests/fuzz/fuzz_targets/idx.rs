//! Any bytes as the pictures and the labels of an idx set. The first two bytes tell where the labels begin.

#![no_main]

use libfuzzer_sys::fuzz_target;
use whelp::data::{Clues, IdxFile, IdxKind, IdxReader, Plan, Preparation, read_idx_labels};

fuzz_target!(|data: &[u8]| {
    let Some((middle, data)) = data.split_first_chunk::<2>() else { return };
    let middle = usize::from(u16::from_le_bytes(*middle)).min(data.len());
    let (pictures, labels) = data.split_at(middle);
    IdxKind::of(pictures);
    let names = ["images-idx3-ubyte".to_owned(), "labels-idx1-ubyte".to_owned()];
    let file = |(index, kind)| IdxFile { index, kind, beginning: 0 };
    let idx = [(0, IdxKind::Pictures), (1, IdxKind::Labels)].map(file).to_vec();
    let clues = Clues { idx, tables: Vec::new() };
    let plan = Plan::new("fuzz", &names, &clues, Preparation::plain(28)).expect("one set");
    let labels = read_idx_labels(&names[1], labels).ok().map(|labels| (names[1].as_str(), labels));
    if let Ok(reader) = IdxReader::open(plan.builder("fuzz"), (&names[0], pictures), labels)
        && let Ok(data) = reader.finish()
    {
        assert!(data.len() > 0);
    }
});
