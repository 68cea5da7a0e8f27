//! Faults of parcels, and why one cannot be made or taken.

use super::frame::Kind;
use crate::copying::CopyError;
use crate::engine::EngineError;
use crate::framed::{Flaw, Unread};
use crate::replica::LaunchError;
use quorate_client::http::ClientError;
use quorate_client::outbox::OutboxError;
use quorate_ledger::proof::ProofError;
use quorate_pbft::{Digest, Epoch, Invalid, Position, ReplicaId, SeqNum};
use std::io;
use std::path::{Path, PathBuf};

/// Fault of a parcel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// A flaw of the file.
    #[error(transparent)]
    Flaw(#[from] Flaw),
    /// A parcel of another group than the genesis.
    #[error("it is of group {theirs}, this genesis is of {ours}")]
    Group {
        /// Group of the parcel.
        theirs: Digest,
        /// Group of the genesis.
        ours: Digest,
    },
    /// A frame where it cannot stand.
    #[error("a part stands where it cannot")]
    Misplaced,
    /// A proof that does not hold.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// A decision or bundle that its signers did not sign.
    #[error("signatures: {0}")]
    Invalid(#[from] Invalid),
    /// A slot that does not follow.
    #[error("slot {found} stands where slot {due} follows: slots are missing")]
    Gap {
        /// The slot that follows.
        due: SeqNum,
        /// The slot that stands there.
        found: SeqNum,
    },
    /// A slot of an epoch whose members nothing before it names.
    #[error("a slot of epoch {0}, whose members nothing before it names")]
    Epoch(Epoch),
    /// A lane that does not go on where it stood.
    #[error("lane {0} does not go on where it stood")]
    Lane(ReplicaId),
    /// Another bundle than the one that follows.
    #[error("bundle {position} of lane {lane} is missing")]
    Bundle {
        /// Lane of the bundle that follows.
        lane: ReplicaId,
        /// Its position.
        position: Position,
    },
    /// Bundles other than those that a quorum has executed.
    #[error("these are not the bundles that the group has executed up to slot {0}, in their order")]
    Order(SeqNum),
    /// An envelope that no node takes.
    #[error("envelope {0} is malformed, or its signature does not fit")]
    Envelope(u64),
    /// A proof of something else than a receipt that may stand there.
    #[error("proof {0} is of something else")]
    OtherProof(u64),
    /// A receipt in the history of a domain that it does not touch.
    #[error("receipt {number} is of domain {found}, and does not touch the domain of this history")]
    OtherDomain {
        /// Its number in the file.
        number: u64,
        /// Its domain.
        found: String,
    },
    /// Frames that were left out.
    #[error("{found} parts stand where {due} were written")]
    Count {
        /// As many as were written.
        due: u64,
        /// As many as are there.
        found: u64,
    },
}

/// Why a parcel cannot be made or taken.
#[derive(Debug, thiserror::Error)]
pub enum ParcelError {
    /// A file that could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Path of the file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A parcel that does not verify.
    #[error("{}, byte {at}: {why}{}", .path.display(), up_to(.good))]
    Unsound {
        /// Path of the file.
        path: PathBuf,
        /// Begin of the faulty part.
        at: u64,
        /// The last slot that is good, of a parcel of slots.
        good: Option<Option<SeqNum>>,
        /// Fault of it.
        why: Wrong,
    },
    /// An import that was cut off before, and is ended: another parcel than this one, perhaps.
    #[error("{}: an import that was cut off has been ended, at slot {seq}; this file was not read: run again with it", .dir.display())]
    Ended {
        /// Folder of the observer.
        dir: PathBuf,
        /// Slot that is executed there now.
        seq: SeqNum,
    },
    /// A parcel of another kind than the command takes.
    #[error("{} holds {found}; this takes {wanted}", .path.display())]
    Kind {
        /// Path of the file.
        path: PathBuf,
        /// Kind that it is.
        found: Kind,
        /// Kind that is taken.
        wanted: Kind,
    },
    /// A parcel of another group than the folder, outbox or node.
    #[error("{} is of group {theirs}, {whose} of {ours}", .path.display())]
    OtherGroup {
        /// Path of the file.
        path: PathBuf,
        /// Group of the parcel.
        theirs: Digest,
        /// Owner of the other group.
        whose: String,
        /// The other group.
        ours: Digest,
    },
    /// Slots between those that are executed and the parcel's first.
    #[error("the parcel begins with slot {begins}, and {} has executed slot {executed}", .dir.display())]
    Gap {
        /// Folder of the observer.
        dir: PathBuf,
        /// The last executed slot.
        executed: SeqNum,
        /// The first slot of the parcel.
        begins: SeqNum,
    },
    /// A state of an older slot than the folder's.
    #[error("the parcel holds the state of slot {offered}, and {} has executed slot {executed}", .dir.display())]
    Older {
        /// Folder of the observer.
        dir: PathBuf,
        /// The last executed slot.
        executed: SeqNum,
        /// Slot of the parcel's state.
        offered: SeqNum,
    },
    /// A parcel whose slots go on from another order than the folder's.
    #[error("{} has executed other bundles up to slot {seq} than the parcel goes on from", .dir.display())]
    OtherOrder {
        /// Folder of the observer.
        dir: PathBuf,
        /// The slot.
        seq: SeqNum,
    },
    /// An observer that stopped at a slot for good.
    #[error("the observer in {} takes no slot after {seq}: {why}", .dir.display())]
    Broken {
        /// Folder of the observer.
        dir: PathBuf,
        /// The last executed slot.
        seq: SeqNum,
        /// Why.
        why: String,
    },
    /// A node that does not hand out what its slots name.
    #[error("{node} has no bundle {position} of lane {lane}, which slot {seq} names")]
    Lacking {
        /// Address of the node.
        node: String,
        /// The slot.
        seq: SeqNum,
        /// Lane of the bundle.
        lane: ReplicaId,
        /// Its position.
        position: Position,
    },
    /// A slot of another epoch than the state that would end its file.
    #[error(
        "slot {seq} is of epoch {epoch}, and the states that {node} has are of epoch {newest}: a file holds the slots of one epoch, and ends \
         with a state of it"
    )]
    OtherEpoch {
        /// Address of the node.
        node: String,
        /// The slot.
        seq: SeqNum,
        /// Its epoch.
        epoch: Epoch,
        /// Epoch of the newest certified state.
        newest: Epoch,
    },
    /// A node that hands out what does not fit together.
    #[error("{node} hands out what does not verify: {why}")]
    Untrue {
        /// Address of the node.
        node: String,
        /// Fault of it.
        why: Wrong,
    },
    /// A request that leaves nothing to pack.
    #[error("{0}")]
    Nothing(String),
    /// A node that does not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// An outbox that cannot be used.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// A folder that is none of an observer.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// A state that cannot be taken.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// An engine that cannot go on.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

fn up_to(good: &Option<Option<SeqNum>>) -> String {
    match good {
        Some(Some(slot)) => format!("; it is good up to slot {slot}"),
        Some(None) => "; no slot of it is good".to_owned(),
        None => String::new(),
    }
}

/// Error of a file.
pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> ParcelError + use<> {
    let path = path.to_owned();
    move |source| ParcelError::Io { path, source }
}

/// Error of a frame that could not be read.
pub(super) fn unread(path: &Path, begin: u64, good: Option<Option<SeqNum>>, error: Unread) -> ParcelError {
    match error {
        Unread::Io(source) => at(path)(source),
        Unread::Flaw(flaw) => ParcelError::Unsound { path: path.to_owned(), at: begin, good, why: flaw.into() },
    }
}
