//! What is told before a run: its plan, the devices, completions and manual pages.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use super::night::{checkpoint, train};
use super::{pictures, refused, succeed, text, whelp};

#[test]
fn a_dry_run_tells_what_would_run_and_writes_nothing() {
    let place = TempDir::new().unwrap();
    pictures(&place);
    let plan = |out: &str, arguments: &[&str]| {
        let mut command = train(&place, out, 1000);
        let output = succeed(command.args(["--dry-run", "--json"]).args(arguments));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let new = plan("run", &[]);
    assert!(!place.path().join("run").exists());
    assert_eq!((&new["step"], &new["begins"], &new["folder"]), (&0.into(), &"with new networks".into(), &"run".into()));
    assert_eq!((&new["config"]["train"]["batch"], &new["pictures"]["count"]), (&4.into(), &12.into()));
    let number = |plan: &Value, name: &str| plan[name].as_f64().unwrap();
    // 1,000 steps at the speed of the trial.
    let expected = 4000.0 / number(&new, "images_per_sec");
    assert!((number(&new, "remaining_secs") / expected - 1.0).abs() < 1e-9, "{new}");
    assert!(number(&new, "memory_bytes") > 0.0 && number(&new, "step_secs") > 0.0);

    succeed(&mut train(&place, "run", 10));
    let before = fs::read(place.path().join("run/events.jsonl")).unwrap();
    let next = plan("run", &[]);
    assert_eq!((&next["step"], &next["begins"]), (&10.into(), &"from its newest checkpoint".into()));
    let expected = 3960.0 / number(&next, "images_per_sec");
    assert!((number(&next, "remaining_secs") / expected - 1.0).abs() < 1e-9, "{next}");
    assert_eq!(fs::read(place.path().join("run/events.jsonl")).unwrap(), before);
    let events = String::from_utf8(before).unwrap();
    let started: Value = serde_json::from_str(events.lines().next().unwrap()).unwrap();
    for name in ["generator_parameters", "discriminator_parameters"] {
        assert_eq!(new[name], started[name]);
    }
    let said = text(&succeed(train(&place, "run", 1000).arg("--dry-run")).stdout);
    for part in ["from its newest checkpoint", "about", "img/s", "\"generator_width\": 4", "for 1000 steps"] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(checkpoint(&place.path().join("run")).meta.progress.step, 10);
}

#[test]
fn devices_are_listed_by_the_names_that_choose_them() {
    let place = TempDir::new().unwrap();
    let output = succeed(whelp(place.path()).args(["devices", "--json"]));
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(rows[0]["device"], "cpu");
    assert!(rows[0]["memory_bytes"].as_u64().unwrap() > 100 << 20);
    let table = text(&succeed(whelp(place.path()).arg("devices")).stdout);
    for row in &rows {
        assert!(
            table.contains(row["device"].as_str().unwrap()) && table.contains(row["name"].as_str().unwrap()),
            "{table}"
        );
    }
    let profile = |device: &str| {
        let mut command = whelp(place.path());
        command.args(["profile", "--recipe", "dcgan32", "--steps", "1", "--batch", "2", "--device", device]);
        command.args(["--set", "model.generator_width=2", "--set", "model.discriminator_width=2"]);
        command
    };
    let message = refused(&mut profile("vulkan:a card of the future"));
    assert!(message.contains("vulkan:a card of the future can't be used: there is no"), "{message}");
    assert!(refused(&mut profile("vulkan:99")).contains("vulkan:99 can't be used: there is no"));
    // `cargo xtask setup` installs a driver for the tests.
    let Some(row) = rows.iter().find(|row| row["device"] == "vulkan:0") else {
        assert!(std::env::var_os("WHELP_REQUIRE_GPU").is_none(), "{table}");
        eprintln!("not tested with an adapter: there is no driver");
        return;
    };
    let name = row["name"].as_str().unwrap();
    for device in ["vulkan:0", "wgpu:0", &format!("wgpu:{}", name.to_uppercase())] {
        let said = text(&succeed(&mut profile(device)).stdout);
        assert!(said.contains(name), "{device}: {said}");
    }
}

#[test]
fn shells_complete_words_and_every_command_has_a_manual_page() {
    let place = TempDir::new().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = text(&succeed(whelp(place.path()).args(["completions", shell])).stdout);
        assert!(script.contains("whelp") && script.contains("exclude-flagged"), "{shell}: {script}");
    }
    let page = text(&succeed(whelp(place.path()).arg("man")).stdout);
    assert!(page.contains(".TH whelp 1") && page.contains("whelp\\-train(1)"), "{page}");
    succeed(whelp(place.path()).args(["man", "--out", "pages"]));
    for page in ["whelp.1", "whelp-train.1", "whelp-data-check.1", "whelp-ctl.1"] {
        let path = place.path().join("pages").join(page);
        assert!(fs::read_to_string(&path).unwrap().contains(".TH"), "{page}");
    }
}
