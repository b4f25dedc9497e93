//! Messages to and from a program whose runs are watched: `whelp::watch` defines them.

use js_sys::{ArrayBuffer, Promise, Uint8Array};
use leptos::prelude::{document, window};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use wasm_bindgen_futures::JsFuture;
use web_sys::{BinaryType, Headers, MessageEvent, RequestInit, Response, WebSocket};
use whelp::protocol::Command;
use whelp::session::Request;
use whelp::watch::{ABOUT_PATH, About, Ask, SOCKET_PATH, SOCKET_PROTOCOL, Told, Wish, unpack};

/// Why the program told nothing of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// The token is missing or wrong.
    Refused,
    /// The program is not there, or is another one.
    Gone,
}

/// Asks the page's server what it is.
pub async fn ask_about(token: Option<&str>) -> Result<About, Silence> {
    let fetched = async {
        let request = RequestInit::new();
        if let Some(token) = token {
            let headers = Headers::new()?;
            headers.set("Authorization", &format!("Bearer {token}"))?;
            request.set_headers(&headers);
        }
        let response = JsFuture::from(window().fetch_with_str_and_init(ABOUT_PATH, &request)).await?;
        let response: Response = response.dyn_into()?;
        let text = JsFuture::from(response.text()?).await?;
        Ok::<_, JsValue>((response.status(), text.as_string().unwrap_or_default()))
    };
    match fetched.await {
        Ok((401, _)) => Err(Silence::Refused),
        Ok((200, text)) => serde_json::from_str(&text).map_err(|_| Silence::Gone),
        Ok(_) | Err(_) => Err(Silence::Gone),
    }
}

/// A WebSocket to the page's server, and the handler that listens to it. Dropping it closes it.
pub struct Socket {
    socket: WebSocket,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
}

impl Socket {
    /// Opens a WebSocket. The promise is kept when it closes, however that happens.
    ///
    /// # Errors
    /// The browser's error if it opens none.
    pub fn open(
        token: Option<&str>,
        on_told: impl Fn(Told, Option<ArrayBuffer>) + 'static,
        on_unreadable: impl Fn(String) + 'static,
    ) -> Result<(Self, Promise), JsValue> {
        // Relative to the page, whose server may stand behind a path.
        let base = document().base_uri()?.ok_or("a page without an address")?;
        let url = web_sys::Url::new_with_base(SOCKET_PATH, &base)?;
        url.set_protocol(if url.protocol() == "https:" { "wss:" } else { "ws:" });
        let protocols = js_sys::Array::of1(&SOCKET_PROTOCOL.into());
        if let Some(token) = token {
            protocols.push(&token.into());
        }
        let socket = WebSocket::new_with_str_sequence(&url.href(), &protocols)?;
        socket.set_binary_type(BinaryType::Arraybuffer);
        let on_message = Closure::new(move |event: MessageEvent| {
            let Ok(bytes) = event.data().dyn_into::<ArrayBuffer>() else { return };
            let bytes = Uint8Array::new(&bytes).to_vec();
            match unpack(&bytes) {
                Ok((told, [])) => on_told(told, None),
                Ok((told, payload)) => on_told(told, Some(Uint8Array::from(payload).buffer())),
                Err(reason) => on_unreadable(reason),
            }
        });
        socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        let closed = Promise::new(&mut |resolve, _| socket.set_onclose(Some(&resolve)));
        Ok((Self { socket, _on_message: on_message }, closed))
    }

    /// Asks for something.
    ///
    /// # Errors
    /// The browser's error if the socket is not open.
    pub fn ask(&self, ask: &Ask) -> Result<(), JsValue> {
        let json = serde_json::to_string(ask).map_err(|error| error.to_string())?;
        self.socket.send_with_str(&json)
    }

    /// Sends what of a request is for the run that is shown. There is nothing else to ask for.
    ///
    /// # Errors
    /// The browser's error if the socket is not open.
    pub fn post(&self, request: &Request) -> Result<(), JsValue> {
        let Request::Run { command } = request else { return Ok(()) };
        wish(command).map_or(Ok(()), |wish| self.ask(&Ask::Have { wish }))
    }

    pub fn close(&self) {
        let _ = self.socket.close();
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.socket.set_onmessage(None);
        self.close();
    }
}

/// What a command is called here; none if whoever watches may not have it.
fn wish(command: &Command) -> Option<Wish> {
    match command {
        Command::Pause => Some(Wish::Pause),
        Command::Resume => Some(Wish::Resume),
        Command::Sample { .. } => Some(Wish::Sample),
        Command::Save => Some(Wish::Save),
        Command::Stop => Some(Wish::Stop),
        Command::Set { .. } | Command::Draw { .. } | Command::Autosave => None,
    }
}
