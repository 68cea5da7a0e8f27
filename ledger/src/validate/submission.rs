//! The stages that an envelope passes at its exact position, in order; the first that fails names the refusal.

use crate::apply::{Applied, Applier, Attribution, Spent, check_paths};
use crate::format::body::Body;
use crate::format::change::{Base, Change, Dependency, Op, OpKind};
use crate::format::composition;
use crate::format::constants::Limits;
use crate::format::envelope::Envelope;
use crate::format::transaction::Entered;
use crate::format::two_phase;
use crate::policy::attestation::{PendingChange, Progress};
use crate::policy::covers;
use crate::state::abort::{Abort, DeferReason};
use crate::state::author_view::AuthorView;
use crate::state::domain::{DomainView, Domains};
use crate::state::numbers::{self, Used};
use crate::state::overlay::Overlay;
use crate::state::record::{AuthorRecord, ChainPlace, FileRecord, NumberAnswer, NumberRow, Sequence, ViewRecord};
use crate::state::store::StoreError;
use crate::state::{chain, name, rows};
use crate::validate::rates::{self, Takes};
use crate::vocabulary::ids::EnvelopeId;
use crate::vocabulary::revision::Revision;
use crate::vocabulary::verdict::{Code, Refusal};
use quorate_pbft::Digest;
use std::collections::BTreeMap;

/// An accepted envelope.
pub(crate) struct Accepted {
    pub(crate) applied: Applied,
    /// The author's view after its last change.
    pub(crate) view: AuthorView,
    /// Effects in other domains: the place among the [`Submission::parts`], and the effect.
    pub(crate) others: Vec<Applied>,
}

impl Accepted {
    /// Whether it takes effect only when others have had their say.
    pub(crate) fn waits(&self) -> bool {
        !self.applied.requirements.is_empty()
    }

    /// Whether something is executed right after it: changes that waited for its words, or the end of a conflict by its votes.
    pub(crate) fn has_followers(&self) -> bool {
        let is_executed = |(_, progress): &(_, Progress)| matches!(progress, Progress::Waits | Progress::Approved);
        let mut all = core::iter::once(&self.applied).chain(&self.others);
        all.any(|applied| applied.resolved.iter().any(is_executed) || !applied.won.is_empty())
    }
}

/// A transaction's change for another domain.
pub(crate) struct Part<'a> {
    pub(crate) entered: Entered<'a>,
    /// None where there is no such domain.
    pub(crate) place: Option<DomainView<'a>>,
}

/// An envelope at its turn.
pub(crate) struct Submission<'a> {
    pub(crate) id: EnvelopeId,
    pub(crate) envelope: &'a Envelope,
    /// The revision that it makes if it is accepted.
    pub(crate) revision: Revision,
    pub(crate) limits: &'a Limits,
    /// None where there is no such domain.
    pub(crate) place: Option<DomainView<'a>>,
    /// Domains in which an envelope's dependencies are looked up.
    pub(crate) domains: &'a Domains,
    /// Its changes for other domains.
    pub(crate) parts: Vec<Part<'a>>,
}

impl Submission<'_> {
    fn body(&self) -> &Body {
        &self.envelope.body
    }

    /// Stage `signature`: who is it, and does the key still speak for them?
    pub(crate) fn author(&self, overlay: &Overlay) -> Result<AuthorRecord, Abort> {
        let author = &self.body().author;
        let record: Option<AuthorRecord> = overlay.get(0, &name::author(author))?;
        let record = record.ok_or_else(|| Abort::refused(Code::UnknownAuthor, format!("{author} is not enrolled")))?;
        match record.revoked {
            Some(at) => Err(Abort::refused(Code::Revoked, format!("{author} was revoked at {at}"))),
            None => Ok(record),
        }
    }

    /// Whether it is the envelope's turn (A2, A3): the first number is the next one, the attempt is a new one, and what
    /// it depends on has happened.
    pub(crate) fn check_sequence(&self, overlay: &Overlay, sequence: &Sequence) -> Result<(), Abort> {
        let body = self.body();
        if body.from_seq > sequence.next {
            return Err(Abort::Deferred(DeferReason::Gap { next: sequence.next }));
        }
        if body.from_seq < sequence.next || body.attempt <= sequence.attempt {
            let is_copy = self.judged_at_its_number(overlay, sequence)? == Some(self.id);
            return Err(Abort::Deferred(if is_copy { DeferReason::Copy } else { DeferReason::Taken }));
        }
        body.changes.iter().try_for_each(|change| self.dependencies(overlay, change))?;
        self.parts.iter().try_for_each(|part| self.check_part_sequence(overlay, part))
    }

    /// Envelope that had a verdict at its number and attempt. Whether one beyond the horizon is still on this disk must
    /// not matter: it is unknown.
    pub(crate) fn judged_at_its_number(
        &self,
        overlay: &Overlay,
        sequence: &Sequence,
    ) -> Result<Option<EnvelopeId>, StoreError> {
        match self.place {
            Some(place) => self.used(place.record.number).by(overlay, sequence, place.floor),
            None => Ok(None),
        }
    }

    /// Whether no later slot can accept it, if its author or its domain begins there: its first base is in the past now,
    /// and will be older than they are.
    pub(crate) fn ends_with_its_base(&self) -> bool {
        let first = self.body().changes.first().map(|change| &change.base);
        matches!(first, Some(Base::Revision(base)) if base.seq() < self.revision.seq())
    }

    /// Number and attempt that it uses in its own domain.
    pub(crate) fn used(&self, domain: u32) -> Used<'_> {
        let body = self.body();
        Used { domain, author: &body.author, number: body.from_seq, attempt: body.attempt }
    }

    /// Place in the chains of its author, if it is accepted as the next with a verdict after those of `sequence`.
    pub(crate) fn chain_place(
        &self,
        overlay: &Overlay,
        sequence: &Sequence,
        view: &AuthorView,
    ) -> Result<ChainPlace, Abort> {
        chain::place(overlay, (self.id, sequence.verdicts + 1), view.parent_place())
    }

    /// Whether a transaction's number in another domain is the next one there. Its own number is, so what does not fit is
    /// refused, but for a gap: that may close.
    fn check_part_sequence(&self, overlay: &Overlay, part: &Part) -> Result<(), Abort> {
        let (Some(place), Entered { seq, attempt, domain, .. }) = (part.place, part.entered) else {
            return Ok(()); // the stage `domain` refuses it
        };
        let known = sequence(overlay, place.record.number, self.body())?;
        if seq < known.next || (seq == known.next && attempt <= known.attempt) {
            let detail = format!("in {domain:?}: number {seq}, attempt {attempt} is taken; {} is next", known.next);
            return Err(Abort::refused(Code::SequenceTaken, detail));
        }
        if seq - known.next > self.limits.gap_max {
            let detail = format!("in {domain:?}: number {seq} is too far above the next one, {}", known.next);
            return Err(Abort::refused(Code::GapTooWide, detail));
        }
        if seq > known.next {
            let (author, domain) = (self.body().author, domain.to_owned());
            return Err(Abort::Deferred(DeferReason::Dependency(Dependency { author, domain, seq: seq - 1 })));
        }
        Ok(())
    }

    fn dependencies(&self, overlay: &Overlay, change: &Change) -> Result<(), Abort> {
        for dependency in composition::of_others(self.body(), change) {
            let sequence: Option<Sequence> = match self.domains.get(&dependency.domain) {
                Some(domain) => overlay.get(domain.record.number, &name::sequence(&dependency.author))?,
                None => None,
            };
            if sequence.is_none_or(|sequence| sequence.next <= dependency.seq) {
                return Err(Abort::Deferred(DeferReason::Dependency(dependency.clone())));
            }
        }
        Ok(())
    }

    /// Stages `sequence` (the bases) to `access`, with the effects left pending in the draft, within what is left of a budget.
    pub(crate) fn stages(
        &self,
        overlay: &mut Overlay,
        author: &AuthorRecord,
        spent: &mut Spent,
    ) -> Result<Accepted, Abort> {
        let changes = &self.body().changes;
        let Some(place) = self.place else {
            changes.iter().try_for_each(check_paths)?;
            return Err(Abort::refused(Code::UnknownDomain, format!("no domain {:?}", self.body().domain)));
        };
        let mut views = BTreeMap::new();
        for (index, change) in self.own_changes().iter().enumerate() {
            if let Some(view) = self.view(overlay, &place, change, author)? {
                views.insert(index, view);
            }
        }
        let mut accepted = self.content(overlay, place, (author, views), spent)?;
        let mut roles = vec![self.membership(&place, author)?];
        for part in &self.parts {
            let role = part.place.as_ref().map_or(Ok(None), |place| self.membership(place, author));
            roles.push(role.map_err(|abort| abort.within(&in_domain(part.entered.domain)))?);
        }
        let refusals = accepted.take_refusal().into_iter().chain(roles.into_iter().flatten());
        match refusals.min_by_key(|refusal| refusal.stage) {
            Some(refusal) => Err(refusal.into()),
            None if two_phase::decides(self.body()) => Ok(accepted),
            None => self.within_quotas(&place, &accepted).map(|()| accepted),
        }
    }

    /// A change that waited takes effect only with every word that the rules of its paths ask for now; and a key that was
    /// revoked meanwhile locks nothing and has no say in anything. Its files are those of its organisation.
    pub(crate) fn still_holds(
        &self,
        overlay: &Overlay,
        pending: &PendingChange,
        accepted: Accepted,
    ) -> Result<Accepted, Abort> {
        if let Some(required) = pending.unmet(&accepted.applied.requirements) {
            let detail =
                format!("{:?} asks for more words now than when it was ordered: send it again", required.pattern);
            return Err(Abort::refused(Code::Approvals, detail));
        }
        let speaks = |op: &Op| match op.kind() {
            OpKind::File | OpKind::Transaction => false,
            OpKind::Lock | OpKind::Governance | OpKind::Opinion => !matches!(op, Op::Release { .. }),
        };
        match self.body().changes.iter().flat_map(|change| &change.ops).any(speaks) {
            true => self.author(overlay).map(|_| accepted),
            false => Ok(accepted),
        }
    }

    /// The changes of the envelope's own domain.
    fn own_changes(&self) -> &[Change] {
        let changes = &self.body().changes;
        &changes[..changes.len() - self.parts.len()]
    }

    /// Whether all of it takes effect as it was written, or nothing.
    fn holds_together(&self) -> bool {
        !self.parts.is_empty() || composition::is_one(self.body())
    }

    /// Bytes of contents that the view after it names and their paths do not serve, of those that count.
    pub(crate) fn unserved_bytes(
        &self,
        overlay: &Overlay,
        domain: u32,
        view: &AuthorView,
        counts: impl Fn(&Digest) -> bool,
    ) -> Result<u64, StoreError> {
        let mut bytes: u64 = 0;
        for (path, file) in view.writes().filter(|(_, file)| counts(&file.content)) {
            let record: Option<FileRecord> = overlay.get(domain, &name::file(path))?;
            let served = record.and_then(|record| record.file).map(|served| served.content);
            bytes = bytes.saturating_add(if served == Some(file.content) { 0 } else { file.size });
        }
        Ok(bytes)
    }

    /// Bytes that count for the rates: those that it carries, and those of old contents that it keeps from leaving the
    /// horizon. The horizon of all moves by these, so nobody names them faster than they could send them.
    fn load(&self, overlay: &Overlay, view: &AuthorView, bytes: usize) -> Result<usize, StoreError> {
        let Some(place) = self.place else { return Ok(bytes) };
        let is_named_only = |content: &Digest| self.envelope.content(content).is_none();
        let kept = self.unserved_bytes(overlay, place.record.number, view, is_named_only)?;
        Ok(bytes.saturating_add(usize::try_from(kept).unwrap_or(usize::MAX)))
    }

    /// Stage `access`, at last: what is taken of the rates after this envelope of so many bytes. Asked once, where it is
    /// ordered; a change that waited for others does not come faster by it.
    ///
    /// By domain: a transaction takes of the rates of each.
    pub(crate) fn rates(
        &self,
        overlay: &Overlay,
        author: &AuthorRecord,
        view: &AuthorView,
        bytes: usize,
    ) -> Result<Vec<(u32, Takes)>, Abort> {
        let places = self.place.iter().chain(self.parts.iter().filter_map(|part| part.place.as_ref()));
        let mut limited = places.filter(|place| !place.rates().are_none()).peekable();
        let bytes = if limited.peek().is_some() { self.load(overlay, view, bytes)? } else { bytes };
        let who = (self.body(), author.organisation.as_str());
        let mut taken = Vec::new();
        for place in limited {
            let number = place.record.number;
            let numbers = sequence(overlay, number, self.body())?;
            let takes = rates::take(place.rates(), who, bytes, place.time, &numbers, |name| overlay.get(number, name))?;
            taken.push((number, takes.map_err(|too_fast| Abort::from(too_fast.refusal))?));
        }
        Ok(taken)
    }

    /// Stage `sequence`: the view that a change names; none for the view of the change before it.
    fn view(
        &self,
        overlay: &mut Overlay,
        place: &DomainView,
        change: &Change,
        author: &AuthorRecord,
    ) -> Result<Option<AuthorView>, Abort> {
        match change.base {
            Base::Previous => Ok(None),
            Base::Revision(revision) => {
                self.within_horizon(place, revision)?;
                begun_before(place, author, revision)?;
                Ok(Some(AuthorView::of_revision(revision)))
            }
            Base::Envelope(id) => {
                let view = self.earlier(overlay, place, id)?;
                self.within_horizon(place, view.first)?;
                chain::lay_out(overlay, id, &view)?;
                Ok(Some(AuthorView::of_envelope(id, &view)))
            }
        }
    }

    fn within_horizon(&self, place: &DomainView, revision: Revision) -> Result<(), Abort> {
        if revision.seq() >= self.revision.seq() {
            return Err(Abort::refused(Code::BaseUnknown, format!("revision {revision} is not in the past")));
        }
        if revision.seq() < place.floor {
            let detail = format!("revision {revision} lies beyond the horizon, which begins at slot {}", place.floor);
            return Err(Abort::refused(Code::BaseTooOld, detail));
        }
        Ok(())
    }

    /// View of an earlier envelope of the author in this domain. Whether one beyond the horizon is still on this disk
    /// must not matter: it is unknown.
    fn earlier(&self, overlay: &Overlay, place: &DomainView, id: EnvelopeId) -> Result<ViewRecord, Abort> {
        let (domain, sequence) = (place.record.number, sequence(overlay, place.record.number, self.body())?);
        let is_earlier = |(key, row): &(Vec<u8>, NumberRow)| {
            let origin = row.view().map_or(row.ordinal, |view| view.place.origin);
            rows::is_number_of(key, domain, &self.body().author)
                && numbers::is_known(origin, row.slot, &sequence, place.floor)
        };
        let Some((_, row)) = numbers::of_envelope(overlay, &id)?.filter(is_earlier) else {
            let detail = format!("{id} is no earlier envelope of this author and domain, or its chain is too long");
            return Err(Abort::refused(Code::BaseUnknown, detail));
        };
        match row.answer {
            NumberAnswer::Accepted(view) => Ok(view),
            NumberAnswer::Waits(view) if !overlay.has(domain, &name::refused(&id))? => Ok(view),
            _ => Err(Abort::refused(Code::BaseRefused, format!("{id} was refused"))),
        }
    }

    fn attribution<'r>(&self, author: &'r AuthorRecord) -> Attribution<'r> {
        let (id, revision, organisation) = (self.id, self.revision, author.organisation.as_str());
        Attribution { id, author: self.body().author, organisation, revision }
    }

    /// Stage `content`: lays all changes over the files.
    fn content(
        &self,
        overlay: &mut Overlay,
        place: DomainView,
        (author, views): (&AuthorRecord, BTreeMap<usize, AuthorView>),
        spent: &mut Spent,
    ) -> Result<Accepted, Abort> {
        let mut applier = Applier::new(overlay, self.limits, place, self.attribution(author));
        applier.carries(self.envelope);
        applier.goes_on(core::mem::take(spent));
        let view = self.lay(&mut applier, views);
        let (applied, left) = applier.applied_and_spent();
        *spent = left;
        let view = view?;
        let others = self.content_of_parts(overlay, author, spent)?;
        Ok(Accepted { applied, view, others })
    }

    /// The view after the last change of the envelope's own domain.
    fn lay(&self, applier: &mut Applier, mut views: BTreeMap<usize, AuthorView>) -> Result<AuthorView, Abort> {
        let mut view = AuthorView::of_revision(Revision::GENESIS);
        for (index, change) in self.own_changes().iter().enumerate() {
            if let Some(named) = views.remove(&index) {
                view = named;
            }
            applier.is_in(self.name_of(index));
            applier.change(change, &mut view)?;
            if self.holds_together() {
                applier.has_held()?;
            }
        }
        Ok(view)
    }

    /// Stage `content` in the other domains of a transaction.
    fn content_of_parts(
        &self,
        overlay: &mut Overlay,
        author: &AuthorRecord,
        spent: &mut Spent,
    ) -> Result<Vec<Applied>, Abort> {
        let mut others = Vec::new();
        for part in &self.parts {
            let (change, name) = (part.entered.change, in_domain(part.entered.domain));
            let Some(place) = part.place else {
                check_paths(change)?;
                let detail = format!("no domain {:?}", part.entered.domain);
                return Err(Abort::refused(Code::UnknownDomain, detail));
            };
            let view = self.view(overlay, &place, change, author).map_err(|abort| abort.within(&name))?;
            let mut view = view.unwrap_or_else(|| AuthorView::of_revision(Revision::GENESIS));
            let mut applier = Applier::new(overlay, self.limits, place, self.attribution(author));
            applier.carries(self.envelope);
            applier.goes_on(core::mem::take(spent));
            applier.is_in(Some(name));
            let changed = applier.change(change, &mut view).and_then(|()| applier.has_held());
            let (applied, left) = applier.applied_and_spent();
            *spent = left;
            changed?;
            if let Some(requirement) = applied.requirements.first() {
                return Err(requirement.in_transaction().within(&in_domain(part.entered.domain)).into());
            }
            others.push(applied);
        }
        Ok(others)
    }

    /// Name by which a refusal calls a change of a composition or transaction.
    fn name_of(&self, index: usize) -> Option<String> {
        if !self.parts.is_empty() {
            return Some(in_domain(&self.body().domain));
        }
        let (count, number) = (self.body().changes.len(), self.body().from_seq + index as u64);
        composition::is_one(self.body()).then(|| format!("part {} of {count}, number {number}", index + 1))
    }

    fn within_quotas(&self, place: &DomainView, accepted: &Accepted) -> Result<(), Abort> {
        if !self.parts.is_empty()
            && let Some(requirement) = accepted.applied.requirements.first()
        {
            return Err(requirement.in_transaction().into());
        }
        within_quota(place, &accepted.applied)?;
        let parts = self.parts.iter().zip(&accepted.others);
        parts
            .filter_map(|(part, applied)| Some((part.place?, applied)))
            .try_for_each(|(place, applied)| within_quota(&place, applied))
    }

    /// Stage `domain`: is the author a member? And what stage `access` will say, if members of that kind may not do
    /// this: what comes between is asked first. Authors whom the policy names to attest or to speak for an organisation
    /// may do that without being writers.
    fn membership(&self, place: &DomainView, author: &AuthorRecord) -> Result<Option<Refusal>, Abort> {
        let (key, organisation) = (&self.body().author, author.organisation.as_str());
        let policy = &place.record.policy;
        let only_speaks =
            || self.body().changes.iter().flat_map(|change| &change.ops).all(|op| op.kind() == OpKind::Opinion);
        let reads = covers(&policy.readers, key, organisation);
        // Whether the word of somebody who may speak counts is asked where it is heard.
        let may_speak = || reads || policy.names(key, organisation);
        if covers(&policy.writers, key, organisation) || (only_speaks() && may_speak()) {
            Ok(None)
        } else if reads {
            Ok(Some(Refusal::new(Code::Role, format!("{key} may read {} and not write", place.name))))
        } else {
            Err(Abort::refused(Code::NotMember, format!("{key} is no member of {}", place.name)))
        }
    }
}

impl Accepted {
    /// Refusal by the first of the later stages, in whatever domain.
    fn take_refusal(&mut self) -> Option<Refusal> {
        let all = core::iter::once(&mut self.applied).chain(&mut self.others);
        all.filter_map(Applied::take_refusal).min_by_key(|refusal| refusal.stage)
    }
}

/// A base lies at or after what made the domain and enrolled the author: an envelope that was refused because one of
/// them was not there yet is refused for good, whoever orders it again.
fn begun_before(place: &DomainView, author: &AuthorRecord, base: Revision) -> Result<(), Abort> {
    let begun = author.since.max(place.record.since);
    if base.seq() >= begun.seq() {
        return Ok(());
    }
    let detail = format!("revision {base} is older than its author or its domain, which begin at {begun}");
    Err(Abort::refused(Code::BaseTooOld, detail))
}

fn in_domain(domain: &str) -> String {
    format!("in {domain:?}")
}

/// Stage `access`: the quota of a domain.
fn within_quota(place: &DomainView, applied: &Applied) -> Result<(), Abort> {
    place.over_quota(applied.files, applied.bytes).map_or(Ok(()), |refusal| Err(refusal.into()))
}

/// An author's numbers in a domain as they stand.
pub(crate) fn sequence(overlay: &Overlay, domain: u32, body: &Body) -> Result<Sequence, StoreError> {
    Ok(overlay.get(domain, &name::sequence(&body.author))?.unwrap_or_else(Sequence::new))
}
