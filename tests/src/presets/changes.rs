//! Changes of the member list: their lists, and the requests of clients that ask for them.

use crate::attackers::Attack;
use crate::clients::CHANGER;
use crate::dice::Dice;
use crate::plan::{Request, RequestKind};
use crate::weather::Micros;
use quorate_pbft::ReplicaId;

/// Changes of a run.
const CHANGES_MAX: u64 = 4;
/// Members of the largest group that a list makes.
const MEMBERS_MAX: usize = 8;
/// Runs of 100 in which a founder that lies plays the newest attack.
const LATEST_PERCENT: u64 = 10;
/// Runs of 100 in which somebody who joins lies, if the group bears one liar more.
const JOINERS_PERCENT: u64 = 30;

/// Member lists after the first, by places at the table. Each differs from the one before in one place, and who left does
/// not come back; at most f of its members lie, and liars keep their numbers, by which they sign.
pub(super) fn lists(dice: &mut Dice, n: usize, liars: &[ReplicaId]) -> Vec<Vec<ReplicaId>> {
    let mut lists = vec![(0..n as u16).map(ReplicaId::new).collect::<Vec<_>>()];
    let mut joiner = n as u16;
    for _ in 0..dice.between(1, CHANGES_MAX) {
        let mut list = lists[lists.len() - 1].clone();
        let at = dice.below(list.len() as u64) as usize;
        let new = ReplicaId::new(joiner);
        match dice.below(4) {
            0 if list.len() < MEMBERS_MAX => list.push(new),
            1 if list.len() > 1 && list[at..].iter().all(|place| !liars.contains(place)) => drop(list.remove(at)),
            _ => list[at] = new,
        }
        let lie = list.iter().filter(|place| liars.contains(place)).count();
        if lie <= (list.len() - 1) / 3 {
            joiner += u16::from(list.contains(&new));
            lists.push(list);
        }
    }
    lists.split_off(1)
}

/// Liars that were thought of last, with dice of their own: a founder with the newest attack, or a joiner.
pub(super) fn liars(dice: &mut Dice, n: usize, lists: &[Vec<ReplicaId>], attackers: &mut Vec<(ReplicaId, Attack)>) {
    let latest = dice.chance(LATEST_PERCENT).then(|| *dice.weighted(Attack::LATEST_OF_EPOCHS));
    if let (Some(latest), Some((_, attack))) = (latest, attackers.first_mut()) {
        *attack = latest;
    }
    let joins = dice.chance(JOINERS_PERCENT);
    let attack = *dice.weighted(Attack::OF_JOINERS);
    let liars: Vec<ReplicaId> = attackers.iter().map(|(liar, _)| *liar).collect();
    let places = lists.iter().flatten().map(|place| place.get()).max().map_or(0..0, |last| n as u16..last + 1);
    let mut joiners = places.map(ReplicaId::new).filter(|joiner| may_lie(*joiner, lists, &liars));
    if joins && liars.len() < (n - 1) / 3 {
        attackers.extend(joiners.next().map(|joiner| (joiner, attack)));
    }
}

/// Whether a joiner keeps its number, and each list that names it bears it beside the other liars.
fn may_lie(joiner: ReplicaId, lists: &[Vec<ReplicaId>], liars: &[ReplicaId]) -> bool {
    let named = || lists.iter().filter(|list| list.contains(&joiner));
    let number = |list: &Vec<ReplicaId>| list.iter().position(|place| *place == joiner);
    let keeps = named().all(|list| named().next().map(number) == Some(number(list)));
    let lie = |list: &Vec<ReplicaId>| list.iter().filter(|place| liars.contains(place)).count();
    keeps && named().next().is_some() && named().all(|list| lie(list) < (list.len() - 1) / 3)
}

/// Requests for the next list, each to a few founders.
pub(super) fn requests(dice: &mut Dice, n: usize, calm_at: Micros) -> Vec<Request> {
    let requests = (0..dice.between(1, CHANGES_MAX)).map(|_| {
        let to = (0..dice.between(1, 3)).map(|_| ReplicaId::new(dice.below(n as u64) as u16)).collect();
        Request { at: dice.below(calm_at), kind: RequestKind::Write { author: CHANGER, to, bytes: 1 } }
    });
    requests.collect()
}
