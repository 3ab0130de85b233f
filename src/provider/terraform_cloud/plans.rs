//! What a plan would do: the counts that Terraform tells of it, and what it replaces, which only the plan itself tells.
//!
//! The plan in JSON holds sensitive values in plain text: of it only addresses and actions are read, and nothing is kept.

use std::time::Duration;

use secrecy::zeroize::Zeroizing;
use serde::Deserialize;

use super::api::Api;
use super::wire::IncludedAttributes;
use crate::domain::{Cause, Fault, Hazard, SafeText, Severity};
use crate::provider::http::{Allowance, Fetched, segment};
use crate::provider::services::part;

/// The most that is read of a plan, in bytes.
const MOST: u64 = 16 * 1024 * 1024;
/// How long the store may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Where the cloud keeps what it signs; a server of one's own keeps it where its owner says.
const STORES: &[&str] = &["terraform.io"];
/// Resources that are named in a hazard.
const NAMED: usize = 6;

/// What a plan replaces and destroys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Replaced {
    /// Resources that are deleted and created anew: their addresses.
    pub(super) replaced: Vec<SafeText>,
    /// Resources that are deleted for good.
    pub(super) destroyed: Vec<SafeText>,
    /// Resources that Terraform lets go of without touching them.
    pub(super) forgotten: usize,
}

/// What the plan itself says, or why it says nothing.
pub(super) type Inner = Result<Replaced, SafeText>;

#[derive(Deserialize)]
struct Plan {
    #[serde(default)]
    format_version: Option<String>,
    #[serde(default)]
    resource_changes: Option<Vec<ResourceChange>>,
}

#[derive(Deserialize)]
struct ResourceChange {
    address: SafeText,
    change: Change,
}

#[derive(Deserialize)]
struct Change {
    actions: Vec<String>,
}

/// Reads a plan in JSON.
pub(super) fn read(bytes: &[u8]) -> Inner {
    let plan: Plan = serde_json::from_slice(bytes)
        .map_err(|_| SafeText::new("the plan is not the JSON that is documented"))?;
    let version = plan.format_version.as_deref().unwrap_or_default();
    if !version.starts_with("0.") && !version.starts_with("1.") {
        return Err(SafeText::new(&format!("the plan has a format that is not known: {version:?}")));
    }
    let mut replaced = Replaced::default();
    let changes = plan.resource_changes.ok_or_else(|| SafeText::new("the plan names no changes"))?;
    for resource in changes {
        let actions: Vec<&str> = resource.change.actions.iter().map(String::as_str).collect();
        match actions.as_slice() {
            ["delete", "create"] | ["create", "delete"] => replaced.replaced.push(resource.address),
            ["delete"] => replaced.destroyed.push(resource.address),
            ["forget"] => replaced.forgotten = replaced.forgotten.saturating_add(1),
            ["no-op" | "create" | "read" | "update"] => {}
            _ => return Err(SafeText::new(&format!("the plan does {actions:?} to {}", resource.address))),
        }
    }
    Ok(replaced)
}

/// Asks for the plan itself.
///
/// # Errors
/// A fault of Terraform as a whole. Why the plan cannot be had is an answer, too; a time limit is not one for good.
pub(super) async fn inner(api: &Api, plan: &SafeText, cloud: bool) -> Result<Result<Inner, SafeText>, Fault> {
    let path = format!("/plans/{}/json-output", segment(plan.as_str()));
    let domains = if cloud { STORES } else { &[] };
    let allowance = Allowance { bytes: MOST, patience: PATIENCE, domains };
    let mut bytes = Zeroizing::new(Vec::new());
    let mut sink = |piece: &[u8]| bytes.extend_from_slice(piece);
    let fetched = match part(api.signed(&path, allowance, &mut sink).await)? {
        Ok(fetched) => fetched,
        Err(fault) => return Ok(told(&fault)),
    };
    Ok(match fetched {
        Fetched::Whole => Ok(read(&bytes)),
        Fetched::Part(why) => Err(SafeText::new(&format!("the plan was not read to its end: {why}"))),
        // 204: it is being written.
        Fetched::Answered(answer) if answer.status == 204 => Err("the plan is not written yet".into()),
        Fetched::Answered(answer) => Ok(read(&answer.body)),
    })
}

/// Why a plan cannot be had: for good, or for now.
fn told(fault: &Fault) -> Result<Inner, SafeText> {
    match fault.cause {
        Cause::NotFound | Cause::Forbidden => {
            Ok(Err("the token may not read the plan itself, which takes an administrator of the workspace"
                .into()))
        }
        Cause::Refused => {
            Ok(Err(SafeText::new(&format!("Terraform does not hand the plan out: {}", fault.detail))))
        }
        _ => Err(SafeText::new(&fault.to_string())),
    }
}

/// `1 REPLACED, 3 to destroy, 2 to add, 1 to change`: what cannot be taken back first. None where Terraform counts nothing.
pub(super) fn words(plan: Option<&IncludedAttributes>, inner: Option<&Inner>) -> Option<SafeText> {
    let plan = plan?;
    let mut parts = Vec::new();
    if let Some(Ok(inner)) =
        inner.filter(|inner| inner.as_ref().is_ok_and(|inner| !inner.replaced.is_empty()))
    {
        parts.push(format!("{} REPLACED", inner.replaced.len()));
    }
    parts.push(format!("{} to destroy", plan.resource_destructions?));
    if !matches!(inner, Some(Ok(_))) {
        parts.push("replacements not told".to_owned());
    }
    parts.push(format!("{} to add", plan.resource_additions?));
    parts.push(format!("{} to change", plan.resource_changes?));
    if let Some(imports) = plan.resource_imports.filter(|imports| *imports > 0) {
        parts.push(format!("{imports} to import"));
    }
    Some(SafeText::new(&parts.join(", ")))
}

/// What of a plan speaks against letting it go.
pub(super) fn hazards(plan: Option<&IncludedAttributes>, inner: &Inner) -> Vec<Hazard> {
    let mut hazards = Vec::new();
    let warn = |text: String| Hazard::new(Severity::Warning, text);
    match plan.and_then(|plan| plan.resource_destructions) {
        None => hazards.push(warn("Terraform does not tell how much the plan destroys".to_owned())),
        Some(0) => {}
        Some(count) => hazards.push(warn(format!("the plan destroys {}", counted(count)))),
    }
    match inner {
        Ok(inner) => {
            for (what, addresses) in [
                ("replaces (deletes and creates anew)", &inner.replaced),
                ("deletes for good", &inner.destroyed),
            ] {
                if !addresses.is_empty() {
                    let count = u64::try_from(addresses.len()).unwrap_or(u64::MAX);
                    hazards.push(warn(format!("it {what} {}: {}", counted(count), list(addresses))));
                }
            }
            if inner.forgotten > 0 {
                let count = u64::try_from(inner.forgotten).unwrap_or(u64::MAX);
                hazards.push(Hazard::new(
                    Severity::Note,
                    format!("it lets go of {} without touching it", counted(count)),
                ));
            }
        }
        Err(why) => {
            let text = format!("which resources are replaced is not known: {why}");
            hazards.push(Hazard::new(Severity::Warning, text));
        }
    }
    hazards
}

fn counted(count: u64) -> String {
    if count == 1 { "1 resource".to_owned() } else { format!("{count} resources") }
}

fn list(addresses: &[SafeText]) -> String {
    let named: Vec<&str> = addresses.iter().take(NAMED).map(SafeText::as_str).collect();
    match addresses.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(actions: &str) -> String {
        format!(
            r#"{{"format_version":"1.2","resource_changes":[{{"address":"db.main","mode":"managed",
            "change":{{"actions":{actions},"before":{{"password":"plain"}},"after":{{"password":"plain"}}}}}}]}}"#
        )
    }

    #[test]
    fn both_ways_to_replace_are_counted_and_an_unknown_way_is_no_answer() {
        for actions in [r#"["delete","create"]"#, r#"["create","delete"]"#] {
            let inner = read(plan(actions).as_bytes()).unwrap();
            assert_eq!((inner.replaced.len(), inner.destroyed.len()), (1, 0), "{actions}");
        }
        assert_eq!(read(plan(r#"["delete"]"#).as_bytes()).unwrap().destroyed.len(), 1);
        assert_eq!(read(plan(r#"["forget"]"#).as_bytes()).unwrap().forgotten, 1);
        assert_eq!(read(plan(r#"["update"]"#).as_bytes()).unwrap(), Replaced::default());
        for odd in [
            plan(r#"["vanish"]"#),
            plan("[]"),
            "42".into(),
            "{}".into(),
            r#"{"format_version":"7.0"}"#.into(),
        ] {
            let why = read(odd.as_bytes()).unwrap_err();
            assert!(!why.as_str().contains("plain"), "{why}");
        }
    }

    #[test]
    fn what_is_destroyed_is_said_loudly_and_what_is_not_told_is_not_none() {
        let counts: IncludedAttributes = serde_json::from_str(
            r#"{"resource-additions":2,"resource-changes":1,"resource-destructions":3}"#,
        )
        .unwrap();
        let inner = read(plan(r#"["delete","create"]"#).as_bytes());
        assert_eq!(
            words(Some(&counts), Some(&inner)).unwrap(),
            "1 REPLACED, 3 to destroy, 2 to add, 1 to change"
        );
        assert!(
            words(Some(&counts), None).unwrap().as_str().starts_with("3 to destroy, replacements not told")
        );
        let said: Vec<String> =
            hazards(Some(&counts), &inner).iter().map(|hazard| hazard.text.to_string()).collect();
        assert_eq!(
            said,
            ["the plan destroys 3 resources", "it replaces (deletes and creates anew) 1 resource: db.main"]
        );
        assert_eq!(hazards(None, &Err("no".into())).len(), 2);
        assert_eq!(words(None, Some(&inner)), None);
    }
}
