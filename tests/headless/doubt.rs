//! What is not proved is in doubt: the exit code is 6, the journal keeps it open, and the next start finds out.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use gonogo::sandbox::scenario::RunScript;
use gonogo::sandbox::{Act, Rule, Server};

use super::{Stage, day, finish};

const APPROVE: &[&str] = &["approve", "checkout", "--confirm", "checkout"];

/// A later command takes up what was left, says what became of it, and sends nothing again.
fn taken_up(stage: &Stage) {
    let next = stage.json(APPROVE);
    assert_eq!(next["earlier"][0]["outcome"]["word"], "verified", "{next:#}");
    assert_eq!(next["exit"], 5, "it waits no longer: {next:#}");
    assert_eq!(stage.writes().len(), 1, "{:#?}", stage.writes());
    assert_eq!(stage.outcomes().last().unwrap(), "verified");
    gonogo::runtime::journal::verify(&stage.journal()).unwrap();
}

#[test]
fn accepted_and_not_waited_for_is_in_doubt_until_the_next_start() {
    let stage = Stage::new(day("checkout", RunScript::Waiting));
    let document = stage.json(&[APPROVE, &["--no-wait"]].concat());
    assert_eq!(
        (&document["result"], document["exit"].as_i64()),
        (&"in-doubt".into(), Some(6)),
        "{document:#}"
    );
    assert_eq!(stage.outcomes(), ["in doubt"]);
    taken_up(&stage);
}

#[test]
fn an_answer_that_is_lost_is_in_doubt_when_the_time_is_up() {
    let stage = Stage::new(day("checkout", RunScript::Waiting));
    stage.world.faults().add(Rule::once(Server::Github, Act::DropAfter).on("POST", "*pending_deployments"));
    let document = stage.json(&[APPROVE, &["--timeout", "1s"]].concat());
    assert_eq!(document["exit"], 6, "{document:#}");
    taken_up(&stage);
}

#[test]
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
    let (reader, writer) = std::io::pipe().unwrap();
    drop(writer);
    // The rest of its words is read here; `finish` only waits for the end.
    let rest = std::thread::spawn(move || std::io::read_to_string(out).unwrap());
    let status = wait(&mut child);
    drop(reader);
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

#[test]
fn killed_while_waiting_it_is_taken_up_by_the_next_start() {
    let stage = Stage::new(day("checkout", RunScript::Waiting));
    let child = stage.command(APPROVE, &[("GONOGO_FAILPOINT", "after-receipt")]).spawn().unwrap();
    let heard = finish(child, APPROVE);
    assert_eq!(heard.code, -1, "killed: {heard:?}");
    assert_eq!(stage.outcomes(), Vec::<String>::new());
    taken_up(&stage);
}

#[test]
fn a_source_that_refuses_is_a_failure_and_a_world_that_moved_a_refusal() {
    let stage = Stage::new(day("checkout", RunScript::Waiting));
    let no = Act::Answer { status: 422, headers: Vec::new(), body: "{\"message\":\"no\"}".to_owned() };
    stage.world.faults().add(Rule::once(Server::Github, no).on("POST", "*pending_deployments"));
    let document = stage.json(APPROVE);
    assert_eq!((&document["result"], document["exit"].as_i64()), (&"failed".into(), Some(1)), "{document:#}");
    assert_eq!(document["action"]["outcome"]["word"], "not applied");
    assert!(stage.effects().is_empty());
}
