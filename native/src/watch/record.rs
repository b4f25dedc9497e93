//! What is known of a run that is shown: its newest state for those who have just come, and its latest messages for those who know
//! the rest.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use image::{ImageFormat, ImageReader, Limits};
use whelp::data::Grid;
use whelp::history::History;
use whelp::protocol::{Event, Progress};
use whelp::series::{self, StepSeries};
use whelp::session::Reply;
use whelp::watch::{Told, pack};

use super::tail::{Found, Tail};
use super::{Message, message};
use crate::lock::RunLock;
use crate::run_folder::{EVENTS, samples_name};

/// Whoever has missed more messages is told the newest state instead, which is large. Messages are small but for the newest pictures,
/// and a quick run has some fifty a second: this is most of a minute.
const MOST_MESSAGES: usize = 2048;

/// Scores that are kept, of as many moments. Of more, every other one goes.
const MOST_SCORES: usize = 1000;

/// The largest side of a grid of samples, in pixels.
const LARGEST_SIDE: u32 = 16_384;

/// What is known of a run.
#[derive(Debug)]
pub struct Record {
    id: String,
    root: PathBuf,
    /// Whoever reads on.
    tail: Mutex<Tail>,
    /// What there is to tell. It is never locked while files are read.
    known: Mutex<Known>,
}

/// How much a viewer has been told.
#[derive(Debug, Default)]
pub struct Place {
    /// Of the course of messages.
    course: u64,
    /// The number of the next message.
    next: u64,
    /// What is left to tell of the newest state, as it was when the viewer needed it.
    state: VecDeque<Message>,
}

#[derive(Debug, Default)]
struct Known {
    /// Counts from 1 what was begun anew: a run's events are another course after it went back. 0 until the first one is read.
    course: u64,
    state: State,
    is_live: bool,
    /// The latest messages. Of pictures only the newest are there.
    messages: VecDeque<Option<Message>>,
    /// The number of the message after them.
    next: u64,
}

/// A run's newest state.
#[derive(Debug, Default)]
struct State {
    started: Option<Event>,
    history: History,
    /// Events with scores.
    scores: Vec<Event>,
    samples: Option<Message>,
    diagnosis: Option<Event>,
    best: Option<Event>,
    checkpoint: Option<Event>,
    progress: Option<Progress>,
    /// The pause or the end that the run is in.
    rest: Option<Event>,
}

impl Record {
    pub fn new(id: &str, root: &Path) -> Self {
        let tail = Mutex::new(Tail::new(&root.join(EVENTS)));
        Self { id: id.to_owned(), root: root.to_owned(), tail, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what the run has told since.
    pub fn look(&self) {
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let is_live = RunLock::is_held(&self.root);
        let is_new = self.known().course == 0;
        let (mut restarts, mut state, mut news) = (is_new, State::default(), Vec::new());
        let mut samples = None;
        loop {
            match tail.read() {
                Ok(Found::Lines(lines)) => {
                    for event in lines.lines().filter_map(|line| serde_json::from_str::<Event>(line).ok()) {
                        match event {
                            Event::Samples { .. } if restarts => samples = Some(event),
                            _ if restarts => state.take(event),
                            event => news.push(event),
                        }
                    }
                }
                Ok(Found::Restart) => {
                    (restarts, state, samples) = (true, State::default(), None);
                    news.clear();
                }
                // A file that can't be read now may be there the next time.
                Ok(Found::End) | Err(_) => break,
            }
        }
        // Files are read for the newest pictures alone.
        let newest = news.iter().rposition(|event| matches!(event, Event::Samples { .. }));
        let samples = newest.map(|place| news[place].clone()).or(samples).and_then(|event| self.pictures(event));
        let mut known = self.known();
        if restarts {
            state.samples = samples;
            let course = known.course + 1;
            *known = Known { course, state, is_live, ..Known::default() };
            return;
        }
        // In their order: pictures that came before a pause are not told after it.
        for (place, event) in news.into_iter().enumerate() {
            if !matches!(event, Event::Samples { .. }) {
                known.tell(told(event.clone()));
                known.state.take(event);
            } else if let Some(samples) = samples.clone().filter(|_| Some(place) == newest) {
                known.push_pictures(samples);
            }
        }
        if is_live != known.is_live {
            known.is_live = is_live;
            known.tell(Told::Live { is_live });
        }
    }

    /// The message of samples with their pixels; none if they can't be read.
    fn pictures(&self, event: Event) -> Option<Message> {
        let Event::Samples { step, grid, .. } = &event else { return None };
        let pixels = read_pixels(&self.root.join(samples_name(*step)), grid)?;
        Some(pack(&told(event), &pixels).into())
    }

    /// The next message for a viewer.
    pub fn next(&self, place: &mut Place) -> Option<Message> {
        if let Some(message) = place.state.pop_front() {
            return Some(message);
        }
        let known = self.known();
        if known.course == 0 {
            return None;
        }
        let first = known.next - known.messages.len() as u64;
        if place.course != known.course || place.next < first {
            *place = Place { course: known.course, next: known.next, state: known.messages_of_state(&self.id) };
            return place.state.pop_front();
        }
        while place.next < known.next {
            let message = known.messages[(place.next - first) as usize].clone();
            place.next += 1;
            if message.is_some() {
                return message;
            }
        }
        None
    }
}

impl Known {
    fn tell(&mut self, told: Told) {
        self.push(message(&told));
    }

    /// Pictures in place of those before them: nobody needs to be told those any more.
    fn push_pictures(&mut self, message: Message) {
        let Self { messages, state, .. } = self;
        messages.iter_mut().filter(|known| **known == state.samples).for_each(|known| *known = None);
        state.samples = Some(message.clone());
        self.push(message);
    }

    fn push(&mut self, message: Message) {
        self.messages.push_back(Some(message));
        self.next += 1;
        if self.messages.len() > MOST_MESSAGES {
            self.messages.pop_front();
        }
    }

    /// Everything that somebody has to be told who knows nothing.
    fn messages_of_state(&self, id: &str) -> VecDeque<Message> {
        let State { started, history, scores, samples, diagnosis, best, checkpoint, progress, rest } = &self.state;
        let mut messages = VecDeque::from([message(&Told::Run { id: id.to_owned() })]);
        messages.extend(started.iter().map(|event| message(&told(event.clone()))));
        // After the start, which forgets what came later than its step.
        messages.push_back(message(&Told::History { history: history.clone() }));
        let now = progress.clone().map(|progress| Event::Tick { progress, series: StepSeries::default() });
        let events =
            scores.iter().cloned().chain(diagnosis.clone()).chain(best.clone()).chain(checkpoint.clone()).chain(now);
        messages.extend(events.map(|event| message(&told(event))));
        messages.extend(samples.clone());
        messages.extend(rest.iter().map(|event| message(&told(event.clone()))));
        messages.push_back(message(&Told::Live { is_live: self.is_live }));
        messages
    }
}

impl State {
    fn take(&mut self, event: Event) {
        match &event {
            Event::Started { progress, .. } => {
                self.history.truncate_after(progress.step);
                let step = progress.step;
                self.scores.retain(|event| matches!(event, Event::Values { step: scored, .. } if *scored <= step));
                self.progress = Some(progress.clone());
                (self.rest, self.diagnosis, self.started) = (None, None, Some(event));
            }
            Event::Tick { progress, series } => {
                self.history.extend(series);
                self.progress = Some(progress.clone());
            }
            Event::Values { step, values, .. } => {
                self.history.note(*step, values);
                if !values.keys().any(|name| series::score_of(name).is_some()) {
                    return;
                }
                self.scores.push(event);
                if self.scores.len() > MOST_SCORES {
                    let mut place = 0;
                    self.scores.retain(|_| {
                        place += 1;
                        place % 2 == 1
                    });
                }
            }
            Event::Diagnosis { .. } => self.diagnosis = Some(event),
            Event::Best { .. } => self.best = Some(event),
            Event::Checkpoint { .. } => self.checkpoint = Some(event),
            Event::Resumed { progress } => (self.progress, self.rest) = (Some(progress.clone()), None),
            Event::Paused { progress } | Event::Finished { progress, .. } => {
                (self.progress, self.rest) = (Some(progress.clone()), Some(event));
            }
            Event::Failed { .. } => self.rest = Some(event),
            // Warnings are for those who are there. Pictures go another way.
            Event::Warning { .. } | Event::Samples { .. } | Event::Drawn { .. } => {}
        }
    }
}

fn told(event: Event) -> Told {
    Told::Reply { reply: Box::new(Reply::Event { event: Box::new(event) }) }
}

/// The pixels of a grid that was written as a PNG; none if the file is not that of the grid.
fn read_pixels(path: &Path, grid: &Grid) -> Option<Vec<u8>> {
    let mut reader = ImageReader::open(path).ok()?;
    reader.set_format(ImageFormat::Png);
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(LARGEST_SIDE), Some(LARGEST_SIDE));
    reader.limits(limits);
    let picture = reader.decode().ok()?;
    let sides = [picture.width() as usize, picture.height() as usize];
    let pixels = if grid.channels == 1 { picture.into_luma8().into_raw() } else { picture.into_rgb8().into_raw() };
    (sides == [grid.width(), grid.height()]).then_some(pixels)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::Write;

    use tempfile::TempDir;
    use whelp::protocol::FinishReason;
    use whelp::series::{LOSS_D, LOSS_G};
    use whelp::watch::unpack;

    use super::*;
    use crate::png;

    fn progress(step: u64) -> Progress {
        Progress { step, nimg: 4 * step, ..Progress::default() }
    }

    fn tick(steps: std::ops::RangeInclusive<u64>) -> Event {
        let mut series = StepSeries::default();
        let end = *steps.end();
        steps.for_each(|step| series.push(step, [(LOSS_D, step as f32), (LOSS_G, 1.0)]));
        Event::Tick { progress: progress(end), series }
    }

    /// A run's folder, and its events.
    struct Run {
        place: TempDir,
        events: File,
    }

    impl Run {
        fn new() -> Self {
            let place = TempDir::new().unwrap();
            let events = File::create(place.path().join(EVENTS)).unwrap();
            fs::create_dir(place.path().join("samples")).unwrap();
            Self { place, events }
        }

        fn tell(&mut self, event: &Event) {
            writeln!(self.events, "{}", serde_json::to_string(event).unwrap()).unwrap();
        }

        fn samples(&mut self, step: u64, value: u8) {
            let grid = Grid { tile: 2.into(), columns: 2, count: 2, channels: 3, pixels: vec![value; 24] };
            fs::write(self.place.path().join(samples_name(step)), png::encode(&grid).unwrap()).unwrap();
            self.tell(&Event::Samples { step, nimg: 4 * step, seed: 0, grid, epoch: None, path: None });
        }
    }

    /// Everything that a viewer is told now: kinds, and the first byte beside them.
    fn all(record: &Record, place: &mut Place) -> Vec<String> {
        let describe = |message: Message| {
            let (told, payload) = unpack(&message).unwrap();
            let json = serde_json::to_value(&told).unwrap();
            let kind =
                json.pointer("/reply/event/type").or(json.pointer("/type")).unwrap().as_str().unwrap().to_owned();
            payload.first().map_or(kind.clone(), |byte| format!("{kind} {byte}"))
        };
        std::iter::from_fn(|| record.next(place)).map(describe).collect()
    }

    #[test]
    fn a_viewer_is_told_the_state_and_then_what_is_new() {
        let mut run = Run::new();
        let record = Record::new("a", run.place.path());
        let mut first = Place::default();
        assert!(all(&record, &mut first).is_empty(), "nothing was read yet");
        run.tell(&tick(1..=3000));
        (1..=3).for_each(|step| run.samples(step, step as u8));
        record.look();
        assert_eq!(all(&record, &mut first), ["run", "history", "tick", "samples 3", "live"]);
        assert!(all(&record, &mut first).is_empty());

        run.tell(&tick(3001..=3002));
        run.samples(3002, 9);
        run.tell(&Event::Paused { progress: progress(3002) });
        record.look();
        assert_eq!(all(&record, &mut first), ["tick", "samples 9", "paused"]);
        let mut second = Place::default();
        assert_eq!(all(&record, &mut second), ["run", "history", "tick", "samples 9", "paused", "live"]);
        run.tell(&Event::Finished { reason: FinishReason::Stopped, progress: progress(3002) });
        record.look();
        assert_eq!(all(&record, &mut second), ["finished"]);
    }

    #[test]
    fn a_viewer_that_falls_behind_is_told_the_newest_state_and_memory_stays_bounded() {
        let mut run = Run::new();
        let record = Record::new("a", run.place.path());
        run.tell(&tick(1..=1));
        record.look();
        let mut slow = Place::default();
        let mut nearly = Place::default();
        all(&record, &mut slow);
        all(&record, &mut nearly);
        for step in 2..=1250u64 {
            run.tell(&tick(step..=step));
            run.samples(step, (step % 250) as u8);
            record.look();
            if step % 30 == 0 {
                let told = all(&record, &mut nearly);
                assert_eq!(
                    told.iter().filter(|kind| kind.starts_with("samples")).count(),
                    1,
                    "only the newest: {told:?}"
                );
                assert!(!told.contains(&"run".to_owned()));
            }
        }
        assert_eq!(all(&record, &mut slow), ["run", "history", "tick", "samples 0", "live"]);
        let known = record.known();
        assert!(known.messages.len() <= MOST_MESSAGES);
        let with_pixels =
            known.messages.iter().flatten().filter(|message| !unpack(message).unwrap().1.is_empty()).count();
        assert_eq!(with_pixels, 1);
    }

    #[test]
    fn a_run_that_went_back_is_told_from_its_start() {
        let mut run = Run::new();
        let record = Record::new("a", run.place.path());
        run.tell(&tick(1..=9));
        record.look();
        let mut place = Place::default();
        all(&record, &mut place);
        let other = run.place.path().join("other");
        fs::write(&other, serde_json::to_string(&tick(1..=5)).unwrap() + "\n").unwrap();
        fs::rename(&other, run.place.path().join(EVENTS)).unwrap();
        record.look();
        assert_eq!(all(&record, &mut place), ["run", "history", "tick", "live"]);
        assert_eq!(record.known().state.history.newest([LOSS_D]), Some((5, [5.0])));
    }

    #[test]
    fn samples_without_their_file_and_lines_that_are_no_events_are_passed_over() {
        let mut run = Run::new();
        let record = Record::new("a", run.place.path());
        run.tell(&tick(1..=1));
        run.samples(1, 5);
        fs::write(run.place.path().join(samples_name(1)), "no picture").unwrap();
        writeln!(run.events, "{{\"type\":\"tick\",\"progr{{}}\nnonsense").unwrap();
        run.tell(&tick(2..=2));
        record.look();
        assert_eq!(all(&record, &mut Place::default()), ["run", "history", "tick", "live"]);
        assert_eq!(record.known().state.progress, Some(progress(2)));
    }
}
