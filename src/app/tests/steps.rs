//! A plan of several requests: what was done of it is told step by step, and half-done is never called done or undone.

use super::*;

/// A confirmed approval that takes three requests.
fn three_steps() -> (Cockpit, ActionId) {
    let mut cockpit = Cockpit::at_the_gate(Access::ReadWrite);
    cockpit.press(&[Key::Char('a')]);
    let (ticket, intent) = cockpit.asked().unwrap();
    let mut plan = prepared(&intent, decided());
    plan.steps = vec![plan.steps[0].clone(); 3];
    let began = cockpit.model.now;
    cockpit.send(Msg::Progress(Progress::Prepared { ticket, began, result: Ok(Box::new(plan)) }));
    cockpit.wait(DEAF);
    cockpit.press(&[Key::Right, Key::Enter]);
    let id = cockpit.executed()[0].clone();
    cockpit.send(Msg::Progress(Progress::Recorded(id.clone())));
    (cockpit, id)
}

fn accept(cockpit: &mut Cockpit, id: &ActionId) {
    let at = cockpit.model.now;
    cockpit.send(Msg::Progress(Progress::Sent(id.clone(), at)));
    let receipt = Receipt { status: 200, says: "ok".into() };
    cockpit.send(Msg::Progress(Progress::Received(id.clone(), receipt, at)));
}

fn ended(cockpit: &Cockpit) -> Option<Outcome> {
    match cockpit.stage() {
        ActionStage::Ended(outcome) => Some(outcome),
        _ => None,
    }
}

#[test]
fn it_is_not_proved_before_the_last_request_was_accepted() {
    let (mut cockpit, id) = three_steps();
    for accepted in 1..=3 {
        accept(&mut cockpit, &id);
        // The world shows the promise already: somebody else may have done it.
        cockpit.see_ci(Vec::new(), run(RunState::Running, vec![review(Decision::Approved)]));
        cockpit.wait(Duration::from_secs(4));
        cockpit.see_ci(Vec::new(), run(RunState::Running, vec![review(Decision::Approved)]));
        let verified = matches!(ended(&cockpit), Some(Outcome::Verified(_)));
        assert_eq!(verified, accepted == 3, "after {accepted} of 3: {:?}", cockpit.stage());
    }
}

#[test]
fn a_later_request_that_is_refused_or_not_sent_leaves_it_half_done() {
    let fault = || Fault::new(Cause::Refused, "no");
    for accepted in 0..3 {
        for sent in [true, false] {
            let (mut cockpit, id) = three_steps();
            (0..accepted).for_each(|_| accept(&mut cockpit, &id));
            let end = if sent {
                Progress::Declined(id.clone(), fault())
            } else {
                Progress::NotSent(id.clone(), "no".into())
            };
            cockpit.send(Msg::Progress(end));
            match (accepted, ended(&cockpit).unwrap()) {
                (0, Outcome::NotApplied(_)) => {}
                (1.., Outcome::Failed(text)) => {
                    let half = format!("half done: {accepted} of 3 requests were accepted");
                    assert!(text.as_str().starts_with(&half), "{text}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_lost_answer_to_a_later_request_is_never_called_not_applied() {
    let (mut cockpit, id) = three_steps();
    accept(&mut cockpit, &id);
    let at = cockpit.model.now;
    cockpit.send(Msg::Progress(Progress::Sent(id.clone(), at)));
    let fault = Fault::new(Cause::TimedOut, "no answer").perhaps_applied();
    cockpit.send(Msg::Progress(Progress::NoAnswer(id, fault)));
    for _ in 0..5 {
        cockpit.wait(Duration::from_secs(6));
        cockpit.see_ci(vec![gate()], run(RunState::WaitingForHuman, Vec::new()));
    }
    match ended(&cockpit).unwrap() {
        Outcome::Failed(text) => assert!(text.as_str().starts_with("half done: 1 of 3"), "{text}"),
        other => panic!("{other:?}"),
    }
}
