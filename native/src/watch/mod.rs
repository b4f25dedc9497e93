//! Runs to watch: `whelp serve --run RUN` and `whelp train --serve`.
//!
//! Whoever watches reads what the run writes anyway: its folder. So a run has nothing to do with those who watch it, is slowed down
//! by none of them, and is shown in the same way when it has ended, or when it is trained by another process or on another computer
//! that sees the folder. What a viewer asks of a run goes the way of `whelp ctl`.

mod record;
mod runs;
mod tail;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use whelp::protocol::FailureKind;
use whelp::session::{About as Subject, Problem, Reply};
use whelp::watch::{ABOUT_PATH, About, Ask, INVITATION, SOCKET_PATH, SOCKET_PROTOCOL, Told, WatchedRun, Wish, pack};
use whelp_server::{Invitation, Server, Source, Viewer, Watching};

use crate::control::Asked;
use crate::failure::Failure;
use crate::lock::{self, RunLock};

use record::{Place, Record};
use runs::Runs;

/// Bytes of a message, which all viewers share.
type Message = bytes::Bytes;

/// How often folders are looked through for runs.
const LIST_RHYTHM: Duration = Duration::from_secs(2);

/// A server with the run in `root` to watch, or with those in the folders in it.
///
/// # Errors
/// If there is no run, or if the system has no random numbers.
pub fn of_folder(server: Server, root: &Path) -> Result<Watching, Failure> {
    watching(server, Runs::below(root)?)
}

/// A server with the run in `root` to watch, which may be about to begin.
///
/// # Errors
/// If the system has no random numbers.
pub fn of_run(server: Server, root: &Path) -> Result<Watching, Failure> {
    watching(server, Runs::only(root))
}

fn watching(server: Server, runs: Runs) -> Result<Watching, Failure> {
    let host = lock::host();
    let invitation = Invitation {
        html: format!("<meta name=\"{INVITATION}\">\n"),
        about: ABOUT_PATH,
        socket: SOCKET_PATH,
        protocol: SOCKET_PROTOCOL,
    };
    let (state, records) = (Mutex::new(State::new(runs)), Mutex::default());
    let source = Arc::new(Watched { host: host.clone(), state, records });
    // People leave out the domain.
    let short = host.split_once('.').map(|(short, _)| short.to_owned());
    server.watching(source, invitation, [host].into_iter().chain(short).collect()).map_err(Failure::fault)
}

/// What is watched.
struct Watched {
    host: String,
    state: Mutex<State>,
    /// Of the runs that are being shown.
    records: Mutex<HashMap<String, Weak<Record>>>,
}

/// What is told of all runs together.
struct State {
    runs: Runs,
    listed: Option<Instant>,
    list: Vec<WatchedRun>,
    /// Counts the lists.
    version: u64,
    /// What was asked of runs, not answered yet: the run's id, who asked, and where the answer will be.
    asked: Vec<(String, u64, Asked)>,
    /// Answers by who asked.
    answers: HashMap<u64, Vec<Message>>,
    /// Counts the viewers.
    viewers: u64,
}

impl State {
    fn new(runs: Runs) -> Self {
        let (list, answers) = (Vec::new(), HashMap::new());
        Self { runs, listed: None, list, version: 0, asked: Vec::new(), answers, viewers: 0 }
    }

    fn list(&mut self) {
        if self.listed.is_some_and(|listed| listed.elapsed() < LIST_RHYTHM) {
            return;
        }
        let list = self.runs.list();
        self.listed = Some(Instant::now());
        if list != self.list || self.version == 0 {
            self.list = list;
            self.version += 1;
        }
    }

    /// Collects answers.
    fn hear(&mut self) {
        for (id, viewer, asked) in std::mem::take(&mut self.asked) {
            let is_live = || self.runs.path(&id).is_some_and(|root| RunLock::is_held(&root));
            match asked.take() {
                // The run's own events tell what was done.
                Some(answer) if answer.done => {}
                Some(answer) => self.refuse(viewer, failed(answer.message)),
                None if is_live() => self.asked.push((id, viewer, asked)),
                // It may have answered last of all.
                None => match asked.take() {
                    Some(answer) if answer.done => {}
                    Some(answer) => self.refuse(viewer, failed(answer.message)),
                    None => {
                        asked.withdraw();
                        self.refuse(viewer, Problem::NoRun);
                    }
                },
            }
        }
    }

    fn refuse(&mut self, viewer: u64, problem: Problem) {
        // Of those who are still there.
        if let Some(answers) = self.answers.get_mut(&viewer) {
            let reply = Box::new(Reply::Failed { about: Subject::Run, problem });
            answers.push(message(&Told::Reply { reply }));
        }
    }
}

impl Watched {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn records(&self) -> MutexGuard<'_, HashMap<String, Weak<Record>>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a run; none if there is no such run.
    fn record(&self, id: &str) -> Option<Arc<Record>> {
        let root = self.state().runs.path(id)?;
        let mut records = self.records();
        if let Some(record) = records.get(id).and_then(Weak::upgrade) {
            return Some(record);
        }
        let record = Arc::new(Record::new(id, &root));
        records.insert(id.to_owned(), Arc::downgrade(&record));
        Some(record)
    }
}

impl Source for Watched {
    fn about(&self) -> String {
        serde_json::to_string(&About { host: self.host.clone() }).unwrap_or_default()
    }

    fn look(&self) {
        {
            let mut state = self.state();
            state.hear();
            state.list();
        }
        let shown: Vec<Arc<Record>> = {
            let mut records = self.records();
            records.retain(|_, record| record.strong_count() > 0);
            records.values().filter_map(Weak::upgrade).collect()
        };
        shown.iter().for_each(|record| record.look());
    }

    fn viewer(self: Arc<Self>) -> Box<dyn Viewer> {
        let number = {
            let mut state = self.state();
            state.viewers += 1;
            let number = state.viewers;
            state.answers.insert(number, Vec::new());
            number
        };
        Box::new(Watcher { watched: self, number, version: 0, shown: None })
    }
}

/// Somebody who watches.
struct Watcher {
    watched: Arc<Watched>,
    number: u64,
    /// Of the list that was told.
    version: u64,
    shown: Option<(String, Arc<Record>, Place)>,
}

impl Watcher {
    fn have(&self, wish: Wish) {
        let mut state = self.watched.state();
        let Some((id, ..)) = &self.shown else { return state.refuse(self.number, Problem::NoRun) };
        let Some(root) = state.runs.path(id).filter(|root| RunLock::is_held(root)) else {
            return state.refuse(self.number, Problem::NoRun);
        };
        match Asked::of(&root, wish.into()) {
            Ok(asked) => state.asked.push((id.clone(), self.number, asked)),
            Err(failure) => state.refuse(self.number, failed(failure.to_string())),
        }
    }
}

impl Viewer for Watcher {
    fn ask(&mut self, message: &str) {
        match serde_json::from_str(message) {
            Ok(Ask::Show { run }) => {
                self.shown = self.watched.record(&run).map(|record| (run, record, Place::default()));
                if self.shown.is_none() {
                    self.watched.state().refuse(self.number, Problem::NoRun);
                }
            }
            Ok(Ask::Have { wish }) => self.have(wish),
            // No page of this version asks for anything else.
            Err(_) => {}
        }
    }

    fn next(&mut self) -> Option<Message> {
        {
            let mut state = self.watched.state();
            if state.version != self.version {
                self.version = state.version;
                return Some(message(&Told::Runs { runs: state.list.clone() }));
            }
            if let Some(answers) = state.answers.get_mut(&self.number).filter(|answers| !answers.is_empty()) {
                return Some(answers.remove(0));
            }
        }
        let (_, record, place) = self.shown.as_mut()?;
        record.next(place)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.watched.state().answers.remove(&self.number);
    }
}

fn failed(message: String) -> Problem {
    Problem::Failed { failure: FailureKind::Input, message }
}

fn message(told: &Told) -> Message {
    pack(told, &[]).into()
}
