//! Followers beside a group: some of the members that serve them lie, they are killed, and some execute wrongly.

use crate::attackers::Attack;
use crate::dice::Dice;
use crate::plan::{Onlooker, ServingLie};
use crate::weather::Micros;
use quorate_pbft::{ReplicaId, SeqNum};

/// Seeds of 100 that have followers, where no ledger executes and the group is small.
const FOLLOWED_PERCENT: u64 = 30;
/// Followers of 100 that execute wrongly from some slot on: a certified checkpoint must tell them.
const SPOILED_PERCENT: u64 = 15;
/// Slots before which a spoiled execution begins.
const SPOILED_BEFORE: u64 = 20;

/// The followers of a run, from dice of their own.
pub(super) fn onlookers(mut dice: Dice, n: usize, attackers: &[(ReplicaId, Attack)], calm_at: Micros) -> Vec<Onlooker> {
    if !dice.chance(FOLLOWED_PERCENT) {
        return Vec::new();
    }
    (0..dice.between(1, 2)).map(|_| onlooker(&mut dice, n, attackers, calm_at)).collect()
}

fn onlooker(dice: &mut Dice, n: usize, attackers: &[(ReplicaId, Attack)], calm_at: Micros) -> Onlooker {
    let joins_at = if dice.chance(30) { 0 } else { dice.below(calm_at) };
    let crashes = (0..dice.below(3)).map(|_| (dice.below(calm_at), dice.between(1, calm_at))).collect();
    let spoiled_at = dice.chance(SPOILED_PERCENT).then(|| SeqNum::new(dice.between(1, SPOILED_BEFORE)));
    Onlooker { joins_at, crashes, spoiled_at, liars: liars(dice, n, attackers) }
}

/// All but one member may lie to a follower, for every answer is proven by itself. That one is no attacker of the group
/// either: a member that is silent to all serves nobody.
fn liars(dice: &mut Dice, n: usize, attackers: &[(ReplicaId, Attack)]) -> Vec<(ReplicaId, ServingLie)> {
    let mut members: Vec<ReplicaId> = (0..n as u16).map(ReplicaId::new).collect();
    let count = dice.below(n as u64);
    let liars = (0..count).map(|_| {
        let liar = members.swap_remove(dice.below(members.len() as u64) as usize);
        (liar, *dice.pick(&ServingLie::ALL))
    });
    let mut liars: Vec<_> = liars.collect();
    let attacks = |member: &ReplicaId| attackers.iter().any(|(attacker, _)| attacker == member);
    if members.iter().all(attacks) {
        let honest = liars.iter().position(|(liar, _)| !attacks(liar));
        honest.map(|place| liars.remove(place));
    }
    liars
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_member_serves_a_follower_as_it_should_and_does_not_attack_the_group() {
        for seed in 0..2_000 {
            let mut dice = Dice::new(seed);
            let attackers = [(ReplicaId::new((seed % 4) as u16), Attack::Silent)];
            let liars = liars(&mut dice, 4, &attackers);
            let lies = |member: u16| liars.iter().any(|(liar, _)| liar.get() == member);
            assert!((0..4).any(|member| !lies(member) && u64::from(member) != seed % 4), "seed {seed}: {liars:?}");
        }
    }
}
