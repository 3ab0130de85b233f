//! Containers of no swarm over HTTP, as any client sees them: each refusal by its status.

use super::{ContainerSeed, Engine};
use jiff::Timestamp;
use serde_json::{Value, json};

struct Served {
    url: String,
    client: reqwest::Client,
}

async fn served() -> Served {
    let engine = Engine::new("2026-11-20T12:00:00Z".parse::<Timestamp>().unwrap());
    engine.register_image("r.test/web:1", &format!("sha256:{}", "1".repeat(64)));
    let (ports, networks) = (vec!["8080".into()], vec!["shop".into()]);
    let image = "r.test/web:1".to_owned();
    engine.add_container(&ContainerSeed {
        name: "web".into(),
        image,
        ports,
        networks,
        ..ContainerSeed::default()
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = engine.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let _ = rustls::crypto::ring::default_provider().install_default();
    Served { url, client: reqwest::Client::builder().no_proxy().build().unwrap() }
}

impl Served {
    async fn post(&self, path: &str, body: &Value) -> (u16, String) {
        let request = self.client.post(format!("{}/v1.41{path}", self.url)).body(body.to_string());
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn status(&self, name: &str) -> String {
        let answer =
            self.client.get(format!("{}/v1.41/containers/{name}/json", self.url)).send().await.unwrap();
        let container: Value = answer.json().await.unwrap();
        container["State"]["Status"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn what_is_so_already_is_not_modified_and_what_is_not_there_is_not_found() {
    let served = served().await;
    for (path, status) in [
        ("/containers/web/start", 304),
        ("/containers/web/stop", 204),
        ("/containers/web/stop", 304),
        ("/containers/web/start", 204),
        ("/containers/none/start", 404),
        ("/containers/none/stop", 404),
        ("/networks/nowhere/connect", 404),
    ] {
        assert_eq!(served.post(path, &Value::Null).await.0, status, "{path}");
    }
    assert_eq!(served.status("web").await, "running");
}

#[tokio::test]
async fn a_name_in_use_is_a_conflict_and_a_port_in_use_is_found_at_the_start() {
    let served = served().await;
    let bindings = json!({"80/tcp": [{"HostPort": "8080"}]});
    let body = json!({"Image": "r.test/web:1", "HostConfig": {"PortBindings": bindings}});
    let (status, text) = served.post("/containers/create?name=web", &body).await;
    assert_eq!(status, 409);
    assert!(text.contains("is already in use by container"), "{text}");
    assert_eq!(served.post("/containers/create?name=web-2", &body).await.0, 201);
    assert_eq!(served.status("web-2").await, "created");
    let (status, text) = served.post("/containers/web-2/start", &Value::Null).await;
    assert_eq!(status, 500);
    assert!(text.contains("port is already allocated"), "{text}");
    assert_eq!(served.post("/containers/web/stop", &Value::Null).await.0, 204);
    assert_eq!(served.post("/containers/web-2/start", &Value::Null).await.0, 204);
}

#[tokio::test]
async fn what_cannot_be_made_is_refused() {
    let served = served().await;
    let two = json!({"EndpointsConfig": {"shop": {}, "back": {}}});
    for (path, body, status) in [
        ("/containers/create?name=a/b", json!({"Image": "r.test/web:1"}), 400),
        ("/containers/create?name=other", json!({}), 400),
        ("/containers/create?name=other", json!({"Image": "r.test/web:9"}), 404),
        ("/containers/create?name=other", json!({"Image": "r.test/web:1", "NetworkingConfig": two}), 400),
    ] {
        assert_eq!(served.post(path, &body).await.0, status, "{path} {body}");
    }
}
