//! What holds for any input of the data path at all.

use std::io::Cursor;

use proptest::prelude::*;
use whelp::config::{Background, Crop, Frames, Framing};
use whelp::data::{
    AnnotationError, Archive, Color, Cut, DatasetBuilder, Filter, IdxKind, IdxReader, Plan, Preparation, Resizer,
    Split, Square, Target, prepare_cropped, read_idx_labels,
};

/// The first bytes of files that are looked into, so that arbitrary ones get that far.
fn beginnings() -> impl Strategy<Value = Vec<u8>> {
    let heads: [&[u8]; 10] = [
        b"",
        b"\xff\xd8\xff\xe0\0\x10JFIF\0",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"RIFF\x40\0\0\0WEBPVP8L",
        b"GIF89a\x10\0\x10\0\xf0\0\0",
        b"BM\x36\x30\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0",
        b"II*\0\x08\0\0\0",
        b"PK\x03\x04",
        b"\x1f\x8b\x08\0\0\0\0\0",
        b"\0\0\x08\x03\0\0\0\x02",
    ];
    (prop::sample::select(heads.to_vec()), prop::collection::vec(any::<u8>(), 0..600))
        .prop_map(|(head, rest)| [head, &rest].concat())
}

fn cuts() -> impl Strategy<Value = Cut> {
    let color = prop::sample::select(vec![Color::Rgb, Color::Grey]);
    let framing = prop::sample::select(vec![Framing::Center, Framing::Pad, Framing::Tiles]);
    let frames = prop::sample::select(vec![Frames::First, Frames::All]);
    (color, framing, frames).prop_map(|(color, framing, frames)| Cut {
        target: Target { resolution: 8, color },
        crop: Crop::Whole,
        framing,
        background: Background::White,
        frames,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_pictures_of_the_right_size_or_refused(bytes in beginnings(), cut in cuts()) {
        if let Ok(prepared) = prepare_cropped(&bytes, Err(AnnotationError::Missing), &cut) {
            prop_assert!(!prepared.pictures.is_empty());
            prop_assert!(prepared.pictures.iter().all(|picture| picture.len() == cut.target.bytes()));
        }
    }

    #[test]
    fn any_bytes_are_an_archive_or_not(bytes in beginnings()) {
        if let Ok(mut archive) = Archive::open("any", Cursor::new(bytes)) {
            for index in 0..archive.names().len() {
                let _ = archive.picture(index);
            }
        }
    }

    #[test]
    fn any_bytes_are_idx_or_not(bytes in beginnings(), labels in beginnings()) {
        IdxKind::of(&bytes);
        let names = ["images".to_owned(), "labels".to_owned()];
        let kinds = [(0, IdxKind::Pictures), (1, IdxKind::Labels)];
        let plan = Plan::new("any", &names, &kinds, Preparation::plain(28)).unwrap();
        let labels = read_idx_labels("labels", &labels[..]).ok().map(|labels| ("labels", labels));
        if let Ok(reader) = IdxReader::open(plan.builder("any"), ("images", &bytes[..]), labels) {
            let _ = reader.finish();
        }
    }

    #[test]
    fn a_resize_stays_within_what_it_sees(
        from in prop::array::uniform2(1usize..60),
        to in prop::array::uniform2(1usize..40),
        level in any::<u8>(),
    ) {
        let resizer = Resizer::rectangle(from, to, Filter::Lanczos);
        let flat = resizer.resize::<1>(&vec![level; from[0] * from[1]]);
        prop_assert_eq!(flat, vec![level; to[0] * to[1]]);
    }

    #[test]
    fn tiles_lie_in_the_picture_and_cover_its_ends(width in 1usize..5000, height in 1usize..5000) {
        let tiles = Square::tiles(width, height);
        prop_assert!(tiles.iter().all(|tile| tile.left + tile.side <= width && tile.top + tile.side <= height));
        if let [first, .., last] = &tiles[..] {
            prop_assert_eq!((first.left, first.top), (0, 0));
            prop_assert_eq!((last.left + last.side, last.top + last.side), (width, height));
        }
    }

    #[test]
    fn a_split_is_a_partition(count in 1usize..500, share in 0.0..0.5f64, seed in any::<u64>()) {
        let split = Split::new(count, share, seed);
        let mut all = [split.training.clone(), split.validation].concat();
        all.sort_unstable();
        prop_assert!(!split.training.is_empty());
        prop_assert_eq!(all, (0..count as u32).collect::<Vec<_>>());
    }

    #[test]
    fn the_order_of_arrival_does_not_matter(order in Just((0..40usize).collect::<Vec<_>>()).prop_shuffle()) {
        let picture = |value: usize| {
            let pixels: Vec<u8> = (0..64).map(|i| (i * 37 + value * 91 + i * i * value) as u8).collect();
            let mut png = Vec::new();
            let encoder = image::codecs::png::PngEncoder::new(&mut png);
            image::ImageEncoder::write_image(encoder, &pixels, 8, 8, image::ExtendedColorType::L8).unwrap();
            png
        };
        let cut = Cut::plain(Target::rgb(8));
        let build = |order: &[usize]| {
            let mut builder = DatasetBuilder::for_cut("any", cut);
            for position in order {
                // Every tenth is a duplicate.
                let bytes = picture(if position % 10 == 9 { 0 } else { *position });
                let prepared = prepare_cropped(&bytes, Err(AnnotationError::Missing), &cut);
                builder.push_at(*position, &format!("{position}"), None, prepared);
            }
            builder.finish().unwrap()
        };
        let (straight, shuffled) = (build(&(0..40).collect::<Vec<_>>()), build(&order));
        prop_assert_eq!(straight.summary(), shuffled.summary());
        prop_assert_eq!(straight.report(), shuffled.report());
    }
}
