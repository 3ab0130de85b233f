//! How a source is reached by hand: for the equivalent commands that the cockpit shows and copies. Reads the same
//! settings as the provider; holds no credential and asks nobody.

use super::{SourceSpec, manifests};
use crate::domain::{Reach, SafeText};

/// Docker's usual socket.
const SOCKET: &str = "/var/run/docker.sock";

/// The client and the address for a source of this kind; none where neither is known.
#[must_use]
pub fn reach(kind: &str, spec: &SourceSpec) -> Option<Reach> {
    let text = |key: &str| spec.settings.text(key).map(|text| text.trim_end_matches('/').to_owned());
    match kind {
        "github" => Some(github(text("url"))),
        "kubernetes" => Some(Reach::Kubectl {
            context: text("context").map(|context| SafeText::new(&context)),
            config: text("kubeconfig").map(|path| SafeText::new(&path)),
        }),
        "docker" => {
            let variable = spec.env.get("DOCKER_HOST").filter(|host| !host.is_empty());
            docker(text("host").or_else(|| variable.cloned()).as_deref())
        }
        "command" => Some(Reach::Program),
        "manifests" => Some(Reach::Git { url: manifests::address(spec).ok()? }),
        "gitlab" => {
            let base = text("url").unwrap_or_else(|| "https://gitlab.com".to_owned());
            let base = SafeText::new(&format!("{base}/api/v4"));
            Some(Reach::Http { base, token: Some("GITLAB_TOKEN") })
        }
        "circleci" => {
            let base = text("url").unwrap_or_else(|| "https://circleci.com/api/v2".to_owned());
            Some(Reach::Http { base: SafeText::new(&base), token: Some("CIRCLE_TOKEN") })
        }
        "argocd" => {
            text("url").map(|url| Reach::Http { base: SafeText::new(&url), token: Some("ARGOCD_AUTH_TOKEN") })
        }
        "terraform-cloud" => {
            let base = text("url").unwrap_or_else(|| "https://app.terraform.io/api/v2".to_owned());
            Some(Reach::Http { base: SafeText::new(&base), token: Some("TFE_TOKEN") })
        }
        "awx" => {
            let url = text("url")?;
            let base =
                if url.contains("/api/") { url } else { format!("{}/api/v2", url.trim_end_matches("/api")) };
            Some(Reach::Http { base: SafeText::new(&base), token: Some("CONTROLLER_OAUTH_TOKEN") })
        }
        "jenkins" => {
            let (url, user) = (text("url")?, text("user")?);
            let (base, user) = (SafeText::new(&url), SafeText::new(&user));
            Some(Reach::Basic { base, user, token: "JENKINS_TOKEN" })
        }
        _ => text("url").map(|url| Reach::Http { base: SafeText::new(&url), token: Some("TOKEN") }),
    }
}

/// `gh` speaks to github.com and to Enterprise Servers; anything else is spoken to with `curl`.
fn github(url: Option<String>) -> Reach {
    let Some(url) = url else { return Reach::Gh { host: None } };
    let enterprise = url.strip_prefix("https://").and_then(|rest| rest.strip_suffix("/api/v3"));
    match (url.as_str(), enterprise) {
        ("https://api.github.com", _) => Reach::Gh { host: None },
        (_, Some(host)) if !host.contains('/') => Reach::Gh { host: Some(SafeText::new(host)) },
        _ => Reach::Http { base: SafeText::new(&url), token: Some("GH_TOKEN") },
    }
}

fn docker(host: Option<&str>) -> Option<Reach> {
    match host.map(|host| host.split_once("://")) {
        None => Some(Reach::Socket { path: SOCKET.into() }),
        Some(Some(("unix", path))) => Some(Reach::Socket { path: SafeText::new(path) }),
        Some(Some((scheme @ ("http" | "https"), rest))) => {
            Some(Reach::Http { base: SafeText::new(&format!("{scheme}://{rest}")), token: None })
        }
        Some(Some(("tcp", rest))) => {
            Some(Reach::Http { base: SafeText::new(&format!("http://{rest}")), token: None })
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Settings, SourceName};

    fn of(kind: &str, settings: &[(&str, &str)]) -> Option<String> {
        let settings =
            settings.iter().fold(Settings::default(), |all, (key, value)| all.with_text(key, value));
        let spec = SourceSpec {
            name: SourceName::new("s"),
            settings,
            secrets: Default::default(),
            bounds: Vec::new(),
            env: Default::default(),
        };
        reach(kind, &spec).map(|reach| {
            format!("{reach:?}").split([' ', '(']).next().unwrap().to_owned() + " " + &reach.to_string()
        })
    }

    #[test]
    fn each_kind_is_reached_by_its_own_client() {
        for (kind, settings, wanted) in [
            ("github", &[][..], Some("Gh github.com")),
            ("github", &[("url", "https://api.github.com/")], Some("Gh github.com")),
            ("github", &[("url", "https://git.example.test/api/v3")], Some("Gh git.example.test")),
            ("github", &[("url", "http://127.0.0.1:4711")], Some("Http http://127.0.0.1:4711")),
            ("kubernetes", &[("context", "prod-eu")], Some("Kubectl context prod-eu")),
            ("docker", &[], Some("Socket /var/run/docker.sock")),
            ("docker", &[("host", "unix:///run/d.sock")], Some("Socket /run/d.sock")),
            ("docker", &[("host", "tcp://node:2375")], Some("Http http://node:2375")),
            ("docker", &[("host", "ssh://node")], None),
            ("prometheus", &[("url", "https://p.example.test/")], Some("Http https://p.example.test")),
            ("gitlab", &[], Some("Http https://gitlab.com/api/v4")),
            ("gitlab", &[("url", "https://git.test/")], Some("Http https://git.test/api/v4")),
            ("circleci", &[], Some("Http https://circleci.com/api/v2")),
            (
                "jenkins",
                &[("url", "https://ci.test/jenkins"), ("user", "mara")],
                Some("Basic https://ci.test/jenkins"),
            ),
            ("terraform-cloud", &[], Some("Http https://app.terraform.io/api/v2")),
            ("awx", &[("url", "https://awx.test/")], Some("Http https://awx.test/api/v2")),
            ("command", &[], Some("Program the programs of the config")),
            ("manifests", &[("url", "git@git.test:acme/d.git")], Some("Git git@git.test:acme/d.git")),
            ("manifests", &[("url", "https://ann:hunter2@git.test/d.git")], None),
            ("git", &[], None),
        ] {
            assert_eq!(of(kind, settings).as_deref(), wanted, "{kind} {settings:?}");
        }
    }
}
