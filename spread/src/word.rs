//! Words between neighbours.

use crate::limits::{ADDRESS_BYTES_MAX, DOMAINS_MAX, HINTS_MAX, ITEMS_MAX};
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{Claims, Digest, Message, PublicKey, SeqNum, bounded};
use std::sync::Arc;

/// Digest of what a node has and wants: a claim, which says only whom to ask.
#[derive(Debug, Clone, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Inventory {
    /// The newest slot whose decision it verified.
    pub decided: SeqNum,
    /// The newest slot that it executed.
    pub executed: SeqNum,
    /// The oldest slot that it can hand out.
    pub oldest: SeqNum,
    /// Its newest certified checkpoint.
    pub stable: SeqNum,
    /// State digest of that checkpoint.
    pub root: Digest,
    /// Domains whose news it wants.
    pub interest: Interest,
}

/// Domains that a node follows.
#[derive(Debug, Clone, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Interest {
    /// Every domain, with all slots.
    #[default]
    Everything,
    /// Nothing: a voter's news come from its group.
    Nothing,
    /// Some, by the hash of their names: checkpoints alone.
    Domains(#[borsh(deserialize_with = "bounded::list::<{ DOMAINS_MAX }, _, _>")] Vec<Digest>),
}

/// Key and address of a node that takes followers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct Contact {
    /// Its key.
    pub key: PublicKey,
    /// Address of its door, in the shell's spelling.
    #[borsh(deserialize_with = "bounded::list::<{ ADDRESS_BYTES_MAX }, _, _>")]
    pub address: Vec<u8>,
}

/// News, pushed.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct News {
    /// Nodes that passed it on before the sender did.
    pub hops: u8,
    /// Inventory of the sender.
    pub inventory: Inventory,
    /// A decision, a checkpoint's certificate, or both.
    #[borsh(deserialize_with = "bounded::list::<{ ITEMS_MAX }, _, _>")]
    pub items: Vec<Arc<Message>>,
}

/// A word of a neighbour.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Word {
    /// News; answered by an inventory.
    News(News),
    /// The sender's inventory; without an answer.
    Inventory(Inventory),
    /// Anti-entropy; answered by [`Word::Compared`].
    Compare(Inventory),
    /// The sender's inventory, and addresses of others.
    Compared(Inventory, #[borsh(deserialize_with = "bounded::list::<{ HINTS_MAX }, _, _>")] Vec<Contact>),
}

impl Inventory {
    /// Claims for the follower that asks.
    pub fn claims(&self) -> Claims {
        let Self { decided, executed, oldest, stable, .. } = *self;
        Claims { decided, executed, oldest, stable }
    }

    /// Whether another node has the same checkpoint and another state.
    pub(crate) fn contradicts(&self, other: &Self) -> bool {
        self.stable == other.stable && self.stable > SeqNum::default() && self.root != other.root
    }
}

impl Interest {
    /// Whether something in these domains is news.
    pub fn meets(&self, changed: &[Digest]) -> bool {
        match self {
            Self::Everything => true,
            Self::Nothing => false,
            Self::Domains(names) => names.iter().any(|name| changed.contains(name)),
        }
    }
}
