//! R24: every place of a report and of the list of artifacts, missing, null, of another type, renamed and so on: nothing
//! that is not told becomes a test that passed.

use gonogo::domain::report::read;
use serde_json::{Value, json};

use crate::change::{Way, changed, places};
use crate::github::{ONE_FAILED, artifact, seen, shop_with, store};
use crate::world::{RUN, of_run, run_of};
use crate::zip::{archive, entry};

#[test]
fn no_change_of_a_cucumber_report_makes_more_tests_pass() {
    let mut cases = 0;
    for name in ["cucumber-jvm.json", "cucumber-js.json"] {
        let path = format!("{}/tests/fixtures/reports/{name}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let passed = |text: &str| read(text.as_bytes(), "a file").map_or(0, |report| report.passed);
        let whole: Value = serde_json::from_str(&text).unwrap();
        for place in places(&whole) {
            for answer in Way::ALL.iter().filter_map(|way| changed(&whole, &place, *way)) {
                cases += 1;
                assert!(passed(&answer.to_string()) <= passed(&text), "{name}: {place}: {answer}");
            }
        }
    }
    println!("R24, Cucumber: {cases} changes, 0 tests more that pass");
}

#[test]
fn no_attribute_or_element_that_is_gone_from_a_junit_report_makes_more_tests_pass() {
    let mut cases = 0;
    for name in [
        "pytest.xml",
        "surefire-rerun.xml",
        "junit5.xml",
        "playwright.xml",
        "go-junit-report.xml",
        "gtest.xml",
    ] {
        let path = format!("{}/tests/fixtures/reports/{name}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let whole = read(text.as_bytes(), "a file").unwrap();
        // Each attribute in turn: without its value, with another one, gone; elements stay.
        let quotes: Vec<usize> = text.match_indices("=\"").map(|(at, _)| at).collect();
        for at in quotes {
            let from = text[..at].rfind(|c: char| c.is_whitespace()).unwrap() + 1;
            let Some(length) = text[at + 2..].find('"') else { continue };
            let end = at + 2 + length;
            let (before, name_of) = (&text[..from], &text[from..at]);
            for new in [
                "".to_owned(),
                format!("{name_of}=\"\""),
                format!("{name_of}=\"-7\""),
                format!("x{name_of}=\"1\""),
            ] {
                cases += 1;
                let answer = format!("{before}{new}{}", &text[end + 1..]);
                let passed = read(answer.as_bytes(), "a file").map_or(0, |report| report.passed);
                // A status of its own is all that some writers say of a test that was left out; with it goes what it said.
                let own = matches!(name_of, "status" | "result");
                let most = whole.passed + u64::from(own);
                assert!(passed <= most, "{name}: {name_of} at {from}: {passed} of {}", whole.passed);
            }
        }
    }
    println!("R24, JUnit: {cases} changes of attributes, 0 tests more that pass");
}

#[tokio::test]
async fn no_change_of_the_list_of_artifacts_makes_a_failed_test_pass() {
    let zip = archive(&[entry("junit.xml", ONE_FAILED)]);
    let store = store(zip.clone()).await;
    let list = json!({"total_count": 1, "artifacts": [artifact(7, "junit", &zip)]});
    let mut cases = 0;
    let every = if std::env::var("GONOGO_TEST_N").is_ok_and(|n| n == "full") { 1 } else { 4 };
    for place in places(&list).into_iter().step_by(every) {
        for answer in Way::ALL.iter().filter_map(|way| changed(&list, &place, *way)) {
            cases += 1;
            let server = shop_with(&[artifact(7, "junit", &zip)], &store.url).await;
            server.get(&of_run(RUN, "/artifacts"), &answer);
            let seen = seen(&server).await;
            assert_eq!(seen.gates.len(), 1, "{place}: {answer}");
            let report = run_of(&seen, RUN).tests.clone().unwrap_or_default();
            let whole = (report.passed, report.failed) == (2, 1);
            assert!(whole || (report.passed, report.failed) == (0, 0), "{place}: {report:?}");
        }
    }
    println!("R24, list of artifacts: {cases} changes, 0 results that were made up");
}
