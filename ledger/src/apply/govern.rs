//! The group's own affairs: people, proposals, approvals.

use super::Applier;
use crate::format::change::Op;
use crate::format::constants::{GROUP, GROUP_DOMAIN};
use crate::format::governance::{Act, Proposal, ProposalEnd, ProposalFate};
use crate::format::rules::{POLICIES_BIND_SINCE, ROOM_IS_SHARED_SINCE, WORK_IS_BOUNDED_SINCE, WORK_OF_ONE_SINCE};
use crate::policy::{DomainPolicy, GroupPolicy, Tally};
use crate::state::abort::Abort;
use crate::state::domain::Decision;
use crate::state::electorate::{Quorum, Threshold};
use crate::state::record::{AuthorRecord, DomainRecord, Usage};
use crate::state::store::{StoreError, Table};
use crate::state::{entry, name, rows};
use crate::vocabulary::event::Event;
use crate::vocabulary::ids::ProposalId;
use crate::vocabulary::keys::{self, Purpose};
use crate::vocabulary::name::{Principal, is_name};
use crate::vocabulary::verdict::{Code, Refusal};
use quorate_pbft::{PublicKey, Signature};
use std::borrow::Cow;
use std::sync::Arc;

impl Applier<'_, '_> {
    /// Applies an operation of governance.
    pub(super) fn govern(&mut self, op: &Op) -> Result<(), Abort> {
        match op {
            Op::Enrol { key, organisation, proof } => {
                self.in_group()?;
                self.is_own(organisation);
                self.enrol(key, organisation, proof)
            }
            Op::Revoke { key } => {
                self.in_group()?;
                let record = self.enrolled(key)?;
                self.is_own(&record.organisation);
                Ok(self.revoke(key, record)?)
            }
            Op::Rotate { key, proof } => {
                self.in_group()?;
                let organisation = self.organisation.to_owned();
                self.enrol(key, &organisation, proof)?;
                let author = self.author();
                let record = self.enrolled(&author)?;
                Ok(self.revoke(&author, record)?)
            }
            Op::Propose { act } => self.propose(act),
            Op::Approve { proposal } => self.approve(proposal),
            Op::Withdraw { proposal } => self.withdraw(proposal),
            Op::Ready { proposal, key, statement } => self.ready(proposal, key, statement),
            Op::Attest { envelope, approve } => self.attest(envelope, *approve),
            Op::Suggest { conflict, file, reason } => self.suggest(conflict, *file, reason),
            Op::Vote { conflict, side } => self.vote(conflict, *side),
            Op::Put { .. } | Op::Delete { .. } | Op::Rename { .. } => Err(bad("the group's domain has no files")),
            Op::Acquire { .. } | Op::Release { .. } | Op::Fence { .. } => Err(bad("the group's domain has no locks")),
            Op::Enter { .. } | Op::Anchor { .. } | Op::Prepare { .. } | Op::Decide { .. } => {
                Err(bad("the group's domain takes part in no transaction"))
            }
        }
    }

    fn in_group(&self) -> Result<(), Abort> {
        if self.domain == GROUP {
            return Ok(());
        }
        Err(bad(&format!("people are enrolled and revoked in the domain {GROUP_DOMAIN}")))
    }

    /// Without a vote, an organisation answers for its own authors only.
    fn is_own(&mut self, organisation: &str) {
        if organisation != self.organisation {
            let detail =
                format!("an author of {:?} can enrol or revoke nobody of another organisation", self.organisation);
            self.refuse_later(Refusal::new(Code::Role, detail));
        }
    }

    fn enrolled(&self, key: &PublicKey) -> Result<AuthorRecord, Abort> {
        let record: Option<AuthorRecord> = self.overlay.get(GROUP, &name::author(key))?;
        match record {
            Some(record) if record.revoked.is_none() => Ok(record),
            _ => Err(bad(&format!("{key} is not enrolled, or revoked already"))),
        }
    }

    fn enrol(&mut self, key: &PublicKey, organisation: &str, proof: &Signature) -> Result<(), Abort> {
        self.check_enrolment(key, organisation, proof)?;
        Ok(self.admit(key, organisation)?)
    }

    fn admit(&mut self, key: &PublicKey, organisation: &str) -> Result<(), StoreError> {
        let (organisation, since) = (organisation.to_owned(), self.revision);
        self.count_author(&organisation, true)?;
        let record = AuthorRecord { organisation, since, revoked: None };
        self.overlay.put(GROUP, name::author(key), &record);
        Ok(())
    }

    /// Counts an author of an organisation more, or one less: with the first it has a voice, with the last it loses it.
    fn count_author(&mut self, organisation: &str, more: bool) -> Result<(), StoreError> {
        let known = |count: Option<u32>| count.unwrap_or(0);
        let (authors, electorate) = (
            known(self.overlay.get(GROUP, &name::authors_of(organisation))?),
            known(self.overlay.get(GROUP, name::ACTIVE_ORGANISATIONS)?),
        );
        let after = if more { authors.saturating_add(1) } else { authors.saturating_sub(1) };
        let electorate = (electorate + u32::from(after > 0)).saturating_sub(u32::from(authors > 0));
        self.overlay.put(GROUP, name::authors_of(organisation), &after);
        self.overlay.put(GROUP, name::ACTIVE_ORGANISATIONS.to_vec(), &electorate);
        self.quorum = None;
        Ok(())
    }

    /// Why a key cannot be enrolled: a revoked key is known for ever.
    fn check_enrolment(&self, key: &PublicKey, organisation: &str, proof: &Signature) -> Result<(), Abort> {
        if self.overlay.has(GROUP, &name::author(key))? {
            return Err(bad(&format!("{key} is or was enrolled")));
        }
        if !self.overlay.has(GROUP, &name::organisation(organisation))? {
            return Err(bad(&format!("no organisation {organisation:?}")));
        }
        keys::check_possession(Purpose::Author, organisation, key, proof).map_err(|why| bad(&format!("{key}: {why}")))
    }

    /// Revokes a key and ends its locks, which nobody could give back any more.
    fn revoke(&mut self, key: &PublicKey, record: AuthorRecord) -> Result<(), StoreError> {
        self.count_author(&record.organisation, false)?;
        let record = AuthorRecord { revoked: Some(self.revision), ..record };
        self.overlay.put(GROUP, name::author(key), &record);
        self.end_locks(key)
    }

    fn propose(&mut self, act: &Act) -> Result<(), Abort> {
        if act.concerns_group() != (self.domain == GROUP) {
            return Err(bad("this is proposed in another domain: a policy in its own, all else in the group's"));
        }
        let id = ProposalId::of(&self.id, self.index);
        self.takes_room(id, act)?;
        self.weigh(act)?;
        self.check(act)?;
        let quorum = self.quorum()?;
        let speaks = self.may_agree(&quorum);
        let approvals = if speaks { vec![self.organisation.to_owned()] } else { Vec::new() };
        let (author, since) = (self.author(), self.revision);
        let proposal = Proposal { author, since, act: act.clone(), approvals, end: None };
        let domain = entry::bytes_of(&self.domain_name);
        self.overlay.put_row(Table::Archive, rows::proposal_domain(&id), domain.clone());
        self.overlay.put_row(Table::Archive, rows::proposal(self.revision, &id), domain);
        self.applied.events.push(Event::Proposed { id, domain: self.domain_name.to_owned() });
        self.decide(id, proposal, &quorum)
    }

    fn approve(&mut self, id: &ProposalId) -> Result<(), Abort> {
        let mut proposal = self.open_proposal(id)?;
        let quorum = self.quorum()?;
        if !self.may_agree(&quorum) {
            let detail = format!("{} does not speak for {:?} here", self.author(), self.organisation);
            self.refuse_later(Refusal::new(Code::Role, detail));
        }
        if let Err(place) = proposal.approvals.binary_search_by(|known| known.as_str().cmp(self.organisation)) {
            proposal.approvals.insert(place, self.organisation.to_owned());
        }
        self.decide(*id, proposal, &quorum)
    }

    /// Ends an open proposal for its author; from rules 16 on, once that key is revoked, for any author of its organisation.
    fn withdraw(&mut self, id: &ProposalId) -> Result<(), Abort> {
        let proposal = self.open_proposal(id)?;
        let proposer = self.proposer(&proposal)?;
        let is_heir = self.place.rules >= ROOM_IS_SHARED_SINCE
            && proposer.revoked.is_some()
            && proposer.organisation == self.organisation;
        if proposal.author != self.author() && !is_heir {
            let detail = format!("only {}, who made the proposal, takes it back", proposal.author);
            self.refuse_later(Refusal::new(Code::Role, detail));
        }
        Ok(self.end_proposal(*id, proposal, ProposalFate::Withdrawn)?)
    }

    /// An open proposal. From rules 16 on its bytes count: one of earlier rules may have 30 MiB.
    pub(super) fn open_proposal(&mut self, id: &ProposalId) -> Result<Proposal, Abort> {
        let name = name::proposal(id);
        let bytes = self.overlay.length(self.domain, &name)? as u64;
        if self.place.rules >= WORK_OF_ONE_SINCE && !self.budget.take_bytes(bytes) {
            return Err(bad("words on proposals of more bytes than one envelope may have read"));
        }
        let proposal: Option<Proposal> = self.overlay.get(self.domain, &name)?;
        let none = || Abort::refused(Code::UnknownProposal, format!("no open proposal {id} in {}", self.domain_name));
        proposal.filter(|proposal| proposal.end.is_none()).ok_or_else(none)
    }

    pub(super) fn end_proposal(
        &mut self,
        id: ProposalId,
        mut proposal: Proposal,
        how: ProposalFate,
    ) -> Result<(), StoreError> {
        self.gives_room(&id, &proposal)?;
        proposal.end = Some(ProposalEnd { revision: self.revision, how });
        self.applied.events.push(Event::Decided { id, domain: self.domain_name.to_owned() });
        self.overlay.put_indexed(self.domain, name::proposal(&id), Some(&proposal))
    }

    /// Whether the author's word counts as that of the organisation here.
    pub(super) fn speaks(&self) -> bool {
        let (key, organisation) = (&self.author(), self.organisation);
        if self.domain == GROUP {
            self.place.group.approvals.speaks(key, organisation)
        } else {
            self.place.record.policy.hears(key, organisation)
        }
    }

    /// As [`Applier::speaks`]; where the group's policy cannot be met any more, everybody speaks whose organisation has
    /// nobody left whom it names.
    fn may_agree(&self, quorum: &Quorum) -> bool {
        self.speaks() || (self.domain == GROUP && quorum.lets_anybody_speak_for(self.organisation))
    }

    /// Quorum of this domain, as it is after everything before in the envelope.
    pub(super) fn quorum(&mut self) -> Result<Arc<Quorum>, Abort> {
        if let Some(known) = &self.quorum {
            return Ok(known.clone());
        }
        let (group, policy) = (self.place.group, &self.place.record.policy);
        let quorum = match self.domain {
            GROUP => {
                self.look_up(Quorum::price_of_group(group))?;
                Quorum::of_group(self.overlay, group)?
            }
            _ => {
                self.look_up(Quorum::price_of_domain(policy))?;
                Quorum::of_domain(self.overlay, policy)?
            }
        };
        Ok(self.quorum.insert(Arc::new(quorum)).clone())
    }

    pub(super) fn look_up(&mut self, principals: usize) -> Result<(), Abort> {
        match self.budget.take_voices(principals) {
            true => Ok(()),
            false => Err(bad(
                "proposals and approvals that ask for more voices and signatures than one envelope may have counted",
            )),
        }
    }

    /// Takes what [`Applier::check`] will look up.
    fn weigh(&mut self, act: &Act) -> Result<(), Abort> {
        let price = match act {
            Act::SetPolicy { policy } | Act::CreateDomain { policy, .. } => Quorum::price_of_domain(policy),
            Act::Rescue { name, policy } => {
                let known: Option<DomainRecord> = self.overlay.get(GROUP, &name::domain(name))?;
                let theirs = known.map_or(0, |record| Quorum::price_of_domain(&record.policy));
                Quorum::price_of_domain(policy) + theirs
            }
            Act::SetGroupPolicy { policy } => Quorum::price_of_group(policy),
            Act::AddOrganisation { .. } | Act::Enrol { .. } | Act::Revoke { .. } => 0,
            Act::Reconfigure { .. } | Act::Later { .. } => act.entries(),
        };
        self.look_up(price)?;
        self.weigh_schemas(act)
    }

    /// Takes what making the schemas of a proposed policy ready will cost.
    fn weigh_schemas(&mut self, act: &Act) -> Result<(), Abort> {
        let (Act::SetPolicy { policy } | Act::CreateDomain { policy, .. } | Act::Rescue { policy, .. }) = act else {
            return Ok(());
        };
        let cost = match self.place.rules {
            WORK_IS_BOUNDED_SINCE.. => policy.cost_after(self.in_force(act)?.as_deref(), &self.budget.costs),
            // Where it is too much, nothing is made ready.
            POLICIES_BIND_SINCE.. => policy.schemas_cost(Tally::AsWritten).unwrap_or_default(),
            _ => (0, 0),
        };
        let why = "proposals whose schemas cost more than one envelope may have made ready";
        if self.budget.take_schemas(cost) { Ok(()) } else { Err(bad(why)) }
    }

    /// The policy that an act would replace.
    fn in_force(&self, act: &Act) -> Result<Option<Cow<'_, DomainPolicy>>, StoreError> {
        Ok(match act {
            Act::SetPolicy { .. } => Some(Cow::Borrowed(&self.place.record.policy)),
            Act::Rescue { name, .. } => {
                let known: Option<DomainRecord> = self.overlay.get(GROUP, &name::domain(name))?;
                known.map(|record| Cow::Owned(record.policy))
            }
            _ => None,
        })
    }

    /// Does what is proposed once enough organisations agree and nothing has to be waited for, if it is not too late.
    pub(super) fn decide(&mut self, id: ProposalId, proposal: Proposal, quorum: &Quorum) -> Result<(), Abort> {
        if let Some(how) = self.outlived(&id, &proposal)? {
            return Ok(self.end_proposal(id, proposal, how)?);
        }
        if quorum.is_met(self.overlay, &proposal.approvals)? && self.is_ready(&proposal)? {
            self.weigh(&proposal.act)?;
            let how = match self.check(&proposal.act) {
                Ok(()) => {
                    self.enact(&proposal.act)?;
                    ProposalFate::Effective
                }
                Err(Abort::Refused(why)) => ProposalFate::Failed(why.detail),
                Err(other) => return Err(other),
            };
            return Ok(self.end_proposal(id, proposal, how)?);
        }
        Ok(self.overlay.put_indexed(self.domain, name::proposal(&id), Some(&proposal))?)
    }

    /// Refuses what cannot be done as things stand. A store that cannot be read is no reason, for it is one replica's.
    fn check(&self, act: &Act) -> Result<(), Abort> {
        let known = |name: &[u8]| self.overlay.has(GROUP, name);
        match act {
            Act::SetPolicy { policy } => self.check_policy(policy, act),
            Act::SetGroupPolicy { policy } => self.check_group_policy(policy),
            Act::Rescue { name, policy } => {
                self.check_policy(policy, act)?;
                self.needs_rescue(name)
            }
            Act::CreateDomain { name, policy } => {
                self.check_policy(policy, act)?;
                match is_name(name) && !known(&name::domain(name))? {
                    true => Ok(()),
                    false => Err(bad(&format!("{name:?} is no name of a domain, or taken"))),
                }
            }
            Act::AddOrganisation { name } => match is_name(name) && !known(&name::organisation(name))? {
                true => Ok(()),
                false => Err(bad(&format!("{name:?} is no name of an organisation, or taken"))),
            },
            Act::Enrol { key, organisation, proof } => self.check_enrolment(key, organisation, proof),
            Act::Revoke { key } => self.enrolled(key).map(drop),
            Act::Reconfigure { change } => self.check_reconfiguration(change),
            Act::Later { number, body } => self.check_later(*number, body),
        }
    }

    /// Refuses a policy that nobody could ever change.
    fn check_policy(&self, policy: &DomainPolicy, act: &Act) -> Result<(), Abort> {
        let organisations = self.place.organisations;
        let checked = match self.place.rules {
            WORK_IS_BOUNDED_SINCE.. => {
                let known = self.in_force(act)?;
                let patterns = match self.place.rules >= WORK_OF_ONE_SINCE {
                    true => policy.check_patterns(known.as_deref()),
                    false => Ok(()),
                };
                patterns.and_then(|()| policy.check_after(known.as_deref(), organisations, &self.budget.costs))
            }
            POLICIES_BIND_SINCE.. => policy.schemas_cost(Tally::AsWritten).and_then(|_| policy.check(organisations)),
            _ => policy.check(organisations),
        };
        checked.map_err(|why| bad(&why.to_string()))?;
        self.check_names(policy.principals())?;
        let quorum = Quorum::of_domain(self.overlay, policy)?;
        match quorum.threshold() {
            threshold if threshold.is_stuck && threshold.electorate.active >= threshold.needed => {
                Err(bad("nobody could ever change this policy: no author who may write is enrolled"))
            }
            threshold => can_be_met(threshold),
        }
    }

    /// Refuses principals that no organisation could ever be, however long: an encoding says any text.
    fn check_names<'p>(&self, mut named: impl Iterator<Item = &'p Principal>) -> Result<(), Abort> {
        let is_odd = |who: &Principal| matches!(who, Principal::Organisation(name) if !is_name(name));
        match self.place.rules >= ROOM_IS_SHARED_SINCE && named.any(is_odd) {
            true => Err(bad("an organisation is named by 1 to 100 of a-z A-Z 0-9 . _ -, the first a letter or digit")),
            false => Ok(()),
        }
    }

    fn check_group_policy(&self, policy: &GroupPolicy) -> Result<(), Abort> {
        policy.check(self.place.organisations).map_err(|why| bad(&why.to_string()))?;
        self.check_names(policy.approvals.by.iter())?;
        let quorum = Quorum::of_group(self.overlay, policy)?;
        match quorum.threshold().is_stuck {
            true => Err(bad("it could never be changed: it asks for more organisations than it lets speak")),
            false => Ok(()),
        }
    }

    /// The group decides for a domain only where that cannot decide for itself.
    fn needs_rescue(&self, domain: &str) -> Result<(), Abort> {
        let record: Option<DomainRecord> = self.overlay.get(GROUP, &name::domain(domain))?;
        let Some(record) = record else { return Err(bad(&format!("no domain {domain:?}"))) };
        let quorum = Quorum::of_domain(self.overlay, &record.policy)?;
        match quorum.threshold() {
            threshold if threshold.is_stuck => Ok(()),
            threshold => Err(bad(&format!(
                "{domain:?} decides for itself: {} organisations have a voice there, and {} must agree",
                threshold.electorate.active, threshold.needed
            ))),
        }
    }

    /// The number of a domain that is made now, after those that this envelope has made.
    fn next_domain(&self) -> u32 {
        let made = self.applied.decisions.iter().filter_map(|decision| match decision {
            Decision::Domain(_, record) => Some(record.number + 1),
            _ => None,
        });
        made.fold(self.place.domains, u32::max)
    }

    /// Does what was just found to be possible.
    fn enact(&mut self, act: &Act) -> Result<(), Abort> {
        let since = self.revision;
        match act {
            Act::SetPolicy { policy } => {
                let record = DomainRecord { policy: policy.clone(), ..self.place.record.clone() };
                self.replace_policy(self.domain_name, record)?;
            }
            Act::Rescue { name, policy } => {
                let known: Option<DomainRecord> = self.overlay.get(GROUP, &name::domain(name))?;
                if let Some(known) = known {
                    self.replace_policy(name, DomainRecord { policy: policy.clone(), ..known })?;
                }
            }
            Act::CreateDomain { name, policy } => {
                let number = self.next_domain();
                let record = DomainRecord { number, since, policy: policy.clone() };
                self.overlay.put(GROUP, name::domain(name), &record);
                self.overlay.put(number, name::USAGE.to_vec(), &Usage::default());
                self.applied.decisions.push(Decision::Domain(name.clone(), record));
            }
            Act::SetGroupPolicy { policy } => {
                self.overlay.put(GROUP, name::POLICY.to_vec(), policy);
                self.is_new_policy_of(GROUP);
                self.applied.decisions.push(Decision::Group(policy.clone()));
            }
            Act::AddOrganisation { name } => {
                let made =
                    self.applied.decisions.iter().filter(|decision| **decision == Decision::Organisation).count();
                self.overlay.put(GROUP, name::organisation(name), &since);
                self.overlay.put(GROUP, name::ORGANISATIONS.to_vec(), &(self.place.organisations + made as u32 + 1));
                self.applied.decisions.push(Decision::Organisation);
                self.quorum = None;
            }
            Act::Reconfigure { change } => self.reconfigure(change)?,
            Act::Later { number, body } => self.enact_later(*number, body)?,
            Act::Enrol { key, organisation, .. } => self.admit(key, organisation)?,
            Act::Revoke { key } => {
                let record = self.enrolled(key)?;
                self.revoke(key, record)?;
            }
        }
        Ok(())
    }
}

/// Whether enough organisations have a voice for what is asked of them.
fn can_be_met(threshold: Threshold) -> Result<(), Abort> {
    let Threshold { needed, electorate, is_stuck } = threshold;
    match is_stuck {
        true => Err(bad(&format!(
            "nobody could ever change this policy: it asks for {needed} organisations, and {} of those that it names \
             have somebody enrolled",
            electorate.active
        ))),
        false => Ok(()),
    }
}

fn bad(why: &str) -> Abort {
    Abort::refused(Code::BadAct, why)
}
