//! Who belongs to the group, who decides, and from which position on.

mod support;

use quorate_ledger::keys::{Purpose, prove_possession};
use quorate_ledger::policy::{Approvals, DomainPolicy, GroupPolicy};
use quorate_ledger::{Act, Code, GROUP_DOMAIN, Ledger, Op, Principal, ProposalId, Receipt, State};
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
    world.moment().proposal(&id).expect("memory").expect("proposed").proposal.end.is_none()
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
    assert_eq!(world.slot(&[&after]).unsettled[0].why, quorate_ledger::Why::Copy);
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
    let standing = world.moment().author("main", &key(0)).expect("known");
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
    let proposal = world.moment().proposal(&id).expect("memory").expect("proposed").proposal;
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
    assert_eq!(world.moment().proposal(&id).expect("memory").expect("proposed").needed, 4, "of five");
    for who in [1, 2] {
        in_group(&mut world, who, approve(id));
    }
    assert_eq!(world.does(7, &[write("a", "x")]).code, Some(Code::UnknownAuthor));
    in_group(&mut world, 3, approve(id));
    assert_eq!(world.does(7, &[write("a", "x")]).state, State::Applied);
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
        let entry = world.moment().proposal(&id).expect("memory").expect("proposed");
        entry.proposal.end.expect("decided").failed.is_some()
    });
    assert_eq!(failed, [false, true]);
    let listed = world.moment().proposals(Some(GROUP_DOMAIN), false, None, 10).expect("known").items;
    assert_eq!(listed.iter().map(|entry| entry.id).collect::<Vec<_>>(), [ids[1], ids[0]]);
}
