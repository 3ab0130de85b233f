//! Real git repositories: a bare origin and a clone of it, with the history of a service. Knows git and the script
//! of a service, and nothing of servers.
//!
//! The same script, seed and start give the same commits, byte for byte.

use super::SandboxError;
use super::scenario::{CommitScript, ServiceScript};
use git2::{Commit, IndexEntry, IndexTime, ObjectType, Oid, Repository, Signature, Time};
use jiff::Timestamp;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The six people of the world: login, full name.
pub(super) const PEOPLE: [(&str, &str); 6] = [
    ("mara", "Mara Lindqvist"),
    ("omar", "Omar Haddad"),
    ("rhea", "Rhea Castellanos"),
    ("ines", "Inês Duarte"),
    ("tomas", "Tomáš Novák"),
    ("yuki", "Yuki Tanabe"),
];

/// What ordinary work looks like: message, file.
const WORK: [(&str, &str); 12] = [
    ("feat: show the total before the last step", "src/total.rs"),
    ("fix: an empty list is no error", "src/list.rs"),
    ("refactor: one name for one thing", "src/names.rs"),
    ("test: the longest name that a form takes", "tests/names.rs"),
    ("docs: how to run it alone", "README.md"),
    ("perf: ask once instead of for each line", "src/ask.rs"),
    ("fix: a timeout counts as a timeout", "src/timeout.rs"),
    ("feat: say who changed it last", "src/audit.rs"),
    ("chore(deps): newer patch releases", "Cargo.lock"),
    ("build: the image without a shell", "Dockerfile"),
    ("fix: rounding of negative amounts", "src/round.rs"),
    ("feat: a health page that asks the database", "src/health.rs"),
];

/// About how many commits a repository has before its newest release.
const COMMITS: usize = 32;
/// The hours between two commits.
const PACE_HOURS: i64 = 9;

/// A service's repositories.
#[derive(Clone, Debug)]
pub(super) struct Repositories {
    /// The bare one, as the hosting service has it.
    pub(super) origin: PathBuf,
    /// The operator's clone, a little behind.
    pub(super) clone: PathBuf,
}

/// Makes the origin and the clone of a service below `folder`.
pub(super) fn make(
    folder: &Path,
    service: &ServiceScript,
    start: Timestamp,
    seed: u64,
) -> Result<Repositories, SandboxError> {
    let origin = folder.join("origin").join(format!("{}.git", service.name));
    let clone = folder.join("code").join(&service.name);
    let mut options = git2::RepositoryInitOptions::new();
    options.bare(true).initial_head("main").mkpath(true);
    let empty = Repository::init_opts(&origin, &options)?;
    let mut writer = Writer::new(&empty, start, seed)?;
    in_one_pack(&empty, || writer.releases(service))?;
    let repository = Repository::open(&origin)?;
    writer.repository = &repository;
    writer.tag()?;
    writer.push()?;
    let copy = Repository::clone(&origin.to_string_lossy(), &clone)?;
    writer.ahead(service)?;
    writer.push()?;
    copy.find_remote("origin")?.fetch(&["+refs/heads/*:refs/remotes/origin/*"], None, None)?;
    Ok(Repositories { origin, clone })
}

/// Whatever commits are written meanwhile go into one pack: hundreds of loose files would cost more than the rest of a
/// world. The repository must be opened anew for what is written afterwards.
fn in_one_pack(
    repository: &Repository,
    write: impl FnOnce() -> Result<(), SandboxError>,
) -> Result<(), SandboxError> {
    /// Above every other place for objects.
    const FIRST: i32 = 1_000;
    let objects = repository.odb()?;
    let memory = objects.add_new_mempack_backend(FIRST)?;
    write()?;
    let mut bytes = git2::Buf::new();
    memory.dump(repository, &mut bytes)?;
    let mut pack = objects.packwriter()?;
    pack.write_all(&bytes).map_err(|source| SandboxError::Io { what: "a pack was not written", source })?;
    pack.commit()?;
    Ok(())
}

/// Writes commits one after the other.
struct Writer<'r> {
    repository: &'r Repository,
    index: git2::Index,
    head: Option<Oid>,
    /// Names of releases, each with its commit and when it was given.
    tags: Vec<(String, Oid, Timestamp)>,
    at: Timestamp,
    start: Timestamp,
    seed: u64,
    count: u64,
}

impl<'r> Writer<'r> {
    fn new(repository: &'r Repository, start: Timestamp, seed: u64) -> Result<Self, SandboxError> {
        let index = git2::Index::new()?;
        Ok(Self { repository, index, head: None, tags: Vec::new(), at: start, start, seed, count: 0 })
    }

    /// The history up to the newest tag.
    fn releases(&mut self, service: &ServiceScript) -> Result<(), SandboxError> {
        let newest = i64::try_from(service.commits.len().max(1)).unwrap_or(1);
        let span = PACE_HOURS * (i64::try_from(COMMITS).unwrap_or(0) + 2) + newest;
        self.at = self.start - jiff::SignedDuration::from_hours(span);
        self.commit("mara", "feat: the first step", "src/main.rs")?;
        self.commit("mara", "chore(config): production and staging", "config/production.toml")?;
        self.commit("ines", "feat(db): the first tables", "migrations/0001_first.sql")?;
        let older = service.tags.len().saturating_sub(1).max(1);
        let share = COMMITS.saturating_sub(3) / older;
        let (newest, older) = service.tags.split_last().map_or((None, [].as_slice()), |(n, o)| (Some(n), o));
        for (round, tag) in older.iter().enumerate() {
            for step in 0..share.saturating_sub(1) {
                self.ordinary(service, round * share + step)?;
            }
            if round == 1 {
                let short = self.head.map(|head| head.to_string()).unwrap_or_default();
                let message =
                    format!("revert: ask once instead of for each line\n\nThis reverts commit {short}.");
                self.commit("rhea", &message, "src/ask.rs")?;
            }
            self.commit("mara", &format!("chore(release): {tag}"), "CHANGELOG.md")?;
            self.release(tag);
        }
        if let Some(tag) = newest {
            self.newest(service)?;
            self.release(tag);
        }
        Ok(())
    }

    fn newest(&mut self, service: &ServiceScript) -> Result<(), SandboxError> {
        let plain;
        let commits = if service.commits.is_empty() {
            plain = [CommitScript {
                by: "yuki".into(),
                message: format!(
                    "fix: the small one of the week ({}-{})",
                    service.ticket,
                    400 + self.seed % 100
                ),
                file: "src/week.rs".into(),
            }];
            plain.as_slice()
        } else {
            service.commits.as_slice()
        };
        let hours = i64::try_from(commits.len()).unwrap_or(1) + 1;
        self.at = self.start - jiff::SignedDuration::from_hours(hours);
        for commit in commits {
            self.at += jiff::SignedDuration::from_mins(55);
            self.write(&commit.by, &commit.message, &commit.file)?;
        }
        Ok(())
    }

    /// What was pushed after the newest tag, and is not in the clone yet.
    fn ahead(&mut self, service: &ServiceScript) -> Result<(), SandboxError> {
        self.at = self.start - jiff::SignedDuration::from_mins(20);
        let message = format!("feat: start on what comes next ({}-900)", service.ticket);
        self.write("omar", &message, "src/next.rs")?;
        self.at = self.start - jiff::SignedDuration::from_mins(9);
        self.write("yuki", "test: what comes next", "tests/next.rs")
    }

    fn ordinary(&mut self, service: &ServiceScript, number: usize) -> Result<(), SandboxError> {
        let turn = number.wrapping_mul(5).wrapping_add(usize::try_from(self.seed % 7).unwrap_or(0));
        let (message, file) = WORK.get(turn % WORK.len()).copied().unwrap_or(("chore: work", "src/work.rs"));
        let (who, _) = PEOPLE.get((turn / 2 + number) % PEOPLE.len()).copied().unwrap_or(("mara", ""));
        let message = format!("{message} ({}-{})", service.ticket, 100 + number);
        self.commit(who, &message, file)
    }

    fn commit(&mut self, who: &str, message: &str, file: &str) -> Result<(), SandboxError> {
        self.at += jiff::SignedDuration::from_hours(PACE_HOURS);
        self.write(who, message, file)
    }

    fn write(&mut self, who: &str, message: &str, file: &str) -> Result<(), SandboxError> {
        self.count += 1;
        let content = format!("{file}, revision {} of seed {}\n{message}\n", self.count, self.seed);
        let blob = self.repository.blob(content.as_bytes())?;
        self.index.add(&entry(file, blob))?;
        let tree = self.repository.find_tree(self.index.write_tree_to(self.repository)?)?;
        let author = signature(who, self.at)?;
        let parent = self.head.map(|head| self.repository.find_commit(head)).transpose()?;
        let parents: Vec<&Commit<'_>> = parent.iter().collect();
        self.head = Some(self.repository.commit(None, &author, &author, message, &tree, &parents)?);
        Ok(())
    }

    /// What was written so far will have this name.
    fn release(&mut self, name: &str) {
        self.tags.extend(self.head.map(|head| (name.to_owned(), head, self.at)));
    }

    /// Names the releases: a pack of what was written has no tags.
    fn tag(&mut self) -> Result<(), SandboxError> {
        for (name, commit, at) in self.tags.drain(..) {
            let object = self.repository.find_object(commit, Some(ObjectType::Commit))?;
            let tagger = signature("mara", at)?;
            self.repository.tag(&name, &object, &tagger, &format!("{name}\n"), false)?;
        }
        Ok(())
    }

    /// Moves `main` to what was written.
    fn push(&self) -> Result<(), SandboxError> {
        if let Some(head) = self.head {
            self.repository.reference("refs/heads/main", head, true, "push")?;
        }
        Ok(())
    }
}

fn entry(path: &str, id: Oid) -> IndexEntry {
    IndexEntry {
        ctime: IndexTime::new(0, 0),
        mtime: IndexTime::new(0, 0),
        dev: 0,
        ino: 0,
        mode: 0o100_644,
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path: path.as_bytes().to_vec(),
    }
}

pub(super) fn signature(login: &str, at: Timestamp) -> Result<Signature<'static>, git2::Error> {
    let name = PEOPLE.iter().find(|(known, _)| *known == login).map_or(login, |(_, name)| name);
    Signature::new(name, &format!("{login}@acme.test"), &Time::new(at.as_second(), 0))
}

/// The commits of a service's tags, and of its main branch.
#[derive(Clone, Debug)]
pub(super) struct Commits {
    tags: Vec<(String, String)>,
    pub(super) main: String,
}

impl Commits {
    /// Reads them from a repository.
    pub(super) fn read(git: &Path, script: &ServiceScript) -> Result<Self, SandboxError> {
        let repository = Repository::open(git)?;
        let commit = |name: &str| -> Result<String, git2::Error> {
            Ok(repository.revparse_single(name)?.peel_to_commit()?.id().to_string())
        };
        let tags = script
            .tags
            .iter()
            .map(|tag| Ok((tag.clone(), commit(&format!("refs/tags/{tag}"))?)))
            .collect::<Result<_, git2::Error>>()?;
        Ok(Self { tags, main: commit("refs/heads/main")? })
    }

    /// The commit of a tag; that of main for a name that is no tag.
    pub(super) fn of(&self, tag: &str) -> &str {
        self.tags.iter().find(|(known, _)| known == tag).map_or(&self.main, |(_, sha)| sha)
    }
}
