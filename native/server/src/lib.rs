//! The page's files over HTTP, to browsers on this machine: compressed where a compressed variant lies beside a file, and
//! not sent again where the browser has them already.
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

/// How long a browser may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(30);

/// After a connection could not be taken, such as for want of file handles.
const PAUSE: Duration = Duration::from_millis(100);

/// A server that has its port. Only this machine reaches it: browsers show WebGPU to pages from their own machine and to
/// those that come over TLS.
pub struct Server {
    page: Page,
    listener: TcpListener,
}

impl Server {
    /// Takes `port`, or any that is free where it is 0.
    ///
    /// # Errors
    /// [`ServerError::NoPage`] where `page` has no `index.html`; [`ServerError::Port`] where the port cannot be had.
    pub fn bind(page: Page, port: u16) -> Result<Self, ServerError> {
        if page.read_plain("index.html").is_none() {
            return Err(ServerError::NoPage(page.to_string()));
        }
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| ServerError::Port { port, error })?;
        Ok(Self { page, listener })
    }

    /// Where the server can be reached.
    ///
    /// # Errors
    /// Where the system does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers browsers until the program ends.
    ///
    /// # Errors
    /// Where the system has no means left for a server; a broken connection is none.
    pub fn run(self) -> io::Result<Infallible> {
        // One thread: files come out of memory or the system's cache, and there is one visitor.
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
                // Browsers drop connections as they like: whoever still waits for an answer asks again.
                let _ = connection.serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    }
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// What was named is not the page.
    #[error("{0} is not the built page: it has no index.html")]
    NoPage(String),
    /// Another program has the port, or it takes more rights.
    #[error("port {port} cannot be had: {error}; choose another with --port, or any that is free with --port 0")]
    Port {
        /// The port that was asked for.
        port: u16,
        /// What the system said.
        error: io::Error,
    },
}
