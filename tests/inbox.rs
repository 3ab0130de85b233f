//! One inbox for the gates of every CI provider: the same key approves each, with the requests that its own server wants
//! and no others.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]
#![expect(dead_code, reason = "a support file of many tests")]

#[path = "support/cockpit.rs"]
mod cockpit;

use cockpit::{Cockpit, Flow, Manner};
use gonogo::app::key::Key;
use gonogo::app::model::Overlay;
use gonogo::domain::Outcome;
use gonogo::sandbox::{Effect, Scenario, Server};

/// Service, its CI server, how many requests approve it.
const GATES: [(&str, Server, usize); 6] = [
    ("checkout", Server::Github, 1),
    ("billing", Server::Gitlab, 2),
    ("mailer", Server::Jenkins, 1),
    ("catalog", Server::Circleci, 1),
    ("network", Server::TerraformCloud, 1),
    ("warehouse", Server::Awx, 1),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_approves_each_gate_with_the_requests_that_its_server_wants() {
    let scenario = Scenario::named("all-providers").unwrap();
    let mut cockpit = Cockpit::open(scenario, Manner::default()).await;
    cockpit.ready().await;
    cockpit.until("all gates wait", |model| model.inbox.len() == GATES.len()).await;
    for (service, server, count) in GATES {
        cockpit.select(service, "production");
        let plan = cockpit.ask('a').await;
        assert_eq!(plan.prepared.steps.len(), count, "{service}: {:#?}", plan.prepared.steps);
        cockpit.flow = Flow::Passing;
        cockpit.confirm();
        let outcome = cockpit.outcome().await;
        cockpit.flow = Flow::Still;
        assert!(matches!(outcome, Outcome::Verified(_)), "{service}: {outcome:?}\n{}", cockpit.told());
        while matches!(cockpit.model.overlay(), Some(Overlay::Follow(_))) {
            cockpit.press(Key::Esc);
        }
        let writes = cockpit.sandbox.faults().writes(server);
        assert_eq!(writes.len(), count, "{service}: {writes:#?}");
        assert!(writes.iter().all(|entry| entry.effect == Effect::Applied), "{service}: {writes:#?}");
        for step in &plan.prepared.steps {
            let sent = writes.iter().filter(|entry| entry.path.ends_with(&step.path)).count();
            assert_eq!(sent, 1, "{service}: sent as planned, once: {step:#?}\n{writes:#?}");
        }
    }
    cockpit.until("nothing waits any more", |model| model.inbox.is_empty()).await;
}
