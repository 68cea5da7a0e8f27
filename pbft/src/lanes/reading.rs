//! Strong reads: a read mark is ordered, and the answer is the state in which it was executed (R).

use crate::effects::{Effect, Rejected};
use crate::input::ReaderId;
use crate::lanes::Lanes;
use crate::member::Member;
use crate::replica::Replica;
use crate::wire::{Digest, Item, ItemKind, Position, SeqNum, Ticks, merkle_root};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// Readers that wait for one mark (R); a node that takes more connections must queue them itself.
const READERS_MAX: usize = 4_096;
/// Marks of one lane that are not executed; new ones wait (R).
const MARKS_OUT_MAX: usize = 16;
/// Least time between two marks, and how long one waits for company: 50 a second (R).
const MARK_PACE_MS: u64 = 20;

/// Reads on their way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reads {
    waiting: Vec<Reader>,
    since: Ticks,
    /// Readers of the mark among the pending items of the own lane, not yet in a bundle.
    placed: Option<Vec<Reader>>,
    placed_at: Option<Ticks>,
    /// Marks in bundles that are not executed.
    out: BTreeMap<Position, Vec<Reader>>,
}

/// A read, and its reader's nonce.
type Reader = (ReaderId, Digest);

impl Reads {
    /// The pending mark went into this bundle.
    pub(crate) fn bundled(&mut self, position: Position) {
        if let Some(readers) = self.placed.take() {
            self.out.insert(position, readers);
        }
    }

    /// L7: every read whose mark is not executed; marks of void bundles are issued anew.
    pub(crate) fn take_all(&mut self) -> Vec<Reader> {
        let marked = core::mem::take(&mut self.out).into_values().chain(self.placed.take()).flatten();
        marked.chain(core::mem::take(&mut self.waiting)).collect()
    }

    /// Reads that wait for a mark of this epoch.
    pub(crate) fn wait_again(&mut self, reads: Vec<Reader>, now: Ticks) {
        (self.waiting, self.since) = (reads, now);
    }
}

#[cfg(feature = "testing")]
impl Reads {
    /// Reads that wait.
    pub(crate) fn count(&self) -> usize {
        let placed = self.placed.as_ref().map_or(0, Vec::len);
        self.waiting.len() + placed + self.out.values().map(Vec::len).sum::<usize>()
    }
}

impl Replica {
    pub(crate) fn on_read(&mut self, reader: ReaderId, nonce: Digest) -> Result<(), Rejected> {
        if self.order.is_read_only(&self.lanes, &self.peers, &self.member) {
            return Err(Rejected::Read { reader, why: "fewer than q members are heard" });
        }
        if self.member.standing != crate::member::Standing::Member {
            return Err(Rejected::Read { reader, why: "this replica has no lane of its own" });
        }
        if self.lanes.reads.waiting.len() >= READERS_MAX {
            return Err(Rejected::Read { reader, why: "too many reads wait" });
        }
        if self.lanes.reads.waiting.is_empty() {
            self.lanes.reads.since = self.member.now.ticks;
        }
        self.lanes.reads.waiting.push((reader, nonce));
        Ok(())
    }
}

impl Lanes {
    /// Puts one mark for all waiting reads among the pending items, when its pace allows.
    pub(crate) fn place_read_mark(&mut self, member: &mut Member) {
        let reads = &self.reads;
        if reads.waiting.is_empty() || reads.placed.is_some() || reads.out.len() >= MARKS_OUT_MAX {
            return;
        }
        let paced = reads.placed_at.map(|at| at.after(MARK_PACE_MS));
        let company = self.own.is_idle().then(|| reads.since.after(MARK_PACE_MS));
        let due = [paced, company].into_iter().flatten().max();
        if due.is_some_and(|due| !member.is_due(due)) {
            return;
        }
        let readers = core::mem::take(&mut self.reads.waiting);
        let nonces: Vec<Digest> = readers.iter().map(|(_, nonce)| *nonce).collect();
        let mark = Item { kind: ItemKind::ReadMark, bytes: merkle_root(&nonces).0.to_vec() };
        self.reads.placed = Some(readers);
        self.reads.placed_at = Some(member.now.ticks);
        self.own.push(mark);
    }

    /// The marks in the bundles of the own lane that were executed now.
    pub(crate) fn answer_reads(&mut self, member: &mut Member, seq: SeqNum) {
        let tip = self[member.me].executed.position;
        let later = self.reads.out.split_off(&tip.next());
        for (position, readers) in core::mem::replace(&mut self.reads.out, later) {
            let readers = readers.into_iter().map(|(reader, _)| reader).collect();
            member.out.push(Effect::ReadReady { readers, seq, position });
        }
    }
}
