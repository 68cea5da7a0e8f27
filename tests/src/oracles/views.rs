//! Views: no honest replica asks for a view more than one above the highest that an honest one has asked for. Liars alone
//! pull nobody (V3, pitfall 24).

use super::{Oracle, Verdict};
use crate::scene::{Fact, Scene};
use quorate_pbft::{Epoch, Message, View};
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct Views {
    highest: BTreeMap<Epoch, View>,
}

impl Oracle for Views {
    fn name(&self) -> &'static str {
        "views"
    }

    fn watch(&mut self, fact: &Fact<'_>, scene: &Scene<'_>) -> Verdict {
        let Fact::Sent { from, epoch, message: Message::ViewChange { statement, body } } = fact else { return Ok(()) };
        if scene.plan.seat(*epoch, statement.signer) != Some(*from) {
            return Ok(());
        }
        let highest = self.highest.entry(*epoch).or_default();
        if body.view > highest.next() {
            return Err(format!("{from} asks for view {}, honest replicas had come to {highest}", body.view));
        }
        *highest = body.view.max(*highest);
        Ok(())
    }
}
