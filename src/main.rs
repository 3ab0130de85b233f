//! Arguments and environment in, exit code out; the only reader of both.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    // Before anything secret is in memory.
    if let Err(error) = gonogo::runtime::hardening::harden()
        && writeln!(std::io::stderr(), "gonogo: others may be able to read this process: {error}").is_err()
    {
        return ExitCode::FAILURE;
    }
    let _children = Children;
    gonogo::runtime::terminal::install_panic_hook();
    // The graph holds one crypto provider, and clients of several libraries ask for the process's default.
    let installed = rustls::crypto::ring::default_provider().install_default();
    debug_assert!(installed.is_ok(), "nobody installs one before main");
    let env: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
        .collect();
    gonogo::runtime::mishap::arm(env.get("GONOGO_MISHAP"));
    ExitCode::from(gonogo::cli::run(std::env::args_os(), Arc::new(env)))
}

/// Ends with the program, a panic included, whatever it has started.
struct Children;

impl Drop for Children {
    fn drop(&mut self) {
        gonogo::provider::child::end_all();
    }
}
