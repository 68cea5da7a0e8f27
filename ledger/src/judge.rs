//! The stages that an envelope passes at its exact position, in order; the first that fails names the refusal.

use crate::author_view::AuthorView;
use crate::chain;
use crate::change::{Base, Change, Op};
use crate::constants::Limits;
use crate::envelope::{Body, Envelope, EnvelopeId};
use crate::ledger::{Domains, GROUP};
use crate::policy::{GroupPolicy, Rates, covers};
use crate::rates::{self, Takes};
use crate::receipt::State;
use crate::revision::Revision;
use crate::state::draft::Draft;
use crate::state::name;
use crate::state::record::{AuthorRecord, DomainRecord, Sequence, Verdict, ViewRecord};
use crate::stop::{Stop, Why};
use crate::store::{StoreError, Table};
use crate::turn::{Done, Turn, check_paths};
use crate::verdict::Code;
use quorate_pbft::{SeqNum, Time};
use std::collections::BTreeMap;

/// What a domain is to somebody who executes envelopes in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) name: &'a str,
    pub(crate) record: &'a DomainRecord,
    /// The group's own policy.
    pub(crate) group: &'a GroupPolicy,
    /// How many organisations there are.
    pub(crate) organisations: u32,
    /// How many domains there are, the group's included: the number of the next one.
    pub(crate) domains: u32,
    /// Ledger time of the slot.
    pub(crate) time: Time,
    /// Files and bytes that the domain holds.
    pub(crate) held: (u64, u64),
    /// The oldest slot that a base may name.
    pub(crate) floor: SeqNum,
}

impl Place<'_> {
    fn rates(&self) -> &Rates {
        if self.record.number == GROUP { &self.group.rates } else { &self.record.policy.rates }
    }
}

/// An accepted envelope.
pub(crate) struct Accepted {
    pub(crate) done: Done,
    /// The author's view after its last change.
    pub(crate) view: ViewRecord,
}

/// An envelope at its turn.
pub(crate) struct Case<'a> {
    pub(crate) id: EnvelopeId,
    pub(crate) envelope: &'a Envelope,
    /// The revision that it makes if it is accepted.
    pub(crate) revision: Revision,
    pub(crate) limits: &'a Limits,
    /// None where there is no such domain.
    pub(crate) place: Option<Place<'a>>,
    /// All domains, for what an envelope depends on.
    pub(crate) domains: &'a Domains,
}

impl Case<'_> {
    fn body(&self) -> &Body {
        &self.envelope.body
    }

    /// Stage `signature`: who is it, and does the key still speak for them?
    pub(crate) fn author(&self, draft: &Draft) -> Result<AuthorRecord, Stop> {
        let author = &self.body().author;
        let record: Option<AuthorRecord> = draft.get(0, &name::author(author))?;
        let record = record.ok_or_else(|| Stop::refused(Code::UnknownAuthor, format!("{author} is not enrolled")))?;
        match record.revoked {
            Some(at) => Err(Stop::refused(Code::Revoked, format!("{author} was revoked at {at}"))),
            None => Ok(record),
        }
    }

    /// Whether it is the envelope's turn (A2, A3): the first number is the next one, the attempt is a new one, and what
    /// it depends on has happened.
    pub(crate) fn turn(&self, draft: &Draft, sequence: &Sequence) -> Result<(), Stop> {
        let body = self.body();
        if body.from_seq > sequence.next {
            return Err(Stop::Unsettled(Why::Gap { next: sequence.next }));
        }
        if body.from_seq < sequence.next || body.attempt <= sequence.attempt {
            let known = draft.bytes(Table::Receipts, &self.id.0.0)?.is_some();
            return Err(Stop::Unsettled(if known { Why::Copy } else { Why::Taken }));
        }
        body.changes.iter().try_for_each(|change| self.dependencies(draft, change))
    }

    fn dependencies(&self, draft: &Draft, change: &Change) -> Result<(), Stop> {
        for dependency in &change.wishes.depends_on {
            let sequence: Option<Sequence> = match self.domains.get(&dependency.domain) {
                Some(domain) => draft.get(domain.record.number, &name::sequence(&dependency.author))?,
                None => None,
            };
            if sequence.is_none_or(|sequence| sequence.next <= dependency.seq) {
                return Err(Stop::Unsettled(Why::Dependency(dependency.clone())));
            }
        }
        Ok(())
    }

    /// Stages `sequence` (the bases) to `access`, with the effects left pending in the draft.
    pub(crate) fn stages(&self, draft: &mut Draft, author: &AuthorRecord) -> Result<Accepted, Stop> {
        let changes = &self.body().changes;
        let Some(place) = self.place else {
            changes.iter().try_for_each(check_paths)?;
            return Err(Stop::refused(Code::UnknownDomain, format!("no domain {:?}", self.body().domain)));
        };
        let mut views = BTreeMap::new();
        for (index, change) in changes.iter().enumerate() {
            if let Some(view) = self.view(draft, &place, change)? {
                views.insert(index, view);
            }
        }
        let mut accepted = self.content(draft, place, author, views)?;
        self.membership(&place, author)?;
        match accepted.done.take_refusal() {
            Some(refusal) => Err(refusal.into()),
            None => within_quota(&place, &accepted.done).map(|()| accepted),
        }
    }

    /// Stage `access`, at last: what is taken of the rates after this envelope of so many bytes. Asked once, where it is
    /// ordered; a change that waited for others does not come faster by it.
    pub(crate) fn rates(&self, draft: &Draft, author: &AuthorRecord, bytes: usize) -> Result<Takes, Stop> {
        let Some(place) = self.place else {
            return Ok(Takes::new());
        };
        let who = (self.body(), author.organisation.as_str());
        let number = place.record.number;
        let takes = rates::take(place.rates(), who, bytes, place.time, |name| draft.get(number, name))?;
        takes.map_err(|too_fast| too_fast.refusal.into())
    }

    /// Stage `sequence`: the view that a change names; none for the view of the change before it.
    fn view(&self, draft: &mut Draft, place: &Place, change: &Change) -> Result<Option<AuthorView>, Stop> {
        match change.base {
            Base::Previous => Ok(None),
            Base::Revision(revision) => {
                self.within_horizon(place, revision)?;
                Ok(Some(AuthorView::of_revision(revision)))
            }
            Base::Envelope(id) => {
                let verdict = self.earlier(draft, place, id)?;
                self.within_horizon(place, verdict.view.first)?;
                let link = chain::enter(draft, id, &verdict)?;
                Ok(Some(AuthorView::of_envelope(id, verdict.view.first, link)))
            }
        }
    }

    fn within_horizon(&self, place: &Place, revision: Revision) -> Result<(), Stop> {
        if revision.seq() >= self.revision.seq() {
            return Err(Stop::refused(Code::BaseUnknown, format!("revision {revision} is not in the past")));
        }
        if revision.seq() < place.floor {
            let detail = format!("revision {revision} lies beyond the horizon, which begins at slot {}", place.floor);
            return Err(Stop::refused(Code::BaseTooOld, detail));
        }
        Ok(())
    }

    /// An earlier envelope of the author in this domain. Whether one beyond the horizon is still on this disk must not
    /// matter: it is unknown.
    fn earlier(&self, draft: &Draft, place: &Place, id: EnvelopeId) -> Result<Verdict, Stop> {
        let verdict: Option<Verdict> = draft.row(Table::Receipts, &id.0.0)?;
        let of_this_chain = |verdict: &Verdict| {
            let receipt = &verdict.receipt;
            let revision = receipt.revision.is_some_and(|revision| revision.seq() >= place.floor);
            // A settlement without an envelope has the author of its side, and no number.
            let is_own = receipt.author == self.body().author && receipt.from_seq > 0;
            revision && is_own && receipt.domain == place.name
        };
        let Some(verdict) = verdict.filter(of_this_chain) else {
            return Err(Stop::refused(
                Code::BaseUnknown,
                format!("{id} is no earlier envelope of this author and domain"),
            ));
        };
        if verdict.receipt.state == State::Refused {
            return Err(Stop::refused(Code::BaseRefused, format!("{id} was refused")));
        }
        Ok(verdict)
    }

    /// Stage `content`: lays all changes over the files.
    fn content(
        &self,
        draft: &mut Draft,
        place: Place,
        author: &AuthorRecord,
        mut views: BTreeMap<usize, AuthorView>,
    ) -> Result<Accepted, Stop> {
        let who = (place, author.organisation.as_str());
        let mut turn = Turn::new(draft, self.limits, who, (self.id, self.body().author), self.revision);
        turn.carries(self.envelope);
        let mut view = AuthorView::of_revision(Revision::GENESIS);
        for (index, change) in self.body().changes.iter().enumerate() {
            if let Some(named) = views.remove(&index) {
                view = named;
            }
            turn.change(change, &mut view)?;
        }
        Ok(Accepted { done: turn.done(), view: view.into_record() })
    }

    /// Stages `domain` and `access`: is the author a member, and may members of that kind do this? Whoever the policy
    /// names to attest or to speak for an organisation may do that without being a writer.
    fn membership(&self, place: &Place, author: &AuthorRecord) -> Result<(), Stop> {
        let (key, organisation) = (&self.body().author, author.organisation.as_str());
        let policy = &place.record.policy;
        let only_speaks = || self.body().changes.iter().flat_map(|change| &change.ops).all(Op::is_word);
        let reads = covers(&policy.readers, key, organisation);
        // Whether the word of somebody who may speak counts is asked where it is heard.
        let may_speak = || reads || policy.names(key, organisation);
        if covers(&policy.writers, key, organisation) || (only_speaks() && may_speak()) {
            Ok(())
        } else if reads {
            Err(Stop::refused(Code::Role, format!("{key} may read {} and not write", place.name)))
        } else {
            Err(Stop::refused(Code::NotMember, format!("{key} is no member of {}", place.name)))
        }
    }
}

/// Stage `access`: a domain that is full takes only what makes it smaller.
fn within_quota(place: &Place, done: &Done) -> Result<(), Stop> {
    let quota = &place.record.policy.quota;
    let kinds =
        [("files", place.held.0, done.files, quota.files_max), ("bytes", place.held.1, done.bytes, quota.bytes_max)];
    for (what, held, more, max) in kinds {
        let after = held.saturating_add_signed(more);
        if let Some(max) = max.filter(|max| more > 0 && after > *max) {
            return Err(Stop::refused(Code::Quota, format!("{after} {what}, {} may hold {max}", place.name)));
        }
    }
    Ok(())
}

/// An author's numbers in a domain as they stand.
pub(crate) fn sequence(draft: &Draft, domain: u32, body: &Body) -> Result<Sequence, StoreError> {
    Ok(draft.get(domain, &name::sequence(&body.author))?.unwrap_or_else(Sequence::new))
}
