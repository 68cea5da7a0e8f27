//! Authors, honest or not: at the end every disk has one order, and the verdicts on every disk are those that follow from
//! that order and from what was signed (A1 to A3). An honest change took effect once; of two things under one number one
//! counts and the number is shown; a forged base, a revoked key and a lock of somebody else bring a refusal. A signature that
//! does not fit is refused by every gate, and the order has none.
//!
//! The order is read from decided slots and bundles, the rest is worked out here: no code of the ledger says it.

mod order;
mod turns;

use super::{Oracle, Verdict};
use crate::clients::Claim;
use crate::keys::{AUTHORS, ROGUES};
use crate::machine::Machine;
use crate::plan::Plan;
use crate::scene::{Fact, Scene, Standing, Survey};
use quorate_ledger::{Code, State};
use quorate_pbft::{Digest, ReplicaId, Signer};
use std::collections::BTreeMap;
use turns::{Said, Turns};

#[derive(Default)]
pub(super) struct Authors {
    /// Claims of authors, by their item.
    claims: BTreeMap<Digest, Claim>,
    /// Wrong signatures that a gate has refused.
    missigned: u64,
    tallies: BTreeMap<&'static str, u64>,
}

impl Authors {
    fn turns(&self, order: &[order::Slot], machine: &dyn Machine, plan: &Plan) -> Result<Turns, String> {
        let mut turns = Turns::default();
        for slot in order {
            turns.begin_slot();
            for item in &slot.items {
                let claim = self.claims.get(item).filter(|claim| claim.hand.fits(plan.rules));
                let claim = claim.ok_or_else(|| format!("slot {}: {item} was signed by no author", slot.seq))?;
                let code = machine.verdict(&claim.id).and_then(|receipt| receipt.code);
                let turn = turns.turn(claim, slot.time, code == Some(Code::Rate));
                turn.map_err(|what| format!("slot {}: {what}", slot.seq))?;
            }
        }
        Ok(turns)
    }

    /// Whether a gate has refused a signature that does not fit, and no other.
    fn look_at_gate(&mut self, of: ReplicaId, item: &Digest, code: Option<Code>, plan: &Plan) -> Verdict {
        let Some(claim) = self.claims.get(item) else { return Err(format!("{of} was handed an item without a claim")) };
        let (fits, refused) = (claim.hand.fits(plan.rules), code == Some(Code::BadSignature));
        self.missigned += u64::from(refused);
        if fits != refused { Ok(()) } else { Err(format!("the gate of {of} says {code:?} of {claim:?}")) }
    }

    /// Whether the verdicts on a disk are those that must be there.
    fn compare(&self, turns: &Turns, standing: &Standing<'_>, scene: &Scene<'_>) -> Verdict {
        let (replica, machine) = (standing.replica, standing.machine);
        for claim in self.claims.values() {
            let receipt = machine.verdict(&claim.id);
            let said = receipt.as_ref().map(|receipt| match receipt.state {
                State::Refused => Said::Refused,
                _ => Said::Accepted,
            });
            let must = turns.said.get(&claim.id).copied();
            if said != must {
                let code = receipt.and_then(|receipt| receipt.code);
                return Err(format!("{replica} says {said:?} ({code:?}) of {claim:?}, which must be {must:?}"));
            }
            if claim.author < AUTHORS && said != Some(Said::Accepted) {
                return Err(format!("{replica} says {said:?} of the honest {claim:?}"));
            }
        }
        (0..AUTHORS + ROGUES).try_for_each(|author| {
            let key = scene.keys.authors.signers[usize::from(author)].public_key();
            let (shown, must) = (machine.repeated(&key), turns.repeated(author));
            let what = || format!("{replica} shows that author {author} used {shown:?} twice, it was {must:?}");
            if shown == must { Ok(()) } else { Err(what()) }
        })
    }
}

impl Oracle for Authors {
    fn name(&self) -> &'static str {
        "authors"
    }

    fn watch(&mut self, fact: &Fact<'_>, scene: &Scene<'_>) -> Verdict {
        match fact {
            Fact::Signed(claim) => {
                self.claims.insert(claim.item, (*claim).clone());
                Ok(())
            }
            Fact::AtTheGate { of, item, code } => self.look_at_gate(*of, item, *code, scene.plan),
            _ => Ok(()),
        }
    }

    fn look_back(&mut self, survey: &Survey<'_>, scene: &Scene<'_>) -> Verdict {
        if !scene.plan.has_ledger() {
            return Ok(());
        }
        let mut first = None;
        for standing in &survey.standings {
            let read = order::read(standing.machine, scene.plan.n, standing.executed);
            let order = read.map_err(|what| format!("{}: {what}", standing.replica))?;
            let (known, turns) = match &first {
                Some(first) => first,
                None => {
                    let turns = self.turns(&order, standing.machine, scene.plan)?;
                    first.insert((order.clone(), turns))
                }
            };
            if *known != order {
                return Err(format!("{} has another order than the first replica", standing.replica));
            }
            self.compare(turns, standing, scene)?;
        }
        self.tallies = first.map(|(_, turns)| turns.tallies).unwrap_or_default();
        if self.missigned > 0 {
            self.tallies.insert("wrong signatures at a gate", self.missigned);
        }
        Ok(())
    }

    fn tallies(&self) -> BTreeMap<&'static str, u64> {
        self.tallies.clone()
    }
}

#[cfg(test)]
mod tests {
    use crate::campaign::simulate;
    use crate::presets::Preset;
    use std::ops::Range;

    /// Seeds of `disk` in which everything happens that the oracle is there for.
    const SEEDS: Range<u64> = 100..160;

    #[test]
    fn authors_who_lie_meet_every_refusal() {
        let summary = simulate(SEEDS, Some(Preset::Disk), |_, _| ());
        assert!(summary.failures.is_empty(), "{:?}", summary.failures);
        for what in [
            "numbers used twice",
            "forged bases",
            "bases that failed",
            "changes under a revoked key",
            "changes above the rate",
            "locks that another author holds",
            "leases that were over",
            "words about nothing",
            "copies after their verdict",
            "signatures by the cofactored equation alone",
            "wrong signatures at a gate",
        ] {
            assert!(summary.tallies.contains_key(what), "no {what} in seeds {SEEDS:?}: {:?}", summary.tallies);
        }
    }
}
