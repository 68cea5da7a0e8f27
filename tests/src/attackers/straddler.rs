//! Straddler: signs each of its votes and acknowledgements for the epoch before and the one after as well.
//! Must survive: agreement; a statement counts in its own epoch alone (E, M3).

use super::{Attacker, Mask, speaks_of};
use quorate_pbft::{Epoch, Message, ReplicaId, Signed, Statement};
use std::sync::Arc;

pub(super) struct Straddler(pub(super) Mask);

impl Straddler {
    /// The same words in the epochs beside its own.
    fn beside(&self, signed: &Signed) -> Vec<Signed> {
        let epoch = signed.statement.epoch;
        let epochs = [epoch.get().checked_sub(1), epoch.get().checked_add(1)].into_iter().flatten().map(Epoch::new);
        epochs.map(|epoch| self.0.sign(Statement { epoch, ..signed.statement })).collect()
    }
}

impl Attacker for Straddler {
    fn outgoing(&mut self, _to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        let others: Vec<Message> = match &**message {
            Message::Prepare { statement, pre_prepare } => {
                let prepare = |statement| Message::Prepare { statement, pre_prepare: *pre_prepare };
                self.beside(statement).into_iter().map(prepare).collect()
            }
            Message::Commit(signed) => self.beside(signed).into_iter().map(Message::Commit).collect(),
            Message::Ack(signed) => self.beside(signed).into_iter().map(Message::Ack).collect(),
            Message::Checkpoint(signed) => self.beside(signed).into_iter().map(Message::Checkpoint).collect(),
            _ => Vec::new(),
        };
        others.into_iter().map(Arc::new).chain([message.clone()]).collect()
    }

    fn may_hear(&mut self, message: &Arc<Message>) -> bool {
        !speaks_of(message, self.0.me)
    }
}
