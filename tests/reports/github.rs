//! Artifacts of GitHub: what is fetched, how often, from where and with what; and what never counts.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use gonogo::domain::{
    Ask, Intent, Observation, Role, ServiceName, Settings, Target, TestReport, Value as Setting, Verb,
};
use gonogo::sandbox::github::OPERATOR_TOKEN;
use gonogo::sandbox::{Clock, Options, Sandbox, Scenario, Server};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::faults::SECRET;
use crate::scripted::{Reply, Scripted};
use crate::world::{NEW, OLD, REPO, RUN, bound, intent, live, of_run, pipeline, provider, run_of, waiting};
use crate::zip::{archive, entry};

pub(crate) const ONE_FAILED: &str = "<testsuite name='cart' tests='3' failures='1'><testcase name='a'/><testcase name='b'/>\
    <testcase classname='cart' name='c'><failure message='got 2, want 3'/></testcase></testsuite>";
const ALL_PASSED: &str =
    "<testsuite><testcase name='a'/><testcase name='b'/><testcase name='c'/></testsuite>";

/// A storage host that writes down whole requests.
pub(crate) struct Store {
    pub(crate) url: String,
    heard: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Store {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) async fn store(body: Vec<u8>) -> Store {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let answer = move |State(heard): State<Arc<Mutex<Vec<String>>>>, request: Request| async move {
        heard.lock().unwrap().push(format!("{} {} {:?}", request.method(), request.uri(), request.headers()));
        ([("content-type", "application/zip")], body.clone())
    };
    let router = Router::new().fallback(answer).with_state(Arc::clone(&heard));
    let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    Store { url, heard, task }
}

pub(crate) fn artifact(id: u64, name: &str, zip: &[u8]) -> Value {
    let sum: String = Sha256::digest(zip).iter().map(|byte| format!("{byte:02x}")).collect();
    json!({"id": id, "node_id": "A", "name": name, "size_in_bytes": zip.len(), "expired": false,
        "archive_download_url": "https://evil.test/steal.zip", "digest": format!("sha256:{sum}"),
        "created_at": format!("2026-08-20T09:{:02}:00Z", id % 60), "workflow_run": {"id": RUN, "head_sha": NEW}})
}

/// A waiting run with these artifacts, each led to an address at `store`.
pub(crate) async fn shop_with(artifacts: &[Value], store: &str) -> Scripted {
    let server = waiting().await;
    let list = json!({"total_count": artifacts.len(), "artifacts": artifacts});
    server.get(&of_run(RUN, "/artifacts"), &list);
    for artifact in artifacts {
        let id = artifact["id"].as_u64().unwrap();
        let to = format!("{store}/{id}.zip?sig=s3cr3t");
        let reply = Reply::empty(302).with("location", to);
        server.reply("GET", &format!("{REPO}/actions/artifacts/{id}/zip"), reply);
    }
    server
}

fn shop() -> Vec<gonogo::domain::Bound> {
    crate::world::shop()
}

pub(crate) async fn seen(server: &Scripted) -> Observation {
    provider(&server.url, shop()).observe(&Ask::default()).await.unwrap()
}

fn numbers(report: &TestReport) -> (u64, u64, u64) {
    (report.passed, report.failed, report.skipped)
}

fn downloads(server: &Scripted) -> usize {
    server.asked().iter().filter(|asked| asked.path.ends_with("/zip")).count()
}

#[tokio::test]
async fn a_report_goes_from_its_artifact_to_its_run_and_no_credential_goes_to_the_storage_host() {
    let zip = archive(&[entry("out/junit.xml", ONE_FAILED), entry("out/page.html", "<html/>")]);
    let store = store(zip.clone()).await;
    let server = shop_with(&[artifact(7, "Test-Results", &zip)], &store.url).await;
    let seen = seen(&server).await;
    let report = run_of(&seen, RUN).tests.clone().unwrap();
    assert_eq!((numbers(&report), &report.gap), ((2, 1, 0), &None));
    assert_eq!(report.from, "JUnit, artifact Test-Results");
    assert_eq!(report.failures[0].words(), "cart c");
    assert_eq!(report.failures[0].says, "got 2, want 3");
    let heard = store.heard.lock().unwrap().clone();
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert!(heard[0].starts_with("GET /7.zip?sig=s3cr3t"), "{heard:?}");
    for secret in [SECRET, "authorization", "cookie", "referer", "x-github"] {
        assert!(!heard[0].to_lowercase().contains(&secret.to_lowercase()), "{secret}: {heard:?}");
    }
    assert!(server.asked().iter().all(|asked| !asked.path.contains("evil")));
}

#[tokio::test]
async fn each_artifact_is_fetched_once_however_often_one_looks() {
    let zip = archive(&[entry("junit.xml", ALL_PASSED)]);
    let store = store(zip.clone()).await;
    let server = shop_with(&[artifact(7, "junit", &zip)], &store.url).await;
    let provider = provider(&server.url, shop());
    for _ in 0..5 {
        let seen = provider.observe(&Ask::default()).await.unwrap();
        assert_eq!(run_of(&seen, RUN).tests.as_ref().map(numbers), Some((3, 0, 0)));
    }
    assert_eq!(store.heard.lock().unwrap().len(), 1);
    assert_eq!(downloads(&server), 1);
}

#[tokio::test]
async fn of_a_rerun_the_newest_artifact_of_a_name_counts() {
    let zip = archive(&[entry("junit.xml", ALL_PASSED)]);
    let store = store(zip.clone()).await;
    let all = [artifact(9, "junit", &zip), artifact(7, "junit", &zip), artifact(8, "junit", &zip)];
    let server = shop_with(&all, &store.url).await;
    let seen = seen(&server).await;
    assert_eq!(run_of(&seen, RUN).tests.as_ref().map(numbers), Some((3, 0, 0)));
    let heard = store.heard.lock().unwrap().clone();
    assert!(heard.len() == 1 && heard[0].contains("/9.zip"), "{heard:?}");
}

/// What is listed, what the storage host gives, the numbers that come of it, and a part of the remark.
type Listed = (&'static str, Vec<Value>, Vec<u8>, Option<(u64, u64, u64)>, &'static str);

fn listed() -> Vec<Listed> {
    let good = archive(&[entry("junit.xml", ALL_PASSED)]);
    let with = |key: &str, value: Value| {
        let mut one = artifact(7, "junit", &good);
        one[key] = value;
        one
    };
    let outside = archive(&[entry("../junit.xml", ALL_PASSED)]);
    let many = (1..=9).map(|id| artifact(id, &format!("test-{id}"), &good)).collect::<Vec<_>>();
    vec![
        (
            "expired",
            vec![with("expired", json!(true))],
            good.clone(),
            Some((0, 0, 0)),
            "artifact junit has expired",
        ),
        (
            "too large",
            vec![with("size_in_bytes", json!(90_000_000))],
            good.clone(),
            Some((0, 0, 0)),
            "larger than 24 MiB",
        ),
        (
            "another digest",
            vec![with("digest", json!("sha256:00"))],
            good.clone(),
            Some((0, 0, 0)),
            "not what its digest says",
        ),
        (
            "of another commit",
            vec![with("workflow_run", json!({"id": 1, "head_sha": OLD}))],
            good.clone(),
            Some((0, 0, 0)),
            "is of commit 9be1aa",
        ),
        (
            "no archive",
            vec![with("digest", Value::Null)],
            b"<html>no</html>".to_vec(),
            Some((0, 0, 0)),
            "no complete zip",
        ),
        (
            "names that lead out",
            vec![artifact(7, "junit", &outside)],
            outside.clone(),
            Some((0, 0, 0)),
            "leads out",
        ),
        ("more than are read", many, good.clone(), Some((24, 0, 0)), "8 of 9 artifacts were read"),
        (
            "an old server without digests",
            vec![with("digest", Value::Null)],
            good.clone(),
            Some((3, 0, 0)),
            "",
        ),
        (
            "no reports in it",
            vec![artifact(7, "report", &good)],
            archive(&[entry("a.html", "x")]),
            Some((0, 0, 0)),
            "digest",
        ),
        ("another name", vec![artifact(7, "image", &good)], good.clone(), None, ""),
    ]
}

#[tokio::test]
async fn what_does_not_count_is_said_and_spoils_nothing_else() {
    for (name, artifacts, zip, wanted, gap) in listed() {
        let store = store(zip).await;
        let server = shop_with(&artifacts, &store.url).await;
        let seen = seen(&server).await;
        let report = run_of(&seen, RUN).tests.clone();
        assert_eq!(report.as_ref().map(numbers), wanted, "{name}: {report:?}");
        let told = report.and_then(|report| report.gap).map(|gap| gap.to_string()).unwrap_or_default();
        assert!(told.contains(gap) && (gap.is_empty() == told.is_empty()), "{name}: {told}");
        assert_eq!(seen.gates.len(), 1, "{name}: the gate is there all the same");
    }
}

#[tokio::test]
async fn a_storage_host_that_cannot_be_had_is_asked_three_times_and_hides_only_the_report() {
    let zip = archive(&[entry("junit.xml", ALL_PASSED)]);
    for to in ["http://127.0.0.1:1", "http://storage.example.test", "https://a:b@127.0.0.1:1"] {
        let server = shop_with(&[artifact(7, "junit", &zip)], to).await;
        let provider = provider(&server.url, shop());
        for _ in 0..5 {
            let seen = provider.observe(&Ask::default()).await.unwrap();
            assert_eq!(seen.gates.len(), 1, "{to}");
            let gap = run_of(&seen, RUN).tests.as_ref().unwrap().gap.clone().unwrap();
            assert!(gap.as_str().starts_with("artifact junit: "), "{gap}");
            assert!(!gap.as_str().contains("s3cr3t"), "a signed address is nobody's business: {gap}");
        }
        assert_eq!(downloads(&server), 3, "{to}");
    }
}

#[tokio::test]
async fn a_list_that_is_refused_is_a_remark_and_is_not_asked_for_without_end() {
    for status in [403, 404, 500] {
        let server = waiting().await;
        let path = of_run(RUN, "/artifacts");
        server.reply("GET", &path, Reply::json(status, &json!({"message": "no"})));
        let provider = provider(&server.url, shop());
        for _ in 0..5 {
            let seen = provider.observe(&Ask::default()).await.unwrap();
            assert_eq!(seen.gates.len(), 1, "{status}");
            let remarks = &seen.pipelines[&ServiceName::new("shop")].remarks;
            assert!(remarks.iter().any(|r| r.as_str().contains("no test results")), "{status}: {remarks:?}");
            assert_eq!(run_of(&seen, RUN).tests, None);
        }
        let asked = server.asked().iter().filter(|asked| asked.path.starts_with(&path)).count();
        assert!(asked <= 6, "{status}: {asked} requests");
    }
}

#[tokio::test]
async fn only_what_would_ship_and_what_is_looked_at_is_worth_a_request() {
    let server = waiting().await;
    let lists = |server: &Scripted| {
        let asked = server.asked();
        let lists = asked.iter().filter(|asked| asked.path.contains("/artifacts"));
        lists.map(|asked| asked.path.clone()).collect::<Vec<_>>()
    };
    provider(&server.url, shop()).observe(&Ask::default()).await.unwrap();
    let asked = lists(&server);
    assert!(asked.len() == 1 && asked[0].contains(&RUN.to_string()), "the one that waits: {asked:?}");
    let focus = Ask { focus: Some(ServiceName::new("shop")), ..Ask::default() };
    provider(&server.url, shop()).observe(&focus).await.unwrap();
    let asked = lists(&server);
    let both = asked.iter().filter(|path| path.contains("/runs/100/")).count();
    assert_eq!(both, 1, "and the newest that has ended of the service that is looked at: {asked:?}");
}

#[tokio::test]
async fn other_names_can_be_configured_and_must_be_patterns() {
    let zip = archive(&[entry("junit.xml", ALL_PASSED)]);
    let store = store(zip.clone()).await;
    let server = shop_with(&[artifact(7, "proof-1", &zip), artifact(8, "junit", &zip)], &store.url).await;
    let with = |pattern: &str| {
        let mut settings = Settings::default().with_text("project", "acme/shop");
        settings.0.insert("reports".to_owned(), Setting::List(vec![pattern.to_owned()]));
        vec![bound(Role::Pipeline, "shop", None, settings), live("shop", "production")]
    };
    let seen = provider(&server.url, with("proof-*")).observe(&Ask::default()).await.unwrap();
    let report = run_of(&seen, RUN).tests.clone().unwrap();
    assert_eq!(report.from, "JUnit, artifact proof-1");
    let spec = crate::world::spec(&server.url, with("a[b"));
    let error = gonogo::provider::github::build_with(spec, gonogo::provider::http::Limits::DEFAULT);
    let text = error.err().unwrap().to_string();
    assert!(text.contains("a[b") && text.contains("no pattern"), "{text}");
    assert_eq!(pipeline("shop", "acme/shop").role, Role::Pipeline);
}

#[tokio::test]
async fn the_sandbox_serves_reports_to_the_letter_and_a_rerun_brings_new_ones() {
    let options = Options { clock: Clock::Manual, ..Options::default() };
    let world = Sandbox::start(Scenario::named("build-fails").unwrap(), options).unwrap();
    let mut settings =
        crate::world::spec(world.urls().github.as_str(), vec![pipeline("checkout", "acme/checkout")]);
    settings.env = Arc::new([("TOKEN".to_owned(), OPERATOR_TOKEN.to_owned())].into());
    let limits = gonogo::provider::http::Limits::DEFAULT;
    let provider = gonogo::provider::github::build_with(settings, limits).unwrap();
    let ask = Ask { focus: Some(ServiceName::new("checkout")), ..Ask::default() };
    let seen = provider.observe(&ask).await.unwrap();
    let runs = &seen.pipelines[&ServiceName::new("checkout")].runs;
    let report = runs.iter().find_map(|run| run.tests.as_ref().filter(|tests| tests.failed > 0)).unwrap();
    assert_eq!(numbers(report), (231, 1, 3));
    assert_eq!(report.failures[0].words(), "Cart two devices, one account");
    assert_eq!(report.gap, None);
    let key = runs.iter().find(|run| run.tests.as_ref() == Some(report)).unwrap().key.clone();
    let again = Intent {
        service: ServiceName::new("checkout"),
        place: None,
        ..intent(Verb::Rerun, Target::Run(key.clone()))
    };
    let prepared = provider.prepare(&again).await.unwrap();
    assert_eq!(provider.perform(&prepared.steps[0]).await.unwrap().status, 201);
    world.world().advance(std::time::Duration::from_secs(90));
    let seen = provider.observe(&ask).await.unwrap();
    let run = seen.pipelines[&ServiceName::new("checkout")].runs.iter().find(|run| run.key == key).unwrap();
    let report = run.tests.as_ref().unwrap();
    assert_eq!(
        (numbers(report), run.attempt),
        ((232, 0, 3), 2),
        "the failed attempt's report counts no more"
    );
    let ledger = world.faults().ledger();
    let fetched: Vec<&str> = ledger
        .iter()
        .filter(|one| one.server == Server::Logs)
        .map(|one| one.path.split('?').next().unwrap())
        .collect();
    let different: std::collections::BTreeSet<&str> = fetched.iter().copied().collect();
    assert!(fetched.len() >= 3 && different.len() == fetched.len(), "nothing is fetched twice: {fetched:?}");
}
