//! What the usual test runners write, and what is made of it.

use gonogo::domain::TestReport;
use gonogo::domain::report::read;

/// File, numbers, the first failure, and the remark.
type Case = (&'static str, (u64, u64, u64), Option<[&'static str; 3]>, Option<&'static str>);

const CASES: [Case; 8] = [
    (
        "pytest.xml",
        (2, 2, 1),
        Some(["tests.test_cart", "test_merge[2-3]", "AssertionError: assert 2 == 3"]),
        None,
    ),
    (
        "surefire-rerun.xml",
        (3, 1, 0),
        Some([
            "com.acme.shop.CheckoutIT",
            "paysTwice",
            r##"no such element: Unable to locate element: {"method":"css selector","selector":"#pay"}"##,
        ]),
        Some("1 test passed only when it was run again"),
    ),
    (
        "junit5.xml",
        (1, 1, 1),
        Some(["com.acme.cart.CartTest", "merges(int, int)[2]", "expected: <3> but was: <2>"]),
        None,
    ),
    (
        "playwright.xml",
        (1, 1, 1),
        Some([
            "cart/two_devices.spec.ts",
            "cart › two devices, one account",
            "two_devices.spec.ts:57:31 two devices, one account",
        ]),
        None,
    ),
    (
        "go-junit-report.xml",
        (1, 2, 1),
        Some(["github.com/acme/cart", "TestMerge/two_devices", "Failed"]),
        None,
    ),
    ("gtest.xml", (1, 1, 2), Some(["Cart", "Merges", "cart_test.cc:43"]), None),
    (
        "cucumber-jvm.json",
        (1, 2, 0),
        Some([
            "Pay",
            "Paying in <currency>",
            "org.opentest4j.AssertionFailedError: expected: 3 CHF but was: 2 CHF",
        ]),
        None,
    ),
    ("cucumber-js.json", (0, 3, 1), Some(["Till", "The till opens", "Error: the browser is gone"]), None),
];

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/fixtures/reports/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn of(bytes: &[u8]) -> TestReport {
    read(bytes, "a file").unwrap()
}

#[test]
fn the_reports_of_the_usual_test_runners_are_understood() {
    for (name, numbers, first, gap) in CASES {
        let report = of(&fixture(name));
        assert_eq!((report.passed, report.failed, report.skipped), numbers, "{name}: {report:?}");
        let told = report.failures.first();
        let told = told.map(|f| [&f.suite, &f.name, &f.says].map(|text| text.as_str().to_owned()));
        assert_eq!(told, first.map(|all| all.map(str::to_owned)), "{name}");
        assert_eq!(report.gap.as_ref().map(|gap| gap.as_str()), gap, "{name}");
    }
}

#[test]
fn a_report_that_is_cut_anywhere_never_counts_more_and_never_hides_a_failure_that_was_read() {
    let mut cuts = 0;
    for (name, _, _, _) in CASES {
        let bytes = fixture(name);
        let whole = of(&bytes);
        let end = bytes.iter().rposition(|byte| !byte.is_ascii_whitespace()).unwrap();
        for at in (0..end).step_by(7) {
            cuts += 1;
            let Some(cut) = read(&bytes[..at], "a file") else { continue };
            assert!(cut.passed <= whole.passed && cut.failed <= whole.failed, "{name} cut at {at}: {cut:?}");
            assert!(cut.gap.is_some(), "{name} cut at {at} says nothing of it");
            for failure in &cut.failures {
                let known = |f: &gonogo::domain::FailedTest| f.name == failure.name;
                assert!(whole.failures.iter().any(known), "{name} cut at {at}: {failure:?}");
            }
        }
    }
    println!("{} reports cut at {cuts} places: none claims to be whole", CASES.len());
}
