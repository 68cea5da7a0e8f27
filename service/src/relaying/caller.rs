//! Call of an observer to a node that is reached through a relay.

use crate::observing::wire::{Asking, Telling, VERSION, frame, parse, words};
use quorate_net::{DialError, LinkError, Multiaddr, ObserverLink, Side, dial};
use quorate_pbft::{Digest, PublicKey};
use std::io;
use std::time::Duration;
use tokio::time::timeout;

/// Time for a relay's answer: the node's, and a little.
const ANSWERS_WITHIN: Duration = Duration::from_secs(11);
/// Bytes of a relay's frame.
pub(super) const FRAME_BYTES_MAX: usize = 1_024;

/// Why a node was not reached.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// The relay cannot be reached.
    #[error("relay: {0}")]
    Dial(#[from] DialError),
    /// The relay's connection ended.
    #[error("relay: {0}")]
    Link(#[from] LinkError),
    /// Another key answers at the relay's address.
    #[error("another key than the relay's answers at its address")]
    OtherRelay,
    /// The relay's words.
    #[error("relay: {0}")]
    Refused(String),
    /// No answer.
    #[error("relay: no answer in time")]
    Silent,
    /// The two ends could not prove their keys.
    #[error("behind the relay: {0}")]
    Handshake(#[from] io::Error),
}

/// Way to nodes behind one relay.
pub(crate) struct Caller {
    pub(crate) secret: [u8; 32],
    /// Hash of the genesis.
    pub(crate) group: Digest,
    /// The relay's door.
    pub(crate) door: Multiaddr,
    /// The relay's key, where it is known.
    pub(crate) relay: Option<PublicKey>,
}

impl Caller {
    /// A connection to the node, whose key is for the caller to judge.
    pub(crate) async fn call(&self, to: PublicKey) -> Result<ObserverLink, CallError> {
        let asking = Asking::Through { version: VERSION, group: self.group, to };
        Ok(self.join(&asking).await?.through(self.secret, Side::Dials).await?)
    }

    /// A connection to the relay that it has joined to another.
    pub(super) async fn join(&self, asking: &Asking) -> Result<ObserverLink, CallError> {
        let link = dial(self.secret, &self.door).await?;
        let key = link.key();
        if self.relay.is_some_and(|relay| relay.0 != key) {
            return Err(CallError::OtherRelay);
        }
        let (mut sender, mut receiver) = link.split(FRAME_BYTES_MAX);
        sender.send(&frame(asking)).await?;
        let answer = timeout(ANSWERS_WITHIN, receiver.recv()).await.map_err(|_| CallError::Silent)??;
        match parse(&answer) {
            Some(Telling::Welcome) => Ok(receiver.rejoin(sender, key)),
            Some(Telling::Refused(why)) => Err(CallError::Refused(words(&why))),
            _ => Err(CallError::Refused("a frame that is none".to_owned())),
        }
    }
}
