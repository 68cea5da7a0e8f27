//! Statements on the wire are written once (E1, pitfall 1): of one honest replica no two different statements for one
//! position are ever sent, by itself or by anybody who relays them.

use super::{Oracle, Verdict};
use crate::scene::{Fact, Scene, statements};
use quorate_pbft::{Digest, Kind, ReplicaId, Signed};
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct WriteOnce(BTreeMap<Position, Digest>);

/// Signer, kind (votes are one), epoch, view and slot.
type Position = (ReplicaId, u8, u64, u64, u64);

fn position(signed: &Signed) -> Position {
    let statement = &signed.statement;
    let kind = match statement.kind {
        Kind::PrePrepare | Kind::Prepare | Kind::Commit => 0,
        other => other as u8,
    };
    (signed.signer, kind, statement.epoch.get(), statement.view.get(), statement.seq.get())
}

impl Oracle for WriteOnce {
    fn name(&self) -> &'static str {
        "write-once"
    }

    fn watch(&mut self, fact: &Fact<'_>, scene: &Scene<'_>) -> Verdict {
        let Fact::Sent { message, .. } = fact else { return Ok(()) };
        for signed in statements(message) {
            let is_honest = scene.plan.is_honest_member(signed.statement.epoch, signed.signer);
            if signed.statement.kind == Kind::Status || !is_honest {
                continue;
            }
            let digest = signed.statement.digest;
            let first = self.0.entry(position(&signed)).or_insert(digest);
            if *first != digest {
                return Err(format!("{} said {first} and {digest} in {:?}", signed.signer, signed.statement));
            }
        }
        Ok(())
    }
}
