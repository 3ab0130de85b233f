//! Who may do what: bearer tokens, their users and roles. Knows no object.

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Admin,
    /// Get, list and watch; nothing that changes the cluster.
    Viewer,
    /// Everything but what Flux keeps things with.
    Apps,
}

/// One known user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User {
    /// The name that refusals mention.
    pub(super) name: String,
    /// What the user may do.
    pub(super) role: Role,
}

impl User {
    /// Whether the user's roles contain `verb` on what is in a group.
    pub(super) fn may(&self, verb: &str, group: &str) -> bool {
        match self.role {
            Role::Apps => !group.ends_with("fluxcd.io"),
            Role::Admin => true,
            Role::Viewer => matches!(verb, "get" | "list" | "watch"),
        }
    }

    /// The groups that the authenticator would name.
    pub(super) fn groups(&self) -> &'static [&'static str] {
        match self.role {
            Role::Admin => &["system:masters", "system:authenticated"],
            Role::Viewer | Role::Apps => &["system:authenticated"],
        }
    }
}
