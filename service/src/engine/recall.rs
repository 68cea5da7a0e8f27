//! Envelopes that the own lane held when the replica stopped (A2).

use super::mempool::{Candidate, Mempool};
use quorate_ledger::{Body, Envelope, EnvelopeId, Genesis, Ledger, Read, StoreError};
use quorate_pbft::{Bundle, Item, ItemKind, ReplicaId};
use quorate_storage::{Queued, Snapshot};
use std::sync::Arc;

/// Puts what the own lane holds above its executed tip among what waits: a restart forgets nobody who has a ticket and
/// whose envelope was bundled. One that had its verdict on another lane, or was overtaken, holds no number any more.
pub(super) fn recall(
    mempool: &mut Mempool,
    bundles: &[Arc<Bundle>],
    (ledger, read): (&Ledger, &dyn Read),
    me: ReplicaId,
) -> Result<(), StoreError> {
    let own = bundles.iter().filter(|bundle| bundle.header.lane == me);
    for (id, envelope, bytes) in own.flat_map(|bundle| envelopes(&bundle.items, ledger.genesis())) {
        let Body { author, domain, from_seq, .. } = &envelope.body;
        if ledger.receipt(read, &id)?.is_none() && *from_seq >= ledger.next_seq(read, author, domain)? {
            let organisation = ledger.organisation(read, author)?;
            mempool.restore(Candidate::new(id, &envelope, organisation, bytes), ledger.executed().time);
        }
    }
    Ok(())
}

/// Puts the rows of the durable queue among what waits; those of envelopes that have their verdict go, and damaged ones: their
/// authors hand the envelopes in again.
pub(super) fn queued(mempool: &mut Mempool, (ledger, disk): (&Ledger, &Snapshot)) -> Result<(), StoreError> {
    let genesis = ledger.genesis();
    for Queued { number, came, envelope: bytes } in disk.queue()? {
        let Ok(envelope) = Envelope::decode(&bytes, genesis.limits()) else {
            tracing::error!(event = "queue-damaged", number, "a queued envelope cannot be read, and is dropped");
            mempool.forget_row(number);
            continue;
        };
        let id = envelope.id(&genesis.group());
        if ledger.receipt(disk, &id)?.is_some() {
            mempool.forget_row(number);
            continue;
        }
        let organisation = ledger.organisation(disk, &envelope.body.author)?;
        let candidate = Candidate::new(id, &envelope, organisation, bytes);
        mempool.restore_queued(candidate, (number, came), ledger.executed().time);
    }
    Ok(())
}

/// Envelopes among the items of the own lane. They were checked when they came.
pub(super) fn envelopes<'a>(
    items: &'a [Item],
    genesis: &'a Genesis,
) -> impl Iterator<Item = (EnvelopeId, Envelope, Vec<u8>)> + 'a {
    let items = items.iter().filter(|item| item.kind == ItemKind::Envelope);
    items.filter_map(|item| {
        let envelope = Envelope::decode(&item.bytes, genesis.limits()).ok()?;
        Some((envelope.id(&genesis.group()), envelope, item.bytes.clone()))
    })
}
