//! GraphQL documents that only ask. A `POST` looks like a write: what keeps it a read is checked here, where it leaves.

use super::{Method, Read};
use crate::domain::{Cause, Fault};

/// Whether a read may be sent. Every read passes here.
///
/// # Errors
/// A `Local` fault for a GraphQL document with anything but one query in it.
pub(super) fn only_asks(read: &Read) -> Result<(), Fault> {
    match &read.method {
        Method::PostGraph(document) if !one_query(document) => {
            Err(Fault::new(Cause::Local, "a GraphQL document that is no query was not sent"))
        }
        Method::PostCheck(_) if !read.path.ends_with("/check") => {
            Err(Fault::new(Cause::Local, "a document to a path that is no check was not sent"))
        }
        _ => Ok(()),
    }
}

/// Whether a document is one selection set and nothing more: the short form can only be a query.
fn one_query(document: &str) -> bool {
    let (mut depth, mut text, mut escaped, mut begun) = (0_usize, false, false, false);
    for letter in document.trim_end().chars() {
        // Something stands before the first brace, or behind the last.
        if depth == 0 && (begun || letter != '{') {
            return false;
        }
        match letter {
            _ if escaped => escaped = false,
            '\\' if text => escaped = true,
            '"' => text = !text,
            _ if text => {}
            '{' => depth = depth.saturating_add(1),
            '}' => depth = depth.saturating_sub(1),
            // A comment could hide a brace.
            '#' => return false,
            _ => {}
        }
        begun = true;
    }
    begun && depth == 0 && !text
}

/// The body of the request.
pub(super) fn body(document: &str) -> String {
    serde_json::json!({ "query": document }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_short_form_of_a_query_is_sent() {
        let fine = ["{viewer{login}}", "{a:repository(owner:\"x}{\\\"\",name:\"y\"){id}}\n"];
        let others = [
            "",
            "mutation{approveDeployments(input:{}){clientMutationId}}",
            "query{viewer{login}}",
            "{viewer{login}} mutation{x}",
            "{viewer{login}}{x}",
            "#{\nmutation{x}#}",
            "{a(b:\"}) mutation{x}",
            "fragment f on X{y} {z}",
        ];
        for document in fine {
            assert!(only_asks(&Read::graph("/graphql", document)).is_ok(), "{document}");
        }
        for document in others {
            let fault = only_asks(&Read::graph("/graphql", document)).unwrap_err();
            assert_eq!(fault.cause, Cause::Local, "{document}");
        }
    }
}
