//! Where secrets come from: environment, file, command, keyring.
//!
//! Knows how to fetch a value and how to keep it from being seen; knows nothing of who asks for it. A value is
//! fetched when it is first needed, kept in memory, and dropped when the other side says that it is wrong.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;

use super::{SecretPlace, SourceSpec};
use crate::domain::{Cause, Fault};

mod fetch;

/// What a secret without a place is called.
const HANDED_OVER: &str = "a token that a server handed over";

/// The longest value that is handed over, in bytes.
const LONGEST: usize = 16 * 1024;

/// A secret's value, in memory that is overwritten when it is dropped.
///
/// It can be borrowed by name, [`Value::expose`], and in no other way. It has no `Display`:
///
/// ```compile_fail,E0277
/// fn show(value: &gonogo::provider::secret::Value) -> String { format!("{value}") }
/// ```
///
/// no `Debug`:
///
/// ```compile_fail,E0277
/// fn show(value: &gonogo::provider::secret::Value) -> String { format!("{value:?}") }
/// ```
///
/// no `Serialize`:
///
/// ```compile_fail,E0277
/// fn show(value: &gonogo::provider::secret::Value) -> String { serde_json::to_string(value).unwrap() }
/// ```
///
/// no `Clone`:
///
/// ```compile_fail,E0277
/// fn copy<T: Clone>(value: T) -> T { value.clone() }
/// fn twice(value: gonogo::provider::secret::Value) { copy(value); }
/// ```
///
/// and none of the conversions by which a text leaks by accident:
///
/// ```compile_fail,E0277
/// fn take(text: impl AsRef<str>) {}
/// fn give(value: gonogo::provider::secret::Value) { take(value) }
/// ```
///
/// ```compile_fail,E0614
/// fn give(value: &gonogo::provider::secret::Value) -> &str { &**value }
/// ```
pub struct Value(SecretString);

impl Value {
    /// The value in memory of its own; `text` is the caller's to overwrite.
    fn new(text: &str) -> Self {
        Self(SecretString::from(text))
    }

    /// The value itself, for the one request that it belongs to.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// A secret that is fetched when it is first needed. Clones share the value.
///
/// It has no `Display`, no `Serialize`, and its `Debug` names the place only:
///
/// ```compile_fail,E0277
/// fn show(secret: gonogo::provider::secret::Secret) -> String { format!("{secret}") }
/// ```
///
/// ```compile_fail,E0277
/// fn show(secret: &gonogo::provider::secret::Secret) -> String { serde_json::to_string(secret).unwrap() }
/// ```
#[derive(Clone)]
pub struct Secret {
    /// None for one that was handed over and cannot be fetched again.
    place: Option<SecretPlace>,
    env: Arc<BTreeMap<String, String>>,
    kept: Arc<Mutex<Option<Arc<Value>>>>,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret({})", self.place.as_ref().map_or_else(|| HANDED_OVER.to_owned(), describe))
    }
}

impl Secret {
    /// The secret at `place`; `env` is the environment that the program was started with.
    #[must_use]
    pub fn new(place: SecretPlace, env: Arc<BTreeMap<String, String>>) -> Self {
        Self { place: Some(place), env, kept: Arc::default() }
    }

    /// A value that another side handed over, such as a token for a while: once forgotten it is gone.
    ///
    /// # Errors
    /// A `Malformed` fault that never holds the value, when it cannot be a header.
    pub fn handed_over(value: &str) -> Result<Self, Fault> {
        if value.is_empty() || value.len() > LONGEST || value.chars().any(|c| !c.is_ascii_graphic()) {
            return Err(Fault::new(Cause::Malformed, format!("{HANDED_OVER} cannot be one")));
        }
        let kept = Arc::new(Mutex::new(Some(Arc::new(Value::new(value)))));
        Ok(Self { place: None, env: Arc::default(), kept })
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
    pub async fn reveal(&self) -> Result<Arc<Value>, Fault> {
        let mut kept = self.kept.lock().await;
        if let Some(value) = kept.as_ref() {
            return Ok(Arc::clone(value));
        }
        let place = self.place.as_ref().ok_or_else(|| {
            Fault::new(Cause::Unauthorized, format!("{HANDED_OVER} was refused and is no longer used"))
        })?;
        let value = Arc::new(fetch::fetch(place, &self.env).await?);
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
