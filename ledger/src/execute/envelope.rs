//! An envelope's turn in a slot, and that of a pending one which others have had their say about.

use super::Execution;
use super::used::{Party, within};
use crate::apply::{Applied, Spent};
use crate::format::constants::Limits;
use crate::format::envelope::Envelope;
use crate::format::genesis::Genesis;
use crate::format::rules::{POLICIES_BIND_SINCE, WORK_OF_ONE_SINCE};
use crate::format::transaction::{self, Entered};
use crate::format::two_phase;
use crate::policy::GroupPolicy;
use crate::policy::attestation::{PendingChange, Progress};
use crate::state::abort::{Abort, DeferReason, Deferred};
use crate::state::domain::{DomainView, Domains};
use crate::state::record::{AuthorRecord, ChainPlace, RefusedChange, Sequence};
use crate::state::store::{Live, StoreError, Table};
use crate::state::{entry, name, rows};
use crate::validate::rates::Takes;
use crate::validate::submission::{self, Accepted, Part, Submission};
use crate::vocabulary::ids::EnvelopeId;
use crate::vocabulary::revision::Revision;
use crate::vocabulary::verdict::{Code, Refusal};
use core::time::Duration;
use quorate_pbft::{Committee, Position, PublicKey, ReplicaId, SeqNum, Time};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Position at which an envelope was executed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    pub(super) lane: ReplicaId,
    pub(super) position: Position,
}

/// Surroundings of an envelope's execution: shared with the ledger, so that the slot can go on changing it.
pub(super) struct Context {
    genesis: Arc<Genesis>,
    domains: Arc<Domains>,
    group: Arc<GroupPolicy>,
    organisations: u32,
    rules: u32,
    members: Arc<Committee>,
    boundary: SeqNum,
    revision: Revision,
    floor: SeqNum,
    held: (u64, u64),
    changed: Revision,
    time: Time,
}

impl Context {
    pub(super) fn place<'a>(&'a self, name: &'a str) -> Option<DomainView<'a>> {
        self.domains.get(name).map(|domain| DomainView {
            name,
            record: &domain.record,
            group: &self.group,
            organisations: self.organisations,
            rules: self.rules,
            members: &self.members,
            boundary: self.boundary,
            domains: self.domains.len() as u32,
            time: self.time,
            held: self.held,
            floor: self.floor,
            changed: self.changed,
        })
    }

    pub(super) fn limits(&self) -> &Limits {
        self.genesis.limits()
    }

    pub(super) fn revision(&self) -> Revision {
        self.revision
    }

    /// `others` has one for each of the other domains of a transaction, in their order.
    fn submission<'a>(&'a self, envelope: &'a Envelope, others: &'a [Context]) -> Submission<'a> {
        let place = self.place(&envelope.body.domain);
        let id = envelope.id(&self.genesis.group());
        let (revision, limits, domains) = (self.revision, self.genesis.limits(), &*self.domains);
        let parts = transaction::entered(&envelope.body).zip(others);
        let part =
            |(entered, context): (Entered<'a>, &'a Context)| Part { place: context.place(entered.domain), entered };
        Submission { id, envelope, revision, limits, place, domains, parts: parts.map(part).collect() }
    }
}

impl Execution<'_, '_> {
    pub(super) fn context(&self, domain: &str) -> Context {
        let revision = Revision::item(self.seq, self.verdicts + 1);
        let domains = self.ledger.domains_shared();
        let usage = self.usage.get(domain).or_else(|| domains.get(domain).map(|domain| &domain.usage));
        let (held, floor) = usage.map_or(Default::default(), |usage| (usage.held(), usage.marks.floor()));
        Context {
            genesis: self.ledger.genesis_shared(),
            group: self.ledger.group_policy(),
            organisations: self.ledger.organisations(),
            rules: self.ledger.rules(),
            members: self.ledger.voters_shared(),
            boundary: self.ledger.boundary(self.seq),
            revision: revision.expect("a slot holds fewer than 2^32 items, and genesis is never executed"),
            floor: floor.max(self.ledger.head().times.floor()),
            held,
            changed: usage.map_or(Revision::GENESIS, |usage| usage.changed),
            time: self.time,
            domains,
        }
    }

    fn other_settings(&self, envelope: &Envelope) -> Vec<Context> {
        transaction::entered(&envelope.body).map(|entered| self.context(entered.domain)).collect()
    }

    /// Bytes that are no envelope cannot be in a certified bundle unless more than f replicas lie; they do nothing. Nor does
    /// an envelope that later rules know, nor, from rules 16 on, a copy of what lacked a content in this slot: executing it is as dear each time, and uses no number.
    pub(super) fn envelope(&mut self, origin: Origin, bytes: &[u8]) -> Result<(), StoreError> {
        let genesis = self.ledger.genesis_shared();
        let Ok(envelope) = Envelope::decode(bytes, genesis.limits()) else {
            return Ok(());
        };
        if !two_phase::is_known(&envelope.body, self.ledger.rules()) {
            return Ok(());
        }
        let (context, others) = (self.context(&envelope.body.domain), self.other_settings(&envelope));
        let submission = context.submission(&envelope, &others);
        if self.lacking.contains(&submission.id) {
            return Ok(());
        }
        let author = submission.author(&self.overlay);
        let is_unknown = matches!(&author, Err(Abort::Refused(refusal)) if refusal.code == Code::UnknownAuthor);
        // Strangers, and everybody in domains that do not exist, have no numbers that could be kept.
        let number = submission.place.filter(|_| !is_unknown).map(|place| place.record.number);
        let sequence = match number {
            Some(number) => submission::sequence(&self.overlay, number, &envelope.body)?,
            None => Sequence::new(),
        };
        let by = Party::Organisation(author.as_ref().map_or(String::new(), |author| author.organisation.clone()));
        let mut spent = self.budget(&by)?;
        let (mut organisation, mut takes, unused) = (String::new(), Vec::new(), spent.time());
        let judge = |overlay: &mut _| {
            if number.is_some() {
                submission.check_sequence(overlay, &sequence)?;
            }
            let author: AuthorRecord = author?;
            organisation.clone_from(&author.organisation);
            let accepted = submission.stages(overlay, &author, &mut spent);
            let accepted = within(&spent, accepted)?;
            takes = submission.rates(overlay, &author, &accepted.view, bytes.len())?;
            let place = submission.chain_place(overlay, &sequence, &accepted.view)?;
            Ok((accepted, place))
        };
        let judged = judge(&mut self.overlay);
        let time = spent.time().saturating_sub(unused);
        self.note_work(submission.envelope.body.author, time);
        self.used.note(&by, time);
        match judged {
            Ok((accepted, place)) if accepted.waits() => {
                self.pend(&submission, origin, number, sequence, (accepted, place), (organisation, bytes, takes))
            }
            Ok(accepted) => {
                self.note_taken(takes);
                self.record_verdict(&submission, origin, number, sequence, Ok(accepted))
            }
            Err(Abort::Refused(_)) if number.is_none() && !submission.ends_with_its_base() => {
                if is_unknown {
                    self.note_stranger(origin.lane);
                }
                self.unsettle(&submission, number, sequence, DeferReason::TooEarly)
            }
            Err(Abort::Refused(refusal)) => {
                self.overlay.rollback();
                self.record_verdict(&submission, origin, number, sequence, Err(refusal))
            }
            Err(Abort::Deferred(why)) => self.unsettle(&submission, number, sequence, why),
            Err(Abort::Store(error)) => Err(error),
        }?;
        let mut spent = None;
        while let Some((id, progress)) = self.resolved.pop_front() {
            self.resolve(id, progress, &envelope.body.domain, &mut spent)?;
        }
        self.used.note(&by, spent.map_or(Duration::ZERO, |spent| spent.time()));
        for id in core::mem::take(&mut self.won) {
            let time = self.conclude(&id, &envelope.body.domain, origin)?;
            self.used.note(&by, time);
        }
        Ok(())
    }

    /// Files an envelope as pending: its number is used, and nothing else changes until its approvals and attestations
    /// are in.
    fn pend(
        &mut self,
        submission: &Submission,
        origin: Origin,
        number: Option<u32>,
        mut sequence: Sequence,
        (mut accepted, place): (Accepted, ChainPlace),
        (organisation, bytes, takes): (String, &[u8], Vec<(u32, Takes)>),
    ) -> Result<(), StoreError> {
        self.overlay.rollback();
        if sequence.pending >= Sequence::PENDING_MAX {
            let detail = format!("{} changes of this author wait for the word of others already", sequence.pending);
            return self.record_verdict(submission, origin, number, sequence, Err(Refusal::new(Code::Quota, detail)));
        }
        let requirements = core::mem::take(&mut accepted.applied.requirements);
        let number = number.expect("an accepted envelope has a domain and an author");
        let pending = PendingChange {
            author: submission.envelope.body.author,
            organisation,
            since: submission.revision,
            lane: origin.lane,
            position: origin.position,
            requirements,
            organisations: BTreeMap::new(),
            validators: BTreeMap::new(),
            opinions: BTreeMap::new(),
        };
        self.note_taken(takes);
        self.overlay.put_indexed(number, name::pending(&submission.id), Some(&pending))?;
        self.overlay.put_row(Table::Past, rows::pending(number, &submission.id), bytes.to_vec());
        for (content, bytes) in submission.envelope.carried() {
            // its author may go on from it while it waits
            self.overlay.put_row(Table::Contents, content.0.to_vec(), bytes.to_vec());
        }
        accepted.applied = Applied::pending();
        sequence.pending += 1;
        self.record_verdict(submission, origin, Some(number), sequence, Ok((accepted, place)))
    }

    /// Work was done for an author, whatever came of it.
    fn note_work(&mut self, author: PublicKey, time: Duration) {
        if time > Duration::ZERO {
            *self.work.entry(author).or_default() += time;
        }
    }

    /// An accepted envelope has taken of the rates.
    fn note_taken(&mut self, takes: Vec<(u32, Takes)>) {
        for (number, takes) in takes {
            takes.into_iter().for_each(|(name, taken)| self.overlay.put(number, name, &taken));
        }
    }

    /// The words are in: a pending change takes effect here, or is refused here. A change that is no longer pending was
    /// decided a moment ago: a change that took effect with it held an answer for it too.
    ///
    /// From rules 16 on the changes that one envelope lets take effect share one budget. A later one for which too little of it is
    /// left goes on waiting, with all its words: the next of these has it looked at again.
    fn resolve(
        &mut self,
        id: EnvelopeId,
        progress: Progress,
        domain: &str,
        spent: &mut Option<Spent>,
    ) -> Result<(), StoreError> {
        let genesis = self.ledger.genesis_shared();
        let number = self.ledger.domain(domain).map(|domain| domain.record.number);
        let number = number.ok_or_else(|| entry::damaged("the domain of a pending envelope"))?;
        let Some(bytes) = self.overlay.bytes(Live::Past, &rows::pending(number, &id))? else { return Ok(()) };
        let envelope = Envelope::decode(&bytes, genesis.limits());
        let envelope = envelope.map_err(|_| entry::damaged("a pending envelope"))?;
        let context = self.context(&envelope.body.domain);
        // A transaction never waits for the word of others. What waited when the group was restarted keeps its id.
        let submission = Submission { id, ..context.submission(&envelope, &[]) };
        let pending: Option<PendingChange> = self.overlay.get(number, &name::pending(&id))?;
        let pending = pending.ok_or_else(|| entry::damaged("a pending change"))?;
        let origin = Origin { lane: pending.lane, position: pending.position };
        let before = spent.take().filter(|_| context.rules >= WORK_OF_ONE_SINCE);
        let (is_first, mut left) = (before.is_none(), before.unwrap_or_default());
        let judged = match progress {
            Progress::Disapproved => {
                Err(Abort::refused(Code::Approvals, "too few organisations are left to approve it"))
            }
            Progress::Refuted => Err(Abort::refused(Code::Validator, "too few validators are left to attest it")),
            Progress::Waits | Progress::Approved => {
                let (has_room, known) = (left.takes_on(&envelope, bytes.len()) || is_first, left.time());
                // Enrolment was asked where it was ordered.
                let (organisation, since) = (pending.organisation.clone(), Revision::GENESIS);
                let author = AuthorRecord { organisation, since, revoked: None };
                let accepted = has_room.then(|| submission.stages(&mut self.overlay, &author, &mut left));
                self.note_work(pending.author, left.time().saturating_sub(known));
                let Some(accepted) = accepted.filter(|_| is_first || !left.is_short()) else {
                    self.overlay.rollback();
                    *spent = Some(left);
                    return Ok(());
                };
                match accepted {
                    Ok(accepted) if context.rules >= POLICIES_BIND_SINCE => {
                        submission.still_holds(&self.overlay, &pending, accepted)
                    }
                    judged => judged,
                }
            }
        };
        *spent = Some(left);
        let accepted = match judged {
            Ok(accepted) => Ok(accepted),
            Err(Abort::Refused(refusal)) => Err(refusal),
            Err(Abort::Deferred(why)) => Err(gone(&why)),
            Err(Abort::Store(error)) => return Err(error),
        };
        if accepted.is_err() {
            self.overlay.rollback();
            let refused = RefusedChange { revision: submission.revision };
            self.overlay.put_indexed(number, name::refused(&id), Some(&refused))?;
        }
        self.overlay.put_indexed::<PendingChange>(number, name::pending(&id), None)?;
        self.overlay.remove_row(Live::Past, rows::pending(number, &id));
        let took_effect = accepted.is_ok();
        self.record_final(&submission, origin, number, accepted)?;
        self.note_opinions(number, &pending, progress, took_effect)
    }

    /// No verdict: nothing changes, unless the author is seen to have used a number twice (A3).
    fn unsettle(
        &mut self,
        submission: &Submission,
        number: Option<u32>,
        mut sequence: Sequence,
        why: DeferReason,
    ) -> Result<(), StoreError> {
        self.overlay.rollback();
        let body = &submission.envelope.body;
        if let (DeferReason::Content(_), WORK_OF_ONE_SINCE..) = (&why, self.ledger.rules()) {
            self.lacking.insert(submission.id);
        }
        if let (Some(number), DeferReason::Taken) = (number, &why)
            && submission.judged_at_its_number(&self.overlay, &sequence)?.is_some_and(|judged| judged != submission.id)
            && sequence.repeated.len() < Sequence::REPEATED_MAX
            && let Err(place) = sequence.repeated.binary_search(&body.from_seq)
        {
            sequence.repeated.insert(place, body.from_seq);
            self.overlay.put(number, name::sequence(&body.author), &sequence);
            self.overlay.commit()?;
        }
        self.deferred.push(Deferred {
            id: submission.id,
            author: body.author,
            domain: body.domain.clone(),
            from_seq: body.from_seq,
            to_seq: body.to_seq,
            why,
        });
        Ok(())
    }
}

/// A content that the path had when the change was ordered has left the horizon while it waited.
fn gone(why: &DeferReason) -> Refusal {
    Refusal::new(Code::BaseTooOld, format!("what it needs has left the horizon while it waited: {why:?}"))
}
