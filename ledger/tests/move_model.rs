//! Moves of few files that are in each other's way: whatever order, votes and deadlines bring, no content goes with a move.

mod support;

use proptest::prelude::{Just, ProptestConfig, TestCaseError, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::strategy::Strategy as _;
use quorate_ledger::policy::{PathRule, Strategy};
use quorate_ledger::{Base, ConflictEntry, ConflictId, EnvelopeId, Found, Op, Principal, RULES, Revision, State};
use quorate_pbft::{Digest, PublicKey, Signer};
use std::collections::{BTreeMap, BTreeSet};
use support::disputes::{policy, rule, step, world};
use support::world::{Edit, World, remove, rename, write};

/// Rules by which the stories go: those before 15 fail.
const RULES_NOW: u32 = RULES.newest;

/// Edits of an author on a base so many slots ago, or on the author's last envelope; then a vote, or a deadline.
#[derive(Debug, Clone)]
struct Deed {
    who: u8,
    back: Option<u64>,
    wishes: Vec<Wish>,
    ballot: Option<u32>,
    is_late: bool,
}

/// Edit of one of the files that its author sees, by a number.
#[derive(Debug, Clone)]
enum Wish {
    Move(usize, &'static str),
    MoveFolder(&'static str, &'static str),
    Put(&'static str),
    Delete(usize),
}

impl Wish {
    /// The edits, where the author sees nothing in their way; the content is one that no other deed writes.
    fn edits(&self, view: &mut BTreeSet<String>, deed: usize) -> Vec<Edit> {
        let nth = |n: usize, view: &BTreeSet<String>| view.iter().nth(n % view.len().max(1)).cloned();
        let moves: Vec<(String, String)> = match self {
            Self::Move(n, to) => nth(*n, view).into_iter().map(|from| (from, (*to).to_owned())).collect(),
            Self::MoveFolder(from, to) => {
                let below = view.iter().filter_map(|path| Some((path, path.strip_prefix(from)?.strip_prefix('/')?)));
                below.map(|(path, name)| (path.clone(), format!("{to}/{name}"))).collect()
            }
            Self::Put(path) => {
                if !has_room(&BTreeSet::from_iter(view.iter().filter(|at| at != path).cloned()), path) {
                    return vec![];
                }
                view.insert((*path).to_owned());
                return vec![write(path, &format!("{deed} at {path}\n"))];
            }
            Self::Delete(n) => {
                let gone = nth(*n, view);
                view.retain(|path| Some(path) != gone.as_ref());
                return gone.iter().map(|path| remove(path)).collect();
            }
        };
        let made = |(from, to): (String, String)| {
            let mut after = view.clone();
            after.remove(&from);
            let is_possible = from != to && has_room(&after, &to);
            is_possible.then(|| {
                after.insert(to.clone());
                *view = after;
                rename(&from, &to)
            })
        };
        moves.into_iter().filter_map(made).collect()
    }
}

/// Whether nothing of these files stands at a path, on the way to it or below it.
fn has_room(files: &BTreeSet<String>, path: &str) -> bool {
    let is_below = |a: &str, b: &str| a.strip_prefix(b).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    !files.iter().any(|file| is_below(file, path) || is_below(path, file))
}

fn any_path() -> impl proptest::strategy::Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "a/b", "a/e", "d", "d/b", "d/e", "f", "f/b", "g"])
}

fn any_moves() -> impl proptest::strategy::Strategy<Value = Vec<Wish>> {
    let folder = prop::sample::select(vec!["a", "d", "f"]);
    let single = (0usize..8, any_path()).prop_map(|(n, to)| Wish::Move(n, to));
    prop_oneof![
        3 => proptest::collection::vec(single, 1..4),
        1 => (folder.clone(), folder).prop_map(|(from, to)| vec![Wish::MoveFolder(from, to)]),
    ]
}

fn any_wishes() -> impl proptest::strategy::Strategy<Value = Vec<Wish>> {
    let mixed = prop_oneof![
        2 => (0usize..8, any_path()).prop_map(|(n, to)| Wish::Move(n, to)),
        1 => any_path().prop_map(Wish::Put),
        1 => (0usize..8).prop_map(Wish::Delete),
    ];
    prop_oneof![
        5 => any_moves(),
        3 => any_path().prop_map(|path| vec![Wish::Put(path)]),
        1 => (0usize..8).prop_map(|n| vec![Wish::Delete(n)]),
        2 => proptest::collection::vec(mixed, 2..4),
    ]
}

fn any_deed() -> impl proptest::strategy::Strategy<Value = Deed> {
    let back = proptest::option::weighted(0.6, 0u64..5);
    let parts = (0u8..3, back, any_wishes(), proptest::option::weighted(0.3, 0u32..4), prop::bool::weighted(0.2));
    parts.prop_map(|(who, back, wishes, ballot, is_late)| Deed { who, back, wishes, ballot, is_late })
}

/// Policies: none; a vote, then the last writer; an owner for some paths besides; the last writer for some.
fn any_policy() -> impl proptest::strategy::Strategy<Value = Vec<PathRule>> {
    let ruled = |pattern: &str, strategies| PathRule { strategies, ..rule(pattern) };
    let vote = move || {
        let steps = vec![step(Strategy::Vote(None), Some(1_000)), step(Strategy::LastWriterWins, None)];
        ruled("**", steps)
    };
    let owner = || step(Strategy::Authoritative(Principal::Organisation("org-0".into())), None);
    prop_oneof![
        Just(vec![]),
        Just(vec![vote()]),
        Just(vec![ruled("d/**", vec![owner()]), vote()]),
        Just(vec![ruled("a", vec![owner()]), ruled("f/**", vec![owner()]), vote()]),
        Just(vec![ruled("a/**", vec![step(Strategy::LastWriterWins, None)]), vote()]),
    ]
}

/// World in which a story takes place, with what its authors have seen.
struct Story {
    world: World,
    last: BTreeMap<u8, EnvelopeId>,
    /// First revision that an envelope's author had seen, and paths from which the envelope took files, by its own revision.
    firsts: BTreeMap<Revision, (Revision, Vec<String>)>,
    /// Files that were served after each turn.
    past: Vec<(Revision, BTreeMap<String, Digest>)>,
    /// Authors of contents.
    made: BTreeMap<Digest, u8>,
    /// Files that went along with an envelope that did not name where they stood, by its revision, and their new paths.
    along: BTreeSet<(Revision, String, Digest)>,
    /// First revision and files of each envelope's view.
    views: BTreeMap<EnvelopeId, (Revision, BTreeSet<String>)>,
    deeds: usize,
}

impl Story {
    fn of(paths: Vec<PathRule>) -> Self {
        let mut world = world(RULES_NOW);
        world.decide("main", policy(paths));
        world.does(3, &["a/b", "d/b", "d/e", "g"].map(|path| write(path, path)));
        let (last, firsts, views) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (along, made) = (BTreeSet::new(), BTreeMap::new());
        let mut story = Self { world, last, firsts, along, views, past: vec![], made, deeds: 0 };
        story.past.push((story.world.ledger.revision(), story.files()));
        story
    }

    /// Files that are served.
    fn files(&self) -> BTreeMap<String, Digest> {
        let files = self.world.view().ls("main", "", None, None, 100).expect("known").items;
        let found = |path: &str| self.world.view().file("main", path, None).expect("known").found();
        files.into_iter().filter_map(|entry| Some((entry.path.clone(), found(&entry.path)?.hash))).collect()
    }

    fn conflict(&self, id: &ConflictId) -> ConflictEntry {
        self.world.view().conflict(id).expect("memory").expect("known")
    }

    fn open(&self) -> Vec<ConflictId> {
        let open = self.world.view().conflicts(None, Some(true), None, 100).expect("known").items;
        open.into_iter().map(|conflict| conflict.id).collect()
    }

    /// The author's edits; contents that are gone with them may have stood at these paths only.
    fn edits(&mut self, deed: &Deed) -> Result<(), TestCaseError> {
        self.deeds += 1;
        let base = match (deed.back, self.last.get(&deed.who)) {
            (None, Some(id)) => Base::Envelope(*id),
            (back, _) => {
                let slot = self.world.ledger.revision().seq().get().saturating_sub(back.unwrap_or(0));
                support::world::revision(&slot.to_string())
            }
        };
        let (first, mut view) = match base {
            Base::Revision(revision) => {
                let there = self.past.iter().rev().find(|(at, _)| *at <= revision);
                (revision, there.iter().flat_map(|(_, files)| files.keys().cloned()).collect())
            }
            Base::Envelope(id) => self.views[&id].clone(),
            Base::Previous => unreachable!("not made here"),
        };
        let edits: Vec<Edit> = deed.wishes.iter().flat_map(|wish| wish.edits(&mut view, self.deeds)).collect();
        let before = self.files();
        let contents = edits.iter().filter_map(|edit| match edit {
            Edit::Put(_, _, bytes) => Some(support::digest(bytes)),
            _ => None,
        });
        self.made.extend(contents.map(|content| (content, deed.who)));
        let receipt = self.world.does_on(base, deed.who, &edits);
        if receipt.state == State::Refused {
            prop_assert_eq!(before, self.files());
            return Ok(());
        }
        self.last.insert(deed.who, receipt.id);
        self.views.insert(receipt.id, (first, view));
        let left = edits.iter().filter_map(|edit| match edit {
            Edit::Rename(path, _) | Edit::Delete(path) => Some(path.clone()),
            _ => None,
        });
        self.firsts.insert(receipt.revision.expect("a verdict"), (first, left.collect()));
        self.past.push((self.world.ledger.revision(), self.files()));
        let after = self.files();
        let revision = receipt.revision.expect("a verdict");
        self.along.extend(went_along(&edits, &before, &after).map(|(to, file)| (revision, to, file)));
        let lost = lost(&before, &after);
        match &edits[..] {
            [Edit::Put(path, ..)] => {
                let seen = match base {
                    Base::Revision(first) => self.stood(path, first),
                    _ => true,
                };
                let at_path = before.get(path).copied().into_iter().collect();
                prop_assert!(seen || lost.is_subset(&at_path), "{:?} lost {:?}", edits, lost);
            }
            edits if edits.iter().all(|edit| matches!(edit, Edit::Rename(..))) => {
                let may_go: BTreeSet<Digest> =
                    edits.iter().flat_map(|edit| self.may_go(edit, edits, &before)).collect();
                prop_assert!(lost.is_subset(&may_go), "{:?} lost {:?}", edits, lost);
            }
            _ => (),
        }
        Ok(())
    }

    /// Contents that a move replaces where the policy says so: at its own new path, also one that was put back there.
    fn may_go(&self, edit: &Edit, edits: &[Edit], before: &BTreeMap<String, Digest>) -> BTreeSet<Digest> {
        let Edit::Rename(_, to) = edit else { return BTreeSet::new() };
        let policy = self.world.view().policy("main").expect("known");
        let first = policy.rule(to).and_then(|rule| rule.strategies.first()).map(|step| &step.strategy);
        if !matches!(first, Some(Strategy::LastWriterWins | Strategy::Authoritative(_))) {
            return BTreeSet::new();
        }
        let moved = |edit: &Edit| match edit {
            Edit::Rename(from, _) => before.get(from).copied(),
            _ => None,
        };
        let is_put_back = edits.iter().any(|edit| matches!(edit, Edit::Rename(from, _) if from == to));
        let put_back = edits.iter().filter_map(moved).filter(|_| is_put_back);
        before.get(to).copied().into_iter().chain(put_back).collect()
    }

    fn stood(&self, path: &str, at: Revision) -> bool {
        matches!(self.world.view().file("main", path, Some(at)).expect("known"), Found::File(_))
    }

    /// Whether a file that an author knew stood at a path at the first revision of this envelope's chain, or since.
    fn has_met(&self, author: &PublicKey, revision: Revision, path: &str) -> bool {
        let Some((first, left)) = self.firsts.get(&revision) else { return true };
        if !left.iter().any(|left| left == path) {
            return true; // it left another path, and followed the file to this one
        }
        let who = (0..3).find(|who| support::author(*who).public_key() == *author);
        let at_first = self.past.iter().rev().find(|(at, _)| at <= first);
        let at_first: BTreeSet<&Digest> = at_first.iter().flat_map(|(_, files)| files.values()).collect();
        let came_along = |content: &Digest| self.along.iter().any(|(_, to, file)| to == path && file == content);
        let knows = |content: &Digest| {
            at_first.contains(content) || self.made.get(content).copied() == who && !came_along(content)
        };
        self.stood(path, *first) || self.past.iter().any(|(at, files)| at > first && files.get(path).is_some_and(knows))
    }

    /// Three organisations vote for a side of the oldest open conflict.
    fn vote(&mut self, side: u32) -> Result<(), TestCaseError> {
        let Some(id) = self.open().into_iter().next() else { return Ok(()) };
        let side = side % self.conflict(&id).record.sides;
        for who in 0..3 {
            self.settles(|world| drop(world.does(who, &[Edit::Other(Op::Vote { conflict: id, side })])))?;
        }
        Ok(())
    }

    /// Settles together; what wins is served, and what it took away stood where its author had seen a file.
    fn settles(&mut self, turn: impl FnOnce(&mut World)) -> Result<(), TestCaseError> {
        let (before, open) = (self.files(), self.open());
        turn(&mut self.world);
        let after = self.files();
        let mut may_go = BTreeSet::new();
        for id in open {
            let conflict = self.conflict(&id);
            let Some(number) = conflict.record.settled.as_ref().and_then(|settled| settled.side) else { continue };
            let (side, path) = (&conflict.sides[number as usize].side, &conflict.record.path);
            if let Some(file) = side.file.filter(|_| number > 0 || side.path == *path) {
                prop_assert!(
                    after.values().any(|hash| *hash == file.content),
                    "{:?} of {:?} is nowhere",
                    side,
                    conflict
                );
            }
            let is_here = side.path == *path || side.path.starts_with(&format!("{path}/"));
            // The author's own file may have others' edits in it, and is the author's to delete; one that went along with a
            // folder is its own author's.
            let first = &conflict.sides[0].side;
            let went_along =
                |file: quorate_ledger::File| self.along.contains(&(first.revision, first.path.clone(), file.content));
            let went_along = first.file.is_some_and(went_along);
            let is_own = first.author == side.author && !went_along;
            let contests = side.file.is_some() && is_here
                || number > 0 && (is_own || self.has_met(&side.author, side.revision, path));
            may_go.extend(before.get(path).filter(|_| contests));
        }
        let lost = lost(&before, &after);
        self.past.push((self.world.ledger.revision(), after));
        prop_assert!(lost.is_subset(&may_go), "settling lost {:?}", lost);
        Ok(())
    }

    fn no_file_is_a_folder(&self) -> Result<(), TestCaseError> {
        let listed = self.world.view().ls("main", "", None, None, 100).expect("known").items;
        for pair in listed.iter().flat_map(|a| listed.iter().map(move |b| (a, b))) {
            prop_assert!(!pair.1.path.starts_with(&format!("{}/", pair.0.path)), "{:?}", pair);
        }
        Ok(())
    }
}

fn lost(before: &BTreeMap<String, Digest>, after: &BTreeMap<String, Digest>) -> BTreeSet<Digest> {
    let after: BTreeSet<&Digest> = after.values().collect();
    before.values().filter(|hash| !after.contains(hash)).copied().collect()
}

/// Files that moved, though none of the edits names where they stood, with their new paths.
fn went_along<'a>(
    edits: &'a [Edit],
    before: &'a BTreeMap<String, Digest>,
    after: &'a BTreeMap<String, Digest>,
) -> impl Iterator<Item = (String, Digest)> + 'a {
    let is_named = move |path: &String| {
        edits.iter().any(|edit| match edit {
            Edit::Rename(at, _) | Edit::Delete(at) | Edit::Put(at, ..) => at == path,
            _ => false,
        })
    };
    let has_left = move |(path, file): &(&String, &Digest)| after.get(*path) != Some(*file) && !is_named(path);
    before.iter().filter(has_left).flat_map(move |(_, file)| {
        let has_come = move |(to, there): &(&String, &Digest)| *there == file && before.get(*to) != Some(file);
        after.iter().filter(has_come).map(|(to, file)| (to.clone(), *file))
    })
}

/// Stories of a run: a few, or as many as the environment says.
fn stories() -> u32 {
    std::env::var("QUORATE_STORIES").ok().and_then(|number| number.parse().ok()).unwrap_or(64)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(stories()))]

    #[test]
    fn moves_alone_lose_no_content_and_what_wins_is_served(
        paths in any_policy(),
        deeds in proptest::collection::vec(any_deed(), 1..40)
    ) {
        let mut story = Story::of(paths);
        for deed in deeds {
            story.edits(&deed)?;
            if let Some(side) = deed.ballot {
                story.vote(side)?;
            }
            if deed.is_late {
                story.world.time += 2_000;
                (0..2).try_for_each(|_| story.settles(|world| drop(world.slot(&[]))))?;
            }
            story.no_file_is_a_folder()?;
        }
    }
}

#[test]
fn a_deletion_may_win_over_a_file_that_its_author_moved_and_others_edited() {
    let deed = |who, wishes, ballot| Deed { who, back: None, wishes, ballot, is_late: false };
    let mut story = Story::of(vec![]);

    story.edits(&deed(1, vec![Wish::Move(6, "a/e")], None)).expect("a move");
    story.edits(&deed(0, vec![Wish::Put("a/e")], None)).expect("an edit of what was moved");
    story.edits(&deed(1, vec![Wish::Move(0, "d/e"), Wish::Move(0, "f")], None)).expect("moves on");
    story.edits(&deed(1, vec![Wish::Delete(6)], None)).expect("a deletion");

    story.vote(1).expect("for the deletion");
    assert!(!story.files().contains_key("f"));
}
