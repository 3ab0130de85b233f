//! The log of a job: whose, from where, and that nothing moves under the eye.

use super::*;
use crate::app::log;
use crate::app::log::{Eye, Long, Way};
use crate::app::views::{View, jump};
use crate::domain::log::{LogAnswer, LogEnd, LogReader, LogTold};
use std::fmt::Write as _;

fn log_of(lines: u64, end: LogEnd) -> JobLog {
    let mut text = String::new();
    for number in 1..=lines {
        let mark = if number % 100 == 40 { "##[error]broken" } else { "line" };
        writeln!(text, "2026-11-20T14:00:00Z {mark} {number}").unwrap();
    }
    let mut reader = LogReader::new();
    reader.feed(text.as_bytes());
    reader.log(end)
}

/// A model in which the log of some job is looked at.
fn looking(answer: LogAnswer) -> Model {
    let mut model = Model::new(setup_of_one(), "s".into(), Now::START, (100, 30));
    let run = RunKey { source: SourceName::new("ci"), service: ServiceName::new("shop"), id: "1".into() };
    jump(&mut model, View::Log);
    model.log.job = Some(JobKey { run, id: "7".into() });
    tell(&mut model, answer);
    model
}

fn setup_of_one() -> Setup {
    Setup {
        services: Vec::new(),
        sources: vec![SourceName::new("ci")],
        access: Access::ReadWrite,
        banner: None,
        ..Setup::default()
    }
}

fn tell(model: &mut Model, answer: LogAnswer) {
    let job = model.log.job.clone().unwrap();
    let seen = Observation { log: Some(LogTold { job, answer }), ..Default::default() };
    let at = model.now.plus(Duration::from_secs(1));
    let report = Report {
        source: SourceName::new("ci"),
        epoch: 1,
        began: at,
        at,
        next: Duration::from_secs(5),
        result: Ok(Arc::new(seen)),
    };
    update(model, Msg::Tick(at));
    update(model, Msg::Report(report));
}

fn strike(model: &mut Model, keys: &str) {
    for key in keys.chars() {
        update(model, Msg::Key(Stroke { key: Key::Char(key), pace: Pace::Single }));
    }
}

fn here(lines: u64, end: LogEnd) -> LogAnswer {
    LogAnswer::Here(Arc::new(log_of(lines, end)))
}

#[test]
fn a_log_opens_at_its_first_error_and_n_goes_round() {
    let mut model = looking(here(300, LogEnd::Complete));
    assert_eq!(model.log.eye, Eye::Line(40));
    for (key, line) in
        [("n", 140), ("n", 240), ("n", 40), ("N", 240), ("g", 1), ("j", 2), ("n", 40), ("k", 39)]
    {
        strike(&mut model, key);
        assert_eq!(model.log.eye, Eye::Line(line), "{key}");
    }
    strike(&mut model, "g ");
    assert_eq!(model.log.eye, Eye::Line(23), "a screen of 30 rows is 22 lines");
}

#[test]
fn growth_moves_nothing_but_who_looks_at_the_end_follows() {
    let mut model = looking(here(300, LogEnd::Growing));
    assert_eq!(log::wanted(&model), model.log.job, "it is asked for until it is whole");
    strike(&mut model, "n");
    tell(&mut model, here(900, LogEnd::Growing));
    assert_eq!(model.log.eye, Eye::Line(140));
    strike(&mut model, "G");
    assert_eq!(model.log.index(), Some(899));
    tell(&mut model, here(1_000, LogEnd::Complete));
    assert_eq!((model.log.eye, model.log.index()), (Eye::End, Some(999)));
    assert_eq!(log::wanted(&model), None, "nobody is asked for what is known");
}

#[test]
fn what_is_searched_for_is_gone_to_and_forgotten_by_esc() {
    let mut model = looking(here(300, LogEnd::Complete));
    strike(&mut model, "/LINE 27");
    assert_eq!(model.typing, super::super::model::Typing::Search);
    assert_eq!(model.log.eye, Eye::Line(270));
    update(&mut model, Msg::Key(Stroke { key: Key::Enter, pace: Pace::Single }));
    strike(&mut model, "n");
    assert_eq!(model.log.eye, Eye::Line(271));
    assert!(log::next(&mut model, Way::Up));
    assert_eq!(model.log.eye, Eye::Line(270));
    update(&mut model, Msg::Key(Stroke { key: Key::Esc, pace: Pace::Single }));
    assert!(model.log.search.is_empty() && model.trail.view() == View::Log);
    strike(&mut model, "l");
    assert_eq!(model.log.long, Long::Shifted(8));
    strike(&mut model, "W");
    assert_eq!(model.log.long, Long::Wrapped);
}

#[test]
fn a_fault_does_not_take_away_a_log_that_is_there() {
    let mut model = looking(here(300, LogEnd::Growing));
    tell(&mut model, LogAnswer::Failed(Fault::new(Cause::NotFound, "gone")));
    assert!(model.log.log().is_some());
}

#[test]
fn a_log_is_asked_for_only_while_it_is_looked_at() {
    let mut model = looking(LogAnswer::NotYet("it runs".into()));
    assert!(log::wanted(&model).is_some());
    strike(&mut model, "1");
    assert_eq!(log::wanted(&model), None);
}
