//! With at most f faulty replicas no honest one ever stops, diverges, or finds its disk older than its promises.

use super::{Oracle, Verdict};
use crate::scene::{Fact, Scene};

pub(super) struct Standing;

impl Oracle for Standing {
    fn name(&self) -> &'static str {
        "standing"
    }

    fn watch(&mut self, fact: &Fact<'_>, _scene: &Scene<'_>) -> Verdict {
        match fact {
            Fact::Broke { replica, why } => Err(format!("the honest {replica} takes no part any more: {why}")),
            _ => Ok(()),
        }
    }
}
