//! Greedy observers: more than there are places for; each asks for the whole history and for marks of strong reads, and
//! takes the answers as fast as they come.
//! Must survive: everything. May suffer: other observers.

use super::super::ATTACKED;
use super::super::target::Target;
use super::wire::for_ever;
use quorate_net::{Multiaddr, Sender, dial};
use quorate_pbft::{Digest, Epoch, Position, Question, ReplicaId, SeqNum, Wanted};
use quorate_service::observing::wire::{Asking, VERSION, frame};
use std::io;

/// Observers at a time: half as many again as have places.
const OBSERVERS: usize = 12;
/// Lanes of the group.
const LANES: u64 = 4;
/// Slots or bundles of one question: as many as one answer holds.
const AT_ONCE: u64 = 64;

pub(super) async fn attack(target: Target) -> anyhow::Result<()> {
    let (door, group) = (target.door(ATTACKED)?, target.genesis()?.group());
    for_ever(OBSERVERS, move |number| observe(door.clone(), group, number)).await;
    Ok(())
}

async fn observe(door: Multiaddr, group: Digest, number: usize) -> io::Result<()> {
    let link = dial([1 + number as u8; 32], &door).await.map_err(|error| error.cause)?;
    let (mut sender, mut receiver) = link.split(usize::MAX);
    send(&mut sender, &Asking::Hello { version: VERSION, group }).await?;
    let take = async { while receiver.recv().await.is_ok() {} };
    let ask = async {
        for round in 0.. {
            for asking in questions(round) {
                send(&mut sender, &asking).await?;
            }
        }
        Ok(())
    };
    tokio::select! {
        () = take => Ok(()),
        ended = ask => ended,
    }
}

/// Questions from the beginning on, over and over, each costlier to answer than to ask.
fn questions(round: u64) -> [Asking; 3] {
    let (from, to) = (round % 64 * AT_ONCE + 1, (round % 64 + 1) * AT_ONCE);
    let slots = Wanted::Slots { from: SeqNum::new(from), to: SeqNum::new(to) };
    let lane = ReplicaId::new((round % LANES) as u16);
    let bundles = Wanted::Bundles { lane, from: Position::new(from), to: Position::new(to) };
    let ask = |wanted| Asking::Ask(Question { epoch: Epoch::new(0), wanted });
    [ask(slots), ask(bundles), Asking::Mark { number: round, nonce: Digest([round as u8; 32]), passed: 0 }]
}

async fn send(sender: &mut Sender, asking: &Asking) -> io::Result<()> {
    sender.send(&frame(asking)).await.map_err(io::Error::other)
}
