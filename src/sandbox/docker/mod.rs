//! A Docker Engine with Swarm on loopback: services with one step of history, tasks with their states, rolling
//! updates that pause or roll back by themselves, and the image store. It moves only when the world calls
//! [`Engine::tick`].
//!
//! It knows the Engine API's own rules and nothing of the program that talks to it. Specs are kept as raw JSON.
//! It must never be kinder than a real engine: every refusal carries the real status and sentence.
//!
//! Source: the Engine API reference, and answers recorded from a real engine (20.10).

mod containers;
mod filters;
mod identity;
mod images;
mod plain;
mod request;
mod seed;
mod state;
mod system;
mod task;
mod update;
mod validate;

#[cfg(test)]
mod plain_tests;
#[cfg(test)]
mod tests;

pub use images::Behaviour;
pub use plain::{ContainerSeed, ContainerState};
pub use seed::{FailureAction, ServiceSeed, UpdateRule};
pub use state::Membership;

use jiff::Timestamp;
use state::State;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One request that wanted to change the engine, whether it took effect or was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteRecord {
    /// When it arrived, by the engine's clock.
    pub at: Timestamp,
    /// The HTTP method.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The body as sent.
    pub body: String,
    /// The HTTP status it was answered with.
    pub status: u16,
}

/// A handle to one engine. Clones share the same engine.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Woken with the number of events so far whenever something happened.
    moved: tokio::sync::watch::Sender<u64>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine that manages a swarm of one node, its clock standing at `now`.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        let (moved, _) = tokio::sync::watch::channel(0);
        Self { shared: Arc::new(Shared { state: Mutex::new(State::new(now)), moved }) }
    }

    /// The Engine API. Serve it on a unix socket or a loopback listener.
    pub fn router(&self) -> axum::Router {
        request::router(self.clone())
    }

    /// Lets `elapsed` of virtual time pass, after which the clock on the wall shows `now`.
    pub fn tick(&self, now: Timestamp, elapsed: Duration) {
        self.change(|state| state.tick(now, elapsed));
    }

    /// Adds a service, already running, with its previous spec when the seed names one. Register its images first.
    pub fn add_service(&self, seed: &ServiceSeed) {
        self.change(|state| state.add_service(seed));
    }

    /// Adds a container of no swarm. Register its image first.
    pub fn add_container(&self, seed: &ContainerSeed) {
        self.change(|state| state.add_container(seed));
    }

    /// Changes a service's image as a CI job would with `docker service update --image`, with the digest pinned.
    /// False when there is no such service.
    pub fn set_image(&self, service: &str, image: &str) -> bool {
        self.change(|state| state.set_image(service, image))
    }

    /// The images of a service's live tasks, each with the number of its running tasks, in order of name.
    #[must_use]
    pub fn images(&self, service: &str) -> Vec<(String, u32)> {
        self.look().images_of(service)
    }

    /// Says how containers of `image` behave from now on.
    pub fn set_behaviour(&self, image: &str, behaviour: Behaviour) {
        self.change(|state| state.images.set_behaviour(image, behaviour));
    }

    /// Puts an image into the registry: `registry.example/shop/web:1.2` and its `sha256:...` digest.
    pub fn register_image(&self, reference: &str, digest: &str) {
        self.change(|state| state.images.register(reference, digest));
    }

    /// Takes an image out of the registry and off the nodes.
    pub fn remove_image(&self, reference: &str) {
        self.change(|state| state.images.remove(reference));
    }

    /// Says what the engine is in a swarm.
    pub fn set_membership(&self, membership: Membership) {
        self.change(|state| state.membership = membership);
    }

    /// Every mutating request so far, oldest first.
    #[must_use]
    pub fn writes(&self) -> Vec<WriteRecord> {
        self.look().writes.clone()
    }

    fn look(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and wakes the event streams when something happened.
    fn change<T>(&self, body: impl FnOnce(&mut State) -> T) -> T {
        let (answer, events) = {
            let mut state = self.look();
            let answer = body(&mut state);
            (answer, state.events_so_far())
        };
        self.shared.moved.send_if_modified(|last| {
            let moved = *last != events;
            *last = events;
            moved
        });
        answer
    }
}
