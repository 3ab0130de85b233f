//! The store beside the API: plans in JSON and logs, at addresses that are signed. A credential that comes along is refused,
//! as object stores do.

use super::front::{Answer, no};
use super::{SENSITIVE, TerraformCloud};
use crate::sandbox::pipeline::Run;
use axum::http::HeaderMap;
use jiff::Timestamp;
use serde_json::json;

/// How long an address of a plan is good, in seconds.
const PLAN_SECONDS: i64 = 60;
/// The same of a log.
const LOG_SECONDS: i64 = 25 * 3_600;

/// The address of a plan in JSON.
pub(super) fn plan_address(base: &str, run: u64, now: Timestamp) -> String {
    format!("{base}/_archivist/v1/object/plan.{run}.{}", now.as_second() + PLAN_SECONDS)
}

/// The address of the log of a plan or an apply.
pub(super) fn log_address(base: &str, kind: &str, run: u64, now: Timestamp) -> String {
    format!("{base}/_archivist/v1/object/{kind}log.{run}.{}", now.as_second() + LOG_SECONDS)
}

/// What lies at an address.
pub(super) fn object(cloud: &TerraformCloud, name: &str, headers: &HeaderMap, now: Timestamp) -> Answer {
    if headers.contains_key("authorization") {
        return Err(no(400, "only one authentication mechanism is allowed"));
    }
    let parts: Vec<&str> = name.split('.').collect();
    let [kind, run, until] = parts.as_slice() else { return Err(no(404, "not found")) };
    let until: i64 = until.parse().map_err(|_| no(404, "not found"))?;
    if now.as_second() > until {
        return Err(no(403, "the address has expired"));
    }
    let mut runs = cloud.workspaces.iter().flat_map(|workspace| &workspace.runs);
    let entry = runs.find(|entry| entry.run.id.to_string() == *run).ok_or_else(|| no(404, "not found"))?;
    Ok(match *kind {
        "plan" => (200, json!(plan(&entry.run)).to_string()),
        "applylog" => {
            (200, format!("aws_ecs_service.web: Modifying... [{}]\nApply complete!\n", entry.run.version))
        }
        _ => (200, "Terraform v1.9.8\nPlan: 2 to add, 1 to change, 1 to destroy.\n".to_owned()),
    })
}

/// The plan: one change, and for all but the first run a replacement and an addition. Sensitive values are in it as they are.
fn plan(run: &Run) -> serde_json::Value {
    let change = |address: &str, actions: &[&str]| {
        json!({"address": address, "mode": "managed", "type": "x", "change": {
            "actions": actions, "before": {"password": SENSITIVE}, "after": {"password": SENSITIVE},
            "after_unknown": {}, "before_sensitive": {"password": true}, "after_sensitive": {"password": true},
        }})
    };
    let mut changes = vec![change("aws_ecs_service.web", &["update"]), change("aws_vpc.main", &["no-op"])];
    if run.number > 1 {
        changes.push(change("aws_db_instance.orders", &["delete", "create"]));
        changes.push(change("aws_sqs_queue.returns", &["create"]));
    }
    json!({"format_version": "1.2", "terraform_version": "1.9.8", "resource_changes": changes})
}
