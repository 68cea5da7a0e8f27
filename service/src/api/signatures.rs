//! Signatures of authors at the gate: those that come in the same turn of a runtime are checked as one batch. None waits for another
//! runtime: threads for strangers are the last to get the processor.

use crate::api::problem::{Answer, Failure};
use crate::tasks::spawn;
use quorate_ledger::{EnvelopeCheck, Signed};
use std::collections::{HashMap, VecDeque};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::{Handle, Id};
use tokio::sync::oneshot;
use tokio::task;

/// Signatures that are checked before others get a turn: about a millisecond's work.
const BATCH_MAX: usize = 64;

/// Signatures after a bad batch that are checked one by one, so that a stranger's garbage does not make those of honest
/// authors be checked twice.
const ALONE: u32 = 256;

/// Signatures that wait for their check.
#[derive(Debug)]
pub struct Signatures {
    check: EnvelopeCheck,
    waiting: Mutex<HashMap<Id, Waiting>>,
}

#[derive(Debug, Default)]
struct Waiting {
    asked: VecDeque<Asked>,
    /// Whether somebody is about to check them.
    is_due: bool,
    /// Signatures that are still to be checked alone.
    alone: u32,
}

/// A signature, and who waits for the answer.
type Asked = (Signed, oneshot::Sender<bool>);

impl Signatures {
    /// Nothing waits.
    pub fn new(check: EnvelopeCheck) -> Self {
        Self { check, waiting: Mutex::default() }
    }

    /// The check of envelopes' form.
    pub fn check(&self) -> &EnvelopeCheck {
        &self.check
    }

    /// Whether a signature is its author's.
    pub async fn fits(self: &Arc<Self>, signed: Signed) -> Answer<bool> {
        let (tell, told) = oneshot::channel();
        let here = Handle::current().id();
        if self.enter(here, (signed, tell)) {
            // On a task of its own: who asked may go, and others wait for the same batch.
            let signatures = self.clone();
            spawn(async move { signatures.work(here).await });
        }
        told.await.map_err(|_| Failure::stopping())
    }

    /// Adds a signature; whether nobody is about to check it.
    fn enter(&self, here: Id, asked: Asked) -> bool {
        let mut all = self.lock();
        let waiting = all.entry(here).or_default();
        waiting.asked.push_back(asked);
        !mem::replace(&mut waiting.is_due, true)
    }

    async fn work(&self, here: Id) {
        loop {
            task::yield_now().await;
            let Some((batch, is_alone)) = self.next(here) else { return };
            self.answer(here, batch, is_alone);
        }
    }

    /// The next batch, and whether each of it is to be checked alone; none when nothing waits. Who has gone costs nothing.
    fn next(&self, here: Id) -> Option<(Vec<Asked>, bool)> {
        let (mut all, mut batch) = (self.lock(), Vec::new());
        let waiting = all.entry(here).or_default();
        while batch.len() < BATCH_MAX
            && let Some(asked) = waiting.asked.pop_front()
        {
            batch.extend(Some(asked).filter(|(_, tell)| !tell.is_closed()));
        }
        waiting.is_due = !batch.is_empty();
        let is_alone = waiting.alone > 0 || batch.len() == 1;
        waiting.alone = waiting.alone.saturating_sub(batch.len() as u32);
        waiting.is_due.then_some((batch, is_alone))
    }

    fn answer(&self, here: Id, batch: Vec<Asked>, is_alone: bool) {
        let (signed, tells): (Vec<Signed>, Vec<_>) = batch.into_iter().unzip();
        let all_fit = !is_alone && self.check.all_signed(&signed);
        if !all_fit && !is_alone {
            self.lock().entry(here).or_default().alone = ALONE;
        }
        for (signed, tell) in signed.chunks(1).zip(tells) {
            // Who asked may have gone.
            let _ = tell.send(all_fit || self.check.all_signed(signed));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Id, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use quorate_ledger::keys::Purpose;
    use quorate_ledger::{DomainRules, Enrolment, FORMAT, Genesis, GenesisFile, Limits, RULES};
    use quorate_pbft::{Constants, Ed25519Signer, Signature, Signer as _};
    use std::time::Duration;

    pub fn genesis() -> Genesis {
        let enrol = |purpose, number| Enrolment::prove(purpose, "org", &Ed25519Signer::from_seed(&[number; 32]));
        let file = GenesisFile {
            format: FORMAT.into(),
            name: "signatures".into(),
            rules: Some(RULES.newest),
            restarted_from: None,
            organisations: vec!["org".into()],
            members: (1..=4).map(|number| enrol(Purpose::Member, number)).collect(),
            authors: vec![enrol(Purpose::Author, 9)],
            domains: vec![DomainRules::open("main")],
            constants: Constants::default(),
            limits: Limits::default(),
        };
        Genesis::build(file).expect("a good genesis")
    }

    fn signatures() -> Arc<Signatures> {
        Arc::new(Signatures::new(EnvelopeCheck::new(&genesis())))
    }

    fn signed(number: u8) -> Signed {
        let signer = Ed25519Signer::from_seed(&[number; 32]);
        let bytes = vec![number; 40];
        Signed { key: signer.public_key(), signature: signer.sign(&bytes), bytes }
    }

    fn forged(number: u8) -> Signed {
        Signed { signature: Signature([number; 64]), ..signed(number) }
    }

    async fn answers(signatures: &Arc<Signatures>, all: Vec<Signed>) -> Vec<bool> {
        let ask = |signed| {
            let signatures = signatures.clone();
            tokio::spawn(async move { signatures.fits(signed).await.is_ok_and(|fits| fits) })
        };
        let asked: Vec<_> = all.into_iter().map(ask).collect();
        let mut answers = Vec::new();
        for answer in asked {
            answers.push(answer.await.expect("no panic"));
        }
        answers
    }

    fn alone(signatures: &Signatures) -> u32 {
        signatures.lock()[&Handle::current().id()].alone
    }

    #[tokio::test]
    async fn signatures_of_one_runtime_do_not_wait_for_the_threads_of_another() {
        let others = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("threads");
        let (release, busy) = std::sync::mpsc::channel::<()>();
        let signatures = signatures();
        let asked = signatures.clone();
        // Its check is the other runtime's next task, which does not come: the one thread is busy.
        others.spawn(async move {
            let asks = asked.fits(signed(1));
            tokio::pin!(asks);
            let _ = futures::poll!(asks.as_mut());
            let _ = busy.recv();
            asks.await.ok();
        });
        while signatures.lock().is_empty() {
            task::yield_now().await;
        }

        let answered = tokio::time::timeout(Duration::from_secs(10), answers(&signatures, vec![signed(2)])).await;

        assert_eq!(answered, Ok(vec![true]));
        release.send(()).expect("it waits");
        others.shutdown_background();
    }

    #[tokio::test]
    async fn a_forged_signature_among_many_is_found_and_the_others_fit() {
        for place in [0, 3, 69] {
            let mut all: Vec<Signed> = (0..70).map(signed).collect();
            all[place] = forged(place as u8);
            let expected: Vec<bool> = (0..70).map(|at| at != place).collect();
            assert_eq!(answers(&signatures(), all).await, expected);
        }
    }

    #[tokio::test]
    async fn who_goes_away_leaves_the_others_their_answers() {
        let signatures = signatures();
        let asked = signatures.clone();
        let gone = tokio::spawn(async move { asked.fits(signed(1)).await });
        task::yield_now().await;
        gone.abort();
        assert_eq!(answers(&signatures, vec![signed(2), signed(3)]).await, [true, true]);
    }

    #[tokio::test]
    async fn after_a_forged_one_each_is_checked_alone_for_a_while() {
        let signatures = signatures();
        answers(&signatures, vec![signed(1), forged(2)]).await;
        assert_eq!(alone(&signatures), ALONE);
        for _ in 0..ALONE / 64 {
            let all = answers(&signatures, (0..64).map(signed).collect()).await;
            assert!(all.into_iter().all(|fits| fits));
        }
        assert_eq!(alone(&signatures), 0);
    }
}
