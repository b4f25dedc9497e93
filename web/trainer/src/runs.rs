//! The storage of runs: of this tab, if no other tab of the page writes there.
//!
//! A lock says which one does (Web Locks). The browser gives it back when the tab's worker ends, however that happens, and
//! then to the tab that has waited longest.

use std::cell::{Cell, RefCell};
use std::io;

use js_sys::{Array, Function, Promise, Reflect};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use whelp::session::RunStorage;
use whelp::storage::Storage;

use super::port::scope;
use super::storage::PrivateStorage;

/// Name of the lock.
const LOCK: &str = "whelp runs";

/// How long to wait for the lock. A worker that this one replaces may hold it for a moment longer.
const PATIENCE_MS: i32 = 1500;

/// A file that is written to see whether the browser allows it.
const PROBE: &str = "runs/probe";

thread_local! {
    static LOCK_STATE: Cell<Lock> = const { Cell::new(Lock::Unasked) };
    /// Settles once it is known whether the lock is free. Whoever asks meanwhile waits for the same answer.
    static ANSWER: RefCell<Option<Promise>> = const { RefCell::new(None) };
    /// Whether the browser lets this page write files; none until it has been tried.
    static MAY_WRITE: Cell<Option<bool>> = const { Cell::new(None) };
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lock {
    /// Nobody has asked for it.
    Unasked,
    /// Another tab has it, or the answer has not come yet.
    Waiting,
    /// This worker has it until it ends.
    Held,
}

/// Where runs are kept, and whether this tab writes there.
pub async fn storage() -> RunStorage<PrivateStorage> {
    let Some(storage) = PrivateStorage::open().await else { return RunStorage::Refused };
    if LOCK_STATE.get() == Lock::Unasked {
        LOCK_STATE.set(Lock::Waiting);
        let answer = ask();
        ANSWER.set(Some(answer));
    }
    if let Some(answer) = ANSWER.with_borrow(Clone::clone) {
        // It does not fail: see below.
        let _ = JsFuture::from(answer).await;
        ANSWER.set(None);
    }
    if LOCK_STATE.get() != Lock::Held {
        return RunStorage::Theirs(storage);
    }
    if MAY_WRITE.get().is_none() {
        MAY_WRITE.set(Some(may_write(&storage).await));
    }
    match MAY_WRITE.get() {
        Some(true) => RunStorage::Ours(storage),
        _ => RunStorage::Refused,
    }
}

/// Some browsers give a page folders in which it may write no file.
async fn may_write(storage: &PrivateStorage) -> bool {
    let written = storage.put(PROBE, |file| file.write_all(b"whelp")).await;
    let _ = storage.delete(PROBE).await;
    match written {
        Ok(()) => true,
        // Room can be made.
        Err(error) => error.kind() == io::ErrorKind::StorageFull,
    }
}

/// Asks for the lock. The promise is fulfilled when the lock is held, or when it has taken too long; the request stays, so the
/// lock comes when the other tab is closed.
fn ask() -> Promise {
    let held = Promise::new(&mut |resolve, _| {
        let on_held = Closure::once_into_js(move || {
            LOCK_STATE.set(Lock::Held);
            let _ = resolve.call0(&JsValue::NULL);
            // The lock is held until this promise is settled: never.
            Promise::new(&mut |_, _| {})
        });
        if request(&on_held).is_err() {
            // Browsers without locks are of before 2022. Two tabs there write to files of their own.
            LOCK_STATE.set(Lock::Held);
        }
    });
    let late = Promise::new(&mut |resolve, _| {
        let waits = LOCK_STATE.get() != Lock::Held
            && scope().set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, PATIENCE_MS).is_ok();
        if !waits {
            let _ = resolve.call0(&JsValue::NULL);
        }
    });
    Promise::race(&Array::of2(&held, &late))
}

fn request(on_held: &JsValue) -> Result<(), JsValue> {
    let locks = Reflect::get(&scope().navigator(), &"locks".into())?;
    let request: Function = Reflect::get(&locks, &"request".into())?.dyn_into()?;
    let request: Promise = request.call2(&locks, &LOCK.into(), on_held)?.dyn_into()?;
    // A request that the browser refuses later leaves this tab without the lock.
    let ignored = Closure::<dyn FnMut(JsValue)>::new(|_| ());
    let _ = request.catch(&ignored);
    ignored.forget();
    Ok(())
}
