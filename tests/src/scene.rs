//! View of the oracles: facts as they happen, and a survey of the group when an oracle asks how far it is.

use crate::clients::{Claim, EnvelopeName};
use crate::keys::Keys;
use crate::levels::Operation;
use crate::machine::Machine;
use crate::plan::Plan;
use crate::weather::Micros;
use quorate_ledger::Code;
use quorate_pbft::{
    Broken, ClaimedCert, Decided, Digest, Epoch, Evidence, EvidenceKey, Executed, ExecutedPoint, Holdings, Message,
    ReaderId, ReplicaId, SeqNum, Signed, Time, View,
};
use std::collections::{BTreeMap, BTreeSet};

/// Constants of a run.
pub struct Scene<'a> {
    /// Plan of the run, its liars included.
    pub plan: &'a Plan,
    /// Keys of members and authors.
    pub keys: &'a Keys,
    /// Virtual time.
    pub now: Micros,
    /// When everything healed; none during the storm.
    pub calm_since: Option<Micros>,
    /// The highest wall clock that an honest replica has shown so far.
    pub clock: Time,
}

/// Fact that oracles judge. Replicas named here are honest ones, unless a field says otherwise.
pub enum Fact<'a> {
    /// An author, honest or not, signed an envelope; where there is a ledger.
    Signed(&'a Claim),
    /// The gate of a replica answered an author who may lie; where there is a ledger.
    AtTheGate {
        /// Replica with the gate.
        of: ReplicaId,
        /// Envelope's item.
        item: Digest,
        /// Code of its refusal; none, where it was let in.
        code: Option<Code>,
    },
    /// A message left, before the network had it.
    Sent {
        /// Sender.
        from: ReplicaId,
        /// Epoch that it is of.
        epoch: Epoch,
        /// Message as sent.
        message: &'a Message,
    },
    /// A valid message came in, or the proof that somebody signed an invalid one.
    Heard {
        /// Receiver.
        by: ReplicaId,
        /// Epoch that the message is of, and the hearer in.
        epoch: Epoch,
        /// Message as received.
        message: &'a Message,
        /// The hearer's view.
        view: View,
        /// The hearer's stable checkpoint.
        stable: SeqNum,
    },
    /// A slot was executed, and the disk has it: whoever asked may have been told.
    Executed {
        /// Replica that did it.
        by: ReplicaId,
        /// Decided slot.
        decided: &'a Decided,
        /// The outcome.
        executed: &'a Executed,
        /// Its view by then.
        view: View,
    },
    /// Slots were executed, and the disk has them.
    Reached {
        /// Replica that did it.
        by: ReplicaId,
        /// Executed point after it.
        point: &'a ExecutedPoint,
        /// Count of the slots.
        slots: u64,
        /// Keys of the evidence on its ledger.
        recorded: &'a [EvidenceKey],
    },
    /// An envelope has its receipt: whoever asked may have been told.
    Verdict {
        /// Replica that did it.
        by: ReplicaId,
        /// The envelope.
        name: EnvelopeName,
        /// The receipt's digest.
        receipt: Digest,
        /// Its view by then.
        view: View,
    },
    /// A certificate was written to a disk.
    Stored {
        /// Replica that did it.
        by: ReplicaId,
        /// The certificate.
        certificate: &'a ClaimedCert,
        /// Whether it is there as the proof that a slot is decided.
        decides: bool,
    },
    /// Fill of the memory that peers can fill, now and then.
    Holds {
        /// Replica that holds it.
        by: ReplicaId,
        /// Counts against their bounds.
        holdings: &'a Holdings,
    },
    /// Calm: faults are healed and every replica is up.
    Calm {
        /// The highest view of an honest replica.
        view: View,
        /// The highest slot that an honest replica has executed.
        executed: SeqNum,
    },
    /// A process was killed.
    Killed {
        /// Replica whose process it is.
        replica: ReplicaId,
    },
    /// A process started and found this on its disk.
    Started {
        /// Replica whose process it is.
        replica: ReplicaId,
        /// The highest executed slot on the disk.
        executed: SeqNum,
        /// The receipts on the disk of what it gave a verdict for before.
        receipts: &'a BTreeMap<EnvelopeName, Digest>,
        /// For questions to its disk.
        machine: &'a dyn Machine,
    },
    /// Accusation of a member.
    Accused {
        /// Replica that did it.
        by: ReplicaId,
        /// The proof.
        evidence: &'a Evidence,
    },
    /// A replica takes no part any more.
    Broke {
        /// Which.
        replica: ReplicaId,
        /// Why.
        why: &'a Broken,
    },
    /// A strong read was asked for.
    ReadAsked {
        /// Of whom.
        of: ReplicaId,
        /// Names it at that replica.
        reader: ReaderId,
    },
    /// A follower executed a slot.
    Followed {
        /// Place among the followers.
        by: usize,
        /// Decided slot.
        decided: &'a Decided,
        /// The outcome.
        executed: &'a Executed,
    },
    /// A follower has stopped.
    FollowerBroke {
        /// Place among the followers.
        by: usize,
        /// Why.
        why: &'a Broken,
    },
    /// A client with a session began an operation, or has its answer.
    Operated {
        /// Names the operation.
        number: usize,
        /// Operation as far as it is.
        operation: &'a Operation,
    },
    /// A strong read was answered.
    ReadAnswered {
        /// Replica that did it.
        by: ReplicaId,
        /// Names it.
        reader: ReaderId,
        /// The state that it saw.
        seq: SeqNum,
    },
}

/// Progress of an honest replica.
pub struct Standing<'a> {
    /// Which.
    pub replica: ReplicaId,
    /// Its epoch.
    pub epoch: Epoch,
    /// Whether it is a member in it.
    pub is_member: bool,
    /// Its highest executed slot.
    pub executed: SeqNum,
    /// Its stable checkpoint.
    pub stable: SeqNum,
    /// Envelopes that it has executed.
    pub envelopes: &'a BTreeSet<EnvelopeName>,
    /// Evidence that its ledger has recorded.
    pub recorded: &'a BTreeSet<EvidenceKey>,
    /// Its machine, for questions that cost something: when all else is done.
    pub machine: &'a dyn Machine,
}

/// Progress of a follower.
pub struct Following {
    /// Its highest executed slot.
    pub executed: SeqNum,
    /// The newest certified checkpoint whose state is its own.
    pub stable: SeqNum,
    /// Whether it has stopped.
    pub is_broken: bool,
    /// Bytes of bundles in its memory.
    pub held_bytes: u64,
    /// The slot from which on its execution is wrong, if it ever is.
    pub spoiled_at: Option<SeqNum>,
}

/// Progress of the honest replicas, and of those who follow the group.
pub struct Survey<'a> {
    /// Honest replicas, in order.
    pub standings: Vec<Standing<'a>>,
    /// Followers, in order.
    pub following: Vec<Following>,
    /// Envelopes that clients asked for.
    pub asked: &'a BTreeSet<EnvelopeName>,
}

/// The statements that a message carries loose, each with its signer; not those inside certificates.
pub fn statements(message: &Message) -> Vec<Signed> {
    match message {
        Message::PrePrepare { statement, .. } | Message::Status { statement, .. } => vec![*statement],
        Message::Prepare { statement, pre_prepare } => vec![*statement, *pre_prepare],
        Message::Commit(signed)
        | Message::Ack(signed)
        | Message::Checkpoint(signed)
        | Message::Contradiction(signed) => {
            vec![*signed]
        }
        Message::Bundle(bundle) => vec![bundle.statement],
        Message::Recalled { statements, .. } => statements.clone(),
        Message::ViewChange { statement, .. } => vec![*statement],
        Message::NewView { statement, body } => {
            let demands = body.view_changes.iter().map(|(signed, _)| *signed);
            [*statement].into_iter().chain(demands).chain(body.pre_prepares.iter().copied()).collect()
        }
        _ => Vec::new(),
    }
}
