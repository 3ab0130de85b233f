//! Reverts over HTTP, against git's own server behind the embedded world's faults: what is known to have changed nothing,
//! and what stays in doubt. Never is anything sent twice.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's own machinery fails by panicking"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use gonogo::config::{Surroundings, load};
use gonogo::domain::{
    Ask, Cause, Fault, Intent, Manifests, Place, Prepared, Reached, Receipt, RevertTo, ServiceName,
    SourceName, Target, Verb,
};
use gonogo::provider::{KINDS, Provider};
use gonogo::sandbox::fault::{Act, Rule, Server};
use gonogo::sandbox::scenario::Keeper;
use gonogo::sandbox::{Options, Sandbox, Scenario};

/// A day on which Argo CD keeps search, and the source that the day's own config names for its manifests.
struct Day {
    sandbox: Sandbox,
    provider: Arc<dyn Provider>,
}

fn place() -> Place {
    Place::new("search", "production")
}

impl Day {
    fn start() -> Self {
        let mut scenario = Scenario::named("canary-degrades").unwrap();
        let search = scenario.services.iter_mut().find(|service| service.name == "search").unwrap();
        search.kept_by = Keeper::ArgoCd;
        let sandbox = Sandbox::start(scenario, Options::default()).unwrap();
        let text = std::fs::read_to_string(sandbox.config_path()).unwrap();
        let env =
            [("PATH", std::env::var("PATH").unwrap()), ("HOME", sandbox.folder().display().to_string())];
        let around = Surroundings {
            env: Arc::new(env.map(|(name, value)| (name.to_owned(), value)).into()),
            ..Surroundings::default()
        };
        let config = load(&text, "config.toml", &around, KINDS).unwrap_or_else(|e| panic!("{e}"));
        let source = config.sources.iter().find(|source| source.kind.name == "manifests").unwrap();
        let provider = (source.kind.build)(source.spec.clone()).unwrap();
        Self { sandbox, provider }
    }

    async fn look(&self) -> Result<Manifests, Fault> {
        Ok(self.provider.observe(&Ask::default()).await?.manifests.remove(&place()).unwrap())
    }

    fn tip(&self) -> String {
        self.sandbox.world().manifests().unwrap().tip().unwrap()
    }

    /// The plan to revert the newest change.
    async fn plan(&self) -> Result<Prepared, Fault> {
        let newest = self.look().await?.changes[0].commit.clone();
        let intent = Intent {
            verb: Verb::RollBack,
            service: ServiceName::new("search"),
            place: Some(place()),
            target: Target::Revert { commit: newest, to: RevertTo::Branch },
            source: SourceName::new("deploys"),
            reason: None,
            answers: BTreeMap::new(),
        };
        self.provider.prepare(&intent).await
    }

    /// Reverts the newest change, while requests of this kind meet a fault.
    async fn revert(&self, method: &str, path: &str, act: Act) -> Result<Receipt, Fault> {
        let plan = self.plan().await?;
        drop(self.sandbox.faults().take_ledger());
        self.sandbox.faults().add(Rule::always(Server::Git, act).on(method, path));
        let sent = self.provider.perform(&plan.steps[0]).await;
        self.sandbox.faults().restore(Server::Git);
        sent
    }

    fn pushes(&self) -> usize {
        let writes = self.sandbox.faults().writes(Server::Git);
        writes.iter().filter(|entry| entry.path.contains("git-receive-pack")).count()
    }
}

fn answer(status: u16) -> Act {
    let headers = match status {
        401 => vec![("www-authenticate".to_owned(), "Basic realm=\"git\"".to_owned())],
        301 => vec![("location".to_owned(), "http://127.0.0.1:1/d.git".to_owned())],
        _ => Vec::new(),
    };
    Act::Answer { status, headers, body: String::new() }
}

const PUSH: &str = "/deploys.git/git-receive-pack";
const REFS: &str = "/deploys.git/info/refs";

#[tokio::test(flavor = "multi_thread")]
async fn what_a_push_came_to_is_known_or_in_doubt() {
    let day = Day::start();
    for (act, cause, reached, pushed) in [
        (Act::DropBefore, Cause::Unreachable, Reached::Perhaps, false),
        (Act::DropAfter, Cause::Unreachable, Reached::Perhaps, true),
        (Act::ResetBefore, Cause::Unreachable, Reached::Perhaps, false),
        (Act::ResetAfter, Cause::Unreachable, Reached::Perhaps, true),
        (answer(500), Cause::ServerFailed, Reached::Perhaps, false),
        (Act::BadGatewayAfter, Cause::ServerFailed, Reached::Perhaps, true),
        (answer(403), Cause::Forbidden, Reached::No, false),
        (answer(401), Cause::Unauthorized, Reached::No, false),
    ] {
        let before = day.tip();
        let name = format!("{act:?}");
        let fault = day.revert("POST", PUSH, act).await.unwrap_err();
        println!("{name}: {fault}; {} pushes", day.pushes());
        assert_eq!((fault.cause, fault.reached), (cause, reached), "{name}: {fault}");
        assert!(day.pushes() <= 1, "{name}: sent {} times", day.pushes());
        assert_eq!(day.tip() != before, pushed, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_before_the_push_changed_nothing() {
    let day = Day::start();
    let before = day.tip();
    for (act, cause) in [
        (answer(401), Cause::Unauthorized),
        (answer(403), Cause::Forbidden),
        (answer(404), Cause::NotFound),
        (answer(301), Cause::Redirected),
        (answer(429), Cause::RateLimited),
        (answer(503), Cause::ServerFailed),
        (Act::DropBefore, Cause::Unreachable),
    ] {
        let name = format!("{act:?}");
        let fault = day.revert("GET", REFS, act.clone()).await.unwrap_err();
        assert_eq!((fault.cause, fault.reached), (cause, Reached::No), "{name}: {fault}");
        day.sandbox.faults().add(Rule::always(Server::Git, act).on("GET", REFS));
        let fault = day.look().await.unwrap_err();
        assert_eq!(fault.cause, cause, "a look, {name}: {fault}");
        day.sandbox.faults().restore(Server::Git);
    }
    assert_eq!((day.tip(), day.pushes()), (before, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revert_is_pushed_over_http_and_a_quiet_look_costs_two_requests() {
    let day = Day::start();
    let seen = day.look().await.unwrap();
    assert!(seen.changes[0].subject.as_str().starts_with("search v4"), "{:?}", seen.changes);
    day.revert("GET", "/nothing", answer(500)).await.unwrap();
    assert_eq!(day.pushes(), 1);
    let after = day.look().await.unwrap();
    assert_eq!(after.tree, seen_before(&day));
    drop(day.sandbox.faults().take_ledger());
    day.look().await.unwrap();
    let asked = day.sandbox.faults().ledger();
    assert!(asked.iter().filter(|entry| entry.server == Server::Git).count() <= 2, "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_by_hand_do_the_very_same() {
    let day = Day::start();
    let plan = day.plan().await.unwrap();
    let step = &plan.steps[0];
    let url = format!("{}/deploys.git", day.sandbox.urls().git);
    let reach = gonogo::domain::Reach::Git { url: url.as_str().into() };
    let commands = gonogo::action::by_hand::commands(&[(step, &reach)]).to_string();
    let folder = tempfile::tempdir().unwrap();
    let output = tokio::process::Command::new("/bin/sh")
        .args(["-c", &commands])
        .current_dir(folder.path())
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{commands}: {}", String::from_utf8_lossy(&output.stderr));
    let body: serde_json::Value = serde_json::from_str(step.body.as_deref().unwrap()).unwrap();
    let path = day.sandbox.world().manifests().unwrap().path().to_owned();
    let words = ["log", "-1", "--format=%T%n%P%n%an <%ae>%n%B", "main"];
    let output = std::process::Command::new("git").arg("-C").arg(path).args(words).output().unwrap();
    let text = |key: &str| body[key].as_str().unwrap().to_owned();
    let wanted = format!("{}\n{}\n{}\n{}", text("tree"), text("onto"), text("author"), text("message"));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), wanted.trim());
}

/// The folder as it was one version earlier, as git itself tells.
fn seen_before(day: &Day) -> Option<gonogo::domain::Sha> {
    let path = day.sandbox.world().manifests().unwrap().path().to_owned();
    let words = ["rev-parse", "main~2:apps/search/production"];
    let output = std::process::Command::new("git").arg("-C").arg(path).args(words).output().unwrap();
    Some(gonogo::domain::Sha::new(String::from_utf8_lossy(&output.stdout).trim()))
}
