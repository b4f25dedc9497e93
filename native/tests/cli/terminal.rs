//! A terminal for programs that the tests start, and what it would show.

use std::fs::File;
use std::io::Read;
use std::num::NonZeroU16;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::libc;
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::setsid;

/// As long may anything take.
const PATIENCE: Duration = Duration::from_secs(120);

/// The far end of a terminal, and a command in it. No other process has the far end, so the terminal goes away with it.
pub fn in_terminal(mut command: Command, is_controlling: bool) -> (PtyMaster, Child) {
    let far = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).unwrap();
    grantpt(&far).unwrap();
    unlockpt(&far).unwrap();
    let near = ptsname_r(&far).unwrap();
    let stream = || {
        let mut options = File::options();
        options.read(true).write(true).custom_flags(libc::O_NOCTTY);
        Stdio::from(options.open(&near).unwrap())
    };
    command.stdin(stream()).stdout(stream()).stderr(stream());
    // Unless the command says otherwise, as most terminals are.
    if !command.get_envs().any(|(name, _)| name == "TERM") {
        command.env("TERM", "xterm-256color");
    }
    command.env_remove("CI").env_remove("COLORTERM").env_remove("NO_COLOR");
    if is_controlling {
        let take = || {
            setsid()?;
            // SAFETY: a plain system call on a descriptor that is open, as `login` makes it.
            let taken = unsafe { libc::ioctl(0, libc::TIOCSCTTY, 0) };
            if taken == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
        };
        // SAFETY: only system calls that may be made between fork and exec.
        unsafe { command.pre_exec(take) };
    }
    let child = command.spawn().unwrap();
    // The command has its own copies of the near end.
    drop(command);
    (far, child)
}

/// A command in a terminal that somebody looks at.
pub struct Watched {
    pub child: Child,
    far: PtyMaster,
    seen: Arc<Mutex<Seen>>,
    /// Sees what is written, until no program has the terminal open.
    reader: JoinHandle<()>,
    /// The terminal's modes before the command began.
    modes: Termios,
}

struct Seen {
    parser: vt100::Parser,
    bytes: Vec<u8>,
}

fn cells(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).unwrap()
}

impl Watched {
    pub fn new(mut command: Command, columns: u16, rows: u16) -> Self {
        let path = command.get_program().to_owned();
        let arguments: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        // Its size is known before the program looks at it.
        let mut sized = Command::new("sh");
        sized.args(["-c", &format!(r#"stty cols {columns} rows {rows} && exec "$0" "$@""#)]).arg(path).args(arguments);
        if let Some(folder) = command.get_current_dir() {
            sized.current_dir(folder);
        }
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => sized.env(name, value),
                None => sized.env_remove(name),
            };
        }
        command = sized;
        let (far, child) = in_terminal(command, true);
        let modes = tcgetattr(&far).unwrap();
        let parser = vt100::Parser::new(cells(rows), cells(columns), 2000);
        let seen = Arc::new(Mutex::new(Seen { parser, bytes: Vec::new() }));
        let (mut written, sees) = (File::from(far.as_fd().try_clone_to_owned().unwrap()), seen.clone());
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // After the last program in the terminal reading fails.
            while let Ok(count @ 1..) = written.read(&mut bytes) {
                let mut seen = sees.lock().unwrap();
                seen.parser.process(&bytes[..count]);
                seen.bytes.extend(&bytes[..count]);
            }
        });
        Self { child, far, seen, reader, modes }
    }

    /// What can be seen now.
    pub fn text(&self) -> String {
        self.seen.lock().unwrap().parser.screen().contents()
    }

    /// What can be seen now and above it.
    pub fn scrollback(&self) -> String {
        let mut seen = self.seen.lock().unwrap();
        let screen = seen.parser.screen_mut();
        let (rows, above) = (usize::from(screen.size().0.get()), screen.scrollback_len());
        let pages = (1..=above.div_ceil(rows)).rev().map(|page| page * rows).chain([0]);
        let text: Vec<String> = pages
            .map(|place| {
                screen.set_scrollback(place);
                screen.contents()
            })
            .collect();
        text.join("\n")
    }

    /// All that the terminal was told.
    pub fn bytes(&self) -> Vec<u8> {
        self.seen.lock().unwrap().bytes.clone()
    }

    /// Whether the screen covers the terminal.
    pub fn is_covered(&self) -> bool {
        self.seen.lock().unwrap().parser.screen().alternate_screen()
    }

    /// Whether the terminal is as it was before.
    pub fn is_restored(&self) -> bool {
        let modes = tcgetattr(&self.far).unwrap();
        let is_visible = !self.seen.lock().unwrap().parser.screen().hide_cursor();
        let same = modes.local_flags == self.modes.local_flags && modes.input_flags == self.modes.input_flags;
        same && modes.output_flags == self.modes.output_flags && is_visible && !self.is_covered()
    }

    pub fn type_in(&mut self, keys: &str) {
        // SAFETY: a plain system call on a descriptor that is open.
        let written = unsafe { libc::write(self.far.as_raw_fd(), keys.as_ptr().cast(), keys.len()) };
        assert_eq!(written, keys.len() as isize, "{}", std::io::Error::last_os_error());
    }

    pub fn resize(&self, columns: u16, rows: u16) {
        let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        self.seen.lock().unwrap().parser.screen_mut().set_size(cells(rows), cells(columns));
        // SAFETY: the system reads the struct that it is given.
        assert_eq!(unsafe { libc::ioctl(self.far.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) }, 0);
    }

    /// Waits until something can be seen.
    pub fn wait(&mut self, what: &str, is_there: impl Fn(&Self) -> bool) {
        let started = Instant::now();
        while !is_there(self) {
            let ended = self.child.try_wait().unwrap();
            let is_late = started.elapsed() > PATIENCE || (ended.is_some() && started.elapsed() > PATIENCE / 10);
            assert!(!is_late, "no {what} ({ended:?}) in\n{}", self.text());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn wait_for(&mut self, words: &str) {
        self.wait(words, |terminal| terminal.text().contains(words));
    }

    /// The end of the program, and of what it wrote.
    pub fn end(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            // What it wrote last may still be on its way when it has ended.
            if let Some(status) = self.child.try_wait().unwrap()
                && self.reader.is_finished()
            {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "it, or its terminal, did not end:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
