//! From a kubeconfig to a [`Link`]: which context, which server, which credential, and what is refused.
//!
//! Credential plugins are run here, not by the client library: see [`plugin`]. Variables that redirect the library
//! for debugging are not honoured.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use super::link::{Link, Trust};
use super::mask::Secrets;
use super::{fault, plugin};
use crate::domain::{Cause, Fault};

/// How long a connection may take to come up.
const CONNECT: Duration = Duration::from_secs(5);
/// How long making the client may take: it reads the credential's files.
const MAKING: Duration = Duration::from_secs(10);

/// What the configuration says about reaching the cluster.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) kubeconfig: Option<PathBuf>,
    pub(super) context: Option<String>,
    /// Credential plugins that may be run; `None` leaves the choice to the kubeconfig.
    pub(super) exec: Option<Vec<PathBuf>>,
    pub(super) patience: Duration,
    pub(super) env: Arc<BTreeMap<String, String>>,
}

/// Where the first connection led: later ones must lead there too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pin {
    context: String,
    server: String,
}

/// Connects. With a pin, only to where it points.
pub(super) async fn connect(asked: &Asked, pin: Option<&Pin>) -> Result<(Link, Pin), Fault> {
    let (mut config, context) = match kubeconfig(asked).await? {
        Some(kubeconfig) => from_kubeconfig(asked, kubeconfig, pin).await?,
        None => (in_cluster(asked)?, "in-cluster".to_owned()),
    };
    let pin = pinned(&config, context, pin)?;
    let host = host_of(&config.cluster_url);
    let loopback = is_loopback(config.cluster_url.host().unwrap_or_default());
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT);
    config.write_timeout = Some(asked.patience);
    // A watch is quiet for long: deadlines are kept per request instead.
    config.read_timeout = None;
    let plain = config.cluster_url.scheme_str() != Some("https");
    let trust = match (loopback, plain, config.accept_invalid_certs) {
        (false, true, _) => Trust::Plain,
        (_, false, true) => Trust::Unverified,
        _ => Trust::Proved,
    };
    if trust == Trust::Plain && has_secret(&config.auth_info) {
        return Err(Fault::new(
            Cause::Local,
            format!("the credential would travel to {host} in plain text, readable on the way"),
        )
        .with_hint("use an https server address in the kubeconfig"));
    }
    let renew = plugin::log_in(&mut config.auth_info, asked).await?;
    let secrets = Secrets::of(&config.auth_info);
    // Making the client may read files: not on a runtime thread, not without end.
    let made = tokio::task::spawn_blocking(move || Client::try_from(config));
    let client = tokio::time::timeout(MAKING, made)
        .await
        .map_err(|_| Fault::new(Cause::TimedOut, "the credential's files could not be read within 10 s"))?
        .map_err(|_| Fault::new(Cause::Crashed, "making the client failed"))?
        .map_err(|error| fault::of_client(&error))?;
    Ok((Link::new(client, &pin.context, &host, trust, asked.patience).keeping(secrets, renew), pin))
}

fn has_secret(auth: &AuthInfo) -> bool {
    auth.token.is_some()
        || auth.token_file.is_some()
        || auth.password.is_some()
        || auth.exec.is_some()
        || auth.auth_provider.is_some()
}

fn pinned(config: &Config, context: String, before: Option<&Pin>) -> Result<Pin, Fault> {
    let now = Pin { context, server: config.cluster_url.to_string() };
    match before {
        Some(before) if *before != now => Err(Fault::new(
            Cause::Local,
            "the kubeconfig now leads to another cluster than at the start; nothing is asked there",
        )
        .with_hint("start again to use it")),
        _ => Ok(now),
    }
}

/// The files that make up the kubeconfig, merged as the first one to say something wins. `None`: there is none,
/// and this runs inside a cluster.
async fn kubeconfig(asked: &Asked) -> Result<Option<Kubeconfig>, Fault> {
    let paths = paths(asked)?;
    let named = asked.kubeconfig.is_some();
    let merged = tokio::task::spawn_blocking(move || merge(&paths, named))
        .await
        .map_err(|_| Fault::new(Cause::Crashed, "reading the kubeconfig failed"))??;
    if merged.is_none() && !asked.env.contains_key("KUBERNETES_SERVICE_HOST") {
        return Err(Fault::new(Cause::Local, "there is no kubeconfig").with_hint(
            "set kubeconfig in the source, or $KUBECONFIG, or write ~/.kube/config with your login command",
        ));
    }
    Ok(merged)
}

/// Which files make it up: the one that is configured, else `$KUBECONFIG`'s, else the usual one.
pub(super) fn paths(asked: &Asked) -> Result<Vec<PathBuf>, Fault> {
    let var = |name: &str| asked.env.get(name).filter(|v| !v.is_empty());
    let paths: Vec<PathBuf> = match (&asked.kubeconfig, var("KUBECONFIG"), var("HOME")) {
        (Some(path), _, _) => vec![path.clone()],
        (None, Some(list), _) => std::env::split_paths(list).filter(|p| !p.as_os_str().is_empty()).collect(),
        (None, None, Some(home)) => vec![Path::new(home).join(".kube/config")],
        (None, None, None) => Vec::new(),
    };
    match paths.iter().find(|p| p.is_relative()) {
        None => Ok(paths),
        Some(relative) => Err(Fault::new(
            Cause::Local,
            format!("the kubeconfig {} is named by a relative path", relative.display()),
        )
        .with_hint("name it by its absolute path: the current folder must not choose the cluster")),
    }
}

pub(super) fn merge(paths: &[PathBuf], named: bool) -> Result<Option<Kubeconfig>, Fault> {
    let mut merged: Option<Kubeconfig> = None;
    for path in paths {
        // Like kubectl: files of a list may be missing, one that is named may not.
        if !named && !path.exists() {
            continue;
        }
        let unusable =
            |why: &str| Fault::new(Cause::Local, format!("the kubeconfig {} {why}", path.display()));
        let read = Kubeconfig::read_from(path).map_err(|error| match error {
            kube::config::KubeconfigError::ReadConfig(error, _) => {
                unusable(&format!("cannot be read: {}", error.kind()))
            }
            // The parser's own words may quote a line with a token in it.
            _ => unusable("is not a kubeconfig"),
        })?;
        merged = Some(match merged {
            None => read,
            Some(before) => before.merge(read).map_err(|_| unusable("does not fit to the ones before it"))?,
        });
    }
    Ok(merged)
}

async fn from_kubeconfig(
    asked: &Asked,
    mut kubeconfig: Kubeconfig,
    pin: Option<&Pin>,
) -> Result<(Config, String), Fault> {
    let pinned = pin.map(|p| p.context.clone());
    let Some(context) =
        pinned.or_else(|| asked.context.clone()).or_else(|| kubeconfig.current_context.clone())
    else {
        return Err(Fault::new(Cause::Local, "the kubeconfig has no current context")
            .with_hint(format!("name one: context = \"..\"; there are: {}", contexts(&kubeconfig))));
    };
    if !kubeconfig.contexts.iter().any(|c| c.name == context) {
        return Err(Fault::new(Cause::Local, format!("the kubeconfig has no context {context}"))
            .with_hint(format!("there are: {}", contexts(&kubeconfig))));
    }
    let user =
        kubeconfig.contexts.iter().find(|c| c.name == context).and_then(|c| c.context.as_ref()?.user.clone());
    for named in kubeconfig.auth_infos.iter_mut().filter(|a| Some(&a.name) == user.as_ref()) {
        if let Some(auth) = named.auth_info.as_mut() {
            plugin::check(auth, asked)?;
        }
    }
    let cluster = kubeconfig
        .contexts
        .iter()
        .find(|c| c.name == context)
        .and_then(|c| c.context.as_ref())
        .map(|c| c.cluster.clone());
    let own_proxy = kubeconfig
        .clusters
        .iter()
        .find(|c| Some(&c.name) == cluster.as_ref())
        .and_then(|c| c.cluster.as_ref()?.proxy_url.clone())
        .filter(|url| !url.is_empty());
    let options = KubeConfigOptions { context: Some(context.clone()), ..KubeConfigOptions::default() };
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| {
        use kube::config::KubeconfigError as Error;
        let why = match error {
            Error::LoadClusterOfContext(_) => "names a cluster that is not in the kubeconfig",
            Error::MissingClusterUrl | Error::ParseClusterUrl(_) => "has no usable server address",
            Error::ParseProxyUrl(_) => "has no usable proxy address",
            Error::LoadCertificateAuthority(_) | Error::ParseCertificates(_) => {
                "has no readable certificate-authority"
            }
            _ => "is unusable",
        };
        Fault::new(Cause::Local, format!("the context {context} {why}"))
    })?;
    config.proxy_url = proxy(own_proxy, config.cluster_url.host().unwrap_or_default(), &asked.env)?;
    Ok((config, context))
}

fn in_cluster(asked: &Asked) -> Result<Config, Fault> {
    if asked.context.is_some() {
        return Err(Fault::new(Cause::Local, "a context is named, and there is no kubeconfig"));
    }
    Config::incluster_env()
        .map_err(|_| Fault::new(Cause::Local, "the service account of this pod is not readable"))
}

fn contexts(kubeconfig: &Kubeconfig) -> String {
    kubeconfig.contexts.iter().take(20).map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// Through which proxy a host is reached: the cluster's own, else the environment's; none on this machine.
fn proxy(
    own: Option<String>,
    host: &str,
    env: &BTreeMap<String, String>,
) -> Result<Option<http::Uri>, Fault> {
    if is_loopback(host) {
        return Ok(None);
    }
    let var = |name: &str| env.get(name).filter(|v| !v.is_empty());
    let from_env = || {
        let excepted = var("NO_PROXY").or_else(|| var("no_proxy")).is_some_and(|list| excepts(list, host));
        if excepted { None } else { var("HTTPS_PROXY").or_else(|| var("https_proxy")).cloned() }
    };
    let Some(url) = own.or_else(from_env) else { return Ok(None) };
    // The address may hold a password: it is not shown.
    let uri =
        url.parse().map_err(|_| Fault::new(Cause::Local, "the cluster's proxy address is not an address"))?;
    Ok(Some(uri))
}

fn excepts(list: &str, host: &str) -> bool {
    let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
    list.split(',').map(|entry| entry.trim().to_ascii_lowercase()).any(|entry| {
        let entry = entry.split_once(':').map_or(entry.as_str(), |(name, _)| name);
        let bare = entry.trim_start_matches("*.").trim_start_matches('.');
        entry == "*" || (!bare.is_empty() && (host == bare || host.ends_with(&format!(".{bare}"))))
    })
}

/// Host and port without a user's name or password.
fn host_of(url: &http::Uri) -> String {
    let host = url.host().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

pub(super) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_matches(['[', ']']);
    bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Arc<BTreeMap<String, String>> {
        Arc::new(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    fn asked(pairs: &[(&str, &str)]) -> Asked {
        Asked {
            kubeconfig: None,
            context: None,
            exec: None,
            patience: Duration::from_secs(5),
            env: env(pairs),
        }
    }

    #[test]
    fn a_server_on_this_machine_is_reached_directly() {
        let vars =
            env(&[("HTTPS_PROXY", "http://proxy.test:3128"), ("NO_PROXY", "corp.test,.in.test,10.0.0.1")]);
        for (host, own, expected) in [
            ("127.0.0.1", Some("http://own.test:1"), None),
            ("localhost", None, None),
            ("[::1]", None, None),
            ("api.test", None, Some("http://proxy.test:3128/")),
            ("api.test", Some("http://own.test:1"), Some("http://own.test:1/")),
            ("k8s.corp.test", None, None),
            ("k8s.in.test", None, None),
            ("10.0.0.1", None, None),
            ("notcorp.test", None, Some("http://proxy.test:3128/")),
        ] {
            let found = proxy(own.map(str::to_owned), host, &vars).unwrap().map(|u| u.to_string());
            assert_eq!(found.as_deref(), expected, "{host}");
        }
    }

    #[tokio::test]
    async fn the_current_folder_does_not_choose_the_cluster() {
        let fault = kubeconfig(&asked(&[("KUBECONFIG", "kubeconfig.yaml")])).await.unwrap_err();
        assert!(fault.detail.as_str().contains("relative path"), "{fault}");
    }
}
