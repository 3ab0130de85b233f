//! The two clients of an endpoint: one that keeps connections (reads), one that never does (writes).

use std::path::Path;

use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Certificate, NoProxy, Proxy, redirect, retry};

use super::EndpointSpec;
use super::base::Base;
use crate::domain::{Cause, Fault};

pub(super) use reqwest::Client;

/// The longest certificate file, in bytes.
const LONGEST: u64 = 4 * 1024 * 1024;

pub(super) fn build(spec: &EndpointSpec, base: &Base) -> Result<(Client, Client), Fault> {
    // `main` does this first; tests and libraries may not have. A second time is refused, and harmless.
    rustls::crypto::ring::default_provider().install_default().ok();
    let trusted = trusted(spec)?;
    let proxies = proxies(spec, base)?;
    let reads = one(spec, base, &trusted, &proxies)?;
    // A reused connection that turns out to be closed makes the HTTP library send again by itself. Writes
    // take a fresh connection, so that "sent once" is true on the wire.
    let writes = one(spec, base, &trusted, &proxies)?.pool_max_idle_per_host(0);
    Ok((finish(reads)?, finish(writes)?))
}

fn finish(builder: reqwest::ClientBuilder) -> Result<Client, Fault> {
    builder.build().map_err(|error| {
        Fault::new(Cause::Local, format!("no HTTP client: {}", error.without_url()))
            .with_hint("check ca_file and the proxy variables")
    })
}

fn one(
    spec: &EndpointSpec,
    base: &Base,
    trusted: &[Certificate],
    proxies: &Proxies,
) -> Result<reqwest::ClientBuilder, Fault> {
    let mut builder = Client::builder()
        .user_agent(concat!("gonogo/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .tls_info(true)
        .connect_timeout(spec.limits.connect);
    if !base.may_use_tls() && matches!(proxies, Proxies::None) {
        // Nothing is redirected, so no certificate is ever looked at: the system's need not be read.
        builder = builder.tls_certs_only(trusted.iter().cloned());
    } else if !trusted.is_empty() {
        builder = builder.tls_certs_merge(trusted.iter().cloned());
    }
    if let Some(socket) = base.socket() {
        builder = with_socket(builder, socket)?;
    }
    Ok(match proxies {
        Proxies::None => builder.no_proxy(),
        Proxies::System => builder,
        Proxies::Named(list) => list.iter().cloned().fold(builder, reqwest::ClientBuilder::proxy),
    })
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems have no such sockets and say so")]
fn with_socket(builder: reqwest::ClientBuilder, socket: &Path) -> Result<reqwest::ClientBuilder, Fault> {
    Ok(builder.unix_socket(socket))
}

#[cfg(not(unix))]
fn with_socket(_: reqwest::ClientBuilder, _: &Path) -> Result<reqwest::ClientBuilder, Fault> {
    Err(Fault::new(Cause::Local, "this system has no unix sockets")
        .with_hint("use an http:// or https:// url"))
}

/// Which way out.
enum Proxies {
    /// Straight: loopback and sockets never leave the machine.
    None,
    /// As the system is configured.
    System,
    /// As the environment says.
    Named(Vec<Proxy>),
}

fn proxies(spec: &EndpointSpec, base: &Base) -> Result<Proxies, Fault> {
    if base.is_local() {
        return Ok(Proxies::None);
    }
    let var = |name: &str| {
        let lower = name.to_ascii_lowercase();
        spec.env.get(&lower).or_else(|| spec.env.get(name)).map(String::as_str).filter(|v| !v.is_empty())
    };
    let except = || var("NO_PROXY").and_then(NoProxy::from_string);
    let mut list = Vec::new();
    type Make = fn(&str) -> reqwest::Result<Proxy>;
    let kinds: [(&str, Make); 3] = [
        ("HTTPS_PROXY", |url| Proxy::https(url)),
        ("HTTP_PROXY", |url| Proxy::http(url)),
        ("ALL_PROXY", |url| Proxy::all(url)),
    ];
    for (name, make) in kinds {
        if let Some(url) = var(name) {
            let proxy = make(url)
                .map_err(|_| Fault::new(Cause::Local, format!("{name} is not the address of a proxy")))?;
            list.push(proxy.no_proxy(except()));
        }
    }
    Ok(if list.is_empty() { Proxies::System } else { Proxies::Named(list) })
}

/// Certificates that are trusted besides the system's: `ca_file`, and `SSL_CERT_FILE`.
fn trusted(spec: &EndpointSpec) -> Result<Vec<Certificate>, Fault> {
    let mut all = Vec::new();
    if let Some(path) = &spec.ca_file {
        all.extend(certificates(path, "ca_file")?);
    }
    if let Some(path) = spec.env.get("SSL_CERT_FILE").filter(|path| !path.is_empty()) {
        all.extend(certificates(Path::new(path), "SSL_CERT_FILE")?);
    }
    Ok(all)
}

fn certificates(path: &Path, which: &str) -> Result<Vec<Certificate>, Fault> {
    let wrong = |why: String| Fault::new(Cause::Local, format!("{which} {}: {why}", path.display()));
    let about = std::fs::metadata(path).map_err(|error| wrong(error.kind().to_string()))?;
    if about.len() > LONGEST {
        return Err(wrong("too large for a file of certificates".to_owned()));
    }
    let pem = std::fs::read(path).map_err(|error| wrong(error.kind().to_string()))?;
    let found = Certificate::from_pem_bundle(&pem).map_err(|_| wrong("not a PEM certificate".to_owned()))?;
    if found.is_empty() { Err(wrong("holds no certificate".to_owned())) } else { Ok(found) }
}

/// Whether a configured header can be sent.
pub(super) fn check_header(name: &str, value: &str) -> Result<(), Fault> {
    let ok = HeaderName::from_bytes(name.as_bytes()).is_ok() && HeaderValue::from_str(value).is_ok();
    if ok { Ok(()) } else { Err(Fault::new(Cause::Local, format!("header {name} cannot be sent as it is"))) }
}

/// Whether a header of the configuration is one that carries credentials: those are configured as secrets.
pub(super) fn check_plain(name: &str) -> Result<(), Fault> {
    let secret = ["authorization", "proxy-authorization", "cookie", "private-token", "x-api-key"];
    if secret.contains(&name.to_ascii_lowercase().as_str()) {
        return Err(Fault::new(
            Cause::Local,
            format!("header {name} would put a credential into the configuration"),
        )
        .with_hint("use token, or username and password"));
    }
    Ok(())
}
