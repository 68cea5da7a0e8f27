//! Node behind a wall: it keeps connections to relays, and answers calls there.

use super::caller::{CallError, Caller, FRAME_BYTES_MAX};
use crate::observing::OpenDoor;
use crate::observing::wire::{Asking, Telling, VERSION, frame, parse, words};
use crate::tasks::spawn;
use quorate_net::{Backway, Directory, Multiaddr, Sender, Side, dial, peer_of_key, relayed};
use quorate_pbft::PublicKey;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

/// Pause before a relay is tried again.
const RETRY: Duration = Duration::from_secs(2);
/// Calls that are answered at a time.
const ANSWERS_MAX: usize = 8;
/// Time for the answer to one.
const ANSWERED_WITHIN: Duration = Duration::from_secs(15);

/// Relays of the configuration, at which this node is called.
#[derive(Clone)]
pub(crate) struct Called {
    pub(crate) directory: Arc<Directory>,
    pub(crate) secret: [u8; 32],
    /// Own door for observers, into which calls lead.
    pub(crate) door: watch::Receiver<Option<OpenDoor>>,
    /// Addresses at which calls arrive.
    pub(crate) at: watch::Sender<Vec<Multiaddr>>,
}

impl Called {
    /// Is called at this relay for as long as the node runs.
    pub(crate) async fn keep(mut self, relay: Multiaddr) {
        let Ok(door) = self.door.wait_for(Option::is_some).await.map(|door| door.clone()) else { return };
        let (backway, mut last) = (door.expect("it stands open").backway, String::new());
        loop {
            let ended = self.reserve(&relay, &backway).await;
            self.at.send_modify(|at| at.retain(|place| relayed(place).is_none_or(|(door, _)| !is_at(&relay, &door))));
            let why = ended.map_or_else(|error| error.to_string(), |()| String::new());
            if why != last && !why.is_empty() {
                tracing::warn!(event = "relay-lost", %relay, %why, "this node is not called at its relay");
            }
            last = why;
            sleep(RETRY).await;
        }
    }

    /// Keeps one connection to a relay and answers what is called on it, until it ends.
    async fn reserve(&self, relay: &Multiaddr, backway: &Backway) -> Result<(), CallError> {
        let link = dial(self.secret, relay).await?;
        let key = PublicKey(link.key());
        if !self.directory.knows(&key) {
            return Err(CallError::OtherRelay);
        }
        let group = self.directory.group();
        let (mut sender, mut receiver) = link.split(FRAME_BYTES_MAX);
        sender.send(&frame(&Asking::Reserve { version: VERSION, group })).await?;
        let caller = Arc::new(Caller { secret: self.secret, group, door: relay.clone(), relay: Some(key) });
        let room = Arc::new(Semaphore::new(ANSWERS_MAX));
        let beats = async {
            loop {
                sleep(Sender::BEAT).await;
                sender.beat().await?;
            }
        };
        let calls = async {
            loop {
                match parse(&receiver.recv().await?) {
                    Some(Telling::Welcome) => self.is_called_at(relay, &key),
                    Some(Telling::Call { circuit }) => {
                        // Without room the caller waits in vain, and tries again.
                        let Ok(turn) = room.clone().try_acquire_owned() else { continue };
                        let (caller, backway) = (caller.clone(), backway.clone());
                        spawn(async move {
                            let answer = answer(&caller, circuit, &backway);
                            if let Ok(Err(error)) = timeout(ANSWERED_WITHIN, answer).await {
                                tracing::debug!(%error, "a call was not answered");
                            }
                            drop(turn);
                        });
                    }
                    Some(Telling::Refused(why)) => return Err(CallError::Refused(words(&why))),
                    _ => return Err(CallError::Refused("a frame that is none".to_owned())),
                }
            }
        };
        tokio::select! {
            ended = calls => ended,
            ended = beats => ended,
        }
    }

    /// Notes the address at which observers find this node, for its record.
    fn is_called_at(&self, relay: &Multiaddr, key: &PublicKey) {
        let named = |peer| {
            let text = relay.to_string();
            let door = text.split("/p2p/").next().unwrap_or_default();
            format!("{door}/p2p/{peer}/p2p-circuit").parse::<Multiaddr>().ok()
        };
        let place = peer_of_key(key).and_then(named);
        tracing::info!(event = "relay-serves", %relay, "this node is called at a relay");
        self.at.send_modify(|at| at.extend(place.filter(|place| !at.contains(place))));
    }
}

/// Connects to the caller through the relay; the observer comes in like others.
async fn answer(caller: &Caller, circuit: u64, backway: &Backway) -> Result<(), CallError> {
    let asking = Asking::Take { version: VERSION, group: caller.group, circuit };
    let link = caller.join(&asking).await?.through(caller.secret, Side::Listens).await?;
    backway.arrive(link);
    Ok(())
}

/// Whether a door is that of a configured relay.
fn is_at(relay: &Multiaddr, door: &Multiaddr) -> bool {
    relay.to_string().split("/p2p/").next() == Some(&door.to_string())
}
