use std::collections::BTreeMap;
use std::path::PathBuf;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use whelp::config::RunConfig;
use whelp::data::{DataSummary, Dataset, DatasetBuilder, Preparation};
use whelp::diagnosis::{Diagnosis, NamedScore};
use whelp::protocol::{BestScore, CheckpointReason, Event, Progress};
use whelp::series::StepSeries;

use super::*;
use crate::display::Subject;
use crate::display::words::Words;

fn started(data: &Dataset, progress: Progress) -> Event {
    Event::Started {
        config: Box::new(RunConfig { recipe: "dcgan32".to_owned(), ..RunConfig::default() }),
        device: "CPU".to_owned(),
        generator_parameters: 1,
        discriminator_parameters: 1,
        data: DataSummary { name: "Built-in dogs".to_owned(), count: 5000, ..data.summary().clone() },
        progress,
    }
}

/// A run of 5,000 steps with everything that can be shown.
fn run(data: &Dataset) -> State {
    let mut state = State::new(Subject { root: "runs/001-dcgan32-32px".to_owned(), link: None });
    let progress = Progress {
        step: 5000,
        nimg: 320_000,
        epoch: 64.0,
        elapsed_secs: 1843.0,
        images_per_sec: 173.6,
        fraction: Some(0.4),
        remaining_secs: Some(2760.0),
        memory_bytes: Some(812_000_000),
    };
    let mut series = StepSeries::default();
    for step in 1..=5000_u64 {
        let t = step as f32 / 5000.0;
        let wave = (40.0 * t).sin() * 0.15 * t;
        let spike = if step == 1700 { 90.0 } else { 0.0 };
        series.push(step, [(LOSS_D, 1.1 - 0.5 * t + wave + spike), (LOSS_G, 0.9 + 1.2 * t - wave)]);
    }
    let scores = [("metric/fd_c10_1k_val", 0.416), ("metric_error/fd_c10_1k_val", 0.021)];
    let scores: BTreeMap<_, _> = scores.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let name = "fd_c10_1k_val".to_owned();
    let score = BestScore { name: name.clone(), value: 0.416, standard_error: Some(0.021), step: 4800 };
    let healthy = Diagnosis::Healthy {
        score: Some(NamedScore { name, value: 0.416, best: 0.416 }),
        diversity: Some(0.87),
        loss_share: Some(0.62),
    };
    let path = |name: &str| Some(format!("runs/001-dcgan32-32px/{name}"));
    let (nimg, seed) = (320_000, 0);
    let reason = CheckpointReason::Automatic;
    let events = [
        started(data, Progress::default()),
        Event::Tick { progress, series },
        Event::Warning { message: "the disk is nearly full: 1.2 GB are left".to_owned() },
        Event::Values { step: 4800, nimg, values: scores },
        Event::Best {
            step: 4800,
            nimg,
            score,
            before: None,
            bytes: Vec::new(),
            path: path("checkpoints/best.safetensors"),
        },
        Event::Diagnosis { step: 4800, nimg, diagnosis: healthy },
        Event::Samples {
            step: 5000,
            nimg,
            seed,
            grid: data.preview(16),
            epoch: None,
            path: path("samples/step_00005000.png"),
        },
        Event::Checkpoint {
            step: 5000,
            nimg,
            reason,
            bytes: Vec::new(),
            path: path("checkpoints/step_00005000.safetensors"),
        },
    ];
    let mut words = Words::default();
    for event in events {
        let lines = words.lines(&event);
        state.hear(&event, &words);
        lines.iter().for_each(|line| state.take(line));
    }
    state
}

/// Pictures of one dark and one light half, each half of its own colour.
fn pictures() -> Dataset {
    let mut builder = DatasetBuilder::new("halves", 32);
    for i in 0..16_usize {
        let pixel = |c: usize, x: usize| if x < 16 { 20 * c } else { 255 - 12 * i };
        let picture = (0..3).flat_map(|c| (0..32).flat_map(move |_| (0..32).map(move |x| pixel(c, x) as u8)));
        builder.push(&i.to_string(), Ok(picture.collect()));
    }
    builder.finish().unwrap()
}

fn drawn(state: &State, width: u16, height: u16, colors: Colors) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal
        .draw(|frame| {
            draw(frame, state, colors, false);
        })
        .unwrap();
    terminal.backend().buffer().clone()
}

/// A line of text for each row, without blanks at its end.
fn text(buffer: &Buffer) -> Vec<String> {
    let cells = buffer.content.chunks(usize::from(buffer.area.width));
    cells.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned()).collect()
}

fn assert_has(rows: &[String], words: &[&str]) {
    for words in words {
        assert!(rows.iter().any(|row| row.contains(words)), "no {words:?} in\n{}", rows.join("\n"));
    }
}

const FIGURES: [&str; 6] = ["step 5000", "320.0 kimg", "173.6 img/s", "40 %, 46m 00s left", "0.81 GB", "loss/g 1.98"];

const KEYS: &str = "p pause  s samples  c checkpoint  q save and stop";

#[test]
fn a_wide_screen_has_everything() {
    let state = run(&pictures());
    let buffer = drawn(&state, 130, 40, Colors::True);
    let rows = text(&buffer);
    assert_has(&rows, &FIGURES);
    assert_has(
        &rows,
        &[
            "whelp runs/001-dcgan32-32px  dcgan32 on CPU  Built-in dogs, 5000 at 32 pixels",
            "losses  ⠒⠒ loss/d  •• loss/g",
            "samples, step 5000",
            "scores  fd_c10_1k_val 0.416 ± 0.021",
            "best    fd_c10_1k_val 0.416 ± 0.021 at step 4800",
            "health, step 4800  Healthy: fd_c10_1k_val is 0.42",
            "saved at step 5000",
            "warning     the disk is nearly full",
            "checkpoint  step 5000",
        ],
    );
    assert_eq!(rows.last().unwrap(), KEYS);
    // A picture of 32 pixels: its left half is darker than its right half.
    let blocks: Vec<_> = buffer.content.iter().filter(|cell| cell.symbol() == "▀").collect();
    assert!(blocks.len() > 400, "{} cells of pictures", blocks.len());
    assert!(blocks.iter().any(|cell| cell.fg == Color::Rgb(255, 255, 255)));
    assert!(blocks.iter().any(|cell| cell.fg == Color::Rgb(0, 20, 40)));
    // The curves fill the chart: a single spike does not flatten them.
    let marked = rows.iter().filter(|row| row.chars().any(|c| ('\u{2801}'..='\u{28ff}').contains(&c) || c == '•'));
    assert!(marked.count() > 10);
}

#[test]
fn eighty_by_twenty_four_has_chart_samples_health_and_keys() {
    let rows = text(&drawn(&run(&pictures()), 80, 24, Colors::Cube));
    assert_has(&rows, &FIGURES);
    assert_has(&rows, &["losses", "samples, step 5000", "health, step 4800", "scores", "checkpoint  step 5000", "▀"]);
    assert_eq!(rows.last().unwrap(), KEYS);
    assert!(rows.iter().all(|row| row.chars().count() <= 80));
}

#[test]
fn a_tiny_window_has_figures_health_and_keys() {
    let rows = text(&drawn(&run(&pictures()), 40, 10, Colors::True));
    assert_has(&rows, &["whelp runs/001-dcgan32-32px", "training  40 %, 46m 00s left", "step 5000", "173.6 img/s"]);
    assert_has(&rows, &["health, step 4800", "p pause  s samples  c checkpoint  q save"]);
    assert!(!rows.concat().contains("losses"), "{}", rows.join("\n"));
    // And no size is too small to be drawn.
    for (width, height) in [(1, 1), (3, 2), (10, 3), (20, 5), (60, 4), (200, 3), (12, 40), (300, 100)] {
        drawn(&run(&pictures()), width, height, Colors::None);
    }
}

#[test]
fn the_link_is_shown_whole_with_its_token() {
    let mut state = run(&pictures());
    let link = "http://node07.cluster.example:8080/#token=0123456789abcdef0123456789abcdef".to_owned();
    state.subject.link = Some(link.clone());
    for width in [80, 130] {
        assert_has(&text(&drawn(&state, width, 24, Colors::True)), &[&link]);
    }
}

#[test]
fn a_pause_an_alarm_and_what_was_asked_are_seen() {
    let mut state = run(&pictures());
    state.asked_by('p');
    assert_eq!(text(&drawn(&state, 80, 24, Colors::True)).last().unwrap(), "pausing after this step");
    let words = Words::default();
    state.hear(&Event::Paused { progress: state.progress.clone().unwrap() }, &words);
    let rows = text(&drawn(&state, 80, 24, Colors::True));
    assert_has(&rows, &["paused  40 %", "p go on  s samples"]);
    state.hear(&Event::Diagnosis { step: 5000, nimg: 1, diagnosis: Diagnosis::Collapsed { diversity: 0.1 } }, &words);
    let buffer = drawn(&state, 80, 24, Colors::True);
    assert_has(&text(&buffer), &["health, step 5000  Collapsed"]);
    assert!(buffer.content.iter().any(|cell| cell.fg == Color::Red));
}

#[test]
fn a_run_that_goes_back_forgets_what_came_after() {
    let data = pictures();
    let (mut state, words) = (run(&data), Words::default());
    state.hear(&Event::Paused { progress: state.progress.clone().unwrap() }, &words);
    // The scores are those of step 4800.
    for (step, are_kept) in [(4800, true), (4799, false)] {
        state.hear(&started(&data, Progress { step, ..Progress::default() }), &words);
        assert_eq!((state.phase, state.progress.as_ref().unwrap().step), (Phase::Training, step));
        assert!(state.health.is_none() && state.checkpoint.is_none());
        assert_eq!((state.scores.is_empty(), state.best.is_none()), (!are_kept, !are_kept), "step {step}");
    }
}

#[test]
fn a_run_that_has_just_begun_has_an_empty_chart() {
    let state = State::new(Subject { root: "run".to_owned(), link: None });
    assert_has(&text(&drawn(&state, 80, 24, Colors::True)), &["whelp run", "about to begin", "losses", "samples"]);
}

/// The screen in docs/display.md is what is drawn. `WHELP_WRITE_DOCS=1` writes it anew.
#[test]
fn the_screen_in_the_documentation_is_what_is_drawn() {
    let data = crate::assets::builtin_dogs(Preparation::from(&RunConfig::default().data)).unwrap();
    let rows = text(&drawn(&run(&data), 100, 30, Colors::None)).join("\n");
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/display.md");
    let written = std::fs::read_to_string(&file).unwrap();
    let mut parts = written.splitn(3, "```\n");
    let (before, shown, after) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    if std::env::var_os("WHELP_WRITE_DOCS").is_some() {
        std::fs::write(&file, format!("{before}```\n{rows}\n```\n{after}")).unwrap();
    } else {
        assert_eq!(shown, rows + "\n");
    }
}
