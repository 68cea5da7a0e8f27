//! Searches the choice of V5 over every way in which one slot can go through some views: which honest replicas vote,
//! who of them prepares, whether it commits slowly or fast, whose ViewChanges a NewView takes, and what liars claim.
//!
//! The search was run once, with no loss found, over four view changes of four, three of five and six, and two of seven; the
//! tests keep one view less, so that they take seconds.
//!
//! The real [`select`] answers; the search only plays the network and the liars. What is committed must be all that a
//! later view can start with.

use crate::views::view_change::{Claim, select};
use crate::wire::{Digest, View};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use alloc::vec::Vec;

/// Digests that a liar may claim: two that a primary may propose, and null.
const DIGESTS: [u8; 3] = [0, 1, 2];

type Vote = Option<(u64, u8)>;

/// Q and P that an honest replica would report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Local {
    voted: Vote,
    prepared: Vote,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    /// Sorted: replicas are interchangeable.
    honest: Vec<Local>,
    committed: BTreeSet<u8>,
    /// Prepared certificates that exist; liars can show them too.
    certificates: BTreeSet<(u64, u8)>,
}

/// Choices: the real one, or a known wrong one that the search must find.
type Choice = fn(&[Claim], usize) -> Option<Digest>;

struct Search {
    n: usize,
    choice: Choice,
}

impl Search {
    fn f(&self) -> usize {
        (self.n - 1) / 3
    }

    fn q(&self) -> usize {
        self.n - self.f()
    }

    /// Looks through `views` view changes; the first state in which a committed digest can be lost, or their number.
    fn run(&self, views: u64) -> Result<usize, State> {
        let honest = vec![Local::default(); self.n - self.f()];
        let start = State { honest, committed: BTreeSet::new(), certificates: BTreeSet::new() };
        let mut frontier = BTreeSet::from([start]);
        let mut seen = 0;
        for view in 0..=views {
            let mut next = BTreeSet::new();
            for state in frontier {
                let new_views = if view == 0 { BTreeSet::from([None]) } else { self.new_views(&state, view) };
                let lost = |start: &Option<u8>| state.committed.iter().any(|of| Some(*of) != *start);
                if new_views.iter().any(lost) {
                    return Err(state);
                }
                for start in new_views {
                    for proposals in proposals(view, start) {
                        self.play(&state, view, &proposals, &mut next);
                    }
                }
            }
            seen += next.len();
            frontier = next;
        }
        Ok(seen)
    }

    /// Digests that a valid NewView can start with, over all sets of q ViewChanges.
    fn new_views(&self, state: &State, view: u64) -> BTreeSet<Option<u8>> {
        let mut new_views = BTreeSet::new();
        let lies: Vec<Vote> =
            core::iter::once(None).chain((0..view).flat_map(|u| DIGESTS.map(|d| Some((u, d))))).collect();
        for liars in 0..=self.f() {
            for honest in multisets(&state.honest, self.q() - liars) {
                for lie in combinations(&lies, liars) {
                    let shown = state.certificates.iter().map(|certificate| Some(*certificate));
                    for shown in core::iter::once(None).chain(shown.filter(|_| liars > 0)) {
                        let mut claims: Vec<Claim> = honest.iter().map(claim).collect();
                        claims.extend(lie.iter().map(|voted| claim(&Local { voted: *voted, prepared: None })));
                        if let (Some(last), true) = (claims.last_mut(), shown.is_some()) {
                            last.prepared = at(shown);
                        }
                        let found = (self.choice)(&claims, self.q() - self.f());
                        new_views.insert(found.map(|digest| digest.0[0]));
                    }
                }
            }
        }
        new_views
    }

    /// One view: every honest replica votes for one of the proposals or for none; some of those who could prepare do.
    fn play(&self, state: &State, view: u64, proposals: &[u8], next: &mut BTreeSet<State>) {
        for votes in ballots(&state.honest, proposals.len()) {
            let count = |choice: usize| votes.iter().filter(|(_, vote)| *vote == Some(choice)).count();
            let possible = (0..proposals.len()).find(|choice| count(*choice) + self.f() >= self.q());
            let mut honest: Vec<Local> = votes
                .iter()
                .map(|(local, vote)| {
                    let voted = vote.map_or(local.voted, |choice| Some((view, proposals[choice])));
                    Local { voted, ..*local }
                })
                .collect();
            let Some(choice) = possible else {
                honest.sort_unstable();
                next.insert(State { honest, ..state.clone() });
                continue;
            };
            let digest = proposals[choice];
            let voters: Vec<usize> = (0..votes.len()).filter(|index| votes[*index].1 == Some(choice)).collect();
            for prepared in 0..1_u32 << voters.len() {
                let mut after = honest.clone();
                for (bit, index) in voters.iter().enumerate() {
                    if prepared >> bit & 1 == 1 {
                        after[*index].prepared = Some((view, digest));
                    }
                }
                after.sort_unstable();
                let slow = prepared.count_ones() as usize + self.f() >= self.q();
                let fast = voters.len() == state.honest.len();
                let mut to = State { honest: after, ..state.clone() };
                to.certificates.insert((view, digest));
                to.committed.extend((slow || fast).then_some(digest));
                assert!(to.committed.len() <= 1, "two digests commit in one view's votes: {to:?}");
                next.insert(to);
            }
        }
    }
}

/// Proposals open to a faulty primary: two digests at once where the slot is free, or null; else only what was chosen.
fn proposals(view: u64, start: Option<u8>) -> Vec<Vec<u8>> {
    match start {
        Some(digest) => vec![vec![digest]],
        None if view == 0 => vec![vec![1, 2]],
        None => vec![vec![1, 2], vec![0]],
    }
}

fn at(vote: Vote) -> Option<(View, Digest)> {
    vote.map(|(view, digest)| (View::new(view), Digest([digest; 32])))
}

fn claim(local: &Local) -> Claim {
    Claim { prepared: at(local.prepared), voted: at(local.voted) }
}

/// Distinct sub-multisets of `count` elements of a sorted list.
fn multisets(all: &[Local], count: usize) -> BTreeSet<Vec<Local>> {
    let mut sets = BTreeSet::new();
    for bits in 0..1_u32 << all.len() {
        if bits.count_ones() as usize == count {
            let chosen = (0..all.len()).filter(|index| bits >> index & 1 == 1).map(|index| all[index]);
            sets.insert(chosen.collect());
        }
    }
    sets
}

/// Combinations with repetition.
fn combinations(of: &[Vote], count: usize) -> Vec<Vec<Vote>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (index, first) in of.iter().enumerate() {
        for mut rest in combinations(&of[index..], count - 1) {
            rest.push(*first);
            all.push(rest);
        }
    }
    all
}

/// Every assignment of votes, up to exchange of replicas in the same state.
fn ballots(honest: &[Local], choices: usize) -> BTreeSet<Vec<(Local, Option<usize>)>> {
    let mut all = BTreeSet::from([Vec::new()]);
    for local in honest {
        let mut longer = BTreeSet::new();
        for ballot in all {
            for vote in core::iter::once(None).chain((0..choices).map(Some)) {
                let mut more: Vec<(Local, Option<usize>)> = ballot.clone();
                more.push((*local, vote));
                more.sort_unstable();
                longer.insert(more);
            }
        }
        all = longer;
    }
    all
}

/// Counts Q entries at their exact view only.
fn exact(claims: &[Claim], support: usize) -> Option<Digest> {
    let mut counts: BTreeMap<(View, Digest), usize> = BTreeMap::new();
    for voted in claims.iter().filter_map(|claim| claim.voted) {
        *counts.entry(voted).or_default() += 1;
    }
    let supported = counts.into_iter().filter(|(_, count)| *count >= support).map(|(at, _)| at).max();
    let prepared = claims.iter().filter_map(|claim| claim.prepared).max();
    match (prepared, supported) {
        (Some(p), Some(s)) if p.0 >= s.0 => Some(p.1),
        (p, None) => p.map(|p| p.1),
        (_, s) => s.map(|s| s.1),
    }
}

/// Takes the supported digest before a certificate of a higher view.
fn support_first(claims: &[Claim], support: usize) -> Option<Digest> {
    let without: Vec<Claim> = claims.iter().map(|claim| Claim { prepared: None, ..*claim }).collect();
    select(&without, support).or_else(|| select(claims, support))
}

/// Knows prepared certificates only, as PBFT without a fast path does.
fn without_fast_path(claims: &[Claim], _: usize) -> Option<Digest> {
    claims.iter().filter_map(|claim| claim.prepared).max().map(|(_, digest)| digest)
}

#[test]
fn nothing_committed_is_lost_over_three_view_changes_of_four_replicas() {
    let seen = Search { n: 4, choice: select }.run(3).expect("no committed digest is lost");
    assert!(seen > 1_000, "only {seen} states were looked at");
}

#[test]
fn nothing_committed_is_lost_over_two_view_changes_of_five_and_six_replicas() {
    for n in [5, 6] {
        Search { n, choice: select }.run(2).expect("no committed digest is lost");
    }
}

#[test]
fn nothing_committed_is_lost_over_one_view_change_of_seven_replicas() {
    Search { n: 7, choice: select }.run(1).expect("no committed digest is lost");
}

#[test]
fn the_search_finds_that_counting_at_the_exact_view_loses_a_fast_commit() {
    Search { n: 4, choice: exact }.run(3).expect_err("counting at the exact view is wrong");
}

#[test]
fn the_search_finds_that_support_before_a_certificate_loses_a_slow_commit() {
    Search { n: 4, choice: support_first }.run(3).expect_err("support before certificates is wrong");
}

#[test]
fn the_search_finds_that_certificates_alone_lose_a_fast_commit() {
    Search { n: 4, choice: without_fast_path }.run(2).expect_err("the plain rule of PBFT knows no fast path");
}
