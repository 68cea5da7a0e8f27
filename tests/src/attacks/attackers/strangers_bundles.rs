//! Strangers' bundles: a member without a gate orders envelopes of a mebibyte each, signed by keys that nobody enrolled.
//! Must survive: everybody's disks, but for what a lane may owe. May suffer: the member's lane.

use super::super::target::{LIAR, Target};
use quorate_ledger::{Base, Body, Change, Envelope, Mode, Op, Revision};
use quorate_net::{Bytes, Channel};
use quorate_pbft::{
    Bundle, BundleHeader, Digest, Ed25519Signer, Epoch, Item, ItemKind, Kind, Message, ReplicaId, SeqNum, Signed,
    Signer as _, Statement, Tip, View, items_root,
};
use sha2::Digest as _;
use std::sync::Arc;
use std::time::Duration;

/// Bundles of the lane, sent one after the other and then again: four times what a lane may owe.
const BUNDLES: u8 = 64;
/// Bytes of the content of each.
const CONTENT_BYTES: usize = 1 << 20;
/// Between two frames to everybody.
const REST: Duration = Duration::from_millis(50);

pub(super) async fn attack(target: Target) -> anyhow::Result<()> {
    let (network, events) = quorate_net::start(target.network()?).await?;
    let frames = lane(&target)?;
    for frame in frames.iter().cycle() {
        // Full queues are expected: what is lost comes again.
        let _ = network.broadcast(Channel::Bulk, frame.clone());
        let rest = tokio::time::sleep(REST);
        tokio::pin!(rest);
        loop {
            tokio::select! { () = &mut rest => break, event = events.recv() => if event.is_none() { return Ok(()) } }
        }
    }
    Ok(())
}

/// The frames of the lane, the same at each run.
fn lane(target: &Target) -> anyhow::Result<Vec<Bytes>> {
    let (group, signer) = (target.genesis()?.group(), target.signer()?);
    let (mut tip, mut lane_bytes) = <(Tip, u64)>::default();
    let bundles = (0..BUNDLES).map(|number| {
        let items = vec![Item { kind: ItemKind::Envelope, bytes: strangers_envelope(&group, number) }];
        let (lane, bytes) = (ReplicaId::new(LIAR as u16), items[0].bytes.len() as u64);
        lane_bytes += bytes;
        let (position, parent, items_root) = (tip.position.next(), tip.digest, items_root(&items));
        let header = BundleHeader { lane, position, parent, items: 1, bytes, items_root, lane_bytes };
        tip = header.tip();
        let (epoch, kind, view, seq) = (Epoch::new(0), Kind::Bundle, View::new(0), SeqNum::new(position.get()));
        let statement = Statement { group, epoch, kind, view, seq, digest: tip.digest };
        let signature = signer.sign(&statement.signed_bytes());
        Message::Bundle(Arc::new(Bundle { header, statement: Signed { statement, signer: lane, signature }, items }))
    });
    Ok(bundles.map(|bundle| borsh::to_vec(&bundle).expect("memory").into()).collect())
}

fn strangers_envelope(group: &Digest, number: u8) -> Vec<u8> {
    let stranger = Ed25519Signer::from_seed(&[number; 32]);
    let content = vec![number; CONTENT_BYTES];
    let put = Op::Put { path: "a".into(), mode: Mode::File, content: Digest(sha2::Sha256::digest(&content).into()) };
    let body = Body {
        author: stranger.public_key(),
        domain: "main".into(),
        from_seq: 1,
        to_seq: 1,
        attempt: 1,
        changes: vec![Change::new(Base::Revision(Revision::GENESIS), vec![put], "", 0)],
        carried: vec![],
    };
    Envelope::sign(group, body, vec![content], &stranger).encode()
}
