//! Words on pending changes.

use super::Applier;
use crate::format::rules::WORK_OF_ONE_SINCE;
use crate::policy::attestation::{PendingChange, Progress};
use crate::state::abort::Abort;
use crate::state::name;
use crate::vocabulary::ids::EnvelopeId;
use crate::vocabulary::verdict::{Code, Refusal};

impl Applier<'_, '_> {
    /// Takes the signer's word on a pending change, whose bytes count from rules 16 on. Effects of the answer happen after this
    /// envelope.
    pub(super) fn attest(&mut self, id: &EnvelopeId, approve: bool) -> Result<(), Abort> {
        let bytes = self.overlay.length(self.domain, &name::pending(id))? as u64;
        if self.place.rules >= WORK_OF_ONE_SINCE && !self.budget.take_bytes(bytes) {
            let detail = "words on pending changes of more bytes than one envelope may have read";
            return Err(Abort::refused(Code::BadAct, detail));
        }
        let pending: Option<PendingChange> = self.overlay.get(self.domain, &name::pending(id))?;
        let mut pending =
            pending.filter(|_| self.applied.resolved.iter().all(|(resolved, _)| resolved != id)).ok_or_else(|| {
                Abort::refused(Code::UnknownPending, format!("no pending change {id} in {}", self.domain_name))
            })?;
        let speaks = self.speaks();
        if !pending.take_opinion(&self.author(), (self.organisation, speaks), approve) {
            let detail = format!("nobody asks for the word of {} on this change", self.author());
            self.refuse_later(Refusal::new(Code::Role, detail));
        }
        match pending.progress(self.place.organisations) {
            Progress::Waits => (),
            progress => self.applied.resolved.push((*id, progress)),
        }
        self.overlay.put_indexed(self.domain, name::pending(id), Some(&pending))?;
        Ok(())
    }
}
