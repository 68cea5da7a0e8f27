//! Time at the edge of the bound: as a primary stamps times that are just not, or just, too far ahead, or far behind.
//! Must survive: progress, and ledger time that never goes back (T1, T2).

use super::rewriting::Rewriting;
use super::{Attacker, Mask};
use quorate_pbft::{Content, Message, ReplicaId, Time};
use std::sync::Arc;

pub(super) struct TimeEdge(Mask, Rewriting);

impl TimeEdge {
    pub(super) fn new(mask: Mask) -> Self {
        Self(mask, Rewriting::default())
    }
}

impl Attacker for TimeEdge {
    fn outgoing(&mut self, _to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        let (ahead, behind) = (self.0.constants.clock_ahead_ms, self.0.constants.clock_behind_ms);
        let seq =
            if let Message::PrePrepare { statement, .. } = &**message { statement.statement.seq.get() } else { 0 };
        let edge = |content: &Content| {
            let time = content.time?.get();
            let time = match seq % 4 {
                0 => time + ahead - 100,
                1 => time + ahead + 400,
                2 => time - behind + 100,
                _ => time - behind - 400,
            };
            Some(Content { time: Some(Time::new(time)), ..content.clone() })
        };
        vec![self.1.rewrite(&self.0, message, edge)]
    }

    fn may_hear(&mut self, message: &Arc<Message>) -> bool {
        self.1.may_hear(&self.0, message)
    }
}
