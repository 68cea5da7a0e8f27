//! A replica with its disk: what was durable survives, everything else is gone with the process.

mod book;
mod core;
mod engine;
mod follower;

pub use self::book::Book;
pub use self::core::CoreMachine;
pub use self::engine::EngineMachine;
pub use self::follower::{FollowerMachine, FollowerNews};

use crate::clients::EnvelopeName;
use crate::dice::Dice;
use quorate_ledger::{Code, EnvelopeId, Receipt};
use quorate_pbft::{
    Broken, Bundle, ClaimedCert, Committee, Decided, Digest, Epoch, Evidence, EvidenceKey, Executed, ExecutedPoint,
    Input, Item, Message, Now, Position, PublicKey, ReaderId, Rejected, Replica, ReplicaId, SeqNum, Ticks, Time,
    Wanted,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A message that leaves.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Members of its epoch.
    pub committee: Arc<Committee>,
    /// To one replica, by its place at the table; to all other members, if none is named.
    pub to: Option<ReplicaId>,
    /// The message.
    pub message: Arc<Message>,
}

/// Progress of a replica that is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Its epoch.
    pub epoch: Epoch,
    /// Whether it is a member in it, or follows.
    pub is_member: bool,
    /// Its highest executed slot.
    pub executed: SeqNum,
    /// Its stable checkpoint, or the slot that its epoch begins after.
    pub stable: SeqNum,
}

/// News of a machine for the world.
#[derive(Debug)]
pub enum News {
    /// Slot executed and durable.
    Executed(Arc<Decided>, Executed),
    /// Slots executed and durable, of machines that do not show the slots themselves.
    Reached {
        /// Executed point after them.
        point: ExecutedPoint,
        /// Count of the slots.
        slots: u64,
        /// Keys of the evidence on its ledger.
        recorded: Vec<EvidenceKey>,
    },
    /// An envelope has its receipt, and the disk has it.
    Verdict(EnvelopeName, Digest),
    /// A certificate was written, and the disk has it.
    Stored {
        /// The certificate.
        certificate: ClaimedCert,
        /// Whether it proves that a slot is decided.
        decides: bool,
    },
    /// Evidence against a member.
    Accused(Evidence),
    /// The machine has stopped for good.
    Broke(Broken),
    /// Input refused.
    Refused(Rejected),
    /// A strong read may be answered from the state after a slot.
    ReadAnswered(ReaderId, SeqNum),
    /// A slot was decided, or none was; `fast` if by n Prepares (N5).
    Decided {
        /// N5.
        fast: bool,
    },
}

/// Replica with its disk.
pub trait Machine {
    /// Hands in an input; none, when the machine only wakes.
    fn input(&mut self, now: Now, input: Option<Input>, news: &mut Vec<News>);

    /// Whether something waits for the disk.
    fn is_busy(&self) -> bool;

    /// Whether it has taken in what it has not worked off: lanes are trimmed when a round is complete.
    fn is_in_round(&self) -> bool {
        false
    }

    /// The disk is done with all that waited; what may leave now, in order.
    fn commit(&mut self, now: Now, news: &mut Vec<News>) -> Vec<Outgoing>;

    /// The process is killed at any effect: returns what had left before.
    fn kill(&mut self, dice: &mut Dice, news: &mut Vec<News>) -> Vec<Outgoing>;

    /// The process starts from the disk; the highest executed slot on it.
    fn start(&mut self, incarnation: u64) -> SeqNum;

    /// The core, while the process runs and is a member.
    fn replica(&self) -> Option<&Replica>;

    /// Progress, while the process runs.
    fn progress(&self) -> Option<Progress>;

    /// Whether the process runs.
    fn is_up(&self) -> bool {
        self.progress().is_some()
    }

    /// The members of an epoch that this replica has heard of.
    fn committee(&self, epoch: Epoch) -> Option<Arc<Committee>>;

    /// Words for somebody in an epoch that is over here.
    fn farewell(&mut self, _epoch: Epoch) -> Vec<Message> {
        Vec::new()
    }

    /// When it wants to wake.
    fn next_wakeup(&self) -> Option<Ticks>;

    /// Envelopes executed.
    fn envelopes(&self) -> &BTreeSet<EnvelopeName>;

    /// Evidence recorded.
    fn recorded(&self) -> &BTreeSet<EvidenceKey>;

    /// The receipts on the disk of everything that this machine ever gave a verdict for; none without a ledger.
    fn receipts(&self) -> BTreeMap<EnvelopeName, Digest> {
        BTreeMap::new()
    }

    /// Messages that a peer would get from the disk.
    fn supplied(&self, wanted: &Wanted) -> Vec<Message>;

    /// Messages of an epoch that somebody in it would get from the disk.
    fn supplied_in(&self, _epoch: Epoch, wanted: &Wanted) -> Vec<Message> {
        self.supplied(wanted)
    }

    /// The bundles of a lane at a position that a peer would get from the disk.
    fn bundles(&self, lane: ReplicaId, position: Position) -> Vec<Digest> {
        digests(self.supplied(&wanted(lane, position)))
    }

    /// The newest bundles of a lane from a position on that the disk of a member of the epoch has.
    fn bundles_from(&self, epoch: Epoch, lane: ReplicaId, from: Position) -> Vec<Arc<Bundle>> {
        let answer = self.supplied_in(epoch, &Wanted::Bundles { lane, from, to: Position::new(u64::MAX) });
        let bundles = answer.into_iter().filter_map(|message| match message {
            Message::Bundle(bundle) => Some(bundle),
            _ => None,
        });
        bundles.collect()
    }

    /// Refusal of the gate of a replica that is up, of an envelope that comes at this time; without a ledger there is no gate.
    fn turns_away(&self, _item: &Item, _at: Time) -> Option<Code> {
        None
    }

    /// An author's next number in `main` and the highest attempt that had a verdict for it, as executed.
    fn standing(&self, _author: &PublicKey) -> (u64, u64) {
        (1, 0)
    }

    /// Numbers in `main` that an author was seen to use twice (A3).
    fn repeated(&self, _author: &PublicKey) -> Vec<u64> {
        Vec::new()
    }

    /// The verdict on an envelope that the disk holds; none without a ledger.
    fn verdict(&self, _id: &EnvelopeId) -> Option<Receipt> {
        None
    }

    /// Slots up to which the published state is executed and stable, while the process runs; none without a ledger.
    fn published(&self) -> Option<(SeqNum, SeqNum)> {
        None
    }

    /// Content at a path of `main` in the published state; none without a ledger.
    fn file(&self, _path: &str) -> Option<Vec<u8>> {
        None
    }

    /// Envelopes that took effect in a domain, newest first, as its log has them; none without a ledger.
    fn log(&self, _domain: &str) -> Vec<EnvelopeName> {
        Vec::new()
    }
}

/// Question of a peer for one bundle.
fn wanted(lane: ReplicaId, position: Position) -> Wanted {
    Wanted::Bundles { lane, from: position, to: position }
}

fn digests(answer: Vec<Message>) -> Vec<Digest> {
    let bundles = answer.into_iter().filter_map(|message| match message {
        Message::Bundle(bundle) => Some(bundle.header.digest()),
        _ => None,
    });
    bundles.collect()
}
