//! The values of entries, and the rows that entries vouch for by a running hash.

use crate::format::membership::ADDRESSES_MAX;
use crate::format::observers::OBSERVED_MAX;
use crate::format::receipt::{Receipt, Rung};
use crate::policy::reputation::TrackRecord;
use crate::policy::{DomainPolicy, Step};
use crate::state::conflict_log::Actor;
use crate::state::horizon::Marks;
use crate::state::slot_log::SlotLog;
use crate::vocabulary::conflict::{Class, Decider, Settled};
use crate::vocabulary::file::File;
use crate::vocabulary::ids::{ConflictId, EnvelopeId};
use crate::vocabulary::revision::Revision;
use borsh::{BorshDeserialize, BorshSerialize};
use core::time::Duration;
use quorate_pbft::{
    Committee, Constants, Decided, Digest, Epoch, Position, PublicKey, ReplicaId, SeqNum, Signature, Time, Tip, bounded,
};
use std::collections::{BTreeMap, BTreeSet};

/// Work that a party owes after a slot in which some was done for it: time at the worst, which it pays as time passes.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct WorkOwed {
    micros: u64,
    since: Time,
}

impl WorkOwed {
    /// Owed since that time.
    pub(crate) fn new(work: Duration, since: Time) -> Self {
        Self { micros: u64::try_from(work.as_micros()).unwrap_or(u64::MAX), since }
    }

    /// Owed at a later time, of which one part in so many pays.
    pub(crate) fn at(&self, now: Time, part: u64) -> Duration {
        let passed_ms = now.get().saturating_sub(self.since.get());
        Duration::from_micros(self.micros.saturating_sub(passed_ms.saturating_mul(1_000) / part))
    }
}

/// Head of the group: the values that executing the next slot reads beside the entries themselves.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Head {
    /// The epoch of the last executed slot.
    pub epoch: Epoch,
    /// The last executed slot.
    pub seq: SeqNum,
    /// Ledger time: the running maximum over executed slots (T1).
    pub time: Time,
    /// Over all executed bundles (L5).
    pub lane_hash: Digest,
    /// The executed tip of each lane, by place in the member list.
    #[borsh(deserialize_with = "bounded::list::<{ Constants::REPLICAS_MAX }, _, _>")]
    pub tips: Vec<Tip>,
    /// Bytes of each lane up to its executed tip.
    #[borsh(deserialize_with = "bounded::list::<{ Constants::REPLICAS_MAX }, _, _>")]
    pub lane_bytes: Vec<u64>,
    /// Size and peaks of the tree of executed slots.
    pub slots: SlotLog,
    /// Which slots lie how far back in ledger time.
    pub times: Marks,
}

impl Head {
    /// Before the first slot of a group of `members`.
    pub(crate) fn genesis(members: usize) -> Self {
        Self {
            epoch: Epoch::new(0),
            seq: SeqNum::new(0),
            time: Time::new(0),
            lane_hash: Digest::ZERO,
            tips: vec![Tip::default(); members],
            lane_bytes: vec![0; members],
            slots: SlotLog::default(),
            times: Marks::default(),
        }
    }

    /// Begins an epoch of `members`: lanes begin anew (M3).
    #[cfg(feature = "execution")]
    pub(crate) fn enter(&mut self, epoch: Epoch, members: usize) {
        self.epoch = epoch;
        (self.tips, self.lane_bytes) = (vec![Tip::default(); members], vec![0; members]);
    }

    /// Takes note of an executed slot. A tip at or below the executed one changes nothing (L4).
    pub(crate) fn advance(&mut self, decided: &Decided) {
        (self.epoch, self.seq, self.time) = (decided.epoch, decided.seq, decided.time);
        self.lane_hash = decided.lane_hash;
        for (lane, tip) in &decided.content.cut {
            let executed = self.tips.get_mut(lane.index()).filter(|executed| tip.position > executed.position);
            if let Some(executed) = executed {
                *executed = *tip;
            }
        }
        for bundle in &decided.bundles {
            if let Some(bytes) = self.lane_bytes.get_mut(bundle.header.lane.index()) {
                *bytes = bundle.header.lane_bytes;
            }
        }
    }
}

/// A path: what stands there, since when, and what stood there before.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct FileRecord {
    /// File that is served; none where it was deleted, or where a conflict has no agreed content.
    pub file: Option<File>,
    /// The revision that made it so.
    pub since: Revision,
    /// Author of the write.
    pub author: PublicKey,
    /// Path to which a rename took it, if one did.
    pub moved_to: Option<String>,
    /// The open conflict.
    pub conflict: Option<ConflictId>,
    /// The envelope that made it so; none where nobody ever wrote.
    pub envelope: Option<EnvelopeId>,
    /// Running hash over the versions before this one; see [`Version`].
    pub before: Digest,
}

impl FileRecord {
    /// Whether nothing is served and nothing is in dispute: it leaves once nothing within the horizon needs it.
    pub(crate) fn is_gone(&self) -> bool {
        self.file.is_none() && self.conflict.is_none()
    }

    /// Version to keep once another takes its place; none where nobody ever wrote.
    pub(crate) fn version(&self) -> Option<Version> {
        self.envelope.map(|envelope| Version { file: self.file, envelope, before: self.before })
    }
}

/// A version of a path that is not the newest: a row, authenticated with its revision by what came after it, in the
/// end by [`FileRecord::before`].
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Version {
    /// File of the version.
    pub file: Option<File>,
    /// The envelope that made it so.
    pub envelope: EnvelopeId,
    /// The running hash before it.
    pub before: Digest,
}

/// An author's numbers in a domain.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Sequence {
    /// The number that is next, from 1.
    pub next: u64,
    /// The highest attempt that had a verdict for `next`; 0 for none.
    pub attempt: u64,
    /// Changes that wait for the word of others; at most [`Sequence::PENDING_MAX`].
    pub pending: u32,
    /// Verdicts so far: the ordinal of the newest [`NumberRow`].
    pub verdicts: u64,
    /// Running hash over the rows of numbers.
    pub numbers: Digest,
    /// Numbers that the author used twice, ascending; at most [`Sequence::REPEATED_MAX`].
    pub repeated: Vec<u64>,
    /// Deeds that came of all this.
    pub track_record: TrackRecord,
}

impl Sequence {
    /// Repeated numbers that are kept: enough to show that a key is in use twice.
    pub const REPEATED_MAX: usize = 64;

    /// Changes of one author in one domain that may wait at a time: they are kept whole until they are resolved.
    pub const PENDING_MAX: u32 = 64;

    /// Before the first envelope.
    pub fn new() -> Self {
        Self {
            next: 1,
            attempt: 0,
            pending: 0,
            verdicts: 0,
            numbers: Digest::ZERO,
            repeated: Vec::new(),
            track_record: TrackRecord::default(),
        }
    }

    /// Reputation of the author by deeds in this domain alone.
    pub(crate) fn score(&self) -> u32 {
        self.track_record.score(self.repeated.len() as u64)
    }
}

/// Number of an author that had a verdict: a row, written once, authenticated with its number and attempt by
/// [`Sequence::numbers`].
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct NumberRow {
    /// Envelope with the verdict.
    pub(crate) envelope: EnvelopeId,
    /// Place among the author's verdicts in the domain, from 1.
    pub(crate) ordinal: u64,
    /// Slot of the verdict.
    pub(crate) slot: SeqNum,
    /// Answer there.
    pub(crate) answer: NumberAnswer,
    /// The running hash before it.
    pub(crate) before: Digest,
}

/// Answer to an envelope at its number, as far as later envelopes need it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub(crate) enum NumberAnswer {
    /// The author's view that it left.
    Accepted(ViewRecord) = 1,
    /// The same, while it waits for the word of others. An entry of the domain says so if it is refused in the end.
    Waits(ViewRecord) = 2,
    /// A refusal.
    Refused = 3,
    /// A part of a transaction that belongs to another domain.
    Part = 4,
}

impl NumberRow {
    /// The author's view after the envelope, if there is one.
    pub(crate) fn view(&self) -> Option<&ViewRecord> {
        match &self.answer {
            NumberAnswer::Accepted(view) | NumberAnswer::Waits(view) => Some(view),
            NumberAnswer::Refused | NumberAnswer::Part => None,
        }
    }

    /// Whether its envelope belongs to another domain.
    pub(crate) fn is_part(&self) -> bool {
        self.answer == NumberAnswer::Part
    }
}

/// A change that waited for the word of others and was refused in the end.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct RefusedChange {
    /// The revision that refused it.
    pub(crate) revision: Revision,
}

/// An author's own view after an envelope: what the chain began at, and what this envelope laid over it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct ViewRecord {
    /// The chain's first revision.
    pub(crate) first: Revision,
    /// The envelope whose view this one was laid over.
    pub(crate) parent: Option<EnvelopeId>,
    /// Place in the chains of the author.
    pub(crate) place: ChainPlace,
    /// Writes of this envelope, ascending by path.
    pub(crate) writes: Vec<(String, Option<File>)>,
}

/// Link of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Link {
    /// The chain's first envelope.
    pub(crate) chain: EnvelopeId,
    /// From 1.
    pub(crate) depth: u64,
}

/// An envelope's place in the chains of its author, given where it was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct ChainPlace {
    pub(crate) link: Link,
    /// Link at which its chain left another one.
    pub(crate) left: Option<Link>,
    /// Chains that were left on the way from the first envelope of all.
    pub(crate) forks: u32,
    /// Ordinal of the first envelope of all.
    pub(crate) origin: u64,
}

/// Verdict on an envelope, as readers and proofs look for it: history, which execution never reads.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Verdict {
    /// Receipt as it was given.
    pub receipt: Receipt,
    /// Bundle on the receipt's lane in which it was executed.
    pub position: Position,
    /// The message of each change that has one.
    pub messages: Vec<String>,
    /// By the author's clock, of its last change.
    pub time_ms: u64,
    /// Ledger time of its slot.
    pub time: Time,
    /// First revision of the author's view; genesis for a refused one.
    pub first: Revision,
    /// The envelope on whose view it was laid.
    pub parent: Option<EnvelopeId>,
    /// Place in the slot's list.
    pub place: u32,
}

/// A domain's rules.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct DomainRecord {
    /// Number of its tree, from 1.
    pub number: u32,
    /// The revision that made it.
    pub since: Revision,
    /// Policy of the domain.
    pub policy: DomainPolicy,
}

/// A domain's tree as the group's tree names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct DomainRoot {
    /// Root of the domain's tree.
    pub root: Digest,
    /// Number of its entries.
    pub count: u64,
}

/// An author as enrolled.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct AuthorRecord {
    /// Organisation to which the key belongs.
    pub organisation: String,
    /// The revision that enrolled it.
    pub since: Revision,
    /// The revision that revoked it.
    pub revoked: Option<Revision>,
}

/// An observer as enrolled.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct ObserverRecord {
    /// Organisation that runs the node.
    pub(crate) organisation: String,
    /// Domains that it follows; empty: all.
    #[borsh(deserialize_with = "bounded::list::<OBSERVED_MAX, _, _>")]
    pub(crate) domains: Vec<String>,
    /// The revision that enrolled it, or changed its enrolment.
    pub(crate) since: Revision,
    /// Ledger time at which the enrolment ends.
    pub(crate) until: u64,
}

/// Bytes of contents that are no longer current, and where the domain's horizon lies.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Usage {
    /// Bytes of all versions that were ever superseded.
    pub superseded_bytes: u64,
    /// Which slots lie how many superseded bytes back.
    pub marks: Marks,
    /// Files that are served.
    pub files: u64,
    /// Bytes of the files that are served.
    pub bytes: u64,
    /// The newest revision that changed a file, or brought one into conflict.
    pub changed: Revision,
}

impl Usage {
    /// Files and bytes that are served.
    pub(crate) fn held(&self) -> (u64, u64) {
        (self.files, self.bytes)
    }
}

/// Members of an epoch.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct EpochRecord {
    /// The last slot of the epoch before; 0 for the first epoch.
    pub(crate) after: SeqNum,
    /// Keys by number.
    #[borsh(deserialize_with = "bounded::list::<{ Constants::REPLICAS_MAX }, _, _>")]
    pub(crate) members: Vec<PublicKey>,
    /// Rules by which its slots are executed.
    pub(crate) rules: u32,
}

impl EpochRecord {
    /// The voters of a group in this epoch.
    pub(crate) fn committee(&self, group: Digest, epoch: Epoch) -> Option<Committee> {
        Some(Committee::new(group, epoch, self.members.clone())?.after(self.after))
    }
}

/// A key that is a member's, or was one: it is known for ever.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct MemberRecord {
    /// Organisation that runs the replica.
    pub(crate) organisation: String,
    /// The key's signature of [`crate::keys::possession_bytes`].
    pub(crate) proof: Signature,
    /// Addresses on which it is reached; none of a founder's, which configurations name.
    #[borsh(deserialize_with = "bounded::list::<ADDRESSES_MAX, _, _>")]
    pub(crate) addresses: Vec<String>,
    /// The first epoch in which it votes.
    pub(crate) since: Epoch,
    /// The first epoch in which it votes no more.
    pub(crate) until: Option<Epoch>,
}

/// Proof of a replica's fault, as recorded.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct EvidenceRecord {
    /// Names the proof; its bytes are a row.
    pub id: Digest,
    /// The offender's number in its epoch.
    pub signer: ReplicaId,
    /// The slot that recorded it.
    pub recorded_at: SeqNum,
}

/// A disagreement about a path.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ConflictRecord {
    /// The path that is marked.
    pub path: String,
    /// Value, structural or semantic.
    pub class: Class,
    /// Why no rung answered, for people.
    pub reason: String,
    /// The check that refused a merge which was otherwise clean.
    pub check: Option<String>,
    /// The last rung that tried.
    pub rung: Rung,
    /// The revision that opened it.
    pub since: Revision,
    /// Ledger time of that slot.
    pub opened: Time,
    /// The revision of its newest side: a change that has seen this one has seen all.
    pub latest: Revision,
    /// Common base of the first two sides.
    pub base: Option<File>,
    /// Number of sides.
    pub sides: u32,
    /// Running hash over all sides; see [`Side`].
    pub sides_hash: Digest,
    /// Authority that may end it.
    pub decider: Decider,
    /// Ledger time at which the next of `rest` decides; none: never.
    pub deadline: Option<Time>,
    /// Whether the deadline has passed while what was decided waited for locks: it must not come again.
    pub is_late: bool,
    /// The locks that what was decided waits for; none while nothing is decided, or nothing is in its way.
    pub held_up: Option<Hold>,
    /// Steps of the policy's strategies after the decider, as they were when the conflict began.
    pub rest: Vec<Step>,
    /// Organisations' votes for sides by their number; the last vote of each counts.
    pub votes: BTreeMap<String, u32>,
    /// Count of proposed sides, by organisation.
    pub proposals: BTreeMap<String, u32>,
    /// Authors and analysers that proposed a side or support it, by side.
    pub supporters: BTreeMap<u32, BTreeSet<Actor>>,
    /// Length of the story.
    pub events: u32,
    /// Running hash over it; see [`super::conflict_log::ConflictEvent`].
    pub log_hash: Digest,
    /// The change that settled it.
    pub settled: Option<Settled>,
}

impl ConflictRecord {
    /// Deadline that is still to come.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.deadline.filter(|_| !self.is_late)
    }
}

/// A decision that waits for locks.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Hold {
    /// Ledger time at which it is asked again: the end of a lease, or of the longest where a lock has no end.
    pub until: Time,
    /// The paths that it writes.
    pub paths: Vec<String>,
}

/// Side of a conflict: a row, authenticated by [`ConflictRecord::sides_hash`].
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Side {
    /// Author of the side.
    pub author: PublicKey,
    /// The revision that brought it.
    pub revision: Revision,
    /// Path that the author gave it; another than the conflict's where a file and a folder, or renames, collide.
    pub path: String,
    /// File of the author; none for a deletion.
    pub file: Option<File>,
    /// Why somebody proposes it; none for a side that took part in the clash.
    pub proposed: Option<String>,
}
