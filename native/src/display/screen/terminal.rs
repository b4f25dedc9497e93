//! The terminal under the screen: whether there is one, its modes, its size, and the signals that stop a program in it.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction};
use nix::sys::termios::{LocalFlags, SetArg, SpecialCharacterIndices, Termios, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::{getpgrp, tcgetpgrp};
use ratatui::layout::Size;
use signal_hook::consts::{SIGCONT, SIGTSTP};
use signal_hook::flag;

/// The other screen of the terminal, which leaves the one with the lines as it is, without a cursor, and with brackets around text that
/// is pasted.
const COVER: &[u8] = b"\x1b[?1049h\x1b[?25l\x1b[?2004h";

/// The end of whatever is unfinished, no picture of kitty's, and everything else as it was: colours, pasting, the cursor, the lines.
const UNCOVER: &[u8] = b"\x18\x1b\\\x1b_Ga=d,q=2\x1b\\\x1b[0m\x1b[?2004l\x1b[?25h\x1b[?1049l";

/// The same for terminals without kitty's graphics, of which old ones would print what is about those.
const UNCOVER_PLAINLY: &[u8] = b"\x18\x1b\\\x1b[0m\x1b[?2004l\x1b[?25h\x1b[?1049l";

/// The terminal's modes before it was first covered.
static MODES: OnceLock<libc::termios> = OnceLock::new();

/// Whether the terminal is covered, for the end of a program that can't do more than look at this.
static IS_COVERED: AtomicBool = AtomicBool::new(false);

/// Whether the terminal has kitty's graphics.
static HAS_PICTURES: AtomicBool = AtomicBool::new(false);

nix::ioctl_read_bad!(read_size, libc::TIOCGWINSZ, libc::winsize);

/// What decides whether there can be a screen.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Whether keys come from a terminal and lines go to one.
    pub are_terminals: bool,
    /// The variable `TERM`.
    pub term: String,
    /// Whether nobody looks, whatever the streams are: the variable `CI`.
    pub is_automatic: bool,
    pub is_in_foreground: bool,
    /// Whether it can be opened for writing, which after `su` and in some containers it can't.
    pub can_be_opened: bool,
}

impl Surroundings {
    pub fn of_this_process() -> Self {
        Self {
            are_terminals: io::stdin().is_terminal() && io::stderr().is_terminal(),
            term: std::env::var("TERM").unwrap_or_default(),
            is_automatic: std::env::var_os("CI").is_some_and(|value| !value.is_empty()),
            is_in_foreground: is_in_foreground(),
            can_be_opened: out().is_ok(),
        }
    }

    /// Whether a screen can be shown.
    pub fn have_a_screen(&self) -> bool {
        let is_able = !matches!(self.term.as_str(), "" | "dumb" | "unknown");
        self.are_terminals && is_able && !self.is_automatic && self.is_in_foreground && self.can_be_opened
    }
}

/// Whether the shell has given the terminal to this program. A program in the background that changes the terminal is stopped.
pub fn is_in_foreground() -> bool {
    // A terminal that controls no session has no background.
    tcgetpgrp(io::stderr()).map_or(true, |group| group == getpgrp())
}

/// Covers the terminal. Keys come at once and unseen; those for signals stay what they are.
pub fn cover() -> io::Result<()> {
    let before = tcgetattr(io::stdin())?;
    let before = Termios::from(*MODES.get_or_init(|| before.into()));
    let mut modes = before.clone();
    cfmakeraw(&mut modes);
    modes.local_flags |= before.local_flags & LocalFlags::ISIG;
    // Ctrl-\ would end the program at once, without a checkpoint and with the terminal covered.
    modes.control_chars[SpecialCharacterIndices::VQUIT as usize] = libc::_POSIX_VDISABLE;
    // Of what others print, such as a driver, lines still begin at the left.
    modes.output_flags = before.output_flags;
    tcsetattr(io::stdin(), SetArg::TCSANOW, &modes)?;
    IS_COVERED.store(true, Ordering::SeqCst);
    write(COVER, &|| false)
}

/// Uncovers the terminal, if it is covered. A terminal that is gone needs none of it. See [`write`].
pub fn uncover(gives_up: &dyn Fn() -> bool) {
    if IS_COVERED.swap(false, Ordering::SeqCst) {
        // In the background the modes are the shell's.
        if let Some(modes) = MODES.get().filter(|_| is_in_foreground()) {
            let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &Termios::from(*modes));
        }
        let _ = write(leaving(), gives_up);
    }
}

/// The same in the handler of a signal that ends the program.
pub fn uncover_at_abort() {
    if IS_COVERED.swap(false, Ordering::SeqCst) {
        if let Some(modes) = MODES.get().filter(|_| is_in_foreground()) {
            // SAFETY: a plain system call, like those of the filter allowed in a signal's handler, with modes that nobody changes.
            unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSANOW, modes) };
        }
        let _ = nix::unistd::write(io::stderr(), leaving());
    }
}

fn leaving() -> &'static [u8] {
    if HAS_PICTURES.load(Ordering::SeqCst) { UNCOVER } else { UNCOVER_PLAINLY }
}

/// From now on pictures of kitty's are removed with the screen.
pub fn has_pictures() {
    HAS_PICTURES.store(true, Ordering::SeqCst);
}

/// The terminal, opened once more so that writing to it never blocks: the streams stay as the shell has given them.
fn out() -> io::Result<&'static File> {
    static OUT: OnceLock<File> = OnceLock::new();
    if let Some(out) = OUT.get() {
        return Ok(out);
    }
    let path = nix::unistd::ttyname(io::stderr())?;
    let file = File::options().write(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    Ok(OUT.get_or_init(|| file))
}

/// Writes to the terminal. While it takes nothing, `gives_up` is asked whether to leave out the rest.
///
/// # Errors
/// If the terminal is gone.
pub fn write(bytes: &[u8], gives_up: &dyn Fn() -> bool) -> io::Result<()> {
    const WAIT: Duration = Duration::from_millis(20);
    let out = out()?;
    let mut rest = bytes;
    while !rest.is_empty() {
        match nix::unistd::write(out, rest) {
            Ok(written) => rest = &rest[written..],
            Err(Errno::EAGAIN) if gives_up() => return Ok(()),
            Err(Errno::EAGAIN) => {
                let mut polled = [PollFd::new(out.as_fd(), PollFlags::POLLOUT)];
                let _ = poll(&mut polled, PollTimeout::try_from(WAIT).unwrap_or(PollTimeout::MAX));
            }
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The terminal's size in cells, and that of a cell in pixels if the terminal says so.
pub fn size() -> (Size, Option<Size>) {
    let mut found = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the system writes the struct that it is given.
    let told = unsafe { read_size(libc::STDERR_FILENO, &raw mut found) };
    if told.is_err() || found.ws_col == 0 || found.ws_row == 0 {
        return (Size::new(80, 24), None);
    }
    let cell = Size::new(found.ws_xpixel / found.ws_col, found.ws_ypixel / found.ws_row);
    (Size::new(found.ws_col, found.ws_row), Some(cell).filter(|cell| cell.width > 0 && cell.height > 0))
}

/// Waits for what is typed; none if there is nothing in this time.
///
/// # Errors
/// If the terminal is gone.
pub fn wait_for_input(time: Duration) -> io::Result<Option<Vec<u8>>> {
    let stdin = io::stdin();
    let mut polled = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
    match poll(&mut polled, PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX)) {
        Ok(0) | Err(Errno::EINTR) => return Ok(None),
        Ok(_) => {}
        Err(error) => return Err(error.into()),
    }
    let mut bytes = [0; 512];
    match nix::unistd::read(&stdin, &mut bytes) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(count) => Ok(Some(bytes[..count].to_vec())),
        Err(Errno::EINTR | Errno::EAGAIN) => Ok(None),
        // The shell has taken the terminal back: the program is in the background now.
        Err(Errno::EIO) if !is_in_foreground() => {
            std::thread::sleep(time);
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// The signals by which a shell stops a program and has it go on. Once this is dropped they do what they usually do.
#[derive(Debug)]
pub struct Job {
    stop: Arc<AtomicBool>,
    back: Arc<AtomicBool>,
}

impl Job {
    /// From now on the terminal can be uncovered before the program stops.
    pub fn listen() -> io::Result<Self> {
        let job = Self { stop: Arc::default(), back: Arc::default() };
        flag::register(SIGTSTP, Arc::clone(&job.stop))?;
        flag::register(SIGCONT, Arc::clone(&job.back))?;
        Ok(job)
    }

    /// Whether the program is asked to stop.
    pub fn is_to_stop(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// Whether it has gone on after it was stopped.
    pub fn has_come_back(&self) -> bool {
        self.back.swap(false, Ordering::SeqCst)
    }

    /// Stops the program, as the signal would have without this. Returns when it goes on.
    pub fn stop(&self) {
        self.stop.store(false, Ordering::SeqCst);
        if let Ok(ours) = stop_as_usual() {
            let _ = raise(Signal::SIGTSTP);
            // SAFETY: the handler that was there is put back.
            let _ = unsafe { sigaction(Signal::SIGTSTP, &ours) };
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let _ = stop_as_usual();
    }
}

/// Leaves it to the system what the signal to stop does. Returns what was there before.
fn stop_as_usual() -> nix::Result<SigAction> {
    let usual = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: the system's own way to handle it runs no code of ours.
    unsafe { sigaction(Signal::SIGTSTP, &usual) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_needs_a_terminal_that_can_move_its_cursor_and_somebody_in_front_of_it() {
        let good = Surroundings {
            are_terminals: true,
            term: "xterm".to_owned(),
            is_automatic: false,
            is_in_foreground: true,
            can_be_opened: true,
        };
        assert!(good.have_a_screen());
        assert!(!Surroundings { are_terminals: false, ..good.clone() }.have_a_screen());
        assert!(!Surroundings { is_automatic: true, ..good.clone() }.have_a_screen());
        assert!(!Surroundings { is_in_foreground: false, ..good.clone() }.have_a_screen());
        assert!(!Surroundings { can_be_opened: false, ..good.clone() }.have_a_screen());
        for term in ["", "dumb", "unknown"] {
            assert!(!Surroundings { term: term.to_owned(), ..good.clone() }.have_a_screen(), "{term}");
        }
    }
}
