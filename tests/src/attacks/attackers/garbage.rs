//! Garbage: a replica that does its work and sends a share of garbage between, and an observer that does the same.
//! Must survive: everything, and the member's votes count. May suffer: the member's bulk, and the observer.

use super::super::ATTACKED;
use super::super::target::{LIAR, Target};
use super::wire::for_ever;
use quorate_ledger::answers::DIGEST;
use quorate_net::{Multiaddr, dial};
use quorate_pbft::{
    Digest, Epoch, Kind, Message, Position, Question, ReplicaId, SeqNum, Signature, Signed, Statement, View, Wanted,
};
use quorate_service::config::{Config, Overrides};
use quorate_service::observing::wire::{Asking, VERSION, frame};
use quorate_service::replica::{Interceptor, Options, Running};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Secret of the observer.
pub const OBSERVER: [u8; 32] = [0xea; 32];
/// Between two questions of the observer.
const REST: Duration = Duration::from_millis(20);

/// Sends garbage as one message in so many.
pub(super) async fn attack(target: Target, one_in: u64) -> anyhow::Result<()> {
    let _member = launch(&target, one_in).await?;
    let (door, group) = (target.door(ATTACKED)?, target.genesis()?.group());
    for_ever(1, move |_| observe(door.clone(), group, one_in)).await;
    Ok(())
}

/// The replica of the liar's seat; of its messages to each other one, one in so many has a signature that does not fit.
async fn launch(target: &Target, one_in: u64) -> anyhow::Result<Running> {
    let dir = target.folder.join(format!("replica-{LIAR}"));
    let config = Config::load(&dir, Overrides::default())?;
    let (garbage, mut sent) = (Arc::new(garbage(target.genesis()?.group())), BTreeMap::<ReplicaId, u64>::new());
    let outgoing = Box::new(move |to, message: &Arc<Message>| {
        let sent = sent.entry(to).or_default();
        *sent += 1;
        Some(if sent.is_multiple_of(one_in) { garbage.clone() } else { message.clone() })
    });
    let interceptor = Some(Interceptor { outgoing, incoming: Box::new(|_| true) });
    Ok(Running::launch(Options { dir, config, interceptor, answers: DIGEST }).await?)
}

fn garbage(group: Digest) -> Message {
    let (epoch, view, seq) = (Epoch::new(0), View::new(0), SeqNum::new(1));
    let statement = Statement { group, epoch, kind: Kind::Commit, view, seq, digest: Digest::ZERO };
    Message::Commit(Signed { statement, signer: ReplicaId::new(LIAR as u16), signature: Signature([7; 64]) })
}

async fn observe(door: Multiaddr, group: Digest, one_in: u64) -> io::Result<()> {
    let link = dial(OBSERVER, &door).await.map_err(|error| error.cause)?;
    let (mut sender, mut receiver) = link.split(usize::MAX);
    sender.send(&frame(&Asking::Hello { version: VERSION, group })).await.map_err(io::Error::other)?;
    let take = async { while receiver.recv().await.is_ok() {} };
    let ask = async {
        for number in 1_u64.. {
            let asked = if number.is_multiple_of(one_in) { vec![0xee; 100] } else { frame(&question()) };
            sender.send(&asked).await.map_err(io::Error::other)?;
            tokio::time::sleep(REST).await;
        }
        Ok(())
    };
    tokio::select! {
        () = take => Ok(()),
        ended = ask => ended,
    }
}

/// A question that is cheap to answer.
fn question() -> Asking {
    let (from, to) = (Position::new(1), Position::new(1));
    Asking::Ask(Question { epoch: Epoch::new(0), wanted: Wanted::Bundles { lane: ReplicaId::new(0), from, to } })
}
