//! What carrying something out would change, as a `state` command counts and lists it. Pure.

use serde::Deserialize;

/// The most resources that are taken.
const MOST: usize = 10_000;

/// What carrying it out would change, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Changes {
    #[serde(default)]
    pub(super) add: u32,
    #[serde(default)]
    pub(super) change: u32,
    #[serde(default)]
    pub(super) destroy: u32,
    #[serde(default)]
    pub(super) replace: u32,
    /// What differs already from what was last recorded; none: nobody looked.
    pub(super) drift: Option<u32>,
    #[serde(default)]
    pub(super) resources: Vec<Resource>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Resource {
    pub(super) address: String,
    pub(super) action: Action,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Action {
    Add,
    Change,
    Destroy,
    Replace,
    Drift,
}

impl Changes {
    /// A list that says more than the count is no evidence.
    pub(super) fn sound(&self) -> Result<(), String> {
        if self.resources.len() > MOST {
            return Err("more resources than anybody could read".to_owned());
        }
        for (action, counted) in [
            (Action::Add, self.add),
            (Action::Change, self.change),
            (Action::Destroy, self.destroy),
            (Action::Replace, self.replace),
            (Action::Drift, self.drift.unwrap_or(0)),
        ] {
            let listed = self.of(action).count();
            if u32::try_from(listed).map_or(true, |listed| listed > counted) {
                return Err(format!("it counts {counted} to {} and lists {listed}", action.word()));
            }
        }
        Ok(())
    }

    pub(super) fn of(&self, action: Action) -> impl Iterator<Item = &Resource> {
        self.resources.iter().filter(move |resource| resource.action == action)
    }

    /// Whether nothing would be changed.
    pub(super) const fn none(&self) -> bool {
        self.add == 0 && self.change == 0 && self.destroy == 0 && self.replace == 0
    }

    /// `3 to add, 1 to change, 1 to replace, 1 to destroy; drift: 2`.
    pub(super) fn summary(&self) -> String {
        let parts: Vec<String> = [
            (self.add, "to add"),
            (self.change, "to change"),
            (self.replace, "to replace"),
            (self.destroy, "to destroy"),
        ]
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
        let counted = if parts.is_empty() { "nothing to change".to_owned() } else { parts.join(", ") };
        match self.drift {
            Some(0) => counted,
            Some(drift) => format!("{counted}; drift: {drift}"),
            None => format!("{counted}; nobody looked for drift"),
        }
    }
}

impl Action {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Change => "change",
            Self::Destroy => "destroy",
            Self::Replace => "replace",
            Self::Drift => "drift",
        }
    }
}
