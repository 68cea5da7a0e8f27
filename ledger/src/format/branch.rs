//! Transactions over several groups: what all their branches have in common (`docs/coordination.md`).

use crate::vocabulary::ids::TransactionId;
use crate::vocabulary::name::is_name;
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{Digest, bounded, hash};

/// Groups of one transaction.
const BRANCHES_MAX: usize = 8;

/// Part of a transaction over several groups that is one group's.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Branch {
    /// The group.
    pub group: Digest,
    /// Domain of the group.
    pub domain: String,
    /// Hash of its operations: [`Branch::change_of`].
    pub change: Digest,
}

/// Transaction over several groups. The first branch is the home: its group decides.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct GlobalTransaction {
    /// Random bytes: the same changes can be made twice.
    pub salt: [u8; 16],
    /// Milliseconds of the home's ledger time from its preparation, within which it can commit.
    pub lease_ms: u64,
    /// One for each group.
    #[borsh(deserialize_with = "bounded::list::<BRANCHES_MAX, _, _>")]
    pub branches: Vec<Branch>,
}

impl GlobalTransaction {
    /// Names it.
    pub fn id(&self) -> TransactionId {
        TransactionId(hash("quorate/v1/global-transaction", self))
    }

    /// Group that decides.
    pub fn home(&self) -> Option<&Digest> {
        self.branches.first().map(|branch| &branch.group)
    }

    /// Branch of a group.
    pub fn branch_of(&self, group: &Digest) -> Option<&Branch> {
        self.branches.iter().find(|branch| branch.group == *group)
    }

    /// Whether it is between two groups at least, and each has one branch in what may be a domain.
    pub(crate) fn is_well_formed(&self) -> bool {
        let is_alone = |branch: &Branch| self.branches.iter().filter(|other| other.group == branch.group).count() == 1;
        let is_good = |branch: &Branch| is_name(&branch.domain) && is_alone(branch);
        self.branches.len() >= 2 && self.branches.iter().all(is_good)
    }
}
