//! ViewChanges and NewViews that no honest replica signs, as they are noticed (E3).

use crate::evidence::proof::Evidence;
use crate::evidence::view_evidence::{InvalidViewChange, Omission};
use crate::replica::Replica;
use crate::views::ViewChangeMsg;
use crate::wire::{ReplicaId, Signed};
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

    /// E3: of these ViewChanges those that contradict a NewView that they name, and that is here.
    pub(crate) fn find_contradictions(&mut self, said: &[ViewChangeMsg]) {
        let (window, starts) = (self.member.constants.window, &self.views.new_views);
        let left = said.iter().filter(|(said, _)| !self.accusations.is_proved(said.signer));
        let proofs: Vec<_> = left
            .filter_map(|(said, body)| {
                let against =
                    |(start, named): &(_, Arc<_>)| InvalidViewChange::against(said, body, start, named, window);
                starts.values().find_map(against)
            })
            .collect();
        proofs.into_iter().for_each(|proof| self.accuse(Evidence::InvalidViewChange(Box::new(proof))));
    }
}
