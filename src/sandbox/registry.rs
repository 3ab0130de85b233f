//! An OCI registry that only answers what a tag means: manifests, indexes and their digests. Every image of the world is
//! in it. As the public ones do, it answers nobody without a token, which anybody gets unless it is private.

use super::images::{self, OWNER};
use super::world::{State as WorldState, World};
use axum::Router;
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::response::Response;
use base64::Engine as _;
use hyper::header::HeaderValue;
use hyper::{HeaderMap, Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// What the registry calls itself when it asks for a token.
const SERVICE: &str = "registry.sandbox";
/// How long a token is good, by the world's clock.
const LASTS: i64 = 300;

/// What the registry has beyond the tags of the day, and who may read it.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    /// Name and password without which nothing is given out.
    login: Option<(String, String)>,
    tokens: BTreeMap<String, Pass>,
    handed_out: u64,
    /// Tags that name an index.
    indexes: BTreeSet<(String, String)>,
    /// Tags that name what another tag named.
    moved: BTreeMap<(String, String), String>,
    /// Digests that were deleted.
    gone: BTreeSet<String>,
}

/// What a token lets its bearer do.
#[derive(Debug)]
struct Pass {
    /// The repository that it may pull; none for one that may do nothing.
    repository: Option<String>,
    until: Timestamp,
}

impl World {
    /// Makes the registry private: it gives nothing out but to this login.
    pub fn lock_registry(&self, name: &str, password: &str) {
        let mut state = self.lock();
        state.shelf.login = Some((name.to_owned(), password.to_owned()));
        state.shelf.tokens.clear();
    }

    /// Every token that was handed out is no longer good.
    pub fn expire_tokens(&self) {
        self.lock().shelf.tokens.clear();
    }

    /// Publishes an image for several platforms: its tag names an index from now on. Answers the digests of the index,
    /// of its linux/amd64 image (what the tag named before) and of its linux/arm64 image.
    pub fn publish_index(&self, service: &str, tag: &str) -> [String; 3] {
        self.lock().shelf.indexes.insert((service.to_owned(), tag.to_owned()));
        [images::index_digest(service, tag), images::digest(service, tag), images::arm_digest(service, tag)]
    }

    /// Pushes what `other` names under `tag` too: the tag moves.
    pub fn move_tag(&self, service: &str, tag: &str, other: &str) {
        self.lock().shelf.moved.insert((service.to_owned(), tag.to_owned()), other.to_owned());
    }

    /// Deletes a manifest.
    pub fn delete_manifest(&self, digest: &str) {
        self.lock().shelf.gone.insert(digest.to_owned());
    }
}

/// The registry.
pub(super) fn router(world: World) -> Router {
    Router::new().fallback(handle).with_state(world)
}

async fn handle(State(world): State<World>, request: Request) -> Response {
    let mut state = world.lock();
    let (method, headers) = (request.method(), request.headers());
    let path = request.uri().path();
    if path == "/token" && *method == Method::GET {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(request.uri()).map(|Query(pairs)| pairs);
        return token(&mut state, headers, &pairs.unwrap_or_default());
    }
    if path == "/v2/" || path == "/v2" {
        return match bearer(&state, headers) {
            Some(_) => answer(200, "application/json", "{}".into(), None, method),
            None => challenge(&state, None, headers, method),
        };
    }
    let rest = path.strip_prefix("/v2/").and_then(|rest| rest.split_once("/manifests/"));
    let Some((name, word)) = rest.filter(|_| [Method::GET, Method::HEAD].contains(method)) else {
        return refuse("UNSUPPORTED", 404, method);
    };
    if bearer(&state, headers).is_none_or(|pass| pass.repository.as_deref() != Some(name)) {
        return challenge(&state, Some(name), headers, method);
    }
    let service = name.strip_prefix(&format!("{OWNER}/")).unwrap_or_default();
    if !state.services.iter().any(|other| other.script.name == service) {
        return refuse("NAME_UNKNOWN", 404, method);
    }
    match find(&state, service, word) {
        Some((kind, body, digest)) if accepts(headers, kind) => {
            answer(200, kind, body, Some(&digest), method)
        }
        _ => refuse("MANIFEST_UNKNOWN", 404, method),
    }
}

/// What a tag or a digest names: its type, its bytes, its digest.
fn find(state: &WorldState, service: &str, word: &str) -> Option<(&'static str, String, String)> {
    let script = &state.services.iter().find(|other| other.script.name == service)?.script;
    let shelf = &state.shelf;
    let key = |tag: &str| (service.to_owned(), tag.to_owned());
    for tag in &script.tags {
        let indexed = shelf.indexes.contains(&key(tag));
        let mut all = vec![(MANIFEST, images::manifest(service, tag), images::digest(service, tag))];
        if indexed {
            all.push((INDEX, images::index(service, tag), images::index_digest(service, tag)));
            all.push((MANIFEST, images::arm_manifest(service, tag), images::arm_digest(service, tag)));
        }
        let named = shelf.moved.get(&key(word)).map_or(word, String::as_str);
        let by_tag = named == tag;
        let kind = if indexed { INDEX } else { MANIFEST };
        let fits = |entry: &(&'static str, String, String)| entry.2 == word || (by_tag && entry.0 == kind);
        if let Some(found) = all.into_iter().find(fits) {
            return (!shelf.gone.contains(&found.2)).then_some(found);
        }
    }
    None
}

/// A manifest is only given to those who say that they understand it.
fn accepts(headers: &HeaderMap, kind: &str) -> bool {
    let named = headers.get_all("accept").iter().filter_map(|value| value.to_str().ok());
    named
        .flat_map(|value| value.split(','))
        .any(|one| one.split(';').next().unwrap_or_default().trim() == kind)
}

/// What a request's token lets it do, if it has one that is good.
fn bearer<'a>(state: &'a WorldState, headers: &HeaderMap) -> Option<&'a Pass> {
    let token = headers.get("authorization")?.to_str().ok()?.strip_prefix("Bearer ")?;
    state.shelf.tokens.get(token).filter(|pass| state.now < pass.until)
}

fn challenge(state: &WorldState, name: Option<&str>, headers: &HeaderMap, method: &Method) -> Response {
    let mut wanted = format!("Bearer realm=\"http://{}/token\",service=\"{SERVICE}\"", state.registry);
    if let Some(name) = name {
        wanted.push_str(&format!(",scope=\"repository:{name}:pull\""));
    }
    if headers.contains_key("authorization") {
        let known = bearer(state, headers).is_some();
        wanted.push_str(if known { ",error=\"insufficient_scope\"" } else { ",error=\"invalid_token\"" });
    }
    let mut response = refuse("UNAUTHORIZED", 401, method);
    if let Ok(value) = HeaderValue::from_str(&wanted) {
        response.headers_mut().insert("www-authenticate", value);
    }
    response
}

/// Hands out a token. Whoever may not pull gets one that is good for nothing, as the public registries do.
fn token(state: &mut WorldState, headers: &HeaderMap, pairs: &[(String, String)]) -> Response {
    let one = |key: &str| match pairs.iter().filter(|(name, _)| name == key).collect::<Vec<_>>().as_slice() {
        [(_, value)] => Some(value.clone()),
        _ => None,
    };
    let scope = one("scope").unwrap_or_default();
    let repository = scope.strip_prefix("repository:").and_then(|rest| rest.strip_suffix(":pull"));
    let (Some(repository), Some(SERVICE)) = (repository, one("service").as_deref()) else {
        return refuse("BAD_REQUEST", 400, &Method::GET);
    };
    let given = headers.get("authorization").map(|value| value.as_bytes().to_vec());
    let right = state.shelf.login.as_ref().map(|(name, password)| {
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"));
        format!("Basic {pair}").into_bytes()
    });
    if given.is_some() && given != right {
        return refuse("UNAUTHORIZED", 401, &Method::GET);
    }
    let may = given == right;
    state.shelf.handed_out += 1;
    let token = format!("sandbox-registry-token-{}", state.shelf.handed_out);
    let until = state.now.checked_add(SignedDuration::from_secs(LASTS)).unwrap_or(state.now);
    state.shelf.tokens.insert(token.clone(), Pass { repository: may.then(|| repository.to_owned()), until });
    let body = format!("{{\"token\":\"{token}\",\"expires_in\":{LASTS}}}");
    answer(200, "application/json", body, None, &Method::GET)
}

fn refuse(code: &str, status: u16, method: &Method) -> Response {
    let body = format!(
        "{{\"errors\":[{{\"code\":\"{code}\",\"message\":\"{}\"}}]}}",
        code.to_lowercase().replace('_', " ")
    );
    answer(status, "application/json", body, None, method)
}

fn answer(status: u16, kind: &'static str, body: String, digest: Option<&str>, method: &Method) -> Response {
    let length = body.len();
    let mut response = Response::new(if *method == Method::HEAD { Body::empty() } else { Body::from(body) });
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static(kind));
    headers.insert("content-length", length.into());
    headers.insert("docker-distribution-api-version", HeaderValue::from_static("registry/2.0"));
    if let Some(digest) = digest.and_then(|digest| HeaderValue::from_str(digest).ok()) {
        headers.insert("docker-content-digest", digest);
    }
    response
}
