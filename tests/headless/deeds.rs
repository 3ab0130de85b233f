//! Each verb, once, is exactly one effect, proved by a later look; a dry run is none; what is expected is what is done.

use gonogo::sandbox::scenario::RunScript;

use super::{Stage, day};

/// A deed's words, and the words that confirm it.
type Deed = (&'static [&'static str], &'static [&'static str]);

/// Deeds on one world, one after the other.
fn each_is_one_effect(service: &str, run: RunScript, deeds: &[Deed]) {
    let stage = Stage::new(day(service, run));
    for (index, (words, confirm)) in deeds.iter().enumerate() {
        let mut all = words.to_vec();
        all.extend_from_slice(confirm);
        let document = stage.json(&all);
        assert_eq!(document["result"], "done", "{words:?}: {document:#}");
        assert_eq!(document["action"]["outcome"]["word"], "verified", "{words:?}");
        let effects = stage.effects();
        assert_eq!(effects.len(), index + 1, "{words:?}: {effects:#?}");
        println!("headless {}: 1 effect, {}", words.join(" "), effects[index].path);
    }
    assert_eq!(stage.writes().len(), deeds.len(), "nothing was tried twice: {:#?}", stage.writes());
    assert_eq!(stage.outcomes(), vec!["verified"; deeds.len()]);
    gonogo::runtime::journal::verify(&stage.journal()).unwrap();
}

const NAMED: &[&str] = &["--confirm", "checkout"];
const YES: &[&str] = &["--yes"];

#[test]
fn approve_is_one_effect() {
    each_is_one_effect("checkout", RunScript::Waiting, &[(&["approve", "checkout"], NAMED)]);
}

#[test]
fn reject_then_rerun_are_one_effect_each() {
    let deeds: &[Deed] = &[(&["reject", "checkout"], NAMED), (&["rerun", "checkout"], YES)];
    each_is_one_effect("checkout", RunScript::Waiting, deeds);
}

#[test]
fn cancel_is_one_effect() {
    each_is_one_effect("checkout", RunScript::Waiting, &[(&["cancel", "checkout"], YES)]);
}

#[test]
fn pause_then_resume_are_one_effect_each() {
    let deeds: &[Deed] = &[
        (&["pause", "checkout", "--env", "production"], NAMED),
        (&["resume", "checkout", "--env", "production"], NAMED),
    ];
    each_is_one_effect("checkout", RunScript::Done, deeds);
}

#[test]
fn promote_then_roll_back_are_one_effect_each() {
    let deeds: &[Deed] = &[
        (&["promote", "checkout", "--env", "production", "--to", "v2.15.0"], NAMED),
        (&["rollback", "checkout", "--env", "production"], NAMED),
    ];
    each_is_one_effect("checkout", RunScript::Done, deeds);
}

#[test]
fn a_roll_back_of_a_swarm_service_is_one_effect() {
    let deeds: &[Deed] =
        &[(&["rollback", "ledger", "--env", "production"], &["--confirm", "ledger", "--reason", "a drill"])];
    each_is_one_effect("ledger", RunScript::Done, deeds);
}

#[test]
fn a_dry_run_changes_nothing_and_what_it_showed_is_what_may_be_done() {
    let stage = Stage::new(day("checkout", RunScript::Done));
    let pause = ["pause", "checkout", "--env", "production"];
    let planned = stage.json(&[&pause[..], &["--dry-run"]].concat());
    assert_eq!(planned["result"], "planned");
    assert!(stage.writes().is_empty(), "{:#?}", stage.writes());
    assert_eq!(stage.journal(), "", "nothing is recorded");
    let fingerprint = planned["plan"]["fingerprint"].as_str().unwrap().to_owned();

    // Another thing than what was read is not done, however well it is confirmed.
    let expect = [&["--expect", &fingerprint], NAMED].concat();
    let other = stage.json(&[&["rollback", "checkout", "--env", "production"], &expect[..]].concat());
    assert_eq!((&other["result"], other["exit"].as_i64()), (&"refused".into(), Some(5)));
    assert!(other["refusal"]["cause"].as_str().unwrap().contains("another than the expected one"));
    assert!(stage.writes().is_empty(), "{:#?}", stage.writes());

    let done = stage.json(&[&pause[..], &expect[..]].concat());
    assert_eq!(done["result"], "done", "{done:#}");
    assert_eq!(done["plan"]["fingerprint"], planned["plan"]["fingerprint"]);

    // The world has moved: the same command means another plan, or none.
    let again = stage.json(&[&pause[..], &expect[..]].concat());
    assert_eq!(again["exit"], 5, "{again:#}");
    let resume = stage.json(&[&["resume", "checkout", "--env", "production"], &expect[..]].concat());
    assert_eq!(resume["exit"], 5, "{resume:#}");
    assert_eq!(stage.effects().len(), 1);
}
