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
use crate::state::record::{EpochRecord, MemberRecord};
use crate::state::store::StoreError;
use crate::vocabulary::ids::ProposalId;
use quorate_pbft::{Committee, PublicKey};

/// Milliseconds of ledger time that a joiner's checkpoint may lie back: an hour, less the step of the marks.
pub(crate) const RECENT_MS: u64 = 59 * 60 * 1_000;

impl Applier<'_, '_> {
    /// Why the member list cannot change so, as things stand.
    pub(super) fn check_reconfiguration(&self, change: &Reconfiguration) -> Result<(), String> {
        let next = self.place.members.epoch().next();
        if self.overlay.has(GROUP, &name::epoch(next)).map_err(told)? {
            return Err(format!("another reconfiguration is pending: wait until epoch {next} has begun"));
        }
        self.next_members(change)?;
        change.rekey.iter().try_for_each(|rekey| self.is_of_one(&rekey.old, &rekey.new.organisation))?;
        change.joiners().try_for_each(|joiner| self.check_joiner(joiner))
    }

    fn next_members(&self, change: &Reconfiguration) -> Result<Committee, String> {
        let present = self.place.members;
        let members = change.members(present).map_err(|why| why.to_string())?;
        let next = Committee::new(present.group(), present.epoch().next(), members);
        next.map(|next| next.after(self.place.boundary)).ok_or_else(|| "these keys make no group".to_owned())
    }

    fn check_joiner(&self, joiner: &Joiner) -> Result<(), String> {
        let Joiner { organisation, key, .. } = joiner;
        if self.overlay.has(GROUP, &name::member(key)).map_err(told)? {
            return Err(format!("{key} is or was a member's: a joiner has a key of its own"));
        }
        if !self.overlay.has(GROUP, &name::organisation(organisation)).map_err(told)? {
            return Err(format!("no organisation {organisation:?}"));
        }
        if !joiner.has_sound_addresses() {
            return Err(format!("{key} has at most 8 multiaddrs of at most 255 bytes"));
        }
        joiner.check().map_err(|why| format!("{key}: {why}"))?;
        joiner.statement.as_ref().map_or(Ok(()), |statement| self.check_statement(key, statement))
    }

    fn is_of_one(&self, old: &PublicKey, organisation: &str) -> Result<(), String> {
        let known: Option<MemberRecord> = self.overlay.get(GROUP, &name::member(old)).map_err(told)?;
        match known {
            Some(known) if known.organisation == organisation => Ok(()),
            _ => Err(format!("{old} is not of {organisation:?}: a member's new key is of its organisation")),
        }
    }

    fn check_statement(&self, key: &PublicKey, statement: &JoinStatement) -> Result<(), String> {
        let said = &statement.checkpoint;
        let members = self.voters(said.epoch).map_err(told)?;
        let members =
            members.ok_or_else(|| format!("{key} states a checkpoint of epoch {}, which has not begun", said.epoch))?;
        if !self.is_recent(statement).map_err(told)? {
            return Err(format!("{key} states slot {}: more than an hour old, or not executed yet", said.seq));
        }
        statement.check(key, &members, &rules()).map_err(|why| format!("{key}: {why}"))
    }

    /// The voters of an epoch that has begun.
    fn voters(&self, epoch: quorate_pbft::Epoch) -> Result<Option<Committee>, StoreError> {
        let record: Option<EpochRecord> = self.overlay.entry(GROUP, &name::epoch(epoch))?;
        let begun = record.filter(|_| epoch <= self.place.members.epoch());
        Ok(begun.and_then(|record| record.committee(self.place.members.group(), epoch)))
    }

    fn is_recent(&self, statement: &JoinStatement) -> Result<bool, StoreError> {
        let recent: Option<Marks> = self.overlay.get(GROUP, name::RECENT)?;
        let floor = recent.unwrap_or_default().floor_at(self.place.time.get(), RECENT_MS);
        let said = statement.checkpoint.seq;
        Ok(said >= floor && said < self.revision.seq())
    }

    /// Whether each joiner that an act names has stated a recent checkpoint. A proposal waits until then.
    pub(super) fn is_ready(&self, act: &Act) -> Result<bool, StoreError> {
        let Act::Reconfigure { change } = act else { return Ok(true) };
        for joiner in change.joiners() {
            let Some(statement) = &joiner.statement else { return Ok(false) };
            if !self.is_recent(statement)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Puts a joiner's statement into an open proposal, instead of an older one.
    pub(super) fn ready(&mut self, id: &ProposalId, key: &PublicKey, statement: &JoinStatement) -> Result<(), Abort> {
        let mut proposal = self.open_proposal(id)?;
        let Act::Reconfigure { change } = &mut proposal.act else {
            return Err(bad(&format!("the proposal {id} names no joiner")));
        };
        let joiner = change.joiner_mut(key).ok_or_else(|| bad(&format!("the proposal {id} does not name {key}")))?;
        self.check_statement(key, statement).map_err(|why| bad(&why))?;
        joiner.statement = Some(statement.clone());
        let quorum = self.quorum()?;
        self.decide(*id, proposal, &quorum)
    }

    /// Names the members of the next epoch, after what was just found to be possible.
    pub(super) fn reconfigure(&mut self, change: &Reconfiguration) -> Result<(), StoreError> {
        let Ok(next) = self.next_members(change) else { return Ok(()) };
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
