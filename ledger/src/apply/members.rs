//! Reconfigurations of the group: what is checked when one is proposed and when it takes effect (M1, M2, M4).

use super::Applier;
use super::govern::bad;
use crate::format::constants::GROUP;
use crate::format::governance::Act;
use crate::format::membership::{JoinStatement, Joiner, Reconfiguration};
use crate::state::abort::Abort;
use crate::state::domain::Decision;
use crate::state::entry::Entries;
use crate::state::horizon::Marks;
use crate::state::ledger::rules;
use crate::state::name;
use crate::state::overlay::Overlay;
use crate::state::record::{EpochRecord, MemberRecord};
use crate::state::store::StoreError;
use crate::vocabulary::ids::ProposalId;
use crate::vocabulary::revision::Revision;
use borsh::BorshDeserialize;
use quorate_pbft::{Committee, PublicKey, SeqNum, Time};

/// Milliseconds of ledger time that a joiner's checkpoint may lie back: an hour, less the step of the marks.
pub(crate) const RECENT_MS: u64 = 59 * 60 * 1_000;

/// Entries, epoch and time against which a reconfiguration is held.
pub(crate) struct Ground<'a, E> {
    pub(crate) entries: &'a E,
    /// The voters of the epoch.
    pub(crate) members: &'a Committee,
    /// The last slot of the epoch, if the slot in hand decides on the next.
    pub(crate) boundary: SeqNum,
    /// The slot in hand.
    pub(crate) seq: SeqNum,
    /// Its ledger time.
    pub(crate) time: Time,
}

impl<E: Entries> Ground<'_, E> {
    /// Why the member list cannot change so, as things stand.
    pub(crate) fn check(&self, change: &Reconfiguration) -> Result<(), String> {
        let next = self.members.epoch().next();
        if self.entry::<EpochRecord>(&name::epoch(next))?.is_some() {
            return Err(format!("another reconfiguration is pending: wait until epoch {next} has begun"));
        }
        self.next(change)?;
        change.rekey.iter().try_for_each(|rekey| self.is_of_one(&rekey.old, &rekey.new.organisation))?;
        change.joiners().try_for_each(|joiner| self.check_joiner(joiner))
    }

    /// Members of the next epoch after this change.
    pub(crate) fn next(&self, change: &Reconfiguration) -> Result<Committee, String> {
        let members = change.members(self.members).map_err(|why| why.to_string())?;
        let next = Committee::new(self.members.group(), self.members.epoch().next(), members);
        next.map(|next| next.after(self.boundary)).ok_or_else(|| "these keys make no group".to_owned())
    }

    fn check_joiner(&self, joiner: &Joiner) -> Result<(), String> {
        let Joiner { organisation, key, .. } = joiner;
        if self.entry::<MemberRecord>(&name::member(key))?.is_some() {
            return Err(format!("{key} is or was a member's: a joiner has a key of its own"));
        }
        if self.entry::<Revision>(&name::organisation(organisation))?.is_none() {
            return Err(format!("no organisation {organisation:?}"));
        }
        if !joiner.has_sound_addresses() {
            return Err(format!("{key} has at most 8 multiaddrs of at most 255 bytes"));
        }
        joiner.check().map_err(|why| format!("{key}: {why}"))?;
        joiner.statement.as_ref().map_or(Ok(()), |statement| self.check_statement(key, statement))
    }

    fn is_of_one(&self, old: &PublicKey, organisation: &str) -> Result<(), String> {
        match self.entry::<MemberRecord>(&name::member(old))? {
            Some(known) if known.organisation == organisation => Ok(()),
            _ => Err(format!("{old} is not of {organisation:?}: a member's new key is of its organisation")),
        }
    }

    fn check_statement(&self, key: &PublicKey, statement: &JoinStatement) -> Result<(), String> {
        let said = &statement.checkpoint;
        let record: Option<EpochRecord> = self.entry(&name::epoch(said.epoch))?;
        let begun = record.filter(|_| said.epoch <= self.members.epoch());
        let members = begun.and_then(|record| record.committee(self.members.group(), said.epoch));
        let unknown = || format!("{key} states a checkpoint of epoch {}, which has not begun", said.epoch);
        let members = members.ok_or_else(unknown)?;
        if !self.is_recent(statement).map_err(told)? {
            return Err(format!("{key} states slot {}: more than an hour old, or not executed yet", said.seq));
        }
        statement.check(key, &members, &rules()).map_err(|why| format!("{key}: {why}"))
    }

    fn is_recent(&self, statement: &JoinStatement) -> Result<bool, StoreError> {
        let recent: Option<Marks> = self.entries.entry(GROUP, name::RECENT)?;
        let floor = recent.unwrap_or_default().floor_at(self.time.get(), RECENT_MS);
        Ok(statement.checkpoint.seq >= floor && statement.checkpoint.seq < self.seq)
    }

    /// Joiner that has stated no recent checkpoint; none where all have.
    pub(crate) fn unready<'c>(&self, change: &'c Reconfiguration) -> Result<Option<&'c Joiner>, StoreError> {
        for joiner in change.joiners() {
            let recent = joiner.statement.as_ref().map(|statement| self.is_recent(statement)).transpose()?;
            if recent != Some(true) {
                return Ok(Some(joiner));
            }
        }
        Ok(None)
    }

    fn entry<T: BorshDeserialize>(&self, name: &[u8]) -> Result<Option<T>, String> {
        self.entries.entry(GROUP, name).map_err(told)
    }
}

impl<'s> Applier<'_, 's> {
    fn ground(&self) -> Ground<'_, Overlay<'s>> {
        let (seq, time) = (self.revision.seq(), self.place.time);
        let (members, boundary) = (self.place.members, self.place.boundary);
        Ground { entries: &*self.overlay, members, boundary, seq, time }
    }

    /// Why the member list cannot change so, as things stand.
    pub(super) fn check_reconfiguration(&self, change: &Reconfiguration) -> Result<(), String> {
        self.ground().check(change)
    }

    /// Whether each joiner that an act names has stated a recent checkpoint. A proposal waits until then.
    pub(super) fn is_ready(&self, act: &Act) -> Result<bool, StoreError> {
        match act {
            Act::Reconfigure { change } => Ok(self.ground().unready(change)?.is_none()),
            _ => Ok(true),
        }
    }

    /// Puts a joiner's statement into an open proposal, instead of an older one.
    pub(super) fn ready(&mut self, id: &ProposalId, key: &PublicKey, statement: &JoinStatement) -> Result<(), Abort> {
        let mut proposal = self.open_proposal(id)?;
        let Act::Reconfigure { change } = &mut proposal.act else {
            return Err(bad(&format!("the proposal {id} names no joiner")));
        };
        let joiner = change.joiner_mut(key).ok_or_else(|| bad(&format!("the proposal {id} does not name {key}")))?;
        self.ground().check_statement(key, statement).map_err(|why| bad(&why))?;
        joiner.statement = Some(statement.clone());
        let quorum = self.quorum()?;
        self.decide(*id, proposal, &quorum)
    }

    /// Names the members of the next epoch, after what was just found to be possible.
    pub(super) fn reconfigure(&mut self, change: &Reconfiguration) -> Result<(), StoreError> {
        let Ok(next) = self.ground().next(change) else { return Ok(()) };
        let epoch = next.epoch();
        let record = EpochRecord { after: next.base(), members: next.keys().copied().collect() };
        self.overlay.put(GROUP, name::epoch(epoch), &record);
        for Joiner { organisation, key, addresses, proof, .. } in change.joiners() {
            let (organisation, addresses, proof) = (organisation.clone(), addresses.clone(), *proof);
            let record = MemberRecord { organisation, proof, addresses, since: epoch, until: None };
            self.overlay.put(GROUP, name::member(key), &record);
        }
        for key in change.leavers() {
            let known: Option<MemberRecord> = self.overlay.get(GROUP, &name::member(key))?;
            if let Some(known) = known {
                self.overlay.put(GROUP, name::member(key), &MemberRecord { until: Some(epoch), ..known });
            }
        }
        self.applied.decisions.push(Decision::Members(next));
        Ok(())
    }
}

fn told(error: StoreError) -> String {
    error.to_string()
}
