//! Second history: where signatures are real ones, the steps between epochs lead from the genesis to the members that the group
//! has, and no others do: neither with a signature too few or too many, nor of the members to come, nor with other members.
//! With the keys of all who left or lie a second history is signed: who knows the later epochs refuses it by name (M3).

use super::{Oracle, Verdict};
use crate::scene::{Fact, Scene, Survey};
use quorate_ledger::proof::{EpochStep, Epochs, ProofError};
use quorate_pbft::{
    ClaimedCert, Committee, Digest, Epoch, Kind, PublicKey, ReplicaId, SeqNum, Statement, checkpoint_digest,
};
use std::collections::BTreeMap;

/// Name of the count of second histories that old keys can sign.
const SECOND: &str = "second histories signed with old keys and refused";

#[derive(Default)]
pub(super) struct SecondHistory {
    /// The last slot of each epoch that is over, with lane hash and root after it.
    ends: BTreeMap<Epoch, (SeqNum, Digest, Digest)>,
    /// Certificates of states on honest disks.
    certificates: BTreeMap<(Epoch, SeqNum), ClaimedCert>,
    followed: u64,
    second: u64,
}

/// The members of an epoch that is over, by their places at the table, and the step to those who follow them.
struct End {
    members: Vec<ReplicaId>,
    step: EpochStep,
}

impl SecondHistory {
    fn end(&self, epoch: Epoch, scene: &Scene<'_>) -> Option<End> {
        let (last, lane_hash, state_root) = *self.ends.get(&epoch)?;
        let mut certificate = self.certificates.get(&(epoch, last))?.clone();
        let members = scene.plan.list(epoch);
        certificate.signatures.truncate(quorum(members.len()));
        let next = keys_of(&scene.plan.list(epoch.next()), scene);
        Some(End { members, step: EpochStep { certificate, lane_hash, state_root, members: next } })
    }

    fn judge(&mut self, chain: &Epochs, scene: &Scene<'_>) -> Verdict {
        let mut ends = self.ends.keys().filter_map(|epoch| self.end(*epoch, scene)).collect::<Vec<_>>();
        ends.sort_by_key(|end| end.step.certificate.epoch);
        let mut chain = chain.clone();
        for end in &ends {
            let epoch = end.step.certificate.epoch;
            for (forged, what) in end.forgeries(scene) {
                if chain.clone().followed_by(forged).is_ok() {
                    return Err(format!("a step out of epoch {epoch} with {what} is taken for one"));
                }
            }
            let followed = chain.followed_by(end.step.clone());
            chain = followed.map_err(|why| format!("the step out of epoch {epoch} does not lead on: {why}"))?;
            self.followed += 1;
        }
        ends.iter().try_for_each(|end| self.sign_another(end, &chain, scene))
    }

    /// The keys of those who are no members of the newest epoch, and of liars, sign another end of an epoch.
    fn sign_another(&mut self, end: &End, chain: &Epochs, scene: &Scene<'_>) -> Verdict {
        let epoch = end.step.certificate.epoch;
        let newest = scene.plan.list(chain.newest().epoch());
        let lost = |place: &ReplicaId| !newest.contains(place) || !scene.plan.is_honest(*place);
        let holders: Vec<ReplicaId> = end.members.iter().copied().filter(lost).collect();
        if holders.len() < quorum(end.members.len()) {
            return Ok(());
        }
        let (mut step, signers) = (end.step.clone(), numbers(&end.members, &holders, quorum(end.members.len())));
        step.members = keys_of(&holders, scene);
        if step.members == end.step.members {
            return Ok(()); // they are those who follow
        }
        step = end.signed(step, &signers, scene);
        self.second += 1;
        match chain.joined(&[step]) {
            Err(ProofError::OtherHistory(named)) if named == epoch.next() => Ok(()),
            other => Err(format!("a second history out of epoch {epoch} is met with {:?}", other.map(drop))),
        }
    }
}

impl End {
    /// Steps that lead nowhere, each with what is wrong with it.
    fn forgeries(&self, scene: &Scene<'_>) -> Vec<(EpochStep, &'static str)> {
        let (step, n) = (&self.step, self.members.len());
        let mut fewer = step.clone();
        fewer.certificate.signatures.pop();
        let all: Vec<(ReplicaId, ReplicaId)> = numbers(&self.members, &self.members, n);
        let surplus = self.signed(step.clone(), &all, scene);
        let following = scene.plan.list(step.certificate.epoch.next());
        let theirs: Vec<(ReplicaId, ReplicaId)> = numbers(&following, &following, quorum(n));
        let by_next = self.signed(step.clone(), &theirs, scene);
        let mut others = step.clone();
        others.members.reverse();
        let forged = [(fewer, "a signature too few"), (surplus, "a signature too many")];
        let forged = forged.into_iter().filter(|(forged, _)| forged.certificate.signatures.len() != quorum(n));
        let posed = theirs.iter().any(|(number, place)| self.members.get(number.index()) != Some(place));
        let by_next = (posed && theirs.len() == quorum(n)).then_some((by_next, "signatures of the members to come"));
        let others = (others.members != step.members).then_some((others, "other members"));
        forged.chain(by_next).chain(others).collect()
    }

    /// The step with another certificate, of these places under these numbers.
    fn signed(&self, step: EpochStep, signers: &[(ReplicaId, ReplicaId)], scene: &Scene<'_>) -> EpochStep {
        let ClaimedCert { epoch, kind, view, seq, .. } = step.certificate;
        let group = scene.keys.committee.group();
        let next = Committee::new(group, epoch.next(), step.members.clone()).expect("distinct keys");
        let digest = checkpoint_digest(&step.lane_hash, &step.state_root, &next.digest());
        let statement = Statement { group, epoch, kind, view, seq, digest };
        let sign = |(number, place): &(ReplicaId, ReplicaId)| {
            (*number, statement.sign(*number, &*scene.keys.signers[place.index()]).signature)
        };
        let signatures = signers.iter().map(sign).collect();
        EpochStep { certificate: ClaimedCert { epoch, kind, view, seq, digest, signatures }, ..step }
    }
}

/// So many of these places, each with its number in a list.
fn numbers(list: &[ReplicaId], places: &[ReplicaId], count: usize) -> Vec<(ReplicaId, ReplicaId)> {
    let numbered = list.iter().zip(0..).map(|(place, number)| (ReplicaId::new(number), *place));
    numbered.filter(|(_, place)| places.contains(place)).take(count).collect()
}

fn keys_of(list: &[ReplicaId], scene: &Scene<'_>) -> Vec<PublicKey> {
    list.iter().map(|place| scene.keys.signers[place.index()].public_key()).collect()
}

/// q of n members, counted in another way than the committee counts.
fn quorum(n: usize) -> usize {
    2 * n / 3 + 1
}

impl Oracle for SecondHistory {
    fn name(&self) -> &'static str {
        "second-history"
    }

    fn watch(&mut self, fact: &Fact<'_>, scene: &Scene<'_>) -> Verdict {
        if scene.plan.lists.is_empty() {
            return Ok(());
        }
        match fact {
            Fact::Executed { decided, executed, .. }
                if executed.next.as_ref().is_some_and(|next| next.base() == decided.seq) =>
            {
                let end = (decided.seq, decided.lane_hash, executed.state_root);
                self.ends.entry(decided.epoch).or_insert(end);
            }
            Fact::Stored { certificate, .. } if certificate.kind == Kind::Checkpoint => {
                let place = (certificate.epoch, certificate.seq);
                self.certificates.entry(place).or_insert_with(|| (**certificate).clone());
            }
            _ => (),
        }
        Ok(())
    }

    fn look_back(&mut self, _survey: &Survey<'_>, scene: &Scene<'_>) -> Verdict {
        match scene.keys.genesis.as_deref().filter(|_| !scene.plan.lists.is_empty()) {
            Some(genesis) => self.judge(&Epochs::of(genesis), scene),
            None => Ok(()),
        }
    }

    fn tallies(&self) -> BTreeMap<&'static str, u64> {
        let counts = [("epochs that a proof led through", self.followed), (SECOND, self.second)];
        counts.into_iter().filter(|(_, count)| *count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Keys, Signatures};
    use crate::plan::Plan;
    use crate::presets::Preset;
    use quorate_pbft::View;

    /// Four founders, then three others of whom one founder is left, and the end of epoch 0 by these of its members.
    fn judged(second: &[u16], signers: &[u16]) -> (Verdict, SecondHistory) {
        let lists = vec![second.iter().map(|place| ReplicaId::new(*place)).collect()];
        let plan = Plan { n: 4, lists, attackers: Vec::new(), ..Plan::of(1, Some(Preset::Epochs)) };
        let keys = Keys::with_epochs(4, plan.people(), Signatures::Ed25519, &plan.constants, plan.rules);
        let scene = Scene { plan: &plan, keys: &keys, now: 0, calm_since: None, clock: Default::default() };
        let (epoch, last) = (Epoch::new(0), SeqNum::new(8));
        let certificate = ClaimedCert {
            epoch,
            kind: Kind::Checkpoint,
            view: View::new(0),
            seq: last,
            digest: Digest::ZERO,
            signatures: vec![],
        };
        let members = keys_of(&plan.list(Epoch::new(1)), &scene);
        let (lane_hash, state_root) = (Digest([1; 32]), Digest([2; 32]));
        let end = End { members: plan.list(epoch), step: EpochStep { certificate, lane_hash, state_root, members } };
        let signers: Vec<(ReplicaId, ReplicaId)> =
            signers.iter().map(|place| (ReplicaId::new(*place), ReplicaId::new(*place))).collect();
        let signed = end.signed(end.step.clone(), &signers, &scene);
        let mut oracle = SecondHistory::default();
        oracle.ends.insert(epoch, (last, lane_hash, state_root));
        oracle.certificates.insert((epoch, last), signed.certificate);
        let asked = Default::default();
        let survey = Survey { standings: Vec::new(), following: Vec::new(), asked: &asked };
        (oracle.look_back(&survey, &scene), oracle)
    }

    #[test]
    fn a_step_of_q_members_leads_on_and_old_keys_make_another_that_is_refused() {
        let (verdict, oracle) = judged(&[4, 5, 6, 3], &[0, 1, 2]);
        assert_eq!(verdict, Ok(()));
        assert_eq!((oracle.followed, oracle.second), (1, 1));
    }

    #[test]
    fn where_fewer_than_q_have_left_their_keys_make_no_history() {
        let (verdict, oracle) = judged(&[0, 1, 2, 4], &[0, 1, 3]);
        assert_eq!(verdict, Ok(()));
        assert_eq!((oracle.followed, oracle.second), (1, 0));
    }

    #[test]
    fn a_group_whose_own_step_has_too_few_signatures_is_noticed() {
        let (verdict, _) = judged(&[0, 1, 2, 4], &[0, 1]);
        assert!(verdict.is_err_and(|what| what.contains("does not lead on")));
    }
}
