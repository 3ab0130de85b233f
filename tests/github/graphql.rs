//! One question to many repositories: what it saves, what it must not hide, and what its oddities mean.

use std::sync::Arc;
use std::time::Duration;

use gonogo::domain::{Ask, Bound, Cause, Observation, Place, Role, ServiceName, Settings};
use gonogo::provider::{Provider, github};
use gonogo::sandbox::github::OPERATOR_TOKEN;
use gonogo::sandbox::{Clock, Entry, Options, Sandbox, Scenario};
use serde_json::{Value, json};

use crate::faults::{SECRET, no_secret};
use crate::scripted::{Reply, Scripted};
use crate::world::*;

const MANY: usize = 25;

fn names() -> Vec<String> {
    (0..MANY).map(|n| format!("r{n}")).collect()
}

fn many() -> Vec<Bound> {
    let of = |name: &String| [pipeline(name, &format!("acme/{name}")), live(name, "production")];
    names().iter().flat_map(of).collect()
}

/// Many repositories with one run each that has ended, and this answer to the question to all.
async fn scripted(reply: Reply) -> Scripted {
    let server = Scripted::start(at("2026-08-20T09:20:00Z")).await;
    server.get("/user", &json!({"login": "omar", "id": 9}));
    for name in names() {
        let repo = format!("/repos/acme/{name}");
        let ended = run(100, "completed", json!("success"));
        server
            .get(&format!("{repo}/actions/runs"), &list(&[ended]))
            .get(
                &format!("{repo}/actions/runs?status=waiting&exclude_pull_requests=true&per_page=100"),
                &list(&[]),
            )
            .get(&format!("{repo}/actions/runs/100/jobs"), &jobs())
            .get(&format!("{repo}/deployments"), &json!([]));
    }
    server.reply("POST", "/graphql", reply);
    server
}

fn one(state: &str) -> Value {
    json!({"pushedAt": "2026-08-20T09:00:00Z", "defaultBranchRef": null, "deployments": {"nodes": [
        {"databaseId": 2, "commitOid": NEW, "environment": "production", "createdAt": "2026-08-20T09:00:00Z",
            "ref": null, "latestStatus": {"state": state, "createdAt": "2026-08-20T09:10:00Z",
                "environmentUrl": null, "logUrl": null}},
        {"databaseId": 1, "commitOid": OLD, "environment": "production", "createdAt": "2026-08-19T09:00:00Z",
            "ref": {"name": "v2.7.0", "prefix": "refs/tags/"}, "latestStatus": {"state": "SUCCESS",
                "createdAt": "2026-08-19T09:10:00Z", "environmentUrl": "https://shop.test", "logUrl": null}}]}})
}

fn told(state: &str) -> Value {
    let mut data = serde_json::Map::new();
    for place in 0..MANY {
        data.insert(format!("r{place}"), one(state));
    }
    data.insert(
        "rateLimit".into(),
        json!({"limit": 5000, "cost": 1, "remaining": 4990, "resetAt": "2026-08-20T10:00:00Z"}),
    );
    json!({"data": data})
}

/// How many requests went to GraphQL, and how many elsewhere.
fn spent(server: &Scripted) -> (usize, usize) {
    let asked = server.asked();
    let graph = asked.iter().filter(|one| one.path.ends_with("/graphql")).count();
    (graph, asked.len() - graph)
}

async fn looks(server: &Scripted, provider: &Arc<dyn Provider>, count: usize) {
    for _ in 0..count {
        server.advance(20);
        let seen = seen(provider).await;
        assert!(seen.faults.is_empty(), "{:?}", seen.faults);
    }
}

#[tokio::test]
async fn what_is_live_is_the_newest_deployment_that_succeeded_and_never_the_newest_one() {
    let server = scripted(Reply::json(200, &told("FAILURE"))).await;
    let provider = provider(&server.url, many());
    looks(&server, &provider, 2).await;
    server.asked();
    server.advance(20);
    let seen = seen(&provider).await;
    let live = &seen.live[&Place::new("r7", "production")];
    assert_eq!(live.artifact.revision.as_ref().unwrap().as_str(), OLD);
    assert_eq!(live.artifact.version.as_ref().unwrap().as_str(), "v2.7.0");
    assert_eq!(live.since, Some(at("2026-08-19T09:10:00Z")));
    let asked = server.asked();
    assert!(asked.iter().all(|one| !one.path.contains("/deployments/")), "{asked:?}");
}

#[tokio::test]
async fn a_repository_that_cannot_be_told_is_told_alone() {
    let mut answer = told("SUCCESS");
    answer["data"]["r3"] = Value::Null;
    answer["errors"] = json!([{"type": "NOT_FOUND", "path": ["r3"], "locations": [],
        "message": "Could not resolve to a Repository with the name 'acme/r3'."}]);
    let server = scripted(Reply::json(200, &answer)).await;
    let gone = Reply::json(404, &json!({"message": "Not Found", "status": "404"}));
    server.reply("GET", "/repos/acme/r3/actions/runs", gone);
    let provider = provider(&server.url, many());
    for _ in 0..3 {
        server.advance(20);
        let seen = seen(&provider).await;
        assert_eq!(seen.faults.keys().map(ServiceName::as_str).collect::<Vec<_>>(), ["r3"]);
        assert_eq!(seen.pipelines.len(), MANY - 1);
    }
}

#[tokio::test]
async fn a_server_without_graphql_is_asked_by_rest_alone_and_that_is_said() {
    let answers = [
        Reply::json(404, &json!({"message": "Not Found"})),
        Reply::json(403, &json!({"message": "Resource not accessible by integration"})),
        Reply::json(200, &json!({"errors": [{"message": "Something went wrong"}]})),
        Reply::json(200, &json!({"data": null, "errors": [{"message": "timeout"}]})),
        Reply::json(200, &json!([1, 2])),
        Reply::json(502, &json!({"message": "Unicorn"})),
    ];
    for answer in answers {
        let server = scripted(answer.clone()).await;
        let provider = provider(&server.url, many());
        looks(&server, &provider, 4).await;
        assert_eq!(spent(&server).0, 1, "{answer:?}: it is left alone for ten minutes");
        let seen = seen(&provider).await;
        let said: Vec<_> = seen.remarks.iter().map(ToString::to_string).collect();
        assert!(said.iter().any(|remark| remark.contains("read in turn")), "{said:?}");
        assert_eq!(seen.pipelines.len(), MANY);
        assert!(seen.pipelines.values().all(|p| p.runs.len() == 1), "{answer:?}");
        server.advance(700);
        looks(&server, &provider, 1).await;
        assert_eq!(spent(&server).0, 1, "{answer:?}: then it is tried again");
    }
}

#[tokio::test]
async fn used_up_points_stop_the_question_until_their_reset_and_nothing_else() {
    let limited =
        json!({"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded for user ID 9."}]});
    // 09:30:00
    let reply = Reply::json(200, &limited).with("x-ratelimit-reset", "1787218200");
    let server = scripted(reply).await;
    let provider = provider(&server.url, many());
    looks(&server, &provider, 20).await;
    let (graph, rest) = spent(&server);
    assert_eq!(graph, 1);
    assert!(rest > 20, "{rest}");
    server.reply("POST", "/graphql", Reply::json(200, &told("SUCCESS")));
    server.advance(600);
    looks(&server, &provider, 1).await;
    assert_eq!(spent(&server).0, 1);
}

#[tokio::test]
async fn the_limit_on_bursts_ends_the_look_whoever_meets_it() {
    let refused = json!({"message": "You have exceeded a secondary rate limit."});
    let server = scripted(Reply::json(403, &refused).with("retry-after", "33")).await;
    let fault = look(&provider(&server.url, many())).await.unwrap_err();
    assert_eq!(fault.cause, Cause::RateLimited);
    assert!(server.asked().last().unwrap().path.ends_with("/graphql"), "nothing was asked after the refusal");
}

#[tokio::test]
async fn the_token_travels_in_its_header_alone_and_the_question_can_only_ask() {
    let server = scripted(Reply::json(200, &told("SUCCESS"))).await;
    looks(&server, &provider(&server.url, many()), 1).await;
    let asked = server.asked();
    let question = asked.iter().find(|one| one.method == "POST").unwrap();
    assert_eq!(question.headers["authorization"], format!("Bearer {SECRET}"));
    assert_eq!(question.headers["content-type"], "application/json");
    no_secret("question", &format!("{} {}", question.path, question.body));
    let body: Value = serde_json::from_str(&question.body).unwrap();
    let text = body["query"].as_str().unwrap();
    assert!(text.starts_with("{r0:repository(owner:\"acme\",name:\"r0\"){"), "{text}");
    assert!(text.ends_with("rateLimit{limit cost remaining resetAt}}"), "{text}");
    assert!(!question.body.contains("mutation"));
}

#[tokio::test]
async fn an_enterprise_server_answers_beside_its_rest_api() {
    let server = scripted(Reply::json(200, &told("SUCCESS"))).await;
    server.reply("POST", "/api/graphql", Reply::json(200, &told("SUCCESS")));
    let provider = provider(&format!("{}/api/v3", server.url), many());
    looks(&server, &provider, 1).await;
    let asked = server.asked();
    let posts: Vec<_> =
        asked.iter().filter(|one| one.method == "POST").map(|one| one.path.as_str()).collect();
    assert_eq!(posts, ["/api/graphql"]);
}

#[tokio::test]
async fn without_a_token_or_with_few_repositories_graphql_is_not_asked() {
    let server = scripted(Reply::json(200, &told("SUCCESS"))).await;
    let mut spec = spec(&server.url, many());
    spec.secrets.clear();
    let nobody = (github::KIND.build)(spec).unwrap();
    looks(&server, &nobody, 2).await;
    looks(&server, &provider(&server.url, many()[..20].to_vec()), 2).await;
    assert_eq!(spent(&server).0, 0);
}

/// Many services of a quiet day, and a provider that sees them.
fn fleet(count: usize) -> (Sandbox, Arc<dyn Provider>) {
    let options = Options { clock: Clock::Manual, services: Some(count), ..Options::default() };
    let sandbox = Sandbox::start(Scenario::named("quiet").unwrap(), options).unwrap();
    let file = std::fs::read_to_string(sandbox.config_path()).unwrap();
    let mut bounds = Vec::new();
    for line in file.lines().filter(|line| line.contains("project = \"acme/")) {
        let name = line.split("acme/").nth(1).unwrap().split('"').next().unwrap();
        let settings = Settings::default().with_text("project", &format!("acme/{name}"));
        bounds.push(bound(Role::Pipeline, name, None, settings));
        bounds.extend([live(name, "staging"), live(name, "production")]);
    }
    assert_eq!(bounds.len(), 3 * count);
    let mut spec = spec(&sandbox.urls().github, bounds);
    spec.env = Arc::new([("TOKEN".to_owned(), OPERATOR_TOKEN.to_owned())].into());
    (sandbox, (github::KIND.build)(spec).unwrap())
}

/// Looks `count` times, 15 s apart; what was seen last, and every request.
async fn pass(sandbox: &Sandbox, provider: &Arc<dyn Provider>, count: usize) -> (Observation, Vec<Entry>) {
    let _ = sandbox.faults().take_ledger();
    let mut last = Observation::default();
    for _ in 0..count {
        sandbox.world().advance_ci(Duration::from_secs(15));
        last = provider.observe(&Ask::default()).await.unwrap();
    }
    (last, sandbox.faults().take_ledger())
}

#[tokio::test]
async fn a_repository_where_nothing_moves_costs_nearly_nothing_and_one_that_moves_is_read_at_once() {
    let (sandbox, provider) = fleet(30);
    let (seen, _) = pass(&sandbox, &provider, 4).await;
    assert_eq!(seen.pipelines.len(), 30);
    let unread = seen.pipelines.values().filter(|p| p.runs.is_empty()).count();
    assert_eq!(unread, 0);
    let (_, quiet) = pass(&sandbox, &provider, 4).await;
    let counted = quiet.iter().filter(|e| e.answered != gonogo::sandbox::Answered::Status(304)).count();
    assert!(quiet.len() < 4 * 30 * 2, "reading all of them each time takes five requests of each");
    assert!(counted <= 50, "one is read whole in each look, and one question put to all");
    // Somebody else deploys in a repository that nobody looks at.
    let other = fleet_member(&sandbox);
    dispatch(&sandbox, &other).await;
    let (seen, _) = pass(&sandbox, &provider, 3).await;
    let runs = &seen.pipelines[&ServiceName::new(&other)].runs;
    assert!(runs.iter().any(|run| !run.state.ended()), "{runs:?}");
    assert!(seen.gates.iter().any(|gate| gate.key.run.service.as_str() == other), "{:?}", seen.gates);
}

fn fleet_member(sandbox: &Sandbox) -> String {
    let file = std::fs::read_to_string(sandbox.config_path()).unwrap();
    let line = file.lines().rfind(|line| line.contains("project = \"acme/")).unwrap();
    line.split("acme/").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

/// Omar starts the workflow that ships.
async fn dispatch(sandbox: &Sandbox, service: &str) {
    use gonogo::provider::http::{Auth, Endpoint, EndpointSpec};
    let mut spec = spec(&sandbox.urls().github, Vec::new());
    spec.env = Arc::new([("TOKEN".to_owned(), "omar-token".to_owned())].into());
    let token = gonogo::provider::secret::Secret::of(&spec, "token").unwrap();
    let endpoint =
        Endpoint::new(EndpointSpec::new(&sandbox.urls().github).auth(Auth::Bearer(token))).unwrap();
    let path = format!("/repos/acme/{service}/actions/workflows/deploy.yml/dispatches");
    let body = json!({"ref": "main", "inputs": {"version": "v1.9.0"}});
    let step = gonogo::domain::Step {
        source: gonogo::domain::SourceName::new("github"),
        method: "POST".to_owned(),
        path,
        content_type: Some("application/json".to_owned()),
        body: Some(body.to_string()),
        effect: "start it".into(),
    };
    assert!(endpoint.write(&step, &[("Accept", "application/json")]).await.unwrap().is_success());
}
