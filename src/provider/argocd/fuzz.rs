//! What one look makes of an answer of Argo CD, without a server: the way in for the fuzz targets.
//!
//! Hidden from the documentation; nothing in the program calls it.

use super::{state, wire};
use crate::domain::{Application, Fault};
use crate::provider::http::Answer;

/// The Application in an answer.
///
/// # Errors
/// When it is not as documented.
pub fn look(answer: &Answer) -> Result<Application, Fault> {
    Ok(state::told(&answer.json::<wire::Application>()?, "https://argocd.test"))
}
