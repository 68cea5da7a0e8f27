//! The node's part in spreading: one door in, effects in order out.

use crate::dice::Dice;
use crate::known::Known;
use crate::limits::{BANNED_MS, REDIAL_MS, Shape};
use crate::neighbour::{Link, Neighbour, Told};
use crate::push::Newest;
use crate::word::{Contact, Interest, Inventory, News, Word};
use quorate_pbft::{Claims, Digest, Message, PublicKey, SeqNum, Ticks, Verified};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Input from the shell.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant)] // Messages are the common case, as for `quorate_pbft::Input`.
pub enum Input {
    /// The clock.
    Tick(Ticks),
    /// Address of a node that takes followers.
    Known {
        /// The node.
        contact: Contact,
        /// True of the configuration's, which are never forgotten.
        is_pinned: bool,
    },
    /// A link is up, and welcome at both ends.
    Up {
        /// The other end.
        key: PublicKey,
        /// Its organisation; none of a stranger.
        organisation: Option<u32>,
        /// Milliseconds there and back.
        rtt_ms: u64,
        /// This node dialled it.
        is_dialled: bool,
    },
    /// A link is down.
    Down(PublicKey),
    /// A dial failed.
    Unreached(PublicKey),
    /// A door that was dialled is full.
    Busy {
        /// Owner of the door.
        key: PublicKey,
        /// Milliseconds there and back.
        rtt_ms: u64,
        /// Addresses that it gave.
        hints: Vec<Contact>,
    },
    /// A word of a neighbour.
    Heard {
        /// The neighbour.
        from: PublicKey,
        /// Its word.
        word: Word,
    },
    /// A verified decision or checkpoint: pushed by a neighbour, fetched, or decided here.
    Verified {
        /// The message.
        message: Verified<Message>,
        /// Its way to this node.
        way: Way,
        /// Domains that the checkpoint shows changed.
        changed: Vec<Digest>,
    },
    /// A neighbour pushed what does not verify.
    Forged(PublicKey),
    /// The own state: executed slot, oldest slot that can be handed out, newest certified checkpoint and its state digest.
    Holds {
        /// Newest executed slot.
        executed: SeqNum,
        /// Oldest slot that is kept.
        oldest: SeqNum,
        /// Newest certified checkpoint whose state is the own one.
        stable: SeqNum,
        /// Its state digest.
        root: Digest,
    },
}

/// Way of a message to this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Decided or certified here.
    Own,
    /// Pushed by a neighbour, with the hops before it.
    Pushed(PublicKey, u8),
    /// Asked for.
    Fetched,
}

/// Effect for the shell.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Word for a neighbour.
    Send {
        /// The neighbour.
        to: PublicKey,
        /// The word.
        word: Word,
    },
    /// News to verify: each item comes back as [`Input::Verified`], or the sender as [`Input::Forged`].
    Check {
        /// The neighbour.
        from: PublicKey,
        /// Hops before it.
        hops: u8,
        /// Items that are newer than all that is known here.
        items: Vec<Arc<Message>>,
    },
    /// Claims of the neighbour at a place, for the follower.
    Claims {
        /// Its place.
        place: u16,
        /// Its claims.
        claims: Claims,
    },
    /// The neighbour at a place is gone.
    Gone(u16),
    /// Address to dial; comes back as [`Input::Up`], [`Input::Busy`] or [`Input::Unreached`].
    Dial(Contact),
    /// Link to end.
    Drop(PublicKey, Dropped),
}

/// Reason of an ended link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// Its place goes to another.
    Displaced,
    /// Another neighbour's turn.
    Changed,
    /// News that does not verify, or that nobody passes on.
    Forger,
    /// Another state under the same checkpoint.
    Contrary,
}

/// A node's neighbours and news: a value.
#[derive(Debug, Clone)]
pub struct Spread {
    pub(crate) shape: Shape,
    pub(crate) key: PublicKey,
    pub(crate) now: Ticks,
    pub(crate) dice: Dice,
    pub(crate) own: Inventory,
    pub(crate) newest: Newest,
    pub(crate) neighbours: BTreeMap<PublicKey, Neighbour>,
    pub(crate) dialling: BTreeMap<PublicKey, Link>,
    pub(crate) known: Known,
    links: u64,
    pub(crate) beat_at: Ticks,
    pub(crate) round_at: Ticks,
    pub(crate) change_at: Ticks,
    /// When neighbours were last told of data at once.
    pub(crate) data_told_at: Ticks,
}

impl Spread {
    /// A node without neighbours. The seed decides all its choices.
    pub fn new(key: PublicKey, shape: Shape, interest: Interest, seed: u64) -> Self {
        Self {
            shape,
            key,
            now: Ticks::default(),
            dice: Dice::new(seed),
            own: Inventory { interest, ..Inventory::default() },
            newest: Newest::default(),
            neighbours: BTreeMap::new(),
            dialling: BTreeMap::new(),
            known: Known::default(),
            links: 0,
            beat_at: Ticks::default(),
            round_at: Ticks::default(),
            change_at: Ticks::default(),
            data_told_at: Ticks::default(),
        }
    }

    /// Takes in one input.
    pub fn take_in(&mut self, input: Input, out: &mut Vec<Effect>) {
        match input {
            Input::Tick(now) => self.on_tick(now, out),
            Input::Known { contact, is_pinned } => self.learn(contact, is_pinned),
            Input::Up { key, organisation, rtt_ms, is_dialled } => {
                self.on_up(key, organisation, rtt_ms, is_dialled, out);
            }
            Input::Down(key) => {
                self.remove(&key, out);
                self.on_unreached(&key, out);
            }
            Input::Unreached(key) => self.on_unreached(&key, out),
            Input::Busy { key, rtt_ms, hints } => self.on_busy(&key, rtt_ms, hints, out),
            Input::Heard { from, word } => self.on_word(from, word, out),
            Input::Verified { message, way, changed } => self.on_verified(&message, way, &changed, out),
            Input::Forged(from) => self.ban(&from, Dropped::Forger, out),
            Input::Holds { executed, oldest, stable, root } => {
                let before = self.own.clone();
                self.own = Inventory { executed, oldest, stable, root, ..before };
                self.own.decided = self.own.decided.max(executed);
                self.tell_data(out);
            }
        }
    }

    /// When the next [`Input::Tick`] is due.
    pub fn next_wakeup(&self) -> Ticks {
        self.beat_at.min(self.round_at).max(self.now.after(1))
    }

    /// The own inventory.
    pub fn inventory(&self) -> &Inventory {
        &self.own
    }

    /// Neighbours that are linked, with their organisation.
    pub fn neighbours(&self) -> impl Iterator<Item = (&PublicKey, Option<u32>)> {
        self.neighbours.iter().map(|(key, neighbour)| (key, neighbour.organisation))
    }

    /// Key of the neighbour at a place.
    pub fn at_place(&self, place: u16) -> Option<PublicKey> {
        self.neighbours.iter().find(|(_, neighbour)| neighbour.place == place).map(|(key, _)| *key)
    }

    /// Place of a neighbour.
    pub fn place_of(&self, key: &PublicKey) -> Option<u16> {
        self.neighbours.get(key).map(|neighbour| neighbour.place)
    }

    /// Count of addresses that are known.
    pub fn known(&self) -> usize {
        self.known.len()
    }

    fn learn(&mut self, contact: Contact, is_pinned: bool) {
        if contact.key != self.key {
            self.known.learn(contact, is_pinned, &mut self.dice);
        }
    }

    fn on_up(&mut self, key: PublicKey, organisation: Option<u32>, rtt_ms: u64, dialled: bool, out: &mut Vec<Effect>) {
        let link = self.dialling.remove(&key).filter(|_| dialled).unwrap_or(Link::Came);
        if self.neighbours.contains_key(&key) {
            return;
        }
        let taken = |place: &u16| self.neighbours.values().any(|neighbour| neighbour.place == *place);
        let place = (0..u16::MAX).find(|place| !taken(place)).unwrap_or(u16::MAX);
        let (age, has) = (self.links, Inventory::default());
        let (told, in_flight, owed) = (Told::default(), None, false);
        self.links += 1;
        self.known.measured(&key, rtt_ms);
        let neighbour = Neighbour { place, age, link, organisation, rtt_ms, has, told, in_flight, owed };
        self.neighbours.insert(key, neighbour);
        self.send(key, Word::Inventory(self.own.clone()), out);
    }

    fn on_unreached(&mut self, key: &PublicKey, out: &mut Vec<Effect>) {
        self.known.not_before(key, self.now.after(REDIAL_MS));
        self.dialling.remove(key);
        self.fill(out);
    }

    fn on_busy(&mut self, key: &PublicKey, rtt_ms: u64, hints: Vec<Contact>, out: &mut Vec<Effect>) {
        self.known.measured(key, rtt_ms);
        hints.into_iter().take(crate::limits::HINTS_MAX).for_each(|contact| self.learn(contact, false));
        self.on_unreached(key, out);
    }

    fn on_word(&mut self, from: PublicKey, word: Word, out: &mut Vec<Effect>) {
        if !self.neighbours.contains_key(&from) {
            return;
        }
        match word {
            Word::News(News { hops, inventory, items }) => {
                self.on_inventory(from, inventory, out);
                self.on_news(from, hops, items, out);
            }
            Word::Inventory(inventory) => {
                self.on_inventory(from, inventory, out);
                self.answered(from, out);
            }
            Word::Compare(inventory) => {
                self.on_inventory(from, inventory, out);
                let hints = self.hints(&from);
                self.send(from, Word::Compared(self.own.clone(), hints), out);
            }
            Word::Compared(inventory, hints) => {
                hints.into_iter().for_each(|contact| self.learn(contact, false));
                self.on_inventory(from, inventory, out);
                self.answered(from, out);
            }
        }
    }

    fn on_inventory(&mut self, from: PublicKey, inventory: Inventory, out: &mut Vec<Effect>) {
        if inventory.contradicts(&self.own) {
            return self.ban(&from, Dropped::Contrary, out);
        }
        if let Some(neighbour) = self.neighbours.get_mut(&from) {
            out.push(Effect::Claims { place: neighbour.place, claims: inventory.claims() });
            neighbour.has = inventory;
        }
    }

    /// Ends a link for a fault.
    pub(crate) fn ban(&mut self, key: &PublicKey, why: Dropped, out: &mut Vec<Effect>) {
        self.known.not_before(key, self.now.after(BANNED_MS));
        self.end(key, why, out);
    }

    /// Ends a link.
    pub(crate) fn end(&mut self, key: &PublicKey, why: Dropped, out: &mut Vec<Effect>) {
        if self.remove(key, out) {
            out.push(Effect::Drop(*key, why));
            self.fill(out);
        }
    }

    fn remove(&mut self, key: &PublicKey, out: &mut Vec<Effect>) -> bool {
        let gone = self.neighbours.remove(key);
        gone.iter().for_each(|neighbour| out.push(Effect::Gone(neighbour.place)));
        gone.is_some()
    }

    /// Sends a word with the own inventory, and notes what the neighbour knows by it.
    pub(crate) fn send(&mut self, to: PublicKey, word: Word, out: &mut Vec<Effect>) {
        self.neighbours.get_mut(&to).into_iter().for_each(|neighbour| neighbour.tell(&self.own));
        out.push(Effect::Send { to, word });
    }
}
