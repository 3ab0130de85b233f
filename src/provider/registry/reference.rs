//! An image reference in its parts, and the host that a part leads to. Pure.

/// A reference in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// Host and port.
    pub(super) host: String,
    /// `acme/web`.
    pub(super) name: String,
    /// Tag or digest.
    pub(super) which: String,
}

impl Asked {
    pub(super) fn parse(reference: &str) -> Option<Self> {
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
        let hub = is_hub(host);
        let name = if hub && !name.contains('/') { format!("library/{name}") } else { name.to_owned() };
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-/".contains(&b);
        let fine = !name.is_empty()
            && name.bytes().all(plain)
            && !name.split('/').any(|part| part.is_empty() || part.starts_with('.'))
            && !which.is_empty()
            && which.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-:+".contains(&b));
        fine.then(|| Self { host: canonical(host).to_owned(), name, which: which.to_owned() })
    }

    /// The same repository, another manifest of it.
    pub(super) fn at(&self, which: &str) -> Self {
        Self { which: which.to_owned(), ..self.clone() }
    }

    pub(super) fn is_local(&self) -> bool {
        is_loopback(&self.host)
    }

    /// Scheme, host and port. Registries on this machine speak plain HTTP, all others TLS.
    pub(super) fn origin(&self) -> String {
        let scheme = if self.is_local() { "http" } else { "https" };
        format!("{scheme}://{}", self.host)
    }

    pub(super) fn path(&self) -> String {
        format!("/v2/{}/manifests/{}", self.name, self.which)
    }
}

fn is_hub(host: &str) -> bool {
    matches!(host, "docker.io" | "index.docker.io" | HUB)
}

/// Docker Hub's registry.
const HUB: &str = "registry-1.docker.io";

/// The host that answers for a host as images name it.
pub(super) fn canonical(host: &str) -> &str {
    if is_hub(host) { HUB } else { host }
}

/// Whether a host of tokens is the registry's own: the same one, or Docker Hub's.
pub(super) fn is_own_realm(registry: &str, realm: &str) -> bool {
    realm == registry || (registry == HUB && realm == "auth.docker.io")
}

pub(super) fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

pub(super) fn is_digest(text: &str) -> bool {
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
    fn only_its_own_host_is_a_registrys_realm() {
        assert!(is_own_realm("registry.test", "registry.test"));
        assert!(is_own_realm("registry-1.docker.io", "auth.docker.io"));
        for (registry, realm) in [
            ("registry.test", "auth.docker.io"),
            ("registry.test", "registry.test.evil.test"),
            ("registry.test", "evil-registry.test"),
            ("registry.test", "registry.test:8443"),
            ("registry-1.docker.io", "auth.docker.io.evil.test"),
        ] {
            assert!(!is_own_realm(registry, realm), "{registry} {realm}");
        }
    }
}
