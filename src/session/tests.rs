//! A whole session on the CPU, its front end being a test: messages go through channels, tasks share the test's thread.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;

use async_channel::{Receiver, Sender, bounded};
use futures_lite::future::block_on;

use super::*;
use crate::checkpoint::Checkpoint;
use crate::config::{DataConfig, Length, RunConfig, Taps};
use crate::data::{Dataset, DatasetBuilder, PictureSize, Preparation};
use crate::device::{self, DeviceChoice, DeviceError, OpenDevice};
use crate::features::Cifar10;
use crate::features::lite0::{self, Lite0};
use crate::platform::yield_now;
use crate::protocol::{CheckpointReason, Command, Event, FailureKind, FinishReason};
use crate::recipes;

/// Those of [`starter::RUNS`].
const RUNS: [&[u8]; 2] = [
    include_bytes!("../../web/assets/starter-run.safetensors"),
    include_bytes!("../../web/assets/starter-64-run.safetensors"),
];

type Task = Pin<Box<dyn Future<Output = ()>>>;
type Told = (Reply, Option<Vec<u8>>);

/// Files of a request, as this transport has them.
#[derive(Clone, Copy, Default)]
enum Files {
    #[default]
    None,
    /// This many pictures.
    Pictures(usize),
    /// Eight pictures with sides of this many pixels.
    OfSide(usize),
    /// A folder that takes for ever to read.
    Endless,
}

struct Channels {
    replies: Sender<Told>,
    tasks: Rc<RefCell<Vec<Task>>>,
    fault: Rc<RefCell<Option<DeviceError>>>,
    kept: Cell<Kept>,
    /// Whether it has a device that is worth measuring.
    is_slow: bool,
    /// Whether it can fetch the weights of the frozen network, and of the one that scores pictures.
    has_weights: bool,
}

impl Transport for Channels {
    type Files = Files;

    fn post(&self, reply: &Reply, payload: Option<Vec<u8>>) {
        // Through JSON, as in the page: what is not part of it must not be relied on.
        let reply = serde_json::from_str(&serde_json::to_string(reply).unwrap()).unwrap();
        self.replies.try_send((reply, payload)).unwrap();
    }

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.tasks.borrow_mut().push(Box::pin(task));
    }

    async fn open_device(&self, preference: DevicePreference) -> Result<(OpenDevice, DeviceInfo), Refusal> {
        let refusal = |reason: String| Refusal { reason, is_absent: true };
        if preference == DevicePreference::Auto {
            return Err(refusal("There is no graphics device in this test.".to_owned()));
        }
        let device = device::open(DeviceChoice::Cpu).await.map_err(|error| refusal(error.to_string()))?;
        let (name, backend) = ("this computer's processor".to_owned(), "CPU".to_owned());
        Ok((device, DeviceInfo { name, backend, is_slow: self.is_slow, reason: None }))
    }

    async fn read_pictures(
        &self,
        _source: DataSource,
        files: Files,
        preparation: Preparation,
        watch: &impl Watch,
    ) -> Result<Option<Dataset>, String> {
        let (count, side) = match files {
            Files::None => return Err("There are no pictures".to_owned()),
            Files::Pictures(count) => (count, 500),
            Files::OfSide(side) => (8, side),
            Files::Endless => (usize::MAX, 500),
        };
        let mut builder = DatasetBuilder::new("test pictures", preparation.resolution).of_side(side);
        for index in 0..count {
            watch.progress(index, count, 0);
            yield_now().await;
            if watch.is_cancelled() {
                return Ok(None);
            }
            let pixels = vec![(index * 25) as u8; 3 * preparation.resolution * preparation.resolution];
            builder.push(&format!("{index}.png"), Ok(pixels));
        }
        self.kept.set(Kept { count: 1, bytes: 100, is_refused: false });
        builder.finish().map(Some).map_err(|error| error.to_string())
    }

    async fn kept(&self) -> Kept {
        self.kept.get()
    }

    async fn clear_kept(&self) {
        self.kept.set(Kept::default());
    }

    async fn fetch(&self, name: &str, progress: &dyn Fn(u64)) -> Result<Vec<u8>, String> {
        progress(1000);
        match name {
            starter::FILE => Ok(include_bytes!("../../web/assets/starter.safetensors").to_vec()),
            name if self.has_weights && name == Cifar10::FILE.name => {
                Ok(include_bytes!("../features/cifar10.safetensors").to_vec())
            }
            name if name == starter::RUNS[0].name => Ok(RUNS[0].to_vec()),
            // Weights of the right shapes.
            name if self.has_weights && lite0::files_of(Taps::Deep).iter().any(|file| file.name == name) => {
                // The second holds the tensors of the first once more, which does no harm.
                Ok(Lite0::zero_file(if name == lite0::EARLY.name { Taps::Early } else { Taps::Deep }))
            }
            other => Err(format!("there is no {other}")),
        }
    }

    fn take_fault(&self) -> Option<DeviceError> {
        self.fault.borrow_mut().take()
    }
}

/// The front end.
struct Client {
    requests: Sender<Incoming<Files>>,
    replies: Receiver<Told>,
    /// What the graphics stack is going to log.
    fault: Rc<RefCell<Option<DeviceError>>>,
}

impl Client {
    fn send(&self, request: Request, bytes: Vec<u8>, files: Files) {
        // Through JSON, as in the page.
        let request = serde_json::from_str(&serde_json::to_string(&request).unwrap()).unwrap();
        self.requests.try_send(Incoming { request, bytes, files }).unwrap();
    }

    fn ask(&self, request: Request) {
        self.send(request, Vec::new(), Files::None);
    }

    fn start(&self, config: &RunConfig, from: StartFrom) {
        self.ask(Request::Start { config: Box::new(config.clone()), from });
    }

    fn command(&self, command: Command) {
        self.ask(Request::Run { command });
    }

    /// The next reply for which `pick` has an answer; others are skipped.
    async fn next<R>(&self, mut pick: impl FnMut(Reply, Option<Vec<u8>>) -> Option<R>) -> R {
        loop {
            let (reply, payload) = self.replies.recv().await.expect("the session is gone");
            if let Some(picked) = pick(reply, payload) {
                return picked;
            }
        }
    }

    async fn event<R>(&self, mut pick: impl FnMut(Event, Option<Vec<u8>>) -> Option<R>) -> R {
        let pick = |reply, payload| match reply {
            Reply::Event { event } => pick(*event, payload),
            Reply::Failed { problem, .. } => panic!("{problem}"),
            _ => None,
        };
        self.next(pick).await
    }

    async fn problem(&self) -> (About, Problem) {
        let pick = |reply, _| match reply {
            Reply::Failed { about, problem } => Some((about, problem)),
            _ => None,
        };
        self.next(pick).await
    }

    /// Opens the CPU.
    async fn hello(&self) -> Box<RunConfig> {
        self.ask(Request::Hello { device: DevicePreference::Cpu { reason: None }, measure: true });
        let pick = |reply, _| match reply {
            Reply::Ready { suggested, .. } => Some(suggested),
            _ => None,
        };
        self.next(pick).await
    }

    fn load(&self, id: u32, files: Files) {
        let source = DataSource::Files { name: "test pictures".to_owned() };
        self.send(Request::LoadData { id, source, data: DataConfig::default(), by_pictures: false }, Vec::new(), files);
    }

    async fn loaded(&self, wanted: u32) -> usize {
        let pick = |reply, payload: Option<Vec<u8>>| match reply {
            Reply::Data { id, summary, preview, .. } if id == wanted => {
                assert_eq!(payload.unwrap().len(), preview.width() * preview.height() * preview.channels);
                Some(summary.count)
            }
            _ => None,
        };
        self.next(pick).await
    }

    async fn started(&self) -> (Box<RunConfig>, u64) {
        let pick = |event, _| match event {
            Event::Started { config, progress, .. } => Some((config, progress.step)),
            _ => None,
        };
        self.event(pick).await
    }

    async fn checkpoint(&self, wanted: CheckpointReason) -> Vec<u8> {
        let pick = |event, payload: Option<Vec<u8>>| match event {
            Event::Checkpoint { reason, .. } if reason == wanted => payload,
            _ => None,
        };
        self.event(pick).await
    }

    async fn finished(&self) -> (FinishReason, u64) {
        let pick = |event, _| match event {
            Event::Finished { reason, progress } => Some((reason, progress.step)),
            _ => None,
        };
        self.event(pick).await
    }

    /// The pixels of the grid that was drawn from this seed.
    async fn drawn(&self, wanted: u64) -> Vec<u8> {
        let pick = |event, payload: Option<Vec<u8>>| match event {
            Event::Samples { seed, .. } if seed == wanted => payload,
            _ => None,
        };
        self.event(pick).await
    }
}

/// Plays a front end's part to its end, beside a session.
fn play_on<R>([is_slow, has_weights]: [bool; 2], script: impl AsyncFnOnce(Client) -> R) -> R {
    let (requests, incoming) = bounded(64);
    let (told, replies) = bounded(4096);
    let tasks = Rc::new(RefCell::new(Vec::new()));
    let fault = Rc::new(RefCell::new(None));
    let transport = Channels {
        replies: told,
        tasks: tasks.clone(),
        fault: fault.clone(),
        kept: Cell::default(),
        is_slow,
        has_weights,
    };
    let mut running: Vec<Task> = vec![Box::pin(serve(transport, incoming))];
    let mut script = pin!(script(Client { requests, replies, fault }));
    block_on(poll_fn(|context| {
        running.retain_mut(|task| task.as_mut().poll(context).is_pending());
        let new = tasks.take();
        if !new.is_empty() {
            running.extend(new);
            context.waker().wake_by_ref();
        }
        script.as_mut().poll(context)
    }))
}

fn play<R>(script: impl AsyncFnOnce(Client) -> R) -> R {
    play_on([true, false], script)
}

/// A run that takes a moment: width 4, batch 4, `steps` steps.
fn tiny(steps: u64) -> RunConfig {
    let mut config = RunConfig::default();
    config.model.generator_width = 4;
    config.model.discriminator_width = 4;
    config.model.latent = 8;
    config.train.batch = 4;
    config.train.length = Length::Steps(steps);
    config.output.grid = 4;
    config.output.tick_steps = 1;
    config.output.sample_steps = None;
    config.output.checkpoint_steps = None;
    config
}

#[test]
fn a_session_trains_pauses_saves_and_continues_from_what_it_saved() {
    play(async |client| {
        client.hello().await;
        client.load(1, Files::Pictures(8));
        assert_eq!(client.loaded(1).await, 8);

        client.start(&tiny(1000), StartFrom::Nothing);
        assert_eq!(client.started().await.1, 0);
        client.command(Command::Pause);
        let paused = |event, _| match event {
            Event::Paused { progress } => Some(progress.step),
            _ => None,
        };
        let paused = client.event(paused).await;
        client.command(Command::Save);
        let saved = client.checkpoint(CheckpointReason::Requested).await;
        client.ask(Request::Generate { count: 4, seed: 7, class: None, truncation_psi: 1.0 });
        let drawn = client.drawn(7).await;
        client.command(Command::Stop);
        assert_eq!(client.finished().await, (FinishReason::Stopped, paused));

        // What the run ended with is open: the same networks draw the same pictures.
        client.ask(Request::Generate { count: 4, seed: 7, class: None, truncation_psi: 1.0 });
        assert_eq!(client.drawn(7).await, drawn);

        client.send(Request::OpenCheckpoint { name: "saved".to_owned() }, saved, Files::None);
        let opened = |reply, _| match reply {
            Reply::Opened { name, config, progress, .. } => Some((name, config, progress.step)),
            _ => None,
        };
        let (name, config, step) = client.next(opened).await;
        assert_eq!((name.as_str(), *config, step), ("saved", tiny(1000), paused));
        // Its own grid of fixed latents comes without being asked for.
        assert_eq!(client.drawn(tiny(1).seed).await.len(), 64 * 64 * 3);

        let mut asked = tiny(paused + 3);
        asked.train.generator_lr = 1e-4;
        asked.data.horizontal_flip = true;
        client.start(&asked, StartFrom::Run);
        let (config, step) = client.started().await;
        assert_eq!((*config, step), (asked, paused));
        assert_eq!(client.finished().await, (FinishReason::Completed, paused + 3));
    });
}

#[test]
fn a_resumed_run_keeps_what_is_fixed_and_says_so() {
    play(async |client| {
        client.hello().await;
        client.load(1, Files::Pictures(4));
        client.loaded(1).await;
        client.start(&tiny(1), StartFrom::Nothing);
        client.finished().await;
        let mut asked = tiny(2);
        asked.model.latent = 16;
        client.start(&asked, StartFrom::Run);
        let (about, problem) = client.problem().await;
        let refusal = tiny(1).resumed(&asked).unwrap_err();
        assert_eq!(about, About::Run);
        assert_eq!(problem, Problem::Failed { failure: FailureKind::Input, message: refusal.to_string() });
        assert!(problem.to_string().contains("model.latent is 16, but the checkpoint has 8"), "{problem}");
        // The checkpoint is still open.
        client.start(&tiny(2), StartFrom::Run);
        assert_eq!(client.finished().await, (FinishReason::Completed, 2));
    });
}

#[test]
fn weights_that_cannot_be_had_are_named_and_nothing_is_lost() {
    play(async |client| {
        client.hello().await;
        client.load(1, Files::Pictures(4));
        client.loaded(1).await;
        let mut config = recipes::find("projected").unwrap().config();
        config.train.length = Length::Steps(1);
        client.start(&config, StartFrom::Nothing);
        let told = client.next(|reply, _| match reply {
            Reply::Fetching { done, total } => Some((done, total)),
            _ => None,
        });
        assert_eq!(told.await, (1000, 1_391_240), "how far it came");
        let (about, problem) = client.problem().await;
        assert_eq!(about, About::Run);
        let sentence = "lite0-early.safetensors, weights of the network that judges pictures, can't be fetched: there is no \
                        lite0-early.safetensors";
        assert_eq!(problem.to_string(), sentence);
        // Another recipe trains on the same pictures.
        client.start(&tiny(1), StartFrom::Nothing);
        assert_eq!(client.finished().await, (FinishReason::Completed, 1));
    });
}

/// A run whose pictures are scored as often as possible.
fn scored(steps: u64) -> RunConfig {
    let mut config = tiny(steps);
    config.metrics.every_kimg = Some(0.008);
    (config.metrics.count, config.metrics.budget) = (10, 1.0);
    config
}

#[test]
fn a_run_is_scored_by_a_network_that_comes_while_it_trains() {
    play_on([true, true], async |client| {
        client.hello().await;
        client.load(1, Files::Pictures(12));
        client.loaded(1).await;
        client.start(&scored(1_000_000), StartFrom::Nothing);
        let fetched = client.next(|reply, _| match reply {
            Reply::Fetching { done, total } if done == total => Some(total),
            _ => None,
        });
        assert_eq!(fetched.await, Cifar10::FILE.bytes);
        let series = client.event(|event, _| match event {
            Event::Values { values, .. } => values.into_keys().find(|name| name.starts_with("metric/")),
            _ => None,
        });
        assert_eq!(series.await, "metric/coverage_c10_10_train");
        let best = client.event(|event, payload| match event {
            Event::Best { step, .. } => Some((step, payload.unwrap())),
            _ => None,
        });
        let (step, bytes) = best.await;
        assert_eq!(Checkpoint::from_bytes(&bytes).unwrap().meta.progress.step, step);
        client.command(Command::Stop);
        assert_eq!(client.finished().await.0, FinishReason::Stopped);
    });
}

#[test]
fn a_run_goes_on_without_scores_where_their_network_cannot_be_had() {
    play(async |client| {
        client.hello().await;
        client.load(1, Files::Pictures(12));
        client.loaded(1).await;
        client.start(&scored(20), StartFrom::Nothing);
        let warning = client.event(|event, _| match event {
            Event::Warning { message } => Some(message),
            _ => None,
        });
        let sentence = warning.await;
        assert!(sentence.starts_with("The pictures are not scored: cifar10.safetensors, "), "{sentence}");
        assert_eq!(client.finished().await, (FinishReason::Completed, 20));
    });
}

#[test]
fn what_is_not_ready_is_named() {
    play(async |client| {
        let draw = || Request::Generate { count: 4, seed: 1, class: None, truncation_psi: 1.0 };
        client.start(&tiny(1), StartFrom::Nothing);
        assert_eq!(client.problem().await, (About::Run, Problem::NoDevice));
        client.send(Request::OpenCheckpoint { name: "x".to_owned() }, vec![1, 2, 3], Files::None);
        assert_eq!(client.problem().await, (About::Checkpoint, Problem::NoDevice));
        client.hello().await;
        client.start(&tiny(1), StartFrom::Nothing);
        assert_eq!(client.problem().await, (About::Run, Problem::NoPictures));
        client.load(1, Files::Pictures(4));
        client.loaded(1).await;
        client.start(&tiny(1), StartFrom::Run);
        assert_eq!(client.problem().await, (About::Run, Problem::NoCheckpoint));
        client.ask(draw());
        assert_eq!(client.problem().await, (About::Checkpoint, Problem::NoNetwork));
        client.command(Command::Pause);
        assert_eq!(client.problem().await, (About::Run, Problem::NoRun));
        client.send(Request::OpenCheckpoint { name: "letter.txt".to_owned() }, b"Dear aunt".to_vec(), Files::None);
        let (about, problem) = client.problem().await;
        assert_eq!(about, About::Checkpoint);
        assert!(
            problem.to_string().starts_with("letter.txt was not opened: this is not a Whelp checkpoint"),
            "{problem}"
        );
        let mut wrong = tiny(1);
        wrong.train.batch = 0;
        client.start(&wrong, StartFrom::Nothing);
        let (_, problem) = client.problem().await;
        assert_eq!(problem.to_string(), "train.batch is 0; it accepts a whole number from 2 to 4096");
    });
}

#[test]
fn there_is_at_most_one_run() {
    play(async |client| {
        client.hello().await;
        client.load(1, Files::Pictures(4));
        client.loaded(1).await;
        client.start(&tiny(1000), StartFrom::Nothing);
        client.started().await;
        client.start(&tiny(1000), StartFrom::Nothing);
        assert_eq!(client.problem().await, (About::Run, Problem::RunUnderWay));
        // The first one is not disturbed.
        client.command(Command::Stop);
        assert_eq!(client.finished().await.0, FinishReason::Stopped);
    });
}

#[test]
fn reading_can_be_cancelled_and_replaced_and_what_was_read_before_stays() {
    play(async |client| {
        client.hello().await;
        client.load(1, Files::Pictures(4));
        client.loaded(1).await;
        let cancelled = |wanted: u32| {
            move |reply, _| match reply {
                Reply::DataCancelled { id } if id == wanted => Some(()),
                Reply::Data { .. } => panic!("nobody wants these pictures"),
                _ => None,
            }
        };
        let reading = |reply, _| matches!(reply, Reply::DataProgress { id: 2, done: 3.., .. }).then_some(());
        client.load(2, Files::Endless);
        client.next(reading).await;
        client.ask(Request::CancelData { id: 2 });
        client.next(cancelled(2)).await;
        client.load(3, Files::Endless);
        client.load(4, Files::Endless);
        client.next(cancelled(3)).await;
        client.ask(Request::CancelData { id: 4 });
        client.next(cancelled(4)).await;
        client.load(5, Files::None);
        let (about, problem) = client.problem().await;
        assert_eq!((about, problem.to_string().as_str()), (About::Data, "There are no pictures"));
        client.start(&tiny(1), StartFrom::Nothing);
        assert_eq!(client.finished().await, (FinishReason::Completed, 1));
    });
}

/// Resolution and reason of pictures that are read at the size that suits them.
async fn sized(client: &Client, id: u32, files: Files) -> PictureSize {
    let source = DataSource::Files { name: "test pictures".to_owned() };
    client.send(Request::LoadData { id, source, data: DataConfig::default(), by_pictures: true }, Vec::new(), files);
    let pick = |reply, _| match reply {
        Reply::Data { id: of, summary, size, .. } if of == id => {
            assert_eq!(summary.resolution, size.resolution);
            Some(size)
        }
        _ => None,
    };
    client.next(pick).await
}

#[test]
fn the_size_follows_the_pictures_and_the_device_and_says_why() {
    play(async |client| {
        client.hello().await;
        let large = sized(&client, 1, Files::OfSide(500)).await;
        assert_eq!(large.reason, "64 pixels, because 128 would take this device four times as long.");
        let small = sized(&client, 2, Files::OfSide(48)).await;
        assert_eq!(small.reason, "32 pixels, because most of the pictures are too small for 64.");
        // They can be trained on as they are.
        let mut config = tiny(1);
        config.set_resolution(small.resolution);
        client.start(&config, StartFrom::Nothing);
        assert_eq!(client.finished().await, (FinishReason::Completed, 1));
    });
}

#[test]
fn new_runs_begin_with_the_starter_or_with_the_open_checkpoint() {
    play_on([true, true], async |client| {
        client.hello().await;
        client.load(1, Files::Pictures(8));
        client.loaded(1).await;
        client.ask(Request::DrawStarter);
        let starter = |reply, payload: Option<Vec<u8>>| match reply {
            Reply::Starter { grid, .. } => Some((grid, payload.unwrap())),
            _ => None,
        };
        let (grid, starters) = client.next(starter).await;
        // The form's own networks are others; what counts is seed, pictures, length and output.
        let mut form = tiny(1);
        form.train.batch = 8;
        form.output.grid = grid.count;
        client.start(&form, StartFrom::Starter);
        let (config, step) = client.started().await;
        assert_eq!((step, config.train.length, config.output.grid), (0, Length::Steps(1), 64));
        assert_eq!(config.model.architecture, crate::config::Architecture::Projected);
        let first = |event, payload: Option<Vec<u8>>| match event {
            Event::Samples { seed, .. } if seed == form.seed => Some(Ok(payload.unwrap())),
            Event::Warning { message } => Some(Err(message)),
            _ => None,
        };
        assert_eq!(client.event(first).await, Ok(starters), "before the first step; all of the networks fits");
        assert_eq!(client.finished().await, (FinishReason::Completed, 1));

        // Its last checkpoint is open now. A new run begins with it, at twice the resolution.
        let mut asked = *config.clone();
        asked.set_resolution(64);
        let source = DataSource::Files { name: "test pictures".to_owned() };
        let data = asked.data.clone();
        client.send(Request::LoadData { id: 2, source, data, by_pictures: false }, Vec::new(), Files::Pictures(8));
        client.loaded(2).await;
        client.start(&asked, StartFrom::Checkpoint);
        let (larger, step) = client.started().await;
        assert_eq!((step, larger.data.resolution), (0, 64));
        assert_eq!(larger.model.narrow_stages, config.model.narrow_stages + 1);
        assert_eq!(client.finished().await, (FinishReason::Completed, 1));

        asked.model.latent += 1;
        client.start(&asked, StartFrom::Checkpoint);
        let (_, problem) = client.problem().await;
        assert!(problem.to_string().contains("model.latent is"), "{problem}");
    });
}

#[test]
fn a_run_from_the_dogs_begins_with_the_largest_networks_that_fit() {
    let begins_with = |resolution| run_for(resolution).resolution;
    assert_eq!([28, 32, 64, 128, 256].map(begins_with), [32, 32, 64, 64, 64]);
    for (run, file) in starter::RUNS.iter().zip(RUNS) {
        let checkpoint = Checkpoint::from_bytes(file).unwrap();
        assert_eq!(file.len() as u64, run.bytes, "{}", run.name);
        assert_eq!(checkpoint.meta.config.data.resolution, run.resolution, "{}", run.name);
        assert!(!checkpoint.is_for_drawing());
    }
}

#[test]
fn the_starter_draws_what_its_run_drew() {
    let [run, starter] = [RUNS[0], include_bytes!("../../web/assets/starter.safetensors").as_slice()]
        .map(|file| Checkpoint::from_bytes(file).unwrap());
    assert!(starter.is_for_drawing() && !run.is_for_drawing());
    assert_eq!(starter.meta.progress, run.meta.progress);
    assert!(!starter.tensors.is_empty());
    for (name, tensor) in &starter.tensors {
        assert_eq!(run.tensors.get(name), Some(tensor), "{name}");
    }
}

#[test]
fn storage_is_told_of_and_emptied() {
    play(async |client| {
        client.hello().await;
        client.load(1, Files::Pictures(4));
        let kept = |reply, _| match reply {
            Reply::Kept { kept } => Some(kept),
            _ => None,
        };
        assert_eq!(client.next(kept).await, Kept { count: 1, bytes: 100, is_refused: false });
        client.ask(Request::ClearKept);
        assert_eq!(client.next(kept).await, Kept::default());
    });
}

#[test]
fn the_starter_draws_until_there_is_something_better() {
    play(async |client| {
        client.hello().await;
        client.ask(Request::DrawStarter);
        let starter = |reply, payload: Option<Vec<u8>>| match reply {
            Reply::Starter { nimg, grid } => Some((nimg, grid, payload)),
            _ => None,
        };
        let (nimg, grid, pixels) = client.next(starter).await;
        assert!(nimg > 0 && grid.count == 64);
        assert_eq!(pixels.unwrap().len(), grid.width() * grid.height() * grid.channels);
    });
}

#[test]
fn a_logged_fault_of_the_device_ends_the_run_and_is_told_by_its_kind() {
    play(async |client| {
        client.hello().await;
        client.load(1, Files::Pictures(4));
        client.loaded(1).await;
        client.start(&tiny(1000), StartFrom::Nothing);
        client.started().await;
        *client.fault.borrow_mut() = Some(DeviceError::from_report("the wgpu device was lost".to_owned()));
        let failed = |event, _| match event {
            Event::Failed { kind, message } => Some((kind, message)),
            _ => None,
        };
        let (kind, message) = client.event(failed).await;
        assert_eq!(kind, FailureKind::DeviceLost);
        assert!(message.contains("the device was lost"), "{message}");
        // There is room for another run.
        client.start(&tiny(1), StartFrom::Nothing);
        assert_eq!(client.finished().await, (FinishReason::Completed, 1));
    });
}

#[test]
fn a_refused_device_says_why_and_a_fast_one_is_measured_after_the_first_pictures() {
    play_on([false, true], async |client| {
        client.ask(Request::Hello { device: DevicePreference::Auto, measure: true });
        let refused = |reply, _| match reply {
            Reply::Refused { refusal } => Some(refusal.reason),
            _ => None,
        };
        assert_eq!(client.next(refused).await, "There is no graphics device in this test.");
        client.ask(Request::Hello { device: DevicePreference::Cpu { reason: None }, measure: true });
        client.load(1, Files::Pictures(4));
        let mut story = Vec::new();
        let ready = |reply, _| {
            match &reply {
                Reply::Measuring { .. } => story.push("measuring"),
                Reply::Data { .. } => story.push("data"),
                Reply::Ready { suggested, reason, .. } => {
                    story.push("ready");
                    suggested.clone().validate().unwrap();
                    assert!(reason.as_ref().unwrap().contains("images per second on this device"), "{reason:?}");
                }
                _ => {}
            }
            matches!(reply, Reply::Ready { .. }).then_some(())
        };
        client.next(ready).await;
        assert_eq!(story, ["measuring", "data", "ready"]);
    });
}

#[test]
fn after_a_refusal_less_of_the_device_is_tried_and_then_the_processor() {
    let refusal = |reason: &str, is_absent| Refusal { reason: reason.to_owned(), is_absent };
    let processor = |reason: &str| Some(DevicePreference::Cpu { reason: Some(reason.to_owned()) });
    let basic = DevicePreference::Auto.after(refusal("A shader.", false)).unwrap();
    assert_eq!(basic, DevicePreference::Basic { reason: "A shader.".to_owned() });
    assert_eq!(basic.after(refusal("A limit.", false)), processor("A limit."));
    assert_eq!(DevicePreference::Auto.after(refusal("No adapter.", true)), processor("No adapter."));
    assert_eq!(DevicePreference::Cpu { reason: None }.after(refusal("A crash.", false)), None);
}

#[test]
fn what_a_driver_reports_becomes_a_sentence_of_limited_length() {
    let refusal = Refusal::of_failure("Validation Error\n\nCaused by:\n  a shader.");
    assert_eq!(
        refusal.reason,
        "The graphics device failed (Validation Error Caused by: a shader). A newer driver may help."
    );
    let long = Refusal::of_failure(&"ä".repeat(10_000)).reason;
    assert!(long.chars().count() < 400 && long.contains("ä…)"), "{long}");
}
