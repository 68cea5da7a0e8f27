//! Clock of the mesh: neighbours to dial, to compare with and to exchange.

use crate::limits::{BEAT_MS, CHANGE_MS, IN_FLIGHT_MS, NEAR, ROUND_MS};
use crate::neighbour::Link;
use crate::spread::{Dropped, Effect, Spread};
use crate::word::Word;
use quorate_pbft::{PublicKey, Ticks};

impl Spread {
    pub(crate) fn on_tick(&mut self, now: Ticks, out: &mut Vec<Effect>) {
        if self.round_at == Ticks::default() {
            // Nodes that start together do not compare together.
            self.round_at = now.after(self.dice.below(ROUND_MS));
            self.change_at = now.after(CHANGE_MS / 2 + self.dice.below(CHANGE_MS / 2));
        }
        self.now = now.max(self.now);
        if self.beat_at <= self.now {
            self.beat_at = self.now.after(BEAT_MS);
            self.beat(out);
        }
        if self.round_at <= self.now {
            self.round_at = self.now.after(ROUND_MS);
            self.compare(out);
            self.probe(out);
        }
        if self.change_at <= self.now {
            self.change_at = self.now.after(CHANGE_MS);
            self.change(out);
        }
        self.fill(out);
    }

    /// Tells those that were not told, and gives up news without an answer.
    fn beat(&mut self, out: &mut Vec<Effect>) {
        let now = self.now;
        for neighbour in self.neighbours.values_mut() {
            neighbour.in_flight = neighbour.in_flight.filter(|since| now.since(*since) < IN_FLIGHT_MS);
        }
        let behind = self.neighbours.iter().filter(|(_, one)| one.in_flight.is_none() && one.is_behind(&self.own));
        let behind: Vec<PublicKey> = behind.map(|(key, _)| *key).collect();
        for key in behind {
            self.send(key, Word::Inventory(self.own.clone()), out);
        }
    }

    /// Compares with one random neighbour.
    fn compare(&mut self, out: &mut Vec<Effect>) {
        let all: Vec<PublicKey> = self.neighbours.keys().copied().collect();
        for key in self.dice.take(all, 1) {
            self.send(key, Word::Compare(self.own.clone()), out);
        }
    }

    /// Ends the last probe and dials another node that is no neighbour.
    fn probe(&mut self, out: &mut Vec<Effect>) {
        let last = self.neighbours.iter().find(|(_, neighbour)| neighbour.link == Link::Probe);
        if let Some(last) = last.map(|(key, _)| *key) {
            self.end(&last, Dropped::Changed, out);
        }
        let under_way = self.dialling.values().any(|link| *link == Link::Probe);
        if self.shape.dials > 0 && !under_way {
            let any: Vec<PublicKey> = self.free().map(|(key, _)| key).collect();
            self.dice.take(any, 1).into_iter().for_each(|key| self.dial(key, Link::Probe, out));
        }
    }

    fn dial(&mut self, key: PublicKey, link: Link, out: &mut Vec<Effect>) {
        self.dialling.insert(key, link);
        out.extend(self.known.contact(&key).map(Effect::Dial));
    }

    /// Exchanges a near neighbour for a nearer one that was measured, or else a random one for another.
    fn change(&mut self, out: &mut Vec<Effect>) {
        let of = |link: Link| self.neighbours.iter().filter(move |(_, neighbour)| neighbour.link == link);
        let farthest = of(Link::Near).max_by_key(|(_, neighbour)| neighbour.rtt_ms);
        let nearer = farthest.filter(|(_, near)| self.nearest().is_some_and(|(_, rtt_ms)| rtt_ms < near.rtt_ms));
        let random: Vec<PublicKey> = of(Link::Random).map(|(key, _)| *key).collect();
        let leaves = nearer.map(|(key, _)| *key).or_else(|| self.dice.take(random, 1).pop());
        if let Some(key) = leaves.filter(|_| self.free().next().is_some()) {
            self.known.not_before(&key, self.now.after(CHANGE_MS));
            self.end(&key, Dropped::Changed, out);
        }
    }

    /// Dials until there are as many neighbours as there should be.
    pub(crate) fn fill(&mut self, out: &mut Vec<Effect>) {
        loop {
            let chosen = self.neighbours.values().filter(|neighbour| neighbour.is_chosen()).map(|one| one.link);
            let dialling = self.dialling.values().copied().filter(|link| *link != Link::Probe);
            let links: Vec<Link> = chosen.chain(dialling).collect();
            if links.len() >= self.shape.dials {
                return;
            }
            let near = links.iter().filter(|link| **link == Link::Near).count();
            let link = if near < NEAR { Link::Near } else { Link::Random };
            let nearest = self.nearest().map(|(key, _)| key).filter(|_| link == Link::Near);
            let any: Vec<PublicKey> = self.free().map(|(key, _)| key).collect();
            let Some(key) = nearest.or_else(|| self.dice.take(any, 1).pop()) else { return };
            self.dial(key, link, out);
        }
    }

    /// Nodes that can be dialled and are not linked, with their measured ways.
    fn free(&self) -> impl Iterator<Item = (PublicKey, Option<u64>)> {
        let is_free = |key: &PublicKey| !self.neighbours.contains_key(key) && !self.dialling.contains_key(key);
        self.known.candidates(self.now).filter(move |(key, _)| is_free(key))
    }

    fn nearest(&self) -> Option<(PublicKey, u64)> {
        self.free().filter_map(|(key, rtt_ms)| Some((key, rtt_ms?))).min_by_key(|(_, rtt_ms)| *rtt_ms)
    }
}
