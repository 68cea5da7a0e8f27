//! Epochs, and the members of each.

use super::page::{self, Page};
use super::{QueryError, StateView};
use crate::apply::Ground;
use crate::format::constants::{GROUP, GROUP_DOMAIN, check_window};
use crate::format::governance::Act;
use crate::format::membership::{Joiner, Reconfiguration};
use crate::state::abort::Abort;
use crate::state::record::{EpochRecord, MemberRecord};
use crate::state::store::StoreError;
use crate::state::{entry, name};
use quorate_pbft::{Committee, Epoch, PublicKey, ReplicaId, SeqNum};

/// Open proposals of the group that are looked at for joiners.
const JOINERS_MAX: usize = 64;

/// Period of one member list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochEntry {
    /// Its number.
    pub epoch: Epoch,
    /// The last slot of the epoch before; 0 for the first epoch.
    pub after: SeqNum,
    /// Its last slot, once that is decided.
    pub until: Option<SeqNum>,
    /// Rules by which its slots are executed.
    pub rules: u32,
    /// Number, key and organisation of each voter.
    pub members: Vec<(ReplicaId, PublicKey, String)>,
}

/// Plan of a reconfiguration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The voters now.
    pub present: Committee,
    /// The voters of the next epoch, with the last slot before it; none where the change makes no member list.
    pub next: Option<Committee>,
    /// Why it could not take effect now.
    pub refused: Option<String>,
}

impl<'a> StateView<'a> {
    /// The epochs in order, after the epoch `from`.
    pub fn epochs(&self, from: Option<Epoch>, limit: usize) -> Result<Page<EpochEntry>, StoreError> {
        let limit = page::limit(limit);
        let first = from.map_or(0, |from| from.get().saturating_add(1));
        let numbers = (first..=self.ledger.head().epoch.get()).take(limit + 1).map(Epoch::new);
        let found = numbers.map(|epoch| self.epoch(epoch)).collect::<Result<_, _>>()?;
        Ok(Page::cut(found, limit, |entry: &EpochEntry| entry.epoch.to_string()))
    }

    /// Joiners that open proposals of the group name, the newest proposal's first.
    pub fn joiners(&self) -> Result<Vec<Joiner>, QueryError> {
        let open = self.proposals(Some(GROUP_DOMAIN), true, None, JOINERS_MAX)?;
        let named = open.items.into_iter().filter_map(|entry| match entry.proposal.act {
            Act::Reconfigure { change } => Some(change),
            _ => None,
        });
        Ok(named.flat_map(|change| change.joiners().cloned().collect::<Vec<_>>()).collect())
    }

    /// Plan of a reconfiguration, as if the next slot decided it now.
    pub fn plan(&self, change: &Reconfiguration) -> Result<Plan, StoreError> {
        let (members, head) = (self.ledger.voters(), self.ledger.head());
        let (seq, time) = (head.seq.next(), head.time);
        let rules = self.ledger.rules();
        let ground = Ground { entries: &self.read, rules, members, boundary: self.ledger.boundary(seq), seq, time };
        let unready = || {
            let joiner = ground.unready(change)?;
            Ok(joiner
                .map(|Joiner { key, .. }| format!("{key} is not ready: it has stated no checkpoint of the last hour")))
        };
        let refused = match ground.check(change) {
            Ok(()) => change.unknown_rules().map_or_else(unready, |why| Ok(Some(why)))?,
            Err(Abort::Refused(why)) => Some(why.detail),
            Err(Abort::Store(error)) => return Err(error),
            Err(Abort::Deferred(why)) => Some(format!("{why:?}")),
        };
        let (next, window) = (ground.next(change).ok(), self.ledger.genesis().constants().window);
        let grown = next.as_ref().map(Committee::len).filter(|count| *count > members.len());
        let too_wide = || Some(check_window(grown?, window).err()?.to_string());
        Ok(Plan { present: members.clone(), refused: refused.or_else(too_wide), next })
    }

    /// Epoch of a slot up to the newest one.
    pub(super) fn epoch_of(&self, seq: SeqNum) -> Result<Epoch, StoreError> {
        let mut epoch = self.ledger.head().epoch;
        while let Some(before) = epoch.previous()
            && self.epoch_record(epoch)?.is_some_and(|record| record.after >= seq)
        {
            epoch = before;
        }
        Ok(epoch)
    }

    fn epoch(&self, epoch: Epoch) -> Result<EpochEntry, StoreError> {
        let record = self.epoch_record(epoch)?.ok_or_else(|| entry::damaged("an epoch"))?;
        let next = self.epoch_record(epoch.next())?;
        let member = |(place, key): (u16, PublicKey)| {
            let record: Option<MemberRecord> = entry::load(self.read, GROUP, &name::member(&key))?;
            let organisation = record.ok_or_else(|| entry::damaged("a member"))?.organisation;
            Ok((ReplicaId::new(place), key, organisation))
        };
        let members = (0..).zip(record.members).map(member).collect::<Result<_, StoreError>>()?;
        let (after, rules, until) = (record.after, record.rules, next.map(|next| next.after));
        Ok(EpochEntry { epoch, after, until, rules, members })
    }

    fn epoch_record(&self, epoch: Epoch) -> Result<Option<EpochRecord>, StoreError> {
        entry::load(self.read, GROUP, &name::epoch(epoch))
    }
}
