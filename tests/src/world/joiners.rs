//! Replicas that follow: those who are to join, and those who have left. Members tell them what they tell each other of
//! themselves, and answer their questions from the disk, in the epoch that they are in.

use super::World;
use super::queue::Event;
use quorate_pbft::{Committee, Message, Question, ReplicaId, Wanted};
use std::rc::Rc;
use std::sync::Arc;

impl World<'_> {
    /// A question leaves for a member.
    pub(super) fn ask_member(&mut self, by: ReplicaId, of: ReplicaId, question: &Question) {
        if self.cuts.is_cut(by, of) {
            return;
        }
        for delay in self.weather.arrivals(by, of, &mut self.dice) {
            let question = question.clone();
            self.queue.push(self.now + delay, Event::Asked { of, by, question });
        }
    }

    /// A member answers from its disk.
    pub(super) fn answer_follower(&mut self, of: ReplicaId, by: ReplicaId, question: &Question) {
        let machine = &self.seats[of.index()].machine;
        let (true, Some(committee)) = (machine.is_up(), machine.committee(question.epoch)) else { return };
        let answer = machine.supplied_in(question.epoch, &question.wanted);
        answer.into_iter().for_each(|message| self.hand_to_joiner(of, by, &committee, message));
    }

    /// A member's status, or its last words in the epoch of the one who hears it.
    pub(super) fn show_joiners(&mut self, from: ReplicaId, committee: &Arc<Committee>, message: &Message) {
        for (to, theirs) in self.joiners() {
            if theirs.epoch() == committee.epoch() {
                self.hand_to_joiner(from, to, committee, message.clone());
            } else {
                let farewell = self.seats[from.index()].machine.farewell(theirs.epoch());
                farewell.into_iter().for_each(|message| self.hand_to_joiner(from, to, &theirs, message));
            }
        }
    }

    /// Members push the newest slot that they executed, and the newest checkpoint.
    pub(super) fn push_to_joiners(&mut self, from: ReplicaId, pushed: &Wanted) {
        let Some(epoch) = self.seats[from.index()].machine.progress().map(|progress| progress.epoch) else { return };
        for (to, theirs) in self.joiners() {
            if theirs.epoch() == epoch && self.number(from, &theirs).is_some() {
                let messages = self.seats[from.index()].machine.supplied_in(epoch, pushed);
                messages.into_iter().for_each(|message| self.hand_to_joiner(from, to, &theirs, message));
            }
        }
    }

    fn hand_to_joiner(&mut self, from: ReplicaId, to: ReplicaId, committee: &Arc<Committee>, message: Message) {
        let parcel = Rc::new(self.parcel(from, committee, Arc::new(message)));
        self.post(to, &parcel, 0);
    }

    /// Replicas that follow, with the members of their epoch.
    fn joiners(&self) -> Vec<(ReplicaId, Arc<Committee>)> {
        if self.plan.lists.is_empty() {
            return Vec::new();
        }
        let follows = self.plan.replicas().filter_map(|seat| {
            let machine = &self.seats[seat.index()].machine;
            let progress = machine.progress().filter(|progress| !progress.is_member)?;
            Some((seat, machine.committee(progress.epoch)?))
        });
        follows.collect()
    }
}
