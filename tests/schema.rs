//! `gonogo schema`, `completions`, `man` and `--version`: what the program prints about itself.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use gonogo::config;
use gonogo::provider::KINDS;
use gonogo::sandbox::{Clock, Folder, Options, Sandbox, Scenario};
use serde_json::Value;

fn gonogo(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gonogo")).args(arguments).env_clear().current_dir("/").output().unwrap()
}

fn printed(arguments: &[&str]) -> String {
    let output = gonogo(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// TOML as the JSON that editors check.
fn json(toml: &str) -> Value {
    serde_json::to_value(toml.parse::<toml::Table>().unwrap_or_else(|e| panic!("{e}\n{toml}"))).unwrap()
}

fn validator() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(&printed(&["schema"])).unwrap();
    assert_eq!(schema, config::schema(KINDS));
    jsonschema::draft7::new(&schema).unwrap()
}

#[test]
fn the_example_and_every_day_of_the_demo_pass() {
    let schema = validator();
    let example = include_str!("../config.example.toml");
    assert!(example.starts_with("#:schema "), "editors look at the first line");
    let passes = |name: &str, text: &str| {
        let errors: Vec<String> =
            schema.iter_errors(&json(text)).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
    };
    passes("config.example.toml", example);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let _inside = runtime.enter();
    let mut days = 0;
    let all = Scenario::names();
    // Each day has a repository of its own to make.
    let most = if std::env::var("GONOGO_TEST_N").as_deref() == Ok("full") { usize::MAX } else { 2 };
    for name in all.into_iter().take(most) {
        let options = Options {
            clock: Clock::Running(1.0),
            seed: 1,
            services: None,
            folder: Folder::Remove,
            start: None,
        };
        let world = Sandbox::start(Scenario::named(name).unwrap(), options).unwrap();
        passes(name, &fs::read_to_string(world.config_path()).unwrap());
        days += 1;
    }
    println!("the example and {days} configs of the demo pass");
}

const SOURCE: &str = "[[source]]\nname = 'g'\nkind = 'github'\n";
const SERVICE: &str = "[[service]]\nname = 'a'\n";

#[test]
fn broken_configs_fail() {
    let schema = validator();
    let broken: [(&str, String); 22] = [
        ("an unknown table", "[uii]\n".into()),
        ("an unknown key", "[ui]\nthme = 'dark'\n".into()),
        ("a wrong word", "[ui]\nglyphs = 'emoji'\n".into()),
        ("a wrong type", "[ui]\nread_only = 'yes'\n".into()),
        ("a theme that is neither", "[ui]\ntheme = 'solarized'\n".into()),
        ("a relative path", "[journal]\npath = 'journal.jsonl'\n".into()),
        ("an anchor without repository", "[journal]\nanchor = { every = '1h' }\n".into()),
        ("a source without a name", "[[source]]\nkind = 'git'\n".into()),
        ("a source without a kind", "[[source]]\nname = 'g'\n".into()),
        ("an unknown kind", "[[source]]\nname = 'g'\nkind = 'svn'\n".into()),
        ("another kind's key", "[[source]]\nname = 'g'\nkind = 'git'\nurl = 'https://a.test'\n".into()),
        ("a missing key of a kind", "[[source]]\nname = 'p'\nkind = 'prometheus'\n".into()),
        ("a written secret", format!("{SOURCE}token = 'abc'\n")),
        ("a secret in two places", format!("{SOURCE}token = {{ env = 'A', file = '/b' }}\n")),
        ("a secret's command as one text", format!("{SOURCE}token = {{ command = 'gh auth token' }}\n")),
        ("a URL that is none", format!("{SOURCE}url = 'github.com'\n")),
        ("a single table of services", "[service]\nname = 'a'\n".into()),
        ("a binding as text", format!("{SERVICE}pipeline = 'g'\n")),
        ("a binding without source", format!("{SERVICE}pipeline = {{ project = 'a/b' }}\n")),
        ("an unknown stage", format!("{SERVICE}stages = {{ compile = ['x'] }}\n")),
        ("a freeze without zone", "[policy.p]\nfreeze = [{ from = 'Fri', to = 'Mon' }]\n".into()),
        ("a confirmation that is none", "[policy.p]\nconfirm = 'never'\n".into()),
    ];
    for (what, text) in &broken {
        assert!(!schema.is_valid(&json(text)), "{what} passes:\n{text}");
    }
    println!("{} of {} broken configs fail", broken.len(), broken.len());
}

#[test]
fn each_shell_gets_completions_that_name_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let text = printed(&["completions", shell]);
        for word in ["doctor", "init", "read-only"] {
            assert!(text.contains(word), "{shell} knows no {word}");
        }
    }
    assert_eq!(gonogo(&["completions", "tcsh"]).status.code(), Some(2));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gonogo.bash");
    fs::write(&file, printed(&["completions", "bash"])).unwrap();
    let Ok(checked) = Command::new("bash").arg("-n").arg(&file).output() else { return };
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn the_manual_has_a_page_for_the_program_and_for_each_command() {
    let whole = printed(&["man"]);
    for part in [".TH", "gonogo", "doctor", "SUBCOMMANDS"] {
        assert!(whole.contains(part), "{part}");
    }
    assert!(printed(&["man", "init"]).contains("repo"));
    assert_eq!(gonogo(&["man", "nothing"]).status.code(), Some(2));
}

#[test]
fn the_version_tells_what_it_was_built_from() {
    assert_eq!(printed(&["-V"]), format!("gonogo {}\n", env!("CARGO_PKG_VERSION")));
    let long = printed(&["--version"]);
    let rest = long
        .strip_prefix(&format!("gonogo {} (", env!("CARGO_PKG_VERSION")))
        .unwrap_or_else(|| panic!("{long}"));
    let (commit, rest) = rest.split_once(") rustc ").unwrap();
    assert!(!commit.is_empty());
    let (rustc, libgit2) = rest.trim().split_once(" libgit2 ").unwrap();
    assert!(rustc.starts_with(|c: char| c.is_ascii_digit()), "{long}");
    assert_eq!(libgit2.split('.').count(), 3, "{long}");
}

/// What the build script says when it runs in `folder` for a release, with `path` to find git in.
fn build_says(script: &Path, folder: &Path, path: &str) -> String {
    let output = Command::new(script)
        .current_dir(folder)
        .env_clear()
        .env("PATH", path)
        .env("PROFILE", "release")
        .env("RUSTC", std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned()))
        .env("HOME", folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_build_goes_on_without_git_in_a_tarball_and_in_a_dirty_tree() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("build-script");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/build.rs");
    let built =
        Command::new("rustc").args(["--edition", "2024", "-o"]).arg(&script).arg(source).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let path = std::env::var("PATH").unwrap();
    let commit = |says: &str| {
        let line = says.lines().find_map(|l| l.strip_prefix("cargo::rustc-env=GONOGO_COMMIT="));
        line.map(str::to_owned)
    };
    let tree = folder.path().join("tree");
    fs::create_dir(&tree).unwrap();
    fs::copy(source, tree.join("build.rs")).unwrap();
    assert_eq!(commit(&build_says(&script, &tree, &path)), None, "a tarball");
    assert_eq!(commit(&build_says(&script, &tree, "/nowhere")), None, "no git");
    let git = |arguments: &[&str]| {
        let who = ["-c", "user.name=a", "-c", "user.email=a@example.test", "-c", "commit.gpgsign=false"];
        let done = Command::new("git").args(who).args(arguments).current_dir(&tree).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    git(&["init", "--quiet"]);
    assert_eq!(commit(&build_says(&script, &tree, &path)), None, "somebody else's repository");
    git(&["add", "build.rs"]);
    git(&["commit", "--quiet", "-m", "One"]);
    let clean = commit(&build_says(&script, &tree, &path)).unwrap();
    let (hash, date) = clean.split_once(' ').unwrap();
    assert!(hash.len() >= 7 && hash.bytes().all(|b| b.is_ascii_hexdigit()), "{clean}");
    assert_eq!(date.len(), "2026-11-25".len(), "{clean}");
    fs::write(tree.join("build.rs"), "// changed\n").unwrap();
    assert!(commit(&build_says(&script, &tree, &path)).unwrap().contains("-dirty "), "a dirty tree");
}
