//! Way of an observer to the members that serve it: questions of its core, marks of strong reads, changes of authors.

use super::wire::{Answered, Asking, Marked, Telling};
use quorate_ledger::Level;
use quorate_net::{Member, Multiaddr, PeerInfo, PerChannel, Traffic};
use quorate_pbft::{Committee, Digest, Epoch, PublicKey, Question, ReplicaId, SeqNum};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

/// Time for an answer, of whichever member: as long as an API waits for the group, and a little.
const ANSWERS_WITHIN: Duration = Duration::from_secs(65);

/// Members that can be asked now, and callers that wait for their answers.
#[derive(Default)]
pub struct Relay {
    /// Whether the node follows, and needs to be served.
    follows: watch::Sender<bool>,
    state: Mutex<State>,
    /// Number of the next question.
    next: AtomicU64,
    /// Member that is asked first, in turns.
    turn: AtomicU64,
}

#[derive(Default)]
struct State {
    /// The epoch at work.
    epoch: Epoch,
    /// Its members.
    members: Vec<PublicKey>,
    routes: BTreeMap<PublicKey, mpsc::Sender<Asking>>,
    /// Address at which each member was last reached.
    reached: BTreeMap<PublicKey, Multiaddr>,
    waiting: HashMap<u64, (PublicKey, oneshot::Sender<Telling>)>,
    /// Why the last member that refused to serve did.
    refusal: Option<String>,
}

impl Relay {
    /// The members of an epoch that a node with this key follows, or takes part in. Members that serve it are told of the
    /// epoch, and show its end once it is over: who is up to date asks nothing from which they could know.
    pub fn follow(&self, committee: &Committee, own: &PublicKey) {
        let mut state = self.lock();
        state.members = committee.keys().copied().collect();
        if state.epoch != committee.epoch() {
            state.epoch = committee.epoch();
            // Where no room is, questions wait: they name the epoch too.
            state.routes.values().for_each(|route| drop(route.try_send(Asking::In(committee.epoch()))));
        }
        drop(state);
        self.follows.send_replace(committee.replica_of(own).is_none());
    }

    /// Whether the node follows: changes are told.
    pub fn follows(&self) -> watch::Receiver<bool> {
        self.follows.subscribe()
    }

    /// Each member, and whether it can be asked now.
    pub fn links(&self) -> Vec<PeerInfo> {
        let state = self.lock();
        let link = |(key, number): (&PublicKey, u16)| {
            let id = ReplicaId::new(number);
            Some(PeerInfo {
                id,
                key: *key,
                peer_id: Member { id, key: key.0, address: None }.peer_id().ok()?,
                address: state.reached.get(key).cloned(),
                told: None,
                is_up: state.routes.contains_key(key),
                reconnects: 0,
                oversized: 0,
                wrong_key: 0,
                traffic: PerChannel { votes: Traffic::default(), bulk: Traffic::default() },
            })
        };
        state.members.iter().zip(0..).filter_map(link).collect()
    }

    /// The members, and those that serve now.
    pub fn members(&self) -> (Vec<PublicKey>, BTreeSet<PublicKey>) {
        let state = self.lock();
        (state.members.clone(), state.routes.keys().copied().collect())
    }

    /// A member answered at this address.
    pub fn found(&self, member: PublicKey, address: Multiaddr) {
        let mut state = self.lock();
        let State { members, reached, .. } = &mut *state;
        reached.insert(member, address);
        reached.retain(|key, _| *key == member || members.contains(key));
    }

    /// Why no member serves, if none does: in the words of the last that refused, where one has.
    pub fn refusal(&self) -> Option<String> {
        let state = self.lock();
        let refusal = || state.refusal.clone().unwrap_or_else(|| "no member can be reached".to_owned());
        state.routes.is_empty().then(refusal)
    }

    /// Why a question has no answer.
    pub fn silence(&self) -> String {
        self.refusal().unwrap_or_else(|| "no member that serves this observer answers".to_owned())
    }

    /// A member refuses to serve.
    pub fn refused(&self, why: String) {
        self.lock().refusal = Some(why);
    }

    /// A member serves: questions to it go here.
    /// Returns false where another link to it serves already.
    pub fn opened(&self, member: PublicKey, route: mpsc::Sender<Asking>) -> bool {
        let mut state = self.lock();
        if state.routes.contains_key(&member) {
            return false;
        }
        let _ = route.try_send(Asking::In(state.epoch)); // the first in an empty queue
        state.routes.insert(member, route);
        state.refusal = None;
        true
    }

    /// A member serves no more: whoever waits for it asks the next.
    pub fn closed(&self, member: PublicKey) {
        let mut state = self.lock();
        state.routes.remove(&member);
        state.waiting.retain(|_, (of, _)| *of != member);
    }

    /// No member is asked any more.
    pub fn closed_all(&self) {
        let mut state = self.lock();
        state.routes.clear();
        state.waiting.clear();
    }

    /// A member answered; an answer to what another member was asked is dropped.
    pub fn told(&self, member: PublicKey, number: u64, telling: Telling) {
        let mut state = self.lock();
        if state.waiting.get(&number).is_none_or(|(asked, _)| *asked != member) {
            return;
        }
        if let Some((_, caller)) = state.waiting.remove(&number) {
            // The caller may have gone away.
            let _ = caller.send(telling);
        }
    }

    /// Asks a member for the core; dropped if it cannot be asked now, for the core asks again.
    pub fn ask(&self, member: PublicKey, question: Question) {
        if let Some(route) = self.lock().routes.get(&member) {
            let _ = route.try_send(Asking::Ask(question));
        }
    }

    /// Offers an envelope to the members, one after the other until one answers; none if none does.
    pub async fn offer(&self, level: Level, bytes: &[u8]) -> Option<Answered> {
        let make = |number| Asking::Offer { number, level, bytes: bytes.to_vec() };
        let answer = |telling| match telling {
            Telling::Answer { answer, .. } => Some(answer),
            _ => None,
        };
        self.request(make, answer).await
    }

    /// Has a nonce put into the order; none if no member answers.
    pub async fn mark(&self, nonce: Digest) -> Option<Result<Marked, String>> {
        let marked = |telling| match telling {
            Telling::Marked { outcome, .. } => Some(outcome),
            _ => None,
        };
        self.request(|number| Asking::Mark { number, nonce }, marked).await
    }

    /// Members that serve now.
    pub fn serving(&self) -> Vec<PublicKey> {
        self.lock().routes.keys().copied().collect()
    }

    /// Asks one member about its certified state; none if it does not answer.
    pub async fn state(&self, member: PublicKey, at: Option<SeqNum>, ask: Vec<u8>) -> Option<Result<Vec<u8>, String>> {
        let route = self.lock().routes.get(&member).cloned()?;
        let make = |number| Asking::State { number, at, ask: ask.clone() };
        match self.request_of(member, &route, make).await? {
            Telling::State { answer, .. } => Some(answer),
            _ => None,
        }
    }

    /// Asks one member after the other, each time beginning with the next, until one gives an answer of this kind.
    async fn request<T>(&self, make: impl Fn(u64) -> Asking, take: impl Fn(Telling) -> Option<T>) -> Option<T> {
        let routes: Vec<_> = self.lock().routes.iter().map(|(id, route)| (*id, route.clone())).collect();
        let first = self.turn.fetch_add(1, Ordering::Relaxed) as usize % routes.len().max(1);
        let all = async {
            for (member, route) in routes[first..].iter().chain(&routes[..first]) {
                if let Some(answer) = self.request_of(*member, route, &make).await.and_then(&take) {
                    return Some(answer);
                }
            }
            None
        };
        timeout(ANSWERS_WITHIN, all).await.ok().flatten()
    }

    async fn request_of(
        &self,
        member: PublicKey,
        route: &mpsc::Sender<Asking>,
        make: impl Fn(u64) -> Asking,
    ) -> Option<Telling> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (tell, told) = oneshot::channel();
        self.lock().waiting.insert(number, (member, tell));
        let _waiting = Waiting { relay: self, number };
        route.send(make(number)).await.ok()?;
        told.await.ok()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Caller that waits; however it ends, nothing of it stays.
struct Waiting<'r> {
    relay: &'r Relay,
    number: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.relay.lock().waiting.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: PublicKey = PublicKey([1; 32]);
    const TWO: PublicKey = PublicKey([2; 32]);

    fn relay() -> Relay {
        Relay::default()
    }

    fn answered(status: u16) -> Answered {
        Answered { status, content_type: "text/plain".to_owned(), retry_after: None, body: Vec::new() }
    }

    /// Answers one offer, or goes away.
    async fn member(relay: &Relay, id: PublicKey, mut route: mpsc::Receiver<Asking>, status: Option<u16>) {
        let Some(Asking::In(_)) = route.recv().await else { panic!("the epoch is told first") };
        let Some(Asking::Offer { number, .. }) = route.recv().await else { return };
        match status {
            Some(status) => relay.told(id, number, Telling::Answer { number, answer: answered(status) }),
            None => relay.closed(id),
        }
    }

    #[tokio::test]
    async fn an_envelope_goes_to_the_next_member_when_one_goes_away() {
        let relay = relay();
        let (first, one) = mpsc::channel(2);
        let (second, two) = mpsc::channel(2);
        relay.opened(ONE, first);
        relay.opened(TWO, second);

        let members = async { tokio::join!(member(&relay, ONE, one, None), member(&relay, TWO, two, Some(200))) };
        let (answer, _) = tokio::join!(relay.offer(Level::Eventual, b"envelope"), async {
            tokio::time::timeout(Duration::from_secs(5), members).await
        });

        assert_eq!(answer, Some(answered(200)));
    }

    #[tokio::test]
    async fn an_answer_of_another_member_than_the_one_asked_is_dropped() {
        let relay = relay();
        let (route, mut asked) = mpsc::channel(2);
        assert!(relay.opened(ONE, route));
        let (answer, ()) = tokio::join!(relay.offer(Level::Eventual, b"envelope"), async {
            assert!(matches!(asked.recv().await, Some(Asking::In(_))));
            let Some(Asking::Offer { number, .. }) = asked.recv().await else { panic!("an offer") };
            relay.told(TWO, number, Telling::Answer { number, answer: answered(200) });
            relay.told(ONE, number, Telling::Answer { number, answer: answered(202) });
        });
        assert_eq!(answer, Some(answered(202)));
    }

    #[tokio::test]
    async fn a_second_link_to_a_member_takes_nothing_from_the_first() {
        let relay = relay();
        let ((first, _one), (second, _two)) = (mpsc::channel(1), mpsc::channel(1));
        assert!(relay.opened(ONE, first));
        assert!(!relay.opened(ONE, second));
        assert_eq!(relay.refusal(), None);
    }

    #[tokio::test]
    async fn a_member_that_serves_is_told_of_the_epoch_at_once_and_of_each_that_follows() {
        let relay = relay();
        let committee = |epoch| Committee::new(Digest::ZERO, Epoch::new(epoch), vec![ONE]);
        let (route, mut asked) = mpsc::channel(2);
        relay.follow(&committee(5).expect("one member"), &TWO);
        relay.opened(ONE, route);
        relay.follow(&committee(6).expect("one member"), &TWO);
        for epoch in [5, 6] {
            let told = asked.recv().await;
            assert!(matches!(told, Some(Asking::In(in_it)) if in_it == Epoch::new(epoch)), "{told:?}");
        }
    }

    #[tokio::test]
    async fn without_a_member_there_is_no_answer() {
        assert_eq!(relay().offer(Level::Eventual, b"envelope").await, None);
    }
}
