//! News at a door for observers: what is told without being asked for.

use super::serving::Session;
use super::wire::{DoorOf, HOPS_MAX, Holdings, Telling};
use quorate_client::api::Mode;
use quorate_net::pack;
use quorate_pbft::{Epoch, Message, Question, SeqNum, Wanted};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::sleep;

/// Pause between two pieces of news: what people call at once.
const NEWS_EVERY: Duration = Duration::from_millis(50);
/// Time after which a door that tells no news looks around all the same: an observer says then what it has.
const LOOKS_EVERY: Duration = Duration::from_secs(1);
/// Pause between two tellings of other doors, for the time when this one is shut.
const DOORS_EVERY: Duration = Duration::from_secs(30);
/// Pause between two shows of the ends of epochs, to an observer that is in an earlier one.
const ENDS_EVERY: Duration = Duration::from_secs(1);

impl Session {
    /// Slots that this node can hand out, if it is no member, or the observer is in an earlier epoch: else a member's status
    /// says so.
    fn holdings(&self) -> Option<Holdings> {
        let (published, is_behind) = (self.service.now(), self.behind_in().is_some());
        let report = &published.report;
        (report.observes || is_behind).then(|| Holdings {
            executed: published.moment.seq(),
            oldest: report.oldest,
            // A certificate of a later epoch is of no use there.
            stable: if is_behind { SeqNum::default() } else { report.stable },
            hops: match report.mode {
                _ if !report.observes => 0,
                Mode::Following => self.service.membership.relay.hops(Some(&self.key)),
                _ => HOPS_MAX,
            },
        })
    }

    /// Other doors, if it is time to tell of them.
    fn doors(&self, told_at: &mut Option<Instant>) -> Vec<DoorOf> {
        if told_at.is_some_and(|at| at.elapsed() < DOORS_EVERY) {
            return Vec::new();
        }
        let doors = self.links.doors(&self.key);
        if !doors.is_empty() {
            *told_at = Some(Instant::now());
        }
        doors
    }

    /// Tells what is new: the member's status or what the observer has, and the newest slot with its certificate.
    pub(super) async fn news(&self, out: &mpsc::Sender<Telling>) {
        let (mut published, mut statuses) = (self.service.published.clone(), self.statuses.clone());
        let (mut told, mut certified, mut last) = (SeqNum::default(), SeqNum::default(), None);
        let (mut shown_at, mut doors_at, mut held_at): (Option<Instant>, _, Option<Instant>) = (None, None, None);
        let mut held = None;
        let directory = &self.service.membership.directory;
        let (mut changes, mut told_records) = (directory.changes(), 0);
        loop {
            changes.mark_unchanged();
            loop {
                let (records, next) = self.records_since(told_records);
                told_records = next;
                if records.is_empty() {
                    break;
                }
                if out.send(Telling::Records(pack(&records).into())).await.is_err() {
                    return;
                }
            }
            // First, for the messages of an observer that has not said what it has count for nothing.
            let holdings = self.holdings();
            if let Some(holdings) =
                holdings.filter(|_| held != holdings || held_at.is_none_or(|at| at.elapsed() >= LOOKS_EVERY))
            {
                (held, held_at) = (Some(holdings), Some(Instant::now()));
                if out.send(Telling::Holds(holdings)).await.is_err() {
                    return;
                }
            }
            let doors = self.doors(&mut doors_at);
            if !doors.is_empty() && out.send(Telling::Doors(doors)).await.is_err() {
                return;
            }
            let status = statuses.borrow_and_update().clone();
            let status = status.filter(|new| last.as_ref().is_none_or(|old| !Arc::ptr_eq(old, new)));
            last = status.clone().or(last);
            let newest = published.borrow_and_update().moment.seq();
            let mut news: Vec<Message> = status.iter().map(|status| Message::clone(status)).collect();
            if let Some(from) = self.behind_in()
                && shown_at.is_none_or(|at| at.elapsed() >= ENDS_EVERY)
            {
                shown_at = Some(Instant::now());
                let moment = published.borrow().moment.clone();
                let found = tokio::task::spawn_blocking(move || moment.ends(from)).await;
                news.extend(found.unwrap_or_else(|_| Ok(Vec::new())).unwrap_or_else(|error| {
                    self.service.note_damage(&error);
                    Vec::new()
                }));
            }
            let stable = published.borrow().certified.as_ref().map(|held| held.certificate.claim().clone());
            if let Some(stable) = stable.filter(|stable| stable.seq > certified) {
                certified = stable.seq;
                news.push(Message::StableCheckpoint(stable));
            }
            if newest > told {
                told = newest;
                let wanted = Wanted::Slots { from: newest, to: newest };
                news.extend(self.answer(Question { epoch: self.epoch(), wanted }).await);
            }
            if !news.is_empty()
                && let Some(why) = self.closed()
            {
                // The link may be ending; if not, it does when the refusal has left.
                let _ = out.send(Telling::Refused(why)).await;
                return std::future::pending().await;
            }
            // Who follows domains needs no slots, and the certificates of epochs' ends.
            let is_wanted = |message: &Message| self.domains.is_empty() || !matches!(message, Message::Decided { .. });
            for message in news.into_iter().filter(is_wanted) {
                if out.send(Telling::Message(Box::new(message))).await.is_err() {
                    return;
                }
            }
            sleep(NEWS_EVERY).await;
            tokio::select! {
                changed = published.changed() => if changed.is_err() { return },
                // An observer has no status of its own.
                Ok(()) = statuses.changed() => (),
                changed = changes.changed() => if changed.is_err() { return },
                () = sleep(LOOKS_EVERY) => (),
            }
        }
    }

    fn epoch(&self) -> Epoch {
        self.service.now().moment.ledger.executed().epoch
    }

    /// The observer's epoch, if that is over here.
    fn behind_in(&self) -> Option<Epoch> {
        let epoch = *self.epoch.lock().unwrap_or_else(PoisonError::into_inner);
        epoch.filter(|epoch| *epoch < self.service.published.borrow().report.epoch)
    }
}
