//! The server behind a socket.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use whelp_server::{Page, Server, ServerError};

const PAGE: Page = Page::Embedded(&[("index.html", b"<!doctype html>")]);

/// Asks for everything in `requests` over one connection, and returns what came until it was closed.
fn ask(address: SocketAddr, requests: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(requests.as_bytes()).unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    answers
}

#[test]
fn one_connection_carries_several_requests_and_a_broken_one_harms_nobody() {
    let server = Server::bind(PAGE, 0).unwrap();
    let address = server.address().unwrap();
    assert!(address.ip().is_loopback());
    std::thread::spawn(|| server.run());

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
    let first = Server::bind(PAGE, 0).unwrap();
    let port = first.address().unwrap().port();
    assert!(matches!(Server::bind(PAGE, port), Err(ServerError::Port { .. })));
    let folder = Page::Folder(std::env::temp_dir().join("whelp-has-no-page-here"));
    let Err(error) = Server::bind(folder, 0) else { panic!("a missing folder was served") };
    assert!(error.to_string().contains("no index.html"), "{error}");
}
