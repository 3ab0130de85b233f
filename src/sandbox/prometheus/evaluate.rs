//! What an expression is worth at a moment. Knows the tree and the series, and nothing of HTTP.

use super::parse::{Expr, Matcher};
use super::series::Series;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// The labels of a sample.
pub(super) type Labels = BTreeMap<String, String>;

/// A value of an expression.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Scalar(f64),
    Vector(Vec<(Labels, f64)>),
}

/// How a selector is read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reading {
    /// The newest value.
    Instant,
    /// The increase a second over a window.
    Rate(SignedDuration),
}

/// The value of `expression` at `time`.
pub(super) fn evaluate(expression: &Expr, series: &Series<'_>, time: Timestamp) -> Result<Value, String> {
    match expression {
        Expr::Number(number) => Ok(Value::Scalar(*number)),
        Expr::Selector { range: Some(_), .. } => Err("expected an instant vector, got a range vector".into()),
        Expr::Selector { name, matchers, range: None } => {
            Ok(Value::Vector(series.select(name, matchers, time, Reading::Instant)))
        }
        Expr::Call { function, arguments } => call(function, arguments, series, time),
        Expr::Aggregate { operation, by, argument } => {
            let Value::Vector(samples) = evaluate(argument, series, time)? else {
                return Err(format!("expected type instant vector in aggregation {operation}, got scalar"));
            };
            Ok(Value::Vector(aggregate(operation, by, samples)))
        }
        Expr::Binary { operation, on, left, right } => {
            let (left, right) = (evaluate(left, series, time)?, evaluate(right, series, time)?);
            Ok(binary(operation, on.as_deref(), left, right))
        }
    }
}

fn call(function: &str, arguments: &[Expr], series: &Series<'_>, time: Timestamp) -> Result<Value, String> {
    let vector = |argument: Option<&Expr>| match argument.map(|argument| evaluate(argument, series, time)) {
        Some(Ok(Value::Vector(samples))) => Ok(samples),
        Some(Err(error)) => Err(error),
        _ => Err(format!("expected an instant vector in call to function {function:?}")),
    };
    let scalar = |argument: Option<&Expr>| match argument.map(|argument| evaluate(argument, series, time)) {
        Some(Ok(Value::Scalar(number))) => Ok(number),
        Some(Err(error)) => Err(error),
        _ => Err(format!("expected a scalar in call to function {function:?}")),
    };
    let each = |samples: Vec<(Labels, f64)>, change: &dyn Fn(f64) -> f64| {
        Value::Vector(samples.into_iter().map(|(labels, value)| (labels, change(value))).collect())
    };
    match function {
        "rate" | "irate" | "increase" => {
            let Some(Expr::Selector { name, matchers, range: Some(window) }) = arguments.first() else {
                return Err(format!("expected type range vector in call to function {function:?}"));
            };
            let samples = series.select(name, matchers, time, Reading::Rate(*window));
            let scale = if function == "increase" { window.as_secs_f64() } else { 1.0 };
            Ok(each(samples, &|value| value * scale))
        }
        "histogram_quantile" => {
            let quantile = scalar(arguments.first())?;
            Ok(Value::Vector(quantiles(quantile, vector(arguments.get(1))?)))
        }
        "vector" => Ok(Value::Vector(vec![(Labels::new(), scalar(arguments.first())?)])),
        "scalar" => {
            let samples = vector(arguments.first())?;
            Ok(Value::Scalar(if let [(_, value)] = samples.as_slice() { *value } else { f64::NAN }))
        }
        "abs" => Ok(each(vector(arguments.first())?, &f64::abs)),
        "clamp_min" | "clamp_max" => {
            let (samples, limit) = (vector(arguments.first())?, scalar(arguments.get(1))?);
            let least = function == "clamp_min";
            Ok(each(samples, &|value| if least { value.max(limit) } else { value.min(limit) }))
        }
        _ => Err(format!("unknown function with name {function:?}")),
    }
}

fn aggregate(operation: &str, by: &[String], samples: Vec<(Labels, f64)>) -> Vec<(Labels, f64)> {
    let mut groups: BTreeMap<Labels, Vec<f64>> = BTreeMap::new();
    for (labels, value) in samples {
        let key = labels.into_iter().filter(|(name, _)| by.contains(name)).collect();
        groups.entry(key).or_default().push(value);
    }
    let fold = |values: &[f64]| match operation {
        "sum" => values.iter().sum(),
        "avg" => values.iter().sum::<f64>() / values.len() as f64,
        "min" => values.iter().copied().fold(f64::INFINITY, f64::min),
        "max" => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        _ => values.len() as f64,
    };
    groups.into_iter().map(|(labels, values)| (labels, fold(&values))).collect()
}

/// Linear within a bucket, as the real one.
fn quantiles(quantile: f64, samples: Vec<(Labels, f64)>) -> Vec<(Labels, f64)> {
    let mut groups: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
    for (mut labels, value) in samples {
        let Some(Ok(bound)) = labels.remove("le").map(|text| text.parse::<f64>()) else { continue };
        labels.remove("__name__");
        groups.entry(labels).or_default().push((bound, value));
    }
    groups
        .into_iter()
        .map(|(labels, mut buckets)| {
            buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
            (labels, in_buckets(quantile, &buckets))
        })
        .collect()
}

fn in_buckets(quantile: f64, buckets: &[(f64, f64)]) -> f64 {
    let total = match buckets.last() {
        Some((bound, total)) if bound.is_infinite() && *total > 0.0 => *total,
        _ => return f64::NAN,
    };
    let rank = quantile * total;
    let (mut below, mut lower) = (0.0, 0.0);
    for (bound, count) in buckets {
        if *count >= rank {
            if bound.is_infinite() {
                return lower;
            }
            return lower + (bound - lower) * (rank - below) / (count - below);
        }
        (below, lower) = (*count, *bound);
    }
    f64::NAN
}

fn binary(operation: &str, on: Option<&[String]>, left: Value, right: Value) -> Value {
    let set = ["and", "or", "unless"].contains(&operation);
    match (left, right) {
        (Value::Scalar(left), Value::Scalar(right)) => Value::Scalar(arithmetic(operation, left, right).0),
        (Value::Vector(left), Value::Scalar(right)) => each(operation, left, |value| (value, right), false),
        (Value::Scalar(left), Value::Vector(right)) => each(operation, right, |value| (left, value), true),
        (Value::Vector(left), Value::Vector(right)) if set => sets(operation, on, left, right),
        (Value::Vector(left), Value::Vector(right)) => {
            let others: BTreeMap<Labels, f64> =
                right.into_iter().map(|(labels, v)| (key(on, &labels), v)).collect();
            let joined = left.into_iter().filter_map(|(labels, value)| {
                let other = others.get(&key(on, &labels))?;
                let (result, kept) = arithmetic(operation, value, *other);
                kept.then(|| (labels.into_iter().filter(|(name, _)| name != "__name__").collect(), result))
            });
            Value::Vector(joined.collect())
        }
    }
}

fn each(
    operation: &str,
    samples: Vec<(Labels, f64)>,
    sides: impl Fn(f64) -> (f64, f64),
    swapped: bool,
) -> Value {
    let comparison = ["==", "!=", "<", "<=", ">", ">="].contains(&operation);
    let kept = samples.into_iter().filter_map(|(mut labels, value)| {
        let (left, right) = sides(value);
        let (result, kept) = arithmetic(operation, left, right);
        if !comparison {
            labels.remove("__name__");
        }
        // A comparison keeps the vector's own value, whichever side it is on.
        let result = if comparison && swapped { right } else { result };
        kept.then_some((labels, result))
    });
    Value::Vector(kept.collect())
}

fn key(on: Option<&[String]>, labels: &Labels) -> Labels {
    let wanted = |name: &String| on.map_or(name != "__name__", |on| on.contains(name));
    labels
        .iter()
        .filter(|(name, _)| wanted(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn sets(
    operation: &str,
    on: Option<&[String]>,
    left: Vec<(Labels, f64)>,
    right: Vec<(Labels, f64)>,
) -> Value {
    let keys = |side: &[(Labels, f64)]| side.iter().map(|(labels, _)| key(on, labels)).collect::<Vec<_>>();
    let (ours, theirs) = (keys(&left), keys(&right));
    let found = match operation {
        "and" => left.into_iter().filter(|(labels, _)| theirs.contains(&key(on, labels))).collect(),
        "unless" => left.into_iter().filter(|(labels, _)| !theirs.contains(&key(on, labels))).collect(),
        _ => {
            let more = right.into_iter().filter(|(labels, _)| !ours.contains(&key(on, labels)));
            left.into_iter().chain(more).collect()
        }
    };
    Value::Vector(found)
}

/// The result, and whether a comparison keeps the sample.
#[expect(clippy::float_cmp, reason = "the language compares floats exactly")]
fn arithmetic(operation: &str, left: f64, right: f64) -> (f64, bool) {
    match operation {
        "+" => (left + right, true),
        "-" => (left - right, true),
        "*" => (left * right, true),
        "/" => (left / right, true),
        "%" => (left % right, true),
        "==" => (left, left == right),
        "!=" => (left, left != right),
        "<" => (left, left < right),
        "<=" => (left, left <= right),
        ">" => (left, left > right),
        _ => (left, left >= right),
    }
}

/// Whether labels meet every condition; a label that is not there is empty.
pub(super) fn fits(name: &str, labels: &Labels, matchers: &[Matcher]) -> bool {
    matchers.iter().all(|matcher| {
        let value = match matcher.label.as_str() {
            "__name__" => name,
            label => labels.get(label).map_or("", String::as_str),
        };
        match matcher.operation.as_str() {
            "=" => value == matcher.value,
            "!=" => value != matcher.value,
            "=~" => super::pattern::matches(&matcher.value, value),
            _ => !super::pattern::matches(&matcher.value, value),
        }
    })
}
