//! Serves the page's files over HTTP, and runs to watch over a WebSocket. A file that has a compressed variant is sent compressed,
//! and a file that the browser has already is not sent again.
#![warn(missing_docs)]

mod access;
mod headers;
mod page;
mod site;
mod viewers;

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::sync::{Semaphore, oneshot};

pub use access::Token;
pub use page::Page;
pub use site::Invitation;
pub use viewers::{Source, Viewer};

use access::Access;
use viewers::Viewers;

/// How long a browser may take to send the head of a request.
const PATIENCE: Duration = Duration::from_secs(30);

/// The wait after a connection could not be accepted, for example because there are no file handles left.
const PAUSE: Duration = Duration::from_millis(100);

/// As many connections at a time.
const MOST_CONNECTIONS: usize = 512;

/// A server with an open port.
pub struct Server {
    page: Page,
    listener: TcpListener,
}

impl Server {
    /// Opens a port; any free one if that of `address` is 0.
    ///
    /// # Errors
    /// [`ServerError::NoPage`] if `page` has no `index.html`, [`ServerError::Port`] if the port cannot be opened.
    pub fn bind(page: Page, address: SocketAddr) -> Result<Self, ServerError> {
        if page.read("index.html").is_err() {
            return Err(ServerError::NoPage(page.to_string()));
        }
        let listener = TcpListener::bind(address).map_err(|error| ServerError::Port { address, error })?;
        Ok(Self { page, listener })
    }

    /// The address of the server.
    ///
    /// # Errors
    /// If the system does not give it.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves the page alone until the program ends.
    ///
    /// # Errors
    /// If the system cannot start the server. Broken connections are no errors.
    pub fn run(self) -> io::Result<Infallible> {
        let runtime = runtime()?;
        let site = site::of_page(self.page);
        runtime.block_on(async { accept(self.listener, site).await })
    }

    /// The same page with runs to watch. `names` are names of this machine. `known`: the token that whoever watches has already, of a
    /// server in whose place this one is.
    ///
    /// # Errors
    /// If the system gives no address or no random numbers.
    pub fn watching(
        self,
        source: Arc<dyn Source>,
        invitation: Invitation,
        names: Vec<String>,
        guard: Guard,
        known: Option<Token>,
    ) -> io::Result<Watching> {
        let address = self.address()?;
        let is_guarded = guard == Guard::Always || !address.ip().is_loopback();
        let token = || known.map_or_else(Token::random, Ok);
        let token = is_guarded.then(token).transpose().map_err(io::Error::other)?;
        Ok(Watching { server: self, source, invitation, access: Access::new(token, names), address })
    }
}

/// Whether a token keeps out whoever does not know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// If other machines can reach the server.
    FromOtherMachines,
    /// Also from other people on this machine, and where a proxy or a tunnel gives it another name.
    Always,
}

/// A server with runs to watch.
pub struct Watching {
    server: Server,
    source: Arc<dyn Source>,
    invitation: Invitation,
    access: Access,
    address: SocketAddr,
}

impl Watching {
    /// The token, if there is one.
    pub fn token(&self) -> Option<&Token> {
        self.access.token()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What to open in a browser, with the token if there is one.
    pub fn link(&self) -> String {
        let ip = self.address.ip();
        let host = match (self.access.names().first(), ip) {
            (Some(name), ip) if ip.is_unspecified() => name.clone(),
            (_, IpAddr::V6(ip)) => format!("[{ip}]"),
            (_, ip) => ip.to_string(),
        };
        // What is behind # is sent to nobody.
        let token = self.access.token().map_or_else(String::new, |token| format!("#token={}", token.as_str()));
        format!("http://{host}:{}/{token}", self.address.port())
    }

    /// Serves until the program ends.
    ///
    /// # Errors
    /// If the system cannot start the server.
    pub fn run(self) -> io::Result<Infallible> {
        let (_keep, never) = oneshot::channel();
        let (runtime, serve) = self.prepare(never)?;
        runtime.block_on(serve)?;
        Err(io::ErrorKind::Other.into())
    }

    /// Serves on a thread of its own until the result is dropped.
    ///
    /// # Errors
    /// If the system cannot start the server.
    pub fn start(self) -> io::Result<Running> {
        let (end, ended) = oneshot::channel();
        let (runtime, serve) = self.prepare(ended)?;
        let serve = move || {
            let _ = runtime.block_on(serve);
            runtime.shutdown_timeout(PAUSE);
        };
        let thread = std::thread::Builder::new().name("server".to_owned()).spawn(serve)?;
        Ok(Running { end: Some(end), thread: Some(thread) })
    }

    fn prepare(
        self,
        ended: oneshot::Receiver<()>,
    ) -> io::Result<(tokio::runtime::Runtime, impl Future<Output = io::Result<()>> + Send)> {
        let Self { server: Server { page, listener }, source, invitation, access, .. } = self;
        let viewers = Arc::new(Viewers::new(source));
        let site = site::of_runs(page, &invitation, access, viewers.clone());
        let serve = async move {
            tokio::select! {
                accepted = accept(listener, site) => match accepted? {},
                () = viewers.look() => {}
                _ = ended => {}
            }
            // The port is closed by now; those who watch are told the end.
            viewers.end().await;
            Ok(())
        };
        Ok((runtime()?, serve))
    }
}

/// A server that ends when this is dropped: those who watch are told what there is to tell, for two seconds at most.
#[derive(Debug)]
pub struct Running {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One thread is enough: files come from memory or the system's cache, and there are few visitors.
fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_io().enable_time().max_blocking_threads(2).build()
}

async fn accept(listener: TcpListener, site: Router) -> io::Result<Infallible> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return Err(io::ErrorKind::Other.into()) };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let service = TowerToHyperService::new(site.clone());
        tokio::spawn(async move {
            let mut connection = http1::Builder::new();
            connection.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
            // A dropped connection is no error: a browser that still needs the answer asks again.
            let _ = connection.serve_connection(TokioIo::new(stream), service).with_upgrades().await;
            drop(place);
        });
    }
}

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The named folder is not the built page.
    #[error("{0} is not the built page: it has no index.html")]
    NoPage(String),
    /// Another program uses the port, or it needs more rights, or the address is of another machine.
    #[error("port {} of {} cannot be opened: {error}", .address.port(), .address.ip())]
    Port {
        /// The requested address.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
}
