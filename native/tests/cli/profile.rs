//! What a step costs, as `whelp profile` tells it.

use std::path::Path;

use serde_json::Value;

use super::{refused, run, succeed, text, whelp};

/// Kernels that a step of DCGAN for 64 pixels may launch on a graphics device.
const LAUNCHES: u64 = 180;

fn profile(arguments: &[&str]) -> Value {
    let output = succeed(whelp(Path::new(".")).arg("profile").args(arguments).arg("--json"));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_processor_launches_nothing_and_takes_its_time() {
    let size = ["--batch", "4", "--set", "model.generator_width=4", "--set", "model.discriminator_width=4"];
    let arguments = ["--recipe", "dcgan32", "--device", "cpu", "--steps", "3"];
    let profile = profile(&[&arguments[..], &size].concat());
    assert_eq!(profile["launches"], serde_json::json!({}));
    let [secs, speed] = ["step_secs", "images_per_sec"].map(|key| profile[key].as_f64().unwrap());
    assert!(secs > 0.0 && (secs * speed - 4.0).abs() < 1e-6, "{profile}");
    #[cfg(target_os = "linux")]
    assert!(profile["peak_memory_bytes"].as_u64().unwrap() > 1 << 20, "{profile}");
}

/// A count, not a time: it is the same on every device of a kind.
#[test]
fn a_step_on_a_graphics_device_launches_few_kernels() {
    let size = ["--batch", "16", "--set", "model.generator_width=32", "--set", "model.discriminator_width=32"];
    let arguments = ["--recipe", "dcgan64", "--device", "vulkan", "--steps", "1"];
    let arguments = [&arguments[..], &size].concat();
    let output = run(whelp(Path::new(".")).arg("profile").args(&arguments));
    if output.status.code() == Some(2) {
        assert!(std::env::var_os("WHELP_REQUIRE_GPU").is_none(), "{}", text(&output.stderr));
        return;
    }
    let said = text(&output.stdout);
    let launches = said.lines().find_map(|line| line.strip_prefix("launches")).expect("a line of launches");
    let launches: u64 = launches.trim().trim_end_matches(" per step").parse().unwrap();
    assert!((50..=LAUNCHES).contains(&launches), "{said}");
}

#[test]
fn burns_kernels_take_the_place_of_whelps_on_a_graphics_device() {
    let size = ["--batch", "2", "--set", "model.generator_width=4", "--set", "model.discriminator_width=4"];
    let arguments = ["profile", "--recipe", "dcgan32", "--device", "vulkan", "--steps", "1"];
    let [ours, theirs] = [&[][..], &["--burn-convolutions"]]
        .map(|option| run(whelp(Path::new(".")).args([&arguments[..], &size, option].concat())));
    if ours.status.code() == Some(2) {
        assert!(std::env::var_os("WHELP_REQUIRE_GPU").is_none(), "{}", text(&ours.stderr));
        return;
    }
    let has_ours = |said: &str| said.lines().any(|line| line.contains("product_in_"));
    let [ours, theirs] = [ours, theirs].map(|output| text(&output.stdout));
    assert!(has_ours(&ours), "{ours}");
    assert!(theirs.contains("launches") && !has_ours(&theirs), "{theirs}");
}

#[test]
fn an_unknown_recipe_is_named() {
    let message = refused(whelp(Path::new(".")).args(["profile", "--recipe", "r3gun", "--device", "cpu"]));
    assert!(message.contains("r3gun") && message.contains("r3gan"), "{message}");
}

#[test]
fn burns_kernels_for_graphics_devices_are_not_for_a_processor() {
    let message = refused(whelp(Path::new(".")).args(["profile", "--device", "cpu", "--burn-convolutions"]));
    assert!(message.contains("--burn-convolutions") && message.contains("--device wgpu"), "{message}");
}
