//! A registry as it really is: Debian's `docker-registry` with a login, on loopback. What a tag and a digest name, and what
//! belongs to an index.
//!
//! Needs `docker-registry` on the PATH: `cargo test --test real_registry -- --ignored`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gonogo::domain::{Artifact, Cause, SafeText, Settings, SourceName};
use gonogo::provider::registry::{Belongs, Manifest, Registry, Tag};
use gonogo::provider::{SecretPlace, SourceSpec};
use sha2::{Digest as _, Sha256};

const PASSWORD: &str = "canary-registry-pass";
/// What `htpasswd -B` makes of it.
const USERS: &str = "ann:$2b$04$iZmTM8spS9WJRj73BviKQOZwmxRsKhD64ulcXNwTakbsPRI5KiRC6\n";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A registry that is stopped when dropped.
struct Server {
    child: Child,
    host: String,
    _folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn sum(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap()
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let host =
            format!("127.0.0.1:{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
        let (store, users) = (folder.path().join("store"), folder.path().join("users"));
        std::fs::write(&users, USERS).unwrap();
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\n  \
             delete: {{enabled: true}}\nhttp: {{addr: {host}}}\nauth:\n  htpasswd: {{realm: house, path: {}}}\n",
            store.display(),
            users.display()
        );
        let config = folder.path().join("registry.yml");
        std::fs::write(&config, text).unwrap();
        let child = Command::new("docker-registry")
            .args(["serve", config.to_str().unwrap()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("docker-registry: {error}"));
        let server = Self { child, host, _folder: folder };
        let end = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(&server.host).is_err() {
            assert!(Instant::now() < end, "the registry does not listen");
            std::thread::park_timeout(Duration::from_millis(50));
        }
        server
    }

    async fn blob(&self, bytes: &'static str) -> String {
        let digest = sum(bytes.as_bytes());
        let url = format!("http://{}/v2/acme/web/blobs/uploads/", self.host);
        let begun = client().post(url).basic_auth("ann", Some(PASSWORD)).send().await.unwrap();
        let place = begun.headers()["location"].to_str().unwrap();
        let url = format!("{place}&digest={digest}");
        let put = client().put(url).basic_auth("ann", Some(PASSWORD)).body(bytes).send().await.unwrap();
        assert_eq!(put.status(), 201, "{}", put.text().await.unwrap());
        digest
    }

    /// Pushes a manifest under a name (a tag, or its own digest).
    async fn push(&self, which: Option<&str>, kind: &str, text: &str) -> SafeText {
        let digest = sum(text.as_bytes());
        let url = format!("http://{}/v2/acme/web/manifests/{}", self.host, which.unwrap_or(&digest));
        let put = client().put(url).basic_auth("ann", Some(PASSWORD)).header("content-type", kind);
        let answer = put.body(text.to_owned()).send().await.unwrap();
        assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
        SafeText::new(&digest)
    }

    async fn delete(&self, digest: &SafeText) {
        let url = format!("http://{}/v2/acme/web/manifests/{digest}", self.host);
        let gone = client().delete(url).basic_auth("ann", Some(PASSWORD)).send().await.unwrap();
        assert_eq!(gone.status(), 202);
    }

    async fn manifest(&self, config: &'static str) -> String {
        let (config, layer) = (self.blob(config).await, self.blob("layer").await);
        format!(
            "{{\"schemaVersion\":2,\"mediaType\":\"{MANIFEST}\",\"config\":{{\"mediaType\":\
             \"application/vnd.oci.image.config.v1+json\",\"digest\":\"{config}\",\"size\":2}},\"layers\":[{{\"mediaType\":\
             \"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"{layer}\",\"size\":5}}]}}"
        )
    }

    fn asked(&self, password: Option<&str>) -> Registry {
        let mut settings = Settings::default();
        let mut spec = SourceSpec {
            name: SourceName::new("prod"),
            settings: Settings::default(),
            secrets: std::collections::BTreeMap::new(),
            bounds: Vec::new(),
            env: Arc::default(),
        };
        if let Some(password) = password {
            settings = settings.with_text("registry", &self.host).with_text("registry_user", "ann");
            spec.secrets.insert("registry_password".to_owned(), SecretPlace::Env("PASSWORD".to_owned()));
            spec.env = Arc::new([("PASSWORD".to_owned(), password.to_owned())].into());
        }
        Registry::of(&SourceSpec { settings, ..spec }).unwrap()
    }
}

#[tokio::test]
#[ignore = "needs docker-registry; .ci/run runs it"]
async fn a_real_registry_is_asked_with_a_login_and_believed_by_its_bytes() {
    let server = Server::start();
    let image = format!("{}/acme/web:v1", server.host);
    let amd = server.push(None, MANIFEST, &server.manifest("{}").await).await;
    let arm = server.push(None, MANIFEST, &server.manifest("[]").await).await;
    let other = server.push(Some("v2"), MANIFEST, &server.manifest("42").await).await;
    let entry = |digest: &SafeText, architecture: &str| {
        let size = 412;
        format!(
            "{{\"mediaType\":\"{MANIFEST}\",\"digest\":\"{digest}\",\"size\":{size},\"platform\":{{\"os\":\"linux\",\
             \"architecture\":\"{architecture}\"}}}}"
        )
    };
    let text = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"{INDEX}\",\"manifests\":[{},{}]}}",
        entry(&amd, "amd64"),
        entry(&arm, "arm64")
    );
    let index = server.push(Some("v1"), INDEX, &text).await;

    assert!(matches!(server.asked(None).manifest(&image).await, Manifest::Locked(_)));
    match server.asked(Some("guess")).manifest(&image).await {
        Manifest::Untold(fault) => assert_eq!(fault.cause, Cause::Forbidden, "{fault}"),
        other => panic!("{other:?}"),
    }
    let registry = server.asked(Some(PASSWORD));
    assert_eq!(
        registry.manifest(&image).await,
        Manifest::Found(index.clone()),
        "the index, not one platform's"
    );
    assert_eq!(registry.belongs(&image, &index, &amd).await, Belongs::As("linux/amd64".into()));
    assert_eq!(registry.belongs(&image, &index, &arm).await, Belongs::As("linux/arm64".into()));
    assert_eq!(registry.belongs(&image, &index, &other).await, Belongs::No);
    let tested = |digest: &SafeText| Artifact::from_reference(&format!("{image}@{digest}"));
    assert_eq!(registry.tag(&tested(&index)).await, Tag::Same);
    let whole = Tag::IndexOf { index: index.clone(), platform: "linux/amd64".into() };
    assert_eq!(registry.tag(&tested(&amd)).await, whole);

    // Somebody pushes another image under the same tag, and the old one is cleaned away.
    server.push(Some("v1"), MANIFEST, &server.manifest("42").await).await;
    assert_eq!(registry.tag(&tested(&index)).await, Tag::Moved(other.clone()));
    server.delete(&index).await;
    let reference = format!("{}/acme/web@{index}", server.host);
    assert_eq!(registry.manifest(&reference).await, Manifest::Missing);
    assert_eq!(registry.manifest(&image).await, Manifest::Found(other));
}
