//! The end of the program: whether the operator is on the way out, and what is said afterwards.

/// Whether the operator is on the way out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Leaving {
    /// No.
    #[default]
    No,
    /// Asked once; actions are still being proved.
    AskedOnce,
}

/// How much is said in the terminal when the program has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parting {
    /// The outcome of every action.
    #[default]
    Brief,
    /// A summary of the whole session.
    Summary,
}
