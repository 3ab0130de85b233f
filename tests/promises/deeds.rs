//! Every deed that the cockpit can do to the embedded world: how the day must begin for it, and which keys ask for it.

use std::time::Duration;

use super::cockpit::{Cockpit, Manner, day};
use gonogo::action::Plan;
use gonogo::sandbox::github::REVIEWER_TOKEN;
use gonogo::sandbox::kubernetes::ADMIN_TOKEN;
use gonogo::sandbox::scenario::RunScript;
use gonogo::sandbox::{Sandbox, Scenario, Urls, World};
use reqwest::Method;
use serde_json::{Value, json};

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
    /// A fork's run is let start.
    LetStart,
    /// The run that holds a wedged lane is cancelled.
    FreeLane,
}

impl Deed {
    pub(crate) const ALL: [Self; 12] = [
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
        Self::LetStart,
        Self::FreeLane,
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
            Self::Approve | Self::LetStart => 'a',
            Self::Reject => 'x',
            Self::PromoteDeployment | Self::PromoteSwarm => 'p',
            Self::RollBackDeployment | Self::RollBackSwarm => 'r',
            Self::Pause => 'P',
            Self::Resume => 'R',
            Self::Rerun => 'F',
            Self::Cancel | Self::FreeLane => 'C',
        }
    }

    fn scenario(self) -> Scenario {
        let mut scenario = day(self.service());
        for script in &mut scenario.services {
            script.run = match self {
                Self::Approve | Self::Reject | Self::Rerun | Self::Cancel => RunScript::Waiting,
                _ => RunScript::Done,
            };
            match self {
                Self::LetStart => script.github.fork = Some("lovelace/checkout".into()),
                Self::FreeLane => {
                    script.live = "v2.14.1".into();
                    script.github.lane = Some("release-production".into());
                    script.github.holder = Some("v2.14.2".into());
                }
                _ => {}
            }
        }
        scenario
    }

    /// A cockpit at a world in which the deed can be done, with its plan on the screen.
    pub(crate) async fn planned(self) -> (Cockpit, Plan) {
        let mut cockpit = Cockpit::open(self.scenario(), Manner::default()).await;
        match self {
            Self::Resume => {
                Other::of(&cockpit.sandbox).patch(json!({"spec": {"paused": true}})).await;
                cockpit.sandbox.world().advance(Duration::from_secs(2));
            }
            Self::Rerun => Other::of(&cockpit.sandbox).cancel_the_run().await,
            _ => {}
        }
        cockpit.ready().await;
        cockpit.select(self.service(), "production");
        let plan = cockpit.ask(self.key()).await;
        (cockpit, plan)
    }
}

/// Somebody else, who changes the world past the cockpit.
#[derive(Clone)]
pub(crate) struct Other {
    world: World,
    urls: Urls,
}

impl Other {
    pub(crate) fn of(sandbox: &Sandbox) -> Self {
        Self { world: sandbox.world().clone(), urls: sandbox.urls().clone() }
    }

    /// Sends one request; its answer as JSON.
    async fn send(&self, method: Method, url: String, token: &str, kind: &str, body: &Value) -> Value {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().user_agent("somebody-else").build().unwrap();
        let mut request = client.request(method, &url).bearer_auth(token).header("content-type", kind);
        if !body.is_null() {
            request = request.body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{url}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    async fn kubernetes(&self, method: Method, path: &str, kind: &str, body: &Value) -> Value {
        let url = format!("{}/apis/apps/v1/namespaces/production/{path}", self.urls.kubernetes);
        self.send(method, url, ADMIN_TOKEN, kind, body).await
    }

    /// Patches the Deployment.
    pub(crate) async fn patch(&self, body: Value) {
        let kind =
            if body.is_array() { "application/json-patch+json" } else { "application/merge-patch+json" };
        self.kubernetes(Method::PATCH, "deployments/checkout", kind, &body).await;
    }

    /// Patches a ReplicaSet.
    pub(crate) async fn patch_revision(&self, name: &str, body: Value) {
        let path = format!("replicasets/{name}");
        self.kubernetes(Method::PATCH, &path, "application/merge-patch+json", &body).await;
    }

    /// Deletes the Deployment and makes one that looks the same.
    pub(crate) async fn recreate(&self) {
        let (path, json) = ("deployments/checkout", "application/json");
        let mut object = self.kubernetes(Method::GET, path, json, &Value::Null).await;
        let orphan = format!("{path}?propagationPolicy=Orphan");
        self.kubernetes(Method::DELETE, &orphan, json, &Value::Null).await;
        let metadata = object["metadata"].as_object_mut().unwrap();
        for field in ["uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"] {
            metadata.remove(field);
        }
        object.as_object_mut().unwrap().remove("status");
        self.kubernetes(Method::POST, "deployments", json, &object).await;
    }

    /// Deploys another version past the pipeline.
    pub(crate) fn deploy(&self, service: &str, tag: &str) {
        self.world.deploy(service, "production", tag);
    }

    /// Forgets the old revisions of the Deployment.
    pub(crate) fn prune(&self) {
        self.world.cluster().prune_history("production", "checkout", 0);
    }

    /// Changes one field of the Swarm service's specification and nothing else.
    pub(crate) async fn change_swarm(&self, pointer: &str, value: Value) {
        let base = self.urls.docker.replace("tcp://", "http://");
        let json = "application/json";
        let service = self
            .send(Method::GET, format!("{base}/v1.41/services/acme_ledger"), "", json, &Value::Null)
            .await;
        let mut spec = service["Spec"].clone();
        let (above, last) = pointer.rsplit_once('/').unwrap();
        spec.pointer_mut(above).unwrap()[last] = value;
        let version = &service["Version"]["Index"];
        let url =
            format!("{base}/v1.41/services/{}/update?version={version}", service["ID"].as_str().unwrap());
        self.send(Method::POST, url, "", json, &spec).await;
    }

    /// Omar approves the gate.
    pub(crate) fn approve(&self) {
        assert!(self.world.approve_as("omar", "checkout", "production"), "the gate waits");
    }

    /// Omar does this to the newest run: `cancel`, `rerun-failed-jobs`.
    async fn with_the_run(&self, what: &str) {
        self.with_a_run("workflows/release.yml/runs", what).await;
    }

    /// Omar does this to the first run of a list.
    async fn with_a_run(&self, list: &str, what: &str) {
        let base = format!("{}/repos/acme/checkout/actions", self.urls.github);
        let json = "application/json";
        let runs = self.send(Method::GET, format!("{base}/{list}"), REVIEWER_TOKEN, json, &Value::Null).await;
        let run = runs["workflow_runs"][0]["id"].as_u64().unwrap();
        self.send(Method::POST, format!("{base}/runs/{run}/{what}"), REVIEWER_TOKEN, json, &Value::Null)
            .await;
    }

    /// Omar lets the fork's run start.
    pub(crate) async fn let_start(&self) {
        self.with_a_run("runs?status=action_required", "approve").await;
        self.world.advance(Duration::from_secs(2));
    }

    /// Omar cancels the run that waits, and it ends.
    pub(crate) async fn cancel_the_holder(&self) {
        self.with_a_run("runs?status=waiting", "cancel").await;
        self.world.advance(Duration::from_secs(5));
    }

    /// Omar approves the run that holds the lane, and it deploys.
    pub(crate) fn let_go(&self) {
        self.approve();
        self.world.advance(Duration::from_secs(3));
    }

    /// Omar cancels the newest run, and it ends.
    pub(crate) async fn cancel_the_run(&self) {
        self.with_the_run("cancel").await;
        self.world.advance(Duration::from_secs(30));
    }

    /// Omar runs the newest run once more, which has ended.
    pub(crate) async fn run_it_again(&self) {
        self.with_the_run("rerun-failed-jobs").await;
    }

    /// Omar cancels the newest run and runs it once more: its gate is asked anew.
    pub(crate) async fn rerun(&self) {
        self.cancel_the_run().await;
        self.with_the_run("rerun").await;
        self.world.advance(Duration::from_secs(5));
    }
}
