//! Envelopes on their way to the own lane (L1, A2).

use super::drive::{Engine, EngineError, Work};
use super::pending::{NotTaken, Offered, Place, Stream};
use super::round::{CallerId, Notice};
use quorate_ledger::EnvelopeId;
use quorate_pbft::{Input, Item, ItemKind, PublicKey, Rejected};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Engine {
    /// Takes an envelope that passed the gate, or says why not.
    pub(super) fn submit(&mut self, caller: CallerId, offered: Offered, work: &mut Work) -> Result<(), EngineError> {
        if let Some(receipt) = self.ledger.receipt(&work.batch, &offered.id)? {
            work.round.notices.push(Notice::Taken { caller, waits_for: None });
            work.round.notices.push(Notice::Verdict(Arc::new(receipt)));
            return Ok(());
        }
        let answer = self.take(offered, work)?;
        work.round.notices.push(match answer {
            Ok(place) => Notice::Taken { caller, waits_for: place.waits_for() },
            Err(why) => Notice::NotTaken { caller, why },
        });
        Ok(())
    }

    fn take(&mut self, offered: Offered, work: &mut Work) -> Result<Result<Place, NotTaken>, EngineError> {
        if let Some(place) = self.waiting().place(&offered.id) {
            return Ok(Ok(place));
        }
        let (author, domain) = (offered.author, offered.domain.clone());
        let (id, bytes) = (offered.id, offered.bytes.clone());
        let next_seq = self.ledger.next_seq(&work.batch, &author, &domain)?;
        let offered = Offered { organisation: self.ledger.organisation(&work.batch, &author)?, ..offered };
        let taken = self.waiting().take(offered, next_seq, self.ledger.executed().time);
        if taken == Ok(Place::Lane) {
            if !self.put_on_lane(bytes, work)? {
                self.waiting().remove(&id);
                return Ok(Err(NotTaken::Full));
            }
            self.go_on(BTreeSet::from([(author, domain)]), work)?;
        }
        Ok(taken)
    }

    /// Puts on the lane what waited for the numbers of these authors to move on.
    pub(super) fn go_on(&mut self, moved: BTreeSet<Stream>, work: &mut Work) -> Result<(), EngineError> {
        for (author, domain) in moved {
            let next_seq = self.ledger.next_seq(&work.batch, &author, &domain)?;
            self.end_overtaken(&author, &domain, next_seq, work);
            let now = self.own_clock;
            let ready = self.waiting().ready(&author, &domain, next_seq, now);
            for offered in ready {
                if !self.put_on_lane(offered.bytes, work)? {
                    self.waiting().park(&offered.id, now);
                }
            }
        }
        Ok(())
    }

    /// Ends the wait of those whose number went to another envelope.
    fn end_overtaken(&mut self, author: &PublicKey, domain: &str, next_seq: u64, work: &mut Work) {
        let mut pending = self.waiting();
        let below = pending.of(author, domain).take_while(|offered| offered.from_seq < next_seq);
        let ids: Vec<EnvelopeId> = below.map(|offered| offered.id).collect();
        ids.iter().for_each(|id| drop(pending.remove(id)));
        drop(pending);
        work.round.notices.extend(ids.into_iter().map(|id| Notice::Overtaken { id, next_seq }));
    }

    /// Whether the core took it for the own lane.
    fn put_on_lane(&mut self, bytes: Vec<u8>, work: &mut Work) -> Result<bool, EngineError> {
        let before = work.round.notices.len();
        self.step(Input::Submit(Item { kind: ItemKind::Envelope, bytes }), work)?;
        let refused = |notice: &Notice| matches!(notice, Notice::Refused(Rejected::LaneFull));
        Ok(!work.round.notices[before..].iter().any(refused))
    }

    /// Tries again what lacked something, and ends the wait of what lacks it for too long.
    pub(super) fn look_after_waiting(&mut self, work: &mut Work) -> Result<(), EngineError> {
        if !self.waiting().is_time_to_look(self.own_clock) {
            return Ok(());
        }
        let expired = self.waiting().expire(self.ledger.executed().time);
        work.round.notices.extend(expired.into_iter().map(|offered| Notice::Expired(offered.id)));
        let unparked = self.waiting().unparked(self.own_clock);
        self.go_on(unparked, work)
    }
}
