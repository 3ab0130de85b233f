//! R32: no core file, no reading by another process of the same user. (That the types cannot be printed, copied or
//! serialised is proved by the compiler: the documentation of `provider::secret::Value`.)

use std::io::BufRead as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gonogo::provider::SecretPlace;
use gonogo::provider::http::{Auth, Endpoint, EndpointSpec, Read};
use gonogo::provider::secret::Secret;

use crate::canary::{Scanner, canary};
use crate::listener::{Listener, said};

/// The user of whom the checks are made: ourselves, or somebody without rights if we are root, whom nothing stops.
const NOBODY: &str = "65534";

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A command as the user without rights.
fn as_somebody(program: &str, arguments: &[&str]) -> Command {
    if is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--", program]).args(arguments);
        command
    } else {
        let mut command = Command::new(program);
        command.args(arguments);
        command
    }
}

/// The program where everybody may run it, and a folder for what it writes.
fn everybodys(folder: &Path) -> String {
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o777)).unwrap();
    let program = folder.join("gonogo");
    // Copied by another process: what this one holds open for writing while another test forks cannot be run.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_gonogo")).arg(&program).status().unwrap();
    assert!(copied.success());
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    program.to_str().unwrap().to_owned()
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program that has come as far as serving the embedded world, with core files allowed before it began.
fn serving(folder: &Path) -> Running {
    let script = "ulimit -c unlimited 2>/dev/null; exec \"$0\" demo quiet --serve";
    let mut child = as_somebody("/bin/sh", &["-c", script, &everybodys(folder)])
        .current_dir(folder)
        .env("TMPDIR", folder)
        .env("HOME", folder)
        .stdout(Stdio::piped())
        .spawn()
        .map(Running)
        .unwrap();
    let mut line = String::new();
    let mut out = std::io::BufReader::new(child.0.stdout.take().unwrap());
    while !line.contains("serving") {
        assert_ne!(out.read_line(&mut line).unwrap(), 0, "it ended: {line}");
    }
    child
}

/// Whether somebody of the same user may read a process's memory, environment or open files.
fn readable(id: u32) -> Vec<&'static str> {
    let mut open = Vec::new();
    for what in ["environ", "mem", "maps", "fd", "auxv", "io"] {
        let path = format!("/proc/{id}/{what}");
        let script = "if test -d \"$1\"; then ls \"$1\" >/dev/null; else exec 3<\"$1\"; fi";
        let status =
            as_somebody("/bin/sh", &["-c", script, "sh", &path]).stderr(Stdio::null()).status().unwrap();
        if status.success() {
            open.push(what);
        }
    }
    open
}

#[cfg(target_os = "linux")]
#[test]
fn nobody_of_the_same_user_reads_the_memory() {
    let folder = tempfile::tempdir().unwrap();
    let Running(child) = &serving(folder.path());
    // A process that has only just begun is still the kernel's for a moment.
    let sleeper = as_somebody("/bin/sleep", &["600"]).spawn().map(Running).unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    let mut control = Vec::new();
    while !(control.contains(&"environ") && control.contains(&"mem")) {
        assert!(Instant::now() < end, "the control can be read: {control:?}");
        control = readable(sleeper.0.id());
    }
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let cores = limits.lines().find(|l| l.starts_with("Max core file size")).unwrap();
    assert_eq!(cores.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"], "{cores}");
    // The kernel gives what is not dumpable to root.
    let owner = std::fs::metadata(format!("/proc/{}/environ", child.id())).unwrap().uid();
    assert_eq!(owner, 0);
    let found = readable(child.id());
    println!("R32: readable by the same user: {found:?}; of a usual process: {control:?}");
    assert!(!["environ", "mem", "maps", "fd", "auxv"].iter().any(|what| found.contains(what)), "{found:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn another_program_of_the_same_user_cannot_trace_it() {
    let folder = tempfile::tempdir().unwrap();
    let Running(child) = &serving(folder.path());
    let id = child.id().to_string();
    // Where there is no tracer, the kernel's own answer to the same question was asked above.
    let traced = as_somebody("strace", &["-p", &id, "-o", "/dev/null"]).stderr(Stdio::piped()).output();
    match traced {
        Ok(output) => {
            let says = String::from_utf8_lossy(&output.stderr).into_owned();
            println!("R32: strace -p says: {}", says.trim());
            assert!(!output.status.success(), "{says}");
        }
        Err(error) => println!("R32: no tracer here: {error}"),
    }
}

#[test]
fn no_signal_leaves_a_core_file() {
    let mut dumped = 0;
    let control =
        Command::new("/bin/sh").args(["-c", "ulimit -c unlimited; kill -SEGV $$"]).current_dir("/").status();
    for signal in ["ABRT", "SEGV", "QUIT", "BUS", "FPE", "ILL", "SYS", "TRAP"] {
        let folder = tempfile::tempdir().unwrap();
        let Running(child) = &mut serving(folder.path());
        let id = child.id().to_string();
        let end = Instant::now() + Duration::from_secs(30);
        // The first of some signals only takes away the standard library's own handler.
        let status = loop {
            assert!(Command::new("kill").args(["-s", signal, &id]).stderr(Stdio::null()).status().is_ok());
            std::thread::park_timeout(Duration::from_millis(20));
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < end, "{signal} does not end it");
        };
        let cores: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| name.contains("core"))
            .collect();
        assert!(status.signal().is_some(), "{signal}: {status}");
        assert!(!status.core_dumped() && cores.is_empty(), "{signal}: {status}, {cores:?}");
        dumped += cores.len();
    }
    let control = control.is_ok_and(|status| status.core_dumped());
    println!("R32: {dumped} core files after 8 signals (a usual process dumps one here: {control})");
}

/// A secret file of a user without rights is still known as his own, though `/proc/self` is not.
#[test]
fn what_belongs_to_us_is_known_although_proc_says_root() {
    let folder = tempfile::tempdir().unwrap();
    let program = everybodys(folder.path());
    let script = "umask 077; printf secret-token > \"$1/token\"; printf '%s' \"$2\" > \"$1/config.toml\"; \
                  \"$0\" --config \"$1/config.toml\" doctor";
    let server = Listener::start("127.0.0.1", |_| said("401 Unauthorized", "", "{}"));
    let at = folder.path().join("secrets");
    std::fs::create_dir(&at).unwrap();
    if is_root() {
        std::os::unix::fs::chown(&at, Some(65_534), Some(65_534)).unwrap();
    }
    let config = format!(
        "[[source]]\nname = \"ci\"\nkind = \"github\"\nurl = \"http://{}\"\ntoken = {{ file = \"{}\" }}\n\
         [[service]]\nname = \"web\"\npipeline = {{ source = \"ci\", project = \"acme/web\" }}\n",
        server.address,
        at.join("token").display()
    );
    let output = as_somebody("/bin/sh", &["-c", script, &program, at.to_str().unwrap(), &config])
        .env("HOME", &at)
        .output()
        .unwrap();
    let says = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(says.contains("401"), "the token was sent: {says}{}", String::from_utf8_lossy(&output.stderr));
    assert!(server.take().iter().any(|heard| heard.to_lowercase().contains("bearer secret-token")));
}

/// Run by [`a_panic_tells_nothing`] in a process of its own.
#[tokio::test]
#[ignore = "panics; run by a_panic_tells_nothing"]
async fn panic_with_a_secret_at_hand() {
    let place = SecretPlace::Env("TOKEN".to_owned());
    let secret = Secret::new(place, std::sync::Arc::new(std::env::vars().collect()));
    let value = secret.reveal().await.unwrap();
    assert_eq!(value.expose().len(), 32);
    let endpoint =
        Endpoint::new(EndpointSpec::new("http://127.0.0.1:9").auth(Auth::Bearer(secret.clone()))).unwrap();
    let fault = endpoint.read(&Read::get("/x")).await.unwrap_err();
    panic!("{secret:?} {endpoint:?} {:?} {fault} {fault:?}", Auth::Bearer(secret.clone()));
}

#[test]
fn a_panic_tells_nothing() {
    let secret = canary("panic", 5);
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "in_memory::panic_with_a_secret_at_hand", "--nocapture"])
        .env("TOKEN", &secret)
        .env("RUST_BACKTRACE", "full")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(101));
    let text = [output.stdout, output.stderr].concat();
    assert!(String::from_utf8_lossy(&text).contains("Secret(environment variable TOKEN)"));
    assert_eq!(Scanner::new(&[("panic", &secret)]).scan("a panic", &text), []);
}
