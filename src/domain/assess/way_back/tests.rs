//! The rule of the way back, row by row.

use std::time::Duration;

use super::super::super::code::{FileChange, FileDelta};
use super::super::super::rollout::{Phase, Replicas, Running, Standing};
use super::super::super::{Cause, SafeText};
use super::*;

fn artifact(version: &str) -> Artifact {
    Artifact::from_reference(&format!("registry.test/web:{version}"))
}

fn revision(version: &str, standing: Standing) -> Revision {
    Revision {
        id: version.into(),
        number: Some(41),
        artifact: artifact(version),
        created: None,
        note: None,
        standing,
    }
}

/// v2 runs on all four replicas, v1 is remembered.
fn rollout() -> Rollout {
    Rollout {
        workload: "deployment/web".into(),
        host: "test".into(),
        phase: Phase::Done,
        replicas: Replicas { desired: 4, updated: 4, available: 4, total: 4, restarts: 0 },
        target: artifact("v2"),
        running: vec![Running { artifact: artifact("v2"), ready: 4 }],
        revisions: vec![revision("v2", Standing::Current), revision("v1", Standing::Past)],
        began: Some(Now::START.wall),
        took: Some(Duration::from_secs(120)),
        steps: None,
        patience: None,
        restart: None,
        signs: Vec::new(),
        owner: None,
        remarks: Vec::new(),
    }
}

fn under_way() -> Rollout {
    let old = Running { artifact: artifact("v1"), ready: 3 };
    let running = vec![old, Running { artifact: artifact("v2"), ready: 1 }];
    Rollout { phase: Phase::Progressing("1 of 4".into()), running, took: None, ..rollout() }
}

fn owned() -> Rollout {
    let owner = Owner { tool: "Argo CD".into(), name: "web".into(), consequence: "puts it back".into() };
    Rollout { owner: Some(owner), ..rollout() }
}

fn changes(migrations: usize, cut: usize) -> Result<ChangeSet, Fault> {
    let file = |index: usize| FileChange {
        path: SafeText::new(&format!("migrations/{index}.sql")),
        delta: FileDelta::Added,
        kind: FileKind::Migration,
    };
    Ok(ChangeSet {
        base: None,
        head: None,
        commits: Vec::new(),
        total: 0,
        lost: 0,
        files: (0..migrations).map(file).collect(),
        files_total: migrations + cut,
        added: 0,
        removed: 0,
        tickets: Vec::new(),
        authors: Vec::new(),
        remarks: Vec::new(),
    })
}

/// One row: what is known, and what it comes to.
type Row<'a> = (&'a str, Rollout, Option<Stock>, Between<'a>, Result<(), &'a str>);

/// `Ok`: ready. `Err` of a text with ✗: that is in the way; with ?: that is not known.
fn said(way: &WayBack) -> Result<(), String> {
    match way.readiness() {
        Readiness::Ready => Ok(()),
        Readiness::Blocked(why) => Err(format!("✗ {why}")),
        Readiness::Unproved(why) => Err(format!("? {why}")),
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn it_is_ready_only_when_every_question_is_answered_well() {
    let (none, one, three, cut) = (changes(0, 0), changes(1, 0), changes(3, 0), changes(0, 1));
    let fault = Err(Fault::new(Cause::NotFound, "v1 is no tag"));
    let clean = Between::Told(&none);
    let there = || Some(Stock::There);
    let alone = Rollout { revisions: vec![revision("v2", Standing::Current)], ..rollout() };
    let left = vec![revision("v3", Standing::Left), revision("v2", Standing::Current)];
    let left = Rollout { revisions: left, ..rollout() };
    let rows: Vec<Row<'_>> = vec![
        ("all is well", rollout(), there(), clean, Ok(())),
        ("under way, the old image still runs", under_way(), None, clean, Ok(())),
        (
            "under way, a registry that does not answer",
            under_way(),
            Some(Stock::Untold("no route".into())),
            clean,
            Ok(()),
        ),
        (
            "under way, the image gone from the registry",
            under_way(),
            Some(Stock::Gone),
            clean,
            Err("✗ the registry no longer has v1"),
        ),
        ("nothing to go back to", alone, there(), clean, Err("✗ no other revision is remembered")),
        ("only what was left", left, there(), clean, Err("✗ no other revision is remembered")),
        (
            "nobody asked the registry",
            rollout(),
            None,
            clean,
            Err("? nobody has asked the registry for its image yet"),
        ),
        (
            "the registry does not tell",
            rollout(),
            Some(Stock::Untold("401".into())),
            clean,
            Err("? the registry does not tell of its image: 401"),
        ),
        (
            "an image of that name",
            rollout(),
            Some(Stock::Named),
            clean,
            Err("? its digest is not known, and the tag may have moved"),
        ),
        ("gone", rollout(), Some(Stock::Gone), clean, Err("✗ the registry no longer has v1")),
        (
            "moved",
            rollout(),
            Some(Stock::Moved("sha256:cc".into())),
            clean,
            Err("? the tag v1 names another image by now"),
        ),
        (
            "moved, and the old one still runs",
            under_way(),
            Some(Stock::Moved("sha256:cc".into())),
            clean,
            Err("? the tag v1 names another image by now"),
        ),
        ("a migration", rollout(), there(), Between::Told(&one), Err("✗ a migration lies in between")),
        ("migrations", rollout(), there(), Between::Told(&three), Err("✗ 3 migrations lie in between")),
        (
            "files left out",
            rollout(),
            there(),
            Between::Told(&cut),
            Err("? not all files in between were looked at for migrations"),
        ),
        (
            "a repository that does not know the tag",
            rollout(),
            there(),
            Between::Told(&fault),
            Err("? what lies in between is not known: v1 is no tag"),
        ),
        (
            "not answered yet",
            rollout(),
            there(),
            Between::Asked,
            Err("? what lies in between is not known yet"),
        ),
        (
            "no name",
            rollout(),
            there(),
            Between::Unnamed,
            Err("? what lies in between is not known: no tag or commit names it"),
        ),
        (
            "no repository",
            rollout(),
            there(),
            Between::Unwatched,
            Err("? what lies in between is not known: no repository"),
        ),
        ("an owner", owned(), there(), clean, Err("✗ Argo CD would undo it")),
        (
            "what is in the way wins over what is not known",
            owned(),
            None,
            Between::Asked,
            Err("✗ Argo CD would undo it"),
        ),
    ];
    for (name, rollout, stock, between, expected) in rows {
        let evidence = Evidence {
            rollout: &rollout,
            stale: None,
            stock: stock.as_ref(),
            application: None,
            between,
            now: Now::START,
        };
        assert_eq!(said(&judge(evidence)), expected.map_err(str::to_owned), "{name}");
    }
}

#[test]
fn stale_evidence_is_never_ready() {
    let (rollout, clean) = (rollout(), changes(0, 0));
    let evidence = Evidence {
        rollout: &rollout,
        stale: Some("what prod told is stale"),
        stock: Some(&Stock::There),
        application: None,
        between: Between::Told(&clean),
        now: Now::START,
    };
    assert_eq!(said(&judge(evidence)), Err("? what prod told is stale".to_owned()));
}

#[test]
fn how_long_it_takes_is_what_the_rollout_took_or_nothing() {
    let later = Now::START.plus(Duration::from_secs(40));
    for (name, rollout, takes) in [
        ("at rest", rollout(), Some(120)),
        ("at rest, and nobody knows how long it took", Rollout { took: None, ..rollout() }, None),
        ("under way: as long as it went on so far", under_way(), Some(40)),
        ("under way since nobody knows when", Rollout { began: None, ..under_way() }, None),
    ] {
        let evidence = Evidence {
            rollout: &rollout,
            stale: None,
            stock: None,
            application: None,
            between: Between::Asked,
            now: later,
        };
        assert_eq!(judge(evidence).takes, takes.map(Duration::from_secs), "{name}");
    }
}
