//! An author at work: what is unanswered goes first, then one change after another is signed, kept and sent.

mod across;
mod giving_up;
mod repeated;
mod streaming;
mod transact;

pub use across::{Across, AcrossError, Ended, Refusal, Side, proof_for};
pub use streaming::Streaming;
pub use transact::{Plan, Planned};

use crate::api::{AuthorInfo, CLOSED_DOMAIN, Pending, Problem, Standing, Ticket, named};
use crate::calls::Posted;
use crate::http::{Client, ClientError};
use crate::keys::{self, Key, KeyError};
use crate::outbox::{Answer, Chain, Name, Outbox, OutboxError, Place};
use quorate_ledger::{
    Base, Body, Change, Envelope, EnvelopeId, GROUP_DOMAIN, Level, Op, Receipt, Revision, Stage, State, is_name,
};
use quorate_pbft::{Digest, PublicKey, SeqNum};
use serde_json::Value;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Code of an answer about a domain that is not there.
const UNKNOWN_DOMAIN: &str = "unknown-domain";

/// Time in which the group says that it has no domain of a name. Where nothing can be confirmed, a change is signed all the same.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(3);

/// Times that an envelope is signed again because another machine took its number: each is one race that was lost.
const RACES_MAX: u32 = 16;

/// Why a change has no verdict.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// No key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// No outbox.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// Failed before the envelope was sent.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Refused to sign: an earlier envelope of this key has no answer in time.
    #[error("{error}; nothing was signed, because an earlier change may still be ordered: {id}")]
    Earlier {
        /// The earlier envelope, kept in the outbox.
        id: EnvelopeId,
        /// Error that ended the wait.
        error: ClientError,
    },
    /// Refused to sign: the node does not keep the history that tells what became of an earlier envelope of this key.
    #[error("{problem}; nothing was signed, because an earlier change may have been applied: {id}")]
    Forgotten {
        /// The earlier envelope, kept in the outbox.
        id: EnvelopeId,
        /// File of the envelope.
        file: PathBuf,
        /// As the node says it.
        problem: Box<Problem>,
    },
    /// Sent without an answer in time. The envelope is kept in the outbox.
    #[error("{error}; the change may still be ordered: {}", .receipt.id)]
    Unanswered {
        /// Receipt so far: the envelope waits, or is refused where the node held it back and has taken nothing.
        receipt: Box<Receipt>,
        /// Error that ended the wait.
        error: ClientError,
    },
    /// The gate refused it: it was not ordered.
    #[error("{problem}")]
    Gate {
        /// Receipt as it would be.
        receipt: Box<Receipt>,
        /// As the node says it.
        problem: Box<Problem>,
    },
    /// Domain that the group does not have.
    #[error("no domain {0}: nothing was sent")]
    NoDomain(String),
    /// File beside the outbox that could not be written: the envelope was not sent.
    #[error("{0}")]
    NotKept(String),
    /// The name cannot be a domain's.
    #[error("`{0}` cannot name a domain: up to 100 of a-z A-Z 0-9 . _ -, the first a letter or digit")]
    Domain(String),
}

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

    /// Sends again, byte for byte, what has no answer; gives the answers that are there now, and those of what was given up.
    pub async fn resend(&mut self) -> Result<Vec<Answer>, SubmitError> {
        let mut answers = Vec::new();
        self.resend_telling(|answer| answers.push(answer.clone())).await?;
        Ok(answers)
    }

    /// The same; tells of each answer as it comes, so that none is lost with an error behind it.
    pub async fn resend_telling(&mut self, mut tell: impl FnMut(&Answer)) -> Result<(), SubmitError> {
        self.give_up_hopeless()?.iter().for_each(&mut tell);
        let mut client = self.client.clone();
        self.is_held_back = false;
        for name in self.outbox.unanswered() {
            if !self.outbox.is_unanswered(&name) {
                continue; // given up with the one before
            }
            let (id, bytes) = (self.outbox.id(&name), self.outbox.bytes(&name)?);
            let posted = self.judged(id, client.post_again(id, bytes).await);
            self.check_group(&posted).await?;
            self.note(id, &name, &posted)?.iter().for_each(&mut tell);
            match (posted, id) {
                (Err(ClientError::Refused(problem)), Some(id)) if problem.is_of_pruned_history() => {
                    return Err(self.forgotten(id, &name, problem));
                }
                // Another node may have taken it, and what comes after it would wait for it here.
                (Err(error), Some(id)) if error.is_of_size_here() => return Err(SubmitError::Earlier { id, error }),
                (Ok(_) | Err(ClientError::Refused(_)), _) => (),
                // This node has no room for it now. It stays unanswered, as another node may have taken it, and keeps
                // nobody from other things: one wait for the node is enough.
                (Err(ClientError::NoAnswer { held_back: Some(_), .. }), _) => {
                    self.is_held_back = true;
                    self.renew();
                    client = self.client.with_one_try();
                }
                (Err(error), Some(id)) => return Err(SubmitError::Earlier { id, error }),
                (Err(error), None) => return Err(error.into()),
            }
        }
        self.is_sent = true;
        Ok(())
    }

    /// Waits until the order has spoken on all that is unanswered in the domain; the receipts in the order of the numbers.
    ///
    /// Asks for the verdicts instead of sending everything again; what the node does not know is sent. A verdict that could not
    /// be noted is among them, and [`Author::unnoted`] says so.
    pub async fn settle(&mut self) -> Result<Vec<Receipt>, SubmitError> {
        self.settle_telling(|_| ()).await
    }

    /// The same; tells of each answer as it comes, and of the answers to what is given up with it.
    pub async fn settle_telling(&mut self, tell: impl Fn(&Answer)) -> Result<Vec<Receipt>, SubmitError> {
        let mut receipts = Vec::new();
        self.give_up_hopeless()?.iter().for_each(&tell);
        for name in self.outbox.unanswered_in(&self.domain) {
            if !self.outbox.is_unanswered(&name) {
                continue; // given up with the one before
            }
            receipts.push(self.settle_one(&name, &tell).await?);
        }
        Ok(receipts)
    }

    /// Error of a wait for earlier changes, with the first that may still be ordered.
    pub fn earlier(&self, error: SubmitError) -> SubmitError {
        let first = self.outbox.unanswered_in(&self.domain).first().and_then(|name| self.outbox.id(name));
        match (error, first) {
            (SubmitError::Client(error), Some(id))
                if matches!(error, ClientError::NoAnswer { .. }) || error.is_of_size_here() =>
            {
                SubmitError::Earlier { id, error }
            }
            (error, _) => error,
        }
    }

    /// Gives up what can only be refused, so that nothing waits for it; the answer to each.
    fn give_up_hopeless(&mut self) -> Result<Vec<Answer>, SubmitError> {
        let given_up = self.outbox.give_up_hopeless()?;
        for id in &given_up {
            self.client.forget(id)?;
        }
        Ok(given_up.iter().filter_map(|id| self.outbox.find(id)?.answer.clone()).collect())
    }

    async fn settle_one(&mut self, name: &Name, tell: impl Fn(&Answer)) -> Result<Receipt, SubmitError> {
        let (id, bytes) = (self.outbox.id(name), self.outbox.bytes(name)?);
        self.renew();
        let client = self.client.clone();
        let mut tries = client.tries();
        loop {
            let known = match id {
                Some(id) => client.envelope(&id).await,
                None => client.post(bytes.clone()).await,
            };
            let posted = match known {
                // The same bytes again are answered to whoever has them, with a token or without.
                Err(ClientError::Refused(problem)) if problem.status == 404 || problem.code == CLOSED_DOMAIN => {
                    client.post_again(id, bytes.clone()).await
                }
                Ok(Posted::Ticket(ticket)) if ticket.receipt.state == State::Expired => {
                    client.post_again(id, bytes.clone()).await
                }
                other => other,
            };
            let posted = self.judged(id, posted);
            self.check_group(&posted).await?;
            self.note(id, name, &posted)?.iter().for_each(&tell);
            match (posted, id) {
                (Err(ClientError::Refused(problem)), Some(id)) if problem.is_of_pruned_history() => {
                    return Err(self.forgotten(id, name, problem));
                }
                (Err(error), _) => return Err(tries.or_given_up(error).into()),
                (Ok(Posted::Verdict(receipt)), _) => return Ok(receipt),
                (Ok(Posted::Ticket(ticket)), _) => tries.pause_for(ticket).await?,
            }
        }
    }

    /// A refusal of form or signature is a verdict in the group alone for which it was signed: a node of another group calls
    /// each signature bad, and has limits of its own.
    async fn check_group(&mut self, posted: &Result<Posted, ClientError>) -> Result<(), SubmitError> {
        let Err(ClientError::Refused(problem)) = posted else { return Ok(()) };
        if matches!(problem.stage.as_deref().and_then(named), Some(Stage::Structure | Stage::Signature)) {
            let group = match self.info().await {
                Err(SubmitError::NoDomain(_)) => self.client.status().await?.group,
                info => info?.group,
            };
            self.outbox.enter(group)?;
        }
        Ok(())
    }

    fn forgotten(&self, id: EnvelopeId, name: &Name, problem: Box<Problem>) -> SubmitError {
        SubmitError::Forgotten { id, file: self.outbox.file(name), problem }
    }

    /// Signs a change, keeps it, sends it, and waits for its answer at that level. Earlier changes without an answer that this
    /// author has not sent yet go first, of all domains, within what is left of the time, and the change has the whole time again:
    /// [`Author::fate`] tells their end. One whose end the node has forgotten ends each submit ([`SubmitError::Forgotten`] names its file).
    pub async fn submit(&mut self, draft: &Draft, level: Level) -> Result<Outcome, SubmitError> {
        let sign = |author: &Self, node: &AuthorInfo, floor, _: &[Place]| author.sign(draft, node, floor);
        self.sign_and_send(&[], level, sign, |_| Ok(())).await
    }

    /// Signs a change and keeps it for a parcel to carry: nothing is sent. The node may be one that hears nobody.
    pub async fn keep(&mut self, draft: &Draft) -> Result<EnvelopeId, SubmitError> {
        self.keep_telling(draft, |_| ()).await
    }

    /// The same; tells of what is given up first, on which no change may be based.
    pub async fn keep_telling(&mut self, draft: &Draft, tell: impl FnMut(&Answer)) -> Result<EnvelopeId, SubmitError> {
        self.give_up_hopeless()?.iter().for_each(tell);
        let node = self.node_that_knows_us().await?;
        self.outbox.enter(node.group)?;
        let envelope = self.sign(draft, &node, 0)?;
        self.is_sent = false;
        self.outbox.keep(&node.group, &envelope)?;
        Ok(envelope.id(&node.group))
    }

    /// Signs with the next number, keeps and sends, and again with the one after it where another machine took that.
    /// `sign` is given the author's numbers in its own domain, the number below which all are taken, and the places in the
    /// `others`; `signed` is told each envelope's id before it is sent, and where it fails, nothing is.
    async fn sign_and_send(
        &mut self,
        others: &[&str],
        level: Level,
        sign: impl Fn(&Self, &AuthorInfo, u64, &[Place]) -> Result<Envelope, KeyError>,
        mut signed: impl FnMut(EnvelopeId) -> Result<(), SubmitError>,
    ) -> Result<Outcome, SubmitError> {
        if !self.has_unanswered() {
            (self.is_sent, self.is_held_back) = (true, false);
        } else if !self.is_sent {
            self.resend_telling(|_| ()).await?;
            self.renew();
        }
        let mut floor = 0;
        for _ in 0..RACES_MAX {
            let node = self.node_that_knows_us().await?;
            self.outbox.enter(node.group)?;
            let mut places = Vec::new();
            for domain in others {
                let info = self.info_in(domain).await?;
                places.push(self.outbox.next_place(domain, &info, 0, 1));
            }
            let envelope = sign(self, &node, floor, &places)?;
            if matches!(self.signer, Key::Agent(_)) {
                self.renew(); // the agent may have asked its owner
            }
            signed(envelope.id(&node.group))?;
            match self.keep_and_send(&node.group, &envelope, level).await? {
                Sent::Answered(outcome) => return Ok(*outcome),
                Sent::LostRace(next_seq) => floor = next_seq.max(floor),
            }
        }
        Err(self.client.garbled("every number is taken; does another machine use this key?").into())
    }

    /// Keeps an envelope that was signed just now, sends it, and waits for its answer at that level.
    async fn keep_and_send(&mut self, group: &Digest, envelope: &Envelope, level: Level) -> Result<Sent, SubmitError> {
        let id = envelope.id(group);
        self.is_sent = false; // until it is: whoever waits may stop at any time
        let (name, bytes) = self.outbox.keep(group, envelope)?;
        self.client.remember(id).map_err(|error| unanswered(unjudged(id, &envelope.body), error))?;
        let mut is_uncertain = false;
        let posted = self.client.submit_noting((Some(id), bytes), level, &mut is_uncertain).await;
        let posted = self.judged(Some(id), posted);
        self.note(Some(id), &name, &posted)?;
        self.is_sent = !self.is_held_back && (posted.is_ok() || !self.outbox.is_unanswered(&name));
        match posted {
            Ok(Posted::Verdict(receipt)) => Ok(Sent::Answered(Box::new(Outcome::Verdict(receipt)))),
            Ok(Posted::Ticket(ticket)) => Ok(Sent::Answered(Box::new(Outcome::Ticket(ticket)))),
            Err(ClientError::Refused(problem)) if is_lost_race(&problem) => {
                Ok(Sent::LostRace(problem.next_seq.unwrap_or(0)))
            }
            // It was signed just now and left this machine once, so that whoever used its numbers has sent another.
            Err(ClientError::Refused(problem)) if !is_uncertain && is_long_lost_race(&problem, &envelope.body) => {
                self.give_up_as(&name, &problem)?;
                Ok(Sent::LostRace(problem.next_seq.unwrap_or(0)))
            }
            Err(ClientError::Refused(problem)) if !problem.is_of_pruned_history() => {
                if problem.is_of_size_here() {
                    self.give_up_as(&name, &problem)?;
                }
                Err(refused(unjudged(id, &envelope.body), problem))
            }
            Err(ClientError::NoAnswer { node, waited, last, held_back: Some(problem), ticket }) => {
                self.give_up_as(&name, &problem)?;
                let receipt = Box::new(not_taken(unjudged(id, &envelope.body), &problem));
                let error = ClientError::NoAnswer { node, waited, last, held_back: Some(problem), ticket };
                Err(SubmitError::Unanswered { receipt, error })
            }
            Err(error) => Err(unanswered(unjudged(id, &envelope.body), error)),
        }
    }

    /// Gives up an envelope for this reason: what waits for ever would hold up this key for ever.
    fn give_up_as(&mut self, name: &Name, problem: &Problem) -> Result<(), SubmitError> {
        self.outbox.answer(name, Answer::Gate(problem.clone()))?;
        self.outbox.id(name).map_or(Ok(()), |id| Ok(self.client.forget(&id)?))
    }

    /// The newest revision that the node has executed, once it has executed what this author knows of.
    /// The node has the whole time to say it.
    pub async fn newest(&mut self) -> Result<Revision, SubmitError> {
        self.renew();
        Ok(self.node_that_knows_us().await?.revision)
    }

    /// The author's numbers, from a node that has executed what this author knows to be executed, and that holds nothing
    /// refused or given up under the next number: what it holds there is about to have its verdict.
    async fn node_that_knows_us(&self) -> Result<AuthorInfo, SubmitError> {
        let seen = self.outbox.newest_revision().unwrap_or(Revision::GENESIS);
        let mut tries = self.client.tries();
        loop {
            let mut info = match self.info().await {
                Err(SubmitError::Client(error)) => return Err(tries.or_given_up(error).into()),
                info => info?,
            };
            let why = match self.given_up_next(&info) {
                Some(id) => {
                    format!("it holds {id}, which was refused or given up; another member may take the next change")
                }
                None if info.revision >= seen => {
                    info.pending.retain(|held| !self.outbox.is_refused(&held.id));
                    return Ok(info);
                }
                None => self.behind_receipt(info.revision, seen),
            };
            tries.pause(why, None).await?;
        }
    }

    /// Words about a node that has not executed what a receipt says was executed. One that an earlier node made up names its
    /// file: it is not proved.
    fn behind_receipt(&self, executed: Revision, seen: Revision) -> String {
        let file = self.outbox.file_of_answer(seen).map(|file| format!(" in {}", file.display())).unwrap_or_default();
        format!("it has executed {executed}, the outbox has a receipt of {seen}{file}")
    }

    /// Envelope of this outbox that was refused or given up and still waits at a node under the next number.
    fn given_up_next(&self, info: &AuthorInfo) -> Option<EnvelopeId> {
        let is_next = |held: &&Pending| held.from_seq <= info.next_seq && info.next_seq <= held.to_seq;
        info.pending.iter().filter(is_next).map(|held| held.id).find(|id| self.outbox.is_refused(id))
    }

    async fn info(&self) -> Result<AuthorInfo, SubmitError> {
        self.info_in(&self.domain).await
    }

    async fn info_in(&self, domain: &str) -> Result<AuthorInfo, SubmitError> {
        match self.client.author(domain, &self.key()).await {
            Err(ClientError::Refused(problem)) if problem.code == UNKNOWN_DOMAIN && self.is_absent(domain).await => {
                Err(SubmitError::NoDomain(domain.to_owned()))
            }
            // An unknown author is a verdict's or the gate's to refuse: its change is sent like any other.
            Err(ClientError::Refused(problem)) if problem.status == 404 => Ok(self.stranger().await?),
            other => Ok(other?),
        }
    }

    /// Whether the group says that it has no such domain: a node may be behind. A change could wait for one without end.
    async fn is_absent(&self, domain: &str) -> bool {
        let (client, query) = (self.client.within(CONFIRMED_WITHIN), [("limit", "1"), ("level", "strong")]);
        let tree: Result<Value, ClientError> = client.get(&["domains", domain, "tree"], &query).await;
        matches!(tree, Err(ClientError::Refused(problem)) if problem.code == UNKNOWN_DOMAIN)
    }

    /// The numbers of an author that the node does not know there.
    async fn stranger(&self) -> Result<AuthorInfo, ClientError> {
        let status = self.client.status().await?;
        Ok(AuthorInfo {
            group: status.group,
            key: self.key(),
            next_seq: 1,
            attempt: 0,
            pending: vec![],
            standing: Standing::default(),
            figure_here: 500,
            rate: None,
            repeated: vec![],
            revision: Revision::slot(SeqNum::new(status.executed_seq)),
        })
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

/// Result of sending an envelope.
enum Sent {
    Answered(Box<Outcome>),
    /// Another machine took its number; this one is next.
    LostRace(u64),
}

/// Receipt of an envelope before its verdict.
fn unjudged(id: EnvelopeId, body: &Body) -> Receipt {
    Receipt {
        id,
        domain: body.domain.clone(),
        author: body.author,
        from_seq: body.from_seq,
        to_seq: body.to_seq,
        state: State::Waiting,
        revision: None,
        lane: None,
        stage: None,
        code: None,
        detail: None,
        conflicts: vec![],
        changes: vec![],
    }
}

fn refused(known: Receipt, problem: Box<Problem>) -> SubmitError {
    SubmitError::Gate { receipt: Box::new(not_taken(known, &problem)), problem }
}

/// Receipt of an envelope that a node did not take, for this reason.
fn not_taken(known: Receipt, problem: &Problem) -> Receipt {
    let (stage, code) = (problem.stage.as_deref().and_then(named), named(&problem.code));
    Receipt { state: State::Refused, stage, code, detail: Some(problem.detail.clone()), ..known }
}

fn unanswered(known: Receipt, error: ClientError) -> SubmitError {
    let detail = Some(error.to_string());
    SubmitError::Unanswered { receipt: Box::new(Receipt { detail, ..known }), error }
}

/// Whether another envelope, of another machine, came first.
fn is_lost_race(problem: &Problem) -> bool {
    matches!(problem.code.as_str(), "sequence-taken" | "overlap")
}

/// Whether some envelope has used all these numbers, in a slot that the node keeps no more. Of an envelope that may have been
/// sent before, it may be that one.
fn is_long_lost_race(problem: &Problem, body: &Body) -> bool {
    problem.is_of_pruned_history() && problem.next_seq.is_some_and(|next_seq| next_seq > body.to_seq)
}

/// The author's clock, as metadata of a change.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
