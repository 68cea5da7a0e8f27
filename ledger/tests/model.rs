//! The ledger against a plain, slow model: whole snapshots of every revision, no trees, no rows, no chains.

mod support;

use proptest::prelude::*;
use quorate_ledger::{Base, Class, EnvelopeId, Found, Ledger, Mode, PathOutcome, RULES, Receipt, Revision, State};
use quorate_semantic::{Entry, EntryOutcome, Kind, Options, Rules, merge_entries};
use std::collections::BTreeMap;
use support::world::{Draft, Edit, World, remove, rename, write};

/// Act of an author: base and paths.
#[derive(Debug, Clone)]
struct Deed {
    who: u8,
    base: Seen,
    edits: Vec<(u8, Option<Vec<u8>>)>,
}

/// Base that an author has seen, as a way back from now.
#[derive(Debug, Clone)]
enum Seen {
    /// The revision so many slots ago.
    Slots(usize),
    /// The own envelope so many envelopes ago, if there is one.
    Own(usize),
}

/// A state of all files.
type Files = BTreeMap<String, Vec<u8>>;

/// The obviously right ledger, for puts and deletes of files without folders.
#[derive(Default)]
struct Model {
    /// After each revision.
    snapshots: BTreeMap<Revision, Files>,
    files: Files,
    /// Open conflicts: the revision of the newest side.
    disputed: BTreeMap<String, Revision>,
    /// Each author's envelopes: the first revision of the chain, and the whole view after it.
    views: BTreeMap<EnvelopeId, (Revision, Files)>,
}

impl Model {
    fn at(&self, revision: Revision) -> Files {
        self.snapshots.range(..=revision).next_back().map(|(_, files)| files.clone()).unwrap_or_default()
    }

    /// Verdict that the ledger should give: none for a refusal.
    fn execute(&mut self, id: EnvelopeId, base: Base, edits: &[(String, Option<Vec<u8>>)], now: Revision) -> Verdict {
        let (first, mut view) = match base {
            Base::Revision(revision) => (revision, self.at(revision)),
            Base::Envelope(id) => self.views[&id].clone(),
            Base::Previous => unreachable!("not generated"),
        };
        let mut outcomes: BTreeMap<String, PathOutcome> = BTreeMap::new();
        let before = (self.files.clone(), self.disputed.clone());
        for (path, made) in edits {
            let seen = view.get(path).cloned();
            let sees_conflict = self.disputed.get(path).is_some_and(|newest| first >= *newest);
            if made.is_none() && seen.is_none() && !sees_conflict {
                (self.files, self.disputed) = before;
                return None;
            }
            let outcome = self.lay(path, seen, made.clone(), first, now);
            let noted = outcomes.entry(path.clone()).or_insert(outcome);
            *noted = graver(*noted, outcome);
            set(&mut view, path, made.clone());
        }
        self.views.insert(id, (first, view));
        self.snapshots.insert(now, self.files.clone());
        Some(outcomes)
    }

    fn lay(
        &mut self,
        path: &str,
        base: Option<Vec<u8>>,
        made: Option<Vec<u8>>,
        first: Revision,
        now: Revision,
    ) -> PathOutcome {
        if let Some(newest) = self.disputed.get(path).copied() {
            if first < newest {
                self.disputed.insert(path.to_owned(), now);
                return PathOutcome::Conflict;
            }
            self.disputed.remove(path);
            set(&mut self.files, path, made);
            return PathOutcome::Settled;
        }
        let current = self.files.get(path).cloned();
        let (b, c, m) = (entry(&base), entry(&current), entry(&made));
        let options = Options { rules: Rules::V21, ..Options::default() };
        match merge_entries(b, c, m, path, &options) {
            EntryOutcome::Clean { entry, .. } => {
                set(&mut self.files, path, entry.map(|(_, bytes)| bytes));
                if base == current { PathOutcome::Applied } else { PathOutcome::Merged }
            }
            EntryOutcome::Conflict(_) => {
                self.disputed.insert(path.to_owned(), now);
                PathOutcome::Conflict
            }
        }
    }
}

/// Outcome of each path; none for a refusal.
type Verdict = Option<BTreeMap<String, PathOutcome>>;

fn graver(a: PathOutcome, b: PathOutcome) -> PathOutcome {
    let order = [PathOutcome::Applied, PathOutcome::Settled, PathOutcome::Merged, PathOutcome::Conflict];
    let place = |outcome| order.iter().position(|known| *known == outcome);
    if place(b) > place(a) { b } else { a }
}

fn entry(bytes: &Option<Vec<u8>>) -> Option<Entry<'_>> {
    bytes.as_ref().map(|bytes| Entry { kind: Kind::File, bytes })
}

fn set(files: &mut Files, path: &str, made: Option<Vec<u8>>) {
    match made {
        Some(bytes) => drop(files.insert(path.to_owned(), bytes)),
        None => drop(files.remove(path)),
    }
}

fn path(n: u8) -> String {
    format!("file-{n}")
}

/// Few lines, few values: so that edits of one file often merge, often agree and often clash.
fn any_content() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(0u8..3, 5).prop_map(|lines| {
        let lines = lines.iter().enumerate().map(|(at, value)| format!("line {at} is {value}\n"));
        lines.collect::<String>().into_bytes()
    })
}

fn any_deed() -> impl Strategy<Value = Deed> {
    let base = prop_oneof![(0usize..4).prop_map(Seen::Slots), (0usize..3).prop_map(Seen::Own)];
    let edit = (0u8..3, proptest::option::weighted(0.85, any_content()));
    (0u8..3, base, proptest::collection::vec(edit, 1..3)).prop_map(|(who, base, edits)| Deed { who, base, edits })
}

/// Slots of deeds.
fn any_story() -> impl Strategy<Value = Vec<Vec<Deed>>> {
    proptest::collection::vec(proptest::collection::vec(any_deed(), 1..4), 1..12)
}

/// A world with everybody's envelopes.
struct Run {
    world: World,
    sent: BTreeMap<u8, Vec<EnvelopeId>>,
}

impl Run {
    fn new() -> Self {
        Self { world: World::new(), sent: BTreeMap::new() }
    }

    fn base(&self, deed: &Deed) -> Base {
        let sent = self.sent.get(&deed.who);
        match deed.base {
            Seen::Own(back) => match sent.and_then(|sent| sent.iter().rev().nth(back)) {
                Some(id) => Base::Envelope(*id),
                None => self.world.now(),
            },
            Seen::Slots(back) => {
                let slot = self.world.ledger.revision().seq().get().saturating_sub(back as u64);
                support::world::revision(&slot.to_string())
            }
        }
    }

    /// Signs and executes one slot of a deed for each author: the later of one author's wait for the next slot.
    fn slot(&mut self, deeds: &[Deed]) -> Vec<(Draft, Deed, Receipt)> {
        let mut drafts: BTreeMap<u8, (Draft, Deed)> = BTreeMap::new();
        for deed in deeds {
            let base = self.base(deed);
            drafts.entry(deed.who).or_insert_with(|| {
                let edits: Vec<Edit> = deed.edits.iter().map(edit).collect();
                (self.world.draft(deed.who, base, &edits), deed.clone())
            });
        }
        let (drafts, deeds): (Vec<Draft>, Vec<Deed>) = drafts.into_values().unzip();
        let outcome = self.world.slot(&drafts.iter().collect::<Vec<_>>());
        assert_eq!(outcome.deferred, []);
        let judged: Vec<_> = drafts.into_iter().zip(deeds).zip(outcome.receipts).collect();
        for ((_, deed), receipt) in &judged {
            match receipt.state {
                State::Refused => self.world.give_back(deed.who),
                _ => self.sent.entry(deed.who).or_default().push(receipt.id),
            }
        }
        judged.into_iter().map(|((draft, deed), receipt)| (draft, deed, receipt)).collect()
    }
}

fn edit((n, made): &(u8, Option<Vec<u8>>)) -> Edit {
    match made {
        Some(bytes) => Edit::Put(path(*n), Mode::File, bytes.clone()),
        None => remove(&path(*n)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_ledger_answers_as_the_plain_model_does(story in any_story()) {
        let (mut run, mut model) = (Run::new(), Model::default());
        for deeds in &story {
            for (draft, deed, receipt) in run.slot(deeds) {
                let edits: Vec<_> = deed.edits.iter().map(|(n, made)| (path(*n), made.clone())).collect();
                let revision = receipt.revision.expect("a verdict");
                let expected = model.execute(receipt.id, draft.body.changes[0].base, &edits, revision);
                let told = (receipt.state != State::Refused)
                    .then(|| receipt.changes.iter().map(|change| (change.path.clone(), change.outcome)).collect());
                prop_assert_eq!(told, expected);
            }
            for n in 0..3 {
                let found = run.world.view().file("main", &path(n), None).expect("known");
                let served = match &found {
                    Found::File(file) => run.world.view().content(&file.hash).expect("memory"),
                    _ => None,
                };
                prop_assert_eq!(served.as_ref(), model.files.get(&path(n)));
                let marked = matches!(&found, Found::Removed(_) | Found::File(quorate_ledger::FileEntry { conflict: Some(_), .. }));
                prop_assert_eq!(marked, model.disputed.contains_key(&path(n)));
            }
        }
        for (revision, files) in &model.snapshots {
            for n in 0..3 {
                let found = run.world.view().file("main", &path(n), Some(*revision)).expect("known").found();
                let hash = found.map(|file| file.hash);
                prop_assert_eq!(hash, files.get(&path(n)).map(|bytes| support::digest(bytes)), "at {}", revision);
            }
        }
    }

    #[test]
    fn a_ledger_that_was_opened_again_goes_on_as_if_nothing_had_been(story in any_story()) {
        let (mut kept, mut opened) = (Run::new(), Run::new());
        for deeds in &story {
            kept.slot(deeds);
            opened.slot(deeds);
            opened.world.ledger = Ledger::open(&opened.world.store, &opened.world.genesis).expect("it was written");
            prop_assert_eq!(kept.world.ledger.state_root(), opened.world.ledger.state_root());
        }
        prop_assert_eq!(kept.world.store, opened.world.store);
    }

    #[test]
    fn a_slot_that_was_taken_back_leaves_nothing(story in any_story()) {
        let (mut once, mut twice) = (Run::new(), Run::new());
        for deeds in &story {
            once.slot(deeds);
            let before = (twice.world.clone(), twice.sent.clone());
            twice.slot(deeds);
            (twice.world, twice.sent) = before;
            twice.slot(deeds);
            prop_assert_eq!(once.world.ledger.state_root(), twice.world.ledger.state_root());
        }
    }
}

/// Edits of a small tree with folders, renames and clashes.
fn any_edit() -> impl Strategy<Value = Edit> {
    let path = prop::sample::select(vec!["a", "a/b", "a/b/c", "d", "d/e", "f"]);
    prop_oneof![
        4 => (path.clone(), 0u8..4).prop_map(|(path, n)| write(path, &format!("{n}\nsame\n{n}\n"))),
        1 => path.clone().prop_map(remove),
        2 => (path.clone(), path).prop_map(|(from, to)| rename(from, to)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_path_is_ever_a_file_and_a_folder(
        rules in prop::sample::select(vec![RULES.oldest, RULES.newest]),
        deeds in proptest::collection::vec((0u8..3, 0u64..4, proptest::collection::vec(any_edit(), 1..4)), 1..40)
    ) {
        let mut world = World::of(support::genesis_by(Some(rules)));
        for (who, back, edits) in deeds {
            let slot = world.ledger.revision().seq().get().saturating_sub(back);
            let receipt = world.does_on(support::world::revision(&slot.to_string()), who, &edits);
            let disputed = receipt.changes.iter().any(|change| change.outcome == PathOutcome::Conflict);
            prop_assert_eq!(receipt.state == State::Conflict, disputed);
            prop_assert!(!disputed || !receipt.conflicts.is_empty());
            let listed = world.view().ls("main", "", None, None, 100).expect("known").items;
            for pair in listed.iter().flat_map(|a| listed.iter().map(move |b| (a, b))) {
                prop_assert!(!pair.1.path.starts_with(&format!("{}/", pair.0.path)), "{:?}", pair);
            }
            let open = world.view().conflicts(None, Some(true), None, 100).expect("known").items;
            for conflict in &open {
                let found = world.view().file("main", &conflict.record.path, None).expect("known");
                let marked = match found {
                    Found::File(file) => file.conflict,
                    Found::Removed(id) | Found::Disputed(id) => Some(id),
                    Found::Nothing => None,
                };
                prop_assert_eq!(marked, Some(conflict.id));
                prop_assert!(conflict.record.sides >= 2, "{:?}", conflict);
                prop_assert!(conflict.record.class != Class::Semantic || conflict.record.base.is_some());
            }
        }
        let reopened = Ledger::open(&world.store, &world.genesis).expect("it was written");
        prop_assert_eq!(reopened.state_root(), world.ledger.state_root());
    }
}
