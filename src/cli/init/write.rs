//! From what was found to a config: what answers is written out, the rest stands there as comments.
//!
//! Every text goes through [`quoted`]; comments hold only what is a name by its characters.

use std::fmt::Write as _;

use super::found::{Checkout, Found, Hub, Place, is_name};
use super::pipelines::{self, Part};
use super::tools::Tool;

/// What the operator chose, or what is usual.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Choice {
    /// What the service is called.
    pub(super) service: String,
    /// Which workflow releases it.
    pub(super) workflow: Option<String>,
    /// Which context of the kubeconfig is production.
    pub(super) context: Option<String>,
}

impl Choice {
    /// What is usual, without asking.
    pub(super) fn usual(found: &Found) -> Self {
        let checkout = found.checkout.as_ref();
        let named = checkout.and_then(|c| c.hub.as_ref()).and_then(|hub| hub.project.rsplit('/').next());
        let folder = checkout.and_then(|c| c.folder.file_name()?.to_str());
        let service =
            [named, folder].into_iter().flatten().find(|name| is_name(name)).unwrap_or("my-service");
        Self {
            service: service.to_owned(),
            workflow: checkout.and_then(|c| c.workflows.first().cloned()),
            context: found.contexts.iter().find(|c| c.current).map(|c| c.name.clone()),
        }
    }
}

/// A text as TOML.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// The config.
pub(super) fn config(found: &Found, choice: &Choice) -> String {
    let mut text = String::from(HEAD);
    sources(&mut text, found, choice);
    match &found.checkout {
        Some(checkout) => service(&mut text, found, checkout, choice),
        None => text.push_str(NO_SERVICE),
    }
    text.push_str(POLICY);
    text
}

const HEAD: &str = "#:schema ./config.schema.json
# Written by `gonogo init`. What answered is written out; what did not, or was not found, is a comment.
# Every key with its meaning: docs/config.md. `gonogo schema > config.schema.json` beside this file helps editors.
# Secrets are never written here; a source says where its own is: env, file, command or keyring.

[ui]
# read_only = true            # refuse every write, whatever the policies say
";

const NO_SERVICE: &str = "
# What is released. `gonogo init` inside a repository (or with --repo PATH) fills this in.
# [[service]]
# name = \"checkout\"
# repo = \"~/src/checkout\"
#   [[service.environment]]
#   name = \"production\"
";

const POLICY: &str = "
# The rules of an environment.
[policy.production]
confirm = \"type-name\"         # an action asks for the service's name
# require_reason = true       # a reason must be given; it goes into the journal
# healthy = true              # a promotion needs health GO
# freeze = [{ from = \"Fri 16:00\", to = \"Mon 08:00\", zone = \"Europe/Berlin\", reason = \"weekend\" }]
";

fn line(text: &mut String, args: std::fmt::Arguments<'_>) {
    // Writing into a string cannot fail.
    let _ = writeln!(text, "{args}");
}

fn sources(text: &mut String, found: &Found, choice: &Choice) {
    if found.checkout.is_some() {
        text.push_str("\n[[source]]\nname = \"git\"\nkind = \"git\"\n");
    }
    match found.checkout.as_ref().and_then(|c| c.hub.as_ref()) {
        Some(hub) if may_ask(found, hub) => github(text, found, hub),
        _ => text.push_str(
            "\n# [[source]]\n# name = \"github\"\n# kind = \"github\"\n# token = { command = [\"gh\", \"auth\", \"token\"] }\n",
        ),
    }
    for part in pipelines::parts(found) {
        text.push_str(&part.source());
    }
    kubernetes(text, found, choice);
    docker(text, found.docker.as_ref());
    measured(text, "prometheus", found.prometheus.as_ref());
    measured(text, "alertmanager", found.alertmanager.as_ref());
    text.extend(found.tools.iter().map(Tool::source));
}

/// Whether a remote's host is GitHub's, or one that `gh` is logged in to: nobody else is asked, let alone with a token.
pub(super) fn may_ask(found: &Found, hub: &Hub) -> bool {
    // GitHub's repositories are owner/name; more parts are another system's.
    hub.project.split('/').count() == 2 && (hub.host == "github.com" || found.login(&hub.host).is_some())
}

fn github(text: &mut String, found: &Found, hub: &Hub) {
    text.push_str("\n[[source]]\nname = \"github\"\nkind = \"github\"\n");
    let own = hub.host == "github.com";
    if !own {
        line(text, format_args!("url = {}", quoted(&format!("https://{}/api/v3", hub.host))));
    }
    match (found.login(&hub.host), found.variable) {
        (Some(_), _) if own => text.push_str("token = { command = [\"gh\", \"auth\", \"token\"] }\n"),
        (Some(_), _) => line(
            text,
            format_args!("token = {{ command = [\"gh\", \"auth\", \"token\", \"--hostname\", {}] }}", quoted(&hub.host)),
        ),
        (None, Some(variable)) => line(text, format_args!("token = {{ env = {} }}", quoted(variable))),
        (None, None) => text.push_str(
            "# No login was found, so only public repositories can be read and nothing can be done. `gh auth login`, then:\n\
             # token = { command = [\"gh\", \"auth\", \"token\"] }\n",
        ),
    }
}

fn kubernetes(text: &mut String, found: &Found, choice: &Choice) {
    let chosen = choice.context.as_deref();
    let names: Vec<&str> =
        found.contexts.iter().map(|c| c.name.as_str()).filter(|n| Some(*n) != chosen).collect();
    let answers = found.contexts.iter().any(|c| Some(c.name.as_str()) == chosen && c.answers);
    let dash = if answers { "" } else { "# " };
    text.push('\n');
    if let Some(name) = chosen.filter(|_| !answers) {
        line(text, format_args!("# The cluster of context {name} did not answer."));
    }
    let name = quoted(chosen.unwrap_or("prod-eu"));
    line(
        text,
        format_args!(
            "{dash}[[source]]\n{dash}name = \"cluster\"\n{dash}kind = \"kubernetes\"\n{dash}context = {name}"
        ),
    );
    if !names.is_empty() {
        line(text, format_args!("# other contexts of the kubeconfig: {}", names.join(", ")));
    }
}

fn docker(text: &mut String, place: Option<&Place>) {
    let dash = if place.is_some_and(|p| p.answers) { "" } else { "# " };
    let host = quoted(place.map_or("unix:///var/run/docker.sock", |p| p.url.as_str()));
    line(
        text,
        format_args!(
            "\n{dash}[[source]]\n{dash}name = \"docker\"\n{dash}kind = \"docker\"\n{dash}host = {host}"
        ),
    );
}

fn measured(text: &mut String, kind: &str, place: Option<&Place>) {
    let dash = if place.is_some_and(|p| p.answers) { "" } else { "# " };
    let url = place.map_or_else(|| format!("https://{kind}.example.test"), |p| p.url.clone());
    line(
        text,
        format_args!(
            "\n{dash}[[source]]\n{dash}name = \"{kind}\"\n{dash}kind = \"{kind}\"\n{dash}url = {}",
            quoted(&url)
        ),
    );
}

fn service(text: &mut String, found: &Found, checkout: &Checkout, choice: &Choice) {
    let name = quoted(&choice.service);
    let path = quoted(&checkout.folder.to_string_lossy());
    line(text, format_args!("\n[[service]]\nname = {name}\ncode = {{ source = \"git\", path = {path} }}"));
    let hub = checkout.hub.as_ref().filter(|hub| may_ask(found, hub));
    let parts = pipelines::parts(found);
    let chosen = chosen(hub, choice, &parts);
    match (hub, &choice.workflow) {
        _ if chosen.is_some_and(|source| source != GITHUB) => {}
        (Some(hub), Some(workflow)) => line(
            text,
            format_args!(
                "pipeline = {{ source = \"github\", project = {}, workflow = {} }}",
                quoted(&hub.project),
                quoted(workflow)
            ),
        ),
        (Some(hub), None) => {
            line(
                text,
                format_args!("pipeline = {{ source = \"github\", project = {} }}", quoted(&hub.project)),
            );
        }
        (None, _) if !parts.is_empty() => {}
        (None, _) => text.push_str(
            "# pipeline = { source = \"github\", project = \"acme/checkout\", workflow = \"release.yml\" }\n",
        ),
    }
    for part in &parts {
        let dash = if chosen == Some(part.ci.name()) { "" } else { "# " };
        line(text, format_args!("{dash}{}", part.pipeline));
    }
    for pipeline in found.tools.iter().filter_map(|tool| tool.pipeline.as_ref()) {
        line(text, format_args!("# {pipeline}"));
    }
    environments(text, found, checkout, choice, chosen);
}

const GITHUB: &str = "github";

/// The source that tells of the service's pipeline: it has one. GitHub where workflows are, else whoever is certain.
fn chosen(hub: Option<&Hub>, choice: &Choice, parts: &[Part]) -> Option<&'static str> {
    let certain = || parts.iter().find(|part| part.certain()).map(|part| part.ci.name());
    match (hub, &choice.workflow) {
        (Some(_), Some(_)) => Some(GITHUB),
        (Some(_), None) => certain().or(Some(GITHUB)),
        (None, _) => certain(),
    }
}

fn environments(
    text: &mut String,
    found: &Found,
    checkout: &Checkout,
    choice: &Choice,
    source: Option<&'static str>,
) {
    let namespace = found.contexts.iter().find(|c| Some(&c.name) == choice.context.as_ref());
    let namespace = quoted(namespace.and_then(|c| c.namespace.as_deref()).unwrap_or("default"));
    let named = &checkout.environments;
    let known = source.is_some() && !named.is_empty();
    let shown: Vec<&str> =
        if known { named.iter().map(String::as_str).take(8).collect() } else { vec!["production"] };
    let dash = if known { "" } else { "# " };
    if !known {
        text.push_str("\n  # Where it runs, in the order of promotion.");
    }
    let owners = found.tools.iter().filter_map(|tool| tool.owner(&choice.service));
    let owner: String = owners.map(|owner| format!("# {owner}\n  ")).collect();
    for name in shown {
        let policy = if is_production(name) { dash } else { "# " };
        let name = quoted(name);
        let workload = quoted(&format!("deployment/{}", choice.service));
        line(text, format_args!("\n  {dash}[[service.environment]]\n  {dash}name = {name}"));
        // What these call an environment of their own.
        if let Some(source @ (GITHUB | "gitlab")) = source {
            line(text, format_args!("  {dash}live = {{ source = \"{source}\", environment = {name} }}"));
        }
        line(
            text,
            format_args!(
                "  # deploy = {{ source = \"cluster\", namespace = {namespace}, workload = {workload} }}\n  \
                 {owner}# health = {{ signals = [\"error-rate\"], alerts = {{ source = \"alertmanager\" }} }}\n  \
                 {policy}policy = \"production\""
            ),
        );
    }
}

fn is_production(name: &str) -> bool {
    let name = name.to_lowercase();
    name.contains("prod") || name.contains("live")
}
