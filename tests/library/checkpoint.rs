//! Checkpoints: exact resume, and refusal of everything else.

use std::collections::BTreeMap;

use futures_lite::future::block_on;
use whelp::checkpoint::{Checkpoint, CheckpointError, FORMAT, FORMAT_OF_HALVES, restore_sampler, restore_trainer};
use whelp::config::{Length, RunConfig};
use whelp::device::OpenDevice;
use whelp::protocol::Event;
use whelp::run::Run;
use whelp::sample::Draw;
use whelp::series::{LOSS_D, LOSS_G, LOSS_R1};

use crate::support::{cpu, gpu, pictures, tiny_config};

/// Trains to the end and returns the last checkpoint's file and the last grid's pixels.
fn train(mut run: Run) -> (Vec<u8>, Vec<u8>) {
    let (mut file, mut pixels) = (Vec::new(), Vec::new());
    while let Some(event) = block_on(run.next()) {
        match event {
            Event::Checkpoint { bytes, .. } => file = bytes,
            Event::Samples { grid, .. } => pixels = grid.pixels,
            Event::Failed { message, .. } => panic!("{message}"),
            _ => {}
        }
    }
    (file, pixels)
}

fn new_run(config: RunConfig, device: OpenDevice) -> Run {
    Run::new(config.validate().unwrap(), pictures(10), device, None).unwrap().0
}

fn resumed_run(file: &[u8], steps: u64, device: OpenDevice) -> Run {
    let checkpoint = Checkpoint::from_bytes(file).unwrap();
    let mut config = checkpoint.meta.config.clone();
    config.train.length = Length::Steps(steps);
    Run::resume(&checkpoint, config.validate().unwrap(), pictures(10), device, None).unwrap().0
}

fn tensors(file: &[u8]) -> BTreeMap<String, Vec<u32>> {
    let checkpoint = Checkpoint::from_bytes(file).unwrap();
    let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect();
    checkpoint.tensors.into_iter().map(|(name, tensor)| (name, bits(&tensor.values))).collect()
}

/// Mirroring on, so that its random stream has to resume too; 5 steps of 4 over 10 pictures end inside an epoch.
fn config(steps: u64) -> RunConfig {
    let mut config = tiny_config(steps);
    config.data.horizontal_flip = true;
    config
}

#[test]
fn resume_continues_where_it_stopped_bit_for_bit() {
    let (straight, straight_pixels) = train(new_run(config(10), cpu()));
    let (half, _) = train(new_run(config(5), cpu()));
    let (resumed, resumed_pixels) = train(resumed_run(&half, 10, cpu()));
    assert_ne!(tensors(&half), tensors(&straight), "five more steps change something");
    assert_eq!(tensors(&resumed), tensors(&straight));
    assert_eq!(resumed_pixels, straight_pixels);
    let meta = |file: &[u8]| Checkpoint::from_bytes(file).unwrap().meta;
    let (resumed, straight) = (meta(&resumed), meta(&straight));
    assert_eq!((resumed.progress.step, resumed.progress.nimg), (10, 40));
    assert_eq!(resumed.random, straight.random);
    assert_eq!(resumed.history, straight.history);
    assert_eq!(resumed.data, straight.data);
}

#[test]
fn a_checkpoint_of_the_cpu_goes_on_on_a_gpu() {
    let Some(gpu) = gpu() else { return };
    let (half, pixels) = train(new_run(config(2), cpu()));
    let checkpoint = Checkpoint::from_bytes(&half).unwrap();
    let sampler = restore_sampler(&checkpoint, &gpu.device).unwrap();
    let drawn = block_on(sampler.draw(Draw::new(0, 4), &gpu.device)).unwrap().grid();
    for (a, b) in drawn.pixels.iter().zip(&pixels) {
        assert!(a.abs_diff(*b) <= 1, "one grey level of rounding, not {a} against {b}");
    }
    let (there, _) = train(resumed_run(&half, 3, gpu));
    let (back, _) = train(resumed_run(&there, 4, cpu()));
    assert_eq!(Checkpoint::from_bytes(&back).unwrap().meta.progress.step, 4);
}

#[test]
fn a_checkpoint_holds_everything_under_the_promised_names() {
    let (file, _) = train(new_run(config(1), cpu()));
    let names = tensors(&file);
    for name in [
        "generator.blocks.0.conv.weight",
        "generator.blocks.0.norm.running_var",
        "discriminator.blocks.1.norm.gamma",
        "generator_ema.blocks.3.conv.weight",
        "optimizer.generator.m.blocks.0.norm.beta",
        "optimizer.discriminator.v.blocks.3.conv.weight",
    ] {
        assert!(names.contains_key(name), "{name} is missing among {:?}", names.keys());
    }
    assert!(!names.keys().any(|name| name.starts_with("optimizer") && name.contains("running_")));
}

#[test]
fn pictures_do_not_depend_on_how_many_are_drawn() {
    let (file, _) = train(new_run(config(2), cpu()));
    let checkpoint = Checkpoint::from_bytes(&file).unwrap();
    let device = cpu().device;
    let sampler = restore_sampler(&checkpoint, &device).unwrap();
    let draw = |first, count| block_on(sampler.draw(Draw { first, ..Draw::new(7, count) }, &device)).unwrap();
    let (all, one) = (draw(0, 70), draw(66, 1));
    assert_eq!(all.iter().len(), 70);
    assert_eq!(all.iter().nth(66), one.iter().next());
}

fn refusal(bytes: &[u8]) -> CheckpointError {
    Checkpoint::from_bytes(bytes).unwrap_err()
}

#[test]
fn truncated_files_are_refused_wherever_they_end() {
    let (file, _) = train(new_run(config(1), cpu()));
    for end in [10, 100, 5000, file.len() / 2, file.len() - 1] {
        let error = refusal(&file[..end]);
        assert!(matches!(error, CheckpointError::Truncated { found } if found == end), "{end}: {error:?}");
    }
}

/// A single bit anywhere, in a weight or in the description.
#[test]
fn a_damaged_file_is_told_by_its_hash() {
    let (file, _) = train(new_run(config(1), cpu()));
    let is_damaged = |bytes: &[u8]| matches!(refusal(bytes), CheckpointError::Damaged { .. });
    let header = 8 + u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    for place in [header, (header + file.len()) / 2 / 4 * 4, file.len() - 4] {
        let mut damaged = file.clone();
        damaged[place] ^= 1;
        assert!(is_damaged(&damaged), "{place}");
    }
    let seed = br#"\"position\":4"#;
    let place = file.windows(seed.len()).position(|part| part == seed).unwrap() + seed.len() - 1;
    let mut damaged = file.clone();
    damaged[place] = b'5';
    assert!(is_damaged(&damaged));

    // Who writes the same in another order changes nothing; files of older releases have no hash.
    let whole = Checkpoint::from_bytes(&file).unwrap();
    assert_eq!(Checkpoint::from_bytes(&whole.to_bytes()).unwrap().meta, whole.meta);
    let without = with_description(&file, &serde_json::to_string(&whole.meta).unwrap());
    assert_eq!(tensors(&without), tensors(&file));
}

#[test]
fn foreign_files_are_refused() {
    for bytes in [&b""[..], b"\x89PNG\r\n\x1a\n and more", b"not a checkpoint at all", &[0; 64]] {
        assert!(matches!(refusal(bytes), CheckpointError::Foreign { .. }), "{bytes:?}: {:?}", refusal(bytes));
    }
    let other = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/ema.safetensors")).unwrap();
    assert!(refusal(&other).to_string().contains("from another program"));
}

#[test]
fn newer_files_are_refused_with_both_versions() {
    let (file, _) = train(new_run(config(1), cpu()));
    let mut checkpoint = Checkpoint::from_bytes(&file).unwrap();
    checkpoint.meta.format = FORMAT_OF_HALVES + 1;
    let error = refusal(&checkpoint.to_bytes());
    assert!(matches!(error, CheckpointError::Newer { found: 4, supported: 3 }), "{error:?}");
}

/// A checkpoint with another description, as an older program wrote it.
fn with_description(file: &[u8], description: &str) -> Vec<u8> {
    let tensors = safetensors::SafeTensors::deserialize(file).unwrap();
    let metadata = std::collections::HashMap::from([("whelp".to_owned(), description.to_owned())]);
    safetensors::serialize(tensors.iter(), Some(metadata)).unwrap()
}

#[test]
fn settings_of_a_later_release_are_named_and_not_called_damage() {
    let (file, _) = train(new_run(config(1), cpu()));
    let description = serde_json::to_string(&Checkpoint::from_bytes(&file).unwrap().meta).unwrap();
    let refused = |found: &str, new: &str| {
        assert!(description.contains(found), "{found} in {description}");
        refusal(&with_description(&file, &description.replacen(found, new, 1))).to_string()
    };
    let advice = "which this Whelp does not know. Open it with the release that wrote it, or update Whelp";
    let setting = refused("\"resolution\":", "\"zoom\":2,\"resolution\":");
    assert_eq!(setting, format!("this checkpoint has the setting zoom, {advice}"));
    let value = refused("\"crop\":\"whole\"", "\"crop\":\"half\"");
    assert_eq!(value, format!("this checkpoint has the value half, {advice}"));
    let damaged = refused("\"resolution\":32", "\"resolution\":true");
    assert!(damaged.starts_with("this checkpoint's description is damaged"), "{damaged}");
}

/// Format 1 listed the losses step by step.
#[test]
fn a_checkpoint_of_format_1_goes_on_with_its_losses() {
    let (half, _) = train(new_run(config(2), cpu()));
    let checkpoint = Checkpoint::from_bytes(&half).unwrap();
    let mut description: serde_json::Value = serde_json::to_value(&checkpoint.meta).unwrap();
    description["format"] = 1.into();
    description["history"] =
        serde_json::from_str(r#"[{"step":1,"d":1.5,"g":0.75},{"step":2,"d":1.25,"g":0.5,"r1":0.125}]"#).unwrap();
    let old = with_description(&half, &description.to_string());

    let meta = Checkpoint::from_bytes(&old).unwrap().meta;
    assert_eq!(meta.format, 1);
    assert_eq!(meta.history.get(LOSS_D).collect::<Vec<_>>(), [(1, 1.5), (2, 1.25)]);
    assert_eq!(meta.history.get(LOSS_R1).collect::<Vec<_>>(), [(2, 0.125)]);
    let (resumed, _) = train(resumed_run(&old, 4, cpu()));
    let resumed_meta = Checkpoint::from_bytes(&resumed).unwrap().meta;
    assert_eq!((resumed_meta.format, resumed_meta.history.steps()), (FORMAT, &[1, 2, 3, 4][..]));
    assert_eq!(resumed_meta.history.get(LOSS_G).take(2).collect::<Vec<_>>(), [(1, 0.75), (2, 0.5)]);
    let (straight, _) = train(resumed_run(&half, 4, cpu()));
    assert_eq!(tensors(&resumed), tensors(&straight));
    assert_eq!(Checkpoint::from_bytes(&old).unwrap().for_drawing().meta.format, FORMAT_OF_HALVES, "it is written anew");
}

#[test]
fn what_is_for_drawing_is_kept_in_halves() {
    let (whole, _) = train(new_run(config(1), cpu()));
    let mut checkpoint = Checkpoint::from_bytes(&whole).unwrap();
    let wide = "generator_ema.blocks.0.conv.weight";
    checkpoint.tensors.get_mut(wide).unwrap().values[0] = 1e6;
    let small = checkpoint.clone().for_drawing();
    let file = small.to_bytes();
    let opened = Checkpoint::from_bytes(&file).unwrap();
    assert_eq!((&opened.meta, &opened.tensors), (&small.meta, &small.tensors), "nothing is lost in the file");
    let stored = safetensors::SafeTensors::deserialize(&file).unwrap();
    for (name, tensor) in &opened.tensors {
        let of_run = &checkpoint.tensors[name];
        // No half is infinite, so what is larger than halves can be stays as it is.
        let (is_wide, bits) = (name == wide, stored.tensor(name).unwrap().data().len() * 8 / tensor.values.len());
        assert_eq!(bits, if is_wide { 32 } else { 16 }, "{name}");
        for (half, value) in tensor.values.iter().zip(&of_run.values) {
            let most = if is_wide { 0.0 } else { value.abs() / 2048.0 + 3e-8 };
            assert!((half - value).abs() <= most, "{name}: {half} {value}");
        }
    }
    assert_eq!(opened.for_drawing().to_bytes(), file, "to take out what is small already changes nothing");
    let whole = safetensors::SafeTensors::deserialize(&whole).unwrap();
    assert!(whole.iter().all(|(_, tensor)| tensor.dtype() == safetensors::Dtype::F32), "what trains is exact");
}

#[test]
fn broken_numbers_are_refused() {
    let (file, _) = train(new_run(config(1), cpu()));
    let mut checkpoint = Checkpoint::from_bytes(&file).unwrap();
    checkpoint.tensors.get_mut("generator.blocks.1.conv.weight").unwrap().values[3] = f32::NAN;
    let error = refusal(&checkpoint.to_bytes());
    assert!(matches!(&error, CheckpointError::NotFinite { name } if name == "generator.blocks.1.conv.weight"));
}

#[test]
fn mismatched_networks_are_refused_with_the_tensor_and_both_shapes() {
    let (file, _) = train(new_run(config(1), cpu()));
    let checkpoint = Checkpoint::from_bytes(&file).unwrap();
    let mut wider = checkpoint.meta.config.clone();
    wider.model.generator_width = 8;
    let error = restore_trainer(&checkpoint, &wider.validate().unwrap(), None, &cpu().device).unwrap_err();
    let CheckpointError::Shape { name, expected, found } = &error else { panic!("{error:?}") };
    assert_eq!(name, "generator.blocks.0.conv.weight");
    assert_eq!((expected[..].to_vec(), found[..].to_vec()), (vec![8, 32, 4, 4], vec![8, 16, 4, 4]));

    let mut short = checkpoint.clone();
    short.tensors.remove("optimizer.generator.v.blocks.2.norm.beta");
    let config = checkpoint.meta.config.clone().validate().unwrap();
    let error = restore_trainer(&short, &config, None, &cpu().device).unwrap_err();
    assert!(matches!(&error, CheckpointError::Missing { name } if name == "optimizer.generator.v.blocks.2.norm.beta"));
}

#[test]
fn other_pictures_are_a_warning_not_a_refusal() {
    let (file, _) = train(new_run(config(1), cpu()));
    let checkpoint = Checkpoint::from_bytes(&file).unwrap();
    let config = checkpoint.meta.config.clone().validate().unwrap();
    let (mut run, _commands) = Run::resume(&checkpoint, config, pictures(11), cpu(), None).unwrap();
    let mut warned = false;
    while let Some(event) = block_on(run.next()) {
        warned |= matches!(&event, Event::Warning { message } if message.contains("other pictures"));
    }
    assert!(warned);
}
