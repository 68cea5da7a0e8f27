//! A story: slot after slot of what four authors send, and what came of it.

use crate::chain::{self, DOMAINS};
use crate::drafts::{Dice, policy};
use crate::past::{self, Files, Snapshots, files};
use crate::support::author;
use crate::support::world::{Draft, World};
use quorate_ledger::{Base, Code, ConflictId, EnvelopeId, Ledger, Limits, Op, Outcome, Receipt, Revision, State};
use quorate_pbft::{Decided, Signer};
use std::collections::{BTreeMap, BTreeSet};

const AUTHORS: u8 = 4;
/// Ledger time leaps by this much now and then, over every horizon that passes at all.
const LEAP_MS: u64 = 200;
/// Once in so many slots.
const LEAP_IN: u64 = 40;

/// Surroundings of a story.
#[derive(Clone, Copy)]
pub struct Setting {
    /// Milliseconds that bases may lie back.
    pub horizon_ms: u64,
    /// Whether snapshots are taken after each envelope of a slot too. Then nobody writes where a change may wait.
    pub is_by_place: bool,
}

/// Event of a story, or check that it underwent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seen {
    /// An envelope's verdict.
    Verdict(State),
    /// Why there was none but a refusal.
    Refused(Code),
    /// No verdict yet: a content is missing, or a number.
    Postponed,
    /// Change by votes or a deadline.
    ByItself(State),
    /// Others agreed to a change that waited, or did not.
    Word(bool),
    /// A change went on from one that waited.
    OnPending,
    /// A content was named without its bytes, and known.
    Named,
    /// A snapshot was taken between two envelopes of a slot.
    Place,
    /// A version that is not the newest, vouched for.
    Version,
    /// A record of a conflict where nobody's change ever took effect.
    ConflictAlone,
    /// Versions of a path up to a deletion that the horizon has passed.
    FormerLife,
    /// A version that was superseded before the horizon, and forgotten.
    Pruned,
}

/// Count of each kind of event.
#[derive(Debug, Default)]
pub struct Tally(BTreeMap<Seen, usize>);

impl Tally {
    pub fn note(&mut self, seen: Seen) {
        *self.0.entry(seen).or_default() += 1;
    }

    pub fn add(&mut self, other: &Self) {
        for (seen, count) in &other.0 {
            *self.0.entry(*seen).or_default() += count;
        }
    }

    /// Every one of these was seen: the stories were about something.
    pub fn has(&self, wanted: &[Seen]) {
        for seen in wanted {
            assert!(self.0.contains_key(seen), "no story has {seen:?}, only {:?}", self.0);
        }
    }
}

/// A world, and another that prunes and is opened anew before each slot.
pub struct Story {
    pub setting: Setting,
    pub world: World,
    pub dice: Dice,
    pub snapshots: Snapshots,
    /// Each author's changes in `main` as bases, oldest first, and the revisions at which they were ordered or resolved.
    pub own: BTreeMap<u8, Vec<(Base, Revision)>>,
    /// Changes that wait for the word of others.
    pub waiting: BTreeSet<EnvelopeId>,
    /// Open conflicts of `main`.
    pub conflicts: Vec<ConflictId>,
    pub tally: Tally,
    pruned: World,
}

impl Story {
    pub fn new(seed: u64, setting: Setting) -> Self {
        let mut world = World::with(Limits { base_horizon_ms: setting.horizon_ms, ..Limits::default() });
        world.decide("main", policy());
        Self {
            setting,
            pruned: world.clone(),
            dice: Dice(seed),
            snapshots: BTreeMap::from([(world.ledger.revision(), Files::new())]),
            own: BTreeMap::new(),
            waiting: BTreeSet::new(),
            conflicts: Vec::new(),
            tally: Tally::default(),
            world,
        }
    }

    /// Up to four authors send something, and a slot orders it.
    pub fn slot(&mut self) {
        let drafts: Vec<Draft> = (0..=self.dice.below(4)).map(|_| self.next_draft()).collect();
        if self.dice.once_in(LEAP_IN) {
            self.world.time += LEAP_MS;
        }
        if self.setting.is_by_place {
            (1..drafts.len()).for_each(|count| self.snapshot_after(&drafts[..count]));
        }
        let items = drafts.iter().map(|draft| self.world.item(draft)).collect();
        let decided = self.world.decided(vec![(0, items)]);
        let outcome = self.world.ledger.execute(&mut self.world.store, &decided).expect("memory does not fail");
        self.follow(&decided, &outcome);
        self.snapshots.insert(self.world.ledger.revision(), files(&self.world, None));
        self.note(&drafts, &outcome);
        self.renumber();
    }

    fn next_draft(&mut self) -> Draft {
        let who = self.dice.below(u64::from(AUTHORS)) as u8;
        self.draft(who)
    }

    /// Takes a snapshot between two envelopes of a slot: the state that a slot of the first ones leaves.
    fn snapshot_after(&mut self, first: &[Draft]) {
        let mut world = self.world.clone();
        let outcome = world.slot(&first.iter().collect::<Vec<_>>());
        if outcome.receipts.iter().any(|receipt| receipt.lane.is_none()) {
            return; // a deadline has passed, which comes later in the whole slot
        }
        let place = Revision::item(world.ledger.revision().seq(), outcome.receipts.len() as u32);
        if let Some(place) = place {
            self.snapshots.insert(place, files(&world, None));
            self.tally.note(Seen::Place);
        }
    }

    /// The pruned world comes to the same.
    fn follow(&mut self, decided: &Decided, outcome: &Outcome) {
        let World { store, ledger, genesis, .. } = &mut self.pruned;
        *ledger = Ledger::open(store, genesis).expect("it was written");
        chain::prune(&mut self.pruned, &mut self.tally);
        let World { store, ledger, .. } = &mut self.pruned;
        let there = ledger.execute(store, decided).expect("memory does not fail");
        assert_eq!(outcome.receipts, there.receipts);
        assert_eq!(outcome.deferred, there.deferred);
        assert_eq!(outcome.state_root, there.state_root);
    }

    fn note(&mut self, drafts: &[Draft], outcome: &Outcome) {
        outcome.deferred.iter().for_each(|_| self.tally.note(Seen::Postponed));
        for draft in drafts {
            let id = self.world.id(draft);
            let receipt = outcome.receipts.iter().find(|receipt| receipt.id == id);
            if receipt.is_some_and(|receipt| receipt.state != State::Refused) {
                self.note_ways(draft);
            }
        }
        outcome.receipts.iter().for_each(|receipt| self.note_receipt(receipt));
        let moment = self.world.view();
        let is_open = |id: &ConflictId| moment.conflict(id).expect("memory does not fail");
        self.conflicts.retain(|id| is_open(id).is_some_and(|entry| entry.record.settled.is_none()));
    }

    /// Notes the ways in which an envelope that was not refused was made.
    fn note_ways(&mut self, draft: &Draft) {
        for change in &draft.body.changes {
            if matches!(change.base, Base::Envelope(id) if self.waiting.contains(&id)) {
                self.tally.note(Seen::OnPending);
            }
            let carried: BTreeSet<_> = draft.contents.iter().map(|content| crate::support::digest(content)).collect();
            if change.ops.iter().any(|op| matches!(op, Op::Put { content, .. } if !carried.contains(content))) {
                self.tally.note(Seen::Named);
            }
        }
    }

    fn note_receipt(&mut self, receipt: &Receipt) {
        if self.waiting.remove(&receipt.id) {
            self.tally.note(Seen::Word(receipt.state != State::Refused));
        }
        self.tally.note(match receipt.code {
            Some(code) => Seen::Refused(code),
            None if receipt.from_seq == 0 => Seen::ByItself(receipt.state),
            None => Seen::Verdict(receipt.state),
        });
        if receipt.state == State::Pending {
            self.waiting.insert(receipt.id);
        }
        if receipt.state == State::Conflict {
            self.conflicts.extend(&receipt.conflicts);
        }
        let is_change = receipt.from_seq > 0 && receipt.domain == "main" && receipt.state != State::Refused;
        let who = (0..AUTHORS).find(|who| author(*who).public_key() == receipt.author);
        if let Some(who) = who.filter(|_| is_change) {
            self.own.entry(who).or_default().push((Base::Envelope(receipt.id), self.world.ledger.revision()));
        }
    }

    /// A refusal uses no number, and nor does what got no verdict.
    fn renumber(&mut self) {
        for who in 0..AUTHORS {
            for (_, domain) in DOMAINS {
                let key = author(who).public_key();
                let next = self.world.ledger.next_seq(&self.world.store, &key, domain).expect("memory does not fail");
                self.world.renumber(who, domain, next);
            }
        }
    }

    /// Holds the rows against each other.
    pub fn check_rows(&mut self) {
        DOMAINS.iter().for_each(|domain| chain::check(&self.world, *domain, &mut self.tally));
    }

    /// Holds the past against its snapshots.
    pub fn check_past(&mut self) {
        past::check(&self.world, &self.pruned, &self.snapshots, &mut self.dice);
    }
}
