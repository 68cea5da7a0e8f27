//! Conduct that an attack must have at the attacked replica, as `/v1/peers` shows it.

use super::attackers::garbage::OBSERVER;
use super::target::{LIAR, OPERATOR, Target};
use super::{ATTACKED, OTHER};
use quorate_client::api::{Conduct, ConductState, Mode, Page, Peer};
use quorate_client::http::Client;
use quorate_net::Member;
use quorate_pbft::{Ed25519Signer, ReplicaId, Signer as _};
use std::time::{Duration, Instant};

/// Time that the attacker's replica may take until it votes, and garbage until it has its answer.
const PATIENCE: Duration = Duration::from_secs(45);
/// Slots behind the others with which it is at work.
const BEHIND_SLOTS_MAX: u64 = 8;
/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);
/// Age in milliseconds of a word that is fresh.
const FRESH_MS: u64 = 2_000;

/// Ends what earlier attacks of the same seat and observer have earned.
pub fn release(target: &Target) -> Result<(), String> {
    let secret = std::fs::read_to_string(target.folder.join(OPERATOR)).map_err(|error| error.to_string())?;
    asking(target, ATTACKED, async |client| {
        let client = client.with_token(&secret).map_err(|error| error.to_string())?;
        let _ = client.release(&observer()).await; // it may never have come
        client.release(&LIAR.to_string()).await.map(drop).map_err(|error| format!("no release: {error}"))
    })
}

/// Waits until the attacker's replica votes, has what the others have executed, and is heard.
pub fn await_seat(target: &Target) -> Result<(), String> {
    let status = async |client: Client| client.status().await.map_err(|error| error.to_string());
    let begun = Instant::now();
    loop {
        let (own, others) = (asking(target, LIAR, status)?, asking(target, ATTACKED, status)?);
        if own.mode == Mode::Active && own.executed_seq + BEHIND_SLOTS_MAX >= others.executed_seq {
            break;
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("replica {LIAR} does not vote: {own:?}"));
        }
        std::thread::sleep(LOOK);
    }
    let is_heard = |peer: &Peer| peer.connected && peer.heard_ms.is_some_and(|ms| ms < FRESH_MS);
    until(target, |peers| peers.iter().any(|peer| is_member(peer) && is_heard(peer)))
        .map_err(|peers| format!("replica {LIAR} is not heard: {peers:?}"))
}

/// Waits until member and observer are treated so; in words, what is so instead.
pub fn await_state(target: &Target, wanted: ConductState) -> Result<(), String> {
    let states = |peers: &[Peer]| {
        let of = |peer: Option<&Peer>| peer.map(|peer| peer.conduct.clone()).unwrap_or_default();
        let observer = observer();
        let found = peers.iter().find(|peer| peer.replica.is_none() && peer.peer_id == observer);
        [of(peers.iter().find(|peer| is_member(peer))), of(found)]
    };
    let is_so = |conduct: &Conduct| conduct.state == wanted && conduct.reason.is_some() && conduct.until.is_some();
    until(target, |peers| states(peers).iter().all(is_so))
        .map_err(|peers| format!("member and observer should be {wanted}: {:?}", states(&peers)))
}

fn is_member(peer: &Peer) -> bool {
    peer.replica == Some(LIAR as u16)
}

/// Honest members that others hold offences against, in words: no attack may lead to that.
pub fn wronged(target: &Target) -> Vec<String> {
    let of = |replica: usize| {
        let peers = peers(target, replica).unwrap_or_default().into_iter();
        let honest = peers.filter(|peer| peer.replica.is_some() && !is_member(peer));
        let wronged = honest.filter(|peer| !peer.conduct.offences.is_empty());
        wronged.map(move |peer| format!("replica {replica} blames an honest one: {peer:?}")).collect::<Vec<_>>()
    };
    [ATTACKED, OTHER].into_iter().flat_map(of).collect()
}

/// The libp2p name of the attacker's observer.
fn observer() -> String {
    let key = Ed25519Signer::from_seed(&OBSERVER).public_key().0;
    let member = Member { id: ReplicaId::new(0), key, addresses: vec![] };
    member.peer_id().map(|peer_id| peer_id.to_string()).unwrap_or_default()
}

/// Looks at the peers of the attacked replica until they are so; the last look where they never are.
fn until(target: &Target, is_so: impl Fn(&[Peer]) -> bool) -> Result<(), Vec<Peer>> {
    let begun = Instant::now();
    loop {
        let peers = peers(target, ATTACKED).unwrap_or_default();
        if is_so(&peers) {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            return Err(peers);
        }
        std::thread::sleep(LOOK);
    }
}

fn peers(target: &Target, replica: usize) -> Result<Vec<Peer>, String> {
    asking(target, replica, async |client| {
        let page = client.get::<Page<Peer>>(&["peers"], &[]).await;
        page.map(|page| page.items).map_err(|error| error.to_string())
    })
}

fn asking<T>(target: &Target, replica: usize, ask: impl AsyncFnOnce(Client) -> Result<T, String>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let client = Client::new(&target.node(replica), PATIENCE).map_err(|error| error.to_string())?;
    runtime.map_err(|error| error.to_string())?.block_on(ask(client))
}
