//! Requests that wait for a block, and the authors who wait for an answer.

use super::wire::{MAX_BYTES, Request};
use commonware_cryptography::sha256::Digest;
use commonware_utils::channel::oneshot;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

/// Requests that are remembered as good.
const REMEMBERED: usize = 100_000;

/// Requests that a member knows. Only those whose signatures are good come here.
#[derive(Default)]
pub struct Pool {
    known: HashMap<Digest, State>,
    order: VecDeque<Digest>,
    waiting: BTreeMap<u64, Request>,
    next_place: u64,
    answers: HashMap<Digest, oneshot::Sender<u64>>,
}

/// State of a request whose signature is good.
#[derive(Clone, Copy)]
enum State {
    Seen,
    WaitsAt(u64),
    Final,
}

impl Pool {
    /// True if the signature of a request was found good before.
    pub fn is_known(&self, digest: &Digest) -> bool {
        self.known.contains_key(digest)
    }

    /// Remembers that a signature is good.
    pub fn know(&mut self, digest: Digest) {
        if !self.is_known(&digest) {
            self.set(digest, State::Seen);
        }
    }

    /// Lets a request wait for a block, unless it is in one that is final.
    pub fn add(&mut self, request: Request) {
        if let None | Some(State::Seen) = self.known.get(&request.digest) {
            self.set(request.digest, State::WaitsAt(self.next_place));
            self.waiting.insert(self.next_place, request);
            self.next_place += 1;
        }
    }

    /// Names who is to hear in which view a request is final.
    pub fn answer_to(&mut self, digest: Digest, answer: oneshot::Sender<u64>) {
        self.answers.insert(digest, answer);
    }

    /// The oldest requests that fit into a block, but for those already in a block on its way.
    pub fn next(&self, under_way: &HashSet<Digest>) -> Vec<Request> {
        let mut bytes = 0;
        let free = self.waiting.values().filter(|request| !under_way.contains(&request.digest));
        let fits = |request: &&Request| {
            bytes += request.bytes.len();
            bytes <= MAX_BYTES
        };
        free.take_while(fits).cloned().collect()
    }

    /// Answers the authors of requests that are final.
    pub fn settle(&mut self, requests: &[Request], view: u64) {
        for Request { digest, .. } in requests {
            if let Some(State::WaitsAt(place)) = self.set(*digest, State::Final) {
                self.waiting.remove(&place);
            }
            if let Some(answer) = self.answers.remove(digest) {
                let _ = answer.send(view); // an author that left needs none
            }
        }
    }

    fn set(&mut self, digest: Digest, state: State) -> Option<State> {
        let before = self.known.insert(digest, state);
        if before.is_none() {
            self.order.push_back(digest);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(byte: u8) -> Request {
        Request::decode(vec![byte; 100].into()).unwrap()
    }

    #[test]
    fn a_request_is_answered_once_and_leaves() {
        let (mut pool, (answer, mut answered)) = (Pool::default(), oneshot::channel());
        pool.answer_to(request(1).digest, answer);
        pool.add(request(1));
        pool.add(request(1));
        assert_eq!(pool.next(&HashSet::new()).len(), 1);
        pool.settle(&[request(1)], 5);
        pool.add(request(1));
        assert!(pool.next(&HashSet::new()).is_empty());
        assert_eq!(answered.try_recv(), Ok(5));
    }

    #[test]
    fn a_request_on_its_way_is_not_proposed_again() {
        let mut pool = Pool::default();
        pool.add(request(1));
        pool.add(request(2));
        let next = pool.next(&HashSet::from([request(1).digest]));
        assert_eq!(next.iter().map(|request| request.digest).collect::<Vec<_>>(), [request(2).digest]);
    }
}
