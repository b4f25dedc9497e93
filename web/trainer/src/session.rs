//! Answers the page's requests.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use async_channel::{Receiver, Sender};
use wasm_bindgen_futures::spawn_local;
use web_sys::File;
use whelp::checkpoint::{Checkpoint, CheckpointError, ImportError, Imported, import_safetensors, restore_sampler};
use whelp::config::RunConfig;
use whelp::data::{Dataset, Preparation};
use whelp::device::OpenDevice;
use whelp::protocol::{CheckpointReason, Command, Event, FailureKind};
use whelp::run::Run;
use whelp::sample::{Draw, Sampler};
use whelp_messages::{About, DataSource, DeviceInfo, DevicePreference, Reply, Request};

use super::data::{self, Watch};
use super::port::{Incoming, post};
use super::suggest::{self, Suggestion};
use super::{cache, faults, gpu, starter};

/// Pictures on the contact sheet; a fifth of them are in the strip.
const PREVIEW: usize = 60;

/// Most pictures drawn at once, as many as a grid may have.
const MOST_DRAWN: usize = 1024;

/// Everything the worker holds; shared by the task that answers requests and those it starts.
#[derive(Default)]
struct Session {
    device: RefCell<Option<OpenDevice>>,
    /// The device, until it is known how large a network it trains well.
    unmeasured: RefCell<Option<DeviceInfo>>,
    data: RefCell<Option<Arc<Dataset>>>,
    opened: RefCell<Option<Rc<Opened>>>,
    /// To the run under way.
    commands: RefCell<Option<Sender<Command>>>,
    /// The newest data request; an older one that is still reading gives up.
    loading: Cell<Option<u32>>,
}

/// A checkpoint that can be drawn with and gone on from.
struct Opened {
    checkpoint: Checkpoint,
    sampler: Sampler,
}

impl Opened {
    fn read(bytes: &[u8], device: &OpenDevice) -> Result<Self, CheckpointError> {
        Self::new(Checkpoint::from_bytes(bytes)?, device)
    }

    fn new(checkpoint: Checkpoint, device: &OpenDevice) -> Result<Self, CheckpointError> {
        let sampler = restore_sampler(&checkpoint, &device.device)?;
        Ok(Self { checkpoint, sampler })
    }
}

/// Answers requests in the order they come; whatever takes long goes on in a task of its own.
pub async fn serve(requests: Receiver<Incoming>) {
    let session = Rc::new(Session::default());
    while let Ok(Incoming { request, bytes, files }) = requests.recv().await {
        let session = session.clone();
        match request {
            Request::Hello { device, measure } => session.hello(device, measure).await,
            Request::LoadData { id, source, data } => {
                session.loading.set(Some(id));
                spawn_local(session.load_data(id, source, files, Preparation::from(&data)));
            }
            Request::CancelData { id } => {
                if session.loading.get() == Some(id) {
                    session.loading.set(None);
                }
            }
            Request::ClearKept => {
                cache::clear().await;
                tell_kept().await;
            }
            Request::OpenCheckpoint { name } => session.open_checkpoint(name, &bytes).await,
            Request::Generate { count, seed, class, truncation_psi } => {
                let count = count.clamp(1, MOST_DRAWN);
                session.generate(Draw { class, truncation_psi, ..Draw::new(seed, count) }).await;
            }
            Request::DrawStarter => spawn_local(session.draw_starter()),
            Request::Start { config, resume } => session.start(*config, resume),
            Request::Run { command } => session.command(command),
        }
    }
}

fn fail(about: About, message: impl ToString) {
    post(&Reply::Failed { about, message: message.to_string() }, None);
}

fn ready(device: DeviceInfo, suggestion: Suggestion) {
    let Suggestion { config, reason } = suggestion;
    post(&Reply::Ready { device, suggested: Box::new(config), reason }, None);
}

/// A sentence about what the graphics stack logged.
fn graphics_fault(fault: &str) -> String {
    if fault.contains("device was lost") {
        "The graphics device was lost: its driver was started anew, the computer slept, or another program took all of \
         its memory. Go on from the last checkpoint."
            .to_owned()
    } else {
        format!(
            "The graphics device refused to compute ({fault}). Go on from the last checkpoint; if it happens again, lower \
             the batch or the width."
        )
    }
}

async fn tell_kept() {
    post(&Reply::Kept { kept: cache::kept().await }, None);
}

fn post_event(mut event: Event) {
    let payload = event.take_payload();
    post(&Reply::Event { event: Box::new(event) }, payload.as_deref());
}

/// Tells the page how far one data request is.
struct Progress {
    session: Rc<Session>,
    id: u32,
}

impl Watch for Progress {
    fn progress(&self, done: usize, total: usize, skipped: usize) {
        post(&Reply::DataProgress { id: self.id, done, total, skipped }, None);
    }

    fn is_cancelled(&self) -> bool {
        self.session.loading.get() != Some(self.id)
    }
}

impl Session {
    async fn hello(&self, preference: DevicePreference, measure: bool) {
        let (device, info) = match gpu::open(preference).await {
            Ok(opened) => opened,
            Err(reason) => return post(&Reply::Refused { reason }, None),
        };
        *self.device.borrow_mut() = Some(device);
        // What the graphics stack said while it was tried out has been judged by the numbers.
        faults::take_graphics_fault();
        if measure && !info.is_slow {
            post(&Reply::Measuring { device: info.clone() }, None);
            *self.unmeasured.borrow_mut() = Some(info);
        } else {
            let suggestion = suggest::unmeasured(info.is_slow);
            ready(info, suggestion);
        }
    }

    /// Tries out how large a network the device trains well, once. Called when pictures have been read: both at the same
    /// time would make the device look slower than it is.
    async fn measure(&self) {
        let (info, device) = (self.unmeasured.take(), self.device.borrow().clone());
        let (Some(info), Some(device)) = (info, device) else { return };
        match suggest::measured(&device).await {
            Ok(suggestion) => ready(info, suggestion),
            Err(error) => fail(About::Device, format!("The graphics device was tried out and is not used: {error}.")),
        }
    }

    async fn load_data(
        self: Rc<Self>,
        id: u32,
        source: DataSource,
        files: Vec<(String, File)>,
        preparation: Preparation,
    ) {
        let watch = Progress { session: self.clone(), id };
        let loaded = data::load(source, files, preparation, &watch).await;
        // Cancelled, or replaced by a newer request: what it found must not become what the page does not show.
        if watch.is_cancelled() {
            post(&Reply::DataCancelled { id }, None);
        } else {
            self.loading.set(None);
            self.answer_data(id, loaded);
            tell_kept().await;
        }
        self.measure().await;
    }

    fn answer_data(&self, id: u32, loaded: Result<Option<Dataset>, String>) {
        match loaded {
            Ok(Some(dataset)) => {
                let mut preview = dataset.preview(PREVIEW);
                let pixels = std::mem::take(&mut preview.pixels);
                let (summary, report) = (dataset.summary().clone(), Box::new(dataset.report().clone()));
                *self.data.borrow_mut() = Some(Arc::new(dataset));
                post(&Reply::Data { id, summary, report, preview }, Some(&pixels));
            }
            Ok(None) => post(&Reply::DataCancelled { id }, None),
            Err(message) => fail(About::Data, message),
        }
    }

    async fn open_checkpoint(&self, name: String, bytes: &[u8]) {
        let Some(device) = self.device.borrow().clone() else {
            return fail(About::Checkpoint, "The device is not ready yet; try again in a moment.");
        };
        match read_or_import(bytes, &device).await.and_then(|(read, fresh)| Ok((Opened::new(read, &device)?, fresh))) {
            Err(error) => fail(About::Checkpoint, format!("{name} was not opened: {error}.")),
            Ok((opened, has_fresh_discriminator)) => {
                let meta = &opened.checkpoint.meta;
                let draw = Draw::new(meta.config.seed, meta.config.output.grid);
                let reply = Reply::Opened {
                    name: name.clone(),
                    config: Box::new(meta.config.clone()),
                    progress: meta.progress.clone(),
                    history: meta.history.clone(),
                    classes: meta.data.classes.clone(),
                };
                *self.opened.borrow_mut() = Some(Rc::new(opened));
                if has_fresh_discriminator {
                    let message = format!("{name} holds a generator alone; training goes on with a new discriminator.");
                    post_event(Event::Warning { message });
                }
                post(&reply, None);
                self.draw_opened(draw).await;
            }
        }
    }

    async fn draw_starter(self: Rc<Self>) {
        let is_wanted = || self.commands.borrow().is_none() && self.opened.borrow().is_none();
        let Some(device) = self.device.borrow().clone() else { return };
        match starter::draw(&device, is_wanted).await {
            Ok(Some((mut grid, nimg))) => {
                let pixels = std::mem::take(&mut grid.pixels);
                post(&Reply::Starter { nimg, grid }, Some(&pixels));
            }
            Ok(None) => {}
            // Nobody asked for it, and nothing depends on it.
            Err(reason) => log::warn!("the starter's pictures are not shown: {reason}"),
        }
    }

    async fn generate(&self, what: Draw) {
        let commands = self.commands.borrow().clone();
        match commands {
            Some(commands) => {
                let Draw { count, seed, class, truncation_psi, .. } = what;
                // Full only if the run is stuck, and then it tells so itself.
                let _ = commands.try_send(Command::Sample { count, seed, class, truncation_psi });
            }
            None => self.draw_opened(what).await,
        }
    }

    async fn draw_opened(&self, what: Draw) {
        let opened = self.opened.borrow().clone();
        let device = self.device.borrow().clone();
        let (Some(opened), Some(device)) = (opened, device) else {
            return fail(About::Checkpoint, "There is nothing to draw with yet: train, or open a checkpoint.");
        };
        let meta = &opened.checkpoint.meta;
        match opened.sampler.draw(what, &device.device).await {
            Ok(pictures) => {
                let grid = pictures.grid();
                let (step, nimg) = (meta.progress.step, meta.progress.nimg);
                post_event(Event::Samples { step, nimg, seed: what.seed, grid, epoch: None, path: None });
            }
            Err(error) => fail(About::Device, error),
        }
    }

    fn start(self: &Rc<Self>, config: RunConfig, resume: bool) {
        if self.commands.borrow().is_some() {
            return fail(About::Run, "A run is under way already; stop it first.");
        }
        let (device, data) = (self.device.borrow().clone(), self.data.borrow().clone());
        let (Some(device), Some(data)) = (device, data) else {
            return fail(About::Run, "The pictures are not ready yet; wait for them, or drop some.");
        };
        let made = if resume {
            let opened = self.opened.borrow().clone();
            let Some(opened) = opened else {
                return fail(About::Run, "There is no open checkpoint to go on from; open one.");
            };
            resumed_config(&opened.checkpoint, &config)
                .validate()
                .map_err(Into::into)
                .and_then(|config| Run::resume(&opened.checkpoint, config, data, device))
        } else {
            config.validate().map_err(Into::into).and_then(|config| Run::new(config, data, device))
        };
        match made {
            Err(error) => fail(About::Run, error),
            Ok((run, commands)) => {
                *self.commands.borrow_mut() = Some(commands);
                // From here on the run is what pictures are drawn with.
                *self.opened.borrow_mut() = None;
                spawn_local(self.clone().follow(run));
            }
        }
    }

    /// Polls the run to its end.
    async fn follow(self: Rc<Self>, mut run: Run) {
        while let Some(event) = run.next().await {
            if let Some(fault) = faults::take_graphics_fault() {
                post_event(Event::Failed { kind: FailureKind::Device, message: graphics_fault(&fault) });
                break;
            }
            self.keep_last(&event);
            post_event(event);
        }
        *self.commands.borrow_mut() = None;
    }

    /// What a run ends with is open from then on, so that more pictures can be drawn with it.
    fn keep_last(&self, event: &Event) {
        let Event::Checkpoint { reason: CheckpointReason::Last, bytes, .. } = event else { return };
        let Some(device) = self.device.borrow().clone() else { return };
        match Opened::read(bytes, &device) {
            Ok(opened) => *self.opened.borrow_mut() = Some(Rc::new(opened)),
            Err(error) => fail(About::Checkpoint, format!("The last checkpoint cannot be drawn with: {error}.")),
        }
    }

    fn command(&self, command: Command) {
        match &*self.commands.borrow() {
            Some(commands) => {
                let _ = commands.try_send(command);
            }
            None => fail(About::Run, "No run is under way."),
        }
    }
}

/// A checkpoint of ours, or the PyTorch tutorial's networks as one; true if a discriminator had to be made up.
async fn read_or_import(bytes: &[u8], device: &OpenDevice) -> Result<(Checkpoint, bool), CheckpointError> {
    match Checkpoint::from_bytes(bytes) {
        Err(foreign @ CheckpointError::Foreign { .. }) => match import_safetensors(bytes, &device.device).await {
            Ok(Some(Imported { checkpoint, has_fresh_discriminator })) => Ok((checkpoint, has_fresh_discriminator)),
            // No such networks, or no safetensors file at all.
            Ok(None) | Err(CheckpointError::Import(ImportError::File { .. })) => Err(foreign),
            Err(error) => Err(error),
        },
        result => result.map(|checkpoint| (checkpoint, false)),
    }
}

/// The checkpoint's networks and optimisers; when to stop and when to report are the page's to choose.
fn resumed_config(checkpoint: &Checkpoint, asked: &RunConfig) -> RunConfig {
    let mut config = checkpoint.meta.config.clone();
    config.output = asked.output.clone();
    config.train.length = asked.train.length;
    config
}
