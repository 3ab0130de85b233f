//! Each verb, once, is exactly one effect, proved by a later look; a dry run is none; what is expected is what is done.

use gonogo::sandbox::Clock;
use gonogo::sandbox::scenario::RunScript;

use super::pty::{PATIENCE, Terminal};
use super::{Stage, conforms, day};

/// A deed's words, and the words that confirm it.
type Deed = (&'static [&'static str], &'static [&'static str]);

/// Deeds on one world, one after the other.
fn each_is_one_effect(service: &str, run: RunScript, deeds: &[Deed]) {
    let stage = Stage::at(day(service, run), Clock::Running(10.0));
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
const LEDGER: &[&str] = &["--confirm", "ledger", "--reason", "a drill"];
const YES: &[&str] = &["--yes"];

/// A service, how its run stands, and the deeds.
type World = (&'static str, RunScript, &'static [Deed]);

/// Pause and resume are in the next test; with `GONOGO_TEST_N=full` a Swarm service is rolled back as well.
#[test]
fn every_verb_once_is_one_effect() {
    let mut worlds: Vec<World> = vec![
        ("checkout", RunScript::Waiting, &[(&["approve", "checkout"], NAMED)]),
        (
            "checkout",
            RunScript::Waiting,
            &[
                (&["reject", "checkout"], NAMED),
                (&["rerun", "checkout"], YES),
                (&["cancel", "checkout"], YES),
            ],
        ),
        (
            "checkout",
            RunScript::Done,
            &[
                (&["promote", "checkout", "--env", "production", "--to", "v2.15.0"], NAMED),
                (&["rollback", "checkout", "--env", "production"], NAMED),
            ],
        ),
    ];
    if std::env::var("GONOGO_TEST_N").is_ok_and(|n| n == "full") {
        worlds.push(("ledger", RunScript::Done, &[(&["rollback", "ledger", "--env", "production"], LEDGER)]));
    }
    std::thread::scope(|scope| {
        for (service, run, deeds) in &worlds {
            scope.spawn(|| each_is_one_effect(service, *run, deeds));
        }
    });
}

#[test]
fn on_a_terminal_the_name_is_typed_and_another_word_leaves_it() {
    let stage = Stage::new(day("checkout", RunScript::Waiting));
    let config = stage.config().display().to_string();
    let approve = ["--config", &config, "approve", "checkout"];
    for (word, code) in [("yes", 5), ("checkout", 0)] {
        let mut terminal = Terminal::start(&approve, stage.home.path(), 160, 100);
        terminal.wait_for("type checkout to confirm");
        terminal.read_it();
        terminal.send(format!("{word}\n").as_bytes());
        let status = terminal.end(PATIENCE * 3);
        assert_eq!(status.exit_code(), code, "{}", terminal.contents());
        assert!(!terminal.bytes().contains(&0x1b), "no escape sequence");
        assert_eq!(stage.effects().len(), usize::from(code == 0));
    }
}

#[test]
fn a_dry_run_changes_nothing_and_what_it_showed_is_what_may_be_done() {
    let stage = Stage::at(day("checkout", RunScript::Done), Clock::Running(10.0));
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
    assert_eq!(stage.effects().len(), 1);
    let resume = stage.json(&[&["resume", "checkout", "--env", "production"], NAMED].concat());
    assert_eq!(resume["result"], "done", "{resume:#}");
    assert_eq!(stage.effects().len(), 2);
    println!("headless pause, resume: 1 effect each; dry run, other plan, moved world: 0");
}

#[test]
fn an_interrupt_at_the_question_confirms_nothing() {
    let stage = Stage::new(day("checkout", RunScript::Waiting));
    let config = stage.config().display().to_string();
    let approve = ["--config", &config, "approve", "checkout"];
    let mut terminal = Terminal::start(&approve, stage.home.path(), 160, 100);
    terminal.wait_for("type checkout to confirm");
    terminal.send(b"\x03");
    assert_eq!(terminal.end(PATIENCE).exit_code(), 5, "{}", terminal.contents());
    assert!(terminal.contents().contains("signal 2 came before it was confirmed"), "{}", terminal.contents());
    assert!(stage.writes().is_empty(), "{:#?}", stage.writes());
    assert!(!stage.journal().contains("intent"), "{}", stage.journal());
}

#[test]
fn a_demo_carries_out_a_command_on_its_own_world() {
    let stage = Stage::new(day("checkout", RunScript::Waiting));
    let heard = stage.gonogo(&["demo", "quiet", "--", "approvals", "--json"]);
    assert_eq!(heard.code, 0, "{heard:?}");
    let document = serde_json::from_str(&heard.out).unwrap();
    conforms("approvals", &document);
    assert_eq!(document["gates"], serde_json::json!([]));
    let heard = stage.gonogo(&["demo", "--", "approve", "checkout", "--dry-run"]);
    assert_eq!(heard.code, 0, "{heard:?}");
    assert!(heard.out.contains("dry run: nothing was sent"), "{heard:?}");
    assert_eq!(stage.gonogo(&["demo", "--", "demo"]).code, 2);
    assert_eq!(stage.journal(), "", "a demo leaves the user's own state alone");
}
