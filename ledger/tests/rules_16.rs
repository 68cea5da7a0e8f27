//! Rules 16: no organisation takes the room of others, and nothing outlives the policy under which it was asked for.

mod support;

use quorate_ledger::LockMode::X;
use quorate_ledger::keys::{Purpose, prove_possession};
use quorate_ledger::policy::{Approvals, DomainPolicy, GroupPolicy, PathRule, Strategy};
use quorate_ledger::{
    Act, Base, Code, GROUP_DOMAIN, Mode, Op, Principal, ProposalFate, ProposalId, Receipt, Reconfiguration, State,
};
use quorate_pbft::{PublicKey, Signer};
use support::disputes::{goes_on_by, is_open, policy, rule, step, world};
use support::locks::{acquire, acquire_for, answer, grab, release};
use support::world::{Edit, World, remove, rename, write};
use support::{author, digest};

fn text(text: &str) -> Option<String> {
    Some(format!("{text}\n"))
}

/// Author 2 renames the folder `d` to `e` without having seen the file of author 1 in it, which goes along; the bases of both
/// after what they did.
fn goes_along(rules: u32, paths: Vec<PathRule>) -> (World, [Base; 2]) {
    let mut world = world(rules);
    world.decide("main", policy(paths));
    world.does(0, &[write("d/x", "x\n")]);
    let base = world.now();
    let made = world.does(1, &[write("d/new", "unseen\n")]);
    let renamed = world.does_on(base, 2, &[rename("d/x", "e/x")]);
    assert_eq!(world.text("e/new"), text("unseen"));
    (world, [made, renamed].map(|receipt| Base::Envelope(receipt.id)))
}

/// Files that stand after an author, who knows nothing of a file that went along with a folder, puts another one there, makes
/// this edit of it, and the deadline of their conflict lets the last writer win.
fn takes_away(rules: u32, who: u8, edit: Edit) -> [Option<String>; 2] {
    let vote = step(Strategy::Vote(None), Some(1_000));
    let vote = PathRule { strategies: vec![vote, step(Strategy::LastWriterWins, None)], ..rule("**") };
    let (mut world, bases) = goes_along(rules, vec![vote]);
    let put = world.does_on(bases[usize::from(who) - 1], who, &[write("e/new", "mine\n")]);
    assert_eq!(put.state, State::Conflict);
    world.does_on(Base::Envelope(put.id), who, &[edit]);
    world.time += 2_000;
    world.slot(&[]);
    world.slot(&[]);
    assert!(!is_open(&world, &put));
    ["e/new", "f"].map(|path| world.text(path))
}

#[test]
fn a_file_that_went_along_unseen_is_not_its_movers_to_take_away() {
    assert_eq!(takes_away(15, 2, remove("e/new")), [None, None], "the unseen one is gone");
    assert_eq!(takes_away(16, 2, remove("e/new")), [text("unseen"), None]);
    assert_eq!(takes_away(15, 2, rename("e/new", "f")), [None, text("mine")], "the unseen one is gone");
    assert_eq!(takes_away(16, 2, rename("e/new", "f")), [text("unseen"), text("mine")]);
}

#[test]
fn an_author_takes_away_no_file_of_its_own_from_where_others_brought_it_unseen() {
    for rules in [15, 16] {
        assert_eq!(takes_away(rules, 1, remove("e/new")), [text("unseen"), None], "rules {rules}");
        assert_eq!(takes_away(rules, 1, rename("e/new", "f")), [text("unseen"), text("mine")], "rules {rules}");
    }
}

#[test]
fn a_file_that_went_along_unseen_stands_by_its_owners_authority() {
    let after = |rules| {
        let owner = Strategy::Authoritative(Principal::Organisation("org-1".into()));
        let owned = PathRule { strategies: vec![step(owner, None)], ..rule("**") };
        let (mut world, [_, base]) = goes_along(rules, vec![owned]);
        (world.does_on(base, 2, &[write("e/new", "mine\n")]).state, world.text("e/new"))
    };
    assert_eq!(after(15), (State::Conflict, text("unseen")), "it counts as a file of its mover");
    assert_eq!(after(16), (State::Merged, text("unseen")));
}

fn key(who: u8) -> PublicKey {
    author(who).public_key()
}

fn enrol(world: &mut World, who: u8, by: u8) {
    let organisation = format!("org-{by}");
    let proof = prove_possession(Purpose::Author, &organisation, &author(who));
    let edit = Edit::Other(Op::Enrol { key: key(who), organisation, proof });
    assert_eq!(world.does_in(GROUP_DOMAIN, by, &[edit]).state, State::Applied);
}

fn revoke(world: &mut World, who: u8) {
    let revoked = world.does_in(GROUP_DOMAIN, who, &[Edit::Other(Op::Revoke { key: key(who) })]);
    assert_eq!(revoked.state, State::Applied);
}

fn propose(act: Act) -> Edit {
    Edit::Other(Op::Propose { act })
}

fn approve(proposal: ProposalId) -> Edit {
    Edit::Other(Op::Approve { proposal })
}

fn withdraw(proposal: ProposalId) -> Edit {
    Edit::Other(Op::Withdraw { proposal })
}

fn organisation(name: &str) -> Edit {
    propose(Act::AddOrganisation { name: name.into() })
}

fn proposed(world: &mut World, domain: &str, who: u8, edit: Edit) -> ProposalId {
    let receipt = world.does_in(domain, who, &[edit]);
    assert_eq!(receipt.state, State::Applied, "{receipt:?}");
    ProposalId::of(&receipt.id, 0)
}

fn end(world: &World, id: ProposalId) -> Option<ProposalFate> {
    world.view().proposal(&id).expect("memory").expect("proposed").proposal.end.map(|end| end.how)
}

/// The world in which author 0 and author 7, both of the first organisation, have made so many proposals.
fn crowded(rules: u32, proposals: usize) -> (World, Vec<ProposalId>) {
    let mut world = world(rules);
    enrol(&mut world, 7, 0);
    let ids = (0..proposals).map(|n| {
        let who = if n % 2 == 0 { 0 } else { 7 };
        proposed(&mut world, GROUP_DOMAIN, who, organisation(&format!("new-{n}")))
    });
    let ids = ids.collect();
    (world, ids)
}

#[test]
fn an_organisation_has_16_open_proposals_in_a_domain_and_others_have_theirs() {
    let (mut world, ids) = crowded(16, 16);
    let more = |world: &mut World, who| answer(&world.does_in(GROUP_DOMAIN, who, &[organisation("one-more")]));
    assert_eq!((more(&mut world, 0), more(&mut world, 7)), ("access: quota".into(), "access: quota".into()));
    assert_eq!(more(&mut world, 1), "Applied");
    let there = world.does_in("main", 0, &[propose(Act::SetPolicy { policy: policy(vec![]) })]);
    assert_eq!(there.state, State::Applied);
    world.does_in(GROUP_DOMAIN, 7, &[withdraw(ids[1])]);
    assert_eq!(more(&mut world, 0), "Applied");
    assert_eq!(more(&mut world, 0), "access: quota");
    for who in [1, 2] {
        world.does_in(GROUP_DOMAIN, who, &[approve(ids[0])]);
    }
    assert_eq!(end(&world, ids[0]), Some(ProposalFate::Effective));
    assert_eq!(more(&mut world, 0), "Applied");
    assert_eq!(crowded(15, 20).1.len(), 20, "without end");
}

#[test]
fn a_proposal_of_a_revoked_key_is_its_organisations_to_take_back() {
    for (rules, who, said) in [(15, 0, "access: role"), (16, 0, "Applied"), (16, 1, "access: role")] {
        let (mut world, ids) = crowded(rules, 2);
        let taken = |world: &mut World, who| answer(&world.does_in(GROUP_DOMAIN, who, &[withdraw(ids[1])]));
        assert_eq!(taken(&mut world, 0), "access: role", "the key is in use");
        revoke(&mut world, 7);
        assert_eq!(taken(&mut world, who), said, "rules {rules}, author {who}");
    }
}

/// A policy of so many bytes and some, out of texts that files may not hold.
fn long(bytes: usize) -> DomainPolicy {
    let texts = |rule: usize| (0..60).map(move |n| format!("{:-<256}", format!("{rule} {n}"))).collect();
    let rules = 0..bytes.div_ceil(60 * 260);
    policy(rules.map(|number| PathRule { forbidden: texts(number), ..rule(&format!("{number}")) }).collect())
}

#[test]
fn a_policy_of_more_than_two_mib_is_not_proposed() {
    let said = |rules, bytes| answer(&world(rules).does(0, &[propose(Act::SetPolicy { policy: long(bytes) })]));
    assert_eq!(said(15, 2 << 20), "Applied");
    assert_eq!(said(16, 2 << 20), "content: bad-act");
    assert_eq!(said(16, (2 << 20) - (32 << 10)), "Applied");
}

#[test]
fn what_an_envelope_reads_of_older_proposals_counts_among_the_bytes_that_one_may_have_checked() {
    let mut world = world(15);
    let checked = PathRule { size_max: Some(16 << 20), ..rule("**") };
    world.decide("main", policy(vec![checked]));
    let writers = vec![Principal::Everyone, Principal::Organisation("o".repeat(28 << 20))];
    let old = proposed(&mut world, "main", 0, propose(Act::SetPolicy { policy: DomainPolicy::new(writers, vec![]) }));
    goes_on_by(&mut world, 16);
    let text = "x".repeat(16 << 20);
    let put = |n: usize| Edit::Mode(format!("{n}"), Mode::File, digest(text.as_bytes()));
    let mut said = |puts: usize| {
        let edits = [write("0", &text)].into_iter().chain((1..puts).map(put)).chain([approve(old)]);
        answer(&world.does(1, &edits.collect::<Vec<_>>()))
    };
    assert_eq!(said(15), "content: bad-act");
    assert_eq!(said(1), "Applied", "the proposal is over, as one of older rules");
}

#[test]
fn a_policy_names_organisations_by_names() {
    let odd = || Principal::Organisation("o".repeat(1_000));
    let owned = |strategy| policy(vec![PathRule { strategies: vec![step(strategy, None)], ..rule("**") }]);
    let policies = [
        DomainPolicy::new(vec![Principal::Everyone, odd()], vec![]),
        DomainPolicy::new(vec![Principal::Everyone], vec![odd()]),
        policy(vec![PathRule { owners: vec![odd()], ..rule("**") }]),
        policy(vec![PathRule { validators: vec![odd()], ..rule("**") }]),
        owned(Strategy::Authoritative(odd())),
        owned(Strategy::Arbitrate(odd())),
    ];
    for policy in policies {
        let said = |rules| answer(&world(rules).does(0, &[propose(Act::SetPolicy { policy: policy.clone() })]));
        assert_eq!((said(15), said(16)), ("Applied".into(), "content: bad-act".into()), "{policy:?}");
    }
    let approvals = Approvals { organisations: None, by: vec![odd(), Principal::Everyone] };
    let act = Act::SetGroupPolicy { policy: GroupPolicy { approvals, ..GroupPolicy::default() } };
    let said = |rules| answer(&world(rules).does_in(GROUP_DOMAIN, 0, &[propose(act.clone())]));
    assert_eq!((said(15), said(16)), ("Applied".into(), "content: bad-act".into()));
}

/// Approvals by author 7, of the first organisation, and by author 1, both of whom it takes.
fn narrow() -> Approvals {
    Approvals { organisations: Some(2), by: vec![Principal::Author(key(7)), Principal::Author(key(1))] }
}

#[test]
fn a_word_that_was_given_under_another_policy_brings_no_policy_in_force() {
    let ended = |rules| {
        let mut world = world(rules);
        enrol(&mut world, 7, 0);
        let id = proposed(&mut world, "main", 0, propose(Act::SetPolicy { policy: policy(vec![rule("old")]) }));
        world.decide("main", DomainPolicy { approvals: narrow(), ..policy(vec![]) });
        assert_eq!(answer(&world.does(1, &[approve(id)])), "Applied");
        (end(&world, id), world.view().policy("main").expect("known").paths.len())
    };
    assert_eq!(ended(15), (Some(ProposalFate::Effective), 1), "author 0 has no say any more");
    let why = "it was proposed under another policy: propose it again".to_owned();
    assert_eq!(ended(16), (Some(ProposalFate::Failed(why)), 0));
}

#[test]
fn a_word_that_was_given_under_another_policy_of_the_group_decides_nothing_there() {
    let ended = |rules| {
        let mut world = world(rules);
        enrol(&mut world, 7, 0);
        let id = proposed(&mut world, GROUP_DOMAIN, 0, organisation("new"));
        let policy = GroupPolicy { approvals: narrow(), ..GroupPolicy::default() };
        let narrowed = world.agrees(GROUP_DOMAIN, Act::SetGroupPolicy { policy });
        assert_eq!(end(&world, narrowed), Some(ProposalFate::Effective));
        world.does_in(GROUP_DOMAIN, 1, &[approve(id)]);
        end(&world, id) == Some(ProposalFate::Effective)
    };
    assert_eq!((ended(15), ended(16)), (true, false));
}

#[test]
fn a_rescue_is_over_with_the_policy_that_it_was_to_replace() {
    let closed = |organisations: [u8; 2]| {
        let writers = organisations.map(|n| Principal::Organisation(format!("org-{n}"))).to_vec();
        let approvals = Approvals { organisations: Some(2), by: vec![] };
        DomainPolicy { approvals, ..DomainPolicy::new(writers, vec![]) }
    };
    let rescue = |policy| propose(Act::Rescue { name: "other".into(), policy });
    let ended = |rules| {
        let mut world = world(rules);
        world.decide("other", closed([0, 1]));
        revoke(&mut world, 1);
        let [first, second] =
            [policy(vec![]), closed([0, 2])].map(|policy| proposed(&mut world, GROUP_DOMAIN, 3, rescue(policy)));
        for who in [0, 2] {
            world.does_in(GROUP_DOMAIN, who, &[approve(second)]);
        }
        assert_eq!(end(&world, second), Some(ProposalFate::Effective));
        revoke(&mut world, 2);
        world.does_in(GROUP_DOMAIN, 0, &[approve(first)]);
        end(&world, first) == Some(ProposalFate::Effective)
    };
    assert_eq!((ended(15), ended(16)), (true, false));
}

#[test]
fn a_proposal_of_older_rules_is_made_again() {
    let mut world = world(15);
    let id = proposed(&mut world, GROUP_DOMAIN, 0, organisation("new"));
    let change = Reconfiguration { rules: Some(16), ..Reconfiguration::default() };
    world.agrees(GROUP_DOMAIN, Act::Reconfigure { change });
    world.fill();
    world.slot(&[]);
    world.does_in(GROUP_DOMAIN, 1, &[approve(id)]);
    assert!(matches!(end(&world, id), Some(ProposalFate::Failed(why)) if why.contains("older rules")));
    let again = world.agrees(GROUP_DOMAIN, Act::AddOrganisation { name: "new".into() });
    assert_eq!(end(&world, again), Some(ProposalFate::Effective));
}

#[test]
fn what_is_proposed_beside_the_end_of_a_policy_is_of_that_policy() {
    let mut world = world(16);
    let alone = Approvals { organisations: Some(1), by: vec![] };
    world.decide("main", DomainPolicy { approvals: alone.clone(), ..policy(vec![]) });
    let set = |pattern: &str| {
        let policy = DomainPolicy { approvals: alone.clone(), ..policy(vec![rule(pattern)]) };
        propose(Act::SetPolicy { policy })
    };
    let receipt = world.does(0, &[set("first"), set("second")]);
    assert_eq!(receipt.state, State::Applied);
    assert_eq!(world.view().policy("main").expect("known").paths[0].pattern, "first");
    assert!(matches!(end(&world, ProposalId::of(&receipt.id, 1)), Some(ProposalFate::Failed(_))));
}

#[test]
fn an_organisation_has_64_requests_in_the_line_of_a_domain_and_others_have_room() {
    let said = |rules| {
        let mut world = world(rules);
        enrol(&mut world, 7, 1);
        world.does(0, &[grab("", X)]);
        for n in 0..4 {
            let asked: Vec<Edit> = (0..16).map(|m| acquire(&format!("{n}/{m}"), X)).collect();
            assert_eq!(world.does(1, &asked).state, State::Applied);
        }
        [7, 2].map(|who| answer(&world.does(who, &[acquire("more", X)])))
    };
    assert_eq!(said(15), ["Applied", "Applied"]);
    assert_eq!(said(16), ["access: quota", "Applied"]);
}

#[test]
fn a_request_that_leaves_the_line_makes_room_for_another_of_its_organisation() {
    let mut world = world(16);
    enrol(&mut world, 7, 1);
    world.does(0, &[acquire_for("", X, 60_000, 0)]);
    for n in 0..4 {
        let asked: Vec<Edit> = (0..16).map(|m| acquire(&format!("{n}/{m}"), X)).collect();
        world.does(1, &asked);
    }
    world.does(1, &[release("0/0")]);
    assert_eq!(answer(&world.does(7, &[acquire("more", X)])), "Applied");
    assert_eq!(answer(&world.does(7, &[acquire("one-more", X)])), "access: quota");
}

/// A policy without the last organisation.
fn without_the_last() -> DomainPolicy {
    DomainPolicy::new((0..3).map(|n| Principal::Organisation(format!("org-{n}"))).collect(), vec![])
}

fn written(world: &mut World, who: u8, path: &str) -> Receipt {
    world.does(who, &[write(path, "x\n")])
}

#[test]
fn a_lock_of_somebody_who_writes_no_more_ends_with_the_policy_that_let_them() {
    let said = |rules| {
        let mut world = world(rules);
        world.does(3, &[acquire_for("d", X, 60_000, 0)]);
        world.does(0, &[acquire_for("e", X, 60_000, 0)]);
        world.decide("main", without_the_last());
        [written(&mut world, 1, "d/a"), written(&mut world, 1, "e/a")].map(|receipt| answer(&receipt))
    };
    assert_eq!(said(15), ["ownership: lock", "ownership: lock"]);
    assert_eq!(said(16), ["Applied", "ownership: lock"]);
}

#[test]
fn nobody_in_line_has_a_lock_who_writes_no_more_by_then() {
    let held = |rules| {
        let mut world = world(rules);
        world.does(0, &[acquire_for("a", X, 60_000, 0)]);
        world.does(3, &[acquire_for("a", X, 60_000, 60_000)]);
        world.does(2, &[acquire_for("a", X, 60_000, 60_000)]);
        world.decide("main", without_the_last());
        world.does(0, &[release("a")]);
        [3, 2].map(|who| world.token(who, "a").is_some())
    };
    assert_eq!((held(15), held(16)), ([true, false], [false, true]));
}

#[test]
fn a_rescue_ends_the_locks_of_those_whom_it_shuts_out() {
    let mut world = world(16);
    let closed = DomainPolicy {
        approvals: Approvals { organisations: Some(2), by: vec![Principal::Author(key(0)), Principal::Author(key(1))] },
        ..policy(vec![])
    };
    world.decide("main", closed);
    revoke(&mut world, 1);
    world.does(3, &[acquire_for("d", X, 60_000, 0)]);
    let id =
        proposed(&mut world, GROUP_DOMAIN, 3, propose(Act::Rescue { name: "main".into(), policy: without_the_last() }));
    for who in [0, 2] {
        world.does_in(GROUP_DOMAIN, who, &[approve(id)]);
    }
    assert_eq!(end(&world, id), Some(ProposalFate::Effective));
    assert_eq!(written(&mut world, 0, "d/a").state, State::Applied);
    assert_eq!(written(&mut world, 3, "b").code, Some(Code::NotMember));
}
