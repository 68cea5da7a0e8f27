//! No honest replica is accused, neither by effect nor on the ledger.

use super::{Oracle, Verdict};
use crate::scene::{Fact, Scene};
use quorate_pbft::{EvidenceKey, ReplicaId};

pub(super) struct Innocence;

impl Oracle for Innocence {
    fn name(&self) -> &'static str {
        "innocence"
    }

    fn watch(&mut self, fact: &Fact<'_>, scene: &Scene<'_>) -> Verdict {
        match fact {
            Fact::Accused { by, evidence } if scene.plan.is_honest(evidence.key().signer) => {
                Err(format!("{by} accuses the honest {}: {evidence:?}", evidence.key().signer))
            }
            Fact::Executed { by, executed, .. } => innocent(*by, &executed.recorded, scene),
            Fact::Reached { by, recorded, .. } => innocent(*by, recorded, scene),
            _ => Ok(()),
        }
    }
}

fn innocent(by: ReplicaId, recorded: &[EvidenceKey], scene: &Scene<'_>) -> Verdict {
    match recorded.iter().find(|key| scene.plan.is_honest(key.signer)) {
        None => Ok(()),
        Some(key) => Err(format!("{by} recorded {:?} against the honest {}", key.kind, key.signer)),
    }
}
