//! The reviews: "may I?" and "who am I?". They answer from the user's role and change nothing.

use super::access::User;
use super::fields::seconds;
use super::protobuf;
use super::request::{Answer, Call};
use super::status::Failure;
use super::store::{State, text};
use axum::http::{Method, header};
use serde_json::{Value, json};

/// The content type of Kubernetes' protobuf.
pub(super) const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
const ACCESS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
const IDENTITY: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

/// Whether the path is one of the reviews.
pub(super) fn is_review(path: &str) -> bool {
    [ACCESS, IDENTITY].contains(&path.trim_end_matches('/'))
}

/// Answers a review; `None` for any other path.
pub(super) fn serve(
    state: &State,
    call: &Call,
    user: &User,
    segments: &[&str],
) -> Option<Result<Answer, Failure>> {
    let path = format!("/{}", segments.join("/"));
    if !is_review(&path) {
        return None;
    }
    if call.method != Method::POST {
        return Some(Err(Failure::method_not_allowed()));
    }
    Some(if path == ACCESS { access(call, user) } else { Ok(identity(state, user)) })
}

fn access(call: &Call, user: &User) -> Result<Answer, Failure> {
    let asked = decoded(call)?;
    let spec = asked.get("spec").cloned().unwrap_or_default();
    let attributes = spec.get("resourceAttributes").or_else(|| spec.get("nonResourceAttributes"));
    let Some(attributes) = attributes else {
        return Err(Failure::plain(
            422,
            "Invalid",
            "SelfSubjectAccessReview.authorization.k8s.io \"\" is invalid: spec.resourceAttributes: Invalid value: \
             \"null\": exactly one of nonResourceAttributes or resourceAttributes must be specified",
        ));
    };
    let namespace = text(attributes, "/namespace");
    let allowed = user.may(text(attributes, "/verb"), text(attributes, "/group"), namespace);
    let mut status = json!({"allowed": allowed});
    if let (true, Some(status)) = (allowed, status.as_object_mut()) {
        status.insert("reason".into(), user.binding(namespace).into());
    }
    let review = json!({
        "kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1",
        "metadata": {"creationTimestamp": null}, "spec": spec, "status": status
    });
    Ok(Answer::Json(201, review))
}

/// The review as sent: JSON, or the protobuf that typed clients prefer.
fn decoded(call: &Call) -> Result<Value, Failure> {
    if call.header(header::CONTENT_TYPE) == PROTOBUF {
        return protobuf::access_review(&call.body)
            .ok_or_else(|| Failure::bad_request("error decoding review: proto: illegal wireType"));
    }
    serde_json::from_slice(&call.body)
        .map_err(|error| Failure::bad_request(format!("error decoding review: {error}")))
}

fn identity(state: &State, user: &User) -> Answer {
    let review = json!({
        "kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"creationTimestamp": seconds(state.clock)},
        "status": {"userInfo": {"username": user.name, "groups": user.groups()}}
    });
    Answer::Json(201, review)
}
