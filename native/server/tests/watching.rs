//! Those who watch: who is let in, and that none of them can hold up anything.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::io::AsyncWriteExt;
use tokio_websockets::{ClientBuilder, CloseCode, Message, WebSocketStream};
use whelp_server::{Guard, Invitation, Page, Running, Server, Source, Viewer};

const PAGE: Page = Page::Embedded(&[("index.html", b"<!doctype html>"), ("page.js", b"1")]);

/// Counts up at each look, and tells everybody the newest count with a buffer behind it.
#[derive(Default)]
struct Counter {
    /// Bytes of the buffer.
    size: usize,
    count: AtomicUsize,
    asked: Mutex<Vec<String>>,
    present: AtomicUsize,
}

struct Reader {
    counter: Arc<Counter>,
    told: usize,
}

/// So large that a connection whose other side does not read is soon full.
const LARGE: usize = 1 << 20;

impl Source for Counter {
    fn about(&self) -> String {
        "{\"host\":\"here\"}".to_owned()
    }

    fn look(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
    }

    fn viewer(self: Arc<Self>) -> Box<dyn Viewer> {
        self.present.fetch_add(1, Ordering::SeqCst);
        Box::new(Reader { counter: self, told: 0 })
    }
}

impl Viewer for Reader {
    fn ask(&mut self, message: &str) {
        self.counter.asked.lock().unwrap().push(message.to_owned());
    }

    fn next(&mut self) -> Option<Bytes> {
        let count = self.counter.count.load(Ordering::SeqCst);
        let is_new = count > self.told;
        self.told = count;
        is_new.then(|| [&(count as u32).to_le_bytes()[..], &vec![0; self.counter.size]].concat().into())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.counter.present.fetch_sub(1, Ordering::SeqCst);
    }
}

struct Site {
    counter: Arc<Counter>,
    /// With the port at which it is reached on this machine.
    address: SocketAddr,
    link: String,
    running: Option<Running>,
}

impl Site {
    fn start(ip: Ipv4Addr) -> Self {
        Self::with(ip, 16)
    }

    fn with(ip: Ipv4Addr, size: usize) -> Self {
        Self::guarded(ip, size, Guard::FromOtherMachines)
    }

    fn guarded(ip: Ipv4Addr, size: usize, guard: Guard) -> Self {
        let counter = Arc::new(Counter { size, ..Counter::default() });
        let server = Server::bind(PAGE, (ip, 0).into()).unwrap();
        let address = (Ipv4Addr::LOCALHOST, server.address().unwrap().port()).into();
        let html = "<meta name=\"invited\">".to_owned();
        let invitation = Invitation { html, about: "watch.json", socket: "watch", protocol: "counting" };
        let watching = server.watching(counter.clone(), invitation, vec!["node07".to_owned()], guard, None).unwrap();
        let link = watching.link();
        Self { counter, address, link, running: Some(watching.start().unwrap()) }
    }

    fn token(&self) -> Option<&str> {
        self.link.split_once("#token=").map(|(_, token)| token)
    }

    /// The answer to a request for `path` with more headers.
    fn get(&self, path: &str, headers: &[&str]) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        write!(stream, "GET {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// The status of a request to watch.
    fn knock(&self, headers: &[&str]) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        let key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
        write!(stream, "GET /watch HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{key}\r\n{headers}\r\n")
            .unwrap();
        let mut answer = vec![0; 12];
        stream.read_exact(&mut answer).unwrap();
        String::from_utf8(answer).unwrap().split_off("HTTP/1.1 ".len())
    }

    async fn watch(&self) -> WebSocketStream<tokio::net::TcpStream> {
        let stream = tokio::net::TcpStream::connect(self.address).await.unwrap();
        let protocol = format!("counting{}", self.token().map_or_else(String::new, |token| format!(", {token}")));
        let client = ClientBuilder::from_uri(format!("ws://{}/watch", self.address).parse().unwrap());
        let client = client.add_header("sec-websocket-protocol".parse().unwrap(), protocol.parse().unwrap()).unwrap();
        client.connect_on(stream).await.unwrap().0
    }

    async fn until(&self, what: &str, is: impl Fn(&Counter) -> bool) {
        let started = Instant::now();
        while !is(&self.counter) {
            assert!(started.elapsed() < Duration::from_secs(20), "{what}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn block_on(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(120), future).await.expect("in time") });
}

/// The count in the next message.
async fn count(socket: &mut WebSocketStream<tokio::net::TcpStream>) -> u32 {
    loop {
        let message = socket.next().await.expect("more").expect("a whole message");
        if message.is_binary() {
            return u32::from_le_bytes(message.as_payload()[..4].try_into().unwrap());
        }
    }
}

#[test]
fn the_page_is_invited_and_is_told_about_the_runs() {
    let site = Site::start(Ipv4Addr::LOCALHOST);
    let host = "Host: localhost:9000";
    for path in ["/", "/index.html"] {
        assert!(site.get(path, &[host]).ends_with("<!doctype html><meta name=\"invited\">"), "{path}");
    }
    assert!(site.get("/page.js", &[host]).ends_with("\r\n\r\n1"));
    let about = site.get("/watch.json", &[host]);
    assert!(about.contains("application/json") && about.ends_with("{\"host\":\"here\"}"), "{about}");
    assert_eq!(site.token(), None);
    assert!(site.get("/watch", &[host]).starts_with("HTTP/1.1 400"), "no WebSocket");
}

#[test]
fn foreign_names_pages_and_tokens_are_refused() {
    let site = Site::start(Ipv4Addr::LOCALHOST);
    let (host, protocol) = (format!("Host: {}", site.address), "Sec-WebSocket-Protocol: counting");
    let origin = format!("Origin: http://{}", site.address);
    assert_eq!(site.knock(&[&host, protocol]), "101");
    assert_eq!(site.knock(&[&host, protocol, &origin]), "101");
    assert_eq!(site.knock(&[&host, protocol, "Origin: http://evil.example"]), "403");
    assert_eq!(site.knock(&[&host, protocol, "Origin: null"]), "403");
    assert_eq!(site.knock(&["Host: evil.example", protocol, "Origin: http://evil.example"]), "403");
    assert_eq!(site.knock(&[&host]), "400", "another protocol");
    for path in ["/", "/watch.json", "/page.js"] {
        assert!(site.get(path, &["Host: evil.example"]).starts_with("HTTP/1.1 403"), "{path}");
    }
    assert!(site.get("/watch.json", &[&host, "Origin: http://evil.example"]).starts_with("HTTP/1.1 403"));

    let open = Site::start(Ipv4Addr::UNSPECIFIED);
    let token = open.token().expect("other machines reach it").to_owned();
    assert!(open.link.starts_with("http://node07:"), "{}", open.link);
    let host = format!("Host: {}", open.address);
    assert!(open.get("/", &[&host]).starts_with("HTTP/1.1 200"), "the page itself is no secret");
    assert!(open.get("/watch.json", &[&host]).starts_with("HTTP/1.1 401"));
    assert!(open.get("/watch.json", &[&host, "Authorization: Bearer 0"]).starts_with("HTTP/1.1 401"));
    assert!(open.get("/watch.json", &[&host, &format!("Authorization: Bearer {token}")]).starts_with("HTTP/1.1 200"));
    assert_eq!(open.knock(&[&host, protocol]), "401");
    assert_eq!(open.knock(&[&host, &format!("{protocol}, {}", "0".repeat(token.len()))]), "401");
    assert_eq!(open.knock(&[&host, &format!("{protocol}, {token}")]), "101");
    assert_eq!(open.knock(&["Host: node07", &format!("{protocol}, {token}")]), "101");

    // On this machine alone, for whom that is too many; and by whatever name.
    let guarded = Site::guarded(Ipv4Addr::LOCALHOST, 16, Guard::Always);
    let token = guarded.token().expect("it was asked for").to_owned();
    let (host, with_token) = ("Host: dogs.lab.example", format!("{protocol}, {token}"));
    assert!(guarded.link.starts_with("http://127.0.0.1:"), "{}", guarded.link);
    assert!(guarded.get("/", &[host]).starts_with("HTTP/1.1 200"));
    assert_eq!(guarded.knock(&[host, protocol]), "401");
    assert_eq!(guarded.knock(&[host, &with_token]), "101");
    assert_eq!(guarded.knock(&[host, &with_token, "Origin: https://dogs.lab.example"]), "101");
    assert_eq!(guarded.knock(&[host, &with_token, "Origin: https://evil.example"]), "403");
    assert!(guarded.get("/watch.json", &[host]).starts_with("HTTP/1.1 401"));
}

#[test]
fn a_viewer_that_never_reads_holds_up_nobody_and_is_told_the_newest_when_it_reads() {
    let site = Site::with(Ipv4Addr::LOCALHOST, LARGE);
    block_on(async {
        let mut stuck = site.watch().await;
        let mut quick = site.watch().await;
        let mut last = count(&mut quick).await;
        let started = Instant::now();
        while last < 20 {
            let next = count(&mut quick).await;
            assert!(next > last);
            last = next;
        }
        // In the rhythm of four a second, with what runs beside.
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
        let mut told = vec![count(&mut stuck).await];
        while *told.last().unwrap() < last {
            told.push(count(&mut stuck).await);
        }
        assert!(told.len() < 15, "it was told all that it had missed: {told:?}");
        drop(quick);
        site.until("one is left", |counter| counter.present.load(Ordering::SeqCst) == 1).await;
    });
}

#[test]
fn what_is_asked_arrives_and_what_is_too_long_ends_the_connection() {
    let site = Site::start(Ipv4Addr::LOCALHOST);
    block_on(async {
        let mut socket = site.watch().await;
        socket.send(Message::text("pause")).await.unwrap();
        site.until("it arrives", |counter| *counter.asked.lock().unwrap() == ["pause"]).await;
        socket.send(Message::text("x".repeat(5000))).await.unwrap();
        let closed = loop {
            match socket.next().await {
                Some(Ok(message)) if message.is_close() => break message.as_close().map(|(code, _)| code),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break None,
            }
        };
        assert_eq!(closed, Some(CloseCode::MESSAGE_TOO_BIG));
        assert_eq!(*site.counter.asked.lock().unwrap(), ["pause"]);
        // In pieces, too.
        let mut socket = site.watch().await;
        let frame = |head: u8| {
            [&[head, 0x80 | 126, 3000u16.to_be_bytes()[0], 3000u16.to_be_bytes()[1], 0, 0, 0, 0][..], &[b'x'; 3000]]
                .concat()
        };
        socket.get_mut().write_all(&[frame(0x01), frame(0x80)].concat()).await.unwrap();
        while let Some(Ok(_)) = socket.next().await {}
        assert_eq!(*site.counter.asked.lock().unwrap(), ["pause"]);
    });
}

#[test]
fn fifty_watch_and_more_than_a_hundred_and_twenty_eight_do_not() {
    let site = Site::start(Ipv4Addr::LOCALHOST);
    block_on(async {
        let mut sockets = Vec::new();
        for _ in 0..50 {
            sockets.push(site.watch().await);
        }
        for socket in &mut sockets {
            count(socket).await;
        }
        assert_eq!(site.counter.present.load(Ordering::SeqCst), 50);
        for _ in 50..128 {
            sockets.push(site.watch().await);
        }
        let host = format!("Host: {}", site.address);
        assert_eq!(site.knock(&[&host, "Sec-WebSocket-Protocol: counting"]), "503");
        drop(sockets);
        site.until("all are gone", |counter| counter.present.load(Ordering::SeqCst) == 0).await;
        assert_eq!(site.knock(&[&host, "Sec-WebSocket-Protocol: counting"]), "101");
    });
}

#[test]
fn nothing_is_looked_at_while_nobody_watches() {
    let site = Site::start(Ipv4Addr::LOCALHOST);
    std::thread::sleep(Duration::from_millis(800));
    assert_eq!(site.counter.count.load(Ordering::SeqCst), 0);
}

#[test]
fn the_end_is_told_and_leaves_no_port_open() {
    let mut site = Site::with(Ipv4Addr::LOCALHOST, LARGE);
    block_on(async {
        let mut socket = site.watch().await;
        let _stuck = site.watch().await;
        let before = count(&mut socket).await;
        let running = site.running.take().unwrap();
        let ending = tokio::task::spawn_blocking(move || {
            let started = Instant::now();
            drop(running);
            started.elapsed()
        });
        let mut last = before;
        let closed = loop {
            match socket.next().await {
                Some(Ok(message)) if message.is_close() => break message.as_close().map(|(code, _)| code),
                Some(Ok(message)) if message.is_binary() => {
                    last = u32::from_le_bytes(message.as_payload()[..4].try_into().unwrap());
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => panic!("{error}"),
                None => break None,
            }
        };
        assert_eq!(closed, Some(CloseCode::GOING_AWAY));
        assert!(last > before, "what was new at the end was told");
        drop(socket);
        let took = ending.await.unwrap();
        assert!(took < Duration::from_secs(30), "{took:?}");
        let refused = TcpStream::connect(site.address).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        let again = Server::bind(PAGE, site.address);
        assert!(again.is_ok(), "the port is free");
    });
}

#[test]
fn an_address_of_another_machine_is_told() {
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 0);
    let Err(error) = Server::bind(PAGE, address) else { panic!("it was opened") };
    assert!(error.to_string().contains("192.0.2.1"), "{error}");
}
