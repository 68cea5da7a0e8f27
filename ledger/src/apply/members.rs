//! Reconfigurations of the group: what is checked when one is proposed and when it takes effect (M1, M2, M4).

use super::Applier;
use crate::format::constants::GROUP;
use crate::format::governance::{Act, Proposal};
use crate::format::membership::{JoinStatement, Joiner, Reconfiguration};
use crate::format::rules::NEXT_SINCE;
use crate::state::abort::Abort;
use crate::state::domain::Decision;
use crate::state::entry::Entries;
use crate::state::horizon::Marks;
use crate::state::name;
use crate::state::overlay::Overlay;
use crate::state::record::{EpochRecord, MemberRecord};
use crate::state::store::StoreError;
use crate::vocabulary::ids::ProposalId;
use crate::vocabulary::revision::Revision;
use crate::vocabulary::verdict::Code;
use borsh::BorshDeserialize;
use quorate_pbft::{Committee, PublicKey, SeqNum, Time};

/// Milliseconds of ledger time that a joiner's checkpoint may lie back: an hour, less the step of the marks.
pub(crate) const RECENT_MS: u64 = 59 * 60 * 1_000;

/// Entries, epoch and time against which a reconfiguration is held.
pub(crate) struct Ground<'a, E> {
    pub(crate) entries: &'a E,
    /// Rules of the epoch.
    pub(crate) rules: u32,
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
    pub(crate) fn check(&self, change: &Reconfiguration) -> Result<(), Abort> {
        if self.is_pending()? {
            let next = self.members.epoch().next();
            return Err(bad(&format!("another reconfiguration is pending: wait until epoch {next} has begun")));
        }
        self.next(change)?;
        change.rekey.iter().try_for_each(|rekey| self.is_of_one(&rekey.old, &rekey.new.organisation))?;
        change.rules.map_or(Ok(()), |rules| self.check_rules(rules))?;
        change.joiners().try_for_each(|joiner| self.check_joiner(joiner, self.rules_after(change)))
    }

    /// Rules with a number that no program ever has would end the group: nobody goes back to others.
    fn check_rules(&self, rules: u32) -> Result<(), Abort> {
        let ours = self.rules;
        if rules <= ours {
            return Err(bad(&format!("the group executes by rules {ours}: others have a higher number")));
        }
        let is_far = ours >= NEXT_SINCE && rules - ours > 1;
        is_far.then(|| bad(&format!("the group executes by rules {ours}: one number at a time"))).map_or(Ok(()), Err)
    }

    /// Rules of the next epoch after this change.
    fn rules_after(&self, change: &Reconfiguration) -> u32 {
        change.rules.unwrap_or(self.rules)
    }

    /// Members of the next epoch after this change.
    pub(crate) fn next(&self, change: &Reconfiguration) -> Result<Committee, Abort> {
        let members = change.members(self.members).map_err(|why| bad(&why.to_string()))?;
        let next = Committee::new(self.members.group(), self.members.epoch().next(), members);
        next.map(|next| next.after(self.boundary)).ok_or_else(|| bad("these keys make no group"))
    }

    /// Whether the members of the next epoch are decided.
    fn is_pending(&self) -> Result<bool, StoreError> {
        Ok(self.entry::<EpochRecord>(&name::epoch(self.members.epoch().next()))?.is_some())
    }

    fn check_joiner(&self, joiner: &Joiner, next_rules: u32) -> Result<(), Abort> {
        let Joiner { organisation, key, .. } = joiner;
        if self.entry::<MemberRecord>(&name::member(key))?.is_some() {
            return Err(bad(&format!("{key} is or was a member's: a joiner has a key of its own")));
        }
        if self.entry::<Revision>(&name::organisation(organisation))?.is_none() {
            return Err(bad(&format!("no organisation {organisation:?}")));
        }
        if !joiner.has_sound_addresses() {
            return Err(bad(&format!("{key} has at most 8 multiaddrs of at most 255 bytes")));
        }
        joiner.check().map_err(|why| bad(&format!("{key}: {why}")))?;
        let statement = joiner.statement.as_ref();
        statement.map_or(Ok(()), |statement| self.check_statement(key, statement, next_rules))
    }

    fn is_of_one(&self, old: &PublicKey, organisation: &str) -> Result<(), Abort> {
        match self.entry::<MemberRecord>(&name::member(old))? {
            Some(known) if known.organisation == organisation => Ok(()),
            _ => Err(bad(&format!("{old} is not of {organisation:?}: a member's new key is of its organisation"))),
        }
    }

    fn check_statement(&self, key: &PublicKey, statement: &JoinStatement, next_rules: u32) -> Result<(), Abort> {
        let said = &statement.checkpoint;
        let record: Option<EpochRecord> = self.entry(&name::epoch(said.epoch))?;
        let begun = record.filter(|_| said.epoch <= self.members.epoch());
        let members = begun.and_then(|record| record.committee(self.members.group(), said.epoch));
        let unknown = || bad(&format!("{key} states a checkpoint of epoch {}, which has not begun", said.epoch));
        let members = members.ok_or_else(unknown)?;
        let next: Option<EpochRecord> = self.entry(&name::epoch(said.epoch.next()))?;
        if said.seq <= members.base() || next.is_some_and(|next| said.seq > next.after) {
            return Err(bad(&format!("{key} states slot {}, which is none of epoch {}", said.seq, said.epoch)));
        }
        if !self.is_recent(statement)? {
            return Err(bad(&format!("{key} states slot {}: more than an hour old, or not executed yet", said.seq)));
        }
        statement.check(key, &members, [self.rules, next_rules]).map_err(|why| bad(&format!("{key}: {why}")))
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

    fn entry<T: BorshDeserialize>(&self, name: &[u8]) -> Result<Option<T>, StoreError> {
        self.entries.entry(GROUP, name)
    }
}

impl<'s> Applier<'_, 's> {
    fn ground(&self) -> Ground<'_, Overlay<'s>> {
        let (seq, time) = (self.revision.seq(), self.place.time);
        let (rules, members, boundary) = (self.place.rules, self.place.members, self.place.boundary);
        Ground { entries: &*self.overlay, rules, members, boundary, seq, time }
    }

    /// Why the member list cannot change so, as things stand.
    pub(super) fn check_reconfiguration(&self, change: &Reconfiguration) -> Result<(), Abort> {
        self.ground().check(change)
    }

    /// Whether no other reconfiguration is pending, and each joiner that an act names has stated a recent checkpoint; of an
    /// observer, whether its organisation agrees. A proposal waits until then.
    pub(super) fn is_ready(&self, proposal: &Proposal) -> Result<bool, StoreError> {
        let ground = self.ground();
        match &proposal.act {
            Act::Reconfigure { change } => Ok(!ground.is_pending()? && ground.unready(change)?.is_none()),
            Act::Later { number, body } => self.is_later_ready(proposal, *number, body),
            _ => Ok(true),
        }
    }

    /// Puts a joiner's statement into an open proposal, instead of an older one.
    pub(super) fn ready(&mut self, id: &ProposalId, key: &PublicKey, statement: &JoinStatement) -> Result<(), Abort> {
        let mut proposal = self.open_proposal(id)?;
        if let Some(how) = self.outlived(id, &proposal)? {
            return Ok(self.end_proposal(*id, proposal, how)?);
        }
        let Act::Reconfigure { change } = &mut proposal.act else {
            return Err(bad(&format!("the proposal {id} names no joiner")));
        };
        let next_rules = self.ground().rules_after(change);
        let joiner = change.joiner_mut(key).ok_or_else(|| bad(&format!("the proposal {id} does not name {key}")))?;
        self.look_up(statement.entries())?;
        self.ground().check_statement(key, statement, next_rules)?;
        let known = joiner.statement.as_ref().map(|known| known.checkpoint.seq);
        if known.is_some_and(|known| known > statement.checkpoint.seq) {
            return Err(bad(&format!("{key} has stated a later slot than {}", statement.checkpoint.seq)));
        }
        joiner.statement = Some(statement.clone());
        let quorum = self.quorum()?;
        self.decide(*id, proposal, &quorum)
    }

    /// Names the members and the rules of the next epoch, after what was just found to be possible.
    pub(super) fn reconfigure(&mut self, change: &Reconfiguration) -> Result<(), Abort> {
        let next = self.ground().next(change)?;
        let (epoch, rules) = (next.epoch(), self.ground().rules_after(change));
        let record = EpochRecord { after: next.base(), members: next.keys().copied().collect(), rules };
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
        self.applied.decisions.push(Decision::Next(next, rules));
        Ok(())
    }
}

fn bad(why: &str) -> Abort {
    Abort::refused(Code::BadAct, why)
}
