//! Any bytes to pictures, every way there is. The first byte chooses the way.

#![no_main]

use libfuzzer_sys::fuzz_target;
use whelp::config::{Background, Crop, Frames, Framing};
use whelp::data::{AnnotationError, Color, Cut, Target, prepare_cropped};

fuzz_target!(|data: &[u8]| {
    let Some((way, bytes)) = data.split_first() else { return };
    let pick = |shift: u8, of: u8| (way >> shift) % of;
    let cut = Cut {
        target: Target { resolution: 32.into(), color: if pick(0, 2) == 0 { Color::Rgb } else { Color::Grey } },
        crop: if pick(1, 2) == 0 { Crop::Whole } else { Crop::Both },
        framing: [Framing::Center, Framing::Pad, Framing::Tiles][usize::from(pick(2, 3))],
        background: Background::Grey,
        frames: if pick(4, 2) == 0 { Frames::First } else { Frames::All },
    };
    // An annotation and its picture need not belong together either.
    let annotation = if pick(5, 2) == 0 { Err(AnnotationError::Missing) } else { Ok(bytes) };
    if let Ok(prepared) = prepare_cropped(bytes, annotation, &cut) {
        assert!(!prepared.pictures.is_empty());
        assert!(prepared.pictures.iter().all(|picture| picture.len() == cut.target.bytes()));
    }
});
