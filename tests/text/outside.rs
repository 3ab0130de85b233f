//! Everything that comes from outside, taken apart into its text fields by what it is when it is recorded.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gonogo::app::key::Key;
use gonogo::app::model::{Model, Overlay};
use gonogo::app::{Effect, Msg, update};
use gonogo::domain::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::model;

/// The last look at every source, the fault of one, and what a preparation answers.
#[derive(Clone)]
pub(crate) struct Outside {
    looks: BTreeMap<SourceName, Observation>,
    fault: Fault,
    prepared: Prepared,
    receipt: Receipt,
}

impl Outside {
    pub(crate) fn of(model: &Model) -> Self {
        let looks = model
            .world
            .sources()
            .filter_map(|(name, state)| Some((name.clone(), (**state.last.as_ref()?).clone())))
            .collect();
        let fault = Fault::new(Cause::Unreachable, "connection refused").with_hint("is it up?");
        let mut prepared = model::approval();
        let (one, two) = (model::artifact("checkout", "v2.14.2"), model::artifact("checkout", "v2.15.0"));
        (prepared.from, prepared.to) = (Some(one), Some(two));
        prepared.basis.push(Basis { name: "revision".into(), value: "4f2c8b6".into() });
        prepared.differences.push(Difference { what: "image".into(), old: "one".into(), new: "two".into() });
        prepared.hazards.push(Hazard::new(Severity::Warning, "a migration lies in between"));
        prepared.way_back = Some("roll back to v2.14.2".into());
        Self { looks, fault, prepared, receipt: Receipt { status: 200, says: "accepted".into() } }
    }

    /// The model after all of it came in and these keys were pressed. A plan that is asked for is answered, and `f`
    /// follows it to the source's answer.
    pub(crate) fn model(&self, keys: &[Key]) -> Model {
        let mut model = model::first_second();
        for (source, look) in &self.looks {
            report(&mut model, source, Ok(Arc::new(look.clone())));
        }
        report(&mut model, &SourceName::new("alerts"), Err(self.fault.clone()));
        let follow = keys == [Key::Char('f')];
        let effects = model::press(&mut model, if follow { &[Key::Char('a')] } else { keys });
        let asks = effects.iter().any(|e| matches!(e, Effect::Prepare { .. }));
        if asks {
            model::answer(&mut model, &effects, self.prepared.clone());
        }
        if asks && follow {
            self.confirm(&mut model);
        }
        model
    }

    /// Confirms and answers, if the plan can be confirmed.
    fn confirm(&self, model: &mut Model) {
        if let Some(Overlay::Dialog(dialog)) = model.overlays.last_mut() {
            dialog.field = gonogo::app::dialog::Field::Confirm;
            let phrase = dialog.plan().and_then(|p| p.phrase.clone()).unwrap_or_default();
            dialog.name.0 = phrase.to_string().into();
            dialog.reason.0 = "a reason".into();
            let effects = model::press(model, &[Key::Enter]);
            model::press(model, &[]);
            for effect in effects {
                match effect {
                    Effect::Prepare { .. } => model::answer(model, &[effect], self.prepared.clone()),
                    Effect::Execute { id, .. } => self.progress(model, &id),
                    _ => {}
                }
            }
        }
    }

    fn progress(&self, model: &mut Model, id: &ActionId) {
        let now = model.now;
        for progress in [
            Progress::Recorded(id.clone()),
            Progress::Sent(id.clone(), now),
            Progress::Received(id.clone(), self.receipt.clone(), now),
            Progress::NoAnswer(id.clone(), self.fault.clone()),
        ] {
            update(model, Msg::Progress(progress));
        }
    }
}

fn report(model: &mut Model, source: &SourceName, result: Result<Arc<Observation>, Fault>) {
    let now = model.now;
    let report = Report {
        source: source.clone(),
        epoch: 1,
        began: now,
        at: now,
        next: Duration::from_secs(5),
        result,
    };
    update(model, Msg::Report(report));
}

/// Puts a part of another form in its place; hands back how it is recorded. `None` when it has no such form.
type Apply = Box<dyn Fn(&Value, &mut Outside) -> Option<String>>;

/// A part of what comes from outside.
pub(crate) struct Part {
    name: &'static str,
    pub(crate) value: Value,
    pub(crate) apply: Apply,
}

fn part<T: Serialize + DeserializeOwned + 'static>(
    name: &'static str,
    value: &T,
    set: impl Fn(&mut Outside, T) + 'static,
) -> Part {
    let apply = move |value: &Value, outside: &mut Outside| {
        let other: T = serde_json::from_value(value.clone()).ok()?;
        let json = serde_json::to_string(&other).unwrap();
        set(outside, other);
        Some(json)
    };
    Part { name, value: serde_json::to_value(value).unwrap(), apply: Box::new(apply) }
}

/// Everything, in parts that can be recorded each.
pub(crate) fn parts(base: &Outside) -> Vec<Part> {
    let mut parts = vec![
        part("plan", &base.prepared, |o, v| o.prepared = v),
        part("fault", &base.fault, |o, v| o.fault = v),
        part("receipt", &base.receipt, |o, v| o.receipt = v),
    ];
    for (source, look) in &base.looks {
        macro_rules! whole {
            ($name:literal, $field:ident) => {{
                let source = source.clone();
                let set = move |o: &mut Outside, v| o.looks.get_mut(&source).unwrap().$field = v;
                parts.push(part($name, &look.$field, set));
            }};
        }
        macro_rules! each {
            ($name:literal, $field:ident) => {
                for (key, value) in &look.$field {
                    let (source, key) = (source.clone(), key.clone());
                    let set = move |o: &mut Outside, v| {
                        o.looks.get_mut(&source).unwrap().$field.insert(key.clone(), v);
                    };
                    parts.push(part($name, value, set));
                }
            };
        }
        whole!("identity", identity);
        whole!("remarks", remarks);
        whole!("gates", gates);
        each!("pipeline", pipelines);
        each!("live", live);
        each!("rollout", rollouts);
        each!("signals", signals);
        each!("alerts", alerts);
        for (service, repository) in &look.repositories {
            let mut bare = repository.clone();
            bare.changes.clear();
            let (at, key) = (source.clone(), service.clone());
            parts.push(part("repository", &bare, move |o, mut v: code::Repository| {
                let there = o.looks.get_mut(&at).unwrap().repositories.get_mut(&key).unwrap();
                v.changes = std::mem::take(&mut there.changes);
                *there = v;
            }));
            for (span, changes) in &repository.changes {
                let (at, key, span) = (source.clone(), service.clone(), span.clone());
                parts.push(part("changes", changes, move |o, v| {
                    let there = o.looks.get_mut(&at).unwrap().repositories.get_mut(&key).unwrap();
                    there.changes.insert(span.clone(), v);
                }));
            }
        }
    }
    parts
}

/// The text fields by name, and where each is: the part, the pointer in it. A field is one that takes any text.
pub(crate) fn fields(parts: &[Part]) -> BTreeMap<String, Vec<(usize, String)>> {
    let mut fields: BTreeMap<String, Vec<(usize, String)>> = BTreeMap::new();
    let mut scratch = Outside::of(&model::release_day());
    for (index, part) in parts.iter().enumerate() {
        let mut leaves = Vec::new();
        walk(&part.value, String::new(), &mut leaves);
        for pointer in leaves {
            let mut probe = part.value.clone();
            *probe.pointer_mut(&pointer).unwrap() = Value::String("any text \u{1b}[31m".to_owned());
            if (part.apply)(&probe, &mut scratch).is_none() {
                continue;
            }
            let kind: Vec<&str> =
                pointer
                    .split('/')
                    .map(|step| {
                        if step.bytes().all(|b| b.is_ascii_digit()) && !step.is_empty() { "*" } else { step }
                    })
                    .collect();
            fields.entry(format!("{}{}", part.name, kind.join("/"))).or_default().push((index, pointer));
        }
    }
    // One spot of each is enough; the last is the one that is drawn when several share a part.
    for spots in fields.values_mut() {
        spots.truncate(1);
    }
    fields
}

fn walk(value: &Value, at: String, leaves: &mut Vec<String>) {
    match value {
        Value::String(_) => leaves.push(at),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| walk(item, format!("{at}/{index}"), leaves));
        }
        Value::Object(members) => {
            members.iter().for_each(|(name, item)| walk(item, format!("{at}/{name}"), leaves));
        }
        _ => {}
    }
}

/// The same world with this text in every field but those that say what belongs to what.
pub(crate) fn hostile(
    base: &Outside,
    parts: &[Part],
    fields: &BTreeMap<String, Vec<(usize, String)>>,
    text: &str,
) -> Outside {
    let belongs = |pointer: &str| {
        let last = pointer.rsplit('/').next().unwrap();
        matches!(last, "service" | "source" | "environment" | "id" | "method")
    };
    let mut outside = base.clone();
    for (index, part) in parts.iter().enumerate() {
        let mut value = part.value.clone();
        for (_, pointer) in
            fields.values().flatten().filter(|(at, pointer)| *at == index && !belongs(pointer))
        {
            *value.pointer_mut(pointer).unwrap() = Value::String(text.to_owned());
        }
        (part.apply)(&value, &mut outside).expect("every field takes any text");
    }
    outside
}
