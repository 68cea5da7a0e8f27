//! Bundles of peers that do not go into the core: their lanes owe too much already.

use super::drive::{Engine, Work};
use quorate_ledger::StoreError;
use quorate_pbft::{Bundle, ItemKind, Message, PublicKey, Rejected};

impl Engine {
    /// Why a peer's message does not go into the core: a bundle with more envelopes of strangers than its
    /// lane may bring.
    pub(super) fn turn_away(&mut self, message: &Message, work: &Work) -> Result<Option<Rejected>, StoreError> {
        let Message::Bundle(bundle) = message else { return Ok(None) };
        let header = &bundle.header;
        let (lane, position) = (header.lane, header.position);
        let Some(is_needed) = self.core.needs_bundle(header) else { return Ok(None) };
        let bytes = self.bytes_of_strangers(bundle, work)?;
        if bytes == 0 || self.tolls.charge(lane, bytes, self.own_clock) {
            return Ok(None);
        }
        if is_needed {
            self.tolls.charge_anyway(lane, bytes, self.own_clock);
            return Ok(None);
        }
        Ok(Some(Rejected::Bundle { lane, position, why: "more than a lane may bring of what no gate lets in" }))
    }

    /// Bytes of envelopes whose authors were never enrolled.
    fn bytes_of_strangers(&self, bundle: &Bundle, work: &Work) -> Result<u64, StoreError> {
        let mut bytes = 0;
        for item in bundle.items.iter().filter(|item| item.kind == ItemKind::Envelope) {
            // An envelope begins with its author's key.
            let author = item.bytes.first_chunk().map(|key| PublicKey(*key));
            let known = author.map(|key| self.ledger.view(&work.batch).organisation(&key)).transpose()?;
            if known.flatten().is_none() {
                bytes += item.bytes.len() as u64;
            }
        }
        Ok(bytes)
    }
}
