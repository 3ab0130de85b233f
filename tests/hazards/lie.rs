//! How a server may lie about a write.

/// The twelve ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// 200, and nothing happens.
    NoEffect,
    /// Only some replicas change, and the counters say all did.
    Partial,
    /// It happens, and three seconds later it is taken back.
    RevertedLater,
    /// The hold is accepted, and the rollout goes on to its end.
    PauseIgnored,
    /// Nothing was under way: the hold is taken, and the replicas with it.
    PauseIdle,
    /// What is asked for runs already.
    NoOperation,
    /// The revision to go back to is gone.
    MissingRevision,
    /// Old replicas do not stop, and the counters do not count them.
    OldStuck,
    /// Old replicas keep their labels and belong to nobody.
    LeftBehind,
    /// The replicas are lowered on the way, so that "all of them run it" is easily true.
    ScaledDown,
    /// A counter becomes NaN once it looked well.
    NotANumber,
    /// An old state is answered after the write, from a time when the wanted version ran.
    StaleCache,
}

impl Lie {
    pub(crate) const ALL: [Self; 12] = [
        Self::NoEffect,
        Self::Partial,
        Self::RevertedLater,
        Self::PauseIgnored,
        Self::PauseIdle,
        Self::NoOperation,
        Self::MissingRevision,
        Self::OldStuck,
        Self::LeftBehind,
        Self::ScaledDown,
        Self::NotANumber,
        Self::StaleCache,
    ];
}
