//! One freeze window as it is written, `Fri 16:00` to `Mon 08:00`, and the stretches of time that it means in a zone.
//!
//! A time of day that a zone skips (a gap) or has twice (a fold) is two instants, or none; what begins there begins
//! at the earlier instant, what ends there ends at the later one. So a doubtful moment is always frozen.

use std::fmt;

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::zone::Zone;

/// When, on the clock of its zone. The beginning belongs to it, the end does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Spelling", into = "Spelling")]
pub enum Window {
    /// Every day. An end that is not after the beginning is on the next day.
    Daily {
        /// From this time of day.
        from: Time,
        /// To this one.
        to: Time,
    },
    /// Every week. An end that is not after the beginning is in the next week.
    Weekly {
        /// From this moment of the week.
        from: (Weekday, Time),
        /// To this one.
        to: (Weekday, Time),
    },
    /// Once.
    Once {
        /// From this moment.
        from: DateTime,
        /// To this one.
        to: DateTime,
    },
}

/// Which end of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Where it begins.
    From,
    /// Where it ends.
    To,
}

/// Why two texts are no window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoWindow {
    /// Which text is to blame.
    pub bound: Bound,
    /// What is wrong with it, in one sentence.
    pub cause: String,
    /// What would mend it.
    pub hint: String,
}

/// A stretch of time: the start belongs to it, the end does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
}

impl Stretch {
    pub(super) fn holds(self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }
}

/// One end as it is written.
#[derive(Clone, Copy)]
enum Moment {
    Daily(Time),
    Weekly(Weekday, Option<Time>),
    Once(Date, Option<Time>),
}

impl Window {
    /// Reads both ends: `16:00`, `Fri 16:00`, `Fri`, `2026-12-20 16:00` or `2026-12-20`. A day alone is that whole day.
    ///
    /// # Errors
    /// What is wrong with which of them.
    pub fn read(from: &str, to: &str) -> Result<Self, NoWindow> {
        let blame = |bound, cause: String, hint: &str| NoWindow { bound, cause, hint: hint.to_owned() };
        let begin = moment(from).map_err(|(cause, hint)| blame(Bound::From, cause, hint))?;
        let end = moment(to).map_err(|(cause, hint)| blame(Bound::To, cause, hint))?;
        let midnight = Time::midnight();
        let same = || {
            let hint = "for an environment that is always frozen, write read_only = true in its policy";
            blame(Bound::To, "a freeze must not end when it begins".to_owned(), hint)
        };
        match (begin, end) {
            (Moment::Daily(from), Moment::Daily(to)) if from == to => Err(same()),
            (Moment::Daily(from), Moment::Daily(to)) => Ok(Self::Daily { from, to }),
            (Moment::Weekly(day, time), Moment::Weekly(last, end)) => {
                let from = (day, time.unwrap_or(midnight));
                let to = end.map_or_else(|| (last.next(), midnight), |time| (last, time));
                if from == to { Err(same()) } else { Ok(Self::Weekly { from, to }) }
            }
            (Moment::Once(day, time), Moment::Once(last, end)) => {
                let from = day.to_datetime(time.unwrap_or(midnight));
                let to = match end {
                    Some(time) => last.to_datetime(time),
                    None => last.tomorrow().map_or(DateTime::MAX, |next| next.to_datetime(midnight)),
                };
                if to == from {
                    Err(same())
                } else if to < from {
                    let (from, to) = (written(from), written(to));
                    let cause = format!("this freeze ends before it begins: {to} is earlier than {from}");
                    Err(blame(Bound::To, cause, "swap `from` and `to`, or mend the year"))
                } else {
                    Ok(Self::Once { from, to })
                }
            }
            (begin, end) => {
                let cause = format!("`from` is {}, but `to` is {}", begin.kind(), end.kind());
                Err(blame(Bound::To, cause, "write both the same way"))
            }
        }
    }

    /// The stretches around `at`: every one that could hold it, and the next one after it if there is one.
    pub(super) fn stretches(self, zone: &Zone, at: Timestamp) -> impl Iterator<Item = Stretch> {
        let today = zone.rules().to_datetime(at).date();
        // A zone may skip a whole day, so a beginning may come a day early and an end a day late.
        let (past, ahead) = match self {
            Self::Daily { .. } => (3, 3),
            Self::Weekly { .. } => (9, 9),
            Self::Once { .. } => (0, 0),
        };
        (-past..=ahead)
            .filter_map(move |days: i64| {
                let day = today.checked_add(SignedDuration::from_hours(24 * days)).ok()?;
                self.civil(day)
            })
            .map(move |(from, to)| Stretch {
                start: zone.rules().to_ambiguous_timestamp(from).earlier().unwrap_or(Timestamp::MIN),
                end: zone.rules().to_ambiguous_timestamp(to).later().unwrap_or(Timestamp::MAX),
            })
    }

    /// Both ends of the occurrence that begins on `day`, on the zone's clock.
    fn civil(self, day: Date) -> Option<(DateTime, DateTime)> {
        let after = |days: i64| day.checked_add(SignedDuration::from_hours(24 * days)).unwrap_or(Date::MAX);
        match self {
            Self::Daily { from, to } => {
                let last = after(i64::from(to <= from));
                Some((day.to_datetime(from), last.to_datetime(to)))
            }
            Self::Weekly { from, to } => {
                let days = i64::from(from.0.until(to.0));
                let wraps = days == 0 && to.1 <= from.1;
                let last = after(if wraps { 7 } else { days });
                (day.weekday() == from.0).then(|| (day.to_datetime(from.1), last.to_datetime(to.1)))
            }
            Self::Once { from, to } => Some((from, to)),
        }
    }
}

impl Moment {
    const fn kind(self) -> &'static str {
        match self {
            Self::Daily(_) => "a time of day",
            Self::Weekly(..) => "a day of the week",
            Self::Once(..) => "a date",
        }
    }
}

/// What a text means, or why it means nothing, and what would.
fn moment(text: &str) -> Result<Moment, (String, &'static str)> {
    const HINT: &str = "for example \"Fri 16:00\", \"22:00\" or \"2026-12-20 16:00\"";
    let said = text.trim();
    // The `T` between a date and a time, not that of Tuesday and Thursday.
    let dated = said.starts_with(|c: char| c.is_ascii_digit());
    let (day, time) = match said.split_once(|c| c == ' ' || (dated && c == 'T')) {
        Some((day, time)) => (Some(day.trim_end()), Some(time.trim_start())),
        None if said.contains(':') => (None, Some(said)),
        None => (Some(said), None),
    };
    let time = time.map(time_of_day).transpose()?;
    match (day, time) {
        (None, Some(time)) => Ok(Moment::Daily(time)),
        (Some(day), time) if day.starts_with(|c: char| c.is_ascii_digit()) => day
            .parse()
            .map(|date| Moment::Once(date, time))
            .map_err(|_| (format!("there is no date {day:?}"), "a date is year-month-day: \"2026-12-20\"")),
        (Some(day), time) => weekday(day)
            .map(|day| Moment::Weekly(day, time))
            .ok_or_else(|| (format!("{text:?} is no moment that a freeze could begin or end at"), HINT)),
        (None, None) => Err((format!("{text:?} is no moment that a freeze could begin or end at"), HINT)),
    }
}

fn time_of_day(text: &str) -> Result<Time, (String, &'static str)> {
    let number = |part: &str| {
        let plain = matches!(part.len(), 1 | 2) && part.bytes().all(|b| b.is_ascii_digit());
        part.parse().ok().filter(|_| plain)
    };
    let found = text.split_once(':').and_then(|(hour, minute)| {
        Time::new(number(hour)?, number(minute)?, 0, 0).ok().filter(|_| minute.len() == 2)
    });
    let hint = match text {
        "24:00" => "the end of a day is \"00:00\" of the next day",
        _ => "a time of day is hours and minutes, from \"00:00\" to \"23:59\"",
    };
    found.ok_or_else(|| (format!("there is no time of day {text:?}"), hint))
}

/// The day of the week by its English name, or by three letters or more of it.
fn weekday(text: &str) -> Option<Weekday> {
    let folded = text.to_ascii_lowercase();
    DAYS.iter().find(|(_, name)| folded.len() >= 3 && name.starts_with(&folded)).map(|(day, _)| *day)
}

const DAYS: [(Weekday, &str); 7] = [
    (Weekday::Monday, "monday"),
    (Weekday::Tuesday, "tuesday"),
    (Weekday::Wednesday, "wednesday"),
    (Weekday::Thursday, "thursday"),
    (Weekday::Friday, "friday"),
    (Weekday::Saturday, "saturday"),
    (Weekday::Sunday, "sunday"),
];

const fn short(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Mon",
        Weekday::Tuesday => "Tue",
        Weekday::Wednesday => "Wed",
        Weekday::Thursday => "Thu",
        Weekday::Friday => "Fri",
        Weekday::Saturday => "Sat",
        Weekday::Sunday => "Sun",
    }
}

fn written(at: DateTime) -> String {
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

/// A window as two texts: how it is kept in recordings.
#[derive(Serialize, Deserialize)]
struct Spelling {
    from: String,
    to: String,
}

impl From<Window> for Spelling {
    fn from(window: Window) -> Self {
        let clock = |time: Time| time.strftime("%H:%M").to_string();
        let (from, to) = match window {
            Window::Daily { from, to } => (clock(from), clock(to)),
            Window::Weekly { from, to } => {
                let say = |(day, time)| format!("{} {}", short(day), clock(time));
                (say(from), say(to))
            }
            Window::Once { from, to } => (written(from), written(to)),
        };
        Self { from, to }
    }
}

impl TryFrom<Spelling> for Window {
    type Error = String;

    fn try_from(spelling: Spelling) -> Result<Self, Self::Error> {
        Self::read(&spelling.from, &spelling.to).map_err(|e| e.cause)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Spelling { from, to } = Spelling::from(*self);
        write!(f, "{from} to {to}")
    }
}
