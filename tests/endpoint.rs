//! What every provider relies on: an endpoint is bound to its origin, keeps its credential, and sends once.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::future::IntoFuture as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use gonogo::domain::{Cause, Reached, SafeText, SourceName, Step};
use gonogo::provider::SecretPlace;
use gonogo::provider::http::{Auth, Conditional, Endpoint, EndpointSpec, Limits, News, Read, query, segment};
use gonogo::provider::secret::Secret;
use serde_json::Value;

#[path = "support/faults.rs"]
#[expect(dead_code, reason = "only the server of the fault table is needed here")]
mod faults;

use faults::{Act, SECRET, Server, no_secret};

/// One request as the server saw it.
#[derive(Clone, Debug)]
struct Heard {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: String,
}

type Answering = dyn Fn(&Heard) -> Response + Send + Sync;

#[derive(Clone)]
struct Well {
    heard: Arc<Mutex<Vec<Heard>>>,
    answer: Arc<Answering>,
}

/// A server that behaves, on loopback; it ends with the test's runtime.
struct Behaving {
    url: String,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Behaving {
    async fn start(answer: impl Fn(&Heard) -> Response + Send + Sync + 'static) -> Self {
        let well = Well { heard: Arc::default(), answer: Arc::new(answer) };
        let heard = Arc::clone(&well.heard);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, router(well)).into_future());
        Self { url, heard }
    }

    fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }
}

fn router(well: Well) -> Router {
    Router::new().fallback(hear).with_state(well)
}

async fn hear(
    State(well): State<Well>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let heard = Heard { method, uri, headers, body: String::from_utf8_lossy(&body).into_owned() };
    well.heard.lock().unwrap().push(heard.clone());
    (well.answer)(&heard)
}

fn env(pairs: &[(&str, &str)]) -> Arc<BTreeMap<String, String>> {
    Arc::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

fn token() -> Secret {
    Secret::new(SecretPlace::Env("TOKEN".to_owned()), env(&[("TOKEN", SECRET)]))
}

fn with_token(url: &str) -> Endpoint {
    Endpoint::new(EndpointSpec::new(url).auth(Auth::Bearer(token()))).unwrap()
}

fn step(path: &str) -> Step {
    Step {
        source: SourceName::new("ci"),
        method: "PATCH".to_owned(),
        path: path.to_owned(),
        content_type: Some("application/json-patch+json".to_owned()),
        body: Some("[ {\"op\": \"test\" } ]\n".to_owned()),
        effect: SafeText::new("patches"),
    }
}

#[tokio::test]
async fn a_read_follows_a_move_within_its_origin_and_no_other() {
    let server = Behaving::start(|heard| match heard.uri.path() {
        "/api/old" => (StatusCode::MOVED_PERMANENTLY, [("location", "/repositories/7?a=b")]).into_response(),
        _ => "{\"id\":7}".into_response(),
    })
    .await;
    let endpoint = with_token(&format!("{}/api/", server.url));
    let found: Value = endpoint.read_json(&Read::get("/old")).await.unwrap();
    assert_eq!(found["id"], 7);
    let heard = server.heard();
    assert_eq!(heard[1].uri, "/repositories/7?a=b");
    for each in &heard {
        assert_eq!(each.headers["authorization"], format!("Bearer {SECRET}"));
        assert_eq!(each.headers["user-agent"], format!("gonogo/{}", env!("CARGO_PKG_VERSION")));
    }
}

#[tokio::test]
async fn a_redirect_to_another_host_names_both_and_carries_nothing_there() {
    let server =
        Server::start(Act::Say("HTTP/1.1 302 Found\r\nlocation: http://u:p@{elsewhere}/x?t=1\r\n\r\n")).await;
    let fault = with_token(&server.url).read(&Read::get("/x")).await.unwrap_err();
    assert_eq!(fault.cause, Cause::Redirected);
    assert_eq!(fault.detail.as_str().matches("127.0.0.1:").count(), 3, "asked, there and here: {fault}");
    assert!(!fault.to_string().contains("u:p") && !fault.to_string().contains("t=1"), "{fault}");
    assert!(server.elsewhere.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_step_is_sent_byte_for_byte_and_follows_no_redirect() {
    let server =
        Behaving::start(|_| (StatusCode::TEMPORARY_REDIRECT, [("location", "/again")]).into_response()).await;
    let answer =
        with_token(&server.url).write(&step("/a%2Fb?x=%20y"), &[("if-match", "\"7\"")]).await.unwrap();
    assert_eq!(answer.status, 307);
    let fault = answer.fault();
    assert_eq!((fault.cause, fault.reached), (Cause::Redirected, Reached::No));
    let heard = server.heard();
    assert_eq!(heard.len(), 1);
    assert_eq!((heard[0].method.as_str(), heard[0].uri.to_string().as_str()), ("PATCH", "/a%2Fb?x=%20y"));
    assert_eq!(heard[0].body, "[ {\"op\": \"test\" } ]\n");
    assert_eq!(heard[0].headers["content-type"], "application/json-patch+json");
    assert_eq!(heard[0].headers["if-match"], "\"7\"");
}

#[tokio::test]
async fn a_path_that_would_be_sent_differently_is_not_sent() {
    let server = Behaving::start(|_| "{}".into_response()).await;
    let endpoint = with_token(&format!("{}/base", server.url));
    for path in ["/a/../b", "/%2e%2e/b", "a", "@evil.test/", "/a b", "/a#b", "/a\\b", "/a\n", "/ü"] {
        let fault = endpoint.write(&step(path), &[]).await.unwrap_err();
        assert_eq!((fault.cause, fault.reached), (Cause::Local, Reached::No), "{path}");
        assert_eq!(endpoint.read(&Read::get(path)).await.unwrap_err().cause, Cause::Local, "{path}");
    }
    assert!(server.heard().is_empty());
    let path = query(&format!("/{}", segment("a/ü ?#..")), &[("q", "a&b=\"ü\"'{}")]);
    endpoint.read(&Read::get(path)).await.unwrap();
    assert_eq!(server.heard()[0].uri, "/base/a%2F%C3%BC%20%3F%23..?q=a%26b%3D%22%C3%BC%22%27%7B%7D");
}

#[test]
fn a_credential_never_travels_in_plain_text_to_another_machine() {
    for (url, fits) in [
        ("http://ci.test", false),
        ("http://127.0.0.1.ci.test", false),
        ("http://localhost.ci.test", false),
        ("http://10.0.0.1", false),
        ("https://ci.test", true),
        ("http://127.0.0.1:9", true),
        ("http://127.9.9.9:9", true),
        ("http://[::1]:9", true),
        ("http://localhost:9", true),
        ("unix:///run/x.sock", true),
    ] {
        let made = Endpoint::new(EndpointSpec::new(url).auth(Auth::Bearer(token())));
        assert_eq!(made.is_ok(), fits, "{url}");
        if let Err(fault) = made {
            assert_eq!(fault.cause, Cause::Local);
            assert!(fault.hint.is_some());
        }
        assert!(Endpoint::new(EndpointSpec::new(url)).is_ok(), "{url} without credential");
    }
}

#[test]
fn a_credential_in_the_wrong_place_is_refused_and_not_repeated() {
    let in_url = format!("https://user:{SECRET}@ci.test");
    let in_query = format!("https://ci.test/?token={SECRET}");
    for spec in [
        EndpointSpec::new(&in_url),
        EndpointSpec::new(&in_query),
        EndpointSpec::new(&format!("ftp://{SECRET}")),
        EndpointSpec::new("https://ci.test").header("Authorization", SECRET),
        EndpointSpec::new("https://ci.test").header("Cookie", SECRET),
        EndpointSpec::new("https://ci.test").header("X-A", &format!("{SECRET}\r\nx: y")),
    ] {
        let fault = Endpoint::new(spec).unwrap_err();
        assert_eq!(fault.cause, Cause::Local);
        no_secret("wrong place", &format!("{fault:?}"));
    }
}

#[tokio::test]
async fn a_basic_or_header_credential_is_sent_as_such_and_scrubbed_from_what_comes_back() {
    let server = Behaving::start(|heard| {
        let sent = |name: &str| heard.headers.get(name).map_or("", |v| v.to_str().unwrap()).to_owned();
        let echo =
            format!("{{\"message\":\"{} {} {SECRET}\"}}", sent("authorization"), sent("private-token"));
        (StatusCode::BAD_REQUEST, [("x-echo", SECRET)], echo).into_response()
    })
    .await;
    let basic = Auth::Basic { username: "ana".to_owned(), password: token() };
    let header = Auth::Header { name: "private-token", value: token() };
    for auth in [basic, header] {
        no_secret("auth", &format!("{auth:?}"));
        let endpoint = Endpoint::new(EndpointSpec::new(&server.url).auth(auth)).unwrap();
        let answer = endpoint.read(&Read::get("/")).await.unwrap();
        no_secret("body", &answer.text());
        no_secret("answer", &format!("{endpoint:?} {answer:?} {:?} {:?}", answer.headers, answer.fault()));
        assert!(answer.text().contains("(credential)"));
    }
    let heard = server.heard();
    assert!(heard[0].headers["authorization"].to_str().unwrap().starts_with("Basic "));
    assert_eq!(heard[1].headers["private-token"], SECRET);
}

#[cfg(unix)]
fn private_file(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn a_rotated_credential_is_fetched_again_after_a_401() {
    let server = Behaving::start(|heard| match heard.headers["authorization"].to_str().unwrap() {
        "Bearer new-token" => "{}".into_response(),
        _ => StatusCode::UNAUTHORIZED.into_response(),
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    private_file(&file, "old-token\n");
    let secret = Secret::new(SecretPlace::File(file.clone()), Arc::default());
    let endpoint = Endpoint::new(EndpointSpec::new(&server.url).auth(Auth::Bearer(secret))).unwrap();
    private_file(&file, "old-token\n");
    assert_eq!(endpoint.read(&Read::get("/")).await.unwrap().status, 401);
    private_file(&file, "new-token\n");
    assert_eq!(endpoint.read(&Read::get("/")).await.unwrap().status, 200);
    assert_eq!(server.heard().len(), 2, "not sent again by itself");
}

#[tokio::test]
async fn without_its_credential_nothing_is_sent() {
    let server = Behaving::start(|_| "{}".into_response()).await;
    let missing = Secret::new(SecretPlace::Env("NOT_SET".to_owned()), Arc::default());
    let endpoint = Endpoint::new(EndpointSpec::new(&server.url).auth(Auth::Bearer(missing))).unwrap();
    let fault = endpoint.write(&step("/"), &[]).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Local, Reached::No));
    assert!(fault.to_string().contains("NOT_SET"), "{fault}");
    assert!(server.heard().is_empty());
}

#[tokio::test]
async fn loopback_goes_straight_and_other_hosts_through_the_proxy_whose_login_stays_hidden() {
    let target = Behaving::start(|_| "{}".into_response()).await;
    let proxy =
        Server::start(Act::Say("HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n"))
            .await;
    let address = proxy.url.replace("http://", &format!("http://user:{SECRET}@"));
    let through = |url: &str| {
        let mut spec = EndpointSpec::new(url);
        spec.env = env(&[("HTTP_PROXY", &address), ("https_proxy", &address), ("NO_PROXY", "")]);
        Endpoint::new(spec).unwrap()
    };
    assert_eq!(through(&target.url).read(&Read::get("/")).await.unwrap().status, 200);
    assert!(proxy.requests.lock().unwrap().is_empty());

    let answer = through("http://ci.test").read(&Read::get("/")).await.unwrap();
    assert_eq!(answer.fault().cause, Cause::Unauthorized);
    let fault = through("https://ci.test").read(&Read::get("/")).await.unwrap_err();
    assert_eq!(fault.cause, Cause::Unauthorized, "{fault}");
    assert!(fault.to_string().contains("407"), "{fault}");
    no_secret("proxy", &format!("{fault:?} {:?}", answer.fault()));
    assert!(proxy.requests.lock().unwrap()[1].starts_with("CONNECT ci.test:443 "));
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_is_an_origin_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let well = Well { heard: Arc::default(), answer: Arc::new(|_| "{\"ok\":true}".into_response()) };
    let heard = Arc::clone(&well.heard);
    tokio::spawn(axum::serve(listener, router(well)).into_future());
    let endpoint = with_token(&format!("unix://{}", path.display()));
    let answer: Value = endpoint.read_json(&Read::get("/v1.41/services?a=b")).await.unwrap();
    assert_eq!(answer["ok"], true);
    assert_eq!(endpoint.write(&step("/x"), &[]).await.unwrap().status, 200);
    assert_eq!(heard.lock().unwrap()[0].uri, "/v1.41/services?a=b");
    let gone = with_token(&format!("unix://{}/none", folder.path().display()));
    let fault = gone.read(&Read::get("/")).await.unwrap_err();
    assert_eq!(fault.cause, Cause::Unreachable);
    assert!(fault.to_string().contains("no such socket"), "{fault}");
}

#[tokio::test]
async fn what_did_not_change_is_neither_sent_nor_parsed_again() {
    let version = Arc::new(AtomicUsize::new(1));
    let now = Arc::clone(&version);
    let server = Behaving::start(move |heard| {
        let etag = format!("W/\"v{}\"", now.load(Ordering::SeqCst));
        if heard.headers.get("if-none-match").is_some_and(|seen| seen.to_str().unwrap() == etag) {
            return (StatusCode::NOT_MODIFIED, [("x-ratelimit-remaining", "4999")]).into_response();
        }
        ([("etag", etag)], format!("[{}]", now.load(Ordering::SeqCst))).into_response()
    })
    .await;
    let endpoint = with_token(&server.url);
    let kept = Conditional::<Vec<u64>>::default();
    let mut seen = Vec::new();
    for change in [0, 0, 1, 0] {
        version.fetch_add(change, Ordering::SeqCst);
        let (value, news, answer) = kept.read(&endpoint, Read::get("/runs?page=1")).await.unwrap();
        assert_eq!(answer.headers.get("x-ratelimit-remaining").is_some(), news == News::Unchanged);
        seen.push((value[0], news));
    }
    assert_eq!(seen, [(1, News::Changed), (1, News::Unchanged), (2, News::Changed), (2, News::Unchanged)]);
    kept.clear();
    assert_eq!(kept.read(&endpoint, Read::get("/runs?page=1")).await.unwrap().1, News::Changed);
}

#[tokio::test]
async fn the_next_page_is_one_of_the_same_origin_or_none() {
    let server = Behaving::start(|heard| {
        let host = heard.headers["host"].to_str().unwrap();
        let link = match heard.uri.path() {
            "/api/a" => format!(
                "<http://{host}/api/a?page=1>; rel=\"prev\", <http://{host}/api/a?page=3&x=%20>; rel=\"next\""
            ),
            "/api/b" => "<http://evil.test/api/a?page=3>; rel=\"next\"".to_owned(),
            "/api/c" => "</api/c?page=2>; title=\"a, b\"; rel=next".to_owned(),
            "/api/d" => format!("<http://u:p@{host}/api/a>; rel=\"next\""),
            "/api/e" => format!("<http://{host}/other>; rel=\"next\""),
            "/api/f" => format!("<http://{host}/api/a>; rel=\"last\""),
            "/api/g" => "<<<>;rel=next".to_owned(),
            _ => "rel=\"next\"; <".to_owned(),
        };
        ([("link", link)], "[]").into_response()
    })
    .await;
    let endpoint = with_token(&format!("{}/api", server.url));
    for (path, next) in [
        ("/a", Some("/a?page=3&x=%20")),
        ("/b", None),
        ("/c", Some("/c?page=2")),
        ("/d", None),
        ("/e", None),
        ("/f", None),
        ("/g", None),
        ("/h", None),
    ] {
        let answer = endpoint.read(&Read::get(path)).await.unwrap();
        assert_eq!(answer.next_page().as_deref(), next, "{path}");
    }
}

#[tokio::test]
async fn a_body_may_be_as_long_as_the_limit_and_not_a_byte_longer() {
    let server =
        Behaving::start(|heard| "x".repeat(heard.uri.query().unwrap().parse().unwrap()).into_response())
            .await;
    let endpoint = with_token(&server.url);
    let most = Limits::DEFAULT.body;
    assert_eq!(endpoint.read(&Read::get(format!("/?{most}"))).await.unwrap().body.len(), most);
    let fault = endpoint.read(&Read::get(format!("/?{}", most + 1))).await.unwrap_err();
    assert_eq!(fault.cause, Cause::TooLarge);
}

#[tokio::test]
async fn json_may_be_as_deep_as_the_limit_and_wrong_fields_are_named() {
    #[derive(Debug, serde::Deserialize)]
    struct Run {
        #[serde(rename = "jobs")]
        _jobs: Vec<BTreeMap<String, u64>>,
    }
    let server = Behaving::start(|heard| match heard.uri.path() {
        "/deep" => format!("{}{}", "[".repeat(127), "]".repeat(127)).into_response(),
        "/deeper" => format!("{}{}", "[".repeat(129), "]".repeat(129)).into_response(),
        _ => r#"{"jobs":[{"id":1},{"id":"\u001b[2J"}]}"#.into_response(),
    })
    .await;
    let endpoint = with_token(&server.url);
    endpoint.read_json::<Value>(&Read::get("/deep")).await.unwrap();
    assert_eq!(endpoint.read_json::<Value>(&Read::get("/deeper")).await.unwrap_err().cause, Cause::Malformed);
    let fault = endpoint.read_json::<Run>(&Read::get("/run")).await.unwrap_err();
    assert!(fault.to_string().contains("field jobs[1].id"), "{fault}");
    assert!(!fault.to_string().contains('\u{1b}'));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_requests_are_under_way_than_allowed() {
    static NOW: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    let app = Router::new().fallback(async || {
        MOST.fetch_max(NOW.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        NOW.fetch_sub(1, Ordering::SeqCst);
        "{}"
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = with_token(&format!("http://{}", listener.local_addr().unwrap()));
    tokio::spawn(axum::serve(listener, app).into_future());
    let read = Read::get("/");
    let all = futures_util::future::join_all((0..40).map(|_| endpoint.read(&read))).await;
    assert!(all.iter().all(Result::is_ok));
    assert!(MOST.load(Ordering::SeqCst) <= Limits::DEFAULT.concurrency);
}

#[tokio::test]
async fn a_wrong_certificate_file_is_said_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (none, junk) = (folder.path().join("none.pem"), folder.path().join("junk.pem"));
    std::fs::write(&junk, "not a certificate").unwrap();
    for path in [none, junk] {
        let mut spec = EndpointSpec::new("https://ci.test");
        spec.ca_file = Some(path.clone());
        assert_eq!(Endpoint::new(spec.clone()).unwrap_err().cause, Cause::Local);
        spec.ca_file = None;
        spec.env = env(&[("SSL_CERT_FILE", path.to_str().unwrap())]);
        let fault = Endpoint::new(spec).unwrap_err();
        assert!(fault.to_string().contains("SSL_CERT_FILE"), "{fault}");
    }
}

#[tokio::test]
async fn a_slow_answer_ends_at_the_limit_of_its_phase_and_names_it() {
    let limits = Limits {
        headers: Duration::from_millis(150),
        idle: Duration::from_millis(150),
        total: Duration::from_millis(400),
        ..Limits::DEFAULT
    };
    let beat = Duration::from_millis(20);
    for (act, words) in [
        (Act::Silence, "no answer within 0.15 s"),
        (Act::ThenSilence("HTTP/1.1 200 OK\r\n\r\n{"), "stalled for 0.15 s"),
        (Act::Drip("HTTP/1.1 200 OK\r\n\r\n", " ", beat), "no whole answer within 0.4 s"),
    ] {
        let server = Server::start(act).await;
        let spec = EndpointSpec::new(&server.url).limits(limits);
        let fault = Endpoint::new(spec).unwrap().read(&Read::get("/")).await.unwrap_err();
        assert_eq!(fault.cause, Cause::TimedOut);
        assert!(fault.to_string().contains(words), "{fault}");
    }
}
