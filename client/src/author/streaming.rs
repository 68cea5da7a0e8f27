//! An author whose changes go out one after the other over one connection, each based on the one before, without a wait
//! for verdicts.

use super::{Author, Draft, Outcome, SubmitError, is_lost_race};
use crate::api::{AuthorInfo, Offered, Problem};
use crate::calls::Posted;
use crate::http::ClientError;
use crate::offers::{Answers, Ended, Offers};
use crate::outbox::Name;
use crate::session::Token;
use quorate_ledger::{EnvelopeId, Level, Receipt, State};
use std::collections::BTreeMap;

/// Changes of an author on their way.
///
/// A stream that ends, or holds something back, costs nothing: what has no verdict stays in the outbox and is asked for,
/// or sent again, one by one.
pub struct Streaming<'a> {
    author: &'a mut Author,
    info: AuthorInfo,
    open: Option<Open>,
    /// Verdicts that nobody has taken yet.
    receipts: Vec<Receipt>,
    /// Change that is signed, and not sent yet.
    unsent: Option<Draft>,
}

/// A stream with what is under way on it.
struct Open {
    offers: Offers,
    answers: Answers,
    next: u64,
    under_way: BTreeMap<u64, (EnvelopeId, Name, Draft)>,
}

/// A refusal by a stage of the gate, but for what passes by itself.
fn is_final(problem: &Problem) -> bool {
    problem.stage.is_some() && problem.code != "rate"
}

impl Author {
    /// Begins to send changes without a wait for their verdicts.
    pub async fn streaming(&mut self) -> Result<Streaming<'_>, SubmitError> {
        let info = self.node_that_knows_us().await?;
        self.outbox.enter(info.group)?;
        Ok(Streaming { author: self, info, open: None, receipts: Vec::new(), unsent: None })
    }
}

impl Streaming<'_> {
    /// Signs a change, keeps it and sends it. Waits while too much is under way.
    pub async fn send(&mut self, draft: &Draft) -> Result<(), SubmitError> {
        self.author.renew();
        if self.open.is_none() {
            let (offers, answers) = self.author.client.chained_offers(Level::Sequential).await?;
            self.open = Some(Open { offers, answers, next: 0, under_way: BTreeMap::new() });
        }
        let envelope = self.author.sign(draft, &self.info, 0)?;
        let id = envelope.id(&self.info.group);
        let (name, bytes) = self.author.outbox.keep(&self.info.group, &envelope)?;
        self.author.client.remember(id)?;
        let limit = self.author.client.timeout();
        self.unsent = Some(draft.clone());
        while let Some(open) = &mut self.open {
            let answer = tokio::select! {
                room = open.offers.room() => match room {
                    Ok(room) => {
                        room.send(&bytes);
                        open.under_way.extend(self.unsent.take().map(|draft| (open.next, (id, name, draft))));
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

    /// Waits for the verdicts of all that is under way; gives those that nobody has taken.
    pub async fn finish(mut self) -> Result<Vec<Receipt>, SubmitError> {
        let limit = self.author.client.timeout();
        while let Some(open) = self.open.as_mut().filter(|open| !open.under_way.is_empty()) {
            let answer = open.answers.within(limit).await;
            self.take(answer).await?;
        }
        self.settle().await?;
        Ok(self.receipts)
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
        let (id, name, _) = known.ok_or_else(|| self.author.client.garbled("an answer to nothing that was sent"))?;
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

    /// The gate refused an envelope, and so the stream took none of those after it. If another machine of this author
    /// has taken its number, all of these are signed again, with the numbers after that.
    async fn refused(&mut self, at: u64, problem: Problem) -> Result<(), SubmitError> {
        let mut under_way = self.open.take().map(|open| open.under_way).unwrap_or_default();
        let first = under_way.get(&at).map_or(u64::MAX, |(_, name, _)| name.from_seq);
        let drafts = under_way.split_off(&at).into_values().map(|(_, _, draft)| draft).chain(self.unsent.take());
        let is_lost = |name: &Name| name.domain == self.author.domain && name.from_seq >= first;
        // One that is signed and was not sent yet is among them.
        let lost: Vec<Name> = self.author.outbox.unanswered().into_iter().filter(is_lost).collect();
        for name in &lost {
            let id = self.author.outbox.id(name);
            self.author.note(id, name, &Err(ClientError::Refused(Box::new(problem.clone()))))?;
        }
        self.settle().await?;
        if !is_lost_race(&problem) {
            return Err(ClientError::Refused(Box::new(problem)).into());
        }
        for draft in drafts {
            self.author.renew();
            match self.author.submit(&draft, Level::Sequential).await? {
                Outcome::Verdict(receipt) => self.learn(receipt),
                Outcome::Ticket(_) => self.settle().await?,
            }
        }
        self.info = self.author.node_that_knows_us().await?;
        Ok(())
    }

    /// Leaves the stream, and waits for the verdicts of all that has none.
    async fn settle(&mut self) -> Result<(), SubmitError> {
        (self.open, self.unsent) = (None, None);
        for receipt in self.author.settle().await? {
            self.learn(receipt);
        }
        Ok(())
    }

    /// The node has executed what it gives a verdict on; a refused number is free again.
    fn learn(&mut self, receipt: Receipt) {
        if receipt.domain == self.author.domain && receipt.state != State::Refused {
            self.info.next_seq = self.info.next_seq.max(receipt.to_seq + 1);
        }
        self.info.revision = receipt.revision.map_or(self.info.revision, |revision| revision.max(self.info.revision));
        self.receipts.push(receipt);
    }
}
