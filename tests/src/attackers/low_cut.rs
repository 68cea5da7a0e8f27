//! Low cut: as a primary adds to its cuts, of a lane that it would leave out, a bundle that was executed long ago,
//! under a digest that nothing has. Must survive: everything. The bundle changes nothing where it is executed, and must
//! not mislead a replica that lags (L4).

use super::rewriting::Rewriting;
use super::{Attacker, Mask, another};
use quorate_pbft::{Content, Message, Position, ReplicaId, Tip};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) struct LowCut {
    mask: Mask,
    rewriting: Rewriting,
    /// The highest tip of each lane that it proposed so far.
    proposed: BTreeMap<ReplicaId, Tip>,
}

impl LowCut {
    pub(super) fn new(mask: Mask) -> Self {
        Self { mask, rewriting: Rewriting::default(), proposed: BTreeMap::new() }
    }
}

impl Attacker for LowCut {
    fn outgoing(&mut self, _to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        let proposed = &mut self.proposed;
        let low = |content: &Content| {
            let mut low = content.clone();
            let others = proposed.iter().filter(|(lane, _)| content.cut.iter().all(|(named, _)| named != *lane));
            let of_first = |tip: &Tip| Tip { position: Position::new(1), digest: another(&tip.digest) };
            low.cut.extend(others.map(|(lane, tip)| (*lane, of_first(tip))));
            low.cut.sort_unstable_by_key(|(lane, _)| *lane);
            proposed.extend(content.cut.iter().copied());
            Some(low)
        };
        vec![self.rewriting.rewrite(&self.mask, message, low)]
    }

    fn may_hear(&mut self, message: &Arc<Message>) -> bool {
        self.rewriting.may_hear(&self.mask, message)
    }
}
