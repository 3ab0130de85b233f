//! Reports of many writers, and reports that mean harm.

use proptest::prelude::*;

use super::*;

fn of(text: &str) -> TestReport {
    read(text.as_bytes(), "a file").unwrap()
}

fn numbers(report: &TestReport) -> (u64, u64, u64) {
    (report.passed, report.failed, report.skipped)
}

fn gap(report: &TestReport) -> &str {
    report.gap.as_ref().map_or("", SafeText::as_str)
}

#[test]
fn the_tests_that_are_listed_count() {
    for (name, xml, wanted) in [
        (
            "one suite",
            r#"<testsuite><testcase name="a"/><testcase name="b"><failure/></testcase></testsuite>"#,
            (1, 1, 0),
        ),
        (
            "an error is a failure",
            r#"<testsuite><testcase name="a"><error message="x"/></testcase></testsuite>"#,
            (0, 1, 0),
        ),
        (
            "failed and not cleaned up is one",
            r#"<testsuite errors="1" failures="1" tests="1"><testcase name="a"><failure/><error/></testcase></testsuite>"#,
            (0, 1, 0),
        ),
        (
            "skipped",
            r#"<testsuite><testcase name="a"><skipped message="not on this system"/></testcase></testsuite>"#,
            (0, 0, 1),
        ),
        ("disabled", r#"<testsuite><testcase name="a"><disabled/></testcase></testsuite>"#, (0, 0, 1)),
        (
            "another word for it",
            r#"<testsuite><testcase name="a"><assertionFailed message="x"/></testcase></testsuite>"#,
            (0, 1, 0),
        ),
        (
            "not run, by its status",
            r#"<testsuite><testcase name="a" status="notrun" result="suppressed"/></testsuite>"#,
            (0, 0, 1),
        ),
        (
            "failed, by its status alone",
            r#"<testsuite><testcase name="a" status="failed"/></testsuite>"#,
            (0, 1, 0),
        ),
        (
            "suites in suites",
            r#"<testsuites><testsuite name="o"><testsuite name="i"><testcase name="a"/></testsuite><testcase name="b"/></testsuite></testsuites>"#,
            (2, 0, 0),
        ),
        (
            "the suite itself failed",
            r#"<testsuite name="s"><error message="no database"/><testcase name="a"/></testsuite>"#,
            (1, 1, 0),
        ),
        (
            "failed in every go",
            r#"<testsuite><testcase name="a"><failure message="x"/><rerunFailure message="x"/><rerunFailure/></testcase></testsuite>"#,
            (0, 1, 0),
        ),
        (
            "only later goes are told",
            r#"<testsuite><testcase name="a"><rerunFailure message="x"/></testcase></testsuite>"#,
            (0, 1, 0),
        ),
        ("no test at all", "<testsuites/>", (0, 0, 0)),
        ("a prefix", r#"<j:testsuite xmlns:j="urn:j"><j:testcase name="a"/></j:testsuite>"#, (1, 0, 0)),
        (
            "elements of others within",
            r#"<testsuite><properties><property name="testcase"/></properties><testcase name="a"><system-out><![CDATA[<failure/>]]></system-out></testcase></testsuite>"#,
            (1, 0, 0),
        ),
    ] {
        let report = of(xml);
        assert_eq!(numbers(&report), wanted, "{name}");
        assert_eq!(gap(&report), "", "{name}");
    }
}

#[test]
fn numbers_that_contradict_the_tests_are_told_and_do_not_count() {
    let report = of(
        r#"<testsuite name="cart" tests="9" failures="4"><testcase name="a"/><testcase name="b"/></testsuite>"#,
    );
    assert_eq!(numbers(&report), (2, 0, 0));
    assert_eq!(gap(&report), "cart tells of 9 tests, 4 of them failed, but lists 2, 0 of them failed");
    let report = of(
        r#"<testsuites><testsuite name="cart" tests="9" failures="3" errors="1" skipped="2"/></testsuites>"#,
    );
    assert_eq!(numbers(&report), (3, 4, 2), "where nothing is listed the numbers are all there is");
    assert_eq!(gap(&report), "cart: only numbers are told, no tests are listed");
    let report = of(r#"<testsuite name="s" tests="2" failures="99"/>"#);
    assert_eq!(numbers(&report), (0, 2, 0), "never more failures than tests");
    for fine in [
        r#"<testsuites tests="2" failures="1"><testsuite tests="2" failures="1"><testcase name="a"/><testcase name="b"><failure/></testcase></testsuite></testsuites>"#,
        r#"<testsuite tests="1"><testcase name="a"/><testcase name="b"><skipped/></testcase></testsuite>"#,
        r#"<testsuite tests="1"><testcase name="a"/><testsuite tests="1"><testcase name="b"/></testsuite></testsuite>"#,
        r#"<testsuite tests="-3"><testcase name="a"/></testsuite>"#,
    ] {
        assert_eq!(gap(&of(fine)), "", "{fine}");
    }
}

#[test]
fn a_test_that_passed_only_when_run_again_has_passed_and_it_is_said() {
    let report = of(
        r#"<testsuite><testcase name="a"><flakyFailure message="late"/></testcase><testcase name="b"/></testsuite>"#,
    );
    assert_eq!(numbers(&report), (2, 0, 0));
    assert_eq!(gap(&report), "1 test passed only when it was run again");
}

#[test]
fn what_a_failed_test_says_is_one_safe_line() {
    for (inner, says) in [
        (r#"<failure message="&lt;3 lines&gt; &amp; &#x41;">text</failure>"#, "<3 lines> & A"),
        ("<failure>\n\n  second &lt;line&gt; &eacute;\nthird</failure>", "second <line> &eacute;"),
        ("<failure><![CDATA[ in <CDATA> ]]></failure>", "in <CDATA>"),
        (r#"<failure type="AssertionError"/>"#, "AssertionError"),
        ("<failure message=\"\u{1b}[31mred\u{1b}[0m\u{202e}x\"/>", "red\\u{202e}x"),
        (r#"<failure message="a & b"/>"#, "a & b"),
        ("<failure/>", ""),
    ] {
        let report = of(&format!(
            "<testsuite name=\"s\"><testcase classname=\"c\" name=\"n\">{inner}</testcase></testsuite>"
        ));
        let failure = report.failures.first().unwrap();
        assert_eq!(
            (failure.suite.as_str(), failure.name.as_str(), failure.says.as_str()),
            ("c", "n", says),
            "{inner}"
        );
    }
}

#[test]
fn entities_and_document_types_are_refused() {
    let bomb = r#"<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>
        <testsuite><testcase name="&b;"/></testsuite>"#;
    let report = of(bomb);
    assert_eq!(numbers(&report), (0, 0, 0));
    assert!(gap(&report).contains("declares a document type"), "{report:?}");
    let outside = r#"<!DOCTYPE t SYSTEM "file:///etc/passwd"><testsuite><testcase name="a"/></testsuite>"#;
    assert!(gap(&of(outside)).contains("not read"));
}

#[test]
fn what_is_broken_keeps_what_was_read_and_says_so() {
    for (xml, wanted, why) in [
        (
            r#"<testsuite><testcase name="a"/><testcase name="b"><failure message="no"/>"#,
            (1, 1, 0),
            "in the middle",
        ),
        (r#"<testsuite><testcase name="a"/><testcase name="b">"#, (1, 0, 0), "in the middle"),
        (r#"<testsuite><testcase name="a"/></testcase></testsuite>"#, (1, 0, 0), "broken"),
        (r#"<testsuite><testcase name="a"/><"#, (1, 0, 0), "broken"),
        ("<testsuite", (0, 0, 0), "broken"),
        ("<!-- never ends", (0, 0, 0), "broken"),
    ] {
        let report = of(xml);
        assert_eq!(numbers(&report), wanted, "{xml}");
        assert!(gap(&report).contains(why), "{xml}: {}", gap(&report));
    }
    let latin = b"<testsuite><testcase name=\"a\"><system-out>caf\xe9</system-out></testcase></testsuite>";
    let report = read(latin.as_slice(), "a file").unwrap();
    assert_eq!((numbers(&report), gap(&report)), ((1, 0, 0), ""), "a byte that is no text hides nothing");
}

#[test]
fn depth_length_and_number_have_bounds() {
    let deep = format!("<testsuite>{}", "<testsuite>".repeat(100_000));
    assert!(gap(&of(&deep)).contains("64 deep"));
    let case = r#"<testcase name="a"/>"#;
    let many = format!("<testsuite>{}</testsuite>", case.repeat(200_500));
    let report = of(&many);
    assert_eq!(report.total(), TESTS);
    assert!(gap(&report).contains("more than 200000 tests"), "{report:?}");
    let start = std::io::Cursor::new(b"<testsuite><testcase name=\"a\"/><system-out>".to_vec());
    let report = read(start.chain(std::io::repeat(b'x')), "a file").unwrap();
    assert_eq!(numbers(&report), (1, 0, 0));
    assert!(gap(&report).contains("longer than 32 MiB"), "{report:?}");
    let start = std::io::Cursor::new(br#"[{"elements":[{"steps":[{"embeddings":[{"data":""#.to_vec());
    let report = read(start.chain(std::io::repeat(b'x')), "a file").unwrap();
    assert!(gap(&report).contains("longer than 32 MiB"), "{report:?}");
}

#[test]
fn what_is_no_report_of_tests_is_none() {
    for other in [
        "",
        "  ",
        "<coverage/>",
        "<html><body/></html>",
        "{}",
        "[]",
        "[1]",
        r#"[{"a":1}]"#,
        "text",
        "<!DOCTYPE coverage SYSTEM 'coverage.dtd'><coverage/>",
        "PK\u{3}\u{4}",
    ] {
        assert_eq!(read(other.as_bytes(), "a file"), None, "{other}");
    }
    assert_eq!(of("\u{feff}<testsuite/>").from, "JUnit, a file");
}

fn scenario(steps: &str) -> String {
    format!(r#"[{{"elements":[{{"type":"scenario","name":"s","steps":[{steps}]}}],"name":"Cart"}}]"#)
}

#[test]
fn a_scenario_is_a_test_and_only_what_was_carried_out_passes() {
    let passed = r#"{"name":"a","result":{"status":"passed"}}"#;
    for (steps, wanted, says) in [
        (passed.to_owned(), (1, 0, 0), ""),
        (format!(r#"{passed},{{"name":"b","result":{{"status":"failed","error_message":"no\nat x"}}}}"#), (0, 1, 0), "no"),
        (format!(r#"{passed},{{"name":"b ","result":{{"status":"undefined"}}}}"#), (0, 1, 0), "step b is undefined"),
        (r#"{"name":"b","result":{"status":"pending"}}"#.to_owned(), (0, 1, 0), "step b is pending"),
        (r#"{"name":"b","result":{"status":"ambiguous"}}"#.to_owned(), (0, 1, 0), "step b is ambiguous"),
        (r#"{"name":"b","result":{"status":"brilliant"}}"#.to_owned(), (0, 1, 0), "step b is brilliant"),
        (r#"{"name":"b"}"#.to_owned(), (0, 1, 0), "step b has no result"),
        (r#"{"keyword":"After","hidden":true,"result":{"status":"failed"}}"#.to_owned(), (0, 1, 0), "a step failed"),
        (format!(r#"{passed},{{"name":"b","result":{{"status":"skipped"}}}}"#), (0, 0, 1), ""),
        (String::new(), (0, 0, 1), ""),
        (r#"{"name":"b","result":{"status":"passed"},"after":[{"result":{"status":"failed","error_message":"late"}}]}"#.to_owned(), (0, 1, 0), "late"),
    ] {
        let report = of(&scenario(&steps));
        assert_eq!(numbers(&report), wanted, "{steps}");
        let told = report.failures.first().map_or("", |f| f.says.as_str());
        assert_eq!(told, says, "{steps}");
        assert!(report.failures.iter().all(|f| f.suite == "Cart" && f.name == "s"), "{report:?}");
        assert_eq!(gap(&report), "");
    }
}

#[test]
fn backgrounds_hooks_outlines_and_embeddings_are_understood() {
    let json = r#"[{"uri":"cart.feature","elements":[
        {"type":"background","steps":[{"name":"a shop","result":{"status":"failed","error_message":"no shop"}}]},
        {"type":"scenario","name":"first","steps":[{"name":"b","result":{"status":"skipped"}}]},
        {"type":"scenario","keyword":"Scenario Outline","name":"second","steps":[{"name":"b","result":{"status":"passed"}}]},
        {"type":"scenario","keyword":"Scenario Outline","name":"second","before":[{"result":{"status":"failed","error_message":"no browser"}}],"steps":[
            {"name":"b","result":{"status":"skipped"},"embeddings":[{"mime_type":"image/png","data":"AAAA"}]}]}
    ]}]"#;
    let report = of(json);
    assert_eq!(numbers(&report), (1, 2, 0));
    let said: Vec<_> =
        report.failures.iter().map(|f| (f.suite.as_str(), f.name.as_str(), f.says.as_str())).collect();
    assert_eq!(said, [("cart.feature", "first", "no shop"), ("cart.feature", "second", "no browser")]);
    assert_eq!(report.from, "Cucumber, a file");
    let cut = json.split("\"before\"").next().unwrap();
    let report = of(cut);
    assert_eq!(numbers(&report), (1, 1, 0), "what was read counts");
    assert!(gap(&report).contains("2 scenarios were read, then no more: it is broken"), "{report:?}");
    assert_eq!(report.failures[0].suite, "cart.feature");
}

fn xml() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("<testsuite name='s' tests='2' failures='1'>".to_owned()),
        Just("</testsuite>".to_owned()),
        Just("<testcase name='a'>".to_owned()),
        Just("</testcase>".to_owned()),
        Just("<testcase name='b'/>".to_owned()),
        Just("<failure message='m'>".to_owned()),
        Just("</failure>".to_owned()),
        Just("<skipped/>".to_owned()),
        Just("<![CDATA[".to_owned()),
        Just("]]>".to_owned()),
        Just("&a;&#0;&#x110000;&".to_owned()),
        ".{0,8}",
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| format!("<testsuites>{}", pieces.concat()))
}

proptest! {
    #[test]
    fn whatever_comes_ends_well_and_safe(text in xml(), bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for file in [text.as_bytes(), &bytes] {
            let Some(report) = read(file, "a file") else { continue };
            prop_assert!(report.failures.len() <= NAMED);
            prop_assert!(u64::try_from(report.failures.len()).unwrap() <= report.failed);
            for failure in &report.failures {
                for text in [&failure.suite, &failure.name, &failure.says] {
                    prop_assert!(!text.as_str().chars().any(char::is_control));
                }
            }
        }
    }

    #[test]
    fn a_report_says_what_was_written(ends in proptest::collection::vec(0_u8..3, 0..60)) {
        let case = |end: &u8| match end {
            0 => "<testcase name='a'/>",
            1 => "<testcase name='a'><failure/></testcase>",
            _ => "<testcase name='a'><skipped/></testcase>",
        };
        let of_kind = |kind: u8| ends.iter().filter(|end| **end == kind).count();
        let (failed, skipped) = (of_kind(1), of_kind(2));
        let cases: String = ends.iter().map(case).collect();
        let xml = format!("<testsuite tests='{}' failures='{failed}' skipped='{skipped}'>{cases}</testsuite>", ends.len());
        let report = of(&xml);
        let wanted = (of_kind(0), failed, skipped);
        let wanted = (u64::try_from(wanted.0).unwrap(), u64::try_from(wanted.1).unwrap(), u64::try_from(wanted.2).unwrap());
        prop_assert_eq!(numbers(&report), wanted);
        prop_assert_eq!(gap(&report), "");
    }
}
