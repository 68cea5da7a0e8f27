//! Effects that a replica asks of the world, in the order in which it must happen.

use crate::evidence::proof::Evidence;
use crate::input::ReaderId;
use crate::views::view_change::{NewView, ViewChange};
use crate::wire::{
    Bundle, Committee, Content, Digest, Epoch, Message, Position, QuorumCert, ReplicaId, SeqNum, Signed, Time, View,
};
use alloc::sync::Arc;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// An order to the world.
#[derive(Debug, Clone)]
pub enum Effect {
    /// A barrier: nothing after it may leave before it is durable.
    Persist(Record),
    /// Message to a single replica.
    Send {
        /// Never the replica itself.
        to: ReplicaId,
        /// The message.
        message: Arc<Message>,
    },
    /// Message to all other replicas.
    Broadcast(Arc<Message>),
    /// Execute this slot, the next one; answered by [`crate::Input::Executed`].
    Execute(Arc<Decided>),
    /// Answer a peer from what was persisted.
    Supply {
        /// The asker.
        to: ReplicaId,
        /// The question; within the limits of one answer.
        question: Question,
    },
    /// The read mark of these reads was executed: answer them from the state after `seq` (R).
    ReadReady {
        /// The reads.
        readers: Vec<ReaderId>,
        /// The slot in which the mark was executed.
        seq: SeqNum,
        /// The mark's bundle in the own lane.
        position: Position,
    },
    /// The epoch is over: its last slot is executed and q of its members signed the state after it, which names the members of
    /// the next one. What [`crate::Replica::hand_over`] yields goes into the next epoch's value (M3).
    EpochOver {
        /// Certificate of the checkpoint after the last slot.
        certificate: QuorumCert,
        /// The next members.
        next: Arc<Committee>,
    },
    /// A new proof of somebody's fault, for people and metrics. The core has put it on its lane.
    Accuse(Evidence),
    /// An input was refused; the replica is unchanged. For logs and metrics.
    Refused(Rejected),
    /// More faults than the protocol bears, or an own one: see [`Broken`].
    Broken(Broken),
}

/// Records that must survive a crash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// An own statement, written once under (epoch, kind, view, seq) (E1).
    Statement(Signed),
    /// The highest view ever asked for or entered, and whether it has not started yet (E1).
    View {
        /// The epoch it belongs to.
        epoch: Epoch,
        /// The view.
        view: View,
        /// V3.
        changing: bool,
    },
    /// A bundle of any lane, whole (L1, L2).
    Bundle(Arc<Bundle>),
    /// A lane certificate (L3).
    LaneCert(QuorumCert),
    /// A content that this replica accepted for a slot, with the primary's statement (N2, L6).
    Accepted {
        /// The PrePrepare.
        pre_prepare: Signed,
        /// Its content.
        content: Content,
    },
    /// q Prepares (N3).
    Prepared(QuorumCert),
    /// A decided slot (N4).
    Committed {
        /// q Commits, or n Prepares.
        certificate: QuorumCert,
        /// The decided content.
        content: Content,
    },
    /// A stable checkpoint (C2).
    Stable(QuorumCert),
    /// A certificate that contradicts one that is known, as it is: the reason of [`Record::Broken`] (E4).
    Conflicting(QuorumCert),
    /// Proof of a fault (E5).
    Evidence(Evidence),
    /// The own ViewChange for a view, whole, to be sent again (V3).
    ViewChange {
        /// Its statement; its row follows.
        statement: Signed,
        /// Its body.
        body: Arc<ViewChange>,
    },
    /// The NewView that this replica made or entered; entries of later ViewChanges name it (V4).
    NewView {
        /// Its statement; if it is an own one, its row follows.
        statement: Signed,
        /// Its body.
        body: Arc<NewView>,
    },
    /// A start that this replica did not enter, beside those that it did: a start on this disk rests on a ViewChange
    /// that names it (V4), or it is the reason of [`Record::Broken`] (E4).
    NamedNewView {
        /// Its statement.
        statement: Signed,
        /// Its body.
        body: Arc<NewView>,
    },
    /// Why this replica takes no part any more: nor does it after a restart (N4, C3, E7). The newest reason stays.
    Broken(Broken),
}

/// A decided slot, ready to execute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The epoch it was decided in.
    pub epoch: Epoch,
    /// Its place in the order.
    pub seq: SeqNum,
    /// The decided content.
    pub content: Content,
    /// Ledger time: the running maximum over executed slots (T1).
    pub time: Time,
    /// The newly cut bundles in execution order (L5).
    pub bundles: Vec<Arc<Bundle>>,
    /// Over all executed bundles of the group, these included (L5).
    pub lane_hash: Digest,
}

/// A question between replicas. One of another epoch is refused: numbers of replicas and lanes mean nothing there (M3).
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Question {
    /// The epoch of the asker.
    pub epoch: Epoch,
    /// The subject.
    pub wanted: Wanted,
}

/// Subjects of questions between replicas.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Wanted {
    /// Decided slots, from the first to the last named, with the certificates of their tips.
    Slots {
        /// First.
        from: SeqNum,
        /// Last.
        to: SeqNum,
    },
    /// A content by digest, proposed for a slot.
    Content {
        /// The slot it was proposed for.
        seq: SeqNum,
        /// Digest of the content.
        digest: Digest,
    },
    /// Bundles of a lane, from the first to the last named.
    Bundles {
        /// The owner.
        lane: ReplicaId,
        /// First.
        from: Position,
        /// Last.
        to: Position,
    },
    /// The newest stable checkpoint's certificate.
    StableCheckpoint,
    /// The NewView (V4); with a zero digest, the one that the asked replica entered it by.
    NewView {
        /// The view.
        view: View,
        /// Digest of the NewView.
        digest: Digest,
    },
    /// The asker's own statements that the asked one has in memory (E7).
    Recall {
        /// Drawn by the asker at its start; comes back in the answer.
        incarnation: u64,
    },
}

/// Why an input was refused. The replica is unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// A message that was verified with another epoch's keys (M3).
    #[error("a message of {from} was verified in epoch {theirs}, we are in {ours}")]
    OtherEpoch {
        /// The sender.
        from: ReplicaId,
        /// The epoch of its keys.
        theirs: Epoch,
        /// Our epoch.
        ours: Epoch,
    },
    /// A vote for a view that is not ours.
    #[error("{from} speaks for view {theirs}, we are in {ours}")]
    OtherView {
        /// The sender.
        from: ReplicaId,
        /// Its view.
        theirs: View,
        /// Our view.
        ours: View,
    },
    /// A PrePrepare by somebody who may not.
    #[error("{from} is not the primary of view {view}")]
    NotPrimary {
        /// The sender.
        from: ReplicaId,
        /// The view.
        view: View,
    },
    /// A slot that is not between the water marks.
    #[error("{from} speaks of slot {seq}, outside the water marks")]
    OutsideWindow {
        /// The sender.
        from: ReplicaId,
        /// The slot.
        seq: SeqNum,
    },
    /// A Prepare that carries the PrePrepare of something else.
    #[error("{from} prepared something else at slot {seq} than the PrePrepare that it carries")]
    Unfit {
        /// The sender.
        from: ReplicaId,
        /// The slot.
        seq: SeqNum,
    },
    /// A start of a view that does not follow from the ViewChanges that it carries (V5).
    #[error("{from} new_views view {view} with what does not follow")]
    WrongNewView {
        /// The sender.
        from: ReplicaId,
        /// The view.
        view: View,
    },
    /// A second, different statement for one position.
    #[error("{signer} said two things at slot or position {seq}")]
    Equivocation {
        /// The signer of both.
        signer: ReplicaId,
        /// The slot or position.
        seq: SeqNum,
    },
    /// A proposal whose time is too far from our clock (T2).
    #[error("{from} proposes time {theirs}, our clock says {ours}")]
    Clock {
        /// The sender.
        from: ReplicaId,
        /// Its time.
        theirs: Time,
        /// Ours.
        ours: Time,
    },
    /// A bundle beyond what may be stored ahead of execution (L2), or one that does not fit its lane.
    #[error("bundle {position} of lane {lane} does not fit: {why}")]
    Bundle {
        /// The owner.
        lane: ReplicaId,
        /// The slot or position.
        position: Position,
        /// The fault.
        why: &'static str,
    },
    /// A peer asks more often than it may.
    #[error("{from} asks too often")]
    TooOften {
        /// The sender.
        from: ReplicaId,
    },
    /// The own lane has no room; the author is told to come again. A follower has no lane, and an item above
    /// [`crate::Constants::ITEM_BYTES_MAX`] never finds room: the gate refuses it before it is submitted.
    #[error("the own lane is full")]
    LaneFull,
    /// A lane, slot or question that no group of this size, epoch or state has.
    #[error("{from} speaks of something that is not there: {what}")]
    Unknown {
        /// The sender.
        from: ReplicaId,
        /// The thing spoken of.
        what: &'static str,
    },
    /// A strong read that cannot be served now (R).
    #[error("strong read {reader} refused: {why}")]
    Read {
        /// The read.
        reader: ReaderId,
        /// Why.
        why: &'static str,
    },
}

/// Why a replica takes no part any more.
///
/// After [`Broken::OlderThanPromises`] and [`Broken::Copied`] it goes on as a follower: it signs nothing but Status,
/// executes and answers.
/// After any other it has stopped and keeps everything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, BorshSerialize, BorshDeserialize)]
pub enum Broken {
    /// Two digests were committed for one slot: more than f replicas are faulty (N4).
    #[error("slot {seq} was committed as {first} and as {second}")]
    TwoCommits {
        /// The slot.
        seq: SeqNum,
        /// Digest that was known first.
        first: Digest,
        /// The other.
        second: Digest,
    },
    /// A valid start of a view contradicts a commit certificate of an earlier one (N8): more than f replicas are faulty.
    #[error("view {view} starts with {carried} in slot {seq}, where an earlier view decided {committed}")]
    NewViewAgainstCommit {
        /// The view.
        view: View,
        /// The slot.
        seq: SeqNum,
        /// The decided content.
        committed: Digest,
        /// Digest that the view starts with.
        carried: Digest,
    },
    /// The certified checkpoint is not our state (C3).
    #[error("state after slot {seq} is {ours}, certified is {certified}")]
    Diverged {
        /// The slot.
        seq: SeqNum,
        /// Ours.
        ours: Digest,
        /// Digest that q replicas signed.
        certified: Digest,
    },
    /// Two certified bundles of a lane that do not lie on one chain: more than f replicas are faulty (L3).
    #[error("lane {lane} was certified as {first} and as {second} at {position}")]
    LaneFork {
        /// The owner.
        lane: ReplicaId,
        /// The slot or position.
        position: Position,
        /// The digest known first.
        first: Digest,
        /// The other.
        second: Digest,
    },
    /// The disk is older than what this replica signed, or its key is in use elsewhere (E7).
    #[error(
        "another process ran with this replica's key, or its disk was set back: it signed {0}, which its disk does not \
        hold. It follows the group and does not vote"
    )]
    OlderThanPromises(Signed),
    /// The disk was filled from other members: it knows nothing of what was signed with the key before (E7).
    #[error(
        "its state was copied from other members at slot {0}, and no copy tells what its key has signed before: it \
        follows the group and does not vote until its place has a new key"
    )]
    Copied(SeqNum),
    /// A certified bundle has an item that no honest member lets onto a lane: more than f replicas are faulty (L2).
    #[error(
        "item {item} of the bundle {digest} of lane {lane} at {position} is certified and false, as by another hand than \
        its author's: more than f members have signed what they had to refuse"
    )]
    FalseItem {
        /// The owner.
        lane: ReplicaId,
        /// Place of the bundle.
        position: Position,
        /// Digest of its header.
        digest: Digest,
        /// Place of the item in it.
        item: u32,
    },
}

impl Broken {
    /// Whether the reason concerns one key, whose promises the disk does not hold (E7): it ends with the key, and does not
    /// concern who promises nothing.
    pub fn is_of_key(&self) -> bool {
        matches!(self, Self::OlderThanPromises(_) | Self::Copied(_))
    }
}

/// The ordered list of effects that [`crate::Effects`]' caller works off.
#[derive(Debug, Clone, Default)]
pub struct Effects {
    list: Vec<Effect>,
}

impl Effects {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what has gathered, in order.
    pub fn take(&mut self) -> Vec<Effect> {
        core::mem::take(&mut self.list)
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn push(&mut self, effect: Effect) {
        self.list.push(effect);
    }

    pub(crate) fn persist(&mut self, record: Record) {
        self.push(Effect::Persist(record));
    }

    pub(crate) fn send(&mut self, to: ReplicaId, message: Message) {
        self.push(Effect::Send { to, message: Arc::new(message) });
    }
}
