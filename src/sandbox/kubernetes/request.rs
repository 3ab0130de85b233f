//! The HTTP side. (The skeleton.)
use super::Cluster;
pub(super) fn router(cluster: Cluster) -> axum::Router {
    axum::Router::new().with_state(cluster)
}
