//! Input of an engine's round, and its output after the commit.

use super::mempool::{Candidate, NotTaken, Place};
use quorate_ledger::{EnvelopeId, Receipt};
use quorate_pbft::{
    Admitted, Broken, Claims, Committee, Digest, Evidence, Message, Position, PublicKey, ReaderId, Rejected, ReplicaId,
    SeqNum, Time,
};
use quorate_storage::Fold;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Names a caller who waits for an answer about an envelope.
pub type CallerId = u64;

/// Task for the engine.
#[derive(Debug)]
pub enum Request {
    /// A peer said something.
    Message(Box<Admitted>),
    /// Another observer says what it can hand out to this one.
    Holds {
        /// Number under which it is asked.
        from: ReplicaId,
        /// Its claims.
        claims: Claims,
        /// Whether it says that it has a way to the members.
        leads: bool,
    },
    /// Another observer can be asked no more.
    Leaves(ReplicaId),
    /// An author's envelope that passed the gate.
    Submit {
        /// Caller that gets the ticket.
        caller: CallerId,
        /// The envelope.
        envelope: Candidate,
        /// Whether it goes into the durable queue while nothing can be ordered (level `eventual`).
        queues: bool,
    },
    /// A strong read (R).
    Read {
        /// Names it in the answer.
        reader: ReaderId,
        /// 32 bytes that the reader chose.
        nonce: Digest,
    },
    /// The process is to end: a primary hands its office over (V3).
    Resign,
}

/// A message on its way out.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The members of its epoch.
    pub committee: Arc<Committee>,
    /// Receiver among them; none for all others.
    pub to: Option<ReplicaId>,
    /// The message.
    pub message: Arc<Message>,
}

/// An executed read mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The slot in which it was executed.
    pub seq: SeqNum,
    /// Its bundle in the own lane.
    pub position: Position,
    /// Its readers' nonces; their Merkle root is the mark's item.
    pub nonces: Vec<Digest>,
}

/// Notice for waiting callers. Its facts are durable.
#[derive(Debug)]
pub enum Notice {
    /// An envelope waits here, on the lane or for a number.
    Taken {
        /// Caller that asked.
        caller: CallerId,
        /// The envelope.
        id: EnvelopeId,
        /// Where.
        place: Place,
    },
    /// An envelope does not wait here.
    NotTaken {
        /// Caller that asked.
        caller: CallerId,
        /// Why.
        why: NotTaken,
    },
    /// An envelope has its verdict, on whosever lane it came.
    Verdict(Arc<Receipt>),
    /// Work was done for authors in a slot that was executed.
    Worked {
        /// Time that it takes at the worst, by author.
        work: BTreeMap<PublicKey, Duration>,
        /// The slot's time.
        time: Time,
    },
    /// An envelope that waited here will have no verdict: another one took its number.
    Overtaken {
        /// The envelope.
        id: EnvelopeId,
        /// Its author's next number.
        next_seq: u64,
    },
    /// An envelope waited for its gap for too long; the same bytes may be sent again.
    Expired(EnvelopeId),
    /// Ordering has stopped here: too few members are heard.
    Paused,
    /// Changes can be ordered here, for the first time or again.
    Resumed {
        /// Envelopes without a verdict at this moment.
        paused: Vec<EnvelopeId>,
        /// When the first of them came, by this machine's clock.
        since: Option<Time>,
    },
    /// The mark of these reads was executed.
    ReadReady {
        /// The reads, in the order of their nonces in the mark.
        readers: Vec<ReaderId>,
        /// The mark.
        mark: Arc<Mark>,
    },
    /// A strong read cannot be served now.
    ReadRefused {
        /// The read.
        reader: ReaderId,
        /// Why.
        why: &'static str,
    },
    /// An input was refused.
    Refused(Rejected),
    /// A new proof of a fault.
    Accused(Evidence),
    /// The replica takes no part any more.
    Broken(Broken),
}

/// Output of a round. Every part may leave: the commit is on the disk.
#[derive(Debug, Default)]
pub struct Round {
    /// Messages, in the order in which they must leave.
    pub outbox: Vec<Outgoing>,
    /// News.
    pub notices: Vec<Notice>,
    /// Receipts of the slots executed in it, each with its slot's time; a notice of a verdict may tell one of before again.
    pub receipts: Vec<(Arc<Receipt>, Time)>,
    /// Bytes of no use that members sent.
    pub useless: BTreeMap<PublicKey, u64>,
    /// Slots executed.
    pub slots: usize,
    /// Whether something was written to disk.
    pub committed: bool,
    /// Rows that may be folded now, on any thread.
    pub fold: Option<Fold>,
}
