//! The user's own program for notices: told one safe text as its last argument, and nothing else.
//!
//! Not a provider's affair, but every program is started in one place. Found and kept as all of them: an absolute
//! path that nobody else can write to, no shell, no terminal, none of our secrets, a deadline.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::domain::SafeText;
use crate::provider::child::{self, Call, Complaints, Failed, Found};

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What it may print, in bytes; nobody reads it.
const MOST: usize = 64 * 1024;

/// Tells `text` to the program.
///
/// # Errors
/// In words: it may not be run, could not be started, took too long, or ended with another code than 0.
pub async fn tell(
    program: &Path,
    arguments: &[String],
    text: &SafeText,
    env: &BTreeMap<String, String>,
) -> Result<(), String> {
    let shown = program.display();
    let found = match child::find(&program.to_string_lossy(), None) {
        Found::At(found) => found,
        Found::Unsafe(why) => return Err(format!("{shown} is not run: {why}")),
        Found::Nowhere | Found::Relative => return Err(format!("{shown} is no whole path")),
    };
    let arguments: Vec<&str> =
        arguments.iter().map(String::as_str).chain(std::iter::once(text.as_str())).collect();
    let call = Call {
        program: &found,
        arguments: &arguments,
        env: child::scrubbed(&found, env),
        deadline: PATIENCE,
        most: MOST,
        complaints: Complaints::Dropped,
    };
    match child::run(call).await {
        Ok(said) if said.status.success() => Ok(()),
        Ok(said) => Err(format!("{shown} ended with {}", said.status)),
        Err(Failed::NotStarted(error) | Failed::Lost(error)) => Err(format!("{shown}: {error}")),
        Err(Failed::TooMuch) => Err(format!("{shown} printed too much")),
        Err(Failed::TooLong) => Err(format!("{shown} took longer than {} s", PATIENCE.as_secs())),
    }
}
