//! Threads that verify frames.

use crate::engine::Committees;
use crate::metrics::Metrics;
use quorate_net::{Channel, Event, Events};
use quorate_pbft::{
    Admitted, Certified, Constants, Epoch, Invalid, Message, PayloadCheck, PublicKey, ReplicaId, Unverified, Verify,
    VerifyContext,
};
use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::{self, JoinHandle};

/// Context of every check: members' keys, and how signatures and items are checked.
pub struct Checker {
    /// Member lists by which messages count now.
    pub committees: RwLock<Committees>,
    /// Sizes.
    pub constants: Constants,
    /// Verifier of signatures.
    pub verify: Arc<dyn Verify>,
    /// Verifier of items.
    pub payload: Arc<dyn PayloadCheck>,
    /// Digests that the core knows certified in the epoch at work: what says the same need not be checked.
    pub certified: Arc<RwLock<Arc<Certified>>>,
}

/// Why a frame was dropped.
#[derive(Debug, thiserror::Error)]
pub enum Dropped {
    /// No message, or bytes after it.
    #[error("not a message: {0}")]
    Undecodable(String),
    /// A large message on the channel of the urgent ones.
    #[error("a bulk message on the channel of votes")]
    WrongChannel,
    /// A message of an epoch that is long over, or not known here yet.
    #[error("a message of {0:?}, whose members do not count here")]
    OtherEpoch(Epoch),
    /// A message of a peer that is no member in the message's epoch.
    #[error("{0} is no member in the epoch that it speaks of")]
    Stranger(PublicKey),
    /// A message that is not what it claims.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

impl Checker {
    /// Decodes a frame and checks everything that can be checked without the replica's state. What costs much to check
    /// has its own channel, so that its sender's budget there is what it uses up.
    pub fn check(&self, from: PublicKey, channel: Channel, frame: &[u8]) -> Result<Admitted, Dropped> {
        let message: Message = borsh::from_slice(frame).map_err(|error| Dropped::Undecodable(error.to_string()))?;
        if message.is_bulk() && channel != Channel::Bulk {
            return Err(Dropped::WrongChannel);
        }
        self.admit(from, message)
    }

    /// Checks a message by the members of the epoch that it speaks of.
    pub fn admit(&self, from: PublicKey, message: Message) -> Result<Admitted, Dropped> {
        let committees = self.committees();
        let current = committees.current().epoch();
        let epoch = message.epoch().unwrap_or(current);
        let committee = committees.get(epoch).ok_or(Dropped::OtherEpoch(epoch))?;
        let from = committee.replica_of(&from).ok_or(Dropped::Stranger(from))?;
        let context = VerifyContext {
            committee,
            verify: self.verify.as_ref(),
            payload: self.payload.as_ref(),
            constants: &self.constants,
        };
        let message = Unverified::new(from, message);
        if epoch != current {
            return Ok(message.verify(&context)?.into());
        }
        let certified = self.certified.read().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(message.admit(&context, &certified)?)
    }

    /// The member lists of now.
    pub fn committees(&self) -> Committees {
        self.committees.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Other member lists count from now on.
    pub fn set_committees(&self, committees: Committees) {
        *self.committees.write().unwrap_or_else(PoisonError::into_inner) = committees;
    }

    /// The number of a key in the newest list that names it.
    pub fn number(&self, key: &PublicKey) -> Option<ReplicaId> {
        self.committees().all().find_map(|committee| committee.replica_of(key))
    }
}

/// Threads that take frames from the network, and hand on what they verified; stopped and joined when dropped.
pub struct Pool {
    events: Events,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    /// Starts `threads` threads. While `deliver` waits for room, its frame stays in hand, so the peer that sent it is
    /// read no further than its budget.
    pub fn start(
        threads: usize,
        events: Events,
        checker: Arc<Checker>,
        metrics: Arc<Metrics>,
        deliver: impl Fn(Admitted) + Clone + Send + 'static,
    ) -> io::Result<Self> {
        let mut pool = Self { events, threads: Vec::new() };
        for number in 0..threads {
            let (events, checker, metrics, deliver) =
                (pool.events.clone(), checker.clone(), metrics.clone(), deliver.clone());
            let body = move || work(&events, &checker, &metrics, &deliver);
            pool.threads.push(thread::Builder::new().name(format!("verify-{number}")).spawn(body)?);
        }
        Ok(pool)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.events.close();
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so on standard error.
            let _ = thread.join();
        }
    }
}

fn work(events: &Events, checker: &Checker, metrics: &Metrics, deliver: &impl Fn(Admitted)) {
    while let Some(event) = events.blocking_recv() {
        let Event::Received { from, channel, frame } = event else { continue }; // the network logs links
        match checker.check(from, channel, &frame) {
            Ok(message) => deliver(message),
            Err(dropped) => {
                let (bytes, number) = (frame.len(), checker.number(&from));
                tracing::debug!(%from, bytes, %dropped, "frame dropped");
                let is_late = matches!(dropped, Dropped::OtherEpoch(_) | Dropped::Stranger(_));
                let Some(from) = number.filter(|_| !is_late) else { continue }; // who leaves, or is behind, is no liar
                let invalid = metrics.frame_invalid(from);
                // The 1st, 2nd, 4th, … : a name in the log, and no flood of it.
                if invalid.is_power_of_two() {
                    tracing::warn!(event = "bad-frames", %from, invalid, bytes, %dropped, "a replica sends frames that are no valid messages");
                }
            }
        }
    }
}
