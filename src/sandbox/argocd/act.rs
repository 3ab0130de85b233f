//! What changes something: patches and specs, syncs and rollbacks, and the end of an operation.

use super::front::{Answer, Call, Refusal};
use super::{
    Application, ArgoCd, Extent, Git, Initiator, Operation, PROJECT, Phase, SyncWindow, controller, patch,
    shape,
};
use serde_json::{Value, json};

/// What was put where: an answer, or a refusal.
type Done = Result<Answer, Refusal>;

/// Whether a spec is tried against the repository before it is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Validate {
    Yes,
    No,
}

/// `PATCH`: always validated, and of the outcome only the spec and the annotations are taken.
pub(super) fn change(argocd: &mut ArgoCd, index: usize, call: &Call<'_>) -> Done {
    let repository = argocd.repository.clone();
    let host = argocd.host.clone();
    let Some(application) = argocd.applications.get_mut(index) else { return Err(Refusal::missing("")) };
    let text = call.text("/patch");
    let before = shape::application(application);
    let patched = match call.text("/patchType") {
        "json" | "" => patch::json(&before, text),
        "merge" => patch::merge(&before, text),
        other => return Err(Refusal::new(3, format!("Patch type '{other}' is not supported"))),
    };
    let patched = patched.map_err(|why| Refusal::new(2, why))?;
    let spec = patched.get("spec").cloned().unwrap_or_default();
    let spec = validated(application, spec, (&repository, &host), Validate::Yes, call)?;
    let annotations = patched.pointer("/metadata/annotations").cloned().unwrap_or_else(|| json!({}));
    if application.annotations != annotations {
        application.annotations = annotations;
        application.touch();
    }
    take(application, spec, call);
    Ok(Answer::json(&shape::application(application)))
}

/// `PUT`: the whole Application, of which the spec and the annotations are taken.
pub(super) fn replace(argocd: &mut ArgoCd, index: usize, validate: Validate, call: &Call<'_>) -> Done {
    let repository = argocd.repository.clone();
    let host = argocd.host.clone();
    let Some(application) = argocd.applications.get_mut(index) else { return Err(Refusal::missing("")) };
    if call.text("/metadata/name") != application.name {
        return Err(Refusal::new(3, "the name in the path is not the name of the application"));
    }
    let spec = call.body.get("spec").cloned().unwrap_or_default();
    let spec = validated(application, spec, (&repository, &host), validate, call)?;
    let annotations = call.body.pointer("/metadata/annotations").cloned().unwrap_or_else(|| json!({}));
    if application.annotations != annotations {
        application.annotations = annotations;
        application.touch();
    }
    take(application, spec, call);
    Ok(Answer::json(&shape::application(application)))
}

/// `PUT .../spec`: answers the spec alone.
pub(super) fn specify(argocd: &mut ArgoCd, index: usize, validate: Validate, call: &Call<'_>) -> Done {
    let repository = argocd.repository.clone();
    let host = argocd.host.clone();
    let Some(application) = argocd.applications.get_mut(index) else { return Err(Refusal::missing("")) };
    let spec = validated(application, call.body.clone(), (&repository, &host), validate, call)
        .map_err(|refusal| refusal.within("error validating and updating app"))?;
    take(application, spec, call);
    Ok(Answer::json(&application.spec))
}

/// The spec as it is kept, unless the server does not want it.
fn validated(
    application: &Application,
    mut spec: Value,
    (repository, host): (&str, &str),
    validate: Validate,
    call: &Call<'_>,
) -> Result<Value, Refusal> {
    let name = &application.name;
    let text = |path: &str| spec.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let project = text("/project");
    if !project.is_empty() && project != PROJECT {
        return Err(Refusal::new(
            3,
            format!("application references project {project} which does not exist"),
        ));
    }
    if text("/destination/server").is_empty() && text("/destination/name").is_empty() {
        let why = "destination server missing from app spec";
        return Err(Refusal::new(3, format!("application destination spec for {name} is invalid: {why}")));
    }
    if validate == Validate::Yes && call.around.git == Git::Away {
        let why = format!(
            "InvalidSpecError: repository not accessible: repositories not accessible: &Repository{{Repo: \
             \"{repository}\", Type: \"\", Name: \"\", Project: \"\"}}: rpc error: code = Unknown desc = error testing \
             repository connectivity: {}",
            controller::refused(host)
        );
        return Err(Refusal::new(3, format!("application spec for {name} is invalid: {why}")));
    }
    if project.is_empty() {
        shape::put(&mut spec, "project", PROJECT.into());
    }
    normalize(&mut spec);
    Ok(spec)
}

/// What is false or empty is left out, and so is what this version has never heard of.
fn normalize(spec: &mut Value) {
    let Some(policy) = spec.pointer_mut("/syncPolicy").and_then(Value::as_object_mut) else {
        if let Value::Object(fields) = spec {
            fields.remove("syncPolicy");
        }
        return;
    };
    policy.retain(|_, value| !value.is_null());
    if let Some(Value::Object(automated)) = policy.get_mut("automated") {
        automated.retain(|name, value| {
            ["prune", "selfHeal", "allowEmpty"].contains(&name.as_str()) && *value == Value::Bool(true)
        });
    }
    if policy.is_empty()
        && let Value::Object(fields) = spec
    {
        fields.remove("syncPolicy");
    }
}

/// Takes a spec. What automates anew has Git read at once.
fn take(application: &mut Application, spec: Value, call: &Call<'_>) {
    if application.spec == spec {
        return;
    }
    let before = application.automated().is_some();
    application.spec = spec;
    application.generation += 1;
    if !before && application.automated().is_some() {
        application.due = call.around.now;
    }
    application.touch();
}

/// `POST .../sync`.
pub(super) fn sync(argocd: &mut ArgoCd, index: usize, call: &Call<'_>) -> Done {
    let (window, host) = (argocd.window, argocd.host.clone());
    let Some(application) = argocd.applications.get_mut(index) else { return Err(Refusal::missing("")) };
    if window == SyncWindow::Denies {
        return Err(Refusal::new(7, "cannot sync: blocked by sync window"));
    }
    call.may_change(&application.name, "sync")?;
    let wanted = call.text("/revision");
    let branch = application.spec.pointer("/source/targetRevision").and_then(Value::as_str).unwrap_or("HEAD");
    let dry = call.is("/dryRun");
    let strange = !wanted.is_empty() && wanted != branch;
    if application.automated().is_some() && !dry && strange {
        let why = format!("Cannot sync to {wanted}: auto-sync currently set to {branch}");
        return Err(Refusal::new(9, why));
    }
    let is_commit = wanted.len() == 40 && wanted.chars().all(|c| c.is_ascii_hexdigit());
    let revision = match (is_commit, call.around.git) {
        (true, _) => wanted.to_owned(),
        (false, Git::Away) => {
            let why = format!("failed to list refs: {}", controller::refused(&host));
            return Err(Refusal::new(
                9,
                format!("error resolving repo revision: rpc error: code = Unknown desc = {why}"),
            ));
        }
        (false, Git::There) if strange => {
            let why = format!("unable to resolve '{wanted}' to a commit SHA");
            return Err(Refusal::new(
                9,
                format!("error resolving repo revision: rpc error: code = Unknown desc = {why}"),
            ));
        }
        (false, Git::There) => call.around.manifests.and_then(|m| m.tip()).unwrap_or_default(),
    };
    let partial =
        call.body.pointer("/resources").and_then(Value::as_array).is_some_and(|all| !all.is_empty());
    let extent = match (dry, partial) {
        (true, _) => Extent::Dry,
        (false, true) => Extent::Partial,
        (false, false) => Extent::Full,
    };
    begin(application, Operation { revision, extent, prune: call.is("/prune"), source: None, by: by(call) })
}

/// `POST .../rollback`. No sync window is asked here; the controller asks them.
pub(super) fn rollback(argocd: &mut ArgoCd, index: usize, call: &Call<'_>) -> Done {
    let Some(application) = argocd.applications.get_mut(index) else { return Err(Refusal::missing("")) };
    if application.automated().is_some() {
        return Err(Refusal::new(9, "rollback cannot be initiated when auto-sync is enabled"));
    }
    let id = call.body.pointer("/id").and_then(Value::as_u64).unwrap_or(0);
    let Some(found) = application.history.iter().find(|one| one.id == id) else {
        let name = format!("{}/{}", super::NAMESPACE, application.name);
        return Err(Refusal::new(3, format!("application {name} does not have deployment with id {id}")));
    };
    let operation = Operation {
        revision: found.revision.clone(),
        extent: if call.is("/dryRun") { Extent::Dry } else { Extent::Full },
        prune: call.is("/prune"),
        source: Some(found.source.clone()),
        by: by(call),
    };
    begin(application, operation)
}

fn by(call: &Call<'_>) -> Initiator {
    Initiator::User(call.login.to_owned())
}

/// Sets the operation, which the controller takes up later.
fn begin(application: &mut Application, operation: Operation) -> Done {
    if application.operation.is_some() {
        let busy = Refusal::new(9, "another operation is already in progress");
        return Err(busy.within("error setting app operation"));
    }
    application.operation = Some(operation);
    application.state = None;
    application.touch();
    Ok(Answer::json(&shape::application(application)))
}

/// `DELETE .../operation`.
pub(super) fn terminate(argocd: &mut ArgoCd, index: usize) -> Done {
    let Some(application) = argocd.applications.get_mut(index) else { return Err(Refusal::missing("")) };
    match (&application.operation, &mut application.state) {
        (Some(_), Some(state)) => state.phase = Phase::Terminating,
        _ => return Err(Refusal::new(3, "Unable to terminate operation. No operation is in progress")),
    }
    application.touch();
    Ok(Answer::json(&json!({})))
}
