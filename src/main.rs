//! The only reader of arguments and environment; the only writer of the exit code.
#![forbid(unsafe_code)]
fn main() {}
