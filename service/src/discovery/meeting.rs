//! Rendezvous: a node that knows one door gives its record there and asks for all others.

use super::records::take_records;
use crate::observing::wire::{Asking, Telling, VERSION, frame, parse, words};
use quorate_net::{DialError, Directory, LinkError, Multiaddr, RECORD_BYTES_MAX, RECORDS_MAX, dial, pack, unpack};
use quorate_pbft::PublicKey;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Pauses between two visits: short while nobody answers and after the start, then long, and longer while all refuse: a handshake
/// costs them as much as ten questions.
const FIRST: Duration = Duration::from_secs(1);
const LAST: Duration = Duration::from_secs(60);
const REFUSED_LAST: Duration = Duration::from_secs(320);
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
    #[error("as many nodes ask for addresses there as may at a time")]
    Busy,
    #[error("a frame that is none")]
    Frame,
    #[error("no answer in time")]
    Silent,
}

impl Vain {
    fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Frame)
    }
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
        let mut pause = FIRST;
        let mut last: Vec<Option<Vain>> = self.doors.iter().map(|_| None).collect();
        while !self.doors.is_empty() {
            let own = self.own_record();
            for (door, last) in self.doors.iter().zip(&mut last) {
                let visit = timeout(WITHIN, self.visit(door)).await.unwrap_or(Err(Vain::Silent));
                let before = last.as_ref().map(Vain::to_string);
                *last = visit.err();
                if let Some(why) = last.as_ref().map(Vain::to_string).filter(|why| Some(why) != before.as_ref()) {
                    tracing::warn!(event = "bootstrap-silent", %door, %why, "no addresses from this door");
                }
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
                Some(Telling::Busy(_)) => return Err(Vain::Busy),
                _ => return Err(Vain::Frame),
            }
        }
        Ok(())
    }
}

/// Pause after the one before and these outcomes: a door that is silent, or has no room now, makes no other one busy.
fn next_pause(pause: Duration, outcomes: &[Option<Vain>]) -> Duration {
    if outcomes.iter().all(|vain| vain.as_ref().is_some_and(|vain| !vain.is_refusal())) {
        return FIRST;
    }
    let all_refuse = outcomes.iter().all(|vain| vain.as_ref().is_some_and(Vain::is_refusal));
    (pause * 2).min(if all_refuse { REFUSED_LAST } else { LAST })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> Option<Vain> {
        Some(Vain::Refused("another group".to_owned()))
    }

    #[test]
    fn pauses_stay_short_while_every_door_is_silent_and_no_longer() {
        let outcomes = |silent: &[bool]| -> Vec<Option<Vain>> {
            silent.iter().map(|silent| silent.then_some(Vain::Silent)).collect()
        };
        assert_eq!(next_pause(LAST, &outcomes(&[true, true])), FIRST);
        assert_eq!(next_pause(FIRST, &outcomes(&[false, true])), FIRST * 2);
        assert_eq!(next_pause(LAST, &outcomes(&[true, false])), LAST);
    }

    #[test]
    fn a_door_that_has_no_room_for_a_moment_refuses_nobody() {
        assert_eq!(next_pause(REFUSED_LAST, &[Some(Vain::Busy)]), FIRST);
        assert_eq!(next_pause(REFUSED_LAST, &[Some(Vain::Busy), refused()]), LAST);
    }

    #[test]
    fn doors_that_refuse_are_visited_after_ever_longer_pauses() {
        let pauses = (0..12).scan(FIRST, |pause, _| {
            *pause = next_pause(*pause, &[refused(), refused()]);
            Some(*pause)
        });

        assert_eq!(pauses.last(), Some(REFUSED_LAST));
        assert_eq!(next_pause(FIRST, &[refused(), Some(Vain::Silent)]), FIRST * 2);
        assert_eq!(next_pause(LAST, &[refused(), Some(Vain::Silent)]), LAST, "the other one may come back");
        assert_eq!(next_pause(REFUSED_LAST, &[refused(), None]), LAST);
    }
}
