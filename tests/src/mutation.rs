//! Lies in a message that an honest copy of the liar made: one part is changed and signed anew.

use quorate_pbft::{Content, Digest, Message, NewView, ReplicaId, Signed, Signer, Statement, Time, ViewChange};
use std::sync::Arc;

/// Kind of lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// None: the copy's own words.
    Honest,
    /// Proposals are a millisecond later.
    Proposal,
    /// Prepares and Commits are for nothing at all.
    Vote,
    /// Acknowledgements are of another bundle.
    Ack,
    /// Checkpoints are of another state.
    Checkpoint,
    /// Demands conceal what was prepared (P).
    Prepared,
    /// Demands conceal what was voted for (Q).
    Voted,
    /// Starts of views conceal their last slot.
    Start,
}

impl Mutation {
    /// Mutations in the order of their choice.
    pub const ALL: [Self; 8] = [
        Self::Honest,
        Self::Proposal,
        Self::Vote,
        Self::Ack,
        Self::Checkpoint,
        Self::Prepared,
        Self::Voted,
        Self::Start,
    ];

    /// The message as `liar` tells it, who has this signer; none if this lie does not touch it.
    pub fn of(self, message: &Message, liar: ReplicaId, signer: &dyn Signer, window: u64) -> Option<Message> {
        let sign = |statement: Statement| statement.sign(liar, signer);
        let say = |signed: &Signed, digest| sign(Statement { digest, ..signed.statement });
        let own = |signed: &Signed| signed.signer == liar;
        match (self, message) {
            (Self::Proposal, Message::PrePrepare { statement, content, certificates }) if own(statement) => {
                let time = content.time.map(|time| Time::new(time.get() + 1));
                let content = Content { time, ..content.clone() };
                let statement = say(statement, content.digest());
                Some(Message::PrePrepare { statement, content, certificates: certificates.clone() })
            }
            (Self::Vote, Message::Prepare { statement, pre_prepare }) if own(statement) => {
                let statement = say(statement, Content::NULL.digest());
                Some(Message::Prepare { statement, pre_prepare: *pre_prepare })
            }
            (Self::Vote, Message::Commit(signed)) if own(signed) => {
                Some(Message::Commit(say(signed, Content::NULL.digest())))
            }
            (Self::Ack, Message::Ack(signed)) if own(signed) => Some(Message::Ack(say(signed, Digest([3; 32])))),
            (Self::Checkpoint, Message::Checkpoint(signed)) if own(signed) => {
                Some(Message::Checkpoint(say(signed, Digest([3; 32]))))
            }
            (Self::Prepared | Self::Voted, Message::ViewChange { statement, body }) if own(statement) => {
                let body = self.conceal(body);
                Some(Message::ViewChange { statement: say(statement, body.digest(window)), body: Arc::new(body) })
            }
            (Self::Start, Message::NewView { statement, body }) if own(statement) => {
                let mut body = NewView::clone(body);
                body.pre_prepares.pop()?;
                Some(Message::NewView { statement: say(statement, body.digest(window)), body: Arc::new(body) })
            }
            _ => None,
        }
    }

    fn conceal(self, body: &ViewChange) -> ViewChange {
        let mut body = body.clone();
        match self {
            Self::Prepared => body.prepared.clear(),
            _ => body.voted.clear(),
        }
        body
    }
}
