//! Analyses: items of a replica's own lane, ordered and counted, and no author's.

use super::Execution;
use crate::apply::{Applier, Attribution};
use crate::format::analysis::Analysis;
use crate::format::constants::GROUP;
use crate::state::abort::Abort;
use crate::state::record::MemberRecord;
use crate::state::store::{Live, StoreError};
use crate::state::{name, rows};
use crate::vocabulary::revision::Revision;
use quorate_pbft::ReplicaId;

impl Execution<'_, '_> {
    /// Takes what a replica proposes for an open conflict. Whatever is not as it must be (a conflict that does not exist,
    /// is over, or was analysed by this replica before) does nothing: it is nobody's envelope, so nothing is refused.
    pub(super) fn analysis(&mut self, lane: ReplicaId, bytes: &[u8]) -> Result<(), StoreError> {
        let Some(analysis) = Analysis::decode(bytes) else { return Ok(()) };
        let committee = self.committee(self.epoch)?;
        let Some(member) = committee.and_then(|committee| committee.key(lane).copied()) else { return Ok(()) };
        let number = self.overlay.bytes(Live::Index, &rows::conflict_domain(&analysis.conflict))?;
        let Some(domain) = number.and_then(|number| self.domain_of_row(&number)) else { return Ok(()) };
        let context = self.context(&domain);
        let Some(place) = context.place(&domain) else { return Ok(()) };
        let revision = Revision::slot(self.seq);
        let record: Option<MemberRecord> = self.overlay.get(GROUP, &name::member(&member))?;
        let organisation = &record.map_or(String::new(), |record| record.organisation);
        let by = Attribution { author: member, organisation, ..Attribution::settlement(&analysis.conflict, revision) };
        let mut applier = Applier::new(&mut self.overlay, context.limits(), place, by);
        let taken = applier.analysed(member, analysis);
        let applied = applier.applied();
        match taken {
            Ok(()) => {
                self.overlay.commit()?;
                self.account(&domain, applied, revision);
                Ok(())
            }
            Err(Abort::Refused(_) | Abort::Deferred(_)) => {
                self.overlay.rollback();
                Ok(())
            }
            Err(Abort::Store(error)) => Err(error),
        }
    }
}
