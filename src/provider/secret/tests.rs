//! Secrets come from where they were said to lie, whole, private, or not at all.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

use super::*;
use crate::domain::Cause;

const VALUE: &str = "canary-tok3n-77";

fn env(pairs: &[(&str, &str)]) -> Arc<BTreeMap<String, String>> {
    Arc::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

async fn fetch(place: SecretPlace, env: Arc<BTreeMap<String, String>>) -> Result<String, Fault> {
    let secret = Secret::new(place, env);
    let value = secret.reveal().await.map(|value| value.expose().to_owned());
    assert!(!format!("{secret:?}").contains(VALUE));
    if let Err(fault) = &value {
        assert_eq!(fault.cause, Cause::Local);
        assert!(!format!("{fault:?}").contains(VALUE), "{fault:?}");
    }
    value
}

fn file(path: &Path, mode: u32, text: &str) -> SecretPlace {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    SecretPlace::File(path.to_owned())
}

fn command(words: &[&str]) -> SecretPlace {
    SecretPlace::Command(words.iter().map(|&word| word.to_owned()).collect())
}

fn path() -> Arc<BTreeMap<String, String>> {
    env(&[("PATH", "relative:/usr/bin:/bin"), ("WHO", VALUE)])
}

#[tokio::test]
async fn a_variable_gives_its_value_or_is_named() {
    let place = || SecretPlace::Env("WHO".to_owned());
    assert_eq!(fetch(place(), path()).await.unwrap(), VALUE);
    assert!(fetch(place(), env(&[])).await.unwrap_err().to_string().contains("WHO"));
    assert!(fetch(place(), env(&[("WHO", "")])).await.is_err());
}

/// What a file is, and what must be said of it: nothing if it is fine.
struct Case {
    name: &'static str,
    make: fn(&Path),
    says: Option<&'static str>,
}

const fn case(name: &'static str, make: fn(&Path), says: &'static str) -> Case {
    Case { name, make, says: Some(says) }
}

/// What is not a regular file that is ours alone. The permission bits are counted through besides.
const ODD_FILES: &[Case] = &[
    case("nothing", |_| {}, "cannot be read"),
    case("a folder", |at| std::fs::create_dir(at).unwrap(), "not a regular file"),
    case("a pipe", |at| make("mkfifo", &["-m", "600"], at), "not a regular file"),
    case("a socket", |at| drop(std::os::unix::net::UnixListener::bind(at).unwrap()), "not a regular file"),
    case("a link to a file", |at| link(at, "target"), "symbolic link"),
    case("a link to nothing", |at| symlink("nothing", at).unwrap(), "symbolic link"),
    case("a link to itself", |at| symlink(at, at).unwrap(), "symbolic link"),
    case("a link to a device", |at| symlink("/dev/zero", at).unwrap(), "symbolic link"),
    case(
        "in a folder for everybody",
        |at| {
            file(at, 0o600, VALUE);
            mode(at.parent().unwrap(), 0o777);
        },
        "folder that everybody can write to",
    ),
    Case {
        name: "in a folder for everybody with the sticky bit",
        make: |at| {
            file(at, 0o600, VALUE);
            mode(at.parent().unwrap(), 0o1777);
        },
        says: None,
    },
    Case {
        name: "a second name of a file of ours",
        make: |at| {
            file(&at.with_file_name("target"), 0o600, VALUE);
            std::fs::hard_link(at.with_file_name("target"), at).unwrap();
        },
        says: None,
    },
];

/// Those that only root can make.
const FOREIGN_FILES: &[Case] = &[
    case(
        "of somebody else",
        |at| {
            file(at, 0o600, VALUE);
            std::os::unix::fs::chown(at, Some(12_345), None).unwrap();
        },
        "belongs to somebody else",
    ),
    case(
        "in a folder of somebody else",
        |at| {
            file(at, 0o600, VALUE);
            std::os::unix::fs::chown(at.parent().unwrap(), Some(12_345), None).unwrap();
        },
        "folder that belongs to somebody else",
    ),
];

fn make(program: &str, arguments: &[&str], at: &Path) {
    assert!(std::process::Command::new(program).args(arguments).arg(at).status().unwrap().success());
}

fn link(at: &Path, to: &str) {
    file(&at.with_file_name(to), 0o600, VALUE);
    symlink(to, at).unwrap();
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn a_file_is_read_only_if_nobody_else_can() {
    let mut cases = 0;
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    for bits in [0o600, 0o400, 0o700, 0o500] {
        let place = file(&at(&format!("ok{bits:o}")), bits, &format!("{VALUE}\n"));
        assert_eq!(fetch(place, env(&[])).await.unwrap(), VALUE, "{bits:o}");
        cases += 1;
    }
    for bits in [
        0o644, 0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o666, 0o777, 0o660, 0o606, 0o444, 0o440, 0o4640,
        0o2660, 0o1604,
    ] {
        let fault = fetch(file(&at(&format!("no{bits:o}")), bits, VALUE), env(&[])).await.unwrap_err();
        assert!(fault.hint.unwrap().as_str().starts_with("chmod 600"), "{bits:o}");
        cases += 1;
    }
    let root_only: &[Case] = if rustix::process::geteuid().is_root() { FOREIGN_FILES } else { &[] };
    for (index, case) in ODD_FILES.iter().chain(root_only).enumerate() {
        let folder = at(&format!("case{index}"));
        std::fs::create_dir(&folder).unwrap();
        (case.make)(&folder.join("f"));
        let found = fetch(SecretPlace::File(folder.join("f")), env(&[])).await;
        match case.says {
            None => assert_eq!(found.unwrap(), VALUE, "{}", case.name),
            Some(says) => {
                let fault = found.unwrap_err();
                assert!(fault.to_string().contains(says), "{}: {fault}", case.name);
            }
        }
        cases += 1;
    }
    println!("R33: {cases} kinds of file, each read or refused as it must be");
    assert!(cases >= 30);
}

#[tokio::test]
async fn what_cannot_be_a_secret_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let long = "x".repeat(70_000);
    for text in ["", "\n", "two\nlines\n", "a\u{1b}[2Jb", "a\0b", "trailing\n\n", long.as_str()] {
        let place = file(&folder.path().join("f"), 0o600, text);
        assert!(fetch(place, env(&[])).await.is_err(), "{:?}", &text[..text.len().min(9)]);
    }
    let place = file(&folder.path().join("f"), 0o600, &format!("{VALUE}\r\n"));
    assert_eq!(fetch(place, env(&[])).await.unwrap(), VALUE, "one newline of either kind is trimmed");
}

#[tokio::test]
async fn a_command_runs_without_a_shell_and_its_first_line_counts() {
    assert_eq!(fetch(command(&["printf", "%s\\nsecond\\n", VALUE]), path()).await.unwrap(), VALUE);
    assert_eq!(fetch(command(&["/bin/echo", "$WHO;`id`"]), path()).await.unwrap(), "$WHO;`id`");
    assert_eq!(fetch(command(&["sh", "-c", "echo $WHO"]), path()).await.unwrap(), VALUE);
    let others = env(&[("PATH", "/usr/bin:/bin"), ("OTHER_TOKEN", VALUE)]);
    let said = fetch(command(&["sh", "-c", "echo ${OTHER_TOKEN-unknown}"]), others).await.unwrap();
    assert_eq!(said, "unknown", "the secret of another source is not for this command");
}

#[tokio::test]
async fn a_command_that_fails_says_so_and_nothing_that_it_printed() {
    let complain = format!("echo {VALUE}; echo {VALUE} >&2; exit 3");
    let fault = fetch(command(&["sh", "-c", &complain]), path()).await.unwrap_err();
    assert!(fault.to_string().contains("exit status: 3"), "{fault}");
    for words in [&[][..], &["no-such-program"], &["./sh"], &["bin/sh"], &["/no/such/program"], &["true"]] {
        assert!(fetch(command(words), path()).await.is_err(), "{words:?}");
    }
    assert!(fetch(command(&["sh"]), env(&[])).await.is_err(), "no PATH, no program");
    assert!(
        fetch(command(&["sh"]), env(&[("PATH", "bin:.")])).await.is_err(),
        "relative folders do not count"
    );
}

#[tokio::test(start_paused = true)]
async fn a_command_that_hangs_is_given_up_and_killed() {
    let began = Instant::now();
    let fault = fetch(command(&["sleep", "1000"]), path()).await.unwrap_err();
    assert!(fault.to_string().contains("within 10 s"), "{fault}");
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "the clock of the test was to be moved, not waited for"
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_keyring_is_asked_by_the_desktops_own_tool() {
    let folder = tempfile::tempdir().unwrap();
    let entry = |text: &str| SecretPlace::Keyring(text.to_owned());
    // A tool that prints how it was called, and one that finds nothing.
    symlink("/bin/echo", folder.path().join("secret-tool")).unwrap();
    let tools = folder.path().to_str().unwrap();
    let with_tool = env(&[("PATH", tools), ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/x")]);
    let called = fetch(entry("my/ci/ana;`id`"), Arc::clone(&with_tool)).await.unwrap();
    assert_eq!(called, "lookup service my/ci account ana;`id`");
    assert!(fetch(entry("no-account"), Arc::clone(&with_tool)).await.is_err());
    std::fs::remove_file(folder.path().join("secret-tool")).unwrap();
    symlink("/bin/false", folder.path().join("secret-tool")).unwrap();
    let fault = fetch(entry("my/ci/ana"), with_tool).await.unwrap_err();
    assert!(fault.to_string().contains("not in the keyring"), "{fault}");
    let fault = fetch(entry("my/ci/ana"), env(&[("PATH", "/nowhere")])).await.unwrap_err();
    assert!(fault.to_string().contains("secret-tool"), "{fault}");
    // Over ssh, in a container or in a CI job there is no session bus, and nothing takes the keyring's place.
    for headless in [env(&[("PATH", tools)]), env(&[("PATH", tools), ("XDG_RUNTIME_DIR", tools)])] {
        let fault = fetch(entry("my/ci/ana"), headless).await.unwrap_err();
        assert!(fault.to_string().contains("no D-Bus session"), "{fault}");
        assert!(fault.hint.unwrap().as_str().contains("command"));
    }
    std::fs::write(folder.path().join("bus"), "").unwrap();
    let with_bus = env(&[("PATH", tools), ("XDG_RUNTIME_DIR", tools)]);
    let fault = fetch(entry("my/ci/ana"), with_bus).await.unwrap_err();
    assert!(fault.to_string().contains("not in the keyring"), "{fault}");
}

#[tokio::test]
async fn a_value_is_fetched_once_until_it_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("f");
    let secret = Secret::new(file(&at, 0o600, "first"), Arc::default());
    let twin = secret.clone();
    assert_eq!(secret.reveal().await.unwrap().expose(), "first");
    file(&at, 0o600, "second");
    assert_eq!(twin.reveal().await.unwrap().expose(), "first");
    twin.forget().await;
    assert_eq!(secret.reveal().await.unwrap().expose(), "second");
}
