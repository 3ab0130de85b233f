//! The commands: `gonogo journal show`, `verify` and `export`, and what `doctor` says of the journal.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use gonogo::domain::{ActionId, Outcome};
use gonogo::runtime::Journal;
use gonogo::runtime::journal::Entry;
use serde_json::Value;

use crate::anchored::git;
use crate::{append, entry};

struct Home {
    folder: tempfile::TempDir,
}

struct Answer {
    code: i32,
    out: String,
    err: String,
}

impl Home {
    /// A home whose journal is anchored in a repository.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repo = folder.path().join("releases");
        std::fs::create_dir_all(&repo).unwrap();
        git(&repo, &["init", "--quiet"]);
        let config = folder.path().join("config/gonogo/config.toml");
        std::fs::create_dir_all(config.parent().unwrap()).unwrap();
        std::fs::write(config, "[journal]\nanchor = { repo = \"~/releases\" }\n").unwrap();
        Self { folder }
    }

    fn journal(&self) -> PathBuf {
        self.folder.path().join("state/gonogo/journal.jsonl")
    }

    fn open(&self) -> Journal {
        Journal::open(&self.journal(), "ann@host").unwrap()
    }

    fn run(&self, args: &[&str]) -> Answer {
        let output = Command::new(env!("CARGO_BIN_EXE_gonogo"))
            .args(args)
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap())
            .env("HOME", self.folder.path())
            .env("XDG_CONFIG_HOME", self.folder.path().join("config"))
            .env("XDG_STATE_HOME", self.folder.path().join("state"))
            .output()
            .unwrap();
        Answer {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.run(args).out).unwrap()
    }

    /// Puts the head of the journal under the ref, as the cockpit would.
    fn anchor(&self) {
        let head: Value = serde_json::from_slice(
            &std::fs::read(self.journal().with_file_name("journal.jsonl.head")).unwrap(),
        )
        .unwrap();
        let repo = self.folder.path().join("releases");
        let tree = git(&repo, &["hash-object", "-w", "-t", "tree", "/dev/null"]);
        let message = format!(
            "gonogo journal anchor\n\ncount: {}\nhash: {}\ntime: 2026-11-20T14:00:00Z\n",
            head["count"],
            head["hash"].as_str().unwrap()
        );
        let identity = ["-c", "user.name=x", "-c", "user.email=x@x"];
        let commit = git(&repo, &[&identity[..], &["commit-tree", &tree, "-m", &message]].concat());
        git(&repo, &["update-ref", "refs/gonogo/anchor", &commit]);
    }
}

fn outcome(journal: &Journal, action: &str, outcome: &Outcome) {
    let time = "2026-11-20T14:00:00Z".parse().unwrap();
    journal.append(time, &Entry::outcome(&ActionId(action.into()), outcome)).unwrap();
}

#[test]
fn verify_names_what_is_anchored_what_is_not_and_what_is_not_proved() {
    let home = Home::new();
    let journal = home.open();
    append(&journal, "a").unwrap();
    append(&journal, "b").unwrap();
    let before = home.run(&["journal", "verify"]);
    assert_eq!(before.code, 0, "{}", before.err);
    assert!(before.out.contains("anchored: nothing by refs/gonogo/anchor"), "{}", before.out);
    home.anchor();
    append(&journal, "c").unwrap();
    let told = home.run(&["journal", "verify"]).out;
    for words in [
        "3 lines, every hash and the chain hold",
        "head file: line 3",
        "anchored: lines 1 to 2 by refs/gonogo/anchor",
        "not anchored: lines 3 to 3",
        "not proved:",
        "after line 2",
        "times are true",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let json = home.json(&["journal", "verify", "--json"]);
    assert_eq!((&json["holds"], &json["lines"], &json["anchored_to"]), (&true.into(), &3.into(), &2.into()));
    assert_eq!(json["anchors"][0]["fits"], true);
    let doctor = home.run(&["doctor"]).out;
    assert!(doctor.contains("3 lines, the chain holds; anchored up to line 2"), "{doctor}");
    assert!(doctor.contains("1 anchors; the newest is of line 2"), "{doctor}");
}

#[test]
fn verify_and_doctor_find_a_journal_that_was_replaced() {
    let home = Home::new();
    let journal = home.open();
    append(&journal, "a").unwrap();
    append(&journal, "b").unwrap();
    home.anchor();
    for name in ["journal.jsonl", "journal.jsonl.head"] {
        std::fs::remove_file(home.journal().with_file_name(name)).unwrap();
    }
    let gone = home.run(&["journal", "verify"]);
    assert_eq!(gone.code, 1);
    assert!(gone.out.contains("is gone"), "{}", gone.out);
    append(&home.open(), "new").unwrap();
    let replaced = home.run(&["journal", "verify"]);
    assert_eq!(replaced.code, 1);
    assert!(replaced.out.contains("was made of line 2: it was cut, or replaced"), "{}", replaced.out);
    assert_eq!(home.json(&["journal", "verify", "--json"])["holds"], false);
    assert!(home.run(&["doctor"]).out.contains("✗ journal"));
}

#[test]
fn anchors_that_cannot_be_read_are_no_proof() {
    let home = Home::new();
    append(&home.open(), "a").unwrap();
    std::fs::remove_dir_all(home.folder.path().join("releases")).unwrap();
    let told = home.run(&["journal", "verify"]);
    assert_eq!(told.code, 1);
    assert!(told.out.contains("anchors: cannot be read"), "{}", told.out);
}

#[test]
fn show_tells_action_by_action_and_finds_what_is_open() {
    let home = Home::new();
    let journal = home.open();
    append(&journal, "s-1").unwrap();
    outcome(&journal, "s-2", &Outcome::Verified("v2 is live".into()));
    outcome(&journal, "s-3", &Outcome::InDoubt("no answer".into()));
    let all = home.run(&["journal", "show"]).out;
    for words in ["s-1", "ann@host", "verified: v2 is live", "in doubt: no answer", "2026-11-20 14:00:00Z"] {
        assert!(all.contains(words), "{words}: {all}");
    }
    let one = home.run(&["journal", "show", "--action", "s-2"]).out;
    assert!(one.contains("v2 is live") && !one.contains("s-1"), "{one}");
    let recent = home.run(&["journal", "show", "--since", "2026-11-20"]).out;
    assert!(recent.contains("s-2") && !recent.contains("s-1"), "{recent}");
    let json = home.json(&["journal", "show", "--json", "--action", "s-3"]);
    assert_eq!(json["actions"][0]["end"], "in doubt: no answer");
    // Without an intent nothing was wanted: an outcome alone is not open.
    assert_eq!(home.json(&["journal", "show", "--json", "--open"])["actions"], serde_json::json!([]));
    assert_eq!(home.run(&["journal", "show", "--since", "tomorrow"]).code, 2);
}

#[test]
fn a_damaged_journal_is_shown_up_to_the_damage() {
    let home = Home::new();
    let journal = home.open();
    append(&journal, "s-1").unwrap();
    append(&journal, "s-2").unwrap();
    let mut bytes = std::fs::read(home.journal()).unwrap();
    let at = bytes.len() - 90;
    bytes[at] ^= 1;
    std::fs::write(home.journal(), bytes).unwrap();
    for command in [&["journal", "show"][..], &["journal", "export", "--as", "csv"]] {
        let told = home.run(command);
        assert_eq!(told.code, 1);
        assert!(told.out.contains("s-1") && !told.out.contains("s-2"), "{}", told.out);
        assert!(told.err.contains("line 2"), "{}", told.err);
    }
}

#[test]
fn an_export_is_new_private_and_has_no_formulas() {
    let home = Home::new();
    let journal = home.open();
    let entry = Entry::not_sent(&ActionId("=cmd|'/c calc'!A1".into()), &"@SUM(1)".into());
    journal.append(jiff::Timestamp::UNIX_EPOCH, &entry).unwrap();
    let out = home.folder.path().join("out.csv");
    let args = ["journal", "export", "--as", "csv", "--out", out.to_str().unwrap()];
    assert_eq!(home.run(&args).code, 0);
    let csv = std::fs::read_to_string(&out).unwrap();
    assert!(csv.contains("\"'=cmd|'/c calc'!A1\"") && csv.contains("\"'@SUM(1)\""), "{csv}");
    assert_eq!(csv.matches("\r\n").count(), 2);
    assert_eq!(out.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let again = home.run(&args);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("not overwritten"), "{}", again.err);
    assert_eq!(std::fs::read_to_string(&out).unwrap(), csv);
}

#[test]
fn an_exported_line_can_still_be_checked() {
    let home = Home::new();
    let journal = home.open();
    for n in 0..3 {
        journal.append(jiff::Timestamp::UNIX_EPOCH, &entry(&format!("a-{n}"))).unwrap();
    }
    let json = home.run(&["journal", "export", "--as", "json"]).out;
    let lines: Vec<&serde_json::value::RawValue> = serde_json::from_str(&json).unwrap();
    let mut chain = gonogo::runtime::journal::Chain::default();
    for line in &lines {
        chain.follow(line.get().as_bytes()).unwrap();
    }
    assert_eq!(chain.count, 3);
}

#[test]
fn the_files_are_for_their_owner_only() {
    let home = Home::new();
    append(&home.open(), "a").unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(home.journal().parent().unwrap()), 0o700);
    for name in ["journal.jsonl", "journal.jsonl.head"] {
        assert_eq!(mode(&home.journal().with_file_name(name)), 0o600, "{name}");
    }
}
