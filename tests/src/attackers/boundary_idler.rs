//! Boundary idler: as primary it proposes whatever carries data, and none of the empty slots that fill an epoch up to its last
//! one. Its own lane must go on, or it would be left for that.
//! Must survive: the change of the member list, after a view change (M1, V1 c).

use super::{Attacker, as_it_is};
use quorate_pbft::{Message, ReplicaId};
use std::sync::Arc;

pub(super) struct BoundaryIdler;

impl Attacker for BoundaryIdler {
    fn outgoing(&mut self, _to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        match &**message {
            Message::PrePrepare { content, .. } if content.cut.is_empty() && !content.mark => Vec::new(),
            _ => as_it_is(message),
        }
    }
}
