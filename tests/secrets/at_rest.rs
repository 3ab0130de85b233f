//! R33: what the program writes is for its user only, from its first byte, whatever the umask. (What it reads is
//! checked where secrets are fetched: `provider::secret::tests`.)

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::canary::files;

/// Every file below `folder` that the program made, by name, lies where nobody else can reach it. How many there are.
pub(crate) fn check(folder: &Path, made: &[&str]) -> usize {
    for name in made {
        assert!(folder.join(name).is_file(), "{name} was not made");
    }
    let mut count = 0;
    for state in ["state", "config"].map(|below| folder.join(below).join("gonogo")) {
        for file in files(&state) {
            let (own, around) = (mode(&file), mode(file.parent().unwrap()));
            assert_eq!(own & 0o077, 0, "{} has mode {own:o} in a folder of mode {around:o}", file.display());
            count += 1;
        }
    }
    assert_eq!(mode(&folder.join("state/gonogo")) & 0o077, 0, "the folder of the journal and the log");
    count
}

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).map_or(0o7777, |about| about.mode() & 0o7777)
}

fn init(folder: &Path, umask: &str, arguments: &[&str]) -> std::process::Output {
    std::process::Command::new("/bin/sh")
        .args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_gonogo"), "init"])
        .args(arguments)
        .env_clear()
        .env("HOME", folder)
        .output()
        .unwrap()
}

#[test]
fn the_first_config_is_for_its_user_only_whatever_the_umask() {
    for umask in ["000", "002", "022", "077"] {
        let folder = tempfile::tempdir().unwrap();
        let output = init(folder.path(), umask, &[]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let config = folder.path().join(".config/gonogo/config.toml");
        assert_eq!(mode(&config), 0o600, "umask {umask}");
        for made in [".config", ".config/gonogo"] {
            assert_eq!(mode(&folder.path().join(made)), 0o700, "umask {umask}: {made}");
        }
    }
}

#[test]
fn the_first_config_follows_no_link_and_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("precious"), "mine").unwrap();
    std::os::unix::fs::symlink(at("precious"), at("link.toml")).unwrap();
    std::os::unix::fs::symlink(at("nowhere"), at("dangling.toml")).unwrap();
    std::fs::write(at("there.toml"), "mine").unwrap();
    for name in ["link.toml", "dangling.toml", "there.toml"] {
        let output = init(folder.path(), "000", &["--config", at(name).to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1), "{name}");
    }
    for name in ["precious", "there.toml"] {
        assert_eq!(std::fs::read_to_string(at(name)).unwrap(), "mine");
    }
    assert!(!at("nowhere").exists());
}

#[test]
fn the_folder_of_a_demo_is_for_its_user_only() {
    use std::io::BufRead as _;
    let folder = tempfile::tempdir().unwrap();
    let mut child = std::process::Command::new("/bin/sh")
        .args(["-c", "umask 000; exec \"$0\" demo quiet --serve", env!("CARGO_BIN_EXE_gonogo")])
        .env("TMPDIR", folder.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let read = std::io::BufReader::new(child.stdout.take().unwrap()).read_line(&mut line);
    let config = Path::new(line.trim_start_matches("config").trim());
    let modes = ["", "config.toml", "github-token", "kubeconfig"].map(|name| match name {
        "" => mode(config.parent().unwrap_or(Path::new("/"))),
        name => mode(&config.with_file_name(name)),
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(read.is_ok(), "{read:?}");
    assert_eq!(modes, [0o700, 0o600, 0o600, 0o600]);
}
