//! A file system in memory that fails where it is told to, and that can lose what was never synced.
//!
//! Stricter than a real one: a sync that failed leaves what it should have written neither on disk nor waiting, so
//! that only a new write of the same bytes can bring them there.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use gonogo::runtime::journal::{Disk, DiskFile, Open};

/// What a call is, as far as faults tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Look,
    Make,
    Write,
    Sync,
    SyncFolder,
    Change,
}

/// What fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No space: nothing can be made or written.
    NoSpace,
    /// No space after a part was written.
    PartThenNoSpace,
    /// Any call, with an error of the device; a write leaves a part.
    Device,
    /// The file system has become read-only.
    ReadOnly,
    /// Fewer bytes are written than given; each share of a hundred.
    Short(u8),
    /// A file's sync.
    Sync,
}

impl Fault {
    pub(crate) const ALL: [Self; 8] = [
        Self::NoSpace,
        Self::PartThenNoSpace,
        Self::Device,
        Self::ReadOnly,
        Self::Short(0),
        Self::Short(50),
        Self::Short(99),
        Self::Sync,
    ];

    fn strikes(self, call: Call) -> bool {
        match self {
            Self::NoSpace | Self::PartThenNoSpace => matches!(call, Call::Make | Call::Write | Call::Sync),
            Self::Device => true,
            Self::ReadOnly => matches!(call, Call::Make | Call::Write | Call::Change),
            Self::Short(_) => call == Call::Write,
            Self::Sync => call == Call::Sync,
        }
    }

    fn error(self) -> io::Error {
        io::Error::from(match self {
            Self::NoSpace | Self::PartThenNoSpace => io::ErrorKind::StorageFull,
            Self::ReadOnly => io::ErrorKind::ReadOnlyFilesystem,
            Self::Device | Self::Short(_) | Self::Sync => return io::Error::from_raw_os_error(5),
        })
    }
}

/// Which call fails, and whether all that follow fail too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) fault: Fault,
    /// The n-th call that the fault can strike, from 1.
    pub(crate) nth: u64,
    pub(crate) persistent: bool,
}

/// What is left after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crash {
    /// The process was killed: the machine goes on.
    Killed,
    /// The power failed: only what was synced is left.
    Lost,
    /// The power failed when what was written had reached the disk.
    Kept,
    /// The power failed when the first half of it had; names not.
    Half,
    /// The power failed when the second half of it had, and zeros are before it; names too.
    Hole,
}

impl Crash {
    pub(crate) const ALL: [Self; 5] = [Self::Killed, Self::Lost, Self::Kept, Self::Half, Self::Hole];
}

#[derive(Clone, Default)]
struct Content {
    bytes: Vec<u8>,
    /// Which of them wait for a sync.
    dirty: Vec<bool>,
    durable: Vec<u8>,
    lock: Option<u64>,
}

impl Content {
    fn put(&mut self, at: usize, bytes: &[u8]) {
        let end = self.bytes.len().max(at + bytes.len());
        self.bytes.resize(end, 0);
        self.dirty.resize(end, true);
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        self.dirty[at..at + bytes.len()].fill(true);
    }

    fn flush(&mut self, reaches: impl Fn(usize) -> bool) {
        self.durable.resize(self.bytes.len(), 0);
        for at in (0..self.bytes.len()).filter(|at| reaches(*at)) {
            if self.dirty[at] {
                self.durable[at] = self.bytes[at];
            }
        }
        self.dirty.fill(false);
    }

    fn after(&self, crash: Crash) -> Self {
        let mut left = self.clone();
        left.lock = None;
        let first = self.dirty.iter().position(|d| *d).unwrap_or(self.bytes.len());
        let middle = first + (self.bytes.len() - first) / 2;
        match crash {
            Crash::Killed => return left,
            Crash::Lost => {}
            Crash::Kept => left.flush(|_| true),
            Crash::Half => left.flush(|at| at < middle),
            Crash::Hole => left.flush(|at| at >= middle),
        }
        left.bytes = left.durable.clone();
        left.dirty = vec![false; left.bytes.len()];
        left
    }
}

#[derive(Clone, Default)]
struct State {
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    files: Vec<Content>,
    plan: Option<Plan>,
    calls: u64,
    struck: bool,
    handles: u64,
}

impl State {
    fn call(&mut self, call: Call) -> io::Result<()> {
        match self.strikes(call) {
            Some(fault) if !matches!(fault, Fault::Short(_)) => Err(fault.error()),
            _ => Ok(()),
        }
    }

    fn strikes(&mut self, call: Call) -> Option<Fault> {
        let plan = self.plan.filter(|plan| plan.fault.strikes(call))?;
        self.calls += 1;
        let strikes = self.calls == plan.nth || (plan.persistent && self.calls > plan.nth);
        self.struck |= strikes;
        strikes.then_some(plan.fault)
    }

    fn found(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// The file system.
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<State>>);

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory")
    }
}

impl Memory {
    pub(crate) fn failing(plan: Plan) -> Self {
        let memory = Self::default();
        memory.fail(plan);
        memory
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Whether the planned fault has struck.
    pub(crate) fn struck(&self) -> bool {
        self.state().struck
    }

    /// From now on this fails; calls are counted anew.
    pub(crate) fn fail(&self, plan: Plan) {
        let mut state = self.state();
        (state.plan, state.calls, state.struck) = (Some(plan), 0, false);
    }

    /// From now on nothing fails.
    pub(crate) fn heal(&self) {
        self.state().plan = None;
    }

    /// The file system as it is after a crash at this moment.
    pub(crate) fn after(&self, crash: Crash) -> Self {
        let state = self.state();
        let names_kept = !matches!(crash, Crash::Lost | Crash::Half);
        let names = if names_kept { &state.names } else { &state.durable_names };
        Self(Arc::new(Mutex::new(State {
            names: names.clone(),
            durable_names: names.clone(),
            files: state.files.iter().map(|file| file.after(crash)).collect(),
            ..State::default()
        })))
    }

    pub(crate) fn get(&self, path: &Path) -> Vec<u8> {
        let state = self.state();
        state.files[state.names[path]].bytes.clone()
    }

    /// Puts a file there, synced.
    pub(crate) fn set(&self, path: &Path, bytes: &[u8]) {
        let mut state = self.state();
        let mut content = Content::default();
        content.put(0, bytes);
        content.flush(|_| true);
        state.files.push(content);
        let number = state.files.len() - 1;
        state.names.insert(path.to_owned(), number);
        state.durable_names.insert(path.to_owned(), number);
    }

    pub(crate) fn forget(&self, path: &Path) {
        let mut state = self.state();
        state.names.remove(path);
        state.durable_names.remove(path);
    }

    pub(crate) fn names(&self) -> Vec<PathBuf> {
        self.state().names.keys().cloned().collect()
    }
}

impl Disk for Memory {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.call(match how {
            Open::Read => Call::Look,
            Open::Append | Open::Over => Call::Change,
            Open::New => Call::Make,
        })?;
        let number = match (state.found(path), how) {
            (Ok(_), Open::New) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Ok(number), _) => number,
            (Err(_), Open::New) => {
                state.files.push(Content::default());
                let number = state.files.len() - 1;
                state.names.insert(path.to_owned(), number);
                number
            }
            (Err(error), _) => return Err(error),
        };
        state.handles += 1;
        Ok(Box::new(Handle { memory: self.clone(), number, id: state.handles }))
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        let mut state = self.state();
        state.call(Call::Look)?;
        Ok(path == Path::new("/state") || path == Path::new("/") || state.names.contains_key(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.call(Call::Change)?;
        let number = state.found(from)?;
        state.names.remove(from);
        state.names.insert(to.to_owned(), number);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.call(Call::Change)?;
        state.found(path)?;
        state.names.remove(path);
        Ok(())
    }

    fn make_folder(&self, _: &Path) -> io::Result<()> {
        self.state().call(Call::Make)
    }

    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.call(Call::SyncFolder)?;
        state.durable_names = state.names.clone();
        Ok(())
    }

    fn network(&self, _: &Path) -> io::Result<Option<&'static str>> {
        Ok(None)
    }
}

struct Handle {
    memory: Memory,
    number: usize,
    id: u64,
}

impl Drop for Handle {
    fn drop(&mut self) {
        let lock = &mut self.memory.state().files[self.number].lock;
        if *lock == Some(self.id) {
            *lock = None;
        }
    }
}

impl DiskFile for Handle {
    fn length(&self) -> io::Result<u64> {
        let mut state = self.memory.state();
        state.call(Call::Look)?;
        Ok(state.files[self.number].bytes.len() as u64)
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut state = self.memory.state();
        state.call(Call::Look)?;
        let bytes = &state.files[self.number].bytes;
        let from = bytes.len().min(at as usize);
        let count = into.len().min(bytes.len() - from);
        into[..count].copy_from_slice(&bytes[from..from + count]);
        Ok(count)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.memory.state();
        let fault = state.strikes(Call::Write);
        let file = &mut state.files[self.number];
        let end = file.bytes.len();
        let part = match fault {
            None => bytes.len(),
            Some(Fault::Short(share)) => bytes.len() * usize::from(share) / 100,
            Some(Fault::PartThenNoSpace) => bytes.len() / 3,
            Some(Fault::Device) => bytes.len() / 2,
            Some(_) => 0,
        };
        file.put(end, &bytes[..part]);
        match fault {
            None | Some(Fault::Short(_)) => Ok(part),
            Some(fault) => Err(fault.error()),
        }
    }

    fn write_over(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.memory.state();
        let fault = state.strikes(Call::Write);
        let part = if fault.is_none() { bytes.len() } else { bytes.len() / 2 };
        state.files[self.number].put(at as usize, &bytes[..part]);
        fault.map_or(Ok(()), |fault| Err(fault.error()))
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.memory.state();
        let failed = state.call(Call::Sync);
        let file = &mut state.files[self.number];
        if failed.is_ok() {
            file.flush(|_| true);
        } else {
            file.dirty.fill(false);
        }
        failed
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let mut state = self.memory.state();
        state.call(Call::Change)?;
        let file = &mut state.files[self.number];
        file.bytes.truncate(length as usize);
        file.dirty.truncate(length as usize);
        Ok(())
    }

    fn try_lock(&self) -> io::Result<bool> {
        let mut state = self.memory.state();
        state.call(Call::Look)?;
        let lock = &mut state.files[self.number].lock;
        let free = lock.is_none_or(|owner| owner == self.id);
        if free {
            *lock = Some(self.id);
        }
        Ok(free)
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        let mut state = self.memory.state();
        state.call(Call::Look)?;
        Ok(state.names.get(path) == Some(&self.number))
    }
}
