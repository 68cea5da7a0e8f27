//! Views: ViewChanges for them, NewViews that start them, timers that leave them (V1 to V7).

pub(crate) mod cause;
pub(crate) mod view_change;
pub(crate) mod view_change_out;
pub(crate) mod new_view;
pub(crate) mod timers;
pub(crate) mod waiting;
pub(crate) mod slow_primary;
#[cfg(test)]
mod view_change_search;

use crate::evidence::proof::Evidence;
use crate::replica::Replica;
use crate::views::cause::Cause;
use crate::views::slow_primary::Pace;
use crate::views::timers::Timers;
use crate::views::view_change::{NewView, ViewChange};
use crate::wire::{Committee, Content, Digest, ReplicaId, SeqNum, Signed, Ticks, View};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Views above the expected one of which statements are remembered: fewer than the smallest window keeps.
const VIEWS_AHEAD_MAX: u64 = 4;

/// Views of which it is remembered that their primaries are proved to have equivocated in them.
const PROVED_MAX: usize = 8;

/// Starts that are fetched at a time for each member whose ViewChange names them.
const NAMED_MAX: usize = 8;

/// A ViewChange with its statement.
pub(crate) type ViewChangeMsg = (Signed, Arc<ViewChange>);
/// A start with its statement.
pub(crate) type NewViewMsg = (Signed, Arc<NewView>);

/// The own view, and what members said about views.
#[derive(Debug, Clone, Default)]
pub(crate) struct Views {
    /// The highest view ever asked for or entered.
    pub(crate) number: View,
    /// Whether it has not started yet.
    pub(crate) changing: bool,
    pub(crate) timers: Timers,
    pub(crate) pace: Pace,
    /// Each member's ViewChange of its highest view, the own one too.
    pub(crate) latest: BTreeMap<ReplicaId, ViewChangeMsg>,
    /// Verified starts by digest.
    pub(crate) new_views: BTreeMap<Digest, NewViewMsg>,
    /// The start by which this replica entered a view: one for each view (V4).
    pub(crate) entered: BTreeMap<View, Digest>,
    /// A start of a view not below the own one that waits for the starts that its ViewChanges name.
    pub(crate) waiting: Option<Digest>,
    /// Proposals of the next view that came before its start: the two travel on different streams.
    pub(crate) early: BTreeMap<(View, SeqNum), (Signed, Content)>,
    /// The view to leave at once: its primary is proved to have equivocated in it, or has resigned (V3), or is too slow (V7).
    pub(crate) leave: Option<(View, Cause)>,
    /// Why the current view was asked for; none where it was entered unasked.
    pub(crate) cause: Option<Cause>,
    /// The newest views whose primaries are proved to have equivocated in them, and the proofs.
    pub(crate) proved: BTreeMap<View, Evidence>,
    /// When the current view was entered, or asked for.
    pub(crate) since: Ticks,
    /// When q ViewChanges for the asked view or later were there (V3).
    pub(crate) quorum_at: Option<Ticks>,
    /// Views in a row without a commit that is not of an empty slot: the exponent of the back-off (V2).
    pub(crate) failures: u32,
}

impl Views {
    /// The view in which this replica votes; none while it changes (V3).
    pub(crate) fn active(&self) -> Option<View> {
        (!self.changing).then_some(self.number)
    }

    /// The start of the current view, if it has one.
    pub(crate) fn new_view_of(&self, view: View) -> Option<&NewViewMsg> {
        self.new_views.get(self.entered.get(&view)?)
    }

    /// Whether a view may still be entered: it is above the own one, or is that and asked for.
    pub(crate) fn may_enter(&self, view: View) -> bool {
        view > self.number || (view == self.number && self.changing)
    }

    /// Members that ask for `view` or a later one.
    pub(crate) fn asking_for(&self, view: View) -> usize {
        self.latest.values().filter(|(_, body)| body.view >= view).count()
    }

    /// V3: the smallest of the `weak` highest views that members ask for.
    pub(crate) fn pull(&self, weak: usize) -> Option<View> {
        let mut views: Vec<View> = self.latest.values().map(|(_, body)| body.view).collect();
        views.sort_unstable_by(|a, b| b.cmp(a));
        views.get(weak - 1).copied()
    }

    /// The highest view of which statements are remembered: a little above what f + 1 members ask for.
    pub(crate) fn expected(&self, committee: &Committee) -> View {
        self.number.max(self.pull(committee.weak()).unwrap_or_default()).plus(VIEWS_AHEAD_MAX)
    }

    /// Whether every start that a ViewChange names is here and agrees with its entries (V4). `Err` if one disagrees.
    pub(crate) fn counts(&self, body: &ViewChange) -> Result<bool, ()> {
        let mut complete = true;
        for (pre_prepare, named) in body.entries() {
            let statement = &pre_prepare.statement;
            if statement.view.get() == 0 {
                continue;
            }
            match self.new_views.get(&named) {
                None => complete = false,
                Some((_, start)) if start.view != statement.view => return Err(()),
                Some((_, start)) if statement.seq <= start.last() => {
                    if start.carries(statement.seq) != Some(statement.digest) {
                        return Err(());
                    }
                }
                Some(_) => (),
            }
        }
        Ok(complete)
    }

    /// Starts that are named by a latest ViewChange, or by a ViewChange of the waiting start, and are not here.
    pub(crate) fn lacking(&self) -> BTreeMap<(View, Digest), Vec<ReplicaId>> {
        let mut lacking: BTreeMap<(View, Digest), Vec<ReplicaId>> = BTreeMap::new();
        let waiting = self.waiting.and_then(|digest| self.new_views.get(&digest));
        let carried = waiting.into_iter().flat_map(|(signed, start)| {
            start.view_changes.iter().map(move |(of, body)| (of.signer, signed.signer, body))
        });
        let latest = self.latest.iter().map(|(member, (_, body))| (*member, *member, body));
        for (member, server, body) in carried.chain(latest) {
            // A few at a time for each member (V4). The sender of a start has had all that it names.
            let missing: BTreeSet<_> =
                body.named().filter(|(_, digest)| !self.new_views.contains_key(digest)).collect();
            for named in missing.into_iter().take(NAMED_MAX) {
                let from = lacking.entry(named).or_default();
                let mut others: Vec<_> = [server, member].into_iter().filter(|peer| !from.contains(peer)).collect();
                others.dedup();
                from.extend(others);
            }
        }
        lacking
    }
}

impl Replica {
    /// Does what ViewChanges and starts have made possible.
    pub(crate) fn advance_views(&mut self) {
        if self.order.is_over() {
            return; // M1: no timers and no view changes after the end of the epoch
        }
        if self.member.standing != crate::member::Standing::Member {
            self.enter_waiting();
            return;
        }
        self.views.leave_office(&self.member, false);
        self.views.join_later_view(&mut self.order, &mut self.member);
        if self.member.may_sign()
            && let Some((view, cause)) = self.views.leave.take()
            && self.views.active() == Some(view)
            && view.next() > view
        {
            self.views.ask_for_view(&mut self.order, &mut self.member, view.next(), cause);
        }
        self.views.send_view_change(&self.order, &mut self.member);
        self.views.send_new_view(&mut self.order, &mut self.member);
        self.enter_waiting();
        self.views.watch_timers(&mut self.lanes, &mut self.order, &self.peers, &mut self.member);
    }

    /// After a restart: what was stored of views.
    pub(crate) fn resume_views(
        &mut self,
        view_change: Option<ViewChangeMsg>,
        new_views: Vec<NewViewMsg>,
        named: Vec<NewViewMsg>,
    ) {
        for (statement, body) in named {
            self.views.new_views.insert(statement.statement.digest, (statement, body));
        }
        for (statement, body) in new_views {
            let (view, digest) = (body.view, statement.statement.digest);
            // An own start that was stored and not entered is entered when it comes back.
            let entered = !self.views.may_enter(view);
            // Own entries name an own start even if the crash came before it was entered.
            if entered || statement.signer == self.member.me {
                self.views.entered.insert(view, digest);
            }
            self.views.waiting = if entered { self.views.waiting } else { Some(digest) };
            if statement.signer == self.member.me {
                self.member.promises.write(statement);
                body.pre_prepares.iter().for_each(|signed| self.member.promises.write(*signed));
                self.order.note_started(&body);
            } else {
                self.witness.hear(&statement);
            }
            self.views.new_views.insert(digest, (statement, body));
        }
        if let Some((statement, body)) = view_change {
            self.member.promises.write(statement);
            self.views.latest.insert(self.member.me, (statement, body));
        }
        if let Some((_, start)) = self.views.active().and_then(|view| self.views.new_view_of(view)) {
            self.order.proposing.carried = start.last();
        }
    }
}
