//! The operator's own editor or pager: the one kind of program that has the terminal while it runs.
//!
//! Found and fed as all the others: nobody else could have put it there, no shell, none of our secrets in its
//! environment. It stays in our process group, so that keys that interrupt or stop reach it. It has no deadline: the
//! operator sits before it; it is ended when whoever waits for it goes away.

use std::collections::BTreeMap;
use std::path::Path;

use tokio::process::Command;

use crate::provider::child::{self, Found};

/// Runs `command` (a program and its arguments, parted by blanks; no quotes) on a file, to its end.
///
/// # Errors
/// In words: it may not be run, could not be started, or ended with another code than 0.
pub async fn run(command: &str, file: &Path, env: &BTreeMap<String, String>) -> Result<(), String> {
    let mut words = command.split_whitespace();
    let name = words.next().unwrap_or_default();
    let program = match child::find(name, env.get("PATH").map(String::as_str)) {
        Found::At(program) => program,
        Found::Nowhere => return Err(format!("{name} is not on PATH")),
        Found::Unsafe(why) => return Err(format!("{name} is not run: {why}")),
        Found::Relative => return Err(format!("{name} is no whole path")),
    };
    let mut command = Command::new(&program);
    command.args(words).arg(file).env_clear().envs(child::scrubbed(&program, env)).kill_on_drop(true);
    let status = command.status().await.map_err(|error| format!("{name}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name} ended with {status}")) }
}
