//! The files that lead to the world: an ordinary config, the tokens and a kubeconfig, as a user would have written
//! them. Knows addresses and paths, and nothing of the program that reads them.

use super::history::Repositories;
use super::images::OWNER;
use super::manifests::folder as folder_of;
use super::scenario::{Ci, Keeper, Platform, ServiceScript, Workload};
use super::world::swarm_name;
use super::{SandboxError, Urls};
use jiff::{SignedDuration, Timestamp};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

/// The name of the context in the kubeconfig.
pub(super) const CONTEXT: &str = "sandbox";

/// A path as a TOML text.
fn quoted(path: &Path) -> String {
    toml::Value::String(path.to_string_lossy().into_owned()).to_string()
}

/// The config's text.
pub(super) fn text(
    folder: &Path,
    urls: &Urls,
    services: &[(&ServiceScript, &Repositories)],
    policy: &str,
) -> String {
    let mut text = sources(folder, urls);
    for ci in [Ci::Gitlab, Ci::Jenkins, Ci::Circleci, Ci::TerraformCloud, Ci::Awx] {
        if services.iter().any(|(script, _)| script.ci == ci) {
            text.push_str(&ci_source(ci, folder, urls));
        }
    }
    if services.iter().any(|(script, _)| script.kept_by == Keeper::ArgoCd) {
        text.push_str(&argocd_source(folder, urls));
    }
    if services.iter().any(|(script, _)| script.kept_by != Keeper::Nobody) {
        text.push_str(&manifests_source(folder, urls));
    }
    text.push_str(SIGNALS);
    for (script, repositories) in services {
        service(&mut text, script, repositories, urls);
    }
    text.push_str(policy);
    text
}

/// The rules of production; frozen from the day before `start` to the day after, if there is a reason for it.
pub(super) fn policy(freeze: Option<&str>, start: Timestamp) -> String {
    let mut text = "\n[policy.production]\nconfirm = \"type-name\"\nmax_age = \"15s\"\n".to_owned();
    if let Some(reason) = freeze {
        let day = |hours| (start + SignedDuration::from_hours(hours)).strftime("%F").to_string();
        let reason = toml::Value::String(reason.to_owned());
        let (from, to) = (day(-24), day(24));
        let window = format!("from = \"{from}\", to = \"{to}\", zone = \"Europe/Berlin\", reason = {reason}");
        text.push_str(&format!("freeze = [{{ {window} }}]\n"));
    }
    text
}

fn sources(folder: &Path, urls: &Urls) -> String {
    let (token, kubeconfig) = (quoted(&folder.join("github-token")), quoted(&folder.join("kubeconfig")));
    format!(
        r#"# Written by the embedded world; everything in it is on this machine.

[[source]]
name = "github"
kind = "github"
url = "{}"
token = {{ file = {token} }}

[[source]]
name = "git"
kind = "git"

[[source]]
name = "prometheus"
kind = "prometheus"
url = "{}"

[[source]]
name = "alertmanager"
kind = "alertmanager"
url = "{}"

[[source]]
name = "prod"
kind = "kubernetes"
kubeconfig = {kubeconfig}
context = "{CONTEXT}"

[[source]]
name = "swarm"
kind = "docker"
host = "{}"
"#,
        urls.github, urls.prometheus, urls.alertmanager, urls.docker
    )
}

/// The source of the repository of manifests.
fn manifests_source(folder: &Path, urls: &Urls) -> String {
    let cache = quoted(&folder.join("cache"));
    format!(
        "\n[[source]]\nname = \"deploys\"\nkind = \"manifests\"\nurl = \"{}/deploys.git\"\n\
         author = \"Mara <mara@example.test>\"\ncache = {cache}\n",
        urls.git
    )
}

/// The source of a CI server other than GitHub.
fn ci_source(ci: Ci, folder: &Path, urls: &Urls) -> String {
    let (kind, url, more) = match ci {
        Ci::Github => ("github", &urls.github, ""),
        Ci::Gitlab => ("gitlab", &urls.gitlab, ""),
        Ci::Jenkins => ("jenkins", &urls.jenkins, "user = \"mara\"\n"),
        Ci::Circleci => ("circleci", &urls.circleci, ""),
        Ci::TerraformCloud => ("terraform-cloud", &urls.terraform_cloud, ""),
        Ci::Awx => ("awx", &urls.awx, ""),
    };
    let token = quoted(&folder.join(format!("{kind}-token")));
    format!(
        "\n[[source]]\nname = \"{kind}\"\nkind = \"{kind}\"\nurl = \"{url}\"\n{more}token = {{ file = {token} }}\n"
    )
}

/// The source that is Argo CD.
fn argocd_source(folder: &Path, urls: &Urls) -> String {
    let (url, token) = (&urls.argocd, quoted(&folder.join("argocd-token")));
    format!(
        "\n[[source]]\nname = \"argocd\"\nkind = \"argocd\"\nurl = \"{url}\"\ntoken = {{ file = {token} }}\n"
    )
}

const SIGNALS: &str = r#"
[[signal]]
name = "error-rate"
source = "prometheus"
query = 'sum(rate(http_requests_total{service="$service",environment="$environment",code=~"5.."}[1m])) / sum(rate(http_requests_total{service="$service",environment="$environment"}[1m])) * 100'
canary = 'sum(rate(http_requests_total{service="$service",environment="$environment",track="canary",code=~"5.."}[1m])) / sum(rate(http_requests_total{service="$service",environment="$environment",track="canary"}[1m])) * 100'
stable = 'sum(rate(http_requests_total{service="$service",environment="$environment",track="stable",code=~"5.."}[1m])) / sum(rate(http_requests_total{service="$service",environment="$environment",track="stable"}[1m])) * 100'
budget = '100 - sum(increase(http_requests_total{service="$service",environment="$environment",code=~"5.."}[1h])) / sum(increase(http_requests_total{service="$service",environment="$environment"}[1h])) / 0.01 * 100'
unit = "%"
hold = 1.0
no_go = 2.0

[[signal]]
name = "latency-p99"
source = "prometheus"
query = 'histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket{service="$service",environment="$environment"}[1m]))) * 1000'
canary = 'histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket{service="$service",environment="$environment",track="canary"}[1m]))) * 1000'
stable = 'histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket{service="$service",environment="$environment",track="stable"}[1m]))) * 1000'
unit = "ms"
hold = 400
no_go = 800
"#;

fn service(text: &mut String, script: &ServiceScript, repositories: &Repositories, urls: &Urls) {
    let (name, code) = (&script.name, quoted(&repositories.clone));
    let production = match script.production_on {
        Platform::Kubernetes => {
            let word = script.production_as.word();
            let gates = match script.production_as {
                Workload::Flagger => format!(", gates = \"{}\"", urls.load_tester),
                _ => String::new(),
            };
            format!("source = \"prod\", namespace = \"production\", workload = \"{word}/{name}\"{gates}")
        }
        Platform::Docker => format!("source = \"swarm\", service = \"{}\"", swarm_name(name)),
    };
    let owner = match script.kept_by {
        Keeper::Flux => {
            format!(
                "\n  owner = {{ source = \"prod\", kustomization = \"{}/{name}\" }}",
                super::followed::NAMESPACE
            )
        }
        Keeper::ArgoCd => {
            format!("\n  owner = {{ source = \"argocd\", application = \"{name}\", project = \"default\" }}")
        }
        Keeper::Nobody => String::new(),
    };
    let manifests = match script.kept_by {
        Keeper::Nobody => String::new(),
        Keeper::ArgoCd | Keeper::Flux => {
            format!("\n  manifests = {{ source = \"deploys\", folder = \"{}\" }}", folder_of(name))
        }
    };
    let pipeline = match script.ci {
        // A fork's checks are another workflow: where there is one, all are looked at.
        Ci::Github if script.github.fork.is_some() => {
            format!("source = \"github\", project = \"{OWNER}/{name}\"")
        }
        Ci::Github => {
            format!("source = \"github\", project = \"{OWNER}/{name}\", workflow = \"release.yml\"")
        }
        Ci::Gitlab => format!("source = \"gitlab\", project = \"{OWNER}/{name}\""),
        Ci::Jenkins => format!("source = \"jenkins\", job = \"{OWNER}/{name}\""),
        Ci::Circleci => format!("source = \"circleci\", project = \"gh/{OWNER}/{name}\""),
        Ci::TerraformCloud => {
            format!("source = \"terraform-cloud\", project = \"{OWNER}/{name}-production\"")
        }
        Ci::Awx => format!("source = \"awx\", template = \"Release {name}\", organization = \"{OWNER}\""),
    };
    // Writing to a text cannot fail.
    let _ = write!(
        text,
        r#"
[[service]]
name = "{name}"
code = {{ source = "git", path = {code} }}
pipeline = {{ {pipeline} }}

  [[service.environment]]
  name = "staging"
  deploy = {{ source = "prod", namespace = "staging", workload = "deployment/{name}" }}
  health = {{ signals = ["error-rate", "latency-p99"] }}

  [[service.environment]]
  name = "production"
  deploy = {{ {production} }}{owner}{manifests}
  health = {{ signals = ["error-rate", "latency-p99"], alerts = {{ source = "alertmanager", filter = ['service="{name}"', 'environment="production"'] }} }}
  policy = "production"
"#
    );
}

/// Writes a file that only its owner may read, from its first byte on.
pub(super) fn private(path: &Path, text: &str) -> Result<(), SandboxError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|source| SandboxError::Io { what: "a file of the sandbox could not be written", source })
}
