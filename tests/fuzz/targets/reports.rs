//! Reports of tests, the archives that they come in, and the logs of jobs.

use std::io::Read;

use gonogo::domain::TestReport;
use gonogo::domain::log::{BYTES, LINES, LogEnd, LogReader};
use gonogo::domain::report::{self, TESTS};
use gonogo::provider::archive;

use super::is_safe;

/// The most that is unpacked of one file here, in bytes.
const MOST: u64 = 1 << 20;

fn sound(report: &TestReport) {
    assert!(report.total() <= TESTS.saturating_mul(2), "{report:?}");
    assert!(u64::try_from(report.failures.len()).is_ok_and(|named| named <= report.failed), "{report:?}");
    for failure in &report.failures {
        for text in [&failure.suite, &failure.name, &failure.says] {
            is_safe(text.as_str());
        }
    }
    is_safe(report.from.as_str());
    is_safe(report.gap.as_ref().map_or("", |gap| gap.as_str()));
}

/// A report file: what is read of its first half never says more failed or passed than its own tests can.
pub(crate) fn report(bytes: &[u8]) {
    if let Some(report) = report::read(bytes, "a file") {
        sound(&report);
        // A test takes bytes: none can be counted out of nothing, unless numbers alone are told, which is said.
        let most = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        assert!(report.total() <= most || report.gap.is_some(), "{report:?}");
    }
}

/// An archive: nothing leads out of it, and no more comes out than was asked for.
pub(crate) fn archive(bytes: &[u8]) {
    let Ok(files) = archive::files(bytes) else { return };
    for file in files.iter().take(64) {
        assert!(
            !file.name.starts_with('/') && !file.name.split('/').any(|part| part == ".."),
            "{}",
            file.name
        );
        let Ok(mut contents) = file.open(MOST) else { continue };
        let mut out = Vec::new();
        let read = contents.read_to_end(&mut out);
        assert!(u64::try_from(out.len()).is_ok_and(|size| size <= MOST), "{read:?}");
        if let Some(report) = report::read(out.as_slice(), "an archive") {
            sound(&report);
        }
    }
}

/// The log of a job: safe lines in bounded number, whatever the pieces.
pub(crate) fn log(bytes: &[u8]) {
    let mut reader = LogReader::new();
    for piece in bytes.chunks(7) {
        reader.feed(piece);
    }
    let log = reader.log(LogEnd::Complete);
    assert!(log.lines.len() <= LINES);
    let mut kept = 0;
    for line in &log.lines {
        is_safe(line.text.as_str());
        kept += line.text.as_str().len();
        for paint in &line.paints {
            assert!(line.text.as_str().get(paint.from..paint.to).is_some(), "{line:?}");
        }
    }
    assert!(kept <= BYTES * 8, "{kept} bytes are kept");
    assert!(log.opening(&[]).is_none_or(|number| log.lines.iter().any(|line| line.number == number)));
}
