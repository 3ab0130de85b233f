//! Whatever a server does, a look ends in time, says what is wrong, and keeps the credential to itself.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::stream::{self, StreamExt as _};
use gonogo::domain::{
    Bound, Cause, EnvironmentName, Role, SafeText, ServiceName, Settings, SourceName, Step,
};
use gonogo::provider::http::{Auth, Endpoint, EndpointSpec};
use gonogo::provider::secret::Secret;
use gonogo::provider::{
    Provider, SecretPlace, SourceSpec, alertmanager, argocd, awx, circleci, docker, github, gitlab, jenkins,
    manifests, prometheus, terraform_cloud,
};
use serde_json::Value;

#[path = "support/faults.rs"]
mod faults;

use faults::{Act, FAULTS, FaultCase, LIMITS, SECRET, Server, check, no_secret};

fn env() -> Arc<BTreeMap<String, String>> {
    Arc::new(BTreeMap::from([("TOKEN".to_owned(), SECRET.to_owned())]))
}

fn token() -> Auth {
    Auth::Bearer(Secret::new(SecretPlace::Env("TOKEN".to_owned()), env()))
}

fn spec(url: &str, role: Role, settings: Settings) -> SourceSpec {
    SourceSpec {
        name: SourceName::new("under-test"),
        settings: Settings::default().with_text("url", url),
        secrets: BTreeMap::from([("token".to_owned(), SecretPlace::Env("TOKEN".to_owned()))]),
        bounds: vec![Bound {
            role,
            service: ServiceName::new("checkout"),
            environment: Some(EnvironmentName::new("production")),
            settings,
        }],
        env: env(),
    }
}

fn prometheus(url: &str) -> Arc<dyn Provider> {
    let signal = Settings::default().with_text("name", "errors").with_text("query", "vector(1)");
    prometheus::build_with(spec(url, Role::Signal, signal), LIMITS).unwrap()
}

fn alertmanager(url: &str) -> Arc<dyn Provider> {
    alertmanager::build_with(spec(url, Role::Alerts, Settings::default()), LIMITS).unwrap()
}

fn github(url: &str) -> Arc<dyn Provider> {
    let pipeline = Settings::default().with_text("project", "acme/shop").with_text("workflow", "release.yml");
    github::build_with(spec(url, Role::Pipeline, pipeline), LIMITS).unwrap()
}

fn gitlab(url: &str) -> Arc<dyn Provider> {
    let pipeline = Settings::default().with_text("project", "acme/shop");
    gitlab::build_with(spec(url, Role::Pipeline, pipeline), LIMITS).unwrap()
}

fn jenkins(url: &str) -> Arc<dyn Provider> {
    let mut spec = spec(url, Role::Pipeline, Settings::default().with_text("job", "acme/shop"));
    spec.settings = spec.settings.with_text("user", "mara");
    jenkins::build_with(spec, LIMITS).unwrap()
}

fn circleci(url: &str) -> Arc<dyn Provider> {
    let pipeline = Settings::default().with_text("project", "gh/acme/shop");
    circleci::build_with(spec(url, Role::Pipeline, pipeline), LIMITS).unwrap()
}

fn terraform_cloud(url: &str) -> Arc<dyn Provider> {
    let pipeline = Settings::default().with_text("project", "acme/shop");
    terraform_cloud::build_with(spec(url, Role::Pipeline, pipeline), LIMITS).unwrap()
}

fn awx(url: &str) -> Arc<dyn Provider> {
    let pipeline = Settings::default().with_text("template", "Release shop");
    awx::build_with(spec(&format!("{url}/api/v2"), Role::Pipeline, pipeline), LIMITS).unwrap()
}

fn argocd(url: &str) -> Arc<dyn Provider> {
    let owner = Settings::default().with_text("application", "shop").with_text("project", "default");
    argocd::build_with(spec(url, Role::Owner, owner), LIMITS).unwrap()
}

fn engine(url: &str, bound: Settings) -> Arc<dyn Provider> {
    let mut spec = spec(url, Role::Deploy, bound);
    spec.settings = Settings::default().with_text("host", &url.replace("http://", "tcp://"));
    (docker::KIND.build)(spec).unwrap()
}

fn docker(url: &str) -> Arc<dyn Provider> {
    engine(url, Settings::default().with_text("service", "checkout"))
}

fn container(url: &str) -> Arc<dyn Provider> {
    engine(url, Settings::default().with_text("container", "checkout"))
}

fn compose(url: &str) -> Arc<dyn Provider> {
    let bound = Settings::default().with_text("project", "shop").with_text("compose_service", "checkout");
    engine(url, bound)
}

fn endpoint(url: &str) -> Endpoint {
    Endpoint::new(EndpointSpec::new(url).auth(token()).limits(LIMITS)).unwrap()
}

fn step() -> Step {
    Step {
        source: SourceName::new("under-test"),
        method: "POST".to_owned(),
        path: "/approve?id=7".to_owned(),
        content_type: Some("application/json".to_owned()),
        body: Some(r#"{"state":"approved"}"#.to_owned()),
        effect: SafeText::new("approves"),
    }
}

/// One table at a time: the limits are short, and tables side by side would make each other late.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Runs every case, and lists all that fail, not only the first.
async fn all<F: Future<Output = ()>>(each: impl Fn(&'static FaultCase) -> F) {
    let _turn = TURN.lock().await;
    let failed: Vec<&str> = stream::iter(FAULTS)
        .map(|case| {
            let run = AssertUnwindSafe(each(case)).catch_unwind();
            async move { run.await.err().map(|_| case.name) }
        })
        .buffer_unordered(6)
        .filter_map(std::future::ready)
        .collect()
        .await;
    assert!(failed.is_empty(), "{} of {} faults: {failed:?}", failed.len(), FAULTS.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_survives_every_fault() {
    all(|case| check(case, prometheus)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alertmanager_survives_every_fault() {
    all(|case| check(case, alertmanager)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn github_survives_every_fault() {
    all(|case| check(case, github)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gitlab_survives_every_fault() {
    all(|case| check(case, gitlab)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jenkins_survives_every_fault() {
    all(|case| check(case, jenkins)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn circleci_survives_every_fault() {
    all(|case| check(case, circleci)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terraform_survives_every_fault() {
    all(|case| check(case, terraform_cloud)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn awx_survives_every_fault() {
    all(|case| check(case, awx)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn argo_cd_survives_every_fault() {
    all(|case| check(case, argocd)).await;
}

/// Whether no limit is needed to end it, and no https: what makes its own connections has limits that no test shortens.
fn ends_by_itself(case: &FaultCase) -> bool {
    let tls = matches!(case.act, Act::NoSuchHost | Act::PlainInsteadOfTls | Act::SilenceInsteadOfTls);
    !tls && !case.causes.iter().any(|cause| matches!(cause, Cause::TimedOut | Cause::TooLarge))
}

async fn of_an_engine(make: fn(&str) -> Arc<dyn Provider>) {
    all(|case| async move {
        if ends_by_itself(case) {
            check(case, make).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_survives_every_fault_that_ends_by_itself() {
    of_an_engine(docker).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn containers_survive_every_fault_that_ends_by_itself() {
    of_an_engine(container).await;
    of_an_engine(compose).await;
}

/// What git makes of a fault: a page that it cannot read has no branches, a conflict is a refusal, and that a limit is
/// used up it does not tell.
#[cfg(unix)]
fn causes_of_git(case: &FaultCase) -> &'static [Cause] {
    match case.causes {
        _ if case.name == "two lengths" => &[Cause::Unreachable],
        _ if case.name == "403 with nothing left" => &[Cause::Forbidden],
        [Cause::Malformed] => &[Cause::Malformed, Cause::NotFound],
        [Cause::Moved] => &[Cause::Refused],
        causes => causes,
    }
}

/// The user's git, whose own config sends the credential along. It keeps its own time, makes its own connections, and
/// takes no answer for JSON; when to ask again it does not hand on.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn git_survives_every_fault_that_ends_by_itself() {
    let home = tempfile::tempdir().unwrap();
    let config = format!("[http]\n\textraHeader = Authorization: Bearer {SECRET}\n");
    std::fs::write(home.path().join(".gitconfig"), config).unwrap();
    let make = |url: &str| {
        let bound = Settings::default().with_text("folder", "apps/checkout");
        let mut spec = spec(&format!("{url}/deploys.git"), Role::Manifests, bound);
        let path = std::env::var("PATH").unwrap();
        let env = [("PATH", path), ("HOME", home.path().display().to_string())];
        spec.env = Arc::new(env.map(|(name, value)| (name.to_owned(), value)).into());
        (manifests::KIND.build)(spec).unwrap()
    };
    all(|case| async {
        if ends_by_itself(case) {
            check(&FaultCase { retry: None, causes: causes_of_git(case), ..*case }, make).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_meets_a_fault_is_sent_once_and_knows_whether_it_may_have_happened() {
    all(|case| async move {
        let name = case.name;
        let server = Server::start(case.act).await;
        let answer = endpoint(&server.url).write(&step(), &[]).await;
        let fault = match answer.and_then(|answer| answer.ok()?.json::<Value>()) {
            Ok(value) => panic!("{name}: went unnoticed: {value}"),
            Err(fault) => fault,
        };
        assert!(case.reached.contains(&fault.reached), "{name}: {fault:?}");
        no_secret(name, &format!("{fault} {fault:?}"));
        assert!(server.requests.lock().unwrap().len() <= 1, "{name}: sent more than once");
        assert!(server.elsewhere.lock().unwrap().is_empty(), "{name}: sent to another host");
    })
    .await;
}

#[test]
fn the_table_is_long_and_its_names_differ() {
    let names: std::collections::BTreeSet<_> = FAULTS.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), FAULTS.len());
    assert!(FAULTS.len() >= 60, "{}", FAULTS.len());
}
