//! Words that need no check: late ones that say what is certified already (G2).

use crate::evidence::reference::Certified;
use crate::wire::{Epoch, Invalid, Kind, Message, ReplicaId, Signed, Unverified, Verified, VerifyContext, View};

/// A Commit, Ack or Checkpoint that its own signer handed over, and that says what is certified. Its signature was not looked at:
/// nothing rests on it but, beside another word of its signer, a proof against that signer (E2), and then the core looks.
#[derive(Debug, Clone)]
pub struct Word {
    signed: Signed,
    message: Message,
}

/// A message that may go into the core.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant)] // As for `Input`.
pub enum Admitted {
    /// Message with every signature checked.
    Verified(Verified<Message>),
    /// Late word that says what is certified: unchecked, and nothing rests on it.
    Word(Word),
}

impl Word {
    /// Signer and sender, who are one.
    pub fn from(&self) -> ReplicaId {
        self.signed.signer
    }

    /// The epoch of its statement.
    pub fn epoch(&self) -> Epoch {
        self.signed.statement.epoch
    }

    /// The message as it came.
    pub fn message(&self) -> &Message {
        &self.message
    }

    pub(crate) fn signed(&self) -> &Signed {
        &self.signed
    }
}

impl Admitted {
    /// The peer that handed it over.
    pub fn sender(&self) -> ReplicaId {
        match self {
            Self::Verified(verified) => verified.from(),
            Self::Word(word) => word.from(),
        }
    }

    /// The epoch whose members' keys it counts by.
    pub fn epoch(&self) -> Epoch {
        match self {
            Self::Verified(verified) => verified.epoch(),
            Self::Word(word) => word.epoch(),
        }
    }

    /// The message.
    pub fn message(&self) -> &Message {
        match self {
            Self::Verified(verified) => verified.message(),
            Self::Word(word) => word.message(),
        }
    }
}

impl Unverified<Message> {
    /// [`Unverified::verify`], but for words that say what `certified` has.
    pub fn admit(self, context: &VerifyContext<'_>, certified: &Certified) -> Result<Admitted, Invalid> {
        match self.into_word(context, certified) {
            Ok(word) => Ok(Admitted::Word(word)),
            Err(unverified) => unverified.verify(context).map(Admitted::Verified),
        }
    }

    /// The word that need not be checked, if it is one.
    #[allow(clippy::result_large_err)] // What comes back is what went in.
    pub fn into_word(self, context: &VerifyContext<'_>, certified: &Certified) -> Result<Word, Self> {
        match self.late_word(context).filter(|signed| certified.agrees(signed)) {
            Some(signed) => Ok(Word { signed, message: self.message }),
            None => Err(self),
        }
    }

    /// The statement of a message that is nothing else, if its form is right and its signer is who sent it: whoever hands
    /// on another one's words could make them up.
    fn late_word(&self, context: &VerifyContext<'_>) -> Option<Signed> {
        let (signed, kind) = match &self.message {
            Message::Commit(signed) => (signed, Kind::Commit),
            Message::Ack(signed) => (signed, Kind::Ack),
            Message::Checkpoint(signed) => (signed, Kind::Checkpoint),
            _ => return None,
        };
        let said = &signed.statement;
        let here = (said.group, said.epoch) == (context.committee.group(), context.committee.epoch());
        let formed = said.kind == kind && (kind != Kind::Checkpoint || said.view == View::new(0));
        (here && formed && signed.signer == self.from).then_some(*signed)
    }
}
