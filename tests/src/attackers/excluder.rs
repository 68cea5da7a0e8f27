//! Excluder: as a primary proposes empty slots alone, keeps each from f backups, others each time, and answers nobody who
//! asks for their contents.
//! Must survive: progress, after a view change: contents that are always missing somewhere excuse no primary (V1 a).

use super::rewriting::Rewriting;
use super::{Attacker, Mask};
use quorate_pbft::{Content, Kind, Message, ReplicaId, SeqNum};
use std::sync::Arc;

pub(super) struct Excluder(Mask, Rewriting);

impl Excluder {
    pub(super) fn new(mask: Mask) -> Self {
        Self(mask, Rewriting::default())
    }

    /// The backups in groups of f, which take turns.
    fn is_kept_from(&self, to: ReplicaId, seq: SeqNum) -> bool {
        let (n, f) = (self.0.committee.len(), self.0.committee.faulty_max().max(1));
        let backup = (to.index() + n - self.0.me.index()) % n - 1;
        let groups = (n - 1).div_ceil(f);
        backup / f == seq.get() as usize % groups
    }
}

impl Attacker for Excluder {
    fn outgoing(&mut self, to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        let without = |content: &Content| {
            let is_empty = content.cut.is_empty();
            (!is_empty).then(|| Content { cut: Vec::new(), ..content.clone() })
        };
        let message = self.1.rewrite(&self.0, message, without);
        match &*message {
            // The replica inside does not hear how others prepare this, and never commits it.
            Message::PrePrepare { statement, .. } if statement.signer == self.0.me => {
                let (said, is_kept) = (statement.statement, self.is_kept_from(to, statement.statement.seq));
                let commit = Message::Commit(self.0.say(Kind::Commit, said.view, said.seq, said.digest));
                [Some(message).filter(|_| !is_kept), Some(Arc::new(commit))].into_iter().flatten().collect()
            }
            Message::Content { .. } | Message::Decided { .. } => Vec::new(),
            _ => vec![message],
        }
    }

    fn may_hear(&mut self, message: &Arc<Message>) -> bool {
        self.1.may_hear(&self.0, message)
    }
}
