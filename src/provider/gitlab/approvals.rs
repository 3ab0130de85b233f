//! Approvals of a deployment: how many of how many, by whom, whose are missing, and whether we may give one.
//!
//! The API does not say whether we may: rules are compared with who we are as far as they name users; of groups and
//! levels it is not known who is in them.

use super::wire;
use crate::domain::pipeline::{MayDecide, Quorum, Review};
use crate::domain::{Decision, SafeText};

/// Who we are at GitLab.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Me {
    pub(super) id: Option<u64>,
    pub(super) name: Option<SafeText>,
}

impl Me {
    pub(super) fn is(&self, user: Option<&wire::User>) -> bool {
        let Some(user) = user else { return false };
        match (self.id, user.id) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => self.name.is_some() && self.name == user.username,
        }
    }
}

fn rules(deployment: &wire::Deployment) -> &[wire::Rule] {
    deployment.approval_summary.as_ref().map_or(&[], |summary| summary.rules.as_slice())
}

fn approved(approval: &wire::Approval) -> bool {
    approval.status.as_ref().is_some_and(|status| status == "approved")
}

fn name(user: Option<&wire::User>) -> SafeText {
    user.and_then(|user| user.username.clone()).unwrap_or_else(|| "somebody".into())
}

/// What a rule calls those that it asks.
fn asked(rule: &wire::Rule) -> SafeText {
    let described = rule.access_level_description.as_ref().filter(|text| !text.is_empty());
    match (described, rule.user_id, rule.group_id) {
        (Some(text), Some(_), _) => text.clone(),
        (Some(text), None, _) => SafeText::new(&format!("team:{text}")),
        (None, Some(user), _) => SafeText::new(&format!("user {user}")),
        (None, None, Some(group)) => SafeText::new(&format!("team:group {group}")),
        (None, None, None) => "somebody else".into(),
    }
}

/// How many of how many; none if it is not told how many are missing.
pub(super) fn quorum(deployment: &wire::Deployment) -> Option<Quorum> {
    let by: Vec<SafeText> =
        deployment.approvals.iter().filter(|a| approved(a)).map(|a| name(a.user.as_ref())).collect();
    let given = u64::try_from(by.len()).unwrap_or(u64::MAX);
    let needed = given.saturating_add(deployment.pending_approval_count?);
    Some(Quorum { given, needed, by, missing: missing(deployment) })
}

/// Whose approvals are missing by the rules.
fn missing(deployment: &wire::Deployment) -> Vec<SafeText> {
    let missing = rules(deployment).iter().filter(|rule| {
        let there = rule.deployment_approvals.iter().filter(|a| approved(a)).count();
        u64::try_from(there).unwrap_or(u64::MAX) < rule.required_approvals
    });
    missing.map(asked).collect()
}

/// Everybody that the rules ask.
pub(super) fn reviewers(deployment: &wire::Deployment) -> Vec<SafeText> {
    rules(deployment).iter().map(asked).collect()
}

pub(super) fn may_decide(deployment: &wire::Deployment, me: &Me) -> MayDecide {
    if deployment.approvals.iter().any(|approval| me.is(approval.user.as_ref())) {
        let missing = missing(deployment);
        let missing: Vec<&str> = missing.iter().map(SafeText::as_str).collect();
        return MayDecide::No(SafeText::new(&format!(
            "you have decided already; each user decides once, missing: {}",
            missing.join(", ")
        )));
    }
    let rules = rules(deployment);
    let only_users = !rules.is_empty() && rules.iter().all(|rule| rule.user_id.is_some());
    match me.id {
        Some(id) if rules.iter().any(|rule| rule.user_id == Some(id)) => MayDecide::Yes,
        Some(_) if only_users => {
            let who: Vec<String> = rules.iter().map(|rule| asked(rule).to_string()).collect();
            MayDecide::No(SafeText::new(&format!("the rules ask {}", who.join(", "))))
        }
        _ => MayDecide::Unknown,
    }
}

/// Whether a deployment waits for us, in words that are known: a new word is not one that says that it no longer does.
pub(super) fn may_wait(deployment: &wire::Deployment) -> bool {
    let over = ["created", "running", "success", "failed", "canceled", "skipped"];
    !over.contains(&deployment.status.as_str())
}

/// What was decided about a deployment so far.
pub(super) fn reviews(deployment: &wire::Deployment) -> Vec<Review> {
    let environment = deployment.environment.as_ref().map(|environment| environment.name.clone());
    let decided = deployment.approvals.iter().filter_map(|approval| {
        let decision = match approval.status.as_ref()?.as_str() {
            "approved" => Decision::Approved,
            "rejected" => Decision::Rejected,
            _ => return None,
        };
        Some(Review {
            decision,
            by: name(approval.user.as_ref()),
            environments: environment.iter().cloned().collect(),
            comment: approval.comment.clone().unwrap_or_default(),
        })
    });
    decided.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn deployment(approvals: serde_json::Value, pending: u64, rules: serde_json::Value) -> wire::Deployment {
        serde_json::from_value(json!({
            "id": 1, "status": "blocked", "environment": {"id": 31, "name": "production"},
            "pending_approval_count": pending, "approvals": approvals, "approval_summary": {"rules": rules},
        }))
        .unwrap()
    }

    #[test]
    fn a_quorum_says_how_many_and_whose_are_missing() {
        let by_omar = json!({"user": {"id": 9, "username": "omar"}, "status": "approved"});
        let one = deployment(
            json!([by_omar]),
            1,
            json!([
                {"group_id": 1, "access_level_description": "sre", "required_approvals": 1, "deployment_approvals": [by_omar]},
                {"group_id": 2, "access_level_description": "qa", "required_approvals": 1, "deployment_approvals": []},
            ]),
        );
        let quorum = quorum(&one).unwrap();
        assert_eq!((quorum.given, quorum.needed), (1, 2));
        assert_eq!(quorum.missing, [SafeText::new("team:qa")]);
        assert_eq!(reviews(&one).len(), 1);
    }

    #[test]
    fn whether_we_may_is_only_said_where_the_rules_name_users() {
        let me = Me { id: Some(7), name: Some("mara".into()) };
        let rule = |rule: serde_json::Value| deployment(json!([]), 1, json!([rule]));
        let user =
            |id: u64| json!({"user_id": id, "access_level_description": "somebody", "required_approvals": 1});
        assert_eq!(may_decide(&rule(user(7)), &me), MayDecide::Yes);
        assert!(matches!(may_decide(&rule(user(8)), &me), MayDecide::No(_)));
        assert_eq!(
            may_decide(&rule(json!({"group_id": 3, "required_approvals": 1})), &me),
            MayDecide::Unknown
        );
        assert_eq!(
            may_decide(&rule(json!({"access_level": 40, "required_approvals": 1})), &me),
            MayDecide::Unknown
        );
        let ours = json!([{"user": {"id": 7, "username": "mara"}, "status": "approved"}]);
        let given = deployment(
            ours,
            1,
            json!([{"group_id": 3, "access_level_description": "qa", "required_approvals": 2}]),
        );
        assert!(matches!(may_decide(&given, &me), MayDecide::No(why) if why.as_str().contains("team:qa")));
    }
}
