//! The secrets of a kubeconfig's user, kept to take them out of what the server says.
//!
//! An API server, or whatever stands in front of it, may repeat a request in its complaint. Nothing of that may be
//! shown, logged or recorded.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::config::AuthInfo;
use secrecy::ExposeSecret as _;
use secrecy::zeroize::Zeroizing;

/// The shortest secret that is looked for: shorter ones occur by chance.
const SHORTEST: usize = 6;
/// What stands in a secret's place.
const MASK: &[u8] = b"(credential)";

/// What must not come back. It has no `Debug`.
#[derive(Default)]
pub(super) struct Secrets(Vec<Zeroizing<Vec<u8>>>);

impl Secrets {
    /// The secrets that a request of this user carries. A token file is read as it is now.
    pub(super) fn of(auth: &AuthInfo) -> Self {
        let mut all = Vec::new();
        let mut keep = |text: &str| {
            if text.len() >= SHORTEST {
                all.push(Zeroizing::new(text.as_bytes().to_vec()));
            }
        };
        if let Some(token) = &auth.token {
            keep(token.expose_secret());
        }
        if let Some(Ok(token)) = auth.token_file.as_ref().map(std::fs::read_to_string) {
            keep(Zeroizing::new(token).trim());
        }
        if let Some(password) = &auth.password {
            let password = password.expose_secret();
            keep(password);
            let pair = Zeroizing::new(format!("{}:{password}", auth.username.as_deref().unwrap_or_default()));
            keep(&Zeroizing::new(STANDARD.encode(&*pair)));
        }
        Self(all)
    }

    /// Takes every secret out of `bytes`.
    pub(super) fn mask(&self, bytes: &mut Vec<u8>) {
        for secret in &self.0 {
            let mut from = 0;
            while let Some(at) = bytes
                .get(from..)
                .and_then(|rest| rest.windows(secret.len()).position(|part| part == secret.as_slice()))
            {
                let start = from.saturating_add(at);
                let end = start.saturating_add(secret.len());
                bytes.splice(start..end, MASK.iter().copied());
                from = start.saturating_add(MASK.len());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_repeats_comes_back_without_the_credential() {
        let auth = AuthInfo {
            username: Some("ana".to_owned()),
            password: Some("pa55word".to_owned().into()),
            token: Some("t0ken-1".to_owned().into()),
            ..AuthInfo::default()
        };
        let secrets = Secrets::of(&auth);
        let mut said = b"t0ken-1t0ken-1 pa55word YW5hOnBhNTV3b3Jk x".to_vec();
        secrets.mask(&mut said);
        assert_eq!(said, b"(credential)(credential) (credential) (credential) x");
        let mut short = b"abc".to_vec();
        Secrets::of(&AuthInfo { token: Some("abc".to_owned().into()), ..AuthInfo::default() })
            .mask(&mut short);
        assert_eq!(short, b"abc");
    }
}
