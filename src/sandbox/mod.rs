//! To be written.

pub mod docker;
pub mod kubernetes;
