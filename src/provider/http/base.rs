//! The base that an endpoint is bound to, and the paths below it.

use std::net::IpAddr;
use std::path::PathBuf;

use reqwest::Url;

use crate::domain::{Cause, Fault};

/// Where an endpoint's requests go.
#[derive(Clone, Debug)]
pub(super) struct Base {
    url: Url,
    socket: Option<PathBuf>,
}

impl std::fmt::Display for Base {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.socket {
            Some(socket) => write!(f, "{}", socket.display()),
            None => f.write_str(&host_of(&self.url)),
        }
    }
}

/// Host and port of a URL: all of it that may be shown.
pub(super) fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or("(no host)");
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Scheme, host and port of a URL.
pub(super) fn origin_of(url: &Url) -> String {
    format!("{}://{}", url.scheme(), host_of(url))
}

fn wrong(why: &str) -> Fault {
    // The text itself is not repeated: it may hold a credential.
    Fault::new(Cause::Local, format!("the configured url {why}"))
        .with_hint("write it as https://host[:port][/path] or unix:///path/to/socket")
}

impl Base {
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        if let Some(path) = text.strip_prefix("unix://") {
            if !path.starts_with('/') {
                return Err(wrong("names no absolute socket path"));
            }
            let url = Url::parse("http://localhost/").map_err(|_| wrong("cannot be read"))?;
            return Ok(Self { url, socket: Some(PathBuf::from(path)) });
        }
        let url = Url::parse(text).map_err(|_| wrong("cannot be read"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("is neither http, https nor unix"));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(wrong("names no host"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("holds a user name or password")
                .with_hint("configure the credential as token or password, never in the url"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("holds a query or a fragment"));
        }
        Ok(Self { url, socket: None })
    }

    pub(super) fn socket(&self) -> Option<&PathBuf> {
        self.socket.as_ref()
    }

    /// The host alone; none for a socket.
    pub(super) fn host(&self) -> Option<&str> {
        if self.socket.is_some() { None } else { self.url.host_str() }
    }

    /// The port, said or usual.
    pub(super) fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or_default()
    }

    /// Whether requests stay on this machine.
    pub(super) fn is_local(&self) -> bool {
        self.socket.is_some() || is_loopback(&self.url)
    }

    /// Whether a request may be encrypted, so that certificates matter.
    pub(super) fn may_use_tls(&self) -> bool {
        self.socket.is_none() && self.url.scheme() != "http"
    }

    /// Whether a credential on its way there can be read by nobody else.
    pub(super) fn may_carry_secrets(&self) -> bool {
        self.is_local() || self.url.scheme() == "https"
    }

    /// The URL of a path below the base: exactly that path, or none. Whatever would be read differently on the
    /// way (`..`, a fragment, a character that has to be escaped) is refused, so that what is sent is what
    /// was shown.
    pub(super) fn join(&self, path: &str) -> Result<Url, Fault> {
        let bad = || Fault::new(Cause::Local, format!("the path {path:?} cannot be sent as it is"));
        let text = format!("{}{path}", self.url.as_str().trim_end_matches('/'));
        let url = Url::parse(&text).map_err(|_| bad())?;
        let exact = path.starts_with('/') && url.as_str() == text && url.fragment().is_none();
        if exact && self.owns(&url) { Ok(url) } else { Err(bad()) }
    }

    /// Whether `url` is of the very same origin, without user name.
    pub(super) fn owns(&self, url: &Url) -> bool {
        url.origin() == self.url.origin() && url.username().is_empty() && url.password().is_none()
    }

    /// `url` as a path below the base, if it is below it.
    pub(super) fn relative(&self, url: &Url) -> Option<String> {
        if !self.owns(url) {
            return None;
        }
        let below = url.path().strip_prefix(self.url.path().trim_end_matches('/'))?;
        if !below.starts_with('/') {
            return None;
        }
        Some(match url.query() {
            Some(query) => format!("{below}?{query}"),
            None => below.to_owned(),
        })
    }
}

/// 127.0.0.0/8, `::1`, `localhost`.
pub(super) fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(ip) => ip.is_loopback(),
        Err(_) => bare == "localhost" || bare.ends_with(".localhost"),
    }
}

/// `path?name=value&..` with everything escaped that has to be.
#[must_use]
pub fn query(path: &str, pairs: &[(&str, &str)]) -> String {
    if pairs.is_empty() {
        return path.to_owned();
    }
    let Ok(mut url) = Url::parse("http://localhost/") else { return path.to_owned() };
    url.query_pairs_mut().extend_pairs(pairs);
    format!("{path}?{}", url.query().unwrap_or_default())
}

/// One segment of a path with everything escaped that has to be, `/` included.
#[must_use]
pub fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    // A segment of dots only would climb instead of name.
    if matches!(out.as_str(), "." | "..") { out.replace('.', "%2E") } else { out }
}
