//! ViewChanges and NewViews that no honest replica signs, as they are noticed (E3).

use crate::evidence::proof::Evidence;
use crate::evidence::view_evidence::{InvalidViewChange, Omission};
use crate::replica::Replica;
use crate::views::view_change::NewView;
use crate::wire::{Digest, ReplicaId, Signed};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

impl Replica {
    /// E3: the newest ViewChange of a member against every vote of it that was heard.
    pub(crate) fn find_omissions(&mut self, of: ReplicaId) {
        let Some((view_change, body)) = self.views.latest.get(&of).filter(|_| of != self.member.me).cloned() else {
            return;
        };
        let window = self.member.constants.window;
        let omitted = |vote: &Signed| Omission::find(vote, &view_change, &body, window);
        // A vote that turns out not to be genuine is forgotten, and hides no other.
        while !self.accusations.is_proved(of) {
            let Some(proof) = self.witness.votes_of(of).find_map(omitted) else { return };
            self.accuse(Evidence::Omission(Box::new(proof)));
        }
    }

    /// E3: a vote that came after its signer's ViewChange.
    pub(crate) fn compare_with_view_change(&mut self, vote: &Signed) {
        let Some((view_change, body)) = self.views.latest.get(&vote.signer) else { return };
        if let Some(proof) = Omission::find(vote, view_change, body, self.member.constants.window) {
            self.accuse(Evidence::Omission(Box::new(proof)));
        }
    }

    /// E3: the newest ViewChange of a member against the NewViews that are here.
    pub(crate) fn compare_with_new_views(&mut self, of: ReplicaId) {
        let Some((view_change, body)) = self.views.latest.get(&of) else { return };
        let window = self.member.constants.window;
        let mut starts = self.views.new_views.values();
        let against = |(start, named): &(Signed, Arc<NewView>)| {
            InvalidViewChange::against(view_change, body, start, named, window)
        };
        if let Some(proof) = starts.find_map(against) {
            self.accuse(Evidence::InvalidViewChange(Box::new(proof)));
        }
    }

    /// E3: ViewChanges that contradict the NewView that they name.
    pub(crate) fn find_contradictions(&mut self, digest: Digest) {
        let Some((start, named)) = self.views.new_views.get(&digest) else { return };
        let window = self.member.constants.window;
        let view_changes = self.views.latest.values();
        let proofs: Vec<InvalidViewChange> = view_changes
            .filter_map(|(view_change, body)| InvalidViewChange::against(view_change, body, start, named, window))
            .collect();
        for proof in proofs {
            self.accuse(Evidence::InvalidViewChange(Box::new(proof)));
        }
    }
}
