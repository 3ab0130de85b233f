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
    /// Everything in each namespace, by a RoleBinding there; nothing at the cluster's scope.
    Tenant,
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
    /// Whether the user's roles contain `verb` on what is in a group, in a namespace; in none, at the cluster's scope.
    pub(super) fn may(&self, verb: &str, group: &str, namespace: &str) -> bool {
        match self.role {
            Role::Apps => !group.ends_with("fluxcd.io"),
            Role::Admin => true,
            Role::Viewer => matches!(verb, "get" | "list" | "watch"),
            Role::Tenant => !namespace.is_empty(),
        }
    }

    /// Which binding allows what the user may there, as an access review says it.
    pub(super) fn binding(&self, namespace: &str) -> String {
        let name = &self.name;
        match self.role {
            Role::Tenant => format!(
                "RBAC: allowed by RoleBinding \"{name}/{namespace}\" of Role \"{name}\" to User \"{name}\""
            ),
            Role::Admin | Role::Viewer | Role::Apps => format!(
                "RBAC: allowed by ClusterRoleBinding \"{name}\" of ClusterRole \"{name}\" to User \"{name}\""
            ),
        }
    }

    /// The groups that the authenticator would name.
    pub(super) fn groups(&self) -> &'static [&'static str] {
        match self.role {
            Role::Admin => &["system:masters", "system:authenticated"],
            Role::Viewer | Role::Apps | Role::Tenant => &["system:authenticated"],
        }
    }
}
