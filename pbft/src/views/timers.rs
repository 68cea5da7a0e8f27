//! When this replica asks for another primary (V1 to V3).

use crate::agreement::order::Order;
use crate::agreement::proposing::FILL_PATIENCE_MS;
use crate::lanes::Lanes;
use crate::member::Member;
use crate::recovery::peer::Peers;
use crate::views::Views;
use crate::views::cause::Cause;
use crate::wire::{Message, Position, ReplicaId, SeqNum, Ticks, Time};
use alloc::vec::Vec;

/// Start of each timer of the current view that no certificate or slot dates.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Timers {
    /// When the content of a committed slot was last missing, or the window was full of committed slots.
    pub(crate) paused_at: Ticks,
    /// The lowest open slot, and since when it is the lowest.
    open_slot: Option<(Ticks, SeqNum)>,
    /// Start of the wait for the end of the epoch, and the slots that were missing then.
    filling: Option<(Ticks, u64)>,
    /// Start of the wait for an overdue deadline (T3).
    overdue_since: Option<Ticks>,
}

impl Views {
    /// V3: the NewView timer runs once q members ask for this view or later ones (pitfall 12).
    fn new_view_due(&mut self, member: &Member) -> Option<Ticks> {
        if self.quorum_at.is_none() && self.asking_for(self.number) >= member.committee.quorum() {
            self.quorum_at = Some(member.now.ticks);
        }
        Some(self.quorum_at?.after(self.timeout_ms(member)))
    }

    /// Asks for the next view when a timer of the current one has run out.
    pub(crate) fn watch_timers(&mut self, lanes: &mut Lanes, order: &mut Order, peers: &Peers, member: &mut Member) {
        if !member.may_sign() {
            return;
        }
        let due = if self.changing {
            self.new_view_due(member).map(|due| (due, Cause::NewView))
        } else {
            self.primary_due(lanes, order, peers, member)
        };
        let Some((_, cause)) = due.filter(|(due, _)| member.is_due(*due)) else { return };
        self.failures = self.failures.saturating_add(1);
        let next = self.number.next();
        self.ask_for_view(order, member, next, cause);
    }

    /// V1: when the primary has had its time. Every wait begins anew with a view (pitfall 36).
    fn primary_due(
        &mut self,
        lanes: &mut Lanes,
        order: &Order,
        peers: &Peers,
        member: &mut Member,
    ) -> Option<(Ticks, Cause)> {
        if order.lacks_decided_content() || order.is_window_decided() {
            self.timers.paused_at = member.now.ticks;
        }
        let ids = member.committee.replicas();
        let lanes = ids.filter_map(|id| Some((self.lane_timer(lanes, peers, member, id)?, Cause::Lane(id))));
        let lanes: Vec<_> = lanes.collect();
        let checkpoint = order.checkpoint_wait(member).map(|since| (since, Cause::Checkpoint));
        let first = order.awaits_first().then_some((self.since, Cause::FirstSlot));
        let deadline = self.deadline_timer(order, member).map(|since| (since, Cause::Deadline));
        let paused = [checkpoint, first, deadline].into_iter().flatten().chain(lanes);
        let paused_at = self.timers.paused_at;
        let paused = paused.map(|(since, cause)| (since.max(paused_at), cause));
        let fill = self.fill_timer(order).map(|since| (since, Cause::EpochEnd));
        let slot = self.slot_timer(order, peers, member).map(|(since, seq)| (since, Cause::Slot(seq)));
        let (since, cause) = paused.chain(fill).chain(slot).min_by_key(|(since, _)| *since)?;
        Some((since.max(self.since).after(self.timeout_ms(member)), cause))
    }

    /// V1 a: since the oldest certificate that no committed cut covers is known here and to the primary, who is sent it
    /// at half time.
    fn lane_timer(&mut self, lanes: &mut Lanes, peers: &Peers, member: &mut Member, id: ReplicaId) -> Option<Ticks> {
        let (oldest, since) = lanes[id].oldest_uncut()?;
        if let Some(at) = self.shown_at(lanes, peers, member, id, oldest) {
            return Some(since.max(at));
        }
        let since = since.max(self.since).max(self.timers.paused_at);
        if !member.is_due(since.after(self.timeout_ms(member) / 2)) {
            return None;
        }
        let lane = &mut lanes[id];
        let tip = lane.certified();
        let claimed = lane.certificate(tip)?.claim().clone();
        lane.shown = Some((self.number, tip.position, member.now.ticks));
        member.send(member.committee.primary(self.number), Message::LaneCert(claimed));
        Some(member.now.ticks)
    }

    /// Moment from which the primary is known to have a certificate of a lane at `position` or above.
    pub(crate) fn shown_at(
        &self,
        lanes: &mut Lanes,
        peers: &Peers,
        member: &Member,
        id: ReplicaId,
        position: Position,
    ) -> Option<Ticks> {
        let primary = member.committee.primary(self.number);
        if [member.me, primary].contains(&id) || primary == member.me {
            return Some(Ticks::default());
        }
        let lane = &mut lanes[id];
        let seen = peers[primary].certified(id).position;
        let known = lane.shown.filter(|(view, up_to, _)| *view == self.number && *up_to >= position);
        lane.shown = known.or((seen >= position).then_some((self.number, seen, member.now.ticks))).or(lane.shown);
        known.or(lane.shown.filter(|_| seen >= position)).map(|(_, _, at)| at)
    }

    /// V1 c: since the primary could have filled the epoch up, had it begun when it could. Slots that trickle restart nothing.
    fn fill_timer(&mut self, order: &Order) -> Option<Ticks> {
        let left = order.unfilled();
        if left == 0 {
            self.timers.filling = None;
            return None;
        }
        let since = order.last_since.max(self.since).max(self.timers.paused_at);
        let (since, slots) = *self.timers.filling.insert(match self.timers.filling {
            Some((at, slots)) if at >= since => (at, slots),
            _ => (since, left),
        });
        Some(since.after(slots.saturating_mul(FILL_PATIENCE_MS)))
    }

    /// V1 b: the moment at which this slot became the lowest open one.
    fn slot_timer(&mut self, order: &Order, peers: &Peers, member: &Member) -> Option<(Ticks, SeqNum)> {
        // A slot that others have decided is fetched; that blames nobody.
        let open = order.open_slot().filter(|(_, seq)| peers.decided(member, *seq) < member.committee.weak());
        let known = self.timers.open_slot;
        self.timers.open_slot = open.map(|(_, seq)| match known {
            Some((since, of)) if of == seq => (since, seq),
            _ => (member.now.ticks, seq),
        });
        self.timers.open_slot
    }

    /// T3: a deadline that passed by the own clock at least the bound of T2 ago, above every committed time.
    fn deadline_timer(&mut self, order: &Order, member: &mut Member) -> Option<Ticks> {
        let deadline = order.execution.deadline.filter(|deadline| *deadline > order.committed_time())?;
        let due = deadline.get().saturating_add(member.constants.clock_behind_ms);
        if !member.is_due_by_wall(Time::new(due)) {
            self.timers.overdue_since = None;
            return None;
        }
        Some(*self.timers.overdue_since.get_or_insert(member.now.ticks))
    }
}

impl Order {
    /// V1 a: paused while the content of a committed slot is missing.
    fn lacks_decided_content(&self) -> bool {
        self.log.above(self.executed()).any(|(_, slot)| slot.committed.is_some() && slot.decided().is_none())
    }

    fn committed_time(&self) -> Time {
        let ahead = self.log.above(self.executed()).filter_map(|(_, slot)| slot.decided()?.time);
        ahead.fold(self.execution.point.time, Time::max)
    }
}
