//! Other groups that a group knows, so that their proofs count here. Their acts are of rules 16, in the frame that rules 8 read
//! already.

use crate::format::governance::Act;
use crate::vocabulary::ids::TransactionId;
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{Constants, Digest, Epoch, PublicKey, bounded};

/// Group with the members of one of its epochs, as the organisations of another group have read them from its genesis, or been told.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct KnownGroup {
    /// Name for people.
    pub name: String,
    /// The group: the hash of its genesis.
    pub group: Digest,
    /// The epoch.
    pub epoch: Epoch,
    /// Keys of its members; replica i is the i-th.
    #[borsh(deserialize_with = "bounded::list::<{ Constants::REPLICAS_MAX }, _, _>")]
    pub members: Vec<PublicKey>,
}

/// Act about another group, in the group.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum GroupsAct {
    /// Proofs of a group count from here on, or those of a newer epoch alone.
    Know(KnownGroup) = 1,
    /// Proofs of a group count no more.
    Forget(Digest) = 2,
    /// The organisations decide a branch here in place of its home, which does not answer any more.
    Settle {
        /// The transaction.
        transaction: TransactionId,
        /// Whether the branch takes effect.
        commit: bool,
    } = 3,
}

impl GroupsAct {
    /// Number of the acts about other groups.
    pub(crate) const NUMBER: u8 = 2;

    /// The act as it is proposed.
    pub fn act(&self) -> Act {
        Act::later(Self::NUMBER, self)
    }

    /// The act about another group that an act is; none if it is another.
    pub fn of(act: &Act) -> Option<Self> {
        act.as_later(Self::NUMBER)
    }
}
