//! The API server's errors: `Status` objects with the real codes, reasons and sentences. Knows no object.

use super::resource::Resource;
use serde_json::{Map, Value, json};

/// One refusal: everything a `Status` of kind Failure carries.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Failure {
    /// HTTP status.
    pub(super) code: u16,
    reason: &'static str,
    message: String,
    details: Option<Value>,
    /// List metadata; a fresh continue token on an expired one.
    metadata: Value,
}

impl Failure {
    /// A failure without details.
    pub(super) fn plain(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: None, metadata: json!({}) }
    }

    fn about(mut self, resource: &Resource, name: &str, kind: &str) -> Self {
        let mut details = Map::new();
        if !name.is_empty() {
            details.insert("name".into(), name.into());
        }
        if !resource.group.is_empty() {
            details.insert("group".into(), resource.group.into());
        }
        details.insert("kind".into(), kind.into());
        self.details = Some(Value::Object(details));
        self
    }

    fn detail(mut self, key: &str, value: Value) -> Self {
        if let Some(Value::Object(details)) = &mut self.details {
            details.insert(key.into(), value);
        }
        self
    }

    /// 401: no token or one that nobody knows.
    pub(super) fn unauthorized() -> Self {
        Self::plain(401, "Unauthorized", "Unauthorized")
    }

    /// 403: the user's roles do not contain the verb.
    pub(super) fn forbidden(user: &str, verb: &str, target: &Target<'_>) -> Self {
        let named = if target.name.is_empty() { String::new() } else { format!(" \"{}\"", target.name) };
        let place = if target.namespace.is_empty() {
            "at the cluster scope".to_owned()
        } else {
            format!("in the namespace \"{}\"", target.namespace)
        };
        let message = format!(
            "{}{named} is forbidden: User \"{user}\" cannot {verb} resource \"{}\" in API group \"{}\" {place}",
            target.resource.qualified(),
            target.resource_path(),
            target.resource.group
        );
        Self::plain(403, "Forbidden", message).about(target.resource, target.name, target.resource.plural)
    }

    /// 404: no such object.
    pub(super) fn not_found(resource: &Resource, name: &str) -> Self {
        Self::plain(404, "NotFound", format!("{} \"{name}\" not found", resource.qualified())).about(
            resource,
            name,
            resource.plural,
        )
    }

    /// 404: no such path.
    pub(super) fn no_such_resource() -> Self {
        let mut failure = Self::plain(404, "NotFound", "the server could not find the requested resource");
        failure.details = Some(json!({}));
        failure
    }

    /// 405: the path exists, the method does not.
    pub(super) fn method_not_allowed() -> Self {
        let mut failure = Self::plain(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        );
        failure.details = Some(json!({}));
        failure
    }

    /// 409 Conflict with the given cause.
    pub(super) fn conflict(resource: &Resource, name: &str, cause: &str) -> Self {
        let message =
            format!("Operation cannot be fulfilled on {} \"{name}\": {cause}", resource.qualified());
        Self::plain(409, "Conflict", message).about(resource, name, resource.plural)
    }

    /// 409 Conflict of a stale resource version, with the sentence that every client knows.
    pub(super) fn stale(resource: &Resource, name: &str) -> Self {
        Self::conflict(
            resource,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    /// 409 AlreadyExists.
    pub(super) fn already_exists(resource: &Resource, name: &str) -> Self {
        Self::plain(409, "AlreadyExists", format!("{} \"{name}\" already exists", resource.qualified()))
            .about(resource, name, resource.plural)
    }

    /// 400 BadRequest.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::plain(400, "BadRequest", message)
    }

    /// 410: the resource version is older than the history.
    pub(super) fn expired(message: impl Into<String>) -> Self {
        Self::plain(410, "Expired", message)
    }

    /// 410 of a continue token, with a token that goes on inconsistently.
    pub(super) fn expired_continue(fresh: &str) -> Self {
        let mut failure = Self::expired(
            "The provided continue parameter is too old to display a consistent list result. You can start a \
             new list without the continue parameter, or use the continue token in this response to retrieve \
             the remainder of the results. Continuing with the provided token results in an inconsistent list - \
             objects that were created, modified, or deleted between the time the first chunk was returned and \
             now may show up in the list.",
        );
        failure.metadata = json!({"continue": fresh});
        failure
    }

    /// 504: a resource version that does not exist yet.
    pub(super) fn too_large_version(asked: u64, current: u64) -> Self {
        let mut failure =
            Self::plain(504, "Timeout", format!("Too large resource version: {asked}, current: {current}"));
        failure.details = Some(json!({
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
            "retryAfterSeconds": 1
        }));
        failure
    }

    /// 413: more operations than a JSON patch may have.
    pub(super) fn too_many_operations(got: usize) -> Self {
        Self::plain(
            413,
            "RequestEntityTooLarge",
            format!(
                "Request entity too large: The allowed maximum operations in a JSON patch is 10000, got {got}"
            ),
        )
    }

    /// 413: a body above the server's limit.
    pub(super) fn too_large_body() -> Self {
        Self::plain(413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728")
    }

    /// 415: a patch type that this server does not speak.
    pub(super) fn unsupported_media(accepted: &str) -> Self {
        Self::plain(
            415,
            "UnsupportedMediaType",
            format!(
                "the body of the request was in an unknown format - accepted media types include: {accepted}"
            ),
        )
    }

    /// 422 of a JSON patch that does not apply: the server does not say which operation failed.
    pub(super) fn unprocessable_patch() -> Self {
        let mut failure =
            Self::plain(422, "Invalid", "the server rejected our request due to an error in our request");
        failure.details = Some(json!({}));
        failure
    }

    /// 422 Invalid with one cause per wrong field.
    pub(super) fn invalid(resource: &Resource, name: &str, causes: &[Cause]) -> Self {
        let said: Vec<String> = causes.iter().map(|c| format!("{}: {}", c.field, c.message)).collect();
        let list = match said.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let message = format!("{} \"{name}\" is invalid: {list}", resource.qualified_kind());
        let causes: Vec<Value> = causes
            .iter()
            .map(|c| json!({"reason": c.reason, "message": c.message, "field": c.field}))
            .collect();
        Self::plain(422, "Invalid", message)
            .about(resource, name, resource.kind)
            .detail("causes", Value::Array(causes))
    }

    /// The `Status` object.
    pub(super) fn body(&self) -> Value {
        let mut body = Map::new();
        body.insert("kind".into(), "Status".into());
        body.insert("apiVersion".into(), "v1".into());
        body.insert("metadata".into(), self.metadata.clone());
        body.insert("status".into(), "Failure".into());
        body.insert("message".into(), self.message.clone().into());
        body.insert("reason".into(), self.reason.into());
        if let Some(details) = &self.details {
            body.insert("details".into(), details.clone());
        }
        body.insert("code".into(), self.code.into());
        Value::Object(body)
    }
}

/// One wrong field of an invalid object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cause {
    /// `FieldValueRequired`, `FieldValueInvalid` or `FieldValueDuplicate`.
    pub(super) reason: &'static str,
    /// What is wrong with it.
    pub(super) message: String,
    /// The field's path.
    pub(super) field: String,
}

/// What a request is about, as far as permissions go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    /// The resource.
    pub(super) resource: &'a Resource,
    /// `status` or `scale`; empty for the object itself.
    pub(super) subresource: &'a str,
    /// The namespace; empty at the cluster scope.
    pub(super) namespace: &'a str,
    /// The object's name; empty for a collection.
    pub(super) name: &'a str,
}

impl Target<'_> {
    fn resource_path(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.plural.to_owned()
        } else {
            format!("{}/{}", self.resource.plural, self.subresource)
        }
    }
}
