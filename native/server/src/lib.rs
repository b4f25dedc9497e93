//! Serves the page's files over HTTP to browsers on this machine. A file that has a compressed variant is sent compressed,
//! and a file that the browser has already is not sent again.
#![warn(missing_docs)]

mod page;
mod response;

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};

pub use page::Page;
pub use response::respond;

/// How long a browser may take to send the head of a request.
const PATIENCE: Duration = Duration::from_secs(30);

/// The wait after a connection could not be accepted, for example because there are no file handles left.
const PAUSE: Duration = Duration::from_millis(100);

/// A server with an open port. Only this machine can reach it: browsers offer WebGPU only to pages from their own machine
/// or over TLS.
pub struct Server {
    page: Page,
    listener: TcpListener,
}

impl Server {
    /// Opens `port`, or any free one if it is 0.
    ///
    /// # Errors
    /// [`ServerError::NoPage`] if `page` has no `index.html`, [`ServerError::Port`] if the port cannot be opened.
    pub fn bind(page: Page, port: u16) -> Result<Self, ServerError> {
        if page.read_plain("index.html").is_none() {
            return Err(ServerError::NoPage(page.to_string()));
        }
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| ServerError::Port { port, error })?;
        Ok(Self { page, listener })
    }

    /// The address of the server.
    ///
    /// # Errors
    /// If the system does not give it.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers browsers until the program ends.
    ///
    /// # Errors
    /// If the system cannot start the server. Broken connections are no errors.
    pub fn run(self) -> io::Result<Infallible> {
        // One thread is enough: files come from memory or the system's cache, and there is one visitor.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        runtime.block_on(self.accept())
    }

    async fn accept(self) -> io::Result<Infallible> {
        self.listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        let page = Arc::new(self.page);
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let page = page.clone();
            tokio::spawn(async move {
                let answer = service_fn(|request| {
                    let response = respond(&page, request.method(), request.uri().path(), request.headers());
                    async { Ok::<_, Infallible>(response) }
                });
                let mut connection = http1::Builder::new();
                connection.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
                // A dropped connection is no error: a browser that still needs the answer asks again.
                let _ = connection.serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    }
}

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The named folder is not the built page.
    #[error("{0} is not the built page: it has no index.html")]
    NoPage(String),
    /// Another program uses the port, or it needs more rights.
    #[error("port {port} cannot be opened: {error}. Choose another one with --port; --port 0 takes any free one")]
    Port {
        /// The requested port.
        port: u16,
        /// What the system said.
        error: io::Error,
    },
}
