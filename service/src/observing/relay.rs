//! Way of an observer to the members and other observers that serve it: questions of its core, marks of strong reads,
//! changes of authors.

mod answer;
mod asking;
#[cfg(test)]
mod testing;

use super::upstream::Upstream;
use super::wire::{Asking, HOPS_MAX, Holdings, Telling};
use quorate_net::{Multiaddr, PeerInfo, PerChannel, Traffic, peer_of_key};
use quorate_pbft::{Committee, Epoch, PublicKey, Question, ReplicaId, SeqNum};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};

/// Time for an answer, of whichever member: as long as an API waits for the group, and a little.
pub const ANSWERS_WITHIN: Duration = Duration::from_secs(65);

/// Observers with a way to the members that are enough for a follower: it leaves places at members to others.
const LEADERS: usize = 2;

/// Members and observers that can be asked now, and callers that wait for their answers.
#[derive(Default)]
pub struct Relay {
    /// Whether the node follows, and needs to be served.
    follows: watch::Sender<bool>,
    state: Mutex<State>,
    /// Number of the next question.
    next: AtomicU64,
    /// Member, or observer, that is asked first, in turns.
    turn: AtomicU64,
}

/// Change of an author, or nonce of a strong read, on its way to a member.
pub struct Passing<'t> {
    /// Observers that have handed it on.
    pub passed: u8,
    /// Observer that it comes from, if it was one: it is not handed back.
    pub from: Option<PublicKey>,
    /// Observers to which it may be shown.
    pub trusts: &'t (dyn Fn(&PublicKey) -> bool + Sync),
}

/// Way of questions to who serves under a key. Who waits for an answer does not keep the link: it ends with its route.
type Route = (PublicKey, mpsc::WeakSender<Asking>);

#[derive(Default)]
struct State {
    /// The epoch at work.
    epoch: Epoch,
    /// Its members.
    members: Vec<PublicKey>,
    routes: BTreeMap<PublicKey, mpsc::Sender<Asking>>,
    /// Observers among those that serve.
    others: BTreeMap<PublicKey, Upstream>,
    /// Count of observers that ever served.
    others_count: u16,
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
        // An observer that has become a member comes again as one, and a member that has left as an observer: its link ends
        // with its route.
        let State { members, routes, others, .. } = &mut *state;
        routes.retain(|key, _| members.contains(key) != others.contains_key(key));
        others.retain(|key, _| !members.contains(key));
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
            Some(PeerInfo {
                id: Some(ReplicaId::new(number)),
                key: *key,
                peer_id: peer_of_key(key)?,
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

    /// The members, and all that serve now.
    pub fn members(&self) -> (Vec<PublicKey>, BTreeSet<PublicKey>) {
        let state = self.lock();
        (state.members.clone(), state.routes.keys().copied().collect())
    }

    /// Links to the nearest member, without those that lead there by way of this observer; [`HOPS_MAX`]: there is no way.
    pub fn hops(&self, but: Option<&PublicKey>) -> u8 {
        self.lock().hops(but, Instant::now())
    }

    /// Whether so many observers that have shown a way to the members serve that no member is asked for a place.
    pub fn is_led(&self) -> bool {
        let (state, now) = (self.lock(), Instant::now());
        state.others.values().filter(|other| other.leads(now)).count() >= LEADERS
    }

    /// The key of an observer that serves, by the number that it has here.
    pub fn key_of(&self, number: ReplicaId) -> Option<PublicKey> {
        let state = self.lock();
        state.others.iter().find(|(_, other)| other.number() == number).map(|(key, _)| *key)
    }

    /// An observer serves: questions to it go here. Its number; none where another link to it serves already.
    pub fn opened_other(&self, key: PublicKey, route: mpsc::Sender<Asking>) -> Option<ReplicaId> {
        if !self.opened(key, route) {
            return None;
        }
        let mut state = self.lock();
        let other = Upstream::new(state.others_count, Instant::now());
        state.others_count = state.others_count.wrapping_add(1);
        state.others.insert(key, other);
        Some(other.number())
    }

    /// An observer that serves says what it has, beside the slot that is executed here.
    pub fn holds(&self, key: &PublicKey, holdings: &Holdings, executed: SeqNum) {
        if let Some(other) = self.lock().others.get_mut(key) {
            other.says(holdings, executed, Instant::now());
        }
    }

    /// An observer that serves handed out a certified slot, beside the one that is executed here and the last that is kept.
    pub fn gives(&self, key: &PublicKey, seq: SeqNum, bounds: (SeqNum, SeqNum)) {
        if let Some(other) = self.lock().others.get_mut(key) {
            other.gives(seq, bounds, Instant::now());
        }
    }

    /// So many bytes of frames came from an observer that serves, or none for a while because this node read none.
    pub fn moves(&self, key: &PublicKey, bytes: u64, unread: Duration) {
        if let Some(other) = self.lock().others.get_mut(key) {
            other.moves(bytes, unread, Instant::now());
        }
    }

    /// Why an observer that serves is of no use.
    pub fn fault_of(&self, key: &PublicKey) -> Option<&'static str> {
        self.lock().others.get(key)?.fault(Instant::now())
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
        let is_lost = state.hops(None, Instant::now()) >= HOPS_MAX;
        let why = if state.routes.is_empty() { "no member can be reached" } else { Upstream::LOST };
        is_lost.then(|| state.refusal.clone().unwrap_or_else(|| why.to_owned()))
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

    /// A member or observer serves no more: whoever waits for it asks the next.
    pub fn closed(&self, member: PublicKey) {
        let mut state = self.lock();
        state.routes.remove(&member);
        state.others.remove(&member);
        state.waiting.retain(|_, (of, _)| *of != member);
    }

    /// No member is asked any more.
    pub fn closed_all(&self) {
        let mut state = self.lock();
        state.routes.clear();
        state.others.clear();
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

    /// Members and observers that serve now.
    pub fn serving(&self) -> Vec<PublicKey> {
        self.lock().routes.keys().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn hops(&self, but: Option<&PublicKey>, now: Instant) -> u8 {
        let hops_by = |key: &PublicKey| match self.others.get(key) {
            None => 0,
            Some(other) => other.hops(now).unwrap_or(HOPS_MAX),
        };
        let routes = self.routes.keys().filter(|key| Some(*key) != but);
        routes.map(hops_by).min().map_or(HOPS_MAX, |hops| hops.saturating_add(1).min(HOPS_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::testing::*;
    use super::*;
    use quorate_pbft::Digest;

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

    #[test]
    fn the_way_to_a_member_is_one_link_longer_than_that_of_the_nearest_observer_that_serves() {
        let (relay, _asked) = served_by(&[(ONE, 3), (TWO, 1)]);
        assert_eq!(relay.hops(None), 2);
        assert_eq!(relay.hops(Some(&TWO)), 4, "it is not told of the way over itself");
        relay.closed(TWO);
        relay.holds(&ONE, &holdings(HOPS_MAX), SeqNum::new(7));
        assert_eq!(relay.hops(None), HOPS_MAX);
        assert_eq!(relay.refusal().as_deref(), Some(Upstream::LOST));
    }

    #[test]
    fn two_observers_that_have_shown_a_way_to_the_members_are_enough() {
        let (relay, _asked) = served_by(&[(ONE, 1), (TWO, HOPS_MAX)]);
        let gives = |key| relay.gives(key, SeqNum::new(8), (SeqNum::new(7), SeqNum::new(9)));
        [&ONE, &TWO].into_iter().for_each(gives);
        assert!(!relay.is_led());
        relay.holds(&TWO, &holdings(2), SeqNum::new(7));
        assert!(relay.is_led());
    }

    #[tokio::test]
    async fn an_observer_that_becomes_a_member_loses_its_link_and_comes_again() {
        let (relay, mut asked) = served_by(&[(ONE, 1)]);
        let committee = Committee::new(Digest::ZERO, Epoch::new(1), vec![ONE]).expect("one member");
        relay.follow(&committee, &TWO);
        while asked[0].recv().await.is_some() {}
        assert!(relay.serving().is_empty());
    }

    #[tokio::test]
    async fn a_member_that_left_loses_its_link_and_comes_again_as_an_observer() {
        let (relay, mut asked) = served_by_members(&[ONE, TWO]);
        let committee = Committee::new(Digest::ZERO, Epoch::new(1), vec![TWO]).expect("one member");
        relay.follow(&committee, &PublicKey([3; 32]));
        soon(async { while asked[0].recv().await.is_some() {} }).await;
        assert_eq!(relay.serving(), [TWO]);
    }
}
