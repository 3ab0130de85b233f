//! What a server keeps elsewhere: a read whose answer leads to another origin by an address that is signed for the
//! moment. The second request is bare: no credential, no header of the endpoint, no body, and it follows nothing.
//!
//! Only for what is asked for in this way (the logs of jobs). Every other read stays within its origin.

use std::time::Duration;

use reqwest::Url;
use reqwest::header::{ACCEPT, CONTENT_TYPE, LOCATION};

use super::base::{host_of, is_loopback, origin_of};
use super::exchange::{Exchange, Purpose};
use super::{Answer, Endpoint, Inner, Read, failure};
use crate::domain::{Cause, Fault, SafeText};

/// How much, how long, and from where.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    /// Bytes after decompression that are read at the most; what lies beyond is not asked for.
    pub bytes: u64,
    /// How long the second request may take in all.
    pub patience: Duration,
    /// Domains whose hosts may be gone to; empty for any.
    pub domains: &'static [&'static str],
}

/// What came of it.
#[derive(Debug)]
pub enum Fetched {
    /// The server answered itself, with any status.
    Answered(Box<Answer>),
    /// All of it went through.
    Whole,
    /// A part of it went through; why not all.
    Part(SafeText),
}

impl Endpoint {
    /// Asks for something that may be kept elsewhere, and hands what comes from there to `sink`, piece by piece.
    ///
    /// # Errors
    /// A fault when the first answer or the second cannot be had; `Redirected` when it leads where we must not go
    /// (plain HTTP, unless both are on this machine; this machine, unless the endpoint is; a user's name in the
    /// address; a host of no allowed domain; a second redirect). The fault names both hosts, never the address.
    pub async fn read_elsewhere(
        &self,
        read: &Read,
        allowance: Allowance,
        sink: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<Fetched, Fault> {
        self.led(Purpose::Hop, read, allowance, sink).await
    }

    /// The same, and no redirect is followed with the credential, not even one within the origin: for servers that keep
    /// what they sign beside their own API.
    ///
    /// # Errors
    /// As [`Endpoint::read_elsewhere`].
    pub async fn read_signed(
        &self,
        read: &Read,
        allowance: Allowance,
        sink: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<Fetched, Fault> {
        self.led(Purpose::Signed, read, allowance, sink).await
    }

    async fn led(
        &self,
        purpose: Purpose,
        read: &Read,
        allowance: Allowance,
        sink: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<Fetched, Fault> {
        let answer = Exchange::new(&self.inner, purpose).run(read.into()).await?;
        let Some(location) =
            answer.headers.get("location").filter(|_| matches!(answer.status, 301 | 302 | 303 | 307 | 308))
        else {
            return Ok(Fetched::Answered(Box::new(answer)));
        };
        self.fetch_signed(&answer, location, allowance, sink).await
    }

    /// Hands what is kept at a signed address, which an answer named, to `sink`: as [`Endpoint::read_elsewhere`] does with
    /// the address that it is redirected to.
    ///
    /// # Errors
    /// As there, from the second answer on.
    pub async fn fetch_signed(
        &self,
        answer: &Answer,
        address: &str,
        allowance: Allowance,
        sink: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<Fetched, Fault> {
        let target = self.target(answer, address, allowance.domains)?;
        let asked = format!("{}: what is kept at {}", answer.asked(), host_of(&target));
        let mut carrier = Carrier { to: &self.inner, asked: &asked, left: allowance.bytes, some: false };
        match tokio::time::timeout(allowance.patience, carrier.carry(target, sink)).await {
            Ok(fetched) => fetched,
            Err(_) => {
                let late = format!("no end within {} s", allowance.patience.as_secs_f32());
                carrier.broken(Fault::new(Cause::TimedOut, format!("{asked}: {late}")))
            }
        }
    }

    /// Where the answer leads, if we may go there.
    fn target(&self, answer: &Answer, location: &str, domains: &[&str]) -> Result<Url, Fault> {
        let asked = answer.asked();
        let away = |why: String| Fault::new(Cause::Redirected, format!("{asked}: redirected to {why}"));
        let mut target =
            answer.url.join(location).map_err(|_| away("something that is no address".to_owned()))?;
        target.set_fragment(None);
        let there = origin_of(&target);
        let base = &self.inner.base;
        let refused = |why: &str| {
            away(format!("{there}; not followed from {base}: {why}"))
                .with_hint("nothing was sent there; check what stands between this machine and the server")
        };
        let here = base.socket().is_none() && base.is_local();
        match target.scheme() {
            "https" if is_loopback(&target) && !here => Err(refused("that is this machine")),
            "https" => Ok(()),
            "http" if here && is_loopback(&target) => Ok(()),
            _ => Err(refused("it is not https")),
        }?;
        if !target.username().is_empty() || target.password().is_some() {
            return Err(refused("there is a user name in the address"));
        }
        let host = target.host_str().unwrap_or_default();
        let within =
            |domain: &&str| host == *domain || host.strip_suffix(domain).is_some_and(|h| h.ends_with('.'));
        if !domains.is_empty() && !domains.iter().any(within) {
            return Err(refused("that host is not known to keep such things for it"));
        }
        Ok(target)
    }
}

/// The second request.
struct Carrier<'a> {
    to: &'a Inner,
    asked: &'a str,
    left: u64,
    some: bool,
}

impl Carrier<'_> {
    async fn carry(&mut self, target: Url, sink: &mut (dyn FnMut(&[u8]) + Send)) -> Result<Fetched, Fault> {
        let limits = &self.to.limits;
        let sending = self.to.reads.get(target.clone()).header(ACCEPT, "*/*");
        let mut response = match tokio::time::timeout(limits.headers, sending.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(failure::explain(error, self.asked, limits)),
            Err(_) => return Err(self.fault(Cause::TimedOut, "no answer")),
        };
        self.check(&response, &target)?;
        loop {
            let chunk = match tokio::time::timeout(limits.idle, response.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => return Ok(Fetched::Whole),
                Ok(Err(error)) => return self.broken(failure::explain(error, self.asked, limits)),
                Err(_) => return self.broken(self.fault(Cause::TimedOut, "the answer stalled")),
            };
            let size = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
            if size > self.left {
                let kept = usize::try_from(self.left).unwrap_or(usize::MAX);
                sink(chunk.get(..kept).unwrap_or_default());
                return Ok(Fetched::Part(SafeText::new("it is longer than what is read of any")));
            }
            self.left = self.left.saturating_sub(size);
            self.some = true;
            sink(&chunk);
        }
    }

    fn check(&self, response: &reqwest::Response, target: &Url) -> Result<(), Fault> {
        let status = response.status().as_u16();
        if let Some(location) = response.headers().get(LOCATION).filter(|_| matches!(status, 300..=399)) {
            let there = location.to_str().ok().and_then(|text| target.join(text).ok());
            let there = there.as_ref().map_or_else(|| "something that is no address".to_owned(), origin_of);
            let text = format!("redirected once more, to {there}; not followed");
            return Err(self.fault(Cause::Redirected, &text));
        }
        let cause = match status {
            200..=299 => {
                let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
                let page = kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("text/html"));
                return if page {
                    Err(self.fault(Cause::Malformed, "an HTML page instead of what was asked for"))
                } else {
                    Ok(())
                };
            }
            401 | 403 => Cause::Forbidden,
            404 | 410 => Cause::NotFound,
            429 => Cause::RateLimited,
            500..=599 => Cause::ServerFailed,
            _ => Cause::Refused,
        };
        // A signed address is good for a moment only: the next look gets a new one.
        let mut fault = self.fault(cause, &response.status().to_string());
        fault.retry = crate::domain::Retry::BackOff;
        Err(fault)
    }

    fn fault(&self, cause: Cause, why: &str) -> Fault {
        Fault::new(cause, format!("{}: {why}", self.asked))
    }

    /// What went through counts; if nothing did, it is a fault.
    fn broken(&self, fault: Fault) -> Result<Fetched, Fault> {
        if self.some { Ok(Fetched::Part(SafeText::new(&fault.to_string()))) } else { Err(fault) }
    }
}
