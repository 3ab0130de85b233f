//! Argo CD, AWX and HCP Terraform, as the variables of their own programs name them.
//!
//! Written out where both the address and the token are the user's own, from the environment; a comment with everything
//! else filled in where the token is missing. Nobody is asked anything.

use std::collections::BTreeMap;

use super::found::is_name;
use super::write::quoted;
use crate::provider::login::is_host;

const ARGOCD: &str = "argocd";

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tool {
    /// What its source is called, and its kind.
    pub(super) name: &'static str,
    /// Where it is; none where the kind itself knows.
    url: Option<String>,
    /// The variable that holds its token: the name.
    token: Option<&'static str>,
    /// The usual one, for the comment.
    usual: &'static str,
    /// What a service says of it.
    pub(super) pipeline: Option<String>,
}

type Env = BTreeMap<String, String>;

impl Tool {
    /// Its source, as a comment where no token is known.
    pub(super) fn source(&self) -> String {
        let dash = if self.token.is_some() { "" } else { "# " };
        let name = quoted(self.name);
        let mut text = format!("\n{dash}[[source]]\n{dash}name = {name}\n{dash}kind = {name}\n");
        if let Some(url) = &self.url {
            text.push_str(&format!("{dash}url = {}\n", quoted(url)));
        }
        let token = quoted(self.token.unwrap_or(self.usual));
        text.push_str(&format!("{dash}token = {{ env = {token} }}\n"));
        text
    }

    /// What an environment of a service says of it.
    pub(super) fn owner(&self, service: &str) -> Option<String> {
        let application = quoted(service);
        (self.name == ARGOCD).then(|| {
            format!("owner = {{ source = \"argocd\", application = {application}, project = \"default\" }}")
        })
    }

    /// What was found, in a line.
    pub(super) fn told(&self) -> String {
        let place = self.url.as_deref().unwrap_or("https://app.terraform.io");
        match self.token {
            Some(variable) => format!("{:<13} {place}; token from ${variable}", self.name),
            None => format!("{:<13} {place}; no token in ${}, so it is a comment", self.name, self.usual),
        }
    }
}

/// All that the environment names.
pub(super) fn found(env: &Env) -> Vec<Tool> {
    [argocd(env), awx(env), terraform(env)].into_iter().flatten().collect()
}

fn text<'a>(env: &'a Env, names: &[&str]) -> Option<&'a str> {
    names.iter().filter_map(|name| env.get(*name)).map(|value| value.trim()).find(|value| !value.is_empty())
}

fn set(env: &Env, names: &[&'static str]) -> Option<&'static str> {
    names.iter().copied().find(|name| text(env, &[name]).is_some())
}

/// The host of an address or of a host alone, with its port; nothing else is taken from it.
fn host(value: &str) -> Option<&str> {
    let host = value.strip_prefix("https://").unwrap_or(value).trim_end_matches('/');
    is_host(host).then_some(host)
}

fn argocd(env: &Env) -> Option<Tool> {
    let host = host(text(env, &["ARGOCD_SERVER"])?)?;
    Some(Tool {
        name: ARGOCD,
        url: Some(format!("https://{host}")),
        token: set(env, &["ARGOCD_AUTH_TOKEN"]),
        usual: "ARGOCD_AUTH_TOKEN",
        pipeline: None,
    })
}

/// A host and the token of the same names, never of others: the token of one host is for that host alone.
fn awx(env: &Env) -> Option<Tool> {
    let pairs = [("CONTROLLER_HOST", "CONTROLLER_OAUTH_TOKEN"), ("TOWER_HOST", "TOWER_OAUTH_TOKEN")];
    let (value, usual) = pairs.into_iter().find_map(|(host, token)| Some((text(env, &[host])?, token)))?;
    let host = host(value)?;
    Some(Tool {
        name: "awx",
        url: Some(format!("https://{host}/api/v2")),
        token: set(env, &[usual]),
        usual,
        pipeline: Some("pipeline = { source = \"awx\", template = \"Release\" }".to_owned()),
    })
}

/// `TFE_TOKEN` is for the one host that `TFE_ADDRESS` or `TFE_HOSTNAME` names, or for the public one; the other variable has
/// its host in its name. Where they leave a doubt, no token is written.
fn terraform(env: &Env) -> Option<Tool> {
    const PUBLIC: &str = "app.terraform.io";
    let token = set(env, &["TFE_TOKEN", "TF_TOKEN_app_terraform_io"])?;
    let named = ["TFE_ADDRESS", "TFE_HOSTNAME", "TF_CLOUD_HOSTNAME"].map(|name| text(env, &[name]));
    let hosts: Vec<&str> = named.into_iter().flatten().map(host).collect::<Option<_>>()?;
    let first = hosts.first().copied().unwrap_or(PUBLIC);
    let [address, hostname, _] = named;
    let told = address.is_some() || hostname.is_some() || first == PUBLIC;
    let is_theirs =
        hosts.iter().all(|host| *host == first) && if token == "TFE_TOKEN" { told } else { first == PUBLIC };
    let elsewhere = Some(first).filter(|host| *host != PUBLIC);
    let part = |name: &str| text(env, &[name]).filter(|value| is_name(value));
    let organization = part("TF_CLOUD_ORGANIZATION").unwrap_or("acme");
    let project = format!("{organization}/{}", part("TF_WORKSPACE").unwrap_or("network"));
    Some(Tool {
        name: "terraform-cloud",
        url: elsewhere.map(|host| format!("https://{host}/api/v2")),
        token: Some(token).filter(|_| is_theirs),
        usual: "TFE_TOKEN",
        pipeline: Some(format!(
            "pipeline = {{ source = \"terraform-cloud\", project = {} }}",
            quoted(&project)
        )),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Vec<Tool> {
        let env = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        found(&env)
    }

    #[test]
    fn an_address_of_the_environment_is_a_host_or_nothing() {
        for (value, url) in [
            ("argo.acme.test", Some("https://argo.acme.test")),
            ("https://argo.acme.test:8443/", Some("https://argo.acme.test:8443")),
            ("http://argo.acme.test", None),
            ("https://mara:pw@argo.acme.test", None),
            ("argo.acme.test\"\nkind = \"x", None),
            (" ", None),
        ] {
            let tools = of(&[("ARGOCD_SERVER", value), ("ARGOCD_AUTH_TOKEN", "t")]);
            assert_eq!(tools.first().and_then(|tool| tool.url.as_deref()), url, "{value}");
        }
    }

    #[test]
    fn a_token_goes_to_its_own_host_and_is_named_and_never_written() {
        let hosted = ("TF_TOKEN_app_terraform_io", "secret-1");
        let own = ("TFE_ADDRESS", "https://tfe.acme.test");
        for (pairs, written, token) in [
            (vec![hosted], true, "TF_TOKEN_app_terraform_io"),
            (vec![("TFE_TOKEN", "secret-2"), own], true, "TFE_TOKEN"),
            (vec![hosted, own], false, "TFE_TOKEN"),
            (vec![("TFE_TOKEN", "secret-4"), ("TFE_HOSTNAME", "tfe.acme.test")], true, "TFE_TOKEN"),
            (vec![("TFE_TOKEN", "secret-5"), ("TF_CLOUD_HOSTNAME", "tfe.acme.test")], false, "TFE_TOKEN"),
            (vec![("TFE_TOKEN", "secret-6"), own, ("TFE_HOSTNAME", "tfe.other.test")], false, "TFE_TOKEN"),
            (
                vec![("CONTROLLER_HOST", "awx.acme.test"), ("TOWER_OAUTH_TOKEN", "secret-7")],
                false,
                "CONTROLLER_OAUTH_TOKEN",
            ),
            (vec![("CONTROLLER_HOST", "https://awx.acme.test")], false, "CONTROLLER_OAUTH_TOKEN"),
            (
                vec![("TOWER_HOST", "awx.acme.test"), ("TOWER_OAUTH_TOKEN", "secret-3")],
                true,
                "TOWER_OAUTH_TOKEN",
            ),
        ] {
            let tools = of(&pairs);
            let source = tools[0].source();
            assert_eq!(source.starts_with("\n[[source]]"), written, "{pairs:?}: {source}");
            assert!(source.contains(&format!("env = \"{token}\"")), "{pairs:?}: {source}");
            assert!(!format!("{source}{}", tools[0].told()).contains("secret"), "{source}");
        }
        assert_eq!(of(&[]), []);
        // An address that cannot be used is not the public one.
        assert_eq!(of(&[("TFE_TOKEN", "secret-8"), ("TFE_ADDRESS", "http://tfe.acme.test")]), []);
        assert!(
            of(&[("TFE_TOKEN", "secret-9"), own])[0]
                .source()
                .contains("\nurl = \"https://tfe.acme.test/api/v2\"")
        );
    }
}
