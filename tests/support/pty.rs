//! The program in a pseudo-terminal: keys in, screen out, and what is left of the terminal afterwards.
use std::io::{Read, Write};
use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use rustix::fs::{Mode, OFlags};

/// How long anything may take before a test gives up on it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The program that is tested.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_gonogo");

/// What the program has written: as it is, and as a terminal shows it. Both are of the same moment.
struct Heard {
    screen: vt100::Parser,
    raw: Vec<u8>,
}

/// A running program with its terminal.
pub(crate) struct Terminal {
    master: Option<Box<dyn MasterPty + Send>>,
    writer: Option<Box<dyn Write + Send>>,
    child: Box<dyn Child + Send + Sync>,
    heard: Arc<Mutex<Heard>>,
    reader: Option<JoinHandle<()>>,
    gone: Arc<AtomicBool>,
    before: String,
}

impl Terminal {
    /// Starts the program with these arguments in a terminal of this size; `home` holds its state and config.
    pub(crate) fn start(arguments: &[&str], home: &Path, columns: u16, rows: u16) -> Self {
        Self::run(PROGRAM, arguments, &[], home, (columns, rows))
    }

    /// Starts any program with more in its environment.
    pub(crate) fn run(
        program: &str,
        arguments: &[&str],
        more: &[(&str, &str)],
        home: &Path,
        (columns, rows): (u16, u16),
    ) -> Self {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        command.env_clear();
        command.env("PATH", std::env::var("PATH").unwrap_or_default());
        command.env("HOME", home);
        command.env("TERM", "xterm-256color");
        command.env("COLORTERM", "truecolor");
        command.env("LANG", "C.UTF-8");
        command.env("USER", "tester");
        for (name, value) in more {
            command.env(name, value);
        }
        let before = pair.master.get_termios().unwrap();
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let screen = vt100::Parser::new(cells(rows), cells(columns), 0);
        let heard = Arc::new(Mutex::new(Heard { screen, raw: Vec::new() }));
        let mut reader = pair.master.try_clone_reader().unwrap();
        let into = Arc::clone(&heard);
        let gone = Arc::new(AtomicBool::new(false));
        let no_more = Arc::clone(&gone);
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 65536];
            while let Ok(read @ 1..) = reader.read(&mut bytes) {
                if no_more.load(Ordering::SeqCst) {
                    return;
                }
                let news = bytes.get(..read).unwrap_or_default();
                let mut heard = into.lock().unwrap();
                heard.screen.process(news);
                heard.raw.extend_from_slice(news);
            }
        });
        let writer = pair.master.take_writer().unwrap();
        Self {
            master: Some(pair.master),
            writer: Some(writer),
            child,
            heard,
            reader: Some(reader),
            gone,
            before: format!("{before:?}"),
        }
    }

    /// What the screen shows now.
    pub(crate) fn contents(&self) -> String {
        self.heard.lock().unwrap().screen.screen().contents()
    }

    /// The state of the terminal: alternate screen, bracketed paste, hidden cursor.
    pub(crate) fn modes(&self) -> (bool, bool, bool) {
        let heard = self.heard.lock().unwrap();
        let screen = heard.screen.screen();
        (screen.alternate_screen(), screen.bracketed_paste(), screen.hide_cursor())
    }

    /// Whether line discipline, speed and control characters are what they were before the program started.
    pub(crate) fn as_before(&self) -> bool {
        format!("{:?}", self.master.as_ref().unwrap().get_termios().unwrap()) == self.before
    }

    /// How many bytes the program has written so far.
    pub(crate) fn written(&self) -> usize {
        self.heard.lock().unwrap().raw.len()
    }

    /// Everything that the program has written so far.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.heard.lock().unwrap().raw.clone()
    }

    /// Writes bytes as a terminal would.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let writer = self.writer.as_mut().unwrap();
        writer.write_all(bytes).unwrap();
        writer.flush().unwrap();
    }

    /// Presses one key the way a person does: apart from the one before.
    pub(crate) fn press(&mut self, key: &[u8]) {
        // Escape and another key that are read in one go are one key with Alt.
        let end = Instant::now() + PATIENCE;
        while self.unread() > 0 {
            assert!(Instant::now() < end, "no key is read any more\n{}", self.contents());
            std::thread::park_timeout(Duration::from_millis(5));
        }
        // One enter soon after another is a held key.
        std::thread::park_timeout(Duration::from_millis(if key == b"\r" { 400 } else { 120 }));
        self.send(key);
    }

    /// How many bytes of what was pressed the program has not read yet.
    fn unread(&self) -> u64 {
        let name = self.master.as_ref().unwrap().tty_name().unwrap();
        let (flags, mode) = (OFlags::RDONLY | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty());
        let other_side = rustix::fs::open(&name, flags, mode).unwrap();
        rustix::io::ioctl_fionread(&other_side).unwrap()
    }

    /// Takes the time that a person takes to read a plan: keys that come sooner confirm nothing.
    pub(crate) fn read_it(&self) {
        std::thread::park_timeout(Duration::from_millis(600));
    }

    /// Waits until the screen shows `text`.
    pub(crate) fn wait_for(&self, text: &str) {
        self.wait_until(text, PATIENCE, |screen| screen.contains(text));
    }

    /// Waits until the screen no longer shows `text`.
    pub(crate) fn wait_gone(&self, text: &str) {
        self.wait_until(&format!("no {text}"), PATIENCE, |screen| !screen.contains(text));
    }

    /// Waits until the screen is as `holds` wants it.
    pub(crate) fn wait_until(&self, what: &str, patience: Duration, holds: impl Fn(&str) -> bool) {
        let end = Instant::now() + patience;
        loop {
            let contents = self.contents();
            if holds(&contents) {
                return;
            }
            assert!(Instant::now() < end, "not within {patience:?}: {what}\n{contents}");
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Changes the size.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        self.heard.lock().unwrap().screen.screen_mut().set_size(cells(rows), cells(columns));
        self.master.as_ref().unwrap().resize(size).unwrap();
    }

    /// The number of the process that was started.
    pub(crate) fn pid(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// Sends a signal to the program.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let status = std::process::Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap();
        assert!(status.success());
    }

    /// The terminal vanishes: every descriptor of its other side is closed. The reader holds one, so the program is
    /// made to write once more.
    pub(crate) fn vanish(&mut self) {
        self.gone.store(true, Ordering::SeqCst);
        self.resize(100, 30);
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        self.writer = None;
        self.master = None;
    }

    /// Waits for the program's end, and until all that it wrote has been read: that is later.
    pub(crate) fn end(&mut self, patience: Duration) -> ExitStatus {
        let end = Instant::now() + patience;
        loop {
            let (ended, heard_out) = self.ended();
            if let (Some(status), true) = (&ended, heard_out) {
                return status.clone();
            }
            let still = if ended.is_none() { "running" } else { "in somebody's hands is the terminal" };
            assert!(Instant::now() < end, "still {still} after {patience:?}\n{}", self.contents());
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    /// Leaves the cockpit with `q`: pressed again after a while, for on a crowded machine an escape before it may be
    /// read so late that both are one key.
    pub(crate) fn quit(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            self.press(b"q");
            let soon = Instant::now() + Duration::from_secs(5);
            while Instant::now() < soon {
                if let (Some(_), _) = self.ended() {
                    return self.end(PATIENCE);
                }
                std::thread::park_timeout(Duration::from_millis(10));
            }
        }
        self.end(Duration::ZERO)
    }

    /// How the program ended, and whether all that it wrote has been read.
    fn ended(&mut self) -> (Option<ExitStatus>, bool) {
        (self.child.try_wait().unwrap(), self.reader.as_ref().is_none_or(JoinHandle::is_finished))
    }
}

fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).unwrap()
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
