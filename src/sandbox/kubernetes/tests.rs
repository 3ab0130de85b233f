//! The cluster over HTTP, as any client sees it: each refusal and each oddity by name.

use super::{ADMIN_TOKEN, Behaviour, Cluster, DeploymentSeed, Owner, VIEWER_TOKEN};
use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

const WEB: &str = "/apis/apps/v1/namespaces/shop/deployments/web";
const JSON: &str = "application/json-patch+json";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";

struct Served {
    cluster: Cluster,
    url: String,
    client: reqwest::Client,
}

fn noon() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

fn image(tag: &str) -> String {
    format!("registry.example/shop/web:{tag}")
}

async fn served() -> Served {
    let cluster = Cluster::new(noon());
    for tag in 1..=4 {
        cluster.register_image(&image(&tag.to_string()), &format!("sha256:{}", tag.to_string().repeat(64)));
    }
    cluster.add_deployment(&seed());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = cluster.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let _ = rustls::crypto::ring::default_provider().install_default();
    Served { cluster, url, client: reqwest::Client::builder().no_proxy().build().unwrap() }
}

fn seed() -> DeploymentSeed {
    DeploymentSeed {
        namespace: "shop".into(),
        name: "web".into(),
        container: "web".into(),
        image: image("3"),
        change_cause: "release 3".into(),
        replicas: 4,
        history: vec![(image("1"), "release 1".into()), (image("2"), "release 2".into())],
        progress_deadline: Some(Duration::from_secs(20)),
        ..DeploymentSeed::default()
    }
}

impl Served {
    async fn call(
        &self,
        method: Method,
        token: &str,
        path: &str,
        kind: &str,
        body: &str,
    ) -> (StatusCode, Value) {
        let request = self.client.request(method, format!("{}{path}", self.url)).bearer_auth(token);
        let answer = request.header("content-type", kind).body(body.to_owned()).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, ADMIN_TOKEN, path, "", "").await;
        assert_eq!(status, 200, "{body}");
        body
    }

    async fn patch(&self, path: &str, kind: &str, body: &Value) -> (StatusCode, Value) {
        self.call(Method::PATCH, ADMIN_TOKEN, path, kind, &body.to_string()).await
    }

    fn pass(&self, seconds: u64) {
        let elapsed = Duration::from_secs(seconds);
        let now =
            self.cluster.look().clock.checked_add(jiff::SignedDuration::try_from(elapsed).unwrap()).unwrap();
        self.cluster.tick(now, elapsed);
    }

    async fn revisions(&self) -> Vec<(String, String, String)> {
        let list = self.get("/apis/apps/v1/namespaces/shop/replicasets").await;
        let mut found: Vec<_> = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|set| {
                let note = |key: &str| set["metadata"]["annotations"][key].as_str().unwrap_or("").to_owned();
                (
                    note("deployment.kubernetes.io/revision"),
                    note("kubernetes.io/change-cause"),
                    note("deployment.kubernetes.io/revision-history"),
                )
            })
            .collect();
        found.sort();
        found
    }
}

fn to_image(tag: &str) -> Value {
    json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": image(tag)}]}}}})
}

fn condition<'a>(deployment: &'a Value, kind: &str) -> &'a Value {
    deployment["status"]["conditions"].as_array().unwrap().iter().find(|c| c["type"] == kind).unwrap()
}

#[tokio::test]
async fn a_seed_is_rolled_out_with_its_history() {
    let served = served().await;
    let web = served.get(WEB).await;
    assert_eq!(web["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "3");
    assert_eq!(web["status"]["availableReplicas"], 4);
    assert_eq!(web["status"]["unavailableReplicas"], Value::Null, "zeros are left out");
    assert_eq!(condition(&web, "Progressing")["reason"], "NewReplicaSetAvailable");
    let revisions = served.revisions().await;
    let causes: Vec<_> = revisions.iter().map(|r| (r.0.as_str(), r.1.as_str())).collect();
    assert_eq!(causes, [("1", "release 1"), ("2", "release 2"), ("3", "release 3")]);
    assert_eq!(served.cluster.images("shop", "web"), [(image("3"), 4)]);
    let pods = served.get("/api/v1/namespaces/shop/pods").await;
    let id = format!("registry.example/shop/web@sha256:{}", "3".repeat(64));
    assert_eq!(pods["items"][0]["status"]["containerStatuses"][0]["imageID"], id);
    assert_eq!(pods["items"][0]["kind"], Value::Null, "list items do not repeat their kind");
}

#[tokio::test]
async fn an_undo_renumbers_the_revision_and_keeps_the_change_cause() {
    let served = served().await;
    let sets = served.get("/apis/apps/v1/namespaces/shop/replicasets").await;
    let old = sets["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|s| s["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1");
    let mut template = old.unwrap()["spec"]["template"].clone();
    template["metadata"]["labels"].as_object_mut().unwrap().remove("pod-template-hash");
    let patch = json!([
        {"op": "replace", "path": "/spec/template", "value": template},
        {"op": "add", "path": "/metadata/annotations/kubernetes.io~1change-cause", "value": "release 1"}
    ]);
    let (status, answer) = served.patch(WEB, JSON, &patch).await;
    assert_eq!(status, 200, "{answer}");
    let observed = answer["status"]["observedGeneration"].as_i64().unwrap();
    assert!(answer["metadata"]["generation"].as_i64().unwrap() > observed, "accepted is not observed");
    served.pass(30);
    let revisions = served.revisions().await;
    assert_eq!(revisions.iter().map(|r| r.0.as_str()).collect::<Vec<_>>(), ["2", "3", "4"]);
    assert_eq!(revisions[2], ("4".into(), "release 1".into(), "1".into()));
    assert_eq!(served.cluster.images("shop", "web"), [(image("1"), 4)]);
}

#[tokio::test]
async fn a_failed_test_operation_answers_422_without_saying_which() {
    let served = served().await;
    let before = served.get(WEB).await;
    let patch = json!([{"op": "test", "path": "/metadata/generation", "value": 999}, {"op": "replace", "path": "/spec/replicas", "value": 9}]);
    let (status, body) = served.patch(WEB, JSON, &patch).await;
    assert_eq!(status, 422);
    let expected = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "the server rejected our request due to an error in our request", "reason": "Invalid",
        "details": {}, "code": 422});
    assert_eq!(body, expected);
    assert_eq!(served.get(WEB).await, before);
    let generation = before["metadata"]["generation"].clone();
    let fits = json!([{"op": "test", "path": "/metadata/generation", "value": generation}, {"op": "replace", "path": "/spec/replicas", "value": 5}]);
    assert_eq!(served.patch(WEB, JSON, &fits).await.0, 200);
}

#[tokio::test]
async fn a_patch_with_too_many_operations_answers_413() {
    let served = served().await;
    let one = json!({"op": "test", "path": "/kind", "value": "Deployment"});
    let (status, body) = served.patch(WEB, JSON, &Value::Array(vec![one; 10_001])).await;
    assert_eq!((status.as_u16(), body["reason"].as_str()), (413, Some("RequestEntityTooLarge")));
}

#[tokio::test]
async fn a_stale_resource_version_answers_409_with_the_known_sentence() {
    let served = served().await;
    let expected = "Operation cannot be fulfilled on deployments.apps \"web\": the object has been modified; please apply your changes to the latest version and try again";
    let mut patch = to_image("2");
    patch["metadata"] = json!({"resourceVersion": "1"});
    let (status, body) = served.patch(WEB, MERGE, &patch).await;
    assert_eq!(
        (status.as_u16(), body["reason"].as_str(), body["message"].as_str()),
        (409, Some("Conflict"), Some(expected))
    );
    assert_eq!(body["details"], json!({"name": "web", "group": "apps", "kind": "deployments"}));
    let mut object = served.get(WEB).await;
    object["metadata"]["resourceVersion"] = "1".into();
    let (status, body) =
        served.call(Method::PUT, ADMIN_TOKEN, WEB, "application/json", &object.to_string()).await;
    assert_eq!((status.as_u16(), body["message"].as_str()), (409, Some(expected)));
}

#[tokio::test]
async fn an_unknown_patch_type_answers_415() {
    let served = served().await;
    let (status, body) = served.patch(WEB, "application/json", &to_image("2")).await;
    assert_eq!((status.as_u16(), body["reason"].as_str()), (415, Some("UnsupportedMediaType")));
}

#[tokio::test]
async fn a_dry_run_answers_as_if_and_changes_nothing() {
    let served = served().await;
    let before = served.get(WEB).await;
    let (status, body) =
        served.patch(&format!("{WEB}?dryRun=All&fieldManager=cockpit"), STRATEGIC, &to_image("4")).await;
    assert_eq!(status, 200);
    assert_eq!(body["spec"]["template"]["spec"]["containers"][0]["image"], image("4"));
    assert_eq!(
        body["metadata"]["generation"].as_i64(),
        before["metadata"]["generation"].as_i64().map(|g| g + 1)
    );
    assert_eq!(served.get(WEB).await, before);
    let writes = served.cluster.writes();
    assert!(writes.len() == 1 && writes[0].dry_run && writes[0].status == 200 && writes[0].user == "admin");
}

#[tokio::test]
async fn a_strategic_patch_merges_containers_by_name_and_a_merge_patch_replaces_them() {
    let served = served().await;
    let (_, body) = served.patch(&format!("{WEB}?fieldManager=cockpit"), STRATEGIC, &to_image("4")).await;
    let container = &body["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["ports"][0]["containerPort"], 8080, "the rest of the container stays");
    let managers: Vec<_> =
        body["metadata"]["managedFields"].as_array().unwrap().iter().map(|m| &m["manager"]).collect();
    assert!(managers.contains(&&json!("cockpit")), "{managers:?}");
    let (_, body) = served.patch(WEB, MERGE, &to_image("2")).await;
    assert_eq!(body["spec"]["template"]["spec"]["containers"][0]["ports"], Value::Null);
}

#[tokio::test]
async fn an_object_without_containers_or_with_another_selector_answers_422() {
    let served = served().await;
    let none = json!({"spec": {"template": {"spec": {"containers": []}}}});
    let (status, body) = served.patch(WEB, MERGE, &none).await;
    assert_eq!(status, 422);
    assert_eq!(
        body["message"],
        "Deployment.apps \"web\" is invalid: spec.template.spec.containers: Required value"
    );
    assert_eq!(body["details"]["causes"][0]["reason"], "FieldValueRequired");
    let other = json!({"spec": {"selector": {"matchLabels": {"app": "other"}}, "template": {"metadata": {"labels": {"app": "other"}}}}});
    let (status, body) = served.patch(WEB, MERGE, &other).await;
    assert_eq!(status, 422);
    assert!(body["message"].as_str().unwrap().ends_with("field is immutable"), "{body}");
}

#[tokio::test]
async fn a_viewer_may_look_but_not_patch_and_a_stranger_nothing() {
    let served = served().await;
    let patch = to_image("2").to_string();
    let dry = format!("{WEB}?dryRun=All");
    let (status, body) = served.call(Method::PATCH, VIEWER_TOKEN, &dry, STRATEGIC, &patch).await;
    assert_eq!(status, 403);
    assert_eq!(
        body["message"],
        "deployments.apps \"web\" is forbidden: User \"viewer\" cannot patch resource \"deployments\" in API group \"apps\" in the namespace \"shop\""
    );
    assert_eq!(served.call(Method::GET, VIEWER_TOKEN, WEB, "", "").await.0, 200);
    let (status, body) = served.call(Method::GET, "guess", WEB, "", "").await;
    assert_eq!((status.as_u16(), body["message"].as_str()), (401, Some("Unauthorized")));
    assert_eq!(served.cluster.writes()[0].status, 403, "a refused write is in the ledger");
    let review = json!({"spec": {"resourceAttributes": {"verb": "patch", "group": "apps", "resource": "deployments", "namespace": "shop"}}});
    for (token, allowed) in [(ADMIN_TOKEN, true), (VIEWER_TOKEN, false)] {
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let (status, body) =
            served.call(Method::POST, token, path, "application/json", &review.to_string()).await;
        assert_eq!((status.as_u16(), body["status"]["allowed"].as_bool()), (201, Some(allowed)));
    }
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let (_, body) = served.call(Method::POST, VIEWER_TOKEN, path, "application/json", "{}").await;
    assert_eq!(body["status"]["userInfo"]["username"], "viewer");
}

#[tokio::test]
async fn a_tenant_may_everything_in_a_namespace_and_nothing_in_all_of_them() {
    let served = served().await;
    served.cluster.grant("tenants", "jo", super::Role::Tenant);
    for (path, status) in [
        ("/apis/apps/v1/namespaces/shop/deployments", 200),
        ("/apis/apps/v1/deployments", 403),
        ("/apis/apps/v1/deployments?watch=1", 403),
        ("/api/v1/pods?limit=1", 403),
    ] {
        assert_eq!(served.call(Method::GET, "tenants", path, "", "").await.0, status, "{path}");
    }
    let (_, body) = served.call(Method::GET, "tenants", "/apis/apps/v1/deployments", "", "").await;
    assert_eq!(
        body["message"],
        "deployments.apps is forbidden: User \"jo\" cannot list resource \"deployments\" in API group \"apps\" at the cluster scope"
    );
    for (namespace, allowed) in [("shop", true), ("", false)] {
        let asked =
            json!({"verb": "list", "group": "apps", "resource": "deployments", "namespace": namespace});
        let review = json!({"spec": {"resourceAttributes": asked}}).to_string();
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let (_, body) = served.call(Method::POST, "tenants", path, "application/json", &review).await;
        assert_eq!(body["status"]["allowed"].as_bool(), Some(allowed), "{namespace}");
    }
}

#[tokio::test]
async fn pages_are_one_snapshot_until_the_history_expires() {
    let served = served().await;
    let pods = "/api/v1/pods?limit=3";
    let first = served.get(pods).await;
    assert_eq!(
        (first["items"].as_array().unwrap().len(), &first["metadata"]["remainingItemCount"]),
        (3, &json!(1))
    );
    let token = first["metadata"]["continue"].as_str().unwrap();
    let last = first["items"][0]["metadata"]["name"].as_str().unwrap();
    served
        .call(
            Method::DELETE,
            ADMIN_TOKEN,
            &format!("/api/v1/namespaces/shop/pods/{last}?gracePeriodSeconds=0"),
            "",
            "",
        )
        .await;
    let second = served.get(&format!("{pods}&continue={token}")).await;
    assert_eq!(second["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
    assert_eq!(second["items"].as_array().unwrap().len(), 1);
    served.cluster.expire_watches();
    let (status, body) =
        served.call(Method::GET, ADMIN_TOKEN, &format!("{pods}&continue={token}"), "", "").await;
    assert_eq!((status.as_u16(), body["reason"].as_str()), (410, Some("Expired")));
    let fresh = body["metadata"]["continue"].as_str().unwrap();
    assert_eq!(served.get(&format!("{pods}&continue={fresh}")).await["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn selectors_choose_and_wrong_ones_answer_400() {
    let served = served().await;
    let count = async |query: &str| {
        served.get(&format!("/api/v1/pods?{query}")).await["items"].as_array().unwrap().len()
    };
    assert_eq!(count("labelSelector=app%3Dweb").await, 4);
    assert_eq!(count("labelSelector=app%20in%20(web,other),!missing,pod-template-hash").await, 4);
    assert_eq!(count("labelSelector=app%20notin%20(web)").await, 0);
    assert_eq!(count("labelSelector=app!%3Dweb").await, 0);
    assert_eq!(count("fieldSelector=metadata.namespace%3Dother").await, 0);
    let path = "/api/v1/pods?fieldSelector=spec.colour%3Dred";
    let (status, body) = served.call(Method::GET, ADMIN_TOKEN, path, "", "").await;
    assert_eq!(status, 400);
    assert!(body["message"].as_str().unwrap().ends_with("field label not supported: spec.colour"));
}

async fn next_line(watch: &mut reqwest::Response, buffer: &mut String) -> Option<Value> {
    loop {
        if let Some((line, rest)) = buffer.split_once('\n') {
            let value = serde_json::from_str(line).unwrap();
            *buffer = rest.to_owned();
            return Some(value);
        }
        let chunk = tokio::time::timeout(Duration::from_secs(10), watch.chunk()).await.unwrap().unwrap()?;
        buffer.push_str(std::str::from_utf8(&chunk).unwrap());
    }
}

#[tokio::test]
async fn a_watch_tells_of_changes_and_ends_with_410_when_history_expires() {
    let served = served().await;
    let list = served.get("/apis/apps/v1/deployments").await;
    let version = list["metadata"]["resourceVersion"].as_str().unwrap();
    let path = format!("{}/apis/apps/v1/deployments?watch=1&resourceVersion={version}", served.url);
    // The header arrives although nothing has happened yet.
    let mut watch = served.client.get(path).bearer_auth(ADMIN_TOKEN).send().await.unwrap();
    let mut buffer = String::new();
    served.patch(WEB, STRATEGIC, &to_image("2")).await;
    let event = next_line(&mut watch, &mut buffer).await.unwrap();
    assert_eq!(event["type"], "MODIFIED");
    assert_eq!(event["object"]["kind"], "Deployment");
    served.cluster.expire_watches();
    let mut last = event;
    while let Some(event) = next_line(&mut watch, &mut buffer).await {
        last = event;
    }
    assert_eq!(
        (&last["type"], &last["object"]["code"], &last["object"]["reason"]),
        (&json!("ERROR"), &json!(410), &json!("Expired"))
    );
    let path = format!("{}/apis/apps/v1/deployments?watch=1&resourceVersion={version}", served.url);
    let mut late = served.client.get(path).bearer_auth(ADMIN_TOKEN).send().await.unwrap();
    let event = next_line(&mut late, &mut String::new()).await.unwrap();
    assert_eq!((&event["type"], &event["object"]["code"]), (&json!("ERROR"), &json!(410)));
}

#[tokio::test]
async fn a_bookmark_comes_before_the_watch_times_out() {
    let served = served().await;
    let path =
        format!("{}/apis/apps/v1/deployments?watch=1&allowWatchBookmarks=true&timeoutSeconds=1", served.url);
    let mut watch = served.client.get(path).bearer_auth(ADMIN_TOKEN).send().await.unwrap();
    let (mut buffer, mut kinds) = (String::new(), Vec::new());
    while let Some(event) = next_line(&mut watch, &mut buffer).await {
        kinds.push(event["type"].as_str().unwrap().to_owned());
    }
    assert_eq!(kinds, ["ADDED", "BOOKMARK"]);
}

#[tokio::test]
async fn a_crash_loop_stops_the_rollout_and_passes_its_deadline() {
    let served = served().await;
    served.cluster.set_behaviour(&image("4"), Behaviour::CrashLoop);
    assert!(served.cluster.set_image("shop", "web", "web", &image("4"), "release 4"));
    served.pass(12);
    let web = served.get(WEB).await;
    assert_eq!(condition(&web, "Available")["status"], "True", "the old pods still serve");
    let pods = served.get("/api/v1/pods").await;
    let bad = pods["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|p| p["spec"]["containers"][0]["image"] == image("4"))
        .unwrap();
    let status = &bad["status"]["containerStatuses"][0];
    assert_eq!(status["state"]["waiting"]["reason"], "CrashLoopBackOff");
    assert_eq!(status["lastState"]["terminated"]["exitCode"], 1);
    assert!(status["restartCount"].as_i64().unwrap() >= 1);
    served.pass(30);
    let web = served.get(WEB).await;
    let progressing = condition(&web, "Progressing");
    assert_eq!(
        (&progressing["status"], &progressing["reason"]),
        (&json!("False"), &json!("ProgressDeadlineExceeded"))
    );
    assert!(served.cluster.images("shop", "web").contains(&(image("3"), 3)));
}

#[tokio::test]
async fn an_unknown_tag_gives_err_image_pull_and_then_back_off() {
    let served = served().await;
    served.patch(WEB, STRATEGIC, &to_image("missing")).await;
    let mut reasons = Vec::new();
    for _ in 0..40 {
        served.cluster.tick(noon(), Duration::from_millis(250));
        let pods = served.get("/api/v1/pods").await;
        for pod in pods["items"].as_array().unwrap() {
            if let Some(reason) = pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"].as_str()
                && !reasons.contains(&reason.to_owned())
            {
                reasons.push(reason.to_owned());
            }
        }
    }
    assert_eq!(reasons, ["ContainerCreating", "ErrImagePull", "ImagePullBackOff"]);
}

#[tokio::test]
async fn memory_kills_and_pods_that_never_get_ready_show_their_reasons() {
    let served = served().await;
    served.cluster.set_behaviour(&image("3"), Behaviour::OomKilled);
    served.pass(8);
    let pods = served.get("/api/v1/pods").await;
    let text = pods.to_string();
    assert!(text.contains("OOMKilled") && text.contains("\"exitCode\":137"), "{text}");
    served.cluster.set_behaviour(&image("4"), Behaviour::NeverReady);
    served.cluster.set_behaviour(&image("3"), Behaviour::Healthy);
    served.cluster.set_image("shop", "web", "web", &image("4"), "");
    served.pass(19);
    assert!(served.cluster.images("shop", "web").contains(&(image("4"), 0)));
}

#[tokio::test]
async fn a_paused_deployment_says_so_and_goes_on_when_resumed() {
    let served = served().await;
    served.patch(WEB, STRATEGIC, &json!({"spec": {"paused": true}})).await;
    served.patch(WEB, STRATEGIC, &to_image("4")).await;
    served.pass(30);
    let web = served.get(WEB).await;
    let progressing = condition(&web, "Progressing");
    assert_eq!(
        (&progressing["status"], &progressing["reason"]),
        (&json!("Unknown"), &json!("DeploymentPaused"))
    );
    assert_eq!(web["status"]["updatedReplicas"], Value::Null);
    served.patch(WEB, STRATEGIC, &json!({"spec": {"paused": null}})).await;
    served.pass(30);
    assert_eq!(served.cluster.images("shop", "web"), [(image("4"), 4)]);
}

#[tokio::test]
async fn a_change_by_hand_is_put_back_by_its_owner() {
    let served = served().await;
    let owner = Owner::ArgoCd { application: "shop".into(), self_heal: Some(Duration::from_secs(5)) };
    served.cluster.add_deployment(&DeploymentSeed { name: "api".into(), owner, ..seed() });
    let api = "/apis/apps/v1/namespaces/shop/deployments/api";
    let found = served.get(api).await;
    assert_eq!(
        found["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"],
        "shop:apps/Deployment:shop/api"
    );
    served.patch(api, STRATEGIC, &to_image("2")).await;
    served.pass(60);
    assert_eq!(served.cluster.images("shop", "api"), [(image("3"), 4)]);
    served.cluster.set_image("shop", "api", "web", &image("4"), "a commit");
    served.pass(60);
    assert_eq!(served.cluster.images("shop", "api"), [(image("4"), 4)]);
}

#[tokio::test]
async fn status_is_not_written_through_the_object_and_annotations_move_the_generation() {
    let served = served().await;
    let before = served.get(WEB).await;
    let (_, after) = served.patch(WEB, MERGE, &json!({"status": {"replicas": 99}})).await;
    assert_eq!(after, before, "nothing changed, so nothing was written");
    let (_, after) = served.patch(WEB, MERGE, &json!({"metadata": {"annotations": {"note": "x"}}})).await;
    assert_eq!(
        after["metadata"]["generation"].as_i64(),
        before["metadata"]["generation"].as_i64().map(|g| g + 1)
    );
}

#[tokio::test]
async fn history_is_pruned_and_deletion_takes_everything_owned() {
    let served = served().await;
    served.cluster.prune_history("shop", "web", 1);
    assert_eq!(served.revisions().await.iter().map(|r| r.0.as_str()).collect::<Vec<_>>(), ["2", "3"]);
    let (status, body) = served.call(Method::DELETE, ADMIN_TOKEN, WEB, "", "").await;
    assert_eq!((status.as_u16(), body["status"].as_str()), (200, Some("Success")));
    served.pass(5);
    assert_eq!(served.get("/api/v1/pods").await["items"], json!([]));
    let (status, body) = served.call(Method::GET, ADMIN_TOKEN, WEB, "", "").await;
    assert_eq!(
        (status.as_u16(), body["message"].as_str()),
        (404, Some("deployments.apps \"web\" not found"))
    );
}

#[tokio::test]
async fn a_review_may_come_as_protobuf() {
    let served = served().await;
    let field =
        |number: u8, bytes: &[u8]| [&[number << 3 | 2, u8::try_from(bytes.len()).unwrap()], bytes].concat();
    let attributes =
        [field(1, b"shop"), field(2, b"patch"), field(3, b"apps"), field(5, b"deployments")].concat();
    let review = field(2, &field(1, &attributes));
    let body =
        [b"k8s\0".to_vec(), field(1, &field(1, b"authorization.k8s.io/v1")), field(2, &review)].concat();
    let path = format!("{}/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", served.url);
    let request = served.client.post(path).bearer_auth(VIEWER_TOKEN);
    let request = request.header("content-type", "application/vnd.kubernetes.protobuf").body(body);
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["spec"]["resourceAttributes"]["verb"], "patch");
    assert_eq!(answer["status"]["allowed"], false);
}

#[tokio::test]
async fn only_the_metadata_comes_when_only_the_metadata_is_asked_for() {
    let served = served().await;
    let request =
        served.client.get(format!("{}/apis/apps/v1/replicasets", served.url)).bearer_auth(ADMIN_TOKEN);
    let request =
        request.header("accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1");
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["kind"], "PartialObjectMetadataList");
    assert_eq!(answer["items"].as_array().unwrap().len(), 3);
    assert_eq!(answer["items"][0].get("spec"), None);
}

#[tokio::test]
async fn a_version_of_the_future_answers_504_and_a_wrong_scale_is_refused() {
    let served = served().await;
    let path = "/api/v1/pods?resourceVersion=99999999";
    let (status, body) = served.call(Method::GET, ADMIN_TOKEN, path, "", "").await;
    assert_eq!((status.as_u16(), body["reason"].as_str()), (504, Some("Timeout")));
    let scale = format!("{WEB}/scale");
    let (status, body) = served.patch(&scale, MERGE, &json!({"spec": {"replicas": 2}})).await;
    assert_eq!((status.as_u16(), &body["kind"]), (200, &json!("Scale")));
    served.pass(10);
    assert_eq!(served.cluster.images("shop", "web"), [(image("3"), 2)]);
    assert_eq!(served.patch(&scale, MERGE, &json!({"spec": {"replicas": -1}})).await.0, 422);
}

#[tokio::test]
async fn a_quiet_cluster_writes_nothing() {
    let served = served().await;
    served.pass(5);
    let before = served.get("/api/v1/pods").await;
    served.pass(120);
    assert_eq!(served.get("/api/v1/pods").await, before, "also the list's resource version stands still");
}

#[tokio::test]
async fn the_history_limit_prunes_the_oldest_revisions() {
    let served = served().await;
    served.patch(WEB, MERGE, &json!({"spec": {"revisionHistoryLimit": 1}})).await;
    served.cluster.set_image("shop", "web", "web", &image("4"), "release 4");
    served.pass(60);
    assert_eq!(served.revisions().await.iter().map(|r| r.0.as_str()).collect::<Vec<_>>(), ["3", "4"]);
}

#[tokio::test]
async fn flux_is_discovered_and_its_switch_is_checked_by_its_schema() {
    let served = served().await;
    let groups = served.get("/apis").await;
    let names: Vec<_> =
        groups["groups"].as_array().unwrap().iter().filter_map(|g| g["name"].as_str()).collect();
    for (group, version, plural) in [
        ("kustomize.toolkit.fluxcd.io", "v1", "kustomizations"),
        ("helm.toolkit.fluxcd.io", "v2", "helmreleases"),
        ("source.toolkit.fluxcd.io", "v1", "gitrepositories"),
    ] {
        assert!(names.contains(&group), "{names:?}");
        let found = served.get(&format!("/apis/{group}/{version}")).await;
        assert_eq!(found["resources"][0]["name"], plural);
        let (status, _) =
            served.call(Method::GET, ADMIN_TOKEN, &format!("/apis/{group}/v9/{plural}"), "", "").await;
        assert_eq!(status.as_u16(), 404);
    }
    let all = "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/shop/kustomizations";
    let spec =
        json!({"interval": "1m", "prune": true, "sourceRef": {"kind": "GitRepository", "name": "deploys"}});
    let object = json!({"metadata": {"name": "apps"}, "spec": spec, "status": {"observedGeneration": 7}});
    let (status, made) =
        served.call(Method::POST, ADMIN_TOKEN, all, "application/json", &object.to_string()).await;
    assert_eq!((status.as_u16(), &made["status"]), (201, &json!({"observedGeneration": -1})));
    let apps = format!("{all}/apps");
    let wrong = json!([{"op": "add", "path": "/spec/suspend", "value": "true"}]);
    let (status, refused) = served.patch(&apps, JSON, &wrong).await;
    assert_eq!(status.as_u16(), 422);
    assert_eq!(
        refused["message"],
        "Kustomization.kustomize.toolkit.fluxcd.io \"apps\" is invalid: spec.suspend: Invalid value: \"string\": spec.suspend in \
         body must be of type boolean: \"string\""
    );
    let (status, _) = served.patch(&apps, STRATEGIC, &json!({"spec": {"suspend": true}})).await;
    assert_eq!(status.as_u16(), 415, "a custom resource has no strategic merge");
    let held = json!([{"op": "test", "path": "/metadata/generation", "value": 1}, {"op": "add", "path": "/spec/suspend", "value": true}]);
    let (status, object) = served.patch(&apps, JSON, &held).await;
    assert_eq!((status.as_u16(), &object["metadata"]["generation"]), (200, &json!(2)));
    let (status, _) = served.patch(&apps, JSON, &held).await;
    assert_eq!(status.as_u16(), 422, "its generation has moved");
}
