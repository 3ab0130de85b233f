//! Why no answer came, in plain words and without URLs.

use std::error::Error;
use std::io;

use rustls::CertificateError;

use super::Limits;
use crate::domain::{Cause, Fault};

/// What the client's error means. `asked` says what was asked of whom.
pub(super) fn explain(error: reqwest::Error, asked: &str, limits: &Limits) -> Fault {
    let error = error.without_url();
    if let Some(fault) = tls(&error, asked) {
        return fault;
    }
    if error.is_dns() {
        return Fault::new(Cause::Unreachable, format!("{asked}: no such host"))
            .with_hint("check the url, the network and the name server");
    }
    if error.is_timeout() && error.is_connect() {
        let seconds = limits.connect.as_secs_f32();
        return Fault::new(Cause::TimedOut, format!("{asked}: no connection within {seconds} s"));
    }
    if error.is_timeout() {
        return Fault::new(Cause::TimedOut, format!("{asked}: timed out"));
    }
    if says(&error, "proxy authorization required") {
        return Fault::new(Cause::Unauthorized, format!("{asked}: the proxy wants a login (407)"))
            .with_hint("check the proxy variables");
    }
    if says(&error, "unsuccessful tunnel") || says(&error, "tunnel error") {
        return Fault::new(Cause::Unreachable, format!("{asked}: the proxy does not let us through"));
    }
    if let Some(word) = io_word(&error) {
        return Fault::new(Cause::Unreachable, format!("{asked}: {word}"));
    }
    if error.is_connect() {
        return Fault::new(Cause::Unreachable, format!("{asked}: no connection: {}", innermost(&error)));
    }
    if error.is_builder() {
        return Fault::new(Cause::Local, format!("{asked}: the request cannot be built"));
    }
    broken(&error, asked)
}

/// The connection stood, and what came over it was no complete HTTP answer.
fn broken(error: &reqwest::Error, asked: &str) -> Fault {
    // The HTTP library keeps these kinds to itself; its words are stable and tested here.
    if says(error, "connection closed before message completed") || says(error, "end of file before message")
    {
        return Fault::new(Cause::Unreachable, format!("{asked}: the connection ended in mid-answer"));
    }
    if says(error, "connection was not ready") {
        return Fault::new(Cause::Unreachable, format!("{asked}: the connection ended before the request"));
    }
    if says(error, "invalid HTTP") || says(error, "message head is too large") {
        return Fault::new(Cause::Malformed, format!("{asked}: the answer is not HTTP"));
    }
    Fault::new(Cause::Malformed, format!("{asked}: the answer broke off: {}", innermost(error)))
}

fn io_word(error: &reqwest::Error) -> Option<&'static str> {
    chain(error).find_map(|cause| {
        Some(match cause.downcast_ref::<io::Error>()?.kind() {
            io::ErrorKind::ConnectionRefused => "connection refused",
            io::ErrorKind::ConnectionReset => "connection reset",
            io::ErrorKind::ConnectionAborted => "connection aborted",
            io::ErrorKind::BrokenPipe => "connection closed while sending",
            io::ErrorKind::UnexpectedEof => "the connection ended in mid-answer",
            io::ErrorKind::HostUnreachable => "no route to the host",
            io::ErrorKind::NetworkUnreachable => "no route to the network",
            io::ErrorKind::NotFound => "no such socket",
            io::ErrorKind::PermissionDenied => "no permission to open the socket",
            _ => return None,
        })
    })
}

fn tls(error: &reqwest::Error, asked: &str) -> Option<Fault> {
    let found = chain(error).find_map(|cause| cause.downcast_ref::<rustls::Error>())?;
    let (why, hint) = match found {
        rustls::Error::InvalidCertificate(certificate) => certificate_words(certificate),
        rustls::Error::AlertReceived(alert) => {
            (format!("the server ended the handshake ({alert:?})"), "it may want a client certificate")
        }
        rustls::Error::InvalidMessage(_) => {
            ("the server does not speak TLS here".to_owned(), "check the port, or whether it is http://")
        }
        rustls::Error::PeerIncompatible(_) => {
            ("the server speaks no TLS version that is still safe".to_owned(), "it needs TLS 1.2 or newer")
        }
        other => (other.to_string(), "check the server's TLS setup"),
    };
    Some(Fault::new(Cause::Tls, format!("{asked}: {why}")).with_hint(hint))
}

fn certificate_words(error: &CertificateError) -> (String, &'static str) {
    let (why, hint) = match error {
        CertificateError::UnknownIssuer => (
            "the certificate is self-signed or of an unknown authority",
            "name the authority's certificate with ca_file",
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            ("the certificate has expired", "the server needs a new one; check this machine's clock, too")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            ("the certificate is not valid yet", "check this machine's clock")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            ("the certificate is for another host", "check the url")
        }
        CertificateError::Revoked => ("the certificate was revoked", "the server needs a new one"),
        // The verifier wraps this one away; it is what `openssl req -x509` makes, so it is common.
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => (
            "self-signed: the server shows an authority's own certificate",
            "give the server a certificate that is not an authority's (CA:FALSE), then name it with ca_file",
        ),
        other => {
            return (format!("the certificate is not accepted: {other}"), "check the server's certificate");
        }
    };
    (why.to_owned(), hint)
}

/// An error and everything beneath it. An IO error hides what it wraps from `source`, so that is opened, too.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| beneath(*error))
}

fn beneath<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

fn says(error: &reqwest::Error, words: &str) -> bool {
    chain(error).any(|cause| cause.to_string().contains(words))
}

fn innermost(error: &reqwest::Error) -> String {
    chain(error).last().map_or_else(String::new, ToString::to_string)
}
