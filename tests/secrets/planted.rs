//! A user's machine with a secret wherever one can lie, and the embedded world behind it.
//!
//! Every place holds a canary of its own. Programs that hand out secrets are sentinels: each writes down how it was
//! started (arguments and environment) before it answers, so that what it could see is known afterwards.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use gonogo::sandbox::github::OPERATOR_TOKEN;
use gonogo::sandbox::{Options, Sandbox, Scenario};

use crate::canary::{Scanner, canary};
use crate::forwarder::Forwarder;

/// Where canaries are planted, and what for.
const PLACES: &[&str] = &[
    "github token, printed by a command",
    "cluster token, printed by a credential plugin",
    "cluster token of another user",
    "client key of another user",
    "prometheus password in a file",
    "prometheus token in a variable",
    "alertmanager token in the keyring",
    "another program's secret in a variable",
    "login of a proxy",
    "login in a remote's address",
    "netrc",
    "git's own credentials",
    "registry login of docker",
    "dotenv of the repository",
];

/// The machine. Everything is in one temporary folder; secrets are below `planted`, what the program makes is not.
pub(crate) struct Machine {
    pub(crate) root: tempfile::TempDir,
    pub(crate) scanner: Scanner,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) config: PathBuf,
    /// GitHub, Prometheus, Alertmanager, the cluster.
    pub(crate) forwarders: [Forwarder; 4],
    values: BTreeMap<&'static str, String>,
    pub(crate) sandbox: Sandbox,
    /// What the embedded world runs on.
    _runtime: tokio::runtime::Runtime,
}

pub(crate) fn write(path: &Path, mode: u32, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn git(folder: &Path, arguments: &[&str]) {
    let output = Command::new("git")
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@x.test", "-C"])
        .arg(folder)
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Machine {
    pub(crate) fn start(seed: u64) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let scenario = Scenario::named("release-day").unwrap();
        let sandbox = runtime.block_on(async { Sandbox::start(scenario, Options::default()) }).unwrap();
        let root = tempfile::tempdir().unwrap();
        let values: BTreeMap<&str, String> = PLACES.iter().map(|name| (*name, canary(name, seed))).collect();
        let pairs: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let scanner = Scanner::new(&pairs);
        let urls = sandbox.urls().clone();
        let host = |url: &str| url.split_once("://").unwrap().1.to_owned();
        sandbox.world().cluster().grant(
            "known-to-the-cluster",
            "ann",
            gonogo::sandbox::kubernetes::Role::Admin,
        );
        let forwarders = [
            Forwarder::start(&host(&urls.github), (&values[PLACES[0]], OPERATOR_TOKEN)),
            Forwarder::start(&host(&urls.prometheus), ("", "")),
            Forwarder::start(&host(&urls.alertmanager), ("", "")),
            Forwarder::start(&host(&urls.kubernetes), (&values[PLACES[1]], "known-to-the-cluster")),
        ];
        let config = root.path().join("home/config/gonogo/config.toml");
        let mut machine = Self {
            root,
            scanner,
            env: BTreeMap::new(),
            config,
            forwarders,
            values,
            sandbox,
            _runtime: runtime,
        };
        machine.plant();
        machine.env = machine.variables();
        let config = machine.text_of_config();
        write(&machine.config, 0o600, &config);
        machine
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.root.path().join(below)
    }

    fn value(&self, name: &str) -> &str {
        &self.values[name]
    }

    /// A program that writes down how it was started and prints what is in `planted/NAME`.
    fn sentinel(&self, name: &str, then: &str) {
        let note = self.path("notes").join(name);
        let text = format!(
            "#!/bin/sh\n{{ tr '\\0' '\\n' < /proc/$$/cmdline; tr '\\0' '\\n' < /proc/$$/environ; }} > {}.$$\n{then}\n",
            note.display()
        );
        write(&self.path("bin").join(name), 0o755, &text);
    }

    fn prints(&self, name: &str, text: &str) {
        let file = self.path("planted").join(name);
        write(&file, 0o600, text);
        self.sentinel(name, &format!("exec cat {}", file.display()));
    }

    fn plant(&self) {
        std::fs::create_dir(self.path("notes")).unwrap();
        let home = self.path("home");
        self.prints("github-login", &format!("{}\nsecond line\n", self.value(PLACES[0])));
        let credential = format!(
            "{{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{{\"token\":\"{}\"}}}}",
            self.value(PLACES[1])
        );
        self.prints("cluster-login", &credential);
        self.prints("secret-tool", self.value("alertmanager token in the keyring"));
        self.sentinel("git", "exec /usr/bin/env -- \"$(command -v -p git)\" \"$@\"");
        write(&self.path("planted/password"), 0o600, self.value("prometheus password in a file"));
        write(&self.path("planted/kubeconfig"), 0o600, &self.kubeconfig());
        let netrc = format!("machine 127.0.0.1 login ann password {}\n", self.value("netrc"));
        write(&home.join(".netrc"), 0o600, &netrc);
        let credentials = format!("https://ann:{}@github.com\n", self.value("git's own credentials"));
        write(&home.join(".git-credentials"), 0o600, &credentials);
        write(&home.join(".gitconfig"), 0o600, "[credential]\n\thelper = store\n[safe]\n\tdirectory = *\n");
        let docker = format!(
            "{{\"auths\":{{\"registry.test\":{{\"auth\":\"{}\"}}}}}}",
            self.value("registry login of docker")
        );
        write(&home.join(".docker/config.json"), 0o600, &docker);
        let clone = self.path("clone");
        std::fs::create_dir(&clone).unwrap();
        // A format that only the command reads.
        git(&clone, &["init", "--quiet", "--object-format=sha256"]);
        write(
            &clone.join(".env"),
            0o600,
            &format!("GITHUB_TOKEN={}\n", self.value("dotenv of the repository")),
        );
        git(&clone, &["commit", "--quiet", "--allow-empty", "-m", "feat: begin"]);
        let remote = format!("https://ann:{}@git.test/x.git", self.value("login in a remote's address"));
        git(&clone, &["remote", "add", "origin", &remote]);
    }

    fn kubeconfig(&self) -> String {
        let server = self.forwarders[3].address;
        let plugin = self.path("bin/cluster-login");
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: prod\n\
             clusters:\n- name: prod\n  cluster: {{server: 'http://{server}'}}\n\
             users:\n- name: ann\n  user:\n    exec: {{apiVersion: client.authentication.k8s.io/v1, command: {}}}\n\
             - name: other\n  user: {{token: {}, client-key-data: {}}}\n\
             contexts:\n- name: prod\n  context: {{cluster: prod, user: ann}}\n",
            plugin.display(),
            self.value("cluster token of another user"),
            self.value("client key of another user"),
        )
    }

    fn variables(&self) -> BTreeMap<String, String> {
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", self.path("bin").display());
        let proxy = format!("http://ann:{}@127.0.0.1:1", self.value("login of a proxy"));
        let at = |below: &str| self.path(below).display().to_string();
        for folder in ["home/tmp", "home/state", "home/cache"] {
            std::fs::create_dir_all(self.path(folder)).unwrap();
        }
        [
            ("PATH", path.as_str()),
            ("HOME", &at("home")),
            ("TMPDIR", &at("home/tmp")),
            ("XDG_STATE_HOME", &at("home/state")),
            ("XDG_CACHE_HOME", &at("home/cache")),
            ("XDG_CONFIG_HOME", &at("home/config")),
            ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere"),
            ("METRICS_TOKEN", self.value("prometheus token in a variable")),
            ("AWS_SECRET_ACCESS_KEY", self.value("another program's secret in a variable")),
            ("HTTPS_PROXY", &proxy),
            ("HTTP_PROXY", &proxy),
            ("ALL_PROXY", &proxy),
            ("GONOGO_LOG", "trace"),
            ("RUST_LOG", "trace"),
            ("RUST_BACKTRACE", "full"),
            ("TERM", "xterm-256color"),
            ("COLORTERM", "truecolor"),
            ("LANG", "C.UTF-8"),
            ("USER", "tester"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// The embedded world's own config, with every credential somewhere else and every server behind its forwarder.
    fn text_of_config(&self) -> String {
        let urls = self.sandbox.urls();
        let at = |below: &str| self.path(below).display().to_string();
        let text = std::fs::read_to_string(self.sandbox.config_path()).unwrap();
        let line = |start: &str| text.lines().find(|l| l.starts_with(start)).unwrap().to_owned();
        let prometheus = format!("http://{}", self.forwarders[1].address);
        let mut text = text
            .replace(&line("token = "), &format!("token = {{ command = [\"{}\"] }}", at("bin/github-login")))
            .replace(&line("kubeconfig = "), &format!("kubeconfig = \"{}\"", at("planted/kubeconfig")))
            .replace("context = \"sandbox\"", "context = \"prod\"")
            .replace("confirm = \"type-name\"\nmax_age = \"15s\"", "confirm = \"press\"\nmax_age = \"90s\"")
            .replace("kind = \"git\"\n", &format!("kind = \"git\"\ngit = \"{}\"\n", at("bin/git")))
            .replace(&urls.github, &format!("http://{}", self.forwarders[0].address))
            .replace(
                &format!("url = \"{}\"", urls.prometheus),
                &format!(
                    "url = \"{prometheus}\"\nusername = \"ann\"\npassword = {{ file = \"{}\" }}",
                    at("planted/password")
                ),
            )
            .replace(
                &format!("url = \"{}\"", urls.alertmanager),
                &format!(
                    "url = \"http://{}\"\ntoken = {{ keyring = \"gonogo/alerts\" }}",
                    self.forwarders[2].address
                ),
            )
            .replace(
                "signals = [\"error-rate\", \"latency-p99\"]",
                "signals = [\"error-rate\", \"latency-p99\", \"extra\"]",
            );
        text.push_str(&format!(
            "\n[[source]]\nname = \"metrics\"\nkind = \"prometheus\"\nurl = \"{prometheus}\"\n\
             token = {{ env = \"METRICS_TOKEN\" }}\n\n[[signal]]\nname = \"extra\"\nsource = \"metrics\"\n\
             query = 'sum(rate(http_requests_total{{service=\"$service\",environment=\"$environment\"}}[1m]))'\n\
             hold = 100000\nno_go = 200000\n\n[[service]]\nname = \"vault\"\n\
             code = {{ source = \"git\", path = \"{}\" }}\n",
            at("clone")
        ));
        text
    }

    /// The program with these arguments, in the machine's environment, with a umask that hides nothing.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "umask 000; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_gonogo")]);
        command.args(arguments).env_clear().envs(&self.env).current_dir(self.path("clone"));
        command
    }

    /// What the servers heard, in which the bound secrets must be.
    pub(crate) fn bound_secrets_arrived(&self) {
        use base64::Engine as _;
        let basic = base64::engine::general_purpose::STANDARD
            .encode(format!("ann:{}", self.value("prometheus password in a file")));
        for (index, place, sent) in [
            (0, "github", format!("Bearer {}", self.value(PLACES[0]))),
            (3, "cluster", format!("Bearer {}", self.value(PLACES[1]))),
            (1, "prometheus", format!("Basic {basic}")),
            (1, "metrics", format!("Bearer {}", self.value("prometheus token in a variable"))),
            (2, "alertmanager", format!("Bearer {}", self.value("alertmanager token in the keyring"))),
        ] {
            let heard = self.forwarders[index].heard();
            assert!(heard.contains(&sent), "{place} never heard its own credential: {heard:.600}");
            // And no other.
            for (name, value) in &self.values {
                let own = sent.contains(value.as_str()) || (index == 1 && name.starts_with("prometheus"));
                assert!(own || !heard.contains(value.as_str()), "{place} heard the {name}");
            }
        }
    }

    /// The notes of the sentinels, by the program's name.
    pub(crate) fn notes(&self) -> BTreeMap<String, Vec<String>> {
        let mut notes: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for file in crate::canary::files(&self.path("notes")) {
            let name = file.file_stem().unwrap().to_string_lossy().into_owned();
            notes.entry(name).or_default().push(std::fs::read_to_string(file).unwrap());
        }
        notes
    }
}
