//! Application of a member: its proposals, its word on those of others, and answers to authors of final blocks.

use super::chain::Chain;
use super::pool::Pool;
use super::wire::{Block, Message, Request};
use bytes::Bytes;
use commonware_actor::Feedback;
use commonware_consensus::simplex::Plan;
use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_consensus::simplex::types::{Activity, Context};
use commonware_consensus::{Automaton, CertifiableAutomaton, Relay, Reporter};
use commonware_cryptography::ed25519::PublicKey;
use commonware_cryptography::sha256::Digest;
use commonware_p2p::authenticated::lookup;
use commonware_p2p::{Recipients, Sender as _};
use commonware_utils::channel::oneshot;
use commonware_utils::sync::{Mutex, Notify};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Time that a leader waits for a request before it proposes a block without any.
const EMPTY_AFTER: Duration = Duration::from_millis(20);

/// Sender of messages to other members.
pub type Outbound = lookup::Sender<PublicKey, commonware_runtime::tokio::Context>;

/// Application of a member. Clones share what it knows.
#[derive(Clone)]
pub struct App {
    state: Arc<Mutex<State>>,
    changed: Arc<Notify>,
    outbound: Outbound,
}

#[derive(Default)]
struct State {
    pool: Pool,
    chain: Chain,
}

impl App {
    pub fn new(outbound: Outbound) -> Self {
        Self { state: Arc::default(), changed: Arc::default(), outbound }
    }

    /// Takes a request from an author, whose signature is good; the view in which it becomes final.
    pub fn offer(&self, request: Request) -> oneshot::Receiver<u64> {
        let (answer, answered) = oneshot::channel();
        let mut state = self.state.lock();
        state.pool.answer_to(request.digest, answer);
        state.pool.add(request);
        drop(state);
        self.changed.notify_waiters();
        answered
    }

    /// Takes requests from another member, whose signatures are good.
    pub fn add(&self, requests: Vec<Request>) {
        let mut state = self.state.lock();
        requests.into_iter().for_each(|request| state.pool.add(request));
        drop(state);
        self.changed.notify_waiters();
    }

    /// True if the signature of a request was found good before.
    pub fn is_known(&self, request: &Request) -> bool {
        self.state.lock().pool.is_known(&request.digest)
    }

    /// Keeps a block, all of whose requests have good signatures.
    pub fn keep(&mut self, block: Block) {
        let mut state = self.state.lock();
        block.requests.iter().for_each(|request| state.pool.know(request.digest));
        state.chain.insert(block);
        let awaited = state.chain.awaited();
        drop(state);
        self.changed.notify_waiters();
        if let Some(tip) = awaited {
            self.settle(tip);
        }
    }

    /// Sends a message to other members.
    pub fn send(&mut self, to: Recipients<PublicKey>, message: Bytes, is_urgent: bool) {
        self.outbound.send(to, message, is_urgent);
    }

    /// Sends a block to other members, if it is there.
    pub fn send_block(&mut self, to: Recipients<PublicKey>, digest: &Digest) {
        let message = self.state.lock().chain.get(digest).map(Message::block);
        if let Some(message) = message {
            self.send(to, message, true);
        }
    }

    /// Answers the authors of a final block and of those before it, or asks for the block that lacks.
    fn settle(&mut self, tip: Digest) {
        let mut state = self.state.lock();
        match state.chain.finalize(tip) {
            Ok(blocks) => blocks.iter().for_each(|block| state.pool.settle(&block.requests, block.view)),
            Err(lacking) => {
                drop(state);
                self.send(Recipients::All, Message::wanted(&lacking), true);
            }
        }
    }

    /// Block on a parent, of all that waits; none while nothing does, unless it may be empty.
    fn block_on(&self, view: u64, parent: Digest, may_be_empty: bool) -> Option<Digest> {
        let mut state = self.state.lock();
        let requests = state.pool.next(&state.chain.under_way(parent));
        if requests.is_empty() && !may_be_empty {
            return None;
        }
        let block = Block::new(view, parent, requests);
        let digest = block.digest;
        state.chain.insert(block);
        Some(digest)
    }

    async fn propose_on(self, view: u64, parent: Digest, response: oneshot::Sender<Digest>) {
        let deadline = Instant::now() + EMPTY_AFTER;
        loop {
            let changed = self.changed.notified();
            if let Some(digest) = self.block_on(view, parent, Instant::now() >= deadline) {
                let _ = response.send(digest); // consensus may have left the view
                return;
            }
            let _ = tokio::time::timeout_at(deadline, changed).await;
        }
    }

    async fn verify_on(self, view: u64, parent: Digest, payload: Digest, mut response: oneshot::Sender<bool>) {
        loop {
            let changed = self.changed.notified();
            let fits = self.state.lock().chain.fits(&payload, view, &parent);
            if let Some(fits) = fits {
                let _ = response.send(fits); // consensus may have left the view
                return;
            }
            tokio::select! {
                () = changed => (),
                () = response.closed() => return,
            }
        }
    }
}

impl Automaton for App {
    type Context = Context<Digest, PublicKey>;
    type Digest = Digest;

    async fn propose(&mut self, context: Self::Context) -> oneshot::Receiver<Digest> {
        let (response, receiver) = oneshot::channel();
        tokio::spawn(self.clone().propose_on(context.round.view().get(), context.parent.1, response));
        receiver
    }

    async fn verify(&mut self, context: Self::Context, payload: Digest) -> oneshot::Receiver<bool> {
        let (response, receiver) = oneshot::channel();
        tokio::spawn(self.clone().verify_on(context.round.view().get(), context.parent.1, payload, response));
        receiver
    }
}

impl CertifiableAutomaton for App {}

impl Relay for App {
    type Digest = Digest;
    type PublicKey = PublicKey;
    type Plan = Plan<PublicKey>;

    fn broadcast(&mut self, payload: Digest, plan: Self::Plan) -> Feedback {
        match plan {
            Plan::Prepare { .. } => (), // follows as a proposal
            Plan::Propose { .. } => self.send_block(Recipients::All, &payload),
            Plan::Forward { recipients, .. } => self.send_block(recipients, &payload),
        }
        Feedback::Ok
    }
}

impl Reporter for App {
    type Activity = Activity<Scheme, Digest>;

    fn report(&mut self, activity: Self::Activity) -> Feedback {
        if let Activity::Finalization(finalization) = activity {
            self.settle(finalization.proposal.payload);
        }
        Feedback::Ok
    }
}
