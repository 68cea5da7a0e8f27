//! Rules 16: looks for rules of paths, searches for forbidden texts and changes that waited cost one envelope a bounded work.

mod support;

use core::cell::Cell;
use core::ops::ControlFlow;
use quorate_ledger::policy::PathRule;
use quorate_ledger::{
    Act, Analysis, Code, EnvelopeId, Ledger, LockMode, MemoryStore, Mode, Op, Principal, Read, Receipt, State, Store,
    StoreError, Table,
};
use quorate_pbft::{Item, PublicKey, ReplicaId, Signer as _, Time};
use support::author;
use support::disputes::{goes_on_by, policy, rule, world};
use support::world::{Edit, World, remove, rename, write};

fn governed(rules: u32, paths: Vec<PathRule>) -> World {
    let mut world = world(rules);
    world.decide("main", policy(paths));
    world
}

/// Lets as much time pass as pays for all work.
fn rest(world: &mut World) {
    world.time += 60_000;
}

fn is_refused_for(receipt: &Receipt, why: &str) -> bool {
    receipt.code == Some(Code::Validator) && receipt.detail.as_ref().is_some_and(|detail| detail.contains(why))
}

/// Puts at so many paths below 128 folders, each of which takes 64 patterns 130,000 steps each.
fn dear_puts(rules: u32, count: usize) -> Receipt {
    let pattern = |number: usize| rule(&format!("**/{number}/{}**", "a/".repeat(63)));
    let mut world = governed(rules, (0..64).map(pattern).collect());
    let folders = "a/".repeat(128);
    let edits: Vec<Edit> = (0..count).map(|number| write(&format!("{folders}{number}"), "x\n")).collect();
    world.does(0, &edits)
}

#[test]
fn an_envelope_that_looks_for_rules_of_paths_longer_than_one_may_is_refused() {
    assert!(is_refused_for(&dear_puts(16, 280), "rules of more paths"));
}

#[test]
fn few_paths_are_held_against_dear_patterns() {
    assert_eq!(dear_puts(16, 8).code, None);
}

#[test]
fn a_thousand_paths_are_held_against_256_patterns_also_where_each_is_a_conflict() {
    let pattern = |number: usize| rule(&format!("**/*part-{number}*"));
    let mut world = governed(16, (0..256).map(pattern).collect());
    let path = |number: usize| format!("services/team/{}/{number}.rs", number / 100);
    let edits = |text: &str| -> Vec<Edit> { (0..1_000).map(|number| write(&path(number), text)).collect() };
    let base = world.now();
    assert_eq!(world.does(0, &edits("x\n")).state, State::Applied);
    assert_eq!(world.does_on(base, 1, &edits("y\n")).state, State::Conflict);
}

fn proposed(world: &mut World, paths: Vec<PathRule>) -> Option<Code> {
    world.does(0, &[Edit::Other(Op::Propose { act: Act::SetPolicy { policy: policy(paths) } })]).code
}

fn long_patterns(count: usize) -> Vec<PathRule> {
    (0..count).map(|number| rule(&format!("{number:03}{}", "/long".repeat(204)))).collect()
}

#[test]
fn a_new_policy_has_64_kib_of_patterns() {
    assert_eq!(proposed(&mut world(15), long_patterns(65)), None);
    assert_eq!(proposed(&mut world(16), long_patterns(65)), Some(Code::BadAct));
    assert_eq!(proposed(&mut world(16), long_patterns(64)), None);
}

#[test]
fn a_policy_whose_patterns_came_before_their_bound_gives_way_to_one_with_no_longer_ones() {
    let mut world = governed(15, long_patterns(70));
    goes_on_by(&mut world, 16);
    assert_eq!(proposed(&mut world, long_patterns(71)), Some(Code::BadAct));
    world.decide("main", policy(long_patterns(70)));
    world.decide("main", policy(long_patterns(69)));
}

/// Puts of so many files of a megabyte each, under a rule with so many forbidden texts.
fn searched(rules: u32, texts: usize, files: usize) -> Receipt {
    let forbidden = (0..texts).map(|number| format!("secret {number}")).collect();
    let mut world = governed(rules, vec![PathRule { forbidden, ..rule("**") }]);
    let text = "x".repeat(1 << 20);
    world.does(0, &(0..files).map(|number| write(&number.to_string(), &text)).collect::<Vec<_>>())
}

#[test]
fn bytes_are_searched_once_for_each_forbidden_text_and_so_they_count() {
    assert_eq!(searched(15, 64, 33).code, None);
    assert!(is_refused_for(&searched(16, 64, 33), "more content to search"));
    assert_eq!(searched(16, 64, 32).code, None);
    assert_eq!(searched(16, 32, 31).code, None);
}

fn attest(change: EnvelopeId) -> Edit {
    Edit::Other(Op::Attest { envelope: change, approve: true })
}

/// A world in which so many changes of author 0 wait for a word: for each a megabyte is searched eighteen times for 64 texts.
fn with_waiting(rules: u32, changes: usize) -> (World, Vec<EnvelopeId>) {
    let forbidden = (0..64).map(|number| format!("secret {number}")).collect();
    let mut world = governed(rules, vec![PathRule { forbidden, approvals: 1, ..rule("**") }]);
    let text = "x".repeat(1 << 20);
    let edits =
        |name: &str| -> Vec<Edit> { (0..18).flat_map(|_| [write(name, &text), remove(name)]).take(35).collect() };
    let ids = (0..changes).map(|name| {
        let receipt = world.does(0, &edits(&name.to_string()));
        assert_eq!(receipt.state, State::Pending);
        rest(&mut world);
        receipt.id
    });
    let ids = ids.collect();
    (world, ids)
}

fn states(world: &mut World, who: u8, edits: &[Edit]) -> Vec<State> {
    let draft = world.draft(who, world.now(), edits);
    world.slot(&[&draft]).receipts.iter().map(|receipt| receipt.state).collect()
}

#[test]
fn changes_that_one_envelope_lets_take_effect_share_one_budget() {
    for (rules, took_effect) in [(15, 4), (16, 1)] {
        let (mut world, ids) = with_waiting(rules, 4);
        let words: Vec<Edit> = ids.iter().copied().map(attest).collect();
        assert_eq!(states(&mut world, 1, &words).len(), 1 + took_effect, "the words and the changes");
    }
}

#[test]
fn a_change_for_which_no_budget_was_left_waits_with_its_words_and_takes_effect_by_the_next() {
    let (mut world, ids) = with_waiting(16, 2);
    states(&mut world, 1, &ids.iter().copied().map(attest).collect::<Vec<_>>());
    assert_eq!((world.text("0").is_some(), world.text("1").is_some()), (true, false));
    rest(&mut world);
    assert_eq!(states(&mut world, 1, &[attest(ids[1])]), [State::Applied, State::Applied]);
    assert!(world.text("1").is_some());
    assert_eq!(world.does(1, &[attest(ids[1])]).code, Some(Code::UnknownPending));
}

#[test]
fn small_changes_take_effect_by_one_envelope_all_together() {
    let mut world = governed(16, vec![PathRule { approvals: 1, ..rule("**") }]);
    let words: Vec<Edit> = (0..64).map(|name| attest(world.does(0, &[write(&name.to_string(), "x\n")]).id)).collect();
    assert_eq!(states(&mut world, 1, &words).len(), 65);
}

/// Work that a slot with these edits of one author makes for all authors, in milliseconds.
fn work(world: &mut World, who: u8, edits: &[Edit]) -> Vec<(PublicKey, u128)> {
    let draft = world.draft(who, world.now(), edits);
    world.slot(&[&draft]).work.into_iter().map(|(author, time)| (author, time.as_millis())).collect()
}

#[test]
fn a_slot_tells_what_the_work_of_each_author_takes_at_the_worst() {
    let forbidden = (0..64).map(|number| format!("secret {number}")).collect();
    let mut world = governed(16, vec![PathRule { forbidden, ..rule("searched") }]);
    let text = "x".repeat(1 << 20);
    let ada = author(0).public_key();
    assert_eq!(
        work(&mut world, 0, &[write("other", &text)]),
        [],
        "a put without a rule is an operation and nothing more"
    );
    let [(who, ms)] = work(&mut world, 0, &[write("searched", &text)])[..] else { panic!("work of one author") };
    assert_eq!((who, ms), (ada, 156 + 19), "a thirty-second of the searches, and a megabyte that is checked");
    let refused = [write("searched", &format!("{text}secret 1"))];
    assert!(
        matches!(work(&mut world, 0, &refused)[..], [(who, 175..)] if who == ada),
        "refused, and done all the same"
    );
}

#[test]
fn the_work_of_a_change_that_waited_is_its_authors() {
    let (mut world, ids) = with_waiting(16, 2);
    let words: Vec<Edit> = ids.iter().copied().map(attest).collect();
    let mut done = work(&mut world, 1, &words);
    done.retain(|(_, ms)| *ms > 0); // the words themselves
    assert!(matches!(done[..], [(who, 5_000..)] if who == author(0).public_key()), "{done:?}");
}

/// States or details of the verdicts of one slot, of an author's envelope for each of these edits; a number is used once more
/// where its envelope is refused.
fn said(world: &mut World, envelopes: &[(u8, Vec<Edit>, bool)]) -> Vec<String> {
    let base = world.now();
    let draft = |(who, edits, is_refused): &(u8, Vec<Edit>, bool)| {
        let draft = world.draft(*who, base, edits);
        if *is_refused {
            world.give_back(*who);
        }
        draft
    };
    let drafts: Vec<_> = envelopes.iter().map(draft).collect();
    let receipts = world.slot(&drafts.iter().collect::<Vec<_>>()).receipts;
    let said = |receipt: Receipt| match receipt.is_for_another_slot() {
        true => "for another slot".to_owned(),
        false => receipt.detail.unwrap_or_else(|| format!("{:?}", receipt.state)),
    };
    receipts.into_iter().map(said).collect()
}

#[test]
fn an_organisation_that_has_used_the_work_of_a_slot_has_small_changes_made_and_sends_others_again() {
    let mut world = searching();
    let envelopes = [
        (0, large("first", 32), false),
        (0, vec![write("small", "x\n")], false),
        (0, large("second", 1), true),
        (1, large("third", 2), false),
    ];
    let answers = said(&mut world, &envelopes);
    assert_eq!(answers, ["Applied", "Applied", "for another slot", "Applied"]);
}

/// A world in which a megabyte that is put is searched for 64 texts: 32 of them take 5.6 seconds at the worst.
fn searching() -> World {
    let forbidden = (0..64).map(|number| format!("secret {number}")).collect();
    governed(16, vec![PathRule { forbidden, ..rule("**") }])
}

fn large(name: &str, count: usize) -> Vec<Edit> {
    let text = "x".repeat(1 << 20);
    (0..count).map(|number| write(&format!("{name}/{number}"), &text)).collect()
}

#[test]
fn work_of_a_slot_is_owed_in_later_ones_until_a_quarter_of_the_time_has_paid_it() {
    let mut world = searching();
    assert_eq!(said(&mut world, &[(0, large("first", 32), false)]), ["Applied"]);
    let dear = (0, large("second", 1), true);
    assert_eq!(said(&mut world, &[dear.clone(), (1, large("third", 1), false)]), ["for another slot", "Applied"]);
    world.time += 2_400;
    assert_eq!(said(&mut world, &[dear, (0, vec![write("small", "x\n")], false)]), ["for another slot", "Applied"]);
    world.time += 110;
    assert_eq!(said(&mut world, &[(0, large("second", 1), false)]), ["Applied"]);
}

#[test]
fn an_organisation_that_owes_work_merges_small_files_and_no_large_ones() {
    let mut world = searching();
    let lines = |count: usize, first: &str, last: &str| -> String {
        (0..count).fold(format!("{first}\n"), |text, line| text + &format!("line {line}\n")) + last + "\n"
    };
    let both = |first, last| vec![write("small", &lines(20, first, last)), write("large", &lines(60_000, first, last))];
    assert_eq!(world.does(1, &both("a", "z")).code, None);
    let base = world.now();
    assert_eq!(world.does_on(base, 1, &both("b", "z")).code, None);
    assert_eq!(said(&mut world, &[(0, large("first", 32), false)]), ["Applied"]);
    let edits = both("a", "y");
    assert_eq!(world.does_on(base, 0, &edits[..1]).state, State::Merged);
    assert!(world.does_on(base, 0, &edits[1..]).is_for_another_slot());
}

/// Misdeeds of an author, by rules, once a refusal ended with a path of another one's choice.
fn refused_for_a_lock(rules: u32) -> (bool, u32) {
    let mut world = world(rules);
    let path = "have used the work that one may have done at a time: send it again";
    let lock = Op::Acquire { path: path.into(), mode: LockMode::X, lease_ms: 60_000, wait_ms: 0 };
    assert_eq!(world.does(0, &[Edit::Other(lock)]).code, None);
    let standing = |world: &World| world.view().reputation(&author(1).public_key()).expect("memory").score;
    let (before, receipt) = (standing(&world), world.does(1, &[write(path, "x\n")]));
    assert_eq!(receipt.code, Some(Code::Lock));
    (receipt.is_for_another_slot(), before - standing(&world))
}

#[test]
fn no_path_makes_a_refusal_one_for_work_that_is_owed() {
    for (is_for_another_slot, lost) in [15, 16].map(refused_for_a_lock) {
        assert!(!is_for_another_slot && lost > 0);
    }
}

#[test]
fn work_that_is_owed_is_known_after_a_restart() {
    let mut world = searching();
    assert_eq!(said(&mut world, &[(0, large("first", 32), false)]), ["Applied"]);
    world.ledger = Ledger::open(&world.store, &world.genesis).expect("it opens");
    assert_eq!(said(&mut world, &[(0, large("second", 1), true)]), ["for another slot"]);
}

#[test]
fn usual_work_is_not_noted_and_paid_work_is_forgotten() {
    let mut world = searching();
    let mut entries = |text: &str| {
        rest(&mut world);
        assert_eq!(said(&mut world, &[(0, vec![write("a", text)], false)]), ["Applied"]);
        world.rows(Table::Entries).len()
    };
    entries("x\n");
    let usual = entries(&"y".repeat(4_096));
    assert_eq!(entries(&"x".repeat(1 << 20)), usual + 1);
    assert_eq!(entries(&"y".repeat(4_096)), usual);
}

/// A world in which this many paths and another one are in conflict, and analyses of these: the search for the texts that the
/// rule of the first forbids takes a hundred-and-twenty-eighth of an envelope's for each.
fn disputed(count: usize, first: PathRule) -> (World, Vec<Item>) {
    let mut world = governed(16, vec![]);
    let base = world.now();
    let opened = (0..count).map(|number| number.to_string()).chain(["cheap".to_owned()]).map(|path| {
        world.does_on(base, 1, &[write(&path, "one\n")]);
        world.does_on(base, 2, &[write(&path, "two\n")]).conflicts[0]
    });
    let opened: Vec<_> = opened.collect();
    let forbidden = (0..64).map(|number| format!("secret {number}")).collect();
    world.decide("main", policy(vec![rule("cheap"), PathRule { forbidden, ..first }]));
    let file = Some((Mode::File, vec![b'x'; 256 << 10]));
    let analysis = |conflict| Analysis { conflict, file: file.clone(), reason: String::new() };
    (world, opened.into_iter().map(|conflict| analysis(conflict).item().expect("it is small")).collect())
}

/// Count of conflicts for which somebody has made a proposal.
fn proposed_for(world: &World) -> usize {
    let all = world.view().conflicts(None, Some(true), None, 200).expect("known").items;
    all.iter().filter(|conflict| !conflict.record.supporters.is_empty()).count()
}

#[test]
fn analyses_of_one_member_take_as_much_of_a_slot_as_one_envelope_may() {
    let (mut world, items) = disputed(140, rule("**"));
    world.slot_of(vec![(0, items.clone())]);
    let proposed = proposed_for(&world);
    assert!((100..128).contains(&proposed), "{proposed} of 141");
    rest(&mut world);
    world.slot_of(vec![(1, items[140..].to_vec()), (0, items[..140].to_vec())]);
    assert_eq!(proposed_for(&world), 141, "others have theirs, and so has it later");
}

#[test]
fn a_second_analysis_of_a_conflict_costs_nothing() {
    let (mut world, items) = disputed(1, PathRule { approvals: 1, ..rule("**") });
    let mut brought = vec![items[0].clone(); 140];
    brought.push(items[1].clone());
    world.slot_of(vec![(0, brought)]);
    assert_eq!(proposed_for(&world), 1, "the rule of the other is against it");
}

#[test]
fn analyses_of_a_member_that_owes_work_wait_until_time_has_paid_it() {
    let (mut world, items) = disputed(140, rule("**"));
    world.slot_of(vec![(0, items[..139].to_vec())]);
    let proposed = proposed_for(&world);
    world.slot_of(vec![(0, items[139..140].to_vec())]);
    assert_eq!(proposed_for(&world), proposed);
    rest(&mut world);
    world.slot_of(vec![(0, items[139..140].to_vec())]);
    assert_eq!(proposed_for(&world), proposed + 1);
}

#[test]
fn a_member_is_known_to_owe_too_much_for_as_long_as_its_analyses_do_nothing() {
    let (mut world, items) = disputed(140, rule("**"));
    let members = world.genesis.founders().clone();
    let owe = |world: &World| {
        let owes = |lane| {
            world.view().owes_too_much(members.key(ReplicaId::new(lane)).expect("a member"), Time::new(world.time))
        };
        (owes(0).expect("memory"), owes(1).expect("memory"))
    };
    assert_eq!(owe(&world), (false, false));
    world.slot_of(vec![(0, items[..139].to_vec())]);
    assert_eq!(owe(&world), (true, false));
    rest(&mut world);
    world.slot(&[]);
    assert_eq!(owe(&world), (false, false));
}

#[test]
fn requests_for_locks_pay_for_the_line_that_they_look_at() {
    let mut world = world(16);
    let lock =
        |path: &str| Edit::Other(Op::Acquire { path: path.into(), mode: LockMode::Ix, lease_ms: 60_000, wait_ms: 0 });
    let locks = |from: usize| -> Vec<Edit> { (from..from + 16).map(|number| lock(&number.to_string())).collect() };
    (0..3).for_each(|round| assert_eq!(world.does(0, &locks(16 * round)).code, None));
    let renewed: Vec<Edit> = (0..16).map(|_| lock("7")).collect();
    let done = work(&mut world, 0, &renewed);
    assert!(matches!(done[..], [(_, 5..8)]), "16 looks at 48 requests: {done:?}");
}

#[test]
fn fences_pay_for_the_locks_of_their_author() {
    let mut world = world(16);
    let lock = |path: usize| Op::Acquire { path: path.to_string(), mode: LockMode::Ix, lease_ms: 60_000, wait_ms: 0 };
    let locks = |from: usize| -> Vec<Edit> { (from..from + 16).map(|number| Edit::Other(lock(number))).collect() };
    (0..3).for_each(|round| assert_eq!(world.does(0, &locks(16 * round)).code, None));
    let stale: Vec<Edit> = (0..64).map(|_| Edit::Other(Op::Fence { token: 0 })).collect();
    let done = work(&mut world, 0, &stale);
    assert!(matches!(done[..], [(_, 20..26)]), "64 looks at 48 locks: {done:?}");
}

#[test]
fn files_that_leave_a_large_folder_pay_for_the_rows_that_are_read_of_it() {
    let mut world = governed(16, vec![]);
    let files: Vec<Edit> = (0..300).map(|number| write(&format!("a/b/{number}"), "x\n")).collect();
    assert_eq!(world.does(0, &files).code, None);
    let done = work(&mut world, 0, &[rename("a/b/0", "z")]);
    assert!(matches!(done[..], [(_, 10..14)]), "770 rows of each of two folders: {done:?}");
}

#[test]
fn words_on_a_change_that_waits_pay_for_its_bytes() {
    let key = |number: u8| PublicKey([number; 32]);
    let validators = (0..250).map(|number| Principal::Author(key(number))).collect();
    let mut world = governed(16, vec![PathRule { validators, ..rule("tested") }]);
    let waits = world.does(0, &[write("tested", "x\n")]);
    assert_eq!(waits.state, State::Pending, "{waits:?}");
    let envelope = waits.id;
    let words: Vec<Edit> = (0..64).map(|_| Edit::Other(Op::Attest { envelope, approve: true })).collect();
    let done = work(&mut world, 1, &words);
    assert!(matches!(done[..], [(_, 8..14)]), "64 looks at some 8 KiB: {done:?}");
}

#[test]
fn suggestions_pay_for_the_sides_that_they_look_at() {
    let mut world = governed(16, vec![]);
    let base = world.now();
    (0..60).for_each(|number| drop(world.does_on(base, 1 + number % 2, &[write("a", &format!("{number}\n"))])));
    let conflict = world.view().conflicts(None, Some(true), None, 1).expect("known").items[0].id;
    let same = Edit::Other(Op::Suggest { conflict, file: None, reason: String::new() });
    let done = work(&mut world, 3, &vec![same; 64]);
    assert!(matches!(done[..], [(_, 25..40)]), "64 looks at some 60 sides: {done:?}");
}

#[test]
fn a_refusal_for_work_that_is_owed_is_no_misdeed() {
    let mut world = searching();
    assert_eq!(said(&mut world, &[(0, large("first", 32), false)]), ["Applied"]);
    let standing = |world: &World| world.view().reputation(&author(0).public_key()).expect("memory");
    let before = standing(&world);
    assert_eq!(said(&mut world, &[(0, large("second", 1), true)]), ["for another slot"]);
    assert_eq!(standing(&world), before);
}

/// Envelopes without a verdict of a slot with two copies of one that lacks a content.
fn deferred(rules: u32) -> usize {
    let mut world = world(rules);
    let mut draft = world.draft(0, world.now(), &[write("a", "x\n")]);
    draft.contents.clear();
    let item = world.item(&draft);
    world.slot_of(vec![(0, vec![item.clone(), item])]).deferred.len()
}

#[test]
fn a_copy_of_what_lacks_a_content_is_not_executed_again_in_its_slot() {
    assert_eq!((deferred(15), deferred(16)), (2, 1));
}

/// A store that counts the bytes of the past that are read from it.
struct Reads<'a>(&'a mut MemoryStore, Cell<usize>);

impl Read for Reads<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self.0.get(table, key)?;
        self.1.set(self.1.get() + found.as_ref().filter(|_| table == Table::Past).map_or(0, Vec::len));
        Ok(found)
    }

    fn scan(&self, table: Table, from: &[u8], to: &[u8], each: Each<'_>) -> Result<(), StoreError> {
        self.0.scan(table, from, to, each)
    }

    fn scan_back(&self, table: Table, from: &[u8], to: &[u8], each: Each<'_>) -> Result<(), StoreError> {
        self.0.scan_back(table, from, to, each)
    }
}

type Each<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>;

impl Store for Reads<'_> {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.0.put(table, key, value)
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError> {
        self.0.delete(table, key)
    }
}

/// The row of an envelope has all that it wrote.
#[test]
fn files_of_one_envelope_that_leave_together_have_its_row_read_once() {
    let mut world = governed(16, vec![]);
    let path = |number: usize| format!("big/{number}");
    let files: Vec<Edit> = (0..400).map(|number| write(&path(number), "x\n")).collect();
    assert_eq!(world.does(0, &files).code, None);
    let paths: Vec<String> = (0..400).map(path).collect();
    let gone: Vec<Edit> = paths.iter().map(|path| remove(path)).collect();
    let draft = world.draft(0, world.now(), &gone);
    let item = world.item(&draft);
    let decided = world.decided(vec![(0, vec![item])]);
    let mut reads = Reads(&mut world.store, Cell::new(0));
    let outcome = world.ledger.execute(&mut reads, &decided).expect("memory");
    assert_eq!(outcome.receipts[0].state, State::Applied);
    assert!(reads.1.get() < 100_000, "{} bytes", reads.1.get());
}
