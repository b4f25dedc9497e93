//! Runs that are watched: `whelp train --serve` and `whelp serve --run`.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use tempfile::TempDir;
use tokio_websockets::{ClientBuilder, Message, WebSocketStream};
use whelp::protocol::{CheckpointReason, Event, FinishReason};
use whelp::session::{Problem, Reply};
use whelp::watch::{Ask, RunState, SOCKET_PROTOCOL, Told, WatchedRun, Wish, unpack};

use super::night::train;
use super::{pictures, refused, succeed, whelp};

const PATIENCE: Duration = Duration::from_secs(240);

/// A program that serves, ended with the test.
struct Program {
    process: Child,
    link: String,
    address: SocketAddr,
    /// So that what it prints further finds a reader.
    _err: Option<BufReader<ChildStderr>>,
    _out: Option<BufReader<ChildStdout>>,
}

impl Program {
    /// Starts a training that says on stderr where it is shown.
    fn train(command: &mut Command) -> Self {
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut err = BufReader::new(process.stderr.take().unwrap());
        let link = link(&mut err);
        Self { address: address(&link), process, link, _err: Some(err), _out: None }
    }

    /// Starts `whelp serve --run`, which says it on stdout.
    fn serve(place: &Path, run: &str, more: &[&str]) -> Self {
        let mut command = whelp(place);
        command.args(["serve", "--page", "page", "--port", "0", "--run", run]).args(more);
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(process.stdout.take().unwrap());
        let link = link(&mut out);
        Self { address: address(&link), process, link, _err: None, _out: Some(out) }
    }

    fn token(&self) -> Option<&str> {
        self.link.split_once("#token=").map(|(_, token)| token)
    }

    fn status(&self, path: &str, headers: &str) -> String {
        self.status_at(&self.address.to_string(), path, headers)
    }

    /// The same of a server that is reached by this name.
    fn status_at(&self, host: &str, path: &str, headers: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().to_owned()
    }

    async fn watch(&self) -> Page {
        let stream = tokio::net::TcpStream::connect(self.address).await.unwrap();
        let token = self.token().map_or_else(String::new, |token| format!(", {token}"));
        let client = ClientBuilder::from_uri(format!("ws://{}/watch", self.address).parse().unwrap());
        let (name, value) = ("sec-websocket-protocol", format!("{SOCKET_PROTOCOL}{token}"));
        let client = client.add_header(name.parse().unwrap(), value.parse().unwrap()).unwrap();
        Page(client.connect_on(stream).await.unwrap().0)
    }

    fn end(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "it did not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The link in what a program prints.
fn link(printed: &mut impl BufRead) -> String {
    let mut said = String::new();
    loop {
        let mut line = String::new();
        assert!(printed.read_line(&mut line).unwrap() > 0, "no link in {said}");
        if let Some(place) = line.find("http://") {
            return line[place..].split_whitespace().next().unwrap().to_owned();
        }
        said += &line;
    }
}

/// Where a link is reached on this machine.
fn address(link: &str) -> SocketAddr {
    let port = link.rsplit(':').next().unwrap().split('/').next().unwrap();
    SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap()))
}

/// As the page watches.
struct Page(WebSocketStream<tokio::net::TcpStream>);

impl Page {
    async fn ask(&mut self, ask: &Ask) {
        self.0.send(Message::text(serde_json::to_string(ask).unwrap())).await.unwrap();
    }

    async fn have(&mut self, wish: Wish) {
        self.ask(&Ask::Have { wish }).await;
    }

    /// The next message and what is beside it; none at the end.
    async fn next(&mut self) -> Option<(Told, Vec<u8>)> {
        loop {
            let message = match self.0.next().await? {
                Ok(message) if message.is_close() => return None,
                Ok(message) => message,
                Err(error) => panic!("{error}"),
            };
            if message.is_binary() {
                let (told, payload) = unpack(message.as_payload()).unwrap();
                return Some((told, payload.to_vec()));
            }
        }
    }

    /// Passes over messages up to the first of which something is wanted.
    async fn until<T>(&mut self, what: &str, find: impl Fn(Told, Vec<u8>) -> Option<T>) -> T {
        let found = async {
            loop {
                let (told, payload) = self.next().await.unwrap_or_else(|| panic!("it ended before {what}"));
                if let Some(found) = find(told, payload) {
                    return found;
                }
            }
        };
        // Before the whole test is given up, so that it is known what did not come.
        tokio::time::timeout(PATIENCE / 2, found).await.unwrap_or_else(|_| panic!("{what} did not come in time"))
    }

    async fn event<T>(&mut self, what: &str, find: impl Fn(Event, Vec<u8>) -> Option<T>) -> T {
        let of_told = |told, payload| match reply(told)? {
            Reply::Event { event } => find(*event, payload),
            _ => None,
        };
        self.until(what, of_told).await
    }

    async fn runs(&mut self) -> Vec<WatchedRun> {
        let runs = |told, _| if let Told::Runs { runs } = told { Some(runs) } else { None };
        self.until("the list", runs).await
    }

    async fn show(&mut self, run: &str) {
        self.ask(&Ask::Show { run: run.to_owned() }).await;
        let shown = self.until("the run", |told, _| if let Told::Run { id } = told { Some(id) } else { None }).await;
        assert_eq!(shown, run);
    }
}

fn reply(told: Told) -> Option<Reply> {
    if let Told::Reply { reply } = told { Some(*reply) } else { None }
}

fn block_on(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, future).await.expect("in time") });
}

/// A place with pictures and something like the built page.
fn place() -> TempDir {
    let place = TempDir::new().unwrap();
    pictures(&place);
    fs::create_dir(place.path().join("page")).unwrap();
    fs::write(place.path().join("page/index.html"), "<!doctype html><title>Whelp</title>").unwrap();
    place
}

fn endless(place: &TempDir, out: &str, serve: &str) -> Program {
    let mut command = train(place, out, 1_000_000);
    Program::train(command.args(["--set", "output.checkpoint_steps=1000000", "--page", "page", "--serve", serve]))
}

#[test]
fn a_run_is_watched_while_it_trains_and_does_what_it_is_asked() {
    let place = place();
    let mut program = endless(&place, "run", "127.0.0.1:0");
    assert_eq!(program.status("/", ""), "200");
    assert_eq!(program.status("/watch.json", "Origin: http://evil.example\r\n"), "403");
    block_on(async {
        let mut page = program.watch().await;
        let runs = page.runs().await;
        assert_eq!(runs.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), ["run"]);
        page.show("run").await;
        let of_tick = |event, _| if let Event::Tick { progress, .. } = event { Some(progress.step) } else { None };
        let first = page.event("a tick", of_tick).await;
        while page.event("later ticks", of_tick).await < first + 10 {}
        let of_samples = |event, payload| match event {
            Event::Samples { step, grid, .. } => Some((step, grid, payload)),
            _ => None,
        };
        let (_, grid, pixels) = page.event("samples", of_samples).await;
        assert_eq!((grid.count, pixels.len()), (4, grid.width() * grid.height() * grid.channels));

        page.have(Wish::Pause).await;
        let of_pause = |event, _| if let Event::Paused { progress } = event { Some(progress.step) } else { None };
        let paused = page.event("the pause", of_pause).await;
        page.have(Wish::Sample).await;
        assert_eq!(page.event("the samples", of_samples).await.0, paused);
        page.have(Wish::Save).await;
        let of_save = |event, _| match event {
            Event::Checkpoint { step, reason: CheckpointReason::Requested, path, .. } => Some((step, path)),
            _ => None,
        };
        let (saved, path) = page.event("the checkpoint", of_save).await;
        assert_eq!(saved, paused);
        assert!(place.path().join(path.unwrap()).exists());

        // Whoever comes now is told the same.
        let mut other = program.watch().await;
        other.show("run").await;
        assert_eq!(other.event("the pause", of_pause).await, paused);
        page.have(Wish::Resume).await;
        // Whoever has missed much by then, as on a busy machine, is told the state that follows from it instead.
        let of_resume = |event, _| match event {
            Event::Resumed { progress } => {
                assert_eq!(progress.step, paused);
                Some(paused)
            }
            Event::Tick { progress, .. } if progress.step > paused => Some(progress.step),
            _ => None,
        };
        assert!(other.event("the resumption", of_resume).await >= paused);
        // A viewer that is gone in the middle of a message harms nobody.
        drop(other);
        page.event("a tick", of_tick).await;

        page.have(Wish::Stop).await;
        let of_end = |event, _| if let Event::Finished { reason, .. } = event { Some(reason) } else { None };
        assert_eq!(page.event("the end", of_end).await, FinishReason::Stopped);
        while page.next().await.is_some() {}
    });
    assert!(program.end().success());
    assert!(TcpStream::connect(program.address).is_err(), "the port is closed");
    let left: Vec<_> = fs::read_dir(place.path().join("run/control")).unwrap().collect();
    assert!(left.iter().all(|file| file.as_ref().unwrap().path().extension().unwrap() != "request"), "{left:?}");
}

#[test]
fn runs_that_have_ended_are_shown_in_a_list_and_obey_nobody() {
    let place = place();
    for (out, steps) in [("runs/first", 4), ("runs/second", 8)] {
        succeed(&mut train(&place, out, steps));
    }
    fs::create_dir(place.path().join("runs/notes")).unwrap();
    let program = Program::serve(place.path(), "runs", &[]);
    block_on(async {
        let mut page = program.watch().await;
        let runs = page.runs().await;
        let told: Vec<_> = runs.iter().map(|run| (run.id.as_str(), run.progress.step, run.state)).collect();
        assert_eq!(told, [("second", 8, RunState::Ended), ("first", 4, RunState::Ended)]);
        assert_eq!((runs[0].recipe.as_str(), runs[0].resolution), ("dcgan32", 32.into()));
        for (id, steps) in [("first", 4), ("second", 8)] {
            page.show(id).await;
            let of_history = |told, _| if let Told::History { history } = told { Some(history) } else { None };
            let history = page.until("the history", of_history).await;
            assert_eq!(history.newest(["loss/d"]).unwrap().0, steps);
            let of_samples = |event, pixels: Vec<u8>| match event {
                Event::Samples { step, .. } => Some((step, pixels.len())),
                _ => None,
            };
            assert_eq!(page.event("the samples", of_samples).await, (steps, 64 * 64 * 3));
            let of_live = |told, _| if let Told::Live { is_live } = told { Some(is_live) } else { None };
            assert!(!page.until("whether it lives", of_live).await);
        }
        page.have(Wish::Pause).await;
        let of_failure = |told, _| match reply(told)? {
            Reply::Failed { problem, .. } => Some(problem),
            _ => None,
        };
        assert_eq!(page.until("the refusal", of_failure).await, Problem::NoRun);
        // What is no run of the list is not shown, whatever it is called.
        for run in ["notes", "..", "/", "first/../second"] {
            page.ask(&Ask::Show { run: run.to_owned() }).await;
        }
        page.show("first").await;
    });
    assert!(
        !place.path().join("runs/second/control").exists()
            || fs::read_dir(place.path().join("runs/second/control")).unwrap().count() == 0
    );
}

#[test]
fn a_run_of_another_process_is_shown_as_it_comes_goes_and_goes_on() {
    let place = place();
    let mut first = endless(&place, "run", "0");
    super::night::wait_for_step(&place.path().join("run"), 4);
    let shown = Program::serve(place.path(), "run", &[]);
    block_on(async {
        let mut page = shown.watch().await;
        assert_eq!(page.runs().await[0].state, RunState::Training);
        page.show("run").await;
        let of_live = |told, _| if let Told::Live { is_live } = told { Some(is_live) } else { None };
        assert!(page.until("that it lives", of_live).await);
        first.process.kill().unwrap();
        assert!(!page.until("that it is gone", of_live).await);
        let mut again = train(&place, "run", 1_000_000);
        let again = Program::train(again.args(["--page", "page", "--serve", "0"]));
        assert!(page.until("that it lives again", of_live).await);
        let of_tick = |event, _| if let Event::Tick { progress, .. } = event { Some(progress.step) } else { None };
        page.event("a tick", of_tick).await;
        page.have(Wish::Stop).await;
        let of_end = |event, _| if let Event::Finished { reason, .. } = event { Some(reason) } else { None };
        assert_eq!(page.event("the end", of_end).await, FinishReason::Stopped);
        assert_ne!(again.address, shown.address);
    });
}

#[test]
fn other_machines_need_the_token() {
    let place = place();
    let program = endless(&place, "run", "0.0.0.0:0");
    let token = program.token().expect("a token in the link").to_owned();
    assert_eq!(program.status("/watch.json", ""), "401");
    assert_eq!(program.status("/watch.json", &format!("Authorization: Bearer {}\r\n", "0".repeat(32))), "401");
    assert_eq!(program.status("/watch.json", &format!("Authorization: Bearer {token}\r\n")), "200");
    block_on(async {
        let mut page = program.watch().await;
        assert_eq!(page.runs().await.len(), 1);
    });
    succeed(&mut train(&place, "ended", 2));
    let other = Program::serve(place.path(), "ended", &["--address", "0.0.0.0"]);
    assert_ne!(other.token().expect("a token in the link"), token, "each has its own");
}

/// Whoever has the link has the run, by whatever name the server is reached; who does not, not even on this machine.
#[test]
fn a_token_can_be_had_on_this_machine_too() {
    let place = place();
    let mut command = train(&place, "run", 1_000_000);
    let program = Program::train(command.args(["--page", "page", "--serve", "127.0.0.1:0", "--token"]));
    let token = program.token().expect("a token in the link").to_owned();
    assert_eq!(program.status("/watch.json", ""), "401");
    let bearer = format!("Authorization: Bearer {token}\r\n");
    for name in ["localhost", "workstation-by-ssh", "dogs.lab.example"] {
        assert_eq!(program.status_at(name, "/watch.json", &bearer), "200", "{name}");
        assert_eq!(program.status_at(name, "/watch.json", ""), "401", "{name}");
        assert_eq!(program.status_at(name, "/", ""), "200", "{name}");
    }
    block_on(async {
        let mut page = program.watch().await;
        page.show("run").await;
        page.have(Wish::Stop).await;
        let of_end = |event, _| if let Event::Finished { reason, .. } = event { Some(reason) } else { None };
        assert_eq!(page.event("the end", of_end).await, FinishReason::Stopped);
    });
    let shown = Program::serve(place.path(), "run", &["--token"]);
    assert_eq!(shown.status("/watch.json", ""), "401");
    assert_eq!(Program::serve(place.path(), "run", &[]).status_at("dogs.lab.example", "/", ""), "403");
    let message = refused(train(&place, "other", 2).arg("--token"));
    assert!(message.contains("--serve"), "{message}");
}

/// A file system without locks: `flock` fails, as a library says that comes before the system's.
#[cfg(target_os = "linux")]
#[test]
fn where_there_are_no_locks_a_run_is_live_by_its_record_and_obeys() {
    let place = place();
    let source = place.path().join("no_locks.c");
    let text =
        "#include <errno.h>\nint flock(int file, int how) { (void)file; (void)how; errno = ENOLCK; return -1; }\n";
    fs::write(&source, text).unwrap();
    let library = place.path().join("no_locks.so");
    succeed(Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source));
    let run = place.path().join("run");
    let mut command = train(&place, "run", 1_000_000);
    // Into a file: a pipe would be full some time, and nobody reads before the end.
    let printed = place.path().join("printed.txt");
    let stderr = fs::File::create(&printed).unwrap();
    let mut process = command.env("LD_PRELOAD", &library).stderr(stderr).spawn().unwrap();
    super::night::wait_for_step(&run, 2);

    let message = refused(train(&place, "run", 1_000_000).env("LD_PRELOAD", &library));
    assert!(message.contains(&format!("run is being trained by process {}", process.id())), "{message}");
    let ask = |word: &str| {
        let mut command = whelp(place.path());
        command.args(["ctl", "run", word]).env("LD_PRELOAD", &library);
        command
    };
    let output = succeed(&mut ask("save"));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("has no locks; by its record process") && said.contains("still exists"), "{said}");
    let mut command = whelp(place.path());
    command.args(["serve", "--page", "page", "--port", "0", "--run", "run"]).env("LD_PRELOAD", &library);
    let mut serving = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(serving.stdout.take().unwrap());
    let link = link(&mut out);
    let program = Program { address: address(&link), process: serving, link, _err: None, _out: Some(out) };
    block_on(async {
        let mut page = program.watch().await;
        assert_eq!(page.runs().await[0].state, RunState::Training);
        page.show("run").await;
        page.have(Wish::Stop).await;
        let of_end = |event, _| if let Event::Finished { reason, .. } = event { Some(reason) } else { None };
        assert_eq!(page.event("the end", of_end).await, FinishReason::Stopped);
        let of_live = |told, _| if let Told::Live { is_live } = told { Some(is_live) } else { None };
        while page.until("that it is over", of_live).await {}
    });
    assert!(process.wait().unwrap().success());
    let said = fs::read_to_string(&printed).unwrap();
    assert!(said.contains("see to it that no other process trains this run"), "{said}");
    assert!(refused(&mut ask("save")).contains("is not being trained"));

    // One that was killed is not believed: its process does not exist any more.
    let mut process =
        train(&place, "run", 1_000_000).env("LD_PRELOAD", &library).stderr(Stdio::null()).spawn().unwrap();
    super::night::wait_for_step(&run, super::night::checkpoint(&run).meta.progress.step + 2);
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(refused(&mut ask("save")).contains("is not being trained"));
}

/// It opens the connection, asks for the run, and never reads.
#[test]
fn a_viewer_that_never_reads_holds_up_neither_the_run_nor_its_end() {
    let place = place();
    let mut command = train(&place, "run", 40);
    command.args(["--set", "output.sample_steps=2", "--set", "output.grid=64", "--page", "page", "--serve", "0"]);
    let mut program = Program::train(&mut command);
    block_on(async {
        let mut stuck = Vec::new();
        for _ in 0..5 {
            let mut page = program.watch().await;
            page.ask(&Ask::Show { run: "run".to_owned() }).await;
            stuck.push(page);
        }
        let mut page = program.watch().await;
        page.show("run").await;
        let of_end = |event, _| if let Event::Finished { reason, .. } = event { Some(reason) } else { None };
        assert_eq!(page.event("the end", of_end).await, FinishReason::Completed);
        let told = Instant::now();
        assert!(program.end().success());
        // Two seconds are for those that still read.
        assert!(told.elapsed() < Duration::from_secs(30), "{:?}", told.elapsed());
        drop(stuck);
    });
}

#[test]
fn what_can_not_be_served_is_said_before_anything_is_trained() {
    let place = place();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let message = refused(train(&place, "run", 2).args(["--page", "page", "--serve", &port]));
    assert!(message.contains(&format!("port {port} of 127.0.0.1")) && message.contains("127.0.0.1:0"), "{message}");
    let message = refused(train(&place, "run", 2).args(["--page", "page", "--serve", "somewhere"]));
    assert!(message.contains("is no address to listen at"), "{message}");
    let message = refused(train(&place, "run", 2).args(["--page", "nowhere", "--serve", "0"]));
    assert!(message.contains("nowhere") && message.contains("no index.html"), "{message}");
    assert!(!place.path().join("run").exists());
    let serve = |run: &str| refused(whelp(place.path()).args(["serve", "--page", "page", "--port", "0", "--run", run]));
    assert!(serve("nowhere").contains("nowhere is no folder"), "{}", serve("nowhere"));
    assert!(serve("page").contains("page is neither the folder of a run nor a folder of runs"));
}

/// With the usual port taken, `--serve` alone takes a free one, and a dry run takes none.
#[test]
fn the_usual_port_is_no_condition() {
    let place = place();
    let _taken = TcpListener::bind("127.0.0.1:8080");
    let program = Program::train(train(&place, "run", 1_000_000).args(["--page", "page", "--serve"]));
    assert_ne!(program.address.port(), 8080);
    drop(program);
    succeed(train(&place, "other", 2).args(["--dry-run", "--page", "page", "--serve", "1"]));
}
