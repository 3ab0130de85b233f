//! One image for several platforms: replicas of one tag that report different digests run the same thing if a registry
//! proves that these are the platforms of one index. Shared by the deployment targets; asks only where replicas differ.
//!
//! A digest is rewritten to its index's only by proof: bytes that sum up to the index's own digest and name it. Nothing
//! else is ever made equal; what the registry denies stays different, and what it does not tell is said to be unproved.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::registry::{Belongs, Manifest, Registry};
use crate::domain::rollout::{Running, Standing};
use crate::domain::{Artifact, Fault, Observation, Rollout, SafeText};

/// The remark on replicas of one revision that report different digests. A proof that they run one image takes it back.
pub(super) const DISAGREE: &str = "pods of the current revision run different digests: the tag was moved while it was \
                                   rolled out, or the nodes are of several platforms";
/// A look does not wait longer for a registry.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a registry that proved nothing is left alone.
const LEFT_ALONE: Duration = Duration::from_secs(60);
/// So many digests of one tag are looked into.
const MOST: usize = 8;

/// What is known of digests that differ.
pub(super) struct Platforms {
    registry: Registry,
    /// By image: the digests that were looked into, and what came of it.
    kept: Mutex<BTreeMap<SafeText, Kept>>,
}

#[derive(Clone)]
struct Kept {
    at: Instant,
    digests: BTreeSet<SafeText>,
    word: Word,
}

/// What a registry says about several digests of one tag.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    /// These are platforms of that index; by digest, the platform's name.
    Index { index: SafeText, parts: BTreeMap<SafeText, SafeText> },
    /// No index has two of them.
    Different,
    /// It cannot be proved; why.
    Untold(SafeText),
}

impl Platforms {
    pub(super) fn new(registry: Registry) -> Self {
        Self { registry, kept: Mutex::default() }
    }

    /// Completes a look: replicas that run platforms of one index run that index.
    pub(super) async fn complete(&self, seen: &mut Observation) {
        let asked = seen.rollouts.values_mut().filter_map(|rollout| {
            let digests = differing(rollout);
            (2..=MOST).contains(&digests.len()).then(|| self.settle(Arc::make_mut(rollout), digests))
        });
        join_all(asked).await;
    }

    async fn settle(&self, rollout: &mut Rollout, digests: BTreeSet<SafeText>) {
        let image = rollout.target.image.clone();
        let word = match self.known(&image, &digests) {
            Some(word) => word,
            None => {
                let asked = self.word(&image, rollout.target.digest.as_ref(), &digests);
                let word = tokio::time::timeout(PATIENCE, asked)
                    .await
                    .unwrap_or_else(|_| Word::Untold("the registry did not answer in time".into()));
                self.keep(image.clone(), &digests, &word);
                word
            }
        };
        rollout.remarks.push(remark(&word, &image, &digests));
        // What is asked for by another digest than the index's stays what was asked for, and is judged by it.
        if let Word::Index { index, parts } = &word
            && rollout.target.digest.as_ref().is_none_or(|asked| asked == index)
        {
            rewrite(rollout, index, parts);
        }
    }

    fn known(&self, image: &SafeText, digests: &BTreeSet<SafeText>) -> Option<Word> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.get(image).filter(|known| &known.digests == digests)?;
        // A proof stays one; what was not proved may be by now.
        let good = matches!(known.word, Word::Index { .. }) || known.at.elapsed() < LEFT_ALONE;
        good.then(|| known.word.clone())
    }

    fn keep(&self, image: SafeText, digests: &BTreeSet<SafeText>, word: &Word) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= 256 {
            kept.clear();
        }
        kept.insert(image, Kept { at: Instant::now(), digests: digests.clone(), word: word.clone() });
    }

    /// Looks for an index among the digests, then for the one that the tag names.
    async fn word(&self, image: &SafeText, asked: Option<&SafeText>, digests: &BTreeSet<SafeText>) -> Word {
        let mut untold: Option<Fault> = None;
        // The one that is asked for is the likeliest, and the one that was promised.
        for index in asked.into_iter().chain(digests.iter().filter(|d| Some(*d) != asked)) {
            match self.parts(image, index, digests).await {
                Ok(Some(word)) => return word,
                Ok(None) => {}
                Err(fault) => untold = untold.or(Some(fault)),
            }
        }
        match self.registry.manifest(image.as_str()).await {
            Manifest::Found(named) if !digests.contains(&named) => {
                match self.parts(image, &named, digests).await {
                    Ok(Some(word)) => return word,
                    Ok(None) => {}
                    Err(fault) => untold = untold.or(Some(fault)),
                }
            }
            Manifest::Found(_) | Manifest::Missing => {}
            Manifest::Locked(fault) | Manifest::Untold(fault) => untold = untold.or(Some(fault)),
        }
        untold.map_or(Word::Different, |fault| Word::Untold(SafeText::new(&fault.to_string())))
    }

    /// Which of the digests the index has, if it makes two of them one.
    async fn parts(
        &self,
        image: &SafeText,
        index: &SafeText,
        digests: &BTreeSet<SafeText>,
    ) -> Result<Option<Word>, Fault> {
        let mut parts = BTreeMap::new();
        for digest in digests.iter().filter(|digest| *digest != index) {
            match self.registry.belongs(image.as_str(), index, digest).await {
                Belongs::As(platform) => drop(parts.insert(digest.clone(), platform)),
                Belongs::No => {}
                Belongs::Untold(fault) => return Err(fault),
            }
        }
        let least = if digests.contains(index) { 1 } else { 2 };
        Ok((parts.len() >= least).then(|| Word::Index { index: index.clone(), parts }))
    }
}

/// The digests of what is asked for and of all that runs by the same name.
fn differing(rollout: &Rollout) -> BTreeSet<SafeText> {
    let image = &rollout.target.image;
    let named = rollout.running.iter().map(|r| &r.artifact).filter(|artifact| &artifact.image == image);
    let all = std::iter::once(&rollout.target).chain(named);
    all.filter(|artifact| !artifact.image.is_empty()).filter_map(|artifact| artifact.digest.clone()).collect()
}

fn remark(word: &Word, image: &SafeText, digests: &BTreeSet<SafeText>) -> SafeText {
    let list = |all: &mut dyn Iterator<Item = String>| all.collect::<Vec<_>>().join(", ");
    let all = list(&mut digests.iter().map(ToString::to_string));
    SafeText::new(&match word {
        Word::Index { index, parts } => {
            let parts = list(&mut parts.iter().map(|(digest, platform)| format!("{platform} {digest}")));
            format!("one image for several platforms, by the registry's word: {index} has {parts}")
        }
        Word::Different => format!("{image} runs as different images, by the registry's word: {all}"),
        Word::Untold(why) => format!("cannot prove whether these are one image ({why}): {all}"),
    })
}

/// Makes every part the index. A tag that meant several digests means the index, if nothing else runs by its name.
fn rewrite(rollout: &mut Rollout, index: &SafeText, parts: &BTreeMap<SafeText, SafeText>) {
    let image = rollout.target.image.clone();
    let is_part = |a: &Artifact| a.image == image && a.digest.as_ref().is_some_and(|d| parts.contains_key(d));
    for running in &mut rollout.running {
        if is_part(&running.artifact) {
            running.artifact.digest = Some(index.clone());
        }
    }
    for revision in &mut rollout.revisions {
        if is_part(&revision.artifact) {
            revision.artifact.digest = Some(index.clone());
        }
    }
    merge(rollout);
    let mut named = rollout.running.iter().filter(|r| r.artifact.image == image);
    let all = named.all(|r| r.artifact.digest.as_ref() == Some(index));
    if all {
        rollout.remarks.retain(|remark| remark.as_str() != DISAGREE);
    }
    if rollout.target.digest.is_none() && all {
        rollout.target.digest = Some(index.clone());
        let current = rollout.revisions.iter_mut().filter(|r| r.standing == Standing::Current);
        for revision in current.filter(|r| r.artifact.image == image && r.artifact.digest.is_none()) {
            revision.artifact.digest = Some(index.clone());
        }
    }
}

/// What is the same now counts together, most ready first.
fn merge(rollout: &mut Rollout) {
    let mut merged: Vec<Running> = Vec::new();
    for running in std::mem::take(&mut rollout.running) {
        match merged.iter_mut().find(|known| known.artifact == running.artifact) {
            Some(known) => known.ready = known.ready.saturating_add(running.ready),
            None => merged.push(running),
        }
    }
    merged.sort_by_key(|running| std::cmp::Reverse(running.ready));
    rollout.running = merged;
}
