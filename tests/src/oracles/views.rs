//! Views: no honest replica asks for a view more than one above the highest that an honest one has asked for. Liars alone
//! pull nobody (V3, pitfall 24).

use super::{Oracle, Verdict};
use crate::scene::{Fact, Scene};
use quorate_pbft::{Message, View};

#[derive(Default)]
pub(super) struct Views {
    highest: View,
}

impl Oracle for Views {
    fn name(&self) -> &'static str {
        "views"
    }

    fn watch(&mut self, fact: &Fact<'_>, _scene: &Scene<'_>) -> Verdict {
        let Fact::Sent { from, message: Message::ViewChange { statement, body } } = fact else { return Ok(()) };
        if statement.signer != *from {
            return Ok(());
        }
        if body.view > self.highest.next() {
            return Err(format!("{from} asks for view {}, honest replicas had come to {}", body.view, self.highest));
        }
        self.highest = self.highest.max(body.view);
        Ok(())
    }
}
