//! R31 for the sources that the embedded day has not: GitLab, Jenkins, CircleCI, AWX, Terraform, Argo CD, a program's
//! variables, a registry's login. Every server and every program repeats all that it was handed, in each way in which an answer can be bad; the
//! real program is used, and all that it lets out is searched.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;

use crate::canary::{Hit, Scanner, canary};
use crate::listener::{Listener, said};
use crate::planted::write;

/// The variables that hold a secret each, and whose it is.
const SECRETS: [(&str, &str); 8] = [
    ("GITLAB_SECRET", "gitlab"),
    ("JENKINS_SECRET", "jenkins"),
    ("CIRCLE_SECRET", "circleci"),
    ("TOOL_SECRET", "tool"),
    ("REGISTRY_SECRET", "registry"),
    ("AWX_SECRET", "awx"),
    ("TERRAFORM_SECRET", "terraform"),
    ("ARGOCD_SECRET", "argocd"),
];

/// How an answer repeats what was heard.
#[derive(Clone, Copy, Debug)]
enum Manner {
    Fails,
    Refuses,
    Babbles,
    /// A list of things with the secret in every text.
    Answers,
}

const MANNERS: [Manner; 4] = [Manner::Fails, Manner::Refuses, Manner::Babbles, Manner::Answers];

fn parrot(manner: Manner) -> Listener {
    Listener::start("127.0.0.1", move |heard| {
        let echo = heard.replace(['\r', '\n', '"', '\\'], " ");
        let header = format!("x-heard: {echo}\r\n");
        let told = format!("{{\"message\":\"{echo}\",\"error\":\"{echo}\"}}");
        match manner {
            Manner::Fails => said("500 Internal Server Error", &header, &told),
            Manner::Refuses => said("401 Unauthorized", &header, &told),
            Manner::Babbles => said("200 OK", &header, &echo),
            Manner::Answers => {
                said("200 OK", &header, &format!("[{{\"id\":\"{echo}\",\"name\":\"{echo}\"}}]"))
            }
        }
    })
}

/// A state command that tells everybody its variables.
fn program(folder: &Path, manner: Manner) -> PathBuf {
    let told = "$(env | tr '\\n' ' ')";
    let script = match manner {
        Manner::Fails => format!("echo \"{told}\" >&2\nexit 1"),
        Manner::Refuses => format!("echo \"{{\\\"gonogo\\\": 1, \\\"error\\\": \\\"{told}\\\"}}\"\nexit 3"),
        Manner::Babbles => format!("echo \"{told}\""),
        Manner::Answers => {
            r#"echo "{\"gonogo\": 1, \"id\": \"$TOOL_TOKEN\", \"basis\": \"1\", \"phase\": \"$TOOL_TOKEN\"}""#
                .to_owned()
        }
    };
    let path = folder.join("bin/tool");
    write(&path, 0o755, &format!("#!/bin/sh\ncat >/dev/null\n: > {}/ran\n{script}\n", folder.display()));
    path
}

/// What is bound to which of them.
const SERVICES: &str = r#"[[service]]
name = "billing"
pipeline = { source = "gitlab", project = "acme/billing" }

[[service.environment]]
name = "production"
deploy = { source = "tool" }

[[service]]
name = "mailer"
pipeline = { source = "jenkins", job = "acme/mailer" }

[[service.environment]]
name = "production"
deploy = { source = "engine", container = "mailer" }
owner = { source = "argocd", application = "mailer", project = "default" }

[[service]]
name = "catalog"
pipeline = { source = "circleci", project = "gh/acme/catalog" }

[[service]]
name = "network"
pipeline = { source = "terraform", project = "acme/network" }

[[service]]
name = "fleet"
pipeline = { source = "awx", template = "Release fleet" }
"#;

/// The servers, in this order.
const SERVERS: [&str; 8] =
    ["gitlab", "jenkins", "circleci", "awx", "terraform", "argocd", "engine", "registry"];

struct Servers([Listener; 8]);

impl Servers {
    fn start(manner: Manner) -> Self {
        Self(SERVERS.map(|_| parrot(manner)))
    }

    fn config(&self, tool: &Path) -> String {
        let [gitlab, jenkins, circleci, awx, terraform, argocd, engine, registry] =
            self.0.each_ref().map(|server| server.address);
        format!(
            r#"
[[source]]
name = "gitlab"
kind = "gitlab"
url = "http://{gitlab}"
token = {{ env = "GITLAB_SECRET" }}

[[source]]
name = "jenkins"
kind = "jenkins"
url = "http://{jenkins}"
user = "mara"
token = {{ env = "JENKINS_SECRET" }}

[[source]]
name = "circleci"
kind = "circleci"
url = "http://{circleci}"
token = {{ env = "CIRCLE_SECRET" }}

[[source]]
name = "awx"
kind = "awx"
url = "http://{awx}/api/v2"
token = {{ env = "AWX_SECRET" }}

[[source]]
name = "terraform"
kind = "terraform-cloud"
url = "http://{terraform}"
token = {{ env = "TERRAFORM_SECRET" }}

[[source]]
name = "argocd"
kind = "argocd"
url = "http://{argocd}"
token = {{ env = "ARGOCD_SECRET" }}

[[source]]
name = "tool"
kind = "command"
state = ["{tool}"]
env = {{ TOOL_TOKEN = {{ env = "TOOL_SECRET" }} }}

[[source]]
name = "engine"
kind = "docker"
host = "tcp://{engine}"
registry = "{registry}"
registry_user = "ann"
registry_password = {{ env = "REGISTRY_SECRET" }}

{SERVICES}"#,
            tool = tool.display()
        )
    }

    /// Each heard its own secret and no other.
    fn heard(&self, values: &BTreeMap<&str, String>) {
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("mara:{}", values["jenkins"]));
        for (server, name) in self.0.iter().zip(SERVERS) {
            let heard = server.take().join("\n");
            let own = match name {
                "jenkins" => Some(&basic),
                // The engine has none, and the registry asks for its own.
                "engine" | "registry" => None,
                name => Some(&values[name]),
            };
            if let Some(own) = own {
                assert!(heard.contains(own.as_str()), "{name} never heard its own credential: {heard:.600}");
            }
            for (whose, value) in values {
                let may = *whose == name;
                assert!(may || !heard.contains(value.as_str()), "{name} heard the secret of {whose}");
            }
        }
    }
}

fn run(folder: &Path, env: &BTreeMap<String, String>, arguments: &[&str], scanner: &Scanner) -> Vec<Hit> {
    let config = folder.join("home/config/gonogo/config.toml");
    let output = Command::new(env!("CARGO_BIN_EXE_gonogo"))
        .args(["--config", config.to_str().unwrap()])
        .args(arguments)
        .env_clear()
        .envs(env)
        .current_dir(folder)
        .output()
        .unwrap();
    let what = arguments.join(" ");
    assert!(!output.stdout.is_empty(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    let mut hits = scanner.scan(&format!("standard output of {what}"), &output.stdout);
    hits.extend(scanner.scan(&format!("standard error of {what}"), &output.stderr));
    hits
}

#[test]
fn no_secret_of_any_source_is_repeated_by_the_cockpit_whoever_repeats_it_to_the_cockpit() {
    let seed = std::process::id().into();
    let values: BTreeMap<&str, String> =
        SECRETS.iter().map(|(_, whose)| (*whose, canary(&format!("secret of {whose}"), seed))).collect();
    let pairs: Vec<(&str, &str)> = values.iter().map(|(whose, value)| (*whose, value.as_str())).collect();
    let scanner = Scanner::new(&pairs);
    let mut hits = Vec::new();
    for manner in MANNERS {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path();
        let servers = Servers::start(manner);
        let tool = program(folder, manner);
        write(&folder.join("home/config/gonogo/config.toml"), 0o600, &servers.config(&tool));
        let at = |below: &str| folder.join(below).display().to_string();
        let mut env: BTreeMap<String, String> = [
            ("PATH", "/usr/bin:/bin".to_owned()),
            ("HOME", at("home")),
            ("XDG_STATE_HOME", at("home/state")),
            ("XDG_CACHE_HOME", at("home/cache")),
            ("XDG_CONFIG_HOME", at("home/config")),
            ("GONOGO_LOG", "trace".to_owned()),
            ("RUST_BACKTRACE", "full".to_owned()),
            ("LANG", "C.UTF-8".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        env.extend(SECRETS.iter().map(|(name, whose)| ((*name).to_owned(), values[whose].clone())));
        let all: &[&[&str]] = &[&["status", "--json"], &["doctor"], &["--print"], &["status"]];
        for arguments in if crate::full() { all } else { &all[..2] } {
            let found = run(folder, &env, arguments, &scanner);
            hits.extend(found.into_iter().map(|hit| (format!("{manner:?}"), hit)));
        }
        assert!(folder.join("ran").exists(), "{manner:?}: the program ran");
        servers.heard(&values);
        for below in ["home/state", "home/cache", "home/config"] {
            let found = scanner.scan_folder(&folder.join(below));
            hits.extend(found.into_iter().map(|hit| (format!("{manner:?}"), hit)));
        }
    }
    println!("R31: {} hits in {} bytes of sources that repeat secrets", hits.len(), scanner.searched.get());
    assert_eq!(hits, []);
}
