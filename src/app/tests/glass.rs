//! Breaking the glass: always possible for a rule, never for a fact; justified, confirmed twice, each rule named.

use super::*;
use crate::action::{Plan, Rule};
use crate::domain::service::HealthRule;

/// A policy that one rule of makes every roll back or promotion impossible, and the world for it.
fn barred_by(rule: Rule) -> Cockpit {
    let mut service = service("web");
    let policy = &mut service.environments[0].policy;
    match rule {
        Rule::ReadOnly => policy.access = Access::ReadOnly,
        Rule::Health => policy.health = HealthRule::MustBeGo,
        _ => {}
    }
    let mut cockpit = Cockpit::with(vec![service], Access::ReadWrite);
    cockpit.see_ci(vec![gate()], run(RunState::WaitingForHuman, Vec::new()));
    cockpit.see_prod(rollout("v2"));
    if rule == Rule::MaxAge {
        cockpit.wait(Duration::from_secs(16));
    }
    cockpit
}

/// Presses the key that the rule stands against, breaks the glass, and lets the plan come.
fn broken(rule: Rule) -> (Cockpit, Plan) {
    let mut cockpit = barred_by(rule);
    cockpit.press(&[Key::Char('r')]);
    let dialog = deed::dialog_mut(&mut cockpit.model).unwrap();
    assert_eq!(dialog.breaches().iter().map(|b| b.rule).collect::<Vec<_>>(), [rule]);
    assert_eq!(dialog.field, Field::Cancel, "cancel has the focus");
    assert!(cockpit.asked().is_none(), "{rule:?}: nothing is prepared while the glass is whole");
    cockpit.press(&[Key::Right]);
    assert_eq!(deed::dialog_mut(&mut cockpit.model).unwrap().field, Field::Glass);
    cockpit.press(&[Key::Enter]);
    cockpit.prepare(Promise::Runs { artifact: artifact("v1") });
    let plan = deed::dialog_mut(&mut cockpit.model).unwrap().plan().unwrap().clone();
    (cockpit, plan)
}

fn type_text(cockpit: &mut Cockpit, text: &str) {
    for c in text.chars() {
        cockpit.press(&[Key::Char(c)]);
    }
}

/// Fills in justification and name, and goes to the button. The reason is part of the plan, which is made anew.
fn filled(cockpit: &mut Cockpit, justification: &str) {
    cockpit.press(&[Key::Tab]);
    type_text(cockpit, justification);
    cockpit.press(&[Key::Tab]);
    cockpit.prepare(Promise::Runs { artifact: artifact("v1") });
    type_text(cockpit, "web");
    cockpit.press(&[Key::Enter]);
    cockpit.wait(DEAF);
    assert_eq!(deed::dialog_mut(&mut cockpit.model).unwrap().field, Field::Confirm);
}

const RULES: [Rule; 2] = [Rule::ReadOnly, Rule::MaxAge];

#[test]
fn every_rule_can_be_overridden_and_is_named_in_the_plan() {
    for rule in RULES {
        let (_, plan) = broken(rule);
        assert_eq!(plan.overrides.iter().map(|b| b.rule).collect::<Vec<_>>(), [rule]);
        assert_eq!(plan.confirm, Confirm::TypeName, "the name is always typed");
        assert!(!plan.overrides[0].refusal.cause.is_empty());
    }
}

#[test]
fn a_promotion_against_the_health_rule_can_be_forced() {
    let mut cockpit = barred_by(Rule::Health);
    let mut staging = rollout("v2");
    staging.phase = Phase::Failed("crash loop".into());
    cockpit.see_prod(staging);
    let around = crate::app::command::model_surroundings(&cockpit.model).unwrap();
    let offers = vec![crate::action::Offer {
        label: "v3".into(),
        intent: Intent {
            verb: Verb::Promote,
            service: ServiceName::new("web"),
            place: Some(Place::new("web", "production")),
            target: Target::Artifact(artifact("v3")),
            source: SourceName::new(PROD),
            reason: None,
            answers: std::collections::BTreeMap::new(),
        },
    }];
    let refused = crate::action::barred(&offers, around).unwrap_err();
    assert_eq!(refused.breaches.iter().map(|b| b.rule).collect::<Vec<_>>(), [Rule::Health]);
    assert!(refused.refusal.evidence.is_some() && refused.refusal.next.is_some());
}

#[test]
fn it_takes_a_justification_the_name_and_two_confirmations() {
    for rule in RULES {
        let (mut cockpit, _) = broken(rule);
        filled(&mut cockpit, "too short");
        cockpit.press(&[Key::Enter]);
        let notice = deed::dialog_mut(&mut cockpit.model).unwrap().notice.clone().unwrap();
        assert!(notice.as_str().contains("10 characters"), "{notice}");
        assert!(cockpit.executed().is_empty());

        let (mut cockpit, _) = broken(rule);
        filled(&mut cockpit, "the shop is down");
        cockpit.press(&[Key::Enter]);
        assert!(cockpit.executed().is_empty(), "{rule:?}: once is not enough");
        let notice = deed::dialog_mut(&mut cockpit.model).unwrap().notice.clone().unwrap();
        assert!(notice.as_str().contains("once more"), "{notice}");
        cockpit.wait(DEAF);
        cockpit.press(&[Key::Enter]);
        assert_eq!(cockpit.executed().len(), 1, "{rule:?}");
        let plan = &cockpit.model.actions.last().unwrap().plan;
        assert_eq!(plan.overrides[0].rule, rule);
        assert_eq!(plan.intent.reason.as_ref().unwrap().as_str(), "the shop is down");
    }
}

#[test]
fn two_enters_in_a_row_are_one_confirmation_and_another_key_takes_the_first_back() {
    let (mut cockpit, _) = broken(Rule::ReadOnly);
    filled(&mut cockpit, "the shop is down");
    cockpit.send(Msg::Key(Stroke { key: Key::Enter, pace: Pace::Single }));
    cockpit.send(Msg::Key(Stroke { key: Key::Enter, pace: Pace::Single }));
    assert!(cockpit.executed().is_empty(), "too close to each other");
    cockpit.wait(DEAF);
    cockpit.press(&[Key::Left, Key::Right, Key::Enter]);
    assert!(cockpit.executed().is_empty(), "moving away takes the first confirmation back");
}

#[test]
fn what_is_no_rule_cannot_be_overridden() {
    // A read-only process.
    let mut cockpit = Cockpit::at_the_gate(Access::ReadOnly);
    cockpit.press(&[Key::Char('r')]);
    assert!(cockpit.model.overlays.is_empty(), "no dialog, so no glass");
    // A permission that the source denies.
    let (mut cockpit, _) = broken(Rule::ReadOnly);
    deed::ask_for_plan(&mut cockpit.model).into_iter().for_each(|e| cockpit.effects.push(e));
    let (ticket, intent) = cockpit.asked().unwrap();
    let mut denied = prepared(&intent, Promise::Paused);
    denied.permission = Permission::Denied("no such right".into());
    let began = cockpit.model.now;
    cockpit.send(Msg::Progress(Progress::Prepared { ticket, began, result: Ok(Box::new(denied)) }));
    let dialog = deed::dialog_mut(&mut cockpit.model).unwrap();
    assert!(matches!(&dialog.draft, Draft::Refused(refused) if refused.breaches.is_empty()));
    assert!(!dialog.fields().contains(&Field::Glass));
}

#[test]
fn a_rule_that_begins_to_hold_after_the_plan_was_made_stops_the_confirmation() {
    let mut cockpit = Cockpit::at_the_gate(Access::ReadWrite);
    cockpit.press(&[Key::Char('a')]);
    cockpit.prepare(decided());
    cockpit.wait(DEAF);
    cockpit.see(CI, Err(Fault::new(Cause::Tls, "certificate expired")));
    cockpit.press(&[Key::Right, Key::Enter]);
    assert!(cockpit.executed().is_empty());
    assert!(cockpit.refusal().contains("certificate expired"), "{}", cockpit.refusal());
}

#[test]
fn a_dialog_that_only_old_evidence_barred_asks_for_its_plan_once_a_look_is_fresh() {
    let mut cockpit = Cockpit::at_the_gate(Access::ReadWrite);
    cockpit.wait(Duration::from_secs(16));
    cockpit.press(&[Key::Char('a'), Key::Right]);
    assert!(cockpit.refusal().contains("stale") && cockpit.asked().is_none());
    cockpit.see_ci(vec![gate()], run(RunState::WaitingForHuman, Vec::new()));
    assert!(cockpit.asked().is_some());
    let dialog = deed::dialog_mut(&mut cockpit.model).unwrap();
    assert_eq!((dialog.field, dialog.glass), (Field::Cancel, crate::action::Glass::Whole));
    // A rule of another kind is not lifted by a look.
    let mut cockpit = barred_by(Rule::ReadOnly);
    cockpit.press(&[Key::Char('r')]);
    cockpit.see_prod(rollout("v2"));
    assert!(cockpit.asked().is_none());
}

#[test]
fn a_plan_is_named_and_says_what_it_rests_on() {
    assert_eq!(Rule::ALL.map(Rule::word), ["read-only", "freeze", "two-person", "healthy", "max-age"]);
    let (_, broken) = broken(Rule::ReadOnly);
    let mut cockpit = Cockpit::at_the_gate(Access::ReadWrite);
    cockpit.press(&[Key::Char('a')]);
    cockpit.prepare(decided());
    let plan = deed::dialog_mut(&mut cockpit.model).unwrap().plan().unwrap().clone();
    assert_eq!(plan.title.as_str(), "Approve web in production");
    let sources: Vec<&str> = plan.evidence.iter().map(|e| e.source.as_str()).collect();
    assert_eq!(sources, [CI, PROD], "each source once, the one that is asked first");
    assert_eq!(plan.fingerprint.as_str().len(), 64);
    assert_ne!(plan.fingerprint, broken.fingerprint);
    let at = |after| plan.looked.plus(plan.max_age + Duration::from_millis(after));
    assert!(!plan.stale(at(0)) && plan.stale(at(1)));
}

#[test]
fn the_health_rule_asks_promotions_only_and_only_where_health_is_not_go() {
    let intent = |verb| Intent {
        verb,
        service: ServiceName::new("web"),
        place: Some(Place::new("web", "production")),
        target: Target::Rollout,
        source: SourceName::new(PROD),
        reason: None,
        answers: std::collections::BTreeMap::new(),
    };
    for (health, verdict, verb, refused) in [
        (HealthRule::MustBeGo, Verdict::NoGo, Verb::Promote, true),
        (HealthRule::MustBeGo, Verdict::Unknown, Verb::Promote, true),
        (HealthRule::MustBeGo, Verdict::Go, Verb::Promote, false),
        (HealthRule::MustBeGo, Verdict::NoGo, Verb::RollBack, false),
        (HealthRule::Shown, Verdict::NoGo, Verb::Promote, false),
    ] {
        let mut cockpit = barred_by(Rule::Health);
        cockpit.model.setup.services[0].environments[0].policy.health = health;
        let model = &cockpit.model;
        let around = crate::action::plan::Surroundings {
            service: &model.setup.services[0],
            world: &model.world,
            verdict: Some(verdict),
            changes: None,
            access: Access::ReadWrite,
            now: model.now,
        };
        let found = crate::action::policy::breaches(&intent(verb), around);
        assert_eq!(found.iter().any(|b| b.rule == Rule::Health), refused, "{health:?} {verdict:?} {verb:?}");
        for breach in found {
            let evidence = breach.refusal.evidence.unwrap_or_default();
            assert!(
                evidence.as_str().starts_with("prod, ") && evidence.as_str().contains(" old"),
                "{evidence}"
            );
        }
    }
}

#[test]
fn evidence_that_only_grows_older_makes_no_other_plan() {
    let (mut cockpit, plan) = broken(Rule::MaxAge);
    cockpit.wait(plan.max_age + Duration::from_secs(1));
    cockpit.prepare(Promise::Runs { artifact: artifact("v1") });
    let anew = deed::dialog_mut(&mut cockpit.model).unwrap().plan().unwrap().clone();
    assert_ne!(anew.overrides, plan.overrides, "its age is another");
    assert_eq!(anew.fingerprint, plan.fingerprint);
}
