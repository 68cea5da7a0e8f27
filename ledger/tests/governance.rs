//! Membership of the group, its decisions, and the position from which they hold.

mod support;

use quorate_ledger::keys::{Purpose, prove_possession};
use quorate_ledger::policy::{Approvals, DomainPolicy, GroupPolicy};
use quorate_ledger::{Act, Code, GROUP_DOMAIN, Ledger, Op, Principal, ProposalFate, ProposalId, Receipt, State};
use quorate_pbft::{PublicKey, Signer};
use support::author;
use support::world::{Edit, World, write};

fn key(n: u8) -> PublicKey {
    author(n).public_key()
}

fn enrol(n: u8, organisation: &str) -> Edit {
    let proof = prove_possession(Purpose::Author, organisation, &author(n));
    Edit::Other(Op::Enrol { key: key(n), organisation: organisation.into(), proof })
}

fn revoke(n: u8) -> Edit {
    Edit::Other(Op::Revoke { key: key(n) })
}

fn propose(act: Act) -> Edit {
    Edit::Other(Op::Propose { act })
}

fn approve(proposal: ProposalId) -> Edit {
    Edit::Other(Op::Approve { proposal })
}

fn in_group(world: &mut World, who: u8, edit: Edit) -> Receipt {
    world.does_in(GROUP_DOMAIN, who, &[edit])
}

/// Proposes in a domain; the id of the proposal.
fn proposed(world: &mut World, domain: &str, who: u8, act: Act) -> ProposalId {
    let receipt = world.does_in(domain, who, &[propose(act)]);
    assert_eq!(receipt.state, State::Applied, "{receipt:?}");
    ProposalId::of(&receipt.id, 0)
}

fn is_open(world: &World, id: ProposalId) -> bool {
    world.view().proposal(&id).expect("memory").expect("proposed").proposal.end.is_none()
}

#[test]
fn an_organisation_enrols_its_own_authors() {
    let mut world = World::new();
    assert_eq!(world.does(7, &[write("a", "x")]).code, Some(Code::UnknownAuthor));
    assert_eq!(in_group(&mut world, 0, enrol(7, "org-0")).state, State::Applied);
    assert_eq!(world.does(7, &[write("a", "x")]).state, State::Applied);
}

#[test]
fn nobody_is_enrolled_for_another_organisation_without_a_vote() {
    let mut world = World::new();
    assert_eq!(in_group(&mut world, 0, enrol(7, "org-1")).code, Some(Code::Role));
    assert_eq!(world.does(7, &[write("a", "x")]).code, Some(Code::UnknownAuthor));
}

#[test]
fn a_key_is_enrolled_once_and_with_its_own_proof() {
    let mut world = World::new();
    assert_eq!(in_group(&mut world, 0, enrol(0, "org-0")).code, Some(Code::BadAct));
    let proof = prove_possession(Purpose::Author, "org-0", &author(8));
    let stolen = Edit::Other(Op::Enrol { key: key(7), organisation: "org-0".into(), proof });
    assert_eq!(in_group(&mut world, 0, stolen).code, Some(Code::BadAct));
}

#[test]
fn a_revoked_key_signs_nothing_that_is_ordered_later() {
    let mut world = World::new();
    in_group(&mut world, 0, enrol(7, "org-0"));
    let before = world.draft(7, world.now(), &[write("a", "x")]);
    let after = world.draft(7, world.now(), &[write("b", "x")]);
    let revoking = world.draft_in(GROUP_DOMAIN, 0, world.now(), &[revoke(7)]);
    let outcome = world.slot(&[&before, &revoking, &after]);
    let verdicts: Vec<_> = outcome.receipts.iter().map(|receipt| receipt.code).collect();
    assert_eq!(verdicts, [None, None, Some(Code::Revoked)]);
    assert_eq!((world.text("a").as_deref(), world.text("b")), (Some("x"), None));
    assert_eq!(world.slot(&[&after]).deferred[0].why, quorate_ledger::DeferReason::Copy);
    assert_eq!(in_group(&mut world, 0, enrol(7, "org-0")).code, Some(Code::BadAct));
}

#[test]
fn a_rotated_key_passes_on_its_organisation_and_ends() {
    let mut world = World::new();
    let proof = prove_possession(Purpose::Author, "org-0", &author(7));
    let receipt = in_group(&mut world, 0, Edit::Other(Op::Rotate { key: key(7), proof }));
    assert_eq!(receipt.state, State::Applied);
    assert_eq!(world.does(0, &[write("a", "x")]).code, Some(Code::Revoked));
    assert_eq!(world.does(7, &[write("a", "x")]).state, State::Applied);
    let standing = world.view().author("main", &key(0)).expect("known");
    assert_eq!(standing.revoked.map(|revision| revision.to_string()).as_deref(), Some("1.1"));
}

#[test]
fn people_are_enrolled_in_the_groups_domain_and_files_are_not_put_there() {
    let mut world = World::new();
    assert_eq!(world.does(0, &[enrol(7, "org-0")]).code, Some(Code::BadAct));
    assert_eq!(in_group(&mut world, 0, write("a", "x")).code, Some(Code::BadAct));
}

#[test]
fn a_domain_is_made_when_a_quorum_of_organisations_agrees() {
    let mut world = World::new();
    let policy = DomainPolicy::new(vec![Principal::Organisation("org-1".into())], vec![Principal::Everyone]);
    let act = Act::CreateDomain { name: "new".into(), policy };
    let id = proposed(&mut world, GROUP_DOMAIN, 0, act);
    assert_eq!(in_group(&mut world, 1, approve(id)).state, State::Applied);
    assert_eq!(in_group(&mut world, 1, approve(id)).state, State::Applied, "twice is once");
    assert!(is_open(&world, id));
    assert_eq!(world.does_in("new", 1, &[write("a", "x")]).code, Some(Code::UnknownDomain));
    in_group(&mut world, 2, approve(id));
    assert!(!is_open(&world, id));
    world.ledger = Ledger::open(&world.store, &world.genesis).expect("it was written");
    assert_eq!(world.does_in("new", 1, &[write("a", "x")]).state, State::Applied);
    assert_eq!(world.does_in("new", 0, &[write("b", "x")]).code, Some(Code::Role));
    assert_eq!(in_group(&mut world, 3, approve(id)).code, Some(Code::UnknownProposal));
}

#[test]
fn a_domain_changes_its_policy_as_its_policy_says() {
    let mut world = World::new();
    let by = |organisations| Approvals { organisations: Some(organisations), by: vec![Principal::Author(key(3))] };
    let policy = |organisations| DomainPolicy {
        approvals: by(organisations),
        ..DomainPolicy::new(vec![Principal::Organisation("org-3".into())], vec![])
    };
    let id = proposed(&mut world, "main", 0, Act::SetPolicy { policy: policy(1) });
    for who in [1, 2] {
        world.does_in("main", who, &[approve(id)]);
    }
    assert!(!is_open(&world, id));
    assert_eq!(world.does(0, &[write("a", "x")]).code, Some(Code::NotMember));
    let id = proposed(
        &mut world,
        "main",
        3,
        Act::SetPolicy { policy: DomainPolicy::new(vec![Principal::Everyone], vec![]) },
    );
    assert!(!is_open(&world, id), "one is enough now");
    assert_eq!(world.does(0, &[write("a", "x")]).state, State::Applied);
}

#[test]
fn who_does_not_speak_for_an_organisation_approves_nothing() {
    let mut world = World::new();
    let policy = DomainPolicy {
        approvals: Approvals { organisations: Some(2), by: vec![Principal::Author(key(2)), Principal::Author(key(3))] },
        ..DomainPolicy::new(vec![Principal::Everyone], vec![])
    };
    let id = proposed(&mut world, "main", 0, Act::SetPolicy { policy: policy.clone() });
    for who in [1, 2] {
        world.does_in("main", who, &[approve(id)]);
    }
    let id = proposed(&mut world, "main", 0, Act::SetPolicy { policy });
    let proposal = world.view().proposal(&id).expect("memory").expect("proposed").proposal;
    assert_eq!(proposal.approvals, Vec::<String>::new());
    assert_eq!(world.does_in("main", 1, &[approve(id)]).code, Some(Code::Role));
    world.does_in("main", 2, &[approve(id)]);
    assert!(is_open(&world, id));
    world.does_in("main", 3, &[approve(id)]);
    assert!(!is_open(&world, id));
}

#[test]
fn a_new_organisation_gets_its_first_author_by_vote_and_counts_from_then_on() {
    let mut world = World::new();
    let id = proposed(&mut world, GROUP_DOMAIN, 0, Act::AddOrganisation { name: "org-9".into() });
    for who in [1, 2] {
        in_group(&mut world, who, approve(id));
    }
    let proof = prove_possession(Purpose::Author, "org-9", &author(7));
    let act = Act::Enrol { key: key(7), organisation: "org-9".into(), proof };
    let id = proposed(&mut world, GROUP_DOMAIN, 0, act);
    let needed = |world: &World| world.view().threshold_of_group().expect("memory").needed;
    assert_eq!(needed(&world), 3, "four of five have a voice");
    in_group(&mut world, 1, approve(id));
    assert_eq!(world.does(7, &[write("a", "x")]).code, Some(Code::UnknownAuthor));
    in_group(&mut world, 2, approve(id));
    assert_eq!(world.does(7, &[write("a", "x")]).state, State::Applied);
    assert_eq!(needed(&world), 4, "five of five");
    assert_eq!(in_group(&mut world, 7, enrol(8, "org-9")).state, State::Applied);
}

#[test]
fn an_author_of_another_organisation_is_revoked_by_vote_only() {
    let mut world = World::new();
    assert_eq!(in_group(&mut world, 0, revoke(3)).code, Some(Code::Role));
    let id = proposed(&mut world, GROUP_DOMAIN, 0, Act::Revoke { key: key(3) });
    for who in [1, 2] {
        in_group(&mut world, who, approve(id));
    }
    assert_eq!(world.does(3, &[write("a", "x")]).code, Some(Code::Revoked));
}

#[test]
fn what_cannot_be_done_is_not_proposed() {
    let mut world = World::new();
    let policy = DomainPolicy::new(vec![], vec![]);
    let never = Approvals { organisations: Some(5), by: vec![] };
    let acts = [
        Act::CreateDomain { name: "main".into(), policy: policy.clone() },
        Act::CreateDomain { name: "a/b".into(), policy: policy.clone() },
        Act::CreateDomain { name: "x".into(), policy: DomainPolicy { approvals: never.clone(), ..policy.clone() } },
        Act::SetGroupPolicy { policy: GroupPolicy { approvals: never, ..GroupPolicy::default() } },
        Act::AddOrganisation { name: "org-0".into() },
        Act::Revoke { key: key(9) },
        Act::SetPolicy { policy },
    ];
    for act in acts {
        assert_eq!(in_group(&mut world, 0, propose(act)).code, Some(Code::BadAct));
    }
}

#[test]
fn of_two_proposals_for_one_name_the_second_fails_when_it_is_decided() {
    let mut world = World::new();
    let act = Act::AddOrganisation { name: "org-9".into() };
    let ids = [0, 1].map(|who| proposed(&mut world, GROUP_DOMAIN, who, act.clone()));
    for id in ids {
        for who in [0, 1, 2, 3] {
            in_group(&mut world, who, approve(id));
        }
    }
    let failed = ids.map(|id| {
        let entry = world.view().proposal(&id).expect("memory").expect("proposed");
        matches!(entry.proposal.end.expect("decided").how, ProposalFate::Failed(_))
    });
    assert_eq!(failed, [false, true]);
    let listed = world.view().proposals(Some(GROUP_DOMAIN), false, None, 10).expect("known").items;
    assert_eq!(listed.iter().map(|entry| entry.id).collect::<Vec<_>>(), [ids[1], ids[0]]);
}

fn withdraw(proposal: ProposalId) -> Edit {
    Edit::Other(Op::Withdraw { proposal })
}

#[test]
fn a_proposal_that_its_author_took_back_cannot_be_approved_any_more() {
    let mut world = World::new();
    let id = proposed(&mut world, GROUP_DOMAIN, 0, Act::AddOrganisation { name: "org-9".into() });
    in_group(&mut world, 1, approve(id));
    let receipt = in_group(&mut world, 0, withdraw(id));
    assert_eq!(receipt.state, State::Applied, "{receipt:?}");
    let end = world.view().proposal(&id).expect("memory").expect("proposed").proposal.end.expect("over");
    assert_eq!((Some(end.revision), end.how), (receipt.revision, ProposalFate::Withdrawn));
    assert_eq!(in_group(&mut world, 2, approve(id)).code, Some(Code::UnknownProposal));
    assert_eq!(world.view().organisations(), 4, "it never took effect");
}

#[test]
fn nobody_takes_back_a_proposal_of_somebody_else() {
    let mut world = World::new();
    let id = proposed(&mut world, GROUP_DOMAIN, 0, Act::AddOrganisation { name: "org-9".into() });
    assert_eq!(in_group(&mut world, 1, withdraw(id)).code, Some(Code::Role));
    assert_eq!(in_group(&mut world, 0, enrol(7, "org-0")).state, State::Applied);
    assert_eq!(in_group(&mut world, 7, withdraw(id)).code, Some(Code::Role), "of the same organisation");
    assert!(is_open(&world, id));
}

#[test]
fn a_proposal_that_is_over_or_of_another_domain_is_not_taken_back() {
    let mut world = World::new();
    let id = proposed(&mut world, GROUP_DOMAIN, 0, Act::AddOrganisation { name: "org-9".into() });
    let there = world.does_in("main", 0, &[withdraw(id)]);
    assert_eq!(there.code, Some(Code::UnknownProposal), "it is the group's");
    for who in [1, 2] {
        in_group(&mut world, who, approve(id));
    }
    assert!(!is_open(&world, id));
    assert_eq!(in_group(&mut world, 0, withdraw(id)).code, Some(Code::UnknownProposal));
    let id = proposed(&mut world, GROUP_DOMAIN, 0, Act::AddOrganisation { name: "org-8".into() });
    in_group(&mut world, 0, withdraw(id));
    assert_eq!(in_group(&mut world, 0, withdraw(id)).code, Some(Code::UnknownProposal), "taken back already");
}

/// A policy that names these organisations as its writers, and nobody else.
fn closed(organisations: &[u8], needed: Option<u32>) -> DomainPolicy {
    let writers = organisations.iter().map(|n| Principal::Organisation(format!("org-{n}"))).collect();
    let approvals = Approvals { organisations: needed, by: vec![] };
    DomainPolicy { approvals, ..DomainPolicy::new(writers, vec![]) }
}

fn open() -> DomainPolicy {
    DomainPolicy::new(vec![Principal::Everyone], vec![Principal::Everyone])
}

/// End of a proposal: none while it is open, else whether it took effect.
fn end(world: &World, id: ProposalId) -> Option<bool> {
    let entry = world.view().proposal(&id).expect("memory").expect("proposed");
    entry.proposal.end.map(|end| end.how == ProposalFate::Effective)
}

fn rescue(domain: &str) -> Act {
    Act::Rescue { name: domain.into(), policy: open() }
}

#[test]
fn a_domain_of_few_organisations_decides_by_the_quorum_of_these() {
    for (few, agree) in [(&[1][..], 1), (&[1, 2], 2), (&[1, 2, 3], 3)] {
        let mut world = World::new();
        world.decide("other", closed(few, None));
        let id = proposed(&mut world, "other", few[0], Act::SetPolicy { policy: open() });
        for who in &few[1..] {
            assert!(is_open(&world, id), "{few:?}");
            world.does_in("other", *who, &[approve(id)]);
        }
        assert_eq!(end(&world, id), Some(true), "{agree} of {few:?} agreed");
        assert_eq!(world.does_in("other", 0, &[write("a", "x")]).state, State::Applied);
    }
}

#[test]
fn a_policy_that_nobody_could_ever_change_is_not_proposed() {
    let mut world = World::new();
    let by = |who: Vec<Principal>, needed| DomainPolicy {
        approvals: Approvals { organisations: needed, by: who },
        ..open()
    };
    let never = [
        closed(&[1, 2], Some(3)),
        closed(&[7], None),
        closed(&[], None),
        by(vec![Principal::Author(key(1)), Principal::Author(key(9))], Some(2)),
        DomainPolicy::new(vec![], vec![Principal::Everyone]),
    ];
    for policy in never {
        let refused = world.does_in("main", 0, &[propose(Act::SetPolicy { policy: policy.clone() })]);
        assert_eq!(refused.code, Some(Code::BadAct), "{policy:?}");
        assert!(refused.detail.expect("a reason").contains("nobody could ever change"), "{policy:?}");
        let act = Act::CreateDomain { name: "new".into(), policy };
        assert_eq!(in_group(&mut world, 0, propose(act)).code, Some(Code::BadAct));
    }
    for policy in [closed(&[1, 2], Some(2)), by(vec![Principal::Author(key(1))], Some(1))] {
        proposed(&mut world, "main", 0, Act::SetPolicy { policy });
    }
    let two = Approvals { organisations: Some(2), by: vec![Principal::Author(key(1))] };
    let policy = GroupPolicy { approvals: two, ..GroupPolicy::default() };
    assert_eq!(in_group(&mut world, 0, propose(Act::SetGroupPolicy { policy })).code, Some(Code::BadAct));
}

#[test]
fn an_organisation_that_leaves_makes_the_number_smaller_and_its_old_word_does_not_count() {
    let mut world = World::new();
    let policy = DomainPolicy::new(vec![Principal::Everyone], vec![]);
    let id = proposed(&mut world, "main", 0, Act::SetPolicy { policy: policy.clone() });
    world.does_in("main", 1, &[approve(id)]);
    in_group(&mut world, 0, revoke(0));
    world.does_in("main", 1, &[approve(id)]);
    assert_eq!(world.view().proposal(&id).expect("memory").expect("proposed").needed, 3, "of three");
    assert_eq!(end(&world, id), None, "one of the two who agreed has left");
    world.does_in("main", 2, &[approve(id)]);
    assert_eq!(end(&world, id), None);
    world.does_in("main", 3, &[approve(id)]);
    assert_eq!(end(&world, id), Some(true));
}

#[test]
fn a_rotated_key_keeps_its_organisations_voice() {
    let mut world = World::new();
    let proof = prove_possession(Purpose::Author, "org-0", &author(7));
    in_group(&mut world, 0, Edit::Other(Op::Rotate { key: key(7), proof }));
    let threshold = world.view().threshold("main").expect("known");
    assert_eq!(
        (threshold.needed, threshold.electorate.active, threshold.electorate.named, threshold.is_stuck),
        (3, 4, 4, false)
    );
    in_group(&mut world, 7, revoke(7));
    let threshold = world.view().threshold("main").expect("known");
    assert_eq!((threshold.needed, threshold.electorate.active, threshold.is_stuck), (3, 3, false));
}

#[test]
fn a_domain_that_lost_its_voices_is_the_groups_to_rescue() {
    let mut world = World::new();
    world.decide("other", closed(&[0, 1], Some(2)));
    in_group(&mut world, 1, revoke(1));
    let threshold = world.view().threshold("other").expect("known");
    assert_eq!((threshold.needed, threshold.electorate.active, threshold.is_stuck), (2, 1, true));
    let alone = proposed(&mut world, "other", 0, Act::SetPolicy { policy: open() });
    assert_eq!(end(&world, alone), None, "who is left does not decide alone what two were to decide");
    let id = proposed(&mut world, GROUP_DOMAIN, 0, rescue("other"));
    in_group(&mut world, 2, approve(id));
    assert_eq!(end(&world, id), None);
    in_group(&mut world, 3, approve(id));
    assert_eq!(end(&world, id), Some(true));
    world.ledger = Ledger::open(&world.store, &world.genesis).expect("it was written");
    assert_eq!(world.does_in("other", 3, &[write("a", "x")]).state, State::Applied);
}

#[test]
fn a_domain_without_a_writer_is_the_groups_to_rescue() {
    let mut world = World::new();
    let policy = DomainPolicy::new(vec![Principal::Author(key(0))], vec![Principal::Everyone]);
    world.decide("other", policy);
    assert!(!world.view().threshold("other").expect("known").is_stuck);
    in_group(&mut world, 0, revoke(0));
    let id = proposed(&mut world, GROUP_DOMAIN, 1, rescue("other"));
    for who in [2, 3] {
        in_group(&mut world, who, approve(id));
    }
    assert_eq!(end(&world, id), Some(true));
}

#[test]
fn a_minority_cannot_rescue_what_is_not_lost() {
    let mut world = World::new();
    world.decide("other", closed(&[0, 1, 2], Some(2)));
    assert_eq!(in_group(&mut world, 3, propose(rescue("other"))).code, Some(Code::BadAct), "it decides for itself");
    assert_eq!(in_group(&mut world, 3, propose(rescue("nowhere"))).code, Some(Code::BadAct));
    assert_eq!(world.does_in("other", 0, &[propose(rescue("other"))]).code, Some(Code::BadAct), "not its own to do");
    // One of three gives up its voice to make it look lost: the two that are left still decide.
    in_group(&mut world, 0, revoke(0));
    assert_eq!(in_group(&mut world, 3, propose(rescue("other"))).code, Some(Code::BadAct));
    // Lost now; but before the group has agreed, somebody has a voice there again.
    in_group(&mut world, 1, enrol(8, "org-1"));
    in_group(&mut world, 2, revoke(2));
    let id = proposed(&mut world, GROUP_DOMAIN, 3, rescue("other"));
    let proof = prove_possession(Purpose::Author, "org-2", &author(7));
    let again = Act::Enrol { key: key(7), organisation: "org-2".into(), proof };
    let again = proposed(&mut world, GROUP_DOMAIN, 1, again);
    in_group(&mut world, 3, approve(again));
    assert_eq!(end(&world, again), Some(true), "two of the two that are left, and one of two is honest");
    in_group(&mut world, 1, approve(id));
    assert_eq!(end(&world, id), None, "three have a voice");
    in_group(&mut world, 7, approve(id));
    assert_eq!(end(&world, id), Some(false), "it decides for itself again");
    assert_eq!(world.view().policy("other").expect("known").approvals.organisations, Some(2));
}

#[test]
fn a_group_whose_policy_cannot_be_met_decides_by_the_quorum_of_those_left() {
    let mut world = World::new();
    let four = Approvals { organisations: Some(4), by: vec![] };
    let policy = GroupPolicy { approvals: four, ..GroupPolicy::default() };
    let id = proposed(&mut world, GROUP_DOMAIN, 0, Act::SetGroupPolicy { policy });
    for who in [1, 2] {
        in_group(&mut world, who, approve(id));
    }
    in_group(&mut world, 3, revoke(3));
    let threshold = world.view().threshold_of_group().expect("memory");
    assert_eq!((threshold.needed, threshold.electorate.active, threshold.is_stuck), (3, 3, true));
    let id = proposed(&mut world, GROUP_DOMAIN, 0, Act::SetGroupPolicy { policy: GroupPolicy::default() });
    in_group(&mut world, 1, approve(id));
    assert_eq!(end(&world, id), None);
    in_group(&mut world, 2, approve(id));
    assert_eq!(end(&world, id), Some(true));
    assert!(!world.view().threshold_of_group().expect("memory").is_stuck);
}

#[test]
fn a_group_whose_speakers_have_lost_their_keys_is_not_lost() {
    let mut world = World::new();
    let named = Approvals { organisations: Some(1), by: vec![Principal::Author(key(0))] };
    let policy = GroupPolicy { approvals: named, ..GroupPolicy::default() };
    let id = proposed(&mut world, GROUP_DOMAIN, 0, Act::SetGroupPolicy { policy });
    for who in [1, 2] {
        in_group(&mut world, who, approve(id));
    }
    assert_eq!(in_group(&mut world, 1, propose(Act::AddOrganisation { name: "x".into() })).state, State::Applied);
    in_group(&mut world, 0, revoke(0));
    let id = proposed(&mut world, GROUP_DOMAIN, 1, Act::SetGroupPolicy { policy: GroupPolicy::default() });
    for who in [2, 3] {
        assert_eq!(in_group(&mut world, who, approve(id)).state, State::Applied);
    }
    assert_eq!(end(&world, id), Some(true));
}

#[test]
fn whoever_the_policy_still_names_goes_on_speaking_for_its_organisation_alone() {
    let mut world = World::new();
    in_group(&mut world, 0, enrol(7, "org-0"));
    in_group(&mut world, 1, enrol(8, "org-1"));
    let officers = (0..3).map(|who| Principal::Author(key(who))).collect();
    let policy =
        GroupPolicy { approvals: Approvals { organisations: Some(3), by: officers }, ..GroupPolicy::default() };
    let id = proposed(&mut world, GROUP_DOMAIN, 0, Act::SetGroupPolicy { policy });
    for who in [1, 2] {
        in_group(&mut world, who, approve(id));
    }
    in_group(&mut world, 2, revoke(2));
    assert!(world.view().threshold_of_group().expect("memory").is_stuck);
    let act = Act::SetGroupPolicy { policy: GroupPolicy::default() };
    let id = proposed(&mut world, GROUP_DOMAIN, 7, act);
    assert_eq!(in_group(&mut world, 8, approve(id)).code, Some(Code::Role), "org-1 has its officer");
    for who in [3, 1] {
        in_group(&mut world, who, approve(id));
        assert_eq!(end(&world, id), None, "and so has org-0, for which its other author cannot speak");
    }
    in_group(&mut world, 0, approve(id));
    assert_eq!(end(&world, id), Some(true));
}

/// f = 1 of four: when two have gone, one liar and one honest organisation are left, and neither decides alone.
#[test]
fn fewer_than_one_honest_organisation_never_decide() {
    let mut world = World::new();
    for who in [0, 1, 2] {
        in_group(&mut world, who, revoke(who));
    }
    let id = proposed(&mut world, GROUP_DOMAIN, 3, Act::AddOrganisation { name: "mine".into() });
    assert_eq!(end(&world, id), None);
    let id = proposed(&mut world, "main", 3, Act::SetPolicy { policy: closed(&[3], Some(1)) });
    assert_eq!(end(&world, id), None);
    assert_eq!(world.view().threshold_of_group().expect("memory").needed, 2);
}

/// A rescue gives a domain that is there already another policy: it uses up no number.
#[test]
fn a_domain_that_is_made_in_the_envelope_of_a_rescue_has_a_number_of_its_own() {
    let mut world = World::new();
    world.decide("other", closed(&[0, 1], Some(2)));
    let alone = Approvals { organisations: Some(1), by: vec![] };
    let policy = GroupPolicy { approvals: alone, ..GroupPolicy::default() };
    let id = proposed(&mut world, GROUP_DOMAIN, 0, Act::SetGroupPolicy { policy });
    for who in [1, 2] {
        in_group(&mut world, who, approve(id));
    }
    in_group(&mut world, 1, revoke(1));
    let make = |name: &str| propose(Act::CreateDomain { name: name.into(), policy: open() });
    let receipt = world.does_in(GROUP_DOMAIN, 3, &[propose(rescue("other")), make("x")]);
    assert_eq!(receipt.state, State::Applied);
    in_group(&mut world, 3, make("y"));
    for domain in ["x", "y", "other"] {
        world.does_in(domain, 3, &[write(domain, "mine")]);
        let files = world.view().ls(domain, "", None, None, 10).expect("known").items;
        assert_eq!(files.into_iter().map(|file| file.path).collect::<Vec<_>>(), [domain]);
    }
}
