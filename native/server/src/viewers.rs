//! Those who watch: each has a WebSocket, and is told what is new as fast as it takes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::sync::{Notify, watch};
use tokio::time::{interval, sleep, timeout};
use tokio_websockets::{CloseCode, Limits, Message, ServerBuilder, WebSocketStream};

/// What viewers watch.
///
/// Nothing here waits for a viewer: [`Source::look`] brings what there is to tell up to date, and each [`Viewer`] takes of it what it
/// has not been told.
pub trait Source: Send + Sync + 'static {
    /// What a page is told before it watches, in JSON.
    fn about(&self) -> String;

    /// Looks for news. It is called four times a second while anybody watches, on a thread that may wait for files.
    fn look(&self);

    /// Somebody who has come to watch.
    fn viewer(self: Arc<Self>) -> Box<dyn Viewer>;
}

/// Somebody who watches.
pub trait Viewer: Send {
    /// Takes a message of the page.
    fn ask(&mut self, message: &str);

    /// The next message for the page; none if it has been told everything. A viewer that has fallen behind is told the newest
    /// state instead of all that it has missed. Must not wait.
    fn next(&mut self) -> Option<Bytes>;
}

/// How often there may be something new.
const RHYTHM: Duration = Duration::from_millis(250);

/// How long a viewer may take for one message. Then it counts as dead.
const PATIENCE: Duration = Duration::from_secs(30);

/// The slowest line on which a run can be watched.
const SLOWEST_BYTES_PER_SEC: u64 = 20_000;

/// How often a viewer is asked whether it is still there, and after how long without a word it counts as dead.
const PING: Duration = Duration::from_secs(20);
const SILENCE: Duration = Duration::from_secs(70);

/// How long viewers may take for the last messages when the server ends.
const FAREWELL: Duration = Duration::from_secs(2);

/// The longest message of a page, in bytes. Its longest word is the name of a run.
const LONGEST_ASK: usize = 4096;

/// As many at a time; each costs memory.
const MOST_VIEWERS: usize = 128;

/// All viewers of a server.
pub struct Viewers {
    source: Arc<dyn Source>,
    count: AtomicUsize,
    /// How often the source was looked at.
    looks: watch::Sender<u64>,
    /// Somebody has asked for something.
    asked: Notify,
    /// Whether the server ends.
    ending: watch::Sender<bool>,
}

/// One of those that there may be.
pub struct Seat(Arc<Viewers>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Viewers {
    pub fn new(source: Arc<dyn Source>) -> Self {
        let (looks, ending) = (watch::Sender::new(0), watch::Sender::new(false));
        Self { source, count: AtomicUsize::new(0), looks, asked: Notify::new(), ending }
    }

    pub fn about(&self) -> String {
        self.source.about()
    }

    /// A place for another viewer, unless there are too many.
    pub fn seat(self: &Arc<Self>) -> Option<Seat> {
        let more = |count| (count < MOST_VIEWERS).then_some(count + 1);
        self.count.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
        Some(Seat(self.clone()))
    }

    /// Looks at the source in a rhythm while anybody watches, for as long as it is polled.
    pub async fn look(&self) {
        loop {
            tokio::select! {
                () = self.asked.notified() => {}
                () = sleep(RHYTHM), if self.count.load(Ordering::Acquire) > 0 => {}
            }
            self.look_once().await;
        }
    }

    async fn look_once(&self) {
        let source = self.source.clone();
        // What panics there has nothing to tell this time.
        let _ = tokio::task::spawn_blocking(move || source.look()).await;
        self.looks.send_modify(|looks| *looks += 1);
    }

    /// Has everybody told what there is to tell, and then go.
    pub async fn end(&self) {
        if self.count.load(Ordering::Acquire) > 0 {
            // A file server that hangs holds up no end.
            let _ = timeout(FAREWELL, self.look_once()).await;
        }
        self.ending.send_replace(true);
        let all_gone = async {
            while self.count.load(Ordering::Acquire) > 0 {
                sleep(Duration::from_millis(10)).await;
            }
        };
        let _ = timeout(FAREWELL, all_gone).await;
    }
}

impl Seat {
    /// Serves the viewer until one of both ends it.
    pub async fn serve(self, upgraded: Upgraded) {
        let limits = Limits::default().max_payload_len(Some(LONGEST_ASK));
        let mut socket = ServerBuilder::new().limits(limits).serve(TokioIo::new(upgraded));
        let all = &self.0;
        let mut viewer = all.source.clone().viewer();
        let (mut looks, mut ending) = (all.looks.subscribe(), all.ending.subscribe());
        let mut pings = interval(PING);
        let mut heard = Instant::now();
        // It wants to see something at once.
        all.asked.notify_one();
        loop {
            while let Some(message) = viewer.next() {
                if !send(&mut socket, Message::binary(message)).await {
                    return;
                }
                // What it took it has room for, and its answers may wait behind pictures.
                heard = Instant::now();
            }
            if *ending.borrow_and_update() {
                let _ = send(&mut socket, Message::close(Some(CloseCode::GOING_AWAY), "")).await;
                // A connection that is dropped with something unread in it is reset, and takes with it what was just sent.
                let until_closed = async { while let Some(Ok(_)) = socket.next().await {} };
                let _ = timeout(FAREWELL, until_closed).await;
                return;
            }
            tokio::select! {
                message = socket.next() => match message {
                    Some(Ok(message)) => {
                        heard = Instant::now();
                        if let Some(text) = message.as_text() {
                            viewer.ask(text);
                            all.asked.notify_one();
                        }
                    }
                    // What is wrong with it, such as its length, is told by the close frame that is sent now.
                    Some(Err(_)) => {
                        let _ = timeout(FAREWELL, socket.next()).await;
                        return;
                    }
                    None => return,
                },
                changed = looks.changed() => if changed.is_err() { return },
                changed = ending.changed() => if changed.is_err() { return },
                _ = pings.tick() => {
                    if heard.elapsed() > SILENCE || !send(&mut socket, Message::ping("")).await {
                        return;
                    }
                }
            }
        }
    }
}

/// Whether the viewer took the message in time: pictures take long on a slow line.
async fn send(socket: &mut WebSocketStream<TokioIo<Upgraded>>, message: Message) -> bool {
    let on_the_way = Duration::from_secs(message.as_payload().len() as u64 / SLOWEST_BYTES_PER_SEC);
    matches!(timeout(PATIENCE + on_the_way, socket.send(message)).await, Ok(Ok(())))
}
