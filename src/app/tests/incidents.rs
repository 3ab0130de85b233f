//! What a session tells of the times when a service was NO-GO.

use super::*;

fn prod_with(signs: &[&str]) -> Rollout {
    let mut rollout = rollout("v1");
    if !signs.is_empty() {
        rollout.phase = Phase::Failed("ProgressDeadlineExceeded".into());
    }
    rollout.signs = signs.iter().map(|sign| (*sign).into()).collect();
    rollout
}

#[test]
fn an_incident_tells_when_it_began_was_noticed_acted_on_and_over() {
    let mut cockpit = Cockpit::with(vec![service("api"), service("web")], Access::ReadWrite);
    cockpit.press(&[Key::Char('g')]);
    cockpit.see_prod(prod_with(&[]));
    assert!(cockpit.model.incidents.is_empty());
    cockpit.see_prod(prod_with(&["CrashLoopBackOff on 2 pods"]));
    let began = cockpit.model.now;
    let [incident] = cockpit.model.incidents.as_slice() else { panic!("one incident") };
    assert_eq!((incident.service.as_str(), incident.began, incident.noticed), ("web", began, None));

    cockpit.press(&[Key::Char('k')]);
    assert_eq!(cockpit.model.incidents[0].noticed, None, "another service is selected");
    cockpit.press(&[Key::Char('j'), Key::Char('k')]);
    let noticed = cockpit.model.now;
    assert_eq!(cockpit.model.incidents[0].noticed, Some(noticed), "the key was pressed on web");

    cockpit.press(&[Key::Char('j'), Key::Char('r')]);
    cockpit.prepare(Promise::Runs { artifact: artifact("v2") });
    cockpit.wait(DEAF);
    cockpit.press(&[Key::Right, Key::Enter]);
    let acted = cockpit.model.now;
    assert_eq!(cockpit.model.incidents[0].acted, Some(acted), "{}", cockpit.refusal());

    cockpit.see_prod(prod_with(&[]));
    let over = cockpit.model.now;
    assert_eq!(cockpit.model.incidents[0].over, Some(over));
    cockpit.see_prod(prod_with(&["CrashLoopBackOff on 2 pods"]));
    assert_eq!(cockpit.model.incidents.len(), 2, "the next time is another one");
}
