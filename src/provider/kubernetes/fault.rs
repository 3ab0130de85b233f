//! What went wrong between us and the API server, in plain words. Knows statuses, transport errors and
//! credentials; never lets an address with a password or a token through.

use std::error::Error as StdError;
use std::time::Duration;

use serde::Deserialize;

use crate::domain::{Cause, Fault, SafeText};

/// What mends a credential.
const LOGIN: &str = "run your login command in another terminal, then look again";

/// Whether a request reads or writes: a write that got no answer may have happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// Changes nothing.
    Read,
    /// Changes the cluster.
    Write,
}

/// The server's `Status` object, as far as it is told to people.
#[derive(Debug, Default, Deserialize)]
struct Status {
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    details: Option<Details>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    #[serde(default)]
    retry_after_seconds: Option<u64>,
    #[serde(default)]
    causes: Option<Vec<serde_json::Value>>,
}

/// The fault of an answer whose status is not a success.
pub(super) fn of_status(status: u16, body: &[u8], retry_after: Option<Duration>, sort: Sort) -> Fault {
    let parsed: Option<Status> = serde_json::from_slice(body).ok();
    let told = parsed.is_some();
    let parsed = parsed.unwrap_or_default();
    let says = parsed.message.as_deref().filter(|m| !m.is_empty());
    let detail = match says {
        Some(message) => SafeText::new(message),
        None if told => SafeText::new(&format!("HTTP {status} {}", parsed.reason.as_deref().unwrap_or(""))),
        None => SafeText::new(&format!("HTTP {status} without a Kubernetes status: is this an API server?")),
    };
    let causes = parsed.details.as_ref().and_then(|d| d.causes.as_ref()).is_some_and(|c| !c.is_empty());
    let cause = match status {
        401 => Cause::Unauthorized,
        403 => Cause::Forbidden,
        404 => Cause::NotFound,
        // A failed `test` has no causes; a template that is invalid in itself has.
        422 if causes => Cause::Refused,
        409 | 410 | 412 | 422 => Cause::Moved,
        413 => Cause::TooLarge,
        429 => Cause::RateLimited,
        300..=399 => Cause::Redirected,
        400..=499 => Cause::Refused,
        500..=599 => Cause::ServerFailed,
        _ => Cause::Malformed,
    };
    let mut fault = Fault::new(cause, detail.as_str());
    if cause == Cause::Unauthorized {
        fault = fault.with_hint(LOGIN);
    }
    let wait = parsed.details.and_then(|d| d.retry_after_seconds).map(Duration::from_secs).or(retry_after);
    if let (Some(wait), Cause::RateLimited | Cause::ServerFailed) = (wait, cause) {
        // An absurd figure must not blind us for hours.
        fault = fault.retry_after(wait.min(Duration::from_secs(300)));
    }
    // A webhook that could not be called has stopped the request before anything was stored.
    let stopped = says.is_some_and(|m| m.contains("failed calling webhook"));
    let unclear = matches!(cause, Cause::ServerFailed | Cause::Malformed) && !stopped;
    if unclear && sort == Sort::Write { fault.perhaps_applied() } else { fault }
}

/// The fault of an answer that sends us elsewhere. An API server does not do that, so it is never followed.
pub(super) fn redirected(host: &str, location: &[u8]) -> Fault {
    let location = String::from_utf8_lossy(location).replace('\\', "/");
    let rest = location.split_once("//").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // Neither a user's name nor what else may be in an address is repeated.
    let there = authority.rsplit('@').next().filter(|there| !there.is_empty()).unwrap_or(host);
    Fault::new(
        Cause::Redirected,
        format!("{host}: redirected to {there}; not followed, the credential belongs to {host}"),
    )
    .with_hint("is that an API server? check server in the kubeconfig")
}

/// The fault of a request that got no complete answer.
pub(super) fn of_transport(error: &kube::Error, host: &str, sort: Sort) -> Fault {
    if let Some(fault) = of_credential(error) {
        return fault;
    }
    let fault = if let Some(tls) = find::<rustls::Error>(error) {
        Fault::new(Cause::Tls, format!("{host}: {tls}"))
            .with_hint("check certificate-authority in the kubeconfig")
    } else {
        Fault::new(Cause::Unreachable, format!("{host}: {}", transport_words(error)))
    };
    if sort == Sort::Write && !never_left(error) { fault.perhaps_applied() } else { fault }
}

/// The fault of a deadline that passed.
pub(super) fn timed_out(host: &str, limit: Duration, sort: Sort) -> Fault {
    let fault =
        Fault::new(Cause::TimedOut, format!("{host}: no answer within {} s", limit.as_secs_f32().ceil()));
    if sort == Sort::Write { fault.perhaps_applied() } else { fault }
}

/// The fault of making a client or of loading a credential.
pub(super) fn of_client(error: &kube::Error) -> Fault {
    of_credential(error).unwrap_or_else(|| match error {
        kube::Error::ProxyProtocolUnsupported { .. } | kube::Error::ProxyProtocolDisabled { .. } => {
            Fault::new(Cause::Local, "the proxy of this cluster speaks a protocol that is not supported")
                .with_hint("use an http, https or socks5 proxy")
        }
        kube::Error::RustlsTls(error) => {
            Fault::new(Cause::Local, format!("the kubeconfig's certificates or keys are unusable: {error}"))
        }
        _ => Fault::new(Cause::Local, "the kubeconfig's credentials are unusable"),
    })
}

fn of_credential(error: &kube::Error) -> Option<Fault> {
    use kube::client::AuthError;
    let auth = match error {
        kube::Error::Auth(auth) => auth,
        other => find::<AuthError>(other)?,
    };
    let fault = match auth {
        AuthError::ReadTokenFile(error, path) => Fault::new(
            Cause::Local,
            format!("the token file {} cannot be read: {}", path.display(), error.kind()),
        ),
        _ => Fault::new(Cause::Unauthorized, "the kubeconfig's credential is unusable"),
    };
    Some(fault.with_hint(LOGIN))
}

/// Whether the connection itself failed, so that no byte of the request left.
fn never_left(error: &kube::Error) -> bool {
    find::<hyper_util::client::legacy::Error>(error)
        .is_some_and(hyper_util::client::legacy::Error::is_connect)
}

fn transport_words(error: &kube::Error) -> String {
    use std::io::ErrorKind as Kind;
    if let Some(io) = find::<std::io::Error>(error) {
        let words = match io.kind() {
            Kind::ConnectionRefused => "connection refused",
            Kind::ConnectionReset => "connection reset",
            Kind::ConnectionAborted | Kind::BrokenPipe | Kind::UnexpectedEof => "connection broken off",
            Kind::TimedOut => "no connection in time",
            Kind::HostUnreachable | Kind::NetworkUnreachable => "no route",
            _ if format!("{io}").contains("lookup address") => "no such host",
            other => return other.to_string(),
        };
        return words.to_owned();
    }
    if never_left(error) { "no connection".to_owned() } else { "connection broken off".to_owned() }
}

/// The first error of this type in the chain of causes.
fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    // A chain of causes is short; the bound keeps a circular one from spinning.
    for _ in 0..16 {
        let current = next?;
        if let Some(found) = current.downcast_ref::<E>() {
            return Some(found);
        }
        // An `io::Error` that wraps an error skips it in `source`.
        let wrapped = current.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = match wrapped {
            Some(inner) => Some(inner as &(dyn StdError + 'static)),
            None => current.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Reached, Retry};

    fn status(code: u16, message: &str, details: &str) -> Vec<u8> {
        format!(r#"{{"kind":"Status","code":{code},"reason":"x","message":"{message}","details":{details}}}"#)
            .into_bytes()
    }

    #[test]
    fn every_status_has_its_cause_and_says_whether_a_write_may_have_happened() {
        for (code, details, cause, reached) in [
            (401, "{}", Cause::Unauthorized, Reached::No),
            (403, "{}", Cause::Forbidden, Reached::No),
            (404, "{}", Cause::NotFound, Reached::No),
            (409, "{}", Cause::Moved, Reached::No),
            (410, "{}", Cause::Moved, Reached::No),
            (413, "{}", Cause::TooLarge, Reached::No),
            (422, "{}", Cause::Moved, Reached::No),
            (422, r#"{"causes":[{"reason":"FieldValueInvalid"}]}"#, Cause::Refused, Reached::No),
            (429, "{}", Cause::RateLimited, Reached::No),
            (302, "{}", Cause::Redirected, Reached::No),
            (400, "{}", Cause::Refused, Reached::No),
            (500, "{}", Cause::ServerFailed, Reached::Perhaps),
            (502, "{}", Cause::ServerFailed, Reached::Perhaps),
            (504, "{}", Cause::ServerFailed, Reached::Perhaps),
        ] {
            let fault = of_status(code, &status(code, "as told", details), None, Sort::Write);
            assert_eq!(
                (fault.cause, fault.reached, fault.detail.as_str()),
                (cause, reached, "as told"),
                "{code}"
            );
            let read = of_status(code, &status(code, "as told", details), None, Sort::Read);
            assert_eq!(read.reached, Reached::No);
        }
    }

    #[test]
    fn a_webhook_that_could_not_be_called_stored_nothing() {
        let body = status(500, "Internal error occurred: failed calling webhook policy.example", "{}");
        assert_eq!(of_status(500, &body, None, Sort::Write).reached, Reached::No);
    }

    #[test]
    fn patience_is_taken_from_the_status_or_the_header_and_bounded() {
        let asked = of_status(429, &status(429, "slow", r#"{"retryAfterSeconds":7}"#), None, Sort::Read);
        assert_eq!(asked.retry, Retry::After(Duration::from_secs(7)));
        let header = of_status(429, b"", Some(Duration::from_secs(3)), Sort::Read);
        assert_eq!(header.retry, Retry::After(Duration::from_secs(3)));
        let absurd = of_status(429, b"", Some(Duration::from_secs(1 << 40)), Sort::Read);
        assert_eq!(absurd.retry, Retry::After(Duration::from_secs(300)));
    }

    #[test]
    fn a_login_page_is_not_taken_for_an_api_server() {
        let fault = of_status(502, b"<html>bad gateway</html>", None, Sort::Read);
        assert!(fault.detail.as_str().contains("is this an API server?"), "{fault}");
    }
}
