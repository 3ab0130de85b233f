//! `gonogo init`: what it finds, what it writes, and what a repository cannot make it write.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use gonogo::config;
use gonogo::provider::KINDS;
use tempfile::TempDir;

/// A home of its own, with a repository in it.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir_all(desk.repo()).unwrap();
        fs::create_dir_all(desk.at("bin")).unwrap();
        fs::create_dir_all(desk.at("empty")).unwrap();
        desk
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn repo(&self) -> PathBuf {
        self.at("src/checkout")
    }

    /// Makes the repository with this remote and these files.
    fn repository(&self, remote: &str, files: &[(&str, &str)]) {
        git2::Repository::init(self.repo()).unwrap();
        let config = self.repo().join(".git/config");
        let before = fs::read_to_string(&config).unwrap();
        fs::write(&config, format!("{before}[remote \"origin\"]\n\turl = {remote}\n")).unwrap();
        for (name, text) in files {
            let path = self.repo().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    /// A `gh` that is logged in to these hosts.
    fn gh(&self, hosts: &[&str]) {
        self.logged_in("gh", hosts, "account");
    }

    /// A `glab` that is.
    fn glab(&self, hosts: &[&str]) {
        self.logged_in("glab", hosts, "as");
    }

    fn logged_in(&self, name: &str, hosts: &[&str], word: &str) {
        let lines: String =
            hosts.iter().map(|h| format!("echo '  Logged in to {h} {word} ada (keyring)'\n")).collect();
        let program = self.at("bin").join(name);
        fs::write(&program, format!("#!/bin/sh\n{lines}")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    }

    fn run(&self, from: &Path, arguments: &[&str], env: &[(&str, &str)]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gonogo"));
        command.arg("init").args(arguments).current_dir(from).env_clear();
        command.env("HOME", self.folder.path()).env("XDG_CONFIG_HOME", self.at("config"));
        command.env("XDG_STATE_HOME", self.at("state"));
        command.env("PATH", format!("{}:/usr/bin:/bin", self.at("bin").display()));
        // What this machine runs is not what is tested.
        command.env("DOCKER_HOST", "unix:///nowhere/docker.sock");
        command.envs(env.iter().copied()).output().unwrap()
    }

    fn printed(&self, env: &[(&str, &str)]) -> String {
        let output = self.run(&self.repo(), &["--print"], env);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

/// The config that a text is, which has to be one.
fn loaded(text: &str) -> config::Config {
    let around = config::Surroundings {
        home: Some("/home/ada".into()),
        env: Arc::default(),
        themes: std::collections::BTreeMap::new(),
    };
    config::load(text, "config.toml", &around, KINDS).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

fn sources(config: &config::Config) -> Vec<String> {
    config.sources.iter().map(|s| s.spec.name.to_string()).collect()
}

const RELEASE: &str =
    "jobs:\n  a:\n    environment: staging\n  b:\n    environment:\n      name: production\n";

#[test]
fn a_repository_with_a_login_becomes_a_config_that_is_one() {
    let desk = Desk::new();
    desk.repository(
        "git@github.com:acme/checkout.git",
        &[
            (".github/workflows/ci.yml", "jobs:"),
            (".github/workflows/release.yml", RELEASE),
            ("Jenkinsfile", ""),
        ],
    );
    desk.gh(&["github.com"]);
    let output = desk.run(&desk.repo(), &[], &[]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    for part in
        ["acme/checkout at github.com; gh is logged in as ada", "Jenkinsfile", "gonogo doctor", "wrote"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    let path = desk.at("config/gonogo/config.toml");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(path).unwrap();
    let config = loaded(&text);
    assert_eq!(sources(&config), ["git", "github"]);
    assert!(text.contains("token = { command = [\"gh\", \"auth\", \"token\"] }"), "{text}");
    let service = &config.services[0];
    assert_eq!(service.name.as_str(), "checkout");
    let environments: Vec<_> = service.environments.iter().map(|e| e.name.to_string()).collect();
    assert_eq!(environments, ["staging", "production"]);
    assert!(text.contains("workflow = \"release.yml\""), "{text}");
}

#[test]
fn nothing_is_overwritten_and_print_writes_nothing() {
    let desk = Desk::new();
    desk.repository("git@github.com:acme/checkout.git", &[]);
    let path = desk.at("config/gonogo/config.toml");
    desk.printed(&[]);
    assert!(!path.exists());
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "# mine\n").unwrap();
    let output = desk.run(&desk.repo(), &["--yes"], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nothing was changed"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "# mine\n");
}

#[test]
fn where_nothing_is_found_the_example_is_written() {
    let desk = Desk::new();
    let output = desk.run(&desk.at("empty"), &["--yes"], &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = fs::read_to_string(desk.at("config/gonogo/config.toml")).unwrap();
    assert_eq!(text, include_str!("../config.example.toml"));
}

#[test]
fn a_token_goes_only_to_hosts_that_gh_knows_whatever_the_remote_says() {
    let desk = Desk::new();
    desk.repository(
        "https://evil.example.test/acme/checkout.git",
        &[(".github/workflows/release.yml", RELEASE)],
    );
    desk.gh(&["github.com"]);
    let text = desk.printed(&[("GITHUB_TOKEN", "ghp_notatoken")]);
    assert_eq!(sources(&loaded(&text)), ["git"]);
    assert!(!text.contains("evil") && !text.contains("ghp_"), "{text}");
    desk.gh(&["github.com", "evil.example.test"]);
    let text = desk.printed(&[]);
    assert!(text.contains("[\"gh\", \"auth\", \"token\", \"--hostname\", \"evil.example.test\"]"), "{text}");
    loaded(&text);
}

#[test]
fn a_repository_injects_nothing() {
    let hostile = [
        "\"https://github.com/acme/x\\\"\\n[[source]]\\nname = \\\"evil\\\"\"",
        "\"git@github.com:acme/x'''\\n[policy.production]\"",
        "https://github.com/acme/${HOME}",
        "ext::sh",
        "\"https://user:secret@github.com/acme/checkout\"",
        "file:///etc/passwd",
        "\"git@github.com:-oProxyCommand=touch/x\"",
        "git@github.com:../../x",
    ];
    let workflow = "jobs:\n  a:\n    environment: \"prod\\\"\\n[[source]]\"\n  b:\n    environment: 'x\"]\n  c:\n    \
                    environment: $(touch pwned)\n  d:\n    environment: \u{202e}prod\n";
    for remote in hostile {
        let desk = Desk::new();
        let name = ".github/workflows/\"]\n[[source]]\nname = \"evil.yml";
        desk.repository(remote, &[(".github/workflows/ok.yml", workflow), (name, "jobs:")]);
        std::os::unix::fs::symlink("/etc/hostname", desk.repo().join(".github/workflows/link.yml")).unwrap();
        desk.gh(&["github.com"]);
        let text = desk.printed(&[]);
        let config = loaded(&text);
        for source in sources(&config) {
            assert!(["git", "github"].contains(&source.as_str()), "{remote}: {source}");
        }
        assert_eq!(config.services.len(), 1);
        for word in ["evil", "secret", "pwned", "touch", "link.yml", "/etc/passwd", "\u{202e}"] {
            assert!(!text.contains(word), "{remote}: {word}\n{text}");
        }
    }
}

#[test]
fn what_does_not_answer_is_a_comment_and_kubeconfig_plugins_are_not_run() {
    let desk = Desk::new();
    desk.repository("git@github.com:acme/checkout.git", &[]);
    let sentinel = desk.at("ran");
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let open = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let kube = |server: std::net::SocketAddr| {
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: eu\ncontexts:\n- {{name: eu, context: {{cluster: c, user: u}}}}\n\
             - {{name: \"x\\\"\\n[[source]]\", context: {{cluster: c, user: u}}}}\n\
             clusters:\n- {{name: c, cluster: {{server: \"https://{server}\"}}}}\nusers:\n- name: u\n  user: {{exec: \
             {{apiVersion: client.authentication.k8s.io/v1, command: touch, args: [\"{}\"], interactiveMode: Never}}}}\n",
            sentinel.display()
        );
        fs::write(desk.at("kube"), text).unwrap();
        let (kube, url) = (desk.at("kube").display().to_string(), format!("http://{closed}"));
        loaded(&desk.printed(&[("KUBECONFIG", kube.as_str()), ("PROMETHEUS_URL", url.as_str())]))
    };
    assert_eq!(sources(&kube(closed)), ["git", "github"]);
    assert_eq!(sources(&kube(open.local_addr().unwrap())), ["git", "github", "cluster"]);
    assert!(!sentinel.exists());
}

const GITLAB: &str = "deploy:\n  stage: deploy\n  environment:\n    name: production\n  when: manual\nreview:\n  \
                      environment: review/$CI_COMMIT_REF_SLUG\n";

/// The part of a text from its source of this name to the next empty line, without the signs of a comment.
fn uncommented(text: &str, name: &str) -> String {
    let start =
        text.find(&format!("# [[source]]\n# name = \"{name}\"")).unwrap_or_else(|| panic!("{name}: {text}"));
    let part = text.get(start..).unwrap().split("\n\n").next().unwrap();
    part.lines().map(|line| format!("{}\n", line.trim_start_matches("# "))).collect()
}

/// What a service says of its pipeline.
fn pipeline(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.starts_with("pipeline")).collect()
}

#[test]
fn a_repository_at_gitlab_becomes_a_source_and_a_service_with_the_environments_of_its_jobs() {
    let desk = Desk::new();
    desk.repository("git@gitlab.com:acme/shop/checkout.git", &[(".gitlab-ci.yml", GITLAB)]);
    let text = desk.printed(&[("GITLAB_TOKEN", "glpat-notatoken")]);
    let config = loaded(&text);
    assert_eq!(sources(&config), ["git", "gitlab"]);
    assert!(text.contains("token = { env = \"GITLAB_TOKEN\" }") && !text.contains("glpat"), "{text}");
    assert_eq!(pipeline(&text), ["pipeline = { source = \"gitlab\", project = \"acme/shop/checkout\" }"]);
    let environments: Vec<_> = config.services[0].environments.iter().map(|e| e.name.to_string()).collect();
    assert_eq!(environments, ["production"]);
    assert!(text.contains("live = { source = \"gitlab\", environment = \"production\" }"), "{text}");
    // Without a token all of it is there, as a comment.
    let text = desk.printed(&[]);
    assert_eq!(sources(&loaded(&text)), ["git"]);
    assert!(
        text.contains("# pipeline = { source = \"gitlab\", project = \"acme/shop/checkout\" }"),
        "{text}"
    );
    assert_eq!(sources(&loaded(&uncommented(&text, "gitlab"))), ["gitlab"]);
}

#[test]
fn a_gitlab_of_ones_own_gets_its_token_from_glab_and_nobody_else_gets_any() {
    let desk = Desk::new();
    desk.repository("https://git.example.test/acme/checkout.git", &[(".gitlab-ci.yml", GITLAB)]);
    desk.glab(&["git.example.test"]);
    let text = desk.printed(&[("GITLAB_TOKEN", "glpat-notatoken")]);
    assert_eq!(sources(&loaded(&text)), ["git", "gitlab"]);
    assert!(text.contains("url = \"https://git.example.test\""), "{text}");
    let command =
        "token = { command = [\"glab\", \"config\", \"get\", \"token\", \"--host\", \"git.example.test\"] }";
    assert!(text.contains(command) && !text.contains("glpat"), "{text}");
    desk.glab(&["gitlab.com"]);
    let text = desk.printed(&[("GITLAB_TOKEN", "glpat-notatoken")]);
    assert_eq!(sources(&loaded(&text)), ["git"], "the remote is no reason to send a token anywhere");
    assert!(!text.contains("git.example.test") && !text.contains("glpat"), "{text}");
    assert_eq!(sources(&loaded(&uncommented(&text, "gitlab"))), ["gitlab"]);
}

#[test]
fn a_file_of_circleci_or_jenkins_becomes_a_source_or_a_comment_that_could_be_one() {
    let desk = Desk::new();
    desk.repository(
        "git@github.com:acme/checkout.git",
        &[(".circleci/config.yml", "version: 2.1\n"), ("Jenkinsfile", "pipeline {}\n")],
    );
    let text = desk.printed(&[("CIRCLE_TOKEN", "notatoken")]);
    assert_eq!(sources(&loaded(&text)), ["git", "github", "circleci"]);
    assert_eq!(pipeline(&text), ["pipeline = { source = \"circleci\", project = \"gh/acme/checkout\" }"]);
    assert!(text.contains("# pipeline = { source = \"jenkins\", job = \"folder/checkout\" }"), "{text}");
    let jenkins = loaded(&uncommented(&text, "jenkins"));
    assert_eq!(sources(&jenkins), ["jenkins"]);
    let text = desk.printed(&[]);
    assert_eq!(sources(&loaded(&text)), ["git", "github"]);
    assert_eq!(sources(&loaded(&uncommented(&text, "circleci"))), ["circleci"]);
    // Elsewhere than at GitHub and Bitbucket the slug cannot be known.
    let desk = Desk::new();
    desk.repository("git@git.example.test:acme/checkout.git", &[(".circleci/config.yml", "version: 2.1\n")]);
    let text = desk.printed(&[("CIRCLE_TOKEN", "notatoken")]);
    assert_eq!(sources(&loaded(&text)), ["git"]);
    assert!(text.contains("circleci/ORG-ID/PROJECT-ID") && !text.contains("example.test:"), "{text}");
}

#[test]
fn what_the_programs_of_other_tools_are_told_by_the_environment_becomes_a_source() {
    let desk = Desk::new();
    desk.repository("git@example.test:acme/checkout.git", &[]);
    let env = [
        ("ARGOCD_SERVER", "argo.acme.test"),
        ("ARGOCD_AUTH_TOKEN", "secret-a"),
        ("CONTROLLER_HOST", "https://awx.acme.test/"),
        ("TF_TOKEN_app_terraform_io", "secret-t"),
        ("TF_CLOUD_ORGANIZATION", "acme\"\nkind = \"x"),
        ("TF_WORKSPACE", "network-production"),
    ];
    let text = desk.printed(&env);
    let config = loaded(&text);
    let named = sources(&config);
    assert!(["argocd", "terraform-cloud"].iter().all(|name| named.contains(&(*name).to_owned())), "{text}");
    assert!(!named.contains(&"awx".to_owned()), "without a token it is a comment: {text}");
    for line in [
        "url = \"https://argo.acme.test\"\ntoken = { env = \"ARGOCD_AUTH_TOKEN\" }",
        "# url = \"https://awx.acme.test/api/v2\"\n# token = { env = \"CONTROLLER_OAUTH_TOKEN\" }",
        "# owner = { source = \"argocd\", application = \"checkout\", project = \"default\" }",
        "# pipeline = { source = \"terraform-cloud\", project = \"acme/network-production\" }",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(!text.contains("secret-"), "{text}");
}
