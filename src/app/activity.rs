//! What happened: a bounded list of events, newest last.

use std::collections::VecDeque;

use crate::domain::{Now, SafeText, ServiceName, SourceName};

/// How many events are kept.
pub const KEPT: usize = 500;

/// What kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// Something got better or simply moved on.
    Good,
    /// Something got worse.
    Bad,
    /// Somebody is asked for something.
    Asks,
    /// An action of the operator.
    Deed,
    /// Anything else.
    Plain,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it was noticed.
    pub at: Now,
    /// What kind.
    pub kind: EventKind,
    /// About which service, if about one.
    pub service: Option<ServiceName>,
    /// About which source, if about one.
    pub source: Option<SourceName>,
    /// One sentence.
    pub text: SafeText,
}

/// Adds an event and forgets the oldest beyond [`KEPT`].
pub fn push(events: &mut VecDeque<Event>, event: Event) {
    if events.len() >= KEPT {
        events.pop_front();
    }
    events.push_back(event);
}
