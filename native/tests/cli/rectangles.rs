//! Pictures that are no squares, from a folder to everything that is made of them.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use super::{info, refused, succeed, whelp};

/// Twelve pictures of two by three, and one square.
fn portraits(place: &TempDir) -> PathBuf {
    let folder = place.path().join("portraits");
    fs::create_dir(&folder).unwrap();
    for index in 0..13u32 {
        let pixel = |x: u32, y: u32| image::Rgb([(x * 2) as u8, (y * 2) as u8, (index * 19) as u8]);
        let (width, height) = if index < 12 { (60 + index, 90 + index) } else { (80, 80) };
        image::RgbImage::from_fn(width, height, pixel).save(folder.join(format!("{index:02}.png"))).unwrap();
    }
    folder
}

fn size(picture: &Path) -> (u32, u32) {
    image::image_dimensions(picture).unwrap()
}

#[test]
fn the_check_suggests_their_shape_and_prepares_it() {
    let place = TempDir::new().unwrap();
    let folder = portraits(&place);
    let check = |arguments: &[&str]| -> Value {
        let output = succeed(whelp(place.path()).args(["data", "check", "--json"]).args(arguments).arg(&folder));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let square = check(&["--resolution", "64"]);
    assert_eq!((&square["resolution"], &square["shape"]), (&64.into(), &"64x96".into()));
    let advice = square["advice"].to_string();
    assert!(advice.contains("data.resolution=64x96 shows them whole"), "{advice}");
    let sheet = place.path().join("sheet.png");
    let tall = check(&["--resolution", "32x48", "--sheet", sheet.to_str().unwrap()]);
    assert_eq!((&tall["resolution"], &tall["shape"]), (&"32x48".into(), &Value::Null));
    assert_eq!(tall["reason"], "32x48 pixels, as you chose.");
    assert_ne!(tall["fingerprint"], square["fingerprint"]);
    assert_eq!(size(&sheet), (4 * 32, 4 * 48), "thirteen pictures");
    assert_eq!(check(&["--set", "data.resolution=32x48"])["fingerprint"], tall["fingerprint"]);

    let refusal =
        |arguments: &[&str]| refused(whelp(place.path()).args(["data", "check"]).args(arguments).arg(&folder));
    let odd = refusal(&["--resolution", "64x97"]);
    assert!(odd.contains("data.resolution is 64x97; it accepts 28, 32, 64, 128 or 256, or WIDTHxHEIGHT"), "{odd}");
    let half = refusal(&["--resolution", "64x"]);
    assert!(half.contains("is not a size of pictures; write a number such as 64"), "{half}");
}

#[test]
fn a_run_of_them_goes_on_and_gives_pictures_scores_and_exports_in_their_shape() {
    let place = TempDir::new().unwrap();
    let folder = portraits(&place);
    let train = |steps: &str, recipe: &str, out: &str| {
        let mut command = whelp(place.path());
        command.arg("train").arg("--data").arg(&folder).args(super::TINY);
        command.args(["--recipe", recipe, "--resolution", "16x24", "--steps", steps, "--out", out]);
        command
    };
    succeed(&mut train("2", "r3gan-small", "run"));
    // The same command with more steps goes on.
    succeed(&mut train("4", "r3gan-small", "run"));
    let run = info(&place.path().join("run"));
    assert_eq!((&run["config"]["data"]["resolution"], &run["progress"]["step"]), (&"16x24".into(), &4.into()));

    let make = |arguments: &[&str]| succeed(whelp(place.path()).args(arguments));
    make(&["generate", "run", "--device", "cpu", "--count", "5", "--out", "grid.png"]);
    assert_eq!(size(&place.path().join("grid.png")), (3 * 16, 2 * 24));
    make(&["generate", "run", "--device", "cpu", "--count", "12", "--out", "drawn"]);
    assert_eq!(size(&place.path().join("drawn/00000.png")), (16, 24));
    let output = make(&["evaluate", "run", "--data", "portraits", "--count", "12", "--device", "cpu", "--json"]);
    let scores: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(scores["generated"]["scores"]["swd_12_train"]["value"].is_number(), "{scores}");
    make(&["export", "run", "--out", "small.safetensors", "--onnx", "net.onnx", "--html", "page.html"]);
    let page = fs::read_to_string(place.path().join("page.html")).unwrap();
    assert!(page.contains("16 × 24 pixels each") && page.contains("\"picture\":[3,24,16]"));
    make(&["card", "run"]);
    let card = fs::read_to_string(place.path().join("run/README.md")).unwrap();
    assert!(card.contains("colour pictures of 16 x 24 pixels"), "{card}");

    let mut larger = whelp(place.path());
    larger.args(["train", "--device", "cpu", "--batch", "4", "--steps", "1", "--from", "run", "--resolution", "32x48"]);
    succeed(larger.args(["--out", "larger", "--data"]).arg(&folder));
    assert_eq!(info(&place.path().join("larger"))["config"]["data"]["resolution"], "32x48");

    for recipe in ["keras-dogs", "dense-upsample", "stanford-dogs", "dcgan64", "fashion-mnist"] {
        let refusal = refused(&mut train("1", recipe, "other"));
        assert!(refusal.contains("data.resolution is 16x24;") && refusal.contains("draws squares alone"), "{refusal}");
    }
}
