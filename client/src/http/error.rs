//! Errors of a question to a node.

use crate::api::{Problem, Ticket};
use crate::session::SessionError;
use crate::tls::TlsError;
use std::time::Duration;

/// Why there is no answer, or not the wished one.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Address that is no URL of a node.
    #[error("`{node}` is not the URL of a node: {why}")]
    Address {
        /// As given.
        node: String,
        /// Fault in the URL.
        why: String,
    },
    /// Path or query that no address can hold.
    #[error("the question is too long for an address: {0} bytes, at most 65534 are possible; nothing was asked")]
    TooLong(usize),
    /// Secret that no header can carry.
    #[error("a token is one line of visible ASCII")]
    Token,
    /// Authorities that cannot be read.
    #[error(transparent)]
    Trust(#[from] TlsError),
    /// Session that cannot be kept.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The other side speaks no TLS, or shows a certificate that nobody trusted has signed.
    #[error("no TLS with {node}: {why}")]
    Tls {
        /// Node that was asked.
        node: String,
        /// Fault in words.
        why: String,
        /// Whether the certificate is over, or not valid yet, by the clock here.
        is_of_time: bool,
    },
    /// No answer in time. A request that was sent may still take effect.
    #[error("no answer from {node} within {:.1} s; last: {last}", .waited.as_secs_f32())]
    NoAnswer {
        /// Node that was asked.
        node: String,
        /// For how long.
        waited: Duration,
        /// End of the last try.
        last: String,
        /// The node's words, where it held back every single try (429, 507): it has taken nothing of what was sent.
        held_back: Option<Box<Problem>>,
        /// The node's last ticket for the envelope that was waited for: what it waits for, where it was taken.
        ticket: Option<Box<Ticket>>,
    },
    /// The node says no.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// The answer is not what this API gives.
    #[error("{node} gave an answer that is not quorate's: {why}")]
    Garbled {
        /// Node that was asked.
        node: String,
        /// Fault in the answer.
        why: String,
    },
}

impl ClientError {
    /// See [`Problem::is_of_size_here`].
    pub fn is_of_size_here(&self) -> bool {
        matches!(self, Self::Refused(problem) if problem.is_of_size_here())
    }

    /// Error of what was sent before: that the node holds it back now settles nothing.
    pub(crate) fn of_sent(self) -> Self {
        match self {
            Self::NoAnswer { node, waited, last, ticket, .. } => {
                Self::NoAnswer { node, waited, last, held_back: None, ticket }
            }
            other => other,
        }
    }
}
