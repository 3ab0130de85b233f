//! Every deed that the cockpit can do to the embedded world: how the day must begin for it, and which keys ask for it.

use std::time::Duration;

use super::cockpit::{Cockpit, Manner, day};
use gonogo::action::Plan;
use gonogo::sandbox::Scenario;
use gonogo::sandbox::scenario::RunScript;

/// A deed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Deed {
    Approve,
    Reject,
    PromoteDeployment,
    RollBackDeployment,
    Pause,
    Resume,
    PromoteSwarm,
    RollBackSwarm,
    Rerun,
    Cancel,
}

impl Deed {
    pub(crate) const ALL: [Self; 10] = [
        Self::Approve,
        Self::Reject,
        Self::PromoteDeployment,
        Self::RollBackDeployment,
        Self::Pause,
        Self::Resume,
        Self::PromoteSwarm,
        Self::RollBackSwarm,
        Self::Rerun,
        Self::Cancel,
    ];

    /// The service that it is done to.
    pub(crate) const fn service(self) -> &'static str {
        match self {
            Self::PromoteSwarm | Self::RollBackSwarm => "ledger",
            _ => "checkout",
        }
    }

    const fn key(self) -> char {
        match self {
            Self::Approve => 'a',
            Self::Reject => 'x',
            Self::PromoteDeployment | Self::PromoteSwarm => 'p',
            Self::RollBackDeployment | Self::RollBackSwarm => 'r',
            Self::Pause => 'P',
            Self::Resume => 'R',
            Self::Rerun => 'F',
            Self::Cancel => 'C',
        }
    }

    fn scenario(self) -> Scenario {
        let mut scenario = day(self.service());
        for script in &mut scenario.services {
            script.run = match self {
                Self::Approve | Self::Reject | Self::Rerun | Self::Cancel => RunScript::Waiting,
                _ => RunScript::Done,
            };
        }
        scenario
    }

    /// A cockpit at a world in which the deed can be done, with its plan on the screen.
    pub(crate) async fn planned(self) -> (Cockpit, Plan) {
        let mut cockpit = Cockpit::open_as(self.scenario(), Manner::default());
        match self {
            Self::Resume => {
                patch(&cockpit, serde_json::json!({"spec": {"paused": true}})).await;
            }
            Self::Rerun => cancel_the_run(&cockpit).await,
            _ => {}
        }
        cockpit.ready().await;
        cockpit.select(self.service(), "production");
        let plan = cockpit.ask(self.key()).await;
        (cockpit, plan)
    }
}

/// A client of the test's own, for what others do to the world.
pub(crate) fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().user_agent("somebody-else").build().unwrap()
}

/// Where the Deployment is.
pub(crate) fn deployment(kubernetes: &str) -> String {
    format!("{kubernetes}/apis/apps/v1/namespaces/production/deployments/checkout")
}

/// Somebody else patches the Deployment.
async fn patch(cockpit: &Cockpit, body: serde_json::Value) {
    let url = deployment(&cockpit.sandbox.urls().kubernetes);
    let answer = client()
        .patch(url)
        .bearer_auth(gonogo::sandbox::kubernetes::ADMIN_TOKEN)
        .header("content-type", "application/merge-patch+json")
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    cockpit.sandbox.world().advance(Duration::from_secs(2));
}

/// Somebody else cancels the newest run, and it ends.
async fn cancel_the_run(cockpit: &Cockpit) {
    let base = format!("{}/repos/acme/checkout/actions", cockpit.sandbox.urls().github);
    let token = gonogo::sandbox::github::REVIEWER_TOKEN;
    let runs: serde_json::Value = client()
        .get(format!("{base}/workflows/release.yml/runs"))
        .bearer_auth(token)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let run = runs["workflow_runs"][0]["id"].as_u64().unwrap();
    let answer = client().post(format!("{base}/runs/{run}/cancel")).bearer_auth(token).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    cockpit.sandbox.world().advance(Duration::from_secs(30));
}
