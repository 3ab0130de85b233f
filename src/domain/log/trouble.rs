//! Which lines of a log read like the cause of a failure, in the words of compilers, test runners and shells, and which
//! only say that there was one.

/// How much of a line is looked at, in characters.
const LOOKED_AT: usize = 400;

/// What such lines begin with, in lower case.
const BEGINS: [&str; 28] = [
    "error:",
    "error[",
    "error -",
    "fatal:",
    "fatal error",
    "panic:",
    "traceback (most recent call last)",
    "npm err!",
    "npm error",
    "--- fail:",
    "failed ",
    "failures:",
    "failure:",
    "failure/error:",
    "fail\t",
    "fail ",
    "assertionerror",
    "assertion failed",
    "caused by:",
    "exception in thread",
    // pytest: a module that could not be collected.
    "error tests/",
    "error collecting ",
    // maven and its plugins
    "[error] failures:",
    "[error] errors:",
    "[error] compilation error",
    "[error] failed ",
    "[error] /",
    "segmentation fault",
];

/// What such lines hold, in lower case.
const HOLDS: [&str; 16] = [
    " panicked at ",
    ": error: ",
    ": error ts",
    ": error cs",
    ": error msb",
    ": fatal error",
    "... failed",
    "***failed",
    "test result: failed",
    "<<< failure!",
    "<<< error!",
    " connection refused",
    "command not found",
    "permission denied",
    "out of memory",
    "== failures ==",
];

/// What tells that there was a failure, and not which: exit codes, and the last words of runners.
const BARE: [&str; 8] = [
    "process completed with exit code",
    "error: job failed",
    "error: script returned exit code",
    "exited with code exit status",
    "error: process completed with exit code",
    "error: exit code",
    "finished: failure",
    "command exited with",
];

/// Whether an unmarked line reads like the cause of a failure.
pub(super) fn reads_like_one(text: &str) -> bool {
    let start: String = text.chars().take(LOOKED_AT).collect();
    let trimmed = start.trim_start();
    let low = trimmed.to_lowercase();
    BEGINS.iter().any(|word| low.starts_with(word))
        || HOLDS.iter().any(|word| low.contains(word))
        // pytest writes what an assertion says behind an E in the first column.
        || start.strip_prefix("E   ").is_some_and(|rest| !rest.trim().is_empty())
        || raised(&low)
        || gone_wrong(&low)
        || at_a_place(&low)
}

/// Whether a line tells only that there was a failure.
pub(super) fn is_bare(text: &str) -> bool {
    let low = text.trim_start().to_lowercase();
    BARE.iter().any(|word| low.starts_with(word))
}

/// `org.openqa.selenium.NoSuchElementException: no such element`: an exception by its full name, at the beginning.
fn raised(low: &str) -> bool {
    let name = low.split_whitespace().next().unwrap_or_default();
    let Some(name) = name.strip_suffix(':').filter(|name| name.contains('.')) else { return false };
    let whole = name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '$'));
    whole && (name.ends_with("exception") || name.ends_with("error"))
}

/// `> Task :test FAILED`, `CartTest > merges() FAILED`: the last word of Gradle and its test runner.
fn gone_wrong(low: &str) -> bool {
    low.trim_end().strip_suffix(" failed").is_some_and(|rest| rest.contains('>'))
}

/// `./cart/merge.go:41:9: undefined: owner`: what Go's compiler finds bears no word of its own.
fn at_a_place(low: &str) -> bool {
    let Some((file, rest)) = low.split_once(".go:") else { return false };
    let mut parts = rest.splitn(3, ':');
    let mut number =
        || parts.next().is_some_and(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    !file.contains(' ') && number() && number() && parts.next().is_some_and(|text| text.starts_with(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_the_usual_tools_are_recognised() {
        for line in [
            // pytest
            "E       AssertionError: assert 2 == 3",
            "E   ModuleNotFoundError: No module named 'cart'",
            "FAILED tests/test_cart.py::test_merge - AssertionError: assert 2 == 3",
            "ERROR tests/test_cart.py - ModuleNotFoundError",
            "=================================== FAILURES ===================================",
            "Traceback (most recent call last):",
            // Selenium, in Python and in Java
            "selenium.common.exceptions.NoSuchElementException: Message: no such element",
            "org.openqa.selenium.TimeoutException: Expected condition failed",
            "Caused by: org.openqa.selenium.StaleElementReferenceException: stale",
            "Exception in thread \"main\" java.lang.IllegalStateException: no driver",
            // maven, surefire, gradle
            "[ERROR] Failures: ",
            "[ERROR] COMPILATION ERROR : ",
            "[ERROR] /build/src/Cart.java:[41,9] cannot find symbol",
            "[ERROR] Failed to execute goal org.apache.maven.plugins:maven-surefire-plugin:3.5.3:test",
            "Tests run: 5, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 0.2 s <<< FAILURE! -- in CartTest",
            "[ERROR] CartTest.merges -- Time elapsed: 0.1 s <<< ERROR!",
            "CartTest > merges() FAILED",
            "> Task :test FAILED",
            "FAILURE: Build failed with an exception.",
            // go
            "--- FAIL: TestMerge (0.00s)",
            "    --- FAIL: TestMerge/two_devices (0.00s)",
            "FAIL\tgithub.com/acme/cart\t0.012s",
            "./cart/merge.go:41:9: undefined: owner",
            "panic: runtime error: index out of range [2] with length 2",
            // cargo
            "test cart::merge::keeps_every_line ... FAILED",
            "thread 'cart::merge' panicked at src/merge.rs:41:9:",
            "error[E0308]: mismatched types",
            "error: could not compile `cart` (lib) due to 1 previous error",
            "test result: FAILED. 213 passed; 1 failed; 3 ignored",
            // others
            "FAIL src/cart.test.js",
            "src/cart.ts(41,9): error TS2322: Type 'string' is not assignable",
            "Cart.cs(41,9): error CS1002: ; expected",
            "cart.c:41:9: error: 'owner' undeclared",
            "     Failure/Error: expect(lines).to eq 3",
            " 3/12 Test #3: merge ....................***Failed    0.02 sec",
            "npm ERR! Test failed.  See above for more details.",
            "sh: 1: mvn: command not found",
            "bash: ./deploy.sh: Permission denied",
            "fatal error: runtime: out of memory",
        ] {
            assert!(reads_like_one(line), "{line}");
        }
    }

    #[test]
    fn what_only_sounds_like_a_failure_is_none() {
        for line in [
            "0 errors, 0 warnings",
            "no error: all is well",
            "Tests run: 5, Failures: 0, Errors: 0, Skipped: 0",
            "test result: ok. 214 passed; 0 failed; 3 ignored",
            "[INFO] Running CartTest",
            "ok  \tgithub.com/acme/cart\t0.012s",
            "=========================== 412 passed in 3.20s ===========================",
            "tests/test_errors.py::test_fails_politely PASSED",
            "E2E tests begin",
            "Retrying: the last attempt has failed over to b",
            "error-rate 0.3 %",
            "see merge.go:41 for the reason",
            "downloading exception-handler 2.0",
            "",
        ] {
            assert!(!reads_like_one(line), "{line}");
        }
    }
}
