//! Questions to the members and observers that serve: one after the other, until one gives a final answer.

use super::answer::{keeps_nothing, others_within};
use super::{ANSWERS_WITHIN, Passing, Relay, Route};
use crate::observing::upstream::Upstream;
use crate::observing::wire::{Answered, Asking, HOPS_MAX, Marked, Telling};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use quorate_ledger::Level;
use quorate_net::on_line;
use quorate_pbft::{Digest, PublicKey, SeqNum};
use std::future::ready;
use std::iter;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// Time for the answer of a member, or of an observer that hands something on, while there is another to ask.
const HANDED_ON_WITHIN: Duration = Duration::from_secs(10);

impl Relay {
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
        let patience = HANDED_ON_WITHIN + on_line(bytes.len() as u64);
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
    use super::super::answer::RATE;
    use super::super::testing::*;
    use super::*;
    use quorate_client::api::Problem;
    use quorate_pbft::{Committee, Epoch};

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
    fn a_change_goes_to_observers_that_are_nearer_to_a_member_and_never_back() {
        let (relay, _asked) = served_by(&[(ONE, 2), (TWO, 1)]);
        let to = |passing: &Passing<'_>| relay.upwards(passing).into_iter().map(|(key, ..)| key).collect::<Vec<_>>();
        assert_eq!(to(&OWN), [TWO]);
        assert_eq!(to(&Passing { from: Some(TWO), ..OWN }), [ONE]);
        assert!(to(&Passing { trusts: &|_| false, ..OWN }).is_empty(), "nobody who may not read it is shown it");
        assert!(to(&Passing { passed: HOPS_MAX, ..OWN }).is_empty());
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
}
