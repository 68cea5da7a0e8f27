//! Changes without an answer: sent again, or asked for, until the order has spoken.

use super::*;

impl Author {
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

    pub(super) async fn settle_one(&mut self, name: &Name, tell: impl Fn(&Answer)) -> Result<Receipt, SubmitError> {
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
}
