//! Anchors in a real git repository: made after outcomes, on schedule and at the end; nothing of the repository runs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use gonogo::domain::{ActionId, Outcome};
use gonogo::runtime::Journal;
use gonogo::runtime::journal::{AnchorPlace, Entry, Head, RealDisk, found_in};
use jiff::Timestamp;

use crate::{append, check};

pub(crate) fn git(repo: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(["-C", repo.to_str().unwrap()]).args(args);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    let output = command.output().expect("git");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

struct Scene {
    folder: tempfile::TempDir,
    place: AnchorPlace,
}

impl Scene {
    fn new(every: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repo = folder.path().join("releases");
        std::fs::create_dir(&repo).unwrap();
        git(&repo, &["init", "--quiet"]);
        let path = std::env::var("PATH").unwrap();
        let place = AnchorPlace {
            repo,
            reference: "refs/gonogo/anchor".into(),
            every,
            git: found_in(&path, "git").expect("git"),
            env: vec![("PATH".into(), path), ("HOME".into(), folder.path().display().to_string())],
        };
        Self { folder, place }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("state/journal.jsonl")
    }

    fn open(&self) -> Journal {
        Journal::open(&self.path(), "ann@host").unwrap().anchored(self.place.clone()).unwrap()
    }

    /// Waits until the newest anchor is of this line.
    fn wait_for(&self, count: u64) {
        let began = Instant::now();
        while self.place.anchors().unwrap().last().map(|anchor| anchor.count) != Some(count) {
            assert!(began.elapsed() < Duration::from_secs(20), "no anchor of line {count}");
            std::thread::yield_now();
        }
    }
}

fn outcome(journal: &Journal) {
    let entry = Entry::outcome(&ActionId("a".into()), &Outcome::Verified("live".into()));
    journal.append(Timestamp::UNIX_EPOCH, &entry).unwrap();
}

#[test]
fn an_outcome_is_anchored_at_once_and_the_rest_when_the_program_ends() {
    let scene = Scene::new(Duration::from_secs(3_600));
    let journal = scene.open();
    append(&journal, "first").unwrap();
    outcome(&journal);
    scene.wait_for(2);
    append(&journal, "later").unwrap();
    assert_eq!(journal.warnings(), []);
    drop(journal);
    let anchors = scene.place.anchors().unwrap();
    assert_eq!(anchors.last().unwrap().count, 3, "{anchors:?}");
    let (report, _) = check(&RealDisk, &scene.path(), &anchors);
    assert!(report.holds() && report.anchored() == 3, "{report:?}");
}

#[test]
fn a_line_is_anchored_on_schedule_without_an_outcome() {
    let scene = Scene::new(Duration::from_millis(50));
    let journal = scene.open();
    append(&journal, "first").unwrap();
    scene.wait_for(1);
    append(&journal, "second").unwrap();
    scene.wait_for(2);
}

#[test]
fn lines_between_two_turns_of_the_schedule_share_one_anchor() {
    let scene = Scene::new(Duration::from_secs(3_600));
    let journal = scene.open();
    outcome(&journal);
    scene.wait_for(1);
    for n in 0..5 {
        append(&journal, &format!("later-{n}")).unwrap();
    }
    drop(journal);
    let counts: Vec<u64> = scene.place.anchors().unwrap().iter().map(|anchor| anchor.count).collect();
    assert_eq!(counts, [1, 6], "one at once for the outcome, one for the rest");
}

#[test]
fn a_journal_without_a_line_is_not_anchored() {
    let scene = Scene::new(Duration::from_millis(1));
    let journal = scene.open();
    journal.recover(Timestamp::UNIX_EPOCH).unwrap();
    drop(journal);
    assert_eq!(scene.place.anchors().unwrap(), []);
}

#[test]
fn the_same_line_is_anchored_once_and_another_in_its_place_never() {
    let scene = Scene::new(Duration::from_secs(3_600));
    let head = Head { count: 3, hash: "a".repeat(64), segment: 1, length: 9, time: Timestamp::UNIX_EPOCH };
    for _ in 0..2 {
        scene.place.make(&head).unwrap();
    }
    let name = format!("refs/gonogo/anchor of {}", scene.place.repo.display());
    assert_eq!(scene.place.name(), name);
    let anchors = scene.place.anchors().unwrap();
    assert_eq!(anchors.len(), 1, "{anchors:?}");
    let said = |head: &Head| scene.place.make(head).unwrap_err().to_string();
    let other = said(&Head { hash: "b".repeat(64), ..head.clone() });
    assert!(other.starts_with(&format!("the anchor of 1970-01-01T00:00:00Z in {name}")), "{other}");
    assert!(other.ends_with("is not of this journal's line 3"), "{other}");
    let cut = said(&Head { count: 2, ..head.clone() });
    assert!(cut.contains("is of line 3, and the journal has only 2: it was cut"), "{cut}");
    assert_eq!(scene.place.anchors().unwrap(), anchors, "nothing was anchored");
}

#[test]
fn only_a_file_that_may_be_run_is_a_program() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["folder/git", "plain", "good"] {
        std::fs::create_dir_all(path(name)).unwrap();
    }
    std::fs::write(path("plain/git"), "").unwrap();
    std::fs::write(path("good/git"), "").unwrap();
    let may_run = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(path("good/git"), may_run).unwrap();
    let folders = |names: &[&str]| {
        let all = names.iter().map(|name| path(name));
        std::env::join_paths(all).unwrap().into_string().unwrap()
    };
    assert_eq!(found_in(&folders(&["folder", "plain", "good"]), "git"), Some(path("good/git")));
    assert_eq!(found_in(&folders(&["folder", "plain"]), "git"), None);
    assert_eq!(found_in("good:.", "git"), None, "not from the current folder");
}

#[test]
fn two_cockpits_anchor_one_journal() {
    let scene = Scene::new(Duration::from_millis(1));
    let (one, other) = (scene.open(), scene.open());
    std::thread::scope(|scope| {
        for journal in [&one, &other] {
            scope.spawn(|| (0..10).for_each(|_| outcome(journal)));
        }
    });
    drop((one, other));
    let anchors = scene.place.anchors().unwrap();
    assert_eq!(anchors.last().unwrap().count, 20);
    assert!(anchors.is_sorted_by_key(|anchor| anchor.count), "{anchors:?}");
    assert!(check(&RealDisk, &scene.path(), &anchors).0.holds());
}

#[test]
fn an_older_copy_that_was_put_back_is_found_and_never_anchored() {
    let scene = Scene::new(Duration::from_secs(3_600));
    let journal = scene.open();
    outcome(&journal);
    drop(journal);
    let head = scene.path().with_file_name("journal.jsonl.head");
    let (old, old_head) = (std::fs::read(scene.path()).unwrap(), std::fs::read(&head).unwrap());
    let journal = scene.open();
    outcome(&journal);
    drop(journal);
    std::fs::write(scene.path(), old).unwrap();
    std::fs::write(&head, old_head).unwrap();
    let anchors = scene.place.anchors().unwrap();
    let (report, _) = check(&RealDisk, &scene.path(), &anchors);
    assert!(report.contradictions[0].contains("older copy"), "{report:?}");
    // Who starts on it is warned.
    let journal = scene.open();
    let began = Instant::now();
    while journal.warnings().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(20));
        std::thread::yield_now();
    }
    assert!(journal.warnings()[0].to_string().contains("it was cut"), "{:?}", journal.warnings());
    // And when it has grown past the anchor again, its line there is another.
    append(&journal, "again").unwrap();
    outcome(&journal);
    drop(journal);
    let (report, _) = check(&RealDisk, &scene.path(), &anchors);
    assert!(report.contradictions[0].contains("line 2 is not the one"), "{report:?}");
}

#[test]
fn nothing_of_the_repository_runs_when_an_anchor_is_made() {
    let scene = Scene::new(Duration::from_secs(3_600));
    let (repo, sentinel) = (&scene.place.repo, scene.folder.path().join("ran"));
    let script = scene.folder.path().join("evil.sh");
    std::fs::write(&script, format!("#!/bin/sh\necho x >> {}\nexit 0\n", sentinel.display())).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, mode).unwrap();
    for hook in ["reference-transaction", "post-commit", "pre-commit", "post-update"] {
        std::fs::copy(&script, repo.join(".git/hooks").join(hook)).unwrap();
    }
    let evil = script.to_str().unwrap();
    for (key, value) in
        [("core.fsmonitor", evil), ("gpg.program", evil), ("commit.gpgSign", "true"), ("core.pager", evil)]
    {
        git(repo, &["config", key, value]);
    }
    // The control: plain git runs the hook.
    git(repo, &["update-ref", "refs/x/y", &git(repo, &["hash-object", "-w", "-t", "tree", "/dev/null"])]);
    assert!(sentinel.exists(), "the hook would have run");
    std::fs::remove_file(&sentinel).unwrap();
    let journal = scene.open();
    outcome(&journal);
    drop(journal);
    assert_eq!(scene.place.anchors().unwrap().len(), 1);
    assert!(!sentinel.exists(), "something of the repository ran");
}

#[test]
fn a_repository_that_is_none_is_a_warning_and_no_obstacle() {
    let mut scene = Scene::new(Duration::from_secs(3_600));
    scene.place.repo = scene.folder.path().join("state");
    let journal = scene.open();
    outcome(&journal);
    let began = Instant::now();
    while journal.warnings().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(20));
        std::thread::yield_now();
    }
    let said = journal.warnings()[0].to_string();
    assert!(said.contains("not anchored") && said.contains("not a git repository"), "{said}");
    outcome(&journal);
}
