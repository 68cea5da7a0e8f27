//! Cut far ahead: as a primary names tips that nobody has certified, far above the lanes' ends.
//! Must survive: progress, after a view change; nobody votes without certificates (L4).

use super::rewriting::Rewriting;
use super::{Attacker, Mask, another};
use quorate_pbft::{Content, Message, Position, ReplicaId, Tip};
use std::sync::Arc;

pub(super) struct CutFarAhead(Mask, Rewriting);

impl CutFarAhead {
    pub(super) fn new(mask: Mask) -> Self {
        Self(mask, Rewriting::default())
    }
}

fn far(content: &Content) -> Option<Content> {
    let mut far = content.clone();
    let (_, tip) = far.cut.first_mut()?;
    *tip = Tip { position: Position::new(tip.position.get() + 3_000), digest: another(&tip.digest) };
    Some(far)
}

impl Attacker for CutFarAhead {
    fn outgoing(&mut self, _to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        vec![self.1.rewrite(&self.0, message, far)]
    }

    fn may_hear(&mut self, message: &Arc<Message>) -> bool {
        self.1.may_hear(&self.0, message)
    }
}
