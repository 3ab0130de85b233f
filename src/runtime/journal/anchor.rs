//! Anchors: the journal's head, kept in another place on a schedule, so that a cut end shows.
//!
//! An anchor is an empty commit under a ref of a git repository that the user names; its message holds count, hash
//! and time. Each has the one before as its parent. One ref is for one journal.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::git::{Git, GitError};
use super::head::Head;

/// How long a program that ends waits for the last anchor.
const FAREWELL: Duration = Duration::from_secs(3);

/// Where and how often anchors are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnchorPlace {
    /// The repository's folder.
    pub repo: PathBuf,
    /// The ref, such as `refs/gonogo/anchor`.
    pub reference: String,
    /// The longest time that a line stays without an anchor while the program runs; outcomes do not wait.
    pub every: Duration,
    /// The git program.
    pub git: PathBuf,
    /// `HOME` and the like, which git needs to find the user's own configuration.
    pub env: Vec<(String, String)>,
}

/// One anchor: what the journal was when it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// How many lines the journal had.
    pub count: u64,
    /// Hash of the last of them.
    pub hash: String,
    /// When the anchor says it was made.
    pub time: Timestamp,
    /// Where it is, for messages.
    pub place: String,
}

impl Anchor {
    pub(super) fn name(&self) -> String {
        format!("the anchor of {} in {}", self.time, self.place)
    }
}

impl AnchorPlace {
    /// For messages.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} of {}", self.reference, self.repo.display())
    }

    /// Every anchor that is there, oldest first.
    ///
    /// # Errors
    /// When git or the repository cannot be read, or when something else is under the ref.
    pub fn anchors(&self) -> Result<Vec<Anchor>, GitError> {
        let git = Git::of(self);
        let Some(tip) = git.tip(&self.reference)? else { return Ok(Vec::new()) };
        let mut anchors = Vec::new();
        for message in git.messages(&tip)? {
            let anchor = parsed(&message, &self.name()).ok_or_else(|| {
                GitError::new(format!("{} holds a commit that is no anchor of a journal", self.name()))
            })?;
            anchors.push(anchor);
        }
        anchors.reverse();
        Ok(anchors)
    }

    /// Makes an anchor of this head, unless the newest is of it or of a later one.
    ///
    /// # Errors
    /// When git fails, or when the newest anchor contradicts the head.
    pub fn make(&self, head: &Head) -> Result<(), GitError> {
        let git = Git::of(self);
        // Another cockpit may be quicker; then its anchor is looked at again.
        for _ in 0..5 {
            let tip = git.tip(&self.reference)?;
            if let Some(tip) = &tip {
                let newest = git.messages_of_one(tip)?;
                let newest = parsed(&newest, &self.name())
                    .ok_or_else(|| GitError::new(format!("{} is no anchor of a journal", self.name())))?;
                if newest.count > head.count {
                    return Err(GitError::new(format!(
                        "{} is of line {}, and the journal has only {}: it was cut, or the ref is of another journal",
                        newest.name(),
                        newest.count,
                        head.count
                    )));
                }
                if newest.count == head.count {
                    let same = newest.hash == head.hash;
                    let differs =
                        || format!("{} is not of this journal's line {}", newest.name(), head.count);
                    return if same { Ok(()) } else { Err(GitError::new(differs())) };
                }
            }
            let commit = git.commit(tip.as_deref(), &message(head), head.time)?;
            if git.advance(&self.reference, &commit, tip.as_deref())? {
                return Ok(());
            }
        }
        Err(GitError::new(format!("{} kept changing", self.name())))
    }
}

fn message(head: &Head) -> String {
    format!("gonogo journal anchor\n\ncount: {}\nhash: {}\ntime: {}\n", head.count, head.hash, head.time)
}

fn parsed(message: &str, place: &str) -> Option<Anchor> {
    let rest = message.strip_prefix("gonogo journal anchor\n\n")?;
    let field = |name: &str| rest.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    Some(Anchor {
        count: field("count")?.parse().ok()?,
        hash: field("hash")?.to_owned(),
        time: field("time")?.parse().ok()?,
        place: place.to_owned(),
    })
}

/// Why the worker looks at the head.
enum Word {
    /// Something was appended.
    Appended,
    /// Something that must not wait was appended.
    Outcome,
}

/// Makes anchors beside the journal, on a thread of its own: nobody waits for git.
#[derive(Debug)]
pub(super) struct Anchorer {
    words: Option<SyncSender<Word>>,
    shared: Arc<Shared>,
    worker: Option<JoinHandle<()>>,
    done: Mutex<Receiver<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    head: Mutex<Option<Head>>,
    fault: Mutex<Option<String>>,
}

impl Anchorer {
    pub(super) fn start(place: AnchorPlace, head: Option<Head>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { head: Mutex::new(head), fault: Mutex::default() });
        let (words, heard) = sync_channel(64);
        let (ended, done) = sync_channel(1);
        let own = Arc::clone(&shared);
        let worker = std::thread::Builder::new().name("journal-anchor".into()).spawn(move || {
            work(&place, &heard, &own);
            // Whoever waits may have lost patience.
            drop(ended);
        })?;
        Ok(Self { words: Some(words), shared, worker: Some(worker), done: Mutex::new(done) })
    }

    /// Tells of a new head.
    pub(super) fn moved(&self, head: Head, outcome: bool) {
        *self.shared.head.lock().unwrap_or_else(PoisonError::into_inner) = Some(head);
        let word = if outcome { Word::Outcome } else { Word::Appended };
        match self.words.as_ref().map(|words| words.try_send(word)) {
            // A full queue has woken the worker already, and it looks at the newest head.
            None | Some(Ok(()) | Err(TrySendError::Full(_))) => {}
            Some(Err(TrySendError::Disconnected(_))) => tracing::warn!("the journal is no longer anchored"),
        }
    }

    /// What went wrong with the last anchor.
    pub(super) fn fault(&self) -> Option<String> {
        self.shared.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Anchorer {
    fn drop(&mut self) {
        self.words = None;
        let done = self.done.get_mut().unwrap_or_else(PoisonError::into_inner);
        let ended = done.recv_timeout(FAREWELL) != Err(RecvTimeoutError::Timeout);
        if ended && self.worker.take().is_some_and(|worker| worker.join().is_err()) {
            tracing::warn!("the journal's anchorer crashed");
        }
    }
}

/// Anchors at once what was appended when the last anchor is old enough, and outcomes; else when it becomes so.
fn work(place: &AnchorPlace, heard: &Receiver<Word>, shared: &Shared) {
    let mut last: Option<Instant> = None;
    let mut behind = true;
    loop {
        let age = last.map(|at| at.elapsed());
        let due = age.is_none_or(|age| age >= place.every);
        if behind && due {
            anchor(place, shared);
            (last, behind) = (Some(Instant::now()), false);
            continue;
        }
        let wait = if behind { place.every.saturating_sub(age.unwrap_or_default()) } else { place.every };
        match heard.recv_timeout(wait) {
            Ok(Word::Appended) => behind = true,
            Ok(Word::Outcome) => (last, behind) = (None, true),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                if behind {
                    anchor(place, shared);
                }
                return;
            }
        }
    }
}

fn anchor(place: &AnchorPlace, shared: &Shared) {
    let head = shared.head.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let Some(head) = head.filter(|head| head.count > 0) else { return };
    let made = place.make(&head);
    if let Err(error) = &made {
        tracing::warn!("the journal is not anchored: {error}");
    }
    *shared.fault.lock().unwrap_or_else(PoisonError::into_inner) = made.err().map(|e| e.to_string());
}

/// The first program of this name in the folders of `path` that are whole paths.
#[must_use]
pub fn found_in(path: &str, name: &str) -> Option<PathBuf> {
    let folders = std::env::split_paths(path).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(name)).find(|program: &PathBuf| is_program(program))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|known| known.is_file() && known.permissions().mode() & 0o111 != 0)
}
