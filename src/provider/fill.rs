//! Values that a dispatch is configured with: `$version`, `$sha`, `$service` and `$environment` stand for what would ship.

use std::collections::BTreeMap;

use crate::domain::{Artifact, Cause, Fault, Intent};

/// The values with what they name filled in; `environment` as the provider calls it.
///
/// # Errors
/// `Refused` when a value names something that is not known of the artifact: nothing is sent with a gap in it.
pub(super) fn fill(
    values: &BTreeMap<String, String>,
    intent: &Intent,
    environment: &str,
    artifact: &Artifact,
) -> Result<BTreeMap<String, String>, Fault> {
    let value = |name: &str| match name {
        "version" => artifact.version.as_ref().map(|v| v.as_str().to_owned()),
        "sha" => artifact.revision.as_ref().map(|r| r.as_str().to_owned()),
        "environment" => Some(environment.to_owned()),
        _ => Some(intent.service.as_str().to_owned()),
    };
    values.iter().map(|(key, text)| Ok((key.clone(), replace(text, value)?))).collect()
}

/// One pass: what was put in is not read again.
fn replace(text: &str, value: impl Fn(&str) -> Option<String>) -> Result<String, Fault> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let known = ["version", "sha", "environment", "service"].into_iter().find(|n| after.starts_with(n));
        match known {
            Some(name) => {
                out.push_str(&value(name).ok_or_else(|| missing(name))?);
                rest = after.get(name.len()..).unwrap_or_default();
            }
            None => {
                out.push('$');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// That something is not known which is needed.
pub(super) fn missing(what: &str) -> Fault {
    Fault::new(Cause::Refused, format!("what would ship has no known {what}, and the dispatch needs it"))
}
