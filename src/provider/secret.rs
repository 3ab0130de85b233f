//! Where secrets come from: environment, file, command, keyring.
//!
//! Knows how to fetch a value and how to keep it from being seen; knows nothing of who asks for it. A value is
//! fetched when it is first needed, kept in memory, and dropped when the other side says that it is wrong.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::SecretString;
use tokio::sync::Mutex;

use super::{SecretPlace, SourceSpec};
use crate::domain::Fault;

mod fetch;

/// A secret that is fetched when it is first needed. Clones share the value.
///
/// It has no `Display`, and its `Debug` names the place only:
///
/// ```compile_fail
/// fn show(secret: gonogo::provider::secret::Secret) -> String { format!("{secret}") }
/// ```
#[derive(Clone)]
pub struct Secret {
    place: SecretPlace,
    env: Arc<BTreeMap<String, String>>,
    kept: Arc<Mutex<Option<Arc<SecretString>>>>,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret({})", describe(&self.place))
    }
}

impl Secret {
    /// The secret at `place`; `env` is the environment that the program was started with.
    #[must_use]
    pub fn new(place: SecretPlace, env: Arc<BTreeMap<String, String>>) -> Self {
        Self { place, env, kept: Arc::default() }
    }

    /// The secret that a source has under `key`, if one is configured.
    #[must_use]
    pub fn of(spec: &SourceSpec, key: &str) -> Option<Self> {
        spec.secrets.get(key).map(|place| Self::new(place.clone(), Arc::clone(&spec.env)))
    }

    /// The value, fetched now unless it is kept.
    ///
    /// # Errors
    /// A [`Fault`] with cause `Local` that names the place and never the value.
    pub async fn reveal(&self) -> Result<Arc<SecretString>, Fault> {
        let mut kept = self.kept.lock().await;
        if let Some(value) = kept.as_ref() {
            return Ok(Arc::clone(value));
        }
        let value = Arc::new(fetch::fetch(&self.place, &self.env).await?);
        *kept = Some(Arc::clone(&value));
        Ok(value)
    }

    /// Drops the kept value, so that the next use fetches it again: after a 401, after a rotation.
    pub async fn forget(&self) {
        *self.kept.lock().await = None;
    }
}

/// Where a secret lies, in words that hold no secret: a command's name, never its arguments.
fn describe(place: &SecretPlace) -> String {
    match place {
        SecretPlace::Env(name) => format!("environment variable {name}"),
        SecretPlace::File(path) => format!("file {}", path.display()),
        SecretPlace::Command(words) => {
            format!("command {}", words.first().map_or("(none)", String::as_str))
        }
        SecretPlace::Keyring(entry) => format!("keyring entry {entry}"),
    }
}

#[cfg(all(test, unix))]
mod tests;
