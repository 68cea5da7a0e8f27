//! Drafts of the authors: dice choose the paths, the bases and the company of each change.

use crate::past::{Files, files};
use crate::story::Story;
use crate::support::world::{Draft, Edit, remove, rename, write};
use crate::support::{author, put};
use quorate_ledger::policy::{DomainPolicy, PathRule, Step, Strategy};
use quorate_ledger::{Base, Change, Dependency, Mode, Op, Principal, Revision};
use quorate_pbft::{SeqNum, Signer};
use std::collections::BTreeSet;

/// Paths of `main`: those that merge or are voted on, then those where deadlines pass or others must agree.
pub const PATHS: [&str; 11] =
    ["a", "b", "c", "d/a", "d/b", "d/e/a", "d/e/b", "g/a", "rejected/a", "timed/a", "reviewed/a"];
/// Count of authors that answer within their slot.
const PROMPT: usize = 8;
/// Folders that are renamed, whole.
const MOVES: [(&str, &str); 5] = [("d", "h"), ("h", "d"), ("d", "d/e"), ("d/e", "rejected"), ("d/e", "h/i")];
/// Bases are up to this many snapshots, or slots, old.
const SNAPSHOTS_BACK: usize = 12;
const SLOTS_BACK: u64 = 6;
/// Or one of the author's so many last changes.
const OWN_BACK: usize = 3;

/// A sequence of numbers that looks random and is the same for the same seed (Knuth's linear congruence).
pub struct Dice(pub u64);

impl Dice {
    /// A number from 0 to `n` − 1.
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    /// Once in `n` times.
    pub fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }
}

/// Merge, then vote; below some folders a deadline ends the vote, and below one somebody else must agree first.
pub fn policy() -> DomainPolicy {
    let step = |strategy, deadline_ms| Step { class: None, strategy, deadline_ms };
    let vote = |deadline_ms| step(Strategy::Vote(Some(2)), deadline_ms);
    let rule = |pattern: &str, rest: &[Step]| PathRule {
        strategies: [&[step(Strategy::Merge, None)], rest].concat(),
        ..PathRule { pattern: pattern.into(), ..PathRule::default() }
    };
    let paths = vec![
        PathRule { approvals: 1, ..rule("reviewed/**", &[]) },
        rule("timed/**", &[vote(Some(6)), step(Strategy::LastWriterWins, None)]),
        rule("rejected/**", &[vote(Some(8)), step(Strategy::Reject, None)]),
        rule("**", &[vote(None)]),
    ];
    DomainPolicy { paths, ..DomainPolicy::new(vec![Principal::Everyone], vec![]) }
}

impl Story {
    /// Next envelope of an author.
    pub fn draft(&mut self, who: u8) -> Draft {
        match self.dice.below(12) {
            0 | 1 if !self.waiting.is_empty() => self.word(who),
            2 | 3 if !self.conflicts.is_empty() => self.vote(who),
            4 if !self.setting.is_by_place => {
                let draft = self.changes(who);
                self.go_on_elsewhere(who, draft)
            }
            _ => self.changes(who),
        }
    }

    /// On a change that waits: all say the same of it, so that some are refused in the end.
    fn word(&mut self, who: u8) -> Draft {
        let waiting: Vec<_> = self.waiting.iter().copied().collect();
        let envelope = self.dice.one_of(&waiting);
        let approve = !envelope.0.0[0].is_multiple_of(2);
        let now = self.world.now();
        self.world.draft(who, now, &[Edit::Other(Op::Attest { envelope, approve })])
    }

    fn vote(&mut self, who: u8) -> Draft {
        let conflict = self.dice.one_of(&self.conflicts);
        let side = self.dice.below(2) as u32;
        let mut edits = vec![Edit::Other(Op::Vote { conflict, side })];
        if self.dice.once_in(3) {
            edits.push(self.edit());
        }
        let now = self.world.now();
        self.world.draft(who, now, &edits)
    }

    /// Changes of a draft: one to three, the later ones on what the first ones made, or held together by a dependency.
    fn changes(&mut self, who: u8) -> Draft {
        let base = self.base(who);
        let edits = self.edits(base);
        let mut draft = self.world.draft(who, base, &edits);
        let is_composition = self.dice.once_in(3);
        for _ in 0..self.dice.below(3) {
            let mut change = self.further_change(who, &mut draft.contents);
            if is_composition {
                let (author, domain) = (author(who).public_key(), "main".to_owned());
                change.wishes.depends_on = vec![Dependency { author, domain, seq: draft.body.to_seq }];
            }
            draft.body.changes.push(change);
            draft.body.to_seq += 1;
        }
        each_once(&mut draft.contents);
        draft
    }

    fn further_change(&mut self, who: u8, contents: &mut Vec<Vec<u8>>) -> Change {
        let edits: Vec<Edit> = (0..=self.dice.below(3)).map(|_| self.edit()).collect();
        let base = if self.dice.once_in(2) { Base::Previous } else { self.base(who) };
        let draft = self.world.draft(who, base, &edits);
        contents.extend(draft.contents);
        draft.body.changes.into_iter().next().expect("a draft has a change")
    }

    /// A further change, in `other`.
    fn go_on_elsewhere(&mut self, who: u8, mut draft: Draft) -> Draft {
        let (key, domain) = (author(who).public_key(), "other".to_owned());
        let seq = self.world.ledger.next_seq(&self.world.store, &key, &domain).expect("memory does not fail");
        let attempt = self.world.view().author(&domain, &key).expect("a known domain").attempt + 1;
        let path = self.dice.one_of(&PATHS[..PROMPT]);
        let text = format!("{}\n", self.dice.below(9)).into_bytes();
        let ops = vec![Op::Enter { domain, seq, attempt }, put(path, &text)];
        draft.contents.push(text);
        each_once(&mut draft.contents);
        draft.body.changes.push(Change::new(self.world.now(), ops, "there", 0));
        draft.body.to_seq += 1;
        self.world.renumber(who, "main", draft.body.to_seq + 1);
        draft
    }

    /// Up to five edits; sometimes a folder moves instead.
    fn edits(&mut self, base: Base) -> Vec<Edit> {
        let edits = (0..=self.dice.below(4)).map(|_| self.edit()).collect();
        let Base::Revision(seen) = base else { return edits };
        if !self.dice.once_in(5) {
            return edits;
        }
        let mut moves = self.moves(&files(&self.world, Some(seen)));
        if moves.is_empty() || self.dice.once_in(4) {
            moves.push(self.edit());
        }
        moves
    }

    fn moves(&mut self, seen: &Files) -> Vec<Edit> {
        let (from, to) = self.dice.one_of(&MOVES);
        let below = seen.keys().filter_map(|path| Some((path, path.strip_prefix(from)?.strip_prefix('/')?)));
        below.map(|(path, rest)| rename(path, &format!("{to}/{rest}"))).collect()
    }

    fn edit(&mut self) -> Edit {
        let path = self.path();
        let (line, value) = (self.dice.below(4) * 2, self.dice.below(5));
        match self.dice.below(12) {
            0..=4 => {
                let lines = (0..8).map(|l| format!("line {l} is {}\n", if l == line { value } else { 0 }));
                write(path, &lines.collect::<String>())
            }
            5 => write(path, &format!("only {value}\n")),
            6 | 7 => remove(self.taken()),
            8 | 9 => self.named_again(path),
            _ => rename(self.taken(), self.free()),
        }
    }

    /// A content that once stood there, of which the bytes do not travel again.
    fn named_again(&mut self, path: &str) -> Edit {
        let then = self.snapshot();
        let mode = self.dice.one_of(&[Mode::File, Mode::Exec]);
        match self.snapshots[&then].get(path) {
            Some((_, content)) => Edit::Mode(path.into(), mode, *content),
            None => write(path, ""),
        }
    }

    /// A path where a file stands now, as a rule: its author may see another state.
    fn taken(&mut self) -> &'static str {
        self.path_that(true)
    }

    /// A path where none stands, as a rule.
    fn free(&mut self) -> &'static str {
        self.path_that(false)
    }

    fn path_that(&mut self, stands: bool) -> &'static str {
        let there = files(&self.world, None);
        let tries = [self.path(), self.path(), self.path(), self.path()];
        tries.into_iter().find(|path| there.contains_key(*path) == stands).unwrap_or(tries[0])
    }

    fn path(&mut self) -> &'static str {
        let known = if self.setting.is_by_place { PROMPT } else { PATHS.len() };
        self.dice.one_of(&PATHS[..known])
    }

    /// Base: one of the author's last changes, also one that waits, or what the author has seen of the others'.
    fn base(&mut self, who: u8) -> Base {
        let now = self.world.ledger.revision();
        let revision = |seen| (Base::Revision(seen), seen);
        let own: Vec<_> = self.own.get(&who).into_iter().flatten().rev().take(OWN_BACK).copied().collect();
        let (base, seen) = match self.dice.below(6) {
            0 | 1 if !own.is_empty() => self.dice.one_of(&own),
            2 => revision(self.snapshot()),
            3 => revision(now),
            _ => revision(Revision::slot(SeqNum::new(now.seq().get().saturating_sub(self.dice.below(SLOTS_BACK))))),
        };
        let is_lost = seen.seq() < self.world.ledger.head().times.floor();
        if is_lost && !self.dice.once_in(4) { Base::Revision(now) } else { base }
    }

    /// Revision of one of the newest snapshots.
    fn snapshot(&mut self) -> Revision {
        let newest: Vec<Revision> = self.snapshots.keys().rev().take(SNAPSHOTS_BACK).copied().collect();
        self.dice.one_of(&newest)
    }
}

fn each_once(contents: &mut Vec<Vec<u8>>) {
    let mut seen = BTreeSet::new();
    contents.retain(|content| seen.insert(content.clone()));
}
