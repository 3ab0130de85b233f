//! Which manifest an image reference names right now, as the registry itself tells (OCI distribution API).
//!
//! Asks with `HEAD`, which public registries do not count, and without a credential: a private registry's
//! answer is "nobody could tell". Shared by the deployment targets; knows none of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::SecretPlace;
use super::http::{Answer, Auth, Endpoint, EndpointSpec, Limits, Read, query};
use super::secret::Secret;
use crate::domain::{Cause, Fault, SafeText};

/// Every type of manifest. Without the index types a registry answers with one platform's digest.
const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
                      application/vnd.docker.distribution.manifest.list.v2+json, \
                      application/vnd.oci.image.manifest.v1+json, \
                      application/vnd.docker.distribution.manifest.v2+json";
/// A plan does not wait long for a registry.
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(3),
    headers: Duration::from_secs(5),
    total: Duration::from_secs(6),
    body: 1 << 16,
    ..Limits::DEFAULT
};

/// What a registry says about a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manifest {
    /// It is there, with this digest.
    Found(SafeText),
    /// The registry says that it is not there.
    Missing,
    /// Nobody could tell; why.
    Untold(Fault),
}

/// Asks the registry of `reference` (`host/name:tag`, `host/name@sha256:..`) which manifest it names.
/// Registries on this machine speak plain HTTP, all others TLS. `env` is the environment that the program was
/// started with (proxies).
pub async fn manifest(reference: &str, env: &Arc<BTreeMap<String, String>>) -> Manifest {
    let asked = match Asked::parse(reference) {
        Some(asked) => asked,
        None => {
            let text = format!("{reference} is not an image reference");
            return Manifest::Untold(Fault::new(Cause::Local, text));
        }
    };
    // The three requests of the token flow together get what one plan can spare.
    match tokio::time::timeout(LIMITS.total * 2, asked.ask(env)).await {
        Ok(Ok(found)) => found,
        Ok(Err(fault)) => Manifest::Untold(fault),
        Err(_) => Manifest::Untold(Fault::new(Cause::TimedOut, format!("{} did not answer", asked.host))),
    }
}

/// A reference in its parts.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    /// Host and port.
    host: String,
    /// `acme/web`.
    name: String,
    /// Tag or digest.
    which: String,
}

impl Asked {
    fn parse(reference: &str) -> Option<Self> {
        let (image, digest) = match reference.split_once('@') {
            Some((image, digest)) => (image, Some(digest)),
            None => (reference, None),
        };
        let (host, path) = match image.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
            _ => ("docker.io", image),
        };
        let (name, tag) = match path.rsplit_once(':') {
            Some((name, tag)) => (name, tag),
            None => (path, "latest"),
        };
        let which = digest.unwrap_or(tag);
        let hub = matches!(host, "docker.io" | "index.docker.io");
        let name = if hub && !name.contains('/') { format!("library/{name}") } else { name.to_owned() };
        let host = if hub { "registry-1.docker.io" } else { host };
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-/".contains(&b);
        let fine = !name.is_empty()
            && name.bytes().all(plain)
            && !name.split('/').any(|part| part.is_empty() || part.starts_with('.'))
            && !which.is_empty()
            && which.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-:+".contains(&b));
        fine.then(|| Self { host: host.to_owned(), name, which: which.to_owned() })
    }

    fn is_local(&self) -> bool {
        is_loopback(&self.host)
    }

    fn endpoint(&self, env: &Arc<BTreeMap<String, String>>, auth: Auth) -> Result<Endpoint, Fault> {
        let scheme = if self.is_local() { "http" } else { "https" };
        let spec =
            EndpointSpec { env: Arc::clone(env), ..EndpointSpec::new(&format!("{scheme}://{}", self.host)) };
        Endpoint::new(spec.limits(LIMITS).auth(auth))
    }

    async fn ask(&self, env: &Arc<BTreeMap<String, String>>) -> Result<Manifest, Fault> {
        let read = Read::head(format!("/v2/{}/manifests/{}", self.name, self.which)).accept(ACCEPT);
        let first = self.endpoint(env, Auth::None)?.read(&read).await?;
        if first.status != 401 {
            return self.answer(&first);
        }
        let Some(challenge) = Challenge::of(&first) else { return Err(first.fault()) };
        let token = self.token(&challenge, env).await?;
        self.answer(&self.endpoint(env, Auth::Bearer(token))?.read(&read).await?)
    }

    fn answer(&self, answer: &Answer) -> Result<Manifest, Fault> {
        match answer.status {
            200 => match answer.headers.get("docker-content-digest").filter(|d| is_digest(d)) {
                Some(digest) => Ok(Manifest::Found(SafeText::new(digest))),
                None => Err(Fault::new(Cause::Malformed, format!("{} names no digest", self.host))),
            },
            404 => Ok(Manifest::Missing),
            _ => Err(answer.fault()),
        }
    }

    /// An anonymous token for pulling, as public registries hand out.
    async fn token(
        &self,
        challenge: &Challenge,
        env: &Arc<BTreeMap<String, String>>,
    ) -> Result<Secret, Fault> {
        let (origin, path) = challenge.place(self.is_local())?;
        let scope = format!("repository:{}:pull", self.name);
        let mut pairs = vec![("scope", scope.as_str())];
        if let Some(service) = &challenge.service {
            pairs.push(("service", service));
        }
        let spec = EndpointSpec { env: Arc::clone(env), ..EndpointSpec::new(&origin) };
        let endpoint = Endpoint::new(spec.limits(LIMITS))?;
        let answer: Token = endpoint.read_json(&Read::get(query(&path, &pairs))).await?;
        let token = answer.token.or(answer.access_token).ok_or_else(|| {
            Fault::new(Cause::Unauthorized, format!("{} wants a login that was not configured", self.host))
        })?;
        let held = Arc::new(BTreeMap::from([("TOKEN".to_owned(), token)]));
        Ok(Secret::new(SecretPlace::Env("TOKEN".to_owned()), held))
    }
}

#[derive(serde::Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// `WWW-Authenticate: Bearer realm="..",service=".."`.
#[derive(Debug, PartialEq, Eq)]
struct Challenge {
    realm: String,
    service: Option<String>,
}

impl Challenge {
    fn of(answer: &Answer) -> Option<Self> {
        Self::parse(answer.headers.get("www-authenticate")?)
    }

    fn parse(header: &str) -> Option<Self> {
        let (scheme, rest) = header.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let value = |key: &str| {
            let start = rest.find(&format!("{key}=\""))? + key.len() + 2;
            let text = rest.get(start..)?;
            text.get(..text.find('"')?).map(str::to_owned)
        };
        Some(Self { realm: value("realm")?, service: value("service") })
    }

    /// Origin and path of the realm. Nothing secret is sent there, yet only TLS is trusted to answer, except
    /// for a registry on this machine with its realm on this machine.
    fn place(&self, local: bool) -> Result<(String, String), Fault> {
        let refused =
            || Fault::new(Cause::Redirected, "the registry sends us to an unusable place for a token");
        let (scheme, rest) = self.realm.split_once("://").ok_or_else(refused)?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host_only = !host.is_empty() && !host.contains(['@', '?', '#', '\\']);
        let safe = scheme == "https" || (scheme == "http" && local && is_loopback(host));
        if !host_only || !safe {
            return Err(refused());
        }
        Ok((format!("{scheme}://{host}"), format!("/{path}")))
    }
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_leads_to_its_registry() {
        for (reference, host, name, which) in [
            ("nginx", "registry-1.docker.io", "library/nginx", "latest"),
            ("nginx:1.27", "registry-1.docker.io", "library/nginx", "1.27"),
            ("acme/web:v1", "registry-1.docker.io", "acme/web", "v1"),
            ("docker.io/acme/web:v1", "registry-1.docker.io", "acme/web", "v1"),
            ("registry.test/acme/web:v1", "registry.test", "acme/web", "v1"),
            ("127.0.0.1:5000/web:v1", "127.0.0.1:5000", "web", "v1"),
            ("localhost/web:v1", "localhost", "web", "v1"),
            ("registry.test/acme/web:v1@sha256:aa", "registry.test", "acme/web", "sha256:aa"),
        ] {
            let asked = Asked::parse(reference).unwrap();
            assert_eq!((asked.host.as_str(), asked.name.as_str(), asked.which.as_str()), (host, name, which));
        }
        for wrong in [
            "",
            "registry.test/",
            "registry.test/../web:v1",
            "registry.test/a b:v1",
            "registry.test/web:v1?x",
        ] {
            assert_eq!(Asked::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_realm_must_be_trustworthy() {
        let challenge = |realm: &str| Challenge { realm: realm.to_owned(), service: None };
        assert!(challenge("https://auth.test/token").place(false).is_ok());
        assert!(challenge("http://127.0.0.1:5001/token").place(true).is_ok());
        for (realm, local) in [
            ("http://auth.test/token", false),
            ("http://auth.test/token", true),
            ("http://127.0.0.1:5001/token", false),
            ("https://user@auth.test/token", false),
            ("file:///etc/passwd", true),
            ("token", true),
        ] {
            assert!(challenge(realm).place(local).is_err(), "{realm}");
        }
        let parsed =
            Challenge::parse(r#"Bearer realm="https://a.test/t",service="s.test",scope="x""#).unwrap();
        assert_eq!((parsed.realm.as_str(), parsed.service.as_deref()), ("https://a.test/t", Some("s.test")));
        assert_eq!(Challenge::parse("Basic realm=\"x\""), None);
    }
}
