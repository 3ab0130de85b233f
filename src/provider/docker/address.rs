//! Where an engine is: the setting, `$DOCKER_HOST` or the usual socket, as an address that the HTTP layer takes.

use crate::domain::{Cause, Fault, SafeText};
use crate::provider::SourceSpec;

/// Where an engine listens unless told otherwise.
const SOCKET: &str = "unix:///var/run/docker.sock";

/// Where the engine is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// As the HTTP layer takes it.
    pub(super) url: String,
    /// What an operator should know about being reached like that.
    pub(super) remarks: Vec<SafeText>,
}

impl Address {
    /// The configured address, else `$DOCKER_HOST`, else the usual socket.
    ///
    /// # Errors
    /// [`Cause::Local`] when it is one that cannot be spoken to.
    pub(super) fn of(spec: &SourceSpec) -> Result<Self, Fault> {
        let from_env = || spec.env.get("DOCKER_HOST").map(String::as_str).filter(|h| !h.is_empty());
        let host = spec.settings.text("host").or_else(from_env).unwrap_or(SOCKET);
        let tls = spec.settings.text("ca_file").is_some()
            || spec.env.get("DOCKER_TLS_VERIFY").is_some_and(|v| !v.is_empty());
        let refused = |why: &str| {
            Err(Fault::new(Cause::Local, format!("host '{}': {why}", SafeText::new(host)))
                .with_hint("host = \"unix:///var/run/docker.sock\" or \"tcp://host:2376\""))
        };
        match host.split_once("://") {
            Some(("unix", path)) if path.starts_with('/') => {
                Ok(Self { url: host.to_owned(), remarks: Vec::new() })
            }
            Some(("tcp" | "http" | "https", rest)) if rest.contains('@') => {
                refused("an address holds no credentials")
            }
            Some(("https", _)) => Ok(Self::tcp(host.to_owned())),
            Some(("tcp", rest)) if tls => Ok(Self::tcp(format!("https://{rest}"))),
            Some(("tcp" | "http", rest)) => Ok(Self::tcp(format!("http://{rest}"))),
            Some(("ssh", _)) => {
                refused("ssh is not spoken here; forward the engine's socket with ssh -L and name that")
            }
            Some(("npipe", _)) => refused("named pipes are not supported; use tcp://"),
            _ => refused("neither unix:///path nor tcp://host:port"),
        }
    }

    fn tcp(url: String) -> Self {
        let remark = if url.starts_with("https") {
            "reached over TLS without a client certificate: the engine cannot tell who we are"
        } else {
            "reached over plain TCP: whoever reaches that port is root on the engine's host"
        };
        Self { url, remarks: vec![remark.into()] }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::{Settings, SourceName};

    fn address(host: Option<&str>, env: &[(&str, &str)]) -> Result<Address, Fault> {
        let settings = host.map_or_else(Settings::default, |h| Settings::default().with_text("host", h));
        Address::of(&SourceSpec {
            name: SourceName::new("swarm"),
            settings,
            secrets: BTreeMap::new(),
            bounds: Vec::new(),
            env: std::sync::Arc::new(env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()),
        })
    }

    #[test]
    fn the_setting_wins_over_the_environment_and_that_over_the_default() {
        let env = [("DOCKER_HOST", "unix:///run/other.sock")];
        assert_eq!(address(None, &[]).unwrap().url, SOCKET);
        assert_eq!(address(None, &env).unwrap().url, "unix:///run/other.sock");
        assert_eq!(address(Some("tcp://h:2375"), &env).unwrap().url, "http://h:2375");
        assert_eq!(
            address(Some("tcp://h:2376"), &[("DOCKER_TLS_VERIFY", "1")]).unwrap().url,
            "https://h:2376"
        );
    }

    #[test]
    fn addresses_that_cannot_be_spoken_to_are_refused_with_a_sentence() {
        for (host, why) in [
            ("ssh://root@h", "ssh"),
            ("npipe:////./pipe/docker_engine", "named pipes"),
            ("h:2375", "neither"),
            ("unix://relative", "neither"),
            ("tcp://user:pw@h:1", "credentials"),
        ] {
            let fault = address(Some(host), &[]).unwrap_err();
            assert_eq!(fault.cause, Cause::Local);
            assert!(fault.detail.as_str().contains(why), "{fault}");
        }
    }
}
