//! A look at more repositories than can be read each time: which of them are read now, and which stand as last read.
//!
//! Read in this order: what the operator looks at or acted upon; where something is under way; where something moved,
//! as one question to all of them tells ([`graphql`]); what was never read; what was not read for longest. Bounded by
//! what GitHub allows in a minute and by half of what it allows in an hour. The time is the server's own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::{SignedDuration, Timestamp};

use super::SIDE_BY_SIDE;
use super::bindings::{Project, Watch};
use super::graphql::{self, Told};
use super::look::{Depth, Looker};
use crate::domain::{Budget, Cause, Fault, Pipeline, Retry, SafeText};
use crate::provider::services::{Seen, Sight, locked, of_source};

/// Up to so many repositories are all read in every look.
const FEW: usize = 4;
/// Beyond so many one question to all is worth its points.
const MANY: usize = 20;
/// Requests of one look at the least, if there is cause, and at the most.
const LEAST: usize = 36;
const MOST: usize = 300;
/// Requests in a second: 540 of the 900 points that GitHub allows in a minute.
const A_SECOND: f64 = 9.0;
/// Requests that reading a repository takes, about.
const WHOLE: usize = 6;
const LIGHT: usize = 3;
/// The part of an hour's points that the question to all may cost: where something is under way, and where nothing is.
const BUSY: f64 = 0.48;
const QUIET: f64 = 0.045;
/// The question to all is not put more often.
const BREATH: SignedDuration = SignedDuration::from_secs(5);
/// How long a server without an answer to the question to all is left alone with it.
const BARRED: SignedDuration = SignedDuration::from_mins(10);
/// Repositories whose old answers are kept with their tags, so that reading them again is free when nothing moved.
const FREE: usize = 120;

/// What is remembered of every repository.
#[derive(Default)]
pub(super) struct Fleet {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    kept: BTreeMap<Project, Kept>,
    told: BTreeMap<Project, Told>,
    swept: Option<Timestamp>,
    /// Points that the last question to all cost.
    cost: u64,
    points: Option<Budget>,
    barred: Option<(Option<Timestamp>, SafeText)>,
    looked: Option<Timestamp>,
}

/// A repository as it was last read.
#[derive(Default)]
struct Kept {
    seen: Vec<Seen>,
    /// What the question to all told before it was read.
    pulse: Option<u64>,
    /// In which look it was read.
    turn: u64,
    /// In which look it was last asked whether its runs moved.
    asked: u64,
}

impl Kept {
    fn moving(&self) -> bool {
        self.seen.iter().any(|(_, seen)| match seen {
            Ok(sight) => !sight.gates.is_empty() || sight.pipeline.runs.iter().any(|r| !r.state.ended()),
            Err(fault) => !matches!(fault.cause, Cause::NotFound | Cause::Forbidden),
        })
    }
}

/// A repository and the services that live in it.
type Part<'a> = (&'a Project, Vec<&'a Watch>);

impl Fleet {
    /// Looks at every repository, or at those that matter now.
    ///
    /// # Errors
    /// A fault of the source as a whole.
    pub(super) async fn look(&self, looker: &Looker<'_>, parts: Vec<Part<'_>>) -> Result<Vec<Seen>, Fault> {
        if parts.len() <= FEW {
            let all = parts.into_iter().map(|part| (part, Depth::Whole)).collect();
            return Ok(each(looker, all).await?.into_iter().flat_map(|(_, seen)| seen).collect());
        }
        let before = locked(&self.state).looked;
        let first = self.pressing(looker, &parts);
        let spent = first.len() * WHOLE;
        let mut done: BTreeSet<&Project> = first.iter().map(|((project, _), _)| *project).collect();
        self.read(looker, first).await?;
        let now = looker.api.meter().date;
        self.sweep(looker, &parts, now).await?;
        let passed = before.zip(now).map(|(then, now)| now.duration_since(then).as_secs_f64());
        let allowed = passed.map_or(MOST, |seconds| whole(seconds * A_SECOND).clamp(LEAST, MOST));
        let (second, left) = self.worthwhile(looker, &parts, &mut done, allowed.saturating_sub(spent));
        self.read(looker, second).await?;
        if parts.len() <= FREE {
            self.peek(looker, &parts, &mut done, left).await?;
        }
        locked(&self.state).looked = looker.api.meter().date;
        Ok(self.all(&parts))
    }

    /// Asks those that were not asked for longest whether their lists of runs changed, which is free if they did not,
    /// and reads those where they did.
    async fn peek(
        &self,
        looker: &Looker<'_>,
        parts: &[Part<'_>],
        done: &mut BTreeSet<&Project>,
        room: usize,
    ) -> Result<(), Fault> {
        let mut quiet: Vec<(u64, &Part<'_>)> = {
            let state = locked(&self.state);
            let rest = parts.iter().filter(|(project, _)| !done.contains(project));
            rest.filter_map(|part| Some((state.kept.get(part.0)?.asked, part))).collect()
        };
        quiet.sort_by_key(|(asked, _)| *asked);
        quiet.truncate(room);
        let mut asked: Vec<BoxFuture<'_, Result<Option<&Part<'_>>, Fault>>> = Vec::new();
        for (_, part) in quiet {
            asked.push(Box::pin(async move { Ok(looker.moved(part.0, &part.1).await?.then_some(part)) }));
            if let Some(kept) = locked(&self.state).kept.get_mut(part.0) {
                kept.asked = looker.turn;
            }
        }
        let moved: Vec<Option<&Part<'_>>> = stream::iter(asked).buffered(SIDE_BY_SIDE).try_collect().await?;
        let moved = moved.into_iter().flatten().map(|part| (part.clone(), Depth::Whole)).collect();
        self.read(looker, moved).await
    }

    /// What is read first: what is looked at or acted upon, and the longest unread of those where something moves.
    fn pressing<'a>(&self, looker: &Looker<'_>, parts: &[Part<'a>]) -> Vec<(Part<'a>, Depth)> {
        let state = locked(&self.state);
        let (mut urgent, mut moving, mut rest) = (Vec::new(), Vec::new(), Vec::new());
        for (project, watches) in parts {
            let turn = state.kept.get(*project).map(|kept| kept.turn);
            if looker.presses(project, watches) {
                urgent.push(((*project, watches.clone()), Depth::Whole));
            } else if state.kept.get(*project).is_some_and(Kept::moving) {
                moving.push((turn, (*project, watches.clone())));
            } else {
                rest.push((turn, (*project, watches.clone())));
            }
        }
        moving.sort_by_key(|(turn, _)| *turn);
        let room = (LEAST / WHOLE).saturating_sub(urgent.len());
        urgent.extend(moving.into_iter().take(room).map(|(_, part)| (part, Depth::Whole)));
        if urgent.is_empty() {
            // One at least: its answer tells what time it is there.
            let oldest = rest.into_iter().min_by_key(|(turn, _)| *turn);
            urgent.extend(oldest.map(|(_, part)| (part, Depth::Whole)));
        }
        urgent
    }

    /// What is read then: where something moved, what was never read, what was not read for longest.
    fn worthwhile<'a>(
        &self,
        looker: &Looker<'_>,
        parts: &[Part<'a>],
        done: &mut BTreeSet<&'a Project>,
        room: usize,
    ) -> (Vec<(Part<'a>, Depth)>, usize) {
        let state = locked(&self.state);
        let mut due = Vec::new();
        for (project, watches) in parts.iter().filter(|(project, _)| !done.contains(project)) {
            let told = state.told.get(*project).map(|told| told.pulse);
            let (rank, turn) = match state.kept.get(*project) {
                Some(kept) if kept.moving() => (1, kept.turn),
                Some(kept) if told.is_some() && told != kept.pulse => (0, kept.turn),
                Some(kept) => (3, kept.turn),
                None => (2, 0),
            };
            let waits = state.told.get(*project).is_some_and(|told| told.waits);
            let depth = if rank == 2 && told.is_some() && !waits { Depth::Light } else { Depth::Whole };
            due.push(((rank, turn), (*project, watches.clone()), depth));
        }
        due.sort_by_key(|(order, _, _)| *order);
        // What may cost, and may wait, stops at half of the hour's requests.
        let half = looker.api.meter().budget.is_some_and(|b| b.remaining.saturating_mul(2) < b.limit);
        let (mut left, mut again) = (room, usize::from(!half));
        due.retain(|((rank, _), _, depth)| {
            let price = if *depth == Depth::Whole { WHOLE } else { LIGHT };
            let wanted = *rank < 2 || (*rank == 2 && !half) || (*rank == 3 && again > 0);
            if !wanted || left < price {
                return false;
            }
            again = again.saturating_sub(usize::from(*rank == 3));
            left = left.saturating_sub(price);
            true
        });
        done.extend(due.iter().map(|(_, (project, _), _)| *project));
        (due.into_iter().map(|(_, part, depth)| (part, depth)).collect(), left)
    }

    async fn read(&self, looker: &Looker<'_>, parts: Vec<(Part<'_>, Depth)>) -> Result<(), Fault> {
        for ((project, _), _) in parts.iter().filter(|(_, depth)| *depth == Depth::Whole) {
            looker.memory.untell(project);
        }
        let seen = each(looker, parts).await?;
        let mut state = locked(&self.state);
        for (project, seen) in seen {
            let pulse = state.told.get(&project).map(|told| told.pulse);
            state.kept.insert(project, Kept { seen, pulse, turn: looker.turn, asked: looker.turn });
        }
        Ok(())
    }

    /// Everything, as it was read in this look or before.
    fn all(&self, parts: &[Part<'_>]) -> Vec<Seen> {
        let state = locked(&self.state);
        let unread = parts.iter().filter(|(project, _)| !state.kept.contains_key(*project)).count();
        let remark = SafeText::new(&format!(
            "runs are not read yet: {unread} of {} repositories are still to come",
            parts.len()
        ));
        let mut all = Vec::new();
        for (project, watches) in parts {
            match state.kept.get(*project) {
                Some(kept) => all.extend(kept.seen.iter().cloned()),
                None => {
                    for watch in watches {
                        let live = state.told.get(*project).map(|told| told.of(watch)).unwrap_or_default();
                        let pipeline = Pipeline { remarks: vec![remark.clone()], ..Pipeline::default() };
                        all.push((watch.service.clone(), Ok(Sight { pipeline, live, ..Sight::default() })));
                    }
                }
            }
        }
        all
    }

    /// Puts the question to all, if it is time.
    async fn sweep(
        &self,
        looker: &Looker<'_>,
        parts: &[Part<'_>],
        now: Option<Timestamp>,
    ) -> Result<(), Fault> {
        if parts.len() <= MANY || !looker.api.has_graph() || !self.due(looker, parts.len(), now) {
            return Ok(());
        }
        let names: Vec<_> = parts.iter().filter_map(|(p, _)| Some((*p, p.name().split_once('/')?))).collect();
        let questions: Vec<BoxFuture<'_, _>> = names
            .chunks(graphql::ASKED)
            .map(|chunk| {
                let asked: Vec<(&str, &str)> = chunk.iter().map(|(_, name)| *name).collect();
                let answer: BoxFuture<'_, _> = Box::pin(async move {
                    graphql::ask(looker.api, &asked, looker.links).await.map(|answered| (chunk, answered))
                });
                answer
            })
            .collect();
        let mut answers = stream::iter(questions).buffer_unordered(SIDE_BY_SIDE);
        let (mut cost, mut points, mut told) = (0_u64, None, Vec::new());
        while let Some(answer) = answers.next().await {
            match answer {
                Ok((chunk, answered)) => {
                    cost = cost.saturating_add(answered.cost);
                    points = answered.budget.or(points);
                    told.extend(chunk.iter().map(|(project, _)| *project).zip(answered.told));
                }
                Err(fault) => return self.bar(fault, now),
            }
        }
        let mut state = locked(&self.state);
        (state.swept, state.cost, state.points, state.barred) = (now, cost, points, None);
        for (project, told) in told {
            // What fails for one is told by REST, once: the same failure again is no news.
            let told = told.unwrap_or_else(|_| Told::default());
            looker.memory.tell(project, &told.live);
            state.told.insert(project.clone(), told);
        }
        Ok(())
    }

    /// Whether the question to all may be put now.
    fn due(&self, looker: &Looker<'_>, repositories: usize, now: Option<Timestamp>) -> bool {
        let state = locked(&self.state);
        if let Some((until, _)) = &state.barred
            && until.zip(now).is_none_or(|(until, now)| now < until)
        {
            return false;
        }
        let Some((swept, now)) = state.swept.zip(now) else {
            return state.swept.is_none() && (now.is_some() || looker.turn.is_multiple_of(12));
        };
        let (limit, remaining, resets) =
            state.points.map_or((5_000, 5_000, None), |p| (p.limit.max(1), p.remaining, p.resets));
        if remaining.saturating_mul(10) < limit && resets.is_some_and(|resets| now < resets) {
            return false;
        }
        let busy = state.kept.values().any(Kept::moving);
        let cost = state.cost.max(u64::try_from(repositories.div_ceil(graphql::ASKED)).unwrap_or(1));
        let share = if busy { BUSY } else { QUIET };
        let every = float(cost) * 3_600.0 / (float(limit) * share);
        now.duration_since(swept) >= SignedDuration::from_secs_f64(every.min(3_600.0)).max(BREATH)
    }

    /// What a question to all without an answer means: the source's fault, or no such questions for a while.
    fn bar(&self, fault: Fault, now: Option<Timestamp>) -> Result<(), Fault> {
        let own = fault.cause == Cause::RateLimited && fault.hint.is_none();
        if of_source(&fault) && !own {
            return Err(fault);
        }
        let wait = match fault.retry {
            Retry::After(wait) => SignedDuration::try_from(wait).unwrap_or(BARRED),
            _ => BARRED,
        };
        let until = now.and_then(|now| now.checked_add(wait).ok());
        locked(&self.state).barred = Some((until, fault.detail));
        Ok(())
    }

    /// What an operator should know.
    pub(super) fn remarks(&self, repositories: usize) -> Option<SafeText> {
        if repositories <= MANY {
            return None;
        }
        let state = locked(&self.state);
        Some(SafeText::new(&match (&state.barred, state.swept) {
            (Some((_, why)), _) => format!(
                "{repositories} repositories are read in turn: one question to all of them is not answered ({why})"
            ),
            (None, Some(at)) => format!(
                "{repositories} repositories: those under way are read in each look, the others when something moves; all \
                 were last asked at {}",
                at.strftime("%H:%M:%S UTC")
            ),
            (None, None) => format!("{repositories} repositories are read in turn"),
        }))
    }
}

/// A repository with what was seen of its services.
type Read = (Project, Vec<Seen>);

/// Reads repositories side by side.
async fn each(looker: &Looker<'_>, parts: Vec<(Part<'_>, Depth)>) -> Result<Vec<Read>, Fault> {
    let mut pending: Vec<BoxFuture<'_, Result<Read, Fault>>> = Vec::new();
    for ((project, watches), depth) in parts {
        pending.push(Box::pin(async move {
            Ok((project.clone(), looker.project(project, &watches, depth).await?))
        }));
    }
    stream::iter(pending).buffered(SIDE_BY_SIDE).try_collect().await
}

/// A count as a number with a point; beyond four milliards it makes no difference.
fn float(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// The whole part of a small number.
fn whole(number: f64) -> usize {
    (0..MOST).rev().find(|n| float(u64::try_from(*n).unwrap_or(0)) <= number).unwrap_or(0)
}
