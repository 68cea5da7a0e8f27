//! Repeater: its lane holds what others signed, once more: with each status come bundles of items that were valid on other
//! lanes, some of them twice in one bundle, and in later bundles again. Nothing else is ever on its lane.
//! Must survive: nothing takes effect twice; an item that a replica has checked before stays valid (E6); progress.

use super::{Attacker, Mask, as_it_is};
use crate::dice::Dice;
use quorate_pbft::{
    Bundle, BundleHeader, Digest, Item, ItemKind, Kind, Message, Position, ReplicaId, SeqNum, Signed, View, items_root,
};
use std::sync::Arc;

/// Bundles of a run, new ones with each status, and the newest of all, which come with it.
const BUNDLES_MAX: usize = 36;
const NEW: usize = 3;
const NEWEST: usize = 6;

/// Items that it keeps, their bytes, and items of a bundle.
const KEPT_MAX: usize = 64;
const BYTES_MAX: usize = 4_096;
const ITEMS: u64 = 8;

pub(super) struct Repeater {
    mask: Mask,
    dice: Dice,
    /// Members that lie: their items may be invalid.
    liars: Vec<ReplicaId>,
    kept: Vec<Item>,
    made: Vec<Arc<Bundle>>,
    status: Option<Signed>,
}

impl Repeater {
    pub(super) fn new(mask: Mask, dice: Dice, liars: Vec<ReplicaId>) -> Self {
        Self { mask, dice, liars, kept: Vec::new(), made: Vec::new(), status: None }
    }

    fn keep(&mut self, bundle: &Bundle) {
        let is_small = |item: &&Item| item.kind == ItemKind::Envelope && item.bytes.len() <= BYTES_MAX;
        for item in bundle.items.iter().filter(is_small) {
            if self.kept.len() < KEPT_MAX {
                self.kept.push(item.clone());
            } else {
                let at = self.dice.below(KEPT_MAX as u64) as usize;
                self.kept[at] = item.clone();
            }
        }
    }

    /// The next bundle of its lane.
    fn repeat(&mut self) -> Bundle {
        let items: Vec<Item> = (0..self.dice.between(1, ITEMS)).map(|_| self.dice.pick(&self.kept).clone()).collect();
        let last = self.made.last().map(|bundle| &bundle.header);
        let bytes = items.iter().map(|item| item.bytes.len() as u64).sum();
        let header = BundleHeader {
            lane: self.mask.me,
            position: last.map_or(Position::new(1), |last| last.position.next()),
            parent: last.map_or(Digest::ZERO, BundleHeader::digest),
            items: items.len() as u32,
            bytes,
            items_root: items_root(&items),
            lane_bytes: last.map_or(0, |last| last.lane_bytes) + bytes,
        };
        let seq = SeqNum::new(header.position.get());
        let statement = self.mask.say(Kind::Bundle, View::new(0), seq, header.digest());
        Bundle { header, statement, items }
    }

    /// The newest bundles, a few more with each new status.
    fn newest(&mut self, status: &Signed) -> impl Iterator<Item = Arc<Message>> + '_ {
        let is_new = self.status.replace(*status) != Some(*status);
        let room = BUNDLES_MAX - self.made.len();
        let new = if is_new && !self.kept.is_empty() { room.min(NEW) } else { 0 };
        for _ in 0..new {
            let bundle = Arc::new(self.repeat());
            self.made.push(bundle);
        }
        let from = self.made.len().saturating_sub(NEWEST);
        self.made[from..].iter().map(|bundle| Arc::new(Message::Bundle(bundle.clone())))
    }

    /// Whether a message is about its lane: the replica inside has another one, which nobody sees.
    fn is_of_lane(&self, message: &Message) -> bool {
        let (epoch, me) = (self.mask.committee.epoch(), self.mask.me);
        let lane = View::new(u64::from(me.get()));
        match message {
            Message::Bundle(bundle) => bundle.statement.statement.epoch == epoch && bundle.header.lane == me,
            Message::Ack(signed) => signed.statement.epoch == epoch && signed.statement.view == lane,
            Message::LaneCert(claimed) => claimed.epoch == epoch && claimed.view == lane,
            _ => false,
        }
    }
}

impl Attacker for Repeater {
    fn outgoing(&mut self, _to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        match &**message {
            Message::Status { statement, .. } if statement.statement.epoch == self.mask.committee.epoch() => {
                let bundles = self.newest(statement);
                std::iter::once(message.clone()).chain(bundles).collect()
            }
            own if self.is_of_lane(own) => Vec::new(),
            _ => as_it_is(message),
        }
    }

    fn overhear(&mut self, message: &Arc<Message>) {
        if let Message::Bundle(bundle) = &**message
            && bundle.statement.statement.epoch == self.mask.committee.epoch()
            && !self.liars.contains(&bundle.header.lane)
            && items_root(&bundle.items) == bundle.header.items_root
        {
            self.keep(bundle);
        }
    }

    fn may_hear(&mut self, message: &Arc<Message>) -> bool {
        !super::speaks_of(message, self.mask.me) && !self.is_of_lane(message)
    }
}
