//! Boundary idler: as primary it proposes whatever carries data, and none of the empty slots that fill an epoch up to its last
//! one; it does not vote for them and hands nobody their content. Its own lane must go on, or it would be left for that.
//! Must survive: the change of the member list, after a view change (M1, V1 c).

use super::{Attacker, as_it_is};
use quorate_pbft::{Digest, Message, ReplicaId};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Digests of the contents that it keeps to itself.
#[derive(Default)]
pub(super) struct BoundaryIdler(BTreeSet<Digest>);

impl Attacker for BoundaryIdler {
    fn outgoing(&mut self, _to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        let digest = match &**message {
            Message::PrePrepare { content, .. } if content.cut.is_empty() && !content.mark => {
                self.0.insert(content.digest());
                return Vec::new();
            }
            Message::Prepare { statement: signed, .. } | Message::Commit(signed) => signed.statement.digest,
            Message::Content { content, .. } => content.digest(),
            _ => return as_it_is(message),
        };
        if self.0.contains(&digest) { Vec::new() } else { as_it_is(message) }
    }
}
