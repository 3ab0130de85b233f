//! The CI servers of the world, behind one word each: which service is whose, what their deploy jobs want, and who
//! lets a gate go without the operator. Knows them by their own handles.

use super::SandboxError;
use super::awx::Awx;
use super::circleci::CircleCi;
use super::github::GitHub;
use super::gitlab::GitLab;
use super::history::Commits;
use super::jenkins::Jenkins;
use super::pipeline::{Arrived, Deploy};
use super::scenario::{Ci, ServiceScript};
use super::terraform_cloud::TerraformCloud;
use jiff::Timestamp;
use std::path::Path;

/// Every CI server there is.
pub(super) struct Servers {
    pub(super) github: GitHub,
    pub(super) gitlab: GitLab,
    pub(super) jenkins: Jenkins,
    pub(super) circleci: CircleCi,
    pub(super) terraform_cloud: TerraformCloud,
    pub(super) awx: Awx,
}

impl Servers {
    /// Gives a service to the server that its script names.
    pub(super) fn add_service(
        &mut self,
        script: &ServiceScript,
        origin: &Path,
        start: Timestamp,
    ) -> Result<(), SandboxError> {
        if script.ci == Ci::Github {
            return self.github.add_service(script, origin.to_path_buf(), start);
        }
        let commits = Commits::read(origin, script)?;
        match script.ci {
            Ci::Github => Ok(()),
            Ci::Gitlab => self.gitlab.add_service(script, commits, start),
            Ci::Jenkins => self.jenkins.add_service(script, commits, start),
            Ci::Circleci => self.circleci.add_service(script, commits, start),
            Ci::TerraformCloud => self.terraform_cloud.add_service(script, commits, start),
            Ci::Awx => self.awx.add_service(script, commits, start),
        }
    }

    /// Moves every run; says what deploy jobs want to change.
    pub(super) fn tick(&mut self, now: Timestamp, arrived: Arrived<'_>) -> Vec<Deploy> {
        let mut deploys = self.github.tick(now, arrived);
        deploys.extend(self.gitlab.tick(now, arrived));
        deploys.extend(self.jenkins.tick(now, arrived));
        deploys.extend(self.circleci.tick(now, arrived));
        deploys.extend(self.terraform_cloud.tick(now, arrived));
        deploys.extend(self.awx.tick(now, arrived));
        deploys
    }

    /// Lets the newest gate of a service go as somebody who may. False when there is none.
    pub(super) fn approve_as(
        &mut self,
        login: &str,
        service: &str,
        environment: &str,
        now: Timestamp,
    ) -> bool {
        self.github.approve_as(login, service, environment, now)
            || self.gitlab.approve_as(login, service, environment, now)
            || self.jenkins.approve_as(login, service, environment, now)
            || self.circleci.approve_as(login, service, environment, now)
            || self.terraform_cloud.approve_as(login, service, environment, now)
            || self.awx.approve_as(login, service, environment, now)
    }
}
