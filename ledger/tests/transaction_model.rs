//! Compositions and transactions over domains against a plain, slow model: files in maps, all of which are copied for each
//! envelope and thrown away where it is refused.
//!
//! Contents are one short line, so that two that differ from each other and from their base never merge.

mod support;

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
use support::author;
use support::world::{Edit, World};

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

impl Model {
    fn is_member(who: u8, domain: usize) -> bool {
        domain != 2 || who != OUTSIDER
    }

    fn owns(who: u8, domain: usize, path: usize) -> bool {
        domain != 1 || path != OWNED || who == 1
    }

    /// Lays a part over the files; whether all of it holds, and what later stages say.
    fn lay(
        &self,
        files: &mut Files,
        view: &mut Files,
        who: u8,
        domain: usize,
        part: &Part,
        later: &mut Later,
    ) -> Result<(), Code> {
        let mut clashes = false;
        for edit in &part.edits {
            let (path, made) = match edit {
                Edits::Put(path, content) => (*path, Some(*content)),
                Edits::Delete(path) => (*path, None),
            };
            let base = view.get(&path).copied();
            if made.is_none() && base.is_none() {
                return Err(Code::MissingPath);
            }
            if self.domains[domain].locks.get(&path).is_some_and(|holder| *holder != who) {
                later.ownership = later.ownership.or(Some(Code::Lock));
            }
            if !Self::owns(who, domain, path) {
                later.ownership = later.ownership.or(Some(Code::NotOwner));
            }
            let current = files.get(&path).copied();
            let stands = match () {
                () if current == base => made,
                () if made == current || made == base => current,
                () => {
                    clashes = true;
                    current
                }
            };
            set(files, path, stands);
            set(view, path, made);
        }
        if clashes { Err(Code::WouldConflict) } else { Ok(()) }
    }

    /// The files in the revision that lies so many slots back.
    fn seen(&self, domain: usize, back: u64, now: u64) -> Files {
        self.domains[domain].past.get(&(now - back)).cloned().unwrap_or_default()
    }

    /// Whether a number of its author has come and gone.
    fn has_happened(&self, who: u8, domain: usize, seq: u64) -> bool {
        self.domains[domain].numbers(who).next > seq
    }

    /// Answer to the envelope, which the model changes for it, in the slot after `now`.
    fn order(&mut self, sent: &Sent, envelope: &Body, now: u64) -> Said {
        let (who, domain) = (sent.who, sent.domain);
        let known = self.domains[domain].numbers(who);
        if envelope.from_seq > known.next {
            return Said::Gap;
        }
        if envelope.from_seq < known.next || envelope.attempt <= known.attempt {
            return Said::Taken;
        }
        let entered = entered(envelope);
        let said = match self.waits(sent, &entered) {
            Err(said) => said,
            Ok(()) => match self.execute(sent, now) {
                Ok(after) => {
                    *self = after;
                    Said::Done
                }
                Err(code) => Said::Refused(code),
            },
        };
        self.count(who, domain, envelope, said);
        said
    }

    /// Numbers that must have been used before, here and in the domains that it enters.
    fn waits(&self, sent: &Sent, entered: &[(usize, u64, u64)]) -> Result<(), Said> {
        if let Deed::Composition(_, Some((whose, domain, off))) = &sent.deed {
            let seq = self.domains[*domain].numbers(*whose).next.saturating_add_signed(i64::from(*off));
            let is_own = (*whose, *domain) == (sent.who, sent.domain);
            if !is_own && !self.has_happened(*whose, *domain, seq.max(1)) {
                return Err(Said::Awaits);
            }
        }
        for (domain, seq, attempt) in entered.iter().filter(|(domain, ..)| *domain < DOMAINS.len()) {
            let known = self.domains[*domain].numbers(sent.who);
            if *seq < known.next || (*seq == known.next && *attempt <= known.attempt) {
                return Err(Said::Refused(Code::SequenceTaken));
            }
            if *seq > known.next {
                return Err(Said::Awaits);
            }
        }
        Ok(())
    }

    /// The model after the envelope, or what refuses it.
    fn execute(&self, sent: &Sent, now: u64) -> Result<Self, Code> {
        let (who, domain) = (sent.who, sent.domain);
        let mut after = self.clone();
        let mut later = Later::default();
        let mut involved = vec![domain];
        match &sent.deed {
            Deed::Lock(path) => {
                let held = after.domains[domain].locks.insert(*path, who);
                if !Self::owns(who, domain, *path) {
                    later.ownership = Some(Code::NotOwner);
                }
                if held.is_some_and(|holder| holder != who) {
                    later.ownership = later.ownership.or(Some(Code::Lock));
                }
            }
            Deed::Release(path) => {
                if after.domains[domain].locks.remove(path) != Some(who) {
                    later.ownership = Some(Code::Lock);
                }
            }
            Deed::Write(edit) => {
                let part = Part { edits: vec![*edit], back: 0, sees: false };
                self.lay_parts(&mut after, who, domain, &[part], now, &mut later)?;
            }
            Deed::Composition(parts, _) => self.lay_parts(&mut after, who, domain, parts, now, &mut later)?,
            Deed::Transaction(own, entries) => {
                self.lay_parts(&mut after, who, domain, core::slice::from_ref(own), now, &mut later)?;
                for entry in entries {
                    let there = domain_of(domain, entry.step);
                    if there == DOMAINS.len() {
                        return Err(Code::UnknownDomain);
                    }
                    if entry.anchor.is_some_and(|back| self.domains[there].changed > now - back) {
                        later.anchor = Some(Code::Anchor);
                    }
                    let parts = core::slice::from_ref(&entry.part);
                    self.lay_parts(&mut after, who, there, parts, now, &mut later)?;
                    involved.push(there);
                }
            }
        }
        if involved.iter().any(|domain| !Self::is_member(who, *domain)) {
            return Err(Code::NotMember);
        }
        match later.anchor.or(later.ownership) {
            Some(code) => Err(code),
            None => Ok(after),
        }
    }

    fn lay_parts(
        &self,
        after: &mut Self,
        who: u8,
        domain: usize,
        parts: &[Part],
        now: u64,
        later: &mut Later,
    ) -> Result<(), Code> {
        let mut view = Files::new();
        for (place, part) in parts.iter().enumerate() {
            if place == 0 || !part.sees {
                view = self.seen(domain, part.back, now);
            }
            let mut files = core::mem::take(&mut after.domains[domain].files);
            let laid = self.lay(&mut files, &mut view, who, domain, part, later);
            after.domains[domain].files = files;
            laid?;
            if !part.edits.is_empty() {
                after.domains[domain].changed = now + 1;
            }
        }
        Ok(())
    }

    /// Uses the numbers, or the attempts of a refusal where it was their turn.
    fn count(&mut self, who: u8, domain: usize, envelope: &Body, said: Said) {
        let refused = match said {
            Said::Done => false,
            Said::Refused(_) => true,
            Said::Gap | Said::Taken | Said::Awaits => return,
        };
        let own = (domain, envelope.from_seq, envelope.attempt, envelope.to_seq);
        let others = entered(envelope).into_iter().map(|(domain, seq, attempt)| (domain, seq, attempt, seq));
        for (domain, from, attempt, to) in others.chain([own]).filter(|(domain, ..)| *domain < DOMAINS.len()) {
            let known = self.domains[domain].numbers(who);
            if known.next == from && attempt > known.attempt {
                let after = if refused { Numbers { attempt, ..known } } else { Numbers { next: to + 1, attempt: 0 } };
                self.domains[domain].numbers.insert(who, after);
            }
        }
    }

    fn slot_passes(&mut self, now: u64) {
        for domain in &mut self.domains {
            domain.past.insert(now, domain.files.clone());
        }
    }
}

fn set(files: &mut Files, path: usize, content: Option<u8>) {
    match content {
        Some(content) => files.insert(path, content),
        None => files.remove(&path),
    };
}

/// The domain so many steps after another one; the first that is none comes last.
fn domain_of(own: usize, step: usize) -> usize {
    [(own + 1) % 3, (own + 2) % 3, DOMAINS.len()][step]
}

/// Domain, number and attempt of each entry of an envelope.
fn entered(envelope: &Body) -> Vec<(usize, u64, u64)> {
    let place = |name: &str| DOMAINS.iter().position(|domain| *domain == name).unwrap_or(DOMAINS.len());
    envelope.elsewhere().into_iter().map(|(name, seq, attempt)| (place(&name), seq, attempt)).collect()
}

fn any_edit() -> impl Strategy<Value = Edits> {
    prop_oneof![
        5 => (0..PATHS.len(), 0u8..4).prop_map(|(path, content)| Edits::Put(path, content)),
        1 => (0..PATHS.len()).prop_map(Edits::Delete),
    ]
}

fn any_part() -> impl Strategy<Value = Part> {
    let edits = proptest::collection::vec(any_edit(), 0..3);
    (edits, prop_oneof![3 => Just(0), 2 => 0..BACK_MAX], any::<bool>()).prop_map(|(edits, back, sees)| Part {
        edits,
        back,
        sees,
    })
}

fn any_off() -> impl Strategy<Value = i8> {
    prop_oneof![8 => Just(0i8), 1 => Just(1i8), 1 => Just(-1i8)]
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let step = prop_oneof![8 => 0usize..2, 1 => Just(2usize)];
    let anchor = prop_oneof![3 => Just(None), 1 => (0..BACK_MAX).prop_map(Some)];
    (step, any_part(), any_off(), prop::bool::weighted(0.05), anchor)
        .prop_map(|(step, part, seq_off, stale, anchor)| Entry { step, part, seq_off, stale, anchor })
}

fn any_deed() -> impl Strategy<Value = Deed> {
    let path = || 0..PATHS.len();
    let outside = prop_oneof![3 => Just(None), 1 => (0..AUTHORS, 0..DOMAINS.len(), -1i8..2).prop_map(Some)];
    prop_oneof![
        1 => path().prop_map(Deed::Lock),
        1 => path().prop_map(Deed::Release),
        3 => any_edit().prop_map(Deed::Write),
        4 => (proptest::collection::vec(any_part(), 2..4), outside)
            .prop_map(|(parts, outside)| Deed::Composition(parts, outside)),
        6 => (any_part(), proptest::collection::vec(any_entry(), 1..4)).prop_map(|(own, mut entries)| {
            entries.sort_by_key(|entry| entry.step);
            entries.dedup_by_key(|entry| entry.step);
            Deed::Transaction(own, entries)
        }),
    ]
}

fn any_sent() -> impl Strategy<Value = Sent> {
    (0..AUTHORS, 0..DOMAINS.len(), any_off(), prop::bool::weighted(0.05), any_deed())
        .prop_map(|(who, domain, seq_off, stale, deed)| Sent { who, domain, seq_off, stale, deed })
}

/// The ledger and the model, side by side.
struct Both {
    world: World,
    model: Model,
}

fn content(number: u8) -> Vec<u8> {
    format!("content {number}\n").into_bytes()
}

impl Both {
    /// `other` has an owner for a path, and there is a third domain.
    fn of(rules: u32) -> Self {
        let mut world = World::of(support::genesis_by(Some(rules)));
        let owned = PathRule {
            pattern: PATHS[OWNED].into(),
            owners: vec![Principal::Organisation("org-1".into())],
            ..PathRule::default()
        };
        let everyone = || DomainPolicy::new(vec![Principal::Everyone], vec![]);
        world.decide("other", DomainPolicy { paths: vec![owned], ..everyone() });
        let members = (0..OUTSIDER).map(|n| Principal::Organisation(format!("org-{n}"))).collect();
        let act = Act::CreateDomain { name: "third".into(), policy: DomainPolicy::new(members, vec![]) };
        let proposed = world.does_in(GROUP_DOMAIN, 0, &[Edit::Other(Op::Propose { act })]);
        let proposal = ProposalId::of(&proposed.id, 0);
        for who in [1, 2] {
            world.does_in(GROUP_DOMAIN, who, &[Edit::Other(Op::Approve { proposal })]);
        }
        let mut both = Self { world, model: Model::default() };
        for who in 0..AUTHORS {
            for (number, domain) in DOMAINS.iter().enumerate() {
                let known = both.world.view().author(domain, &author(who).public_key()).expect("known");
                let numbers = Numbers { next: known.next_seq, attempt: known.attempt };
                both.model.domains[number].numbers.insert(who, numbers);
            }
        }
        both.pass(BACK_MAX);
        both
    }

    /// So many slots in which nothing happens.
    fn pass(&mut self, slots: u64) {
        for _ in 0..slots {
            self.world.slot(&[]);
            self.model.slot_passes(self.now());
        }
    }

    fn now(&self) -> u64 {
        self.world.ledger.revision().seq().get()
    }

    fn back(&self, slots: u64) -> Revision {
        Revision::slot(SeqNum::new(self.now() - slots))
    }

    fn place(&self, who: u8, domain: usize, off: i8, stale: bool) -> (u64, u64) {
        let known = self.model.domains[domain].numbers(who);
        let seq = known.next.saturating_add_signed(i64::from(off)).max(1);
        let attempt = if stale { known.attempt } else { known.attempt + 1 };
        (seq, attempt.max(1))
    }

    /// The envelope that somebody sends.
    fn envelope(&self, sent: &Sent) -> Body {
        let (from_seq, attempt) = self.place(sent.who, sent.domain, sent.seq_off, sent.stale);
        let newest = Base::Revision(self.back(0));
        let alone = |op: Op| vec![Change::new(newest, vec![op], "", 0)];
        let changes = match &sent.deed {
            Deed::Lock(path) => {
                alone(Op::Acquire { path: PATHS[*path].into(), mode: X, lease_ms: LEASE_MS, wait_ms: 0 })
            }
            Deed::Release(path) => alone(Op::Release { path: PATHS[*path].into() }),
            Deed::Write(edit) => alone(op(edit)),
            Deed::Composition(parts, outside) => self.parts(sent, from_seq, parts, outside),
            Deed::Transaction(own, entries) => {
                let own = self.change(own, vec![]);
                core::iter::once(own).chain(entries.iter().map(|entry| self.entry(sent, entry))).collect()
            }
        };
        let to_seq = from_seq + changes.iter().filter(|change| !enters(change)).count() as u64 - 1;
        let to_seq = to_seq + changes.iter().filter(|change| enters(change)).count() as u64;
        let (author, domain) = (author(sent.who).public_key(), DOMAINS[sent.domain].to_owned());
        Body { author, domain, from_seq, to_seq, attempt, changes, carried: vec![] }
    }

    fn change(&self, part: &Part, mut ops: Vec<Op>) -> Change {
        ops.extend(part.edits.iter().map(op));
        Change::new(Base::Revision(self.back(part.back)), ops, "", 0)
    }

    fn parts(&self, sent: &Sent, from: u64, parts: &[Part], outside: &Option<(u8, usize, i8)>) -> Vec<Change> {
        let mut changes: Vec<Change> = parts.iter().map(|part| self.change(part, vec![])).collect();
        for (place, number) in (1..changes.len()).zip(from..) {
            let (author, domain) = (author(sent.who).public_key(), DOMAINS[sent.domain].to_owned());
            changes[place].wishes.depends_on = vec![Dependency { author, domain, seq: number }];
            if parts[place].sees {
                changes[place].base = Base::Previous;
            }
        }
        if let Some((who, domain, off)) = outside
            && (*who, *domain) != (sent.who, sent.domain)
        {
            let next = self.model.domains[*domain].numbers(*who).next;
            let seq = next.saturating_add_signed(i64::from(*off)).max(1);
            let (author, domain) = (author(*who).public_key(), DOMAINS[*domain].to_owned());
            changes[0].wishes.depends_on.push(Dependency { author, domain, seq });
        }
        changes
    }

    fn entry(&self, sent: &Sent, entry: &Entry) -> Change {
        let there = domain_of(sent.domain, entry.step);
        let (domain, (seq, attempt)) = match DOMAINS.get(there) {
            Some(name) => ((*name).to_owned(), self.place(sent.who, there, entry.seq_off, entry.stale)),
            None => ("nowhere".to_owned(), (1, 1)),
        };
        let mut ops = vec![Op::Enter { domain, seq, attempt }];
        ops.extend(entry.anchor.map(|back| Op::Anchor { revision: self.back(back) }));
        self.change(&entry.part, ops)
    }

    /// Answers of the ledger and of the model.
    fn does(&mut self, sent: &Sent) -> (Said, Said) {
        let body = self.envelope(sent);
        let now = self.now();
        let expected = self.model.order(sent, &body, now);
        let mut draft = self.world.draft(sent.who, self.world.now(), &[]);
        (draft.body, draft.contents) = (body, (0..4).map(content).collect());
        let outcome = self.world.slot(&[&draft]);
        self.model.slot_passes(self.now());
        let said = match (outcome.receipts.first(), outcome.deferred.first()) {
            (Some(receipt), None) if receipt.state == State::Refused => {
                Said::Refused(receipt.code.expect("a refusal has a code"))
            }
            (Some(receipt), None) => {
                assert!(matches!(receipt.state, State::Applied | State::Merged), "{receipt:?}");
                assert_eq!(receipt.conflicts, []);
                Said::Done
            }
            (None, Some(deferred)) => match &deferred.why {
                DeferReason::Gap { .. } => Said::Gap,
                DeferReason::Taken | DeferReason::Copy => Said::Taken,
                DeferReason::Dependency(_) => Said::Awaits,
                DeferReason::TooEarly => panic!("all authors and domains are there"),
                DeferReason::Content(missing) => panic!("all contents travel along: {missing}"),
            },
            other => panic!("one verdict or none: {other:?}"),
        };
        (said, expected)
    }

    /// State of a domain to compare: files, and the numbers of all authors.
    fn held(&self, domain: usize) -> (BTreeMap<String, quorate_pbft::Digest>, Vec<Numbers>) {
        let moment = self.world.view();
        let listed = moment.ls(DOMAINS[domain], "", None, None, 1_000).expect("known").items;
        let numbers = |who| {
            let known = moment.author(DOMAINS[domain], &author(who).public_key()).expect("known");
            Numbers { next: known.next_seq, attempt: known.attempt }
        };
        (listed.into_iter().map(|file| (file.path, file.hash)).collect(), (0..AUTHORS).map(numbers).collect())
    }

    fn expected(&self, domain: usize) -> (BTreeMap<String, quorate_pbft::Digest>, Vec<Numbers>) {
        let model = &self.model.domains[domain];
        let files = model.files.iter();
        let files = files.map(|(path, number)| (PATHS[*path].to_owned(), support::digest(&content(*number))));
        (files.collect(), (0..AUTHORS).map(|who| model.numbers(who)).collect())
    }
}

fn enters(change: &Change) -> bool {
    matches!(change.ops.first(), Some(Op::Enter { .. }))
}

fn op(edit: &Edits) -> Op {
    match edit {
        Edits::Put(path, number) => {
            Op::Put { path: PATHS[*path].into(), mode: Mode::File, content: support::digest(&content(*number)) }
        }
        Edits::Delete(path) => Op::Delete { path: PATHS[*path].into() },
    }
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
