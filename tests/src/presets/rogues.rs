//! Authors who lie in a run, and what the others do about it. Their dice are their own, so that the rest of a seed's plan
//! does not depend on them.

use super::{MILLI, Preset};
use crate::clients::{Forgery, Trick, rogue};
use crate::dice::Dice;
use crate::plan::{Request, RequestKind};
use crate::weather::Micros;
use quorate_pbft::ReplicaId;

/// Seeds of 100 in which authors lie too, where there is a ledger to judge them.
const ROGUE_PERCENT: u64 = 60;

/// Rogues of 100 whose key is revoked, runs of 100 with rogues in which two want one lock, and in which the organisations
/// agree on rates.
const REVOKED_PERCENT: u64 = 50;
const LOCKING_PERCENT: u64 = 25;
const LIMITED_PERCENT: u64 = 40;

/// Seeds of 100 in which an author has tools for signatures, where there is a ledger, and tricks of 100 that are handed to a
/// liar alone, which asks no gate.
const CRAFTED_PERCENT: u64 = 60;
const TO_LIARS_PERCENT: u64 = 50;

/// Requests for one lock that come one soon after the other, by two rogues in turn.
const LOCKS: u16 = 6;

/// Requests of one or two dishonest authors, each with several tricks.
pub(super) fn requests(preset: Preset, n: usize, mut dice: Dice, calm_at: Micros) -> Vec<Request> {
    if preset != Preset::Disk || !dice.chance(ROGUE_PERCENT) {
        return Vec::new();
    }
    let first = dice.below(4) as u16;
    let mut rogues = Rogues { n, dice, calm_at, first, requests: Vec::new() };
    for index in 0..rogues.dice.between(1, 2) as u16 {
        rogues.lies(rogue(first + index));
    }
    if rogues.dice.chance(LOCKING_PERCENT) {
        rogues.lock();
    }
    if rogues.dice.chance(LIMITED_PERCENT) {
        rogues.limit();
    }
    rogues.requests
}

/// Requests of an author with tools for signatures that no signer makes by itself.
pub(super) fn crafted(preset: Preset, n: usize, mut dice: Dice, calm_at: Micros, liars: &[ReplicaId]) -> Vec<Request> {
    if preset != Preset::Disk || !dice.chance(CRAFTED_PERCENT) {
        return Vec::new();
    }
    let first = dice.below(4) as u16;
    let mut rogues = Rogues { n, dice, calm_at, first, requests: Vec::new() };
    for _ in 0..rogues.dice.between(2, 8) {
        rogues.craft(liars);
    }
    rogues.requests
}

struct Rogues {
    n: usize,
    dice: Dice,
    calm_at: Micros,
    /// The number of the first rogue among rogues.
    first: u16,
    requests: Vec<Request>,
}

impl Rogues {
    fn lies(&mut self, rogue: u16) {
        for _ in 0..self.dice.between(3, 14) {
            let (trick, to) = (self.trick(), self.some());
            self.ask(self.calm_at, RequestKind::Trick { rogue, trick, to });
        }
        if self.dice.chance(REVOKED_PERCENT) {
            let to = self.some();
            self.ask(self.calm_at, RequestKind::Revoke { rogue, to });
        }
    }

    fn craft(&mut self, liars: &[ReplicaId]) {
        let trick = *self.dice.weighted(&[(4, Trick::Torsions), (1, Trick::Missigns), (3, Trick::Cancels)]);
        let to = match liars.first().filter(|_| self.dice.chance(TO_LIARS_PERCENT)) {
            Some(liar) => vec![*liar],
            None => self.some(),
        };
        // By different authors: what a liar never gets ordered holds its author's number there for ever.
        let rogue = rogue(self.first + self.dice.below(2) as u16);
        self.ask(self.calm_at, RequestKind::Trick { rogue, trick, to });
    }

    fn lock(&mut self) {
        let begin = self.dice.below(self.calm_at);
        for index in 0..LOCKS {
            let (rogue, to) = (rogue(self.first + index % 2), self.some());
            let at = begin + u64::from(index) * self.dice.below(80 * MILLI);
            self.requests.push(Request { at, kind: RequestKind::Trick { rogue, trick: Trick::Locks, to } });
        }
    }

    fn limit(&mut self) {
        let (rogue, to) = (rogue(self.first), self.some());
        self.ask(self.calm_at / 4, RequestKind::Limit(to));
        for _ in 0..2 {
            let (trick, to) = (Trick::Floods(self.dice.between(60, 120) as u16), vec![self.one()]);
            self.ask(self.calm_at, RequestKind::Trick { rogue, trick, to });
        }
    }

    fn ask(&mut self, before: Micros, kind: RequestKind) {
        let at = self.dice.below(before);
        self.requests.push(Request { at, kind });
    }

    /// Two replicas, or one where there is no other; now and then all.
    fn some(&mut self) -> Vec<ReplicaId> {
        if self.dice.chance(20) {
            return (0..self.n as u16).map(ReplicaId::new).collect();
        }
        let one = self.one();
        let step = 1 + self.dice.below(self.n as u64) as u16;
        let other = ReplicaId::new((one.get() + step) % self.n as u16);
        if one == other { vec![one] } else { vec![one, other] }
    }

    fn one(&mut self) -> ReplicaId {
        ReplicaId::new(self.dice.below(self.n as u64) as u16)
    }

    fn trick(&mut self) -> Trick {
        let forgery = *self.dice.pick(&[Forgery::Future, Forgery::Nobody, Forgery::Stolen]);
        let ahead = *self.dice.pick(&[1, 2, 3, 2_000]);
        let flood = self.dice.between(10, 40) as u16;
        *self.dice.weighted(&[
            (6, Trick::Writes),
            (6, Trick::Twice),
            (4, Trick::ForgesBase(forgery)),
            (2, Trick::Ahead(ahead)),
            (1, Trick::Floods(flood)),
            (2, Trick::Locks),
            (1, Trick::Votes),
        ])
    }
}
