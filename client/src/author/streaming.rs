//! An author whose changes go out one after the other over one connection, each based on the one before, without a wait
//! for verdicts.

use super::{Author, Draft, Outcome, SubmitError, is_lost_race, not_taken, unanswered, unjudged};
use crate::api::{AuthorInfo, Offered, Problem};
use crate::calls::Posted;
use crate::http::{ClientError, DISK_FULL};
use crate::offers::{Answers, Ended, Offers};
use crate::outbox::Name;
use crate::session::Token;
use quorate_ledger::{Base, Envelope, EnvelopeId, Level, Receipt, State};
use std::collections::BTreeMap;

/// Changes of an author on their way.
///
/// A stream that ends, or holds something back, costs nothing: what has no verdict stays in the outbox and is asked for,
/// or sent again, one by one. A change that the order refuses ends it: those behind it are based on it, can only be refused
/// as well, and are given up; nothing more is sent.
pub struct Streaming<'a> {
    author: &'a mut Author,
    info: AuthorInfo,
    open: Option<Open>,
    /// Verdicts that nobody has taken yet.
    receipts: Vec<Receipt>,
    /// Envelopes of this stream without an answer, by their numbers, with the bases that their drafts named.
    unanswered: BTreeMap<u64, (Name, Option<Base>)>,
    /// The newest of them that was accepted, or is under way: base of the next one.
    last: Option<EnvelopeId>,
    /// The newest of them that was accepted.
    accepted: Option<EnvelopeId>,
    /// Whether the order has refused one of them.
    is_over: bool,
}

/// A stream with what is under way on it.
struct Open {
    offers: Offers,
    answers: Answers,
    next: u64,
    under_way: BTreeMap<u64, (EnvelopeId, Name)>,
}

/// A refusal by a stage of the gate, but for what passes by itself, or of a size that the node never takes or has no room for.
fn is_final(problem: &Problem) -> bool {
    problem.stage.is_some() && problem.code != "rate" || problem.is_of_size_here() || is_of_full_disk(problem)
}

fn is_of_full_disk(problem: &Problem) -> bool {
    (problem.status, problem.code.as_str()) == DISK_FULL
}

impl Author {
    /// Begins to send changes without a wait for their verdicts. The node has the whole time to answer, whatever was done before.
    pub async fn streaming(&mut self) -> Result<Streaming<'_>, SubmitError> {
        self.renew();
        let info = self.node_that_knows_us().await?;
        self.outbox.enter(info.group)?;
        Ok(Streaming {
            author: self,
            info,
            open: None,
            receipts: Vec::new(),
            unanswered: BTreeMap::new(),
            last: None,
            accepted: None,
            is_over: false,
        })
    }
}

impl Streaming<'_> {
    /// Signs a change, keeps it and sends it. Waits while too much is under way. After a refusal it does nothing: the
    /// [receipts](Self::receipts) have it.
    pub async fn send(&mut self, draft: &Draft) -> Result<(), SubmitError> {
        if self.is_over {
            return Ok(());
        }
        self.offer(draft).await.map_err(|error| self.told(error))
    }

    async fn offer(&mut self, draft: &Draft) -> Result<(), SubmitError> {
        self.author.renew();
        if self.open.is_none() {
            let (offers, answers) = self.author.client.chained_offers(Level::Sequential).await?;
            self.open = Some(Open { offers, answers, next: 0, under_way: BTreeMap::new() });
        }
        let base = draft.base.or(self.last.map(Base::Envelope));
        let envelope = self.author.sign_on(base, draft, &self.info, 0)?;
        let id = envelope.id(&self.info.group);
        self.author.is_sent = false; // a stream may be dropped
        let (name, bytes) = self.author.outbox.keep(&self.info.group, &envelope)?;
        self.unanswered.insert(name.from_seq, (name.clone(), draft.base));
        self.author.client.remember(id)?;
        let limit = self.author.client.timeout();
        self.last = Some(id);
        while let Some(open) = &mut self.open {
            let answer = tokio::select! {
                room = open.offers.room() => match room {
                    Ok(room) => {
                        room.send(&bytes);
                        open.under_way.insert(open.next, (id, name));
                        open.next += 1;
                        return Ok(());
                    }
                    Err(Ended) => None,
                },
                answer = open.answers.within(limit) => Some(answer),
            };
            let answer = match answer {
                Some(answer) => answer,
                None => open.answers.within(limit).await,
            };
            self.take(answer).await?;
        }
        Ok(())
    }

    /// Verdicts that have come since this was asked last.
    pub fn receipts(&mut self) -> Vec<Receipt> {
        std::mem::take(&mut self.receipts)
    }

    /// Message of a change of this author that the outbox remembers.
    pub fn message(&self, id: &EnvelopeId) -> Option<String> {
        let name = &self.author.outbox.find(id)?.name;
        let body = self.author.outbox.envelope(name).ok()?.body;
        body.changes.into_iter().last().map(|change| change.message)
    }

    /// Waits for the verdicts of all that is under way; gives those that nobody has taken.
    pub async fn finish(mut self) -> Result<Vec<Receipt>, SubmitError> {
        self.wait().await?;
        Ok(self.receipts)
    }

    /// Waits for the verdicts of all that is under way.
    pub async fn wait(&mut self) -> Result<(), SubmitError> {
        self.all_judged().await.map_err(|error| self.told(error))
    }

    async fn all_judged(&mut self) -> Result<(), SubmitError> {
        let limit = self.author.client.timeout();
        while let Some(open) = self.open.as_mut().filter(|open| !open.under_way.is_empty()) {
            let answer = open.answers.within(limit).await;
            self.take(answer).await?;
        }
        self.settle().await
    }

    /// An error, with the first change that may still be ordered.
    fn told(&self, error: SubmitError) -> SubmitError {
        let outbox = &self.author.outbox;
        let first = self.unanswered.values().map(|(name, _)| name).find(|name| outbox.is_unanswered(name));
        let known = first.and_then(|name| self.unjudged(name));
        match (error, known) {
            (SubmitError::Client(error @ (ClientError::NoAnswer { .. } | ClientError::Session(_))), Some(known)) => {
                unanswered(known, error.of_sent())
            }
            (error, _) => error,
        }
    }

    /// Receipt of an envelope of the outbox before its verdict.
    fn unjudged(&self, name: &Name) -> Option<Receipt> {
        let outbox = &self.author.outbox;
        Some(unjudged(outbox.id(name)?, &outbox.envelope(name).ok()?.body))
    }

    /// Takes an answer. Where it is no verdict, the stream is left: what the gate refused ends all that came after it, and
    /// anything else is asked for, one by one.
    async fn take(&mut self, answer: Result<Option<Offered>, ClientError>) -> Result<(), SubmitError> {
        match answer? {
            Some(Offered { at, receipt: Some(receipt), .. }) if receipt.is_verdict() => self.judged(at, receipt),
            Some(Offered { at, problem: Some(problem), .. }) if is_final(&problem) => self.refused(at, problem).await,
            _ => self.settle().await,
        }
    }

    fn judged(&mut self, at: u64, receipt: Receipt) -> Result<(), SubmitError> {
        let known = self.open.as_mut().and_then(|open| open.under_way.remove(&at));
        let (id, name) = known.ok_or_else(|| self.author.client.garbled("an answer to nothing that was sent"))?;
        let posted = self.author.judged(Some(id), Ok(Posted::Verdict(receipt.clone())));
        if let (Ok(_), Some(mut session)) = (&posted, self.author.client.session()) {
            let slot = receipt.revision.map_or(0, |revision| revision.seq().get());
            session.saw(Token { group: self.info.group, slot }).map_err(ClientError::from)?;
        }
        self.author.note(Some(id), &name, &posted)?;
        posted?;
        self.learn(receipt);
        Ok(())
    }

    /// The gate refused an envelope, and so the stream took none of those after it.
    async fn refused(&mut self, at: u64, problem: Problem) -> Result<(), SubmitError> {
        let known = self.open.as_ref().and_then(|open| open.under_way.get(&at));
        let (_, name) = known.ok_or_else(|| self.author.client.garbled("a refusal of nothing that was sent"))?;
        let first = name.from_seq;
        self.lose(first, problem).await
    }

    /// Gives up envelopes from a number on, one that is signed and was not sent yet among them. If another machine of this
    /// author has taken the number, all of these are signed again, with the numbers after that.
    async fn lose(&mut self, first: u64, problem: Problem) -> Result<(), SubmitError> {
        self.open = None;
        let lost = self.unanswered.split_off(&first);
        let is_race = is_lost_race(&problem);
        let drafts = lost.values().filter(|_| is_race).map(|lost| self.draft(lost)).collect::<Result<Vec<_>, _>>()?;
        let known = lost.values().next().and_then(|(name, _)| self.unjudged(name));
        // The last first: those that a crash leaves are a chain that can be sent again.
        for (name, _) in lost.values().rev() {
            self.author.give_up_as(name, &problem)?;
        }
        Box::pin(self.settle()).await?;
        if let Some(known) = known.filter(|_| !is_race && is_of_full_disk(&problem)) {
            let receipt = Box::new(not_taken(known, &problem));
            return Err(SubmitError::Unanswered { receipt, error: self.author.client.tries().held_back_by(problem) });
        }
        if !is_race {
            return Err(ClientError::Refused(Box::new(problem)).into());
        }
        for draft in drafts {
            if self.is_over {
                return Ok(()); // it is based on what was refused
            }
            self.author.renew();
            let draft = Draft { base: draft.base.or(self.accepted.map(Base::Envelope)), ..draft };
            match self.author.submit(&draft, Level::Sequential).await? {
                Outcome::Verdict(receipt) => self.learn(receipt),
                Outcome::Ticket(_) => Box::pin(self.settle()).await?,
            }
        }
        self.last = self.accepted;
        self.info = self.author.node_that_knows_us().await?;
        Ok(())
    }

    /// The draft of an envelope, from the outbox.
    fn draft(&self, (name, base): &(Name, Option<Base>)) -> Result<Draft, SubmitError> {
        let Envelope { body, contents, .. } = self.author.outbox.envelope(name)?;
        let (mut ops, mut message) = (Vec::new(), String::new());
        for change in body.changes {
            ops.extend(change.ops);
            message = change.message;
        }
        Ok(Draft { base: *base, ops, contents, message })
    }

    /// Leaves the stream, and waits for the verdicts of all that has none and uses numbers of its domain.
    async fn settle(&mut self) -> Result<(), SubmitError> {
        self.open = None;
        for name in self.author.outbox.unanswered_in(&self.author.domain) {
            if !self.author.outbox.is_unanswered(&name) {
                continue; // given up with the one before
            }
            match self.author.settle_one(&name, |_| ()).await {
                Ok(receipt) => self.learn(receipt),
                Err(SubmitError::Client(ClientError::Refused(problem)))
                    if is_lost_race(&problem) && self.is_of_stream(&name) =>
                {
                    return self.lose(name.from_seq, *problem).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Leaves the stream for good. What was behind the refused change has been given up.
    fn end(&mut self) {
        (self.open, self.is_over) = (None, true);
        let outbox = &self.author.outbox;
        self.unanswered.retain(|_, (name, _)| outbox.is_unanswered(name));
    }

    fn is_of_stream(&self, name: &Name) -> bool {
        self.unanswered.get(&name.from_seq).is_some_and(|(ours, _)| ours == name)
    }

    /// The node has executed what it gives a verdict on; a refused number is free again, and ends the stream.
    fn learn(&mut self, receipt: Receipt) {
        if receipt.domain == self.author.domain {
            self.unanswered.remove(&receipt.from_seq);
            match receipt.state {
                State::Refused => self.end(),
                _ => {
                    self.info.next_seq = self.info.next_seq.max(receipt.to_seq + 1);
                    self.accepted = Some(receipt.id);
                }
            }
        }
        self.info.revision = receipt.revision.map_or(self.info.revision, |revision| revision.max(self.info.revision));
        self.receipts.push(receipt);
    }
}
