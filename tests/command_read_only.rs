//! Read-only is a state of the whole process, so this has a process of its own: no declared change is run, and looks
//! go on.
#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "command/house.rs"]
#[expect(dead_code, reason = "shared with the tests of the provider")]
mod house;

use gonogo::domain::Reached;
use gonogo::domain::service::Access;
use gonogo::provider::access::set_access;

use house::{House, look, plan, promote};

#[tokio::test]
async fn a_read_only_process_runs_no_change() {
    let house = House::new();
    let provider = house.provider();
    let prepared = plan(&provider, &promote("v3")).await;
    set_access(Access::ReadOnly);
    let fault = provider.perform(&prepared.steps[0]).await.unwrap_err();
    assert_eq!(fault.reached, Reached::No);
    assert!(fault.detail.as_str().starts_with("read-only: RUN [\"/bin/sh\""), "{fault}");
    assert_eq!(house.calls(), 0);
    assert_eq!(look(&provider).await.unwrap().target.label(), "v2");
    assert_eq!(plan(&provider, &promote("v3")).await.steps, prepared.steps);
}
