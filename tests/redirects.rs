//! A redirect never carries a secret: writes follow none, reads stay within their origin (PROMISES R21).
//!
//! Every code times every kind of target times every way to say who we are. The targets lead to sinks on loopback that
//! write down each byte; a client with the HTTP library's usual behaviour is the control that they can be reached.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex};

use gonogo::domain::{
    Ask, Bound, Cause, EnvironmentName, Fault, Reached, Role, SafeText, ServiceName, Settings, SourceName,
    Step,
};
use gonogo::provider::http::{Auth, Endpoint, EndpointSpec, Read};
use gonogo::provider::secret::Secret;
use gonogo::provider::{Provider, SecretPlace, SourceSpec, kind};

#[path = "support/listener.rs"]
mod listener;

use listener::{Listener, said};

const SECRET: &str = "canary-R21-4f2c8b6d0a";
const CODES: &[u16] = &[301, 302, 303, 307, 308];

/// The sinks that targets lead to.
struct Sinks {
    /// Another port of the same address.
    port: Listener,
    /// Another address of this machine.
    host: Listener,
}

/// What a redirect may name.
struct Target {
    name: &'static str,
    /// The `Location`, from the asked server's address and the sinks.
    location: fn(SocketAddr, &Sinks) -> String,
    /// What the fault must name beside the asked host; `None` if the target is of the same origin.
    there: fn(SocketAddr, &Sinks) -> Option<String>,
    /// A host name that a usual client is told to find at the sink, if it is not a number.
    resolved: Option<&'static str>,
}

fn same(_: SocketAddr, _: &Sinks) -> Option<String> {
    None
}

fn at_port(_: SocketAddr, sinks: &Sinks) -> Option<String> {
    Some(sinks.port.address.to_string())
}

const SUBDOMAIN: &str = "ci.127.0.0.1.nip.test";
const LOOK_ALIKE: &str = "127.0.0.1.evil.test";
const PUNYCODE: &str = "xn--lcalhost-54a.test";

const TARGETS: &[Target] = &[
    Target {
        name: "another host",
        location: |_, s| format!("http://{}/x?t=1", s.host.address),
        there: |_, s| Some(s.host.address.to_string()),
        resolved: None,
    },
    Target {
        name: "another port",
        location: |_, s| format!("http://{}/x", s.port.address),
        there: at_port,
        resolved: None,
    },
    Target {
        name: "another scheme, same host and port",
        location: |own, _| format!("https://{own}/x"),
        there: |own, _| Some(own.to_string()),
        resolved: None,
    },
    Target {
        name: "a subdomain",
        location: |_, s| format!("http://{SUBDOMAIN}:{}/x", s.port.address.port()),
        there: |_, _| Some(SUBDOMAIN.to_owned()),
        resolved: Some(SUBDOMAIN),
    },
    Target {
        name: "a name that begins alike",
        location: |_, s| format!("http://{LOOK_ALIKE}:{}/x", s.port.address.port()),
        there: |_, _| Some(LOOK_ALIKE.to_owned()),
        resolved: Some(LOOK_ALIKE),
    },
    Target {
        name: "our host as a user's name",
        location: |own, s| format!("http://{own}@{}/x", s.port.address),
        there: at_port,
        resolved: None,
    },
    Target {
        name: "the address as one number",
        location: |_, s| format!("http://2130706433:{}/x", s.port.address.port()),
        there: |_, s| Some(s.port.address.port().to_string()),
        resolved: None,
    },
    Target {
        name: "a name in punycode",
        location: |_, s| format!("http://{PUNYCODE}:{}/x", s.port.address.port()),
        there: |_, _| Some(PUNYCODE.to_owned()),
        resolved: Some(PUNYCODE),
    },
    Target { name: "a path", location: |_, _| "/elsewhere?a=b".to_owned(), there: same, resolved: None },
    Target {
        name: "without a scheme",
        location: |_, s| format!("//{}/x", s.port.address),
        there: at_port,
        resolved: None,
    },
    Target {
        name: "with backslashes",
        location: |_, s| format!("\\\\{}\\x", s.port.address),
        there: at_port,
        resolved: None,
    },
    Target { name: "a fragment", location: |_, _| "#x".to_owned(), there: same, resolved: None },
];

/// Ways to say who we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Bearer,
    Basic,
    PrivateHeader,
    TenantHeader,
    Cookie,
    Kubeconfig,
}

const STYLES: &[Style] = &[
    Style::Bearer,
    Style::Basic,
    Style::PrivateHeader,
    Style::TenantHeader,
    Style::Cookie,
    Style::Kubeconfig,
];

fn secret() -> Secret {
    let env = BTreeMap::from([("TOKEN".to_owned(), SECRET.to_owned())]);
    Secret::new(SecretPlace::Env("TOKEN".to_owned()), Arc::new(env))
}

fn endpoint(style: Style, url: &str) -> Endpoint {
    let spec = EndpointSpec::new(url);
    let spec = match style {
        Style::Bearer => spec.auth(Auth::Bearer(secret())),
        Style::Basic => spec.auth(Auth::Basic { username: "ana".to_owned(), password: secret() }),
        Style::PrivateHeader => spec.auth(Auth::Header { name: "private-token", value: secret() }),
        Style::Cookie => spec.auth(Auth::Header { name: "cookie", value: secret() }),
        Style::TenantHeader | Style::Kubeconfig => spec.header("x-scope-orgid", SECRET),
    };
    Endpoint::new(spec).unwrap()
}

fn step(path: &str) -> Step {
    Step {
        source: SourceName::new("prod"),
        method: "PATCH".to_owned(),
        path: path.to_owned(),
        content_type: Some("application/json-patch+json".to_owned()),
        body: Some(format!("[\"{SECRET}\"]")),
        effect: SafeText::new("patches"),
    }
}

fn cluster(folder: &Path, url: &str) -> Arc<dyn Provider> {
    let config = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters: [{{name: c, cluster: {{server: '{url}'}}}}]\n\
         users: [{{name: u, user: {{token: {SECRET}}}}}]\ncontexts: [{{name: a, context: {{cluster: c, user: u}}}}]\n"
    );
    let path = folder.join("config");
    std::fs::write(&path, config).unwrap();
    let bound = Bound {
        role: Role::Deploy,
        service: ServiceName::new("web"),
        environment: Some(EnvironmentName::new("production")),
        settings: Settings::default().with_text("namespace", "shop").with_text("workload", "deployment/web"),
    };
    let spec = SourceSpec {
        name: SourceName::new("prod"),
        settings: Settings::default().with_text("kubeconfig", path.to_str().unwrap()),
        secrets: BTreeMap::new(),
        bounds: vec![bound],
        env: Arc::default(),
    };
    (kind("kubernetes").unwrap().build)(spec).unwrap()
}

/// Reads through a redirect, then writes through one; what each came to. The read may have been answered.
async fn both(style: Style, url: &str, folder: &Path) -> (Result<(), Fault>, Fault) {
    if style == Style::Kubeconfig {
        let reading = cluster(folder, &format!("{url}/read"));
        let read = reading.observe(&Ask::default()).await.map(|_| ());
        let writing = cluster(folder, &format!("{url}/write"));
        let path = "/apis/apps/v1/namespaces/shop/deployments/web";
        return (read, writing.perform(&step(path)).await.unwrap_err());
    }
    let endpoint = endpoint(style, url);
    let read = endpoint.read(&Read::get("/read")).await.and_then(|answer| answer.ok().map(|_| ()));
    let write = endpoint.write(&step("/write"), &[]).await.unwrap();
    assert!(matches!(write.status, 300..=399));
    (read, write.fault())
}

/// A server that redirects whatever asks below `/read` and every PATCH, and answers the rest.
fn redirecting(code: u16, target: &'static Target, sinks: &Arc<Sinks>) -> Listener {
    let sinks = Arc::clone(sinks);
    let own: Arc<Mutex<Option<SocketAddr>>> = Arc::default();
    let known = Arc::clone(&own);
    let listener = Listener::start("127.0.0.1", move |request| {
        let line = request.lines().next().unwrap_or_default();
        if !line.contains(" /read") && !line.starts_with("PATCH ") {
            return said("200 OK", "", "{}");
        }
        let location = (target.location)(known.lock().unwrap().unwrap(), &sinks);
        said(&format!("{code} Redirect"), &format!("location: {location}\r\n"), "")
    });
    *own.lock().unwrap() = Some(listener.address);
    listener
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_redirect_carries_a_secret_and_the_fault_names_both_hosts() {
    let folder = tempfile::tempdir().unwrap();
    let sinks = Arc::new(Sinks { port: Listener::sink("127.0.0.1"), host: Listener::sink("127.0.0.2") });
    let (mut cases, mut stolen) = (0, 0);
    for &code in CODES {
        for target in TARGETS {
            let server = redirecting(code, target, &sinks);
            let url = format!("http://{}", server.address);
            for &style in STYLES {
                let what = format!("{code} to {} as {style:?}", target.name);
                let (read, write) = both(style, &url, folder.path()).await;
                cases += 1;
                let own = server.address.to_string();
                let mut faults = vec![&write];
                if let Err(fault) = &read {
                    faults.push(fault);
                }
                for fault in faults {
                    assert_eq!(
                        (fault.cause, fault.reached),
                        (Cause::Redirected, Reached::No),
                        "{what}: {fault}"
                    );
                    let text = format!("{fault} {fault:?}");
                    assert!(fault.to_string().contains(&own), "{what}: {fault}");
                    if let Some(there) = (target.there)(server.address, &sinks) {
                        assert!(fault.to_string().contains(&there), "{what}: {fault}");
                        let twice = there != own || fault.to_string().matches(&own).count() >= 2;
                        assert!(twice, "{what}: names one of both only: {fault}");
                    }
                    assert!(!text.contains(SECRET) && !text.contains("t=1"), "{what}: {text}");
                }
                let same_origin = (target.there)(server.address, &sinks).is_none();
                assert!(same_origin || read.is_err(), "{what}: was followed");
                let heard = server.take();
                let patches = heard.iter().filter(|h| h.starts_with("PATCH ")).count();
                assert_eq!(patches, 1, "{what}: a write is sent once and follows nothing: {heard:?}");
                assert!(heard.iter().all(|h| !h.starts_with('\u{16}')), "{what}: TLS was tried");
            }
            let at_sinks = [sinks.port.take(), sinks.host.take()].concat();
            stolen += at_sinks.iter().map(String::len).sum::<usize>();
            assert!(at_sinks.is_empty(), "{code} to {}: {at_sinks:?}", target.name);
        }
    }
    println!("R21: {cases} cases (each a read and a write), {stolen} bytes at the sinks");
    assert_eq!(cases, 360);
    assert_eq!(stolen, 0);
}

/// The control: what a client does that follows redirects as its library does, with the same header.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn control_a_usual_client_carries_the_secret_to_the_same_sinks() {
    let sinks = Arc::new(Sinks { port: Listener::sink("127.0.0.1"), host: Listener::sink("127.0.0.2") });
    rustls::crypto::ring::default_provider().install_default().ok();
    let mut leaks = 0;
    for target in TARGETS {
        let server = redirecting(307, target, &sinks);
        let mut client = reqwest::Client::builder().no_proxy().tls_certs_only([]);
        if let Some(name) = target.resolved {
            client = client.resolve(name, sinks.port.address);
        }
        let url = format!("http://{}/read", server.address);
        let asked = client.build().unwrap().get(url).header("private-token", SECRET).send().await;
        // Circles and TLS where there is none end with an error.
        drop(asked);
        let at_sinks = [sinks.port.take(), sinks.host.take()].concat();
        leaks += usize::from(at_sinks.iter().any(|heard| heard.contains(SECRET)));
    }
    println!("R21 control: a usual client leaks the header to {leaks} of {} targets", TARGETS.len());
    assert_eq!(leaks, 9, "all but the path, the fragment and the other scheme of the same port");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_from_tls_to_plain_text_is_not_followed() {
    let sink = Listener::sink("127.0.0.1");
    let there = sink.address;
    let (port, heard) = tls(move || said("302 Found", &format!("location: http://{there}/x\r\n"), ""));
    let mut spec = EndpointSpec::new(&format!("https://127.0.0.1:{port}")).auth(Auth::Bearer(secret()));
    spec.ca_file = Some(pem("authority.pem"));
    let fault = Endpoint::new(spec).unwrap().read(&Read::get("/x")).await.unwrap_err();
    assert_eq!(fault.cause, Cause::Redirected, "{fault}");
    assert!(fault.to_string().contains(&format!("http://{there}")), "{fault}");
    assert!(fault.to_string().contains(&format!("127.0.0.1:{port}")), "{fault}");
    assert!(sink.take().is_empty());
    assert!(heard.lock().unwrap().contains(SECRET), "the host that it belongs to got it");
}

fn pem(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/tls").join(name)
}

/// A TLS server with the test authority's certificate; what it decrypted.
fn tls(answer: impl Fn() -> String + Send + 'static) -> (u16, Arc<Mutex<String>>) {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let chain = vec![CertificateDer::from_pem_file(pem("good.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(pem("server.key")).unwrap();
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard: Arc<Mutex<String>> = Arc::default();
    let log = Arc::clone(&heard);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let tls = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut tls = rustls::StreamOwned::new(tls, stream);
            let mut buffer = [0; 4_096];
            while let Ok(n @ 1..) = tls.read(&mut buffer) {
                let mut heard = log.lock().unwrap();
                heard.push_str(&String::from_utf8_lossy(&buffer[..n]));
                if heard.ends_with("\r\n\r\n") {
                    break;
                }
            }
            // A client that has gone away needs no answer.
            let _ = tls.write_all(answer().as_bytes());
            tls.conn.send_close_notify();
            let _ = tls.flush();
        }
    });
    (port, heard)
}

/// The one way that leads elsewhere: what a server keeps at a storage host. It may get there, but bare.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_kept_elsewhere_is_fetched_without_any_secret() {
    use gonogo::provider::http::{Allowance, Fetched};
    use std::time::Duration;
    let sinks = Arc::new(Sinks { port: Listener::sink("127.0.0.1"), host: Listener::sink("127.0.0.2") });
    let allowance = Allowance { bytes: 1 << 20, patience: Duration::from_millis(500), domains: &[] };
    let (mut cases, mut fetched, mut secrets) = (0, 0, 0);
    for &code in CODES {
        for target in TARGETS {
            let server = redirecting(code, target, &sinks);
            let url = format!("http://{}", server.address);
            for &style in STYLES.iter().filter(|style| **style != Style::Kubeconfig) {
                let what = format!("{code} to {} as {style:?}", target.name);
                let endpoint = endpoint(style, &url);
                let came = endpoint.read_elsewhere(&Read::get("/read"), allowance, &mut |_| {}).await;
                cases += 1;
                match came {
                    Ok(Fetched::Whole | Fetched::Part(_)) => fetched += 1,
                    Ok(Fetched::Answered(answer)) => {
                        assert!((target.there)(server.address, &sinks).is_none(), "{what}: {answer:?}");
                    }
                    Err(fault) => {
                        let text = format!("{fault} {fault:?}");
                        assert!(text.contains(&server.address.to_string()), "{what}: {text}");
                        assert!(!text.contains(SECRET) && !text.contains("t=1"), "{what}: {text}");
                    }
                }
            }
            for heard in [sinks.port.take(), sinks.host.take()].concat() {
                let low = heard.to_lowercase();
                let carries =
                    [SECRET, "authorization", "private-token", "cookie", "x-scope-orgid", "referer"];
                secrets += carries.iter().filter(|word| low.contains(&word.to_lowercase())).count();
                assert!(heard.starts_with("GET "), "{code} to {}: {heard}", target.name);
            }
        }
    }
    println!("R21, elsewhere: {cases} cases, {fetched} fetched, {secrets} secrets at the sinks");
    assert_eq!((cases, secrets), (300, 0));
    assert!(fetched > 0, "the control: what may be fetched is");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_kept_elsewhere_is_fetched_from_allowed_domains_only() {
    use gonogo::provider::http::Allowance;
    use std::time::Duration;
    let sink = Listener::sink("127.0.0.1");
    let there = sink.address;
    for location in [format!("http://{there}/x"), format!("http://stores.test.evil.test:{}/x", there.port())]
    {
        let server = Listener::start("127.0.0.1", move |_| {
            said("302 Found", &format!("location: {location}\r\n"), "")
        });
        let endpoint = endpoint(Style::Bearer, &format!("http://{}", server.address));
        let domains = &["stores.test"];
        let allowance = Allowance { bytes: 1 << 20, patience: Duration::from_secs(5), domains };
        let fault = endpoint.read_elsewhere(&Read::get("/read"), allowance, &mut |_| {}).await.unwrap_err();
        assert_eq!(fault.cause, Cause::Redirected, "{fault}");
        assert!(sink.take().is_empty());
    }
}
