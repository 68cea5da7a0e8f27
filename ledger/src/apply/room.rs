//! Room that one organisation takes in a domain, and what ends with the policy under which it was asked for
//! (docs/adr/room-of-one-organisation.md).

use super::Applier;
use crate::format::constants::GROUP;
use crate::format::governance::{Act, Proposal, ProposalFate};
use crate::format::rules::ROOM_IS_SHARED_SINCE;
use crate::lock::{LockRequest, Manager, transaction_of};
use crate::policy::{DomainPolicy, covers};
use crate::state::abort::Abort;
use crate::state::domain::Decision;
use crate::state::record::{AuthorRecord, DomainRecord};
use crate::state::store::StoreError;
use crate::state::{entry, name};
use crate::vocabulary::ids::ProposalId;
use crate::vocabulary::revision::Revision;
use crate::vocabulary::verdict::Code;
use std::collections::BTreeSet;

/// Bytes of an act: twice the text of all schemas of a policy.
const ACT_BYTES_MAX: usize = 2 << 20;
/// Open proposals of one organisation's authors in a domain: each is kept whole until it ends.
const OPEN_PROPOSALS_MAX: usize = 16;

impl Applier<'_, '_> {
    /// Takes a place among the open proposals of the author's organisation, from rules 16 on.
    pub(super) fn takes_room(&mut self, id: ProposalId, act: &Act) -> Result<(), Abort> {
        if self.place.rules < ROOM_IS_SHARED_SINCE {
            return Ok(());
        }
        let bytes = entry::bytes_of(act).len();
        if bytes > ACT_BYTES_MAX {
            return Err(bad(&format!("an act has at most {ACT_BYTES_MAX} bytes, not {bytes}")));
        }
        let name = name::open_proposals(self.organisation);
        let mut open: Vec<ProposalId> = self.overlay.get(self.domain, &name)?.unwrap_or_default();
        if open.len() >= OPEN_PROPOSALS_MAX {
            let detail = format!(
                "{OPEN_PROPOSALS_MAX} proposals of {:?} are open in {}: take one back first",
                self.organisation, self.domain_name
            );
            return Err(Abort::refused(Code::Quota, detail));
        }
        open.push(id);
        self.overlay.put(self.domain, name, &open);
        Ok(())
    }

    /// Gives that place back.
    pub(super) fn gives_room(&mut self, id: &ProposalId, proposal: &Proposal) -> Result<(), StoreError> {
        let (name, mut open) = self.open_proposals(proposal)?;
        if open.contains(id) {
            open.retain(|open| open != id);
            self.overlay.put(self.domain, name, &open);
        }
        Ok(())
    }

    /// Name and ids of the open proposals of the organisation that made this one.
    fn open_proposals(&self, proposal: &Proposal) -> Result<(Vec<u8>, Vec<ProposalId>), StoreError> {
        let name = name::open_proposals(&self.proposer(proposal)?.organisation);
        let open = self.overlay.get(self.domain, &name)?.unwrap_or_default();
        Ok((name, open))
    }

    pub(super) fn proposer(&self, proposal: &Proposal) -> Result<AuthorRecord, StoreError> {
        let known: Option<AuthorRecord> = self.overlay.get(GROUP, &name::author(&proposal.author))?;
        known.ok_or_else(|| entry::damaged("the author of a proposal"))
    }

    /// End of a proposal whose approvals were given for other members or, from rules 16 on, under another policy or older rules.
    pub(super) fn outlived(&self, id: &ProposalId, proposal: &Proposal) -> Result<Option<ProposalFate>, StoreError> {
        let members = self.place.members;
        if matches!(proposal.act, Act::Reconfigure { .. }) && proposal.since.seq() <= members.base() {
            let epoch = members.epoch();
            let why = format!("the epoch in which it was proposed is over: propose it again, in epoch {epoch}");
            return Ok(Some(ProposalFate::Failed(why)));
        }
        if self.place.rules < ROOM_IS_SHARED_SINCE {
            return Ok(None);
        }
        let failed =
            |under: &str| Some(ProposalFate::Failed(format!("it was proposed under {under}: propose it again")));
        if !self.open_proposals(proposal)?.1.contains(id) {
            return Ok(failed("older rules")); // nobody noted then which policy was in force
        }
        let mut policies = vec![self.domain];
        if let Act::Rescue { name, .. } = &proposal.act {
            let rescued: Option<DomainRecord> = self.overlay.get(GROUP, &name::domain(name))?;
            policies.extend(rescued.map(|record| record.number));
        }
        for domain in policies {
            let since: Option<Revision> = self.overlay.get(domain, name::POLICY_SINCE)?;
            if since.is_some_and(|since| proposal.since <= since) {
                return Ok(failed("another policy"));
            }
        }
        Ok(None)
    }

    /// Puts another policy of a domain in force.
    pub(super) fn replace_policy(&mut self, name: &str, record: DomainRecord) -> Result<(), StoreError> {
        self.overlay.put(GROUP, name::domain(name), &record);
        self.is_new_policy_of(record.number);
        self.end_locks_of_strangers(record.number, &record.policy)?;
        self.applied.decisions.push(Decision::Domain(name.to_owned(), record));
        Ok(())
    }

    /// Ends the locks and requests of authors who may write nothing in a domain by its new policy, but for what a transaction over
    /// several groups has promised. Out of looks, they end with their time.
    fn end_locks_of_strangers(&mut self, domain: u32, policy: &DomainPolicy) -> Result<(), StoreError> {
        if self.place.rules < ROOM_IS_SHARED_SINCE {
            return Ok(());
        }
        let line = Manager { domain, ..self.manager() }.line()?;
        if !self.budget.take_looks(line.len()) {
            return Ok(());
        }
        let mut promised = BTreeSet::new();
        for (_, LockRequest { author, .. }) in &line {
            promised.extend(transaction_of(self.overlay, author)?.map(|_| *author));
        }
        let is_stranger = |LockRequest { author, organisation, .. }: &LockRequest| {
            !promised.contains(author) && !covers(&policy.writers, author, organisation)
        };
        let paths: BTreeSet<&String> =
            line.iter().filter(|(_, request)| is_stranger(request)).map(|(path, _)| path).collect();
        for path in paths {
            Manager { domain, ..self.manager() }.end(path, is_stranger)?;
        }
        Ok(())
    }

    /// Notes that a policy came into force: what was proposed before is over.
    pub(super) fn is_new_policy_of(&mut self, domain: u32) {
        if self.place.rules >= ROOM_IS_SHARED_SINCE {
            self.overlay.put(domain, name::POLICY_SINCE.to_vec(), &self.revision);
        }
    }
}

fn bad(why: &str) -> Abort {
    Abort::refused(Code::BadAct, why)
}
