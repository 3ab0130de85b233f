//! How a registry lets somebody in: its challenge, where a login may be sent, and tokens for a while. Sends nothing.
//!
//! A login belongs to one registry. It goes to that registry, and to the host that the registry names for tokens only
//! if that is its own or one that the operator names; always over TLS, or on this machine.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secrecy::zeroize::Zeroize as _;
use tokio::time::Instant;

use super::reference::{Asked, canonical, is_loopback, is_own_realm};
use crate::domain::{Cause, Fault, SafeText};
use crate::provider::SourceSpec;
use crate::provider::http::{Answer, Auth, query};
use crate::provider::secret::Secret;

/// A token is not used in its last seconds, nor longer than this, whatever it says.
const LAST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(3_600);
/// What a token lasts that does not say so.
const USUAL: u64 = 60;
/// So many tokens are kept.
const MOST: usize = 256;

/// The login of one registry.
#[derive(Clone)]
pub(super) struct Login {
    host: String,
    user: String,
    password: Secret,
    /// The host of its tokens, where the operator names one.
    realm: Option<String>,
}

impl Login {
    /// The login that a source configures, if it does.
    ///
    /// # Errors
    /// A `Local` fault when a part of it is missing or cannot be one.
    pub(super) fn of(spec: &SourceSpec) -> Result<Option<Self>, Fault> {
        let wrong = |why: &str| Err(Fault::new(Cause::Local, format!("source {}: {why}", spec.name)));
        let text = |key: &str| spec.settings.text(key);
        let password = Secret::of(spec, "registry_password");
        let (host, user, password) = match (text("registry"), text("registry_user"), password) {
            (Some(host), Some(user), Some(password)) => (host, user, password),
            (None, None, None) if text("registry_realm").is_none() => return Ok(None),
            _ => {
                return wrong(
                    "a registry's login is registry, registry_user and registry_password; one of them is missing",
                );
            }
        };
        let realm = text("registry_realm");
        if !is_host(host) || realm.is_some_and(|realm| !is_host(realm)) {
            return wrong(
                "registry and registry_realm are hosts, such as \"registry.test:5000\", without https://",
            );
        }
        if user.is_empty() || user.contains(|c: char| c == ':' || c.is_control()) {
            return wrong("registry_user cannot be a name");
        }
        Ok(Some(Self {
            host: canonical(host).to_owned(),
            user: user.to_owned(),
            password,
            realm: realm.map(str::to_owned),
        }))
    }

    pub(super) fn is_for(&self, asked: &Asked) -> bool {
        self.host == asked.host
    }

    pub(super) fn auth(&self) -> Auth {
        Auth::Basic { username: self.user.clone(), password: self.password.clone() }
    }

    /// Whether tokens of this host may be asked for with the login.
    fn trusts(&self, realm: &str) -> bool {
        is_own_realm(&self.host, realm) || self.realm.as_deref() == Some(realm)
    }

    /// What a registry's refusal of this login means.
    pub(super) fn refused(&self, asked: &Asked) -> Fault {
        let detail = format!("{} does not let {} read {}", asked.host, self.user, asked.name);
        Fault::new(Cause::Forbidden, detail).with_hint(format!(
            "check registry_user and registry_password, and that this login may pull {}",
            asked.name
        ))
    }
}

fn is_host(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]_".contains(&b))
}

/// What a registry wants before it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A token, to be had from a host that it names.
    Bearer(Bearer),
    /// Name and password, at the registry itself.
    Basic,
}

/// `Bearer realm="..",service="..",scope=".."`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bearer {
    realm: String,
    service: Option<String>,
}

impl Challenge {
    /// The challenge that can be met best.
    pub(super) fn of(answer: &Answer) -> Option<Self> {
        let all: Vec<Self> = answer.headers.all("www-authenticate").filter_map(Self::parse).collect();
        all.iter().find(|c| matches!(c, Self::Bearer(_))).or_else(|| all.first()).cloned()
    }

    fn parse(header: &str) -> Option<Self> {
        let header = header.trim();
        let (scheme, rest) = header.split_once(' ').unwrap_or((header, ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let pairs = parameters(rest);
        Some(Self::Bearer(Bearer {
            realm: pairs.get("realm")?.clone(),
            service: pairs.get("service").filter(|s| !s.is_empty()).cloned(),
        }))
    }
}

/// `key="value"` pairs, separated by commas outside of the quotes.
fn parameters(text: &str) -> BTreeMap<String, String> {
    let mut pairs = BTreeMap::new();
    let mut rest = text;
    while let Some((key, after)) = rest.split_once("=\"") {
        let Some((value, next)) = after.split_once('"') else { break };
        let key = key.trim_start_matches([',', ' ']).trim().to_ascii_lowercase();
        pairs.entry(key).or_insert_with(|| value.to_owned());
        rest = next;
    }
    pairs
}

/// Where to ask for a token, and as whom.
#[derive(Debug)]
pub(super) struct Counter {
    pub(super) origin: String,
    pub(super) path: String,
    pub(super) auth: Auth,
    /// Why the login, if there is one, is not sent there.
    pub(super) withheld: Option<Fault>,
}

impl Bearer {
    /// Where the token to pull `asked` is to be had. Only TLS is trusted to answer, except for a registry on this
    /// machine with its realm on this machine.
    ///
    /// # Errors
    /// [`Cause::Redirected`] when that is no place to ask.
    pub(super) fn counter(&self, asked: &Asked, login: Option<&Login>) -> Result<Counter, Fault> {
        let refused =
            || Fault::new(Cause::Redirected, "the registry sends us to an unusable place for a token");
        let (scheme, rest) = self.realm.split_once("://").ok_or_else(refused)?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host_only = !host.is_empty() && !host.contains(['@', '?', '#', '\\']);
        let safe = scheme == "https" || (scheme == "http" && asked.is_local() && is_loopback(host));
        if !host_only || !safe {
            return Err(refused());
        }
        let scope = format!("repository:{}:pull", asked.name);
        let mut pairs = vec![("scope", scope.as_str())];
        if let Some(service) = &self.service {
            pairs.push(("service", service));
        }
        let path = match path.split_once('?') {
            None => query(&format!("/{path}"), &pairs),
            Some(_) => format!("/{path}&{}", query("", &pairs).trim_start_matches('?')),
        };
        let login = login.filter(|login| login.is_for(asked));
        let trusted = login.filter(|login| login.trusts(host));
        let withheld = login.filter(|_| trusted.is_none()).map(|_| {
            let realm = SafeText::new(host);
            let detail =
                format!("{} sends logins to {realm}, which is not its own: none was sent there", asked.host);
            Fault::new(Cause::Redirected, detail)
                .with_hint(format!("if that is the right place, add registry_realm = \"{realm}\""))
        });
        let auth = trusted.map_or(Auth::None, Login::auth);
        Ok(Counter { origin: format!("{scheme}://{host}"), path, auth, withheld })
    }
}

/// A token, and how long it may be used.
pub(super) struct Token {
    pub(super) secret: Secret,
    lasts: Duration,
}

#[derive(serde::Deserialize)]
struct Wire {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<serde_json::Value>,
}

impl Token {
    /// The token in an answer; none when there is none in it. Nothing of the answer is repeated in a fault.
    ///
    /// # Errors
    /// [`Cause::Malformed`].
    pub(super) fn read(answer: &Answer) -> Result<Option<Self>, Fault> {
        let wire: Wire = serde_json::from_slice(&answer.body).map_err(|_| {
            Fault::new(Cause::Malformed, format!("{}: not a token as documented", answer.asked()))
        })?;
        let lasts = wire.expires_in.as_ref().map_or(USUAL, |told| told.as_u64().unwrap_or(0));
        let texts = [wire.token, wire.access_token];
        let mut texts: Vec<String> = texts.into_iter().flatten().filter(|text| !text.is_empty()).collect();
        let secret = texts.first().map(|text| Secret::handed_over(text)).transpose();
        texts.iter_mut().for_each(|text| text.zeroize());
        Ok(secret?.map(|secret| Self { secret, lasts: Duration::from_secs(lasts).min(LONGEST) }))
    }
}

/// Registry and repository.
type Key = (String, String);

/// Tokens that are still good. Each is for one repository of one registry.
#[derive(Default)]
pub(super) struct Tokens(Mutex<BTreeMap<Key, (Instant, Secret)>>);

impl Tokens {
    pub(super) fn get(&self, asked: &Asked) -> Option<Secret> {
        let mut kept = self.kept();
        kept.retain(|_, (end, _)| Instant::now() < *end);
        kept.get(&key(asked)).map(|(_, secret)| secret.clone())
    }

    pub(super) fn keep(&self, asked: &Asked, token: &Token) {
        let mut kept = self.kept();
        if kept.len() >= MOST {
            kept.clear();
        }
        let now = Instant::now();
        let end = now.checked_add(token.lasts.saturating_sub(LAST)).unwrap_or(now);
        kept.insert(key(asked), (end, token.secret.clone()));
    }

    pub(super) fn drop(&self, asked: &Asked) {
        self.kept().remove(&key(asked));
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<Key, (Instant, Secret)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(asked: &Asked) -> Key {
    (asked.host.clone(), asked.name.clone())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::{Settings, SourceName};
    use crate::provider::SecretPlace;

    fn spec(pairs: &[(&str, &str)]) -> SourceSpec {
        let mut settings = Settings::default();
        let mut secrets = BTreeMap::new();
        for (key, value) in pairs {
            if *key == "registry_password" {
                secrets.insert((*key).to_owned(), SecretPlace::Env((*value).to_owned()));
            } else {
                settings = settings.with_text(key, value);
            }
        }
        let name = SourceName::new("prod");
        SourceSpec { name, settings, secrets, bounds: Vec::new(), env: Arc::default() }
    }

    const WHOLE: [(&str, &str); 3] =
        [("registry", "registry.test"), ("registry_user", "ann"), ("registry_password", "PASSWORD")];

    fn asked(reference: &str) -> Asked {
        Asked::parse(reference).unwrap()
    }

    fn bearer(realm: &str) -> Bearer {
        Bearer { realm: realm.to_owned(), service: None }
    }

    #[test]
    fn a_realm_must_be_trustworthy() {
        let (near, far) = (asked("127.0.0.1:5000/web"), asked("registry.test/web"));
        assert!(bearer("https://auth.test/token").counter(&far, None).is_ok());
        assert!(bearer("http://127.0.0.1:5001/token").counter(&near, None).is_ok());
        for (realm, asked) in [
            ("http://auth.test/token", &far),
            ("http://auth.test/token", &near),
            ("http://127.0.0.1:5001/token", &far),
            ("https://user@auth.test/token", &far),
            ("file:///etc/passwd", &near),
            ("token", &near),
        ] {
            assert!(bearer(realm).counter(asked, None).is_err(), "{realm}");
        }
    }

    #[test]
    fn the_scope_is_ours_and_only_to_pull() {
        let header =
            r#"Bearer realm="https://a.test/t?a=b",service="s.test",scope="repository:web:pull,push""#;
        let Some(Challenge::Bearer(bearer)) = Challenge::parse(header) else { panic!("{header}") };
        let counter = bearer.counter(&asked("registry.test/acme/web:v1"), None).unwrap();
        assert_eq!(counter.origin, "https://a.test");
        assert_eq!(counter.path, "/t?a=b&scope=repository%3Aacme%2Fweb%3Apull&service=s.test");
        assert_eq!(Challenge::parse("Basic realm=\"x\""), Some(Challenge::Basic));
        assert_eq!(Challenge::parse("Negotiate"), None);
        assert_eq!(Challenge::parse("Bearer service=\"x\""), None);
    }

    #[test]
    fn a_login_goes_to_its_own_realm_and_to_one_that_the_operator_names() {
        let sent = |pairs: &[(&str, &str)], realm: &str, reference: &str| {
            let login = Login::of(&spec(pairs)).unwrap();
            let counter = bearer(realm).counter(&asked(reference), login.as_ref()).unwrap();
            (!matches!(counter.auth, Auth::None), counter.withheld)
        };
        let web = "registry.test/web";
        assert_eq!(sent(&WHOLE, "https://registry.test/token", web), (true, None));
        let (goes, why) = sent(&WHOLE, "https://evil.test/token", web);
        assert!(!goes);
        assert!(why.unwrap().hint.unwrap().as_str().contains("registry_realm = \"evil.test\""));
        let mut named = WHOLE.to_vec();
        named.push(("registry_realm", "auth.test"));
        assert_eq!(sent(&named, "https://auth.test/token", web), (true, None));
        assert!(!sent(&named, "https://auth.test.evil.test/token", web).0);
        // Another registry is no place for it, whatever it says.
        assert_eq!(sent(&named, "https://registry.test/token", "other.test/web"), (false, None));
        let hub = [("registry", "docker.io"), WHOLE[1], WHOLE[2]];
        assert_eq!(sent(&hub, "https://auth.docker.io/token", "nginx"), (true, None));
    }

    #[test]
    fn half_a_login_is_none() {
        assert!(Login::of(&spec(&[])).unwrap().is_none());
        for pairs in [&WHOLE[..1], &WHOLE[..2], &WHOLE[1..], &[("registry_realm", "a.test")][..]] {
            assert!(Login::of(&spec(pairs)).is_err(), "{pairs:?}");
        }
        for (host, user) in
            [("https://registry.test", "ann"), ("a/b", "ann"), ("a.test", "a:b"), ("a.test", "")]
        {
            let pairs = [("registry", host), ("registry_user", user), WHOLE[2]];
            assert!(Login::of(&spec(&pairs)).is_err(), "{pairs:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_kept_for_its_repository_until_it_ends() {
        let tokens = Tokens::default();
        let (web, shop) = (asked("registry.test/web"), asked("registry.test/shop"));
        let token = |seconds| Token {
            secret: Secret::handed_over("token-of-web").unwrap(),
            lasts: Duration::from_secs(seconds),
        };
        tokens.keep(&web, &token(60));
        assert!(tokens.get(&web).is_some() && tokens.get(&shop).is_none());
        tokio::time::advance(Duration::from_secs(56)).await;
        assert!(tokens.get(&web).is_none(), "not in its last seconds");
        tokens.keep(&web, &token(3));
        assert!(tokens.get(&web).is_none(), "too short to be of use");
        tokens.keep(&web, &token(60));
        tokens.drop(&web);
        assert!(tokens.get(&web).is_none(), "refused");
    }
}
