//! What a signal is compared with, in words: itself before the deploy, and the canary with the others. In as many
//! words as there is room for.

use jiff::Timestamp;

use super::super::scene::{Age, Scene, verdict_sign};
use super::super::sheet::{Sheet, Words};
use super::super::text;
use super::signal::{Around, Canary};
use crate::domain::Signal;
use crate::domain::assess::compare::{self, Others, Pair};
use crate::theme::Role;

/// How many words there is room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wordiness {
    /// Whole sentences.
    Full,
    /// The numbers and how they differ.
    Brief,
    /// Only how they differ.
    Least,
}

impl Wordiness {
    const ALL: [Self; 3] = [Self::Full, Self::Brief, Self::Least];
}

/// Writes the comparisons: a row for each, or one for both.
pub(super) fn write(scene: Scene<'_>, signal: &Signal, around: Around, age: Age, sheet: &mut Sheet<'_>) {
    let room = usize::from(sheet.width());
    let said = Said { scene, signal, age };
    let before = |wordiness| around.deploy.map(|deploy| said.before(deploy, wordiness));
    let beside = |wordiness| said.beside(around.canary, wordiness);
    if sheet.height() == 1 {
        let both = |wordiness| {
            let told = before(wordiness).into_iter().chain(beside(wordiness));
            told.fold(scene.words(), |words, one| words.dot().then(one))
        };
        return sheet.line(0, &fitting(room, both).within(room));
    }
    let empty = || scene.words();
    sheet.line(0, &fitting(room, |w| before(w).unwrap_or_else(empty)).within(room));
    sheet.line(1, &fitting(room, |w| beside(w).unwrap_or_else(empty)).within(room));
}

/// The wordiest that fits, else the least wordy.
fn fitting<'a>(room: usize, of: impl Fn(Wordiness) -> Words<'a>) -> Words<'a> {
    let fits = |words: &Words<'_>| words.width() <= room;
    Wordiness::ALL.into_iter().map(&of).find(fits).unwrap_or_else(|| of(Wordiness::Least))
}

/// One signal, put into words.
#[derive(Clone, Copy)]
struct Said<'a, 's> {
    scene: Scene<'a>,
    signal: &'s Signal,
    age: Age,
}

impl<'a> Said<'a, '_> {
    /// `0.3 % before the deploy → 4.31 % now, 14 ×`, `0.3 % → 4.31 %, 14 ×`, `14 × since the deploy`.
    fn before(self, deploy: Timestamp, wordiness: Wordiness) -> Words<'a> {
        let words = self.scene.words();
        let pair = match compare::since(self.signal, deploy) {
            Ok(pair) => pair,
            Err(why) if wordiness == Wordiness::Full => {
                return words.say(Role::Muted, format!("no baseline: {why}"));
            }
            Err(_) => return words.say(Role::Muted, "no baseline"),
        };
        let (was, is, role) = (self.amount(pair.was), self.amount(pair.is), self.judged(pair.is));
        match (wordiness, pair.words()) {
            (Wordiness::Least, how) if !how.is_empty() => {
                words.say(role, how).say(Role::Muted, " since the deploy")
            }
            (Wordiness::Full, _) => {
                let words =
                    words.say(self.age.ink(Role::Base), was).say(Role::Muted, " before the deploy → ");
                self.times(words.say(role, is).say(Role::Muted, " now"), pair)
            }
            _ => {
                let words = words.say(self.age.ink(Role::Base), was).say(Role::Muted, " → ");
                self.times(words.say(role, is), pair)
            }
        }
    }

    /// `● canary 14.6 %, stable 0.5 %, 29 ×`, `● canary 14.6 %, 29 ×`, `● 29 ×`.
    fn beside(self, expected: Canary, wordiness: Wordiness) -> Option<Words<'a>> {
        let words = self.scene.words();
        let (pair, others) = match (compare::canary(self.signal)?, expected) {
            (Ok(told), _) => told,
            (Err(why), Canary::Expected) => {
                let full = wordiness == Wordiness::Full;
                return Some(words.say(Role::Unknown, if full { &why } else { "canary not compared" }));
            }
            (Err(_), Canary::No) => return None,
        };
        let (was, is, role) = (self.amount(pair.was), self.amount(pair.is), self.judged(pair.is));
        let words = words.say(role, "● ");
        if wordiness == Wordiness::Least {
            let how = Some(pair.words()).filter(|how| !how.is_empty());
            return Some(words.say(role, how.unwrap_or(is)));
        }
        let words = words.say(Role::Muted, "canary ").say(role, is);
        let others = match others {
            Others::Stable => "stable",
            Others::All => "all",
        };
        let words = match wordiness {
            Wordiness::Full => words.say(Role::Muted, format!(", {others} ")).say(self.judged(pair.was), was),
            Wordiness::Brief | Wordiness::Least => words,
        };
        Some(self.times(words, pair))
    }

    fn times(self, words: Words<'a>, pair: Pair) -> Words<'a> {
        match pair.words() {
            how if how.is_empty() => words,
            how => words.say(Role::Muted, ", ").say(self.judged(pair.is), how),
        }
    }

    fn amount(self, value: f64) -> String {
        match self.signal.unit.as_str() {
            "" => text::number(value),
            unit => format!("{} {unit}", text::number(value)),
        }
    }

    fn judged(self, value: f64) -> Role {
        self.age.ink(verdict_sign(self.signal.thresholds.judge(value)).role())
    }
}
