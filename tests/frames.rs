//! What the screen looks like.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "frames/logs.rs"]
mod logs;
#[path = "support/model.rs"]
mod model;
#[path = "frames/results.rs"]
mod results;
#[path = "frames/steps.rs"]
mod steps;

use std::path::Path;
use std::time::Duration;

use gonogo::app::dialog::Draft;
use gonogo::app::key::Key;
use gonogo::app::model::{ActionStage, Model, Overlay, Panel};
use gonogo::app::views::View;
use gonogo::app::{Command, Msg, update};
use gonogo::domain::pipeline::MayDecide;
use gonogo::domain::service::ReasonRule;
use gonogo::domain::{
    ActionId, Artifact, FormField, FormKind, Gate, Hazard, Outcome, Prepared, Quorum, Reach, Record,
    SafeText, Seen, ServiceName, Severity, SourceName,
};
use gonogo::theme::{Glyphs, Theme};
use gonogo::view::{SMALLEST, print, still};
use ratatui::style::Color;
use unicode_width::UnicodeWidthStr;

fn select(mut model: Model, name: &str) -> Model {
    model.selected = Some(ServiceName::new(name));
    model
}

/// A named model, made when it is needed.
type Scene = (&'static str, fn() -> Model);

/// Every scene worth looking at.
const SCENES: &[Scene] = &[
    ("day", model::release_day),
    ("search", search),
    ("ledger", || select(model::release_day(), "ledger")),
    ("first", model::first_second),
    ("many", || model::many(1000)),
    ("approve", model::approving),
    ("asking", || after(model::release_day(), &[Key::Char('a')])),
    ("rollback", model::rolling_back),
    ("barred", model::barred),
    ("glass", model::breaking),
    ("resumed", model::resumed),
    ("follow", model::proving),
    ("doubt", || {
        ended(model::proving(), Outcome::InDoubt("no answer in 30 s; the target still runs v4.2.0".into()))
    }),
    ("proved", || ended(model::proving(), Outcome::Verified("8 of 8 replicas run v4.1.1".into()))),
    ("places", || after(search(), &[Key::Tab, Key::Tab, Key::Tab])),
    ("inbox", || after(model::many(1000), &[Key::Tab, Key::Char('j')])),
    ("unwritten", unwritten),
    ("flight", || after(model::proving(), &[Key::Esc])),
    ("help", || after(search(), &[Key::Char('?')])),
    ("help-found", || {
        let mut model = after(search(), &[Key::Char('?')]);
        model::type_text(&mut model, "roll");
        model
    }),
    ("palette", || {
        let mut model = after(search(), &[Key::Char(':')]);
        model::type_text(&mut model, "che");
        model
    }),
    ("what-if", || after(search(), &[Key::Char('w')])),
    ("preview", preview),
    ("copy", || after(model::release_day(), &[Key::Char('y')])),
    ("named", named),
    ("form", form),
    ("form-long", long_form),
    ("kinds", kinds),
    ("unlike", || {
        let mut model = after(model::many(1000), &[Key::Char('2'), Key::Char('/')]);
        model::type_text(&mut model, "!5");
        model
    }),
    ("own-keys", own_keys),
    ("changes", || after(model::release_day(), &[Key::Char('d')])),
    ("why", || after(search(), &[Key::Char('v')])),
    ("steps-held", steps::held),
    ("steps-aborted", steps::aborted),
    ("steps-colours", || after(steps::colours(), &[Key::Char('3')])),
    ("tests-failed", results::failed),
    ("tests", || after(results::failed(), &[Key::Char('t')])),
    ("refused", || after(select(model::release_day(), "ledger"), &[Key::Char('a')])),
    ("health", || after(search(), &[Key::Tab, Key::Tab, Key::Tab, Key::Tab, Key::Char('z')])),
    ("depth", || after(search(), &[Key::Enter])),
    ("gates", || after(model::many(1000), &[Key::Char('2'), Key::Char('j')])),
    ("revisions", || after(search(), &[Key::Char('6')])),
    ("journal", journal),
    ("canary", || select(model::canary_day(), "search")),
    ("canary-depth", || after(select(model::canary_day(), "search"), &[Key::Char('3'), Key::Tab, Key::Tab])),
    ("canary-zoom", || {
        after(select(model::canary_day(), "search"), &[Key::Char('3'), Key::Tab, Key::Tab, Key::Char('z')])
    }),
    ("health-first", || after(model::first_second(), &[Key::Char('3'), Key::Tab, Key::Tab])),
    ("health-stale", || {
        after(stale(select(model::canary_day(), "search")), &[Key::Char('3'), Key::Tab, Key::Tab])
    }),
    ("wall", || after(select(model::canary_day(), "search"), &[Key::Char('4')])),
    ("wall-many", || after(model::many(1000), &[Key::Char('4'), Key::Char('G'), Key::Char('k')])),
    ("wall-first", || after(model::first_second(), &[Key::Char('4')])),
    ("wall-stale", || after(stale(select(model::canary_day(), "search")), &[Key::Char('4')])),
    ("wall-empty", || {
        after(
            model::canary_day(),
            &[Key::Char('4'), Key::Char('/'), Key::Char('%'), Key::Char('%'), Key::Enter],
        )
    }),
    ("sources", || after(search(), &[Key::Char('9')])),
    ("log", logs::failed),
    ("log-found", || {
        after(logs::failed(), &[Key::Char('/'), Key::Char('e'), Key::Char('r'), Key::Char('r')])
    }),
    ("log-long", || after(logs::failed(), &[Key::Char('G'), Key::Char('l')])),
    ("log-gap", logs::gap),
    ("log-not-yet", logs::not_yet),
    ("log-gone", logs::gone),
    ("filter", || after(model::many(1000), &[Key::Char('/'), Key::Char('n'), Key::Char('o')])),
];

fn scenes() -> Vec<(&'static str, Model)> {
    SCENES.iter().map(|(name, make)| (*name, make())).collect()
}

fn search() -> Model {
    select(model::release_day(), "search")
}

/// The journal tells of a roll back that is proved and of an approval that is in doubt.
fn journal() -> Model {
    let mut model = after(search(), &[Key::Char('8')]);
    let line = |seq, action: &str, kind: &str, says: &str| Record {
        seq,
        at: jiff::Timestamp::from_second(1_763_647_000 + i64::try_from(seq).unwrap() * 7).unwrap(),
        kind: kind.into(),
        action: ActionId(action.into()),
        actor: "mara@desk".into(),
        says: says.into(),
        open: says.starts_with("in doubt"),
    };
    model.records = Some(Ok(vec![
        line(1, "20261120T1-1", "intent", "Approve v2.15.0 for checkout/production"),
        line(2, "20261120T1-1", "sending", "POST /repos/acme/checkout/actions/runs/66/pending_deployments"),
        line(3, "20261120T1-1", "no-answer", "connection closed before the answer"),
        line(4, "20261120T1-1", "outcome", "in doubt: no answer in 30 s, and the run is gone"),
        line(5, "20261120T1-2", "intent", "Roll back search/production to v4.1.1"),
        line(6, "20261120T1-2", "sending", "PATCH /apis/apps/v1/namespaces/production/deployments/search"),
        line(7, "20261120T1-2", "receipt", "200 deployment/search"),
        line(8, "20261120T1-2", "outcome", "verified: 8 of 8 replicas run v4.1.1"),
    ]));
    model
}

/// Five minutes later, and nobody has answered since.
fn stale(mut model: Model) -> Model {
    let later = model.now.plus(Duration::from_secs(300));
    update(&mut model, Msg::Tick(later));
    model
}

/// What a roll back of search would do, read by somebody who confirms nothing.
fn preview() -> Model {
    let mut model = search();
    let reach = Reach::Kubectl { context: Some("prod-eu".into()), config: None };
    model.setup.reach.insert(SourceName::new("prod"), reach);
    model::press(&mut model, &[Key::Char('w')]);
    let effects = model::press(&mut model, &[Key::Char('r')]);
    model::answer(&mut model, &effects, model::way_back());
    model
}

/// A plan that only asks for the name: the line for it has the focus, and a wrong name is in it.
fn named() -> Model {
    let mut model = search();
    for environment in model.setup.services.iter_mut().flat_map(|s| &mut s.environments) {
        environment.policy.reason = ReasonRule::Optional;
    }
    let effects = model::press(&mut model, &[Key::Char('r')]);
    model::answer(&mut model, &effects, model::way_back());
    model::type_text(&mut model, "serach");
    model::press(&mut model, &[Key::Enter]);
    model
}

/// A gate that asks for values; the operator has chosen a region and is at the ticket.
fn form() -> Model {
    let mut model = model::release_day();
    let effects = model::press(&mut model, &[Key::Char('a')]);
    let field = |name: &str, about: &str, kind, value: &str| FormField {
        name: name.into(),
        about: about.into(),
        kind,
        value: value.into(),
    };
    let regions = ["eu-central-1", "us-east-1"].map(SafeText::from).to_vec();
    let form = vec![
        field("REGION", "where to ship first", FormKind::Choice(regions), "eu-central-1"),
        field("TICKET", "change ticket", FormKind::Text, "CHG-0000"),
        field("DRY_RUN", "", FormKind::Switch, "false"),
    ];
    model::answer(&mut model, &effects, Prepared { form, ..model::approval() });
    model::press(&mut model, &[Key::Tab, Key::Right, Key::Tab]);
    model::type_text(&mut model, "7");
    model
}

/// A gate that asks for more values than there are rows; the operator is at the nineteenth.
fn long_form() -> Model {
    let mut model = model::release_day();
    let effects = model::press(&mut model, &[Key::Char('a')]);
    let field = |number: usize| FormField {
        name: SafeText::new(&format!("PARAMETER_NUMBER_{number}")),
        about: "".into(),
        kind: FormKind::Text,
        value: SafeText::new(&format!("value {number}")),
    };
    let form = (1..=25).map(field).collect();
    model::answer(&mut model, &effects, Prepared { form, ..model::approval() });
    model::press(&mut model, &[Key::Tab; 19]);
    model
}

/// Gates of six providers in one inbox: a quorum, values that are asked for, a plan, an end, runs that wait behind.
fn kinds() -> Model {
    let mut model = model::release_day();
    let gate = |source: &str, number, since| {
        let mut gate = model::gate("checkout", number, "4f2c8b6", since);
        gate.key.run.source = SourceName::new(source);
        gate.run_number = number;
        gate
    };
    let seen = |gate: Gate| Seen { value: gate, at: model.now };
    let quorum = Quorum {
        given: 1,
        needed: 3,
        by: vec!["omar".into()],
        missing: vec!["team:sre".into(), "team:qa".into()],
    };
    let no = MayDecide::No("only team:sre may, and you are not in it".into());
    let mut found = vec![
        seen(gate("github", 66, 240)),
        seen(Gate { quorum: Some(quorum), may_decide: no, ..gate("gitlab", 412, 1_900) }),
        seen(Gate {
            asks: vec!["REGION".into(), "TICKET".into()],
            may_decide: MayDecide::Unknown,
            ..gate("jenkins", 16, 95)
        }),
        seen(Gate { may_decide: MayDecide::Unknown, reviewers: Vec::new(), ..gate("circleci", 812, 30) }),
        seen(Gate {
            plan: Some("1 REPLACED, 3 to destroy, 2 to add, 1 to change".into()),
            reviewers: Vec::new(),
            ..gate("tfc", 42, 600)
        }),
        seen(Gate {
            expires: Some(model.now.wall + jiff::SignedDuration::from_mins(42)),
            reviewers: Vec::new(),
            ..gate("awx", 31, 60)
        }),
    ];
    model.inbox.append(&mut found);
    after(model, &[Key::Char('2')])
}

/// The release day of somebody with keys of their own.
fn own_keys() -> Model {
    let mut model = model::release_day();
    let keys = &mut model.setup.keys;
    keys.bind(Command::Approve, vec![Key::F(5)]);
    keys.bind(Command::View(View::Inbox), vec![Key::Char('i')]);
    keys.bind(Command::Help, vec![Key::F(1)]);
    model
}

/// The newest action at its end.
fn ended(mut model: Model, outcome: Outcome) -> Model {
    model.actions.last_mut().unwrap().stage = ActionStage::Ended(outcome);
    model
}

/// The journal cannot be written.
fn unwritten() -> Model {
    let mut model = model::release_day();
    model.journal_fault = Some("no space left on device".into());
    model.setup.banner = Some("DEMO: nothing here is real".into());
    model
}

fn after(mut model: Model, keys: &[Key]) -> Model {
    model::press(&mut model, keys);
    model
}

/// Columns and rows that are looked at.
const SIZES: [(u16, u16); 3] = [(160, 50), (100, 30), (80, 24)];

/// The same, and the smallest that is a single column.
const ALL_SIZES: [(u16, u16); 4] = [(160, 50), (100, 30), (80, 24), (60, 20)];

/// Every row of a frame, then the ink of every row as one number: a change of colour or weight shows, too.
fn portrait(model: &Model, theme: &Theme, (width, height): (u16, u16)) -> String {
    let frame = still(model, theme, width, height);
    let mut ink = String::new();
    for y in 0..height {
        let mut sum = 0xcbf2_9ce4_8422_2325_u64;
        for x in 0..width {
            for byte in format!("{:?}", frame[(x, y)].style()).bytes() {
                sum = (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        ink.push_str(&format!("{:04x}{}", sum & 0xffff, if y % 16 == 15 { "\n" } else { " " }));
    }
    format!("{width}x{height}\n{}ink\n{}\n", print::text(&frame), ink.trim_end())
}

fn portraits(name: &str) {
    portraits_at(name, &SIZES);
}

fn portraits_at(name: &str, sizes: &[(u16, u16)]) {
    let (_, make) = SCENES.iter().find(|(n, _)| *n == name).unwrap();
    let mut model = make();
    let dark = Theme::built_in("dark").unwrap();
    let mut all = Vec::new();
    for size in sizes {
        update(&mut model, Msg::Resize(size.0, size.1));
        all.push(portrait(&model, &dark, *size));
    }
    insta::assert_snapshot!(name, all.join("\n"));
}

macro_rules! portraits_at_all_sizes {
    ($($test:ident $scene:literal)*) => {
        $(#[test] fn $test() { portraits_at($scene, &ALL_SIZES) })*
    };
}

portraits_at_all_sizes! {
    a_canary_beside_the_others "canary"
    a_canary_in_depth "canary-depth"
    a_canary_in_zoom "canary-zoom"
    health_before_anybody_answered "health-first"
    health_that_is_stale "health-stale"
    the_health_wall "wall"
    the_end_of_a_long_wall "wall-many"
    a_wall_before_anybody_answered "wall-first"
    a_wall_that_is_stale "wall-stale"
    a_wall_that_a_filter_emptied "wall-empty"
}

macro_rules! portraits {
    ($($test:ident $scene:literal)*) => {
        $(#[test] fn $test() { portraits($scene) })*
    };
}

portraits! {
    a_log_at_its_first_error "log"
    a_log_that_is_searched "log-found"
    a_log_whose_long_lines_are_shifted "log-long"
    a_log_that_is_kept_in_part "log-gap"
    a_log_that_is_not_there_yet "log-not-yet"
    a_log_that_is_gone "log-gone"
    a_release_day "day"
    a_service_that_burns "search"
    a_service_that_is_being_built "ledger"
    the_first_second "first"
    a_thousand_services "many"
    approving "approve"
    approving_with_a_form "form"
    approving_with_a_long_form "form-long"
    gates_of_four_providers "kinds"
    looking_before_the_plan "asking"
    rolling_back_with_hazards "rollback"
    rules_in_the_way "barred"
    breaking_the_glass "glass"
    what_an_earlier_session_left "resumed"
    following_an_action "follow"
    an_action_in_doubt "doubt"
    an_action_that_is_proved "proved"
    environments_have_the_keyboard "places"
    the_inbox_has_the_keyboard "inbox"
    a_journal_that_cannot_be_written "unwritten"
    an_action_in_flight "flight"
    the_keys "help"
    the_keys_searched "help-found"
    the_palette_searched "palette"
    what_could_be_looked_at "what-if"
    what_would_happen "preview"
    what_can_be_copied "copy"
    a_wrong_name "named"
    gates_without_a_text "unlike"
    keys_of_their_own "own-keys"
    the_change_set "changes"
    the_reasons "why"
    tests_that_failed_although_the_run_goes_on "tests-failed"
    every_test_that_failed "tests"
    a_rollout_that_waits_at_a_step "steps-held"
    a_rollout_that_an_analysis_stopped "steps-aborted"
    a_switch_of_colours "steps-colours"
    a_key_that_cannot_act "refused"
    health_in_zoom "health"
    filtering "filter"
    a_service_in_depth "depth"
    every_gate_and_what_it_would_ship "gates"
    what_can_be_gone_back_to "revisions"
    what_the_journal_tells "journal"
    every_source "sources"
}

/// The release day with every text from outside replaced by the worst that [`SafeText`] lets through.
fn hostile(mut model: Model) -> Model {
    let wide = SafeText::new(&"日本語リリース".repeat(40));
    let steering =
        SafeText::new(&format!("\u{1b}[2J\u{202e}evil{}", "e\u{301}\u{301}\u{301}\u{301}".repeat(60)));
    for (assessment, text) in model.assessments.iter_mut().zip([&wide, &steering].into_iter().cycle()) {
        assessment.waits_on = Some(text.clone());
        for reason in &mut assessment.reasons {
            reason.text = text.clone();
        }
        for standing in &mut assessment.standings {
            standing.coming = Some(Artifact { version: Some(text.clone()), ..Artifact::default() });
        }
    }
    for gate in &mut model.inbox {
        gate.value.asked_by = Some(wide.clone());
        gate.value.title = steering.clone();
        gate.value.reviewers = vec![wide.clone(), steering.clone()];
        gate.value.may_decide = MayDecide::No(wide.clone());
    }
    for event in &mut model.activity {
        event.text = wide.clone();
    }
    model.setup.banner = Some(wide.clone());
    model.filters.insert(Panel::Board, wide.to_string());
    if let Some(Overlay::Dialog(dialog)) = model.overlays.last_mut() {
        dialog.notice = Some(steering.clone());
        for choice in &mut dialog.choices {
            choice.label = wide.clone();
        }
        if let Draft::Ready(plan) = &mut dialog.draft {
            plan.title = wide.clone();
            plan.phrase = Some(steering.clone());
            plan.hazards = vec![Hazard::new(Severity::Warning, wide.as_str()); 12];
            plan.prepared.way_back = Some(steering.clone());
            for step in &mut plan.prepared.steps {
                step.path = format!("/{wide}");
                step.body = Some(format!("{{\"{steering}\":[\"{wide}\"]}}"));
                step.effect = wide.clone();
            }
        }
    }
    model
}

fn text_of(model: &Model, theme: &Theme, (width, height): (u16, u16)) -> String {
    print::text(&still(model, theme, width, height))
}

#[test]
fn no_text_from_outside_hides_where_a_dialog_acts_or_moves_its_buttons() {
    let theme = Theme::built_in("dark").unwrap();
    for (name, model, button) in
        [("approve", model::approving(), "[ Approve ]"), ("rollback", model::rolling_back(), "[ Roll back ]")]
    {
        let model = hostile(model);
        for size in [(160, 50), (100, 30), (80, 24), (60, 16), (61, 17), (200, 60)] {
            let text = text_of(&model, &theme, size);
            let rows: Vec<&str> = text.lines().collect();
            let row = rows
                .iter()
                .position(|r| r.contains("[▸ Cancel ]"))
                .unwrap_or_else(|| panic!("{name} {size:?}\n{text}"));
            assert!(rows[row].contains(button), "{name} {size:?}\n{text}");
            let title = rows
                .iter()
                .position(|r| r.contains(" PRODUCTION "))
                .unwrap_or_else(|| panic!("{name} {size:?}\n{text}"));
            assert!(title < row);
        }
    }
}

#[test]
fn hostile_text_stays_in_its_row_and_steers_nothing() {
    for (name, model) in scenes() {
        let model = hostile(model);
        for theme in ["dark", "ansi", "mono"] {
            let theme = Theme::built_in(theme).unwrap();
            for size in [(160, 50), (80, 24), (60, 16)] {
                let text = text_of(&model, &theme, size);
                assert_eq!(text.lines().count(), usize::from(size.1), "{name}");
                for row in text.lines() {
                    assert!(row.width() <= usize::from(size.0), "{name} {size:?}: {row}");
                    assert!(!row.chars().any(|c| c.is_control() || c == '\u{202e}'), "{name}: {row:?}");
                }
            }
        }
    }
}

#[test]
fn hostile_metrics_alerts_and_registries_move_no_row_of_the_health() {
    let wide = SafeText::new(&"日本語リリース".repeat(40));
    let steering = SafeText::new(&format!("\u{1b}[2J\u{202e}evil{}", "e\u{301}\u{301}".repeat(60)));
    let views: [&[Key]; 3] = [
        &[Key::Char('3'), Key::Tab, Key::Tab],
        &[Key::Char('3'), Key::Tab, Key::Tab, Key::Char('z')],
        &[Key::Char('4')],
    ];
    for text in [wide, steering] {
        for keys in views {
            let model = after(select(model::hostile_health(&text), "search"), keys);
            let tame = after(select(model::canary_day(), "search"), keys);
            for theme in ["dark", "mono"] {
                let theme = Theme::built_in(theme).unwrap();
                for size in ALL_SIZES.into_iter().chain([SMALLEST]) {
                    let shown = text_of(&model, &theme, size);
                    assert_eq!(shown.lines().count(), usize::from(size.1));
                    for row in shown.lines() {
                        assert!(row.width() <= usize::from(size.0), "{size:?}: {row}");
                        assert!(!row.chars().any(|c| c.is_control() || c == '\u{202e}'), "{row:?}");
                    }
                    // Every signal's name stands in the row in which it stands without the hostile text.
                    let rows = |text: &str, name: &str| -> Vec<usize> {
                        let named = |row: &str| row.contains(&format!(" {name}")) && !row.contains("above");
                        text.lines().enumerate().filter(|(_, row)| named(row)).map(|(y, _)| y).collect()
                    };
                    for name in ["latency-p99", "request-rate"] {
                        let (was, is) = (rows(&text_of(&tame, &theme, size), name), rows(&shown, name));
                        assert!(keys.len() == 1 || was == is, "{size:?} {name}: {was:?} {is:?}\n{shown}");
                    }
                }
            }
        }
    }
}

#[test]
fn every_size_can_be_drawn_and_the_same_model_gives_the_same_frame() {
    let scenes = scenes();
    let theme = Theme::built_in("dark").unwrap();
    let mut sizes: Vec<(u16, u16)> =
        (1..=200).step_by(13).flat_map(|w| (1..=60).step_by(7).map(move |h| (w, h))).collect();
    sizes.extend([
        (1, 1),
        (40, 11),
        (39, 12),
        (40, 12),
        (95, 28),
        (96, 28),
        (119, 36),
        (120, 36),
        (200, 60),
        (300, 3),
    ]);
    for (index, size) in sizes.into_iter().enumerate() {
        for (name, model) in scenes.iter().cycle().skip(index).take(4) {
            let frame = still(model, &theme, size.0, size.1);
            assert_eq!(frame, still(model, &theme, size.0, size.1), "{name} {size:?}");
            let small = size.0 < SMALLEST.0 || size.1 < SMALLEST.1;
            assert_eq!(
                print::text(&frame).contains("too small") && size.0 >= 24,
                small && size.0 >= 24,
                "{name} {size:?}"
            );
        }
    }
}

#[test]
fn without_colour_the_frame_has_none_and_the_selection_still_shows() {
    let mono = Theme::built_in("mono").unwrap();
    for (name, model) in scenes() {
        let frame = still(&model, &mono, 160, 50);
        for cell in &frame.content {
            assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset), "{name}: {cell:?}");
        }
    }
    let text = text_of(&model::release_day(), &mono, (160, 50));
    assert!(text.contains("▌ checkout"), "{text}");
}

#[test]
fn the_ascii_glyphs_leave_nothing_but_ascii() {
    let ascii = Theme::built_in("dark").unwrap().with_glyphs(Glyphs::Ascii);
    for (name, model) in scenes() {
        for size in SIZES {
            let text = text_of(&model, &ascii, size);
            let other: String = text.chars().filter(|c| !c.is_ascii()).collect();
            assert_eq!(other, "", "{name} {size:?}");
        }
    }
}

#[test]
fn a_key_that_cannot_act_says_why_in_the_help() {
    for (typed, why) in [("approve", "nothing of search waits for approval"), ("rerun", "no run has failed")]
    {
        let mut model = after(search(), &[Key::Char('?')]);
        model::type_text(&mut model, typed);
        let text = text_of(&model, &Theme::default(), (160, 50));
        assert!(text.contains(why), "{text}");
    }
}

#[test]
fn what_a_dead_source_said_last_stays_and_is_marked() {
    let mut model = search();
    let theme = Theme::built_in("dark").unwrap();
    assert!(!text_of(&model, &theme, (160, 50)).contains("5 min 2 s old"));
    let later = model.now.plus(Duration::from_secs(300));
    update(&mut model, Msg::Tick(later));
    let text = text_of(&model, &theme, (160, 50));
    assert!(text.contains("5 min 2 s old"), "{text}");
    assert!(text.contains("v4.1.1 → v4.2.0"), "the last good look is gone:\n{text}");
    assert!(
        !text.contains("✓ error-rate") && !text.contains("✗ error-rate"),
        "stale evidence still judges:\n{text}"
    );
}

#[test]
#[ignore = "writes pictures for the eye; where to: $GONOGO_STILLS"]
fn stills() {
    let folder = std::env::var("GONOGO_STILLS").expect("where to");
    let mut themes: Vec<Theme> =
        ["dark", "light", "ansi", "mono"].iter().map(|name| Theme::built_in(name).unwrap()).collect();
    let mut ascii = Theme::built_in("dark").unwrap().with_glyphs(Glyphs::Ascii);
    ascii.name = "ascii".into();
    themes.push(ascii);
    let mut all = scenes();
    all.push(("hostile", hostile(model::rolling_back())));
    all.push(("hostile-day", hostile(model::release_day())));
    for (name, model) in &all {
        for theme in &themes {
            for (width, height) in SIZES.into_iter().chain([(120, 36), (60, 16)]) {
                let picture = print::svg(&still(model, theme, width, height), theme);
                let file = Path::new(&folder).join(format!("{name}-{}-{width}x{height}.svg", theme.name));
                std::fs::write(file, picture).unwrap();
            }
        }
    }
}
