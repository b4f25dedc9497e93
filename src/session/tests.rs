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
use crate::data::{DatasetBuilder, Grid, KeptPictures, PictureSize, Preparation, SourceKey, Split};
use crate::device::{self, DeviceChoice, DeviceError, OpenDevice};
use crate::encode::{Export, Shape};
use crate::export::{Graph, html, onnx};
use crate::features::Cifar10;
use crate::features::lite0::{self, Lite0};
use crate::kept_runs::{Course, KeptRun, KeptRuns, RunPictures};
use crate::latent::{Latent, PictureSpec};
use crate::people::{HeldOut, Round};
use crate::platform::yield_now;
use crate::protocol::{CheckpointReason, Command, Event, FailureKind, FinishReason};
use crate::recipes;
use crate::series::{LOSS_D, LOSS_G, NIMG, StepSeries};
use crate::storage::memory::MemoryStorage;

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
    place: Place,
    /// Whether it has a device that is worth measuring.
    is_slow: bool,
    /// Whether it can fetch the weights of the frozen network, and of the one that scores pictures.
    has_weights: bool,
    /// Whether nothing comes of what is fetched, for now.
    is_cut_off: Rc<Cell<bool>>,
}

/// Files that outlast a session.
#[derive(Clone)]
struct Place {
    storage: Rc<MemoryStorage>,
    access: Rc<Cell<RunAccess>>,
}

impl Place {
    fn new() -> Self {
        Self { storage: Rc::default(), access: Rc::new(Cell::new(RunAccess::Keeps)) }
    }

    fn pictures(&self) -> KeptPictures<Rc<MemoryStorage>> {
        KeptPictures::new(self.storage.clone(), "pictures", u64::MAX)
    }

    fn runs(&self) -> KeptRuns<Rc<MemoryStorage>> {
        KeptRuns::new(self.storage.clone())
    }
}

impl Transport for Channels {
    type Files = Files;

    type Storage = Rc<MemoryStorage>;

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
        source: DataSource,
        files: Files,
        preparation: Preparation,
        watch: &impl Watch,
    ) -> Result<Option<ReadPictures>, String> {
        if let DataSource::Kept { key, name } = source {
            let data = self.place.pictures().read(&key).await.unwrap();
            let data = data.ok_or_else(|| format!("{name} is no longer kept."))?;
            return Ok(Some(ReadPictures { data, key: Some(key) }));
        }
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
            let pixels = vec![(index * 25) as u8; 3 * preparation.resolution.pixels()];
            builder.push(&format!("{index}.png"), Ok(pixels));
        }
        self.kept.set(Kept { count: 1, bytes: 100, is_refused: false });
        let data = builder.finish().map_err(|error| error.to_string())?;
        let key = SourceKey::new("test pictures", preparation).finish();
        self.place.pictures().write(&key, &data).await.unwrap();
        Ok(Some(ReadPictures { data, key: Some(key) }))
    }

    async fn runs(&self) -> RunStorage<Rc<MemoryStorage>> {
        match self.place.access.get() {
            RunAccess::Keeps => RunStorage::Ours(self.place.storage.clone()),
            RunAccess::Reads => RunStorage::Theirs(self.place.storage.clone()),
            RunAccess::Refused => RunStorage::Refused,
        }
    }

    async fn kept(&self) -> Kept {
        self.kept.get()
    }

    async fn clear_kept(&self) {
        self.kept.set(Kept::default());
    }

    async fn fetch(&self, name: &str, progress: &dyn Fn(u64)) -> Result<Vec<u8>, String> {
        progress(1000);
        while self.is_cut_off.get() {
            yield_now().await;
        }
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
    /// Whether the session can fetch nothing, for now.
    is_cut_off: Rc<Cell<bool>>,
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

    /// The next list of runs, with the pixels of their thumbnails.
    async fn runs(&self) -> (Vec<KeptRun>, RunAccess) {
        let pick = |reply, payload: Option<Vec<u8>>| match reply {
            Reply::Runs { mut runs, access } => {
                let mut pixels = payload.unwrap();
                for KeptRun { thumbnail, .. } in &mut runs {
                    let rest = pixels.split_off(thumbnail.width() * thumbnail.height() * thumbnail.channels);
                    thumbnail.pixels = std::mem::replace(&mut pixels, rest);
                }
                assert!(pixels.is_empty());
                Some((runs, access))
            }
            _ => None,
        };
        self.next(pick).await
    }

    /// What becomes of the next checkpoint that is to be kept.
    async fn kept(&self) -> (KeptRun, KeptOutcome) {
        let pick = |reply, payload: Option<Vec<u8>>| match reply {
            Reply::RunKept { mut run, outcome, .. } => {
                run.thumbnail.pixels = payload.unwrap();
                Some((*run, outcome))
            }
            Reply::Failed { problem, .. } => panic!("{problem}"),
            _ => None,
        };
        self.next(pick).await
    }

    /// The losses of both networks at each step until the run ends.
    async fn losses(&self) -> Vec<(u64, f32, f32)> {
        let mut all = StepSeries::default();
        let pick = |event, _| match event {
            Event::Tick { series, .. } => {
                all.append(&series);
                None
            }
            Event::Finished { .. } => Some(()),
            _ => None,
        };
        self.event(pick).await;
        let value = |values: &[(&str, f32)], name: &str| values.iter().find(|(found, _)| *found == name).unwrap().1;
        all.rows().map(|(step, values)| (step, value(&values, LOSS_D), value(&values, LOSS_G))).collect()
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

    /// The pictures that answer the `Draw` of this id, which were drawn after `step`.
    async fn pictures(&self, wanted: u32) -> (u64, Vec<Vec<u8>>) {
        let pick = |event, payload: Option<Vec<u8>>| match event {
            Event::Drawn { id, step, grid, .. } if id == wanted => Some((step, grid, payload.unwrap())),
            _ => None,
        };
        let (step, grid, pixels) = self.event(pick).await;
        assert_eq!((grid.columns, grid.count * grid.picture_bytes()), (1, pixels.len()));
        (step, pixels.chunks(pixels.len() / grid.count).map(<[u8]>::to_vec).collect())
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

/// Plays a front end's part to its end, beside a session. Then the session is gone, whatever it was doing.
fn play_on<R>(device: [bool; 2], script: impl AsyncFnOnce(Client) -> R) -> R {
    play_in(&Place::new(), device, script)
}

/// The same, with files that were there before.
fn play_in<R>(place: &Place, [is_slow, has_weights]: [bool; 2], script: impl AsyncFnOnce(Client) -> R) -> R {
    let (requests, incoming) = bounded(64);
    let (told, replies) = bounded(4096);
    let tasks = Rc::new(RefCell::new(Vec::new()));
    let fault = Rc::new(RefCell::new(None));
    let is_cut_off = Rc::new(Cell::new(false));
    let transport = Channels {
        replies: told,
        tasks: tasks.clone(),
        fault: fault.clone(),
        kept: Cell::default(),
        place: place.clone(),
        is_slow,
        has_weights,
        is_cut_off: is_cut_off.clone(),
    };
    let mut running: Vec<Task> = vec![Box::pin(serve(transport, incoming))];
    let mut script = pin!(script(Client { requests, replies, fault, is_cut_off }));
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

        client.send(Request::OpenCheckpoint { name: "saved".to_owned(), run: None }, saved, Files::None);
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
fn a_start_that_waits_for_weights_blocks_nothing_and_can_be_ended() {
    play_on([true, true], async |client| {
        client.hello().await;
        client.load(1, Files::Pictures(8));
        client.loaded(1).await;
        let mut config = tiny(2000);
        let projected = recipes::find("projected").unwrap().config();
        config.model = crate::config::ModelConfig { generator_width: 8, latent: 8, ..projected.model };
        config.data.resolution = 32.into();
        config.train = crate::config::TrainConfig { length: Length::Steps(2000), batch: 4, ..projected.train };

        client.is_cut_off.set(true);
        client.start(&config, StartFrom::Nothing);
        client.ask(Request::ListRuns);
        assert!(client.runs().await.0.is_empty());
        client.start(&config, StartFrom::Nothing);
        assert_eq!(client.problem().await, (About::Run, Problem::RunUnderWay));
        client.command(Command::Stop);
        client.command(Command::Stop);
        let ended = |reply, _| match reply {
            Reply::StartEnded => Some(()),
            Reply::Event { event } => panic!("{event:?}"),
            _ => None,
        };
        client.next(ended).await;
        client.command(Command::Pause);
        assert_eq!(client.problem().await, (About::Run, Problem::NoRun));

        // What is said while it waits is said to the run.
        client.start(&config, StartFrom::Nothing);
        client.command(Command::Pause);
        client.ask(Request::ListRuns);
        client.runs().await;
        client.is_cut_off.set(false);
        assert_eq!(client.started().await.1, 0);
        let paused = |event, _| match event {
            Event::Paused { progress } => Some(progress.step),
            _ => None,
        };
        assert!(client.event(paused).await < 2);
        client.command(Command::Stop);
        client.finished().await;
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
fn the_best_of_a_run_is_kept_with_it_and_opened_on_request() {
    let place = Place::new();
    play_in(&place, [true, true], async |client| {
        client.hello().await;
        client.load(1, Files::Pictures(16));
        client.loaded(1).await;
        client.start(&scored(100_000), StartFrom::Nothing);
        client.started().await;
        let best = |event, _| match event {
            Event::Best { nimg, .. } => Some(nimg),
            _ => None,
        };
        let nimg = client.event(best).await;
        client.command(Command::Pause);
        let (run, _) = client.kept().await;
        assert!(run.has_best && run.best.is_some() && run.progress.nimg > nimg, "{run:?}");
        client.command(Command::Stop);
        client.finished().await;
        let opened = |reply, _| match reply {
            Reply::Opened { progress, .. } => Some(progress.nimg),
            _ => None,
        };
        client.ask(Request::OpenRun { id: run.id.clone(), best: false });
        let newest = client.next(opened).await;
        assert!(newest >= run.progress.nimg);
        client.ask(Request::OpenRun { id: run.id.clone(), best: true });
        let warning = |event, _| match event {
            Event::Warning { message } => Some(message),
            _ => None,
        };
        let message = client.event(warning).await;
        assert!(message.starts_with(&format!("The best of {} is open, after ", run.name)), "{message}");
        assert!(client.next(opened).await < newest);

        // What goes on from it leaves the newest checkpoint where it is.
        client.start(&scored(100_000), StartFrom::Run);
        client.started().await;
        client.command(Command::Autosave);
        let (other, _) = client.kept().await;
        assert_ne!(other.id, run.id);
        client.command(Command::Stop);
        client.finished().await;
        client.ask(Request::OpenRun { id: run.id, best: false });
        assert_eq!(client.next(opened).await, newest);
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
fn weights_to_judge_pictures_by_are_asked_for_only_if_typical_ones_are_wanted() {
    play(async |client| {
        client.hello().await;
        client.load(1, Files::Pictures(4));
        client.loaded(1).await;
        let mut config = tiny(1);
        config.data.keep_typical = 0.5;
        client.start(&config, StartFrom::Nothing);
        let (about, problem) = client.problem().await;
        assert_eq!(about, About::Run);
        assert!(problem.to_string().starts_with("lite0-early.safetensors, weights of"), "{problem}");
        client.start(&tiny(1), StartFrom::Nothing);
        assert_eq!(client.finished().await, (FinishReason::Completed, 1));
    });
}

#[test]
fn what_is_not_ready_is_named() {
    play(async |client| {
        let draw = || Request::Generate { count: 4, seed: 1, class: None, truncation_psi: 1.0 };
        client.start(&tiny(1), StartFrom::Nothing);
        assert_eq!(client.problem().await, (About::Run, Problem::NoDevice));
        client.send(Request::OpenCheckpoint { name: "x".to_owned(), run: None }, vec![1, 2, 3], Files::None);
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
        client.send(
            Request::OpenCheckpoint { name: "letter.txt".to_owned(), run: None },
            b"Dear aunt".to_vec(),
            Files::None,
        );
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
        form.train.batch = 4;
        form.output.grid = grid.count;
        client.start(&form, StartFrom::Starter { halvings: 1 });
        let (config, step) = client.started().await;
        let starter = Checkpoint::from_bytes(RUNS[0]).unwrap().meta.config;
        assert_eq!(config.train.batch, starter.train.batch / 2, "not the form's, and halved for the device");
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
        assert_eq!((step, larger.data.resolution), (0, 64.into()));
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
    let begins_with = |side: usize| run_for(side.into()).resolution;
    assert_eq!([28, 32, 64, 128, 256].map(begins_with), [32, 32, 64, 64, 64]);
    for (run, file) in starter::RUNS.iter().zip(RUNS) {
        let checkpoint = Checkpoint::from_bytes(file).unwrap();
        assert_eq!(file.len() as u64, run.bytes, "{}", run.name);
        assert_eq!(checkpoint.meta.config.data.resolution, run.resolution.into(), "{}", run.name);
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
        // A device that was lost while nothing was asked of it is no fault of the run that comes next.
        *client.fault.borrow_mut() = Some(DeviceError::from_report("the wgpu device was lost".to_owned()));
        client.start(&tiny(1), StartFrom::Nothing);
        let refused = |reply, _| match reply {
            Reply::Failed { about, problem: Problem::Failed { failure, .. } } => Some((about, failure)),
            _ => None,
        };
        assert_eq!(client.next(refused).await, (About::Device, FailureKind::DeviceLost));
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

/// Opens the processor and the pictures of a kept run, and goes on with it.
async fn go_on(client: &Client, run: &KeptRun, config: &RunConfig) {
    client.hello().await;
    let RunPictures::Kept { key, name } = run.pictures.clone() else { panic!("{run:?}") };
    client.ask(Request::OpenRun { id: run.id.clone(), best: false });
    let opened = |reply, payload: Option<Vec<u8>>| match reply {
        Reply::Opened { run, goes_on, progress, .. } => {
            assert!(goes_on, "it is the newest checkpoint of a run of this session");
            Some((run, progress.step, payload.unwrap()))
        }
        _ => None,
    };
    let (origin, step, file) = client.next(opened).await;
    assert_eq!((origin, step), (Some((run.id.clone(), run.pictures.clone())), run.progress.step));
    assert_eq!(Checkpoint::from_bytes(&file).unwrap().meta.progress.step, step);
    let source = DataSource::Kept { key, name };
    client.ask(Request::LoadData { id: 7, source, data: run.config.data.clone(), by_pictures: true });
    client.loaded(7).await;
    client.start(config, StartFrom::Run);
}

#[test]
fn a_run_outlives_its_session_and_goes_on_bit_for_bit() {
    let config = tiny(40);
    let undisturbed = play(async |client| {
        client.hello().await;
        client.load(1, Files::Pictures(8));
        client.loaded(1).await;
        client.start(&config, StartFrom::Nothing);
        client.losses().await
    });
    assert_eq!(undisturbed.len(), 40);

    let place = Place::new();
    let saved = play_in(&place, [true, false], async |client| {
        client.hello().await;
        client.load(1, Files::Pictures(8));
        client.loaded(1).await;
        client.start(&config, StartFrom::Nothing);
        let tenth = |event, _| matches!(event, Event::Tick { progress, .. } if progress.step >= 10).then_some(());
        client.event(tenth).await;
        client.command(Command::Autosave);
        let (run, outcome) = client.kept().await;
        assert_eq!(outcome, KeptOutcome::Kept);
        // The session goes on, and is gone in the middle of it.
        let later = |event, _| {
            matches!(event, Event::Tick { progress, .. } if progress.step >= run.progress.step + 5).then_some(())
        };
        client.event(later).await;
        run
    });
    assert_eq!((saved.name.as_str(), saved.has_ended, &saved.config), ("test pictures", false, &config));
    assert!(saved.progress.step >= 10 && saved.bytes > 1000);
    assert_eq!((saved.thumbnail.count, saved.thumbnail.pixels.len()), (4, 4 * 32 * 32 * 3));

    let losses = play_in(&place, [true, false], async |client| {
        client.ask(Request::ListRuns);
        let (runs, access) = client.runs().await;
        assert_eq!((runs.len(), access), (1, RunAccess::Keeps));
        let listed = |run: &KeptRun| (run.id.clone(), run.progress.step, run.bytes, run.thumbnail.clone());
        assert_eq!(listed(&runs[0]), listed(&saved));
        go_on(&client, &saved, &config).await;
        client.losses().await
    });
    assert_eq!(losses, undisturbed, "the history, and what came after it");
    let runs = block_on(place.runs().list());
    assert_eq!(runs.len(), 1, "the same run goes on");
    assert_eq!((runs[0].id == saved.id, runs[0].has_ended, runs[0].progress.step), (true, true, 40));
}

#[test]
fn a_pause_saves_and_new_runs_have_names_of_their_own() {
    let place = Place::new();
    play_in(&place, [true, false], async |client| {
        client.hello().await;
        client.load(1, Files::Pictures(8));
        client.loaded(1).await;
        client.start(&tiny(100_000), StartFrom::Nothing);
        client.started().await;
        client.command(Command::Pause);
        let (first, _) = client.kept().await;
        client.ask(Request::DeleteRun { id: first.id.clone() });
        assert_eq!(client.problem().await, (About::KeptRuns, Problem::RunUnderWay));
        client.ask(Request::DeleteRuns);
        assert_eq!(client.runs().await.0.len(), 1, "it is under way");
        client.ask(Request::RenameRun { id: first.id.clone(), name: " my  first ".to_owned() });
        client.runs().await;
        client.command(Command::Stop);
        let (stopped, _) = client.kept().await;
        assert_eq!((stopped.name.as_str(), stopped.has_ended, stopped.id == first.id), ("my first", true, true));
        client.finished().await;

        // What goes on from its end is the same run, and a new one is another.
        client.start(&tiny(first.progress.step + 1), StartFrom::Run);
        assert_eq!(client.kept().await.0.id, first.id);
        client.finished().await;
        for name in ["test pictures", "test pictures 2"] {
            client.start(&tiny(1), StartFrom::Nothing);
            let (run, _) = client.kept().await;
            assert_eq!(run.name, name);
            assert_ne!(run.id, first.id);
            client.finished().await;
        }
        client.ask(Request::DeleteRun { id: first.id.clone() });
        let (runs, _) = client.runs().await;
        assert_eq!(runs.iter().map(|run| run.name.as_str()).collect::<Vec<_>>(), ["test pictures 2", "test pictures"]);
        client.ask(Request::ReadRun { id: first.id.clone() });
        assert_eq!(client.problem().await.1.to_string(), "this run is no longer kept on this device");
        client.ask(Request::ReadRun { id: runs[0].id.clone() });
        let file = |reply, payload| if let Reply::RunFile { .. } = reply { payload } else { None };
        assert_eq!(Checkpoint::from_bytes(&client.next(file).await).unwrap().meta.progress.step, 1);
        client.ask(Request::DeleteRuns);
        assert!(client.runs().await.0.is_empty());
    });
    assert!(place.storage.files.borrow().iter().all(|(name, _)| name.starts_with("pictures/")));
}

#[test]
fn a_kept_run_tells_its_best_score_after_a_reload_too() {
    let place = Place::new();
    let mut config = tiny(10_000);
    (config.metrics.every_kimg, config.metrics.budget, config.metrics.count) = (Some(1e-3), 1.0, 16);
    let scored = config.clone();
    play_in(&place, [true, true], async |client| {
        client.hello().await;
        client.load(1, Files::Pictures(64));
        client.loaded(1).await;
        client.start(&scored, StartFrom::Nothing);
        client.event(|event, _| matches!(event, Event::Best { .. }).then_some(())).await;
        client.command(Command::Stop);
        client.finished().await;
    });
    let best = block_on(place.runs().list())[0].best.clone().unwrap();
    assert!(best.value.is_finite() && best.name.contains("_c10_"), "{best:?}");
    // Without scores it keeps the one that it had.
    config.metrics.every_kimg = None;
    play_in(&place, [true, true], async |client| {
        client.hello().await;
        let run = block_on(place.runs().list()).remove(0);
        client.ask(Request::OpenRun { id: run.id, best: false });
        let opened = |reply, _| matches!(reply, Reply::Opened { .. }).then_some(());
        client.next(opened).await;
        client.load(1, Files::Pictures(64));
        client.loaded(1).await;
        config.train.length = Length::Steps(run.progress.step + 1);
        client.start(&config, StartFrom::Run);
        client.finished().await;
    });
    let after = block_on(place.runs().list());
    assert_eq!((after.len(), after[0].best.as_ref().map(|best| best.name.as_str())), (1, Some(best.name.as_str())));
}

#[test]
fn a_damaged_checkpoint_gives_way_to_the_one_before_it_and_lost_pictures_are_named() {
    let place = Place::new();
    let saved = play_in(&place, [true, false], async |client| {
        client.hello().await;
        client.load(1, Files::Pictures(8));
        client.loaded(1).await;
        client.start(&tiny(100_000), StartFrom::Nothing);
        client.started().await;
        client.command(Command::Autosave);
        client.kept().await;
        let next = |event, _| matches!(event, Event::Tick { .. }).then_some(());
        client.event(next).await;
        client.command(Command::Pause);
        client.kept().await.0
    });
    let newest = block_on(place.runs().checkpoints(&saved.id))[0].name.clone();
    for (name, bytes) in place.storage.files.borrow_mut().iter_mut() {
        if *name == newest {
            bytes.truncate(500);
        }
    }
    block_on(place.pictures().clear()).unwrap();
    play_in(&place, [true, false], async |client| {
        client.hello().await;
        client.ask(Request::OpenRun { id: saved.id.clone(), best: false });
        let warning = |event, _| if let Event::Warning { message } = event { Some(message) } else { None };
        let warning = client.event(warning).await;
        assert!(warning.starts_with("The newest checkpoint of test pictures can't be used: "), "{warning}");
        let opened = |reply, _| if let Reply::Opened { progress, .. } = reply { Some(progress.step) } else { None };
        assert!(client.next(opened).await < saved.progress.step);
        let RunPictures::Kept { key, name } = saved.pictures.clone() else { panic!() };
        let source = DataSource::Kept { key, name };
        client.ask(Request::LoadData { id: 2, source, data: DataConfig::default(), by_pictures: false });
        let (about, problem) = client.problem().await;
        assert_eq!((about, problem.to_string().as_str()), (About::Data, "test pictures is no longer kept."));
        client.ask(Request::OpenRun { id: "x".to_owned(), best: false });
        assert_eq!(client.problem().await.1.to_string(), "this run is no longer kept on this device");
    });
}

#[test]
fn a_second_session_reads_and_does_not_write_and_without_storage_training_goes_on() {
    let place = Place::new();
    let train = async |client: &Client| {
        client.hello().await;
        client.load(1, Files::Pictures(8));
        client.loaded(1).await;
        client.start(&tiny(3), StartFrom::Nothing);
        client.finished().await
    };
    play_in(&place, [true, false], async |client| train(&client).await);
    let kept = block_on(place.runs().list());
    assert_eq!(kept.len(), 1);
    for access in [RunAccess::Reads, RunAccess::Refused] {
        place.access.set(access);
        play_in(&place, [true, false], async |client| {
            client.ask(Request::DeleteRuns);
            client.ask(Request::RenameRun { id: kept[0].id.clone(), name: "other".to_owned() });
            for _ in 0..2 {
                let (runs, told) = client.runs().await;
                let listed = if access == RunAccess::Reads { vec![&kept[0].name] } else { Vec::new() };
                assert_eq!((runs.iter().map(|run| &run.name).collect::<Vec<_>>(), told), (listed, access));
            }
            assert_eq!(train(&client).await, (FinishReason::Completed, 3));
        });
    }
    assert_eq!(block_on(place.runs().list()), kept);
}

#[test]
fn where_there_is_no_room_older_checkpoints_go_and_training_goes_on() {
    let place = Place::new();
    play_in(&place, [true, false], async |client| {
        client.hello().await;
        client.load(1, Files::Pictures(8));
        client.loaded(1).await;
        client.start(&tiny(100_000), StartFrom::Nothing);
        client.started().await;
        let mut outcomes = Vec::new();
        let mut bytes = 0;
        for round in 0..4 {
            if round == 2 {
                let stored: usize = place.storage.files.borrow().iter().map(|(_, bytes)| bytes.len()).sum();
                // Half of a checkpoint, and all of the file beside it.
                place.storage.room.set(Some(stored + bytes / 4));
            }
            if round == 3 {
                place.storage.room.set(Some(100));
            }
            let next = |event, _| matches!(event, Event::Tick { .. }).then_some(());
            client.event(next).await;
            client.command(Command::Autosave);
            let (run, outcome) = client.kept().await;
            bytes = run.bytes as usize;
            outcomes.push(outcome);
        }
        assert_eq!(outcomes, [KeptOutcome::Kept, KeptOutcome::Kept, KeptOutcome::MadeRoom, KeptOutcome::NoRoom]);
        client.command(Command::Stop);
        assert_eq!(client.finished().await.0, FinishReason::Stopped);
    });
    assert_eq!(block_on(place.runs().list()).len(), 1);
}

/// `count` pictures of a seed.
fn of_seed(seed: u64, count: u64) -> Vec<PictureSpec> {
    (0..count).map(|index| PictureSpec::of_seed(seed, index)).collect()
}

#[test]
fn a_seed_draws_the_same_picture_alone_in_a_grid_and_with_the_starter() {
    play(async |client| {
        client.hello().await;
        client.ask(Request::Draw { id: 1, pictures: of_seed(7, 4) });
        let (_, four) = client.pictures(1).await;
        client.ask(Request::Draw { id: 2, pictures: vec![PictureSpec::of_seed(7, 2)] });
        assert_eq!(client.pictures(2).await.1, [four[2].clone()]);
        assert!(four[0] != four[1]);

        // As `whelp generate --seed 7` draws with that file.
        let device = device::open(DeviceChoice::Cpu).await.unwrap();
        let checkpoint = Checkpoint::from_bytes(include_bytes!("../../web/assets/starter.safetensors")).unwrap();
        let sampler = crate::checkpoint::restore_sampler(&checkpoint, &device.device).unwrap();
        let drawn = sampler.draw(crate::sample::Draw::new(7, 4), &device.device).await.unwrap();
        assert_eq!(drawn.iter().collect::<Vec<_>>(), four);

        // A mix begins at one and ends at the other; in between it is neither.
        let [a, b] = [0, 1].map(|index| PictureSpec::of_seed(7, index));
        let way = [0.0, 0.5, 1.0].map(|at| a.towards(&b, at));
        client.ask(Request::Draw { id: 3, pictures: way.to_vec() });
        let (_, way) = client.pictures(3).await;
        assert_eq!([&way[0], &way[2]], [&four[0], &four[1]]);
        assert!(!four.contains(&way[1]));
    });
}

#[test]
fn drawing_while_a_run_trains_leaves_its_losses_bit_for_bit_the_same() {
    let losses = |draws: bool| {
        play(async |client| {
            client.hello().await;
            client.load(1, Files::Pictures(8));
            client.loaded(1).await;
            client.start(&tiny(12), StartFrom::Nothing);
            client.started().await;
            if draws {
                for id in 0..4 {
                    client.ask(Request::Draw { id, pictures: of_seed(u64::from(id), 3) });
                }
            }
            let mut steps = Vec::new();
            let mut series = StepSeries::default();
            let pick = |event, _: Option<Vec<u8>>| match event {
                Event::Tick { series: new, .. } => {
                    series.append(&new);
                    None
                }
                Event::Drawn { id, step, .. } => {
                    steps.push((id, step));
                    None
                }
                Event::Finished { .. } => Some(()),
                _ => None,
            };
            client.event(pick).await;
            assert_eq!(
                steps.iter().map(|(id, _)| *id).collect::<Vec<_>>(),
                if draws { vec![0, 1, 2, 3] } else { vec![] }
            );
            assert!(steps.iter().all(|(_, step)| *step < 12), "{steps:?}");
            series.rows().map(|(step, values)| (step, format!("{values:?}"))).collect::<Vec<_>>()
        })
    };
    let undisturbed = losses(false);
    assert_eq!(undisturbed.len(), 12);
    assert_eq!(losses(true), undisturbed);
}

#[test]
fn a_paused_run_draws_and_what_it_was_asked_at_its_end_is_drawn_with_what_it_left() {
    play(async |client| {
        client.hello().await;
        client.load(1, Files::Pictures(8));
        client.loaded(1).await;
        client.start(&tiny(1000), StartFrom::Nothing);
        client.started().await;
        client.command(Command::Pause);
        let paused = |event, _| match event {
            Event::Paused { progress } => Some(progress.step),
            _ => None,
        };
        let step = client.event(paused).await;
        client.ask(Request::Draw { id: 1, pictures: of_seed(5, 2) });
        let drawn = client.pictures(1).await;
        assert_eq!(drawn.0, step);
        client.command(Command::Stop);
        client.ask(Request::Draw { id: 2, pictures: of_seed(5, 2) });
        assert_eq!(client.pictures(2).await, drawn, "the same networks");
    });
}

#[test]
fn what_can_not_be_drawn_is_refused_in_a_sentence() {
    play(async |client| {
        let draw = |id, pictures| client.ask(Request::Draw { id, pictures });
        draw(1, of_seed(1, 1));
        assert_eq!(client.problem().await, (About::Drawing, Problem::NoDevice));
        client.hello().await;
        draw(2, Vec::new());
        assert!(client.problem().await.1.to_string().starts_with("0 pictures can't be drawn at once"));
        draw(3, of_seed(1, 2000));
        assert!(client.problem().await.1.to_string().starts_with("2000 pictures can't be drawn at once"));
        let mut deep = PictureSpec::of_seed(1, 0);
        (0..Latent::MOST_SEEDS).for_each(|_| deep = deep.towards(&PictureSpec::of_seed(1, 1), 0.5));
        draw(4, vec![deep]);
        let (about, problem) = client.problem().await;
        assert_eq!(
            (about, problem.to_string().as_str()),
            (About::Drawing, "a picture can be mixed of at most 32 seeds")
        );
    });
}

#[test]
fn favourites_outlive_saves_of_their_run_and_its_session() {
    let place = Place::new();
    let favourites = vec![PictureSpec::of_seed(9, 4).towards(&PictureSpec::of_seed(u64::MAX, 1), 0.25)];
    play_in(&place, [true, false], async |client| {
        client.hello().await;
        client.load(1, Files::Pictures(8));
        client.loaded(1).await;
        client.start(&tiny(1000), StartFrom::Nothing);
        client.started().await;
        client.command(Command::Autosave);
        let (run, _) = client.kept().await;
        client.ask(Request::FavourInRun { id: run.id.clone(), favourites: favourites.clone() });
        assert_eq!(client.runs().await.0[0].favourites, favourites);
        client.command(Command::Stop);
        assert_eq!(client.kept().await.0.favourites, favourites);
        client.ask(Request::FavourInRun { id: "none".to_owned(), favourites: Vec::new() });
        let (about, problem) = client.problem().await;
        assert_eq!(about, About::KeptRuns);
        assert!(problem.to_string().starts_with("the run could not be given other favourites"), "{problem}");
    });
    play_in(&place, [true, false], async |client| {
        client.hello().await;
        client.ask(Request::ListRuns);
        assert_eq!(client.runs().await.0[0].favourites, favourites);
    });
}

/// What somebody took for real.
fn round() -> Round {
    let (exposure_ms, held_out) = (Some(1000), true);
    Round { ended_ms: 5, nimg: 80, exposure_ms, held_out, drawn: 10, fooled: 4, real: 10, doubted: 1 }
}

#[test]
fn a_round_is_kept_with_its_run() {
    let place = Place::new();
    let round = round();
    play_in(&place, [true, false], async |client| {
        client.hello().await;
        client.load(1, Files::Pictures(8));
        client.loaded(1).await;
        client.start(&tiny(1000), StartFrom::Nothing);
        client.started().await;
        client.command(Command::Autosave);
        let (run, _) = client.kept().await;
        client.ask(Request::AddRound { id: run.id, round: round.clone() });
        assert_eq!(client.runs().await.0[0].rounds, std::slice::from_ref(&round));
        client.command(Command::Stop);
        assert_eq!(client.kept().await.0.rounds, [round]);
    });
}

#[test]
fn real_pictures_are_shown_in_the_size_of_the_drawn_ones_and_it_is_said_whose_they_are() {
    play(async |client| {
        client.hello().await;
        let show = |id, share| {
            let held_out = HeldOut { share, seed: 3 };
            client.ask(Request::ShowReal { id, seed: 1, count: 3, size: 16.into(), held_out });
        };
        show(1, 0.5);
        assert_eq!(client.problem().await, (About::Comparing, Problem::NoPictures));
        client.load(1, Files::Pictures(8));
        client.loaded(1).await;
        let shown = |reply, payload: Option<Vec<u8>>| match reply {
            Reply::Real { id, are_trainings, is_held_out, grid } => {
                Some((id, [are_trainings, is_held_out], grid.tile, payload.unwrap()))
            }
            _ => None,
        };
        // Each picture of the test is of one grey, by which it is told.
        let greys = |pixels: &[u8]| pixels.chunks(16 * 16 * 3).map(|picture| picture[0]).collect::<Vec<u8>>();
        show(9, 0.5);
        assert_eq!(client.next(shown).await.1, [false, false], "the starter has learnt from dogs");
        client.start(&tiny(2000), StartFrom::Nothing);
        client.started().await;
        show(2, 0.5);
        let (id, is_its, tile, pixels) = client.next(shown).await;
        assert_eq!((id, is_its, tile, pixels.len()), (2, [true, true], 16.into(), 3 * 16 * 16 * 3));
        let held_out = Split::new(8, 0.5, 3).validation;
        assert!(greys(&pixels).iter().all(|grey| held_out.contains(&(u32::from(*grey) / 25))), "{:?}", greys(&pixels));
        show(3, 0.0);
        assert_eq!(client.next(shown).await.1, [true, false], "nothing is held out");
        client.load(2, Files::Pictures(7));
        client.loaded(2).await;
        show(4, 0.5);
        assert_eq!(client.next(shown).await.1, [false, false], "these are for the next run");
        client.command(Command::Stop);
        client.finished().await;
        show(5, 0.5);
        assert_eq!(client.next(shown).await.1, [false, false], "what it left was trained on the others");
        client.load(3, Files::Pictures(8));
        client.loaded(3).await;
        show(6, 0.5);
        assert_eq!(client.next(shown).await.1, [true, true]);
    });
}

#[test]
fn a_drawn_picture_finds_the_loaded_one_that_it_repeats() {
    play_on([true, true], async |client| {
        client.hello().await;
        client.load(1, Files::Pictures(8));
        client.loaded(1).await;
        let find = |id, pixels: Vec<u8>| {
            let grid = Grid { tile: 32.into(), columns: 1, count: 2, channels: 3, pixels: Vec::new() };
            let held_out = HeldOut { share: 0.0, seed: 0 };
            client.send(Request::FindCopies { id, grid, held_out }, pixels, Files::None);
        };
        let plane = 32 * 32 * 3;
        find(4, [vec![76; plane], vec![124; plane]].concat());
        let mut looked_at = Vec::new();
        let found = |reply, payload: Option<Vec<u8>>| match reply {
            Reply::Comparing { id: 4, done, total } => {
                looked_at.push((done, total));
                None
            }
            Reply::Copies { id: 4, copies, are_trainings, grid } => {
                Some((copies, are_trainings, grid, payload.unwrap()))
            }
            _ => None,
        };
        let (copies, are_trainings, grid, originals) = client.next(found).await;
        assert_eq!(looked_at, [(8, 8)]);
        assert!(!are_trainings, "the starter has learnt from dogs");
        assert_eq!((copies.count, copies.of, copies.training, grid.count), (None, 2, 8, 2));
        let mut pairs: Vec<(usize, usize, u8)> = copies
            .closest
            .iter()
            .zip(originals.chunks(plane))
            .map(|(pair, original)| (pair.picture, pair.training, original[0]))
            .collect();
        pairs.sort_unstable();
        assert_eq!(pairs, [(0, 3, 75), (1, 5, 125)]);

        find(5, vec![0; plane]);
        let (about, problem) = client.problem().await;
        assert_eq!((about, problem.to_string().as_str()), (About::Comparing, "the pictures to compare are not whole"));

        client.start(&tiny(2000), StartFrom::Nothing);
        client.started().await;
        find(6, vec![76; 2 * plane]);
        let of_run = |reply, _| match reply {
            Reply::Copies { id: 6, are_trainings, .. } => Some(are_trainings),
            _ => None,
        };
        assert!(client.next(of_run).await);
    });
}

#[test]
fn files_are_made_beside_the_requests() {
    play(async |client| {
        let shape = Shape { width: 2, height: 2, channels: 3 };
        let gif = |pixels: Vec<u8>| {
            let export = Export::Gif { shape, scale: 2, delay_cs: 8 };
            client.send(Request::Export { name: "film.gif".to_owned(), export }, pixels, Files::None);
        };
        gif(vec![7; 24]);
        let made = |reply, payload: Option<Vec<u8>>| match reply {
            Reply::Exported { name } => Some((name, payload.unwrap())),
            _ => None,
        };
        let (name, file) = client.next(made).await;
        assert_eq!((name.as_str(), &file[..6]), ("film.gif", &b"GIF89a"[..]));
        gif(vec![7; 23]);
        let (about, problem) = client.problem().await;
        assert_eq!(about, About::Drawing);
        assert_eq!(problem.to_string(), "film.gif was not made: the pixels don't fit their size");
    });
}

/// The next file that was asked for, and its name.
async fn shared(client: &Client) -> (String, Vec<u8>) {
    let made = |reply, payload: Option<Vec<u8>>| match reply {
        Reply::Exported { name } => Some((name, payload.unwrap())),
        Reply::Failed { problem, .. } => panic!("{problem}"),
        _ => None,
    };
    client.next(made).await
}

/// Asks for all files of the generator at hand; returns their names and what is in them.
async fn share_all(client: &Client) -> [(String, Vec<u8>); 3] {
    let forms = [SharedForm::Onnx, SharedForm::Html, SharedForm::Card { rounds: Vec::new() }];
    forms.into_iter().for_each(|form| client.ask(Request::Share { form }));
    [shared(client).await, shared(client).await, shared(client).await]
}

#[test]
fn a_generator_is_shared_as_the_terminal_shares_its_checkpoint() {
    play(async |client| {
        client.ask(Request::Share { form: SharedForm::Onnx });
        assert_eq!(client.problem().await, (About::Drawing, Problem::NoDevice));
        client.hello().await;
        let files_of = |checkpoint: &Checkpoint| {
            let graph = Graph::new(checkpoint).unwrap();
            [onnx(&graph), html(&graph).into_bytes()]
        };
        let starter = Checkpoint::from_bytes(include_bytes!("../../web/assets/starter.safetensors")).unwrap();
        let [(name, file), (_, page), (_, card)] = share_all(&client).await;
        let stem = file_stem(&starter.meta.config.recipe, starter.meta.progress.nimg);
        assert_eq!(name, format!("{stem}.onnx"));
        assert_eq!([file, page], files_of(&starter));
        let card = String::from_utf8(card).unwrap();
        assert!(card.contains(&format!("whelp generate {stem}.safetensors")), "{card}");

        // A run is shared while it trains. What it ends with is open and is shared too.
        client.load(1, Files::Pictures(8));
        client.loaded(1).await;
        client.start(&tiny(100_000), StartFrom::Nothing);
        client.started().await;
        client.ask(Request::Share { form: SharedForm::Card { rounds: vec![round()] } });
        let (name, card) = shared(&client).await;
        assert!(name.starts_with("whelp-dcgan32-") && name.ends_with(".md"), "{name}");
        let card = String::from_utf8(card).unwrap();
        assert!(card.contains("# test pictures, 32 x 32 pixels"), "{card}");
        assert!(card.contains("| drawn pictures that were taken for real | 4 of 10 (40 %, 17 to 69 %) |"), "{card}");
        client.command(Command::Stop);
        let last = Checkpoint::from_bytes(&client.checkpoint(CheckpointReason::Last).await).unwrap();
        client.finished().await;
        let [(_, file), (_, page), (_, card)] = share_all(&client).await;
        assert_eq!([file, page], files_of(&last));
        let images = format!("| Images seen | {} |", last.meta.progress.nimg);
        assert!(String::from_utf8(card).unwrap().contains(&images));
    });
}

#[test]
fn what_is_asked_for_at_the_end_of_a_run_is_shared_and_its_card_has_its_scores() {
    play_on([true, true], async |client| {
        client.hello().await;
        client.load(1, Files::Pictures(12));
        client.loaded(1).await;
        client.start(&scored(1_000_000), StartFrom::Nothing);
        let scored = |event, _| match event {
            Event::Values { values, .. } => values.keys().any(|name| name.starts_with("metric/")).then_some(()),
            _ => None,
        };
        client.event(scored).await;
        client.command(Command::Stop);
        client.ask(Request::Share { form: SharedForm::Card { rounds: Vec::new() } });
        let card = String::from_utf8(shared(&client).await.1).unwrap();
        assert!(card.contains("What the run scored at ") && card.contains("| `coverage_c10_10_train` |"), "{card}");
    });
}

/// What `OpenRun` brings of a run's course: steps and pixels of its snapshots, and what it measured.
async fn open_course(client: &Client, id: &str) -> (Vec<(u64, Vec<u8>)>, Course) {
    client.ask(Request::OpenRun { id: id.to_owned(), best: false });
    let mut snapshots = Vec::new();
    let mut measured = None;
    let pick = |reply, payload: Option<Vec<u8>>| match reply {
        Reply::Opened { course, .. } => {
            measured = course;
            None
        }
        Reply::Snapshot { run, step, grid, nimg, .. } => {
            let pixels = payload.unwrap();
            assert_eq!((run.as_str(), nimg, pixels.len()), (id, 4 * step, grid.width() * grid.height() * 3));
            snapshots.push((step, pixels));
            None
        }
        Reply::Event { event } => matches!(*event, Event::Samples { .. }).then_some(()),
        Reply::Failed { problem, .. } => panic!("{problem}"),
        _ => None,
    };
    client.next(pick).await;
    (snapshots, *measured.unwrap())
}

#[test]
fn the_course_of_a_run_outlives_its_session_and_goes_on() {
    let place = Place::new();
    let mut config = scored(12);
    config.output.sample_steps = Some(3);
    let drawn = play_in(&place, [true, true], async |client| {
        client.hello().await;
        client.load(1, Files::Pictures(12));
        client.loaded(1).await;
        client.start(&config, StartFrom::Nothing);
        let mut drawn = Vec::new();
        let pick = |event, payload: Option<Vec<u8>>| match event {
            Event::Samples { step, .. } => {
                drawn.push((step, payload.unwrap()));
                None
            }
            Event::Finished { .. } => Some(()),
            _ => None,
        };
        client.event(pick).await;
        drawn
    });
    let steps = |drawn: &[(u64, Vec<u8>)]| drawn.iter().map(|(step, _)| *step).collect::<Vec<_>>();
    assert_eq!(steps(&drawn), [0, 3, 6, 9, 12]);
    let run = block_on(place.runs().list()).remove(0);
    assert!(run.course_bytes > 5 * 64 * 64 * 3 && run.bytes > run.course_bytes, "{run:?}");

    config.train.length = Length::Steps(15);
    config.train.batch = 8;
    play_in(&place, [true, true], async |client| {
        client.hello().await;
        let (snapshots, course) = open_course(&client, &run.id).await;
        assert_eq!(snapshots, drawn);
        let (steps, [nimg, losses]) = course.history.columns([NIMG, LOSS_D]);
        assert_eq!(steps, (1..=12).map(f64::from).collect::<Vec<_>>());
        assert_eq!(nimg, (1..=12).map(|step| f64::from(4 * step)).collect::<Vec<_>>());
        assert!(losses.iter().all(|loss| loss.is_finite()));
        assert!(!course.scores.is_empty() && course.scores.iter().all(|scores| scores.nimg == 4 * scores.step));

        client.load(1, Files::Pictures(12));
        client.loaded(1).await;
        client.start(&config, StartFrom::Run);
        client.finished().await;
        client.ask(Request::ReadCourse { id: run.id.clone() });
        let course = |reply, payload: Option<Vec<u8>>| match reply {
            Reply::Course { id, course, moments, nimg, .. } => Some((id, course, moments, nimg, payload.unwrap())),
            _ => None,
        };
        let (id, course, moments, nimg, pixels) = client.next(course).await;
        assert_eq!((&id, nimg), (&run.id, 12 * 4 + 3 * 8));
        assert_ne!(pixels, drawn[4].1);
        assert_eq!(moments, [0, 3, 6, 9, 12, 15]);
        for (asked, found) in [(6, Some((24, &drawn[2].1))), (15, Some((72, &pixels))), (7, None)] {
            client.ask(Request::ReadMoment { id: run.id.clone(), step: asked });
            let moment = |reply, payload: Option<Vec<u8>>| match reply {
                Reply::Moment { id, step, nimg, grid } if id == run.id && step == asked => {
                    Some((nimg, grid, payload.unwrap()))
                }
                _ => None,
            };
            let (nimg, grid, pixels) = client.next(moment).await;
            assert_eq!(found, Some((nimg, &pixels)).filter(|_| grid.count > 0), "step {asked}");
        }
        let (steps, [nimg]) = course.history.columns([NIMG]);
        assert_eq!(steps.len(), 15);
        assert_eq!(nimg[10..], [44.0, 48.0, 56.0, 64.0, 72.0], "batches of 8 since it went on");
        client.ask(Request::ReadCourse { id: "none".to_owned() });
        assert_eq!(client.problem().await.1.to_string(), "this run is no longer kept on this device");
        client.ask(Request::DeleteRun { id });
        client.runs().await;
    });
    assert!(place.storage.files.borrow().iter().all(|(name, _)| name.starts_with("pictures/")));
}

#[test]
fn snapshots_after_the_checkpoint_are_forgotten_and_taken_anew() {
    let place = Place::new();
    let mut config = tiny(1000);
    config.output.sample_steps = Some(1);
    let run = play_in(&place, [true, false], async |client| {
        client.hello().await;
        client.load(1, Files::Pictures(8));
        client.loaded(1).await;
        client.start(&config, StartFrom::Nothing);
        let third = |event, _| matches!(event, Event::Tick { progress, .. } if progress.step >= 3).then_some(());
        client.event(third).await;
        client.command(Command::Pause);
        client.kept().await;
        client.command(Command::Resume);
        let tenth = |event, _| matches!(event, Event::Tick { progress, .. } if progress.step >= 10).then_some(());
        client.event(tenth).await;
        client.command(Command::Pause);
        client.kept().await.0
    });
    // The newest checkpoint is lost: the run goes on from the one before, and what it drew since is another run's course.
    let newest = block_on(place.runs().checkpoints(&run.id)).remove(0);
    place.storage.files.borrow_mut().retain(|(name, _)| *name != newest.name);
    play_in(&place, [true, false], async |client| {
        client.hello().await;
        let (snapshots, course) = open_course(&client, &run.id).await;
        let last = snapshots.last().unwrap().0;
        assert!((3..10).contains(&last), "{last}");
        assert_eq!(snapshots.len() as u64, last + 1);
        assert_eq!(course.history.columns([]).0.len() as u64, last);
        client.load(1, Files::Pictures(8));
        client.loaded(1).await;
        config.train.length = Length::Steps(last + 2);
        client.start(&config, StartFrom::Run);
        client.finished().await;
        let steps: Vec<u64> = block_on(place.runs().snapshots(&run.id)).iter().map(|stored| stored.step).collect();
        assert_eq!(steps, (0..=last + 2).collect::<Vec<_>>());
    });
}
