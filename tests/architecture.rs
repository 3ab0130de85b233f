//! Who may know whom, and the norms of the house, read from the sources.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};

/// Lines that a file may have; the norm is 400.
const LONGEST_FILE: usize = 500;

fn sources() -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &mut found);
    found.sort();
    assert!(found.len() > 50, "the sources were not found");
    found
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect()
}

/// The code of a file: without comments and without its test module.
fn code(text: &str) -> String {
    let end = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
    let lines = text[..end].lines().filter(|l| !l.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

fn is_test(name: &str) -> bool {
    name.ends_with("tests.rs") || name.contains("/tests/")
}

/// The top-level module that a file belongs to.
fn house(name: &str) -> &str {
    let first = name.split('/').next().unwrap();
    first.strip_suffix(".rs").unwrap_or(first)
}

/// Every `crate::x` that the code mentions.
fn neighbours(code: &str) -> Vec<&str> {
    code.match_indices("crate::")
        .map(|(at, _)| {
            let rest = &code[at + "crate::".len()..];
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            &rest[..end]
        })
        .filter(|n| !n.is_empty())
        .collect()
}

#[test]
fn every_module_knows_only_whom_it_may() {
    let rules: &[(&str, &[&str])] = &[
        ("domain", &["domain"]),
        ("action", &["action", "domain"]),
        ("provider", &["provider", "domain"]),
        ("app", &["app", "action", "domain"]),
        ("view", &["view", "theme", "app", "action", "domain"]),
        ("theme", &["theme"]),
        ("config", &["config", "app", "provider", "domain"]),
        ("sandbox", &["sandbox"]),
        ("runtime", &["runtime", "app", "action", "provider", "domain"]),
        (
            "cli",
            &["cli", "runtime", "config", "view", "theme", "app", "provider", "action", "domain", "sandbox"],
        ),
        ("main", &[]),
        ("lib", &[]),
    ];
    for (name, text) in sources() {
        let (_, allowed) = rules
            .iter()
            .find(|(house_name, _)| *house_name == house(&name))
            .unwrap_or_else(|| panic!("{name}: no rule for this part of the house"));
        for neighbour in neighbours(&code(&text)) {
            assert!(allowed.contains(&neighbour), "{name} must not know {neighbour}");
        }
    }
}

#[test]
fn a_provider_never_knows_another() {
    let shared = [
        "http",
        "secret",
        "access",
        "archive",
        "registry",
        "child",
        "enforcement",
        "examine",
        "fill",
        "meter",
        "platform",
        "promql",
        "services",
        "stock",
    ];
    for (name, text) in sources().iter().filter(|(n, _)| n.starts_with("provider/")) {
        let own = name.split('/').nth(1).unwrap().trim_end_matches(".rs");
        if own == "mod" {
            continue;
        }
        let code = code(text);
        for (at, _) in code.match_indices("crate::provider::") {
            let rest = &code[at + "crate::provider::".len()..];
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let other = &rest[..end];
            let module = other.chars().next().is_some_and(char::is_lowercase);
            let fine = !module || other == own || shared.contains(&other);
            assert!(fine, "{name} must not know the provider {other}");
        }
    }
}

#[test]
fn each_outside_library_lives_in_one_place() {
    let homes: &[(&str, &[&str])] = &[
        ("reqwest::", &["provider/http"]),
        ("git2::", &["provider/git/library", "sandbox/"]),
        ("kube::", &["provider/kubernetes"]),
        ("k8s_openapi::", &["provider/kubernetes"]),
        ("axum::", &["sandbox/"]),
        ("crossterm::", &["runtime/"]),
        ("ratatui::", &["view/", "theme", "runtime/screen", "cli/print"]),
        ("tokio::", &["runtime/", "provider/", "sandbox/", "cli/"]),
        ("quick_xml::", &["domain/report"]),
        ("flate2::", &["provider/archive", "sandbox/"]),
        ("clap::", &["cli/"]),
        ("clap_complete::", &["cli/papers"]),
        ("clap_mangen::", &["cli/papers"]),
    ];
    for (name, text) in sources().iter().filter(|(n, _)| !is_test(n)) {
        let code = code(text);
        for (library, places) in homes {
            let says = code
                .match_indices(library)
                .any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'));
            let home = places.iter().any(|p| name.starts_with(p));
            assert!(!says || home, "{name} must not say {library}");
        }
    }
}

#[test]
fn the_pure_parts_read_no_clock_and_do_no_work_outside() {
    let banned = [
        "Timestamp::now",
        "Zoned::now",
        "Instant::now",
        "SystemTime",
        "std::fs",
        "std::env",
        "std::net",
        "std::process",
        "std::thread",
        "spawn(",
    ];
    for (name, text) in sources() {
        if ["domain", "action", "app", "view", "theme", "config"].contains(&house(&name)) && !is_test(&name) {
            let code = code(&text);
            for word in banned {
                assert!(!code.contains(word), "{name} says {word}");
            }
        }
    }
}

#[test]
fn only_main_reads_arguments_and_environment() {
    for (name, text) in sources().iter().filter(|(n, _)| n != "main.rs" && !is_test(n)) {
        let code = code(text);
        for word in ["env::var", "env::args", "env::vars", "process::exit"] {
            assert!(!code.contains(word), "{name} says {word}");
        }
    }
}

#[test]
fn the_demo_has_no_doors_of_its_own() {
    for (name, text) in sources() {
        if ["sandbox", "cli", "lib"].contains(&house(&name)) {
            continue;
        }
        assert!(!code(&text).contains("sandbox"), "{name} knows of the sandbox");
    }
}

#[test]
fn writes_pass_one_gate() {
    let calls: Vec<(String, usize)> = sources()
        .into_iter()
        .filter(|(name, _)| name != "provider/access.rs" && !is_test(name))
        .map(|(name, text)| (name, code(&text).matches("check_write(").count()))
        .filter(|(_, calls)| *calls > 0)
        .collect();
    let transports = [
        "provider/command/run.rs",
        "provider/http/mod.rs",
        "provider/kubernetes/prepare.rs",
        "provider/manifests/push.rs",
    ]
    .map(|name| (name.to_owned(), 1));
    assert_eq!(calls, transports, "one gate, asked once in each of the four transports");
    // Nothing else in a mirror pushes; what doctor asks is a dry run.
    for (name, text) in
        sources().iter().filter(|(name, _)| name.starts_with("provider/manifests/") && !is_test(name))
    {
        let dry = code(text).contains("\"--dry-run\"");
        let pushes = code(text).contains("\"push\",");
        assert!(!pushes || dry || name == "provider/manifests/push.rs", "{name} pushes");
    }
    // Nothing else can send a write: of the transports only these functions take anything but a read.
    let senders: Vec<String> = sources()
        .into_iter()
        .filter(|(name, text)| !is_test(name) && code(text).contains("Purpose::Write).run("))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(senders, ["provider/http/mod.rs"]);
    let writers: Vec<String> = sources()
        .into_iter()
        .filter(|(name, text)| name.starts_with("provider/kubernetes/") && code(text).contains("link.write("))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(writers, ["provider/kubernetes/prepare.rs"]);
    let runners: Vec<(String, usize)> = sources()
        .into_iter()
        .map(|(name, text)| (name, code(&text).matches("child::converse(").count()))
        .filter(|(name, count)| !is_test(name) && *count > 0)
        .collect();
    let known = ["provider/command/run.rs", "provider/manifests/command.rs"].map(|name| (name.to_owned(), 1));
    assert_eq!(runners, known, "who hands a program a document");
}

#[test]
fn other_programs_are_started_in_one_place() {
    let starts =
        ["Command::new", "process::Command", "posix_spawn", "fork(", "execv", "pre_exec", "ExecConfig::"];
    let mut sites = Vec::new();
    for (name, text) in sources().iter().filter(|(n, _)| !is_test(n)) {
        let code = code(text);
        for word in starts {
            let count = code.matches(word).count();
            if count > 0 {
                sites.push((name.clone(), word, count));
            }
        }
    }
    // The journal's anchors are made by the user's git on a thread without a runtime: a place of its own, with an
    // environment made anew and nothing secret in it (`tests/journal.rs` plants a control).
    let (one, anchors) = ("provider/child.rs".to_owned(), "runtime/journal/git.rs".to_owned());
    // The operator's own editor and pager have the terminal while they run; all else is as for the others.
    let lent = "provider/child/foreground.rs".to_owned();
    let known = [
        (lent.clone(), "Command::new", 1),
        (lent, "process::Command", 1),
        (one.clone(), "Command::new", 1),
        (one, "process::Command", 1),
        (anchors, "Command::new", 1),
    ];
    let borrowers: Vec<String> = sources()
        .into_iter()
        .filter(|(name, text)| !is_test(name) && code(text).contains("foreground::run("))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(borrowers, ["runtime/loan.rs"], "who lends the terminal");
    assert_eq!(sites, known, "{sites:?}");
    // Who asks for it: the list that the tests of `tests/secrets` plant their sentinels by.
    let asks = |text: &str| ["child::run(", "child::converse("].iter().any(|word| code(text).contains(word));
    let askers: Vec<String> = sources()
        .into_iter()
        .filter(|(name, text)| !is_test(name) && asks(text))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(
        askers,
        [
            "provider/child/notice.rs",
            "provider/command/run.rs",
            "provider/git/command.rs",
            "provider/kubernetes/plugin.rs",
            "provider/login.rs",
            "provider/manifests/command.rs",
            "provider/secret/fetch.rs"
        ]
    );
    for (name, text) in sources().iter().filter(|(n, _)| askers.contains(n)) {
        let environment = ["child::scrubbed(", "KEPT"];
        assert!(
            environment.iter().any(|word| code(text).contains(word)),
            "{name} hands on its whole environment"
        );
        for shell in ["\"sh\"", "\"bash\"", "/bin/sh", "cmd.exe"] {
            assert!(!code(text).contains(shell), "{name} uses a shell");
        }
    }
}

#[test]
fn nobody_decides_for_himself_whether_a_certificate_is_good() {
    let banned = [
        "danger_accept",
        "danger_accept_invalid_certs",
        "danger_accept_invalid_hostnames",
        "ServerCertVerifier",
        "ServerCertVerified",
        "HandshakeSignatureValid",
        "dangerous()",
        "set_certificate_verifier",
        "certificate_check",
        "accept_invalid_certs = true",
        "tls_danger",
        "NoVerifier",
    ];
    for (name, text) in sources() {
        for word in banned {
            assert!(!code(&text).contains(word), "{name} says {word}");
        }
    }
}

/// Allowances of the code, without tests: file, and lints with their reason.
fn allowances() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (name, text) in sources().into_iter().filter(|(n, _)| !is_test(n)) {
        let code = code(&text);
        for (at, _) in code.match_indices("expect(") {
            // `#[expect(`, `#![expect(`, `cfg_attr(.., expect(`; not the method.
            if code[..at].ends_with(['[', ' ']) {
                let rest = &code[at..];
                found.push((name.clone(), rest[..rest.find(")]").unwrap_or(rest.len())].to_owned()));
            }
        }
    }
    found
}

#[test]
fn every_allowance_has_a_written_reason() {
    let all = allowances();
    let without: Vec<_> = all
        .iter()
        .filter(|(_, text)| {
            let reason =
                text.split_once("reason = \"").map_or("", |(_, reason)| reason.split('"').next().unwrap());
            reason.split_whitespace().count() < 3
        })
        .collect();
    println!("R47: {} allowances in src, {} without a reason", all.len(), without.len());
    for (name, text) in &all {
        println!("  {name}: {}", text.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    assert!(without.is_empty(), "{without:?}");
    for (name, text) in &all {
        for lint in ["unwrap_used", "expect_used", "clippy::panic", "indexing_slicing", "unsafe_code"] {
            // What crashes on purpose in builds with debug assertions, and is nothing in a release.
            let on_purpose = name == "runtime/mishap.rs" && lint == "clippy::panic";
            assert!(on_purpose || !text.contains(lint), "{name} allows itself {lint}");
        }
    }
}

#[test]
fn the_lints_that_keep_panics_out_are_denied() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest: toml::Table = fs::read_to_string(root.join("Cargo.toml")).unwrap().parse().unwrap();
    let level = |lint: &str| manifest["lints"]["clippy"][lint].as_str().unwrap_or("a table").to_owned();
    for lint in DENIED {
        assert_eq!(level(lint), "deny", "{lint}");
    }
    assert_eq!(manifest["lints"]["rust"]["unsafe_code"].as_str(), Some("forbid"));
    let library = fs::read_to_string(root.join("src/lib.rs")).unwrap();
    for lint in ["string_slice", "get_unwrap", "unwrap_in_result", "unreachable", "exit"] {
        assert!(library.contains(&format!("clippy::{lint}")), "{lint}");
    }
    // Arithmetic that could overflow is refused where secrets and writes pass. Elsewhere it is checked at run time.
    let strict =
        sources().into_iter().filter(|(_, text)| text.contains("deny(clippy::arithmetic_side_effects)"));
    let strict: Vec<String> = strict.map(|(name, _)| name).collect();
    for name in ["provider/access.rs", "provider/child.rs", "provider/http/mod.rs", "provider/secret.rs"] {
        assert!(strict.iter().any(|s| s == name), "{name}");
    }
    // What no lint sees at compile time stops at run time instead of going on with a wrong number.
    assert_eq!(manifest["profile"]["release"]["overflow-checks"].as_bool(), Some(true));
}

/// Lints without which a panic could get into the code unseen.
const DENIED: &[&str] = &[
    "unwrap_used",
    "expect_used",
    "panic",
    "indexing_slicing",
    "todo",
    "unimplemented",
    "dbg_macro",
    "allow_attributes",
    "allow_attributes_without_reason",
];

#[test]
fn every_module_says_what_it_knows() {
    for (name, text) in sources() {
        assert!(text.starts_with("//! "), "{name} does not open with what it is");
    }
}

#[test]
fn files_stay_readable() {
    for (name, text) in sources().iter().filter(|(n, _)| !is_test(n)) {
        let lines =
            text.find("#[cfg(test)]\nmod tests {").map_or(&text[..], |at| &text[..at]).lines().count();
        assert!(lines <= LONGEST_FILE, "{name} has {lines} lines: split it by meaning");
    }
}

#[test]
fn nothing_is_waved_through() {
    for (name, text) in sources() {
        for word in ["#[allow(", "#![allow(", "todo!(", "unimplemented!(", "dbg!(", "danger_accept_invalid"] {
            assert!(!text.contains(word), "{name} says {word}");
        }
    }
}
