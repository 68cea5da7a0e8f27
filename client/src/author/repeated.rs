//! A command that is given again, because the answer to the first was lost: its change is known by what it says.

use super::*;

impl Author {
    /// The newest envelope of the domain without an answer.
    pub fn newest_unanswered(&self) -> Option<EnvelopeId> {
        self.outbox.newest_unanswered(&self.domain, u64::MAX)
    }

    /// Answer at a level to an earlier envelope of this outbox that says the same as a draft; none where it says something else, was
    /// refused or disputed, or begins a lease.
    pub async fn repeated(
        &mut self,
        earlier: EnvelopeId,
        draft: &Draft,
        level: Level,
    ) -> Option<Result<Outcome, SubmitError>> {
        let is_over = |state| matches!(state, Some(State::Refused | State::Conflict));
        let entry = self.outbox.find(&earlier).filter(|entry| !is_over(entry.state()))?;
        let (name, envelope) = (entry.name.clone(), self.outbox.envelope(&entry.name).ok()?);
        let [change] = &envelope.body.changes[..] else { return None };
        let begins_a_lease = |op: &Op| matches!(op, Op::Acquire { .. }); // which is to run from now
        if change.ops != draft.ops
            || change.message != draft.message
            || draft.base.is_some_and(|base| base != change.base)
            || draft.ops.iter().any(begins_a_lease)
        {
            return None;
        }
        self.renew();
        let posted = self.judged(Some(earlier), self.client.submit_as(Some(earlier), envelope.encode(), level).await);
        Some(match posted {
            Ok(Posted::Verdict(receipt)) => {
                let noted = self.note(Some(earlier), &name, &Ok(Posted::Verdict(receipt.clone())));
                noted.map(|_| Outcome::Verdict(receipt))
            }
            Ok(Posted::Ticket(ticket)) => Ok(Outcome::Ticket(ticket)),
            Err(error) => Err(unanswered(unjudged(earlier, &envelope.body), error.of_sent())),
        })
    }
}
