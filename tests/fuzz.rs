//! R29: bytes from outside, by the thousand. Replays the corpora of `tests/fuzz/corpus` and changes of them, without a
//! special compiler; `docs/testing.md` says how the same targets run under libFuzzer.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on fails; what was measured is printed"
)]

#[path = "fuzz/mutate.rs"]
mod mutate;
#[path = "fuzz/targets.rs"]
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mutate::Mutator;
use targets::{TARGETS, Target};

/// So many changes of a corpus are tried however slow the machine is.
const LEAST: u64 = 60;

/// No single run may take longer.
const LONGEST: Duration = Duration::from_secs(1);

/// The process may never need more memory, in KiB.
const MOST_MEMORY: u64 = 512 << 10;

/// The corpus of a target is small: it is part of the repository, in bytes.
const LARGEST_CORPUS: usize = 64 << 10;

/// When a target has had enough: a number of runs every day, a minute at full N.
struct Enough {
    runs: u64,
    time: Duration,
}

impl Enough {
    fn today() -> Self {
        match std::env::var("GONOGO_TEST_N").as_deref() {
            Ok("full") => Self { runs: u64::MAX, time: Duration::from_secs(60) },
            _ => Self { runs: 1_500, time: Duration::from_secs(2) },
        }
    }
}

fn folder(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target.name)
}

/// The corpus of a target, in the order of the files' names.
fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder(target))
        .unwrap_or_else(|error| panic!("{}: {error}", folder(target).display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// One run, timed. A failure shows the very bytes, so that they can be committed to the corpus.
fn timed(target: &Target, bytes: &[u8]) -> Duration {
    let began = Instant::now();
    let ran = catch_unwind(AssertUnwindSafe(|| (target.run)(bytes)));
    let took = began.elapsed();
    assert!(
        ran.is_ok(),
        "{}: the target fails on these {} bytes: b\"{}\"",
        target.name,
        bytes.len(),
        bytes.escape_ascii()
    );
    took
}

/// A run that was slow is tried again: another program may have had the processor.
fn run(target: &Target, bytes: &[u8]) -> Duration {
    let took = timed(target, bytes);
    if took < LONGEST {
        return took;
    }
    let least = (0..4).map(|_| timed(target, bytes)).min().unwrap();
    assert!(least < LONGEST, "{}: {least:?} for b\"{}\"", target.name, bytes.escape_ascii());
    least
}

/// The most memory that this process has ever had, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn fuzz(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let seeds = corpus(target);
    let (enough, began) = (Enough::today(), Instant::now());
    let mut longest = Duration::ZERO;
    for seed in &seeds {
        longest = longest.max(run(target, seed));
    }
    let mut mutator = Mutator::new(name, &seeds);
    let mut runs = 0;
    while runs < enough.runs && (runs < LEAST || began.elapsed() < enough.time) {
        longest = longest.max(run(target, &mutator.next()));
        runs += 1;
    }
    println!(
        "R29: {name}: {} of the corpus and {runs} changes of them in {:.1} s, longest {:.1} ms, memory of all targets so \
         far at most {} MiB",
        seeds.len(),
        began.elapsed().as_secs_f64(),
        longest.as_secs_f64() * 1e3,
        peak() >> 10
    );
    assert!(peak() < MOST_MEMORY, "{name}: {} KiB", peak());
}

macro_rules! each {
    ($($test:ident $name:literal),+ $(,)?) => {
        /// The targets that have a test here.
        const TESTED: &[&str] = &[$($name),+];
        $(
            #[test]
            fn $test() {
                fuzz($name);
            }
        )+
    };
}

each! {
    whatever_a_text_holds_it_is_made_safe_once "sanitiser",
    whatever_is_typed_or_pasted_is_keys_and_pastes "keys",
    whatever_a_freeze_rule_says_it_ends_when_it_says "freeze",
    whatever_git_prints_is_read_or_refused "git",
    whatever_github_answers_nothing_unknown_is_success "github",
    whatever_gitlab_answers_nothing_unknown_is_success "gitlab",
    whatever_jenkins_answers_nothing_unknown_is_success "jenkins",
    whatever_circleci_answers_nothing_unknown_is_success "circleci",
    whatever_terraform_answers_nothing_unknown_is_success "terraform-cloud",
    whatever_awx_answers_nothing_unknown_is_success "awx",
    whatever_prometheus_answers_only_a_number_is_one "prometheus",
    whatever_alertmanager_answers_no_alert_is_lost "alertmanager",
    whatever_the_engine_answers_only_what_runs_is_done "docker",
    whatever_a_specification_holds_only_its_image_changes "docker-spec",
    whatever_a_container_is_like_only_its_image_changes "docker-containers",
    whatever_a_command_answers_only_what_runs_is_done "command",
    whatever_git_says_of_a_push_only_what_the_server_took_is_taken "manifests",
    whatever_the_cluster_answers_only_what_is_available_is_done "kubernetes",
    whatever_two_templates_hold_equals_do_not_differ "kubernetes-template",
    whatever_a_link_header_says_the_next_page_is_ours "link",
    whatever_the_limits_say_no_wait_is_endless "limits",
    whatever_the_config_holds_is_read_or_told_with_its_place "config",
    whatever_a_theme_holds_is_read_or_told_with_its_place "theme",
    whatever_is_in_the_journal_nothing_that_holds_is_lost "journal",
    whatever_is_in_the_journal_its_newest_lines_are_read "recent",
    whatever_a_report_holds_nothing_is_counted_out_of_nothing "report",
    whatever_an_archive_holds_no_more_comes_out_than_asked_for "archive",
    whatever_a_log_holds_its_lines_are_safe_and_bounded "log",
}

#[test]
fn every_target_has_a_test_and_a_corpus_that_is_small() {
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(names, TESTED);
    assert!(names.len() >= 10, "R29 wants ten targets at least");
    for target in TARGETS {
        let seeds = corpus(target);
        let size: usize = seeds.iter().map(Vec::len).sum();
        assert!(!seeds.is_empty(), "{}: no corpus", target.name);
        assert!(size <= LARGEST_CORPUS, "{}: {size} bytes", target.name);
    }
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(names.contains(&name.as_str()), "{name}: a corpus of no target");
    }
}
