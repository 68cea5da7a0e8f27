//! For attackers who propose something else than the replica inside would: consistently, to everybody, under their
//! own signature, so that nothing is equivocated.

use super::Mask;
use quorate_pbft::{Content, Message, SeqNum, Signed, Statement, View};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Proposals that were made in place of honest ones.
#[derive(Default)]
pub(super) struct Rewriting(BTreeMap<(View, SeqNum), Signed>);

impl Rewriting {
    /// The message with `change` applied to own proposals, and own votes moved along.
    pub(super) fn rewrite(
        &mut self,
        mask: &Mask,
        message: &Arc<Message>,
        change: impl FnOnce(&Content) -> Option<Content>,
    ) -> Arc<Message> {
        match &**message {
            Message::PrePrepare { statement, content, certificates } if statement.signer == mask.me => {
                let Some(content) = change(content) else { return message.clone() };
                let statement = mask.sign(Statement { digest: content.digest(), ..statement.statement });
                self.0.insert((statement.statement.view, statement.statement.seq), statement);
                let named = |claimed: &&quorate_pbft::ClaimedCert| content.cut.contains(&claimed.tip());
                let certificates = certificates.iter().filter(named).cloned().collect();
                Arc::new(Message::PrePrepare { statement, content, certificates })
            }
            Message::Prepare { statement, .. } if statement.signer == mask.me => match self.of(statement) {
                Some(pre_prepare) => {
                    let digest = pre_prepare.statement.digest;
                    let statement = mask.sign(Statement { digest, ..statement.statement });
                    Arc::new(Message::Prepare { statement, pre_prepare })
                }
                None => message.clone(),
            },
            Message::Commit(statement) if statement.signer == mask.me => match self.of(statement) {
                Some(pre_prepare) => {
                    let digest = pre_prepare.statement.digest;
                    Arc::new(Message::Commit(mask.sign(Statement { digest, ..statement.statement })))
                }
                None => message.clone(),
            },
            _ => message.clone(),
        }
    }

    /// Whether the replica inside may hear this: it stops where it meets a word in its name that it did not say (E7).
    pub(super) fn may_hear(&self, mask: &Mask, message: &Message) -> bool {
        match message {
            Message::Prepare { pre_prepare, .. } => pre_prepare.signer != mask.me || self.of(pre_prepare).is_none(),
            Message::Decided { certificate, .. } => {
                let is_own = certificate.signatures.iter().any(|(signer, _)| *signer == mask.me);
                !is_own || !self.0.contains_key(&(certificate.view, certificate.seq))
            }
            _ => !super::speaks_of(message, mask.me),
        }
    }

    fn of(&self, vote: &Signed) -> Option<Signed> {
        self.0.get(&(vote.statement.view, vote.statement.seq)).copied()
    }
}
