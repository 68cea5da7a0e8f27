//! Strong reads see every slot that was durable at any honest replica when they were asked (R).

use super::{Oracle, Verdict};
use crate::scene::{Fact, Scene};
use quorate_pbft::{ReaderId, ReplicaId, SeqNum};
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct Reads {
    durable: SeqNum,
    asked: BTreeMap<(ReplicaId, ReaderId), SeqNum>,
}

impl Oracle for Reads {
    fn name(&self) -> &'static str {
        "reads"
    }

    fn watch(&mut self, fact: &Fact<'_>, _scene: &Scene<'_>) -> Verdict {
        match fact {
            Fact::Executed { decided, .. } => self.durable = self.durable.max(decided.seq),
            Fact::Reached { point, .. } => self.durable = self.durable.max(point.seq),
            Fact::ReadAsked { of, reader } => drop(self.asked.insert((*of, *reader), self.durable)),
            Fact::ReadAnswered { by, reader, seq } => {
                let least = self.asked.get(&(*by, *reader)).ok_or(format!("{by} answers a read nobody asked for"))?;
                if seq < least {
                    return Err(format!(
                        "{by} answers read {reader} from slot {seq}; slot {least} was confirmed before"
                    ));
                }
            }
            _ => (),
        }
        Ok(())
    }
}
