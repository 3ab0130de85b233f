//! What there is to connect to: looked for, never guessed at, and nothing of it is run or trusted.
//!
//! Reads the repository's remotes and CI files, the kubeconfig's contexts, what `gh` and `glab` say about their logins,
//! and the addresses that the environment names. Scans nothing. Whatever a repository says is taken only if it is a
//! name by its characters; where a token goes is never the repository's choice (see [`Hub`]).

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::tools::{self, Tool};
use crate::domain::SafeText;
use crate::provider::http::{Endpoint, EndpointSpec, Limits, Read};
use crate::provider::login::{Login, Logins, is_host, logins};
use crate::provider::{git, kubernetes};

/// How long somebody may take to show that he is there.
const BRIEF: Duration = Duration::from_secs(2);

/// The longest CI file that is read, in bytes, and how many of them.
const LONGEST: u64 = 256 * 1024;
const MOST: usize = 60;

type Env = Arc<BTreeMap<String, String>>;

/// Everything that was found.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// The repository that was started from.
    pub(super) checkout: Option<Checkout>,
    /// Logins of `gh`, and whether it is there at all.
    pub(super) gh: Option<Logins>,
    /// The same of `glab`.
    pub(super) glab: Option<Logins>,
    /// A variable that holds a GitHub token: its name.
    pub(super) variable: Option<&'static str>,
    /// Whether `$GITLAB_TOKEN` holds something.
    pub(super) gitlab_token: bool,
    /// A variable that holds a CircleCI token: its name.
    pub(super) circleci_token: Option<&'static str>,
    /// Contexts of the kubeconfig whose names are names.
    pub(super) contexts: Vec<Context>,
    /// The Docker Engine's address.
    pub(super) docker: Option<Place>,
    /// Prometheus, as the environment names it.
    pub(super) prometheus: Option<Place>,
    /// Alertmanager, likewise.
    pub(super) alertmanager: Option<Place>,
    /// What the variables of other tools name.
    pub(super) tools: Vec<Tool>,
}

/// A repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Checkout {
    pub(super) folder: PathBuf,
    /// Host and `owner/name` that its remote leads to.
    pub(super) hub: Option<Hub>,
    /// File names of GitHub workflows, the likeliest to release first.
    pub(super) workflows: Vec<String>,
    /// Environments that the workflows, or GitLab's jobs, deploy to, in the order of their appearance.
    pub(super) environments: Vec<String>,
    /// Other CI files.
    pub(super) others: Vec<&'static str>,
}

/// Where a remote leads. It is no permission to send anything there: a token goes to github.com, or to a host that
/// `gh` itself is logged in to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hub {
    pub(super) host: String,
    pub(super) project: String,
}

/// An address, and whether somebody answers there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) url: String,
    pub(super) answers: bool,
}

/// A context of the kubeconfig.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) name: String,
    pub(super) namespace: Option<String>,
    pub(super) current: bool,
    server: Option<String>,
    pub(super) answers: bool,
}

impl Context {
    /// Finds out whether its server takes a connection.
    pub(super) async fn reach(&mut self) {
        self.answers = server_answers(self.server.as_deref()).await;
    }
}

impl Found {
    /// Whether there is anything to write about.
    pub(super) fn is_empty(&self) -> bool {
        self.checkout.is_none()
            && self.contexts.is_empty()
            && !self.docker.as_ref().is_some_and(|docker| docker.answers)
            && self.prometheus.is_none()
            && self.alertmanager.is_none()
            && self.tools.is_empty()
    }

    /// The login that a remote's host may be asked with.
    pub(super) fn login(&self, host: &str) -> Option<&Login> {
        self.gh.as_ref()?.all().iter().find(|login| login.host == host)
    }

    /// The same of `glab`.
    pub(super) fn glab_login(&self, host: &str) -> Option<&Login> {
        self.glab.as_ref()?.all().iter().find(|login| login.host == host)
    }
}

/// Looks around `start`.
pub(super) async fn look(start: &Path, env: &Env) -> Found {
    let (gh, glab, docker, contexts, prometheus, alertmanager) = tokio::join!(
        logins("gh", env),
        logins("glab", env),
        docker(env),
        contexts(env),
        url(env, "PROMETHEUS_URL", "/-/ready"),
        url(env, "ALERTMANAGER_URL", "/-/ready"),
    );
    let variable = ["GITHUB_TOKEN", "GH_TOKEN"].into_iter().find(|name| has(env, name));
    Found {
        checkout: checkout(start),
        gh: Some(gh),
        glab: Some(glab),
        variable,
        gitlab_token: has(env, "GITLAB_TOKEN"),
        circleci_token: ["CIRCLE_TOKEN", "CIRCLECI_CLI_TOKEN"].into_iter().find(|name| has(env, name)),
        contexts,
        docker,
        prometheus,
        alertmanager,
        tools: tools::found(env),
    }
}

fn has(env: &Env, name: &str) -> bool {
    env.get(name).is_some_and(|value| !value.is_empty())
}

/// A name that can stand in a config and on a screen as it is.
pub(super) fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | '/' | ':' | '@');
    !text.is_empty() && text.len() <= 100 && text.chars().all(plain) && text.trim() == text
}

fn checkout(start: &Path) -> Option<Checkout> {
    let found = git::checkout(start).ok()?;
    let folder = found.folder.canonicalize().ok()?;
    // A path that does not survive being written down is of no use in a config.
    let text = folder.to_str()?;
    if SafeText::new(text).as_str() != text {
        return None;
    }
    let origin = found.remotes.iter().find(|(name, _)| name == "origin");
    let hub = origin.or_else(|| found.remotes.first()).and_then(|(_, url)| hub(url));
    let texts = workflows(&folder);
    // GitLab's file says it in the same words.
    let gitlab = text_of(&folder.join(".gitlab-ci.yml"));
    let mut environments: Vec<String> = Vec::new();
    for name in texts.iter().map(|(_, text)| text).chain(&gitlab).flat_map(|text| environments_of(text)) {
        if !environments.contains(&name) {
            environments.push(name);
        }
    }
    let others = [".gitlab-ci.yml", "Jenkinsfile", ".circleci/config.yml"];
    let others = others.into_iter().filter(|name| folder.join(name).is_file()).collect();
    let workflows = texts.into_iter().map(|(name, _)| name).collect();
    Some(Checkout { folder, hub, workflows, environments, others })
}

/// Host and project of `git@host:owner/name.git`, `ssh://git@host/..`, `https://host/..`.
fn hub(url: &str) -> Option<Hub> {
    let rest = match url.split_once("://") {
        Some(("https" | "http" | "ssh" | "git", rest)) => rest.to_owned(),
        Some(_) => return None,
        None => url.replacen(':', "/", 1),
    };
    let (authority, path) = rest.split_once('/')?;
    let host = authority.rsplit('@').next()?.to_lowercase();
    // A port of ssh says nothing of the API's.
    let host = if url.starts_with("http") { host } else { host.split(':').next()?.to_owned() };
    let project = path.trim_matches('/').trim_end_matches(".git");
    let part = |part: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        !part.is_empty() && part.len() <= 100 && part.bytes().all(plain) && !part.starts_with(['.', '-'])
    };
    let fine = is_host(&host) && project.split('/').count() >= 2 && project.split('/').all(part);
    fine.then(|| Hub { host, project: project.to_owned() })
}

/// Name and text of each workflow, the likeliest to release first.
fn workflows(folder: &Path) -> Vec<(String, String)> {
    let Ok(entries) = std::fs::read_dir(folder.join(".github/workflows")) else { return Vec::new() };
    let mut found: Vec<(String, String)> = entries
        .take(MOST)
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            let yaml = name.ends_with(".yml") || name.ends_with(".yaml");
            (yaml && is_name(&name)).then_some(())?;
            Some((name, text_of(&entry.path())?))
        })
        .collect();
    let rank = |name: &str| {
        let name = name.to_lowercase();
        ["release", "deploy", "publish", "ship", "cd", "build", "ci"]
            .iter()
            .position(|w| name.contains(w))
            .unwrap_or(9)
    };
    found.sort_by(|(a, _), (b, _)| (rank(a), a).cmp(&(rank(b), b)));
    found
}

/// A regular file's text, if it is not too long. A link is not followed: it may lead out of the repository.
fn text_of(path: &Path) -> Option<String> {
    let about = path.symlink_metadata().ok()?;
    if !about.is_file() || about.len() > LONGEST {
        return None;
    }
    let mut text = String::new();
    std::fs::File::open(path).ok()?.take(LONGEST).read_to_string(&mut text).ok()?;
    Some(text)
}

/// `environment: NAME`, or `environment:` with `name: NAME` on a line below.
fn environments_of(workflow: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = workflow.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(said) = line.trim().strip_prefix("environment:") else { continue };
        let said = match said.trim() {
            "" => lines.peek().and_then(|next| next.trim().strip_prefix("name:")).unwrap_or_default(),
            said => said,
        };
        let name = said.split(" #").next().unwrap_or_default().trim().trim_matches(['"', '\'']);
        if is_name(name) {
            found.push(name.to_owned());
        }
    }
    found
}

async fn contexts(env: &Env) -> Vec<Context> {
    let env = Arc::clone(env);
    let read = tokio::task::spawn_blocking(move || kubernetes::contexts(&env)).await;
    let Ok(Ok(all)) = read else { return Vec::new() };
    let mut found: Vec<Context> = Vec::new();
    for context in all.into_iter().filter(|context| is_name(&context.name)).take(MOST) {
        let kubernetes::Context { name, server, namespace, current } = context;
        let namespace = namespace.filter(|name| is_name(name));
        let mut context = Context { name, namespace, current, server, answers: false };
        // Only the current one is tried: the others are nobody's wish yet.
        if current {
            context.reach().await;
        }
        found.push(context);
    }
    found
}

async fn server_answers(server: Option<&str>) -> bool {
    let Some((scheme, rest)) = server.and_then(|url| url.split_once("://")) else { return false };
    let authority = rest.split('/').next().unwrap_or_default();
    let usual = if scheme == "http" { ":80" } else { ":443" };
    let has_port = authority.rsplit(']').next().is_some_and(|end| end.contains(':'));
    connects(&if has_port { authority.to_owned() } else { format!("{authority}{usual}") }).await
}

/// Whether somebody takes a connection at `host:port`.
async fn connects(address: &str) -> bool {
    let attempt = async {
        let mut all = lookup_host(address).await.ok()?;
        TcpStream::connect(all.next()?).await.ok()
    };
    timeout(BRIEF, attempt).await.is_ok_and(|stream| stream.is_some())
}

/// `$DOCKER_HOST`, or the usual socket where there is one.
async fn docker(env: &Env) -> Option<Place> {
    let usual = "/var/run/docker.sock";
    let url = match env.get("DOCKER_HOST").filter(|host| !host.is_empty()) {
        Some(host) => host.clone(),
        None if Path::new(usual).exists() => format!("unix://{usual}"),
        None => return None,
    };
    if url.contains('@') || SafeText::new(&url).as_str() != url {
        return None;
    }
    let answers = match url.split_once("://") {
        Some(("unix", path)) => socket_answers(path).await,
        Some((_, rest)) => connects(rest.trim_end_matches('/')).await,
        None => return None,
    };
    Some(Place { url, answers })
}

#[cfg(unix)]
async fn socket_answers(path: &str) -> bool {
    timeout(BRIEF, tokio::net::UnixStream::connect(path)).await.is_ok_and(|stream| stream.is_ok())
}

#[cfg(not(unix))]
async fn socket_answers(_: &str) -> bool {
    false
}

/// The address in a variable, and whether it says that it is ready. No credential is sent.
async fn url(env: &Env, variable: &str, path: &str) -> Option<Place> {
    let url = env.get(variable)?.trim().trim_end_matches('/').to_owned();
    if SafeText::new(&url).as_str() != url {
        return None;
    }
    let limits = Limits { connect: BRIEF, headers: BRIEF, idle: BRIEF, total: BRIEF, ..Limits::DEFAULT };
    let spec = EndpointSpec { env: Arc::clone(env), ..EndpointSpec::new(&url) };
    let endpoint = Endpoint::new(spec.limits(limits)).ok()?;
    let answers = endpoint.read(&Read::get(path)).await.is_ok_and(|answer| answer.is_success());
    Some(Place { url, answers })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remotes_lead_to_a_host_and_a_project_or_nowhere() {
        for url in [
            "git@github.com:acme/checkout.git",
            "https://github.com/acme/checkout",
            "https://token@github.com/acme/checkout.git",
            "ssh://git@github.com:22/acme/checkout.git",
        ] {
            let hub = hub(url).unwrap();
            assert_eq!((hub.host.as_str(), hub.project.as_str()), ("github.com", "acme/checkout"), "{url}");
        }
        assert_eq!(hub("https://ghe.example.test:8443/a/b").unwrap().host, "ghe.example.test:8443");
        for wrong in [
            "/srv/git/checkout.git",
            "file:///srv/checkout.git",
            "https://github.com/acme",
            "https://github.com/acme/x\"\n[[source]]",
            "https://git hub.com/acme/x",
            "ext::sh -c touch",
            "https://github.com/../x",
        ] {
            assert_eq!(hub(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn environments_are_read_from_workflows_as_names_only() {
        let text = "jobs:\n  a:\n    environment: staging\n  b:\n    environment:\n      name: \"production\"  # live\n  \
                    c:\n    environment: ${{ inputs.where }}\n  d:\n    environment: 'x\"y'\n";
        assert_eq!(environments_of(text), ["staging", "production"]);
    }
}
