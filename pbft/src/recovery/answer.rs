//! Answers to questions (N9): from memory, or from the disk where memory has it no more.

use crate::effects::{Effect, Effects, Wanted};
use crate::replica::Replica;
use crate::wire::{Content, Digest, Kind, Message, Position, ReplicaId, SeqNum, Signed, View};
use alloc::vec::Vec;

/// Decided slots in one answer.
pub(crate) const SLOTS_PER_ANSWER_MAX: u64 = 64;
/// Bundles in one answer.
pub(crate) const BUNDLES_PER_ANSWER_MAX: u64 = 64;
/// Bytes of bundles in one answer; a larger one goes alone.
pub(crate) const BYTES_PER_ANSWER_MAX: u64 = 4 << 20;
/// Statements from memory in one answer to a recall; the disk adds what is in certificates.
const STATEMENTS_MAX: usize = 2_048;
/// Of these, of one kind, and of Acks of one lane: a window of votes.
const STATEMENTS_PER_SERIES_MAX: usize = 256;
const _: () = assert!(STATEMENTS_PER_SERIES_MAX <= STATEMENTS_MAX && SLOTS_PER_ANSWER_MAX <= BUNDLES_PER_ANSWER_MAX);

/// An answer, from one moment's state.
pub(crate) struct Answer<'a> {
    pub(crate) replica: &'a Replica,
    pub(crate) to: ReplicaId,
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
            Wanted::Recall { incarnation, stable, tips, .. } => self.recall(incarnation, stable, tips),
        }
    }

    fn slots(&mut self, first: SeqNum, last: SeqNum) {
        let (replica, to) = (self.replica, self.to);
        let last = last.min(first.plus(SLOTS_PER_ANSWER_MAX - 1));
        let in_memory = replica.order.log.get(first).is_some_and(|slot| slot.recorded);
        if first <= replica.order.executed() && !in_memory {
            let wanted = Wanted::Slots { from: first, to: last.min(replica.order.executed()) };
            self.out.push(Effect::Supply { to, wanted });
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
        let (replica, to) = (self.replica, self.to);
        match replica.order.log.get(seq).and_then(|slot| slot.content(&digest)) {
            Some(content) => self.out.send(to, replica.lanes.content_message(content)),
            None if seq <= replica.order.executed() => {
                self.out.push(Effect::Supply { to, wanted: Wanted::Content { seq, digest } });
            }
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
            self.out.push(Effect::Supply { to, wanted });
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
            None => self.out.push(Effect::Supply { to, wanted: Wanted::NewView { view, digest } }),
        }
    }

    /// E7: every statement of the asker that is known and above what it has.
    fn recall(&mut self, incarnation: u64, stable: SeqNum, tips: Vec<(ReplicaId, Position)>) {
        let (replica, to) = (self.replica, self.to);
        let tip_of = |lane: ReplicaId| {
            let tip = tips.iter().find(|(of, _)| *of == lane).map(|(_, position)| position.get());
            SeqNum::new(tip.unwrap_or(0))
        };
        let above = |signed: &&Signed| {
            let statement = &signed.statement;
            match statement.kind {
                Kind::Bundle => statement.seq > tip_of(to),
                Kind::Ack => statement.seq > tip_of(statement.view.lane()),
                Kind::ViewChange | Kind::NewView => true,
                _ => statement.seq > stable,
            }
        };
        // The newest of each kind are what a disk that is too old lacks first.
        let mut known: Vec<Signed> = Vec::new();
        for series in replica.witness.series_of(to) {
            known.extend(series.rev().filter(above).take(STATEMENTS_PER_SERIES_MAX).copied());
        }
        known.truncate(STATEMENTS_MAX);
        let wanted = Wanted::Recall { incarnation, stable, tips, known };
        self.out.push(Effect::Supply { to, wanted });
    }
}
