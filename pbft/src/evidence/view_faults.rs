//! Noticing demands and starts that no honest replica signs (E3).

use crate::effects::Effects;
use crate::evidence::accusation::Accusations;
use crate::evidence::proof::Evidence;
use crate::evidence::view_evidence::{InvalidViewChange, Omission};
use crate::evidence::witness::Witness;
use crate::lanes::Lanes;
use crate::member::Member;
use crate::views::Views;
use crate::wire::{Digest, ReplicaId, Signed};
use alloc::boxed::Box;
use alloc::vec::Vec;

impl Accusations {
    /// E3: the newest demand of a member against every vote of it that was heard.
    pub(crate) fn find_omissions(
        &mut self,
        lanes: &mut Lanes,
        views: &mut Views,
        witness: &Witness,
        member: &Member,
        of: ReplicaId,
        out: &mut Effects,
    ) {
        let Some((view_change, body)) = views.latest.get(&of).filter(|_| of != member.me) else { return };
        let window = member.constants.window;
        let proof = witness.votes_of(of).find_map(|vote| Omission::find(vote, view_change, body, window));
        if let Some(proof) = proof {
            self.accuse(lanes, views, member, Evidence::Omission(Box::new(proof)), out);
        }
    }

    /// E3: a vote that came after its signer's demand.
    pub(crate) fn compare_with_view_change(
        &mut self,
        lanes: &mut Lanes,
        views: &mut Views,
        member: &Member,
        vote: &Signed,
        out: &mut Effects,
    ) {
        let Some((view_change, body)) = views.latest.get(&vote.signer) else { return };
        if let Some(proof) = Omission::find(vote, view_change, body, member.constants.window) {
            self.accuse(lanes, views, member, Evidence::Omission(Box::new(proof)), out);
        }
    }

    /// E3: demands that the starts which they name contradict.
    pub(crate) fn find_contradictions(
        &mut self,
        lanes: &mut Lanes,
        views: &mut Views,
        member: &Member,
        digest: Digest,
        out: &mut Effects,
    ) {
        let Some((start, named)) = views.start(&digest) else { return };
        let window = member.constants.window;
        let view_changes = views.latest.values();
        let proofs: Vec<InvalidViewChange> = view_changes
            .filter_map(|(view_change, body)| InvalidViewChange::against(view_change, body, start, named, window))
            .collect();
        for proof in proofs {
            self.accuse(lanes, views, member, Evidence::InvalidViewChange(Box::new(proof)), out);
        }
    }
}
