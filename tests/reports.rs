//! Reports of tests, from the file that a test runner writes to the run that the cockpit judges: formats, archives that
//! mean harm, artifacts of GitHub, and how much memory any of it may take.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::panic, reason = "a test that cannot go on fails")]
#![expect(clippy::indexing_slicing, reason = "a test that cannot go on fails")]

#[path = "reports/bounds.rs"]
mod bounds;
#[path = "drift/change.rs"]
#[expect(dead_code, reason = "shared with other test programs, each of which uses a part")]
mod change;
#[path = "reports/drift.rs"]
mod drift;
#[path = "support/faults.rs"]
#[expect(dead_code, reason = "shared with other test programs, each of which uses a part")]
mod faults;
#[path = "reports/formats.rs"]
mod formats;
#[path = "reports/github.rs"]
mod github;
#[path = "support/scripted.rs"]
#[expect(dead_code, reason = "shared with other test programs, each of which uses a part")]
mod scripted;
#[path = "github/world.rs"]
#[expect(dead_code, reason = "shared with other test programs, each of which uses a part")]
mod world;
#[path = "reports/zip.rs"]
mod zip;
