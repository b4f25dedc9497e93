//! A page that watches a run of the program that serves it, instead of training. It shows what it is told in the same store.

use js_sys::ArrayBuffer;
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::time::Duration;
use wasm_bindgen_futures::JsFuture;
use web_sys::Storage;
use whelp::data::DataSummary;
use whelp::history::History;
use whelp::protocol::{Command, Event, Progress};
use whelp::session::{Reply, Request};
use whelp::watch::{Ask, INVITATION, RunState, Told, WatchedRun};

use super::client::Client;
use super::notices::Tone;
use super::scores::{ScoreHistory, best_in_words};
use super::socket::{Silence, Socket, ask_about};
use super::store::{Best, Phase, Store};
use super::{format, wording};

/// The first wait before the connection is tried again, and the longest.
const WAITS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(15)];

/// Under which the tab keeps the token, which is in the address only at first.
const TOKEN: &str = "whelp-token";

/// Whether the page's server has runs to watch, and says so.
pub fn is_invited() -> bool {
    document().query_selector(&format!("meta[name={INVITATION}]")).is_ok_and(|found| found.is_some())
}

/// What a page that watches knows beside the [`Store`].
#[derive(Clone, Copy)]
pub struct Watching {
    /// The machine that the runs are on; empty until it has said so.
    pub host: RwSignal<String>,
    pub link: RwSignal<Link>,
    /// The runs to choose from.
    pub runs: RwSignal<Vec<WatchedRun>>,
    /// The id of the run that is shown.
    pub shown: RwSignal<Option<String>>,
    /// Whether a process trains it.
    pub is_live: RwSignal<bool>,
    pub beginning: RwSignal<Option<Beginning>>,
    /// The newest checkpoint, in a sentence.
    pub saved: RwSignal<Option<String>>,
    /// Whether one has been asked for.
    pub is_saving: RwSignal<bool>,
    /// Whether the page asks if the run is really to end.
    pub asks_stop: RwSignal<bool>,
    /// Why the run failed.
    pub failure: RwSignal<Option<String>>,
}

/// The connection to the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    Opening,
    Open,
    /// It is tried again.
    Lost,
    /// For want of a token.
    Refused,
}

/// What a run told when it began.
#[derive(Clone, Debug, PartialEq)]
pub struct Beginning {
    pub device: String,
    pub generator_parameters: usize,
    pub discriminator_parameters: usize,
    pub data: DataSummary,
}

impl Watching {
    pub fn new() -> Self {
        Self {
            host: RwSignal::new(String::new()),
            link: RwSignal::new(Link::Opening),
            runs: RwSignal::new(Vec::new()),
            shown: RwSignal::new(None),
            is_live: RwSignal::new(false),
            beginning: RwSignal::new(None),
            saved: RwSignal::new(None),
            is_saving: RwSignal::new(false),
            asks_stop: RwSignal::new(false),
            failure: RwSignal::new(None),
        }
    }

    /// Whether the run can be asked for something.
    pub fn can_ask(self) -> bool {
        self.link.get() == Link::Open && self.is_live.get()
    }

    /// Connects, and connects again whenever the connection is lost.
    pub fn connect(self, store: Store) {
        spawn_local(async move {
            let token = token();
            let mut wait = WAITS[0];
            loop {
                match ask_about(token.as_deref()).await {
                    Ok(about) => {
                        self.host.set(about.host);
                        if self.follow(store, token.as_deref()).await {
                            wait = WAITS[0];
                        }
                    }
                    Err(Silence::Refused) => return self.link.set(Link::Refused),
                    Err(Silence::Gone) => {}
                }
                self.link.set(Link::Lost);
                sleep(wait).await;
                wait = (2 * wait).min(WAITS[1]);
            }
        });
    }

    /// Shows what is told, until the connection ends. Returns whether there was one.
    async fn follow(self, store: Store, token: Option<&str>) -> bool {
        let on_told = move |told, bytes| self.take(store, told, bytes);
        let on_unreadable = move |reason| {
            let text = format!("Page and program are of different versions ({reason}). Reload the page.");
            store.notices.show(Tone::Error, text, &[]);
        };
        let Ok((socket, closed)) = Socket::open(token, on_told, on_unreadable) else { return false };
        store.client.set_value(Some(Client::Socket(socket)));
        let _ = JsFuture::from(closed).await;
        store.client.set_value(None);
        self.is_saving.set(false);
        self.link.get_untracked() == Link::Open
    }

    /// Shows another run.
    pub fn show(self, store: Store, run: String) {
        store.client.with_value(|client| {
            if let Some(Client::Socket(socket)) = client {
                // If the connection is gone, the next one begins with a choice.
                let _ = socket.ask(&Ask::Show { run });
            }
        });
    }

    pub fn save(self, store: Store) {
        self.is_saving.set(true);
        store.post(&Request::Run { command: Command::Save }, None, None);
    }

    pub fn sample(self, store: Store) {
        // What is drawn is the program's choice.
        let command = Command::Sample { count: 0, seed: 0, class: None, truncation_psi: 1.0 };
        store.post(&Request::Run { command }, None, None);
    }

    fn take(self, store: Store, told: Told, bytes: Option<ArrayBuffer>) {
        match told {
            Told::Runs { runs } => {
                // The first message of a connection.
                if self.link.get_untracked() != Link::Open {
                    self.link.set(Link::Open);
                    if let Some(run) = choice(&runs, self.shown.get_untracked().as_deref()) {
                        self.show(store, run);
                    }
                }
                self.runs.set(runs);
            }
            Told::Run { id } => self.begin(store, id),
            Told::History { history } => store.losses.set(history),
            Told::Live { is_live } => {
                self.is_live.set(is_live);
                let is_active = store.phase.get_untracked().is_active();
                match (is_live, self.beginning.with_untracked(Option::is_some)) {
                    (true, false) => store.phase.set(Phase::Starting),
                    (false, _) if is_active => store.phase.set(Phase::Idle),
                    (true, true) | (false, _) => {}
                }
            }
            Told::Reply { reply } => match *reply {
                Reply::Event { event } => self.event(store, *event, bytes),
                reply => {
                    self.is_saving.set(false);
                    store.apply(reply, bytes);
                }
            },
        }
    }

    /// Forgets the run before.
    fn begin(self, store: Store, id: String) {
        // Whoever missed much is told everything anew, and goes on with what is being asked.
        if self.shown.with_untracked(|shown| shown.as_ref() != Some(&id)) {
            self.asks_stop.set(false);
        }
        self.shown.set(Some(id));
        self.is_live.set(false);
        self.beginning.set(None);
        self.saved.set(None);
        self.is_saving.set(false);
        self.failure.set(None);
        store.losses.set(History::default());
        store.scores.set(ScoreHistory::default());
        store.best.set(None);
        store.diagnosis.set(None);
        store.forget_snapshots();
        store.samples.set(None);
        store.progress.set(Progress::default());
        store.phase.set(Phase::Idle);
    }

    fn event(self, store: Store, event: Event, bytes: Option<ArrayBuffer>) {
        match event {
            // The program keeps them.
            Event::Checkpoint { step, path, .. } => {
                self.is_saving.set(false);
                let path = path.map_or_else(String::new, |path| format!(": {path}"));
                self.saved.set(Some(format!("The newest checkpoint is of step {}{path}", format::full(step))));
            }
            Event::Best { nimg, score, .. } => {
                store.best.set(Some(Best { saved: None, why: best_in_words(nimg, &score) }));
            }
            Event::Failed { kind, message } => {
                self.failure.set(Some(wording::of_failure(kind, &message, true)));
                store.phase.set(Phase::Broken);
            }
            event => {
                if let Event::Started { device, generator_parameters, discriminator_parameters, data, .. } = &event {
                    let (device, data) = (device.clone(), data.clone());
                    self.failure.set(None);
                    let beginning = Beginning {
                        device,
                        generator_parameters: *generator_parameters,
                        discriminator_parameters: *discriminator_parameters,
                        data,
                    };
                    self.beginning.set(Some(beginning));
                }
                store.apply(Reply::Event { event: Box::new(event) }, bytes);
            }
        }
    }
}

/// The run to show first: the one that was shown before, else one that is being trained, else the latest.
fn choice(runs: &[WatchedRun], before: Option<&str>) -> Option<String> {
    let known = runs.iter().find(|run| Some(run.id.as_str()) == before);
    let live = || runs.iter().find(|run| matches!(run.state, RunState::Training | RunState::Paused));
    known.or_else(live).or_else(|| runs.first()).map(|run| run.id.clone())
}

/// The token of the link that was opened. It is taken out of the address, which is seen and shared, and kept for a reload.
fn token() -> Option<String> {
    let location = window().location();
    let hash = location.hash().unwrap_or_default();
    let storage = || -> Option<Storage> { window().session_storage().ok()? };
    match hash.strip_prefix("#token=") {
        Some(token) => {
            if let Some(storage) = storage() {
                let _ = storage.set_item(TOKEN, token);
                let _ = location.replace("#");
            }
            Some(token.to_owned())
        }
        None => storage()?.get_item(TOKEN).ok()?,
    }
}

async fn sleep(time: Duration) {
    let slept = js_sys::Promise::new(&mut |resolve, _| {
        let _ = window().set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, time.as_millis() as i32);
    });
    let _ = JsFuture::from(slept).await;
}

/// What the run is doing, in a sentence. `seen`: pictures, in words.
pub fn sentence(phase: Phase, is_live: bool, seen: &str, failure: Option<&str>) -> String {
    use whelp::protocol::FinishReason;
    match phase {
        Phase::Idle if is_live => "It is about to begin.".to_owned(),
        Phase::Idle => format!("It was interrupted after {seen} pictures. The command that began it goes on with it."),
        Phase::Starting => "It is about to begin.".to_owned(),
        Phase::Training => "It is training.".to_owned(),
        Phase::Pausing => "It pauses after this step…".to_owned(),
        Phase::Paused => "It is paused, and stays in memory.".to_owned(),
        Phase::Resuming => "It goes on…".to_owned(),
        Phase::Stopping => "It saves a last checkpoint, and ends…".to_owned(),
        Phase::Finished(FinishReason::Completed) => format!("It has finished after {seen} pictures."),
        Phase::Finished(FinishReason::Stopped) => {
            format!("It was stopped after {seen} pictures. The command that began it goes on with it.")
        }
        Phase::Finished(FinishReason::Stalled) => {
            format!("It ended after {seen} pictures, because its scores got no better.")
        }
        Phase::Broken => format!("It has failed. {}", failure.unwrap_or_default()).trim_end().to_owned(),
    }
}

/// What a run in the list is doing.
pub fn state_in_words(state: RunState) -> &'static str {
    match state {
        RunState::Training => "training",
        RunState::Paused => "paused",
        RunState::Ended => "ended",
        RunState::Failed => "failed",
        RunState::Interrupted => "interrupted",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(id: &str, state: RunState) -> WatchedRun {
        let progress = Progress::default();
        WatchedRun {
            id: id.to_owned(),
            recipe: "dcgan32".to_owned(),
            resolution: 32.into(),
            progress,
            state,
            changed_ms: 0,
        }
    }

    #[test]
    fn a_run_that_is_trained_is_shown_first_and_a_choice_is_kept() {
        let runs = [run("a", RunState::Ended), run("b", RunState::Paused), run("c", RunState::Training)];
        assert_eq!(choice(&runs, None).as_deref(), Some("b"));
        assert_eq!(choice(&runs, Some("a")).as_deref(), Some("a"));
        assert_eq!(choice(&runs, Some("gone")).as_deref(), Some("b"));
        assert_eq!(choice(&runs[..1], None).as_deref(), Some("a"));
        assert_eq!(choice(&[], None), None);
    }

    #[test]
    fn every_state_is_told_in_whole_sentences() {
        use whelp::protocol::FinishReason;
        let ends = [FinishReason::Completed, FinishReason::Stopped, FinishReason::Stalled].map(Phase::Finished);
        let others = [Phase::Idle, Phase::Starting, Phase::Training, Phase::Pausing, Phase::Paused, Phase::Resuming];
        for phase in ends.into_iter().chain(others).chain([Phase::Stopping, Phase::Broken]) {
            for is_live in [true, false] {
                let text = sentence(phase, is_live, "12 k", Some("loss/g is NaN."));
                assert!(text.starts_with("It ") && text.ends_with(['.', '…']), "{text}");
            }
        }
    }
}
