//! Text from outside, keys, freeze rules, and what git prints.

use gonogo::app::Key;
use gonogo::domain::SafeText;
use gonogo::domain::freeze::{Freeze, Outlook, Window, Zone, frozen, next_freeze, outlook};
use gonogo::domain::text::LONGEST;
use gonogo::provider::git::fuzz;
use gonogo::runtime::decoder::{Decoder, Event, Open};
use jiff::Timestamp;

use super::{is_safe, keeps};

/// The sanitiser: bounded, idempotent, free of controls, the same after it was recorded.
pub(crate) fn sanitiser(bytes: &[u8]) {
    let raw = String::from_utf8_lossy(bytes);
    let safe = SafeText::new(&raw);
    is_safe(safe.as_str());
    assert!(safe.as_str().chars().count() <= LONGEST, "longer than what is kept");
    assert_eq!(safe.is_empty(), raw.is_empty(), "nothing disappears, and nothing is made up");
    keeps(&safe);
    let first = SafeText::first_line(&raw);
    assert!(!first.as_str().contains('⏎') || raw.contains('⏎'), "one line only: {first}");
    let from_json: SafeText = serde_json::from_value(raw.clone().into()).expect("a text is one");
    assert_eq!(from_json, safe, "one way in");
}

/// The key decoder: cut anywhere it means the same, types nothing that steers, and silence always ends what is open.
pub(crate) fn keys(bytes: &[u8]) {
    let mut whole = Decoder::default();
    let mut events = whole.feed(bytes);
    let mut apart = Decoder::default();
    let mut one_by_one: Vec<Event> = bytes.iter().flat_map(|byte| apart.feed(&[*byte])).collect();
    assert_eq!(whole.open(), apart.open());
    events.extend(whole.quiet());
    one_by_one.extend(apart.quiet());
    assert_eq!(events, one_by_one, "however the bytes are cut up");
    assert_eq!(whole.open(), Open::Nothing);
    assert!(events.len() <= bytes.len(), "no byte is two events");
    for event in &events {
        match event {
            Event::Key(Key::Char(c)) => is_safe(&format!("a{c}")),
            Event::Key(Key::Ctrl(c)) => assert!(c.is_ascii_lowercase(), "{c:?}"),
            Event::Key(_) => {}
            Event::Paste(text) => is_safe(text.as_str()),
            // Numbers and names of its own, never text.
            Event::Reply(_) | Event::Mouse(_) => {}
        }
    }
    assert_eq!(whole.feed(b"q"), [Event::Key(Key::Char('q'))], "the next key is taken");
}

/// Freeze rules, a line each: `from|to|zone|reason`; the first line is the instant, in seconds.
pub(crate) fn freeze(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines();
    let seconds = lines.next().and_then(|line| line.trim().parse().ok()).unwrap_or(1_795_000_000);
    let at = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
    let freezes: Vec<Freeze> = lines.take(4).filter_map(rule).collect();
    let found = frozen(&freezes, at);
    if let Some(found) = &found {
        keeps(found);
        assert!(found.until.is_none_or(|until| until > at), "it ends after now: {found}");
        if let Some(until) = found.until {
            assert!(frozen(&freezes, until).is_none(), "free when it says that it is: {found}");
        }
    }
    if let Some(next) = next_freeze(&freezes, at) {
        assert!(next > at, "what comes is not yet");
        assert!(frozen(&freezes, next).is_some(), "frozen from {next}");
    }
    match outlook(&freezes, at) {
        Some(Outlook::Frozen(_)) => assert!(found.is_some()),
        Some(Outlook::Free(coming)) => {
            assert!(found.is_none());
            coming.iter().for_each(keeps);
        }
        None => assert!(freezes.is_empty()),
    }
}

/// A rule; both ends and the zone read back as they were written.
fn rule(line: &str) -> Option<Freeze> {
    let mut fields = line.split('|');
    let (from, to) = (fields.next()?, fields.next()?);
    let zone = Zone::named(fields.next().unwrap_or("UTC"));
    match Window::read(from, to) {
        Ok(window) => {
            let zone = zone.ok()?;
            let freeze = Freeze { window, zone, reason: fields.next().map(SafeText::new) };
            keeps(&freeze);
            let (from, to) =
                window.to_string().split_once(" to ").map(|(a, b)| (a.to_owned(), b.to_owned()))?;
            assert_eq!(Window::read(&from, &to), Ok(window), "as it was written");
            Some(freeze)
        }
        Err(error) => {
            assert!(!error.cause.is_empty() && !error.hint.is_empty(), "{line:?}: {error:?}");
            None
        }
    }
}

/// What git prints: the first byte says which of its answers the rest is.
pub(crate) fn git(bytes: &[u8]) {
    let (kind, rest) = bytes.split_first().map_or((0, bytes), |(kind, rest)| (*kind, rest));
    match kind {
        b'r' => {
            for line in String::from_utf8_lossy(rest).lines() {
                if let Some((name, Some(commit))) = fuzz::reference(line) {
                    assert!(line.starts_with(&name) && line.contains(&commit), "{line:?}");
                }
            }
        }
        b'd' => {
            if let Some((files, added, removed)) = fuzz::diff(rest) {
                assert!(files.len() <= rest.len() / 2, "every file has a path");
                assert!(
                    added == 0 && removed == 0 || rest.contains(&b'\t'),
                    "lines are counted, not made up"
                );
            }
        }
        _ => commits(rest),
    }
}

fn commits(listing: &[u8]) {
    let Some(found) = fuzz::commits(listing).expect("the usual settings") else { return };
    for (commit, _) in &found {
        keeps(commit);
    }
    // Printed the way git does, they are the same again.
    let mut printed = Vec::new();
    for (commit, message) in &found {
        let (sha, at) = (commit.sha.as_str(), commit.at.as_second());
        let header =
            format!("commit {}\n\0{sha}\0{}\0{}\0{at}\0", "a".repeat(40), commit.author, commit.email);
        printed.extend(header.as_bytes());
        printed.extend(message.as_bytes());
        printed.push(b'\n');
    }
    let again = fuzz::commits(&printed).expect("the usual settings").expect("git's own format");
    assert_eq!(again.len(), found.len());
    for ((commit, message), (again, same)) in found.iter().zip(&again) {
        assert_eq!(message.trim_end(), same.trim_end(), "no part of another commit");
        assert_eq!(
            (&commit.sha, &commit.subject, &commit.tickets),
            (&again.sha, &again.subject, &again.tickets)
        );
    }
}
