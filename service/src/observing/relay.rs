//! Way of an observer to the members and other observers that serve it: questions of its core, marks of strong reads,
//! changes of authors.

use super::upstream::Upstream;
use super::wire::{Answered, Asking, HOPS_MAX, Holdings, Marked, Telling};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use quorate_client::api::Problem;
use quorate_ledger::Level;
use quorate_net::{Multiaddr, PeerInfo, PerChannel, Traffic, peer_of_key};
use quorate_pbft::{Committee, Digest, Epoch, PublicKey, Question, ReplicaId, SeqNum};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::ready;
use std::iter;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

/// Time for an answer, of whichever member: as long as an API waits for the group, and a little.
pub const ANSWERS_WITHIN: Duration = Duration::from_secs(65);
/// Time for the answer of a member, or of an observer that hands something on, while there is another to ask.
const HANDED_ON_WITHIN: Duration = Duration::from_secs(10);

/// Code of an answer to an author that is too fast.
const RATE: &str = "rate";

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
            let id = ReplicaId::new(number);
            Some(PeerInfo {
                id,
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

    /// Offers an envelope to the members, one after the other until one answers, or to observers that are nearer to them: the
    /// answer, none if none does; and whether nobody else that was asked may have taken it, as each has held it back.
    pub async fn offer(&self, level: Level, bytes: &[u8], passing: &Passing<'_>) -> (Option<Answered>, bool) {
        let may_have_it = AtomicU64::new(0);
        let make = |number| {
            may_have_it.fetch_add(1, Ordering::Relaxed);
            Asking::Offer { number, level, bytes: bytes.to_vec(), passed: passing.passed }
        };
        let answer = |telling| match telling {
            Telling::Answer { answer, .. } => {
                may_have_it.fetch_sub(u64::from(keeps_nothing(&answer)), Ordering::Relaxed);
                ready(Some(answer))
            }
            _ => ready(None),
        };
        let patience = HANDED_ON_WITHIN + Upstream::on_line(bytes.len() as u64);
        let others_within =
            |answer: &Answered| others_within(answer, may_have_it.load(Ordering::Relaxed) > 0, patience);
        let answered = self.request((passing, patience), make, answer, others_within).await;
        let itself = u64::from(answered.as_ref().is_some_and(|answer| !keeps_nothing(answer)));
        (answered, may_have_it.load(Ordering::Relaxed) <= itself)
    }

    /// Has a nonce put into the order, and the mark shown to be there: by the first whose mark is; none if no member answers.
    pub async fn mark<T, E, F: Future<Output = Result<T, E>>>(
        &self,
        nonce: Digest,
        passing: &Passing<'_>,
        show: impl Fn(Result<Marked, String>) -> F,
    ) -> Option<Result<T, E>> {
        let show = &show;
        let shown = |telling| async move {
            match telling {
                Telling::Marked { outcome, .. } => Some(show(outcome).await),
                _ => None,
            }
        };
        let make = |number| Asking::Mark { number, nonce, passed: passing.passed };
        let others_within = |shown: &Result<T, E>| if shown.is_ok() { Duration::ZERO } else { ANSWERS_WITHIN };
        self.request((passing, HANDED_ON_WITHIN), make, shown, others_within).await
    }

    /// Members and observers that serve now.
    pub fn serving(&self) -> Vec<PublicKey> {
        self.lock().routes.keys().copied().collect()
    }

    /// Asks one member about its certified state; none if it does not answer.
    pub async fn state(&self, member: PublicKey, at: Option<SeqNum>, ask: Vec<u8>) -> Option<Result<Vec<u8>, String>> {
        let route = self.lock().routes.get(&member)?.downgrade();
        let make = |number| Asking::State { number, at, ask: ask.clone() };
        match self.request_of(member, &route, make).await? {
            Telling::State { answer, .. } => Some(answer),
            _ => None,
        }
    }

    /// Asks one after the other until one gives a final answer of this kind: the members, each time beginning with the next,
    /// and then likewise observers that are nearer to them than this one, so that nothing goes round in a circle. The next is
    /// asked as well where no answer has come within `patience`, the third and each later one within twice that. An answer counts once
    /// all are asked and no other has come for as long as `others_within` says of it, at once for none, and before those that leave
    /// others more time.
    async fn request<T, F: Future<Output = Option<T>>>(
        &self,
        (passing, patience): (&Passing<'_>, Duration),
        make: impl Fn(u64) -> Asking,
        take: impl Fn(Telling) -> F,
        others_within: impl Fn(&T) -> Duration,
    ) -> Option<T> {
        let (make, take) = (&make, &take);
        let ask = |(key, route): Route| async move { take(self.request_of(key, &route, make).await?).await };
        let (mut routes, mut asked, mut best) = (self.upwards(passing).into_iter(), FuturesUnordered::new(), None);
        let mut pauses = iter::once(patience).chain(iter::repeat(2 * patience)); // a slow group is asked by few
        let all = async {
            loop {
                let left = best.as_ref().map_or(ANSWERS_WITHIN, &others_within);
                if left.is_zero() {
                    return;
                }
                asked.extend(routes.next().map(ask));
                let pause = pauses.next().filter(|_| routes.len() > 0).unwrap_or(left);
                match timeout(pause, asked.next()).await {
                    Ok(Some(answer)) => best = answer.into_iter().chain(best.take()).min_by_key(&others_within),
                    Err(_) if routes.len() > 0 => (),
                    Ok(None) | Err(_) => return, // nobody is left to ask
                }
            }
        };
        let _ = timeout(ANSWERS_WITHIN, all).await;
        best
    }

    /// Routes that lead to members.
    fn upwards(&self, passing: &Passing<'_>) -> Vec<Route> {
        if passing.passed >= HOPS_MAX {
            return Vec::new();
        }
        let (state, now) = (self.lock(), Instant::now());
        let hops = state.hops(passing.from.as_ref(), now);
        let is_nearer = |other: &Upstream| other.hops(now).is_some_and(|theirs| theirs < hops);
        let of = |key: &PublicKey| Some((*key, state.routes.get(key)?.downgrade()));
        let members = state.routes.keys().filter(|key| !state.others.contains_key(key));
        let others = state.others.iter().filter(|(key, other)| is_nearer(other) && (passing.trusts)(key));
        let mut routes: Vec<_> = members.filter_map(of).collect();
        let mut nearer: Vec<_> = others.filter_map(|(key, _)| of(key)).collect();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) as usize;
        for routes in [&mut routes, &mut nearer] {
            let first = turn % routes.len().max(1);
            routes.rotate_left(first);
        }
        routes.extend(nearer);
        routes.retain(|(key, _)| Some(*key) != passing.from);
        routes
    }

    async fn request_of(
        &self,
        member: PublicKey,
        route: &mpsc::WeakSender<Asking>,
        make: impl Fn(u64) -> Asking,
    ) -> Option<Telling> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (tell, told) = oneshot::channel();
        self.lock().waiting.insert(number, (member, tell));
        let _waiting = Waiting { relay: self, number };
        let route = route.upgrade()?;
        route.reserve().await.ok()?.send(make(number)); // made once it is sure to leave
        drop(route);
        told.await.ok()
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

/// Time for the answers of others after this one. Another member is asked where one holds back; but an author that is too fast is
/// to wait. A refusal for ever is the answer unless another who was asked may have the envelope: that one has a little time, for
/// most likely it is silent, and its author is better told to ask again.
fn others_within(answer: &Answered, others_may_have_it: bool, patience: Duration) -> Duration {
    let is_refusal = keeps_nothing(answer) && !is_held_back(answer);
    match others_may_have_it {
        _ if !keeps_nothing(answer) && answer.status < 500 => Duration::ZERO,
        false if is_refusal || is_too_fast(answer) => Duration::ZERO,
        true if is_refusal => patience,
        _ => ANSWERS_WITHIN,
    }
}

/// Whether an answer says that nothing was kept: a refusal, for now or for ever.
fn keeps_nothing(answer: &Answered) -> bool {
    is_held_back(answer) || (400..500).contains(&answer.status)
}

/// Whether an answer says that nothing was kept for now.
fn is_held_back(answer: &Answered) -> bool {
    matches!(answer.status, 429 | 507) || answer.status == 503 && code_of(answer).as_deref() == Some("no-quorum")
}

/// Whether the author is too fast, by the policy's rate or by that of a member.
fn is_too_fast(answer: &Answered) -> bool {
    answer.status == 429 && code_of(answer).as_deref() == Some(RATE)
}

fn code_of(answer: &Answered) -> Option<String> {
    serde_json::from_slice::<Problem>(&answer.body).ok().map(|problem| problem.code)
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

    /// Passing of what an own author hands in, while everyone may read everything.
    const OWN: Passing<'static> = Passing { passed: 0, from: None, trusts: &|_| true };

    fn relay() -> Relay {
        Relay::default()
    }

    fn holdings(hops: u8) -> Holdings {
        Holdings { executed: SeqNum::new(7), oldest: SeqNum::new(1), stable: SeqNum::default(), hops }
    }

    /// A relay that these observers serve, with their hops.
    fn served_by(others: &[(PublicKey, u8)]) -> (Relay, Vec<mpsc::Receiver<Asking>>) {
        let (relay, mut asked) = (relay(), Vec::new());
        for (key, hops) in others {
            let (route, receiver) = mpsc::channel(2);
            relay.opened_other(*key, route).expect("its first link");
            relay.holds(key, &holdings(*hops), SeqNum::new(7));
            asked.push(receiver);
        }
        (relay, asked)
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
        let (answer, _) = tokio::join!(relay.offer(Level::Eventual, b"envelope", &OWN), async {
            tokio::time::timeout(Duration::from_secs(5), members).await
        });

        assert_eq!(answer, (Some(answered(200)), false), "the first may have it");
    }

    #[tokio::test]
    async fn nobody_else_has_an_envelope_only_if_nobody_went_away_with_it() {
        let firsts = [(None, false), (Some(503), false), (Some(429), true)];
        for ((first, nobody_else), last) in firsts.into_iter().flat_map(|first| [(first, 429), (first, 422)]) {
            let (relay, asked) = served_by(&[(ONE, 1), (TWO, 1)]);
            let others = asked.into_iter().zip([ONE, TWO]).zip([first, Some(last)]);
            let others: Vec<_> = others.map(|((asked, key), status)| member(&relay, key, asked, status)).collect();
            let [one, two] = <[_; 2]>::try_from(others).ok().expect("two observers");
            let (answer, ..) = tokio::join!(relay.offer(Level::Eventual, b"envelope", &OWN), one, two);
            assert_eq!(answer, (Some(answered(last)), nobody_else), "{first:?}");
        }
    }

    #[tokio::test]
    async fn an_envelope_that_went_out_and_has_no_answer_may_be_with_somebody() {
        let (relay, mut asked) = served_by(&[(ONE, 1)]);
        let gone = member(&relay, ONE, asked.remove(0), None);
        let (answer, ()) = tokio::join!(relay.offer(Level::Eventual, b"envelope", &OWN), gone);
        assert_eq!(answer, (None, false));
    }

    #[tokio::test]
    async fn an_answer_of_another_member_than_the_one_asked_is_dropped() {
        let relay = relay();
        let (route, mut asked) = mpsc::channel(2);
        assert!(relay.opened(ONE, route));
        let (answer, ()) = tokio::join!(relay.offer(Level::Eventual, b"envelope", &OWN), async {
            assert!(matches!(asked.recv().await, Some(Asking::In(_))));
            let Some(Asking::Offer { number, .. }) = asked.recv().await else { panic!("an offer") };
            relay.told(TWO, number, Telling::Answer { number, answer: answered(200) });
            relay.told(ONE, number, Telling::Answer { number, answer: answered(202) });
        });
        assert_eq!(answer, (Some(answered(202)), true));
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
    async fn of_observers_another_begins_each_time_and_one_that_is_busy_or_fails_has_not_the_last_word() {
        for (second, last) in [(Some(422), 422), (None, 503)] {
            let (relay, asked) = served_by(&[(ONE, 1), (TWO, 1)]);
            let begins = || relay.upwards(&OWN)[0].0;
            assert_ne!(begins(), begins());
            let others = asked.into_iter().zip([ONE, TWO]).zip([Some(503), second]);
            let others: Vec<_> = others.map(|((asked, key), status)| member(&relay, key, asked, status)).collect();
            let [one, two] = <[_; 2]>::try_from(others).ok().expect("two observers");
            let (answer, ..) = tokio::join!(relay.offer(Level::Eventual, b"envelope", &OWN), one, two);
            assert_eq!(answer.0, Some(answered(last)));
        }
    }

    /// A relay that these members serve.
    fn served_by_members(members: &[PublicKey]) -> (Relay, Vec<mpsc::Receiver<Asking>>) {
        let (relay, mut asked) = (relay(), Vec::new());
        for member in members {
            let (route, receiver) = mpsc::channel(2);
            assert!(relay.opened(*member, route));
            asked.push(receiver);
        }
        (relay, asked)
    }

    async fn soon<T>(work: impl Future<Output = T>) -> T {
        timeout(Duration::from_secs(20), work).await.expect("in time")
    }

    #[tokio::test]
    async fn a_member_that_refuses_for_itself_has_not_the_last_word_about_a_change() {
        for refusal in [429, 503, 507] {
            let (relay, asked) = served_by_members(&[ONE, TWO]);
            let [one, two] = <[_; 2]>::try_from(asked).expect("two members");
            let members = (member(&relay, ONE, one, Some(refusal)), member(&relay, TWO, two, Some(200)));
            let all = async { tokio::join!(relay.offer(Level::Eventual, b"envelope", &OWN), members.0, members.1) };
            let (answer, ..) = soon(all).await;
            assert_eq!(answer.0, Some(answered(200)), "{refusal}");
        }
    }

    /// The number of the next offer.
    async fn offered(route: &mut mpsc::Receiver<Asking>) -> u64 {
        loop {
            if let Asking::Offer { number, .. } = route.recv().await.expect("an offer") {
                return number;
            }
        }
    }

    /// Answer to an offer that the second member asked refuses for ever, before the first one answers with this status.
    async fn after_a_refusal(status: u16) -> (Option<Answered>, bool) {
        let (relay, asked) = served_by_members(&[ONE, TWO]);
        let [mut one, mut two] = <[_; 2]>::try_from(asked).expect("two members");
        let says = async {
            let (slow, refuses) = (offered(&mut one).await, offered(&mut two).await);
            relay.told(TWO, refuses, Telling::Answer { number: refuses, answer: answered(422) });
            tokio::time::sleep(Duration::from_millis(100)).await;
            relay.told(ONE, slow, Telling::Answer { number: slow, answer: answered(status) });
        };
        soon(async { tokio::join!(relay.offer(Level::Eventual, b"envelope", &OWN), says) }).await.0
    }

    #[tokio::test]
    async fn a_refusal_does_not_end_the_wait_for_a_member_that_was_asked_before() {
        assert_eq!(after_a_refusal(200).await.0, Some(answered(200)));
    }

    #[tokio::test]
    async fn a_member_that_holds_back_has_not_the_last_word_after_one_that_refuses_for_ever() {
        for held_back in [429, 507] {
            assert_eq!(after_a_refusal(held_back).await, (Some(answered(422)), true), "{held_back}");
        }
    }

    #[tokio::test]
    async fn a_silent_member_is_waited_for_a_little_longer_once_all_others_have_answered_and_no_longer() {
        let (relay, mut asked) = served_by_members(&[ONE, TWO]);
        let (mut two, mut one) = (asked.pop().expect("a member"), asked.pop().expect("another"));
        let others_within = Duration::from_millis(50);
        let take = |telling| ready(matches!(telling, Telling::Marked { .. }).then_some(7));
        let make = |number| Asking::Mark { number, nonce: Digest::ZERO, passed: 0 };
        let answer = relay.request((&OWN, Duration::from_millis(50)), make, take, |_| others_within);
        let (found, _, ()) =
            soon(async { tokio::join!(answer, number_of(&mut one), marks_once(&relay, TWO, &mut two)) }).await;
        assert_eq!(found, Some(7));
    }

    #[test]
    fn others_are_waited_for_as_long_as_theirs_may_be_another_answer() {
        let patience = Duration::from_secs(1);
        let cases = [
            (200, true, Duration::ZERO),
            (422, false, Duration::ZERO),
            (422, true, patience),
            (429, false, ANSWERS_WITHIN),
            (429, true, ANSWERS_WITHIN),
            (503, true, ANSWERS_WITHIN),
        ];
        for (status, others_may_have_it, wait) in cases {
            assert_eq!(others_within(&answered(status), others_may_have_it, patience), wait, "{status}");
        }
    }

    #[tokio::test]
    async fn an_author_that_is_too_fast_for_one_member_is_sent_to_no_other() {
        let (relay, asked) = served_by_members(&[ONE, TWO]);
        let [mut one, mut two] = <[_; 2]>::try_from(asked).expect("two members");
        let body = serde_json::to_vec(&Problem::new(429, RATE, "for people")).expect("plain data");
        let says = async {
            let number = offered(&mut one).await;
            let answer = Answered { body: body.clone(), ..answered(429) };
            relay.told(ONE, number, Telling::Answer { number, answer });
        };
        let ((answer, is_alone), ()) =
            soon(async { tokio::join!(relay.offer(Level::Eventual, b"envelope", &OWN), says) }).await;

        assert_eq!((answer.map(|answer| answer.status), is_alone), (Some(429), true));
        assert!(std::iter::from_fn(|| two.try_recv().ok()).all(|asking| matches!(asking, Asking::In(_))));
    }

    #[test]
    fn an_answer_says_that_nothing_was_kept_by_its_status_or_that_there_is_no_quorum() {
        let problem = |code| {
            let body = serde_json::to_vec(&Problem::new(503, code, "for people")).expect("plain data");
            Answered { body, ..answered(503) }
        };
        assert!([answered(429), answered(507), problem("no-quorum")].iter().all(is_held_back));
        assert!(![answered(200), answered(422), answered(503), problem("timeout")].iter().any(is_held_back));
    }

    /// Answers marks with this slot, or refuses them.
    async fn marks(relay: &Relay, id: PublicKey, route: &mut mpsc::Receiver<Asking>, seq: Option<u64>) {
        while let Some(asking) = route.recv().await {
            let Asking::Mark { number, .. } = asking else { continue };
            let marked = |seq| Marked { seq: SeqNum::new(seq), nonces: Vec::new(), place: 0 };
            let outcome = seq.map(marked).ok_or_else(|| "read-only".to_owned());
            relay.told(id, number, Telling::Marked { number, outcome });
        }
    }

    #[tokio::test]
    async fn a_member_that_refuses_or_names_a_mark_that_is_not_there_has_not_the_last_word_about_a_strong_read() {
        for lie in [None, Some(u64::MAX)] {
            let (relay, mut asked) = served_by_members(&[ONE, TWO]);
            let (mut two, mut one) = (asked.pop().expect("a member"), asked.pop().expect("another"));
            let is_there = |marked: Marked| (marked.seq.get() == 7).then_some(7).ok_or_else(|| "a lie".to_owned());
            let show = |marked: Result<Marked, String>| ready(marked.and_then(is_there));
            let found = tokio::select! {
                found = relay.mark(Digest::ZERO, &OWN, show) => found,
                () = marks(&relay, ONE, &mut one, lie) => panic!("its route stays"),
                () = marks(&relay, TWO, &mut two, Some(7)) => panic!("its route stays"),
            };
            assert_eq!(found, Some(Ok(7)), "{lie:?}");
        }
    }

    /// Answers one mark.
    async fn marks_once(relay: &Relay, id: PublicKey, route: &mut mpsc::Receiver<Asking>) {
        let number = number_of(route).await;
        let marked = Marked { seq: SeqNum::new(7), nonces: Vec::new(), place: 0 };
        relay.told(id, number, Telling::Marked { number, outcome: Ok(marked) });
    }

    /// The slot of a mark by whichever member answers first; each is waited for a little before the next is asked.
    async fn slot_of(relay: &Relay) -> Option<SeqNum> {
        let take = |telling| match telling {
            Telling::Marked { outcome, .. } => ready(outcome.ok().map(|marked| marked.seq)),
            _ => ready(None),
        };
        let make = |number| Asking::Mark { number, nonce: Digest::ZERO, passed: 0 };
        relay.request((&OWN, Duration::from_millis(50)), make, take, |_| Duration::ZERO).await
    }

    /// The number of the next mark that is asked for.
    async fn number_of(route: &mut mpsc::Receiver<Asking>) -> u64 {
        loop {
            if let Some(Asking::Mark { number, .. }) = route.recv().await {
                return number;
            }
        }
    }

    #[tokio::test]
    async fn the_next_is_asked_where_a_member_is_silent_and_the_first_answer_counts() {
        for (speaks, slot) in [(ONE, 1), (TWO, 2)] {
            let (relay, mut asked) = served_by_members(&[ONE, TWO]);
            let (mut two, mut one) = (asked.pop().expect("a member"), asked.pop().expect("another"));
            let members = async {
                let (one, two) = tokio::join!(number_of(&mut one), number_of(&mut two));
                let number = if speaks == ONE { one } else { two };
                let marked = Marked { seq: SeqNum::new(slot), nonces: Vec::new(), place: 0 };
                relay.told(speaks, number, Telling::Marked { number, outcome: Ok(marked) });
            };
            let (found, ()) = soon(async { tokio::join!(slot_of(&relay), members) }).await;
            assert_eq!(found, Some(SeqNum::new(slot)));
        }
    }

    #[tokio::test]
    async fn without_a_member_there_is_no_answer_and_nobody_has_the_envelope() {
        assert_eq!(relay().offer(Level::Eventual, b"envelope", &OWN).await, (None, true));
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

    #[test]
    fn a_change_goes_to_observers_that_are_nearer_to_a_member_and_never_back() {
        let (relay, _asked) = served_by(&[(ONE, 2), (TWO, 1)]);
        let to = |passing: &Passing<'_>| relay.upwards(passing).into_iter().map(|(key, ..)| key).collect::<Vec<_>>();
        assert_eq!(to(&OWN), [TWO]);
        assert_eq!(to(&Passing { from: Some(TWO), ..OWN }), [ONE]);
        assert!(to(&Passing { trusts: &|_| false, ..OWN }).is_empty(), "nobody who may not read it is shown it");
        assert!(to(&Passing { passed: HOPS_MAX, ..OWN }).is_empty());
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
    async fn a_member_that_left_loses_its_link_while_questions_are_out() {
        let (relay, asked) = served_by_members(&[ONE]);
        let [mut one] = <[_; 1]>::try_from(asked).expect("a member");
        let ends = async {
            offered(&mut one).await;
            let committee = Committee::new(Digest::ZERO, Epoch::new(1), vec![TWO]).expect("one member");
            relay.follow(&committee, &PublicKey([3; 32]));
            while one.recv().await.is_some() {}
            relay.closed(ONE);
        };
        let (answer, ()) = soon(async { tokio::join!(relay.offer(Level::Eventual, b"envelope", &OWN), ends) }).await;
        assert_eq!(answer, (None, false));
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
