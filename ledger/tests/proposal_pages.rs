//! A page of proposals costs what is on it, and never more than a thousand rows that are looked at.

mod support;

use quorate_ledger::policy::DomainPolicy;
use quorate_ledger::{Act, Op, Principal, ProposalEntry, State};
use support::counting::Counting;
use support::world::{Edit, World};

/// Rows of proposals that one page looks at.
const LOOKED_AT_MAX: usize = 1_000;
/// Proposals of one envelope.
const PART: usize = 50;

/// A policy of the first organisations.
fn policy(count: u8) -> DomainPolicy {
    let named = (0..count).map(|n| Principal::Organisation(format!("org-{n}"))).collect();
    DomainPolicy::new(named, vec![])
}

fn propose(world: &mut World, domain: &str, count: usize) {
    let policy = || world.view().policy(domain).expect("a domain").clone(); // as it is
    let act = || Act::SetPolicy { policy: policy() };
    let edits: Vec<Edit> = (0..count).map(|_| Edit::Other(Op::Propose { act: act() })).collect();
    for part in edits.chunks(PART) {
        assert_eq!(world.does_in(domain, 0, part).state, State::Applied);
    }
}

/// A page, and how many rows it read.
fn page(
    world: &World,
    domain: Option<&str>,
    open_only: bool,
    from: Option<&str>,
    limit: usize,
) -> (Vec<ProposalEntry>, Option<String>, usize) {
    let counting = Counting::of(&world.store);
    let from = from.map(|id| id.parse().expect("an id"));
    let page = world.ledger.view(&counting).proposals(domain, open_only, from, limit).expect("known");
    (page.items, page.next, counting.rows())
}

#[test]
fn a_page_stops_where_enough_was_looked_at_and_says_where_to_go_on() {
    let mut world = World::new();
    propose(&mut world, "main", 1);
    propose(&mut world, "other", 25 * PART);
    let (items, next, rows) = page(&world, Some("main"), false, None, 10);
    assert_eq!((items.len(), rows), (0, LOOKED_AT_MAX), "of another domain, all of them");
    let (items, end, _) = page(&world, Some("main"), false, next.as_deref(), 10);
    assert_eq!((items.len(), items[0].domain.as_str(), end), (1, "main", None));
}

#[test]
fn a_page_of_what_is_open_stops_as_well() {
    let mut world = World::new();
    propose(&mut world, "main", 1);
    world.decide("other", policy(1));
    propose(&mut world, "other", 25 * PART); // one organisation decides: each takes effect at once
    let (items, next, rows) = page(&world, None, true, None, 10);
    assert_eq!(items.len(), 0);
    assert!(rows <= 2 * LOOKED_AT_MAX, "{rows} rows: of each its place and itself");
    let (items, end, _) = page(&world, None, true, next.as_deref(), 10);
    assert_eq!((items.len(), end), (1, None));
}

#[test]
fn who_must_agree_is_counted_once_for_a_page() {
    let mut world = World::new();
    world.decide("main", policy(4));
    propose(&mut world, "main", 60);
    let [few, many] = [20, 40].map(|limit| page(&world, Some("main"), true, None, limit));
    assert_eq!((few.0.len(), many.0.len()), (20, 40));
    assert_eq!(many.2 - few.2, 2 * 20, "of each its place and itself");
    assert!(many.0.iter().all(|entry| entry.needed == 3));
}

#[test]
fn all_pages_together_are_all_proposals_each_once() {
    let mut world = World::new();
    propose(&mut world, "main", 30);
    propose(&mut world, "other", 30);
    for (domain, expected) in [(None, 60), (Some("main"), 30)] {
        let (mut found, mut from) = (Vec::new(), None);
        loop {
            let (items, next, _) = page(&world, domain, true, from.as_deref(), 7);
            found.extend(items.into_iter().map(|entry| (entry.proposal.since, entry.id)));
            match next {
                Some(next) => from = Some(next),
                None => break,
            }
        }
        assert_eq!(found.len(), expected);
        assert!(found.windows(2).all(|pair| pair[0] > pair[1]), "newest first");
    }
}
