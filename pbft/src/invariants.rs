//! What must hold after every step, in release too. A violation is our own bug, never a peer's doing.
//!
//! ```text
//! I1  A statement in the table is never replaced (E1): asserted where rows are written, in `promises.rs`.
//! I2  Every slot in memory lies above the stable checkpoint and within a window of it or of execution (N2).
//! I3  A proposal that a slot goes by is of the current view, which is not changing (N2, V6).
//! I4  A prepared certificate is of no view above the own one (N3).
//! I5  Execution never lies below the stable checkpoint, and `low` is executed (C2).
//! I6  What was executed since the start was decided, if it is in memory (N6).
//! I7  The own lane is never shorter than its executed tip, and no Ack lies above what its lane holds or has (L1, L2).
//! I8  A replica that has not finished its recall has signed nothing since it started (E7): see `promise`.
//! ```

use crate::replica::Replica;

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
        if let Some(prepared) = &slot.prepared {
            assert!(prepared.certificate.view() <= view, "I4: slot {seq} prepared in a later view");
        }
    }
    if let Some(slot) = r.order.log.get(executed).filter(|_| executed > r.order.checkpoints.found_executed()) {
        assert!(slot.recorded, "I6: slot {executed} executed and not decided");
    }
    let own = &r.lanes[r.member.me];
    assert!(
        r.lanes.own.tip.position >= own.executed.position || !r.member.may_sign(),
        "I7: the own lane is behind its execution"
    );
}
