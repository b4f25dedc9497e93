//! Signals: what ends the program ends it with everything saved.
//!
//! Handlers only set flags. A thread looks at them twenty times a second and tells the run, in the same rhythm in which it looks for
//! requests of `whelp ctl`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use async_channel::Sender;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use whelp::protocol::Command;

use crate::control::Control;
use crate::failure::{Failure, Outcome};
use crate::output::{self, note};

/// How often the thread looks.
const RHYTHM: Duration = Duration::from_millis(50);

/// Signals of the program, from [`Signals::listen`] on.
#[derive(Clone, Debug)]
pub struct Signals {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    listener: Listener,
    /// The first signal that asked for an end.
    first: Option<i32>,
    /// How many did.
    count: u32,
    /// When the program ends, whatever is unfinished.
    deadline: Option<Instant>,
    control: Option<Arc<Control>>,
}

/// Who hears of signals.
#[derive(Debug, Default)]
enum Listener {
    /// Nothing is to be saved yet: the program ends at once.
    #[default]
    Nobody,
    /// Whoever asks [`Signals::outcome`] now and then.
    Asking,
    /// A run, which saves a checkpoint first.
    Run(Sender<Command>),
}

impl Signals {
    /// Begins to listen for what asks the program to end, and for what asks for a checkpoint. Until somebody else is named, the
    /// program ends at once. `grace`: how long it may take to save.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn listen(grace: Option<Duration>) -> Result<Self, Failure> {
        let shared = Arc::new(Shared::default());
        let flag = |signal: i32| {
            let raised = Arc::new(AtomicBool::new(false));
            flag::register(signal, raised.clone()).map(|_| (signal, raised)).map_err(Failure::fault)
        };
        let ending: Vec<_> = system::ending()?.into_iter().map(flag).collect::<Result<_, _>>()?;
        let saving: Vec<_> = system::SAVING.iter().copied().map(flag).collect::<Result<_, _>>()?;
        // What of a file would exceed a limit is then an error of the write, not the end of the program.
        system::IGNORED.iter().copied().map(flag).collect::<Result<Vec<_>, _>>()?;
        let watched = shared.clone();
        let watch = move || {
            loop {
                for (signal, _) in ending.iter().filter(|(_, raised)| raised.swap(false, Ordering::SeqCst)) {
                    watched.end(*signal, grace);
                }
                for _ in saving.iter().filter(|(_, raised)| raised.swap(false, Ordering::SeqCst)) {
                    watched.save();
                }
                watched.look();
                thread::sleep(RHYTHM);
            }
        };
        thread::Builder::new().name("signals".to_owned()).spawn(watch).map_err(Failure::fault)?;
        Ok(Self { shared })
    }

    /// From now on a signal only makes [`Signals::outcome`] say so.
    pub fn ask(&self) {
        self.shared.lock().listener = Listener::Asking;
    }

    /// From now on a signal has the run save a checkpoint and end, or only save one; and `control` is looked at.
    pub fn tell(&self, commands: Sender<Command>, control: Arc<Control>) {
        let mut state = self.shared.lock();
        (state.listener, state.control) = (Listener::Run(commands), Some(control));
    }

    /// How the program is to end if a signal has asked it to.
    pub fn outcome(&self) -> Option<Outcome> {
        self.shared.lock().first.map(Outcome::Signalled)
    }

    /// How many signals have asked for an end.
    pub fn count(&self) -> u32 {
        self.shared.lock().count
    }

    /// Waits, but not beyond the next signal that asks for an end.
    pub fn wait(&self, time: Duration) {
        let state = self.shared.lock();
        let before = state.count;
        let waited = self.shared.changed.wait_timeout_while(state, time, |state| state.count == before);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, signal: i32, grace: Option<Duration>) {
        let mut state = self.lock();
        state.first.get_or_insert(signal);
        state.count += 1;
        match &state.listener {
            Listener::Nobody => {
                note!("whelp: ended by a signal before training began; nothing was lost");
                leave(signal);
            }
            Listener::Asking => {}
            Listener::Run(commands) if state.count == 1 => {
                let limit = grace.map_or_else(String::new, |grace| format!(", for at most {} s", grace.as_secs_f64()));
                note!("saving a checkpoint, then the run ends{limit}");
                // The run takes commands one by one, so the queue is only full if something is wrong with it.
                let _ = commands.try_send(Command::Stop);
                state.deadline = grace.and_then(|grace| Instant::now().checked_add(grace));
            }
            Listener::Run(_) => note!("the checkpoint is still being saved"),
        }
        self.changed.notify_all();
    }

    fn save(&self) {
        if let Listener::Run(commands) = &self.lock().listener {
            let _ = commands.try_send(Command::Save);
        }
    }

    fn look(&self) {
        let (control, commands) = {
            let state = self.lock();
            if let (Some(deadline), Some(signal)) = (state.deadline, state.first)
                && Instant::now() >= deadline
            {
                note!("whelp: the last checkpoint was not finished within --grace; the one before it stays valid");
                leave(signal);
            }
            match (&state.control, &state.listener) {
                (Some(control), Listener::Run(commands)) => (control.clone(), commands.clone()),
                _ => return,
            }
        };
        control.look(&commands);
    }
}

/// Ends the process without waiting for what its other threads do.
fn leave(signal: i32) -> ! {
    output::end_screen();
    signal_hook::low_level::exit(i32::from(Outcome::Signalled(signal).status()))
}

#[cfg(unix)]
mod system {
    use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
    use signal_hook::consts::{SIGHUP, SIGUSR1, SIGXFSZ};

    use super::{Failure, SIGINT, SIGTERM};

    pub const SAVING: &[i32] = &[SIGUSR1];
    pub const IGNORED: &[i32] = &[SIGXFSZ];

    /// Under nohup the program goes on when its terminal goes away.
    pub fn ending() -> Result<Vec<i32>, Failure> {
        let ignore = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
        // SAFETY: to ignore a signal runs no code of ours.
        let inherited = unsafe { sigaction(Signal::SIGHUP, &ignore) }.map_err(Failure::fault)?;
        let is_ignored = matches!(inherited.handler(), SigHandler::SigIgn);
        Ok(if is_ignored { vec![SIGINT, SIGTERM] } else { vec![SIGINT, SIGTERM, SIGHUP] })
    }
}

#[cfg(not(unix))]
mod system {
    use super::{Failure, SIGINT, SIGTERM};

    pub const SAVING: &[i32] = &[];
    pub const IGNORED: &[i32] = &[];

    pub fn ending() -> Result<Vec<i32>, Failure> {
        Ok(vec![SIGINT, SIGTERM])
    }
}
