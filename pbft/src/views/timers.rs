//! When this replica asks for another primary (V1 to V3).

use crate::effects::Effects;
use crate::replica::Replica;
use crate::views::waiting::Wait;
use crate::wire::ids::{ReplicaId, SeqNum, Ticks};
use crate::wire::message::Message;

/// Since when the timers of the current view run, as far as nothing else says it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Timers {
    /// When the content of a committed slot was last missing.
    paused_at: Ticks,
    /// The lowest open slot, and since when it is the lowest.
    open_slot: Option<(SeqNum, Ticks)>,
    /// Since when a deadline is overdue (T3).
    overdue_since: Option<Ticks>,
}

impl Replica {
    /// Asks for the next view when a timer of the current one has run out.
    pub(crate) fn watch_timers(&mut self, out: &mut Effects) {
        if !self.may_sign() {
            return;
        }
        let due = if self.view.changing { self.new_view_due() } else { self.primary_due(out) };
        let Some(due) = due else { return };
        if due > self.now.ticks {
            self.wake_at(due);
            return;
        }
        self.views.failures = self.views.failures.saturating_add(1);
        let next = self.view.number.next();
        self.ask_for_view(next, out);
    }

    /// V3: the NewView timer runs once q members ask for this view or later ones (pitfall 12).
    fn new_view_due(&mut self) -> Option<Ticks> {
        if self.views.quorum_at.is_none() && self.views.asking_for(self.view.number) >= self.committee.quorum() {
            self.views.quorum_at = Some(self.now.ticks);
        }
        Some(self.views.quorum_at?.after(self.timeout_ms()))
    }

    /// V1: when the primary has had its time. Every wait begins anew with a view (pitfall 36).
    fn primary_due(&mut self, out: &mut Effects) -> Option<Ticks> {
        if self.lacks_decided_content() {
            self.timers.paused_at = self.now.ticks;
        }
        let lanes: alloc::vec::Vec<_> =
            self.committee.replicas().filter_map(|lane| self.lane_timer(lane, out)).collect();
        let waits = [self.slot_timer(), self.checkpoint_wait().map(|(since, _)| since), self.deadline_timer()];
        let since = lanes.into_iter().chain(waits.into_iter().flatten()).min()?;
        Some(since.max(self.views.since).after(self.timeout_ms()))
    }

    /// V1 a: paused while the content of a committed slot is missing.
    fn lacks_decided_content(&self) -> bool {
        self.log.above(self.executed()).any(|(_, slot)| slot.committed.is_some() && slot.decided().is_none())
    }

    /// V1 a: a lane waits since its certificate came, if the primary has it too; at half time it is sent there.
    fn lane_timer(&mut self, id: ReplicaId, out: &mut Effects) -> Option<Ticks> {
        let (since, _) = self.lane_wait(id)?;
        let since = since.max(self.views.since).max(self.timers.paused_at);
        let (view, primary) = (self.view.number, self.primary());
        let lane = &self.lanes[id.index()];
        let tip = lane.certified();
        let knows = id == self.me
            || primary == self.me
            || primary == id
            || lane.told == Some(view)
            || self.peers[primary.index()].certified(id).position > lane.committed;
        if !knows {
            let half = since.after(self.timeout_ms() / 2);
            if half > self.now.ticks {
                self.wake_at(half);
                return None;
            }
            let claimed = lane.certificate(tip)?.claim().clone();
            self.lanes[id.index()].told = Some(view);
            self.send(primary, Message::LaneCert(claimed), out);
        }
        Some(since)
    }

    /// V1 b: since this very slot became the lowest that is open.
    fn slot_timer(&mut self) -> Option<Ticks> {
        let slot = match self.slot_wait() {
            Some((_, Wait::Slot(seq))) => Some(seq),
            _ => None,
        };
        // What others have decided is fetched; that blames nobody.
        let Some(seq) = slot.filter(|seq| self.decided_elsewhere(*seq) < self.committee.weak()) else {
            self.timers.open_slot = None;
            return None;
        };
        match self.timers.open_slot {
            Some((of, since)) if of == seq => Some(since),
            _ => {
                self.timers.open_slot = Some((seq, self.now.ticks));
                Some(self.now.ticks)
            }
        }
    }

    fn decided_elsewhere(&self, seq: SeqNum) -> usize {
        self.others().filter(|peer| self.peers[peer.index()].has_decided(seq)).count()
    }

    /// T3: a deadline that passed by the own clock at least the bound of T2 ago, above every committed time.
    fn deadline_timer(&mut self) -> Option<Ticks> {
        let deadline = self.execution.deadline().filter(|deadline| *deadline > self.committed_time())?;
        let due = deadline.get().saturating_add(self.constants.clock_behind_ms);
        if due > self.now.wall.get() {
            self.wake_at_wall(crate::wire::ids::Time::new(due));
            self.timers.overdue_since = None;
            return None;
        }
        Some(*self.timers.overdue_since.get_or_insert(self.now.ticks))
    }

    fn committed_time(&self) -> crate::wire::ids::Time {
        let ahead = self.log.above(self.executed()).filter_map(|(_, slot)| slot.decided()?.time);
        ahead.fold(self.execution.point().time, crate::wire::ids::Time::max)
    }
}
