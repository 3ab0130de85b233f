//! PLAN: whether the freeze windows of each environment hold now, and when they hold next.
//!
//! A freeze does not touch what runs, so it changes the service's verdict and not that of the environment: health that
//! must be GO is another rule.

use super::super::freeze::{Outlook, outlook};
use super::super::{Mark, Stage, Verdict};
use super::Case;

/// Judges every environment that has a freeze window; without any, PLAN is not watched.
pub(super) fn judge(case: &mut Case<'_>) {
    let service = case.service;
    for environment in &service.environments {
        let name = &environment.name;
        match outlook(&environment.policy.freeze, case.now.wall) {
            None => {}
            Some(Outlook::Frozen(frozen)) => {
                let text = format!("{name}: {frozen}");
                case.say(Stage::Plan, Some(name), Mark::Judged(Verdict::Hold), &text);
            }
            Some(Outlook::Free(next)) => {
                case.mark(Stage::Plan, Mark::Judged(Verdict::Go));
                if let Some(next) = next {
                    case.note(Stage::Plan, Some(name), &format!("{name}: {next}"));
                }
            }
        }
    }
}
