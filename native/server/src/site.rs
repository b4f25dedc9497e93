//! What there is at which address.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tower_http::services::ServeDir;

use crate::access::{Access, Refusal};
use crate::headers;
use crate::page::Page;
use crate::viewers::Viewers;

/// How a page learns that there are runs to watch, and where. The page and whoever made the [`Source`](crate::Source) agree on it.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// What is appended to `index.html`.
    pub html: String,
    /// The file that tells [`Source::about`](crate::Source::about).
    pub about: &'static str,
    /// The address of the WebSocket.
    pub socket: &'static str,
    /// The WebSocket's protocol.
    pub protocol: &'static str,
}

/// The page alone.
pub fn of_page(page: Page) -> Router {
    files(page).layer(from_fn(headers::set))
}

/// The page, and runs to watch.
pub fn of_runs(page: Page, invitation: &Invitation, access: Access, viewers: Arc<Viewers>) -> Router {
    let index = get({
        let (page, html) = (page.clone(), invitation.html.clone());
        async move || invited(&page, &html)
    });
    let about = get({
        let (access, viewers) = (access.clone(), viewers.clone());
        async move |headers: HeaderMap| match access.check(&headers) {
            Ok(()) => ([(header::CONTENT_TYPE, "application/json")], viewers.about()).into_response(),
            Err(refusal) => refused(refusal),
        }
    });
    let socket = get({
        let (access, protocol) = (access.clone(), invitation.protocol);
        async move |request: Request| match access.check(request.headers()) {
            Ok(()) => watch(request, protocol, &viewers),
            Err(refusal) => refused(refusal),
        }
    });
    Router::new()
        .route("/", index.clone())
        .route("/index.html", index)
        .route(&format!("/{}", invitation.about), about)
        .route(&format!("/{}", invitation.socket), socket)
        .fallback_service(files(page))
        .layer(from_fn_with_state(access, check_host))
        .layer(from_fn(headers::set))
}

/// The page's files, compressed where the build has compressed them.
fn files(page: Page) -> Router {
    let missing = get(async || (StatusCode::NOT_FOUND, "There is no such file in the page.\n"));
    let files = ServeDir::with_backend("", page).precompressed_br().precompressed_gzip().fallback(missing);
    Router::new().fallback_service(files)
}

/// `index.html` with the invitation at its end. It is small, so it goes as it is.
fn invited(page: &Page, html: &str) -> Response {
    match page.read("index.html") {
        Ok(index) => {
            let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
            (kind, [&index[..], html.as_bytes()].concat()).into_response()
        }
        Err(_) => (StatusCode::NOT_FOUND, "The page is gone.\n").into_response(),
    }
}

async fn check_host(State(access): State<Access>, request: Request, next: Next) -> Response {
    match access.check_host(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refused(refusal),
    }
}

fn refused(refusal: Refusal) -> Response {
    match refusal {
        Refusal::Host => (
            StatusCode::FORBIDDEN,
            "Whelp has no such name here. Open the address that it printed; with --token any name will do.\n",
        )
            .into_response(),
        Refusal::Origin => (StatusCode::FORBIDDEN, "Runs are shown to Whelp's own page only.\n").into_response(),
        Refusal::Token => {
            let scheme = [(header::WWW_AUTHENTICATE, "Bearer")];
            let words = "The token is missing or wrong. Open the whole address that Whelp printed.\n";
            (StatusCode::UNAUTHORIZED, scheme, words).into_response()
        }
    }
}

/// Makes a WebSocket of the connection (RFC 6455, section 4.2), for a viewer.
fn watch(mut request: Request, protocol: &'static str, viewers: &Arc<Viewers>) -> Response {
    let headers = request.headers();
    let lists = |name: header::HeaderName, word: &str| {
        let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(word))
    };
    let is_upgrade = *request.method() == Method::GET
        && lists(header::CONNECTION, "upgrade")
        && lists(header::UPGRADE, "websocket")
        && lists(header::SEC_WEBSOCKET_VERSION, "13")
        && lists(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    let accepted = headers.get(header::SEC_WEBSOCKET_KEY).and_then(|key| accept_value(key.as_bytes()));
    let (true, Some(accepted)) = (is_upgrade, accepted) else {
        return (StatusCode::BAD_REQUEST, "Runs are watched over a WebSocket.\n").into_response();
    };
    let Some(seat) = viewers.seat() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "Too many watch already.\n").into_response();
    };
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        if let Ok(upgraded) = upgrade.await {
            seat.serve(upgraded).await;
        }
    });
    let headers = [
        (header::CONNECTION, HeaderValue::from_static("upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol)),
        (header::SEC_WEBSOCKET_ACCEPT, accepted),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers, Body::empty()).into_response()
}

/// What proves to the other side that its key was understood.
fn accept_value(key: &[u8]) -> Option<HeaderValue> {
    const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    let digest = sha1_smol::Sha1::from([key, GUID].concat()).digest().bytes();
    HeaderValue::from_str(&STANDARD.encode(digest)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_answered_as_the_standard_says() {
        // The example of RFC 6455, section 1.3.
        assert_eq!(accept_value(b"dGhlIHNhbXBsZSBub25jZQ==").unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
