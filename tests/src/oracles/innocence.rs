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
            Fact::Accused { by, evidence } if is_honest(&evidence.key(), scene) => {
                Err(format!("{by} accuses the honest {}: {evidence:?}", evidence.key().signer))
            }
            Fact::Executed { by, executed, .. } => innocent(*by, &executed.recorded, scene),
            Fact::Reached { by, recorded, .. } => innocent(*by, recorded, scene),
            _ => Ok(()),
        }
    }
}

fn is_honest(key: &EvidenceKey, scene: &Scene<'_>) -> bool {
    scene.plan.is_honest_member(key.epoch, key.signer)
}

fn innocent(by: ReplicaId, recorded: &[EvidenceKey], scene: &Scene<'_>) -> Verdict {
    match recorded.iter().find(|key| is_honest(key, scene)) {
        None => Ok(()),
        Some(key) => Err(format!("{by} recorded {:?} against the honest {}", key.kind, key.signer)),
    }
}
