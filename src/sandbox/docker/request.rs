//! The HTTP side. (The skeleton.)
use super::Engine;
pub(super) fn router(engine: Engine) -> axum::Router {
    axum::Router::new().with_state(engine)
}
