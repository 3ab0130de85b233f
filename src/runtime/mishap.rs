//! Mishaps on purpose, so that tests can see what a crash or a failure of each part of the program leaves behind.
//!
//! A build with debug assertions takes the name of one mishap from `main`, which reads it from `GONOGO_MISHAP`;
//! a release build knows none, and the calls below are nothing there.

use std::io;

#[cfg(debug_assertions)]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// The part that shall have its mishap, and how often it is passed unharmed before.
    static MISHAP: OnceLock<(String, u32)> = OnceLock::new();
    static PASSED: AtomicU32 = AtomicU32::new(0);

    /// `part` or `part:times`.
    pub(super) fn arm(what: &str) {
        let (part, times) = what.split_once(':').unwrap_or((what, "0"));
        let times = times.parse().unwrap_or(0);
        let _armed = MISHAP.set((part.to_owned(), times));
    }

    pub(super) fn strikes(part: &str) -> bool {
        let Some((_, times)) = MISHAP.get().filter(|(name, _)| name == part) else { return false };
        PASSED.fetch_add(1, Ordering::SeqCst) == *times
    }
}

/// Arms the mishap with this name; without debug assertions there is none.
pub fn arm(what: Option<&String>) {
    #[cfg(debug_assertions)]
    if let Some(what) = what {
        armed::arm(what);
    }
    #[cfg(not(debug_assertions))]
    let _ = what;
}

fn strikes(part: &str) -> bool {
    #[cfg(debug_assertions)]
    return armed::strikes(part);
    #[cfg(not(debug_assertions))]
    return {
        let _ = part;
        false
    };
}

/// Crashes if this part's mishap is armed.
#[expect(clippy::panic, reason = "this is what it is for")]
pub(super) fn crash(part: &str) {
    if strikes(part) {
        panic!("induced crash in {part}\u{1b}]0;not a title\u{7}");
    }
}

/// As [`crash`], where only some passings count.
pub(super) fn crash_if(part: &str, counts: bool) {
    if counts {
        crash(part);
    }
}

/// Fails if this part's mishap is armed.
///
/// # Errors
/// Then, and only then.
pub(super) fn fail(part: &str) -> io::Result<()> {
    if strikes(part) { Err(io::Error::other(format!("induced failure of {part}"))) } else { Ok(()) }
}
