//! `/v1/envelopes`: changes in, verdicts out (A1 to A3).

use super::Shared;
use super::author_pace;
use super::body;
use super::door::Seat;
use super::grown::Grown;
use super::param::{InPath, InQuery, digest, wants_proof};
use super::problem::{Answer, Failure};
use super::proofs;
use super::pruned;
use super::relayed;
use super::reply::{Reply, settled};
use super::service::{Service, WAIT_MAX};
use crate::clock::now_ms;
use crate::engine::{Candidate, Fate, Lack, Moment, NotTaken, Place, Request, Waiting};
use crate::metrics::Kind;
use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use quorate_client::api::Ticket;
use quorate_ledger::{
    Admission, Code, Envelope, EnvelopeId, Level, NotAdmitted, Numbers, Receipt, Refusal, Sequencing, State as Verdict,
    Unchecked,
};
use quorate_pbft::{Item, ItemKind, PublicKey, Time};
use schemars::JsonSchema;
use serde::Deserialize;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::field::display;

/// Bytes of an envelope that is checked where it is read; a larger one goes to a thread of its own, so that hashing
/// does not keep other connections waiting.
const CHECKED_IN_PLACE_BYTES: usize = 64 << 10;

/// Bytes of a change without contents that is let in where there is little room.
const SMALL_BYTES: usize = 64 << 10;

/// Time that an envelope without the number before it waits for that one: it may be on its way.
const GAP_WAIT: Duration = Duration::from_secs(1);

/// `wait=` of an offer.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct Wish {
    /// Level at which the answer is wanted.
    wait: Option<Level>,
}

/// `proof=` of a look.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct Look {
    /// Whether the proof is wanted instead of the receipt.
    #[schemars(with = "Option<bool>")]
    proof: Option<String>,
}

/// Takes an envelope.
pub async fn offer(
    State(service): Shared,
    InQuery(wish): InQuery<Wish>,
    seat: Option<Extension<Arc<Seat>>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Response> {
    service.takes_changes().map_err(IntoResponse::into_response)?;
    let max = service.genesis.limits().envelope_bytes_max as usize;
    let whole = body::read(&headers, body, max, &service.bodies, seat.as_deref()).await?;
    let level = wish.wait.unwrap_or(Level::Eventual);
    let admitted = admit(&service, whole.bytes, level).await.map_err(IntoResponse::into_response)?;
    if let Some(seat) = seat.filter(|_| admitted.is_let_in()) {
        seat.let_in();
    }
    let reply = admitted.reply(&service, level, GAP_WAIT).await;
    reply.map(IntoResponse::into_response).map_err(IntoResponse::into_response)
}

/// Lets an envelope in: past the gate and onto the core's thread, or on to a member, whose answer is all that there is.
pub async fn admit(service: &Arc<Service>, bytes: Grown, level: Level) -> Answer<Admitted> {
    match service.relay() {
        Some(relay) => Ok(Admitted::Answered(relayed::hand_on(service, relay, (bytes, level), (0, None)).await?)),
        None => enter(service, bytes, level).await,
    }
}

/// Takes an envelope that an observer has handed on, and waits for its verdict as the level asks. `passed` observers have done
/// so, the last of them `from`; who is no member does the same.
pub async fn order(
    service: &Arc<Service>,
    bytes: Vec<u8>,
    level: Level,
    (passed, from): (u8, PublicKey),
) -> Answer<Reply> {
    match service.relay() {
        Some(relay) => {
            relayed::hand_on(service, relay, (bytes.into(), level), (passed.saturating_add(1), Some(from))).await
        }
        None => enter(service, bytes.into(), level).await?.reply(service, level, GAP_WAIT).await,
    }
}

/// An envelope that was let in.
pub enum Admitted {
    /// There is no more to wait for.
    Answered(Reply),
    /// The same bytes had their verdict.
    Judged(Arc<Receipt>),
    /// The core has it.
    Placed {
        /// Receipt so far.
        receipt: Box<Receipt>,
        /// Where it waits.
        place: Place,
        /// Its end.
        fate: Waiting<EnvelopeId, Fate>,
        /// Whether it was not here before.
        is_new: bool,
        /// Moment by which it is answered, whatever there is to wait for.
        end: Instant,
    },
}

/// Lets an envelope in at a member.
async fn enter(service: &Arc<Service>, bytes: Grown, level: Level) -> Answer<Admitted> {
    let (size, end) = (bytes.len(), Instant::now() + WAIT_MAX);
    let decoded = move |service: &Service| {
        let bytes = bytes.joined();
        Ok((decode(service, &bytes)?, bytes))
    };
    let (Unchecked { id, envelope, signed }, bytes) = at_place(service, size, decoded).await?;
    if !service.signatures.fits(signed).await? {
        return Err(refused(service, Some(id), Refusal::forged(&envelope.body.author).into()));
    }
    let passed = at_place(service, size, move |service| gate(service, (id, envelope, bytes), level)).await?;
    let (candidate, cost) = match passed {
        Passed::Judged(receipt) => return Ok(Admitted::Judged(Arc::new(receipt))),
        Passed::Candidate(candidate, cost) => (candidate, cost),
    };
    let receipt = waiting(&candidate);
    // Before the core sees the candidate: a verdict that came since the gate looked is told to whoever waits.
    let fate = service.reception.fate(candidate.id);
    let place = ticket(service, (candidate, cost.unwrap_or_default()), level, end).await?;
    let receipt = Box::new(Receipt { state: state_at(place), ..receipt });
    Ok(Admitted::Placed { receipt, place, fate, is_new: cost.is_some(), end })
}

impl Admitted {
    /// False of one that was here before, or whose verdict was known: anybody has its bytes. An observer does not know, and takes a
    /// member's verdict for a new one.
    pub fn is_let_in(&self) -> bool {
        match self {
            Self::Judged(_) => false,
            Self::Answered(Reply::Member(status, _)) => status.is_success(),
            Self::Answered(_) => true,
            Self::Placed { is_new, .. } => *is_new,
        }
    }

    /// Waits for the answer as the level asks, and so long at most while an earlier number is missing.
    pub async fn reply(self, service: &Service, level: Level, gap_wait: Duration) -> Answer<Reply> {
        let (waiting, place, mut fate, end) = match self {
            Self::Answered(reply) => return Ok(reply),
            Self::Judged(receipt) => return settled(service, receipt, level, Instant::now() + WAIT_MAX).await,
            Self::Placed { receipt, place, fate, end, .. } => (*receipt, place, fate, end),
        };
        let from_seq = waiting.from_seq;
        let promise = |receipt: Receipt| {
            let place = service.mempool().place(&receipt.id).unwrap_or(place);
            promised(service, receipt, place)
        };
        if level == Level::Eventual {
            return Ok(promise(waiting));
        }
        let fate = tokio::select! {
            fate = timeout_at(end, fate.answer()) => fate,
            place = missed(service, &waiting.id, place, gap_wait) => return Ok(promised(service, waiting, place)),
            () = service.stuck() => return Ok(promise(waiting)),
            () = service.stop.cancelled() => return Err(Failure::stopping()),
        };
        match fate {
            Ok(Some(Fate::Verdict(receipt))) => settled(service, receipt, level, end).await,
            Ok(Some(Fate::Overtaken { next_seq })) => Err(not_taken(NotTaken::SequenceTaken { from_seq, next_seq })),
            Ok(Some(Fate::Expired)) => Ok(promise(Receipt { state: Verdict::Expired, ..waiting })),
            Ok(None) => Err(Failure::stopping()),
            Err(_) => Ok(promise(waiting)),
        }
    }
}

/// Place of an envelope that still lacks an earlier number after this time; of others there is no end.
async fn missed(service: &Service, id: &EnvelopeId, place: Place, gap_wait: Duration) -> Place {
    if place.waits_for().is_some() {
        sleep(gap_wait).await;
        let now = service.mempool().known(id).map(|(_, place)| place);
        if let Some(place) = now.filter(|place| place.waits_for().is_some()) {
            return place;
        }
    }
    pending().await
}

/// Ticket of an envelope, with the reason where it has one to wait.
fn promised(service: &Service, receipt: Receipt, place: Place) -> Reply {
    let why = why(service, place, &receipt.domain);
    Reply::Ticket(Box::new(Ticket { receipt, waits_for: place.waits_for(), why }))
}

/// Reason in words why an envelope at a place waits: the input that it lacks, or why nothing can be ordered; none with a gap
/// before it, and where it is on its way.
pub fn why(service: &Service, place: Place, domain: &str) -> Option<String> {
    let is_known = || service.moment().view().policy(domain).is_ok();
    let lacking = |lacks| match lacks {
        Lack::Room => "the lane of this replica has no room now".to_owned(),
        Lack::Place if is_known() => "its author is not enrolled yet".to_owned(),
        Lack::Place => format!("no domain {domain:?} yet"),
        Lack::Dependency => "a change that it depends on is not executed yet".to_owned(),
        Lack::Content => "a content that it names is not there yet".to_owned(),
    };
    place.lacks().map(lacking).or_else(|| {
        let report = service.report();
        let waits = report.is_stuck() || place == Place::Queued;
        waits.then(|| report.why.clone()).filter(|why| !why.is_empty())
    })
}

/// State of an envelope without a verdict.
fn state_at(place: Place) -> Verdict {
    if place == Place::Queued { Verdict::Queued } else { Verdict::Waiting }
}

/// An envelope that passed the gate.
enum Passed {
    /// The same bytes had their verdict.
    Judged(Receipt),
    /// Envelope that may enter a lane, and what its author was charged for it; none where it was here before.
    Candidate(Candidate, Option<Duration>),
}

/// Works on an envelope of so many bytes where it was read, or on a thread of its own.
async fn at_place<T: Send + 'static>(
    service: &Arc<Service>,
    bytes: usize,
    work: impl FnOnce(&Service) -> Answer<T> + Send + 'static,
) -> Answer<T> {
    if bytes <= CHECKED_IN_PLACE_BYTES {
        return work(service);
    }
    let shared = service.clone();
    service.blocking(move || work(&shared)).await
}

/// The first part of the gate: an encoding that is no envelope stays out.
fn decode(service: &Service, bytes: &[u8]) -> Answer<Unchecked> {
    service.signatures.check().decode(bytes).map_err(|refusal| refused(service, None, refusal.into()))
}

/// The gate behind the signature: what must not enter a lane stays out, with stage and code.
fn gate(service: &Service, (id, envelope, bytes): (EnvelopeId, Envelope, Vec<u8>), level: Level) -> Answer<Passed> {
    // An envelope without a published verdict was let in once: the same bytes again are no error.
    let is_new = service.mempool().known(&id).is_none();
    let moment = service.moment();
    let admission = match moment.ledger.admit_signed(&moment.snapshot, id, envelope)? {
        Ok(admission) => admission,
        Err(not_admitted) => return Err(refused(service, Some(id), not_admitted)),
    };
    // By the replica's own clock: rates at the gate are advice, and ledger time stands still in an idle group.
    let now = Time::new(now_ms());
    if is_new && let Some(too_fast) = moment.ledger.comes_too_fast(&moment.snapshot, &admission, bytes.len(), now)? {
        return Err(refused(service, Some(id), too_fast.refusal.into()).after_ms(too_fast.wait_ms.unwrap_or_default()));
    }
    let Admission { id, envelope, organisation, sequencing, .. } = admission;
    if let Sequencing::Judged(receipt) = sequencing {
        return Ok(Passed::Judged(receipt));
    }
    let mut cost = None;
    if is_new {
        let is_small = envelope.contents.is_empty() && bytes.len() <= SMALL_BYTES;
        takes_now(service, is_small, level).map_err(|failure| failure.about(&id))?;
        cost = Some(charge(service, &moment, (&id, &envelope), bytes.len())?);
    } else if service.sources.room.is_awaited() {
        return Err(Failure::too_slow().about(&id)); // its bytes would wait for the round that waits for the disk
    }
    let item = Item { kind: ItemKind::Envelope, bytes };
    service.payload.remember(&item); // not verified again inside a bundle (G2)
    Ok(Passed::Candidate(Candidate::new(id, &envelope, organisation, item.bytes), cost))
}

/// Whether the replica takes new envelopes of this level now.
fn takes_now(service: &Service, is_small: bool, level: Level) -> Answer<()> {
    service.has_room(is_small)?;
    match level {
        Level::Eventual => service.takes_part(),
        Level::Causal | Level::Sequential | Level::Strong => service.needs_quorum(),
    }
}

/// Charges an envelope to its author's default pace: what the domain's policy sets no rate for. The charge.
fn charge(
    service: &Service,
    moment: &Moment,
    (id, envelope): (&EnvelopeId, &Envelope),
    bytes: usize,
) -> Answer<Duration> {
    let has_rate = moment.view().policy(&envelope.body.domain).is_ok_and(|policy| policy.rates.author.is_some());
    let Some(pace) = &service.author_pace else { return Ok(Duration::ZERO) };
    let cost = if has_rate { author_pace::cost_beside_rate(envelope) } else { author_pace::cost(envelope, bytes) };
    let charged = pace.charge(&envelope.body.author, cost, Instant::now().into_std());
    charged.map(|()| cost).map_err(|wait| {
        let wait_ms = wait.as_millis() as u64 + 1;
        let detail = format!("1000 operations or 8 MiB a second are let in of an author, and less where they are much work; again in {wait_ms} ms");
        refused(service, Some(*id), Refusal::new(Code::Rate, detail).into()).after_ms(wait_ms)
    })
}

/// A refusal as a problem; one about numbers says which is next. What is no envelope has no id.
fn refused(service: &Service, id: Option<EnvelopeId>, NotAdmitted { refusal, numbers }: NotAdmitted) -> Failure {
    let envelope = id.map(display);
    tracing::info!(event = "gate-refused", envelope, stage = %refusal.stage, code = %refusal.code, detail = %refusal.detail, "envelope refused at the gate");
    service.metrics.gate_refused.get_or_create(&Kind::of(refusal.code)).inc();
    if let Some(numbers) = numbers {
        return match numbers.forgotten {
            Some(forgotten) => pruned::envelope(service, forgotten, numbers),
            None => not_taken(taken(refusal.code, numbers)),
        };
    }
    let status = match refusal.code {
        Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::Rate => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Failure::refused(status, &refusal.stage.to_string(), &refusal.code.to_string(), refusal.detail)
}

/// Numbers that are all used belong to another envelope; some that are used overlap.
fn taken(code: Code, Numbers { from_seq, to_seq, next_seq, .. }: Numbers) -> NotTaken {
    match code {
        Code::GapTooWide => NotTaken::GapTooWide { from_seq, next_seq },
        Code::Overlap if to_seq >= next_seq => NotTaken::Overlap { from_seq, next_seq },
        _ => NotTaken::SequenceTaken { from_seq, next_seq },
    }
}

/// Hands the envelope to the core's thread: where it waits, or why it is not taken, which costs its author nothing.
async fn ticket(
    service: &Service,
    (envelope, cost): (Candidate, Duration),
    level: Level,
    end: Instant,
) -> Answer<Place> {
    let (id, author, (caller, mut waiting)) = (envelope.id, envelope.author, service.reception.caller());
    let refund = || service.author_pace.iter().for_each(|pace| pace.refund(&author, cost));
    service.ask(Request::Submit { caller, envelope, queues: level == Level::Eventual }).inspect_err(|_| refund())?;
    let answer = tokio::select! {
        answer = timeout_at(end, waiting.answer()) => answer,
        () = service.stop.cancelled() => Ok(None), // its round may be lost
    };
    match answer {
        Ok(Some(taken)) => taken.inspect_err(|_| refund()).map_err(|why| not_taken(why).about(&id)),
        Ok(None) => Err(Failure::stopping()),
        Err(_) => Err(Failure::too_slow()), // its round waits for the disk, and may take it yet
    }
}

fn not_taken(why: NotTaken) -> Failure {
    let conflict = |code: Code, next_seq| {
        let status = if code == Code::GapTooWide { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::CONFLICT };
        Failure::refused(status, &code.stage().to_string(), &code.to_string(), why.to_string()).with_next_seq(next_seq)
    };
    match why {
        NotTaken::SequenceTaken { next_seq, .. } => conflict(Code::SequenceTaken, next_seq),
        NotTaken::Overlap { next_seq, .. } => conflict(Code::Overlap, next_seq),
        NotTaken::GapTooWide { next_seq, .. } => conflict(Code::GapTooWide, next_seq),
        NotTaken::AuthorFull | NotTaken::OrganisationFull | NotTaken::Full => Failure::busy(why.to_string()),
        NotTaken::QueueFull | NotTaken::QueueShareFull => Failure::busy(why.to_string()),
    }
}

/// Receipt of an envelope without a verdict.
fn waiting(candidate: &Candidate) -> Receipt {
    Receipt {
        id: candidate.id,
        domain: candidate.domain.clone(),
        author: candidate.author,
        from_seq: candidate.from_seq,
        to_seq: candidate.to_seq,
        state: Verdict::Waiting,
        revision: None,
        lane: None,
        stage: None,
        code: None,
        detail: None,
        conflicts: Vec::new(),
        changes: Vec::new(),
    }
}

/// Answers with an envelope's receipt or ticket.
pub async fn look(
    State(service): Shared,
    InPath(id): InPath<String>,
    InQuery(look): InQuery<Look>,
) -> Answer<Response> {
    let id = EnvelopeId(digest(&id)?);
    if wants_proof(look.proof.as_deref())? {
        return proofs::of_receipt(&service, &id).await;
    }
    let known = known(&service, &id);
    match (service.receipt(id).await?, known) {
        (Some(receipt), _) => Ok(Json(receipt).into_response()),
        (None, Some(Known::Waits(receipt, place))) => Ok(promised(&service, *receipt, place).into_response()),
        (None, Some(Known::Expired(receipt))) => Ok(Json(receipt).into_response()),
        (None, None) => Err(pruned::unknown(&service, &id)),
    }
}

/// An envelope without a published verdict that waits here, or has waited for too long.
enum Known {
    Waits(Box<Receipt>, Place),
    Expired(Box<Receipt>),
}

/// Knowledge of the mempool about an envelope. A state that is read after this lacks no verdict that ended a wait before.
fn known(service: &Service, id: &EnvelopeId) -> Option<Known> {
    let mempool = service.mempool();
    if let Some((candidate, place)) = mempool.known(id) {
        return Some(Known::Waits(Box::new(Receipt { state: state_at(place), ..waiting(candidate) }), place));
    }
    let expired = mempool.expired(id)?;
    Some(Known::Expired(Box::new(Receipt { state: Verdict::Expired, ..waiting(expired) })))
}
