//! What the model tells the terminal around the screen: the most urgent thing first, each piece of news once.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "support/model.rs"]
#[expect(dead_code, reason = "shared with the frames, which use all of it")]
mod model;

use std::time::Duration;

use gonogo::app::model::{ActionStage, Model};
use gonogo::app::outward::{Advance, News, advance, pages, title};
use gonogo::app::{Msg, update};
use gonogo::domain::{Outcome, Verdict};

fn judged(verdict: Verdict, waits: bool) -> Model {
    let mut model = model::release_day();
    for assessment in &mut model.assessments {
        assessment.verdict = verdict;
    }
    if !waits {
        model.inbox.clear();
    }
    model
}

#[test]
fn the_title_says_what_is_wrong_then_what_waits_then_how_it_stands() {
    assert_eq!(title(&model::release_day()).as_str(), "✗ NO-GO search · gonogo");
    for (verdict, waits, wanted) in [
        (Verdict::NoGo, true, "✗ NO-GO checkout +"),
        (Verdict::Go, true, "◆ 1 waits · gonogo"),
        (Verdict::Hold, false, "◐ HOLD · gonogo"),
        (Verdict::Unknown, false, "? UNKNOWN · gonogo"),
        (Verdict::Go, false, "✓ GO · gonogo"),
    ] {
        let said = title(&judged(verdict, waits));
        assert!(said.as_str().starts_with(wanted), "{said}");
    }
}

#[test]
fn progress_is_shown_while_an_action_is_under_way_and_a_failure_for_a_minute() {
    assert_eq!(advance(&model::release_day()), Advance::None);
    let mut model = model::proving();
    assert!(matches!(advance(&model), Advance::Busy | Advance::Part(0..=99)), "{:?}", advance(&model));
    let end =
        |model: &mut Model, outcome| model.actions.last_mut().unwrap().stage = ActionStage::Ended(outcome);
    end(&mut model, Outcome::Verified("8 of 8".into()));
    assert_eq!(advance(&model), Advance::None);
    for bad in [Outcome::Failed("x".into()), Outcome::InDoubt("x".into()), Outcome::NotApplied("x".into())] {
        end(&mut model, bad);
        let now = model.now;
        model.actions.last_mut().unwrap().trail.push((now, "ended".into()));
        assert_eq!(advance(&model), Advance::Failed);
    }
    let later = model.now.plus(Duration::from_secs(61));
    update(&mut model, Msg::Tick(later));
    assert_eq!(advance(&model), Advance::None);
}

#[test]
fn news_are_told_once_and_only_those_that_call_for_a_human() {
    let model = model::release_day();
    let mut news = News::default();
    let told = news.since(&model);
    assert!(told.iter().any(|text| text.as_str().contains("waits for approval")), "{told:?}");
    assert!(told.iter().all(|text| !text.as_str().contains("answers again")), "{told:?}");
    assert!(news.since(&model).is_empty(), "nothing has happened since");
}

#[test]
fn a_change_set_fits_a_pager() {
    let lines = pages(&model::changes());
    let text: Vec<&str> = lines.iter().map(gonogo::domain::SafeText::as_str).collect();
    assert!(text[0].contains("commits by") && text.iter().any(|l| l.starts_with("migration migrations/")));
    assert!(lines.len() > model::changes().commits.len() + model::changes().files.len());
}
