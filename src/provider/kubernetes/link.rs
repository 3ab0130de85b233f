//! A connection to one API server: requests bounded in time and size, sent once.
//!
//! Knows HTTP and the credential layer of the `kube` client; knows no resource. Nothing here retries.

use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE, DATE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use kube::Client;
use kube::client::Body;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::fault::{self, Sort};
use super::gate::Gate;
use super::mask::Secrets;
use crate::domain::{Cause, Fault, SafeText};

/// What every answer is asked for as.
const JSON: &str = "application/json";
/// Asks for an object without what it holds.
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
/// No answer may be longer than this.
const LONGEST: usize = 10 << 20;
/// No line of a watch may be longer than this; the API server refuses larger objects itself.
const LONGEST_LINE: usize = 4 << 20;

/// Whether the server's identity is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// By its certificate, or because it is on this machine.
    Proved,
    /// The kubeconfig says `insecure-skip-tls-verify`.
    Unverified,
    /// Plain HTTP to another machine.
    Plain,
}

impl Trust {
    /// Why nothing is written there, if so.
    pub(super) const fn objection(self) -> Option<&'static str> {
        match self {
            Self::Proved => None,
            Self::Unverified => Some(
                "the kubeconfig says insecure-skip-tls-verify: nobody proves that this is the cluster it claims \
                 to be, so nothing is written to it; give certificate-authority instead",
            ),
            Self::Plain => Some(
                "the cluster is reached by plain HTTP over a network: anybody on the way could change the request, \
                 so nothing is written to it; use an https server address",
            ),
        }
    }
}

/// A connection to one API server under one identity.
#[derive(Clone)]
pub(super) struct Link {
    client: Client,
    /// The kubeconfig's context, or `in-cluster`.
    pub(super) context: SafeText,
    /// Host and port.
    pub(super) host: SafeText,
    /// Whether the server is who it claims to be.
    pub(super) trust: Trust,
    /// How long one request may take.
    patience: Duration,
    /// What must not come back out of an answer.
    secrets: Arc<Secrets>,
    /// When the credential has to be renewed, if it is known to end.
    renew: Option<Instant>,
    /// What the requests of a look pass.
    gate: Option<Arc<Gate>>,
}

/// A complete answer with a status that says success.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) date: Option<Timestamp>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub(super) fn json(&self) -> Result<Value, Fault> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Fault::new(
                Cause::Malformed,
                format!("not JSON at line {}, column {}", error.line(), error.column()),
            )
        })
    }
}

impl Link {
    /// A link over a client.
    pub(super) fn new(client: Client, context: &str, host: &str, trust: Trust, patience: Duration) -> Self {
        let (context, host) = (SafeText::new(context), SafeText::new(host));
        Self { client, context, host, trust, patience, secrets: Arc::default(), renew: None, gate: None }
    }

    /// The same that keeps these secrets out of what it hands on, and ends with its credential.
    pub(super) fn keeping(mut self, secrets: Secrets, renew: Option<Instant>) -> Self {
        self.secrets = Arc::new(secrets);
        self.renew = renew;
        self
    }

    /// The same for one look, whose requests wait for each other.
    pub(super) fn gated(&self) -> Self {
        Self { gate: Some(Arc::new(Gate::new())), ..self.clone() }
    }

    /// Whether the credential has ended, or is about to.
    pub(super) fn is_over(&self) -> bool {
        self.renew.is_some_and(|at| at <= Instant::now())
    }

    /// Context and cluster in one line.
    pub(super) fn place(&self) -> SafeText {
        SafeText::new(&format!("{} ({})", self.context, self.host))
    }

    /// Reads `path`.
    pub(super) async fn get(&self, path: &str) -> Result<Answer, Fault> {
        self.exchange(Method::GET, path, None, Sort::Read, self.patience).await
    }

    /// Reads the metadata of the object at `path`, and nothing of what it holds: a server that cannot leave the rest
    /// out answers 406.
    pub(super) async fn metadata(&self, path: &str) -> Result<Value, Fault> {
        let until = Instant::now() + self.patience;
        self.exchange_as(METADATA, (Method::GET, path), None, Sort::Read, (until, self.patience))
            .await?
            .json()
    }

    /// Asks the server a question that is posed as an object; creates nothing.
    pub(super) async fn ask(&self, path: &str, question: &Value) -> Result<Value, Fault> {
        let body = ("application/json", question.to_string());
        self.exchange(Method::POST, path, Some(body), Sort::Read, self.patience).await?.json()
    }

    /// Sends one write, once.
    pub(super) async fn write(
        &self,
        method: Method,
        path: &str,
        content: Option<(&str, String)>,
        limit: Duration,
    ) -> Result<Answer, Fault> {
        self.exchange(method, path, content, Sort::Write, limit).await
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        content: Option<(&str, String)>,
        sort: Sort,
        limit: Duration,
    ) -> Result<Answer, Fault> {
        let gate = self.gate.as_deref();
        let _permit = match gate {
            Some(gate) => gate.enter().await?,
            None => None,
        };
        let until = Instant::now() + limit;
        let answer = self.exchange_as(JSON, (method, path), content, sort, (until, limit)).await;
        if let (Some(gate), Err(fault)) = (gate, &answer) {
            gate.note(fault);
        }
        answer
    }

    async fn exchange_as(
        &self,
        accept: &str,
        (method, path): (Method, &str),
        content: Option<(&str, String)>,
        sort: Sort,
        (until, limit): (Instant, Duration),
    ) -> Result<Answer, Fault> {
        let late = |_| fault::timed_out(self.host.as_str(), limit, sort);
        let (status, headers, mut body) =
            timeout_at(until, self.send(accept, (method, path), content, sort)).await.map_err(late)??;
        let mut bytes = Vec::new();
        while let Some(frame) = timeout_at(until, body.frame()).await.map_err(late)? {
            let frame = frame.map_err(|e| fault::of_transport(&e, self.host.as_str(), sort))?;
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > LONGEST {
                let fault =
                    Fault::new(Cause::TooLarge, format!("the answer to {} exceeds 10 MiB", bare(path)));
                return Err(if sort == Sort::Write { fault.perhaps_applied() } else { fault });
            }
            bytes.extend_from_slice(&data);
        }
        self.secrets.mask(&mut bytes);
        if let Some(location) = headers.get(LOCATION).filter(|_| (300..400).contains(&status)) {
            return Err(fault::redirected(self.host.as_str(), location.as_bytes()));
        }
        if !(200..300).contains(&status) {
            return Err(fault::of_status(status, &bytes, retry_after(&headers), sort));
        }
        Ok(Answer { status, date: date(&headers), body: bytes })
    }

    async fn send(
        &self,
        accept: &str,
        (method, path): (Method, &str),
        content: Option<(&str, String)>,
        sort: Sort,
    ) -> Result<(u16, HeaderMap, Body), Fault> {
        let mut request = Request::builder().method(method).uri(path).header(ACCEPT, accept);
        if let Some((kind, _)) = &content {
            request = request.header(CONTENT_TYPE, *kind);
        }
        let body = content.map(|(_, body)| Body::from(body.into_bytes())).unwrap_or_else(Body::empty);
        let request = request.body(body).map_err(|_| {
            Fault::new(Cause::Local, format!("{} is not a path that can be asked for", bare(path)))
        })?;
        let answer =
            self.client.send(request).await.map_err(|e| fault::of_transport(&e, self.host.as_str(), sort))?;
        let (head, body) = answer.into_parts();
        Ok((head.status.as_u16(), head.headers, body))
    }

    /// Opens a watch: lines of JSON until the server ends it.
    pub(super) async fn lines(&self, path: &str) -> Result<Lines, Fault> {
        let until = Instant::now() + self.patience;
        let late = |_| fault::timed_out(self.host.as_str(), self.patience, Sort::Read);
        let opened = self.send(JSON, (Method::GET, path), None, Sort::Read);
        let (status, headers, mut body) = timeout_at(until, opened).await.map_err(late)??;
        if (200..300).contains(&status) {
            let secrets = Arc::clone(&self.secrets);
            return Ok(Lines { body, buffer: Vec::new(), host: self.host.clone(), secrets });
        }
        if let Some(location) = headers.get(LOCATION).filter(|_| (300..400).contains(&status)) {
            return Err(fault::redirected(self.host.as_str(), location.as_bytes()));
        }
        let mut bytes = Vec::new();
        while let Ok(Some(Ok(frame))) = timeout_at(until, body.frame()).await {
            let Ok(data) = frame.into_data() else { continue };
            bytes.extend_from_slice(&data);
            if bytes.len() > 1 << 16 {
                break;
            }
        }
        self.secrets.mask(&mut bytes);
        Err(fault::of_status(status, &bytes, retry_after(&headers), Sort::Read))
    }
}

/// The lines of an open watch.
pub(super) struct Lines {
    body: Body,
    buffer: Vec<u8>,
    host: SafeText,
    secrets: Arc<Secrets>,
}

impl Lines {
    /// The next line; `None` at the end. Cancelling it loses nothing: what came in stays in the buffer.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        let mut seen = 0;
        loop {
            if let Some(at) = self.buffer.get(seen..).and_then(|b| b.iter().position(|b| *b == b'\n')) {
                let rest = self.buffer.split_off(seen + at + 1);
                let mut line = std::mem::replace(&mut self.buffer, rest);
                line.truncate(seen + at);
                self.secrets.mask(&mut line);
                return Ok(Some(line));
            }
            seen = self.buffer.len();
            if seen > LONGEST_LINE {
                return Err(Fault::new(Cause::TooLarge, "a line of the watch exceeds 4 MiB"));
            }
            match self.body.frame().await {
                // A line that was cut off by the end is not a line.
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => return Err(fault::of_transport(&error, self.host.as_str(), Sort::Read)),
            }
        }
    }
}

fn bare(path: &str) -> &str {
    path.split('?').next().unwrap_or(path)
}

fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(DATE)?.to_str().ok()?;
    jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp())
}

/// `Retry-After` in seconds, or until a date by the server's own clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Duration::try_from(until.duration_since(date(headers)?)).ok()
}
