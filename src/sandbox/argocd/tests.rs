use super::{OPERATOR_TOKEN, SyncWindow, VIEWER_TOKEN, router};
use crate::sandbox::{Clock, Options, Sandbox, Scenario, Server};
use axum::body::{Body, to_bytes};
use axum::http::Request;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use std::time::Duration;

const APP: &str = "/api/v1/applications/search";

/// A day on which Argo CD keeps search.
struct Day {
    sandbox: Sandbox,
}

impl Day {
    fn begin() -> Self {
        let options = Options { clock: Clock::Manual, ..Options::default() };
        Self { sandbox: Sandbox::start(Scenario::named("gitops").unwrap(), options).unwrap() }
    }

    async fn raw(&self, token: &str, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let service = TowerToHyperService::new(router(self.sandbox.world().clone()));
        let response = service.call(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8_lossy(&bytes).into_owned())
    }

    async fn as_(&self, token: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, text) = self.raw(token, method, path, &body).await;
        (status, serde_json::from_str(&text).unwrap())
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.as_(OPERATOR_TOKEN, method, path, body).await
    }

    async fn app(&self) -> Value {
        let (status, app) = self.ask("GET", APP, Value::Null).await;
        assert_eq!(status, 200, "{app}");
        app
    }

    /// Patches with a JSON patch.
    async fn patch(&self, operations: Value) -> (u16, Value) {
        let body = json!({"name": "search", "patch": operations.to_string(), "patchType": "json"});
        self.ask("PATCH", APP, body).await
    }

    async fn hold(&self) -> Value {
        let (status, app) = self.patch(json!([{"op": "remove", "path": "/spec/syncPolicy/automated"}])).await;
        assert_eq!(status, 200, "{app}");
        app
    }

    fn pass(&self, seconds: u64) {
        self.sandbox.world().advance(Duration::from_secs(seconds));
    }

    /// The tag that the Deployment asks for.
    fn live(&self) -> String {
        let live = self.sandbox.world().cluster().object("deployments", "production", "search").unwrap();
        let image = live.pointer("/spec/template/spec/containers/0/image").unwrap();
        crate::sandbox::images::tag(image.as_str().unwrap()).to_owned()
    }

    fn ship(&self, version: &str) -> String {
        let world = self.sandbox.world();
        world.manifests().unwrap().ship("search", version, 8, "omar", world.now()).unwrap()
    }

    fn tip(&self) -> String {
        self.sandbox.world().manifests().unwrap().tip().unwrap()
    }
}

fn at<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

fn history(app: &Value) -> &Vec<Value> {
    app.pointer("/status/history").unwrap().as_array().unwrap()
}

/// Whether it is this refusal.
fn refused(answer: &(u16, Value), status: u16, code: u16, words: &str) {
    let (said, body) = answer;
    assert_eq!((*said, body["code"].as_u64()), (status, Some(u64::from(code))), "{body}");
    assert_eq!(body["error"], body["message"]);
    assert!(at(body, "/message").contains(words), "{body}");
}

#[tokio::test]
async fn whoever_is_not_known_is_told_nothing() {
    let day = Day::begin();
    for path in [APP, "/api/v1/applications", "/api/v1/account/can-i/applications/sync/default/search"] {
        refused(&day.as_("", "GET", path, Value::Null).await, 401, 16, "no session information");
        refused(&day.as_("wrong", "GET", path, Value::Null).await, 401, 16, "invalid session");
    }
    let info = "/api/v1/session/userinfo";
    assert_eq!(day.as_("", "GET", info, Value::Null).await, (200, json!({})));
    let (_, known) = day.ask("GET", info, Value::Null).await;
    assert_eq!(known, json!({"loggedIn": true, "username": "mara", "iss": "argocd"}));
    assert!(at(&day.as_("", "GET", "/api/version", Value::Null).await.1, "/Version").starts_with("v2.13"));
}

#[tokio::test]
async fn an_application_that_is_not_there_is_denied_unless_its_project_is_named() {
    let day = Day::begin();
    let nowhere = "/api/v1/applications/nope";
    refused(&day.ask("GET", nowhere, Value::Null).await, 403, 7, "permission denied");
    let named = format!("{nowhere}?project=default");
    refused(&day.ask("GET", &named, Value::Null).await, 404, 5, "\"nope\" not found");
    let other = format!("{APP}?project=other");
    refused(&day.ask("GET", &other, Value::Null).await, 404, 5, "\"search\" not found");
    // What has a body names its project there.
    let query = format!("{nowhere}/rollback?project=default");
    refused(&day.ask("POST", &query, json!({"id": 0})).await, 403, 7, "permission denied");
    let body = json!({"id": 0, "project": "default"});
    refused(&day.ask("POST", &format!("{nowhere}/rollback"), body).await, 404, 5, "not found");
    let (status, text) = day.raw(OPERATOR_TOKEN, "GET", "/api/v1/nothing", "").await;
    assert_eq!((status, text.as_str()), (404, "Not Found\n"));
}

#[tokio::test]
async fn who_may_look_may_not_change_anything() {
    let day = Day::begin();
    let before = day.app().await;
    let look = day.as_(VIEWER_TOKEN, "GET", APP, Value::Null).await;
    assert_eq!(look, (200, before.clone()));
    let patch = json!({"name": "search", "patch": "[]", "patchType": "json"});
    let words = "permission denied: applications, update, default/search, sub: yuki, iat: ";
    refused(&day.as_(VIEWER_TOKEN, "PATCH", APP, patch).await, 403, 7, words);
    let sync = format!("{APP}/sync");
    refused(&day.as_(VIEWER_TOKEN, "POST", &sync, json!({})).await, 403, 7, "applications, sync,");
    let rollback = format!("{APP}/rollback");
    refused(&day.as_(VIEWER_TOKEN, "POST", &rollback, json!({"id": 0})).await, 403, 7, "permission denied");
    let can = |action: &str| format!("/api/v1/account/can-i/applications/{action}/default/search");
    for (token, action, value) in
        [(VIEWER_TOKEN, "get", "yes"), (VIEWER_TOKEN, "sync", "no"), (OPERATOR_TOKEN, "update", "yes")]
    {
        assert_eq!(day.as_(token, "GET", &can(action), Value::Null).await.1, json!({"value": value}));
    }
    assert_eq!(day.app().await, before);
}

#[tokio::test]
async fn the_day_begins_with_what_git_says_and_a_history_of_its_commits() {
    let day = Day::begin();
    let app = day.app().await;
    assert_eq!((at(&app, "/status/sync/status"), at(&app, "/status/health/status")), ("Synced", "Healthy"));
    assert_eq!(at(&app, "/status/sync/revision"), day.tip());
    let log = day.sandbox.world().manifests().unwrap().log("search");
    let revisions: Vec<_> = history(&app).iter().rev().map(|one| at(one, "/revision").to_owned()).collect();
    assert_eq!(revisions, log.iter().map(|change| change.id.clone()).collect::<Vec<_>>());
    let ids: Vec<_> = history(&app).iter().map(|one| one["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, [0, 1, 2, 3]);
    let (_, list) = day.ask("GET", "/api/v1/applications?projects=default&name=search", Value::Null).await;
    assert_eq!(list["items"], json!([app]));
    let (_, none) = day.ask("GET", "/api/v1/applications?projects=other", Value::Null).await;
    assert_eq!(none["items"], Value::Null);
    let path = format!("{APP}/revisions/{}/metadata", day.tip());
    let (_, metadata) = day.ask("GET", &path, Value::Null).await;
    assert_eq!(at(&metadata, "/message"), "search v4.2.0 to production");
}

#[tokio::test]
async fn a_new_commit_is_synced_when_git_is_read_again() {
    let day = Day::begin();
    day.pass(10);
    let revision = day.ship("v4.1.1");
    day.pass(60);
    assert_eq!(day.live(), "v4.2.0", "Git is read every two minutes");
    let (_, app) = day.ask("GET", &format!("{APP}?refresh=normal"), Value::Null).await;
    assert_eq!(at(&app, "/status/operationState/phase"), "Running", "{app}");
    assert_eq!(app["operation"]["initiatedBy"], json!({"automated": true}));
    assert_eq!(day.live(), "v4.1.1");
    day.pass(2);
    assert_eq!(at(&day.app().await, "/status/health/status"), "Progressing");
    day.pass(60);
    let app = day.app().await;
    assert_eq!(at(&app, "/status/operationState/phase"), "Succeeded");
    assert_eq!(at(&app, "/status/operationState/syncResult/revision"), revision);
    assert_eq!((at(&app, "/status/sync/status"), at(&app, "/status/health/status")), ("Synced", "Healthy"));
    let last = history(&app).last().unwrap();
    assert_eq!((last["id"].as_u64(), at(last, "/revision")), (Some(4), revision.as_str()));
    assert_eq!(app.get("operation"), None);
}

#[tokio::test]
async fn a_change_by_hand_is_put_back_after_five_seconds_and_is_no_deployment() {
    let day = Day::begin();
    day.pass(10);
    day.sandbox.world().deploy("search", "production", "v4.1.1");
    // A change by hand is one in the cluster.
    assert_eq!(day.live(), "v4.1.1");
    day.pass(4);
    assert_eq!((day.live().as_str(), at(&day.app().await, "/status/sync/status")), ("v4.1.1", "OutOfSync"));
    day.pass(4);
    assert_eq!(day.live(), "v4.2.0");
    day.pass(60);
    let app = day.app().await;
    assert_eq!((at(&app, "/status/sync/status"), history(&app).len()), ("Synced", 4));
}

#[tokio::test]
async fn held_it_leaves_a_change_by_hand_and_a_commit_alone_until_it_is_let_go() {
    let day = Day::begin();
    let app = day.hold().await;
    assert_eq!(app.pointer("/spec/syncPolicy"), None, "an emptied policy is gone");
    day.sandbox.world().deploy("search", "production", "v4.1.1");
    day.pass(200);
    assert_eq!((day.live().as_str(), at(&day.app().await, "/status/sync/status")), ("v4.1.1", "OutOfSync"));
    let lone = json!([{"op": "add", "path": "/spec/syncPolicy/automated", "value": {"selfHeal": true}}]);
    refused(&day.patch(lone).await, 500, 2, "error applying patch: add operation does not apply");
    let whole =
        json!([{"op": "add", "path": "/spec/syncPolicy", "value": {"automated": {"selfHeal": true}}}]);
    assert_eq!(day.patch(whole).await.0, 200);
    day.pass(5);
    assert_eq!(day.live(), "v4.2.0", "let go before Git says so, it is undone");
}

#[tokio::test]
async fn a_patch_is_guarded_by_its_tests_and_changes_no_status() {
    let day = Day::begin();
    let before = day.app().await;
    let guarded = |version: &str| {
        json!([
            {"op": "test", "path": "/metadata/resourceVersion", "value": version},
            {"op": "test", "path": "/operation", "value": null},
            {"op": "replace", "path": "/status/sync/status", "value": "Unknown"},
            {"op": "remove", "path": "/spec/syncPolicy/automated"},
        ])
    };
    let failed = day.patch(guarded("1")).await;
    refused(&failed, 500, 2, "error applying patch: testing value /metadata/resourceVersion failed");
    assert_eq!(day.app().await, before);
    let (status, after) = day.patch(guarded(at(&before, "/metadata/resourceVersion"))).await;
    assert_eq!((status, at(&after, "/status/sync/status")), (200, "Synced"));
    assert_eq!(after["metadata"]["generation"], json!(2));
    let odd = json!({"patch": "{}", "patchType": "yaml"});
    refused(&day.ask("PATCH", APP, odd).await, 400, 3, "Patch type 'yaml' is not supported");
    let merge =
        json!({"spec": {"syncPolicy": {"automated": {"enabled": false, "selfHeal": true, "prune": false}}}});
    let body = json!({"patch": merge.to_string(), "patchType": "merge"});
    let (_, after) = day.ask("PATCH", APP, body).await;
    assert_eq!(after.pointer("/spec/syncPolicy/automated"), Some(&json!({"selfHeal": true})));
    let (status, text) = day.raw(OPERATOR_TOKEN, "PATCH", APP, "{").await;
    assert!(status == 400 && text.contains("\"code\":3"), "{text}");
}

#[tokio::test]
async fn a_rollback_is_refused_while_auto_sync_is_on_for_an_unknown_id_and_while_it_is_busy() {
    let day = Day::begin();
    let path = format!("{APP}/rollback");
    let on = day.ask("POST", &path, json!({"id": 2})).await;
    refused(&on, 400, 9, "rollback cannot be initiated when auto-sync is enabled");
    let to = day.ask("POST", &format!("{APP}/sync"), json!({"revision": "abc"})).await;
    refused(&to, 400, 9, "Cannot sync to abc: auto-sync currently set to main");
    day.hold().await;
    let unknown = day.ask("POST", &path, json!({"id": 99})).await;
    refused(&unknown, 400, 3, "application argocd/search does not have deployment with id 99");
    assert_eq!(day.ask("POST", &path, json!({"id": 2})).await.0, 200);
    let busy = day.ask("POST", &path, json!({"id": 1})).await;
    refused(&busy, 400, 9, "another operation is already in progress");
}

#[tokio::test]
async fn a_rollback_applies_what_the_history_says_and_leaves_it_out_of_sync() {
    let day = Day::begin();
    let target = at(&history(&day.app().await)[2], "/revision").to_owned();
    day.hold().await;
    let (status, accepted) = day.ask("POST", &format!("{APP}/rollback"), json!({"id": 2})).await;
    assert_eq!((status, at(&accepted, "/operation/sync/revision")), (200, target.as_str()));
    assert_eq!(accepted.pointer("/status/operationState"), None, "accepted is not begun");
    assert_eq!(day.live(), "v4.2.0");
    day.pass(1);
    assert_eq!(at(&day.app().await, "/status/operationState/phase"), "Running");
    day.pass(60);
    let app = day.app().await;
    assert_eq!(day.live(), "v4.1.1");
    assert_eq!(at(&app, "/status/operationState/phase"), "Succeeded");
    assert_eq!(at(&app, "/status/operationState/syncResult/revision"), target);
    assert_eq!(at(&app, "/status/operationState/operation/sync/revision"), target);
    assert_eq!(at(&app, "/status/sync/status"), "OutOfSync");
    assert_eq!(at(&app, "/status/sync/revision"), day.tip());
    assert_eq!(at(&app, "/status/health/status"), "Healthy");
    let last = history(&app).last().unwrap();
    assert_eq!((last["id"].as_u64(), at(last, "/revision")), (Some(4), target.as_str()));
    assert_eq!(last["initiatedBy"], json!({"username": "mara"}));
}

#[tokio::test]
async fn a_sync_window_refuses_a_sync_and_lets_a_rollback_wait() {
    let day = Day::begin();
    day.hold().await;
    day.sandbox.world().set_sync_window(SyncWindow::Denies);
    let windows = day.ask("GET", &format!("{APP}/syncwindows"), Value::Null).await.1;
    assert_eq!(windows["canSync"], json!(false));
    let denied = day.ask("POST", &format!("{APP}/sync"), json!({})).await;
    refused(&denied, 403, 7, "cannot sync: blocked by sync window");
    assert_eq!(day.ask("POST", &format!("{APP}/rollback"), json!({"id": 2})).await.0, 200);
    day.pass(30);
    let app = day.app().await;
    assert_eq!(at(&app, "/status/operationState/message"), "Sync operation blocked by sync window");
    assert_eq!((at(&app, "/status/operationState/phase"), day.live().as_str()), ("Running", "v4.2.0"));
    let path = format!("{APP}/operation");
    assert_eq!(day.ask("DELETE", &path, Value::Null).await, (200, json!({})));
    day.pass(2);
    assert_eq!(at(&day.app().await, "/status/operationState/phase"), "Failed");
    let nothing = day.ask("DELETE", &path, Value::Null).await;
    refused(&nothing, 400, 3, "No operation is in progress");
    day.sandbox.world().set_sync_window(SyncWindow::Open);
    day.pass(30);
    assert_eq!(day.live(), "v4.2.0", "what was stopped does not begin again");
}

#[tokio::test]
async fn without_git_nothing_is_known_and_only_a_spec_that_is_not_validated_is_taken() {
    let day = Day::begin();
    day.sandbox.faults().refuse(Server::Git);
    day.pass(60);
    assert_eq!(at(&day.app().await, "/status/sync/status"), "Synced", "it was not read yet");
    day.pass(70);
    let app = day.app().await;
    assert_eq!((at(&app, "/status/sync/status"), at(&app, "/status/sync/revision")), ("Unknown", ""));
    assert_eq!(at(&app, "/status/conditions/0/type"), "ComparisonError");
    let remove = json!([{"op": "remove", "path": "/spec/syncPolicy"}]);
    refused(&day.patch(remove).await, 400, 3, "application spec for search is invalid: InvalidSpecError");
    let mut spec = app["spec"].clone();
    spec.as_object_mut().unwrap().remove("syncPolicy");
    let path = format!("{APP}/spec");
    let validated = day.ask("PUT", &path, spec.clone()).await;
    refused(&validated, 400, 3, "error validating and updating app");
    let put = day.ask("PUT", &format!("{path}?validate=false"), spec.clone()).await;
    assert_eq!(put, (200, spec));
    assert_eq!(day.ask("POST", &format!("{APP}/rollback"), json!({"id": 2})).await.0, 200);
    day.pass(10);
    let app = day.app().await;
    assert_eq!((at(&app, "/status/operationState/phase"), history(&app).len()), ("Error", 4));
    day.sandbox.world().deploy("search", "production", "v4.1.1");
    day.sandbox.faults().restore(Server::Git);
    day.pass(130);
    let app = day.app().await;
    assert_eq!((day.live().as_str(), at(&app, "/status/sync/status")), ("v4.1.1", "OutOfSync"));
    assert_eq!(app.pointer("/status/conditions"), None);
    day.ship("v4.1.1");
    let (_, app) = day.ask("GET", &format!("{APP}?refresh=hard"), Value::Null).await;
    assert_eq!((at(&app, "/status/sync/status"), history(&app).len()), ("Synced", 4));
}
