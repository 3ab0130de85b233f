//! Read-only is a state of the whole process, so this has a process of its own: nothing is pushed, and looks go on.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "hazards/deploys.rs"]
#[expect(dead_code, reason = "shared with the tests of lies")]
mod deploys;

use std::collections::BTreeMap;

use gonogo::domain::service::Access;
use gonogo::domain::{Ask, Intent, Place, Reached, RevertTo, ServiceName, Sha, SourceName, Target, Verb};
use gonogo::provider::access::set_access;

#[tokio::test]
async fn a_read_only_process_pushes_nothing() {
    let deploys = deploys::Deploys::start();
    let tip = deploys.tip();
    let intent = Intent {
        verb: Verb::RollBack,
        service: ServiceName::new("web"),
        place: Some(Place::new("web", "production")),
        target: Target::Revert { commit: Sha::new(&tip), to: RevertTo::Branch },
        source: SourceName::new("prod"),
        reason: None,
        answers: BTreeMap::new(),
    };
    set_access(Access::ReadOnly);
    let plan = deploys.provider.prepare(&intent).await.unwrap();
    let fault = deploys.provider.perform(plan.steps.first().unwrap()).await.unwrap_err();
    assert_eq!(fault.reached, Reached::No);
    assert!(fault.detail.as_str().starts_with("read-only: PUSH refs/heads/main"), "{fault}");
    assert_eq!(deploys.tip(), tip);
    deploys.provider.observe(&Ask::default()).await.unwrap();
}
