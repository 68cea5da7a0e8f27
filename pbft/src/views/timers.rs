//! When this replica asks for another primary (V1 to V3).

use crate::agreement::order::Order;
use crate::agreement::proposing::FILL_PATIENCE_MS;
use crate::lanes::Lanes;
use crate::member::Member;
use crate::recovery::peer::Peers;
use crate::views::Views;
use crate::views::cause::Cause;
use crate::wire::{Content, Message, Position, ReplicaId, SeqNum, Ticks, Time};
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Times that the window was full which no wait counts. A primary that passes a bundle over more often than that, each time it
/// might propose again, is to blame.
const PAUSES_MAX: usize = 4;

/// T3: slots in a row, voted for in one view, that may leave ledger time behind the own clock by more than the bound of T2.
const BEHIND_SLOTS_MAX: usize = 16;

/// Start of each timer of the current view that no certificate or slot dates.
#[derive(Debug, Clone, Default)]
pub(crate) struct Timers {
    /// Begin and end, so far, of the last times that the window was full of committed slots.
    pauses: VecDeque<(Ticks, Ticks)>,
    is_full: bool,
    /// When a wait was due while decided slots were missing here, and the highest that f + 1 members had executed then.
    held: Option<(Ticks, SeqNum)>,
    /// The lowest open slot, and since when it is the lowest.
    open_slot: Option<(Ticks, SeqNum)>,
    /// Start of the wait for the end of the epoch, and the slots that were missing then.
    filling: Option<(Ticks, u64)>,
    /// Start of the wait for an overdue deadline (T3).
    overdue_since: Option<Ticks>,
    /// When the last slots in a row were voted for that left ledger time behind the own clock (T3).
    pub(crate) behind: Vec<Ticks>,
}

impl Timers {
    fn note_window(&mut self, is_full: bool, now: Ticks) {
        if let Some((_, end)) = self.pauses.back_mut().filter(|_| self.is_full) {
            *end = now;
        } else if is_full {
            self.pauses.push_back((now, now));
        }
        if self.pauses.len() > PAUSES_MAX {
            self.pauses.pop_front();
        }
        self.is_full = is_full;
    }

    /// Milliseconds between two moments for which the window was full.
    fn paused_ms(&self, from: Ticks, to: Ticks) -> u64 {
        self.pauses.iter().map(|(begin, end)| to.min(*end).since(from.max(*begin))).sum()
    }

    /// V1: whether a wait that is due holds, for slots are missing here that were decided by then, and one of them may end
    /// it. Slots that are decided later extend nothing.
    fn holds(&mut self, due: Ticks, order: &Order, peers: &Peers, member: &Member) -> bool {
        let (known, lacks) = (order.known_up_to(), order.lacks_content_since());
        let lacks = |(at, up_to): (Ticks, SeqNum)| known < up_to || lacks.is_some_and(|since| since <= at);
        match self.held {
            Some(held) if lacks(held) => true,
            Some((at, _)) if due <= at => false,
            _ => {
                let now = (member.now.ticks, peers.executed_by_weak(member).unwrap_or_default());
                self.held = Some(now).filter(|held| lacks(*held));
                self.held.is_some()
            }
        }
    }
}

impl Views {
    /// Moment at which a wait under the current primary has lasted so long, times apart in which it might not propose; after
    /// each of these it has half of the time again.
    fn due(&self, since: Ticks, wait_ms: u64, member: &Member) -> Ticks {
        let since = since.max(self.since);
        let pauses = self.timers.pauses.iter().filter(|(_, end)| *end > since).count() as u64;
        since.after(wait_ms + wait_ms / 2 * pauses).after(self.timers.paused_ms(since, member.now.ticks))
    }

    /// Milliseconds of such a wait up to a moment.
    pub(crate) fn waited_ms(&self, since: Ticks, until: Ticks) -> u64 {
        let since = since.max(self.since);
        until.since(since).saturating_sub(self.timers.paused_ms(since, until))
    }

    /// V3: the NewView timer runs once q members ask for this view or later ones (pitfall 12).
    fn new_view_due(&mut self, member: &Member) -> Option<Ticks> {
        if self.quorum_at.is_none() && self.asking_for(self.number) >= member.committee.quorum() {
            self.quorum_at = Some(member.now.ticks);
        }
        Some(self.quorum_at?.after(self.timeout_ms(member)))
    }

    /// Asks for the next view when a timer of the current one has run out. After the last of all views there is none.
    pub(crate) fn watch_timers(&mut self, lanes: &mut Lanes, order: &mut Order, peers: &Peers, member: &mut Member) {
        if !member.may_sign() {
            return;
        }
        let due = if self.changing {
            self.new_view_due(member).map(|due| (due, Cause::NewView))
        } else {
            self.primary_due(lanes, order, peers, member)
        };
        let next = self.number.next();
        let Some((_, cause)) = due.filter(|(due, _)| next > self.number && member.is_due(*due)) else { return };
        self.failures = self.failures.saturating_add(1);
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
        self.timers.note_window(order.is_window_decided(), member.now.ticks);
        let ids = member.committee.replicas();
        let lanes = ids.filter_map(|id| Some((self.lane_timer(lanes, peers, member, id)?, Cause::Lane(id))));
        let lanes: Vec<_> = lanes.collect();
        let checkpoint = order.checkpoint_wait(member).map(|since| (since, Cause::Checkpoint));
        let first = order.awaits_first().then_some((self.since, Cause::FirstSlot));
        let deadline = self.deadline_timer(order, member).map(|since| (since, Cause::Deadline));
        let time = self.time_due(order, member).map(|due| (due, Cause::Time));
        let fill = self.fill_timer(order).map(|since| (since, Cause::EpochEnd));
        let slot = self.slot_timer(order, peers, member).map(|(since, seq)| (since, Cause::Slot(seq)));
        let due = |(since, cause): (Ticks, Cause)| (self.due(since, self.timeout_ms(member), member), cause);
        let waits = [checkpoint, first, deadline].into_iter().flatten().chain(lanes);
        let waits = waits.map(due).chain(time);
        let by_contents = waits.filter(|_| !self.timers.is_full).min_by_key(|(due, _)| *due);
        let others = [fill, slot].map(|wait| wait.map(due));
        let by_contents =
            by_contents.filter(|(due, _)| *due > member.now.ticks || !self.timers.holds(*due, order, peers, member));
        others.into_iter().flatten().chain(by_contents).min_by_key(|(due, _)| *due)
    }

    /// V1 a: since the oldest certificate that no committed cut covers is known here and to the primary, who is sent it
    /// at half time.
    fn lane_timer(&mut self, lanes: &mut Lanes, peers: &Peers, member: &mut Member, id: ReplicaId) -> Option<Ticks> {
        let (oldest, since) = lanes[id].oldest_uncut()?;
        if let Some(at) = self.shown_at(lanes, peers, member, id, oldest) {
            return Some(since.max(at));
        }
        if !member.is_due(self.due(since, self.timeout_ms(member) / 2, member)) {
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
        let paused_at = self.timers.pauses.back().map_or(self.since, |(_, end)| *end);
        let since = order.last_since.max(self.since).max(paused_at);
        let (since, slots) = *self.timers.filling.insert(match self.timers.filling {
            Some((at, slots)) if at >= since => (at, slots),
            _ => (since, left),
        });
        Some(since.after(slots.saturating_mul(FILL_PATIENCE_MS)))
    }

    /// V1 b: the moment at which this slot became the lowest open one; where it is not voted for, that at which it was to be
    /// expected.
    fn slot_timer(&mut self, order: &Order, peers: &Peers, member: &Member) -> Option<(Ticks, SeqNum)> {
        // A slot that others have decided is fetched; that blames nobody.
        let open = order.open_slot().filter(|(_, seq)| peers.decided(member, *seq) < member.committee.weak());
        let voted = |seq| order.log.get(seq).and_then(|slot| slot.voted).map(|voted| voted.statement.view);
        self.timers.open_slot = open.map(|(came, seq)| match self.timers.open_slot {
            Some((since, of)) if of == seq => (since, seq),
            _ => (if voted(seq) == Some(self.number) { member.now.ticks } else { came }, seq),
        });
        self.timers.open_slot
    }

    /// T3: a deadline that passed by the own clock at least the bound of T2 ago, above every committed time.
    fn deadline_timer(&mut self, order: &Order, member: &mut Member) -> Option<Ticks> {
        let deadline = order.execution.deadline.filter(|deadline| *deadline > order.committed_time())?;
        let is_due = member.is_due_by_wall(Time::new(deadline.get().saturating_add(member.constants.clock_behind_ms)));
        self.timers.overdue_since = is_due.then(|| self.timers.overdue_since.unwrap_or(member.now.ticks));
        self.timers.overdue_since
    }

    /// T3: when ledger time will have stood still for as long as it may be behind; a clock that leapt, and is right again by
    /// then, blames nobody.
    fn time_due(&mut self, order: &Order, member: &Member) -> Option<Ticks> {
        if !is_behind(order.committed_time(), member) {
            self.timers.behind.clear();
        }
        let since = *self.timers.behind.get(BEHIND_SLOTS_MAX - 1)?;
        Some(self.due(since, member.constants.clock_behind_ms, member))
    }

    /// T3: judges ledger time by a new slot that is voted for. One that is decided already may be of long ago: it blames nobody.
    pub(crate) fn judge_time(&mut self, order: &Order, member: &Member, (seq, content): (SeqNum, &Content)) {
        let left = order.committed_time().max(content.time.unwrap_or_default());
        let is_open = order.log.get(seq).is_some_and(|slot| slot.committed.is_none());
        if !is_behind(left, member) {
            self.timers.behind.clear();
        } else if is_open && self.timers.behind.len() < BEHIND_SLOTS_MAX {
            self.timers.behind.push(member.now.ticks);
        }
    }
}

/// Whether a ledger time is further behind the own clock than may be (T2).
fn is_behind(time: Time, member: &Member) -> bool {
    time.get().saturating_add(member.constants.clock_behind_ms) < member.now.wall.get()
}

impl Order {
    /// When the first of those slots was decided whose content is missing; it may cover whatever came before.
    pub(crate) fn lacks_content_since(&self) -> Option<Ticks> {
        let slots = self.log.above(self.executed()).map(|(_, slot)| slot);
        slots.filter(|slot| slot.committed.is_some() && !slot.recorded).map(|slot| slot.committed_at).min()
    }

    fn committed_time(&self) -> Time {
        let ahead = self.log.above(self.executed()).filter_map(|(_, slot)| slot.decided()?.time);
        ahead.fold(self.execution.point.time, Time::max)
    }
}
