//! One of the targets, by its name in `GONOGO_FUZZ_TARGET`: one program to build and not seventeen.
#![no_main]
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a target that cannot go on fails")]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

#[path = "../../targets.rs"]
mod targets;

static CHOSEN: OnceLock<fn(&[u8])> = OnceLock::new();

fn chosen() -> fn(&[u8]) {
    let names = || targets::TARGETS.iter().map(|target| target.name).collect::<Vec<_>>().join(", ");
    let Ok(name) = std::env::var("GONOGO_FUZZ_TARGET") else {
        panic!("GONOGO_FUZZ_TARGET names none of the targets: {}", names());
    };
    match targets::TARGETS.iter().find(|target| target.name == name) {
        Some(target) => target.run,
        None => panic!("{name} is none of the targets: {}", names()),
    }
}

fuzz_target!(|bytes: &[u8]| CHOSEN.get_or_init(chosen)(bytes));
