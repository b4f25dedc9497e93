//! Who may watch: whoever asks from a page of this very server with the token, or, where there is none, at a name of this machine.
//!
//! A page that watches can stop a training of weeks, so a page of somebody else must not be taken for it. Without a token the name in
//! `Host` keeps out a foreign page whose name was made to lead here (DNS rebinding): browsers let no page choose it. With a token any
//! name will do, such as that of a proxy or an alias of SSH: a foreign page does not have the token, whatever name it goes by, as
//! browsers keep it for the page of the name that it was opened with. `Origin` keeps out a page that opens a WebSocket from elsewhere
//! (cross-site WebSocket hijacking). The token keeps out other machines, and other people on this one.

use std::fmt::Write as _;
use std::net::IpAddr;

use hyper::header::{self, HeaderMap};
use subtle::ConstantTimeEq;

/// What stands between a request and the runs.
#[derive(Clone, Debug)]
pub struct Access {
    /// None if only this machine can reach the server and nobody has asked for one.
    token: Option<Token>,
    /// Names of this machine, beside `localhost` and addresses.
    names: Vec<String>,
}

/// Something that nobody guesses, as hexadecimal digits.
#[derive(Clone, Debug)]
pub struct Token(String);

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is for another name.
    Host,
    /// It comes from a page of another server.
    Origin,
    /// It has no token, or a wrong one.
    Token,
}

impl Token {
    /// Its length in bytes: 128 bits.
    const BYTES: usize = 16;

    /// A new one.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; Self::BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })))
    }

    /// One that another server gave out; none if `digits` can't be one.
    pub fn given(digits: &str) -> Option<Self> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (digits.len() == 2 * Self::BYTES && digits.bytes().all(is_digit)).then(|| Self(digits.to_owned()))
    }

    /// Its digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How long this takes says nothing about where two differ.
    fn is(&self, given: &str) -> bool {
        self.0.as_bytes().ct_eq(given.as_bytes()).into()
    }
}

impl Access {
    pub fn new(token: Option<Token>, names: Vec<String>) -> Self {
        Self { token, names }
    }

    pub fn names(&self) -> &[String] {
        &self.names
    }

    pub fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    /// Whether a request is for this server, whatever it is for. With a token, all are: what needs none is no secret.
    ///
    /// # Errors
    /// [`Refusal::Host`].
    pub fn check_host(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        if self.token.is_some() {
            return Ok(());
        }
        let host = text(headers, header::HOST).map(name_of).ok_or(Refusal::Host)?;
        // An address can't be made to lead somewhere else.
        let is_address = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        let is_loopback = host.eq_ignore_ascii_case("localhost") || host.to_ascii_lowercase().ends_with(".localhost");
        let is_own = self.names.iter().any(|name| host.eq_ignore_ascii_case(name));
        if is_address || is_loopback || is_own { Ok(()) } else { Err(Refusal::Host) }
    }

    /// Whether whoever asks may see the runs.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        self.check_host(headers)?;
        // Programs that are no browsers send none. A proxy may speak https where this server does not.
        if let Some(origin) = headers.get(header::ORIGIN) {
            let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
            let host = text(headers, header::HOST).unwrap_or_default();
            if !origin.is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host)) {
                return Err(Refusal::Origin);
            }
        }
        match &self.token {
            Some(token) if !given(headers).any(|given| token.is(given)) => Err(Refusal::Token),
            _ => Ok(()),
        }
    }
}

/// What might be the token: of a fetch in `Authorization`, and of a WebSocket, which can't have that, among its protocols.
fn given(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let bearer = text(headers, header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    let protocols = text(headers, header::SEC_WEBSOCKET_PROTOCOL).into_iter().flat_map(|list| list.split(','));
    bearer.into_iter().chain(protocols).map(str::trim)
}

/// The name in `Host`, without the port.
pub fn name_of(host: &str) -> &str {
    host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit())).map_or(host, |(name, _)| name)
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue, ORIGIN, SEC_WEBSOCKET_PROTOCOL};

    fn headers(list: &[(HeaderName, &str)]) -> HeaderMap {
        list.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn other_names_are_refused() {
        let access = Access::new(None, vec!["node07".to_owned()]);
        let check = |host: &str| access.check(&headers(&[(HOST, host)]));
        for own in [
            "127.0.0.1:8080",
            "localhost:9000",
            "LOCALHOST",
            "[::1]:8080",
            "192.168.1.7",
            "whelp.localhost",
            "Node07:80",
        ] {
            assert_eq!(check(own), Ok(()), "{own}");
        }
        for foreign in
            ["evil.example:8080", "localhost.evil.example", "node07.evil.example", "127.0.0.1.evil.example", ""]
        {
            assert_eq!(check(foreign), Err(Refusal::Host), "{foreign}");
        }
        assert_eq!(access.check(&HeaderMap::new()), Err(Refusal::Host));
    }

    #[test]
    fn with_the_token_any_name_will_do_and_without_it_none() {
        let token = Token::random().unwrap();
        let access = Access::new(Some(token.clone()), vec!["node07".to_owned()]);
        let bearer = format!("Bearer {}", token.as_str());
        for name in ["workstation-by-ssh:8080", "dogs.lab.example", "node07:8080", "127.0.0.1:8080"] {
            let asked = [(HOST, name), (AUTHORIZATION, bearer.as_str())];
            assert_eq!(access.check(&headers(&asked)), Ok(()), "{name}");
            assert_eq!(access.check(&headers(&asked[..1])), Err(Refusal::Token), "{name}");
            assert_eq!(access.check_host(&headers(&asked[..1])), Ok(()), "the page itself, which is no secret");
            let own = format!("https://{name}");
            let from = |origin: &str| {
                let [host, token] = asked.clone();
                access.check(&headers(&[host, token, (ORIGIN, origin)]))
            };
            assert_eq!(from(&own), Ok(()), "{name}");
            assert_eq!(from("https://evil.example"), Err(Refusal::Origin), "{name}");
        }
    }

    #[test]
    fn pages_of_other_servers_are_refused() {
        let access = Access::new(None, Vec::new());
        let check = |origin: &str| access.check(&headers(&[(HOST, "127.0.0.1:8080"), (ORIGIN, origin)]));
        assert_eq!(check("http://127.0.0.1:8080"), Ok(()));
        assert_eq!(check("https://127.0.0.1:8080"), Ok(()), "by way of a proxy");
        for foreign in ["http://127.0.0.1:8081", "http://localhost:8080", "https://evil.example", "null", ""] {
            assert_eq!(check(foreign), Err(Refusal::Origin), "{foreign}");
        }
    }

    #[test]
    fn only_the_whole_token_is_the_token() {
        let token = Token::random().unwrap();
        assert_eq!(token.as_str().len(), 32);
        assert_ne!(token.as_str(), Token::random().unwrap().as_str());
        assert_eq!(Token::given(token.as_str()).unwrap().as_str(), token.as_str());
        for other in ["", &token.as_str()[1..], &token.as_str().replace(|_| true, "g")] {
            assert!(Token::given(other).is_none(), "{other}");
        }
        let access = Access::new(Some(token.clone()), Vec::new());
        let check = |name: HeaderName, value: String| access.check(&headers(&[(HOST, "10.0.0.7"), (name, &value)]));
        let token = token.as_str();
        assert_eq!(check(AUTHORIZATION, format!("Bearer {token}")), Ok(()));
        assert_eq!(check(SEC_WEBSOCKET_PROTOCOL, format!("whelp-watch, {token}")), Ok(()));
        for wrong in [&token[1..], &format!("{token}0"), "", &token.replace(|_| true, "0")] {
            assert_eq!(check(AUTHORIZATION, format!("Bearer {wrong}")), Err(Refusal::Token));
            assert_eq!(check(SEC_WEBSOCKET_PROTOCOL, format!("whelp-watch, {wrong}")), Err(Refusal::Token));
        }
        assert_eq!(access.check(&headers(&[(HOST, "10.0.0.7")])), Err(Refusal::Token));
    }
}
