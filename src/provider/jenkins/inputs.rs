//! Inputs: what a build waits for, who may give it, and the form that goes with it.
//!
//! The id of an input is often a digest of its message and the same in every build: a gate is run and id. Parameters that
//! are left out become null, and defaults are not applied by Jenkins: every one is always sent.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::wire;
use crate::domain::pipeline::MayDecide;
use crate::domain::{Cause, Fault, FormField, FormKind, Hazard, SafeText, Severity};

/// Something that a build waits for.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) id: SafeText,
    /// In one line.
    pub(super) message: SafeText,
    /// Who may; none if it is not told, empty if whoever may build.
    pub(super) submitters: Option<Vec<SafeText>>,
    /// None if it is not told what is asked for.
    pub(super) parameters: Option<Vec<wire::Parameter>>,
}

/// What the input step says about a build; none if it does not say (an old plugin).
pub(super) fn told(build: &wire::Build) -> Option<Vec<Waiting>> {
    let inputs: Vec<&wire::Action> =
        build.actions.iter().flatten().filter(|action| action.is_input()).collect();
    if inputs.iter().any(|action| action.executions.is_none()) {
        return None;
    }
    let executions = inputs.into_iter().flat_map(|action| action.executions.iter().flatten());
    let executions: Vec<&wire::Execution> = executions.collect();
    // Whether one still waits is told, or it is asked for elsewhere.
    if executions.iter().any(|execution| execution.settled.is_none()) {
        return None;
    }
    let waits = executions.into_iter().filter(|execution| execution.settled == Some(false));
    Some(waits.filter_map(waiting).collect())
}

fn waiting(execution: &wire::Execution) -> Option<Waiting> {
    let input = execution.input.as_ref()?;
    let submitters = input.submitter.as_ref().map_or("", SafeText::as_str);
    let submitters = submitters.split(',').map(str::trim).filter(|name| !name.is_empty());
    Some(Waiting {
        id: input.id.clone().or_else(|| execution.id.clone())?,
        message: one_line(input.message.as_ref()),
        submitters: Some(submitters.map(SafeText::new).collect()),
        parameters: input.parameters.clone(),
    })
}

/// The same by Stage View, which does not tell who may.
pub(super) fn pending(input: wire::PendingInput) -> Waiting {
    Waiting {
        message: one_line(input.message.as_ref()),
        id: input.id,
        submitters: None,
        parameters: input.inputs,
    }
}

fn one_line(message: Option<&SafeText>) -> SafeText {
    let text = message.map_or("", SafeText::as_str);
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.is_empty() { "input".into() } else { SafeText::new(&words.join(" ")) }
}

impl Waiting {
    /// Whether we may. Of a list only our own name is certain: the others may be groups that we are in.
    pub(super) fn may_decide(&self, me: Option<&SafeText>) -> MayDecide {
        let Some(names) = &self.submitters else { return MayDecide::Unknown };
        match me {
            Some(me) if names.contains(me) => MayDecide::Yes,
            _ => MayDecide::Unknown,
        }
    }

    /// What it asks for, as far as that is told.
    pub(super) fn asks(&self) -> &[wire::Parameter] {
        self.parameters.as_deref().unwrap_or_default()
    }

    /// The form with what would be sent.
    ///
    /// # Errors
    /// An answer that the form does not take, and an input of which it is not told what it asks for.
    pub(super) fn form(&self, answers: &BTreeMap<SafeText, SafeText>) -> Result<Vec<FormField>, Fault> {
        if self.parameters.is_none() {
            let text =
                format!("\u{201c}{}\u{201d}: field parameters: what it asks for is not told", self.message);
            return Err(Fault::new(Cause::Malformed, text)
                .with_hint("what is not sent becomes null: open it in the browser"));
        }
        self.asks().iter().filter(|parameter| !secret(parameter)).map(|p| field(p, answers)).collect()
    }

    /// Values that are never asked for here: secrets, files, and kinds that nobody knows.
    pub(super) fn hazards(&self) -> Vec<Hazard> {
        let names: Vec<&str> = self.asks().iter().filter(|p| secret(p)).map(|p| p.name.as_str()).collect();
        if names.is_empty() {
            return Vec::new();
        }
        let text = format!(
            "it asks for {}, which cannot be given here (a secret, a file or a kind that is not known): open it in the \
             browser",
            names.join(", ")
        );
        vec![Hazard::new(Severity::Blocking, text)]
    }
}

/// A parameter's kind, without package: `ChoiceParameterDefinition`.
fn kind(parameter: &wire::Parameter) -> &str {
    let kind = parameter.kind.as_ref().map_or("", SafeText::as_str);
    kind.rsplit(['.', '$']).next().unwrap_or(kind)
}

fn secret(parameter: &wire::Parameter) -> bool {
    !matches!(
        kind(parameter),
        "StringParameterDefinition"
            | "TextParameterDefinition"
            | "BooleanParameterDefinition"
            | "ChoiceParameterDefinition"
    )
}

fn field(parameter: &wire::Parameter, answers: &BTreeMap<SafeText, SafeText>) -> Result<FormField, Fault> {
    let choices = parameter.choices.as_ref().or_else(|| parameter.definition.as_ref()?.choices.as_ref());
    let kind = match kind(parameter) {
        "BooleanParameterDefinition" => FormKind::Switch,
        "ChoiceParameterDefinition" => FormKind::Choice(choices.cloned().unwrap_or_default()),
        _ => FormKind::Text,
    };
    let default = parameter.default.as_ref().map(|default| &default.value);
    let default = default.or_else(|| Some(&parameter.definition.as_ref()?.default));
    let default = match (default, &kind) {
        (Some(Value::String(text)), _) => SafeText::new(text),
        (Some(Value::Bool(on)), _) => SafeText::new(if *on { "true" } else { "false" }),
        (Some(Value::Number(number)), _) => SafeText::new(&number.to_string()),
        // A choice without a default is its first; a switch is off; a text is empty.
        (_, FormKind::Choice(choices)) => choices.first().cloned().unwrap_or_default(),
        (_, FormKind::Switch) => "false".into(),
        (_, FormKind::Text) => SafeText::default(),
    };
    let value = answers.get(&parameter.name).cloned().unwrap_or(default);
    let fits = match &kind {
        FormKind::Text => true,
        FormKind::Switch => matches!(value.as_str(), "true" | "false"),
        FormKind::Choice(choices) => choices.contains(&value),
    };
    if !fits {
        let text = format!("{} cannot be {:?}", parameter.name, value.as_str());
        return Err(Fault::new(Cause::Refused, text).with_hint("choose one of the values that are offered"));
    }
    let about = parameter.description.clone().unwrap_or_default();
    Ok(FormField { name: parameter.name.clone(), about, kind, value })
}

/// The form as Jenkins takes it: one field `json` of an ordinary form.
pub(super) fn body(form: &[FormField]) -> String {
    let values: Vec<Value> = form
        .iter()
        .map(|field| match field.kind {
            FormKind::Switch => json!({"name": field.name, "value": field.value == "true"}),
            _ => json!({"name": field.name, "value": field.value}),
        })
        .collect();
    let all = json!({ "parameter": values }).to_string();
    crate::provider::http::query("", &[("json", &all)]).trim_start_matches('?').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(json: Value) -> wire::Parameter {
        serde_json::from_value(json).unwrap()
    }

    fn waiting(parameters: Vec<wire::Parameter>) -> Waiting {
        Waiting {
            id: "Ef95dd50".into(),
            message: "Ship it?".into(),
            submitters: Some(Vec::new()),
            parameters: Some(parameters),
        }
    }

    #[test]
    fn every_parameter_is_sent_with_its_default_and_none_is_null() {
        let all = waiting(vec![
            parameter(
                json!({"name": "REGION", "type": "ChoiceParameterDefinition", "choices": ["eu", "us"]}),
            ),
            parameter(
                json!({"name": "TICKET", "type": "StringParameterDefinition", "defaultParameterValue": {"value": null}}),
            ),
            parameter(
                json!({"name": "DRY", "type": "BooleanParameterDefinition", "defaultParameterValue": {"value": true}}),
            ),
            parameter(
                json!({"name": "NOTE", "type": "hudson.model.TextParameterDefinition", "definition": {"defaultVal": "x y"}}),
            ),
        ]);
        let form = all.form(&BTreeMap::new()).unwrap();
        let values: Vec<(&str, &str)> = form.iter().map(|f| (f.name.as_str(), f.value.as_str())).collect();
        assert_eq!(values, [("REGION", "eu"), ("TICKET", ""), ("DRY", "true"), ("NOTE", "x y")]);
        let sent = body(&form);
        let text = sent.strip_prefix("json=").unwrap();
        assert!(!text.contains("null") && !text.contains('{'), "{text}");
        let answers = BTreeMap::from([("REGION".into(), "us".into()), ("DRY".into(), "false".into())]);
        let form = all.form(&answers).unwrap();
        assert_eq!((form[0].value.as_str(), form[2].value.as_str()), ("us", "false"));
    }

    #[test]
    fn what_a_form_does_not_take_is_refused_before_anything_is_sent() {
        let all = waiting(vec![
            parameter(json!({"name": "REGION", "type": "ChoiceParameterDefinition", "choices": ["eu"]})),
            parameter(json!({"name": "DRY", "type": "BooleanParameterDefinition"})),
        ]);
        for (name, value) in [("REGION", "mars"), ("DRY", "yes"), ("REGION", "")] {
            let answers = BTreeMap::from([(SafeText::new(name), SafeText::new(value))]);
            assert!(all.form(&answers).is_err(), "{name}={value}");
        }
    }

    #[test]
    fn secrets_files_and_unknown_kinds_send_the_operator_to_the_browser() {
        for kind in [
            "PasswordParameterDefinition",
            "CredentialsParameterDefinition",
            "FileParameterDefinition",
            "",
            "Odd",
        ] {
            let all = waiting(vec![parameter(
                json!({"name": "P", "type": kind, "defaultParameterValue": {"value": "s3cret"}}),
            )]);
            assert!(all.form(&BTreeMap::new()).unwrap().is_empty(), "{kind}");
            assert_eq!(all.hazards().len(), 1, "{kind}");
        }
    }

    #[test]
    fn only_our_own_name_in_the_list_is_certain() {
        let with = |names: Option<&[&str]>| Waiting {
            submitters: names.map(|names| names.iter().copied().map(SafeText::from).collect()),
            ..waiting(Vec::new())
        };
        let mara = SafeText::new("mara");
        assert_eq!(with(Some(&["omar", "mara"])).may_decide(Some(&mara)), MayDecide::Yes);
        assert_eq!(with(Some(&["sre"])).may_decide(Some(&mara)), MayDecide::Unknown);
        assert_eq!(with(Some(&["sre"])).may_decide(None), MayDecide::Unknown);
        assert_eq!(with(None).may_decide(Some(&mara)), MayDecide::Unknown);
    }
}
