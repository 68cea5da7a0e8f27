//! State that the handlers share.

use super::answers::Answers;
use super::author_pace::AuthorPace;
use super::body::Room;
use super::copies::Copies;
use super::pace::Pace;
use super::problem::{Answer, Failure};
use super::signatures::Signatures;
use super::streams::Streams;
use super::waits::{Sessions, is_claimed};
use crate::conduct::Conduct;
use crate::config::Reads;
use crate::copying::Liar;
use crate::engine::{Inbox, Mark, Mempool, Moment, Published, Reception, Report, Request};
use crate::health::{NoRoom, Outages, Sources, Standstill, Watched};
use crate::levels;
use crate::membership::Membership;
use crate::metrics::Metrics;
use crate::observing::wire::Marked;
use crate::observing::{Passing, Relay};
use crate::pool::CachedPayload;
use crate::tokens::Tokens;
use axum::extract::State;
use quorate_client::api::Mode;
use quorate_ledger::proof::{self, NonceProof};
use quorate_ledger::{EnvelopeId, Genesis, Receipt, StoreError};
use quorate_pbft::{Digest, Position, SeqNum};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Time that a request waits for the group at most. A client that wants to wait longer asks again.
pub const WAIT_MAX: Duration = Duration::from_secs(60);

/// Time for news of a revision that neither this replica nor a member that it hears has executed.
const NEWS_WITHIN: Duration = Duration::from_secs(2);

/// Requests that wait for a revision that is not there yet.
pub const WAITS_FOR_FUTURE_MAX: usize = 256;

/// State that handlers share.
pub type Shared = State<Arc<Service>>;

/// A running replica, as its API sees it.
pub struct Service {
    /// Genesis of the group.
    pub genesis: Arc<Genesis>,
    /// Root of the state that the genesis made.
    pub genesis_root: Digest,
    /// Names under which it is reached, beside addresses and `localhost`.
    pub hosts: Arc<[String]>,
    /// Readers of domains that not everyone may read.
    pub reads: Reads,
    /// Place in the group, with the way to the members.
    pub membership: Arc<Membership>,
    /// State that the core's thread last published.
    pub published: watch::Receiver<Published>,
    /// Whether something waits for a quorum: whoever waits for an answer watches this, which seldom changes, and not each
    /// slot.
    pub stuck: watch::Receiver<bool>,
    /// The door to the core's thread.
    pub inbox: Arc<Inbox>,
    /// Callers waiting for answers.
    pub reception: Arc<Reception>,
    /// Envelopes that wait for their verdict.
    pub mempool: Arc<Mutex<Mempool>>,
    /// Remembers checked envelopes for the verification pool (G2).
    pub payload: Arc<CachedPayload>,
    /// Checks authors' signatures at the gate.
    pub signatures: Arc<Signatures>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Room for bodies on their way in.
    pub bodies: Room,
    /// Turns and room for large answers.
    pub answers: Answers,
    /// State that is being copied.
    pub copies: Copies,
    /// When strong reads may ask for a slot.
    pub pace: Pace,
    /// Pace of authors whose domains set none; none: as fast as they come.
    pub author_pace: Option<Arc<AuthorPace>>,
    /// Streams of events.
    pub streams: Streams,
    /// Room for those who wait for a revision that is not there yet.
    pub future: Semaphore,
    /// Room for sessions that wait for their slot.
    pub sessions: Sessions,
    /// Sources of facts about its health.
    pub sources: Arc<Sources>,
    /// Outages, and what came of them.
    pub outages: watch::Receiver<Outages>,
    /// Findings of the watch.
    pub watched: watch::Receiver<Arc<Watched>>,
    /// Cancelled when the replica prepares to stop: what it took is finished, and nothing new is taken.
    pub drain: CancellationToken,
    /// Cancelled when the replica stops.
    pub stop: CancellationToken,
    /// Conduct of peers.
    pub conduct: Arc<Conduct>,
    /// Nodes that lied to the copy of this node's database.
    pub liars: Vec<Liar>,
    /// Tokens of operators.
    pub tokens: Arc<Tokens>,
}

impl Service {
    /// The newest published state.
    pub fn now(&self) -> Published {
        self.published.borrow().clone()
    }

    /// The newest state.
    pub fn moment(&self) -> Arc<Moment> {
        self.published.borrow().moment.clone()
    }

    /// The replica, as it sees itself.
    pub fn report(&self) -> Arc<Report> {
        self.published.borrow().report.clone()
    }

    /// Waits until something has waited for a quorum for so long that whoever waits should hear of it.
    pub async fn stuck(&self) {
        let mut stuck = self.stuck.clone();
        if stuck.wait_for(|is_stuck| *is_stuck).await.is_err() {
            std::future::pending().await // the replica stops, and says so elsewhere
        }
    }

    /// Domains that an observer follows alone; none where it follows all.
    pub fn domains(&self) -> Vec<String> {
        self.published.borrow().moment.ledger.scope().into_iter().flatten().cloned().collect()
    }

    /// Envelopes that wait for their verdict.
    pub fn mempool(&self) -> MutexGuard<'_, Mempool> {
        self.mempool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what the disk has changed: it lowers health until somebody has mended it.
    pub fn note_damage(&self, error: &StoreError) {
        if self.sources.damage.set(error.to_string()).is_ok() {
            tracing::error!(event = "disk-damaged", %error, "the disk has changed what was written; restore the database, or make a new one");
        }
    }

    /// The way to the members of a node that is none; none of a member.
    pub fn relay(&self) -> Option<&Relay> {
        let follows = self.published.borrow().report.me.is_none();
        follows.then_some(&*self.membership.relay)
    }

    /// Why the node cannot do all that it is for: why its core stands still, what that says, and at an observer why no member
    /// serves it.
    pub fn why(&self, report: &Report) -> String {
        let standstill = self.sources.standstill().map(Standstill::words);
        let refusal = || self.relay().and_then(Relay::refusal).filter(|_| report.mode == Mode::Following);
        standstill.or_else(refusal).unwrap_or_else(|| report.why.clone())
    }

    /// Hands a request to the core's thread.
    pub fn ask(&self, request: Request) -> Answer<()> {
        if self.stop.is_cancelled() {
            return Err(Failure::stopping());
        }
        self.inbox.request(request).map_err(|_| Failure::busy("too many requests wait for the replica's core"))
    }

    /// Refuses new changes while the replica prepares to stop.
    pub fn takes_changes(&self) -> Answer<()> {
        if self.drain.is_cancelled() { Err(Failure::stopping()) } else { Ok(()) }
    }

    /// Refuses new changes while there is no room for them. Small ones without contents are let in as long as anything can be
    /// written: by them files are removed, quotas lowered and stolen keys revoked.
    pub fn has_room(&self, needs_little: bool) -> Answer<()> {
        let is_full = self.sources.room.is_awaited().then_some(NoRoom::Full);
        let refusal = is_full.or_else(|| self.watched.borrow().vitals.no_room().filter(|_| !needs_little));
        refusal.map_or(Ok(()), |why| Err(Failure::no_room(why)))
    }

    /// Refuses what needs a quorum while there is none.
    pub fn needs_quorum(&self) -> Answer<()> {
        let report = self.report();
        match report.mode {
            Mode::Active | Mode::Recovering => Ok(()),
            Mode::ReadOnly | Mode::Following | Mode::Diverged => Err(Failure::no_quorum(report.mode, &report.why)),
        }
    }

    /// Refuses what a replica cannot even keep for later.
    pub fn takes_part(&self) -> Answer<()> {
        let report = self.report();
        match report.mode {
            Mode::Active | Mode::Recovering | Mode::ReadOnly => Ok(()),
            Mode::Following | Mode::Diverged => Err(Failure::no_quorum(report.mode, &report.why)),
        }
    }

    /// Waits until what is published satisfies `enough`; none when that takes too long.
    pub async fn until(&self, enough: impl FnMut(&Published) -> bool) -> Answer<Published> {
        self.until_by(Instant::now() + WAIT_MAX, enough).await
    }

    /// The same up to a moment.
    pub async fn until_by(&self, end: Instant, mut enough: impl FnMut(&Published) -> bool) -> Answer<Published> {
        let mut published = self.published.clone();
        let wait = published.wait_for(|published| enough(published));
        tokio::select! {
            found = tokio::time::timeout_at(end, wait) => match found {
                Ok(Ok(found)) => Ok(found.clone()),
                Ok(Err(_)) => Err(Failure::stopping()),
                Err(_) => Err(Failure::too_slow()),
            },
            () = self.stop.cancelled() => Err(Failure::stopping()),
        }
    }

    /// The state that a strong read answers from: after its mark was executed (R).
    pub async fn strong(&self, nonce: Digest) -> Answer<Strong> {
        let domains = self.domains();
        if !domains.is_empty() {
            let what = "a strong read needs the order; level=sequential answers from the last certified state here";
            return Err(Failure::not_held(what, &domains));
        }
        if let Some(relay) = self.relay() {
            return self.marked(relay, nonce, &Passing { passed: 0, from: None, trusts: &|_| true }).await;
        }
        self.needs_quorum().map_err(Failure::of_a_read)?;
        self.pace.turn().await;
        let (reader, mut waiting) = self.reception.reader();
        self.ask(Request::Read { reader, nonce })?;
        let answer = tokio::select! {
            answer = tokio::time::timeout(WAIT_MAX, waiting.answer()) => answer,
            () = self.stop.cancelled() => return Err(Failure::stopping()),
        };
        let (mark, place) = match answer {
            Ok(Some(Ok(read))) => read,
            Ok(Some(Err(why))) => return Err(Failure::no_quorum(self.report().mode, why).of_a_read()),
            Ok(None) => return Err(Failure::stopping()),
            Err(_) => return Err(Failure::too_slow()),
        };
        let published = self.until(|published| levels::shows_mark(published.moment.seq(), mark.seq)).await?;
        Ok(Strong { moment: published.moment, mark, place })
    }

    /// The state of an observer after a mark that a member placed, and that was executed here.
    pub async fn marked(&self, relay: &Relay, nonce: Digest, passing: &Passing<'_>) -> Answer<Strong> {
        self.pace.turn().await;
        let found = relay.mark(nonce, passing, |marked| self.shown(nonce, marked)).await;
        found.unwrap_or_else(|| Err(self.no_strong_read(&relay.silence())))
    }

    fn no_strong_read(&self, why: &str) -> Failure {
        Failure::no_quorum(self.report().mode, why).of_a_read()
    }

    /// The state after a mark, which must stand in the slot that the member named.
    async fn shown(&self, nonce: Digest, marked: Result<Marked, String>) -> Answer<Strong> {
        let refused = |why: &str| self.no_strong_read(why);
        let marked = marked.map_err(|why| refused(&why))?;
        let moment = self.until(|published| levels::shows_mark(published.moment.seq(), marked.seq)).await?.moment;
        let place = marked.place as usize;
        let proof = NonceProof::new(&marked.nonces, place).filter(|proof| proof.nonce() == nonce);
        let proof = proof.map(|nonce| proof::Marked { seq: marked.seq, nonce });
        let state = moment.clone();
        let look = move || Ok(proof.map_or(Ok(false), |proof| state.view().has_mark(&proof))?);
        if !self.blocking(look).await? {
            return Err(refused(&format!("a member names slot {} for a mark that is not there", marked.seq)));
        }
        let mark = Mark { seq: marked.seq, position: Position::default(), nonces: marked.nonces };
        Ok(Strong { moment, mark: Arc::new(mark), place })
    }

    /// Runs what reads much of the disk or hashes much on a thread that may block.
    pub async fn blocking<T: Send + 'static>(&self, work: impl FnOnce() -> Answer<T> + Send + 'static) -> Answer<T> {
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Failure::stopping()))
    }

    /// The receipt of an envelope, if it has one here.
    pub async fn receipt(&self, id: EnvelopeId) -> Answer<Option<Receipt>> {
        let moment = self.moment();
        self.blocking(move || Ok(moment.ledger.receipt(&moment.snapshot, &id)?)).await
    }

    /// Waits until a slot is executed here; refused where nobody has heard of it.
    pub async fn executed(&self, seq: SeqNum) -> Answer<Arc<Moment>> {
        let room = self.future.try_acquire();
        let _room = room.map_err(|_| Failure::busy("too many requests wait for revisions that are not there yet"))?;
        let is_known = self.until(|published| published.moment.seq() >= seq || is_claimed(published, seq));
        if tokio::time::timeout(NEWS_WITHIN, is_known).await.is_err() {
            return Err(Failure::future(seq, self.moment().seq()));
        }
        Ok(self.until(|published| published.moment.seq() >= seq).await?.moment)
    }
}

/// A strong read that may answer.
pub struct Strong {
    /// The state, at or after the mark's slot.
    pub moment: Arc<Moment>,
    /// The mark.
    pub mark: Arc<crate::engine::Mark>,
    /// The place of the reader's nonce in it.
    pub place: usize,
}
