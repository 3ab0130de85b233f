//! AWX's words in the cockpit's, and the order of nodes. Only words that are known to mean success do.

use std::collections::BTreeMap;

use super::wire;
use crate::domain::{RunState, SafeText};

/// The state of a job of any kind.
pub(super) fn job_state(status: &SafeText) -> RunState {
    match status.as_str() {
        "new" | "pending" | "waiting" => RunState::Queued,
        "running" => RunState::Running,
        "successful" => RunState::Passed,
        "failed" | "error" => RunState::Failed(status.clone()),
        "canceled" => RunState::Cancelled,
        _ => RunState::Unknown(status.clone()),
    }
}

/// Whether a job is an approval that somebody may give now.
pub(super) fn waits(job: &wire::JobSummary) -> bool {
    job.is_approval() && job.status == "pending"
}

/// The state of a node.
pub(super) fn node_state(node: &wire::Node, over: bool) -> RunState {
    match &node.summary_fields.job {
        Some(job) if waits(job) => RunState::WaitingForHuman,
        Some(job) => job_state(&job.status),
        None if over || node.do_not_run == Some(true) => RunState::Skipped,
        None => RunState::Queued,
    }
}

/// Puts nodes behind those that lead to them; side by side, those that were made first come first.
pub(super) fn in_order(nodes: &mut [wire::Node]) {
    let mut depths: BTreeMap<u64, usize> = nodes.iter().map(|node| (node.id, 0)).collect();
    // As many rounds as there are nodes are enough for the longest chain; a circle ends as well.
    for _ in 0..nodes.len() {
        let mut moved = false;
        for node in nodes.iter() {
            let next = depths.get(&node.id).map_or(0, |depth| depth.saturating_add(1)).min(nodes.len());
            for child in node.leads_to() {
                if let Some(depth) = depths.get_mut(&child).filter(|depth| **depth < next) {
                    *depth = next;
                    moved = true;
                }
            }
        }
        if !moved {
            break;
        }
    }
    nodes.sort_by_key(|node| (depths.get(&node.id).copied().unwrap_or_default(), node.id));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_but_successful_is_success() {
        for word in
            ["new", "pending", "waiting", "running", "failed", "error", "canceled", "never updated", "ok", ""]
        {
            assert!(!job_state(&word.into()).passed(), "{word}");
        }
        assert!(job_state(&"successful".into()).passed());
    }

    #[test]
    fn nodes_stand_behind_what_leads_to_them_even_in_a_circle() {
        let node = |id: u64, next: &[u64]| -> wire::Node {
            serde_json::from_value(serde_json::json!({"id": id, "success_nodes": next})).unwrap()
        };
        let ids = |nodes: &[wire::Node]| nodes.iter().map(|node| node.id).collect::<Vec<_>>();
        let mut nodes = vec![node(1, &[]), node(2, &[1]), node(3, &[2])];
        in_order(&mut nodes);
        assert_eq!(ids(&nodes), [3, 2, 1]);
        let mut circle = vec![node(1, &[2]), node(2, &[1])];
        in_order(&mut circle);
        assert_eq!(circle.len(), 2);
    }
}
