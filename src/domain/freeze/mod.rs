//! Freeze windows: times in which nothing is promoted and nothing approved. Pure rules over a given instant.
//!
//! Knows zones from a database within the program and no clock. Of several windows any one that holds freezes:
//! there is no window that allows. Every front end asks [`frozen`], so they cannot disagree.

mod window;
mod zone;

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::text::SafeText;

pub use window::{Bound, NoWindow, Window};
pub use zone::{Zone, tzdb};

/// How long before a freeze it is worth a word.
const SOON: SignedDuration = SignedDuration::from_hours(24);

/// How many windows, one joining the other, are followed in search of a free moment.
const LONGEST_CHAIN: usize = 200;

/// One configured window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// When, on the zone's clock.
    pub window: Window,
    /// Whose clock.
    pub zone: Zone,
    /// Why: "weekend".
    pub reason: Option<SafeText>,
}

/// That it is frozen, as a fact and as a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frozen {
    /// Why, by every window that holds: "weekend".
    pub reason: Option<SafeText>,
    /// The zone in which the sentence speaks: that of the window that ends last.
    pub zone: SafeText,
    /// The first instant that no window holds; none if the windows join without end.
    pub until: Option<Timestamp>,
    /// Every window that holds, as configured: `Fri 16:00 to Mon 08:00 Europe/Berlin`.
    pub spelled: SafeText,
    says: SafeText,
}

impl fmt::Display for Frozen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.says.fmt(f)
    }
}

/// The freeze that comes next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coming {
    /// Its first instant.
    pub from: Timestamp,
    says: SafeText,
}

impl fmt::Display for Coming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.says.fmt(f)
    }
}

/// What the windows of a policy say at an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// Frozen now.
    Frozen(Frozen),
    /// Free now; the next freeze if it comes within a day.
    Free(Option<Coming>),
}

impl Freeze {
    /// When the stretch that holds `at` ends, if one does.
    fn holds(&self, at: Timestamp) -> Option<Timestamp> {
        self.window.stretches(&self.zone, at).filter(|s| s.holds(at)).map(|s| s.end).max()
    }

    /// When it begins next after `at`.
    fn begins(&self, at: Timestamp) -> Option<Timestamp> {
        self.window.stretches(&self.zone, at).map(|s| s.start).filter(|start| *start > at).min()
    }
}

impl fmt::Display for Freeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.window, self.zone)
    }
}

/// Whether any of the windows holds at this instant.
#[must_use]
pub fn frozen(freezes: &[Freeze], at: Timestamp) -> Option<Frozen> {
    let holding: Vec<&Freeze> = freezes.iter().filter(|f| f.holds(at).is_some()).collect();
    let (mut last, mut end) = longest(freezes, at)?;
    let mut until = None;
    for _ in 0..LONGEST_CHAIN {
        match longest(freezes, end) {
            Some((next, later)) => (last, end) = (next, later),
            None => {
                until = Some(end);
                break;
            }
        }
    }
    let reason = joined(holding.iter().filter_map(|f| f.reason.as_ref()).map(SafeText::as_str));
    let because = reason.as_ref().map(|r| format!(": {r}")).unwrap_or_default();
    let says = match until {
        Some(until) => format!("frozen until {}{because}", moment(&last.zone, until, at)),
        None => format!("frozen without end, for the windows join{because}"),
    };
    let spelled: Vec<String> = holding.iter().map(ToString::to_string).collect();
    Some(Frozen {
        reason,
        zone: last.zone.name().clone(),
        until,
        spelled: joined(spelled.iter().map(String::as_str)).unwrap_or_default(),
        says: SafeText::new(&says),
    })
}

/// Of the windows that hold, the one that ends last, and when.
fn longest(freezes: &[Freeze], at: Timestamp) -> Option<(&Freeze, Timestamp)> {
    freezes.iter().filter_map(|f| Some((f, f.holds(at)?))).max_by_key(|(_, end)| *end)
}

/// When it freezes next: the first instant after `at` that is frozen although the one before it was free. None if
/// none is known: every window lies in the past, or they join without end.
#[must_use]
pub fn next_freeze(freezes: &[Freeze], at: Timestamp) -> Option<Timestamp> {
    coming(freezes, at).map(|coming| coming.from)
}

fn coming(freezes: &[Freeze], at: Timestamp) -> Option<Coming> {
    let free = match frozen(freezes, at) {
        Some(frozen) => frozen.until?,
        None => at,
    };
    let (freeze, from) =
        freezes.iter().filter_map(|f| Some((f, f.begins(free)?))).min_by_key(|(_, from)| *from)?;
    let because = freeze.reason.as_ref().map(|r| format!(": {r}")).unwrap_or_default();
    let says = format!("freeze begins {}{because}", moment(&freeze.zone, from, at));
    Some(Coming { from, says: SafeText::new(&says) })
}

/// What a policy's windows say; none if it has no window.
#[must_use]
pub fn outlook(freezes: &[Freeze], at: Timestamp) -> Option<Outlook> {
    if freezes.is_empty() {
        return None;
    }
    Some(match frozen(freezes, at) {
        Some(frozen) => Outlook::Frozen(frozen),
        None => Outlook::Free(coming(freezes, at).filter(|c| c.from.duration_since(at) <= SOON)),
    })
}

/// Different texts, each once, in order.
fn joined<'a>(texts: impl Iterator<Item = &'a str>) -> Option<SafeText> {
    let mut seen: Vec<&str> = Vec::new();
    for text in texts {
        if !seen.contains(&text) {
            seen.push(text);
        }
    }
    (!seen.is_empty()).then(|| SafeText::new(&seen.join("; ")))
}

/// `Mon 23 Nov 08:00 Europe/Berlin`; with the year if it is not that of `seen_from`, with the offset if that time of
/// day comes twice.
fn moment(zone: &Zone, instant: Timestamp, seen_from: Timestamp) -> String {
    let rules = zone.rules();
    let there = instant.to_zoned(rules.clone());
    let year = rules.to_datetime(seen_from).year() != there.year();
    let twice = rules.to_ambiguous_timestamp(there.datetime()).is_ambiguous();
    let day = there.strftime(if year { "%a %-d %b %Y" } else { "%a %-d %b" });
    let time = there.strftime(if twice { "%H:%M%:z" } else { "%H:%M" });
    format!("{day} {time} {zone}")
}

#[cfg(test)]
mod tests;
