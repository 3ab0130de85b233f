//! One value beside another: a signal before a deploy and now, the canary and the others. No evidence on one side is
//! no comparison, and says why.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::super::health::{Reading, Series, Signal};

/// How far before a deploy its baseline reaches.
pub const BEFORE: Duration = Duration::from_secs(600);

/// The fewest values that make a baseline.
pub const LEAST: usize = 5;

/// Two values of one signal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// The one to compare with: before the deploy, those that are no canary.
    pub was: f64,
    /// The one that is compared: now, the canary.
    pub is: f64,
}

impl Pair {
    /// By how many times `is` is `was`; none when there is nothing to divide by.
    #[must_use]
    pub fn times(self) -> Option<f64> {
        let times = self.is / self.was;
        (self.was > 0.0 && self.is >= 0.0 && times.is_finite()).then_some(times)
    }

    /// `14 ×`, `0.4 ×`, `about the same`; empty when there is nothing to divide by.
    #[must_use]
    pub fn words(self) -> String {
        match self.times() {
            None => String::new(),
            Some(times) if (0.9..1.1).contains(&times) => "about the same".to_owned(),
            Some(times) if times >= 1_000.0 => "over 1000 ×".to_owned(),
            Some(times) if times >= 9.95 => format!("{times:.0} ×"),
            Some(times) if times < 0.05 => "next to nothing".to_owned(),
            Some(times) => format!("{times:.1} ×"),
        }
    }
}

/// What a signal was before `deploy`: the median of its course in the [`BEFORE`] before it.
///
/// # Errors
/// Why there is none: the course does not reach back, or too little of it is known.
pub fn baseline(series: &Series, deploy: Timestamp) -> Result<f64, &'static str> {
    if series.start >= deploy {
        return Err("the deploy lies before what is shown");
    }
    let from = SignedDuration::try_from(BEFORE).ok().and_then(|b| deploy.checked_sub(b).ok());
    let mut slots = 0_usize;
    let mut known: Vec<f64> = Vec::new();
    for (index, value) in (0_u32..).zip(&series.values) {
        let offset = SignedDuration::try_from(series.step.saturating_mul(index)).ok();
        let Some(at) = offset.and_then(|offset| series.start.checked_add(offset).ok()) else { break };
        if at > deploy {
            break;
        }
        if from.is_none_or(|from| at >= from) {
            slots += 1;
            known.extend(value.filter(|v| v.is_finite()));
        }
    }
    // A course with more holes than values says little about what was usual.
    if known.len() < LEAST || known.len() * 2 < slots {
        return Err("too little is known of the time before the deploy");
    }
    median(known).ok_or("too little is known of the time before the deploy")
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = values.get(middle).copied()?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = middle.checked_sub(1).and_then(|at| values.get(at)).copied()?;
    Some(lower + (upper - lower) / 2.0)
}

/// A signal before `deploy` and now.
///
/// # Errors
/// Which side there is no evidence for, and why.
pub fn since(signal: &Signal, deploy: Timestamp) -> Result<Pair, &'static str> {
    let series = signal.series.as_ref().ok_or("its course is not known")?;
    let was = baseline(series, deploy)?;
    let is = signal.reading.value().ok_or("there is no value now")?;
    Ok(Pair { was, is })
}

/// With what a canary is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// Those that are no canary.
    Stable,
    /// All, the canary among them: it is not measured apart.
    All,
}

/// The canary beside the others; none if the signal does not tell them apart.
///
/// # Errors
/// Which side there is no evidence for, and why.
#[must_use]
pub fn canary(signal: &Signal) -> Option<Result<(Pair, Others), String>> {
    let split = signal.split.as_ref()?;
    let (others, word, which) = match &split.stable {
        Some(stable) => (stable, "stable", Others::Stable),
        None => (&signal.reading, "all", Others::All),
    };
    let side = |reading: &Reading, word: &str| match reading {
        Reading::Value(value) if value.is_finite() => Ok(*value),
        Reading::Value(value) => Err(format!("{word}: the value is {value}")),
        Reading::Unknown(why) => Err(format!("{word}: {why}")),
    };
    let pair = side(&split.canary, "canary").and_then(|is| Ok(Pair { was: side(others, word)?, is }));
    Some(pair.map(|pair| (pair, which)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::SafeText;
    use crate::domain::health::{BadWhen, Split, Thresholds};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn series(values: Vec<Option<f64>>) -> Series {
        Series { start: at(0), step: Duration::from_secs(60), values }
    }

    fn signal(reading: Reading, series: Option<Series>, split: Option<Split>) -> Signal {
        Signal {
            name: "error-rate".into(),
            unit: "%".into(),
            thresholds: Thresholds { bad_when: BadWhen::Above, hold: None, no_go: None },
            reading,
            series,
            split,
            budget: None,
        }
    }

    #[test]
    fn the_baseline_is_the_median_before_the_deploy_or_says_why_there_is_none() {
        let little = Err("too little is known of the time before the deploy");
        let some = |values: &[f64]| values.iter().copied().map(Some).collect::<Vec<_>>();
        let mut holes = vec![None; 6];
        holes.extend(some(&[1.0; 5]));
        let twenty: Vec<f64> = (0..20).map(f64::from).collect();
        for (name, values, deploy, expected) in [
            ("an odd number of values", some(&[1.0, 9.0, 2.0, 8.0, 3.0, 99.0]), 240, Ok(3.0)),
            ("an even number of values", some(&[1.0, 9.0, 2.0, 8.0, 3.0, 4.0, 99.0]), 300, Ok(3.5)),
            ("one wild value does not move it", some(&[1.0, 1.0, 1.0, 1.0, 900.0]), 240, Ok(1.0)),
            (
                "what comes after the deploy does not count",
                some(&[1.0, 1.0, 1.0, 1.0, 1.0, 9.0]),
                250,
                Ok(1.0),
            ),
            ("only the ten minutes before it count", some(&twenty), 900, Ok(10.0)),
            (
                "the deploy lies before the course",
                some(&[1.0; 9]),
                -60,
                Err("the deploy lies before what is shown"),
            ),
            (
                "the course begins with the deploy",
                some(&[1.0; 9]),
                0,
                Err("the deploy lies before what is shown"),
            ),
            ("four values are too few", some(&[1.0; 9]), 239, little),
            ("five are enough", some(&[1.0; 9]), 240, Ok(1.0)),
            ("more holes than values", holes, 600, little),
            ("values that are no numbers", some(&[f64::NAN; 9]), 400, little),
            ("infinity is no number", some(&[f64::INFINITY; 9]), 400, little),
            ("no value at all", Vec::new(), 400, little),
            ("the deploy lies in the future of the course", some(&[2.0; 6]), 330, Ok(2.0)),
        ] {
            assert_eq!(baseline(&series(values), at(deploy)), expected, "{name}");
        }
    }

    #[test]
    fn before_and_now_need_evidence_on_both_sides() {
        let course = || Some(series(vec![Some(0.3); 9]));
        let unknown = Reading::Unknown("no data".into());
        for (name, signal, expected) in [
            ("both known", signal(Reading::Value(4.31), course(), None), Ok(Pair { was: 0.3, is: 4.31 })),
            ("nothing now", signal(unknown, course(), None), Err("there is no value now")),
            ("no number now", signal(Reading::Value(f64::NAN), course(), None), Err("there is no value now")),
            ("no course", signal(Reading::Value(1.0), None, None), Err("its course is not known")),
        ] {
            assert_eq!(since(&signal, at(300)), expected, "{name}");
        }
    }

    #[test]
    fn the_difference_is_said_in_few_words() {
        for (was, is, words) in [
            (0.3, 4.31, "14 ×"),
            (2.0, 5.0, "2.5 ×"),
            (5.0, 2.0, "0.4 ×"),
            (5.0, 5.2, "about the same"),
            (5.0, 0.0, "next to nothing"),
            (0.001, 99.0, "over 1000 ×"),
            (0.0, 4.0, ""),
            (-1.0, 4.0, ""),
            (f64::MIN_POSITIVE, f64::MAX, ""),
            (f64::NAN, 1.0, ""),
        ] {
            assert_eq!(Pair { was, is }.words(), words, "{was} → {is}");
        }
    }

    #[test]
    fn a_canary_is_compared_with_the_others_or_with_all() {
        let split = |canary, stable| Some(Split { canary, stable, canary_series: None, stable_series: None });
        let value = Reading::Value;
        let unknown = || Reading::Unknown(SafeText::new("no data"));
        for (name, split, expected) in [
            ("not told apart", None, None),
            (
                "both known",
                split(value(8.0), Some(value(0.4))),
                Some(Ok((Pair { was: 0.4, is: 8.0 }, Others::Stable))),
            ),
            (
                "the others not measured apart",
                split(value(8.0), None),
                Some(Ok((Pair { was: 2.3, is: 8.0 }, Others::All))),
            ),
            ("no canary", split(unknown(), Some(value(0.4))), Some(Err("canary: no data".to_owned()))),
            ("no others", split(value(8.0), Some(unknown())), Some(Err("stable: no data".to_owned()))),
            (
                "no number",
                split(value(f64::NAN), Some(value(0.4))),
                Some(Err("canary: the value is NaN".to_owned())),
            ),
        ] {
            assert_eq!(canary(&signal(value(2.3), None, split)), expected, "{name}");
        }
    }
}
