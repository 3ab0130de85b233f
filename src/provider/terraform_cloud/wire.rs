//! What Terraform's API answers: JSON:API documents. Everything but ids and states may be missing, and every word may be a
//! new one.
//!
//! Source: developer.hashicorp.com/terraform/cloud-docs/api-docs/{run,plans,account,configuration-versions}.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use crate::domain::SafeText;

/// A document: one thing or a list, and what was asked to be included.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Document<T> {
    pub(super) data: T,
    #[serde(default)]
    pub(super) included: Vec<Included>,
    #[serde(default)]
    pub(super) meta: Option<Meta>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Meta {
    #[serde(default)]
    pub(super) pagination: Option<Pagination>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Pagination {
    #[serde(default, rename = "next-page")]
    pub(super) next_page: Option<u64>,
    #[serde(default, rename = "total-count")]
    pub(super) total_count: Option<u64>,
}

/// Which thing.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Ref {
    pub(super) id: SafeText,
    #[serde(default, rename = "type")]
    pub(super) kind: Option<SafeText>,
}

/// A relationship to one thing; none where there is no such thing.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Relation {
    #[serde(default)]
    pub(super) data: Option<Ref>,
}

/// A relationship to many.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Relations {
    #[serde(default)]
    pub(super) data: Option<Vec<Ref>>,
}

/// A run.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Run {
    pub(super) id: SafeText,
    pub(super) attributes: RunAttributes,
    #[serde(default)]
    pub(super) relationships: RunRelations,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct RunAttributes {
    pub(super) status: SafeText,
    #[serde(default)]
    pub(super) message: Option<String>,
    #[serde(default)]
    pub(super) source: Option<SafeText>,
    #[serde(default)]
    pub(super) created_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) auto_apply: Option<bool>,
    #[serde(default)]
    pub(super) has_changes: Option<bool>,
    #[serde(default)]
    pub(super) is_destroy: Option<bool>,
    #[serde(default)]
    pub(super) plan_only: Option<bool>,
    #[serde(default)]
    pub(super) refresh_only: Option<bool>,
    #[serde(default)]
    pub(super) save_plan: Option<bool>,
    #[serde(default)]
    pub(super) actions: Option<Actions>,
    #[serde(default)]
    pub(super) permissions: Option<Permissions>,
    #[serde(default)]
    pub(super) status_timestamps: Option<BTreeMap<String, Option<Timestamp>>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Actions {
    #[serde(default)]
    pub(super) is_cancelable: Option<bool>,
    #[serde(default)]
    pub(super) is_confirmable: Option<bool>,
    #[serde(default)]
    pub(super) is_discardable: Option<bool>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Permissions {
    #[serde(default)]
    pub(super) can_apply: Option<bool>,
    #[serde(default)]
    pub(super) can_cancel: Option<bool>,
    #[serde(default)]
    pub(super) can_discard: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct RunRelations {
    #[serde(default)]
    pub(super) workspace: Option<Relation>,
    #[serde(default)]
    pub(super) plan: Option<Relation>,
    #[serde(default)]
    pub(super) apply: Option<Relation>,
    #[serde(default)]
    pub(super) cost_estimate: Option<Relation>,
    #[serde(default)]
    pub(super) policy_checks: Option<Relations>,
    #[serde(default)]
    pub(super) configuration_version: Option<Relation>,
    #[serde(default)]
    pub(super) created_by: Option<Relation>,
    #[serde(default)]
    pub(super) confirmed_by: Option<Relation>,
}

impl Run {
    pub(super) fn confirmable(&self) -> bool {
        self.attributes.actions.as_ref().and_then(|actions| actions.is_confirmable) == Some(true)
    }

    pub(super) fn discardable(&self) -> bool {
        self.attributes.actions.as_ref().and_then(|actions| actions.is_discardable) == Some(true)
    }

    pub(super) fn cancelable(&self) -> bool {
        self.attributes.actions.as_ref().and_then(|actions| actions.is_cancelable) == Some(true)
    }

    /// When it came to have a status.
    pub(super) fn at(&self, name: &str) -> Option<Timestamp> {
        *self.attributes.status_timestamps.as_ref()?.get(name)?
    }

    /// When its status last changed.
    pub(super) fn changed(&self) -> Option<Timestamp> {
        self.attributes.status_timestamps.iter().flat_map(BTreeMap::values).flatten().max().copied()
    }
}

/// Something that belongs to a run: a plan, an apply, a cost estimate, a commit, a user.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Included {
    pub(super) id: SafeText,
    #[serde(default, rename = "type")]
    pub(super) kind: Option<SafeText>,
    #[serde(default)]
    pub(super) attributes: Option<IncludedAttributes>,
    #[serde(default)]
    pub(super) relationships: Option<IncludedRelations>,
}

/// The attributes of all kinds together: no name means two things.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct IncludedAttributes {
    #[serde(default)]
    pub(super) status: Option<SafeText>,
    #[serde(default)]
    pub(super) resource_additions: Option<u64>,
    #[serde(default)]
    pub(super) resource_changes: Option<u64>,
    #[serde(default)]
    pub(super) resource_destructions: Option<u64>,
    #[serde(default)]
    pub(super) resource_imports: Option<u64>,
    #[serde(default)]
    pub(super) status_timestamps: Option<BTreeMap<String, Option<Timestamp>>>,
    /// Signed: whoever has it reads the log. Never shown.
    #[serde(default)]
    pub(super) log_read_url: Option<String>,
    #[serde(default)]
    pub(super) branch: Option<SafeText>,
    #[serde(default)]
    pub(super) tag: Option<SafeText>,
    #[serde(default)]
    pub(super) commit_sha: Option<SafeText>,
    #[serde(default)]
    pub(super) commit_message: Option<String>,
    #[serde(default)]
    pub(super) sender_username: Option<SafeText>,
    #[serde(default)]
    pub(super) username: Option<SafeText>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct IncludedRelations {
    #[serde(default)]
    pub(super) ingress_attributes: Option<Relation>,
}

impl Included {
    pub(super) fn is(&self, kind: &str, id: &SafeText) -> bool {
        self.id == *id && self.kind.as_ref().is_some_and(|own| own == kind)
    }
}

/// A workspace: only its id is wanted.
#[derive(Debug, Deserialize)]
pub(super) struct Named {
    pub(super) id: SafeText,
}

/// Whose token this is: a person's, or the synthetic account of a team or an organisation.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Account {
    #[serde(default)]
    pub(super) attributes: Option<AccountAttributes>,
    #[serde(default)]
    pub(super) relationships: Option<AccountRelations>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct AccountAttributes {
    #[serde(default)]
    pub(super) username: Option<SafeText>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct AccountRelations {
    #[serde(default)]
    pub(super) authenticated_resource: Option<Relation>,
}

impl Account {
    pub(super) fn name(&self) -> Option<SafeText> {
        self.attributes.as_ref()?.username.clone().filter(|name| !name.is_empty())
    }

    /// Whether this is the token of an organisation, which may not apply anything.
    pub(super) fn is_organization(&self) -> bool {
        let resource = self.relationships.as_ref().and_then(|all| all.authenticated_resource.as_ref());
        let kind = resource.and_then(|resource| resource.data.as_ref()?.kind.as_ref());
        kind.is_some_and(|kind| kind == "organizations")
    }
}

/// Something that happened to a run.
#[derive(Debug, Deserialize)]
pub(super) struct Event {
    #[serde(default)]
    pub(super) attributes: Option<EventAttributes>,
    #[serde(default)]
    pub(super) relationships: Option<EventRelations>,
}

#[derive(Debug, Deserialize)]
pub(super) struct EventAttributes {
    #[serde(default)]
    pub(super) action: Option<SafeText>,
}

#[derive(Debug, Deserialize)]
pub(super) struct EventRelations {
    #[serde(default)]
    pub(super) actor: Option<Relation>,
}

/// A refusal: objects, and texts of old servers.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Complaint {
    #[serde(default)]
    pub(super) errors: Vec<serde_json::Value>,
}

impl Complaint {
    /// What it says.
    pub(super) fn words(&self) -> Option<SafeText> {
        self.errors.iter().find_map(|error| {
            let part = |name: &str| error.get(name).and_then(serde_json::Value::as_str);
            let text = part("detail").or_else(|| part("title")).or_else(|| error.as_str())?;
            Some(SafeText::first_line(text)).filter(|text| !text.is_empty())
        })
    }
}
