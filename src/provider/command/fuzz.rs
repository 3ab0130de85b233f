//! What is made of a state command's answers, without a program: the way in for the fuzz targets.
//!
//! Hidden from the documentation; nothing in the program calls it.

use super::answer;
use crate::domain::{Cause, Fault, Place, Rollout};

/// The rollout that an answer shows.
///
/// # Errors
/// When it is not as documented.
pub fn rollout(answer: &[u8]) -> Result<Rollout, Fault> {
    let json =
        serde_json::from_slice(answer).map_err(|error| Fault::new(Cause::Malformed, error.to_string()))?;
    Ok(answer::read(json)?.rollout(&Place::new("shop", "production"), "tool"))
}
