//! From names on a command line to the one thing that is meant. Several things that fit are never guessed between:
//! they are listed.

use crate::action::Offer;
use crate::app::Model;
use crate::app::aim::Aim;
use crate::domain::intent::RevertTo;
use crate::domain::pipeline::WaitsFor;
use crate::domain::time::{ago, spoken};
use crate::domain::{Artifact, Environment, Gate, GateKey, Refusal, Service, Target, Verb};

/// What was asked for, in the words of the command line.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Wish {
    pub verb: Verb,
    pub service: String,
    pub environment: Option<String>,
    /// The gate, the run, the version.
    pub which: Option<String>,
}

/// One of several things that fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Candidate {
    /// What to say to mean this one.
    pub id: String,
    /// What it is.
    pub label: String,
}

/// Why it is not clear what is meant.
#[derive(Clone, Debug)]
pub(in crate::cli) enum Unclear {
    /// A name that the config does not have.
    Unknown(String),
    /// Nothing fits, or several things do.
    Refused(Refusal, Vec<Candidate>),
}

/// How a gate is called on the command line: run, attempt and gate, because a rerun asks anew.
pub(in crate::cli) fn gate_id(key: &GateKey) -> String {
    format!("{}.{}/{}", key.run.id, key.attempt, key.id)
}

/// The service and environment that are named, and the gate that is meant.
pub(in crate::cli) fn aim(model: &Model, wish: &Wish) -> Result<Aim, Unclear> {
    let service = service(model, &wish.service)?;
    let named = wish.environment.as_deref().map(|name| environment(service, name)).transpose()?;
    let name = service.name.clone();
    match wish.verb {
        Verb::Approve | Verb::Reject => gate(model, service, named, wish.which.as_deref()),
        Verb::Rerun | Verb::Cancel => Ok(Aim { service: name, environment: None, gate: None }),
        Verb::Promote
        | Verb::RollBack
        | Verb::Pause
        | Verb::Resume
        | Verb::PromoteFully
        | Verb::Abort
        | Verb::Retry
        | Verb::Restart
        | Verb::Hold
        | Verb::Release => {
            let one = match (named, service.environments.as_slice()) {
                (Some(one), _) => Some(one),
                (None, [] | [_]) => service.environments.first(),
                (None, several) => return Err(which_environment(service, several)),
            };
            Ok(Aim { service: name, environment: one.map(|e| e.name.clone()), gate: None })
        }
    }
}

fn service<'a>(model: &'a Model, name: &str) -> Result<&'a Service, Unclear> {
    let services = &model.setup.services;
    services.iter().find(|s| s.name.as_str() == name).ok_or_else(|| {
        Unclear::Unknown(format!(
            "no service is called {name:?}; the config has {}",
            listed(services.iter().map(|s| s.name.as_str()))
        ))
    })
}

fn environment<'a>(service: &'a Service, name: &str) -> Result<&'a Environment, Unclear> {
    let all = &service.environments;
    all.iter().find(|e| e.name.as_str() == name).ok_or_else(|| {
        Unclear::Unknown(format!(
            "{} has no environment {name:?}; the config has {}",
            service.name,
            listed(all.iter().map(|e| e.name.as_str()))
        ))
    })
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn which_environment(service: &Service, several: &[Environment]) -> Unclear {
    let candidates = several
        .iter()
        .map(|e| Candidate { id: e.name.to_string(), label: format!("{} in {}", service.name, e.name) });
    let refusal = Refusal::new(format!("{} has {} environments: say which", service.name, several.len()))
        .evidence("the config")
        .next("name it with --env");
    Unclear::Refused(refusal, candidates.collect())
}

/// The gate that is meant: the only one that fits. Those that wait for a human go before those that only count down.
fn gate(
    model: &Model,
    service: &Service,
    environment: Option<&Environment>,
    which: Option<&str>,
) -> Result<Aim, Unclear> {
    let all: Vec<&Gate> =
        model.inbox.iter().map(|g| &g.value).filter(|g| g.key.run.service == service.name).collect();
    let here = |gate: &Gate| environment.is_none_or(|e| gate.environment.as_ref() == Some(&e.name));
    let named = |gate: &Gate| which.is_none_or(|id| gate_id(&gate.key) == id);
    let mut fit: Vec<&Gate> = all.iter().copied().filter(|g| here(g) && named(g)).collect();
    if fit.iter().any(|g| g.waits_for == WaitsFor::Human) {
        fit.retain(|g| g.waits_for == WaitsFor::Human);
    }
    let list = |gates: &[&Gate]| gates.iter().map(|g| candidate(model, g)).collect();
    match fit.as_slice() {
        [one] => Ok(Aim {
            service: service.name.clone(),
            environment: one.environment.clone(),
            gate: Some(one.key.clone()),
        }),
        [] if all.is_empty() && unseen(model, service).is_some() => {
            let why = unseen(model, service).unwrap_or_default();
            let refusal =
                Refusal::new(format!("whether anything of {} waits is not known: {why}", service.name))
                    .evidence(seen(model, service))
                    .next("try again when it answers; gonogo doctor says what is wrong");
            Err(Unclear::Refused(refusal, Vec::new()))
        }
        [] if all.is_empty() => Ok(Aim {
            service: service.name.clone(),
            environment: environment.map(|e| e.name.clone()),
            gate: None,
        }),
        [] => {
            let what = which.map_or_else(
                || environment.map(|e| format!("of {}", e.name)).unwrap_or_default(),
                |id| format!("with the id {id}"),
            );
            let refusal = Refusal::new(format!("no gate of {} {what} waits", service.name))
                .evidence(seen(model, service))
                .next("gonogo approvals lists those that do");
            Err(Unclear::Refused(refusal, list(&all)))
        }
        several => {
            let refusal =
                Refusal::new(format!("{} gates of {} wait: say which", several.len(), service.name))
                    .evidence(seen(model, service))
                    .next("name one with --gate or --env");
            Err(Unclear::Refused(refusal, list(several)))
        }
    }
}

fn candidate(model: &Model, gate: &Gate) -> Candidate {
    let since = gate.since.map(|s| format!(", waits {}", spoken(ago(model.now.wall, s)))).unwrap_or_default();
    let label = format!("{}, run {}, commit {}{since}", gate.title, gate.run_number, gate.revision.short());
    Candidate { id: gate_id(&gate.key), label }
}

/// Why nobody knows what waits, if the source of the service's gates cannot be seen now.
fn unseen(model: &Model, service: &Service) -> Option<String> {
    let source = service.pipeline.as_ref()?;
    let fault = model.world.fault(source, &service.name).map(ToString::to_string);
    let never = model.world.age(source, &service.name, model.now).is_none();
    let why = fault.or_else(|| never.then(|| "has not answered yet".to_owned()))?;
    Some(format!("{source} {why}"))
}

fn seen(model: &Model, service: &Service) -> String {
    let told = service.pipeline.as_ref().and_then(|source| {
        let age = model.world.age(source, &service.name, model.now)?;
        Some(format!("{source}, {} old", spoken(age)))
    });
    told.unwrap_or_else(|| "no source has answered yet".to_owned())
}

/// Which of the offers is meant, by index.
pub(in crate::cli) fn choose(model: &Model, wish: &Wish, offers: &[Offer]) -> Result<usize, Unclear> {
    let fits = |which: &str| {
        let names = |(index, offer): (usize, &Offer)| {
            names(model, offer).iter().any(|name| name == which).then_some(index)
        };
        offers.iter().enumerate().filter_map(names).collect::<Vec<usize>>()
    };
    let all = || (0..offers.len()).collect::<Vec<usize>>();
    let fit = match (wish.verb, wish.which.as_deref()) {
        (
            Verb::Approve
            | Verb::Reject
            | Verb::Pause
            | Verb::Resume
            | Verb::PromoteFully
            | Verb::Abort
            | Verb::Retry
            | Verb::Restart
            | Verb::Hold
            | Verb::Release,
            _,
        ) => vec![0],
        (_, Some(which)) => fits(which),
        // Going back without more words is going back to what ran before.
        (Verb::RollBack, None) => vec![0],
        (_, None) => all(),
    };
    let (flag, what) = match wish.verb {
        Verb::Rerun | Verb::Cancel => ("--run", "runs"),
        _ => ("--to", "versions"),
    };
    let list = |indices: &[usize]| {
        let of = |index: &usize| {
            let offer = offers.get(*index)?;
            let id = names(model, offer).into_iter().next()?;
            Some(Candidate { id, label: offer.label.to_string() })
        };
        indices.iter().filter_map(of).collect::<Vec<_>>()
    };
    match fit.as_slice() {
        [one] => Ok(*one),
        [] => {
            let which = wish.which.as_deref().unwrap_or_default();
            let refusal = Refusal::new(format!("none of the {what} is called {which:?}"))
                .evidence("what the sources know now")
                .next(format!("name one of those that there are with {flag}"));
            Err(Unclear::Refused(refusal, list(&all())))
        }
        several => {
            let refusal = Refusal::new(format!("{} {what} fit: say which", several.len()))
                .evidence("what the sources know now")
                .next(format!("name one with {flag}"));
            Err(Unclear::Refused(refusal, list(several)))
        }
    }
}

/// Everything that an offer can be called; the first is its id.
fn names(model: &Model, offer: &Offer) -> Vec<String> {
    let service = model.service(&offer.intent.service);
    match &offer.intent.target {
        Target::Run(key) => {
            let pipeline = service.and_then(|s| model.world.pipeline(s));
            let run = pipeline.and_then(|p| p.value.runs.iter().find(|r| &r.key == key));
            std::iter::once(key.id.to_string()).chain(run.map(|r| r.number.to_string())).collect()
        }
        Target::Revision { id, artifact } => {
            let environment = service
                .and_then(|s| s.environment(&offer.intent.place.as_ref()?.environment).map(|e| (s, e)));
            let rollout = environment.and_then(|(s, e)| model.world.rollout(s, e));
            let revision = rollout.and_then(|r| r.value.revisions.iter().find(|r| &r.id == id));
            let number = revision.and_then(|r| r.number).map(|n| n.to_string());
            std::iter::once(id.to_string()).chain(number).chain(names_of(artifact)).collect()
        }
        Target::Artifact(artifact) | Target::Dispatch(artifact) => names_of(artifact),
        Target::Gate(key) => vec![gate_id(key)],
        Target::Deployed { id, revision } => {
            vec![format!("history-{id}"), revision.as_str().to_owned(), revision.short().to_owned()]
        }
        Target::Revert { commit, to } => {
            let word = if *to == RevertTo::Branch { "revert" } else { "propose" };
            vec![format!("{word}-{}", commit.short()), format!("{word}-{}", commit.as_str())]
        }
        Target::Rollout | Target::Replicas { .. } | Target::Application => Vec::new(),
    }
}

fn names_of(artifact: &Artifact) -> Vec<String> {
    let commit = artifact.revision.as_ref();
    std::iter::once(artifact.label().to_owned())
        .chain(artifact.version.as_ref().map(ToString::to_string))
        .chain(artifact.digest.as_ref().map(ToString::to_string))
        .chain(commit.map(|c| c.as_str().to_owned()))
        .chain(commit.map(|c| c.short().to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::app::model::Setup;
    use crate::app::{Msg, update};
    use crate::domain::pipeline::MayDecide;
    use crate::domain::service::Access;
    use crate::domain::{EnvironmentName, Now, Observation, Report, RunKey, ServiceName, Sha, SourceName};

    fn environment(name: &str) -> Environment {
        Environment {
            name: EnvironmentName::new(name),
            deploy: None,
            live: None,
            dispatch: None,
            owner: None,
            manifests: None,
            image: None,
            signals: Vec::new(),
            alerts: None,
            policy: crate::domain::Policy::default(),
        }
    }

    fn waiting(run: &str, environment: &str, waits_for: WaitsFor) -> Gate {
        let run = RunKey { source: SourceName::new("ci"), service: ServiceName::new("web"), id: run.into() };
        Gate {
            key: GateKey { run, attempt: 1, id: "9".into() },
            environment: Some(EnvironmentName::new(environment)),
            title: environment.into(),
            revision: Sha::new("4f2c8b61f0a9"),
            branch: None,
            run_number: 7,
            run_title: "Release".into(),
            since: None,
            asked_by: None,
            reviewers: Vec::new(),
            may_decide: MayDecide::Yes,
            timer: None,
            waits_for,
            url: None,
            asks: Vec::new(),
            no_reject: None,
            plan: None,
            expires: None,
            quorum: None,
        }
    }

    fn model(gates: Vec<Gate>) -> Model {
        let web = Service {
            name: ServiceName::new("web"),
            code: None,
            pipeline: Some(SourceName::new("ci")),
            environments: vec![environment("staging"), environment("production")],
            stages: Vec::new(),
        };
        let setup = Setup {
            services: vec![web],
            sources: vec![SourceName::new("ci")],
            access: Access::ReadWrite,
            banner: None,
            ..Setup::default()
        };
        let mut model = Model::new(setup, "s".into(), Now::START, (80, 24));
        let report = Report {
            source: SourceName::new("ci"),
            epoch: 0,
            began: Now::START,
            at: Now::START,
            next: Duration::from_secs(5),
            result: Ok(Arc::new(Observation { gates, ..Observation::default() })),
        };
        update(&mut model, Msg::Report(report));
        model
    }

    fn wish(environment: Option<&str>, which: Option<&str>) -> Wish {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Wish {
            verb: Verb::Approve,
            service: "web".into(),
            environment: owned(environment),
            which: owned(which),
        }
    }

    #[test]
    fn several_gates_that_fit_are_listed_and_none_is_taken() {
        let human = WaitsFor::Human;
        let model = model(vec![
            waiting("1", "staging", human),
            waiting("2", "production", human),
            waiting("3", "production", human),
        ]);
        let ids = |wish: &Wish| match aim(&model, wish) {
            Err(Unclear::Refused(refusal, list)) => {
                assert!(refusal.evidence.is_some() && refusal.next.is_some());
                list.into_iter().map(|c| c.id).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(ids(&wish(None, None)).len(), 3);
        assert_eq!(ids(&wish(Some("production"), None)), ["2.1/9", "3.1/9"]);
        assert_eq!(ids(&wish(Some("staging"), Some("2.1/9"))).len(), 3, "nothing fits: all are listed");
        let one = aim(&model, &wish(None, Some("3.1/9"))).unwrap();
        assert_eq!(one.gate.unwrap().run.id, "3");
        assert_eq!(one.environment, Some(EnvironmentName::new("production")));
        assert_eq!(aim(&model, &wish(Some("staging"), None)).unwrap().gate.unwrap().run.id, "1");
    }

    #[test]
    fn a_timer_does_not_stand_in_the_way_of_a_gate_that_waits_for_a_human() {
        let model = model(vec![
            waiting("1", "production", WaitsFor::Timer),
            waiting("2", "production", WaitsFor::Human),
        ]);
        assert_eq!(aim(&model, &wish(None, None)).unwrap().gate.unwrap().run.id, "2");
    }
}
