//! Messages to and from the page.
//!
//! A message is a JavaScript object `{ json: string, bytes?: ArrayBuffer, files?: [[path, File], ...] }`. Buffers are
//! transferred, never copied.

use async_channel::Receiver;
use js_sys::{Array, Object, Reflect, Uint8Array};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{DedicatedWorkerGlobalScope, File, MessageEvent};
use whelp::device::DeviceError;
use whelp::protocol::FailureKind;
use whelp::session::{About, Incoming, Problem, Reply};

/// Dropped files with their paths below the drop.
type Files = Vec<(String, File)>;

/// This worker's global object.
pub fn scope() -> DedicatedWorkerGlobalScope {
    js_sys::global().unchecked_into()
}

/// Every request from now on.
pub fn listen() -> Receiver<Incoming<Files>> {
    let (sender, receiver) = async_channel::unbounded();
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| match read(&event.data()) {
        Ok(incoming) => {
            // The receiver lives as long as the worker.
            let _ = sender.try_send(incoming);
        }
        Err(reason) => {
            fail_session(format!("the page sent a message that the trainer can't read ({reason})"));
        }
    });
    scope().set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    on_message.forget();
    receiver
}

fn read(message: &JsValue) -> Result<Incoming<Files>, String> {
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

/// Tells the page that the worker broke and has to be started again.
pub fn fail_session(message: String) {
    // If it fails, there is no way left to tell.
    let _ = send(&failure(message), None);
}

fn failure(message: String) -> Reply {
    // What a graphics device has no memory for, the graphics stack ends in a panic.
    let failure = match DeviceError::from_report(message.clone()).kind() {
        kind @ (FailureKind::OutOfMemory | FailureKind::DeviceLost) => kind,
        _ => FailureKind::Bug,
    };
    let problem = Problem::Failed { failure, message };
    Reply::Failed { about: About::Session, problem }
}

/// Sends a reply. `bytes` are copied out of wasm memory once and then transferred.
pub fn post(reply: &Reply, bytes: Option<&[u8]>) {
    if let Err(error) = send(reply, bytes) {
        fail_session(format!("a reply could not be sent ({error:?})"));
    }
}

fn send(reply: &Reply, bytes: Option<&[u8]>) -> Result<(), JsValue> {
    let message = Object::new();
    let json = serde_json::to_string(reply).expect("plain enums always serialise");
    let set = |name: &str, value: &JsValue| Reflect::set(&message, &name.into(), value).map(drop);
    set("json", &json.into())?;
    let transfer = Array::new();
    if let Some(bytes) = bytes {
        let buffer = Uint8Array::from(bytes).buffer();
        set("bytes", &buffer)?;
        transfer.push(&buffer);
    }
    scope().post_message_with_transfer(&message, &transfer)
}
