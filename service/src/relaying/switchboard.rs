//! Circuits of a member that relays.

use crate::observing::budget::Budget;
use crate::observing::wire::{Telling, frame};
use quorate_net::{ObserverLink, Receiver, Sender};
use quorate_pbft::PublicKey;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;

/// Nodes that are called here at a time.
const CALLED_MAX: usize = 32;
/// Circuits of one caller.
const CIRCUITS_PER_CALLER_MAX: usize = 4;
/// Calls that wait to leave to one node.
const CALLS_MAX: usize = 4;
/// Time for a node's answer to a call.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// Bounds of relaying.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Circuits at a time.
    pub(crate) circuits: usize,
    /// Bytes of one circuit, both ways together.
    pub(crate) bytes: u64,
    /// Time for which a circuit or a reservation lasts; then its ends come again.
    pub(crate) lasts: Duration,
}

impl Limits {
    /// 32 circuits of an hour and of so many bytes, 1 GiB at most.
    pub(crate) fn of(bytes: u64) -> Self {
        Self { circuits: 32, bytes: bytes.min(1 << 30), lasts: Duration::from_secs(3_600) }
    }
}

/// Nodes that are called here, and circuits to them.
pub(crate) struct Switchboard {
    limits: Limits,
    /// Bytes of all circuits in a second.
    budget: Arc<Budget>,
    circuits: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    called: BTreeMap<PublicKey, mpsc::Sender<u64>>,
    /// Calls without an answer, each with the node that is to answer.
    waiting: HashMap<u64, (PublicKey, oneshot::Sender<ObserverLink>)>,
    callers: BTreeMap<PublicKey, usize>,
    next: u64,
}

impl Switchboard {
    pub(crate) fn new(limits: Limits) -> Self {
        let (circuits, state) = (Arc::new(Semaphore::new(limits.circuits)), Mutex::default());
        Self { limits, budget: Arc::default(), circuits, state }
    }

    /// Calls a node on this connection until it ends; another connection of the same node takes its place.
    pub(crate) async fn reserve(&self, key: PublicKey, mut sender: Sender, mut receiver: Receiver) {
        let (call, mut calls) = mpsc::channel(CALLS_MAX);
        let own = call.downgrade();
        if !self.begin(key, call) {
            return refuse(&mut sender, "as many nodes are called here as may be").await;
        }
        let tell = async {
            sender.send(&frame(&Telling::Welcome)).await?;
            loop {
                match timeout(Sender::BEAT, calls.recv()).await {
                    Ok(Some(circuit)) => sender.send(&frame(&Telling::Call { circuit })).await?,
                    // Another connection of the node has taken its place.
                    Ok(None) => return Ok::<(), quorate_net::LinkError>(()),
                    Err(_) => sender.beat().await?,
                }
            }
        };
        tracing::debug!(%key, "a node is called here");
        tokio::select! {
            _ = tell => (),
            _ = receiver.recv() => (), // it has nothing to say
            () = tokio::time::sleep(self.limits.lasts) => (),
        }
        let mut state = self.lock();
        let own = own.upgrade();
        if state.called.get(&key).is_some_and(|now| own.is_some_and(|own| now.same_channel(&own))) {
            state.called.remove(&key);
        }
    }

    fn begin(&self, key: PublicKey, call: mpsc::Sender<u64>) -> bool {
        let mut state = self.lock();
        let has_room = state.called.len() < CALLED_MAX || state.called.contains_key(&key);
        if has_room {
            state.called.insert(key, call);
        }
        has_room
    }

    /// Calls a node for an observer, and joins the two until the circuit's end.
    pub(crate) async fn call(&self, from: PublicKey, to: PublicKey, mut sender: Sender, receiver: Receiver) {
        let Ok(_circuit) = self.circuits.clone().try_acquire_owned() else {
            return refuse(&mut sender, "all circuits are taken").await;
        };
        let Some(_counted) = self.count(from) else {
            return refuse(&mut sender, "this caller has as many circuits as it may").await;
        };
        let Some(waiting) = self.ring(to) else {
            return refuse(&mut sender, "the node is not called here").await;
        };
        let Ok(Ok(node)) = timeout(ANSWERS_WITHIN, waiting.answer).await else {
            return refuse(&mut sender, "the node does not answer").await;
        };
        if sender.send(&frame(&Telling::Welcome)).await.is_err() {
            return;
        }
        tracing::debug!(%from, %to, "a circuit begins");
        let Limits { bytes, lasts, .. } = self.limits;
        let budget = self.budget.clone();
        let turn = move |bytes| {
            let budget = budget.clone();
            async move { budget.turn(bytes).await }
        };
        let passed = receiver.rejoin(sender, from.0).splice(node, (bytes, lasts), turn).await;
        tracing::info!(event = "circuit-ended", %from, %to, passed, "a circuit ended");
    }

    /// Joins a node's connection to the observer that called it.
    pub(crate) async fn take(&self, key: PublicKey, circuit: u64, mut sender: Sender, receiver: Receiver) {
        let caller = {
            let mut state = self.lock();
            let is_its = state.waiting.get(&circuit).is_some_and(|(node, _)| *node == key);
            is_its.then(|| state.waiting.remove(&circuit)).flatten()
        };
        let Some((_, caller)) = caller else {
            return refuse(&mut sender, "nobody waits for this answer").await;
        };
        if sender.send(&frame(&Telling::Welcome)).await.is_ok() {
            // The caller may have gone away; then the connection ends here.
            drop(caller.send(receiver.rejoin(sender, key.0)));
        }
    }

    /// Rings a node; none if it is not called here.
    fn ring(&self, to: PublicKey) -> Option<Waiting<'_>> {
        let mut state = self.lock();
        state.next += 1;
        let circuit = state.next;
        state.called.get(&to)?.try_send(circuit).ok()?;
        let (tell, answer) = oneshot::channel();
        state.waiting.insert(circuit, (to, tell));
        Some(Waiting { answer, _forgets: Forgets { board: self, circuit } })
    }

    fn count(&self, from: PublicKey) -> Option<Counted<'_>> {
        let mut state = self.lock();
        let count = state.callers.entry(from).or_default();
        if *count >= CIRCUITS_PER_CALLER_MAX {
            return None;
        }
        *count += 1;
        Some(Counted(self, from))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Call that waits for its answer.
struct Waiting<'b> {
    answer: oneshot::Receiver<ObserverLink>,
    _forgets: Forgets<'b>,
}

/// End of a call: however it ends, nothing of it stays.
struct Forgets<'b> {
    board: &'b Switchboard,
    circuit: u64,
}

impl Drop for Forgets<'_> {
    fn drop(&mut self) {
        self.board.lock().waiting.remove(&self.circuit);
    }
}

/// Circuit that counts for its caller until it is dropped.
struct Counted<'b>(&'b Switchboard, PublicKey);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        if let Some(count) = state.callers.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                state.callers.remove(&self.1);
            }
        }
    }
}

/// Says no; the other side may be gone.
async fn refuse(sender: &mut Sender, why: &str) {
    drop(sender.send(&frame(&Telling::Refused(why.to_owned()))).await);
}
