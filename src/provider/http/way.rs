//! The way to an endpoint, for `gonogo doctor`: name server, proxy, certificate. One request without a credential.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::tls::TlsInfo;

use super::base::Base;
use super::{Endpoint, certificate, failure};
use crate::domain::Cause;
use crate::provider::examine::Finding;

/// How long the name server may take.
const NAMES: Duration = Duration::from_secs(3);
/// How long the server may take to show its certificate.
const SHOWN: Duration = Duration::from_secs(5);
/// Certificates that end within so many hours are worth a word: three weeks.
const SOON: i64 = 21 * 24;

type Env = std::collections::BTreeMap<String, String>;

/// Through whom the requests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Through {
    /// Nobody, and why.
    Straight(&'static str),
    /// The proxy that this variable names. Its address may hold a password and is not kept.
    Proxy(&'static str),
}

/// Through whom requests to this base go; as the client is built in [`super::client`].
pub(super) fn through(base: &Base, env: &Env) -> Through {
    if base.is_local() {
        return Through::Straight("it is on this machine");
    }
    let var =
        |name: &str| env.get(&name.to_ascii_lowercase()).or_else(|| env.get(name)).filter(|v| !v.is_empty());
    let first = if base.may_use_tls() { "HTTPS_PROXY" } else { "HTTP_PROXY" };
    let Some(name) = [first, "ALL_PROXY"].into_iter().find(|name| var(name).is_some()) else {
        return Through::Straight("no proxy variable is set");
    };
    let host = base.host().unwrap_or_default();
    match var("NO_PROXY") {
        Some(list) if list.split(',').any(|entry| excepts(entry.trim(), host)) => {
            Through::Straight("NO_PROXY names it")
        }
        _ => Through::Proxy(name),
    }
}

/// Whether one entry of `NO_PROXY` is about this host: `*`, a domain with what is below it, an address, a net.
fn excepts(entry: &str, host: &str) -> bool {
    let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
    let entry = entry.to_ascii_lowercase();
    if let (Ok(ip), Some((net, bits))) = (host.parse::<IpAddr>(), entry.split_once('/')) {
        return match (ip, net.parse(), bits.parse::<u32>()) {
            (IpAddr::V4(ip), Ok(IpAddr::V4(net)), Ok(bits @ 1..=32)) => {
                u32::from(ip).wrapping_shr(32_u32.saturating_sub(bits))
                    == u32::from(net).wrapping_shr(32_u32.saturating_sub(bits))
            }
            _ => false,
        };
    }
    let bare = entry.trim_start_matches('.');
    entry == "*" || (!bare.is_empty() && (host == bare || host.ends_with(&format!(".{bare}"))))
}

impl Endpoint {
    /// What can be said about the way there, at `now`.
    pub async fn way(&self, now: Timestamp) -> Vec<Finding> {
        let inner = &self.inner;
        if inner.base.socket().is_some() {
            return vec![Finding::well("way", format!("socket {}, no network", inner.base))];
        }
        let through = through(&inner.base, &inner.env);
        let (names, certificate) = tokio::join!(self.names(&through), self.certificate(now));
        let proxy = match &through {
            Through::Straight(why) => Finding::well("proxy", format!("none: {why}")),
            Through::Proxy(variable) => Finding::well("proxy", format!("the one that ${variable} names")),
        };
        [names, Some(proxy), certificate].into_iter().flatten().collect()
    }

    async fn names(&self, through: &Through) -> Option<Finding> {
        let host = self.inner.base.host()?;
        if let Through::Proxy(_) = through {
            return Some(Finding::well("DNS", "asked by the proxy, not here"));
        }
        if host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
            return Some(Finding::well("DNS", format!("{host} is an address")));
        }
        let mend = format!("getent hosts {host}   # then check the url, the network and /etc/resolv.conf");
        Some(match tokio::time::timeout(NAMES, tokio::net::lookup_host((host, 0))).await {
            Err(_) => {
                Finding::ill("DNS", format!("no answer about {host} within {} s", NAMES.as_secs()), mend)
            }
            Ok(Err(_)) => Finding::ill("DNS", format!("no such host: {host}"), mend),
            Ok(Ok(all)) => {
                let mut all: Vec<String> = all.map(|address| address.ip().to_string()).collect();
                all.dedup();
                all.truncate(3);
                Finding::well("DNS", format!("{host} is {}", all.join(", ")))
            }
        })
    }

    /// The certificate as seen; none where the connection says nothing about it.
    async fn certificate(&self, now: Timestamp) -> Option<Finding> {
        let inner = &self.inner;
        if !inner.base.may_use_tls() {
            let says = format!("plain HTTP to {}", inner.base);
            return Some(if inner.base.is_local() {
                Finding::well("TLS", says + ", on this machine")
            } else {
                Finding::worth(
                    "TLS",
                    says + ": whoever is on the way can read and change it",
                    "use an https:// url",
                )
            });
        }
        let asked = format!("HEAD {}", inner.base);
        let url = inner.base.join("/").ok()?;
        match inner.reads.head(url).timeout(SHOWN).send().await {
            Err(error) => {
                let fault = failure::explain(error, &asked, &inner.limits);
                // What else went wrong is told by the look.
                let hint = fault.hint.clone().unwrap_or_default();
                (fault.cause == Cause::Tls)
                    .then(|| Finding::ill("TLS", fault.detail.as_str(), mend(hint.as_str(), &inner.base)))
            }
            Ok(response) => {
                let shown = response.extensions().get::<TlsInfo>()?.peer_certificate()?;
                Some(valid(&certificate::read(shown)?, now))
            }
        }
    }
}

/// What mends a certificate that was refused, with the command that shows it.
fn mend(hint: &str, base: &Base) -> String {
    let host = base.host().unwrap_or_default();
    let port = base.port();
    format!("{hint}; it is shown by: openssl s_client -connect {host}:{port} -servername {host}")
}

fn valid(certificate: &certificate::Certificate, now: Timestamp) -> Finding {
    let hours = certificate.until.duration_since(now).as_hours();
    let until = certificate.until.strftime("%F");
    let days = hours.div_euclid(24);
    let says = format!("issued by {}, valid until {until} ({days} days)", certificate.issuer);
    if hours < SOON {
        Finding::worth("TLS", says, "whoever runs the server should renew it now")
    } else {
        Finding::well("TLS", says)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::examine::Standing;

    fn way(url: &str, env: &[(&str, &str)]) -> Through {
        let env: Env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        through(&Base::parse(url).unwrap(), &env)
    }

    #[test]
    fn the_way_is_told_as_it_is_taken() {
        let proxy = ("HTTPS_PROXY", "http://user:pw@proxy.test:3128");
        assert_eq!(way("http://127.0.0.1:1", &[proxy]), Through::Straight("it is on this machine"));
        assert_eq!(way("https://a.test", &[]), Through::Straight("no proxy variable is set"));
        assert_eq!(way("https://a.test", &[proxy]), Through::Proxy("HTTPS_PROXY"));
        assert_eq!(way("http://a.test", &[proxy]), Through::Straight("no proxy variable is set"));
        assert_eq!(way("http://a.test", &[("all_proxy", "socks5://p.test")]), Through::Proxy("ALL_PROXY"));
        for (list, host, straight) in [
            ("*", "a.test", true),
            ("b.test, a.test", "a.test", true),
            (".test", "a.test", true),
            ("a.test", "ba.test", false),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("", "a.test", false),
        ] {
            let told = way(&format!("https://{host}"), &[proxy, ("NO_PROXY", list)]);
            let expected =
                if straight { Through::Straight("NO_PROXY names it") } else { Through::Proxy("HTTPS_PROXY") };
            assert_eq!(told, expected, "{list} {host}");
        }
    }

    #[test]
    fn a_certificate_that_ends_soon_is_worth_a_word() {
        let certificate =
            |until: &str| certificate::Certificate { issuer: "R11".into(), until: until.parse().unwrap() };
        let now = "2026-11-25T12:00:00Z".parse().unwrap();
        let soon = valid(&certificate("2026-12-01T12:00:00Z"), now);
        assert_eq!(soon.standing, Standing::Worth);
        assert!(soon.says.as_str().contains("2026-12-01 (6 days)"), "{}", soon.says);
        assert_eq!(valid(&certificate("2027-02-01T12:00:00Z"), now).standing, Standing::Well);
    }
}
