//! The server behind a socket.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use whelp_server::{Page, Server, ServerError};

const PAGE: Page = Page::Embedded(&[
    ("index.html", b"<!doctype html>"),
    ("trainer.wasm", b"\0asm, at length"),
    ("trainer.wasm.br", b"short"),
    ("trainer.wasm.gz", b"shorter"),
    // gzip of "packed alone"
    (
        "page.js.gz",
        &[
            0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x2b, 0x48, 0x4c, 0xce, 0x4e, 0x4d, 0x51, 0x48, 0xcc, 0xc9, 0xcf, 0x4b,
            0x05, 0, 0xd3, 0x24, 0xf2, 0x9a, 0x0c, 0, 0, 0,
        ],
    ),
]);

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn serve() -> SocketAddr {
    let server = Server::bind(PAGE, LOOPBACK).unwrap();
    let address = server.address().unwrap();
    std::thread::spawn(|| server.run());
    address
}

/// Asks for everything in `requests` over one connection, and returns what came until it was closed.
fn ask(address: SocketAddr, requests: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(requests.as_bytes()).unwrap();
    let mut answers = Vec::new();
    stream.read_to_end(&mut answers).unwrap();
    String::from_utf8_lossy(&answers).into_owned()
}

/// The answer to one request with these headers.
fn request(address: SocketAddr, line: &str, headers: &[&str]) -> String {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    ask(address, &format!("{line} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n"))
}

fn get(address: SocketAddr, path: &str, headers: &[&str]) -> String {
    request(address, &format!("GET {path}"), &[&["Host: whelp"], headers].concat())
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[test]
fn one_connection_carries_several_requests_and_a_broken_one_harms_nobody() {
    let address = serve();
    assert!(address.ip().is_loopback());
    assert!(ask(address, "nonsense\r\n\r\n").starts_with("HTTP/1.1 400"));
    drop(TcpStream::connect(address).unwrap());

    let answers = ask(
        address,
        "HEAD / HTTP/1.1\r\nHost: whelp\r\n\r\nGET /index.html?query HTTP/1.1\r\nHost: whelp\r\nConnection: close\r\n\r\n",
    );
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
    assert_eq!(answers.matches("content-length: 15").count(), 2, "{answers}");
    // The answer to HEAD has no body.
    assert_eq!(answers.matches("<!doctype html>").count(), 1, "{answers}");
}

#[test]
fn a_taken_port_and_a_folder_without_the_page_are_told() {
    let first = Server::bind(PAGE, LOOPBACK).unwrap();
    assert!(matches!(Server::bind(PAGE, first.address().unwrap()), Err(ServerError::Port { .. })));
    let folder = Page::Folder(std::env::temp_dir().join("whelp-has-no-page-here"));
    let Err(error) = Server::bind(folder, LOOPBACK) else { panic!("a missing folder was served") };
    assert!(error.to_string().contains("no index.html"), "{error}");
}

#[test]
fn a_browser_gets_the_smallest_variant_that_it_accepts() {
    let address = serve();
    let encoding_for = |accepted: &str| {
        let answer = get(address, "/trainer.wasm", &[&format!("Accept-Encoding: {accepted}")]);
        assert_eq!(header(&answer, "content-type"), Some("application/wasm"), "{answer}");
        assert_eq!(header(&answer, "vary"), Some("accept-encoding"), "{answer}");
        header(&answer, "content-encoding").map(str::to_owned)
    };
    assert_eq!(encoding_for("gzip, deflate, br, zstd").as_deref(), Some("br"));
    assert_eq!(encoding_for("gzip, br;q=0").as_deref(), Some("gzip"));
    assert_eq!(encoding_for("GZIP;q=0.5").as_deref(), Some("gzip"));
    assert_eq!(encoding_for("identity"), None);
    assert_eq!(encoding_for("br;q=nonsense"), None);
}

#[test]
fn a_file_that_is_only_there_compressed_is_unpacked_for_whom_it_has_to_be() {
    let address = serve();
    let plain = get(address, "/page.js", &[]);
    assert!(plain.starts_with("HTTP/1.1 200") && plain.ends_with("packed alone"), "{plain}");
    assert_eq!(header(&plain, "content-type"), Some("text/javascript"));
    let packed = get(address, "/page.js", &["Accept-Encoding: gzip"]);
    assert_eq!((header(&packed, "content-encoding"), header(&packed, "content-length")), (Some("gzip"), Some("32")));
}

#[test]
fn the_page_is_isolated_where_browsers_take_its_address_for_secure() {
    let address = serve();
    let is_isolated = |headers: &[&str]| {
        let answer = request(address, "GET /", headers);
        let policies = ["cross-origin-opener-policy", "cross-origin-embedder-policy"].map(|name| header(&answer, name));
        assert!(policies == [Some("same-origin"), Some("require-corp")] || policies == [None, None], "{answer}");
        policies[0].is_some()
    };
    for host in ["127.0.0.1:8080", "localhost:8080", "localhost", "whelp.localhost", "[::1]:8080", "[::1]"] {
        assert!(is_isolated(&[&format!("Host: {host}")]), "{host}");
    }
    for host in ["192.168.1.7:8080", "whelp.test:8080", "nas", "[fd00::1]:8080", "localhost.example"] {
        let host = &format!("Host: {host}");
        assert!(!is_isolated(&[host]), "{host}");
        assert!(!is_isolated(&[host, "X-Forwarded-Proto: http"]), "{host}");
        assert!(is_isolated(&[host, "X-Forwarded-Proto: https"]), "{host}");
        assert!(is_isolated(&[host, "Sec-Fetch-Site: none"]), "{host}");
    }
}

#[test]
fn a_file_that_the_browser_has_is_not_sent_again() {
    let address = serve();
    let first = get(address, "/", &[]);
    assert!(first.starts_with("HTTP/1.1 200"), "{first}");
    assert_eq!(header(&first, "cache-control"), Some("no-cache"));
    let known = format!("If-None-Match: {}", header(&first, "etag").unwrap());
    assert!(get(address, "/index.html", &[&known]).starts_with("HTTP/1.1 304"));
    assert!(get(address, "/index.html", &["If-None-Match: \"other\""]).starts_with("HTTP/1.1 200"));
    // Another variant has another tag.
    let of = |headers: &[&str]| header(&get(address, "/trainer.wasm", headers), "etag").unwrap().to_owned();
    assert_ne!(of(&[]), of(&["Accept-Encoding: br"]));
}

#[test]
fn other_files_and_other_methods_are_refused() {
    let address = serve();
    for path in ["/nothing.js", "/../Cargo.toml", "/%2e%2e/Cargo.toml", "/trainer.wasm/", "/.git/config"] {
        let answer = get(address, path, &[]);
        assert!(
            answer.starts_with("HTTP/1.1 404") && answer.ends_with("no such file in the page.\n"),
            "{path}: {answer}"
        );
    }
    let written = request(address, "PUT /index.html", &["Host: whelp"]);
    assert!(written.starts_with("HTTP/1.1 405"), "{written}");
    assert_eq!(header(&written, "allow"), Some("GET,HEAD"));
}
