//! Replies: bulk other than bundles that members may send for nothing. They send slots and contents for questions, a primary its
//! contents for each status as well, ViewChanges and NewViews for views, statuses and questions, and a proof against each member
//! that they accuse. A copy looks like an answer that came late, so each is counted, and the questions and statuses of this
//! replica pay for them.

use quorate_pbft::{Constants, Message, ReplicaId, Wanted};
use std::collections::BTreeMap;

/// Slots and contents that a member may send beyond what it was asked for: those of a window, as it recovers in office (V6).
const SLOTS_MAX: u64 = Constants::WINDOW_MAX;
/// Slots of an answer, and contents that a primary sends for a status (N9).
const SLOTS_PER_ANSWER: u64 = 64;
/// ViewChanges that a member may send beyond what statuses ask for.
const DEMANDS_MAX: u64 = 64;
/// ViewChanges that a member sends between two own statuses: its own and the primary's again (V3), and a new one.
const DEMANDS_PER_STATUS: u64 = 3;
/// NewViews that a member may send beyond what statuses and questions ask for: each can be as large as a window.
const STARTS_MAX: u64 = 16;
/// NewViews that a member sends between two own statuses: of the view that it starts.
const STARTS_PER_STATUS: u64 = 1;
/// Proofs that a member may send beyond what statuses ask for: one against each that it accuses.
const PROOFS_MAX: u64 = 64;
/// Proofs that a member sends for an own status: one that the view is over.
const PROOFS_PER_STATUS: u64 = 1;

/// Replies of each member that are not paid for.
#[derive(Debug, Default)]
pub(super) struct Replies(BTreeMap<ReplicaId, Unpaid>);

#[derive(Debug, Default)]
struct Unpaid {
    slots: u64,
    demands: u64,
    starts: u64,
    proofs: u64,
}

impl Replies {
    /// Whether a reply is free; then it is counted.
    pub(super) fn takes(&mut self, from: ReplicaId, message: &Message) -> bool {
        let of = self.0.entry(from).or_default();
        let (unpaid, max) = match message {
            Message::Decided { .. } | Message::Content { .. } => (&mut of.slots, SLOTS_MAX),
            Message::ViewChange { .. } => (&mut of.demands, DEMANDS_MAX),
            Message::NewView { .. } => (&mut of.starts, STARTS_MAX),
            Message::Evidence { .. } => (&mut of.proofs, PROOFS_MAX),
            _ => return true,
        };
        let is_free = *unpaid < max;
        *unpaid += u64::from(is_free);
        is_free
    }

    /// Notes a question of this replica to a member.
    pub(super) fn ask(&mut self, of: ReplicaId, wanted: &Wanted) {
        let Some(of) = self.0.get_mut(&of) else { return };
        match wanted {
            Wanted::Slots { from, to } => of.pay_slots(to.get().saturating_sub(from.get()).saturating_add(1)),
            Wanted::Content { .. } => of.pay_slots(1),
            Wanted::NewView { .. } => of.starts = of.starts.saturating_sub(1),
            Wanted::Bundles { .. } | Wanted::StableCheckpoint | Wanted::Recall { .. } => (),
        }
    }

    /// Notes a status of this replica, which says that this member is the primary.
    pub(super) fn tell(&mut self, primary: ReplicaId) {
        self.0.get_mut(&primary).into_iter().for_each(|of| of.pay_slots(SLOTS_PER_ANSWER));
        for of in self.0.values_mut() {
            of.demands = of.demands.saturating_sub(DEMANDS_PER_STATUS);
            of.starts = of.starts.saturating_sub(STARTS_PER_STATUS);
            of.proofs = of.proofs.saturating_sub(PROOFS_PER_STATUS);
        }
    }
}

impl Unpaid {
    /// Pays for as many slots as one answer has at the most.
    fn pay_slots(&mut self, slots: u64) {
        self.slots = self.slots.saturating_sub(slots.min(SLOTS_PER_ANSWER));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_pbft::{Content, Digest, SeqNum, View};

    const FROM: ReplicaId = ReplicaId::new(3);

    fn taken(replies: &mut Replies, from: ReplicaId) -> u64 {
        let content = Message::Content { content: Content::NULL, certificates: vec![] };
        (0..).take_while(|_| replies.takes(from, &content)).count() as u64
    }

    fn slots(from: u64, to: u64) -> Wanted {
        Wanted::Slots { from: SeqNum::new(from), to: SeqNum::new(to) }
    }

    #[test]
    fn a_member_may_send_a_window_of_slots_and_as_many_more_as_it_is_asked_for() {
        let mut replies = Replies::default();
        assert_eq!(taken(&mut replies, FROM), SLOTS_MAX);

        replies.ask(FROM, &slots(1, 10));
        assert_eq!(taken(&mut replies, FROM), 10);
        replies.ask(FROM, &slots(1, u64::MAX));
        assert_eq!(taken(&mut replies, FROM), SLOTS_PER_ANSWER);
        replies.ask(FROM, &Wanted::Content { seq: SeqNum::new(1), digest: Digest::ZERO });
        assert_eq!(taken(&mut replies, FROM), 1);
        replies.ask(FROM, &Wanted::NewView { view: View::new(1), digest: Digest::ZERO });
        assert_eq!(taken(&mut replies, FROM), 0);
        assert_eq!(taken(&mut replies, ReplicaId::new(2)), SLOTS_MAX, "each member for itself");
    }

    #[test]
    fn answers_that_all_come_late_are_free_however_long_they_go_on() {
        let mut replies = Replies::default();
        let content = Message::Content { content: Content::NULL, certificates: vec![] };
        (0..32).for_each(|_| replies.ask(FROM, &slots(1, 64)));

        for _ in 0..1_000 {
            assert!((0..64).all(|_| replies.takes(FROM, &content)));
            replies.ask(FROM, &slots(1, 64));
        }
    }

    #[test]
    fn a_status_pays_for_what_its_primary_sends_for_it() {
        let mut replies = Replies::default();
        taken(&mut replies, FROM);

        replies.tell(ReplicaId::new(2));
        assert_eq!(taken(&mut replies, FROM), 0);
        replies.tell(FROM);

        assert_eq!(taken(&mut replies, FROM), SLOTS_PER_ANSWER);
    }
}
