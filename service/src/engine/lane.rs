//! Envelopes on their way to the own lane (L1, A2).

use super::drive::{Engine, Work};
use super::error::EngineError;
use super::folding::Folding;
use super::mempool::{Candidate, Lack, NotTaken, Place, Stream};
use super::round::{CallerId, Notice};
use quorate_ledger::EnvelopeId;
use quorate_pbft::{Input, Item, ItemKind, PublicKey, Rejected, Time};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Time after a start within which the others are heard if they are there, in milliseconds: until then nothing is queued.
const HEARS_WITHIN_MS: u64 = 2_000;

impl Engine {
    /// Takes an envelope that passed the gate, or says why not.
    pub(super) fn submit(
        &mut self,
        caller: CallerId,
        candidate: Candidate,
        queues: bool,
        work: &mut Work,
    ) -> Result<(), EngineError> {
        if let Some(receipt) = self.ledger.receipt(&work.batch, &candidate.id)? {
            work.round.notices.push(Notice::Taken { caller, id: candidate.id, place: Place::Lane });
            work.round.notices.push(Notice::Verdict(Arc::new(receipt)));
            return Ok(());
        }
        let given_up = self.mempool().given_up_for(&candidate);
        let (id, answer) = (candidate.id, self.take(candidate, queues, work)?);
        let given_up = given_up.filter(|id| self.mempool().place(id).is_none());
        work.round.notices.extend(given_up.map(Notice::Expired));
        work.round.notices.push(match answer {
            Ok(place) => Notice::Taken { caller, id, place },
            Err(why) => Notice::NotTaken { caller, why },
        });
        Ok(())
    }

    fn take(
        &mut self,
        candidate: Candidate,
        queues: bool,
        work: &mut Work,
    ) -> Result<Result<Place, NotTaken>, EngineError> {
        let is_member = self.core.member().is_some(); // who follows never releases what it queues
        let queues = queues && is_member && !self.core.can_order() && self.own_clock >= Time::new(HEARS_WITHIN_MS);
        let known = self.mempool().place(&candidate.id);
        if let Some(place) = known {
            let kept = queues && self.keep(&candidate, work);
            return Ok(Ok(if kept { Place::Queued } else { place }));
        }
        if !queues && Folding::is_full(&self.db) {
            return Ok(Err(NotTaken::Full));
        }
        let next_seq = self.ledger.next_seq(&work.batch, &candidate.author, &candidate.domain)?;
        if queues { Ok(self.queue(candidate, next_seq, work)) } else { self.offer(candidate, next_seq, work) }
    }

    /// Takes an envelope for the lane. One in whose place it comes has gone then: it waits itself where the lane is full.
    fn offer(
        &mut self,
        candidate: Candidate,
        next_seq: u64,
        work: &mut Work,
    ) -> Result<Result<Place, NotTaken>, EngineError> {
        let (author, domain) = (candidate.author, candidate.domain.clone());
        let (id, bytes) = (candidate.id, candidate.bytes.clone());
        let takes_over = self.mempool().given_up_for(&candidate).is_some();
        let taken = self.mempool().take(candidate, next_seq, self.ledger.executed().time);
        if taken != Ok(Place::Lane) {
            return Ok(taken);
        }
        if self.put_on_lane(bytes, work)? {
            self.go_on(BTreeSet::from([(author, domain)]), work)?;
            return Ok(taken);
        }
        let mut mempool = self.mempool();
        if takes_over {
            mempool.park(&id, Lack::Room, self.own_clock);
        } else {
            mempool.remove(&id);
        }
        Ok(mempool.place(&id).ok_or(NotTaken::Full))
    }

    /// Keeps an envelope in the durable queue until something can be ordered.
    fn queue(&mut self, candidate: Candidate, next_seq: u64, work: &mut Work) -> Result<Place, NotTaken> {
        let bytes = candidate.bytes.clone();
        let row = self.mempool().queue(candidate, next_seq, self.ledger.executed().time)?;
        work.batch.queue(row, self.wall, &bytes);
        Ok(Place::Queued)
    }

    /// Makes an envelope that waits already as durable as one that comes now; whether it is.
    fn keep(&mut self, candidate: &Candidate, work: &mut Work) -> bool {
        let mut mempool = self.mempool();
        if let Some(row) = mempool.keep(&candidate.id) {
            drop(mempool);
            work.batch.queue(row, self.wall, &candidate.bytes);
            return true;
        }
        mempool.is_kept(&candidate.id)
    }

    /// Tells when changes cannot be ordered any more, and when they can be again; then the queue goes on the lane.
    pub(super) fn look_at_quorum(&mut self, work: &mut Work) -> Result<(), EngineError> {
        let can_order = self.core.can_order();
        if can_order == self.could_order {
            return Ok(());
        }
        self.could_order = can_order;
        if !can_order {
            work.round.notices.push(Notice::Paused);
            return Ok(());
        }
        let mut mempool = self.mempool();
        let (paused, came): (_, Vec<Time>) = mempool.orderable().unzip();
        work.round.notices.push(Notice::Resumed { paused, since: came.into_iter().min() });
        let released = mempool.release();
        drop(mempool);
        self.go_on(released, work)
    }

    /// Puts on the lane what waited for the numbers of these authors to move on.
    pub(super) fn go_on(&mut self, moved: BTreeSet<Stream>, work: &mut Work) -> Result<(), EngineError> {
        for (author, domain) in moved {
            let next_seq = self.ledger.next_seq(&work.batch, &author, &domain)?;
            self.end_overtaken(&author, &domain, next_seq, work);
            let now = self.own_clock;
            let ready = self.mempool().ready(&author, &domain, next_seq, now);
            for candidate in ready {
                let is_on_lane = self.put_on_lane(candidate.bytes, work)?;
                tracing::debug!(envelope = %candidate.id, is_on_lane, "an envelope waits for no number any more");
                if !is_on_lane {
                    self.mempool().park(&candidate.id, Lack::Room, now);
                }
            }
        }
        Ok(())
    }

    /// Ends the wait of those whose number went to another envelope.
    fn end_overtaken(&mut self, author: &PublicKey, domain: &str, next_seq: u64, work: &mut Work) {
        let mut mempool = self.mempool();
        let below = mempool.of(author, domain).take_while(|candidate| candidate.from_seq < next_seq);
        let ids: Vec<EnvelopeId> = below.map(|candidate| candidate.id).collect();
        let bytes: Vec<_> = ids.iter().filter_map(|id| mempool.end(id)).collect();
        drop(mempool);
        self.withdrawn.extend(bytes);
        work.round.notices.extend(ids.into_iter().map(|id| Notice::Overtaken { id, next_seq }));
    }

    /// Whether the core took it for the own lane.
    fn put_on_lane(&mut self, bytes: Vec<u8>, work: &mut Work) -> Result<bool, EngineError> {
        let before = work.round.notices.len();
        self.take_in(Input::Submit(Item { kind: ItemKind::Envelope, bytes }), work)?;
        let refused = |notice: &Notice| matches!(notice, Notice::Refused(Rejected::LaneFull));
        Ok(!work.round.notices[before..].iter().any(refused))
    }

    /// Tries again what lacked something, and ends the wait of what lacks it for too long.
    pub(super) fn look_after_waiting(&mut self, work: &mut Work) -> Result<(), EngineError> {
        if !self.mempool().is_time_to_look(self.own_clock) {
            return Ok(());
        }
        let expired = self.mempool().expire(self.ledger.executed().time);
        work.round.notices.extend(expired.into_iter().map(Notice::Expired));
        let unparked = self.mempool().unparked(self.own_clock);
        self.go_on(unparked, work)
    }
}
