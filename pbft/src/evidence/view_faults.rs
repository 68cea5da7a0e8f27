//! Noticing demands and starts that no honest replica signs (E3).

use crate::effects::Effects;
use crate::evidence::proof::Evidence;
use crate::evidence::view_evidence::{InvalidDemand, Omission};
use crate::replica::Replica;
use crate::wire::ids::{Digest, ReplicaId};
use crate::wire::statement::Signed;
use alloc::boxed::Box;
use alloc::vec::Vec;

impl Replica {
    /// E3: the newest demand of a member against every vote of it that was heard.
    pub(crate) fn find_omissions(&mut self, member: ReplicaId, out: &mut Effects) {
        let Some((demand, body)) = self.views.latest.get(&member).filter(|_| member != self.me) else { return };
        let window = self.constants.window;
        let proof = self.witness.votes_of(member).find_map(|vote| Omission::find(vote, demand, body, window));
        if let Some(proof) = proof {
            self.accuse(Evidence::Omission(Box::new(proof)), out);
        }
    }

    /// E3: a vote that came after its signer's demand.
    pub(crate) fn compare_with_demand(&mut self, vote: &Signed, out: &mut Effects) {
        let Some((demand, body)) = self.views.latest.get(&vote.signer) else { return };
        if let Some(proof) = Omission::find(vote, demand, body, self.constants.window) {
            self.accuse(Evidence::Omission(Box::new(proof)), out);
        }
    }

    /// E3: demands that the starts which they name contradict.
    pub(crate) fn find_contradictions(&mut self, digest: Digest, out: &mut Effects) {
        let Some((start, named)) = self.views.start(&digest) else { return };
        let window = self.constants.window;
        let demands = self.views.latest.values();
        let proofs: Vec<InvalidDemand> =
            demands.filter_map(|(demand, body)| InvalidDemand::against(demand, body, start, named, window)).collect();
        for proof in proofs {
            self.accuse(Evidence::InvalidDemand(Box::new(proof)), out);
        }
    }
}
