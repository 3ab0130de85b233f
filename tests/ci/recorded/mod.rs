//! Recorded answers of the CI providers behind a scripted server. Shared by the test programs that need them.

pub(crate) mod awx;
pub(crate) mod circleci;
pub(crate) mod gitlab;
pub(crate) mod jenkins;
pub(crate) mod terraform_cloud;
pub(crate) mod world;
