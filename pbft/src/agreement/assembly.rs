//! Bundles of a decided slot in execution order (L5, N6): a function of where execution stands, what was decided and the
//! data, the same for whoever executes.

use crate::effects::Decided;
use crate::recovery::recovered::ExecutedPoint;
use crate::wire::{Bundle, Committee, Content, Digest, Position, ReplicaId, SeqNum, Tip, hash_parts};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

impl ExecutedPoint {
    /// Before the first slot of a group of `n`, in epoch 0.
    pub fn genesis(n: usize) -> Self {
        Self { tips: vec![Tip::default(); n], lane_bytes: vec![0; n], ..Self::default() }
    }

    /// Before the first slot of a committee's epoch; what was executed in earlier ones is not in it.
    pub(crate) fn first(committee: &Committee) -> Self {
        let (epoch, members_after) = (committee.epoch(), committee.digest());
        Self { epoch, seq: committee.base(), members_after, ..Self::genesis(committee.len()) }
    }

    /// The slot after this point, ready to execute, and the point after it but for the state; none while data is missing.
    ///
    /// `path` has the bundles of a lane from above its executed tip up to a tip, ascending.
    pub fn advanced(
        &self,
        content: &Content,
        path: impl Fn(ReplicaId, Tip) -> Option<Vec<Arc<Bundle>>>,
    ) -> Option<(Decided, Self)> {
        let mut next = Self { seq: self.seq.next(), ..self.clone() };
        let mut bundles = Vec::new();
        for lane in lane_order(next.seq, self.tips.len()) {
            let Some(tip) = content.tip_of(lane) else { continue };
            if tip.position <= self.tips[lane.index()].position {
                continue; // L4: changes nothing.
            }
            for bundle in path(lane, tip)? {
                next.take(lane, &bundle);
                bundles.push(bundle);
            }
        }
        next.time = next.time.max(content.time.unwrap_or_default());
        let (epoch, seq, time, lane_hash) = (next.epoch, next.seq, next.time, next.lane_hash);
        Some((Decided { epoch, seq, content: content.clone(), time, bundles, lane_hash }, next))
    }

    fn take(&mut self, lane: ReplicaId, bundle: &Bundle) {
        let (header, tip) = (&bundle.header, &mut self.tips[lane.index()]);
        assert!(
            (header.lane, header.position) == (lane, tip.position.next()),
            "I18: lane {lane} is executed out of order"
        );
        assert!(header.parent == tip.digest, "I18: lane {lane} is executed with a gap");
        *tip = header.tip();
        self.lane_bytes[lane.index()] = header.lane_bytes;
        self.lane_hash = lane_hash(self.lane_hash, tip, lane);
    }
}

/// Tips that contents advance lanes to, one content after the other, from the positions `reached`.
///
/// A tip above all tips of the slots below was certified before anybody honest voted for it. Any other changes nothing,
/// and its digest is nobody's word (L4).
pub(crate) fn advances<'a>(
    mut reached: Vec<Position>,
    contents: impl Iterator<Item = &'a Content>,
) -> Vec<(ReplicaId, Tip)> {
    let mut tips: Vec<_> = contents.flat_map(|content| &content.cut).copied().collect();
    tips.retain(|(lane, tip)| {
        let known = &mut reached[lane.index()];
        let is_further = tip.position > *known;
        *known = tip.position.max(*known);
        is_further
    });
    tips
}

/// L5: in replica order from the slot's number on, so that no organisation always comes first.
fn lane_order(seq: SeqNum, n: usize) -> impl Iterator<Item = ReplicaId> {
    let first = (seq.get() % n as u64) as usize;
    (0..n).map(move |step| ReplicaId::new(((first + step) % n) as u16))
}

/// L5: `lane_hash` covers the executed bundles in their order.
fn lane_hash(so_far: Digest, bundle: &Tip, lane: ReplicaId) -> Digest {
    let (lane, position) = (lane.get().to_le_bytes(), bundle.position.get().to_le_bytes());
    hash_parts("quorate/v1/lane-hash", &[&so_far.0, &lane, &position, &bundle.digest.0])
}
