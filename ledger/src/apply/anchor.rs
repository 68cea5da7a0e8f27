//! Anchors: what a change demands of its domain as a whole.

use super::Applier;
use crate::vocabulary::revision::Revision;
use crate::vocabulary::verdict::{Code, Refusal};

impl Applier<'_, '_> {
    /// Refuses the envelope where a file of the domain has changed since `revision`.
    pub(super) fn anchored(&mut self, revision: Revision) {
        let changed = self.place.changed;
        if changed > revision {
            let name = self.domain_name;
            let detail = format!("{name:?} changed at {changed}, the change is anchored at {revision}");
            self.refuse_later(Refusal::new(Code::Anchor, detail));
        }
    }
}
