//! R22 for a registry's login: it goes to that registry and its own token host, and no token leaves the registry that
//! it is for.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use gonogo::domain::{Settings, SourceName};
use gonogo::provider::registry::{Manifest, Registry};
use gonogo::provider::{SecretPlace, SourceSpec};

use crate::canary::{Scanner, canary};
use crate::listener::{Listener, said};

const DIGEST: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

/// What the registry under test does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Wants name and password itself.
    Basic,
    /// Its own host hands out tokens.
    OwnRealm,
    /// It names another host for tokens.
    OtherRealm,
    /// Its token host sends on to another one.
    RealmRedirects,
    /// It sends on to another host, once it knows who asks.
    Redirects,
    /// It repeats all that it hears, and refuses.
    Repeats,
}

/// A registry of that manner. Its own address is in the `Host` header; `evil` is elsewhere.
fn answer(manner: Manner, evil: &str, token: &str, heard: &str) -> String {
    let head = |name: &str| {
        let start = format!("{name}: ");
        heard.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix(&start).map(str::to_owned))
    };
    let own = head("host").unwrap();
    let let_in = heard.contains(&format!("Bearer {token}"));
    let with_login = heard.contains("Basic ");
    let echo = heard.replace(['\r', '\n'], " ");
    if heard.starts_with("GET /token") {
        return match manner {
            Manner::RealmRedirects => {
                said("307 Temporary Redirect", &format!("location: http://{evil}/token\r\n"), "")
            }
            Manner::Repeats => said("200 OK", "", &format!("{{\"token\":7,\"{echo}\":\"{token}\"}}")),
            _ if with_login => said("200 OK", "", &format!("{{\"token\":\"{token}\",\"expires_in\":300}}")),
            _ => said("401 Unauthorized", "", "{}"),
        };
    }
    let realm = if manner == Manner::OtherRealm { evil } else { &own };
    let wanted = if manner == Manner::Basic {
        "www-authenticate: Basic realm=\"x\"\r\n".to_owned()
    } else {
        format!("www-authenticate: Bearer realm=\"http://{realm}/token\",service=\"s\"\r\n")
    };
    match manner {
        Manner::Redirects if let_in => {
            said("307 Temporary Redirect", &format!("location: http://{evil}/v2/\r\n"), "")
        }
        _ if let_in || (manner == Manner::Basic && with_login) => {
            said("200 OK", &format!("docker-content-digest: {DIGEST}\r\n"), "")
        }
        _ => said("401 Unauthorized", &format!("{wanted}x-heard: {echo}\r\n"), ""),
    }
}

fn registry(host: &str, password: &str) -> Registry {
    let settings = Settings::default().with_text("registry", host).with_text("registry_user", "ann");
    let places = [("registry_password".to_owned(), SecretPlace::Env("PASSWORD".to_owned()))];
    Registry::of(&SourceSpec {
        name: SourceName::new("prod"),
        settings,
        secrets: places.into(),
        bounds: Vec::new(),
        env: Arc::new(BTreeMap::from([("PASSWORD".to_owned(), password.to_owned())])),
    })
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registrys_login_goes_to_no_other_host() {
    let (password, token) = (canary("registry", 22), canary("registry token", 22));
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("ann:{password}"));
    let scanner = Scanner::new(&[("password", &password), ("token", &token), ("pair", &basic)]);
    for (manner, found) in [
        (Manner::Basic, true),
        (Manner::OwnRealm, true),
        (Manner::OtherRealm, false),
        (Manner::RealmRedirects, false),
        (Manner::Redirects, false),
        (Manner::Repeats, false),
    ] {
        let evil = Listener::sink("127.0.0.2");
        let (elsewhere, handed) = (evil.address.to_string(), token.clone());
        let own = Listener::start("127.0.0.1", move |heard| answer(manner, &elsewhere, &handed, heard));
        let host = own.address.to_string();
        let asked = registry(&host, &password);
        let image = format!("{host}/acme/web:v1");
        let told = [asked.manifest(&image).await, asked.manifest(&image).await];
        for told in &told {
            assert_eq!(matches!(told, Manifest::Found(_)), found, "{manner:?}: {told:?}");
            assert_eq!(scanner.scan("what is told", format!("{told:?}").as_bytes()), [], "{manner:?}");
        }
        let heard = own.take();
        let sent = heard.iter().any(|request| request.contains(&format!("Basic {basic}")));
        assert_eq!(sent, manner != Manner::OtherRealm, "{manner:?}: its own login arrives: {heard:?}");
        // A login goes to manifests only where the registry asks for it itself.
        for request in heard.iter().filter(|request| request.contains(&basic)) {
            assert_eq!(request.starts_with("GET /token"), manner != Manner::Basic, "{manner:?}: {request}");
        }
        for request in evil.take() {
            assert_eq!(scanner.scan("another host", request.as_bytes()), [], "{manner:?}");
        }
        // Another registry that asks for a login in the same way gets none.
        let stranger = Listener::start("127.0.0.2", |_| {
            said("401 Unauthorized", "www-authenticate: Basic realm=\"x\"\r\n", "")
        });
        let told = asked.manifest(&format!("{}/acme/web:v1", stranger.address)).await;
        assert!(matches!(told, Manifest::Locked(_)), "{manner:?}: {told:?}");
        for request in stranger.take() {
            assert_eq!(scanner.scan("another registry", request.as_bytes()), [], "{manner:?}");
        }
    }
}
