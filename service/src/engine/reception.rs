//! Callers of the API, told after the commit that made their answer durable.
//!
//! A caller that goes away is forgotten at once, so nobody can fill this with calls that were given up.

use super::mempool::{NotTaken, Place};
use super::round::{CallerId, Mark, Notice};
use quorate_ledger::{EnvelopeId, Receipt};
use quorate_pbft::ReaderId;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Fate of an envelope that was taken.
#[derive(Debug, Clone)]
pub enum Fate {
    /// Its verdict.
    Verdict(Arc<Receipt>),
    /// Another envelope took its number.
    Overtaken {
        /// Its author's next number.
        next_seq: u64,
    },
    /// The envelope waited for its gap for too long.
    Expired,
}

/// The answer to an offer: where the envelope waits, or why it was not taken.
pub type Ticket = Result<Place, NotTaken>;

/// The answer to a strong read: its mark and the place of its nonce there, or why it was refused.
pub type ReadAnswer = Result<(Arc<Mark>, usize), &'static str>;

/// Board of waiting callers.
#[derive(Debug, Default)]
pub struct Reception {
    next: AtomicU64,
    callers: Board<CallerId, Ticket>,
    fates: Board<EnvelopeId, Fate>,
    readers: Board<ReaderId, ReadAnswer>,
}

/// An answer that may come. Dropping it gives the place up.
#[derive(Debug)]
pub struct Waiting<K: Copy + Eq + Hash, A> {
    board: Board<K, A>,
    key: K,
    number: u64,
    answer: oneshot::Receiver<A>,
}

type Entries<K, A> = HashMap<K, Vec<(u64, oneshot::Sender<A>)>>;

#[derive(Debug)]
struct Board<K, A>(Arc<Mutex<Entries<K, A>>>);

impl<K, A> Default for Board<K, A> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl Reception {
    /// Waits for the ticket of an envelope about to be candidate; the number goes into the request.
    pub fn caller(&self) -> (CallerId, Waiting<CallerId, Ticket>) {
        let number = self.number();
        (number, self.callers.wait(number, number))
    }

    /// Waits for what becomes of an envelope. Ask before offering it, or its fate may pass unseen.
    pub fn fate(&self, id: EnvelopeId) -> Waiting<EnvelopeId, Fate> {
        self.fates.wait(id, self.number())
    }

    /// Waits for a strong read about to be asked for; the number goes into the request.
    pub fn reader(&self) -> (ReaderId, Waiting<ReaderId, ReadAnswer>) {
        let number = self.number();
        (number, self.readers.wait(number, number))
    }

    /// Tells whoever it concerns. Call it after the commit.
    pub fn tell(&self, notice: &Notice) {
        match notice {
            Notice::Taken { caller, place, .. } => self.callers.tell(caller, Ok(*place)),
            Notice::NotTaken { caller, why } => self.callers.tell(caller, Err(*why)),
            Notice::Verdict(receipt) => self.fates.tell(&receipt.id, Fate::Verdict(receipt.clone())),
            Notice::Overtaken { id, next_seq } => self.fates.tell(id, Fate::Overtaken { next_seq: *next_seq }),
            Notice::Expired(id) => self.fates.tell(id, Fate::Expired),
            Notice::ReadReady { readers, mark } => {
                for (place, reader) in readers.iter().enumerate() {
                    self.readers.tell(reader, Ok((mark.clone(), place)));
                }
            }
            Notice::ReadRefused { reader, why } => self.readers.tell(reader, Err(why)),
            Notice::Worked { .. } | Notice::Paused | Notice::Resumed { .. } => (),
            Notice::Refused(_) | Notice::Accused(_) | Notice::Broken(_) => (),
        }
    }

    fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }
}

impl<K: Copy + Eq + Hash, A: Clone> Board<K, A> {
    fn wait(&self, key: K, number: u64) -> Waiting<K, A> {
        let (sender, answer) = oneshot::channel();
        self.lock().entry(key).or_default().push((number, sender));
        Waiting { board: Self(self.0.clone()), key, number, answer }
    }

    fn tell(&self, key: &K, answer: A) {
        for (_, sender) in self.lock().remove(key).unwrap_or_default() {
            // Whoever went away needs no answer.
            let _ = sender.send(answer.clone());
        }
    }
}

impl<K, A> Board<K, A> {
    fn lock(&self) -> MutexGuard<'_, Entries<K, A>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Copy + Eq + Hash, A> Waiting<K, A> {
    /// The answer; none when the replica stops.
    pub async fn answer(&mut self) -> Option<A> {
        (&mut self.answer).await.ok()
    }
}

impl<K: Copy + Eq + Hash, A> Drop for Waiting<K, A> {
    fn drop(&mut self) {
        let mut entries = self.board.lock();
        if let Some(senders) = entries.get_mut(&self.key) {
            senders.retain(|(number, _)| *number != self.number);
            if senders.is_empty() {
                entries.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_pbft::Digest;

    const ID: EnvelopeId = EnvelopeId(Digest([1; 32]));

    #[tokio::test]
    async fn everybody_who_waits_for_an_envelope_is_told() {
        let reception = Reception::default();
        let (mut one, mut other) = (reception.fate(ID), reception.fate(ID));

        reception.tell(&Notice::Expired(ID));

        assert!(matches!(one.answer().await, Some(Fate::Expired)));
        assert!(matches!(other.answer().await, Some(Fate::Expired)));
    }

    #[tokio::test]
    async fn whoever_gives_up_leaves_nothing_behind() {
        let reception = Reception::default();
        let (_, ticket) = reception.caller();
        let fate = reception.fate(ID);

        drop((ticket, fate));

        assert!(reception.callers.lock().is_empty() && reception.fates.lock().is_empty());
    }

    #[tokio::test]
    async fn each_reader_learns_its_place_in_the_mark() {
        let reception = Reception::default();
        let (first, _gone) = reception.reader();
        let (second, mut waiting) = reception.reader();
        let mark = Arc::new(Mark { seq: Default::default(), position: Default::default(), nonces: vec![] });

        reception.tell(&Notice::ReadReady { readers: vec![first, second], mark });

        assert_eq!(waiting.answer().await.unwrap().unwrap().1, 1);
    }
}
