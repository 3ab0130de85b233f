//! The parts of a config that read pipelines elsewhere than at GitHub: of the systems whose files a repository holds.
//!
//! Written out where it is certain where the token comes from and where it goes, which is never the repository's choice;
//! a comment with everything else filled in where it is not.

use super::found::{Checkout, Found, Hub};
use super::write::quoted;

/// A CI system whose file was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ci {
    Gitlab,
    Jenkins,
    Circle,
}

impl Ci {
    /// The system that a file of the repository is of.
    fn of(file: &str) -> Option<Self> {
        match file {
            ".gitlab-ci.yml" => Some(Self::Gitlab),
            "Jenkinsfile" => Some(Self::Jenkins),
            ".circleci/config.yml" => Some(Self::Circle),
            _ => None,
        }
    }

    /// What its source is called, and its kind.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Gitlab => "gitlab",
            Self::Jenkins => "jenkins",
            Self::Circle => "circleci",
        }
    }
}

/// One system's part of the config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) ci: Ci,
    /// Why it is there.
    pub(super) file: Option<&'static str>,
    /// The lines of its source.
    source: Vec<String>,
    /// What a service says of its pipeline.
    pub(super) pipeline: String,
    /// What is not certain; none if it can be written out.
    doubt: Option<&'static str>,
}

impl Part {
    /// Whether it is written out.
    pub(super) const fn certain(&self) -> bool {
        self.doubt.is_none()
    }

    /// Its source, as a comment where something is not certain.
    pub(super) fn source(&self) -> String {
        let dash = if self.certain() { "" } else { "# " };
        let mut text = String::from("\n");
        let why = self
            .file
            .map_or_else(|| "the remote leads to GitLab".to_owned(), |file| format!("{file} was found"));
        text.push_str(&format!("# {why}{}\n", self.doubt.unwrap_or_default()));
        let name = self.ci.name();
        text.push_str(&format!("{dash}[[source]]\n{dash}name = \"{name}\"\n{dash}kind = \"{name}\"\n"));
        text.extend(self.source.iter().map(|line| format!("{dash}{line}\n")));
        text
    }
}

/// The parts of all systems whose files were found.
pub(super) fn parts(found: &Found) -> Vec<Part> {
    let Some(checkout) = &found.checkout else { return Vec::new() };
    let mut parts: Vec<Part> = checkout
        .others
        .iter()
        .filter_map(|file| Some(part(found, checkout, Ci::of(file)?, Some(file))))
        .collect();
    // What is kept at GitLab may be built there without a file of its own.
    let at_gitlab = checkout.hub.as_ref().is_some_and(|hub| may_ask_gitlab(found, hub));
    if at_gitlab && !parts.iter().any(|part| part.ci == Ci::Gitlab) {
        parts.push(part(found, checkout, Ci::Gitlab, None));
    }
    parts
}

fn part(found: &Found, checkout: &Checkout, ci: Ci, file: Option<&'static str>) -> Part {
    let hub = checkout.hub.as_ref();
    let (source, pipeline, doubt) = match ci {
        Ci::Gitlab => gitlab(found, hub),
        Ci::Jenkins => jenkins(found, hub),
        Ci::Circle => circleci(found, hub),
    };
    Part { ci, file, source, pipeline, doubt }
}

type Lines = (Vec<String>, String, Option<&'static str>);

/// Whether a remote's host is GitLab's own, or one that `glab` is logged in to.
pub(super) fn may_ask_gitlab(found: &Found, hub: &Hub) -> bool {
    hub.host == "gitlab.com" || found.glab_login(&hub.host).is_some()
}

fn gitlab(found: &Found, hub: Option<&Hub>) -> Lines {
    let variable = "token = { env = \"GITLAB_TOKEN\" }".to_owned();
    let Some(hub) = hub.filter(|hub| may_ask_gitlab(found, hub)) else {
        let url = "url = \"https://gitlab.example.test\"".to_owned();
        let doubt = "; the remote leads neither to gitlab.com nor to a host that glab is logged in to";
        return (vec![url, variable], pipeline("gitlab", "project", "acme/checkout"), Some(doubt));
    };
    let own = hub.host == "gitlab.com";
    let mut source = Vec::new();
    if !own {
        source.push(format!("url = {}", quoted(&format!("https://{}", hub.host))));
    }
    let login = found.glab_login(&hub.host).is_some();
    // A variable names no host: it is taken for GitLab's own, and of another one `glab` is asked.
    let doubt = match (own && found.gitlab_token, login) {
        (true, _) => {
            source.push(variable);
            None
        }
        (false, true) => {
            let host = quoted(&hub.host);
            source.push(format!(
                "token = {{ command = [\"glab\", \"config\", \"get\", \"token\", \"--host\", {host}] }}"
            ));
            source.push(
                "# a token that glab keeps in a keyring is not found so, and one of its web login expires: then env"
                    .to_owned(),
            );
            None
        }
        (false, false) => {
            source.push(variable);
            Some("; put a token into $GITLAB_TOKEN (scope api, or read_api to look only) and uncomment")
        }
    };
    (source, pipeline("gitlab", "project", &hub.project), doubt)
}

/// Where the server is stands in no file of a repository.
fn jenkins(found: &Found, hub: Option<&Hub>) -> Lines {
    let job = named(found, hub).unwrap_or("checkout");
    let source = vec![
        "url = \"https://ci.example.test/jenkins\"".to_owned(),
        "user = \"ada\"".to_owned(),
        "token = { env = \"JENKINS_TOKEN\" }".to_owned(),
    ];
    let doubt = "; where Jenkins is, it does not say. An API token of the user needs no crumb";
    (source, pipeline("jenkins", "job", &format!("folder/{job}")), Some(doubt))
}

/// The project's own name, if its remote leads somewhere that may be asked.
fn named<'a>(found: &Found, hub: Option<&'a Hub>) -> Option<&'a str> {
    let known = hub.filter(|hub| super::write::may_ask(found, hub) || may_ask_gitlab(found, hub))?;
    known.project.rsplit('/').next()
}

fn circleci(found: &Found, hub: Option<&Hub>) -> Lines {
    let slug = hub.and_then(|hub| match (hub.host.as_str(), hub.project.split('/').count()) {
        ("github.com", 2) => Some(format!("gh/{}", hub.project)),
        ("bitbucket.org", 2) => Some(format!("bb/{}", hub.project)),
        _ => None,
    });
    let token = |variable| vec![format!("token = {{ env = {} }}", quoted(variable))];
    match (slug, found.circleci_token) {
        (Some(slug), Some(variable)) => (token(variable), pipeline("circleci", "project", &slug), None),
        (Some(slug), None) => {
            let doubt =
                "; put a personal token into $CIRCLE_TOKEN (project tokens do not work) and uncomment";
            (token("CIRCLE_TOKEN"), pipeline("circleci", "project", &slug), Some(doubt))
        }
        (None, variable) => {
            let doubt = "; the project's slug is in its settings at CircleCI";
            let line = pipeline("circleci", "project", "circleci/ORG-ID/PROJECT-ID");
            (token(variable.unwrap_or("CIRCLE_TOKEN")), line, Some(doubt))
        }
    }
}

fn pipeline(source: &str, key: &str, value: &str) -> String {
    format!("pipeline = {{ source = \"{source}\", {key} = {} }}", quoted(value))
}
