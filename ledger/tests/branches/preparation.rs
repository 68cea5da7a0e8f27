//! Preparation: what a branch needs before its group promises it.

use super::{Two, decide, group, is_refused, known, knows, prepare, proof_of, state_of, text, transaction, two, with};
use crate::support::disputes::{policy, rule};
use crate::support::locks::grab;
use crate::support::world::{Edit, World, rename, write};
use quorate_ledger::LockMode::{S, X};
use quorate_ledger::policy::{DomainPolicy, PathRule, Quota};
use quorate_ledger::proof::{BranchProof, Epochs};
use quorate_ledger::{Act, BranchState, Code, GROUP_DOMAIN, GlobalTransaction, GroupsAct, Op, Reconfiguration, State};

/// The other group prepares with this proof.
fn elsewhere(two: &mut Two, proof: Vec<u8>) -> quorate_ledger::Receipt {
    let edits = two.edits[1].clone();
    prepare(&mut two.other, 1, &two.transaction, proof, &edits)
}

/// The group agrees on another order of its members, and their next epoch begins.
fn next_epoch(world: &mut World) {
    let mut order: Vec<_> = world.ledger.voters().keys().copied().collect();
    order.reverse();
    let change = Reconfiguration { order, ..Reconfiguration::default() };
    world.agrees(GROUP_DOMAIN, Act::Reconfigure { change });
    world.fill();
    world.slot(&[]);
}

#[test]
fn a_branch_elsewhere_needs_the_proof_that_its_home_has_prepared() {
    let mut two = two();
    is_refused(&elsewhere(&mut two, vec![]), "not the encoding of a branch's proof");
    two.prepare_home();
    let mut forged = proof_of(&two.home, &two.id());
    let signature = forged.len() / 2;
    forged[signature] ^= 1;
    assert_eq!(elsewhere(&mut two, forged).code, Some(Code::BadAct));
    assert_eq!(state_of(&two.other, &two.id()), None);
    assert_eq!(two.prepare_other().state, State::Applied);
}

#[test]
fn no_byte_of_a_proof_may_change() {
    let mut two = two();
    two.prepare_home();
    let proof = proof_of(&two.home, &two.id());
    let known = Epochs::of(&two.home.genesis);
    let verified = |bytes: &[u8]| BranchProof::decode(bytes).is_some_and(|proof| proof.verify(&known).is_ok());
    assert!(verified(&proof));
    for index in 0..proof.len() {
        let mut changed = proof.clone();
        changed[index] ^= 1;
        assert!(!verified(&changed), "byte {index}");
    }
}

#[test]
fn the_proof_of_another_transaction_is_none_of_this_one() {
    let mut two = two();
    two.prepare_home();
    let edits = vec![write("z", "z")];
    let another = transaction(&[(&two.home, &edits), (&two.other, &edits)], 8);
    prepare(&mut two.home, 0, &another, vec![], &edits);
    let proof = proof_of(&two.home, &another.id());
    is_refused(&elsewhere(&mut two, proof), "of another transaction");
}

#[test]
fn a_home_that_is_decided_already_promises_nothing_more() {
    let mut two = two();
    two.prepare_home();
    two.decide_home(0, false);
    is_refused(&two.prepare_other(), "its home has decided it already");
}

#[test]
fn proofs_of_a_group_that_is_not_known_do_not_count() {
    let mut two = two();
    two.prepare_home();
    let forget = GroupsAct::Forget(two.home.genesis.group());
    two.other.agrees(GROUP_DOMAIN, forget.act());
    is_refused(&two.prepare_other(), "is not known here");
}

#[test]
fn a_home_does_not_commit_with_a_group_that_it_does_not_know() {
    let mut two = two();
    two.home.agrees(GROUP_DOMAIN, GroupsAct::Forget(two.other.genesis.group()).act());
    let mut two = two.prepared();
    is_refused(&two.decide_home(0, true), "is not known here");
}

#[test]
fn proofs_by_other_members_than_the_known_ones_do_not_count() {
    let mut two = two();
    two.prepare_home();
    let stranger = known(&two.home);
    let forget = GroupsAct::Forget(stranger.group);
    two.other.agrees(GROUP_DOMAIN, forget.act());
    let members = (40..44).map(|n| quorate_pbft::Signer::public_key(&crate::support::replica(n))).collect();
    knows(&mut two.other, quorate_ledger::KnownGroup { members, ..stranger });
    is_refused(&two.prepare_other(), "does not hold by the members");
}

#[test]
fn a_proof_leads_through_the_epochs_since_the_known_one_and_makes_the_newest_known() {
    let mut two = two();
    two.prepare_home();
    let older = proof_of(&two.home, &two.id());
    next_epoch(&mut two.home);
    let newer = proof_of(&two.home, &two.id());
    let trimmed = BranchProof::decode(&newer).expect("a proof");
    let known_epoch = two.home.ledger.voters().epoch();
    assert_eq!(elsewhere(&mut two, newer).state, State::Applied);
    let known = two.other.view().foreign_groups().expect("memory").remove(0).1;
    assert_eq!((known.epoch, known.seen), (known_epoch, two.home.ledger.executed().seq));
    let id = two.id();
    is_refused(&decide(&mut two.other, 0, id, true, vec![older]), "of an epoch before 1");
    two.decide_home(0, false);
    let proof = proof_of(&two.home, &id);
    let shorter = BranchProof::decode(&proof).expect("a proof").after(known_epoch).encode();
    assert!(shorter.len() < proof.len() && trimmed.seq() < two.home.ledger.executed().seq);
    assert_eq!(decide(&mut two.other, 0, id, false, vec![shorter]).state, State::Applied);
}

#[test]
fn steps_before_the_known_epoch_show_nothing_in_a_branchs_proof_and_are_an_error_elsewhere() {
    let mut two = two();
    two.prepare_home();
    (0..2).for_each(|_| next_epoch(&mut two.home));
    let known = Epochs::known(two.home.ledger.voters().clone());
    let proof = BranchProof::decode(&proof_of(&two.home, &two.id())).expect("a proof");
    assert!(proof.verify(&known).is_ok());
    let chain = two.home.view().chain_of_epochs().expect("memory");
    assert!(known.joined(chain.steps()).is_err());
}

#[test]
fn a_branch_is_of_this_group_this_domain_and_this_change() {
    let two = two();
    let [edits, _] = two.edits.clone();
    let stranger = group("third", 16);
    let refused = |change: fn(&mut GlobalTransaction), edits: &[Edit], words: &str| {
        let (mut home, mut transaction) = (two.home.clone(), two.transaction.clone());
        change(&mut transaction);
        is_refused(&prepare(&mut home, 0, &transaction, vec![], edits), words);
    };
    refused(|of| of.branches[0].domain = "other".into(), &edits, "in another domain");
    refused(|of| of.lease_ms = 1, &edits, "a lease has 100 ms");
    refused(|_| (), &[write("a", "something else")], "another change");
    let transaction = transaction(&[(&two.other, &edits), (&stranger, &edits)], 1);
    is_refused(&prepare(&mut two.home.clone(), 0, &transaction, vec![], &edits), "none of its branches");
}

#[test]
fn a_branch_that_would_be_merged_or_in_conflict_is_refused() {
    let mut two = two();
    let base = two.home.now();
    two.home.does(1, &[write("a", "somebody else's")]);
    let first = Edit::Other(Op::Prepare { transaction: two.transaction.clone(), proof: vec![] });
    let receipt = two.home.does_on(base, 0, &[&[first], &two.edits[0][..]].concat());
    assert_eq!(receipt.code, Some(Code::WouldConflict));
    assert_eq!((state_of(&two.home, &two.id()), two.home.text("a")), (None, text("somebody else's")));
}

#[test]
fn a_branch_on_a_path_in_conflict_is_refused_with_the_way_out() {
    let mut two = two();
    let base = two.home.now();
    two.home.does(1, &[write("a", "one")]);
    assert_eq!(two.home.does_on(base, 2, &[write("a", "two")]).state, State::Conflict);
    is_refused(&two.prepare_home(), "it is in conflict: settle that first");
}

#[test]
fn a_branch_that_needs_the_word_of_others_is_refused() {
    let mut two = two();
    two.home.decide("main", policy(vec![PathRule { approvals: 1, ..rule("a") }]));
    assert_eq!(two.prepare_home().code, Some(Code::Approvals));
}

#[test]
fn a_branch_keeps_the_quota_of_its_domain() {
    let mut two = two();
    let quota = Quota { files_max: Some(0), ..Quota::default() };
    two.home.decide("main", DomainPolicy { quota, ..policy(vec![]) });
    assert_eq!(two.prepare_home().code, Some(Code::Quota));
}

#[test]
fn a_branch_waits_for_no_lock() {
    for (who, mode) in [(0, X), (2, X), (2, S)] {
        let mut two = two();
        two.home.does(who, &[grab("a", mode)]);
        assert_eq!(two.prepare_home().code, Some(Code::Lock), "{who}");
        assert_eq!(state_of(&two.home, &two.id()), None);
    }
}

#[test]
fn two_transactions_promise_no_path_twice() {
    let mut two = two();
    two.prepare_home();
    let [edits, _] = two.edits.clone();
    let another = transaction(&[(&two.home, &edits), (&two.other, &edits)], 8);
    assert_eq!(prepare(&mut two.home, 0, &another, vec![], &edits).code, Some(Code::Lock));
}

#[test]
fn a_branch_has_two_to_eight_groups_one_each_and_only_puts_and_deletes_files() {
    let two = two();
    let malformed = |change: &dyn Fn(&mut GlobalTransaction), edits: &[Edit]| {
        let (mut home, mut transaction) = (two.home.clone(), two.transaction.clone());
        change(&mut transaction);
        let first = Edit::Other(Op::Prepare { transaction, proof: vec![] });
        let draft = home.draft(0, home.now(), &[&[first], edits].concat());
        let (bytes, limits) = (home.sign(&draft).encode(), home.genesis.limits());
        quorate_ledger::Envelope::decode(&bytes, limits).is_err_and(|why| why.stage.to_string() == "structure")
    };
    let edits = &two.edits[0][..];
    assert!(!malformed(&|_| (), edits));
    assert!(malformed(&|of| of.branches.truncate(1), edits));
    assert!(malformed(&|of| of.branches[1] = of.branches[0].clone(), edits));
    assert!(malformed(&|of| of.branches = vec![of.branches[0].clone(); 9], edits));
    for domain in ["", "no name", &"d".repeat(101)] {
        assert!(malformed(&|of| of.branches[1].domain = domain.into(), edits), "{domain}");
    }
    assert!(malformed(&|_| (), &[]));
    assert!(malformed(&|_| (), &[rename("a", "b")]));
    assert!(malformed(&|_| (), &[write("a", ""), grab("a", X)]));
    assert!(malformed(&|_| (), &(0..65).map(|n| write(&n.to_string(), "")).collect::<Vec<_>>()));
    assert!(!malformed(&|_| (), &(0..64).map(|n| write(&n.to_string(), "")).collect::<Vec<_>>()));
}

#[test]
fn a_step_is_alone_in_its_envelope_and_its_proofs_have_a_bound() {
    let two = two();
    let code = |domain: &str, edits: &[Edit]| {
        let mut home = two.home.clone();
        let draft = home.draft_in(domain, 0, home.now(), edits);
        let (bytes, limits) = (home.sign(&draft).encode(), home.genesis.limits());
        quorate_ledger::Envelope::decode(&bytes, limits).err().map(|refusal| refusal.code)
    };
    let decision = |proofs: &[usize]| {
        let proofs = proofs.iter().map(|bytes| vec![0; *bytes]).collect();
        Edit::Other(Op::Decide { transaction: two.id(), commit: true, proofs })
    };
    assert_eq!(code("main", &[decision(&[100_000; 7])]), None);
    for proofs in [&[0; 8][..], &[(1 << 20) + 1], &[200_000; 7]] {
        assert_eq!(code("main", &[decision(proofs)]), Some(Code::TooLarge), "{proofs:?}");
    }
    assert_eq!(code("main", &[decision(&[]), decision(&[])]), Some(Code::Malformed));
    assert_eq!(code("main", &[decision(&[]), write("a", "")]), Some(Code::Malformed));
    assert_eq!(code("main", &[write("a", ""), decision(&[])]), Some(Code::Malformed));
    assert_eq!(code(GROUP_DOMAIN, &[decision(&[])]), Some(Code::Malformed));
}

#[test]
fn its_author_goes_on_from_what_it_saw_and_not_from_what_was_promised() {
    let mut two = two();
    let prepared = two.prepare_home();
    let chained = two.home.does_on(quorate_ledger::Base::Envelope(prepared.id), 0, &[write("c", "next")]);
    assert_eq!((chained.state, two.home.text("c")), (State::Applied, text("next")));
    let gone = Edit::Delete("a".into());
    let chained = two.home.does_on(quorate_ledger::Base::Envelope(chained.id), 0, &[gone]);
    assert_eq!(chained.code, Some(Code::MissingPath));
}

#[test]
fn what_is_not_decided_is_listed() {
    let two = with([write("a", "")].into(), [write("b", "")].into()).prepared();
    let open = |world: &World| world.view().transactions(None, 10).expect("memory").items.len();
    assert_eq!([open(&two.home), open(&two.other)], [1, 1]);
    let mut two = two;
    two.decide_home(0, true);
    assert_eq!([open(&two.home), open(&two.other)], [0, 1]);
    assert_eq!(state_of(&two.home, &two.id()), Some(BranchState::Committed));
}
