//! What would be sent for an intent, why, and what could go wrong. Pure: it works on answers that were fetched.
//!
//! Every change of a service is one request that names the version index it was made for; the engine refuses it
//! when the index has moved.

use std::time::Duration;

use super::differ;
use super::observe::Update;
use super::splice::{with_force_update, with_image};
use super::wire::{Service, Spec, UpdateConfig};
use crate::domain::intent::Difference;
use crate::domain::rollout::{LAST_RESTART, LEAST_REPLICAS};
use crate::domain::{
    Artifact, Basis, Cause, Fault, Guard, Hazard, Permission, Prepared, Promise, SafeText, Severity,
    SourceName, Step,
};
use crate::provider::registry::Belongs;

/// What a fresh look found.
pub(super) struct Fresh<'a> {
    pub(super) source: &'a SourceName,
    /// `/v1.41`.
    pub(super) prefix: &'a str,
    pub(super) host: &'a SafeText,
    pub(super) service: &'a Service,
    /// The service's specification as the engine wrote it, byte for byte.
    pub(super) spec: &'a str,
}

/// What the registry says about an image, asked through the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It is there, under this digest.
    At(SafeText),
    /// The registry has no such thing.
    Gone(SafeText),
    /// It wants a login, and there is none for it: no evidence either way.
    Locked(SafeText),
    /// It could not be asked, or did not say; why.
    Untold(SafeText),
}

/// What of the service would be changed.
enum Change {
    /// Another image.
    Image,
    /// The whole previous specification.
    Whole,
}

/// Goes to `to`, whose digest is known, by replacing the image and nothing else.
///
/// # Errors
/// When the specification has no image to replace.
pub(super) fn update(fresh: &Fresh<'_>, to: Artifact, mut hazards: Vec<Hazard>) -> Result<Prepared, Fault> {
    let service = fresh.service;
    let from = service.spec.image();
    let reference = to.reference();
    if from.same_as(&to) {
        hazards.push(blocking(format!(
            "{} already runs {}: the service asks for exactly that now.",
            service.spec.name(),
            to.label()
        )));
    }
    hazards.extend(in_flight(service, &Change::Image));
    hazards.extend(memory(service));
    hazards.extend(manner(&service.spec));
    let step = step(
        fresh,
        "registryAuthFrom=spec",
        with_image(fresh.spec, &reference)?,
        format!("asks {} for {reference}; nothing else of it changes", service.spec.name()),
    );
    let differences = vec![differ::image(&from.reference(), &reference)];
    let way_back = format!("roll back: Swarm then remembers {} as the previous specification", from.label());
    Ok(prepared(fresh, step, (from, to), differences, hazards, &service.spec, way_back))
}

/// Goes back to the previous specification, as a whole.
pub(super) fn roll_back(fresh: &Fresh<'_>, previous: &Spec, found: &Found) -> Prepared {
    let service = fresh.service;
    let (from, to) = (service.spec.image(), previous.image());
    let differences = differ::specs(&service.spec, previous);
    let mut hazards = Vec::new();
    if Update::of(service).went_back() {
        hazards.push(blocking(format!(
            "The last change was a rollback: what Swarm calls previous is {}, the one that was rolled back from. \
             Rolling back again would bring it back. Promote it if that is what you want.",
            to.reference()
        )));
    }
    if Update::of(service) == Update::Untold {
        hazards.push(warning(format!(
            "The engine does not say how the last change went: what it calls previous ({}) may be what was left.",
            to.label()
        )));
    }
    if differences.is_empty() {
        hazards.push(blocking(
            "The previous specification equals the present one: nothing would change.".into(),
        ));
    } else if from.same_as(&to) {
        hazards.push(warning(format!(
            "The previous specification has the same image ({}): only settings would go back.",
            to.label()
        )));
    }
    hazards.extend(kept(&to, found));
    hazards.extend(settings(&differences));
    hazards.extend(in_flight(service, &Change::Whole));
    hazards.extend(manner(previous));
    let step = step(
        fresh,
        "rollback=previous&registryAuthFrom=previous-spec",
        fresh.spec.to_owned(),
        format!(
            "takes {} back to its previous specification, which has {}; the body is the present one, as the engine \
             demands, and is not applied",
            service.spec.name(),
            to.reference()
        ),
    );
    let way_back = format!("promote {}; a second rollback would swap them as well", from.reference());
    prepared(fresh, step, (from, to), differences, hazards, previous, way_back)
}

/// Replaces every task by one of the very same specification, which a counter in it makes the engine do.
///
/// # Errors
/// When the specification has no task template, or the counter is at its end.
pub(super) fn restart(fresh: &Fresh<'_>, found: &Found) -> Result<Prepared, Fault> {
    let service = fresh.service;
    let runs = service.spec.image();
    let before = service.spec.force_update();
    let count = before
        .checked_add(1)
        .ok_or_else(|| Fault::new(Cause::Malformed, "the counter of forced updates is at its end"))?;
    let mut hazards = Vec::new();
    hazards.extend(in_flight(service, &Change::Image));
    hazards.extend(kept(&runs, found));
    if let Some(previous) = service.previous_spec.as_ref().filter(|s| !s.image().same_as(&runs)) {
        hazards.push(warning(format!(
            "Swarm remembers one step: after this, previous is {} as well, and no longer {}. To go back to that, promote \
             it.",
            runs.label(),
            previous.image().label()
        )));
    }
    hazards.extend(manner(&service.spec));
    let step = step(
        fresh,
        "registryAuthFrom=spec",
        with_force_update(fresh.spec, count)?,
        format!("replaces every task of {} by a new one; nothing else of it changes", service.spec.name()),
    );
    let differences = vec![Difference {
        what: "forced updates".into(),
        old: SafeText::new(&before.to_string()),
        new: SafeText::new(&count.to_string()),
    }];
    let way_back = "nothing to take back: the same specification runs".to_owned();
    let pair = (runs.clone(), runs.clone());
    let mut prepared = prepared(fresh, step, pair, differences, hazards, &service.spec, way_back);
    prepared.promise = Promise::Restarted { artifact: runs, mark: SafeText::new(&count.to_string()) };
    prepared.basis.push(Basis::new(LAST_RESTART, before.to_string()));
    Ok(prepared)
}

fn prepared(
    fresh: &Fresh<'_>,
    step: Step,
    (from, to): (Artifact, Artifact),
    differences: Vec<Difference>,
    hazards: Vec<Hazard>,
    goes_by: &Spec,
    way_back: String,
) -> Prepared {
    let index = fresh.service.version.index;
    let promise = Promise::Runs { artifact: to.clone() };
    Prepared {
        basis: basis(fresh.service, &from, goes_by),
        steps: vec![step],
        from: Some(from),
        to: Some(to),
        differences,
        hazards,
        permission: Permission::Untold,
        guard: Guard::Server(SafeText::new(&format!(
            "the engine applies it only to version index {index} of the service"
        ))),
        promise,
        deadline: deadline(goes_by),
        way_back: Some(SafeText::new(&way_back)),
        identity: Some(identity(fresh.host)),
        people: None,
        form: Vec::new(),
    }
}

/// Who we are at an engine: its socket knows no users.
pub(super) fn identity(host: &SafeText) -> SafeText {
    SafeText::new(&format!("the engine's socket on {host}"))
}

fn basis(service: &Service, from: &Artifact, goes_by: &Spec) -> Vec<Basis> {
    let previous =
        service.previous_spec.as_ref().map_or_else(|| "none".to_owned(), |s| s.image().reference());
    let replicas = goes_by.replicas().map(|n| Basis::new(LEAST_REPLICAS, n.to_string()));
    [
        Basis::new("service id", &service.id),
        Basis::new("version index", service.version.index.to_string()),
        Basis::new("image", from.reference()),
        Basis::new("previous image", previous),
        Basis::new("update state", Update::of(service).word()),
        // The engine knows no users: when is all that anybody can tell.
        Basis::new("last change", last_change(service)),
    ]
    .into_iter()
    .chain(replicas)
    .collect()
}

fn last_change(service: &Service) -> String {
    let at = service.updated_at.map(|at| at.strftime("%Y-%m-%d %H:%M:%S UTC"));
    at.map_or_else(|| "not told".to_owned(), |at| format!("somebody at {at}"))
}

fn step(fresh: &Fresh<'_>, query: &str, body: String, effect: String) -> Step {
    let (prefix, service) = (fresh.prefix, fresh.service);
    Step {
        source: fresh.source.clone(),
        method: "POST".to_owned(),
        path: format!("{prefix}/services/{}/update?version={}&{query}", service.id, service.version.index),
        content_type: Some("application/json".to_owned()),
        body: Some(body),
        effect: SafeText::new(&effect),
    }
}

fn note(text: String) -> Hazard {
    Hazard::new(Severity::Note, text)
}

fn warning(text: String) -> Hazard {
    Hazard::new(Severity::Warning, text)
}

fn blocking(text: String) -> Hazard {
    Hazard::new(Severity::Blocking, text)
}

/// What an update that is not finished means for this one.
fn in_flight(service: &Service, change: &Change) -> Option<Hazard> {
    let moves = "The engine moves the version index as it goes, so this plan may have to be made again.";
    Some(match (Update::of(service), change) {
        (Update::Updating, Change::Image) => {
            warning(format!("An update is under way: this one takes its place where it stands. {moves}"))
        }
        (Update::Updating, Change::Whole) => {
            note(format!("An update is under way: going back stops it where it stands. {moves}"))
        }
        (Update::RollingBack, _) => {
            warning(format!("A rollback is under way: this takes its place. {moves}"))
        }
        (Update::Paused, Change::Image) => warning(
            "A failure paused the last update with both versions running: this one goes on from there."
                .into(),
        ),
        (Update::RollbackPaused, _) => {
            warning("A failure paused the last rollback with both versions running.".into())
        }
        (Update::Unknown(word), Change::Image) => {
            warning(format!("The engine is in an update state unknown to us: '{word}'."))
        }
        (Update::Unknown(word), Change::Whole) => blocking(format!(
            "The engine is in an update state unknown to us ('{word}'): what it calls previous may be what was rolled \
             back from."
        )),
        _ => return None,
    })
}

/// What an update does to the one step of history there is.
fn memory(service: &Service) -> Option<Hazard> {
    let troubled = matches!(Update::of(service), Update::Updating | Update::Paused);
    let previous = service.previous_spec.as_ref().filter(|_| troubled)?;
    Some(warning(format!(
        "Swarm remembers one step: after this, previous is {}, whose update did not finish, and no longer {}.",
        service.spec.image().label(),
        previous.image().label()
    )))
}

/// How the change goes about, where its configuration makes it dangerous. What every change does (one batch after the
/// other, a stop or an automatic rollback when replicas fail) is no hazard of this one.
fn manner(spec: &Spec) -> Vec<Hazard> {
    let config = spec.update_config();
    let mut hazards = Vec::new();
    if config.failure_action() == "continue" {
        hazards
            .push(warning("If replicas fail, Swarm goes on all the same (failure action continue).".into()));
    }
    hazards.extend(all_at_once(spec, &config));
    if spec.replicas() == Some(0) {
        hazards.push(warning("Replicas is 0: nothing would run, so nothing can be proved.".into()));
    }
    hazards
}

fn all_at_once(spec: &Spec, config: &UpdateConfig) -> Option<Hazard> {
    let at_once = config.parallelism();
    let replicas = u64::from(spec.replicas()?);
    let every = at_once == 0 || at_once >= replicas;
    (replicas > 0 && every && config.order() != "start-first").then(|| {
        warning("stop-first, all replicas at once: nothing serves until the new ones are up.".into())
    })
}

/// Whether the image to go back to can still be had.
fn kept(to: &Artifact, found: &Found) -> Option<Hazard> {
    match (found, &to.digest) {
        (Found::At(_), Some(_)) | (Found::Locked(_), _) => None,
        (Found::At(digest), None) => Some(warning(format!(
            "{} is not pinned by digest: the tag names {digest} now, which may not be what ran before.",
            to.image
        ))),
        (Found::Gone(says), _) => Some(warning(format!(
            "{} is gone from the registry ({says}): only nodes that still hold it can start it.",
            to.reference()
        ))),
        (Found::Untold(says), _) => Some(note(format!(
            "Whether the registry still has {} could not be checked: {says}",
            to.reference()
        ))),
    }
}

/// Settings that go back together with the image.
fn settings(differences: &[Difference]) -> Option<Hazard> {
    let names: Vec<_> = differences.iter().map(|d| d.what.as_str()).filter(|what| *what != "image").collect();
    (!names.is_empty()).then(|| warning(format!("More than the image goes back: {}.", names.join(", "))))
}

/// How long the change may take: each batch waits for the old to stop, the new to start and be watched, and the
/// configured delay. Between two minutes and six hours.
fn deadline(spec: &Spec) -> Duration {
    /// Seconds that pulling, stopping and starting may take for one batch.
    const BATCH: u64 = 45;
    let config = spec.update_config();
    let replicas = u64::from(spec.replicas().unwrap_or(10)).max(1);
    let batches = match config.parallelism() {
        0 => 1,
        n => replicas.div_ceil(n),
    };
    let each = BATCH.saturating_add(config.delay()).saturating_add(config.monitor());
    Duration::from_secs(batches.saturating_mul(each).clamp(120, 6 * 3_600))
}

/// What would be shipped, with its digest, from what the registry says about its tag and (where the tag does not
/// lead to the wanted digest) about that digest itself. `part` tells whether that digest is one platform's image of
/// what the tag names.
///
/// # Errors
/// When no digest is known and the registry tells none.
pub(super) fn resolve(
    wanted: &Artifact,
    tag: &Found,
    pinned: Option<&Found>,
    part: Option<&Belongs>,
) -> Result<(Artifact, Vec<Hazard>), Fault> {
    let Some(digest) = &wanted.digest else {
        let told = match tag {
            Found::At(digest) => digest.clone(),
            Found::Gone(says) => {
                return Err(Fault::new(
                    Cause::NotFound,
                    format!("the registry has no {}: {says}", wanted.image),
                ));
            }
            Found::Locked(says) | Found::Untold(says) => {
                let detail = format!("{} could not be resolved to a digest: {says}", wanted.image);
                return Err(
                    Fault::new(Cause::Refused, detail).with_hint("name the digest, or let the engine log in")
                );
            }
        };
        let tagged = Artifact::from_reference(wanted.image.as_str()).version.is_some();
        let hazards = (!tagged).then(|| {
            warning(format!(
                "{} names neither tag nor digest: the registry's 'latest' is meant.",
                wanted.image
            ))
        });
        return Ok((Artifact { digest: Some(told), ..wanted.clone() }, hazards.into_iter().collect()));
    };
    if let (Found::At(index), Some(Belongs::As(platform))) = (tag, part) {
        let hazard = note(format!(
            "{digest}, which was tested, is the {platform} image of {index}, which {} names: that is shipped.",
            wanted.image
        ));
        return Ok((Artifact { digest: Some(index.clone()), ..wanted.clone() }, vec![hazard]));
    }
    let mut hazards: Vec<_> = tag_hazard(wanted, tag, digest).into_iter().collect();
    if let Found::Gone(says) = pinned.unwrap_or(tag) {
        hazards.push(blocking(format!("The registry does not hold {}: {says}", wanted.reference())));
    }
    Ok((wanted.clone(), hazards))
}

fn tag_hazard(wanted: &Artifact, tag: &Found, digest: &SafeText) -> Option<Hazard> {
    match tag {
        Found::At(now) if now != digest => Some(blocking(format!(
            "The tag moved: {} is {now} now, and {digest} was to be shipped. Find out which one was tested.",
            wanted.image
        ))),
        Found::At(_) | Found::Locked(_) => None,
        Found::Gone(_) => Some(note(format!(
            "The registry does not know {} by this name; it is shipped by digest.",
            wanted.image
        ))),
        Found::Untold(says) => Some(warning(format!(
            "Whether the registry has {} could not be checked: {says}",
            wanted.reference()
        ))),
    }
}
