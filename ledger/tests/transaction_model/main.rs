//! Compositions and transactions over domains against a plain, slow model: files in maps, all of which are copied for each
//! envelope and thrown away where it is refused.
//!
//! Contents are one short line, so that two that differ from each other and from their base never merge.

#[path = "../support/mod.rs"]
mod support;

mod model;
mod story;
mod twin;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use quorate_ledger::LockMode::X;
use quorate_ledger::policy::{DomainPolicy, PathRule};
use quorate_ledger::{
    Act, Base, Body, Change, Code, DeferReason, Dependency, GROUP_DOMAIN, Ledger, Mode, Op, Principal, ProposalId,
    RULES, Revision, State,
};
use quorate_pbft::{SeqNum, Signer};
use std::collections::BTreeMap;
use story::any_sent;
use support::author;
use support::world::{Edit, World};
use twin::Both;

const AUTHORS: u8 = 4;
/// In `other` the last path belongs to organisation 1; in `third` organisation 3 has no say.
const DOMAINS: [&str; 3] = ["main", "other", "third"];
const PATHS: [&str; 3] = ["a", "b", "owned"];
const OWNED: usize = 2;
const OUTSIDER: u8 = 3;
/// Longer than a story takes.
const LEASE_MS: u64 = 3_600_000;
/// Milliseconds of one slot of the world.
const BACK_MAX: u64 = 4;

/// Edit of one path; contents are numbers.
#[derive(Debug, Clone, Copy)]
enum Edits {
    Put(usize, u8),
    Delete(usize),
}

/// Part of an envelope: its edits, and how many slots its base lies back. A later one may see what those before it did.
#[derive(Debug, Clone)]
struct Part {
    edits: Vec<Edits>,
    back: u64,
    sees: bool,
}

/// A change for another domain.
#[derive(Debug, Clone)]
struct Entry {
    /// Domains after the envelope's own; one beyond the last there does not exist.
    step: usize,
    part: Part,
    seq_off: i8,
    stale: bool,
    /// Slots between what it was anchored at and now.
    anchor: Option<u64>,
}

#[derive(Debug, Clone)]
enum Deed {
    Lock(usize),
    Release(usize),
    /// Single change on the newest revision.
    Write(Edits),
    Composition(Vec<Part>, Option<(u8, usize, i8)>),
    Transaction(Part, Vec<Entry>),
}

/// Envelope that an author sends to a domain, and by how much its number and attempt are wrong.
#[derive(Debug, Clone)]
struct Sent {
    who: u8,
    domain: usize,
    seq_off: i8,
    stale: bool,
    deed: Deed,
}

/// Expected answer to the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Done,
    Refused(Code),
    Gap,
    Taken,
    Awaits,
}

type Files = BTreeMap<usize, u8>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Numbers {
    next: u64,
    attempt: u64,
}

#[derive(Debug, Clone, Default)]
struct DomainModel {
    files: Files,
    /// The files after each slot that has passed, by its number.
    past: BTreeMap<u64, Files>,
    locks: BTreeMap<usize, u8>,
    numbers: BTreeMap<u8, Numbers>,
    /// The slot that last changed a file.
    changed: u64,
}

impl DomainModel {
    fn numbers(&self, who: u8) -> Numbers {
        self.numbers.get(&who).copied().unwrap_or(Numbers { next: 1, attempt: 0 })
    }
}

/// Refusals by stages after `content`, the first of each.
#[derive(Debug, Default)]
struct Later {
    anchor: Option<Code>,
    ownership: Option<Code>,
}

#[derive(Debug, Clone, Default)]
struct Model {
    domains: [DomainModel; 3],
}

/// The domain so many steps after another one; the first that is none comes last.
fn domain_of(own: usize, step: usize) -> usize {
    [(own + 1) % 3, (own + 2) % 3, DOMAINS.len()][step]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Atomic, in order, with a number in each domain; and what is refused or waits moves nothing.
    #[test]
    fn the_ledger_takes_what_holds_together_as_the_plain_model_does(
        rules in prop::sample::select(vec![RULES.oldest, RULES.newest]),
        story in proptest::collection::vec(any_sent(), 1..40)
    ) {
        let mut both = Both::of(rules);
        for sent in &story {
            let roots: Vec<_> = both.world.view().domains().expect("memory").into_iter().map(|domain| domain.root).collect();
            let (said, expected) = both.does(sent);
            prop_assert_eq!(said, expected, "{:?}", sent);
            for (domain, name) in DOMAINS.iter().enumerate() {
                prop_assert_eq!(both.held(domain), both.expected(domain), "{} after {:?}", name, sent);
            }
            if matches!(said, Said::Gap | Said::Awaits) {
                let now = both.world.view().domains().expect("memory").into_iter().map(|domain| domain.root);
                prop_assert!(now.eq(roots), "what waits leaves no trace: {:?}", sent);
            }
        }
        prop_assert_eq!(both.world.view().conflicts(None, None, None, 10).expect("memory").items, vec![]);
        let reopened = Ledger::open(&both.world.store, &both.world.genesis).expect("it was written");
        prop_assert_eq!(reopened.state_root(), both.world.ledger.state_root());
    }
}

/// Stories that are looked through for what they reach.
const STORIES: usize = 64;

/// The stories are no idle ones: what holds together is taken, refused for each reason, and waited for.
#[test]
fn the_stories_reach_every_answer() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut transactions, mut compositions) = (BTreeMap::new(), BTreeMap::new());
    for _ in 0..STORIES {
        let story = proptest::collection::vec(any_sent(), 40).new_tree(&mut runner).expect("stories").current();
        let mut both = Both::of(RULES.newest);
        for sent in &story {
            let counts = match sent.deed {
                Deed::Transaction(..) => &mut transactions,
                Deed::Composition(..) => &mut compositions,
                _ => &mut BTreeMap::new(),
            };
            *counts.entry(format!("{:?}", both.does(sent).0)).or_insert(0_u32) += 1;
        }
    }
    let common = ["Done", "Gap", "Taken", "Awaits", "Refused(MissingPath)", "Refused(WouldConflict)"];
    let refused = ["Refused(NotMember)", "Refused(Lock)", "Refused(NotOwner)"];
    for answer in common.iter().chain(&refused) {
        assert!(compositions.contains_key(*answer), "{answer}: {compositions:?}");
        assert!(transactions.contains_key(*answer), "{answer}: {transactions:?}");
    }
    for answer in ["Refused(SequenceTaken)", "Refused(UnknownDomain)", "Refused(Anchor)"] {
        assert!(transactions.contains_key(answer), "{answer}: {transactions:?}");
    }
    assert!(transactions["Done"] > 100 && compositions["Done"] > 100, "{transactions:?} {compositions:?}");
}
