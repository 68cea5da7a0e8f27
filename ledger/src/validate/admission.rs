//! The admission gate: what must not enter a lane stays out; all else is ordered, so that a refusal is a verdict.

use crate::format::body::Body;
use crate::format::change::Op;
use crate::format::constants::{GROUP, GROUP_DOMAIN};
use crate::format::envelope::Envelope;
use crate::format::governance::{Act, Proposal};
use crate::format::receipt::Receipt;
use crate::format::signature::Predicate;
use crate::format::two_phase;
use crate::state::ledger::Ledger;
use crate::state::numbers::{Told, Used};
use crate::state::record::{AuthorRecord, NumberAnswer, Sequence, Verdict};
use crate::state::store::{Read, StoreError, Table};
use crate::state::{entry, name};
use crate::validate::rates::{self, TooFast};
use crate::vocabulary::ids::EnvelopeId;
use crate::vocabulary::verdict::{Code, Refusal};
use quorate_pbft::{PublicKey, Time};

/// An envelope that may enter a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// Names it.
    pub id: EnvelopeId,
    /// Envelope as it was decoded.
    pub envelope: Envelope,
    /// Organisation of its author.
    pub organisation: String,
    /// Sequencing of the envelope by the state.
    pub sequencing: Sequencing,
    /// The author's numbers in the domain.
    pub(crate) numbers: Sequence,
}

/// Sequencing of an envelope among its author's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sequencing {
    /// Its numbers are next.
    Ready,
    /// A number before it is missing (A2).
    Waits {
        /// The number that is next.
        next: u64,
    },
    /// The same bytes had their verdict.
    Judged(Receipt),
}

/// An envelope that may not enter a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAdmitted {
    /// Stage, code and detail.
    pub refusal: Refusal,
    /// Numbers of an envelope that was refused for them.
    pub numbers: Option<Numbers>,
}

/// Numbers of an envelope beside its author's next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    /// First number of the envelope.
    pub from_seq: u64,
    /// Last number of the envelope.
    pub to_seq: u64,
    /// The author's next number, as executed.
    pub next_seq: u64,
    /// Verdict on the envelope that has left the history kept here; none where another envelope surely holds its number.
    pub forgotten: Option<Forgotten>,
}

/// Verdict at a number that the history kept here does not tell any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgotten {
    /// The envelope had one, and used the number; its receipt is gone.
    Receipt,
    /// An envelope used the number: this one or another.
    Number,
}

impl Ledger {
    /// Says whether an envelope may enter a lane: stages `structure` and `signature`, and its place among its author's.
    pub fn admit(&self, read: &dyn Read, bytes: &[u8]) -> Result<Result<Admission, NotAdmitted>, StoreError> {
        let group = self.genesis().group();
        let checked = Envelope::decode(bytes, self.genesis().limits())
            .and_then(|envelope| Ok((envelope.check_signature(&group, Predicate::of(self.genesis()))?, envelope)));
        match checked {
            Ok((id, envelope)) => self.admit_signed(read, id, envelope),
            Err(refusal) => Ok(Err(refusal.into())),
        }
    }

    /// The same of an envelope whose form and signature were found right.
    pub fn admit_signed(
        &self,
        read: &dyn Read,
        id: EnvelopeId,
        envelope: Envelope,
    ) -> Result<Result<Admission, NotAdmitted>, StoreError> {
        let rules = if self.executed().is_last() { self.next_rules() } else { self.rules() };
        if let Err(refusal) = two_phase::check(&envelope.body, rules) {
            return Ok(Err(refusal.into()));
        }
        let author: Option<AuthorRecord> = entry::load(read, 0, &name::author(&envelope.body.author))?;
        let Some(AuthorRecord { organisation, .. }) = author else {
            let detail = format!("{} is not enrolled", envelope.body.author);
            return Ok(Err(Refusal::new(Code::UnknownAuthor, detail).into()));
        };
        if let Some(receipt) = self.receipt(read, &id)? {
            let (sequencing, numbers) = (Sequencing::Judged(receipt), Sequence::new());
            return Ok(Ok(Admission { id, envelope, organisation, sequencing, numbers }));
        }
        if let Some(why) = unknown_rules(read, &envelope.body)? {
            return Ok(Err(Refusal::new(Code::BadAct, why).into()));
        }
        let numbers = self.sequence(read, &envelope.body.domain, &envelope.body.author)?;
        let gap_max = self.genesis().limits().gap_max;
        Ok(match follows(&envelope.body, &numbers, gap_max) {
            Ok(sequencing) => Ok(Admission { id, envelope, organisation, sequencing, numbers }),
            Err(refusal) => {
                let forgotten = self.forgotten(read, &id, &envelope.body, &numbers)?;
                Err(NotAdmitted { refusal, numbers: Some(Numbers::of(&envelope.body, &numbers, forgotten)) })
            }
        })
    }

    /// Forgotten verdict of an envelope without a receipt here. One that was accepted has used all its numbers.
    fn forgotten(
        &self,
        read: &dyn Read,
        id: &EnvelopeId,
        body: &Body,
        numbers: &Sequence,
    ) -> Result<Option<Forgotten>, StoreError> {
        let Some(domain) = self.domain(&body.domain).filter(|_| body.to_seq < numbers.next) else { return Ok(None) };
        let (author, number, attempt) = (&body.author, body.from_seq, body.attempt);
        let used = Used { domain: domain.record.number, author, number, attempt };
        Ok(match used.told(read, numbers)? {
            Told::By(row) if row.envelope == *id && row.answer != NumberAnswer::Refused => Some(Forgotten::Receipt),
            Told::By(_) | Told::Nobody => None,
            Told::Forgotten => Some(Forgotten::Number),
        })
    }

    /// By how much an envelope comes too fast, if it does, at `now` by the asker's clock: ledger time stands still in
    /// an idle group. An envelope that never fits is not held back here, so that its refusal is a verdict.
    pub fn comes_too_fast(
        &self,
        read: &dyn Read,
        admission: &Admission,
        bytes: usize,
        now: Time,
    ) -> Result<Option<TooFast>, StoreError> {
        let body = &admission.envelope.body;
        let Some(domain) = self.domain(&body.domain).filter(|_| matches!(admission.sequencing, Sequencing::Ready))
        else {
            return Ok(None);
        };
        let (number, group) = (domain.record.number, self.group_policy());
        let rates = if number == GROUP { &group.rates } else { &domain.record.policy.rates };
        if rates.are_none() {
            return Ok(None);
        }
        let (who, now) = ((body, admission.organisation.as_str()), now.max(self.head().time));
        let takes = rates::take(rates, who, bytes, now, &admission.numbers, |name| entry::load(read, number, name))?;
        Ok(takes.err().filter(|too_fast| too_fast.wait_ms.is_some()))
    }

    /// Organisation of an author, as executed; empty for a stranger.
    pub fn organisation(&self, read: &dyn Read, author: &PublicKey) -> Result<String, StoreError> {
        let author: Option<AuthorRecord> = entry::load(read, GROUP, &name::author(author))?;
        Ok(author.map_or_else(String::new, |author| author.organisation))
    }

    /// The verdict on an envelope.
    pub fn receipt(&self, read: &dyn Read, id: &EnvelopeId) -> Result<Option<Receipt>, StoreError> {
        Ok(self.verdict(read, id)?.map(|verdict| verdict.receipt))
    }

    pub(crate) fn verdict(&self, read: &dyn Read, id: &EnvelopeId) -> Result<Option<Verdict>, StoreError> {
        entry::load_row(read, Table::Receipts, &id.0.0)
    }

    /// The number of an author's next envelope in a domain, as executed.
    pub fn next_seq(&self, read: &dyn Read, author: &PublicKey, domain: &str) -> Result<u64, StoreError> {
        Ok(self.sequence(read, domain, author)?.next)
    }

    pub(crate) fn sequence(&self, read: &dyn Read, domain: &str, author: &PublicKey) -> Result<Sequence, StoreError> {
        let stored = match self.domain(domain) {
            Some(domain) => entry::load(read, domain.record.number, &name::sequence(author))?,
            None => None,
        };
        Ok(stored.unwrap_or_else(Sequence::new))
    }
}

/// Why an envelope does not enter the lane of a node that could not go on by what it proposes or approves.
fn unknown_rules(read: &dyn Read, body: &Body) -> Result<Option<String>, StoreError> {
    for op in body.changes.iter().flat_map(|change| &change.ops) {
        let why = match op {
            Op::Propose { act: Act::Reconfigure { change } } => change.unknown_rules(),
            Op::Approve { proposal } if body.domain == GROUP_DOMAIN => {
                let proposal: Option<Proposal> = entry::load(read, GROUP, &name::proposal(proposal))?;
                match proposal.filter(|proposal| proposal.end.is_none()).map(|proposal| proposal.act) {
                    Some(Act::Reconfigure { change }) => change.unknown_rules(),
                    _ => None,
                }
            }
            _ => None,
        };
        if why.is_some() {
            return Ok(why);
        }
    }
    Ok(None)
}

/// Says where an envelope stands among its author's numbers.
fn follows(body: &Body, numbers: &Sequence, gap_max: u64) -> Result<Sequencing, Refusal> {
    let (next, first) = (numbers.next, body.from_seq);
    if first < next {
        Err(Refusal::new(Code::Overlap, format!("it begins at {first}, the next number is {next}")))
    } else if first == next && body.attempt <= numbers.attempt {
        let detail = format!("attempt {} for number {next} had its verdict", numbers.attempt);
        Err(Refusal::new(Code::SequenceTaken, detail))
    } else if first - next > gap_max {
        let detail = format!("it begins at {first}, more than {gap_max} above the next number {next}");
        Err(Refusal::new(Code::GapTooWide, detail))
    } else if first > next {
        Ok(Sequencing::Waits { next })
    } else {
        Ok(Sequencing::Ready)
    }
}

impl Numbers {
    fn of(body: &Body, numbers: &Sequence, forgotten: Option<Forgotten>) -> Self {
        Self { from_seq: body.from_seq, to_seq: body.to_seq, next_seq: numbers.next, forgotten }
    }
}

impl From<Refusal> for NotAdmitted {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, numbers: None }
    }
}
