//! Invariants after every step, in release too. A violation is our own bug, never a peer's doing.
//!
//! `docs/invariants.md` lists all of them by number, with the places that assert them.

use crate::replica::Replica;
use crate::wire::{ReplicaId, SeqNum};

pub(crate) fn check(r: &Replica) {
    if r.member.is_stopped() {
        return;
    }
    let (low, executed, view) = (r.order.low(), r.order.executed(), r.views.number);
    assert!(low <= executed, "I5: stable {low} above executed {executed}");
    if let Some((first, _)) = r.order.log.iter().next() {
        assert!(first > low, "I2: slot {first} at or below the stable checkpoint {low}");
    }
    if let Some((last, _)) = r.order.log.iter().next_back() {
        assert!(r.order.in_reach(last), "I2: slot {last} beyond the window");
    }
    for (seq, slot) in r.order.log.above(executed) {
        if let Some(proposal) = &slot.proposal {
            assert!(r.views.active() == Some(proposal.statement.statement.view), "I3: slot {seq} goes by another view");
        }
        if let Some(certificate) = &slot.committed {
            assert!(certificate.seq() == seq, "I2: slot {seq} holds the decision of {}", certificate.seq());
        }
        if let Some(prepared) = &slot.prepared {
            assert!(prepared.certificate.view() <= view, "I4: slot {seq} prepared in a later view");
        }
    }
    if let Some(slot) = r.order.log.get(executed).filter(|_| executed > r.order.checkpoints.found_executed) {
        assert!(slot.recorded, "I6: slot {executed} executed and not decided");
    }
    for lane in r.lanes.iter() {
        let known = lane.acked.position <= lane.executed.position || lane.held(lane.acked).is_some();
        assert!(known, "I7: Ack of {:?}, which the lane does not hold", lane.acked);
        assert!(lane.certified().position >= lane.executed.position, "I20: a lane is executed beyond its certificates");
    }
    let tip = |lane: ReplicaId| r.lanes.get(lane).map_or(SeqNum::new(0), |of| SeqNum::new(of.executed.position.get()));
    assert!(r.member.promises.lies_below(low, tip), "I27: promises are dropped above what is executed and stable");
    let own = &r.lanes[r.member.me];
    assert!(
        r.lanes.own.tip.position >= own.executed.position || !r.member.may_sign(),
        "I7: the own lane is behind its execution"
    );
}
