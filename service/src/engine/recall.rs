//! Envelopes that the own lane held when the replica stopped (A2).

use super::mempool::{Candidate, Mempool};
use quorate_ledger::{Envelope, EnvelopeId, Genesis, Ledger, Read, StoreError};
use quorate_pbft::{Bundle, ItemKind, ReplicaId};
use std::sync::Arc;

/// Puts what the own lane holds above its executed tip among what waits: a restart forgets nobody who has a ticket and
/// whose envelope was bundled.
pub(super) fn recall(
    mempool: &mut Mempool,
    bundles: &[Arc<Bundle>],
    (ledger, read): (&Ledger, &dyn Read),
    me: ReplicaId,
) -> Result<(), StoreError> {
    let own = bundles.iter().filter(|bundle| bundle.header.lane == me);
    for (id, envelope, bytes) in own.flat_map(|bundle| envelopes(bundle, ledger.genesis())) {
        let organisation = ledger.organisation(read, &envelope.body.author)?;
        mempool.restore(Candidate::new(id, &envelope, organisation, bytes), ledger.executed().time);
    }
    Ok(())
}

/// The envelopes of a bundle. They were checked when the bundle was.
fn envelopes<'a>(
    bundle: &'a Arc<Bundle>,
    genesis: &'a Genesis,
) -> impl Iterator<Item = (EnvelopeId, Envelope, Vec<u8>)> + 'a {
    let items = bundle.items.iter().filter(|item| item.kind == ItemKind::Envelope);
    items.filter_map(|item| {
        let envelope = Envelope::decode(&item.bytes, genesis.limits()).ok()?;
        Some((envelope.id(&genesis.group()), envelope, item.bytes.clone()))
    })
}
