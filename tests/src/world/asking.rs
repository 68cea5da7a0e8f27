//! Clients: they hand in envelopes, read, and ask again once it is calm.

use super::World;
use super::queue::Event;
use crate::clients::{Trick, item_digest};
use crate::keys::AUTHORS;
use crate::plan::RequestKind;
use crate::presets::{LARGE, MILLI, SECOND};
use crate::scene::Fact;
use crate::weather::{Micros, Weather};
use quorate_pbft::{Digest, Input, Item, ReaderId, ReplicaId, Signer};

/// Interval at which the world looks whether the run is over.
pub(super) const LOOK: Micros = 20 * MILLI;

/// Time that clients wait before they ask again, once it is calm.
const ASK_AGAIN: Micros = 2 * SECOND;

/// Count of replicas that clients ask in a large group, about.
const ASKED_IN_LARGE_GROUPS: usize = 4;

/// The author who asks each replica for one more change once it is calm.
const PROBE: u16 = AUTHORS - 1;

impl World<'_> {
    pub(super) fn ask(&mut self, index: usize) {
        match &self.plan.requests[index].kind {
            RequestKind::Write { author, to, bytes } => {
                let (name, item) = self.clients.write(*author, *bytes);
                self.show_claims();
                self.asked.insert(name);
                self.trace.line(self.now, || format!("author {} writes {} to {to:?}", name.0, name.1));
                to.iter().for_each(|to| self.submit(*to, &item));
            }
            RequestKind::Read(of) => {
                self.read(*of);
            }
            RequestKind::InSession { session, level, wish, to } => self.act(*session, *level, *wish, *to),
            RequestKind::Trick { rogue, trick, to } => self.trick(*rogue, *trick, to),
            RequestKind::Revoke { rogue, to } => {
                self.trace.line(self.now, || format!("author {rogue} is to be revoked, at {to:?}"));
                let item = self.clients.revoke(*rogue);
                self.govern(item.as_slice(), to);
            }
            RequestKind::Limit(to) => {
                self.trace.line(self.now, || format!("rates are proposed at {to:?}"));
                let items = self.clients.limit();
                self.govern(&items, to);
            }
        }
    }

    /// A rogue looks up its next number at the first replica, and hands what it signs to all, two things to different ones.
    /// An honest replica asks the gate first; one that lies does not.
    fn trick(&mut self, rogue: u16, trick: Trick, to: &[ReplicaId]) {
        let author = &self.keys.authors.signers[usize::from(rogue)];
        let (next, attempt) = self.seats[to[0].index()].machine.standing(&author.public_key());
        self.trace.line(self.now, || format!("author {rogue} tries {trick:?} for {next} at {to:?}"));
        let items = self.clients.trick(rogue, trick, (next, attempt + 1));
        self.show_claims();
        for (at, item) in items.iter().enumerate() {
            let whom = if trick == Trick::Twice { &to[at % to.len()..][..1] } else { to };
            whom.iter().for_each(|to| self.try_at(*to, item));
        }
    }

    fn try_at(&mut self, to: ReplicaId, item: &Item) {
        let seat = &self.seats[to.index()];
        if !self.plan.is_honest(to) {
            self.submit(to, item);
        } else if seat.machine.is_up() {
            let code = seat.machine.turns_away(item, seat.clocks(self.now).wall);
            self.judge(&Fact::AtTheGate { of: to, item: item_digest(item), code });
            if code.is_none() {
                self.submit(to, item);
            }
        }
    }

    /// Hands in what must be executed in the end.
    fn govern(&mut self, items: &[Item], to: &[ReplicaId]) {
        self.show_claims();
        self.asked.extend(self.clients.asked());
        for item in items {
            to.iter().for_each(|to| self.submit(*to, item));
        }
    }

    /// Judges learn of everything that was signed before anybody has it.
    pub(super) fn show_claims(&mut self) {
        for claim in self.clients.claims() {
            self.judge(&Fact::Signed(&claim));
        }
    }

    /// Hands over what has passed the gate, where there is one that is asked.
    fn submit(&mut self, to: ReplicaId, item: &Item) {
        let seat = &self.seats[to.index()];
        if seat.machine.is_up() {
            if self.plan.is_honest(to) {
                seat.remember(item);
            }
            self.input(to, Some(Input::Submit(item.clone())));
        }
    }

    /// Asks for a strong read, where the replica is up.
    pub(super) fn read(&mut self, of: ReplicaId) -> Option<ReaderId> {
        if !self.seats[of.index()].machine.is_up() {
            return None;
        }
        self.readers += 1;
        let reader = self.readers;
        self.trace.line(self.now, || format!("read {reader} at {of}"));
        if self.plan.is_honest(of) {
            self.judge(&Fact::ReadAsked { of, reader });
        }
        let nonce = Digest([reader as u8; 32]);
        self.input(of, Some(Input::Read { reader, nonce }));
        Some(reader)
    }

    pub(super) fn become_calm(&mut self) {
        self.trace.line(self.now, || "calm".to_owned());
        self.calm_since = Some(self.now);
        self.weather = Weather { regions: self.weather.regions, ..Weather::CALM };
        self.judge_calm();
        for replica in self.asked_replicas() {
            let (name, item) = self.clients.write(PROBE, 8);
            self.show_claims();
            self.asked.insert(name);
            self.submit(replica, &item);
        }
        self.queue.push(self.now, Event::AskAgain);
        self.queue.push(self.now + LOOK, Event::Look);
    }

    /// Replicas that clients ask once it is calm: every honest one, in a large group a few, spread over it. There each
    /// lane with something on it costs every replica the acknowledgements of all.
    fn asked_replicas(&self) -> Vec<ReplicaId> {
        let honest: Vec<ReplicaId> = self.plan.honest().collect();
        let step = if self.plan.n >= LARGE { honest.len() / ASKED_IN_LARGE_GROUPS } else { 1 };
        honest.into_iter().step_by(step.max(1)).collect()
    }

    pub(super) fn ask_again(&mut self) {
        for replica in self.asked_replicas() {
            let executed = self.seats[replica.index()].machine.envelopes();
            let missing: Vec<Item> = self.clients.missing(executed).cloned().collect();
            missing.iter().for_each(|item| self.submit(replica, item));
        }
        self.queue.push(self.now + ASK_AGAIN, Event::AskAgain);
    }
}
