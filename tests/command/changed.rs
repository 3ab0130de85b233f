//! Changes: run once, believed never; what their end means, and what goes on behind a step.

use std::time::Duration;

use gonogo::domain::{Cause, Reached, Severity, Value as Setting};

use crate::house::{House, look, plan, promote, runs, until};

/// Name, script after the call was noted, the fault's cause and whether something may have happened, a part of it.
const ENDS: &[(&str, &str, Cause, Reached, &str)] = &[
    (
        "75",
        "echo the lock is held >&2; exit 75",
        Cause::Refused,
        Reached::No,
        "did nothing: the lock is held",
    ),
    ("1", "echo quota >&2; exit 1", Cause::ServerFailed, Reached::Perhaps, "exit code 1: quota"),
    ("2", "exit 2", Cause::ServerFailed, Reached::Perhaps, "exit code 2"),
    ("a signal", "kill -9 $$", Cause::ServerFailed, Reached::Perhaps, "ended by a signal"),
    ("0 without a word", "true", Cause::Malformed, Reached::Perhaps, "no JSON document"),
    ("0 and a login page", "echo '<html>'", Cause::Malformed, Reached::Perhaps, "no JSON document"),
    ("0 and another protocol", "echo '{\"gonogo\": 2}'", Cause::Malformed, Reached::Perhaps, "does not say"),
    (
        "0 and more",
        "echo '{\"gonogo\": 1, \"sais\": \"x\"}'",
        Cause::Malformed,
        Reached::Perhaps,
        "unknown key",
    ),
    ("0 and a number", "echo '{\"gonogo\": 1, \"says\": 7}'", Cause::Malformed, Reached::Perhaps, "no text"),
    ("the deadline", "exec sleep 1000", Cause::TimedOut, Reached::Perhaps, "longer than 1 s"),
    (
        "1 after it accepted",
        "echo '{\"gonogo\": 1}'; exit 1",
        Cause::ServerFailed,
        Reached::Perhaps,
        "exit code 1",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_run_once_and_its_end_says_whether_something_may_have_happened() {
    let mut wrong = Vec::new();
    for (name, script, cause, reached, part) in ENDS {
        let script = format!("echo called >> \"$1/calls\"; cat > /dev/null; {script}");
        let house = House::new().script("promote", &script).with("timeout", Setting::Integer(1));
        let provider = house.provider();
        let prepared = plan(&provider, &promote("v3")).await;
        match provider.perform(&prepared.steps[0]).await {
            Ok(receipt) => wrong.push(format!("{name}: taken for accepted: {receipt:?}")),
            Err(fault) => {
                println!("{name}: {fault} ({:?})", fault.reached);
                let right = fault.cause == *cause && fault.reached == *reached;
                if !right || !fault.detail.as_str().contains(part) {
                    wrong.push(format!("{name}: {fault:?}"));
                }
            }
        }
        if house.calls() != 1 {
            wrong.push(format!("{name}: run {} times", house.calls()));
        }
        // Whatever it was, the next one may be planned.
        assert!(plan(&provider, &promote("v3")).await.hazards.is_empty(), "{name}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_change_that_cannot_be_started_did_nothing() {
    let house = House::new();
    let provider = house.provider();
    let prepared = plan(&provider, &promote("v3")).await;
    let absent = House::new().with("promote", crate::house::list(&["/no/such/program"]));
    let mut step = prepared.steps[0].clone();
    step.path = "[\"/no/such/program\"]".to_owned();
    let fault = absent.provider().perform(&step).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Local, Reached::No));
}

#[tokio::test]
async fn a_change_that_prints_without_end_is_not_cut_off_by_that() {
    let script =
        "cat > /dev/null; head -c 3000000 /dev/zero >&2; echo over > \"$1/over\"; echo '{\"gonogo\": 1}'";
    let house = House::new().script("promote", script);
    let provider = house.provider();
    let prepared = plan(&provider, &promote("v3")).await;
    provider.perform(&prepared.steps[0]).await.unwrap();
    assert_eq!(house.read("over"), "over\n");
}

#[tokio::test]
async fn a_change_at_its_deadline_is_asked_to_end_before_it_is_ended() {
    let script = "cat > /dev/null; trap 'echo saved > \"$1/saved\"; exit 0' TERM; sleep 1000 & echo $! > \"$1/id\"; wait";
    let house = House::new().script("promote", script).with("timeout", Setting::Integer(1));
    let provider = house.provider();
    let prepared = plan(&provider, &promote("v3")).await;
    let fault = provider.perform(&prepared.steps[0]).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::TimedOut, Reached::Perhaps));
    assert_eq!(house.read("saved"), "saved\n");
    let id = house.read("id");
    until("what it started is gone", || !runs(id.trim())).await;
}

const WAITS: &str =
    "cat > /dev/null; echo called >> \"$1/calls\"; while [ ! -e \"$1/go\" ]; do sleep 0.02; done; ";

#[tokio::test]
async fn a_change_that_takes_long_goes_on_behind_its_step_and_its_end_is_told() {
    let house = House::new().script("promote", &format!("{WAITS} echo quota >&2; exit 1"));
    let provider = house.built(Duration::from_millis(200)).unwrap();
    let prepared = plan(&provider, &promote("v3")).await;
    let receipt = provider.perform(&prepared.steps[0]).await.unwrap();
    assert_eq!(receipt.status, 202);
    assert!(receipt.says.as_str().contains("still runs"), "{receipt:?}");
    let rollout = look(&provider).await.unwrap();
    assert!(
        rollout.remarks.iter().any(|r| r.as_str().contains("promote command of this cockpit still runs"))
    );
    // Nothing else is planned or run there meanwhile.
    let second = plan(&provider, &promote("v4")).await;
    let blocking = second.hazards.iter().find(|h| h.severity == Severity::Blocking).unwrap();
    assert!(blocking.text.as_str().contains("still runs"), "{blocking:?}");
    let fault = provider.perform(&second.steps[0]).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Refused, Reached::No));
    assert_eq!(house.calls(), 1);
    std::fs::write(house.path("go"), "").unwrap();
    for _ in 0..1_000 {
        let rollout = look(&provider).await.unwrap();
        if let Some(sign) = rollout.signs.first() {
            assert_eq!(sign.as_str(), "promote: sh ended with exit code 1: quota");
            assert!(plan(&provider, &promote("v4")).await.hazards.is_empty(), "the place is free again");
            return;
        }
    }
    panic!("its end was never told");
}

#[tokio::test]
async fn nobody_waiting_any_more_does_not_cut_a_change_off() {
    let house =
        House::new().script("promote", &format!("{WAITS} echo over > \"$1/over\"; echo '{{\"gonogo\": 1}}'"));
    let provider = house.provider();
    let prepared = plan(&provider, &promote("v3")).await;
    {
        let step = provider.perform(&prepared.steps[0]);
        assert!(tokio::time::timeout(Duration::from_millis(300), step).await.is_err());
    }
    until("it began", || house.calls() == 1).await;
    std::fs::write(house.path("go"), "").unwrap();
    until("it went on to its end", || house.read("over") == "over\n").await;
    assert_eq!(house.calls(), 1);
}
