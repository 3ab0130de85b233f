//! A release day on real servers: a git repository, a service in a real swarm, a real Prometheus scraping it, a real
//! Alertmanager; the cockpit in a pseudo-terminal. GitHub alone is the sandbox.
//!
//! The bad version goes out by `p`, the error rate rises, the alert fires, `r` brings the old digest back, and the
//! journal tells the story.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "support/engine.rs"]
#[expect(dead_code, reason = "this test builds its own images")]
mod engine;
#[path = "support/pty.rs"]
#[expect(dead_code, reason = "the terminal's own life is tested elsewhere")]
mod pty;

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use engine::Engine;
use gonogo::sandbox::{Options, Sandbox, Scenario};
use pty::Terminal;

/// How long the real world may take for one act: images start, rates rise, alerts go through three programs.
const ACT: Duration = Duration::from_secs(120);

/// A server that the test started; ended by its pid.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Everything real, and the config that points there.
struct Day {
    folder: tempfile::TempDir,
    engine: Engine,
    good: String,
    bad: String,
    config: PathBuf,
    _servers: Vec<Server>,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The first digits of three ports `X1`, `X2`, `X3` that are free.
fn port_prefix() -> u16 {
    (2_000..3_200)
        .find(|prefix| (1..=3).all(|slot| TcpListener::bind(("127.0.0.1", prefix * 10 + slot)).is_ok()))
        .expect("three ports in a row are free")
}

fn run(program: &str, arguments: &[&str], folder: &Path) {
    let output =
        Command::new(program).args(arguments).current_dir(folder).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn until(what: &str, patience: Duration, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + patience;
    while !holds() {
        assert!(Instant::now() < end, "not within {patience:?}: {what}");
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

/// A repository with two released versions; the second one brings a migration.
fn repository(folder: &Path) -> PathBuf {
    let repository = folder.join("web");
    fs::create_dir_all(repository.join("migrations")).unwrap();
    let git = |arguments: &[&str]| {
        let mut all =
            vec!["-c", "user.name=Ann", "-c", "user.email=ann@example.test", "-c", "commit.gpgsign=false"];
        all.extend(arguments);
        run("git", &all, &repository);
    };
    git(&["init", "--quiet", "--initial-branch=main"]);
    for (file, message, tag) in [
        ("main.c", "feat: serve", None),
        ("README", "docs: say how WEB-1", Some("v1.0.0")),
        ("cart.c", "feat(cart): faster totals WEB-2", None),
        ("migrations/002_totals.sql", "feat: totals table WEB-3", None),
        ("retry.c", "fix: retry less WEB-4", Some("v1.1.0")),
    ] {
        fs::write(repository.join(file), message).unwrap();
        git(&["add", "--all"]);
        git(&["commit", "--quiet", "--message", message]);
        if let Some(tag) = tag {
            git(&["tag", tag]);
        }
    }
    repository
}

/// Builds and pushes the service's image; this version fails so many requests in a hundred. Returns its digest.
fn image(engine: &Engine, folder: &Path, tag: &str, error_percent: u32) -> String {
    let context = folder.join(format!("image-{tag}"));
    fs::create_dir_all(&context).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/service/http.rs");
    let binary = context.join("service");
    let compiler = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let arguments =
        ["--edition", "2024", "-O", "-C", "target-feature=+crt-static", "-C", "strip=symbols", "-o"];
    run(
        &compiler,
        &[&arguments[..], &[&binary.display().to_string(), &source.display().to_string()]].concat(),
        folder,
    );
    let file = format!(
        "FROM scratch\nCOPY service /service\nSTOPSIGNAL SIGKILL\nENV ERROR_PERCENT={error_percent}\nCMD [\"/service\"]\n"
    );
    fs::write(context.join("Dockerfile"), file).unwrap();
    let reference = format!("{}/web:{tag}", engine.registry());
    engine.docker(&[
        "build",
        "--quiet",
        "--network",
        "none",
        "--tag",
        &reference,
        &context.display().to_string(),
    ]);
    engine.docker(&["push", "--quiet", &reference]);
    let pushed = engine.docker(&["image", "inspect", "--format", "{{index .RepoDigests 0}}", &reference]);
    pushed.trim().split_once('@').unwrap().1.to_owned()
}

fn server(program: &str, arguments: &[String], folder: &Path, port: u16) -> Server {
    let log = fs::File::create(folder.join(format!("{program}.log"))).unwrap();
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap_or_else(|e| panic!("{program}: {e}"));
    let server = Server(child);
    until(program, Duration::from_secs(30), || TcpStream::connect(("127.0.0.1", port)).is_ok());
    server
}

/// Prometheus, its rule and its scrapes; Alertmanager behind it. Returns their ports.
fn monitoring(folder: &Path, prefix: u16, servers: &mut Vec<Server>) -> (u16, u16) {
    let (prometheus, alertmanager) = (free_port(), free_port());
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let am = write(
        "alertmanager.yml",
        "route: {receiver: none, group_wait: 1s, group_interval: 1s}\nreceivers: [{name: none}]\n",
    );
    let arguments = [
        format!("--config.file={am}"),
        format!("--storage.path={}", folder.join("am").display()),
        format!("--web.listen-address=127.0.0.1:{alertmanager}"),
        "--cluster.listen-address=".to_owned(),
    ];
    servers.push(server("prometheus-alertmanager", &arguments, folder, alertmanager));
    let rules = write(
        "rules.yml",
        "groups:\n- name: web\n  rules:\n  - alert: HighErrorRate\n    expr: sum by (service, environment) \
         (rate(http_requests_total{code=\"500\"}[10s])) / sum by (service, environment) \
         (rate(http_requests_total[10s])) > 0.02\n    for: 3s\n    labels: {severity: page}\n",
    );
    let targets: Vec<String> = (1..=3).map(|slot| format!("'127.0.0.1:{}'", prefix * 10 + slot)).collect();
    let config = write(
        "prometheus.yml",
        &format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: ['{rules}']\nalerting:\n  \
             alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{alertmanager}']}}]}}]\nscrape_configs:\n\
             - job_name: web\n  static_configs: [{{targets: [{}], labels: {{service: web, environment: production}}}}]\n",
            targets.join(", ")
        ),
    );
    let arguments = [
        format!("--config.file={config}"),
        format!("--storage.tsdb.path={}", folder.join("tsdb").display()),
        format!("--web.listen-address=127.0.0.1:{prometheus}"),
    ];
    servers.push(server("prometheus", &arguments, folder, prometheus));
    (prometheus, alertmanager)
}

fn day(sandbox: &Sandbox) -> Day {
    let engine = Engine::start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let code = repository(path);
    let good = image(&engine, path, "v1.0.0", 0);
    let bad = image(&engine, path, "v1.1.0", 40);
    let prefix = port_prefix();
    let reference = format!("{}/web:v1.0.0@{good}", engine.registry());
    let port = format!("PORT={prefix}{{{{.Task.Slot}}}}");
    engine.docker(&[
        "service",
        "create",
        "--detach",
        "--name",
        "shop_web",
        "--replicas",
        "3",
        "--network",
        "host",
        "--stop-grace-period",
        "1s",
        "--update-parallelism",
        "3",
        "--update-monitor",
        "1s",
        "--rollback-parallelism",
        "3",
        "--rollback-monitor",
        "1s",
        "--env",
        &port,
        &reference,
    ]);
    let mut servers = Vec::new();
    let (prometheus, alertmanager) = monitoring(path, prefix, &mut servers);
    let demo = fs::read_to_string(sandbox.config_path()).unwrap();
    let github = demo.split("[[source]]").find(|s| s.contains("kind = \"github\"")).unwrap();
    let config = path.join("config.toml");
    fs::write(&config, text_of_config(github, &code, engine.host(), prometheus, alertmanager)).unwrap();
    Day { folder, engine, good, bad, config, _servers: servers }
}

fn text_of_config(github: &str, code: &Path, docker: &str, prometheus: u16, alertmanager: u16) -> String {
    format!(
        r#"[[source]]{github}
[[source]]
name = "git"
kind = "git"
[[source]]
name = "prometheus"
kind = "prometheus"
url = "http://127.0.0.1:{prometheus}"
every = "1s"
[[source]]
name = "alertmanager"
kind = "alertmanager"
url = "http://127.0.0.1:{alertmanager}"
every = "1s"
[[source]]
name = "swarm"
kind = "docker"
host = "{docker}"
every = "1s"
[[signal]]
name = "error-rate"
source = "prometheus"
query = '(sum(rate(http_requests_total{{service="$service",environment="$environment",code="500"}}[10s])) / sum(rate(http_requests_total{{service="$service",environment="$environment"}}[10s]))) * 100'
unit = "%"
hold = 1
no_go = 2
[[service]]
name = "web"
code = {{ source = "git", path = "{}" }}
  [[service.environment]]
  name = "production"
  deploy = {{ source = "swarm", service = "shop_web" }}
  health = {{ signals = ["error-rate"], alerts = {{ source = "alertmanager" }} }}
  policy = "production"
[[service]]
name = "checkout"
pipeline = {{ source = "github", project = "acme/checkout", workflow = "release.yml" }}
  [[service.environment]]
  name = "production"
[policy.production]
confirm = "type-name"
max_age = "30s"
"#,
        code.display()
    )
}

impl Day {
    /// The images that the swarm's running tasks really run.
    fn running(&self) -> Vec<String> {
        let format = "{{.DesiredState}} {{.CurrentState}} {{.Image}}";
        let tasks = self.engine.docker(&["service", "ps", "--no-trunc", "--format", format, "shop_web"]);
        let running = tasks.lines().filter(|l| l.starts_with("Running Running"));
        running.map(|l| l.rsplit(' ').next().unwrap().to_owned()).collect()
    }

    fn all_run(&self, digest: &str) -> bool {
        let running = self.running();
        running.len() == 3 && running.iter().all(|image| image.ends_with(digest))
    }

    fn gonogo(&self, arguments: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_gonogo"))
            .args(["--config", &self.config.display().to_string()])
            .args(arguments)
            .env("HOME", self.folder.path())
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

/// Whether the board's line of a service holds all of these.
fn board_says(screen: &str, service: &str, words: &[&str]) -> bool {
    screen.lines().any(|l| l.contains(service) && words.iter().all(|w| l.split_whitespace().any(|x| x == *w)))
}

/// Confirms the plan on the screen by typing the name.
fn confirm(terminal: &mut Terminal, name: &str) {
    terminal.wait_for("/update?version=");
    for byte in name.bytes() {
        terminal.press(&[byte]);
    }
    terminal.press(b"\r");
}

#[test]
#[ignore = "needs root and real servers; .ci/run installs and runs them"]
fn a_release_day_on_real_servers() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let scenario = Scenario::named("release-day").unwrap();
    let sandbox = runtime.block_on(async { Sandbox::start(scenario, Options::default()) }).unwrap();
    let day = day(&sandbox);
    until("the good version runs", ACT, || day.all_run(&day.good));
    let config = day.config.display().to_string();
    let mut terminal = Terminal::start(&["--config", &config], day.folder.path(), 160, 50);

    terminal.wait_until("web is GO", ACT, |s| board_says(s, "web", &["v1.0.0", "GO"]));

    // The selection has gone to the gate that waits: back to the first row.
    terminal.press(b"g");
    terminal.press(b"p");
    terminal.wait_for("v1.1.0");
    confirm(&mut terminal, "web");
    terminal
        .wait_until("the promotion is verified", ACT, |s| s.contains("verified: 3 of 3 replicas run v1.1.0"));
    assert!(day.all_run(&day.bad), "the engine runs the promoted digest: {:?}", day.running());
    terminal.press(b"\x1b");

    terminal.wait_until("web is NO-GO", ACT, |s| board_says(s, "web", &["NO-GO"]));
    terminal.wait_until("the alert fires", ACT, |s| s.contains("HighErrorRate"));

    // From the health panel.
    terminal.press(b"\x1b");
    for _panel in ["waiting", "pipeline", "environments", "health"] {
        terminal.press(b"\t");
    }
    terminal.press(b"r");
    terminal.wait_for("v1.0.0");
    confirm(&mut terminal, "web");
    terminal
        .wait_until("the roll back is verified", ACT, |s| s.contains("verified: 3 of 3 replicas run v1.0.0"));
    assert!(day.all_run(&day.good), "the engine runs the old digest again: {:?}", day.running());
    terminal.press(b"\x1b");
    terminal.wait_until("web is GO again", ACT, |s| board_says(s, "web", &["GO"]));

    // And the gate of the other service.
    terminal.press(b"\x1b");
    terminal.press(b"j");
    terminal.press(b"a");
    terminal.wait_for("pending_deployments");
    terminal.read_it();
    terminal.press(b"\x1b[C");
    terminal.press(b"\r");
    terminal.wait_until("the approval is verified", ACT, |s| s.contains("verified: approved by"));
    terminal.press(b"\x1b");
    assert_eq!(terminal.quit().exit_code(), 0);

    the_journal_tells_the_story(&day);
}

fn the_journal_tells_the_story(day: &Day) {
    assert!(day.gonogo(&["journal", "verify"]).contains("the chain hold"));
    let story = day.gonogo(&["journal", "show"]);
    let told: Vec<&str> =
        story.lines().filter(|l| l.contains(" intent ") || l.contains(" outcome ")).collect();
    assert_eq!(told.len(), 6, "{story}");
    for (line, words) in
        told.iter().zip(["Promote web", "verified", "Roll back web", "verified", "Approve", "verified"])
    {
        assert!(line.contains(words), "{words} in {line}");
    }
    let written = fs::read_to_string(day.folder.path().join(".local/state/gonogo/journal.jsonl")).unwrap();
    assert!(written.contains(&day.good) && written.contains(&day.bad), "digests are in the record");
}
