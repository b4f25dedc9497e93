//! The answer to a browser's request (RFC 9110).

use std::net::IpAddr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Response, StatusCode};
use xxhash_rust::xxh3::xxh3_128;

use crate::page::Page;

/// Compressed variants: the encoding's name in HTTP and the ending of the file. The smallest comes first.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// Content types by the ending of a file's name. All others are sent as `application/octet-stream`.
const KINDS: [(&str, &str); 7] = [
    ("css", "text/css; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    // With this type alone, browsers compile the program while it is being loaded.
    ("wasm", "application/wasm"),
];

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const EMBEDDER_POLICY: HeaderName = HeaderName::from_static("cross-origin-embedder-policy");

/// Answers a request for `path`, an absolute path without a query: 200 with the file, 304 if the browser has this content
/// already, 404 if there is no such file, 405 for any method but GET and HEAD.
pub fn respond(page: &Page, method: &Method, path: &str, headers: &HeaderMap) -> Response<Full<Bytes>> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "This server only serves the page.\n");
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let name = path.strip_prefix('/').unwrap_or(path);
    let name = if name.is_empty() { "index.html" } else { name };
    let Some((contents, encoding)) = find(page, name, headers) else {
        return plain(StatusCode::NOT_FOUND, "There is no such file in the page.\n");
    };
    // The hash of what is sent, so each variant has its own tag.
    let tag = format!("\"{:032x}\"", xxh3_128(&contents));
    let known = is_known(&tag, headers);
    let mut response = Response::new(Full::new(if known { Bytes::new() } else { contents }));
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let mut set = |name: HeaderName, value: HeaderValue| response.headers_mut().insert(name, value);
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        set(header::ETAG, tag);
    }
    set(header::CONTENT_TYPE, HeaderValue::from_static(kind(name)));
    set(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    set(header::VARY, HeaderValue::from_static("accept-encoding"));
    // These two headers isolate the page from other sites. Browsers then let its workers share memory, so training on the
    // processor can use all threads. At an insecure address they ignore the headers, and say so in the console.
    if is_secure(headers) {
        set(OPENER_POLICY, HeaderValue::from_static("same-origin"));
        set(EMBEDDER_POLICY, HeaderValue::from_static("require-corp"));
    }
    // Browsers keep the file but ask each time whether it is current: not every name has a hash of the contents in it.
    set(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Some(encoding) = encoding {
        set(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

/// The smallest variant of a file that the browser accepts, and its encoding.
fn find(page: &Page, name: &str, headers: &HeaderMap) -> Option<(Bytes, Option<&'static str>)> {
    let compressed = ENCODINGS.iter().find_map(|(encoding, ending)| {
        let contents = accepts(encoding, headers).then(|| page.read(&format!("{name}{ending}")))??;
        Some((contents, Some(*encoding)))
    });
    compressed.or_else(|| Some((page.read_plain(name)?, None)))
}

/// Whether `Accept-Encoding` lists the encoding with a weight above 0.
fn accepts(encoding: &str, headers: &HeaderMap) -> bool {
    list(headers, header::ACCEPT_ENCODING).any(|item| {
        let (name, weight) = item.split_once(';').unwrap_or((item, "q=1"));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
        name.trim().eq_ignore_ascii_case(encoding) && weight.is_some_and(|weight| weight > 0.0)
    })
}

/// Whether the browser asked at an address that it takes for secure: this machine's, or https by way of a proxy.
///
/// Browsers send `Sec-Fetch-Site` to such addresses only (<https://www.w3.org/TR/fetch-metadata/#framework>). Other programs
/// and Safari before 16.4 never send it.
fn is_secure(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_local = text("host").is_none_or(|host| {
        let name = host
            .rsplit_once(':')
            .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
            .map_or(host, |(name, _)| name);
        let is_loopback = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        is_loopback || name == "localhost" || name.ends_with(".localhost")
    });
    is_local || headers.contains_key("sec-fetch-site") || text("x-forwarded-proto") == Some("https")
}

/// Whether `If-None-Match` lists the tag.
fn is_known(tag: &str, headers: &HeaderMap) -> bool {
    list(headers, header::IF_NONE_MATCH).any(|item| item == "*" || item.strip_prefix("W/").unwrap_or(item) == tag)
}

fn list(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

fn kind(name: &str) -> &'static str {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    KINDS.iter().find(|(known, _)| *known == ending).map_or("application/octet-stream", |(_, kind)| kind)
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Page = Page::Embedded(&[
        ("index.html", b"<!doctype html>"),
        ("trainer.wasm", b"\0asm, at length"),
        ("trainer.wasm.br", b"short"),
        ("trainer.wasm.gz", b"shorter"),
    ]);

    fn get(path: &str, headers: &[(HeaderName, &'static str)]) -> Response<Full<Bytes>> {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        respond(&PAGE, &Method::GET, path, &headers)
    }

    fn encoding_for(accepted: &'static str) -> Option<String> {
        let response = get("/trainer.wasm", &[(header::ACCEPT_ENCODING, accepted)]);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/wasm");
        assert_eq!(response.headers()[header::VARY], "accept-encoding");
        Some(response.headers().get(header::CONTENT_ENCODING)?.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_browser_gets_the_smallest_variant_that_it_accepts() {
        assert_eq!(encoding_for("gzip, deflate, br, zstd").as_deref(), Some("br"));
        assert_eq!(encoding_for("gzip, br;q=0").as_deref(), Some("gzip"));
        assert_eq!(encoding_for("GZIP;q=0.5").as_deref(), Some("gzip"));
        assert_eq!(encoding_for("identity"), None);
        assert_eq!(encoding_for("br;q=nonsense"), None);
    }

    #[test]
    fn the_page_is_isolated_where_browsers_take_its_address_for_secure() {
        let is_isolated =
            |headers: &[(HeaderName, &'static str)]| get("/", headers).headers().contains_key(OPENER_POLICY);
        let name = HeaderName::from_static;
        for host in ["127.0.0.1:8080", "localhost:8080", "localhost", "whelp.localhost", "[::1]:8080", "[::1]"] {
            assert!(is_isolated(&[(header::HOST, host)]), "{host}");
        }
        for host in ["192.168.1.7:8080", "whelp.test:8080", "nas", "[fd00::1]:8080", "localhost.example"] {
            let host = (header::HOST, host);
            assert!(!is_isolated(std::slice::from_ref(&host)), "{host:?}");
            assert!(!is_isolated(&[host.clone(), (name("x-forwarded-proto"), "http")]), "{host:?}");
            assert!(is_isolated(&[host.clone(), (name("x-forwarded-proto"), "https")]), "{host:?}");
            assert!(is_isolated(&[host.clone(), (name("sec-fetch-site"), "none")]), "{host:?}");
        }
    }

    #[test]
    fn a_file_that_the_browser_has_is_not_sent_again() {
        let first = get("/", &[]);
        assert_eq!(first.status(), StatusCode::OK);
        let tag: &'static str = first.headers()[header::ETAG].to_str().unwrap().to_owned().leak();
        assert_eq!(get("/index.html", &[(header::IF_NONE_MATCH, tag)]).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(get("/index.html", &[(header::IF_NONE_MATCH, "\"other\"")]).status(), StatusCode::OK);
        // Another variant has another tag.
        let compressed = [(header::IF_NONE_MATCH, tag), (header::ACCEPT_ENCODING, "br")];
        assert_eq!(get("/trainer.wasm", &compressed).status(), StatusCode::OK);
    }

    #[test]
    fn the_pages_workers_may_share_memory() {
        for path in ["/", "/trainer.wasm"] {
            let headers = get(path, &[]).into_parts().0.headers;
            assert_eq!(headers["cross-origin-opener-policy"], "same-origin");
            assert_eq!(headers["cross-origin-embedder-policy"], "require-corp");
        }
    }

    #[test]
    fn other_files_and_other_methods_are_refused() {
        assert_eq!(get("/nothing.js", &[]).status(), StatusCode::NOT_FOUND);
        assert_eq!(get("/../Cargo.toml", &[]).status(), StatusCode::NOT_FOUND);
        let written = respond(&PAGE, &Method::PUT, "/index.html", &HeaderMap::new());
        assert_eq!(written.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(written.headers()[header::ALLOW], "GET, HEAD");
    }
}
