//! Changes that may wait for ever, and are let go by the owner of their key.

use super::*;
use crate::outbox::GIVEN_UP;

impl Author {
    /// Gives up an envelope without an answer, and what is based on it: they count as refused, nothing sends them again, and their
    /// numbers are free. Gives the answer to each; a verdict that the node has is noted in place of that, and nothing is given up
    /// where the node cannot be asked, or has forgotten what became of the envelope.
    ///
    /// An envelope that was sent can still be ordered until another change under its number has a verdict, as when the content that it
    /// lacks comes to its path: to give it up is safe where its effect beside that of the next change does no harm.
    ///
    /// A node that holds the envelope on its lane keeps its number until it was ordered; where it is parked, for it lacks a content or
    /// anything else but a number, the next change takes its place.
    pub async fn give_up(&mut self, id: &EnvelopeId) -> Result<Vec<Answer>, SubmitError> {
        let open = self.outbox.find(id).filter(|entry| entry.answer.is_none());
        let Some(name) = open.map(|entry| entry.name.clone()) else { return Ok(Vec::new()) };
        self.renew();
        match self.client.envelope(id).await {
            Ok(verdict @ Posted::Verdict(_)) => return self.note(Some(*id), &name, &Ok(verdict)),
            Err(ClientError::Refused(problem)) if problem.is_unknown() => drop(self.group_of_node().await?),
            Err(error) => return Err(error.into()),
            Ok(Posted::Ticket(_)) => (),
        }
        let problem = Problem::new(409, GIVEN_UP, "the owner of its key has given it up");
        self.give_up_as(&name, &problem)?;
        Ok([vec![Answer::Gate(problem)], self.give_up_hopeless()?].concat())
    }

    /// Gives up what can only be refused, so that nothing waits for it; the answer to each.
    pub(super) fn give_up_hopeless(&mut self) -> Result<Vec<Answer>, SubmitError> {
        let given_up = self.outbox.give_up_hopeless()?;
        for id in &given_up {
            self.client.forget(id)?;
        }
        Ok(given_up.iter().filter_map(|id| self.outbox.find(id)?.answer.clone()).collect())
    }

    /// Gives up an envelope for this reason: what waits for ever would hold up this key for ever.
    pub(super) fn give_up_as(&mut self, name: &Name, problem: &Problem) -> Result<(), SubmitError> {
        self.outbox.answer(name, Answer::Gate(problem.clone()))?;
        self.outbox.id(name).map_or(Ok(()), |id| Ok(self.client.forget(&id)?))
    }
}
