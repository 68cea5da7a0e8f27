//! Changes: operations on files and on the group itself, and what their author had seen.

use crate::format::branch::GlobalTransaction;
use crate::format::governance::Act;
use crate::format::membership::JoinStatement;
use crate::vocabulary::bounds::OPERATIONS_MAX;
use crate::vocabulary::file::Mode;
use crate::vocabulary::ids::{ConflictId, EnvelopeId, ProposalId, TransactionId};
use crate::vocabulary::lock::LockMode;
use crate::vocabulary::revision::Revision;
use borsh::io::{self, Read};
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::bounded::{self, too_many};
use quorate_pbft::{Digest, PublicKey, Signature};
use serde::{Deserialize, Serialize};

/// Dependencies of one change.
const DEPENDENCIES_MAX: usize = 16;
/// Bytes of the proof of another group's branch.
pub(crate) const PROOF_BYTES_MAX: usize = 1 << 20;
/// Bytes of a proof that count as one entry: those of a signature.
const PROOF_BYTES_PER_ENTRY: usize = 64;
/// Proofs of one decision: of all branches but the home's.
const PROOFS_MAX: usize = 7;

/// Operation: an edit of one path, or a step of governance.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Op {
    /// The path has this content, whatever it had before.
    Put {
        /// Path in the domain.
        path: String,
        /// As what.
        mode: Mode,
        /// SHA-256 of the content.
        content: Digest,
    } = 1,
    /// Deletion of the file at a path.
    Delete {
        /// Path in the domain.
        path: String,
    } = 2,
    /// Move of a file to another path; edits that others made meanwhile go along.
    Rename {
        /// From where.
        from: String,
        /// To where; nothing stands there in the author's view.
        to: String,
    } = 3,
    /// In the group's domain: enrols an author of the signer's own organisation.
    Enrol {
        /// The new author's key.
        key: PublicKey,
        /// Organisation to which the key will belong.
        organisation: String,
        /// The new key's signature of [`crate::keys::possession_bytes`].
        proof: Signature,
    } = 16,
    /// In the group's domain: revokes an author of the signer's own organisation; what is ordered later is refused.
    Revoke {
        /// The author's key; it may be the signer's own.
        key: PublicKey,
    } = 17,
    /// In the group's domain: the signer goes on with a new key; the old one is revoked here.
    Rotate {
        /// The new key.
        key: PublicKey,
        /// The new key's signature of [`crate::keys::possession_bytes`].
        proof: Signature,
    } = 18,
    /// Proposes something; the proposer's organisation agrees by it.
    Propose {
        /// Act that is proposed.
        act: Act,
    } = 19,
    /// The signer's organisation agrees with a proposal of this domain.
    Approve {
        /// Which.
        proposal: ProposalId,
    } = 20,
    /// The signer's word on a pending change of this domain, as a validator or for an organisation.
    Attest {
        /// The pending change.
        envelope: EnvelopeId,
        /// Whether it should take effect.
        approve: bool,
    } = 21,
    /// Proposes how a conflict of this domain could end: one more side to vote for.
    Suggest {
        /// The conflict.
        conflict: ConflictId,
        /// File that should be at its path; none for a deletion.
        file: Option<(Mode, Digest)>,
        /// Why.
        reason: String,
    } = 22,
    /// The vote of the signer's organisation for a side of a conflict of this domain. The last one counts.
    Vote {
        /// The conflict.
        conflict: ConflictId,
        /// Number of the side, from 0.
        side: u32,
    } = 23,
    /// The signer takes back an open proposal of its own in this domain.
    Withdraw {
        /// Which.
        proposal: ProposalId,
    } = 24,
    /// In the group's domain: a joiner's own statement, for an open proposal that names its key.
    Ready {
        /// Which.
        proposal: ProposalId,
        /// The joiner's key.
        key: PublicKey,
        /// Statement of the joiner.
        statement: JoinStatement,
    } = 25,
    /// Asks for a lock, or for more than the signer holds at the path; renews it where the signer holds as much.
    Acquire {
        /// A file or folder; empty for the root.
        path: String,
        /// Mode of the lock.
        mode: LockMode,
        /// Milliseconds of ledger time from the grant to the end.
        lease_ms: u64,
        /// Milliseconds of ledger time to stand in line; 0: refuse what cannot be had at once.
        wait_ms: u64,
    } = 32,
    /// Gives back what the signer holds or awaits at a path.
    Release {
        /// A file or folder; empty for the root.
        path: String,
    } = 33,
    /// Only while the signer holds the lock with this token.
    Fence {
        /// As the grant gave it.
        token: u64,
    } = 34,
    /// First in a change: the change is for another domain of the group than its envelope (`transaction`).
    Enter {
        /// The domain.
        domain: String,
        /// The author's number there.
        seq: u64,
        /// Higher than that of every earlier envelope of the author for that number.
        attempt: u64,
    } = 35,
    /// Only while no file of the change's domain has changed since a revision.
    Anchor {
        /// As the author read it.
        revision: Revision,
    } = 36,
    /// First in the only change of its envelope: the operations after it are this group's branch of a transaction over several
    /// groups. Nothing takes effect before the decision, and nobody else writes their paths meanwhile.
    Prepare {
        /// The transaction.
        transaction: GlobalTransaction,
        /// Encoding of a [`crate::proof::BranchProof`]: the home has prepared it. Empty at the home.
        #[borsh(deserialize_with = "bounded::list::<PROOF_BYTES_MAX, _, _>")]
        proof: Vec<u8>,
    } = 48,
    /// The only operation of its envelope: what was prepared takes effect, or never does.
    Decide {
        /// The transaction.
        transaction: TransactionId,
        /// Whether it takes effect.
        commit: bool,
        /// Encodings of proofs: where the home commits, of each other branch in order; elsewhere of the home's decision.
        #[borsh(deserialize_with = "proofs")]
        proofs: Vec<Vec<u8>>,
    } = 49,
}

/// Proofs of one operation, each bounded.
fn proofs<R: Read>(reader: &mut R) -> io::Result<Vec<Vec<u8>>> {
    bounded::list_of(PROOFS_MAX, reader, bounded::list::<PROOF_BYTES_MAX, _, _>)
}

/// Kinds of operations, for stages that need no closer look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpKind {
    /// Edits of files.
    File,
    /// Requests for locks.
    Lock,
    /// Affairs of the group, and proposals.
    Governance,
    /// Approvals, attestations, votes, proposals taken back, and decisions of other groups.
    Opinion,
    /// The frame of a transaction: which domain, which groups, and since when unchanged.
    Transaction,
}

impl Op {
    /// Its share of [`OPERATIONS_MAX`]: one, and one for each entry of the lists that it proposes, each signature of a joiner's
    /// checkpoint, and each 64 bytes of a proof.
    fn entries(&self) -> usize {
        1 + match self {
            Self::Propose { act } => act.entries(),
            Self::Ready { statement, .. } => statement.entries(),
            Self::Prepare { proof, .. } => proof.len() / PROOF_BYTES_PER_ENTRY,
            Self::Decide { proofs, .. } => proofs.iter().map(|proof| 1 + proof.len() / PROOF_BYTES_PER_ENTRY).sum(),
            _ => 0,
        }
    }

    /// Kind of the operation. A new operation is sorted here, and nowhere by default.
    pub fn kind(&self) -> OpKind {
        match self {
            Self::Put { .. } | Self::Delete { .. } | Self::Rename { .. } => OpKind::File,
            Self::Acquire { .. } | Self::Release { .. } | Self::Fence { .. } => OpKind::Lock,
            Self::Enrol { .. } | Self::Revoke { .. } | Self::Rotate { .. } => OpKind::Governance,
            Self::Propose { .. } | Self::Suggest { .. } => OpKind::Governance,
            Self::Approve { .. } | Self::Attest { .. } | Self::Vote { .. } | Self::Withdraw { .. } => OpKind::Opinion,
            Self::Ready { .. } | Self::Decide { .. } => OpKind::Opinion,
            Self::Enter { .. } | Self::Anchor { .. } | Self::Prepare { .. } => OpKind::Transaction,
        }
    }

    /// Content that the operation names, and that may travel along.
    pub(crate) fn content(&self) -> Option<&Digest> {
        match self {
            Self::Put { content, .. } => Some(content),
            Self::Suggest { file, .. } => file.as_ref().map(|(_, content)| content),
            Self::Delete { .. } | Self::Rename { .. } => None,
            Self::Acquire { .. } | Self::Release { .. } | Self::Fence { .. } => None,
            Self::Enrol { .. } | Self::Revoke { .. } | Self::Rotate { .. } | Self::Propose { .. } => None,
            Self::Approve { .. } | Self::Attest { .. } | Self::Vote { .. } | Self::Withdraw { .. } => None,
            Self::Ready { .. } => None,
            Self::Enter { .. } | Self::Anchor { .. } | Self::Prepare { .. } | Self::Decide { .. } => None,
        }
    }

    /// Paths of the files that the operation edits.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        let (first, second) = match self {
            Self::Put { path, .. } | Self::Delete { path } => (Some(path), None),
            Self::Rename { from, to } => (Some(from), Some(to)),
            Self::Acquire { .. } | Self::Release { .. } | Self::Fence { .. } => (None, None),
            Self::Enrol { .. } | Self::Revoke { .. } | Self::Rotate { .. } => (None, None),
            Self::Propose { .. } | Self::Suggest { .. } => (None, None),
            Self::Approve { .. } | Self::Attest { .. } | Self::Vote { .. } | Self::Withdraw { .. } => (None, None),
            Self::Ready { .. } => (None, None),
            Self::Enter { .. } | Self::Anchor { .. } | Self::Prepare { .. } | Self::Decide { .. } => (None, None),
        };
        first.into_iter().chain(second).map(String::as_str)
    }
}

/// Base of a change: the state that its author had seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Base {
    /// A revision that the author read.
    Revision(Revision) = 1,
    /// The author's own view: the base of this earlier envelope of the same author and domain, with that envelope's
    /// operations laid over it, before any merging. So a chain is sent without waiting for each.
    Envelope(EnvelopeId) = 2,
    /// The change before this one in the same envelope, in the same sense. Not for the first change.
    Previous = 3,
}

/// Consistency that the author wants of the answer; metadata for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Level {
    /// The ticket is enough.
    Eventual = 1,
    /// Executed, with its causes.
    Causal = 2,
    /// Executed under a commit certificate.
    Sequential = 3,
    /// Covered by a stable checkpoint.
    Strong = 4,
}

/// Number of an author in the domain that must have been used first.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Dependency {
    /// Author of that number.
    pub author: PublicKey,
    /// In which domain.
    pub domain: String,
    /// Its number.
    pub seq: u64,
}

/// Optional wishes of a change's author.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Wishes {
    /// Whether the author calls it critical.
    pub critical: bool,
    /// The level that the author asked for.
    pub level: Option<Level>,
    /// While one of these is missing, the envelope waits (A2).
    #[borsh(deserialize_with = "bounded::list::<DEPENDENCIES_MAX, _, _>")]
    pub depends_on: Vec<Dependency>,
}

/// The atomic unit: operations on one domain that take effect together.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Change {
    /// Base of the change.
    pub base: Base,
    /// In order; each sees those before it.
    #[borsh(deserialize_with = "operations")]
    pub ops: Vec<Op>,
    /// For people.
    pub message: String,
    /// By the author's clock, milliseconds since the Unix epoch. Metadata: orders nothing.
    pub time_ms: u64,
    /// Wishes of the author.
    pub wishes: Wishes,
}

fn operations<R: Read>(reader: &mut R) -> io::Result<Vec<Op>> {
    let mut room = Room::new();
    bounded::list_of(OPERATIONS_MAX, reader, |reader| {
        let op = Op::deserialize_reader(reader)?;
        room.take(op.entries())?;
        Ok(op)
    })
}

/// Operations that an envelope may still hold while it is decoded.
pub(crate) struct Room(usize);

impl Room {
    pub(crate) fn new() -> Self {
        Self(OPERATIONS_MAX)
    }

    pub(crate) fn take(&mut self, entries: usize) -> io::Result<()> {
        self.0 = self.0.checked_sub(entries).ok_or_else(|| too_many("more operations than one envelope holds"))?;
        Ok(())
    }
}

impl Change {
    /// Its share of [`OPERATIONS_MAX`].
    pub(crate) fn entries(&self) -> usize {
        self.ops.iter().map(Op::entries).sum()
    }

    /// A change without wishes.
    pub fn new(base: Base, ops: Vec<Op>, message: impl Into<String>, time_ms: u64) -> Self {
        Self { base, ops, message: message.into(), time_ms, wishes: Wishes::default() }
    }
}
