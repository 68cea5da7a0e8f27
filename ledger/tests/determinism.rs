//! The same slots give the same root: in debug and in release, in other processes, with any number of threads, and
//! whatever a replica has pruned. A story that touches everything is the input.

mod support;

use quorate_ledger::keys::{Purpose, prove_possession};
use quorate_ledger::policy::{Approvals, DomainPolicy, Format, PathRule, Quota, Rate, Rates, Schema};
use quorate_ledger::{
    Act, EnvelopeId, GROUP_DOMAIN, Ledger, Limits, Op, Outcome, Principal, ProposalId, State, Store, Table,
};
use quorate_pbft::Signer;
use std::collections::BTreeSet;
use std::process::Command;
use support::author;
use support::world::{Edit, World, remove, rename, revision, write};

/// The root after the story. Both profiles must come to it. A change of a slot's meaning comes to another root, to be
/// written down here together with a new version of the rules.
const ROOT: &str = "2216b539bb23534add2c1d293dfbf26d411e3cdfe071d5bda65efda9404a8016";

/// Slots of the story, and how far a base may lie back.
const SLOTS: u64 = 240;
const HORIZON_MS: u64 = 64;

/// Numbers that look random and are the same everywhere (Knuth's multiplier).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

struct Story {
    world: World,
    dice: Dice,
    pending: Vec<EnvelopeId>,
    proposals: Vec<ProposalId>,
}

impl Story {
    fn new() -> Self {
        let world = World::with(Limits { base_horizon_ms: HORIZON_MS, ..Limits::default() });
        let mut conflict_log = Self { world, dice: Dice(7), pending: Vec::new(), proposals: Vec::new() };
        conflict_log.world.decide("main", policy());
        conflict_log
    }

    fn tell(&mut self, slots: u64) {
        for _ in 0..slots {
            self.slot();
        }
    }

    /// Executes a slot: one to three authors act, each on a base within the horizon.
    fn slot(&mut self) {
        let mut drafts = Vec::new();
        let first = self.dice.below(4);
        for n in 0..=self.dice.below(3) {
            let who = ((first + n) % 4) as u8;
            let edits = self.edits(who);
            let now = self.world.ledger.revision().seq().get();
            let base = revision(&now.saturating_sub(self.dice.below(8)).to_string());
            drafts.push(self.world.draft(who, base, &edits));
        }
        let outcome = self.world.slot(&drafts.iter().collect::<Vec<_>>());
        for draft in &drafts {
            let id = self.world.id(draft);
            if outcome.receipts.iter().any(|receipt| receipt.id == id && receipt.state == State::Refused) {
                self.world.give_back(self.who(draft.body.author));
            }
        }
        self.note(&outcome);
    }

    fn who(&self, key: quorate_pbft::PublicKey) -> u8 {
        (0..20).find(|n| author(*n).public_key() == key).expect("one of ours")
    }

    fn note(&mut self, outcome: &Outcome) {
        for receipt in &outcome.receipts {
            match receipt.state {
                State::Pending => self.pending.push(receipt.id),
                State::Applied => self.proposals.push(ProposalId::of(&receipt.id, 0)),
                _ => (),
            }
        }
    }

    fn edits(&mut self, who: u8) -> Vec<Edit> {
        let (a, b) = (self.dice.below(6), self.dice.below(1_000));
        let lines: String = (0..6).map(|line| format!("line {line} is {}\n", if line == a { b } else { 0 })).collect();
        match self.dice.below(12) {
            0..=4 => vec![write(&format!("shared/{}", a % 3), &lines)],
            5 => vec![write(&format!("data/{}.json", a % 2), &format!("{{\"a\": {b}, \"b\": [{a}]}}\n"))],
            6 => vec![write(&format!("data/{}.toml", a % 2), &format!("a = {b}\n"))],
            7 => vec![remove(&format!("shared/{}", a % 3))],
            8 => vec![rename(&format!("shared/{}", a % 3), &format!("shared/{}", b % 5))],
            9 => vec![write(&format!("reviewed/{who}-{b}"), &lines)],
            10 => match self.pending.pop() {
                Some(envelope) => vec![Edit::Other(Op::Attest { envelope, approve: b % 4 > 0 })],
                None => vec![Edit::Other(Op::Propose { act: Act::SetPolicy { policy: policy() } })],
            },
            _ => match self.proposals.pop() {
                Some(proposal) => vec![Edit::Other(Op::Approve { proposal })],
                None => vec![write("data/other.yaml", &format!("a: {b}\n"))],
            },
        }
    }

    /// People come and go.
    fn people(&mut self) {
        let proof = prove_possession(Purpose::Author, "org-0", &author(10));
        let enrol = Op::Enrol { key: author(10).public_key(), organisation: "org-0".into(), proof };
        self.world.does_in(GROUP_DOMAIN, 0, &[Edit::Other(enrol)]);
        let proof = prove_possession(Purpose::Author, "org-0", &author(11));
        let rotate = Op::Rotate { key: author(11).public_key(), proof };
        self.world.does_in(GROUP_DOMAIN, 10, &[Edit::Other(rotate)]);
        assert_eq!(self.world.does(11, &[write("by-11", "x")]).state, State::Applied);
        let revoke = Op::Revoke { key: author(11).public_key() };
        self.world.does_in(GROUP_DOMAIN, 0, &[Edit::Other(revoke)]);
    }

    fn root(&self) -> String {
        self.world.ledger.state_root().to_string()
    }
}

fn policy() -> DomainPolicy {
    let rule = |pattern: &str| PathRule { pattern: pattern.into(), ..PathRule::default() };
    let schema =
        |format| (Some(format), Some(Schema::new(r#"{"properties": {"a": {"type": "integer", "maximum": 900}}}"#)));
    let (json, toml) = (schema(Format::Json), schema(Format::Toml));
    let paths = vec![
        PathRule { format: json.0, schema: json.1, ..rule("data/*.json") },
        PathRule { format: toml.0, schema: toml.1, ..rule("data/*.toml") },
        PathRule { format: Some(Format::Yaml), ..rule("data/*.yaml") },
        PathRule { approvals: 1, ..rule("reviewed/**") },
    ];
    let rate = Rate { per_ms: 60, changes: Some(40), bytes: Some(100_000) };
    DomainPolicy {
        paths,
        approvals: Approvals { organisations: Some(2), by: Vec::new() },
        quota: Quota { files_max: Some(200), bytes_max: Some(1 << 20) },
        rates: Rates { author: Some(rate), organisation: Some(rate), ..Rates::default() },
        ..DomainPolicy::new(vec![Principal::Everyone], vec![])
    }
}

fn whole_story() -> Story {
    let mut conflict_log = Story::new();
    conflict_log.tell(SLOTS / 2);
    conflict_log.people();
    conflict_log.tell(SLOTS / 2);
    conflict_log
}

#[test]
fn both_profiles_come_to_the_same_root() {
    let conflict_log = whole_story();
    assert_eq!(conflict_log.root(), ROOT, "built with debug assertions: {}", cfg!(debug_assertions));
    let log = conflict_log.world.view().log("main", None, None, 1_000).expect("known").items;
    let outcomes: BTreeSet<_> =
        log.iter().flat_map(|entry| entry.changes.iter().map(|change| change.outcome)).collect();
    assert!(outcomes.len() >= 4 && log.len() > 150, "the story touches much: {} of {outcomes:?}", log.len());
}

#[test]
fn threads_do_not_matter() {
    for threads in [1, 2, 8] {
        let told: Vec<_> = (0..threads).map(|_| std::thread::spawn(|| whole_story().root())).collect();
        for root in told {
            assert_eq!(root.join().expect("it ends"), ROOT, "{threads} threads");
        }
    }
}

/// A process of its own has other hash seeds and another layout in memory.
#[test]
fn other_processes_come_to_the_same_root() {
    let this = std::env::current_exe().expect("this test");
    for threads in ["1", "3"] {
        let child = Command::new(&this)
            .args(["--exact", "both_profiles_come_to_the_same_root", "--test-threads", threads])
            .output()
            .expect("it runs");
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    }
}

/// A replica that was started again in between, and one that was not.
#[test]
fn restarts_do_not_matter() {
    let mut conflict_log = Story::new();
    for slot in 0..SLOTS / 2 {
        conflict_log.tell(1);
        if slot % 10 == 0 {
            conflict_log.reopen();
        }
    }
    conflict_log.people();
    conflict_log.tell(SLOTS / 2);
    assert_eq!(conflict_log.root(), ROOT);
}

impl Story {
    fn reopen(&mut self) {
        self.world.ledger = Ledger::open(&self.world.store, &self.world.genesis).expect("it was written");
    }
}

/// State beyond the horizon cannot reach execution, so each replica may forget it when it likes.
#[test]
fn what_was_pruned_does_not_matter() {
    let mut conflict_log = Story::new();
    let mut forgotten = 0;
    for slot in 0..SLOTS / 2 {
        conflict_log.tell(1);
        if slot % 7 == 0 {
            forgotten += prune(&mut conflict_log.world);
        }
    }
    conflict_log.people();
    conflict_log.tell(SLOTS / 2);
    forgotten += prune(&mut conflict_log.world);
    assert_eq!(conflict_log.root(), ROOT);
    assert!(forgotten > 50, "{forgotten} versions were forgotten");
}

/// Forgets versions of paths that are older than the newest one at the horizon. Says how many.
fn prune(world: &mut World) -> usize {
    let slots = HORIZON_MS / 2 + 4; // a slot every 2 ms, and the steps in which the horizon moves
    let Some(floor) = world.ledger.revision().seq().get().checked_sub(slots) else { return 0 };
    let versions = world.versions(); // tree, path's key, revision
    let slot_of = |key: &[u8]| u64::from_be_bytes(key[36..44].try_into().expect("eight bytes"));
    let old: Vec<&Vec<u8>> = versions
        .windows(2)
        .filter(|pair| pair[0][..36] == pair[1][..36] && slot_of(&pair[1]) < floor)
        .map(|pair| &pair[0])
        .collect();
    old.iter().for_each(|key| world.store.delete(Table::Past, key).expect("memory does not fail"));
    old.len()
}
