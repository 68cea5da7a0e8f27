//! An author at work: what is unanswered goes first, then one change after another is signed, kept and sent.

mod across;
mod error;
mod giving_up;
mod repeated;
mod sending;
mod settling;
mod streaming;
mod transact;

pub use across::{Across, AcrossError, Ended, Refusal, Side, proof_for};
pub use error::SubmitError;
pub use streaming::Streaming;
pub use transact::{Plan, Planned};

use crate::api::{AuthorInfo, CLOSED_DOMAIN, Pending, Problem, Standing, Ticket, named};
use crate::calls::Posted;
use crate::http::{Client, ClientError};
use crate::keys::{self, Key, KeyError};
use crate::outbox::{Answer, Chain, Name, Outbox, OutboxError, Place};
use error::{is_long_lost_race, is_lost_race, not_taken, refused, unanswered, unjudged};
use quorate_ledger::{
    Base, Body, Change, Envelope, EnvelopeId, GROUP_DOMAIN, Level, Op, Receipt, Revision, Stage, State, is_name,
};
use quorate_pbft::{Digest, PublicKey, SeqNum};
use std::fmt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Answer to a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The order has spoken.
    Verdict(Receipt),
    /// At level `eventual`: somebody will try.
    Ticket(Ticket),
}

/// Operations that are not yet signed.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Base of the changes; none for the newest that this author can have seen.
    pub base: Option<Base>,
    /// In order.
    pub ops: Vec<Op>,
    /// Contents that the operations name. A put may leave out a content that its own path has, or had within the base horizon. The put of
    /// another one waits without a verdict, also where the group has it elsewhere, and so do changes after it ([`Author::give_up`]).
    pub contents: Vec<Vec<u8>>,
    /// For people.
    pub message: String,
}

/// A key with its outbox, in front of a node. Calls share the client's time, which runs from [`Author::open`]: who keeps an author
/// calls [`Author::renew`] before each.
pub struct Author {
    signer: Key,
    outbox: Outbox,
    client: Client,
    domain: String,
    unnoted: Option<SubmitError>,
    /// Whether all that has no answer was sent since this author was opened.
    is_sent: bool,
    /// Whether some of it was held back then: the change after the next sends it again.
    is_held_back: bool,
}

impl Author {
    /// Opens the key of this name, as [`Key::open`], and its outbox; waits for the outbox while another command uses it.
    pub async fn open(key: &Path, client: Client, domain: &str) -> Result<Self, SubmitError> {
        if !is_name(domain) && domain != GROUP_DOMAIN {
            return Err(SubmitError::Domain(domain.into()));
        }
        let (signer, home) = (Key::open(key)?, keys::home(key)?);
        // Somebody may have typed a passphrase meanwhile.
        let client = client.renewed();
        let mut tries = client.tries();
        let outbox = loop {
            match Outbox::open(&home) {
                Err(busy @ OutboxError::Busy(_)) => tries.pause(busy.to_string(), None).await.map_err(|_| busy)?,
                other => break other?,
            }
        };
        Ok(Self { signer, outbox, client, domain: domain.into(), unnoted: None, is_sent: false, is_held_back: false })
    }

    /// Key that signs.
    pub fn key(&self) -> PublicKey {
        self.signer.public_key()
    }

    /// Whether an envelope of this key has no answer yet: the domain may be other than the node knows it.
    pub fn has_unanswered(&self) -> bool {
        !self.outbox.unanswered().is_empty()
    }

    /// The chain that the next change would go on; see [`Outbox::chain`].
    pub fn chain(&self) -> Option<Chain> {
        self.outbox.chain(&self.domain)
    }

    /// Whether the outbox has receipts: a node that has executed what they speak of is no laggard.
    pub fn has_receipts(&self) -> bool {
        self.outbox.newest_revision().is_some()
    }

    /// Error of the note of a verdict, once: its envelope is sent again first, and has the same verdict.
    pub fn unnoted(&mut self) -> Option<SubmitError> {
        self.unnoted.take()
    }

    /// Gives the next change the whole time again.
    pub fn renew(&mut self) {
        self.client = self.client.renewed();
    }

    fn sign(&self, draft: &Draft, node: &AuthorInfo, floor: u64) -> Result<Envelope, KeyError> {
        self.sign_on(draft.base, draft, node, floor)
    }

    /// Signs a draft on a base; none for the newest that this author can have seen.
    fn sign_on(&self, base: Option<Base>, draft: &Draft, node: &AuthorInfo, floor: u64) -> Result<Envelope, KeyError> {
        let place = self.outbox.next_place(&self.domain, node, floor, 1);
        let base = base.unwrap_or_else(|| self.newest_base(node, place.from_seq));
        let change = Change::new(base, draft.ops.clone(), draft.message.clone(), now_ms());
        self.enclose(&node.group, place, vec![change], &draft.contents)
    }

    /// Changes of this author's domain at a place, signed.
    fn enclose(
        &self,
        group: &Digest,
        place: Place,
        changes: Vec<Change>,
        contents: &[Vec<u8>],
    ) -> Result<Envelope, KeyError> {
        let body = Body {
            author: self.key(),
            domain: self.domain.clone(),
            from_seq: place.from_seq,
            to_seq: place.to_seq,
            attempt: place.attempt,
            changes,
            carried: vec![],
        };
        Envelope::sign_by(group, body, contents.to_vec(), |bytes| self.signer.sign(bytes))
    }

    fn newest_base(&self, node: &AuthorInfo, number: u64) -> Base {
        self.outbox.newest_unanswered(&self.domain, number).map_or(Base::Revision(node.revision), Base::Envelope)
    }

    /// Only what speaks of this envelope, as a node of quorate speaks, answers it.
    fn judged(&self, id: Option<EnvelopeId>, posted: Result<Posted, ClientError>) -> Result<Posted, ClientError> {
        match posted {
            Ok(Posted::Verdict(receipt)) if Some(receipt.id) != id => {
                Err(self.client.garbled(format!("a receipt of another envelope, {}", receipt.id)))
            }
            Err(ClientError::Refused(problem)) if problem.stage.is_none() && !problem.settles_nothing() => {
                Err(self.client.garbled(problem.to_string()))
            }
            other => other,
        }
    }

    /// Remembers what an answer settles; gives it, and the answers to what is given up with it.
    fn note(
        &mut self,
        id: Option<EnvelopeId>,
        name: &Name,
        posted: &Result<Posted, ClientError>,
    ) -> Result<Vec<Answer>, SubmitError> {
        let answer = match posted {
            Ok(Posted::Verdict(receipt)) => Answer::Verdict(receipt.clone()),
            Err(ClientError::Refused(problem)) if !problem.settles_nothing() => Answer::Gate((**problem).clone()),
            Ok(Posted::Ticket(_)) | Err(_) => return Ok(Vec::new()),
        };
        match self.write_down(id, name, &answer) {
            // The order has spoken: a disk that fails hides no verdict.
            Err(error) if matches!(answer, Answer::Verdict(_)) => self.unnoted = Some(error),
            noted => noted?,
        }
        let is_refused = matches!(&answer, Answer::Verdict(receipt) if receipt.state == State::Refused);
        let given_up = if is_refused { self.give_up_hopeless() } else { Ok(Vec::new()) };
        let given_up = given_up.unwrap_or_else(|error| {
            self.unnoted = Some(error);
            Vec::new()
        });
        Ok([vec![answer], given_up].concat())
    }

    fn write_down(&mut self, id: Option<EnvelopeId>, name: &Name, answer: &Answer) -> Result<(), SubmitError> {
        self.outbox.answer(name, answer.clone())?;
        id.map_or(Ok(()), |id| Ok(self.client.forget(&id)?))
    }

    /// The group that the outbox is pinned to, once something was signed.
    pub fn group(&self) -> Option<Digest> {
        self.outbox.group()
    }
}

impl fmt::Debug for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { outbox, client, domain, .. } = self;
        write!(f, "Author({} in {domain} at {}, {} unanswered)", self.key(), client.node(), outbox.unanswered().len())
    }
}

/// The author's clock, as metadata of a change.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
