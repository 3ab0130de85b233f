//! What is refused, and why: nothing is sent, cause, evidence and next step are said, and the exit code is 5.

use gonogo::sandbox::scenario::RunScript;
use gonogo::sandbox::{Scenario, Server};
use serde_json::Value;

use super::{Stage, conforms, day};

/// A command, and words of the cause.
type Row = (&'static [&'static str], &'static str);

fn refused(stage: &Stage, (words, cause): Row) -> Value {
    let document = stage.json(words);
    assert_eq!(
        (&document["result"], document["exit"].as_i64()),
        (&"refused".into(), Some(5)),
        "{document:#}"
    );
    let refusal = &document["refusal"];
    let said = refusal["cause"].as_str().unwrap();
    assert!(said.contains(cause), "{words:?}: {said:?} does not say {cause:?}");
    assert!(refusal["evidence"].is_string() && refusal["next"].is_string(), "{words:?}: {refusal:#}");
    document
}

/// The rows on one world, some at a time, in order.
fn at_once<R: Sync, T: Send>(rows: &[R], play: impl Fn(&R) -> T + Sync) -> Vec<T> {
    let mut played = Vec::new();
    for some in rows.chunks(3) {
        let play = &play;
        std::thread::scope(|scope| {
            let threads: Vec<_> = some.iter().map(|row| scope.spawn(move || play(row))).collect();
            played.extend(threads.into_iter().map(|thread| thread.join().unwrap()));
        });
    }
    played
}

#[test]
fn each_refusal_says_why_and_sends_nothing() {
    let stage = Stage::new(day("checkout", RunScript::Waiting));
    let rows: &[Row] = &[
        (&["approve", "checkout"], "not confirmed, and there is no terminal"),
        // The policy wants the name: yes is not enough.
        (&["approve", "checkout", "--yes"], "not confirmed, and there is no terminal"),
        (&["approve", "checkout", "--confirm", "ledger"], "does not confirm this plan"),
        (&["approve", "checkout", "--confirm", "checkout", "--read-only"], "the cockpit is read-only"),
        (&["approve", "checkout", "--gate", "1.1/1", "--confirm", "checkout"], "no gate of checkout"),
        (&["approve", "checkout", "--env", "staging", "--confirm", "checkout"], "no gate of checkout"),
        (&["rollback", "checkout", "--confirm", "checkout"], "2 environments: say which"),
        (&["pause", "checkout", "--yes"], "2 environments: say which"),
        (&["resume", "checkout", "--env", "production", "--confirm", "checkout"], "is not paused"),
        (&["rerun", "checkout", "--yes"], "no run has failed"),
        (&["cancel", "checkout", "--run", "1", "--yes"], "none of the runs is called"),
        (
            &["rollback", "checkout", "--env", "production", "--to", "v9", "--confirm", "checkout"],
            "none of the versions is called",
        ),
        (&["approve", "checkout", "--confirm", "checkout", "--break-glass"], "at least 10 characters"),
        (
            &["approve", "checkout", "--confirm", "checkout", "--expect", "00"],
            "another than the expected one",
        ),
    ];
    let documents = at_once(rows, |row| refused(&stage, *row));
    // What could have been meant is listed.
    let candidates = |row: usize| documents[row]["refusal"]["candidates"].as_array().unwrap();
    let gates = stage.json(&["approvals"]);
    assert_eq!(candidates(4)[0]["id"], gates["gates"][0]["id"]);
    assert_eq!(candidates(6).len(), 2);
    assert!(candidates(11).len() > 1);
    assert!(stage.writes().is_empty(), "{:#?}", stage.writes());
    println!("headless refusals: {} rows, 0 writes", rows.len());
}

#[test]
fn unknown_names_and_wrong_words_are_wrong_usage() {
    let stage = Stage::new(day("checkout", RunScript::Waiting));
    let rows = [
        (&["approve", "chekout"][..], "no service is called"),
        (&["pause", "checkout", "--env", "prod"], "has no environment"),
        (&["approve"], "SERVICE"),
        (&["approve", "checkout", "--wait", "--no-wait"], "cannot be used with"),
        (&["approve", "checkout", "--timeout", "soon"], "no length of time"),
        (&["approvals", "chekout"], "no service is called"),
        (&["wait", "chekout"], "no service is called"),
    ];
    at_once(&rows, |(words, said)| {
        let heard = stage.gonogo(words);
        assert_eq!(heard.code, 2, "{words:?}: {heard:?}");
        assert!(heard.err.contains(said), "{words:?}: {heard:?}");
        assert_eq!(heard.out, "", "{words:?}");
    });
    assert!(stage.writes().is_empty(), "{:#?}", stage.writes());
}

#[test]
fn a_policy_that_asks_for_a_reason_gets_one() {
    let stage = Stage::new(day("checkout", RunScript::Waiting));
    stage.rule("max_age = \"5m\"", "max_age = \"5m\"\nrequire_reason = true");
    refused(&stage, (&["approve", "checkout", "--confirm", "checkout"], "a reason is required"));
    refused(
        &stage,
        (&["approve", "checkout", "--confirm", "checkout", "--reason", "  "], "a reason is required"),
    );
    let planned = stage.json(&["approve", "checkout", "--reason", "planned", "--dry-run"]);
    assert_eq!(planned["plan"]["reason"], "planned");
    assert!(stage.writes().is_empty(), "{:#?}", stage.writes());
}

#[test]
fn a_freeze_is_named_and_overridden_only_on_the_record() {
    let mut scenario = Scenario::named("freeze").unwrap();
    scenario.services.retain(|s| s.name == "checkout");
    let stage = Stage::new(scenario);
    let document = refused(&stage, (&["approve", "checkout", "--confirm", "checkout"], "is frozen"));
    assert_eq!(document["refusal"]["rules"][0]["rule"], "freeze");
    let glass = ["approve", "checkout", "--break-glass", "--reason", "the payment page is down"];
    refused(&stage, (&["approve", "checkout", "--break-glass", "--confirm", "checkout"], "at least 10"));
    let planned = stage.json(&[&glass[..], &["--dry-run"]].concat());
    assert_eq!(
        (&planned["plan"]["overrides"][0], &planned["plan"]["phrase"]),
        (&"freeze".into(), &"checkout".into())
    );
    assert!(stage.writes().is_empty(), "{:#?}", stage.writes());
    let fingerprint = planned["plan"]["fingerprint"].as_str().unwrap();
    let done = stage.json(&[&glass[..], &["--confirm", "checkout", "--expect", fingerprint]].concat());
    assert_eq!(done["result"], "done", "{done:#}");
    assert_eq!(stage.effects().len(), 1);
    let journal = stage.journal();
    let broke = journal.find("break-glass").unwrap();
    assert!(broke < journal.find("\"intent\"").unwrap(), "the rule is named before the intent");
}

#[test]
fn what_cannot_be_seen_is_neither_done_nor_taken_for_nothing() {
    let stage = Stage::new(day("checkout", RunScript::Waiting));
    stage.world.faults().refuse(Server::Github);
    let heard = stage.gonogo(&["approvals", "--json"]);
    assert_eq!(heard.code, 3, "{heard:?}");
    let document: Value = serde_json::from_str(&heard.out).unwrap();
    conforms("approvals", &document);
    assert_eq!((&document["complete"], &document["unseen"][0]["source"]), (&false.into(), &"github".into()));
    let document = stage.json(&["approve", "checkout", "--confirm", "checkout"]);
    let cause = document["refusal"]["cause"].as_str().unwrap();
    assert!(cause.contains("whether anything of checkout waits is not known: github"), "{document:#}");
    let status = stage.gonogo(&["status", "--json"]);
    conforms("status", &serde_json::from_str(&status.out).unwrap());
    assert_eq!(status.code, 3, "{status:?}");
    assert!(stage.writes().is_empty(), "{:#?}", stage.writes());
}
