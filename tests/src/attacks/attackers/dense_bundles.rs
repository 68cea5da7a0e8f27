//! Dense bundles: a member's well-signed bundles whose one item is the envelope of `dense-posts`.
//! Must survive: everything. May suffer: the member, of whom this is proof.

use super::super::target::{LIAR, Target};
use super::dense_posts::dense_envelope;
use quorate_net::Channel;
use quorate_pbft::{
    Bundle, BundleHeader, Digest, Epoch, Item, ItemKind, Kind, Message, Position, ReplicaId, SeqNum, Signed,
    Signer as _, Statement, View, items_root,
};
use std::sync::Arc;
use std::time::Duration;

/// Between two frames to everybody.
const REST: Duration = Duration::from_millis(500);

pub(super) async fn attack(target: Target) -> anyhow::Result<()> {
    let (network, events) = quorate_net::start(target.network()?).await?;
    let frame = quorate_net::Bytes::from(borsh::to_vec(&bundle(&target)?).expect("memory"));
    loop {
        // A full queue is the network's answer to somebody who sends faster than others take.
        let _ = network.broadcast(Channel::Bulk, frame.clone());
        let rest = tokio::time::sleep(REST);
        tokio::pin!(rest);
        loop {
            tokio::select! { () = &mut rest => break, event = events.recv() => if event.is_none() { return Ok(()) } }
        }
    }
}

fn bundle(target: &Target) -> anyhow::Result<Message> {
    let items = vec![Item { kind: ItemKind::Envelope, bytes: dense_envelope() }];
    let bytes = items[0].bytes.len() as u64;
    let lane = ReplicaId::new(LIAR as u16);
    let header = BundleHeader {
        lane,
        position: Position::new(1),
        parent: Digest::ZERO,
        items: 1,
        bytes,
        items_root: items_root(&items),
        lane_bytes: bytes,
    };
    let statement = Statement {
        group: target.genesis()?.group(),
        epoch: Epoch::new(0),
        kind: Kind::Bundle,
        view: View::new(0),
        seq: SeqNum::new(1),
        digest: header.digest(),
    };
    let signature = target.signer()?.sign(&statement.signed_bytes());
    Ok(Message::Bundle(Arc::new(Bundle { header, statement: Signed { statement, signer: lane, signature }, items })))
}
