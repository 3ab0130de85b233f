//! WHAT a release is: pure data and rules.
//!
//! Knows nothing of this crate and nothing of the outside: no runtime, no HTTP, no git library, no terminal,
//! no clock. Time, text and answers enter as values.

pub mod assess;
pub mod code;
pub mod fault;
pub mod freeze;
pub mod gitops;
pub mod health;
pub mod intent;
pub mod log;
pub mod name;
pub mod observation;
pub mod people;
pub mod pipeline;
pub mod promise;
pub mod reach;
pub mod record;
pub mod report;
pub mod rollout;
pub mod service;
pub mod text;
pub mod time;
pub mod verdict;
pub mod world;

pub use code::{ChangeSet, Repository, Sha, Span, SpanAsk};
pub use fault::{Cause, Fault, Reached, Retry};
pub use freeze::{Freeze, Frozen};
pub use gitops::{Application, Manifests, Sync};
pub use health::{Alert, AlertState, Reading, Series, Signal, Split, Thresholds};
pub use intent::{
    ActionId, Basis, Difference, FormField, FormKind, Guard, Hazard, Intent, Outcome, Permission, Prepared,
    Progress, Receipt, Refusal, RevertTo, Severity, Step, Target, Verb,
};
pub use log::{JobLog, LogAnswer, LogTold};
pub use name::{EnvironmentName, Place, PolicyName, ServiceName, SourceName};
pub use observation::{Ask, Budget, Observation, Report};
pub use people::People;
pub use pipeline::{
    Decision, Gate, GateKey, Job, JobKey, Lane, Lanes, Pipeline, Quorum, Run, RunKey, RunState,
};
pub use promise::Promise;
pub use reach::Reach;
pub use record::Record;
pub use report::{FailedTest, TestReport};
pub use rollout::{Artifact, Live, Owner, Phase, Replicas, Revision, Rollout, Stock};
pub use service::{Bound, Environment, Policy, Role, Service, Settings, Value};
pub use text::SafeText;
pub use time::Now;
pub use verdict::{Assessment, Mark, Reason, Stage, Verdict};
pub use world::{Absorbed, Seen, SourceState, World};
