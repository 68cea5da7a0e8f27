//! Transactions over several groups, and the groups that are known for them.

use quorate_ledger::{Branch, BranchState, EnvelopeId, GlobalTransaction, Revision, TransactionId, hexed};
use quorate_pbft::{Digest, PublicKey};
use serde::{Deserialize, Serialize};

/// Terms that all branches of a transaction over several groups have in common: its id is their hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TransactionTerms {
    /// Random bytes, in hex.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<16>"))]
    pub salt: Salt,
    /// Milliseconds of the home's ledger time from its preparation, within which it can commit.
    pub lease_ms: u64,
    /// Branches, one for each group; the first is the home's, which decides.
    pub branches: Vec<TransactionBranch>,
}

/// Random bytes of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; 16]);

/// Branch of a transaction over several groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TransactionBranch {
    /// The group.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<32>"))]
    pub group: Digest,
    /// Domain of the group.
    pub domain: String,
    /// Hash of the operations.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<32>"))]
    pub change: Digest,
}

/// The group's branch of a transaction over several groups: `GET /v1/transactions/{id}`, and an item of `GET /v1/transactions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TransactionEntry {
    /// Names the transaction.
    pub id: TransactionId,
    /// Terms of all branches.
    #[serde(flatten)]
    pub terms: TransactionTerms,
    /// State of this group's branch.
    pub state: TransactionState,
    /// Whether this group decides.
    pub home: bool,
    /// Domain of this group's branch.
    pub domain: String,
    /// Author who prepared it.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<32>"))]
    pub author: PublicKey,
    /// The author's organisation.
    pub organisation: String,
    /// Envelope that prepared it.
    pub envelope: EnvelopeId,
    /// The revision that prepared it.
    pub prepared: Revision,
    /// Ledger time at which the home's branch is aborted; null once it is decided, and in the other groups, where only the home's decision
    /// ends it.
    pub until: Option<u64>,
    /// The revision that decided it here; null before.
    pub decided: Option<Revision>,
    /// Decision of the organisations in the home's place, where there is one that nobody has carried out yet.
    pub settled: Option<bool>,
    /// Paths that it keeps others from; none once it is decided, or where the domain is not kept.
    pub paths: Vec<PromisedPath>,
}

/// State of a group's branch of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum TransactionState {
    /// Promised: nobody else writes its paths.
    Prepared,
    /// Decided by the organisations in the home's place, and not carried out.
    Settled,
    /// Took effect.
    Committed,
    /// Never takes effect.
    Aborted,
}

/// Path that a transaction will write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PromisedPath {
    /// The file.
    pub path: String,
    /// Hash of its content; null for a deletion.
    #[serde(with = "super::maybe_hex")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<quorate_ledger::shape::Hex<32>>"))]
    pub hash: Option<Digest>,
}

/// Another group whose proofs count in this one: an item of `GET /v1/groups`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KnownGroupEntry {
    /// Name for people.
    pub name: String,
    /// The group.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<32>"))]
    pub group: Digest,
    /// The newest epoch that is known of it.
    pub epoch: u64,
    /// Count of the members of that epoch.
    pub members: u32,
    /// The largest slot of a state of it of which something was proved here.
    pub seen: u64,
    /// The revision that made it known, or named its members anew.
    pub since: Revision,
}

impl TransactionState {
    /// State of a branch, and what the organisations have decided of one that is settled.
    pub fn of(state: BranchState) -> (Self, Option<bool>) {
        match state {
            BranchState::Prepared => (Self::Prepared, None),
            BranchState::Settled(commit) => (Self::Settled, Some(commit)),
            BranchState::Committed => (Self::Committed, None),
            BranchState::Aborted => (Self::Aborted, None),
        }
    }
}

impl TransactionEntry {
    /// The home's group.
    pub fn home_group(&self) -> Option<Digest> {
        self.terms.branches.first().map(|branch| branch.group)
    }
}

impl hexed::Hexed for Salt {
    fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl From<&GlobalTransaction> for TransactionTerms {
    fn from(transaction: &GlobalTransaction) -> Self {
        let GlobalTransaction { salt, lease_ms, branches } = transaction.clone();
        let branch = |Branch { group, domain, change }| TransactionBranch { group, domain, change };
        Self { salt: Salt(salt), lease_ms, branches: branches.into_iter().map(branch).collect() }
    }
}

impl From<&TransactionTerms> for GlobalTransaction {
    fn from(terms: &TransactionTerms) -> Self {
        let TransactionTerms { salt, lease_ms, branches } = terms.clone();
        let branch = |TransactionBranch { group, domain, change }| Branch { group, domain, change };
        Self { salt: salt.0, lease_ms, branches: branches.into_iter().map(branch).collect() }
    }
}
