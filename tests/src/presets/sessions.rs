//! Clients with sessions in a run: what each of them wants, at which level and of which replica.

use crate::dice::Dice;
use crate::plan::{FILES_EACH, Request, RequestKind, SESSIONS, WRITERS, Wish};
use crate::weather::Micros;
use quorate_ledger::Level;
use quorate_pbft::ReplicaId;

/// Acts of the sessions of a run.
const ACTS: (u64, u64) = (60, 200);

/// Acts of sessions before the calm, at replicas that do what they should: a liar's word on a slot binds nobody.
pub(super) fn requests(dice: &mut Dice, honest: &[ReplicaId], calm_at: Micros) -> Vec<Request> {
    let acts = dice.between(ACTS.0, ACTS.1);
    (0..acts)
        .map(|_| {
            let (session, level, wish) = (dice.below(SESSIONS as u64) as usize, level(dice), wish(dice));
            let wish = match wish {
                Wish::Write(file) if session < WRITERS => Wish::Write(session * FILES_EACH + file % FILES_EACH),
                Wish::Write(file) => Wish::Read(file),
                Wish::Hand(to) if to == session => Wish::Hand((to + 1) % SESSIONS),
                other => other,
            };
            let (at, to) = (dice.below(calm_at), *dice.pick(honest));
            Request { at, kind: RequestKind::InSession { session, level, wish, to } }
        })
        .collect()
}

fn level(dice: &mut Dice) -> Level {
    *dice.pick(&[Level::Eventual, Level::Causal, Level::Sequential, Level::Strong])
}

fn wish(dice: &mut Dice) -> Wish {
    let file = dice.below((WRITERS * FILES_EACH) as u64) as usize;
    let to = dice.below(SESSIONS as u64) as usize;
    *dice.weighted(&[(5, Wish::Write(file)), (9, Wish::Read(file)), (1, Wish::Hand(to))])
}
