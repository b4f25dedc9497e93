//! What every answer says to browsers.

use std::net::IpAddr;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::access::name_of;

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const EMBEDDER_POLICY: HeaderName = HeaderName::from_static("cross-origin-embedder-policy");

/// Sets the headers of an answer.
pub async fn set(request: Request, next: Next) -> Response {
    let is_isolated = is_secure(request.headers());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // A foreign page that frames this one could have its visitor press Pause.
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"));
    // Browsers keep a file but ask each time whether it is current: not every name has a hash of the contents in it.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // These two isolate the page from other sites. Browsers then let its workers share memory, so training on the processor can
    // use all threads. At an insecure address they ignore the headers, and say so in the console.
    if is_isolated {
        headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
        headers.insert(EMBEDDER_POLICY, HeaderValue::from_static("require-corp"));
    }
    response
}

/// Whether the browser asked at an address that it takes for secure: this machine's, or https by way of a proxy.
///
/// Browsers send `Sec-Fetch-Site` to such addresses only (<https://www.w3.org/TR/fetch-metadata/#framework>). Other programs
/// and Safari before 16.4 never send it.
fn is_secure(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_local = text("host").is_none_or(|host| {
        let name = name_of(host);
        let is_loopback = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        is_loopback || name == "localhost" || name.ends_with(".localhost")
    });
    is_local || headers.contains_key("sec-fetch-site") || text("x-forwarded-proto") == Some("https")
}
