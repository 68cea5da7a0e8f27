//! Bundles of peers that do not go into the core: their lanes owe too much already.

use super::drive::{Engine, Work};
use quorate_ledger::StoreError;
use quorate_pbft::{Bundle, Item, ItemKind, Message, PublicKey, Rejected};

/// Ledger time after an envelope's verdict in which another lane may still bring the same envelope unpunished: its author
/// may have sent it to several members at once.
const COPIES_WITHIN_MS: u64 = 60_000;

impl Engine {
    /// Why a peer's message does not go into the core: a bundle with more of what no gate lets in than
    /// its lane may bring.
    pub(super) fn turn_away(&mut self, message: &Message, work: &Work) -> Result<Option<Rejected>, StoreError> {
        let Message::Bundle(bundle) = message else { return Ok(None) };
        let header = &bundle.header;
        let (lane, position) = (header.lane, header.position);
        let Some(is_needed) = self.core.needs_bundle(header) else { return Ok(None) };
        let bytes = self.bytes_of_no_gate(bundle, work)?;
        if bytes == 0 || self.tolls.charge(lane, bytes, self.own_clock) {
            return Ok(None);
        }
        if is_needed {
            self.tolls.charge_anyway(lane, bytes, self.own_clock);
            return Ok(None);
        }
        Ok(Some(Rejected::Bundle { lane, position, why: "more than a lane may bring of what no gate lets in" }))
    }

    /// Bytes of envelopes that no gate lets in: of authors who were never enrolled, and copies of what had its verdict.
    fn bytes_of_no_gate(&self, bundle: &Bundle, work: &Work) -> Result<u64, StoreError> {
        let mut bytes = 0;
        for item in bundle.items.iter().filter(|item| item.kind == ItemKind::Envelope) {
            if self.is_of_stranger(item, work)? || self.is_old_copy(item, work)? {
                bytes += item.bytes.len() as u64;
            }
        }
        Ok(bytes)
    }

    fn is_of_stranger(&self, item: &Item, work: &Work) -> Result<bool, StoreError> {
        // An envelope begins with its author's key.
        let author = item.bytes.first_chunk().map(|key| PublicKey(*key));
        let known = author.map(|key| self.ledger.view(&work.batch).organisation(&key)).transpose()?;
        Ok(known.flatten().is_none())
    }

    fn is_old_copy(&self, item: &Item, work: &Work) -> Result<bool, StoreError> {
        let judged = self.ledger.judged_at(&work.batch, &item.bytes)?;
        let now = self.ledger.executed().time.get();
        Ok(judged.is_some_and(|judged| now.saturating_sub(judged.get()) > COPIES_WITHIN_MS))
    }
}
