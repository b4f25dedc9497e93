//! Answers requests.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use async_channel::{Receiver, Sender};
use async_lock::Mutex;

use super::compare::Searched;
use super::keep::{Keeper, RunChange};
use super::opened::Opened;
use super::starting::Starting;
use super::suggest::{self, Pace, Suggestion};
use super::transport::{Incoming, ReadPictures, Transport, Watch};
use super::{About, DataSource, DeviceInfo, DevicePreference, Problem, Reply, Request, SharedForm, StartFrom, starter};
use crate::checkpoint::Checkpoint;
use crate::config::{Resolution, RunConfig};
use crate::data::{Dataset, Grid, PictureSize, Preparation, Sizing, Speed};
use crate::device::OpenDevice;
use crate::encode::{self, Export};
use crate::export::Found;
use crate::features::{self, Cifar10, FeatureNetwork, PooledLite0, Pretrained, WeightFile, judge_typicality};
use crate::kept_runs::{Course, RunPictures};
use crate::latent::{Latent, PictureSpec};
use crate::protocol::{CheckpointReason, Command, Event, FailureKind, Progress};
use crate::recipes;
use crate::run::{Run, RunError};
use crate::sample::Draw;

/// Pictures in the preview of a data set.
const PREVIEW: usize = 60;

/// The most pictures that are drawn at once, which is also the limit of `output.grid`.
const MOST_DRAWN: usize = 1024;

/// What a session holds. The task that answers requests shares it with the tasks that it starts.
pub(super) struct Session<T> {
    pub(super) transport: T,
    pub(super) device: RefCell<Option<OpenDevice>>,
    /// The device, until it has been measured how large a network it trains well.
    unmeasured: RefCell<Option<DeviceInfo>>,
    speed: Cell<Speed>,
    pub(super) data: RefCell<Option<Arc<Dataset>>>,
    /// Where `data` is to be found again.
    pub(super) pictures: RefCell<Option<RunPictures>>,
    pub(super) opened: RefCell<Option<Rc<Opened>>>,
    /// The starter, once it has been drawn with.
    starter: RefCell<Option<Rc<Opened>>>,
    /// Pictures that the run under way was asked for and has not drawn yet, by the id of their request.
    undrawn: RefCell<BTreeMap<u32, Vec<PictureSpec>>>,
    /// Files that are to be made of the next checkpoint of the run under way.
    pub(super) unshared: RefCell<Vec<SharedForm>>,
    /// The newest scores of the run under way, or of the one that left the open checkpoint.
    pub(super) scored: RefCell<Option<Found>>,
    /// The kept run that the open checkpoint is of.
    pub(super) opened_run: RefCell<Option<String>>,
    /// Held by whoever reads what is told of a kept run and writes it back changed.
    pub(super) records: Mutex<()>,
    /// The kept run that is under way.
    pub(super) current_run: RefCell<Option<String>>,
    /// A start that waits.
    pub(super) starting: RefCell<Option<Starting>>,
    /// The fingerprint of what the run under way trains on.
    trained_on: RefCell<Option<String>>,
    /// Sends commands to the run, while there is one.
    commands: RefCell<Option<Sender<Command>>>,
    /// Weights of frozen networks, with the files that they were in.
    backbone: RefCell<Vec<(&'static [WeightFile], Rc<Pretrained>)>>,
    /// What pictures are scored by, once it has been fetched.
    judge: RefCell<Option<Cifar10>>,
    /// What copies are looked for among.
    pub(super) searched: RefCell<Option<Rc<Searched>>>,
    /// The newest request to look for copies. An older one gives up.
    pub(super) comparing: Cell<Option<u32>>,
    /// The newest request to read pictures. An older one that is still reading gives up.
    loading: Cell<Option<u32>>,
}

/// Answers requests in their order until the sender is gone. What takes long becomes a task of its own.
pub async fn serve<T: Transport>(transport: T, requests: Receiver<Incoming<T::Files>>) {
    let session = Rc::new(Session {
        transport,
        device: RefCell::default(),
        unmeasured: RefCell::default(),
        speed: Cell::default(),
        data: RefCell::default(),
        pictures: RefCell::default(),
        opened: RefCell::default(),
        starter: RefCell::default(),
        undrawn: RefCell::default(),
        unshared: RefCell::default(),
        scored: RefCell::default(),
        opened_run: RefCell::default(),
        records: Mutex::default(),
        current_run: RefCell::default(),
        starting: RefCell::default(),
        trained_on: RefCell::default(),
        commands: RefCell::default(),
        backbone: RefCell::default(),
        judge: RefCell::default(),
        searched: RefCell::default(),
        comparing: Cell::default(),
        loading: Cell::default(),
    });
    while let Ok(incoming) = requests.recv().await {
        session.answer(incoming).await;
    }
}

/// Reports how far the pictures of one request have been read.
struct LoadWatch<T> {
    session: Rc<Session<T>>,
    id: u32,
}

impl<T: Transport> Watch for LoadWatch<T> {
    fn progress(&self, done: usize, total: usize, skipped: usize) {
        self.session.post(Reply::DataProgress { id: self.id, done, total, skipped });
    }

    fn is_cancelled(&self) -> bool {
        self.session.loading.get() != Some(self.id)
    }
}

impl<T: Transport> Session<T> {
    async fn answer(self: &Rc<Self>, Incoming { request, bytes, files }: Incoming<T::Files>) {
        match request {
            Request::Hello { device, measure } => self.hello(device, measure).await,
            Request::LoadData { data, by_pictures: false, .. } if !data.resolution.is_possible() => {
                // Whatever was typed, no memory is asked for to hold it.
                let message = format!("data.resolution is {}; it accepts {}", data.resolution, Resolution::POSSIBLE);
                self.loading.set(None);
                self.fail(About::Data, failed(FailureKind::Input, message));
            }
            Request::LoadData { id, source, data, by_pictures } => {
                self.loading.set(Some(id));
                let preparation = Preparation::from(&data);
                let is_builtin = source == DataSource::BuiltinDogs;
                // What is prepared already has its size.
                let is_kept = matches!(source, DataSource::Kept { .. });
                let sizing = (by_pictures && !is_kept).then(|| Sizing::new(preparation, is_builtin, self.speed.get()));
                self.transport.spawn(self.clone().load_data(id, source, files, preparation, sizing));
            }
            Request::CancelData { id } => {
                if self.loading.get() == Some(id) {
                    self.loading.set(None);
                }
            }
            Request::ClearKept => {
                self.transport.clear_kept().await;
                self.tell_kept().await;
            }
            Request::OpenCheckpoint { name, run } => self.open_checkpoint(name, run, &bytes).await,
            Request::ListRuns => self.transport.spawn(self.clone().tell_runs_later()),
            Request::OpenRun { id, best } => self.open_run(&id, best).await,
            Request::ReadRun { id } => self.read_run(id).await,
            Request::ReadCourse { id } => self.read_course(id).await,
            Request::ReadMoment { id, step } => self.read_moment(id, step).await,
            Request::RenameRun { id, name } => self.change_runs_later(RunChange::Rename { id, name }),
            Request::FavourInRun { id, favourites } => self.change_runs_later(RunChange::Favour { id, favourites }),
            Request::AddRound { id, round } => self.change_runs_later(RunChange::AddRound { id, round }),
            Request::DeleteRun { id } => self.change_runs_later(RunChange::Delete { id }),
            Request::DeleteRuns => self.change_runs_later(RunChange::DeleteAll),
            Request::Generate { count, seed, class, truncation_psi } => {
                let count = count.clamp(1, MOST_DRAWN);
                self.generate(Draw { class, truncation_psi, ..Draw::new(seed, count) }).await;
            }
            Request::Draw { id, pictures } => {
                let session = self.clone();
                self.once_there(async move { session.draw(id, pictures).await }).await;
            }
            Request::ShowReal { id, seed, count, size, held_out } => {
                let session = self.clone();
                self.once_there(async move { session.show_real(id, seed, count, size, held_out).await }).await;
            }
            Request::FindCopies { id, grid, held_out } => {
                let grid = Grid { pixels: bytes, ..grid };
                self.transport.spawn(self.clone().find_copies(id, grid, held_out));
            }
            Request::Export { name, export } => self.transport.spawn(self.clone().export(name, export, bytes)),
            Request::Share { form } => self.share(form).await,
            Request::DrawStarter => {
                self.transport.spawn(self.clone().draw_starter());
                self.transport.spawn(self.clone().prefetch(recipes::DEFAULT.config()));
            }
            Request::Start { config, from } => self.begin(*config, from).await,
            Request::Run { command } => self.command(command),
        }
    }

    /// Does `work`, which needs a network that draws: beside the requests that follow while that is still to be fetched.
    async fn once_there(&self, work: impl Future<Output = ()> + 'static) {
        let is_there = self.has_run() || self.opened.borrow().is_some() || self.starter.borrow().is_some();
        if is_there { work.await } else { self.transport.spawn(work) }
    }

    // Replies.

    pub(super) fn post(&self, reply: Reply) {
        self.transport.post(&reply, None);
    }

    pub(super) fn post_event(&self, mut event: Event) {
        let payload = event.take_payload();
        self.transport.post(&Reply::Event { event: Box::new(event) }, payload);
    }

    pub(super) fn fail(&self, about: About, problem: Problem) {
        self.post(Reply::Failed { about, problem });
    }

    /// Fetches what the suggested settings need, so that a start finds it there.
    async fn prefetch(self: Rc<Self>, config: RunConfig) {
        // A start fetches it again, and says then why it can't.
        if let Err(problem) = self.backbone(&config).await {
            tracing::debug!("{problem}");
        }
    }

    fn ready(&self, device: DeviceInfo, Suggestion { config, reason, speed }: Suggestion) {
        self.speed.set(speed);
        self.post(Reply::Ready { device, suggested: Box::new(config), reason });
    }

    async fn tell_kept(&self) {
        let kept = self.transport.kept().await;
        self.post(Reply::Kept { kept });
    }

    // The device.

    async fn hello(&self, preference: DevicePreference, measure: bool) {
        let (device, info) = match self.transport.open_device(preference).await {
            Ok(opened) => opened,
            Err(refusal) => return self.post(Reply::Refused { refusal }),
        };
        *self.device.borrow_mut() = Some(device);
        // The self-test has checked the numbers, so what was logged meanwhile did no harm.
        self.transport.take_fault();
        if measure && !info.is_slow {
            self.post(Reply::Measuring { device: info.clone() });
            *self.unmeasured.borrow_mut() = Some(info);
        } else {
            let suggestion = suggest::unmeasured(Pace::of(&info));
            self.ready(info, suggestion);
        }
    }

    /// Measures once how large a network the device trains well. Called when pictures have been read: reading them at the
    /// same time would make the device look slower than it is.
    async fn measure(&self) {
        let (info, device) = (self.unmeasured.take(), self.device.borrow().clone());
        let (Some(info), Some(device)) = (info, device) else { return };
        let backbone = match self.backbone(&suggest::unmeasured(Pace::Fast).config).await {
            Ok(backbone) => backbone,
            Err(problem) => {
                // A start asks for it once more, and says then what is missing.
                tracing::warn!("the device is not measured: {problem}");
                return self.ready(info, suggest::unmeasured(Pace::Fast));
            }
        };
        let measured = suggest::measured(backbone.as_deref(), &device).await;
        let fault = || self.transport.take_fault().map(RunError::from);
        match measured.and_then(|suggestion| fault().map_or(Ok(suggestion), Err)) {
            Ok(suggestion) => self.ready(info, suggestion),
            Err(error) => self.fail(About::Device, failed(error.kind(), error.to_string())),
        }
    }

    // Pictures.

    /// Reads pictures as `preparation` says, or at the resolution that `sizing` finds.
    async fn load_data(
        self: Rc<Self>,
        id: u32,
        source: DataSource,
        files: T::Files,
        preparation: Preparation,
        sizing: Option<Sizing>,
    ) {
        if self.loading.get() != Some(id) {
            return self.post(Reply::DataCancelled { id });
        }
        if let Some(data) = self.loaded_from(&source) {
            // Its file can't be opened once more in every browser.
            self.loading.set(None);
            self.tell_data(id, &data);
            return self.measure().await;
        }
        let watch = LoadWatch { session: self.clone(), id };
        let place = source.clone();
        let loaded = match sizing {
            Some(sizing) => self.read_sized(source, files, sizing, &watch).await,
            None => self.transport.read_pictures(source, files, preparation, &watch).await,
        };
        // If it was cancelled or replaced by a newer request, the front end does not expect these pictures any more.
        if watch.is_cancelled() {
            self.post(Reply::DataCancelled { id });
        } else {
            self.loading.set(None);
            self.answer_data(id, &place, loaded);
            self.tell_kept().await;
        }
        self.measure().await;
    }

    async fn read_sized(
        &self,
        source: DataSource,
        files: T::Files,
        mut sizing: Sizing,
        watch: &LoadWatch<T>,
    ) -> Result<Option<ReadPictures>, String> {
        loop {
            let preparation = sizing.preparation();
            let read = self.transport.read_pictures(source.clone(), files.clone(), preparation, watch).await?;
            let Some(ReadPictures { data, key }) = read else { return Ok(None) };
            if let Some((data, _)) = sizing.settle(data) {
                return Ok(Some(ReadPictures { data, key }));
            }
        }
    }

    /// The loaded pictures, if they are those that are kept there.
    fn loaded_from(&self, source: &DataSource) -> Option<Arc<Dataset>> {
        let DataSource::Kept { key, .. } = source else { return None };
        let is_it = self.pictures.borrow().as_ref().and_then(RunPictures::key) == Some(key.as_str());
        self.data.borrow().clone().filter(|_| is_it)
    }

    fn answer_data(&self, id: u32, source: &DataSource, loaded: Result<Option<ReadPictures>, String>) {
        match loaded {
            Ok(Some(ReadPictures { data: dataset, key })) => {
                *self.pictures.borrow_mut() = match (source, key) {
                    (DataSource::BuiltinDogs, _) => Some(RunPictures::BuiltinDogs),
                    (DataSource::Files { name } | DataSource::Kept { name, .. }, Some(key)) => {
                        Some(RunPictures::Kept { key, name: name.clone() })
                    }
                    (DataSource::Files { .. } | DataSource::Kept { .. }, None) => None,
                };
                *self.searched.borrow_mut() = None;
                let dataset = Arc::new(dataset);
                *self.data.borrow_mut() = Some(dataset.clone());
                self.tell_data(id, &dataset);
            }
            Ok(None) => self.post(Reply::DataCancelled { id }),
            Err(message) => self.fail(About::Data, failed(FailureKind::Input, message)),
        }
    }

    fn tell_data(&self, id: u32, dataset: &Dataset) {
        let mut preview = dataset.preview(PREVIEW);
        let pixels = std::mem::take(&mut preview.pixels);
        let (summary, report) = (dataset.summary().clone(), Box::new(dataset.report().clone()));
        let size = PictureSize::of(&report, self.speed.get());
        self.transport.post(&Reply::Data { id, summary, report, preview, size }, Some(pixels));
    }

    // Checkpoints, and drawing with them.

    async fn open_checkpoint(&self, name: String, run: Option<String>, bytes: &[u8]) {
        let Some(device) = self.device.borrow().clone() else {
            return self.fail(About::Checkpoint, Problem::NoDevice);
        };
        match Opened::read(bytes, &device).await {
            Ok(opened) => {
                *self.opened_run.borrow_mut() = run;
                self.tell_opened(name, None, &opened, None, None);
                self.draw_newly_opened(opened).await;
            }
            Err(error) => {
                let failure = RunError::from(error);
                let message = format!("{name} was not opened: {failure}");
                self.fail(About::Checkpoint, failed(failure.kind(), message));
            }
        }
    }

    /// Tells of the checkpoint that is open. `run` is the kept run that it was read from, `course` what is kept of that one's course,
    /// and `file` its bytes, which go beside the reply.
    pub(super) fn tell_opened(
        &self,
        name: String,
        run: Option<(String, RunPictures)>,
        opened: &Opened,
        course: Option<Course>,
        file: Option<Vec<u8>>,
    ) {
        if opened.has_fresh_discriminator {
            let message = format!("{name} has only a generator, so training continues with a new discriminator.");
            self.post_event(Event::Warning { message });
        }
        let meta = &opened.checkpoint.meta;
        let reply = Reply::Opened {
            name,
            run,
            goes_on: self.opened_run.borrow().is_some(),
            config: Box::new(meta.config.clone()),
            progress: meta.progress.clone(),
            history: meta.history.clone(),
            course: course.map(Box::new),
            classes: meta.data.classes.clone(),
        };
        self.transport.post(&reply, file);
    }

    /// From now on pictures are drawn with this checkpoint, and its own grid first.
    pub(super) async fn draw_newly_opened(&self, opened: Opened) {
        let meta = &opened.checkpoint.meta;
        let draw = Draw::new(meta.config.seed, meta.config.output.grid);
        *self.opened.borrow_mut() = Some(Rc::new(opened));
        *self.scored.borrow_mut() = None;
        self.draw_opened(draw).await;
    }

    async fn draw_starter(self: Rc<Self>) {
        let is_wanted = || self.commands.borrow().is_none() && self.opened.borrow().is_none();
        let Some(device) = self.device.borrow().clone() else { return };
        let drawn = match self.starter(&device).await {
            Ok(starter) => starter::draw(&starter, &device, is_wanted).await,
            Err(reason) => Err(reason),
        };
        match drawn {
            Ok(Some((mut grid, nimg))) => {
                let pixels = std::mem::take(&mut grid.pixels);
                self.transport.post(&Reply::Starter { nimg, grid }, Some(pixels));
            }
            Ok(None) => {}
            // Nothing depends on the starter, so nobody is bothered with it.
            Err(reason) => tracing::warn!("the starter's pictures are not shown: {reason}"),
        }
    }

    /// The starter, fetched and opened once.
    pub(super) async fn starter(&self, device: &OpenDevice) -> Result<Rc<Opened>, String> {
        if let Some(starter) = &*self.starter.borrow() {
            return Ok(starter.clone());
        }
        let bytes = self.transport.fetch(starter::FILE, &|_| ()).await?;
        let starter = Rc::new(starter::open(&bytes, device)?);
        *self.starter.borrow_mut() = Some(starter.clone());
        Ok(starter)
    }

    /// The device, and what draws while no run does: the open checkpoint, else the starter.
    pub(super) async fn at_hand(&self) -> Result<(OpenDevice, Rc<Opened>), Problem> {
        let device = self.device.borrow().clone().ok_or(Problem::NoDevice)?;
        let opened = self.opened.borrow().clone();
        let opened = match opened {
            Some(opened) => Ok(opened),
            None => self.starter(&device).await,
        };
        let opened = opened.map_err(|reason| {
            tracing::warn!("the starter can't be drawn with: {reason}");
            Problem::NoNetwork
        })?;
        Ok((device, opened))
    }

    /// Whether these pictures are what the network that draws was trained on, as it was.
    pub(super) async fn are_trainings(&self, data: &Dataset) -> bool {
        let fingerprint = &data.summary().fingerprint;
        if self.has_run() {
            return self.trained_on.borrow().as_ref() == Some(fingerprint);
        }
        match self.at_hand().await {
            Ok((_, drawing)) => drawing.checkpoint.meta.data.fingerprint == *fingerprint,
            Err(_) => false,
        }
    }

    async fn draw(&self, id: u32, pictures: Vec<PictureSpec>) {
        let failure = if pictures.is_empty() || pictures.len() > MOST_DRAWN {
            Some(format!("{} pictures can't be drawn at once; 1 to {MOST_DRAWN} can", pictures.len()))
        } else if !pictures.iter().all(PictureSpec::is_drawable) {
            Some(format!("a picture can be mixed of at most {} seeds", Latent::MOST_SEEDS))
        } else {
            None
        };
        if let Some(message) = failure {
            return self.fail(About::Drawing, failed(FailureKind::Input, message));
        }
        if self.has_run() {
            self.undrawn.borrow_mut().insert(id, pictures.clone());
            return self.command(Command::Draw { id, pictures });
        }
        let (device, opened) = match self.at_hand().await {
            Ok(found) => found,
            Err(problem) => return self.fail(About::Drawing, problem),
        };
        match opened.sampler.draw_each(&pictures, &device.device).await {
            Ok(drawn) => {
                let Progress { step, nimg, .. } = opened.checkpoint.meta.progress;
                self.post_event(Event::Drawn { id, step, nimg, grid: drawn.grid_of(1) });
            }
            Err(error) => self.fail(About::Drawing, failed(error.kind(), error.to_string())),
        }
    }

    async fn export(self: Rc<Self>, name: String, export: Export, pixels: Vec<u8>) {
        match encode::export(&export, &pixels).await {
            Ok(file) => self.transport.post(&Reply::Exported { name }, Some(file)),
            Err(reason) => {
                let message = format!("{name} was not made: {reason}");
                self.fail(About::Drawing, failed(FailureKind::Input, message));
            }
        }
    }

    async fn generate(&self, what: Draw) {
        if self.commands.borrow().is_none() {
            return self.draw_opened(what).await;
        }
        let Draw { count, seed, class, truncation_psi, .. } = what;
        self.command(Command::Sample { count, seed, class, truncation_psi });
    }

    async fn draw_opened(&self, what: Draw) {
        let opened = self.opened.borrow().clone();
        let device = self.device.borrow().clone();
        let (Some(opened), Some(device)) = (opened, device) else {
            return self.fail(About::Checkpoint, Problem::NoNetwork);
        };
        let meta = &opened.checkpoint.meta;
        match opened.sampler.draw(what, &device.device).await {
            Ok(pictures) => {
                let grid = pictures.grid();
                let (step, nimg) = (meta.progress.step, meta.progress.nimg);
                self.post_event(Event::Samples { step, nimg, seed: what.seed, grid, epoch: None, path: None });
            }
            Err(error) => self.fail(About::Device, failed(error.kind(), error.to_string())),
        }
    }

    // The frozen network.

    /// The weights that a run with these settings needs beside its own. They are fetched once.
    async fn backbone(&self, config: &RunConfig) -> Result<Option<Rc<Pretrained>>, Problem> {
        let files = features::files_needed(config);
        if let Some((_, backbone)) = self.backbone.borrow().iter().find(|(of, _)| *of == files) {
            return Ok(Some(backbone.clone()));
        }
        let sizes = files.iter().map(|file| (file.name, file.bytes));
        let contents = self.fetch_all(sizes.collect(), "weights of the network that judges pictures").await?;
        let backbone = features::backbone(&contents).map_err(|error| failed(FailureKind::Input, error.to_string()))?;
        let backbone = backbone.map(Rc::new);
        if let Some(backbone) = &backbone {
            self.backbone.borrow_mut().push((files, backbone.clone()));
        }
        Ok(backbone)
    }

    /// Fetches files of these sizes that come with the program, and tells how far that is. `whose` says what they are.
    async fn fetch_all(&self, files: Vec<(&str, u64)>, whose: &str) -> Result<Vec<Vec<u8>>, Problem> {
        let total: u64 = files.iter().map(|(_, bytes)| bytes).sum();
        let mut contents: Vec<Vec<u8>> = Vec::with_capacity(files.len());
        for (name, _) in &files {
            let before: u64 = contents.iter().map(|file| file.len() as u64).sum();
            let progress = |done: u64| self.post(Reply::Fetching { done: (before + done).min(total - 1), total });
            let fetched = self.transport.fetch(name, &progress).await;
            contents.push(fetched.map_err(|reason| {
                self.post(Reply::Fetching { done: total, total });
                failed(FailureKind::Input, format!("{name}, {whose}, can't be fetched: {reason}"))
            })?);
        }
        if !files.is_empty() {
            self.post(Reply::Fetching { done: total, total });
        }
        Ok(contents)
    }

    /// Judges how typical the pictures are, if a run with these settings wants to know.
    async fn find_typical(&self, config: &RunConfig, data: &Dataset, device: &OpenDevice) -> Result<(), Problem> {
        let files = features::files_to_judge(config);
        if files.is_empty() || data.typicality().is_some() {
            return Ok(());
        }
        let sizes = files.iter().map(|file| (file.name, file.bytes));
        let contents = self.fetch_all(sizes.collect(), "weights of the network that judges pictures").await?;
        let contents: Vec<&[u8]> = contents.iter().map(Vec::as_slice).collect();
        let network = PooledLite0::new(&contents, &device.device);
        let network = network.map_err(|error| failed(FailureKind::Input, error.to_string()))?;
        let total = data.len();
        let progress = &mut |done: usize| self.post(Reply::Judging { done, total });
        let judged = judge_typicality(data, &network, &device.device, progress).await;
        judged.map_err(|error| failed(error.kind(), error.to_string()))
    }

    /// What pictures are scored by. It is fetched once.
    pub(super) async fn judge(&self, device: &OpenDevice) -> Result<Cifar10, Problem> {
        if let Some(judge) = &*self.judge.borrow() {
            return Ok(judge.clone());
        }
        let file = Cifar10::FILE;
        // Without telling how far that is: it is small, and seldom does anything wait for it.
        let fetched = self.transport.fetch(file.name, &|_| ()).await;
        let content = fetched.map_err(|reason| {
            let name = file.name;
            let message = format!("{name}, the weights that they are scored by, can't be fetched: {reason}");
            failed(FailureKind::Input, message)
        })?;
        let network = Cifar10::new(&content, &device.device);
        let network = network.map_err(|error| failed(FailureKind::Input, error.to_string()))?;
        *self.judge.borrow_mut() = Some(network.clone());
        Ok(network)
    }

    /// Fetches it beside the run. A run without it has no scores, and nothing else is lost.
    async fn fetch_judge(self: Rc<Self>) {
        let Some(device) = self.device.borrow().clone() else { return };
        if let Err(reason) = self.judge(&device).await {
            self.post_event(Event::Warning { message: format!("The pictures are not scored: {reason}") });
        }
    }

    // The run.

    /// What it starts with is taken at its beginning: other requests are answered while it waits. The run is made without
    /// waiting.
    pub(super) async fn start(self: &Rc<Self>, config: RunConfig, from: StartFrom) -> Result<(), Problem> {
        let device = self.device.borrow().clone().ok_or(Problem::NoDevice)?;
        let data = self.data.borrow().clone().ok_or(Problem::NoPictures)?;
        if let Some(fault) = self.transport.take_fault() {
            // It failed while nothing was asked of it, as when the computer slept, so the run is not to blame.
            self.fail(About::Device, failed(fault.kind(), fault.to_string()));
            return Ok(());
        }
        let pictures = self.pictures.borrow().clone();
        let opened = self.opened.borrow().clone();
        let opened = || opened.clone().ok_or(Problem::NoCheckpoint);
        let opened_run = self.opened_run.borrow().clone().filter(|_| from == StartFrom::Run);
        // It is under way from now on, so nothing that is asked meanwhile deletes it.
        self.current_run.borrow_mut().clone_from(&opened_run);
        let fingerprint = data.summary().fingerprint.clone();
        self.find_typical(&config, &data, &device).await?;
        let made = match from {
            StartFrom::Nothing => {
                let backbone = self.backbone(&config).await?;
                let config = config.validate().map_err(RunError::from);
                config.and_then(|config| Run::new(config, data, device, backbone.as_deref()))
            }
            StartFrom::Run => {
                let opened = opened()?;
                let backbone = self.backbone(&opened.checkpoint.meta.config).await?;
                let best = self.best_of(opened_run.as_deref()).await;
                let resumed = resumed(&opened.checkpoint, &config, data, device, backbone.as_deref());
                resumed.map(|(mut run, commands)| {
                    if best.is_some() {
                        run.best_is(best.as_ref());
                    }
                    (run, commands)
                })
            }
            StartFrom::Checkpoint => {
                let opened = opened()?;
                let backbone = self.backbone(&config).await?;
                warm_started(&opened.checkpoint, &config, data, device, backbone.as_deref())
            }
            StartFrom::Starter { halvings } => {
                let run = starter::run_for(config.data.resolution);
                let file = self.fetch_all(vec![(run.name, run.bytes)], "the run to begin with").await?.concat();
                let starter = Checkpoint::from_bytes(&file).map_err(RunError::from);
                let starter =
                    starter.map_err(|error| failed(error.kind(), format!("{} was not opened: {error}", run.name)))?;
                let backbone = self.backbone(&starter.meta.config).await?;
                let whole = starter.meta.config.for_run(&config);
                let config = (0..halvings).fold(whole, |config, _| config.with_less_work(true).unwrap_or(config));
                warm_started(&starter, &config, data, device, backbone.as_deref())
            }
        };
        let (run, commands) = made.map_err(|error| failed(error.kind(), error.to_string()))?;
        *self.commands.borrow_mut() = Some(commands);
        // From now on pictures are drawn with the run.
        *self.opened.borrow_mut() = None;
        if run.wants_scores() && self.judge.borrow().is_none() {
            self.transport.spawn(self.clone().fetch_judge());
        }
        *self.opened_run.borrow_mut() = None;
        *self.trained_on.borrow_mut() = Some(fingerprint);
        let keeper = Keeper::new(opened_run, pictures);
        self.transport.spawn(self.clone().follow(run, keeper));
        Ok(())
    }

    /// Polls the run to its end.
    async fn follow(self: Rc<Self>, mut run: Run, mut keeper: Keeper) {
        while let Some(event) = run.next().await {
            let judge = run.wants_scores().then(|| self.judge.borrow().clone()).flatten();
            if let Some(judge) = judge {
                run.judge_by(FeatureNetwork::Cifar10(judge));
            }
            if let Some(fault) = self.transport.take_fault() {
                self.post_event(Event::Failed { kind: fault.kind(), message: fault.to_string() });
                break;
            }
            if let Event::Drawn { id, .. } = &event {
                self.undrawn.borrow_mut().remove(id);
            }
            self.keep(&mut keeper, &event, run.save_secs()).await;
            self.open_last(&event).await;
            self.share_run(&event);
            self.post_event(event);
        }
        *self.commands.borrow_mut() = None;
        *self.current_run.borrow_mut() = None;
        // What the run was asked for at its very end is drawn with what it left.
        for (id, pictures) in self.undrawn.take() {
            self.draw(id, pictures).await;
        }
        self.share_rest().await;
    }

    /// Opens the last checkpoint of a run, so that more pictures can be drawn with it.
    async fn open_last(&self, event: &Event) {
        let Event::Checkpoint { reason: CheckpointReason::Last, bytes, .. } = event else { return };
        let Some(device) = self.device.borrow().clone() else { return };
        match Opened::read(bytes, &device).await {
            Ok(opened) => {
                *self.opened.borrow_mut() = Some(Rc::new(opened));
                self.opened_run.borrow_mut().clone_from(&self.current_run.borrow());
            }
            Err(error) => {
                let failure = RunError::from(error);
                let message = format!("the last checkpoint can't be drawn with: {failure}");
                self.fail(About::Checkpoint, failed(failure.kind(), message));
            }
        }
    }

    /// Whether there is a run.
    pub(super) fn has_run(&self) -> bool {
        self.commands.borrow().is_some()
    }

    pub(super) fn command(&self, command: Command) {
        if let Some(starting) = &mut *self.starting.borrow_mut() {
            return starting.command(command);
        }
        match &*self.commands.borrow() {
            // The channel is only full if the run hangs, and then the command does not matter.
            Some(commands) => drop(commands.try_send(command)),
            None => self.fail(About::Run, Problem::NoRun),
        }
    }
}

fn resumed(
    checkpoint: &Checkpoint,
    asked: &RunConfig,
    data: Arc<Dataset>,
    device: OpenDevice,
    backbone: Option<&Pretrained>,
) -> Result<(Run, Sender<Command>), RunError> {
    let config = checkpoint.meta.config.resumed(asked)?.validate()?;
    Run::resume(checkpoint, config, data, device, backbone)
}

fn warm_started(
    checkpoint: &Checkpoint,
    asked: &RunConfig,
    data: Arc<Dataset>,
    device: OpenDevice,
    backbone: Option<&Pretrained>,
) -> Result<(Run, Sender<Command>), RunError> {
    let config = checkpoint.meta.config.warm_started(asked)?.validate()?;
    Run::warm_start(checkpoint, config, data, device, backbone)
}

pub(super) fn failed(failure: FailureKind, message: String) -> Problem {
    Problem::Failed { failure, message }
}
