//! Messages to and from the worker: requests out, replies in. `whelp::session` defines them.

use js_sys::{Array, ArrayBuffer, Object, Reflect};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{Event, MessageEvent, WorkerOptions, WorkerType};
use whelp::session::{DevicePreference, Reply, Request};

/// Starts the worker's program for the available device.
const SCRIPT: &str = "./trainer.js";

/// Name of a worker that has to use the processor. The script knows it too.
const PROCESSOR: &str = "processor";

/// Messages and what is transferred with them, held back until the worker is awake; none from then on.
type Early = Rc<RefCell<Option<Vec<(Object, Array)>>>>;

/// A worker and the handlers that listen to it. Dropping it ends the worker.
pub struct Worker {
    worker: web_sys::Worker,
    early: Early,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(Event)>,
}

impl Worker {
    /// Starts a worker, on WebGPU if `device` allows it and the browser offers it, else on the processor. `on_crash` gets the
    /// browser's message when the worker can't be loaded or crashes.
    ///
    /// # Errors
    /// The browser's error if it has no workers.
    pub fn start(
        device: &DevicePreference,
        on_reply: impl Fn(Reply, Option<ArrayBuffer>) + 'static,
        on_crash: impl Fn(String) + Clone + 'static,
    ) -> Result<Self, JsValue> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        if matches!(device, DevicePreference::Cpu { .. }) {
            options.set_name(PROCESSOR);
        }
        let worker = web_sys::Worker::new_with_options(SCRIPT, &options)?;
        let early: Early = Rc::new(RefCell::new(Some(Vec::new())));
        let on_unreadable = on_crash.clone();
        let on_message = {
            let (worker, early) = (worker.clone(), early.clone());
            Closure::new(move |event: MessageEvent| match decode(&event.data()) {
                Ok((Reply::Awake, _)) => {
                    let sent = early
                        .take()
                        .into_iter()
                        .flatten()
                        .try_for_each(|(message, moved)| worker.post_message_with_transfer(&message, &moved));
                    if sent.is_err() {
                        on_unreadable("a message to it could not be sent".to_owned());
                    }
                }
                Ok((reply, bytes)) => on_reply(reply, bytes),
                Err(reason) => on_unreadable(format!("page and trainer are of different versions ({reason})")),
            })
        };
        let on_error = Closure::new(move |event: Event| {
            // The page shows it, so the console need not.
            event.prevent_default();
            // The event has no message if the script can't be loaded.
            let message = Reflect::get(&event, &"message".into()).ok().and_then(|message| message.as_string());
            on_crash(message.unwrap_or_default());
        });
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        Ok(Self { worker, early, _on_message: on_message, _on_error: on_error })
    }

    /// Sends a request. `bytes` is transferred and is empty here afterwards.
    ///
    /// # Errors
    /// The browser's error if something can't be transferred.
    pub fn post(&self, request: &Request, bytes: Option<&ArrayBuffer>, files: Option<&Array>) -> Result<(), JsValue> {
        let json = serde_json::to_string(request).map_err(|error| error.to_string())?;
        let message = Object::new();
        Reflect::set(&message, &"json".into(), &json.into())?;
        let moved = Array::new();
        if let Some(bytes) = bytes {
            Reflect::set(&message, &"bytes".into(), bytes)?;
            moved.push(bytes);
        }
        if let Some(files) = files {
            Reflect::set(&message, &"files".into(), files)?;
        }
        match &mut *self.early.borrow_mut() {
            Some(early) => {
                early.push((message, moved));
                Ok(())
            }
            None => self.worker.post_message_with_transfer(&message, &moved),
        }
    }

    /// Ends the worker at once. The client itself stays until it is dropped, because one of its own handlers may call this.
    pub fn terminate(&self) {
        self.worker.set_onmessage(None);
        // Errors of a worker that has ended still come, and go to the console unless they are prevented. The page has told of
        // them.
        let quiet = Closure::<dyn Fn(Event)>::new(|event: Event| event.prevent_default()).into_js_value();
        self.worker.set_onerror(Some(quiet.unchecked_ref()));
        self.worker.terminate();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.terminate();
    }
}

fn decode(message: &JsValue) -> Result<(Reply, Option<ArrayBuffer>), String> {
    let field = |name: &str| Reflect::get(message, &name.into()).unwrap_or(JsValue::UNDEFINED);
    let json = field("json").as_string().ok_or("a message without json")?;
    let reply = serde_json::from_str(&json).map_err(|error| error.to_string())?;
    Ok((reply, field("bytes").dyn_into().ok()))
}
