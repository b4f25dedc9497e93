//! What people drop: every fixture has its outcome, whatever it comes in.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::{refused, succeed, text, whelp};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures")
}

fn check(path: &Path, arguments: &[&str]) -> Value {
    let output = succeed(
        whelp(path.parent().unwrap()).args(["data", "check", "--json", "--resolution", "32"]).args(arguments).arg(path),
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The fixtures that are files of one source, copied so that nothing else is among them.
fn messy(place: &TempDir) -> PathBuf {
    let folder = place.path().join("messy");
    for entry in fs::read_dir(fixtures()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        // Made for other tests, and the archive has one of its own.
        if path.is_dir() || ["safetensors", "pth", "py", "zip", "json"].iter().any(|ending| name.ends_with(ending)) {
            continue;
        }
        let target = folder.join(if name.starts_with("truncated") { format!("nested/deep er/{name}") } else { name });
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(path, target).unwrap();
    }
    fs::copy(fixtures().join("rgb.png"), folder.join("z copy of rgb.png")).unwrap();
    fs::write(folder.join("notes ünïcode 犬.txt"), "no picture").unwrap();
    fs::write(folder.join(".DS_Store"), "left behind").unwrap();
    folder
}

/// By file: why it cannot be used, or its flags.
fn outcomes(report: &Value) -> BTreeMap<String, String> {
    let string = |value: &Value| value.as_str().unwrap().to_owned();
    let skipped =
        report["skipped"].as_array().unwrap().iter().map(|file| (string(&file["name"]), string(&file["reason"])));
    let flags = |file: &Value| {
        let flags: Vec<String> = file["flags"].as_array().unwrap().iter().map(string).collect();
        let like = file["like"].as_str().map_or_else(String::new, |like| format!(" of {like}"));
        format!("{}{like}", flags.join(", "))
    };
    let flagged = report["flagged"].as_array().unwrap().iter().map(|file| (string(&file["name"]), flags(file)));
    skipped.chain(flagged).collect()
}

#[test]
fn every_messy_file_has_its_outcome() {
    let place = TempDir::new().unwrap();
    let folder = messy(&place);
    let report = check(&folder, &[]);
    let expected: BTreeMap<String, String> =
        serde_json::from_slice(&fs::read(fixtures().join("outcomes.json")).unwrap()).unwrap();
    let found = outcomes(&report);
    println!("{}", serde_json::to_string_pretty(&found).unwrap());
    for (name, outcome) in &expected {
        assert_eq!(found.get(name), Some(outcome), "{name}");
    }
    let more: Vec<_> = found.keys().filter(|name| !expected.contains_key(*name)).collect();
    assert!(more.is_empty(), "{more:?}");
    let refused = report["skipped"].as_array().unwrap().len();
    let [files, usable, pictures] = ["files", "usable", "pictures"].map(|key| report[key].as_u64().unwrap() as usize);
    assert_eq!((files, pictures), (usable + refused, usable));

    let unflagged = check(&folder, &["--exclude-flagged"]);
    let flagged = report["flagged_count"].as_u64().unwrap() as usize;
    assert_eq!(unflagged["pictures"].as_u64().unwrap() as usize, usable - flagged);
    assert_ne!(unflagged["fingerprint"], report["fingerprint"]);
}

/// Files below `folder` with their names relative to it.
fn files(folder: &Path) -> Vec<(String, PathBuf)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push((path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned(), path));
            }
        }
    }
    files.sort();
    files
}

#[test]
fn archives_give_the_same_data_set_as_their_folder() {
    let place = TempDir::new().unwrap();
    let folder = messy(&place);
    let mut files = files(&folder);
    // Not in the order of their names.
    files.reverse();

    let zip = place.path().join("messy.zip");
    let mut writer = ZipWriter::new(File::create(&zip).unwrap());
    for (name, path) in &files {
        writer.start_file(name.as_str(), SimpleFileOptions::default()).unwrap();
        writer.write_all(&fs::read(path).unwrap()).unwrap();
    }
    writer.finish().unwrap();

    let tar = place.path().join("messy.tar");
    let mut builder = tar::Builder::new(File::create(&tar).unwrap());
    for (name, path) in &files {
        builder.append_path_with_name(path, name).unwrap();
    }
    builder.finish().unwrap();
    let packed = place.path().join("messy.tar.gz");
    let mut encoder = GzEncoder::new(File::create(&packed).unwrap(), Compression::fast());
    encoder.write_all(&fs::read(&tar).unwrap()).unwrap();
    encoder.finish().unwrap();

    let (expected, fingerprint) = (outcomes(&check(&folder, &[])), check(&folder, &[])["fingerprint"].clone());
    for archive in [zip, tar, packed] {
        let report = check(&archive, &[]);
        assert_eq!(report["fingerprint"], fingerprint, "{}", archive.display());
        assert_eq!(outcomes(&report), expected, "{}", archive.display());
    }
}

/// Names of the classes, with the pictures of each.
fn classes(report: &Value) -> Vec<(&str, u64)> {
    report["classes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|class| (class["name"].as_str().unwrap(), class["count"].as_u64().unwrap()))
        .collect()
}

fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn folders_as_data_sets_come_in_are_understood_and_said() {
    let place = TempDir::new().unwrap();
    let picture = fs::read(fixtures().join("rgb.png")).unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = place.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    let read = |name: &str, arguments: &[&str]| check(&place.path().join(name), arguments);
    let notes = |report: &Value| text(report["notes"].to_string().as_bytes());

    for name in ["train/cat/1.png", "train/dog/2.png", "val/cat/3.png", "val/dog/4.png", "val/dog/5.png"] {
        write(&format!("splits/{name}"), &picture);
    }
    let all = read("splits", &[]);
    assert_eq!(classes(&all), [("cat", 2), ("dog", 3)]);
    assert!(notes(&all).contains("The splits train and val are used together."), "{}", all["notes"]);
    assert_eq!(classes(&read("splits", &["--set", "data.splits=validation"])), [("cat", 1), ("dog", 2)]);

    for part in ["001", "002"] {
        let name = format!("dogs/pug/{part}.png");
        write(
            &format!("parts/dogs-20260101T000000Z-{part}.zip"),
            &zip_of(&[(&name, &picture), ("dogs/boxer/1.png", &picture)]),
        );
    }
    assert_eq!(classes(&read("parts", &[])), [("boxer", 2), ("pug", 2)]);

    let inner = |name: &str| zip_of(&[(name, &picture)]);
    write("all.zip", &zip_of(&[("train.zip", &inner("train/1.png")), ("test1.zip", &inner("test1/2.png"))]));
    let nested = read("all.zip", &[]);
    assert_eq!((&nested["pictures"], classes(&nested).len()), (&Value::from(2), 0));

    write("table/labels.csv", b"id,breed\n1,pug\n2,boxer\n3,pug\n");
    (1..=3).for_each(|number| write(&format!("table/train/{number}.png"), &picture));
    let table = read("table", &[]);
    assert_eq!(classes(&table), [("boxer", 1), ("pug", 2)]);
    assert_eq!(table["skipped"], Value::Array(Vec::new()), "a table of classes is no failed picture");
}

#[test]
fn an_entry_that_leads_out_of_its_archive_touches_nothing() {
    let place = TempDir::new().unwrap();
    let deep = place.path().join("a/b/c");
    fs::create_dir_all(&deep).unwrap();
    fs::copy(fixtures().join("messy.zip"), deep.join("messy.zip")).unwrap();
    let before = files(place.path());
    let report = check(&deep.join("messy.zip"), &[]);
    assert!(report["usable"].as_u64().unwrap() > 0);
    assert_eq!(files(place.path()), before);
}

#[test]
fn the_report_reads_well_and_a_contact_sheet_is_drawn() {
    let place = TempDir::new().unwrap();
    let folder = messy(&place);
    let sheet = place.path().join("sheet.png");
    let output =
        succeed(whelp(place.path()).args(["data", "check", "--resolution", "32", "--sheet"]).arg(&sheet).arg(&folder));
    let said = text(&output.stdout);
    for part in ["cannot be used (", "are flagged", "formats: ", "sides in pixels: ", "Verdict: only enough for a try"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    let sheet = image::open(sheet).unwrap();
    assert!(sheet.width() > 32 && sheet.width().is_multiple_of(32), "{}", sheet.width());
}

/// A folder of `count` pictures of `side` pixels.
fn of_side(place: &TempDir, side: u32, count: u8) -> PathBuf {
    let folder = place.path().join(format!("of {side}"));
    fs::create_dir_all(&folder).unwrap();
    for index in 0..count {
        let pixel = |x: u32, y: u32| image::Rgb([(x * 2) as u8, (y * 2) as u8, index * 25]);
        image::RgbImage::from_fn(side, side, pixel).save(folder.join(format!("{index}.png"))).unwrap();
    }
    folder
}

#[test]
fn the_size_follows_the_pictures_and_says_why() {
    let place = TempDir::new().unwrap();
    let check = |folder: &Path, arguments: &[&str]| {
        let output = succeed(whelp(place.path()).args(["data", "check", "--json"]).args(arguments).arg(folder));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        (report["resolution"].as_u64().unwrap(), report["reason"].as_str().unwrap().to_owned())
    };
    let large = "64 pixels, because 128 take four times the work; a fast graphics device gets 128.";
    assert_eq!(check(&of_side(&place, 150, 4), &[]), (64, large.to_owned()));
    let small = of_side(&place, 48, 4);
    let too_small = "32 pixels, because most of the pictures are too small for 64.";
    assert_eq!(check(&small, &[]), (32, too_small.to_owned()));
    for chosen in [["--resolution", "256"], ["--set", "data.resolution=256"]] {
        assert_eq!(check(&small, &chosen), (256, "256 pixels, as you chose.".to_owned()));
    }
    assert_eq!(check(&small, &["--exclude-flagged"]), (32, too_small.to_owned()), "none is too small for 32");
    let said = text(&succeed(whelp(place.path()).args(["data", "check"]).arg(&small)).stdout);
    assert!(said.contains(&format!("Size for training\n  {too_small}")), "{said}");
}

#[test]
fn a_training_follows_the_size_of_its_pictures_unless_an_option_or_the_recipe_sets_it() {
    let place = TempDir::new().unwrap();
    let (large, small) = (of_side(&place, 70, 6), of_side(&place, 40, 6));
    let train = |folder: &Path, arguments: &[&str]| {
        let mut command = whelp(place.path());
        command.args(["train", "--steps", "1", "--data"]).arg(folder).args(super::TINY).args(arguments).arg("--json");
        let output = succeed(&mut command);
        let started = text(&output.stdout).lines().next().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let config = started.unwrap()["config"].clone();
        let number = |pointer: &str| config.pointer(pointer).and_then(Value::as_f64).unwrap();
        let said = text(&output.stderr).contains("resolution  ");
        ([number("/data/resolution"), number("/train/r1_gamma"), number("/schedule/r1_gamma")], said)
    };
    let small_recipe = ["--recipe", "r3gan-small"];
    assert_eq!(train(&large, &small_recipe), ([64.0, 2.0, 0.2], true));
    assert_eq!(train(&small, &small_recipe), ([32.0, 0.05, 0.005], true));
    let chosen = [&small_recipe[..], &["--resolution", "64", "--set", "train.r1_gamma=0.5"]].concat();
    assert_eq!(train(&small, &chosen), ([64.0, 0.5, 0.2], false));
    let set = [&small_recipe[..], &["--set", "data.resolution=64"]].concat();
    assert_eq!(train(&small, &set), ([64.0, 2.0, 0.2], false));
    let (found, said) = train(&small, &["--recipe", "stanford-dogs", "--set", "schedule.r1_gamma=1"]);
    assert_eq!((found[0], said), (64.0, false), "the recipe has 64 pixels");
}

#[test]
fn nonsense_is_refused_with_a_sentence() {
    let place = TempDir::new().unwrap();
    let check = |arguments: &[&str]| {
        let mut command = whelp(place.path());
        command.args(["data", "check"]).args(arguments).arg(fixtures());
        refused(&mut command)
    };
    assert!(check(&["--resolution", "48"]).contains("data.resolution is 48; it accepts"));
    let of_few_recipes =
        whelp(place.path()).args(["data", "check", "--resolution", "28", "--json"]).arg(fixtures()).output();
    let checked: Value = serde_json::from_slice(&of_few_recipes.unwrap().stdout).unwrap();
    assert_eq!((&checked["resolution"], &checked["channels"]), (&28.into(), &3.into()), "drawn by one recipe");
    assert!(check(&["--set", "train.batch=4"]).contains("only fields of data matter here"));
    assert!(check(&["--set", "data.framing=wide"]).contains("it accepts center, pad or tiles"));
    let mut missing = whelp(place.path());
    assert!(refused(missing.args(["data", "check", "nowhere"])).contains("nowhere could not be read"));
}

#[test]
fn prepared_pictures_are_kept_listed_rebuilt_and_cleared() {
    let place = TempDir::new().unwrap();
    let folder = messy(&place);
    let cache = place.path().join("cache");
    let cached = |arguments: &[&str]| {
        let mut command: Command = whelp(place.path());
        command.env("WHELP_DATA_CACHE", &cache).args(["data"]).args(arguments);
        command
    };
    let check = || {
        let output = succeed(cached(&["check", "--json", "--resolution", "32"]).arg(&folder));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        (report, text(&output.stderr))
    };
    let (first, _) = check();
    assert!(text(&succeed(&mut cached(&["cache"])).stdout).contains(": 1 data sets, "));
    let (second, said) = check();
    assert_eq!((&second, said.contains("prepared again")), (&first, false));

    let file = files(&cache).pop().unwrap().1;
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    let (third, said) = check();
    assert!(said.contains("are prepared again: its content has changed"), "{said}");
    assert_eq!(third, first);

    fs::write(folder.join("one more.png"), fs::read(fixtures().join("rgba.png")).unwrap()).unwrap();
    assert_ne!(check().0["fingerprint"], first["fingerprint"], "another file is another data set");
    assert!(text(&succeed(&mut cached(&["cache", "--clear"])).stdout).starts_with("removed 2 data sets"));
    assert!(files(&cache).is_empty());
}

#[test]
fn typical_pictures_are_chosen_and_counted() {
    let place = tempfile::tempdir().unwrap();
    let folder = messy(&place);
    let all = check(&folder, &[]);
    let count = |report: &Value, field: &str| report[field].as_u64().unwrap();
    assert_eq!(count(&all, "training_count"), count(&all, "pictures"));
    let half = check(&folder, &["--set", "data.keep_typical=0.5"]);
    assert_eq!(half["fingerprint"], all["fingerprint"], "the set is the same");
    assert_eq!(count(&half, "training_count"), count(&all, "pictures").div_ceil(2));
    let told = refused(whelp(place.path()).args(["data", "check", "--set", "data.keep_typical=0"]).arg(&folder));
    assert!(told.contains("data.keep_typical is 0"), "{told}");
}
