//! The cockpit in a pseudo-terminal, with an environment of its own.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// How long a state is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running cockpit.
pub(crate) struct Screen {
    _master: Box<dyn MasterPty + Send>,
    writer: Box<dyn std::io::Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    seen: Arc<Mutex<(vt100::Parser, Vec<u8>)>>,
}

impl Screen {
    pub(crate) fn start(env: &BTreeMap<String, String>, folder: &Path, arguments: &[&str]) -> Self {
        let size = PtySize { rows: 50, cols: 160, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        // Whatever the umask, what the program makes is for its user only.
        let mut command = CommandBuilder::new("/bin/sh");
        command.args(["-c", "umask 000; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_gonogo")]);
        command.args(arguments);
        command.env_clear();
        env.iter().for_each(|(name, value)| command.env(name, value));
        command.cwd(folder);
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let seen = Arc::new(Mutex::new((
            vt100::Parser::new(50.try_into().unwrap(), 160.try_into().unwrap(), 0),
            Vec::new(),
        )));
        let into = Arc::clone(&seen);
        let mut reader = pair.master.try_clone_reader().unwrap();
        std::thread::spawn(move || {
            let mut bytes = [0; 65_536];
            while let Ok(n @ 1..) = reader.read(&mut bytes) {
                let mut seen = into.lock().unwrap();
                seen.0.process(&bytes[..n]);
                seen.1.extend_from_slice(&bytes[..n]);
            }
        });
        Self { writer: pair.master.take_writer().unwrap(), _master: pair.master, child, seen }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    pub(crate) fn contents(&self) -> String {
        self.seen.lock().unwrap().0.screen().contents()
    }

    /// Every byte that was written to the terminal.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.seen.lock().unwrap().1.clone()
    }

    /// Presses a key as a person does: apart from the one before, and after the plan was read.
    pub(crate) fn press(&mut self, key: &str, pause: Duration) {
        std::thread::park_timeout(pause);
        self.writer.write_all(key.as_bytes()).unwrap();
        self.writer.flush().unwrap();
    }

    pub(crate) fn wait(&self, what: &str, holds: impl Fn(&str) -> bool) {
        let end = Instant::now() + PATIENCE;
        loop {
            let contents = self.contents();
            if holds(&contents) {
                return;
            }
            assert!(Instant::now() < end, "never: {what}\n{contents}");
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    pub(crate) fn wait_for(&self, text: &str) {
        self.wait(text, |screen| screen.contains(text));
    }

    /// Waits for the program's end.
    pub(crate) fn end(&mut self) -> u32 {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.exit_code();
            }
            assert!(Instant::now() < end, "it does not end\n{}", self.contents());
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // It may end by itself in between.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
