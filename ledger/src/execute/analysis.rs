//! Analyses: items of a replica's own lane, ordered and counted, and no author's.

use super::Execution;
use super::used::Party;
use crate::apply::{Applier, Attribution};
use crate::format::analysis::Analysis;
use crate::format::constants::GROUP;
use crate::format::rules::WORK_OF_ONE_SINCE;
use crate::state::abort::Abort;
use crate::state::record::MemberRecord;
use crate::state::store::{Live, StoreError};
use crate::state::{name, rows};
use crate::vocabulary::revision::Revision;
use quorate_pbft::ReplicaId;

impl Execution<'_, '_> {
    /// Takes what a replica proposes for an open conflict. Whatever is not as it must be (a conflict that does not exist,
    /// is over, or was analysed by this replica before) does nothing: it is nobody's envelope, so nothing is refused. From rules 16 on
    /// so does a second one for the same conflict in the slot, and one whose member has used its work.
    pub(super) fn analysis(&mut self, lane: ReplicaId, bytes: &[u8]) -> Result<(), StoreError> {
        let Some(analysis) = Analysis::decode(bytes) else { return Ok(()) };
        let committee = self.committee(self.epoch)?;
        let Some(member) = committee.and_then(|(committee, _)| committee.key(lane).copied()) else { return Ok(()) };
        let number = self.overlay.bytes(Live::Index, &rows::conflict_domain(&analysis.conflict))?;
        let Some(domain) = number.and_then(|number| self.domain_of_row(&number)) else { return Ok(()) };
        let by = Party::Member(member);
        let is_first = self.analysed.insert((lane, analysis.conflict));
        if self.ledger.rules() >= WORK_OF_ONE_SINCE && !is_first || self.is_up(&by)? {
            return Ok(());
        }
        let context = self.context(&domain);
        let Some(place) = context.place(&domain) else { return Ok(()) };
        let revision = Revision::slot(self.seq);
        let record: Option<MemberRecord> = self.overlay.get(GROUP, &name::member(&member))?;
        let organisation = &record.map_or(String::new(), |record| record.organisation);
        let whose =
            Attribution { author: member, organisation, ..Attribution::settlement(&analysis.conflict, revision) };
        let mut applier = Applier::new(&mut self.overlay, context.limits(), place, whose);
        let taken = applier.analysed(member, analysis);
        let (applied, spent) = applier.applied_and_spent();
        self.used.note(&by, spent.time());
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
