//! `[[service]]` and its environments: which source does what for whom.

use std::collections::BTreeMap;

use super::check::Check;
use super::read::{Item, Section};
use super::report::{Spot, suggest};
use super::stages;
use crate::domain::{
    Bound, Environment, EnvironmentName, Policy, Role, SafeText, Service, ServiceName, Settings, SourceName,
};

/// Where a binding belongs.
#[derive(Clone)]
struct Owner {
    service: ServiceName,
    environment: Option<EnvironmentName>,
}

/// What the parts of a service's environments share.
struct Shared {
    service: ServiceName,
    pipeline: Option<usize>,
}

impl<'t> Check<'t> {
    /// Reads every `[[service]]`.
    pub(super) fn read_services(&mut self, item: Option<Item<'t>>) -> Vec<Service> {
        let mut services = Vec::new();
        let mut named: BTreeMap<String, Spot> = BTreeMap::new();
        let tables = item.map(|item| item.tables(&mut self.mistakes)).unwrap_or_default();
        for (table, at) in tables {
            let mut section = Section::new("[[service]]", table, at);
            if let Some(name) = self.name(&mut section, "service", "[[service]]", &mut named) {
                services.push(self.read_service(&name, section));
            } else {
                // Read all the same: whatever else is wrong in it must be told now, not in the next round.
                self.read_service("(unnamed)", section);
            }
        }
        services
    }

    /// A name that nobody else has.
    fn name(
        &mut self,
        section: &mut Section<'t>,
        what: &str,
        title: &str,
        named: &mut BTreeMap<String, Spot>,
    ) -> Option<String> {
        let item = section.need(&mut self.mistakes, "name")?;
        let name = item.name(&mut self.mistakes)?;
        section.title = format!("{title} {name:?}");
        if let Some(first) = named.get(name) {
            let first = first.clone();
            self.duplicate(what, name, &item.at(), &first);
            return None;
        }
        named.insert(name.to_owned(), item.at());
        Some(name.to_owned())
    }

    fn read_service(&mut self, name: &str, mut section: Section<'t>) -> Service {
        let service = ServiceName::new(name);
        let owner = Owner { service: service.clone(), environment: None };
        let code = self.read_code(&mut section, &owner);
        let pipeline = section.get("pipeline").and_then(|item| self.bind(item, Role::Pipeline, &owner));
        let stages = stages::read(section.get("stages"), &mut self.mistakes);
        let environments = section.get("environment");
        section.finish(&mut self.mistakes, &[]);
        let shared = Shared { service: service.clone(), pipeline };
        Service {
            name: service,
            code,
            pipeline: pipeline.and_then(|index| self.source_name(index)),
            environments: self.read_environments(environments, &shared),
            stages,
        }
    }

    fn read_code(&mut self, section: &mut Section<'t>, owner: &Owner) -> Option<SourceName> {
        let (code, repo) = (section.get("code"), section.get("repo"));
        if let (Some(_), Some(repo)) = (code, repo) {
            let cause = "`repo` is short for `code`; a service has one of them";
            self.mistakes.note(&repo.key_at(), cause, None);
        }
        if let Some(item) = code {
            return self.bind(item, Role::Code, owner).and_then(|index| self.source_name(index));
        }
        let item = repo?;
        let path = item.path(&mut self.mistakes, self.home.as_deref())?;
        let index = self.code_source(&item.key_at())?;
        self.can(index, Role::Code, &item.key_at())?;
        let settings = Settings::default().with_text("path", &path.to_string_lossy());
        self.push(index, Role::Code, owner, settings);
        self.source_name(index)
    }

    /// Reads `{ source = "..", .. }`, checks it against the role's keys, and binds the source.
    fn bind(&mut self, item: Item<'t>, role: Role, owner: &Owner) -> Option<usize> {
        let title = format!("`{}`", item.key());
        let example = format!("{} = {{ source = \"..\" }}", item.key());
        let mut section = item.section(&mut self.mistakes, &title, &example)?;
        let source_item = section.need(&mut self.mistakes, "source");
        let index = source_item.and_then(|item| self.source_named(item));
        let able = index.and_then(|index| {
            let at = source_item.map_or_else(|| item.at(), |item| item.at());
            self.can(index, role, &at)
        });
        let Some(keys) = able.and_then(|kind| kind.role(role)) else {
            section.leave(&mut self.mistakes);
            return None;
        };
        let settings = self.read_keys(&mut section, keys, &mut BTreeMap::new());
        section.finish(&mut self.mistakes, &[]);
        let index = index?;
        self.push(index, role, owner, settings);
        Some(index)
    }

    fn push(&mut self, index: usize, role: Role, owner: &Owner, settings: Settings) {
        let Owner { service, environment } = owner.clone();
        if let Some(draft) = self.sources.get_mut(index) {
            draft.bounds.push(Bound { role, service, environment, settings });
        }
    }

    fn read_environments(&mut self, item: Option<Item<'t>>, shared: &Shared) -> Vec<Environment> {
        let mut environments = Vec::new();
        let mut named = BTreeMap::new();
        let title = format!("[[service.environment]] of {:?}", shared.service.as_str());
        let tables = item.map(|item| item.tables(&mut self.mistakes)).unwrap_or_default();
        for (table, at) in tables {
            let mut section = Section::new(&title, table, at);
            if let Some(name) = self.name(&mut section, "environment", &title, &mut named) {
                environments.push(self.read_environment(&name, section, shared));
            } else {
                self.read_environment("(unnamed)", section, shared);
            }
        }
        environments
    }

    fn read_environment(&mut self, name: &str, mut section: Section<'t>, shared: &Shared) -> Environment {
        let name = EnvironmentName::new(name);
        let owner = Owner { service: shared.service.clone(), environment: Some(name.clone()) };
        let deploy = section.get("deploy").and_then(|item| self.bind(item, Role::Deploy, &owner));
        let live = match section.get("live") {
            Some(item) => self.bind(item, Role::Live, &owner),
            None => self.usual_live(&owner, shared),
        };
        let owner_of = section.get("owner").and_then(|item| self.bind(item, Role::Owner, &owner));
        let manifests = section.get("manifests").and_then(|item| self.bind(item, Role::Manifests, &owner));
        let dispatch = section.get("dispatch").and_then(|item| self.bind(item, Role::Dispatch, &owner));
        let image = section.get("image").and_then(|item| self.image(item));
        let (signals, alerts) =
            section.get("health").map(|item| self.read_health(item, &owner)).unwrap_or_default();
        let policy = section.get("policy").and_then(|item| self.policy(item)).unwrap_or_default();
        section.finish(&mut self.mistakes, &[]);
        Environment {
            name,
            deploy: deploy.and_then(|index| self.source_name(index)),
            owner: owner_of.and_then(|index| self.source_name(index)),
            manifests: manifests.and_then(|index| self.source_name(index)),
            live: live.and_then(|index| self.source_name(index)),
            dispatch: dispatch.and_then(|index| self.source_name(index)),
            image,
            signals,
            alerts,
            policy,
        }
    }

    /// Unless said otherwise, the pipeline's source tells what is live, if it can without being told more.
    fn usual_live(&mut self, owner: &Owner, shared: &Shared) -> Option<usize> {
        let index = shared.pipeline?;
        let keys = self.sources.get(index)?.kind?.role(Role::Live)?;
        if keys.iter().any(|key| key.need == crate::provider::Need::Required) {
            return None;
        }
        self.push(index, Role::Live, owner, Settings::default());
        Some(index)
    }

    fn image(&mut self, item: Item<'_>) -> Option<String> {
        let text = item.text(&mut self.mistakes)?;
        let rest = text.replace("{version}", "");
        let hint = "for example \"registry.test/acme/checkout:{version}\"";
        if !text.contains("{version}") {
            self.mistakes.hinted(&item.at(), "`image` must say where the version goes: {version}", hint);
            return None;
        }
        if rest.contains(['{', '}']) || rest.contains(char::is_whitespace) {
            self.mistakes.hinted(&item.at(), "`image` may hold no other placeholder and no blank", hint);
            return None;
        }
        Some(text.to_owned())
    }

    fn policy(&mut self, item: Item<'_>) -> Option<Policy> {
        let said = item.text(&mut self.mistakes)?;
        let found = self.policies.get(said).cloned();
        if found.is_none() {
            let known: Vec<&str> = self.policies.keys().map(String::as_str).collect();
            let hint = suggest(said, &known, '"').unwrap_or_else(|| format!("write [policy.{said}]"));
            self.mistakes.hinted(&item.at(), format!("there is no policy {said:?}"), hint);
        }
        found
    }

    fn read_health(
        &mut self,
        item: Item<'t>,
        owner: &Owner,
    ) -> (Vec<(SafeText, SourceName)>, Option<SourceName>) {
        let example = "health = { signals = [\"error-rate\"] }";
        let Some(mut section) = item.section(&mut self.mistakes, "`health`", example) else {
            return (Vec::new(), None);
        };
        let source_item = section.get("source");
        let source = source_item.and_then(|item| self.source_named(item));
        let signals_item = section.get("signals");
        let said = signals_item.and_then(|item| item.list(&mut self.mistakes)).unwrap_or_default();
        if let (Some(index), Some(item)) = (source, source_item) {
            self.can(index, Role::Signal, &item.at());
        }
        let mut signals: Vec<(SafeText, SourceName)> = Vec::new();
        let mut seen: BTreeMap<&str, Spot> = BTreeMap::new();
        for (name, at) in said {
            if let Some(first) = seen.get(name).cloned() {
                self.duplicate("signal", name, &at, &first);
                continue;
            }
            seen.insert(name, at.clone());
            if source_item.is_some() && source.is_none() {
                // The source is wrong and told so; the name can still be checked.
                self.signal_named(name, &at);
                continue;
            }
            if let Some((index, settings)) = self.bind_signal(name, &at, source) {
                let evaluator = self.source_name(index);
                self.push(index, Role::Signal, owner, settings);
                signals.extend(evaluator.map(|source| (SafeText::new(name), source)));
            }
        }
        let alerts = section.get("alerts").and_then(|item| self.bind(item, Role::Alerts, owner));
        section.finish(&mut self.mistakes, &[]);
        (signals, alerts.and_then(|index| self.source_name(index)))
    }
}
