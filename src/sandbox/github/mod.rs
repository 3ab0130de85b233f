//! The API of GitHub, as far as a release needs it: runs, jobs, gates, deployments, commits, tags, releases. Knows
//! its own records and the bare git repositories, and nothing of what a deploy job changes: it only says that one ran.
//!
//! It must never be kinder than the real one: a missing `User-Agent` is refused, a private repository is not found
//! without access, an approval needs all three keys, and jobs appear only when they are scheduled.
//!
//! Source: the REST API reference and its published OpenAPI description; every answer is validated against it in
//! `tests/sandbox.rs`.

mod actions;
mod artifacts;
mod commits;
mod front;
mod graphql;
mod graphql_text;
mod lanes;
mod logs;
mod repository;
mod run;
mod seed;
mod shape;
mod state;
mod workflow;

pub(super) use front::{decode, router};
pub(super) use logs::router as store;

use super::pipeline::{Arrived, Deploy};
use jiff::{SignedDuration, Timestamp};
use run::Step;
use state::{Repo, User};

/// The operator's token.
pub const OPERATOR_TOKEN: &str = "demo-token";
/// The token of another reviewer, Omar.
pub const REVIEWER_TOKEN: &str = "omar-token";
/// The token of somebody who may write but not review.
pub const DEVELOPER_TOKEN: &str = "yuki-token";
/// The token of somebody who may only look.
pub const READER_TOKEN: &str = "nils-token";
/// The token of somebody without access.
pub const OUTSIDER_TOKEN: &str = "outsider-token";

/// Requests an hour.
pub(super) const QUOTA: u32 = 5_000;
/// Points of GraphQL an hour.
const POINTS: u32 = 5_000;

/// The hosting service's records.
pub(super) struct GitHub {
    /// The base of its addresses, such as `http://127.0.0.1:4000`.
    pub(super) base: String,
    /// Where the storage host of its logs answers.
    pub(super) store: String,
    users: Vec<User>,
    repos: Vec<Repo>,
    next_id: u64,
    /// When the hour of the quota is over.
    reset: Timestamp,
    /// Until when the secondary limit answers everything.
    secondary_until: Option<Timestamp>,
}

impl GitHub {
    /// Moves every run; says what deploy jobs want to change.
    pub(super) fn tick(&mut self, now: Timestamp, arrived: Arrived<'_>) -> Vec<Deploy> {
        if now >= self.reset {
            self.reset = now.checked_add(SignedDuration::from_hours(1)).unwrap_or(now);
            for user in &mut self.users {
                (user.used, user.points) = (0, 0);
            }
        }
        let mut deploys = Vec::new();
        let mut step = Step { now, arrived, next_id: &mut self.next_id, deploys: &mut deploys };
        for repo in &mut self.repos {
            run::tick(repo, &mut step);
        }
        deploys
    }

    /// Leaves everybody this many requests until the quota is full again.
    pub(super) fn limit_quota(&mut self, remaining: u32, reset: u32, now: Timestamp) {
        self.reset = now.checked_add(SignedDuration::from_secs(i64::from(reset))).unwrap_or(now);
        for user in &mut self.users {
            user.used = QUOTA.saturating_sub(remaining);
        }
    }

    /// Refuses everything for some seconds, as the limit on bursts does.
    pub(super) fn limit_secondary(&mut self, seconds: u32, now: Timestamp) {
        self.secondary_until = now.checked_add(SignedDuration::from_secs(i64::from(seconds))).ok();
    }
}
