//! Nothing in a repository executes, or sends us elsewhere (PROMISES R36).
//!
//! Each repository is prepared in a way that makes git, or the shell of somebody who steps into it, run a program or
//! ask a host. The program is a sentinel that leaves a file. The control is plain git doing everyday work in the same
//! repository: it proves that the trap is a real one. Then the cockpit looks at the repository with both of its
//! readers, standing in it, as a user who has just cloned it would.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[path = "support/listener.rs"]
mod listener;

use listener::Listener;

/// A repository with a trap in it.
struct Trap {
    name: &'static str,
    /// Lays the trap in a repository that has two commits and a tag.
    lay: fn(&Place),
    /// What plain git does that springs it; none where git itself is already safe against it, or where the trap is one
    /// for other tools.
    control: &'static [&'static str],
}

/// Where a trap is laid.
struct Place {
    root: PathBuf,
    sink: String,
}

impl Place {
    fn clone(&self) -> PathBuf {
        self.root.join("clone")
    }

    /// A command that leaves a file.
    fn sentinel(&self) -> String {
        self.root.join("sentinel").display().to_string()
    }

    fn git(&self, arguments: &[&str]) {
        let output = self.command(&self.clone(), arguments).output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn command(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.arg("-C").arg(folder).args(arguments);
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", self.root.join("home"));
        command.env("GIT_TERMINAL_PROMPT", "0").stdin(Stdio::null());
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "Ada").env(format!("GIT_{who}_EMAIL"), "ada@x.test");
        }
        command
    }

    fn config(&self, key: &str, value: &str) {
        self.git(&["config", key, value]);
    }

    fn file(&self, path: &str, text: &str) {
        let path = self.clone().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn program(&self, path: &str) {
        self.file(path, &format!("#!/bin/sh\nexec {} \"$@\"\n", self.sentinel()));
        fs::set_permissions(self.clone().join(path), fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn head_of_other(&self) -> String {
        let output = self.command(&self.root.join("other"), &["rev-parse", "HEAD"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// A change of the work tree that git would have to look at.
    fn dirty(&self) {
        self.file("a.txt", "changed\n");
    }

    fn sprung(&self) -> bool {
        self.root.join("sprung").exists()
    }
}

const fn trap(name: &'static str, lay: fn(&Place), control: &'static [&'static str]) -> Trap {
    Trap { name, lay, control }
}

fn attribute(place: &Place, attribute: &str) {
    place.file(".gitattributes", &format!("* {attribute}\n"));
    place.file(".git/info/attributes", &format!("* {attribute}\n"));
    place.dirty();
}

fn remote(place: &Place, url: &str) {
    place.config("remote.origin.url", url);
    place.config("remote.origin.fetch", "+refs/*:refs/remotes/origin/*");
}

const TRAPS: &[Trap] = &[
    trap("core.fsmonitor", |p| p.config("core.fsmonitor", &p.sentinel()), &["status"]),
    trap(
        "core.hooksPath",
        |p| {
            p.program("hooks/post-checkout");
            p.config("core.hooksPath", "hooks");
        },
        &["checkout", "-q", "v1.0.0"],
    ),
    trap("a hook", |p| p.program(".git/hooks/post-checkout"), &["checkout", "-q", "v1.0.0"]),
    trap(
        "core.sshCommand",
        |p| {
            p.config("core.sshCommand", &p.sentinel());
            remote(p, "ssh://host.test/x");
        },
        &["fetch"],
    ),
    trap(
        "textconv",
        |p| {
            attribute(p, "diff=trap");
            p.config("diff.trap.textconv", &p.sentinel());
        },
        &["diff"],
    ),
    trap(
        "a diff driver",
        |p| {
            attribute(p, "diff=trap");
            p.config("diff.trap.command", &p.sentinel());
        },
        &["diff"],
    ),
    trap(
        "a clean filter",
        |p| {
            attribute(p, "filter=trap");
            p.config("filter.trap.clean", &p.sentinel());
        },
        &["diff"],
    ),
    trap(
        "a smudge filter",
        |p| {
            attribute(p, "filter=trap");
            p.config("filter.trap.smudge", &p.sentinel());
        },
        &["checkout", "-q", "--", "a.txt"],
    ),
    trap(
        "a filter process",
        |p| {
            attribute(p, "filter=trap");
            p.config("filter.trap.process", &p.sentinel());
        },
        &["diff"],
    ),
    trap(
        "core.attributesFile",
        |p| {
            p.file("far/attributes", "* diff=trap\n");
            p.config("core.attributesFile", &p.clone().join("far/attributes").display().to_string());
            p.config("diff.trap.textconv", &p.sentinel());
            p.dirty();
        },
        &["diff"],
    ),
    trap(
        "credential.helper",
        |p| {
            p.config("credential.helper", &p.sentinel());
            p.config("credential.interactive", "false");
        },
        &["credential", "fill"],
    ),
    trap(
        "insteadOf",
        |p| {
            p.config("core.sshCommand", &p.sentinel());
            p.config("url.ssh://host.test/.insteadOf", "https://good.test/");
            remote(p, "https://good.test/x");
        },
        &["fetch"],
    ),
    trap(
        "a proxy",
        |p| {
            p.config("http.proxy", &format!("http://{}", p.sink));
            remote(p, "http://host.test/x");
        },
        &["fetch"],
    ),
    trap(
        "a remote helper",
        |p| {
            p.config("protocol.ext.allow", "always");
            remote(p, &format!("ext::{} %S", p.sentinel()));
        },
        &["fetch"],
    ),
    trap(
        "core.alternateRefsCommand",
        |p| {
            p.file(
                ".git/objects/info/alternates",
                &format!("{}\n", p.root.join("other/.git/objects").display()),
            );
            p.config("core.alternateRefsCommand", &p.sentinel());
            remote(p, &p.root.join("other").display().to_string());
        },
        &["fetch", "-q"],
    ),
    trap(
        "uploadpack.packObjectsHook",
        |p| p.config("uploadpack.packObjectsHook", &p.sentinel()),
        // git takes it from the user's own config only.
        &[],
    ),
    trap(
        "a submodule's update",
        |p| {
            p.file(".gitmodules", "[submodule \"x\"]\n\tpath = x\n\turl = ./x\n");
            p.config("submodule.x.update", &format!("!{}", p.sentinel()));
            p.config("submodule.x.url", &p.root.join("other").display().to_string());
            p.config("submodule.recurse", "true");
            p.config("diff.submodule", "log");
            p.config("status.submoduleSummary", "true");
            p.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{},x", p.head_of_other())]);
        },
        &["-c", "protocol.file.allow=always", "submodule", "update", "--init"],
    ),
    trap(
        "a bare repository in a folder",
        |p| {
            let bare = p.clone().join("docs");
            fs::create_dir_all(bare.join("objects")).unwrap();
            fs::create_dir_all(bare.join("refs")).unwrap();
            p.file("docs/HEAD", "ref: refs/heads/main\n");
            p.file("docs/config", &format!("[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = ..\n\tfsmonitor = {}\n", p.sentinel()));
        },
        &["-C", "docs", "status"],
    ),
    trap(
        "includeIf",
        |p| {
            p.file("far/config", &format!("[core]\n\tfsmonitor = {}\n", p.sentinel()));
            let far = p.clone().join("far/config").display().to_string();
            p.config(&format!("includeIf.gitdir:{}/.path", p.root.display()), &far);
            p.config("include.path", &far);
        },
        &["status"],
    ),
    // git pages for a terminal only.
    trap("core.pager", |p| p.config("core.pager", &p.sentinel()), &[]),
    trap("core.editor", |p| p.config("core.editor", &p.sentinel()), &["commit", "--amend"]),
    trap("sequence.editor", |p| p.config("sequence.editor", &p.sentinel()), &["rebase", "-i", "HEAD~1"]),
    trap(
        "diff.external",
        |p| {
            p.config("diff.external", &p.sentinel());
            p.dirty();
        },
        &["diff"],
    ),
    trap(
        "gpg.program",
        |p| {
            p.config("gpg.program", &p.sentinel());
            p.config("log.showSignature", "true");
            p.config("commit.gpgSign", "true");
            p.config("gpg.ssh.defaultKeyCommand", &p.sentinel());
        },
        &["commit", "--allow-empty", "-m", "signed"],
    ),
    trap(
        "an alias",
        |p| {
            // git does not let an alias hide its own commands.
            p.config("alias.rev-parse", &format!("!{}", p.sentinel()));
            p.config("alias.st", &format!("!{}", p.sentinel()));
        },
        &["st"],
    ),
    trap(
        "a work tree's own config",
        |p| {
            p.config("extensions.worktreeConfig", "true");
            p.file(
                ".git/config.worktree",
                &format!("[core]\n\tfsmonitor = {}\n\tsshCommand = {0}\n", p.sentinel()),
            );
        },
        &["status"],
    ),
    trap(
        "a work tree elsewhere",
        |p| {
            p.file("far/.gitattributes", "* filter=trap\n");
            p.config("core.worktree", &p.clone().join("far").display().to_string());
            p.config("filter.trap.clean", &p.sentinel());
            p.file("far/a.txt", "changed\n");
        },
        &["diff"],
    ),
    trap(
        "a gitfile that leads to a prepared folder",
        |p| {
            fs::rename(p.clone().join(".git"), p.clone().join("hidden")).unwrap();
            p.file(".git", "gitdir: hidden\n");
            p.config("core.fsmonitor", &p.sentinel());
        },
        &["status"],
    ),
    trap(
        "a partial clone whose objects have to be fetched",
        |p| {
            p.config("core.sshCommand", &p.sentinel());
            remote(p, "ssh://host.test/x");
            p.config("remote.origin.promisor", "true");
            p.config("remote.origin.partialclonefilter", "blob:none");
            p.config("extensions.partialClone", "origin");
            let tree = p.clone().join(".git/objects");
            let blob = String::from_utf8(
                p.command(&p.clone(), &["rev-parse", "HEAD:a.txt"]).output().unwrap().stdout,
            )
            .unwrap();
            let (folder, name) = blob.trim().split_at(2);
            fs::remove_file(tree.join(folder).join(name)).unwrap();
        },
        &["diff", "v1.0.0", "HEAD"],
    ),
    trap(
        "a dotenv, an rc file and programs by everyday names",
        |p| {
            p.file(
                ".env",
                &format!("PATH={}\nGIT_SSH_COMMAND={}\n", p.clone().join("bin").display(), p.sentinel()),
            );
            p.file(".envrc", &p.sentinel());
            p.file(".bashrc", &p.sentinel());
            for name in ["git", "gh", "kubectl", "secret-tool", "bin/git", "docker", "gonogo"] {
                p.program(name);
            }
        },
        &[],
    ),
    trap(
        "a cockpit's config",
        |p| {
            let text = format!(
                "[[source]]\nname = \"ci\"\nkind = \"github\"\nurl = \"http://{}\"\ntoken = {{ command = [\"{}\"] }}\n",
                p.sink,
                p.sentinel()
            );
            for name in [
                "config.toml",
                "gonogo.toml",
                ".gonogo.toml",
                ".config/gonogo/config.toml",
                "gonogo/config.toml",
            ] {
                p.file(name, &text);
            }
        },
        &[],
    ),
    trap(
        "a kubeconfig with a plugin",
        |p| {
            let text = format!(
                "apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters: [{{name: c, cluster: {{server: 'http://{}'}}}}]\n\
                 users: [{{name: u, user: {{exec: {{apiVersion: client.authentication.k8s.io/v1, command: '{}'}}}}}}]\n\
                 contexts: [{{name: a, context: {{cluster: c, user: u}}}}]\n",
                p.sink,
                p.sentinel()
            );
            for name in ["kubeconfig", "config", ".kube/config"] {
                p.file(name, &text);
            }
        },
        &[],
    ),
];

/// The formats in which the repository is made: one that the library reads, one that only the command does.
const FORMATS: &[&str] = &["--object-format=sha1", "--object-format=sha256"];

fn place(root: &Path, format: &str, sink: &Listener) -> Place {
    let place = Place { root: root.to_owned(), sink: sink.address.to_string() };
    fs::create_dir(root.join("home")).unwrap();
    // It leaves a file, and passes on what a filter would.
    let text = format!("#!/bin/sh\ntouch {}/sprung\ntest -t 0 || cat\nexit 0\n", root.display());
    fs::write(place.sentinel(), text).unwrap();
    fs::set_permissions(place.sentinel(), fs::Permissions::from_mode(0o755)).unwrap();
    for name in ["clone", "other"] {
        let folder = root.join(name);
        fs::create_dir(&folder).unwrap();
        for arguments in [
            &["init", "--quiet", "--initial-branch=main", format][..],
            &["commit", "--quiet", "--allow-empty", "-m", "feat: begin"],
            &["tag", "v1.0.0"],
        ] {
            assert!(place.command(&folder, arguments).status().unwrap().success());
        }
        fs::write(folder.join("a.txt"), "one\n").unwrap();
        for arguments in [&["add", "a.txt"][..], &["commit", "--quiet", "-m", "fix: more\n\nSHOP-7"]] {
            assert!(place.command(&folder, arguments).status().unwrap().success());
        }
    }
    place
}

/// Ends what takes too long: a control may ask a host that does not answer.
fn output(mut command: Command) {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(10);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > end {
            child.kill().unwrap();
            child.wait().unwrap();
            return;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// The cockpit's look at the repository, standing in it. What it says.
fn look(place: &Place, command: &str) -> String {
    let config = place.root.join("config.toml");
    let text = format!(
        "[[source]]\nname = \"git\"\nkind = \"git\"\n[[service]]\nname = \"web\"\nrepo = \"{}\"\n",
        place.clone().display()
    );
    fs::write(&config, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_gonogo"))
        .args(["--config", config.to_str().unwrap(), command])
        .env_clear()
        .envs([("PATH", ".:bin:/usr/local/bin:/usr/bin:/bin"), ("USER", "tester")])
        .env("HOME", place.root.join("home"))
        .current_dir(place.clone())
        .output()
        .unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

fn full() -> bool {
    std::env::var("GONOGO_TEST_N").is_ok_and(|n| n == "full")
}

/// What came of some traps.
#[derive(Default)]
struct Tally {
    looks: usize,
    /// Sprung by plain git.
    real: BTreeSet<&'static str>,
    /// Read by the cockpit in full.
    read: BTreeSet<&'static str>,
}

/// Lays one trap, lets the cockpit look, and then plain git.
fn one(index: usize, trap: &Trap, tally: &mut Tally) {
    let sink = Listener::sink("127.0.0.1");
    // In a short run each trap meets one reader, every other one the other.
    let formats = if full() { FORMATS } else { &FORMATS[index % 2..=index % 2] };
    for format in formats {
        let root = tempfile::tempdir().unwrap();
        let place = place(root.path(), format, &sink);
        (trap.lay)(&place);
        let commands: &[&str] = if full() { &["status", "doctor", "--print"] } else { &["doctor"] };
        for command in commands {
            let says = look(&place, command);
            tally.looks += 1;
            assert!(!place.sprung(), "{} ({format}, {command}) was sprung: {says}", trap.name);
            assert!(sink.take().is_empty(), "{} ({format}, {command}) asked a host", trap.name);
            if *command == "doctor" && says.contains("✓ git") {
                tally.read.insert(trap.name);
            }
        }
        if trap.control.is_empty() {
            continue;
        }
        let mut control = place.command(&place.clone(), trap.control);
        // What `git credential` asks for; others find an end there.
        fs::write(place.root.join("input"), "protocol=https\nhost=host.test\n\n").unwrap();
        control.stdin(fs::File::open(place.root.join("input")).unwrap());
        output(control);
        if place.sprung() || !sink.take().is_empty() {
            tally.real.insert(trap.name);
        }
    }
}

#[test]
fn no_trap_in_a_repository_is_sprung() {
    let mut all = Tally::default();
    let traps: Vec<(usize, &Trap)> = TRAPS.iter().enumerate().collect();
    std::thread::scope(|scope| {
        let parts: Vec<_> = traps
            .chunks(TRAPS.len().div_ceil(8))
            .map(|part| {
                scope.spawn(move || {
                    let mut tally = Tally::default();
                    part.iter().for_each(|(index, trap)| one(*index, trap, &mut tally));
                    tally
                })
            })
            .collect();
        for part in parts {
            let part = part.join().unwrap();
            all.looks += part.looks;
            all.real.extend(part.real);
            all.read.extend(part.read);
        }
    });
    let with_control: Vec<_> = TRAPS.iter().filter(|t| !t.control.is_empty()).map(|t| t.name).collect();
    let blunt: Vec<_> = with_control.iter().filter(|name| !all.real.contains(*name)).collect();
    println!(
        "R36: {} hostile repositories, {} looks, 0 sentinels; {} of {} controls sprung by plain git; {} read in full",
        TRAPS.len(),
        all.looks,
        all.real.len(),
        with_control.len(),
        all.read.len()
    );
    assert!(blunt.is_empty(), "traps that plain git does not spring prove nothing: {blunt:?}");
    assert!(TRAPS.len() >= 25);
}

#[test]
fn a_repository_of_somebody_else_is_not_read_even_if_it_says_that_it_is_safe() {
    if !rustix::process::geteuid().is_root() {
        // Only an administrator can give files away.
        return;
    }
    let sink = Listener::sink("127.0.0.1");
    for format in FORMATS {
        let root = tempfile::tempdir().unwrap();
        let place = place(root.path(), format, &sink);
        // The permission must come from the user's own config, never from the repository's.
        place.config("safe.directory", "*");
        place.config("core.fsmonitor", &place.sentinel());
        for path in [place.clone(), place.clone().join(".git"), place.clone().join(".git/config")] {
            std::os::unix::fs::chown(path, Some(65_534), None).unwrap();
        }
        let says = look(&place, "doctor");
        assert!(says.contains("belongs to another user"), "{format}: {says}");
        assert!(!place.sprung());
    }
}
