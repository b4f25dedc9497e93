//! The page out of the terminal program.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use tempfile::TempDir;

use super::{refused, whelp};

/// Ended with the test.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(place: &TempDir) -> Self {
        let mut command = whelp(place.path());
        command.args(["serve", "--page", "page", "--port", "0"]).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next());
        let address = address.unwrap_or_else(|| panic!("no address in {line:?}")).to_owned();
        Self { process, address }
    }

    /// The answer's head and body.
    fn get(&self, path: &str, more: &str) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let host = &self.address;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
        (String::from_utf8(answer[..end].to_vec()).unwrap(), answer[end + 4..].to_vec())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[test]
fn a_built_page_is_served_compressed_and_renewed_when_it_is_built_again() {
    let place = TempDir::new().unwrap();
    let page = place.path().join("page");
    fs::create_dir(&page).unwrap();
    fs::write(page.join("index.html"), "<title>first</title>").unwrap();
    fs::write(page.join("trainer.wasm"), "as long as it is").unwrap();
    fs::write(page.join("trainer.wasm.br"), "short").unwrap();
    fs::write(place.path().join("secret"), "not of the page").unwrap();
    let server = Server::start(&place);

    let (head, body) = server.get("/", "");
    assert!(head.starts_with("HTTP/1.1 200 OK") && head.contains("content-type: text/html"), "{head}");
    assert_eq!(body, b"<title>first</title>");
    let (head, body) = server.get("/trainer.wasm", "Accept-Encoding: gzip, br\r\n");
    assert!(head.contains("content-encoding: br") && head.contains("content-type: application/wasm"), "{head}");
    assert_eq!(body, b"short");
    assert_eq!(server.get("/trainer.wasm", "").1, b"as long as it is");
    for path in ["/../secret", "/%2e%2e/secret", "/nothing"] {
        assert!(server.get(path, "").0.starts_with("HTTP/1.1 404"), "{path}");
    }

    fs::write(page.join("index.html"), "<title>second</title>").unwrap();
    assert_eq!(server.get("/", "").1, b"<title>second</title>");

    let port = server.address.rsplit(':').next().unwrap();
    let message = refused(whelp(place.path()).args(["serve", "--page", "page", "--port", port]));
    assert!(message.contains(&format!("port {port}")) && message.contains("--port 0"), "{message}");
}

#[test]
fn what_is_no_page_is_refused() {
    let place = TempDir::new().unwrap();
    let message = refused(whelp(place.path()).args(["serve", "--page", "nowhere", "--port", "0"]));
    assert!(message.contains("nowhere") && message.contains("no index.html"), "{message}");
}

/// Tests are compiled without it.
#[cfg(not(feature = "page"))]
#[test]
fn a_program_without_the_page_says_how_to_get_it() {
    let message = refused(whelp(std::path::Path::new(".")).args(["serve", "--port", "0"]));
    assert!(message.contains("--page") && message.contains("cargo xtask build"), "{message}");
}
