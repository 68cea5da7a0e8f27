//! Rendezvous: a node that knows one door gives its record there and asks for all others.

use super::records::take_records;
use crate::observing::wire::{Asking, Telling, VERSION, frame, parse, words};
use quorate_net::{DialError, Directory, LinkError, Multiaddr, RECORD_BYTES_MAX, RECORDS_MAX, dial, pack, unpack};
use quorate_pbft::PublicKey;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Pauses between two visits: short while nobody answers and after the start, then long.
const FIRST: Duration = Duration::from_secs(1);
const LAST: Duration = Duration::from_secs(60);
/// Time for a whole visit.
const WITHIN: Duration = Duration::from_secs(30);
/// Bytes of a frame of a door.
const FRAME_BYTES_MAX: usize = RECORDS_MAX * (RECORD_BYTES_MAX + 8) + 1_024;
/// Pages that a door may give in a visit.
const PAGES_MAX: usize = 128;

/// Why a visit brought nothing.
#[derive(Debug, thiserror::Error)]
enum Vain {
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error("{0}")]
    Refused(String),
    #[error("a frame that is none")]
    Frame,
    #[error("no answer in time")]
    Silent,
}

/// Doors of the configuration at which others are asked for.
pub(crate) struct Meeting {
    pub(crate) directory: Arc<Directory>,
    pub(crate) secret: [u8; 32],
    /// The own key.
    pub(crate) key: PublicKey,
    pub(crate) doors: Vec<Multiaddr>,
}

impl Meeting {
    /// Visits the doors again and again; at once when the own record is new.
    pub(crate) async fn keep(self) {
        let (mut pause, mut last) = (FIRST, vec![String::new(); self.doors.len()]);
        while !self.doors.is_empty() {
            let own = self.own_record();
            for (door, last) in self.doors.iter().zip(&mut last) {
                let visit = timeout(WITHIN, self.visit(door)).await.unwrap_or(Err(Vain::Silent));
                let outcome = visit.map_or_else(|vain| vain.to_string(), |()| String::new());
                if outcome != *last && !outcome.is_empty() {
                    tracing::warn!(event = "bootstrap-silent", %door, why = %outcome, "no addresses from this door");
                }
                *last = outcome;
            }
            let _ = timeout(pause, self.renewed(&own)).await; // either is a reason to go on
            pause = next_pause(pause, &last);
        }
    }

    /// The own records, packed for the road.
    fn own_record(&self) -> Vec<u8> {
        pack(&self.directory.records_of(&self.key)).into()
    }

    /// Returns when the own record is another.
    async fn renewed(&self, own: &[u8]) {
        let mut changes = self.directory.changes();
        while self.own_record() == own {
            if changes.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
        sleep(FIRST / 4).await; // doors open one after the other
    }

    async fn visit(&self, door: &Multiaddr) -> Result<(), Vain> {
        let link = dial(self.secret, door).await?;
        let (mut sender, mut receiver) = link.split(FRAME_BYTES_MAX);
        let (group, records) = (self.directory.group(), self.own_record());
        sender.send(&frame(&Asking::Meet { version: VERSION, group, records })).await?;
        for _ in 0..PAGES_MAX {
            match parse(&receiver.recv().await?) {
                Some(Telling::Records(page)) => match &unpack(&page).unwrap_or_default()[..] {
                    [] => break,
                    records => take_records(&self.directory, records).map_err(|_| Vain::Frame)?,
                },
                Some(Telling::Refused(why)) => return Err(Vain::Refused(words(&why))),
                _ => return Err(Vain::Frame),
            }
        }
        Ok(())
    }
}

/// Pause after the one before and these outcomes: a door that is silent makes no other one busy.
fn next_pause(pause: Duration, outcomes: &[String]) -> Duration {
    let is_alone = outcomes.iter().all(|outcome| !outcome.is_empty());
    if is_alone { FIRST } else { (pause * 2).min(LAST) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_stay_short_while_every_door_is_silent_and_no_longer() {
        let outcomes = |silent: &[bool]| -> Vec<String> {
            silent.iter().map(|silent| if *silent { "refused".to_owned() } else { String::new() }).collect()
        };
        assert_eq!(next_pause(LAST, &outcomes(&[true, true])), FIRST);
        assert_eq!(next_pause(FIRST, &outcomes(&[false, true])), FIRST * 2);
        assert_eq!(next_pause(LAST, &outcomes(&[true, false])), LAST);
    }
}
