//! Programs are found where only their owner could have put them, see no secret of others, and end with us.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

fn vars(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn shell<'a>(arguments: &'a [&'a str]) -> Call<'a> {
    Call {
        program: Path::new("/bin/sh"),
        arguments,
        env: vars(&[("PATH", "/usr/bin:/bin")]),
        deadline: Duration::from_secs(20),
        most: 1_000,
        complaints: Complaints::Kept,
    }
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A folder with a program `tool` in it.
fn folder(root: &Path, name: &str) -> PathBuf {
    let folder = root.join(name);
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy("/bin/sh", folder.join("tool")).unwrap();
    folder
}

#[test]
fn a_program_comes_from_a_folder_that_nobody_else_can_write_to() {
    let root = tempfile::tempdir().unwrap();
    let (good, open, loose) =
        (folder(root.path(), "good"), folder(root.path(), "open"), folder(root.path(), "loose"));
    mode(&open, 0o1777);
    mode(&loose.join("tool"), 0o777);
    let linked = root.path().join("linked");
    std::fs::create_dir(&linked).unwrap();
    symlink(open.join("tool"), linked.join("tool")).unwrap();
    let find_in = |folders: &[&Path]| {
        let joined = std::env::join_paths(folders).unwrap();
        find("tool", Some(joined.to_str().unwrap()))
    };
    for unsafe_folder in [&open, &loose, &linked] {
        assert!(
            matches!(find_in(&[unsafe_folder]), Found::Unsafe(why) if why.contains("everybody")),
            "{unsafe_folder:?}"
        );
        assert_eq!(find_in(&[unsafe_folder, &good]), Found::At(good.join("tool")), "the next one is taken");
    }
    assert_eq!(find_in(&[Path::new("relative"), Path::new("."), Path::new("")]), Found::Nowhere);
    assert_eq!(find("./tool", Some("/bin")), Found::Relative);
    assert_eq!(find("bin/tool", Some("/bin")), Found::Relative);
    assert_eq!(find("", Some("/bin")), Found::Relative);
    assert_eq!(find("tool", None), Found::Nowhere);
    assert!(matches!(find(open.join("tool").to_str().unwrap(), None), Found::Unsafe(_)));
    mode(&good.join("tool"), 0o644);
    assert_eq!(find_in(&[&good]), Found::Nowhere, "what cannot be run is no program");
    if std::os::unix::fs::chown(&good, Some(12_345), None).is_ok() {
        mode(&good.join("tool"), 0o755);
        assert!(matches!(find_in(&[&good]), Found::Unsafe(why) if why.contains("somebody else")));
    }
}

#[test]
fn each_program_sees_its_own_secrets_and_no_others() {
    let env = vars(&[
        ("PATH", "relative:/usr/bin::/bin"),
        ("HOME", "/home/ann"),
        ("SSH_AUTH_SOCK", "/run/agent"),
        ("VAULT_ADDR", "https://vault.test"),
        ("VAULT_TOKEN", "s.1"),
        ("GITHUB_TOKEN", "x"),
        ("GH_TOKEN", "x"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("AWS_PROFILE", "prod"),
        ("DB_PASSWORD", "x"),
        ("PGPASSWORD", "x"),
        ("npm_config__auth", "x"),
        ("GOOGLE_APPLICATION_CREDENTIALS_FILE", "/home/ann/key.json"),
        ("HTTPS_PROXY", "http://ann:pw@proxy.test:3128"),
        ("NO_PROXY", "localhost"),
        ("DATABASE_URL", "postgres://u:p@db.test/x"),
        ("INNOCENT", "ghp_0123456789"),
        ("JWT", "eyJhbGciOi.x"),
    ]);
    let seen = |program: &str| {
        let mut names: Vec<String> = scrubbed(Path::new(program), &env).into_keys().collect();
        names.retain(|name| {
            !["PATH", "HOME", "SSH_AUTH_SOCK", "VAULT_ADDR", "AWS_PROFILE", "NO_PROXY"]
                .contains(&name.as_str())
        });
        names
    };
    let place = "GOOGLE_APPLICATION_CREDENTIALS_FILE";
    assert_eq!(seen("/bin/some-tool"), [place]);
    assert_eq!(seen("/usr/bin/vault"), [place, "VAULT_TOKEN"]);
    assert_eq!(seen("/usr/bin/gh"), ["GH_TOKEN", "GITHUB_TOKEN", place]);
    assert_eq!(seen("/usr/bin/aws"), ["AWS_SECRET_ACCESS_KEY", place]);
    assert_eq!(scrubbed(Path::new("/bin/x"), &env)["PATH"], "/usr/bin:/bin");
    for kept in ["HOME", "SSH_AUTH_SOCK", "VAULT_ADDR", "AWS_PROFILE", "NO_PROXY"] {
        assert!(scrubbed(Path::new("/bin/x"), &env).contains_key(kept), "{kept}");
    }
}

#[tokio::test]
async fn a_program_has_no_shell_no_input_and_no_terminal() {
    let script = "cat; printf '%s|' \"$@\"; pwd; env | sort; echo told >&2; exit 7";
    let said =
        run(shell(&["-c", script, "sh", "$HOME;`id`", "a b"])).await.map_err(|f| format!("{f:?}")).unwrap();
    assert_eq!(said.status.code(), Some(7));
    assert_eq!(said.complaints, "told\n");
    let out = String::from_utf8(said.out.to_vec()).unwrap();
    assert_eq!(out, "$HOME;`id`|a b|/\nPATH=/usr/bin:/bin\nPWD=/\n", "its environment is the given one");
}

#[tokio::test]
async fn a_program_that_prints_without_end_is_ended() {
    let failed = run(shell(&["-c", "while :; do echo much; done"])).await;
    assert!(matches!(failed, Err(Failed::TooMuch)));
    let failed = run(Call { program: Path::new("/no/such/program"), ..shell(&[]) }).await;
    assert!(matches!(failed, Err(Failed::NotStarted(_))));
}

/// Whether a process runs (a zombie does not).
fn runs(id: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with('Z'))
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let end = std::time::Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(std::time::Instant::now() < end, "never: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_ends_with_whoever_waits_for_it_and_so_does_what_it_started() {
    let root = tempfile::tempdir().unwrap();
    for end in ["deadline", "dropped"] {
        let note = root.path().join(end);
        let script = format!("sleep 1000 & echo $! $$ > {0}.new; mv {0}.new {0}; wait", note.display());
        let arguments = ["-c".to_owned(), script];
        let deadline = Duration::from_secs(if end == "deadline" { 1 } else { 60 });
        let task = tokio::spawn(async move {
            let arguments = [arguments[0].as_str(), arguments[1].as_str()];
            run(Call { deadline, ..shell(&arguments) }).await.map(|_| ())
        });
        until("it started", || note.exists());
        let ids = std::fs::read_to_string(&note).unwrap();
        if end == "deadline" {
            assert!(matches!(task.await.unwrap(), Err(Failed::TooLong)));
        } else {
            task.abort();
            assert!(task.await.is_err());
        }
        for id in ids.split_whitespace() {
            until(&format!("{end}: {id} is gone"), || !runs(id));
        }
    }
}
