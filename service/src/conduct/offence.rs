//! Offences by name: what no honest peer of this version sends, however slow, overloaded or far behind it is.

use crate::every::every;

/// Offence of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Offence {
    /// A frame that is no message.
    BadFrame,
    /// A frame that begins like a message, of a kind that this version of the wire does not have.
    UnknownKind,
    /// A large message on the stream of the urgent ones.
    WrongChannel,
    /// A frame above the limit, announced: it costs the stream.
    Oversized,
    /// A message whose signature does not fit.
    BadSignature,
    /// A signed message that contradicts itself: a digest, a certificate or a list that breaks its form.
    BadContent,
    /// An answer that is none, from a member that serves this observer.
    WrongAnswer,
    /// A handshake that failed or never ended; of an address, for there is no key yet.
    BrokenHandshake,
    /// More connections of an address than its share.
    OverRate,
}

/// Count of the offences.
pub const OFFENCES: usize = 9;

impl Offence {
    /// Every offence, in the order in which they are counted.
    pub const ALL: [Self; OFFENCES] = every!(
        Offence: BadFrame, UnknownKind, WrongChannel, Oversized, BadSignature, BadContent, WrongAnswer, BrokenHandshake,
        OverRate,
    );

    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            Self::BadFrame => "bad-frame",
            Self::UnknownKind => "unknown-kind",
            Self::WrongChannel => "wrong-channel",
            Self::Oversized => "oversized",
            Self::BadSignature => "bad-signature",
            Self::BadContent => "bad-content",
            Self::WrongAnswer => "wrong-answer",
            Self::BrokenHandshake => "broken-handshake",
            Self::OverRate => "over-rate",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offences_are_listed_in_the_order_of_their_counters() {
        assert!(Offence::ALL.iter().enumerate().all(|(at, offence)| *offence as usize == at));
    }
}
