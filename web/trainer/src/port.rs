//! The worker's end of the border: JSON with buffers and files beside it.

use async_channel::Receiver;
use js_sys::{Array, Object, Reflect, Uint8Array};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{DedicatedWorkerGlobalScope, File, MessageEvent};
use whelp_messages::{About, Reply, Request};

/// A request with what came beside it.
pub struct Incoming {
    pub request: Request,
    /// A whole file, e.g. a checkpoint.
    pub bytes: Vec<u8>,
    /// Dropped files by their path below the drop; not read yet.
    pub files: Vec<(String, File)>,
}

/// This worker's global object.
pub fn scope() -> DedicatedWorkerGlobalScope {
    js_sys::global().unchecked_into()
}

/// Every request from now on.
pub fn listen() -> Receiver<Incoming> {
    let (sender, receiver) = async_channel::unbounded();
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| match read(&event.data()) {
        Ok(incoming) => {
            // The receiver lives as long as the worker.
            let _ = sender.try_send(incoming);
        }
        Err(reason) => {
            let message =
                format!("The page sent something the trainer does not understand ({reason}). Reload the page.");
            post(&Reply::Failed { about: About::Worker, message }, None);
        }
    });
    scope().set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    on_message.forget();
    receiver
}

fn read(message: &JsValue) -> Result<Incoming, String> {
    let field = |name: &str| Reflect::get(message, &name.into()).unwrap_or(JsValue::UNDEFINED);
    let json = field("json").as_string().ok_or("no json")?;
    let request = serde_json::from_str(&json).map_err(|error| error.to_string())?;
    let bytes = field("bytes");
    let bytes = if bytes.is_undefined() { Vec::new() } else { Uint8Array::new(&bytes).to_vec() };
    let mut files = Vec::new();
    if let Ok(list) = field("files").dyn_into::<Array>() {
        for entry in list.iter() {
            let pair: Array = entry.dyn_into().map_err(|_| "files are not pairs")?;
            let path = pair.get(0).as_string().ok_or("a file has no path")?;
            files.push((path, pair.get(1).dyn_into().map_err(|_| "a file is no File")?));
        }
    }
    Ok(Incoming { request, bytes, files })
}

/// Sends a reply; `bytes` are copied out of wasm memory once and then transferred.
pub fn post(reply: &Reply, bytes: Option<&[u8]>) {
    let message = Object::new();
    let json = serde_json::to_string(reply).expect("plain enums always serialise");
    let set = |name: &str, value: &JsValue| Reflect::set(&message, &name.into(), value).map(drop);
    let transfer = Array::new();
    let sent = set("json", &json.into()).and_then(|()| {
        if let Some(bytes) = bytes {
            let buffer = Uint8Array::from(bytes).buffer();
            set("bytes", &buffer)?;
            transfer.push(&buffer);
        }
        scope().post_message_with_transfer(&message, &transfer)
    });
    if let Err(error) = sent {
        web_sys::console::error_2(&"a reply could not be sent".into(), &error);
    }
}
