//! Whatever a state command does, a look ends in time, says what is wrong, and believes nothing of it.

use std::time::{Duration, Instant};

use gonogo::domain::{Ask, Cause, Reached, ServiceName, Value as Setting};
use serde_json::json;

use crate::house::{House, STATE, look, promote, runs, state, until};

/// Name, script, cause, a part of what is told.
const BLOWS: &[(&str, &str, Cause, &str)] = &[
    ("nothing is printed", "true", Cause::Malformed, "no JSON document"),
    ("no JSON is printed", "echo done", Cause::Malformed, "no JSON document"),
    ("half a document", "head -c 40 \"$1/state.json\"", Cause::Malformed, "no JSON document"),
    ("two documents", "cat \"$1/state.json\" \"$1/state.json\"", Cause::Malformed, "no JSON document"),
    ("JSON of another kind", "echo 42", Cause::Malformed, "does not say"),
    ("null", "echo null", Cause::Malformed, "does not say"),
    ("another protocol", "echo '{\"gonogo\": 2}'", Cause::Malformed, "version 2"),
    ("bytes that are no text", "printf '\\377\\376'", Cause::Malformed, "no JSON document"),
    ("deep nesting", "head -c 100000 /dev/zero | tr '\\0' '['", Cause::Malformed, "no JSON document"),
    (
        "too much",
        "head -c 3000000 /dev/zero | tr '\\0' ' '; cat \"$1/state.json\"",
        Cause::TooLarge,
        "more than",
    ),
    ("exit code 1", "echo no session >&2; exit 1", Cause::ServerFailed, "exit code 1: no session"),
    ("exit code 75", "exit 75", Cause::ServerFailed, "exit code 75: it does not say why"),
    ("the state and exit code 3", "cat \"$1/state.json\"; exit 3", Cause::ServerFailed, "exit code 3"),
    ("a signal", "kill -9 $$", Cause::ServerFailed, "ended by a signal"),
    ("no end", "exec sleep 1000", Cause::TimedOut, "longer than 1 s"),
    ("endless output", "while :; do echo much; done", Cause::TimedOut, "longer than 1 s"),
    ("deaf to the end", "trap '' TERM; while :; do sleep 1; done", Cause::TimedOut, "longer than 1 s"),
    (
        "an escape in the complaint",
        "printf '\\033[2J\\033]0;owned' >&2; exit 1",
        Cause::ServerFailed,
        "\\u{1b}[2J",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_state_command_does_a_look_ends_and_says_what_is_wrong() {
    let mut wrong = Vec::new();
    for (name, script, cause, part) in BLOWS {
        let house = House::new().script("state", script).with("state_timeout", Setting::Integer(1));
        let provider = house.provider();
        let began = Instant::now();
        let looked = look(&provider).await;
        let planned = provider.prepare(&promote("v3")).await;
        let (Err(look), Err(plan)) = (looked, planned) else {
            wrong.push(format!("{name}: went unnoticed"));
            continue;
        };
        println!("{name}: {look}");
        let fits = look.cause == *cause && look.detail.as_str().contains(part) && look.reached == Reached::No;
        if !fits || plan.cause != *cause || house.calls() > 0 {
            wrong.push(format!("{name}: {look:?} {plan:?}"));
        }
        if look.to_string().contains('\u{1b}') || began.elapsed() > Duration::from_secs(15) {
            wrong.push(format!("{name}: {look:?} after {:?}", began.elapsed()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_command_that_is_only_odd_is_understood() {
    for (name, script) in [
        ("it reads nothing", "exec cat \"$1/state.json\""),
        ("it complains a lot", "head -c 2000000 /dev/zero >&2; cat \"$1/state.json\""),
        ("it leaves something running", "sleep 5 & cat \"$1/state.json\""),
        ("it answers with blanks around", "echo; cat \"$1/state.json\"; echo"),
    ] {
        let many: String = "x".repeat(200_000);
        let house = House::new().script("state", script).args(&[("much", &many)]);
        let rollout = look(&house.provider()).await.unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert_eq!(rollout.target.label(), "v2", "{name}");
    }
}

#[tokio::test]
async fn a_command_that_takes_too_long_is_ended_with_all_that_it_started() {
    let script = "sleep 1000 & echo $! $$ > \"$1/new\"; mv \"$1/new\" \"$1/ids\"; wait";
    let house = House::new().script("state", script).with("state_timeout", Setting::Integer(1));
    assert_eq!(look(&house.provider()).await.unwrap_err().cause, Cause::TimedOut);
    for id in house.read("ids").split_whitespace() {
        until("it is gone", || !runs(id)).await;
    }
}

#[tokio::test]
async fn one_place_that_cannot_be_seen_does_not_hide_the_others() {
    let script = "document=$(cat); case \"$document\" in *staging*) exit 1;; esac; cat \"$1/state.json\"";
    let house = House::new().script("state", script).environments(&["staging", "production"]);
    let provider = house.provider();
    let seen = provider.observe(&Ask::default()).await.unwrap();
    assert_eq!(seen.rollouts.len(), 1);
    assert!(seen.faults.contains_key(&ServiceName::new("shop")));
    let blind = House::new().script("state", "exit 1").environments(&["staging", "production"]);
    assert!(blind.provider().observe(&Ask::default()).await.is_err(), "nothing at all was seen");
}

#[tokio::test]
async fn an_answer_about_another_object_is_no_evidence() {
    let house = House::new().script("state", STATE);
    let provider = house.provider();
    look(&provider).await.unwrap();
    let mut other = state();
    other["id"] = json!("shop-new");
    house.tell(&other);
    let fault = look(&provider).await.unwrap_err();
    assert!(fault.detail.as_str().contains("another object: id shop-new after shop-prod"), "{fault}");
    house.tell(&state());
    look(&provider).await.unwrap();
}
