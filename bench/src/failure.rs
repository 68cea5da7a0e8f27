//! Failures of a measurement that are no silence of its group.

/// Failure that a program tells apart, somewhere in the chain of an error.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Arguments that no group can be measured with.
    #[error("{0}")]
    Usage(String),
    /// The group did what it must not: it lost a change, refused a sound one, or its states differ.
    #[error("{0}")]
    Verdict(String),
}
