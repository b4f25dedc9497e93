//! Messages to and from the worker: requests out, replies in. `whelp::session` defines them.

use js_sys::{Array, ArrayBuffer, Object, Reflect};
use leptos::prelude::set_timeout;
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{Event, MessageEvent, WorkerOptions, WorkerType};
use whelp::session::{DevicePreference, Reply, Request};

/// Starts the worker's program for the available device.
const SCRIPT: &str = "./trainer.js";

/// Name of a worker that has to use the processor. The script knows it too.
const PROCESSOR: &str = "processor";

/// What `trainer.js` sends first: the worker runs.
const RUNNING: &str = "running";

/// How often a worker is started. Browsers promise no worker: one that is driven by a program was seen to start some that never ran.
const ATTEMPTS: u32 = 3;

/// How long a worker may take to run its script, which is small: this, then twice and three times as long.
const PATIENCE: Duration = Duration::from_secs(10);

/// A worker and the handlers that listen to it. Dropping it ends the worker.
pub struct Worker {
    connection: Rc<Connection>,
}

/// The worker, which is another one if the first did not begin to run.
struct Connection {
    worker: RefCell<web_sys::Worker>,
    options: WorkerOptions,
    /// Whether the worker has yet to run, so that another is started if this one takes too long.
    is_awaited: Cell<bool>,
    /// Messages and what is transferred with them, held back until the worker is awake; none from then on.
    early: RefCell<Option<Vec<(Object, Array)>>>,
    on_message: Closure<dyn FnMut(MessageEvent)>,
    on_error: Closure<dyn FnMut(Event)>,
    on_crash: Box<dyn Fn(String)>,
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
        let worker = RefCell::new(web_sys::Worker::new_with_options(SCRIPT, &options)?);
        let connection = Rc::new_cyclic(|this: &Weak<Connection>| {
            let (this, on_unreadable) = (this.clone(), on_crash.clone());
            let on_message = Closure::new(move |event: MessageEvent| {
                let Some(this) = this.upgrade() else { return };
                if event.data().as_string().as_deref() == Some(RUNNING) {
                    this.is_awaited.set(false);
                    return;
                }
                match decode(&event.data()) {
                    Ok((Reply::Awake, _)) if this.send_early().is_err() => {
                        on_unreadable("a message to it could not be sent".to_owned());
                    }
                    Ok((Reply::Awake, _)) => {}
                    Ok((reply, bytes)) => on_reply(reply, bytes),
                    Err(reason) => on_unreadable(format!("page and trainer are of different versions ({reason})")),
                }
            });
            let on_failure = on_crash.clone();
            let on_error = Closure::new(move |event: Event| {
                // The page shows it, so the console need not.
                event.prevent_default();
                // The event has no message if the script can't be loaded.
                let message = Reflect::get(&event, &"message".into()).ok().and_then(|message| message.as_string());
                on_failure(message.unwrap_or_default());
            });
            Connection {
                worker,
                options,
                is_awaited: Cell::new(true),
                early: RefCell::new(Some(Vec::new())),
                on_message,
                on_error,
                on_crash: Box::new(on_crash),
            }
        });
        connection.hear();
        Connection::expect_to_run(&Rc::downgrade(&connection), 1);
        Ok(Self { connection })
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
        match &mut *self.connection.early.borrow_mut() {
            Some(early) => {
                early.push((message, moved));
                Ok(())
            }
            None => self.connection.worker.borrow().post_message_with_transfer(&message, &moved),
        }
    }

    /// Ends the worker at once. The client itself stays until it is dropped, because one of its own handlers may call this.
    pub fn terminate(&self) {
        self.connection.is_awaited.set(false);
        self.connection.end();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.terminate();
    }
}

impl Connection {
    /// Listens to the worker.
    fn hear(&self) {
        let worker = self.worker.borrow();
        worker.set_onmessage(Some(self.on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(self.on_error.as_ref().unchecked_ref()));
    }

    /// Starts another worker if this one does not run in time. Requests are held back until one is awake, so none is lost.
    fn expect_to_run(this: &Weak<Self>, attempt: u32) {
        let this = this.clone();
        let patience = PATIENCE * attempt;
        set_timeout(
            move || {
                let Some(connection) = this.upgrade() else { return };
                if !connection.is_awaited.get() {
                    return;
                }
                connection.end();
                if attempt == ATTEMPTS {
                    return (connection.on_crash)("the browser did not start it".to_owned());
                }
                match web_sys::Worker::new_with_options(SCRIPT, &connection.options) {
                    Ok(worker) => {
                        connection.worker.replace(worker);
                        connection.hear();
                        Self::expect_to_run(&this, attempt + 1);
                    }
                    Err(error) => (connection.on_crash)(format!("{error:?}")),
                }
            },
            patience,
        );
    }

    /// Sends what was held back.
    fn send_early(&self) -> Result<(), JsValue> {
        let early = self.early.take().into_iter().flatten();
        let worker = self.worker.borrow();
        early.into_iter().try_for_each(|(message, moved)| worker.post_message_with_transfer(&message, &moved))
    }

    /// Ends the worker.
    fn end(&self) {
        let worker = self.worker.borrow();
        worker.set_onmessage(None);
        // Errors of a worker that has ended still come, and go to the console unless they are prevented. The page has told of
        // them.
        let quiet = Closure::<dyn Fn(Event)>::new(|event: Event| event.prevent_default()).into_js_value();
        worker.set_onerror(Some(quiet.unchecked_ref()));
        worker.terminate();
    }
}

fn decode(message: &JsValue) -> Result<(Reply, Option<ArrayBuffer>), String> {
    let field = |name: &str| Reflect::get(message, &name.into()).unwrap_or(JsValue::UNDEFINED);
    let json = field("json").as_string().ok_or("a message without json")?;
    let reply = serde_json::from_str(&json).map_err(|error| error.to_string())?;
    Ok((reply, field("bytes").dyn_into().ok()))
}
