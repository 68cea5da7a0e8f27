//! News: taken once it is verified and newer, and passed on at once.

use crate::limits::{DATA_TOLD_EVERY_MS, HOPS_MAX};
use crate::neighbour::Neighbour;
use crate::spread::{Dropped, Effect, Spread, Way};
use crate::word::{News, Word};
use quorate_pbft::{Digest, Message, PublicKey, SeqNum, Verified};
use std::sync::Arc;

/// Newest decision and checkpoint that were verified here, with the hops of the decision.
#[derive(Debug, Clone, Default)]
pub(crate) struct Newest {
    decided: Option<Arc<Message>>,
    checkpoint: Option<(SeqNum, Arc<Message>)>,
    hops: u8,
}

impl Way {
    fn pushed_by(self) -> Option<PublicKey> {
        match self {
            Self::Pushed(from, _) => Some(from),
            Self::Own | Self::Fetched => None,
        }
    }
}

impl Spread {
    /// News of a neighbour: what is newer than all that is known here is checked, anything else is answered at once.
    pub(crate) fn on_news(&mut self, from: PublicKey, hops: u8, items: Vec<Arc<Message>>, out: &mut Vec<Effect>) {
        if hops >= HOPS_MAX {
            return self.ban(&from, Dropped::Forger, out); // nobody passes news on that came so far
        }
        let (decided, stable) = (self.own.decided, self.newest_checkpoint());
        let is_newer = |item: &Arc<Message>| match &**item {
            Message::Decided { certificate, .. } => certificate.seq > decided,
            Message::StableCheckpoint(claimed) => claimed.seq > stable,
            _ => false,
        };
        let items: Vec<Arc<Message>> = items.into_iter().filter(is_newer).collect();
        if items.is_empty() {
            return self.send(from, Word::Inventory(self.own.clone()), out);
        }
        out.push(Effect::Check { from, hops, items });
    }

    fn newest_checkpoint(&self) -> SeqNum {
        self.newest.checkpoint.as_ref().map_or(self.own.stable, |(seq, _)| self.own.stable.max(*seq))
    }

    pub(crate) fn on_verified(
        &mut self,
        message: &Verified<Message>,
        way: Way,
        changed: &[Digest],
        out: &mut Vec<Effect>,
    ) {
        match message.message() {
            Message::Decided { certificate, .. } if certificate.seq > self.own.decided => {
                self.own.decided = certificate.seq;
                self.newest.decided = Some(Arc::new(message.message().clone()));
                self.newest.hops = match way {
                    Way::Own => 0,
                    Way::Pushed(_, hops) => hops.saturating_add(1),
                    Way::Fetched => HOPS_MAX, // a way that nobody counted: it goes on by inventories
                };
                self.push(way.pushed_by(), out);
            }
            Message::StableCheckpoint(claimed) if claimed.seq > self.newest_checkpoint() => {
                self.newest.checkpoint = Some((claimed.seq, Arc::new(message.message().clone())));
                self.push_checkpoint(changed, out);
            }
            _ => (),
        }
        if let Some(from) = way.pushed_by().filter(|from| self.neighbours.contains_key(from)) {
            self.send(from, Word::Inventory(self.own.clone()), out);
        }
    }

    /// Passes a new decision on.
    fn push(&mut self, but: Option<PublicKey>, out: &mut Vec<Effect>) {
        if self.newest.hops >= HOPS_MAX {
            return;
        }
        let decided = self.own.decided;
        let lack = self.neighbours.iter().filter(|(key, one)| one.lacks(decided) && Some(**key) != but);
        let lack: Vec<PublicKey> = lack.map(|(key, _)| *key).collect();
        for key in self.dice.take(lack, self.shape.fanout) {
            self.tell_news(key, out);
        }
    }

    /// Passes a checkpoint on to those that follow a domain that changed; all others ask when they hear of it.
    fn push_checkpoint(&mut self, changed: &[Digest], out: &mut Vec<Effect>) {
        let want = |one: &Neighbour| !one.follows_slots() && one.has.interest.meets(changed);
        let want: Vec<PublicKey> = self.neighbours.iter().filter(|(_, one)| want(one)).map(|(key, _)| *key).collect();
        for key in self.dice.take(want, self.shape.fanout) {
            self.tell_news(key, out);
        }
    }

    /// Sends the newest, or owes it while other news is in flight.
    fn tell_news(&mut self, to: PublicKey, out: &mut Vec<Effect>) {
        let Some(neighbour) = self.neighbours.get_mut(&to) else { return };
        if neighbour.in_flight.is_some() {
            neighbour.owed = true;
            return;
        }
        let decided = self.newest.decided.iter().filter(|_| neighbour.lacks(self.own.decided));
        let checkpoint = self.newest.checkpoint.iter().filter(|(seq, _)| neighbour.has.stable < *seq);
        let items: Vec<Arc<Message>> = decided.chain(checkpoint.map(|(_, message)| message)).cloned().collect();
        if items.is_empty() {
            return;
        }
        neighbour.in_flight = Some(self.now);
        let news = News { hops: self.newest.hops, inventory: self.own.clone(), items };
        self.send(to, Word::News(news), out);
    }

    /// An answer: what came up meanwhile goes out.
    pub(crate) fn answered(&mut self, from: PublicKey, out: &mut Vec<Effect>) {
        let Some(neighbour) = self.neighbours.get_mut(&from) else { return };
        neighbour.in_flight = None;
        if std::mem::take(&mut neighbour.owed) && self.newest.hops < HOPS_MAX {
            self.tell_news(from, out);
        }
    }

    /// Tells neighbours that lack the data of a slot that it is here, at once unless that was done a moment ago: then the
    /// next beat tells.
    pub(crate) fn tell_data(&mut self, out: &mut Vec<Effect>) {
        let executed = self.own.executed;
        if self.now.since(self.data_told_at) < DATA_TOLD_EVERY_MS {
            return;
        }
        let lacks = |one: &Neighbour| one.follows_slots() && one.has.executed.max(one.told.executed) < executed;
        let lacking: Vec<PublicKey> =
            self.neighbours.iter().filter(|(_, one)| lacks(one)).map(|(key, _)| *key).collect();
        for key in lacking {
            self.data_told_at = self.now;
            self.send(key, Word::Inventory(self.own.clone()), out);
        }
    }
}
