//! One request and its answer: deadlines, size, redirects, the credential.

use std::time::Duration;

use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, LOCATION,
};
use reqwest::{Response, Url};
use secrecy::zeroize::Zeroizing;
use std::sync::Arc;

use super::answer::{Answer, Headers};
use super::base::origin_of;
use super::{Auth, Inner, Method, Read, failure};
use crate::domain::{Cause, Fault, Step};
use crate::provider::secret::Value;

/// How many redirects a read follows.
const REDIRECTS: usize = 5;

/// The shortest credential that is looked for in answers: shorter ones occur by chance.
const SHORTEST: usize = 6;

/// What a request may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Only ask.
    Read,
    /// Only ask, and hand back where a redirect leads if it leaves the origin. See [`super::elsewhere`].
    Hop,
    /// Only ask, and hand back where any redirect leads: what is kept there is fetched without the credential, also
    /// within the origin.
    Signed,
    /// Change something.
    Write,
}

/// A request as it will be sent, except for the endpoint's own headers and the credential.
pub(super) struct Body {
    method: reqwest::Method,
    path: String,
    headers: HeaderMap,
    body: Option<String>,
}

impl From<&Read> for Body {
    fn from(read: &Read) -> Self {
        let mut headers = HeaderMap::new();
        let pairs = read.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        put(&mut headers, std::iter::once((ACCEPT.as_str(), read.accept.as_str())).chain(pairs));
        if let Some(etag) = &read.etag {
            put(&mut headers, [(IF_NONE_MATCH.as_str(), etag.as_str())]);
        }
        let (method, body) = match &read.method {
            Method::Get => (reqwest::Method::GET, None),
            Method::Head => (reqwest::Method::HEAD, None),
            Method::PostForm(form) => {
                put(&mut headers, [(CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded")]);
                let pairs: Vec<_> = form.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
                let encoded = super::query("", &pairs);
                (reqwest::Method::POST, Some(encoded.trim_start_matches('?').to_owned()))
            }
            Method::PostGraph(document) => {
                put(&mut headers, [(CONTENT_TYPE.as_str(), "application/json")]);
                (reqwest::Method::POST, Some(super::graph::body(document)))
            }
            Method::PostCheck(document) => {
                put(&mut headers, [(CONTENT_TYPE.as_str(), "application/json")]);
                (reqwest::Method::POST, Some(document.clone()))
            }
        };
        Self { method, path: read.path.clone(), headers, body }
    }
}

impl Body {
    /// The request of a step, byte for byte.
    pub(super) fn of_step(step: &Step, extra: &[(&str, &str)]) -> Result<Self, Fault> {
        let method = reqwest::Method::from_bytes(step.method.as_bytes())
            .map_err(|_| Fault::new(Cause::Local, format!("no such method: {}", step.method)))?;
        let mut headers = HeaderMap::new();
        put(&mut headers, [(ACCEPT.as_str(), "application/json")]);
        for (name, value) in extra {
            super::client::check_header(name, value)?;
        }
        put(&mut headers, extra.iter().copied());
        if let Some(kind) = &step.content_type {
            super::client::check_header(CONTENT_TYPE.as_str(), kind)?;
            put(&mut headers, [(CONTENT_TYPE.as_str(), kind.as_str())]);
        }
        Ok(Self { method, path: step.path.clone(), headers, body: step.body.clone() })
    }
}

/// Puts headers that can be sent; an entity tag with odd bytes is simply not used.
fn put<'a>(headers: &mut HeaderMap, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) {
    for (name, value) in pairs {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
        {
            headers.insert(name, value);
        }
    }
}

/// One exchange with an endpoint.
pub(super) struct Exchange<'a> {
    to: &'a Inner,
    purpose: Purpose,
}

impl<'a> Exchange<'a> {
    pub(super) const fn new(to: &'a Inner, purpose: Purpose) -> Self {
        Self { to, purpose }
    }

    pub(super) async fn run(&self, request: Body) -> Result<Answer, Fault> {
        let url = self.to.base.join(&request.path)?;
        let path = request.path.split('?').next().unwrap_or_default();
        let asked = format!("{} {path} at {}", request.method, self.to.base);
        let _permit = self.to.permits.acquire().await.map_err(|_| Fault::new(Cause::Local, "shut down"))?;
        let secret = self.credential().await?;
        let total = self.to.limits.total;
        let answer = match tokio::time::timeout(total, self.follow(request, url, &asked, secret.as_ref()))
            .await
        {
            Ok(answer) => answer?,
            Err(_) => {
                let late =
                    Fault::new(Cause::TimedOut, format!("{asked}: no whole answer within {}", said(total)));
                return Err(self.left(late));
            }
        };
        if answer.status == 401
            && let Some(secret) = self.secret()
        {
            secret.forget().await;
        }
        Ok(answer)
    }

    /// Sends, and follows redirects within the origin if this is a read.
    async fn follow(
        &self,
        mut request: Body,
        mut url: Url,
        asked: &str,
        secret: Option<&Credential>,
    ) -> Result<Answer, Fault> {
        for _ in 0..=REDIRECTS {
            let response = self.send(&request, url.clone(), asked, secret).await?;
            let Some(next) = self.redirect(&request, &response, &url, asked)? else {
                return self.receive(response, url, asked, secret).await;
            };
            url = next;
            request.headers.remove(IF_NONE_MATCH);
        }
        Err(Fault::new(Cause::Redirected, format!("{asked}: redirected more than {REDIRECTS} times")))
    }

    /// Where to go next, if the answer says so and we may.
    fn redirect(
        &self,
        request: &Body,
        response: &Response,
        url: &Url,
        asked: &str,
    ) -> Result<Option<Url>, Fault> {
        let status = response.status().as_u16();
        let follows = match request.method {
            reqwest::Method::GET | reqwest::Method::HEAD => matches!(status, 301 | 302 | 303 | 307 | 308),
            _ => matches!(status, 307 | 308),
        };
        let Some(location) = response.headers().get(LOCATION) else { return Ok(None) };
        if matches!(self.purpose, Purpose::Write | Purpose::Signed)
            || !matches!(status, 300..=399)
            || status == 304
        {
            return Ok(None);
        }
        let target = location.to_str().ok().and_then(|text| url.join(text).ok()).ok_or_else(|| {
            Fault::new(Cause::Redirected, format!("{asked}: redirected to something that is no address"))
        })?;
        if !self.to.base.owns(&target) && self.purpose == Purpose::Hop {
            return Ok(None);
        }
        if !self.to.base.owns(&target) {
            let there = origin_of(&target);
            return Err(Fault::new(
                Cause::Redirected,
                format!(
                    "{asked}: redirected to {there}; not followed, the credential belongs to {}",
                    self.to.base
                ),
            )
            .with_hint("if that is the right place, configure it as url"));
        }
        Ok(follows.then_some(target))
    }

    async fn send(
        &self,
        request: &Body,
        url: Url,
        asked: &str,
        secret: Option<&Credential>,
    ) -> Result<Response, Fault> {
        let client = match self.purpose {
            Purpose::Read | Purpose::Hop | Purpose::Signed => &self.to.reads,
            Purpose::Write => &self.to.writes,
        };
        let mut headers = HeaderMap::new();
        put(&mut headers, self.to.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        headers.extend(request.headers.clone());
        if let Some(credential) = secret {
            headers.insert(credential.name.clone(), credential.value.clone());
        }
        let mut sending = client.request(request.method.clone(), url).headers(headers);
        if let Some(body) = &request.body {
            sending = sending.body(body.clone());
        }
        match tokio::time::timeout(self.to.limits.headers, sending.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => {
                let left = !error.is_connect() && !error.is_builder();
                let fault = failure::explain(error, asked, &self.to.limits);
                Err(if left { self.left(fault) } else { fault })
            }
            Err(_) => {
                let limit = said(self.to.limits.headers);
                Err(self.left(Fault::new(Cause::TimedOut, format!("{asked}: no answer within {limit}"))))
            }
        }
    }

    async fn receive(
        &self,
        response: Response,
        url: Url,
        asked: &str,
        secret: Option<&Credential>,
    ) -> Result<Answer, Fault> {
        let status = response.status().as_u16();
        let mut headers = headers_of(response.headers());
        let body = match self.body(response, asked).await {
            Ok(body) => body,
            // The status of a refused write is conclusive, whatever became of the explanation.
            Err(_) if self.purpose == Purpose::Write && matches!(status, 400..=499) => Vec::new(),
            Err(fault) => return Err(self.left(fault)),
        };
        let mut body = body;
        if let Some(credential) = secret {
            credential.scrub(&mut body);
            for (_, value) in &mut headers.0 {
                let mut bytes = std::mem::take(value).into_bytes();
                credential.scrub(&mut bytes);
                *value = String::from_utf8_lossy(&bytes).into_owned();
            }
        }
        let (asked, purpose, base) = (asked.to_owned(), self.purpose, self.to.base.clone());
        Ok(Answer { status, headers, body, asked, purpose, base, url })
    }

    /// The whole body, counted after decompression.
    async fn body(&self, mut response: Response, asked: &str) -> Result<Vec<u8>, Fault> {
        let limits = &self.to.limits;
        let mut body = Vec::new();
        loop {
            let chunk = match tokio::time::timeout(limits.idle, response.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => return Ok(body),
                Ok(Err(error)) => return Err(failure::explain(error, asked, limits)),
                Err(_) => {
                    let idle = said(limits.idle);
                    return Err(Fault::new(
                        Cause::TimedOut,
                        format!("{asked}: the answer stalled for {idle}"),
                    ));
                }
            };
            if body.len().saturating_add(chunk.len()) > limits.body {
                let most = limits.body;
                return Err(Fault::new(Cause::TooLarge, format!("{asked}: more than {most} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
    }

    /// The fault of a request that left: a write may have had its effect.
    fn left(&self, fault: Fault) -> Fault {
        if self.purpose == Purpose::Write { fault.perhaps_applied() } else { fault }
    }

    fn secret(&self) -> Option<&super::Secret> {
        match &self.to.auth {
            Auth::None => None,
            Auth::Bearer(secret) => Some(secret),
            Auth::Basic { password, .. } => Some(password),
            Auth::Header { value, .. } => Some(value),
        }
    }

    async fn credential(&self) -> Result<Option<Credential>, Fault> {
        let Some(secret) = self.secret() else { return Ok(None) };
        Credential::new(&self.to.auth, secret.reveal().await?).map(Some)
    }
}

/// The credential as a header, and the means to find it again in answers.
struct Credential {
    name: HeaderName,
    value: HeaderValue,
    secret: Arc<Value>,
}

impl Credential {
    fn new(auth: &Auth, secret: Arc<Value>) -> Result<Self, Fault> {
        let plain = secret.expose();
        // What is put together on the way is overwritten; the header itself is the HTTP library's for the request.
        let (name, text) = match auth {
            Auth::Bearer(_) | Auth::None => (Ok(AUTHORIZATION), Zeroizing::new(format!("Bearer {plain}"))),
            Auth::Basic { username, .. } => {
                use base64::Engine as _;
                let pair = Zeroizing::new(format!("{username}:{plain}"));
                let pair = Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(&*pair));
                (Ok(AUTHORIZATION), Zeroizing::new(format!("Basic {}", &*pair)))
            }
            Auth::Header { name, .. } => {
                (HeaderName::from_bytes(name.as_bytes()), Zeroizing::new(plain.to_owned()))
            }
        };
        let unsendable = || Fault::new(Cause::Local, "the credential cannot be sent as a header");
        let mut value = HeaderValue::from_str(&text).map_err(|_| unsendable())?;
        value.set_sensitive(true);
        Ok(Self { name: name.map_err(|_| unsendable())?, value, secret })
    }

    /// Takes the credential out of what a server echoes, before anybody can show or log it.
    fn scrub(&self, bytes: &mut Vec<u8>) {
        let secret = self.secret.expose().as_bytes();
        let header = self.value.as_bytes();
        let encoded = header.strip_prefix(b"Basic ").unwrap_or(secret);
        for needle in [secret, encoded] {
            if needle.len() >= SHORTEST {
                replace(bytes, needle);
            }
        }
    }
}

/// Replaces every occurrence of `needle`.
fn replace(bytes: &mut Vec<u8>, needle: &[u8]) {
    const MASK: &[u8] = b"(credential)";
    let Some(&first) = needle.first() else { return };
    let mut from = 0;
    while let Some(at) = bytes
        .get(from..)
        .and_then(|rest| rest.iter().position(|&b| b == first))
        .map(|offset| from.saturating_add(offset))
    {
        if bytes.get(at..).is_some_and(|rest| rest.starts_with(needle)) {
            bytes.splice(at..at.saturating_add(needle.len()), MASK.iter().copied());
            from = at.saturating_add(MASK.len());
        } else {
            from = at.saturating_add(1);
        }
    }
}

fn headers_of(map: &HeaderMap) -> Headers {
    Headers(
        map.iter()
            .map(|(name, value)| {
                (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect(),
    )
}

fn said(limit: Duration) -> String {
    format!("{} s", limit.as_secs_f32())
}
