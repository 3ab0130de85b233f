//! What expressions were worth at moments that are over, so that a chart that is drawn again costs its newest point only:
//! the past of this world does not change.

use super::evaluate::{Labels, Value};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// More moments than this of one expression, or expressions than that, are not kept.
const MOMENTS: usize = 2_000;
const EXPRESSIONS: usize = 64;

/// Samples of an expression at one moment.
pub(super) type Samples = Vec<(Labels, f64)>;

/// By expression and moment.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct Past(BTreeMap<String, BTreeMap<Timestamp, Samples>>);

impl Past {
    /// The samples at a moment: what is known of it, or what `worth` says. What is not over by `now` is not kept.
    pub(super) fn at<E>(
        &mut self,
        expression: &str,
        (time, now): (Timestamp, Timestamp),
        worth: impl FnOnce() -> Result<Value, E>,
    ) -> Result<Samples, E> {
        let known = self.0.get(expression).and_then(|known| known.get(&time));
        if let Some(samples) = known.filter(|_| time < now) {
            return Ok(samples.clone());
        }
        let samples = match worth()? {
            Value::Scalar(number) => vec![(Labels::new(), number)],
            Value::Vector(samples) => samples,
        };
        if time < now {
            self.keep(expression, time, samples.clone());
        }
        Ok(samples)
    }

    fn keep(&mut self, expression: &str, time: Timestamp, samples: Samples) {
        if self.0.len() >= EXPRESSIONS && !self.0.contains_key(expression) {
            self.0.clear();
        }
        let known = self.0.entry(expression.to_owned()).or_default();
        if known.len() >= MOMENTS {
            known.clear();
        }
        known.insert(time, samples);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_is_worked_out_once_and_the_present_every_time() {
        let (then, now) = (Timestamp::UNIX_EPOCH, Timestamp::from_second(60).unwrap());
        let mut past = Past::default();
        let mut asked = 0;
        for (time, wanted) in [(then, 1.0), (then, 1.0), (now, 2.0), (now, 3.0)] {
            let samples = past.at::<()>("up", (time, now), || {
                asked += 1;
                Ok(Value::Scalar(f64::from(asked)))
            });
            assert_eq!(samples, Ok(vec![(Labels::new(), wanted)]));
        }
        assert_eq!(past.at("up", (then, then), || Err("not over")), Err("not over"));
    }
}
