//! Answers to questions (N9): from memory, or from the disk where memory has it no more.

use crate::effects::{Effect, Effects, Question, Wanted};
use crate::evidence::witness::Witness;
use crate::limits::Constants;
use crate::member::Member;
use crate::replica::Replica;
use crate::wire::{Content, Digest, Message, Position, ReplicaId, SeqNum, Signed, View};
use alloc::vec::Vec;

/// Decided slots in one answer.
pub(crate) const SLOTS_PER_ANSWER_MAX: u64 = 64;
/// Bundles in one answer.
pub(crate) const BUNDLES_PER_ANSWER_MAX: u64 = 64;
/// Bytes of bundles in one answer; a larger one goes alone.
pub(crate) const BYTES_PER_ANSWER_MAX: u64 = 4 << 20;
/// Statements of one kind, and of Acks of one lane, in an answer to a recall, but for votes: these are signed in ascending
/// order, so that an old disk lacks the newest first. Votes of a view may be signed in any order within a window, so a
/// window of each kind is told, and one of those in decisions.
const STATEMENTS_PER_SERIES_MAX: usize = 15;
const _: () = {
    let series = Constants::REPLICAS_MAX + 4;
    let votes = 4 * Constants::WINDOW_MAX as usize;
    assert!(series * STATEMENTS_PER_SERIES_MAX + votes <= Constants::RECALLED_MAX, "an answer to a recall fits");
    assert!(SLOTS_PER_ANSWER_MAX <= BUNDLES_PER_ANSWER_MAX);
};

/// An answer, from one moment's state.
pub(crate) struct Answer<'a> {
    pub(crate) replica: &'a Replica,
    pub(crate) to: ReplicaId,
    /// For a recall, the newest words of the asker.
    pub(crate) words: Vec<Signed>,
    pub(crate) out: &'a mut Effects,
}

impl Answer<'_> {
    pub(crate) fn give(&mut self, wanted: Wanted) {
        match wanted {
            Wanted::Slots { from, to } => self.slots(from, to),
            Wanted::Content { seq, digest } => self.content(seq, digest),
            Wanted::Bundles { lane, from, to } => self.bundles(lane, from, to),
            Wanted::StableCheckpoint => {
                if let Some(newest) = self.replica.order.checkpoints.newest() {
                    self.out.send(self.to, Message::StableCheckpoint(newest.claim().clone()));
                }
            }
            Wanted::NewView { view, digest } => self.new_view(view, digest),
            Wanted::Recall { incarnation } => self.recall(incarnation),
        }
    }

    fn slots(&mut self, first: SeqNum, last: SeqNum) {
        let (replica, to) = (self.replica, self.to);
        if first < replica.order.oldest {
            return; // Its status said so.
        }
        let last = last.min(first.plus(SLOTS_PER_ANSWER_MAX - 1));
        let in_memory = replica.order.log.recorded(first).is_some();
        if first <= replica.order.executed() && !in_memory {
            let wanted = Wanted::Slots { from: first, to: last.min(replica.order.executed()) };
            self.supply(wanted);
            return;
        }
        let before = first.previous().unwrap_or_default();
        for (_, slot) in replica.order.log.above(before).take_while(|(seq, _)| *seq <= last) {
            if let (Some(certificate), Some(content)) = (&slot.committed, slot.decided()) {
                let (certificate, content) = (certificate.claim().clone(), Content::clone(content));
                self.out.send(to, Message::Decided { certificate, content });
            }
        }
    }

    fn content(&mut self, seq: SeqNum, digest: Digest) {
        let replica = self.replica;
        match replica.order.log.get(seq).and_then(|slot| slot.content(&digest)) {
            Some(content) => self.out.send(self.to, replica.lanes.content_message(content)),
            None if seq <= replica.order.executed() => self.supply(Wanted::Content { seq, digest }),
            None => (),
        }
    }

    /// Highest first: the asker knows the digest of the highest, and each names the one below it.
    fn bundles(&mut self, id: ReplicaId, first: Position, last: Position) {
        let (replica, to) = (self.replica, self.to);
        let Some(lane) = replica.lanes.get(id) else { return };
        let executed = lane.executed.position;
        let first = first.max(Position::new(last.get().saturating_sub(BUNDLES_PER_ANSWER_MAX - 1)));
        let mut bytes = 0;
        for bundle in lane.stored_between(first.max(executed.next()), last) {
            if bytes > 0 && bytes + bundle.header.bytes > BYTES_PER_ANSWER_MAX {
                break;
            }
            bytes += bundle.header.bytes;
            self.out.send(to, Message::Bundle(bundle.clone()));
        }
        if first <= executed && first <= last && bytes <= BYTES_PER_ANSWER_MAX {
            let wanted = Wanted::Bundles { lane: id, from: first, to: last.min(executed) };
            self.supply(wanted);
        }
    }

    /// NewViews that an own ViewChange or NewView names are served by its sender (V4).
    fn new_view(&mut self, view: View, digest: Digest) {
        let (replica, to) = (self.replica, self.to);
        let by_view = replica.views.new_view_of(view);
        let found = replica.views.new_views.get(&digest).or_else(|| by_view.filter(|_| digest == Digest::ZERO));
        match found {
            Some((statement, body)) => {
                self.out.send(to, Message::NewView { statement: *statement, body: body.clone() });
            }
            None => self.supply(Wanted::NewView { view, digest }),
        }
    }

    fn supply(&mut self, wanted: Wanted) {
        let question = Question { epoch: self.replica.member.committee.epoch(), wanted };
        self.out.push(Effect::Supply { to: self.to, question });
    }

    /// E7: what is in memory of the asker's newest statements.
    fn recall(&mut self, incarnation: u64) {
        let (replica, to) = (self.replica, self.to);
        let window = replica.member.constants.window as usize;
        let mut statements = core::mem::take(&mut self.words);
        // Votes of views above the own one are in decisions alone.
        let decided = replica.order.log.iter().rev().filter_map(|(_, slot)| slot.committed.as_ref());
        let votes = decided.flat_map(|certificate| certificate.statements(replica.member.committee.group()));
        statements.extend(votes.filter(|signed| signed.signer == to).take(window));
        assert!(statements.len() <= Constants::RECALLED_MAX, "I32: an answer to a recall that others refuse");
        self.out.send(to, Message::Recalled { incarnation, statements });
    }
}

impl Witness {
    /// E7: what is told to a member that asks what it said.
    pub(crate) fn told_to(&mut self, member: &Member, asker: ReplicaId) -> Vec<Signed> {
        let window = member.constants.window as usize;
        let room = |signed: &Signed| if signed.statement.kind.is_vote() { window } else { STATEMENTS_PER_SERIES_MAX };
        self.newest_of(member, asker, room)
    }
}
