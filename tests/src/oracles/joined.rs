//! Joiners: a replica that no founder's list names executes every slot from the first one on, to the states that the founders
//! reached, and speaks in the newest epoch once its list names it (M1, M3).

use super::{Oracle, Verdict};
use crate::scene::{Fact, Scene, Survey, statements};
use quorate_pbft::{Digest, Epoch, ReplicaId, SeqNum};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub(super) struct Joined {
    /// Root after each slot that a founder or a joiner executed.
    roots: BTreeMap<SeqNum, Digest>,
    /// The highest slot that each joiner executed.
    reached: BTreeMap<ReplicaId, SeqNum>,
    /// The newest epoch that somebody honest spoke in, and the joiners that did.
    newest: Epoch,
    spoke: BTreeSet<(Epoch, ReplicaId)>,
    compared: u64,
}

impl Joined {
    fn execute(&mut self, by: ReplicaId, seq: SeqNum, root: Digest, is_joiner: bool) -> Verdict {
        let known = *self.roots.entry(seq).or_insert(root);
        if known != root {
            return Err(format!("{by} reaches {root} by slot {seq}, others reach {known}"));
        }
        if is_joiner {
            self.compared += 1;
            let reached = self.reached.entry(by).or_default();
            if seq > reached.next() {
                return Err(format!("the joiner {by} executes slot {seq} after {reached}"));
            }
            *reached = seq; // a start goes back
        }
        Ok(())
    }

    fn speak(&mut self, from: ReplicaId, epoch: Epoch) {
        self.newest = self.newest.max(epoch);
        self.spoke.insert((epoch, from));
    }
}

impl Oracle for Joined {
    fn name(&self) -> &'static str {
        "joined"
    }

    fn watch(&mut self, fact: &Fact<'_>, scene: &Scene<'_>) -> Verdict {
        if scene.plan.lists.is_empty() {
            return Ok(());
        }
        match fact {
            Fact::Executed { by, decided, executed, .. } => {
                self.execute(*by, decided.seq, executed.state_root, by.index() >= scene.plan.n)
            }
            Fact::Started { replica, executed, .. } if replica.index() >= scene.plan.n => {
                self.reached.insert(*replica, *executed);
                Ok(())
            }
            Fact::Sent { from, message, .. } => {
                let own = |epoch, number| scene.plan.seat(epoch, number) == Some(*from);
                let said = statements(message).into_iter().map(|signed| (signed.statement.epoch, signed.signer));
                said.filter(|(epoch, number)| own(*epoch, *number)).for_each(|(epoch, _)| self.speak(*from, epoch));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn waits_for(&self, _survey: &Survey<'_>, scene: &Scene<'_>) -> Option<String> {
        let listed = scene.plan.list(self.newest).into_iter().filter(|place| scene.plan.is_honest(*place));
        let mut joiners = listed.filter(|place| place.index() >= scene.plan.n);
        let silent = joiners.find(|joiner| !self.spoke.contains(&(self.newest, *joiner)))?;
        Some(format!("the joiner {silent} has said nothing in epoch {}", self.newest))
    }

    fn tallies(&self) -> BTreeMap<&'static str, u64> {
        let counts = [("slots that joiners executed as others did", self.compared)];
        counts.into_iter().filter(|(_, count)| *count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOINER: ReplicaId = ReplicaId::new(4);

    fn founders(slots: u64) -> Joined {
        let mut oracle = Joined::default();
        for seq in 1..=slots {
            assert_eq!(oracle.execute(ReplicaId::new(0), SeqNum::new(seq), Digest([seq as u8; 32]), false), Ok(()));
        }
        oracle
    }

    #[test]
    fn a_joiner_whose_root_is_another_one_at_any_slot_is_noticed() {
        let mut oracle = founders(3);
        assert_eq!(oracle.execute(JOINER, SeqNum::new(1), Digest([1; 32]), true), Ok(()));
        assert!(oracle.execute(JOINER, SeqNum::new(2), Digest([9; 32]), true).is_err());
    }

    #[test]
    fn a_joiner_that_leaves_a_slot_out_is_noticed() {
        let mut oracle = founders(3);
        assert_eq!(oracle.execute(JOINER, SeqNum::new(1), Digest([1; 32]), true), Ok(()));
        assert!(oracle.execute(JOINER, SeqNum::new(3), Digest([3; 32]), true).is_err());
    }

    #[test]
    fn a_joiner_that_says_nothing_in_the_newest_epoch_is_waited_for() {
        use crate::plan::Plan;
        use crate::presets::Preset;
        let lists = vec![[0, 1, 2, 4].map(ReplicaId::new).to_vec()];
        let plan = Plan { n: 4, lists, attackers: Vec::new(), ..Plan::of(1, Some(Preset::Epochs)) };
        let keys = crate::keys::Keys::with_joiners(4, 5, plan.signatures);
        let scene = Scene { plan: &plan, keys: &keys, now: 0, calm_since: None, clock: Default::default() };
        let asked = BTreeSet::new();
        let survey = Survey { standings: Vec::new(), following: Vec::new(), asked: &asked };
        let mut oracle = Joined::default();
        assert_eq!(oracle.waits_for(&survey, &scene), None);
        oracle.speak(ReplicaId::new(1), Epoch::new(1));
        assert!(oracle.waits_for(&survey, &scene).is_some_and(|what| what.contains("has said nothing")));
        oracle.speak(JOINER, Epoch::new(1));
        assert_eq!(oracle.waits_for(&survey, &scene), None);
    }
}
