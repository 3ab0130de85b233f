//! Freeze windows against another implementation (`tests/freeze_oracle.py`, Python's zoneinfo), and the same answer
//! wherever it is asked.
//!
//! `tests/fixtures/freeze.csv` is what the oracle said of some thousand instants; it needs no Python to be compared with.
//! With GONOGO_TEST_N=full the oracle itself is run: 30 zones, every transition from 2015 to 2037, each as the beginning and
//! as the end of a window that is daily, weekly or once, a second before, at and after every instant that could be meant.
//! The oracle reads the machine's own zone data and the program carries its own, perhaps of another release; the zones
//! are those whose rules of these years both have alike, and a mismatch names both releases.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

#[path = "support/model.rs"]
#[expect(dead_code, reason = "shared with the tests of the frames")]
mod model;

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use gonogo::app::model::Model;
use gonogo::app::{Msg, update};
use gonogo::domain::freeze::{Outlook, Window, Zone, frozen, next_freeze, outlook, tzdb};
use gonogo::domain::{Freeze, Mark, Now, Stage, Verdict};
use jiff::Timestamp;

const FIXTURE: &str = include_str!("fixtures/freeze.csv");

fn full() -> bool {
    std::env::var("GONOGO_TEST_N").is_ok_and(|n| n == "full")
}

fn freeze(from: &str, to: &str, zone: &str, reason: &str) -> Freeze {
    Freeze {
        window: Window::read(from, to).unwrap_or_else(|e| panic!("{from} to {to}: {}", e.cause)),
        zone: Zone::named(zone).unwrap_or_else(|_| panic!("no zone {zone}")),
        reason: Some(reason.into()),
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

struct Compared {
    instants: usize,
    zones: BTreeSet<String>,
    frozen: usize,
    mismatches: Vec<String>,
}

fn compare(rows: &str) -> Compared {
    let mut done = Compared { instants: 0, zones: BTreeSet::new(), frozen: 0, mismatches: Vec::new() };
    for row in rows.lines().filter(|row| !row.starts_with('#')) {
        let [zone, from, to, answers] = row.splitn(4, ',').collect::<Vec<_>>()[..] else {
            panic!("no row of the oracle: {row}")
        };
        let windows = [freeze(from, to, zone, "")];
        done.zones.insert(zone.to_owned());
        for answer in answers.split(' ') {
            let (unix, wanted) = answer.split_once(':').unwrap();
            let instant = Timestamp::from_second(unix.parse().unwrap()).unwrap();
            let found = frozen(&windows, instant);
            done.instants += 1;
            done.frozen += usize::from(found.is_some());
            if found.is_some() != (wanted == "1") {
                done.mismatches.push(format!("{from} to {to} {zone} at {instant}: the oracle says {wanted}"));
            }
            // Whatever it says of now, it must say the same of its own end and of the next beginning.
            if let Some(until) = found.and_then(|f| f.until) {
                assert!(until > instant && frozen(&windows, until).is_none(), "{row}: {instant}");
            }
        }
    }
    done
}

fn oracle() -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/freeze_oracle.py");
    let out = Command::new("python3").args([script, "full"]).output();
    let out = out.unwrap_or_else(|e| panic!("GONOGO_TEST_N=full needs python3 with zoneinfo: {e}"));
    assert!(
        out.status.success(),
        "GONOGO_TEST_N=full needs python3 with time zone data: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn freeze_windows_agree_with_an_independent_oracle() {
    let rows = if full() { oracle() } else { FIXTURE.to_owned() };
    let theirs = rows.lines().next().unwrap_or_default().trim_start_matches("# ").to_owned();
    let done = compare(&rows);
    let Compared { instants, zones, frozen, mismatches } = &done;
    println!(
        "R16: {instants} instants in {} zones, {frozen} frozen, {} mismatches (program: tzdb {}; oracle: {theirs})",
        zones.len(),
        mismatches.len(),
        tzdb()
    );
    assert!(
        mismatches.is_empty(),
        "tzdb {} against {theirs}: {:#?}",
        tzdb(),
        &mismatches[..mismatches.len().min(20)]
    );
    assert!(*instants >= if full() { 50_000 } else { 5_000 }, "only {instants} instants");
    assert!(
        zones.len() >= 30 && *frozen > instants / 4 && *frozen < instants * 3 / 4,
        "{} zones",
        zones.len()
    );
}

/// Windows of one policy in zones far from one another.
fn mixed() -> Vec<Freeze> {
    vec![
        freeze("Fri 16:00", "Mon 08:00", "Europe/Berlin", "weekend"),
        freeze("22:00", "06:00", "America/New_York", "night"),
        freeze("2026-11-25", "2026-11-26 12:00", "Asia/Kathmandu", "stocktaking"),
    ]
}

/// How many minutes lie between two looks; each window begins and ends on such a minute.
fn step() -> usize {
    if full() { 1 } else { 5 }
}

/// The minutes of six days on which those windows begin, end and overlap.
fn minutes() -> impl Iterator<Item = Timestamp> {
    let first = at("2026-11-25T00:00:00Z");
    (0..6 * 24 * 60)
        .step_by(step())
        .map(move |m| first.checked_add(jiff::SignedDuration::from_mins(m)).unwrap())
}

/// A model in which production has these windows and nobody has answered.
fn model_with(windows: &[Freeze], wall: Timestamp) -> Model {
    let mut setup = model::setup(&["checkout", "search"]);
    for service in &mut setup.services {
        service.environments[1].policy.freeze = windows.to_vec();
    }
    let now = Now { wall, mono: Duration::from_secs(1_000) };
    let mut model = Model::new(setup, "s1".into(), now, (160, 50));
    gonogo::app::board::assess_all(&mut model);
    model
}

/// What PLAN says on the board and in `gonogo status`: both show these reasons.
fn plan_of(model: &Model, service: usize) -> (Mark, Vec<String>) {
    let assessment = &model.assessments[service];
    let texts = assessment.reasons.iter().filter(|r| r.stage == Stage::Plan).map(|r| r.text.to_string());
    (assessment.mark(Stage::Plan), texts.collect())
}

#[test]
fn the_board_the_status_and_the_planner_give_the_same_answer_at_every_minute() {
    let windows = mixed();
    let mut board = model_with(&windows, minutes().next().unwrap());
    let (mut held, mut free) = (0, 0);
    for wall in minutes() {
        let mono = board.now.mono + Duration::from_secs(60);
        update(&mut board, Msg::Tick(Now { wall, mono }));
        let status = model_with(&windows, wall);
        for service in 0..2 {
            assert_eq!(plan_of(&board, service), plan_of(&status, service), "{wall}");
        }
        let (mark, texts) = plan_of(&board, 0);
        match (frozen(&windows, wall), outlook(&windows, wall)) {
            (Some(now), Some(Outlook::Frozen(same))) => {
                assert_eq!(now, same, "{wall}");
                assert_eq!((mark, texts), (Mark::Judged(Verdict::Hold), vec![format!("production: {now}")]));
                held += 1;
            }
            (None, Some(Outlook::Free(next))) => {
                let wanted: Vec<String> = next.iter().map(|next| format!("production: {next}")).collect();
                assert_eq!((mark, texts), (Mark::Judged(Verdict::Go), wanted), "{wall}");
                assert_eq!(next.map(|n| n.from), next_freeze(&windows, wall), "{wall}");
                free += 1;
            }
            (now, outlook) => panic!("{wall}: {now:?} and {outlook:?}"),
        }
    }
    println!("R16: the same answer in all places at {} instants ({held} frozen, {free} free)", held + free);
    assert!(held * step() > 1_000 && free * step() > 1_000, "{held} {free}");
}

#[test]
fn a_freeze_that_begins_or_ends_shows_at_that_second_without_any_report() {
    let windows = [freeze("Fri 16:00", "Mon 08:00", "Europe/Berlin", "weekend")];
    let mut board = model_with(&windows, at("2026-11-20T14:59:58Z"));
    let mut walk = |wall: &str| {
        let mono = board.now.mono + Duration::from_millis(1);
        update(&mut board, Msg::Tick(Now { wall: at(wall), mono }));
        plan_of(&board, 1).0
    };
    for (wall, verdict) in [
        ("2026-11-20T14:59:59.9Z", Verdict::Go),
        ("2026-11-20T15:00:00Z", Verdict::Hold),
        ("2026-11-23T06:59:59Z", Verdict::Hold),
        ("2026-11-23T07:00:00.1Z", Verdict::Go),
        // A clock that is set back is believed as well.
        ("2026-11-22T07:00:00Z", Verdict::Hold),
    ] {
        assert_eq!(walk(wall), Mark::Judged(verdict), "{wall}");
    }
    let said: Vec<&str> = board.activity.iter().map(|e| e.text.as_str()).collect();
    assert!(said.is_empty(), "UNKNOWN stays UNKNOWN, whatever PLAN says: {said:?}");
}

#[test]
fn answers_of_mixed_zones() {
    let bits: String =
        minutes().map(|wall| if frozen(&mixed(), wall).is_some() { '1' } else { '0' }).collect();
    println!("answers {bits}");
    assert!(bits.contains("01") && bits.contains("10"));
}

/// There, one front end took the zone of the server and the other that of the machine it ran on. Here, no zone but the
/// window's own counts: the answers are the same wherever the program runs, and without zone files.
#[test]
fn argo_cd_3831_the_zone_of_the_machine_changes_nothing() {
    let answers = |zone: &str| {
        let out = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "answers_of_mixed_zones", "--nocapture"])
            .env("TZ", zone)
            .env("TZDIR", "/nowhere")
            .output()
            .unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        let line = text.lines().find_map(|line| Some(line.split_once("answers ")?.1.to_owned()));
        line.unwrap_or_else(|| panic!("no answers with TZ={zone}: {text}"))
    };
    let here = answers("UTC");
    assert_eq!(here.len() * step(), 6 * 24 * 60);
    for zone in ["America/New_York", "Asia/Kathmandu", "Pacific/Kiritimati", ":broken"] {
        assert_eq!(answers(zone), here, "TZ={zone}");
    }
}

/// There, a window that denied blocked although its hour had not come.
#[test]
fn argo_cd_5590_a_window_whose_time_has_not_come_blocks_nothing() {
    let windows = [freeze("13:05", "14:05", "UTC", "deny")];
    let held: Vec<Timestamp> = minutes().filter(|wall| frozen(&windows, *wall).is_some()).collect();
    assert_eq!(held.len() * step(), 6 * 60, "one hour of each of six days");
    assert_eq!(held[0], at("2026-11-25T13:05:00Z"));
    assert!(held.iter().all(|wall| frozen(&windows, *wall).unwrap().until.unwrap() > *wall));
}

/// There, a second window that was not active changed the answer of the one that was. Here, each window adds what it
/// freezes and nothing else, in whatever order they are written.
#[test]
fn argo_cd_10425_an_inactive_window_does_not_change_the_answer_of_another() {
    let all = mixed();
    let mut turned = mixed();
    turned.reverse();
    for wall in minutes() {
        let one_by_one = all.iter().any(|window| frozen(std::slice::from_ref(window), wall).is_some());
        let (found, other) = (frozen(&all, wall), frozen(&turned, wall));
        assert_eq!(found.is_some(), one_by_one, "{wall}");
        assert_eq!(found.and_then(|f| f.until), other.and_then(|f| f.until), "{wall}");
    }
}
