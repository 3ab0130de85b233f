//! Read-only is a state of the whole process, so this has a process of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gonogo::domain::service::Access;
use gonogo::domain::{Reached, SafeText, Settings, SourceName, Step};
use gonogo::provider::access::set_access;
use gonogo::provider::{SourceSpec, kind};

#[tokio::test]
async fn a_read_only_process_sends_no_patch() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let patches = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&patches);
    let router = axum::Router::new().fallback(move |request: axum::extract::Request| {
        let counter = Arc::clone(&counter);
        async move {
            if request.method() == axum::http::Method::PATCH {
                counter.fetch_add(1, Ordering::SeqCst);
            }
            axum::Json(serde_json::json!({}))
        }
    });
    let server = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters:\n- name: c\n  cluster:\n    server: http://{address}\n\
         users: []\ncontexts:\n- name: a\n  context:\n    cluster: c\n    user: u\n"
    );
    std::fs::write(&path, text).unwrap();
    let spec = SourceSpec {
        name: SourceName::new("prod"),
        settings: Settings::default().with_text("kubeconfig", path.to_str().unwrap()),
        secrets: BTreeMap::new(),
        bounds: Vec::new(),
        env: Arc::default(),
    };
    let provider = (kind("kubernetes").unwrap().build)(spec).unwrap();
    let step = Step {
        source: SourceName::new("prod"),
        method: "PATCH".to_owned(),
        path: "/apis/apps/v1/namespaces/shop/deployments/web?fieldManager=gonogo".to_owned(),
        content_type: Some("application/json-patch+json".to_owned()),
        body: Some("[]".to_owned()),
        effect: SafeText::default(),
    };
    assert!(provider.perform(&step).await.is_ok(), "writable, it is sent");
    set_access(Access::ReadOnly);
    let fault = provider.perform(&step).await.unwrap_err();
    assert_eq!(fault.reached, Reached::No);
    assert_eq!(patches.load(Ordering::SeqCst), 1);
    server.abort();
}
