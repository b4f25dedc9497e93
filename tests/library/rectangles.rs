//! Pictures that are no squares: read, learnt, saved, enlarged, drawn and scored.

use std::io::{Cursor, Write};
use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{Tensor, TensorData};
use futures_lite::future::block_on;
use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use whelp::checkpoint::{Checkpoint, restore_sampler, warm_start};
use whelp::config::{Crop, Framing, Resolution, RunConfig};
use whelp::data::{Dataset, DatasetBuilder, Filter, PictureKind, Preparation};
use whelp::device::read_values;
use whelp::features::{Cifar10, FeatureNetwork, Pretrained};
use whelp::ops::{Dropout, blur_down, blur_up};
use whelp::protocol::Event;
use whelp::random::{Random, Stream};
use whelp::run::Run;
use whelp::sample::{Draw, Pictures};
use whelp::series;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::support::{assert_close, backbone, cpu, events, last_checkpoint, read_files, tiny_config};

const TALL: Resolution = Resolution { width: 16, height: 24 };
const WIDE: Resolution = Resolution { width: 24, height: 16 };
const RGB: PictureKind = PictureKind { channels: 3, classes: 0 };

/// A picture whose red is twice the column and whose green is twice the row.
fn slopes(width: u32, height: u32) -> Vec<u8> {
    let pixels: Vec<u8> =
        (0..height).flat_map(|y| (0..width).flat_map(move |x| [2 * x as u8, 2 * y as u8, 9])).collect();
    let mut png = Vec::new();
    PngEncoder::new(&mut png).write_image(&pixels, width, height, ExtendedColorType::Rgb8).unwrap();
    png
}

fn zipped(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(name.as_str(), SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Red and green of a pixel of picture 0.
fn pixel(data: &Dataset, x: usize, y: usize) -> [u8; 2] {
    let Resolution { width, .. } = data.resolution();
    let (plane, at) = (data.resolution().pixels(), y * width + x);
    [data.pixels(0)[at], data.pixels(0)[plane + at]]
}

/// Read from files and from a zip of them, as both front ends read.
fn read(picture: &[u8], others: &[(&str, &[u8])], preparation: Preparation) -> Dataset {
    let mut files = vec![("a.png".to_owned(), picture.to_vec())];
    files.extend(others.iter().map(|(name, content)| ((*name).to_owned(), content.to_vec())));
    let packed = vec![("pictures.zip".to_owned(), zipped(&files))];
    let folder = read_files("pictures", files, preparation).unwrap();
    let archive = read_files("pictures", packed, preparation).unwrap();
    assert_eq!(archive.summary().fingerprint, folder.summary().fingerprint);
    folder
}

#[test]
fn the_part_of_their_shape_is_cut_out_and_resized() {
    // 96 columns of which the middle 32 are used, 48 rows; both are halved.
    let tall = read(&slopes(96, 48), &[], Preparation::plain(TALL));
    assert_eq!((tall.resolution(), tall.pixels(0).len()), (TALL, 3 * 16 * 24));
    // A pixel is the mean of two columns and of two rows: 2 (32 + 2x) + 1 of red, 2 (2y) + 1 of green.
    for (x, y) in [(4, 6), (8, 12), (11, 17)] {
        assert_eq!(pixel(&tall, x, y), [(65 + 4 * x) as u8, (1 + 4 * y) as u8], "{x}, {y}");
    }
    let wide = read(&slopes(48, 96), &[], Preparation::plain(WIDE));
    for (x, y) in [(6, 4), (12, 8), (17, 11)] {
        assert_eq!(pixel(&wide, x, y), [(1 + 4 * x) as u8, (65 + 4 * y) as u8], "{x}, {y}");
    }
    assert_ne!(tall.summary().fingerprint, wide.summary().fingerprint);
    assert_eq!(serde_json::to_value(tall.summary()).unwrap()["resolution"], "16x24");
}

#[test]
fn boxes_padding_and_tiles_have_the_shape_too() {
    let note = b"<annotation><object><bndbox><xmin>10</xmin><ymin>20</ymin><xmax>20</xmax><ymax>30</ymax></bndbox></object></annotation>";
    let preparation = Preparation { crop: Crop::Box, ..Preparation::plain(TALL) };
    // 10 columns and 15 rows about the box, from row 17.5 on, which becomes 18.
    let cut = read(&slopes(60, 60), &[("a.xml", note)], preparation);
    let [red, green] = pixel(&cut, 8, 12);
    // 10 + 8.5 / 1.6 columns, 18 + 12.5 / 1.6 rows, in the middles of pixels.
    assert!(red.abs_diff(30) <= 1 && green.abs_diff(51) <= 1, "{red}, {green}");

    let padded = read(&slopes(64, 48), &[], Preparation { framing: Framing::Pad, ..Preparation::plain(TALL) });
    // A quarter of the size: 16 columns and 12 rows, with six white ones above and below.
    assert_eq!([pixel(&padded, 3, 5), pixel(&padded, 3, 18)], [[255; 2]; 2]);
    assert_eq!(pixel(&padded, 8, 12), [(2.0 * (8.5 * 4.0 - 0.5)) as u8, (2.0 * (6.5 * 4.0 - 0.5)) as u8]);

    let tiles = read(&slopes(96, 48), &[], Preparation { framing: Framing::Tiles, ..Preparation::plain(TALL) });
    assert_eq!((tiles.len(), tiles.resolution()), (3, TALL), "three of 32 columns");
}

#[test]
fn prepared_sets_show_their_pictures_in_shape_and_mirror_within_rows() {
    let data = read(&slopes(96, 48), &[], Preparation::plain(TALL));
    let grid = data.preview(1);
    assert_eq!((grid.tile, grid.width(), grid.height()), (TALL, 16, 24));
    let mut mirrored = vec![0; 3 * 16 * 24];
    data.copy_pixels(0, true, &mut mirrored);
    assert_eq!((mirrored[0], mirrored[16]), (data.pixels(0)[15], data.pixels(0)[31]));
}

/// `count` different pictures of smooth colours.
fn pictures(count: usize, resolution: Resolution) -> Arc<Dataset> {
    let mut builder = DatasetBuilder::new("test pictures", resolution);
    for index in 0..count {
        let numbers = Random::new(99, Stream::Init, index as u64).normals(6);
        let pixel = |channel: usize, y: usize, x: usize| {
            let (x, y) = (x as f32 / resolution.width as f32 - 0.5, y as f32 / resolution.height as f32 - 0.5);
            (128.0 + 120.0 * (numbers[channel] * x + numbers[3 + channel] * y)).clamp(0.0, 255.0) as u8
        };
        let places = (0..3 * resolution.pixels()).map(|at| (at / resolution.pixels(), at % resolution.pixels()));
        let pixels = places.map(|(channel, at)| pixel(channel, at / resolution.width, at % resolution.width)).collect();
        builder.push(&format!("{index}.png"), Ok(pixels));
    }
    Arc::new(builder.finish().unwrap())
}

/// A recipe in a size that takes a moment, with all alterations on.
fn small(recipe: &str, resolution: Resolution, steps: u64) -> RunConfig {
    let tiny = tiny_config(steps);
    let mut config = whelp::recipes::find(recipe).unwrap().config();
    config.set_resolution(resolution);
    (config.model.generator_width, config.model.discriminator_width, config.model.latent) = (4, 8, 8);
    (config.train.batch, config.train.length, config.output) = (4, tiny.train.length, tiny.output);
    config.data.horizontal_flip = true;
    (config.augment.p, config.schedule.augment_p) = (0.8, None);
    (config.augment.shear, config.augment.zoom) = (0.1, 0.1);
    config
}

fn trained(config: RunConfig, data: &Arc<Dataset>, backbone: Option<&Pretrained>) -> Checkpoint {
    last_checkpoint(&events(Run::new(config.validate().unwrap(), data.clone(), cpu(), backbone).unwrap().0))
}

fn bits(checkpoint: &Checkpoint) -> Vec<(&String, Vec<u32>)> {
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect();
    checkpoint.tensors.iter().map(|(name, tensor)| (name, bits(&tensor.values))).collect()
}

fn resumes_bit_for_bit(recipe: &str, resolution: Resolution, backbone: Option<&Pretrained>) {
    let data = pictures(10, resolution);
    let straight = trained(small(recipe, resolution, 6), &data, backbone);
    let half = trained(small(recipe, resolution, 3), &data, backbone);
    assert_eq!(half.meta.config.data.resolution, resolution, "{recipe}");
    assert_ne!(bits(&half), bits(&straight));
    let config = small(recipe, resolution, 6).validate().unwrap();
    let resumed = last_checkpoint(&events(Run::resume(&half, config, data, cpu(), backbone).unwrap().0));
    assert_eq!(bits(&resumed), bits(&straight), "{recipe} {resolution}");
}

#[test]
fn r3gan_learns_them_and_resumes_bit_for_bit() {
    for resolution in [TALL, WIDE, Resolution { width: 64, height: 96 }] {
        resumes_bit_for_bit("r3gan-small", resolution, None);
    }
}

#[test]
fn projected_learns_them_and_resumes_bit_for_bit() {
    let Some(backbone) = backbone() else { return };
    for resolution in [TALL, Resolution { width: 96, height: 64 }] {
        resumes_bit_for_bit("projected", resolution, Some(&backbone));
    }
}

fn values(tensor: Tensor<4>) -> Vec<f32> {
    let count = tensor.dims().iter().product::<usize>();
    block_on(read_values([tensor.without_autodiff().reshape([count])])).unwrap().concat()
}

#[test]
fn larger_networks_begin_as_the_smaller_ones() {
    let mut config = small("r3gan-small", TALL, 6);
    (config.train.generator_lr, config.train.discriminator_lr) = (1e-2, 1e-2);
    config.train.ema_half_life_kimg = 1e-3;
    let checkpoint = trained(config.clone(), &pictures(10, TALL), None);
    let mut begin = |resolution: Resolution| {
        config.set_resolution(resolution);
        let config = checkpoint.meta.config.warm_started(&config)?.validate()?;
        Ok(warm_start(&checkpoint, &config, RGB, None, &cpu().device).unwrap())
    };
    let noise = |stream, shape: Vec<usize>| {
        let values = Random::new(3, stream, 0).normals(shape.iter().product());
        TensorData::new(values, shape)
    };
    let [small, large] = [TALL, TALL.times(2)].map(|resolution| begin(resolution).unwrap());
    assert!(large.notes.is_empty(), "{:?}", large.notes);
    let z = || Tensor::<2>::from_data(noise(Stream::Latents, vec![3, 8]), &cpu().device);
    let [few, many] = [&small, &large].map(|start| start.trainer.generator.valid().forward(z(), None));
    assert_eq!((few.dims(), many.dims()), ([3, 3, 24, 16], [3, 3, 48, 32]));
    assert!(values(few.clone()).iter().any(|value| value.abs() > 1e-3));
    assert_close("pictures", &values(many), &values(blur_up(few)), 1e-5, 1e-6);
    let shown = Tensor::<4>::from_data(noise(Stream::Data, vec![3, 3, 48, 32]), &cpu().device);
    let logits = |start: &whelp::checkpoint::WarmStart, pictures: Tensor<4>| {
        let mut dropout = Dropout::new(Random::new(0, Stream::Dropout, 0), 0.0);
        let logits = start.trainer.discriminator.valid().forward(pictures.into(), None, &mut dropout).value;
        block_on(read_values([logits])).unwrap().concat()
    };
    assert_close("logits", &logits(&large, shown.clone()), &logits(&small, blur_down(shown)), 1e-4, 1e-5);

    let refused: Result<_, whelp::config::ConfigError> = begin(Resolution { width: 32, height: 40 });
    let sentence = refused.unwrap_err().to_string();
    let expected = "data.resolution is 32x40, but the checkpoint has 16x24: set it to 16x24, or to 32x48 or 64x96";
    assert!(sentence.starts_with(expected), "{sentence}");
}

#[test]
fn they_are_drawn_scored_and_compared_in_their_shape() {
    let data = pictures(40, TALL);
    let mut config = small("r3gan-small", TALL, 80);
    (config.metrics.every_kimg, config.metrics.count, config.metrics.budget) = (Some(0.008), 20, 1.0);
    (config.output.grid, config.output.sample_steps) = (6, Some(2));
    let (mut run, _commands) = Run::new(config.validate().unwrap(), data.clone(), cpu(), None).unwrap();
    let weights = include_bytes!("../../src/features/cifar10.safetensors");
    run.judge_by(FeatureNetwork::Cifar10(Cifar10::new(weights, &cpu().device).unwrap()));
    let events = events(run);
    let grid = events.iter().find_map(|event| match event {
        Event::Samples { grid, .. } => Some((grid.tile, grid.columns, grid.width(), grid.height(), grid.pixels.len())),
        _ => None,
    });
    assert_eq!(grid, Some((TALL, 3, 48, 48, 48 * 48 * 3)));
    let scored = events.iter().any(|event| match event {
        Event::Values { values, .. } => values.keys().any(|name| series::score_of(name).is_some()),
        _ => false,
    });
    assert!(scored, "there is a score of rectangles");

    let sampler = restore_sampler(&last_checkpoint(&events), &cpu().device).unwrap();
    let drawn = block_on(sampler.draw(Draw::new(1, 3), &cpu().device)).unwrap();
    assert_eq!((drawn.resolution, drawn.pixels.len()), (TALL, 3 * 3 * 16 * 24));
    assert_eq!(
        block_on(sampler.draw(Draw { first: 2, ..Draw::new(1, 1) }, &cpu().device)).unwrap().pixels,
        drawn.pixels[2 * 1152..]
    );

    // What looks at them sees all of a picture in a square: a slope from edge to edge stays one.
    let slope = Pictures { resolution: TALL, channels: 1, pixels: (0..24).flat_map(|y| [y * 10; 16]).collect() };
    let seen = slope.rgb_planes(32.into(), Filter::Lanczos);
    assert!(seen[0] < 5 && seen[31 * 32] > 225, "{} to {}", seen[0], seen[31 * 32]);
}
