//! What a token may do, as far as GitHub tells: a classic token's scopes, and our role in each repository.
//!
//! Of fine-grained tokens and apps GitHub lists no permission to themselves; then what is needed is said instead.
//! Source: docs.github.com/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps (`X-OAuth-Scopes`).

use futures_util::future::join_all;
use jiff::Timestamp;
use serde::Deserialize;

use super::GitHub;
use super::bindings::Project;
use super::enforcement::FACTS;
use crate::domain::Ask;
use crate::provider::examine::Finding;

/// How to get a login with what is needed.
const LOG_IN: &str = "gh auth refresh --scopes repo,workflow";

#[derive(Deserialize)]
struct Repository {
    permissions: Option<Permissions>,
}

#[derive(Deserialize)]
struct Permissions {
    #[serde(default)]
    admin: bool,
    #[serde(default)]
    push: bool,
    #[serde(default)]
    pull: bool,
}

impl GitHub {
    /// The way there, the token, the role in each repository.
    pub(super) async fn examined(&self, now: Timestamp) -> Vec<Finding> {
        let (way, token, roles) = tokio::join!(self.api.endpoint().way(now), self.token_says(), self.roles());
        way.into_iter().chain(token).chain(roles).collect()
    }

    async fn token_says(&self) -> Option<Finding> {
        if self.token.is_none() {
            let says = "no token: public repositories only, and nothing can be done";
            return Some(Finding::worth(
                "permissions",
                says,
                "gh auth login; then token = { command = [\"gh\", \"auth\", \"token\"] }",
            ));
        }
        // A refusal is told by the look.
        let answer = self.api.whole("/user").await.ok()?;
        Some(of_scopes(answer.headers.get("x-oauth-scopes")))
    }

    async fn roles(&self) -> Vec<Finding> {
        let ask = Ask::default();
        let projects = self.projects(&ask);
        let looks = projects.iter().map(|(project, _)| async move {
            let answer = self.api.whole(&project.path("")).await.ok()?;
            let repository: Repository = answer.json().ok()?;
            repository.permissions.map(|permissions| of_role(project, &permissions))
        });
        join_all(looks).await.into_iter().flatten().collect()
    }
}

fn of_scopes(scopes: Option<&str>) -> Finding {
    let Some(scopes) = scopes else {
        let says = format!("GitHub does not list what this token may do; needed: {}", FACTS.reads);
        return Finding::well("permissions", says);
    };
    let all: Vec<&str> = scopes.split(',').map(str::trim).filter(|scope| !scope.is_empty()).collect();
    let says = match all.as_slice() {
        [] => "a classic token without scopes".to_owned(),
        all => format!("a classic token with the scopes {}", all.join(", ")),
    };
    if all.contains(&"repo") {
        Finding::well("permissions", says)
    } else if all.contains(&"public_repo") {
        Finding::worth("permissions", says + ": of private repositories it sees nothing", LOG_IN)
    } else {
        Finding::ill(
            "permissions",
            says + ": `repo` is needed to read deployments and to decide them",
            LOG_IN,
        )
    }
}

fn of_role(project: &Project, role: &Permissions) -> Finding {
    let name = project.name();
    let deciding = "a gate is decided by its environment's reviewers";
    if role.admin || role.push {
        let word = if role.admin { "administrator" } else { "write" };
        return Finding::well(
            "role",
            format!("{word} in {name}: rerun, cancel and promote are allowed; {deciding}"),
        );
    }
    let word = if role.pull { "read" } else { "no role" };
    Finding::worth(
        "role",
        format!("{word} in {name}: rerun, cancel and promote will be refused; {deciding}"),
        format!("ask an administrator of {name} for the role `write`"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::examine::Standing;

    #[test]
    fn scopes_tell_whether_a_classic_token_is_enough() {
        for (scopes, standing) in [
            (Some("repo, workflow"), Standing::Well),
            (Some("public_repo"), Standing::Worth),
            (Some("gist, read:org"), Standing::Ill),
            (Some(""), Standing::Ill),
            (None, Standing::Well),
        ] {
            let finding = of_scopes(scopes);
            assert_eq!(finding.standing, standing, "{scopes:?}");
            assert_eq!(finding.mend.is_some(), standing != Standing::Well, "{scopes:?}");
        }
    }
}
