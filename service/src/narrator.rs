//! The operator's log: what changes about a replica, told once, when it changes.

use crate::engine::{Published, Report};
use quorate_client::api::Mode;
use quorate_pbft::ReplicaId;
use std::sync::Arc;
use tokio::sync::watch;

/// Slots behind the others from which a replica is said to be behind, until it is none.
const BEHIND_SLOTS: u64 = 16;

/// Tells changes until the core stops.
pub async fn narrate(mut published: watch::Receiver<Published>) {
    let mut narrator = Narrator { known: published.borrow_and_update().report.clone(), is_behind: false };
    while published.changed().await.is_ok() {
        let now = published.borrow_and_update().report.clone();
        narrator.tell(&now);
        narrator.known = now;
    }
}

/// Its last news.
struct Narrator {
    known: Arc<Report>,
    is_behind: bool,
}

impl Narrator {
    fn tell(&mut self, now: &Report) {
        self.tell_epoch(now);
        self.tell_rules(now);
        self.tell_mode(now);
        self.tell_quorum(now);
        self.tell_view(now);
        self.tell_behind(now);
        if let Some(damage) = now.damage.as_ref().filter(|_| self.known.damage.is_none()) {
            tracing::error!(event = "supply-damaged", %damage, "a row that is kept for others cannot be read");
        }
    }

    fn tell_epoch(&self, now: &Report) {
        let (epoch, me) = (now.epoch, now.me.map(ReplicaId::get));
        if let Some(until) = now.until.filter(|_| self.known.until.is_none()) {
            tracing::info!(event = "epoch-ends", %epoch, %until, "another member list is decided: this epoch ends with its slot");
        }
        if self.known.epoch < epoch {
            let (first, members) = (now.begins, now.members);
            tracing::info!(event = "epoch", %epoch, %first, members, replica = me, quorum = now.quorum, "an epoch begins");
        }
        match (self.known.me, now.me) {
            (Some(_), None) => tracing::warn!(event = "left", %epoch, "this replica is no member any more: it follows"),
            (None, Some(me)) => tracing::info!(event = "joined", %epoch, replica = %me, "this replica is a member now"),
            (Some(_), Some(_)) | (None, None) => (),
        }
    }

    fn tell_rules(&self, now: &Report) {
        if let Some(rules) = now.unknown_rules.filter(|_| self.known.unknown_rules.is_none()) {
            let until = now.until.unwrap_or_default();
            tracing::error!(event = "rules-unknown", rules, %until, "the next epoch executes by rules that this program does not know: start a newer one");
        }
    }

    fn tell_mode(&self, now: &Report) {
        let (before, mode, why) = (self.known.mode, now.mode, &now.why);
        match mode {
            _ if before == mode => (),
            Mode::Active | Mode::Recovering => tracing::info!(event = "mode", %before, %mode, why, "mode"),
            Mode::ReadOnly | Mode::Following | Mode::Diverged => {
                tracing::warn!(event = "mode-lost", %before, %mode, why, "mode")
            }
        }
    }

    fn tell_quorum(&self, now: &Report) {
        // Statuses of a new epoch are on their way; of an observer, `member-serves` and `member-lost` tell.
        if self.known.epoch != now.epoch || now.observes {
            return;
        }
        match (self.known.hears_quorum(), now.hears_quorum()) {
            (true, false) => {
                tracing::warn!(event = "quorum-lost", why = now.why, "quorum lost: nothing can be ordered")
            }
            (false, true) => tracing::info!(
                event = "quorum-heard",
                heard = now.heard().count() + 1,
                needed = now.quorum,
                "quorum heard"
            ),
            (true, true) | (false, false) => (),
        }
    }

    fn tell_view(&self, now: &Report) {
        if (self.known.view, self.known.primary) != (now.view, now.primary) {
            let cause = now.cause.map_or_else(|| "others started it".to_owned(), |cause| cause.to_string());
            tracing::info!(event = "view", view = %now.view, primary = %now.primary, cause, "view");
        }
    }

    fn tell_behind(&mut self, now: &Report) {
        if !self.is_behind && now.behind >= BEHIND_SLOTS {
            self.is_behind = true;
            tracing::warn!(event = "behind", slots = now.behind, "behind the others");
        } else if self.is_behind && now.behind == 0 {
            self.is_behind = false;
            tracing::info!(event = "caught-up", "caught up");
        }
        if let Some(slot) = now.unserved.filter(|_| self.known.unserved.is_none()) {
            tracing::error!(event = "history-gone", %slot, "no member that is heard can still hand out the next slot");
        }
    }
}
