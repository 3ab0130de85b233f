//! Where what runs comes from, in one line: one digest on all replicas, tested, approved, the same as in the environment
//! before. Each with a sign of its own, for a match, a mismatch, and what nobody can prove.

use super::scene::Scene;
use super::sheet::Words;
use crate::domain::assess::provenance::{Proof, of_place};
use crate::domain::{Environment, Service};
use crate::theme::{Role, Sign};

/// The line; none while nothing is known to run.
pub(super) fn line<'a>(scene: Scene<'a>, service: &Service, environment: &Environment) -> Option<Words<'a>> {
    let known = of_place(service, environment, &scene.model.world)?;
    let others = [known.tested, known.approved, known.before];
    let words = told(scene.words(), known.replicas);
    Some(others.into_iter().flatten().fold(words, |words, proof| told(words.dot(), proof)))
}

fn told(words: Words<'_>, proof: Proof) -> Words<'_> {
    let (sign, role, text) = match proof {
        Proof::Match(text) => (Sign::Good, Role::Muted, text),
        Proof::Mismatch(text) => (Sign::Bad, Role::NoGo, text),
        Proof::Unproved(text) => (Sign::Unknown, Role::Unknown, text),
    };
    words.sign(sign).gap(1).say(role, text)
}
