//! A real Docker Engine with Swarm and a real registry, for tests: in a temporary folder, on loopback, stopped by
//! pid when dropped.
//!
//! Needs root, `dockerd`, `docker`, `docker-registry` and a static `busybox` on the `PATH`. No image is pulled from
//! anywhere: images are built `FROM scratch` with that `busybox` in them. Or `GONOGO_TEST_DOCKER_HOST` (an engine that
//! manages a swarm, `unix:///..`) and `GONOGO_TEST_REGISTRY` (`127.0.0.1:PORT`) name ones that run already.
#![expect(clippy::unwrap_used, reason = "a test's server that does not start fails the test")]

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a server may take to come up or to go down.
const PATIENCE: Duration = Duration::from_secs(60);

/// An engine that manages a swarm of one node, and a registry that it pulls from.
pub(crate) struct Engine {
    host: String,
    registry: String,
    folder: TempDir,
    /// The engine and the registry, unless they are somebody else's.
    own: Vec<Child>,
}

impl Engine {
    /// Starts both, or finds those that the environment names. `Err` says what is missing for it.
    pub(crate) fn start() -> Result<Self, String> {
        let folder = TempDir::with_prefix("gonogo-engine-").map_err(|e| e.to_string())?;
        fs::create_dir(folder.path().join("cli")).map_err(|e| e.to_string())?;
        if let (Ok(host), Ok(registry)) =
            (std::env::var("GONOGO_TEST_DOCKER_HOST"), std::env::var("GONOGO_TEST_REGISTRY"))
        {
            return Ok(Self { host, registry, folder, own: Vec::new() });
        }
        if fs::metadata("/proc/self").map(|m| m.uid()).ok() != Some(0) {
            return Err("a Docker Engine is started as root only".to_owned());
        }
        for program in ["dockerd", "docker", "docker-registry", "busybox"] {
            on_path(program).ok_or_else(|| format!("{program} is not on the PATH"))?;
        }
        let host = format!("unix://{}", folder.path().join("engine.sock").display());
        let registry = format!("127.0.0.1:{}", free_port());
        let mut engine = Self { host, registry, folder, own: Vec::new() };
        engine.start_registry();
        engine.start_engine();
        engine.start_swarm();
        Ok(engine)
    }

    /// Where the engine listens: `unix:///..`.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Where the registry listens: `127.0.0.1:PORT`.
    pub(crate) fn registry(&self) -> &str {
        &self.registry
    }

    /// Builds an image that runs `command` (its stop signal kills at once), pushes it, and returns its digest.
    pub(crate) fn push(&self, name: &str, tag: &str, command: &[&str]) -> String {
        let context = self.folder.path().join(format!("image-{}-{tag}", name.replace('/', "-")));
        fs::create_dir_all(&context).unwrap();
        fs::copy(on_path("busybox").unwrap(), context.join("busybox")).unwrap();
        let file = format!(
            "FROM scratch\nCOPY busybox /bin/busybox\nSTOPSIGNAL SIGKILL\nENV VERSION={tag}\nCMD {command:?}\n"
        );
        fs::write(context.join("Dockerfile"), file).unwrap();
        let reference = format!("{}/{name}:{tag}", self.registry);
        self.docker(&[
            "build",
            "--quiet",
            "--network",
            "none",
            "--tag",
            &reference,
            &context.display().to_string(),
        ]);
        self.docker(&["push", "--quiet", &reference]);
        let pushed = self.docker(&["image", "inspect", "--format", "{{index .RepoDigests 0}}", &reference]);
        pushed.trim().split_once('@').unwrap().1.to_owned()
    }

    /// Runs `docker` against this engine and returns what it prints; it must succeed.
    pub(crate) fn docker(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "docker {arguments:?}: {told}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Removes services; those that are not there are none to remove.
    pub(crate) fn remove(&self, services: &[String]) {
        let mut arguments = vec!["service", "rm"];
        arguments.extend(services.iter().map(String::as_str));
        let _ = self.command(&arguments).output();
    }

    /// Removes the containers that a filter finds, running or not, with their volumes.
    pub(crate) fn discard(&self, filter: &str) {
        let Ok(found) = self.command(&["ps", "--all", "--quiet", "--filter", filter]).output() else {
            return;
        };
        for container in String::from_utf8_lossy(&found.stdout).lines() {
            let _ = self.command(&["rm", "--force", "--volumes", container]).output();
        }
    }

    /// Removes networks; those that are not there are none to remove.
    pub(crate) fn remove_networks(&self, names: &[&str]) {
        let _ = self.command(&[&["network", "rm"], names].concat()).output();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command
            .args(arguments)
            .env("DOCKER_HOST", &self.host)
            .env("DOCKER_CONFIG", self.folder.path().join("cli"))
            .env("DOCKER_BUILDKIT", "0")
            .env_remove("DOCKER_CONTEXT")
            .stdin(Stdio::null());
        command
    }

    fn start_registry(&mut self) {
        let folder = self.folder.path();
        let file = folder.join("registry.yml");
        let store = folder.join("registry");
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\n  \
             delete: {{enabled: true}}\nhttp: {{addr: {}}}\n",
            store.display(),
            self.registry
        );
        fs::write(&file, text).unwrap();
        let child =
            spawn("docker-registry", &["serve", &file.display().to_string()], &folder.join("registry.log"));
        self.own.push(child);
        let address = self.registry.clone();
        until("the registry listens", || std::net::TcpStream::connect(&address).is_ok());
    }

    fn start_engine(&mut self) {
        let folder = self.folder.path();
        let at = |name: &str| folder.join(name).display().to_string();
        let arguments = [
            "--data-root",
            &at("data"),
            "--exec-root",
            &at("exec"),
            "--pidfile",
            &at("engine.pid"),
            "--config-file",
            &at("engine.json"),
            "--host",
            &self.host,
            "--iptables=false",
            "--ip6tables=false",
            "--bridge=none",
            "--storage-driver=overlay2",
            "--exec-opt",
            "native.cgroupdriver=cgroupfs",
        ];
        fs::write(folder.join("engine.json"), "{}").unwrap();
        let child = spawn("dockerd", &arguments, &folder.join("engine.log"));
        self.own.push(child);
        let ready = || self.command(&["info"]).output().is_ok_and(|o| o.status.success());
        until("the engine answers", ready);
    }

    /// A swarm of one manager. Its ingress network is removed: it would listen beyond loopback.
    fn start_swarm(&self) {
        let listen = format!("127.0.0.1:{}", free_port());
        self.docker(&["swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", &listen]);
        let mut remove = self.command(&["network", "rm", "ingress"]);
        let mut child =
            remove.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"y\n").unwrap();
        assert!(child.wait().unwrap().success(), "the ingress network stays");
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if self.own.is_empty() {
            return;
        }
        // Leaving the swarm ends its containers; an engine that stops would leave them behind.
        let _ = self.command(&["swarm", "leave", "--force"]).output();
        for container in String::from_utf8_lossy(
            &self.command(&["ps", "--all", "--quiet"]).output().map(|o| o.stdout).unwrap_or_default(),
        )
        .lines()
        {
            let _ = self.command(&["rm", "--force", container]).output();
        }
        for child in self.own.iter_mut().rev() {
            stop(child);
        }
        // What the engine mounted and left mounted would keep the folder from being removed.
        let folder = self.folder.path().display().to_string();
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        for point in mounts.lines().filter_map(|l| l.split(' ').nth(1)).filter(|p| p.starts_with(&folder)) {
            let _ = Command::new("umount").arg(point).status();
        }
    }
}

/// Asks a server to end, by its pid; ends it after a while.
fn stop(child: &mut Child) {
    let _ = Command::new("kill").arg(child.id().to_string()).status();
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
    let _ = child.kill();
    let _ = child.wait();
}

fn spawn(program: &str, arguments: &[&str], log: &Path) -> Child {
    let log = fs::File::create(log).unwrap();
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}
