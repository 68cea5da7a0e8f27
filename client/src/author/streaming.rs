//! An author whose changes go out one after the other over one connection, each based on the one before, without a wait
//! for verdicts.

use super::{Author, Draft, SubmitError};
use crate::api::{AuthorInfo, Offered};
use crate::calls::Posted;
use crate::http::ClientError;
use crate::offers::{Answers, Ended, Offers};
use crate::outbox::Name;
use quorate_ledger::{EnvelopeId, Level, Receipt};
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
}

/// A stream with what is under way on it.
struct Open {
    offers: Offers,
    answers: Answers,
    next: u64,
    under_way: BTreeMap<u64, (EnvelopeId, Name)>,
}

impl Author {
    /// Begins to send changes without a wait for their verdicts.
    pub async fn streaming(&mut self) -> Result<Streaming<'_>, SubmitError> {
        let info = self.node_that_knows_us().await?;
        self.outbox.enter(info.group)?;
        Ok(Streaming { author: self, info, open: None, receipts: Vec::new() })
    }
}

impl Streaming<'_> {
    /// Signs a change, keeps it and sends it. Waits while too much is under way.
    pub async fn send(&mut self, draft: &Draft) -> Result<(), SubmitError> {
        self.author.renew();
        if self.open.is_none() {
            let (offers, answers) = self.author.client.offers(Level::Sequential).await?;
            self.open = Some(Open { offers, answers, next: 0, under_way: BTreeMap::new() });
        }
        let envelope = self.author.sign(draft, &self.info, 0)?;
        let id = envelope.id(&self.info.group);
        let (name, bytes) = self.author.outbox.keep(&self.info.group, &envelope)?;
        self.author.client.remember(id)?;
        while let Some(open) = &mut self.open {
            let answer = tokio::select! {
                room = open.offers.room() => match room {
                    Ok(room) => {
                        room.send(&bytes);
                        open.under_way.insert(open.next, (id, name));
                        open.next += 1;
                        return Ok(());
                    }
                    Err(Ended) => Ok(None),
                },
                answer = open.answers.next() => answer,
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
        while let Some(open) = &mut self.open {
            if open.under_way.is_empty() {
                break;
            }
            let answer = tokio::time::timeout(self.author.client.timeout(), open.answers.next()).await;
            self.take(answer.unwrap_or(Ok(None))).await?;
        }
        self.settle().await?;
        Ok(self.receipts)
    }

    /// Takes an answer; where it is no verdict, the stream is left and each change is asked for.
    async fn take(&mut self, answer: Result<Option<Offered>, ClientError>) -> Result<(), SubmitError> {
        let Some(Offered { at, receipt: Some(receipt), .. }) = answer? else { return self.settle().await };
        let known = self.open.as_mut().and_then(|open| open.under_way.remove(&at));
        let (id, name) = known.ok_or_else(|| self.author.client.garbled("an answer to nothing that was sent"))?;
        let posted = self.author.judged(Some(id), Ok(Posted::Verdict(receipt.clone())));
        self.author.note(Some(id), &name, &posted)?;
        posted?;
        self.learn(receipt);
        Ok(())
    }

    /// Leaves the stream, and waits for the verdicts of all that has none.
    async fn settle(&mut self) -> Result<(), SubmitError> {
        self.open = None;
        for receipt in self.author.settle().await? {
            self.learn(receipt);
        }
        Ok(())
    }

    /// The node has executed what it gives a verdict on.
    fn learn(&mut self, receipt: Receipt) {
        self.info.next_seq = self.info.next_seq.max(receipt.to_seq + 1);
        self.info.revision = receipt.revision.map_or(self.info.revision, |revision| revision.max(self.info.revision));
        self.receipts.push(receipt);
    }
}
