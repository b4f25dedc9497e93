//! Runs to watch: `whelp serve --run RUN` and `whelp train --serve`.
//!
//! Whoever watches reads what the run writes anyway: its folder. So a run has nothing to do with those who watch it, is slowed down
//! by none of them, and is shown in the same way when it has ended, or when it is trained by another process or on another computer
//! that sees the folder. What a viewer asks of a run goes the way of `whelp ctl`.

mod record;
mod runs;
mod tail;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use whelp::protocol::FailureKind;
use whelp::session::{About as Subject, Problem, Reply};
use whelp::watch::{ABOUT_PATH, About, Ask, INVITATION, SOCKET_PATH, SOCKET_PROTOCOL, Told, WatchedRun, Wish, pack};
use whelp_server::{Guard, Invitation, Server, Source, Token, Viewer, Watching};

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
pub fn of_folder(server: Server, root: &Path, guard: Guard) -> Result<Watching, Failure> {
    watching(server, Runs::below(root)?, guard, None)
}

/// A server with the run in `root` to watch, which may be about to begin. `known`: the token that whoever watches has already.
///
/// # Errors
/// If the system has no random numbers.
pub fn of_run(server: Server, root: &Path, guard: Guard, known: Option<Token>) -> Result<Watching, Failure> {
    watching(server, Runs::only(root), guard, known)
}

fn watching(server: Server, runs: Runs, guard: Guard, known: Option<Token>) -> Result<Watching, Failure> {
    let host = lock::host();
    let invitation = Invitation {
        html: format!("<meta name=\"{INVITATION}\">\n"),
        about: ABOUT_PATH,
        socket: SOCKET_PATH,
        protocol: SOCKET_PROTOCOL,
    };
    let source = Arc::new(Watched::new(host.clone(), runs));
    // People leave out the domain.
    let short = host.split_once('.').map(|(short, _)| short.to_owned());
    let names = [host].into_iter().chain(short).collect();
    server.watching(source, invitation, names, guard, known).map_err(Failure::fault)
}

/// What is watched.
///
/// What viewers are told is behind one lock, and what files are read for behind another: a file server that takes its time holds up
/// [`Source::look`], which has a thread for that, and no viewer.
struct Watched {
    host: String,
    told: Mutex<News>,
    /// Locked by whoever looks.
    files: Mutex<Files>,
    /// Of the runs that are being shown.
    records: Mutex<HashMap<String, Weak<Record>>>,
}

/// What there is to tell of all runs together, and what was asked. It is never locked while files are read or written.
#[derive(Default)]
struct News {
    list: Vec<WatchedRun>,
    /// Where runs lie, by their ids.
    paths: HashMap<String, PathBuf>,
    /// Counts the lists.
    version: u64,
    /// What was wished: the run's id, by whom, and what.
    wishes: Vec<(String, u64, Wish)>,
    /// Answers by who asked.
    answers: HashMap<u64, Vec<Message>>,
    /// Counts the viewers.
    viewers: u64,
}

impl News {
    fn refuse(&mut self, viewer: u64, problem: Problem) {
        // Of those who are still there.
        if let Some(answers) = self.answers.get_mut(&viewer) {
            let reply = Box::new(Reply::Failed { about: Subject::Run, problem });
            answers.push(message(&Told::Reply { reply }));
        }
    }
}

/// What is read of the runs' folders, and written there.
struct Files {
    runs: Runs,
    listed: Option<Instant>,
    /// What was asked of runs, not answered yet: the run's folder, who asked, and where the answer will be.
    asked: Vec<(PathBuf, u64, Asked)>,
}

impl Files {
    /// The runs as they are now; none if they were listed a moment ago.
    fn list(&mut self) -> Option<Vec<WatchedRun>> {
        if self.listed.is_some_and(|listed| listed.elapsed() < LIST_RHYTHM) {
            return None;
        }
        let list = self.runs.list();
        self.listed = Some(Instant::now());
        Some(list)
    }

    /// Passes a wish on to a run.
    fn ask(&mut self, root: PathBuf, viewer: u64, wish: Wish) -> Result<(), Problem> {
        if !RunLock::is_held(&root) {
            return Err(Problem::NoRun);
        }
        let asked = Asked::of(&root, wish.into()).map_err(|failure| failed(failure.to_string()))?;
        self.asked.push((root, viewer, asked));
        Ok(())
    }

    /// Collects answers that are refusals, with who asked.
    fn hear(&mut self) -> Vec<(u64, Problem)> {
        let mut refusals = Vec::new();
        for (root, viewer, asked) in std::mem::take(&mut self.asked) {
            match asked.take() {
                // The run's own events tell what was done.
                Some(answer) if answer.done => {}
                Some(answer) => refusals.push((viewer, failed(answer.message))),
                None if RunLock::is_held(&root) => self.asked.push((root, viewer, asked)),
                // It may have answered last of all.
                None => match asked.take() {
                    Some(answer) if answer.done => {}
                    Some(answer) => refusals.push((viewer, failed(answer.message))),
                    None => {
                        asked.withdraw();
                        refusals.push((viewer, Problem::NoRun));
                    }
                },
            }
        }
        refusals
    }
}

impl Watched {
    fn new(host: String, runs: Runs) -> Self {
        let told = Mutex::new(News { paths: runs.paths().clone(), ..News::default() });
        let files = Mutex::new(Files { runs, listed: None, asked: Vec::new() });
        Self { host, told, files, records: Mutex::default() }
    }

    fn told(&self) -> MutexGuard<'_, News> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn records(&self) -> MutexGuard<'_, HashMap<String, Weak<Record>>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a run; none if there is no such run.
    fn record(&self, id: &str) -> Option<Arc<Record>> {
        let root = self.told().paths.get(id)?.clone();
        let mut records = self.records();
        if let Some(record) = records.get(id).and_then(Weak::upgrade) {
            return Some(record);
        }
        let record = Arc::new(Record::new(id, &root));
        records.insert(id.to_owned(), Arc::downgrade(&record));
        Some(record)
    }

    /// Looks at the folders: passes wishes on, collects answers, and lists the runs.
    fn look_at_all(&self) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let wishes: Vec<_> = {
            let mut told = self.told();
            let wishes = std::mem::take(&mut told.wishes).into_iter();
            wishes.map(|(id, viewer, wish)| (told.paths.get(&id).cloned(), viewer, wish)).collect()
        };
        let mut refusals = files.hear();
        for (root, viewer, wish) in wishes {
            let asked = root.map_or(Err(Problem::NoRun), |root| files.ask(root, viewer, wish));
            refusals.extend(asked.err().map(|problem| (viewer, problem)));
        }
        let list = files.list();
        let mut told = self.told();
        refusals.into_iter().for_each(|(viewer, problem)| told.refuse(viewer, problem));
        if let Some(list) = list.filter(|list| *list != told.list || told.version == 0) {
            (told.list, told.paths) = (list, files.runs.paths().clone());
            told.version += 1;
        }
    }
}

impl Source for Watched {
    fn about(&self) -> String {
        serde_json::to_string(&About { host: self.host.clone() }).unwrap_or_default()
    }

    fn look(&self) {
        self.look_at_all();
        let shown: Vec<Arc<Record>> = {
            let mut records = self.records();
            records.retain(|_, record| record.strong_count() > 0);
            records.values().filter_map(Weak::upgrade).collect()
        };
        shown.iter().for_each(|record| record.look());
    }

    fn viewer(self: Arc<Self>) -> Box<dyn Viewer> {
        let number = {
            let mut told = self.told();
            told.viewers += 1;
            let number = told.viewers;
            told.answers.insert(number, Vec::new());
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

impl Viewer for Watcher {
    fn ask(&mut self, message: &str) {
        match serde_json::from_str(message) {
            Ok(Ask::Show { run }) => {
                self.shown = self.watched.record(&run).map(|record| (run, record, Place::default()));
                if self.shown.is_none() {
                    self.watched.told().refuse(self.number, Problem::NoRun);
                }
            }
            Ok(Ask::Have { wish }) => {
                let mut told = self.watched.told();
                match &self.shown {
                    Some((id, ..)) => told.wishes.push((id.clone(), self.number, wish)),
                    None => told.refuse(self.number, Problem::NoRun),
                }
            }
            // No page of this version asks for anything else.
            Err(_) => {}
        }
    }

    fn next(&mut self) -> Option<Message> {
        {
            let mut told = self.watched.told();
            if told.version != self.version {
                self.version = told.version;
                return Some(message(&Told::Runs { runs: told.list.clone() }));
            }
            if let Some(answers) = told.answers.get_mut(&self.number).filter(|answers| !answers.is_empty()) {
                return Some(answers.remove(0));
            }
        }
        let (_, record, place) = self.shown.as_mut()?;
        record.next(place)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.watched.told().answers.remove(&self.number);
    }
}

fn failed(message: String) -> Problem {
    Problem::Failed { failure: FailureKind::Input, message }
}

fn message(told: &Told) -> Message {
    pack(told, &[]).into()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::sync::mpsc;

    use tempfile::TempDir;
    use whelp::watch::unpack;

    use super::*;

    /// A folder of a file server that does not answer: whoever reads its settings waits.
    #[cfg(unix)]
    #[test]
    fn a_file_server_that_hangs_holds_up_no_viewer() {
        let place = TempDir::new().unwrap();
        for run in ["good", "stuck"] {
            fs::create_dir(place.path().join(run)).unwrap();
            File::create(place.path().join(run).join("events.jsonl")).unwrap();
        }
        let settings = place.path().join("stuck/run.json");
        let watched = Arc::new(Watched::new("here".to_owned(), Runs::below(place.path()).unwrap()));
        nix::unistd::mkfifo(&settings, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let looking = {
            let watched = watched.clone();
            std::thread::spawn(move || watched.look())
        };
        // Until it waits there.
        let writer = File::options().write(true).open(&settings).unwrap();
        let (done, is_done) = mpsc::channel();
        let asking = {
            let mut viewer = watched.clone().viewer();
            std::thread::spawn(move || {
                viewer.ask("{\"type\":\"show\",\"run\":\"nowhere\"}");
                let answer = viewer.next().map(|answer| unpack(&answer).unwrap().0);
                viewer.ask("{\"type\":\"show\",\"run\":\"stuck\"}");
                viewer.ask("{\"type\":\"have\",\"wish\":\"pause\"}");
                assert!(viewer.next().is_none(), "nothing is known yet");
                done.send(answer).unwrap();
                viewer
            })
        };
        let answer = is_done.recv_timeout(Duration::from_secs(20)).expect("without waiting for the files");
        assert!(matches!(answer, Some(Told::Reply { .. })), "{answer:?}");
        assert!(!looking.is_finished());
        drop(writer);
        looking.join().unwrap();
        // What was wished meanwhile is refused: nobody trains that run.
        fs::remove_file(&settings).unwrap();
        let mut viewer = asking.join().unwrap();
        watched.look();
        let told: Vec<Told> = std::iter::from_fn(|| viewer.next()).map(|told| unpack(&told).unwrap().0).collect();
        assert!(matches!(told[0], Told::Runs { .. }), "{told:?}");
        let refused = |told: &Told| matches!(told, Told::Reply { reply } if matches!(**reply, Reply::Failed { .. }));
        assert!(told.iter().any(refused), "{told:?}");
    }
}
