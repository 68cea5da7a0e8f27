//! ViewChanges and NewViews that no honest replica signs, as they are noticed (E3).

use crate::evidence::proof::Evidence;
use crate::evidence::view_evidence::{InvalidViewChange, Omission};
use crate::replica::Replica;
use crate::views::ViewChangeMsg;
use crate::wire::Signed;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

impl Replica {
    /// E3: a ViewChange against one vote of its signer, or every one that was heard. A proof hashes the whole ViewChange, so
    /// it is made for a genuine vote that is left out; one that is not genuine is forgotten, and hides no other.
    pub(crate) fn find_omissions(&mut self, (view_change, body): &ViewChangeMsg, vote: Option<&Signed>) {
        let heard = || self.witness.votes_of(view_change.signer);
        let votes = vote.map_or_else(|| heard().copied().collect(), |vote| vec![*vote]);
        let last = body.base().plus(self.member.constants.window); // the record holds no proof of an omission above (E4)
        for vote in votes.iter().filter(|vote| vote.statement.seq <= last) {
            if vote.signer != self.member.me
                && !self.accusations.is_proved(vote.signer)
                && Omission::leaves_out(vote, view_change, body)
                && self.witness.is_genuine(&self.member, vote)
                && let Some(proof) = Omission::find(vote, view_change, body, self.member.constants.window)
            {
                self.accuse(Evidence::Omission(Box::new(proof)));
            }
        }
    }

    /// E3: a vote that came after its signer's ViewChange.
    pub(crate) fn compare_with_view_change(&mut self, vote: &Signed) {
        if let Some(demand) = self.views.latest.get(&vote.signer).cloned() {
            self.find_omissions(&demand, Some(vote));
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
