//! Compositions and transactions, one claim each.

mod support;

use quorate_ledger::LockMode::X;
use quorate_ledger::policy::DomainPolicy;
use quorate_ledger::{Base, Change, Code, DeferReason, Dependency, Found, Op, Principal, Receipt, State};
use quorate_pbft::Signer;
use support::author;
use support::locks::{LEASE, acquire_for, answer, fence, grab};
use support::world::{Draft, Edit, World, composition, revision, write};

fn text_in(world: &World, domain: &str, path: &str) -> Option<String> {
    let Found::File(file) = world.view().file(domain, path, None).expect("a domain") else { return None };
    let bytes = world.view().content(&file.hash).expect("memory").expect("a content");
    Some(String::from_utf8(bytes).expect("text"))
}

fn next(world: &World, who: u8, domain: &str) -> u64 {
    world.ledger.next_seq(&world.store, &author(who).public_key(), domain).expect("memory")
}

/// An author's transaction in `main` and `other`, with the next number of each.
fn transaction(world: &mut World, who: u8, bases: (Base, Base), here: &[Edit], there: &[Edit]) -> Draft {
    let seq = next(world, who, "other");
    let attempt = world.view().author("other", &author(who).public_key()).expect("known").attempt + 1;
    let mut draft = world.draft(who, bases.0, here);
    let mut ops = vec![Op::Enter { domain: "other".into(), seq, attempt }];
    for edit in there {
        if let Edit::Put(_, _, bytes) = edit {
            draft.contents.push(bytes.clone());
        }
        ops.push(match edit.clone() {
            Edit::Put(path, mode, bytes) => Op::Put { path, mode, content: support::digest(&bytes) },
            Edit::Delete(path) => Op::Delete { path },
            Edit::Other(op) => op,
            other => panic!("not used here: {other:?}"),
        });
    }
    draft.body.changes.push(Change::new(bases.1, ops, "there", 0));
    draft.body.to_seq += 1;
    world.renumber(who, "main", draft.body.to_seq + 1);
    draft
}

fn transacts(world: &mut World, who: u8, here: &[Edit], there: &[Edit]) -> Receipt {
    let now = world.now();
    let draft = transaction(world, who, (now, now), here, there);
    world.verdict(&draft)
}

fn policy(paths: &str) -> DomainPolicy {
    let text = format!("{{\"writers\": [\"*\"], \"readers\": [\"*\"], \"paths\": {paths}}}");
    serde_json::from_str(&text).expect("a policy")
}

#[test]
fn a_transaction_takes_effect_in_both_domains_at_one_revision_and_uses_a_number_in_each() {
    let mut world = World::new();
    world.does_in("other", 0, &[write("x", "0")]);
    let receipt = transacts(&mut world, 0, &[write("a", "1")], &[write("b", "2")]);
    assert_eq!(receipt.state, State::Applied);
    assert_eq!(receipt.changes.iter().map(|change| change.path.as_str()).collect::<Vec<_>>(), ["a", "other//b"]);
    assert_eq!(text_in(&world, "main", "a").as_deref(), Some("1"));
    assert_eq!(text_in(&world, "other", "b").as_deref(), Some("2"));
    assert_eq!((next(&world, 0, "main"), next(&world, 0, "other")), (3, 3));
    let there = world.view().file("other", "b", None).expect("known").found().expect("a file");
    assert_eq!(Some(there.revision), receipt.revision);
    for (domain, path) in [("main", "a"), ("other", "b")] {
        let log = world.view().log(domain, None, None, 1).expect("known").items;
        assert_eq!(log[0].id, receipt.id);
        assert_eq!(log[0].changes.iter().map(|change| change.path.as_str()).collect::<Vec<_>>(), [path]);
    }
}

#[test]
fn a_message_that_all_parts_of_a_transaction_have_stands_in_the_log_once() {
    let mut world = World::new();
    let now = world.now();
    let mut draft = transaction(&mut world, 0, (now, now), &[write("a", "1")], &[write("b", "2")]);
    draft.body.changes.iter_mut().for_each(|change| change.message = "both".to_owned());
    assert_eq!(world.verdict(&draft).state, State::Applied);
    for domain in ["main", "other"] {
        assert_eq!(world.view().log(domain, None, None, 1).expect("known").items[0].message, "both");
    }
}

#[test]
fn authors_go_on_in_both_domains_after_a_transaction() {
    let mut world = World::new();
    transacts(&mut world, 0, &[write("a", "1")], &[write("b", "2")]);
    world.renumber(0, "other", 2);
    assert_eq!(world.does(0, &[write("a", "3")]).state, State::Applied);
    assert_eq!(world.does_in("other", 0, &[write("b", "4")]).state, State::Applied);
}

#[test]
fn a_transaction_that_one_domain_refuses_changes_nothing_in_either() {
    let mut world = World::new();
    world.decide("other", policy(r#"[{"pattern": "b", "owners": ["org:org-1"]}]"#));
    let receipt = transacts(&mut world, 3, &[write("a", "1")], &[write("b", "2")]);
    assert_eq!(answer(&receipt), "ownership: not-owner");
    assert!(receipt.detail.expect("a reason").starts_with("in \"other\": "));
    assert_eq!((text_in(&world, "main", "a"), text_in(&world, "other", "b")), (None, None));
    assert_eq!((next(&world, 3, "main"), next(&world, 3, "other")), (1, 1));
    let attempts =
        ["main", "other"].map(|domain| world.view().author(domain, &author(3).public_key()).expect("known").attempt);
    assert!(attempts.iter().all(|attempt| *attempt > 0), "{attempts:?}");
}

#[test]
fn each_domain_asks_for_its_own_members() {
    let mut world = World::new();
    let only = DomainPolicy::new(vec![Principal::Organisation("org-1".into())], vec![]);
    world.decide("other", only);
    assert_eq!(answer(&transacts(&mut world, 0, &[write("a", "1")], &[write("b", "2")])), "domain: not-member");
    assert_eq!(answer(&transacts(&mut world, 1, &[write("a", "1")], &[write("b", "2")])), "Applied");
}

#[test]
fn a_forged_number_in_one_domain_refuses_the_whole() {
    let mut world = World::new();
    world.does_in("other", 0, &[write("b", "0")]);
    for (seq, attempt, expected) in
        [(1, 1, "sequence: sequence-taken"), (1, 99, "sequence: sequence-taken"), (5_000, 1, "sequence: gap-too-wide")]
    {
        let now = world.now();
        let mut draft = transaction(&mut world, 0, (now, now), &[write("a", "1")], &[write("b", "2")]);
        draft.body.changes[1].ops[0] = Op::Enter { domain: "other".into(), seq, attempt };
        assert_eq!(answer(&world.verdict(&draft)), expected, "{seq}");
    }
    assert_eq!((text_in(&world, "main", "a"), text_in(&world, "other", "b").as_deref()), (None, Some("0")));
    assert_eq!((next(&world, 0, "main"), next(&world, 0, "other")), (1, 2));
}

#[test]
fn an_attempt_that_had_its_verdict_in_a_transaction_is_used_up_in_each_domain() {
    let mut world = World::new();
    world.does_in("other", 1, &[grab("b", X)]);
    let receipt = transacts(&mut world, 0, &[write("a", "1")], &[write("b", "2")]);
    assert_eq!(answer(&receipt), "ownership: lock");
    let mut alone = world.draft_in("other", 0, world.now(), &[write("c", "1")]);
    alone.body.attempt = 1;
    assert_eq!(world.slot(&[&alone]).deferred[0].why, DeferReason::Taken);
    alone.body.attempt = 2;
    assert_eq!(world.verdict(&alone).state, State::Applied);
}

#[test]
fn a_gap_in_another_domain_is_waited_for() {
    let mut world = World::new();
    let first = world.draft_in("other", 0, world.now(), &[write("x", "0")]);
    let now = world.now();
    let mut draft = transaction(&mut world, 0, (now, now), &[write("a", "1")], &[write("b", "2")]);
    draft.body.changes[1].ops[0] = Op::Enter { domain: "other".into(), seq: 2, attempt: 1 };
    let dependency = Dependency { author: author(0).public_key(), domain: "other".into(), seq: 1 };
    assert_eq!(world.slot(&[&draft]).deferred[0].why, DeferReason::Dependency(dependency));
    let outcome = world.slot(&[&first, &draft]);
    assert_eq!(outcome.receipts.len(), 2);
    assert_eq!(outcome.moved, [(author(0).public_key(), "other".to_owned())]);
}

#[test]
fn a_conflict_in_one_domain_refuses_the_whole_and_a_clean_merge_does_not() {
    let mut world = World::new();
    world.does_in("other", 1, &[write("b", "1\n2\n3\n")]);
    let before = world.now();
    world.does_in("other", 1, &[write("b", "1\n2\nthree\n")]);
    let draft = transaction(&mut world, 0, (before, before), &[write("a", "1")], &[write("b", "1\n2\n4\n")]);
    let receipt = world.verdict(&draft);
    assert_eq!(answer(&receipt), "content: would-conflict");
    assert_eq!(receipt.conflicts, []);
    assert_eq!(text_in(&world, "main", "a"), None);
    assert_eq!(world.view().conflicts(None, Some(true), None, 10).expect("known").items, []);
    let draft = transaction(&mut world, 0, (before, before), &[write("a", "1")], &[write("b", "one\n2\n3\n")]);
    assert_eq!(world.verdict(&draft).state, State::Merged);
    assert_eq!(text_in(&world, "other", "b").as_deref(), Some("one\n2\nthree\n"));
}

#[test]
fn an_anchor_refuses_what_was_read_before_the_domain_changed() {
    let mut world = World::new();
    let read = world.does_in("other", 1, &[write("b", "1")]).revision.expect("a verdict");
    let anchor = || Edit::Other(Op::Anchor { revision: read });
    world.does_in("other", 1, &[grab("x", X)]); // changes no file
    assert_eq!(transacts(&mut world, 0, &[write("a", "1")], &[anchor(), write("c", "2")]).state, State::Applied);
    let refused = transacts(&mut world, 2, &[write("a", "2")], &[anchor(), write("d", "2")]);
    assert_eq!(answer(&refused), "domain: anchor");
    assert_eq!(world.does(2, &[Edit::Other(Op::Anchor { revision: read }), write("z", "")]).code, Some(Code::Anchor));
}

#[test]
fn locks_and_tokens_are_asked_for_in_each_domain() {
    let mut world = World::new();
    world.does_in("other", 0, &[acquire_for("b", X, 100 * LEASE, 0)]);
    let token = world.lock_in("other", 0, "b").and_then(|lock| lock.held).expect("held").token;
    assert_eq!(answer(&transacts(&mut world, 0, &[fence(token), write("a", "1")], &[])), "ownership: lock");
    assert_eq!(transacts(&mut world, 0, &[write("a", "1")], &[fence(token), write("b", "2")]).state, State::Applied);
}

#[test]
fn what_must_wait_for_the_word_of_others_is_no_part_of_a_transaction() {
    let mut world = World::new();
    world.decide("other", policy(r#"[{"pattern": "b", "approvals": 1}]"#));
    let there = transacts(&mut world, 3, &[write("a", "1")], &[write("b", "2")]);
    assert_eq!(answer(&there), "schema: approvals");
    world.decide("main", policy(r#"[{"pattern": "a", "approvals": 1}]"#));
    let here = transacts(&mut world, 3, &[write("a", "1")], &[write("c", "2")]);
    assert_eq!(answer(&here), "schema: approvals");
}

#[test]
fn a_domain_that_does_not_exist_refuses_the_whole() {
    let mut world = World::new();
    let now = world.now();
    let mut draft = transaction(&mut world, 0, (now, now), &[write("a", "1")], &[]);
    draft.body.changes[1].ops[0] = Op::Enter { domain: "nowhere".into(), seq: 1, attempt: 1 };
    assert_eq!(answer(&world.verdict(&draft)), "domain: unknown-domain");
}

#[test]
fn the_form_of_a_transaction_is_one() {
    let mut world = World::new();
    let now = world.now();
    let draft = transaction(&mut world, 0, (now, now), &[write("a", "1")], &[write("b", "2")]);
    let enter = |domain: &str| Op::Enter { domain: domain.into(), seq: 1, attempt: 1 };
    let refused = |world: &World, change: &dyn Fn(&mut Draft)| {
        let mut draft = draft.clone();
        change(&mut draft);
        let bytes = world.sign(&draft).encode();
        quorate_ledger::Envelope::decode(&bytes, world.genesis.limits()).map_err(|refusal| refusal.code)
    };
    assert!(refused(&world, &|_| ()).is_ok());
    let faults: [&dyn Fn(&mut Draft); 8] = [
        &|draft| draft.body.changes[1].ops[0] = enter("main"),
        &|draft| draft.body.changes[1].ops[0] = enter("@group"),
        &|draft| draft.body.changes[1].ops[0] = Op::Enter { domain: "other".into(), seq: 0, attempt: 1 },
        &|draft| draft.body.changes[1].ops.push(enter("third")),
        &|draft| draft.body.changes.swap(0, 1),
        &|draft| draft.body.changes[1].base = Base::Previous,
        &|draft| {
            let again = draft.body.changes[1].clone();
            draft.body.changes.push(again);
            draft.body.to_seq += 1;
        },
        &|draft| {
            let own = draft.body.changes[0].clone();
            draft.body.changes.push(own);
            draft.body.to_seq += 1;
        },
    ];
    for (number, fault) in faults.iter().enumerate() {
        assert_eq!(refused(&world, fault), Err(Code::Malformed), "{number}");
    }
}

#[test]
fn the_parts_of_a_composition_take_effect_together() {
    let mut world = World::new();
    let now = world.now();
    let draft = composition(&mut world, 0, now, &[&[write("a", "1")], &[write("b", "2")], &[write("c", "3")]]);
    assert_eq!(world.verdict(&draft).state, State::Applied);
    assert_eq!(next(&world, 0, "main"), 4);
    assert!(["a", "b", "c"].iter().all(|path| world.text(path).is_some()));
}

#[test]
fn a_composition_with_a_part_that_is_refused_is_refused_and_names_the_part() {
    let mut world = World::new();
    world.does(1, &[grab("b", X)]);
    let now = world.now();
    let draft = composition(&mut world, 0, now, &[&[write("a", "1")], &[write("b", "2")], &[write("c", "3")]]);
    let receipt = world.verdict(&draft);
    assert_eq!(answer(&receipt), "ownership: lock");
    assert!(receipt.detail.as_ref().expect("a reason").starts_with("part 2 of 3, number 2: "), "{receipt:?}");
    assert!(["a", "b", "c"].iter().all(|path| world.text(path).is_none()));
}

#[test]
fn a_composition_with_a_part_that_would_conflict_is_refused_and_opens_no_conflict() {
    let mut world = World::new();
    world.does(1, &[write("b", "1")]);
    let before = world.now();
    world.does(1, &[write("b", "2")]);
    let draft = composition(&mut world, 0, before, &[&[write("a", "1")], &[write("b", "3")]]);
    let receipt = world.verdict(&draft);
    assert_eq!(answer(&receipt), "content: would-conflict");
    assert!(receipt.detail.as_ref().expect("a reason").starts_with("part 2 of 2"), "{receipt:?}");
    assert_eq!((world.text("a"), world.text("b").as_deref()), (None, Some("2")));
    assert_eq!(world.view().conflicts(None, Some(true), None, 10).expect("known").items, []);
}

#[test]
fn changes_that_do_not_depend_on_each_other_keep_their_conflict_as_ever() {
    let mut world = World::new();
    world.does(1, &[write("b", "1")]);
    let before = world.now();
    world.does(1, &[write("b", "2")]);
    let mut draft = composition(&mut world, 0, before, &[&[write("a", "1")], &[write("b", "3")]]);
    draft.body.changes[1].wishes.depends_on.clear();
    assert_eq!(world.verdict(&draft).state, State::Conflict);
    assert_eq!(world.text("a").as_deref(), Some("1"));
}

#[test]
fn a_part_that_somebody_elses_authority_would_overrule_refuses_the_composition() {
    let mut world = World::new();
    let rule = r#"[{"pattern": "b", "strategies": [{"strategy": {"authoritative": "org:org-1"}}]}]"#;
    world.decide("main", policy(rule));
    world.does(1, &[write("b", "1")]);
    let before = world.now();
    world.does(1, &[write("b", "2")]);
    let draft = composition(&mut world, 3, before, &[&[write("a", "1")], &[write("b", "3")]]);
    let receipt = world.verdict(&draft);
    assert_eq!(answer(&receipt), "content: would-conflict");
    assert!(receipt.detail.expect("a reason").contains("overruled"));
}

#[test]
fn parts_depend_on_parts_before_them() {
    let mut world = World::new();
    let now = world.now();
    for seq in [1, 2] {
        let mut draft = composition(&mut world.clone(), 0, now, &[&[write("a", "1")], &[write("b", "2")]]);
        let own = Dependency { author: author(0).public_key(), domain: "main".into(), seq };
        draft.body.changes[0].wishes.depends_on = vec![own];
        let bytes = world.sign(&draft).encode();
        let read = quorate_ledger::Envelope::decode(&bytes, world.genesis.limits());
        assert_eq!(read.map_err(|refusal| refusal.code), Err(Code::Malformed), "{seq}");
    }
    let draft = composition(&mut world, 0, revision("0"), &[&[write("a", "1")], &[write("b", "2")]]);
    assert_eq!(world.verdict(&draft).state, State::Applied);
}

#[test]
fn a_composition_can_wait_for_the_word_of_others_and_then_holds_or_falls_as_a_whole() {
    let mut world = World::new();
    world.decide("main", policy(r#"[{"pattern": "b", "approvals": 1}]"#));
    let now = world.now();
    let draft = composition(&mut world, 3, now, &[&[write("a", "1")], &[write("b", "2")]]);
    let waiting = world.verdict(&draft);
    assert_eq!(waiting.state, State::Pending);
    world.does(1, &[grab("a", X)]);
    let approve = Edit::Other(Op::Attest { envelope: waiting.id, approve: true });
    world.does(0, &[approve]);
    let receipt = world.ledger.receipt(&world.store, &waiting.id).expect("memory").expect("a verdict");
    assert_eq!(answer(&receipt), "ownership: lock");
    assert_eq!((world.text("a"), world.text("b")), (None, None));
}

/// State of a transaction that has a document held against a schema in each of its domains, for more than half of the steps that an
/// envelope may take.
fn checked_in_both(rules: u32) -> (State, Option<Code>) {
    let mut world = World::of(support::genesis_by(Some(rules)));
    let checked = r#"[{"pattern": "**", "format": "json", "schema": {"pattern": "^a"}}]"#;
    world.does_in("other", 0, &[write("x", "0")]);
    for domain in ["main", "other"] {
        world.decide(domain, policy(checked));
    }
    let document = |letter: &str| format!("\"a{}\"", letter.repeat(150_000));
    let receipt = transacts(&mut world, 1, &[write("a", &document("b"))], &[write("a", &document("c"))]);
    (receipt.state, receipt.code)
}

#[test]
fn checks_in_the_domains_of_a_transaction_have_one_budget_from_rules_14_on() {
    assert_eq!(checked_in_both(13), (State::Applied, None));
    assert_eq!(checked_in_both(14), (State::Refused, Some(Code::Validator)));
}
