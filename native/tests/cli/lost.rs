//! A graphics device that is lost: a layer in front of the real driver answers as one does after a reset.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use super::night::checkpoint;
use super::{pictures, run, succeed, text, whelp};

/// Compiles the layer into `place`, with the compiler that the program's own C code was built with.
fn layer(place: &Path) -> PathBuf {
    let folder = place.join("layer");
    fs::create_dir(&folder).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/lost_device_layer.c");
    let mut compiler = Command::new(std::env::var_os("CC").unwrap_or("cc".into()));
    succeed(compiler.args(["-shared", "-fPIC", "-Wall", "-Werror", "-o"]).arg(folder.join("liblost.so")).arg(source));
    let manifest = serde_json::json!({
        "file_format_version": "1.0.0",
        "layer": {
            "name": "VK_LAYER_WHELP_lost",
            "type": "GLOBAL",
            "library_path": "./liblost.so",
            "api_version": "1.3.0",
            "implementation_version": "1",
            "description": "loses devices",
        },
    });
    fs::write(folder.join("lost.json"), manifest.to_string()).unwrap();
    folder
}

/// Trains for 30 steps on a device that is lost so many times, each time after `submissions`.
fn train(place: &TempDir, out: &str, losses: u32, submissions: u32) -> Output {
    let layer = place.path().join("layer");
    let budget = place.path().join("losses");
    fs::write(&budget, format!("{losses}\n")).unwrap();
    let mut command = whelp(place.path());
    command.args([
        "train", "--data", "my dogs", "--recipe", "dcgan32", "--device", "vulkan", "--batch", "4", "--steps", "30",
    ]);
    for setting in
        ["model.generator_width=4", "model.discriminator_width=4", "output.grid=4", "output.checkpoint_steps=5"]
    {
        command.args(["--set", setting]);
    }
    let page = place.path().join("page");
    fs::create_dir_all(&page).unwrap();
    fs::write(page.join("index.html"), "<!doctype html><head></head>").unwrap();
    command.args(["--serve", "127.0.0.1:0", "--token", "--page"]).arg(page);
    command.args(["--plain", "--out", out]);
    command.env("VK_LAYER_PATH", &layer).env("VK_INSTANCE_LAYERS", "VK_LAYER_WHELP_lost");
    command.env("WHELP_TEST_LOSSES", &budget).env("WHELP_TEST_SUBMISSIONS", submissions.to_string());
    run(&mut command)
}

fn step(place: &TempDir, out: &str) -> u64 {
    checkpoint(&place.path().join(out)).meta.progress.step
}

#[test]
fn a_run_whose_device_is_lost_goes_on_with_it_opened_anew_but_not_for_ever() {
    let place = TempDir::new().unwrap();
    pictures(&place);
    layer(place.path());
    let listed = succeed(whelp(place.path()).arg("devices"));
    if !text(&listed.stdout).contains("vulkan:0") {
        panic!("this test needs a Vulkan driver, which `cargo xtask setup` installs");
    }
    let once = train(&place, "once", 1, 40);
    let said = text(&once.stderr);
    assert!(once.status.success(), "{said}");
    assert!(
        said.contains("reopened    the run goes on from its newest checkpoint, with its device opened anew (1 of 2"),
        "{said}"
    );
    assert_eq!(step(&place, "once"), 30);
    let links: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("watch       ")).collect();
    assert!(links.len() == 2 && links[0] == links[1], "those who watch go on: {said}");

    let again_and_again = train(&place, "often", 9, 40);
    let said = text(&again_and_again.stderr);
    assert_eq!(again_and_again.status.code(), Some(1), "{said}");
    assert!(said.contains("(2 of 2 times in an hour)"), "{said}");
    assert!(said.contains("It was lost 3 times within an hour, so it is not opened again"), "{said}");
    assert!(!said.contains("bug") && !said.contains("panicked"), "{said}");
}
