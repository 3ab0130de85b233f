//! Who is asked on a canary's way, and the doors of Flagger's load tester by which people answer.
//!
//! A webhook that confirms asks `/gate/check` of a load tester, and one that turns back asks `/rollback/check`. The load
//! tester keeps one gate and one rollback gate for each canary: whatever kind of webhook asks, the same gate answers it,
//! for every revision, until somebody closes it. It usually stands inside the cluster, so the config says how it is
//! reached from here.
//!
//! Source: the routes of Flagger's load tester, and its documentation ("Webhooks", "Manual Gating").

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::canary::Canary;
use crate::domain::rollout::{Ajar, Door};
use crate::domain::{Cause, Fault, Receipt, SafeText, Step};
use crate::provider::http::{Endpoint, EndpointSpec, Limits, Read};

/// A check is answered from memory: one that takes longer will not come.
const PATIENCE: Duration = Duration::from_secs(5);

/// One of the two doors that a load tester keeps for a canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// Open: the rollout goes on.
    Gate,
    /// Open: the rollout is turned back.
    Rollback,
}

impl Which {
    pub(super) const ALL: [Self; 2] = [Self::Gate, Self::Rollback];

    /// Its first part of the path.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Gate => "/gate",
            Self::Rollback => "/rollback",
        }
    }

    /// As it is shown.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::Rollback => "rollback gate",
        }
    }
}

/// What a webhook's answer decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Whether it begins.
    Rollout,
    /// Whether it gets a greater share.
    TrafficIncrease,
    /// Whether it is promoted.
    Promotion,
    /// Whether it is turned back.
    Rollback,
}

impl Kind {
    /// Flagger's word.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Rollout => "confirm-rollout",
            Self::TrafficIncrease => "confirm-traffic-increase",
            Self::Promotion => "confirm-promotion",
            Self::Rollback => "rollback",
        }
    }
}

/// One webhook that decides something.
#[derive(Clone, Debug)]
pub(super) struct Hook {
    pub(super) kind: Kind,
    pub(super) name: SafeText,
    /// Whom it asks, as far as it may be shown.
    pub(super) whom: SafeText,
    /// The load tester's door that it asks, and where that load tester is: none if it asks somebody else.
    pub(super) door: Option<(Which, String)>,
}

impl Hook {
    /// The webhook of this type; none if it decides nothing.
    pub(super) fn of(kind: &str, name: &str, url: &str) -> Option<Self> {
        let all = [Kind::Rollout, Kind::TrafficIncrease, Kind::Promotion, Kind::Rollback];
        let kind = all.into_iter().find(|k| k.word() == kind)?;
        // Neither a query nor a user's name is shown.
        let bare = url.split(['?', '#']).next().unwrap_or_default();
        let (scheme, rest) = bare.split_once("://").unwrap_or(("", bare));
        let rest = rest.split_once('@').map_or(rest, |(_, rest)| rest);
        let door = Which::ALL.into_iter().find_map(|which| {
            let place = bare.strip_suffix(&format!("{}/check", which.path()))?;
            Some((which, place.to_owned()))
        });
        let whom = if scheme.is_empty() { rest.to_owned() } else { format!("{scheme}://{rest}") };
        Some(Self { kind, name: SafeText::new(name), whom: SafeText::new(&whom), door })
    }
}

impl Canary {
    /// The webhooks that decide one thing.
    pub(super) fn asked(&self, kind: Kind) -> impl Iterator<Item = &Hook> {
        self.hooks.iter().filter(move |hook| hook.kind == kind)
    }

    /// The load tester's doors that its webhooks ask.
    pub(super) fn doors(&self) -> Vec<Which> {
        let asks = |which: &Which| self.hooks.iter().any(|h| h.door.as_ref().is_some_and(|d| d.0 == *which));
        Which::ALL.into_iter().filter(asks).collect()
    }

    /// Why a door cannot be decided: its webhooks ask more than one load tester, of which only one is reached.
    pub(super) fn scattered(&self) -> Option<String> {
        let mut places: Vec<&str> =
            self.hooks.iter().filter_map(|h| h.door.as_ref()).map(|d| d.1.as_str()).collect();
        places.sort_unstable();
        places.dedup();
        (places.len() > 1)
            .then(|| format!("its webhooks ask {} load testers, of which only one is reached", places.len()))
    }
}

/// The load tester as it is reached from here.
#[derive(Clone, Debug)]
pub(in super::super) struct LoadTester {
    base: String,
    endpoint: Endpoint,
    objection: Option<&'static str>,
}

impl LoadTester {
    /// One that is reached at `url`.
    ///
    /// # Errors
    /// When it is no URL, or holds a credential.
    pub(in super::super) fn new(url: &str, env: &Arc<BTreeMap<String, String>>) -> Result<Self, Fault> {
        let base = url.trim_end_matches('/').to_owned();
        let spec = EndpointSpec::new(&base).limits(Limits { total: PATIENCE, ..Limits::DEFAULT });
        let endpoint = Endpoint::new(EndpointSpec { env: Arc::clone(env), ..spec })?;
        let uri: Option<http::Uri> = base.parse().ok();
        let plain = uri.as_ref().and_then(http::Uri::scheme_str) == Some("http");
        let here = uri.as_ref().and_then(http::Uri::host).is_some_and(super::super::connect::is_loopback);
        let objection = (plain && !here).then_some(
            "the load tester is reached by plain HTTP over a network: anybody on the way could change the request, so \
             nothing is written to it; use https, or a port-forward to this machine",
        );
        Ok(Self { base, endpoint, objection })
    }

    /// Why nothing is written there, if so.
    pub(super) const fn objection(&self) -> Option<&'static str> {
        self.objection
    }

    /// The address of a door's handle: `https://loadtester.test/gate/open`.
    pub(super) fn handle(&self, which: Which, handle: &str) -> String {
        format!("{}{}/{handle}", self.base, which.path())
    }

    /// Whether a request is one for this load tester: then its path there.
    pub(in super::super) fn takes(&self, address: &str) -> Option<String> {
        let path = address.strip_prefix(&self.base)?;
        let handles = ["open", "close"];
        let known = |which: Which| handles.iter().any(|handle| path == format!("{}/{handle}", which.path()));
        Which::ALL.into_iter().any(known).then(|| path.to_owned())
    }

    /// How a door stands.
    pub(super) async fn check(&self, which: Which, canary: &Canary, namespace: &str) -> Ajar {
        let read = Read::check(format!("{}/check", which.path()), key(canary, namespace));
        match self.endpoint.read(&read).await {
            Ok(answer) => match answer.status {
                // Flagger takes these for yes.
                200..=202 => Ajar::Open,
                403 => Ajar::Closed,
                _ => Ajar::Untold(answer.fault().detail),
            },
            Err(fault) => Ajar::Untold(fault.detail),
        }
    }

    /// Sends a step, once.
    pub(in super::super) async fn perform(&self, step: &Step, path: String) -> Result<Receipt, Fault> {
        if let Some(objection) = self.objection {
            return Err(Fault::new(Cause::Local, objection));
        }
        let answer = self.endpoint.write(&Step { path, ..step.clone() }, &[]).await?;
        match answer.status {
            200..=202 => Ok(Receipt { status: answer.status, says: "accepted by the load tester".into() }),
            403 => Err(Fault::new(Cause::Forbidden, "the load tester serves other namespaces only")),
            _ => Err(answer.fault()),
        }
    }
}

/// What a load tester is told to know a canary by.
pub(super) fn key(canary: &Canary, namespace: &str) -> String {
    json!({"name": canary.meta.name, "namespace": namespace}).to_string()
}

/// How the doors of a canary stand.
pub(super) async fn look(tester: Option<&LoadTester>, canary: &Canary, namespace: &str) -> Vec<Door> {
    let mut doors = Vec::new();
    for which in canary.doors() {
        let state = match (tester, canary.scattered()) {
            (Some(_), Some(why)) => Ajar::Untold(SafeText::new(&why)),
            (Some(tester), None) => tester.check(which, canary, namespace).await,
            (None, _) => Ajar::Untold(
                "how the load tester is reached is not configured: gates = \"https://..\"".into(),
            ),
        };
        let hooks = canary.hooks.iter().filter(|h| h.door.as_ref().is_some_and(|d| d.0 == which));
        let hooks = hooks.map(|h| h.kind.word()).collect::<Vec<_>>().join(", ");
        doors.push(Door { name: which.word().into(), asked_by: SafeText::new(&hooks), state });
    }
    doors
}

/// How one of them stands, among those that were looked at.
pub(super) fn of(doors: &[Door], which: Which) -> Option<&Ajar> {
    doors.iter().find(|door| door.name.as_str() == which.word()).map(|door| &door.state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_known_by_whom_it_asks() {
        for (kind, url, door) in [
            ("confirm-rollout", "http://tester.test/gate/check", Some(Which::Gate)),
            ("confirm-promotion", "http://tester.test/below/gate/check?x=1", Some(Which::Gate)),
            ("rollback", "http://tester.test/rollback/check", Some(Which::Rollback)),
            ("confirm-rollout", "http://tester.test/gate/halt", None),
            ("confirm-rollout", "http://desk.test/ask", None),
        ] {
            let hook = Hook::of(kind, "ask", url).unwrap();
            assert_eq!(hook.door.map(|d| d.0), door, "{url}");
            assert!(!hook.whom.as_str().contains("x=1"));
        }
        assert!(Hook::of("rollout", "load", "http://tester.test/").is_none());
        let secret = Hook::of("rollback", "ask", "http://ann:pa55@desk.test/ask").unwrap();
        assert_eq!(secret.whom.as_str(), "http://desk.test/ask");
    }

    #[test]
    fn only_the_handles_of_its_own_doors_are_a_load_testers() {
        let tester = LoadTester::new("https://tester.test/below/", &Arc::default()).unwrap();
        assert_eq!(tester.handle(Which::Gate, "open"), "https://tester.test/below/gate/open");
        for (address, path) in [
            ("https://tester.test/below/gate/open", Some("/gate/open")),
            ("https://tester.test/below/rollback/close", Some("/rollback/close")),
            ("https://tester.test/below/", None),
            ("https://tester.test/below/gate/approve", None),
            ("https://tester.test/gate/open", None),
            ("https://other.test/below/gate/open", None),
        ] {
            assert_eq!(tester.takes(address).as_deref(), path, "{address}");
        }
        assert!(tester.objection().is_none());
        assert!(LoadTester::new("http://127.0.0.1:80", &Arc::default()).unwrap().objection().is_none());
        assert!(LoadTester::new("http://tester.test", &Arc::default()).unwrap().objection().is_some());
    }
}
