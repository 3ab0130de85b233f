//! What is not proved is in doubt: the exit code is 6, the journal keeps it open, and the next start finds out.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use gonogo::sandbox::scenario::RunScript;
use gonogo::sandbox::{Act, Rule, Server};

use super::{Stage, day, finish};

const APPROVE: &[&str] = &["approve", "checkout", "--confirm", "checkout"];

/// Each on a world of its own, at the same time: most of it is waiting for proof.
#[test]
fn what_is_not_proved_is_in_doubt_stays_open_and_is_taken_up() {
    let cases: &[fn()] = &[
        an_answer_that_is_lost_is_in_doubt_when_the_time_is_up,
        an_interrupt_while_waiting_says_what_is_known_and_leaves_it_open,
        killed_while_waiting_it_is_taken_up_by_the_next_start,
        a_source_that_refuses_is_a_failure,
        what_was_left_open_can_be_waited_for,
    ];
    std::thread::scope(|scope| cases.iter().for_each(|case| drop(scope.spawn(case))));
}

/// A later command takes up what was left, says what became of it, and sends nothing again.
fn taken_up(stage: &Stage) {
    let next = stage.json(APPROVE);
    assert_eq!(next["earlier"][0]["outcome"]["word"], "verified", "{next:#}");
    assert_eq!(next["exit"], 5, "it waits no longer: {next:#}");
    assert_eq!(stage.writes().len(), 1, "{:#?}", stage.writes());
    assert_eq!(stage.outcomes().last().unwrap(), "verified");
    gonogo::runtime::journal::verify(&stage.journal()).unwrap();
}

fn an_answer_that_is_lost_is_in_doubt_when_the_time_is_up() {
    let stage = Stage::new(day("checkout", RunScript::Waiting));
    stage.world.faults().add(Rule::once(Server::Github, Act::DropAfter).on("POST", "*pending_deployments"));
    let document = stage.json(&[APPROVE, &["--timeout", "1s"]].concat());
    assert_eq!(document["exit"], 6, "{document:#}");
    taken_up(&stage);
}

fn an_interrupt_while_waiting_says_what_is_known_and_leaves_it_open() {
    let stage = Stage::new(day("checkout", RunScript::Waiting));
    let mut child = stage.command(APPROVE, &[]).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    while !said.contains("accepted: ") {
        assert!(out.read_line(&mut said).unwrap() > 0, "it ended before: {said}");
    }
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let rest = std::thread::spawn(move || std::io::read_to_string(out).unwrap());
    let status = wait(&mut child);
    let rest = rest.join().unwrap();
    assert_eq!(status, Some(6), "{said}{rest}");
    assert!(rest.contains("in doubt: signal 2 came before it was proved"), "{rest}");
    assert!(rest.contains("the journal keeps it open"), "{rest}");
    assert_eq!(stage.outcomes(), ["in doubt"]);
    taken_up(&stage);
}

fn wait(child: &mut std::process::Child) -> Option<i32> {
    let end = std::time::Instant::now() + super::PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        assert!(std::time::Instant::now() < end, "it did not end");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

fn killed_while_waiting_it_is_taken_up_by_the_next_start() {
    let stage = Stage::new(day("checkout", RunScript::Waiting));
    let child = stage.command(APPROVE, &[("GONOGO_FAILPOINT", "after-receipt")]).spawn().unwrap();
    let heard = finish(child, APPROVE);
    assert_eq!(heard.code, -1, "killed: {heard:?}");
    assert_eq!(stage.outcomes(), Vec::<String>::new());
    taken_up(&stage);
}

fn a_source_that_refuses_is_a_failure() {
    let stage = Stage::new(day("checkout", RunScript::Waiting));
    let no = Act::Answer { status: 422, headers: Vec::new(), body: "{\"message\":\"no\"}".to_owned() };
    stage.world.faults().add(Rule::once(Server::Github, no).on("POST", "*pending_deployments"));
    let document = stage.json(APPROVE);
    assert_eq!((&document["result"], document["exit"].as_i64()), (&"failed".into(), Some(1)), "{document:#}");
    assert_eq!(document["action"]["outcome"]["word"], "not applied");
    assert!(stage.effects().is_empty());
}

fn what_was_left_open_can_be_waited_for() {
    let stage = Stage::new(day("checkout", RunScript::Waiting));
    // Accepted is not proved.
    let document = stage.json(&[APPROVE, &["--no-wait"]].concat());
    assert_eq!(
        (&document["result"], document["exit"].as_i64()),
        (&"in-doubt".into(), Some(6)),
        "{document:#}"
    );
    assert_eq!(stage.outcomes(), ["in doubt"]);
    let waited = stage.json(&["wait", "checkout", "--until", "verified"]);
    assert_eq!((&waited["ended"], waited["exit"].as_i64()), (&"holds".into(), Some(0)));
    assert_eq!(waited["actions"][0]["outcome"]["word"], "verified", "{waited:#}");
    let heard = stage.gonogo(&["wait", "checkout", "--until", "verified"]);
    assert_eq!((heard.code, heard.out.as_str()), (0, "nothing is open about checkout\n"));
    assert_eq!(stage.writes().len(), 1, "{:#?}", stage.writes());
    stage.world.faults().refuse(Server::Prometheus);
    let heard = stage.gonogo(&["wait", "checkout", "--until", "go", "--for", "1s"]);
    assert_eq!(heard.code, 3, "what cannot be seen is not GO: {heard:?}");
    assert!(heard.out.contains("the time is up"), "{heard:?}");
    let waited = stage.json(&["wait", "checkout", "--for", "1s"]);
    assert_eq!((waited["exit"].as_i64(), &waited["ended"]), (Some(3), &"late".into()), "{waited:#}");
}
