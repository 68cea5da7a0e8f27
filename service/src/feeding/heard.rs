//! Words of members that a feeder hears: the newest certified slot, and who is up. Nothing that is held rests on them.

use crate::engine::{Moment, PeerFacts, Report, Request};
use quorate_client::api::Mode;
use quorate_pbft::{Committee, Message, ReplicaId, SeqNum, Time, View};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Time within which a member counts as heard.
const HEARD_WITHIN: Duration = Duration::from_secs(2);
/// Time for which a newer state may be known before the feeder counts as behind it: it takes one a second.
const LATE_AFTER: Duration = Duration::from_secs(2);

/// Words so far.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// The newest slot of which a member has shown a certificate.
    newest: SeqNum,
    /// The same when it was looked at last, and the time before that.
    looked: [SeqNum; 2],
    looked_at: Option<Instant>,
    statuses: BTreeMap<ReplicaId, Said>,
    /// When an observer that serves this one last said that it has a way to the members.
    led_at: Option<Instant>,
}

#[derive(Debug)]
struct Said {
    at: Instant,
    wall: Time,
    executed: SeqNum,
    stable: SeqNum,
    view: View,
    hears: Vec<ReplicaId>,
}

impl Heard {
    /// Takes in what has come; callers of the API hand nothing to a feeder.
    pub(super) fn take(&mut self, requests: Vec<Request>, committee: &Committee, (now, wall): (Instant, Time)) {
        for request in requests {
            let message = match request {
                Request::Message(message) => message,
                Request::Holds { leads: true, .. } => {
                    self.led_at = Some(now);
                    continue;
                }
                _ => continue,
            };
            match message.message() {
                Message::StableCheckpoint(certificate) => self.newest = self.newest.max(certificate.seq),
                // Another observer may hand a member's words on; they count from the member alone.
                Message::Status { statement, body }
                    if body.epoch == committee.epoch() && statement.signer == message.sender() =>
                {
                    let said = Said {
                        at: now,
                        wall: Time::new(wall.get() / 100 * 100),
                        executed: body.executed,
                        stable: body.stable,
                        view: body.view,
                        hears: body.heard.clone(),
                    };
                    self.statuses.insert(message.sender(), said);
                }
                _ => (),
            }
        }
        // A certificate that came while its epoch was not known here is not shown again: f + 1 words stand for it.
        let mut stable: Vec<SeqNum> = self.statuses.values().map(|said| said.stable).collect();
        stable.sort_unstable_by(|a, b| b.cmp(a));
        self.newest = self.newest.max(stable.get(committee.weak() - 1).copied().unwrap_or_default());
        if self.looked_at.is_none_or(|at| now.duration_since(at) >= LATE_AFTER) {
            (self.looked, self.looked_at) = ([self.newest, self.looked[0]], Some(now));
        }
    }

    /// The newest slot of which a member has shown a certificate.
    pub(super) fn newest(&self) -> SeqNum {
        self.newest
    }

    /// Slot whose certificate was known two seconds ago, or a little before: members tell of theirs at different times.
    pub(super) fn overdue(&self) -> SeqNum {
        self.looked[1]
    }

    /// Another epoch has begun, in which numbers are of others.
    pub(super) fn forget(&mut self) {
        self.statuses.clear();
    }

    /// Facts about the node as its API tells them.
    pub(super) fn report(
        &self,
        moment: &Moment,
        committee: &Committee,
        (stable, growing): (bool, Option<String>),
        (now, wall): (Instant, Time),
    ) -> Report {
        let peers: Vec<PeerFacts> = committee.replicas().map(|replica| self.facts(replica, now)).collect();
        let is_led = self.led_at.is_some_and(|at| now.duration_since(at) <= HEARD_WITHIN);
        let is_heard = is_led || peers.iter().any(|peer| peer.is_heard);
        let executed = moment.ledger.executed();
        let behind = self.overdue().get().saturating_sub(executed.seq.get());
        let mut views: Vec<View> = peers.iter().map(|peer| peer.view.unwrap_or_default()).collect();
        views.sort_unstable();
        let view = views[committee.quorum() - 1]; // f + 1 members are in this view or a later one
        let silence =
            || if is_heard { String::new() } else { "no member that serves this observer is heard".to_owned() };
        Report {
            unknown_rules: None,
            epoch: committee.epoch(),
            me: None,
            begins: committee.base().next(),
            until: executed.last(),
            members: peers.len(),
            view,
            cause: None,
            primary: committee.primary(view),
            stable: if stable { executed.seq } else { SeqNum::default() },
            stable_root: stable.then_some(executed.state_root),
            mode: Mode::Following,
            grows: growing.is_some(),
            why: growing.unwrap_or_else(silence),
            last_sync: (is_heard && self.newest <= executed.seq).then_some(Time::new(wall.get() / 1_000 * 1_000)),
            peers,
            quorum: committee.quorum(),
            behind,
            oldest: executed.seq.next(),
            unserved: None,
            voteless: Vec::new(),
            split: None,
            fast_commits: 0,
            can_order: is_heard,
            observes: true,
            is_told: true,
            checked: false,
            pending: 0,
            queued: 0,
            gapped: 0,
            parked: 0,
            pending_bytes: 0,
            damage: None,
        }
    }

    fn facts(&self, replica: ReplicaId, now: Instant) -> PeerFacts {
        let said = self.statuses.get(&replica);
        PeerFacts {
            program: None,
            oldest: None,
            replica,
            heard_at: said.map(|said| said.wall),
            is_heard: said.is_some_and(|said| now.duration_since(said.at) <= HEARD_WITHIN),
            executed: said.map(|said| said.executed),
            view: said.map(|said| said.view),
            hears: said.map(|said| said.hears.clone()),
        }
    }
}
