//! HOW production is changed. Pure: an intent becomes a plan or a refusal, a promise becomes an outcome.
//!
//! Knows `domain` only. It never sends, never reads a clock, never draws.

pub mod by_hand;
mod gitops;
#[cfg(test)]
mod gitops_fixture;
pub mod hazard;
pub mod judge;
pub mod offer;
pub mod plan;
pub mod policy;
pub mod saga;

pub use judge::{Judgement, judge};
pub use offer::{Offer, barred, offer};
pub use plan::{Evidence, Plan, plan};
pub use policy::{Breach, Glass, Refused, Rule};
pub use saga::{Saga, Truth};
