//! Restart of a group that lost more than f disks: another group goes on from the last state that its members signed.

mod support;

use quorate_ledger::keys::Purpose;
use quorate_ledger::policy::{DomainPolicy, PathRule};
use quorate_ledger::proof::{Proof, ProofError, restart_from, restarted_from};
use quorate_ledger::{
    Act, DomainRules, Enrolment, GROUP_DOMAIN, Genesis, GenesisError, GenesisFile, Joiner, Ledger, MemoryStore, Op,
    OpenError, Principal, Reconfiguration, Restart, State,
};
use quorate_pbft::{Epoch, SeqNum};
use support::twin::certified;
use support::world::{Edit, World, write};
use support::{certificate_of, replica};

/// A group with a file of two versions, an open conflict and a change that waits for an approval.
fn lost() -> World {
    let reviewed = PathRule { pattern: "reviewed/**".into(), approvals: 1, ..PathRule::default() };
    let policy = DomainPolicy { paths: vec![reviewed], ..DomainPolicy::new(vec![Principal::Everyone], vec![]) };
    let mut world = World::new();
    world.decide("main", policy);
    world.does(0, &[write("a", "one"), write("kept", "as it was")]);
    let base = world.now();
    world.does(0, &[write("a", "two")]);
    assert_eq!(world.does_on(base, 1, &[write("a", "three")]).state, State::Conflict);
    assert_eq!(world.does(3, &[write("reviewed/a", "seen by two")]).state, State::Pending);
    world
}

/// Restart from the state of a world, as its members signed it.
fn restart(world: &World) -> Restart {
    let (_, checkpoint) = certified(&world.ledger, &world.store);
    restart_from(&world.genesis, &checkpoint).expect("signed by its members").0
}

/// File of the group that goes on with these replicas, each of the organisation with its number in the second place.
fn file(world: &World, members: &[(u8, u8)]) -> GenesisFile {
    let enrolled = |(n, org): &(u8, u8)| Enrolment::prove(Purpose::Member, &format!("org-{org}"), &replica(*n));
    let mut organisations: Vec<String> = members.iter().map(|(_, org)| format!("org-{org}")).collect();
    organisations.sort_unstable();
    organisations.dedup();
    GenesisFile {
        name: "test, restarted".into(),
        rules: Some(world.ledger.rules()),
        restarted_from: Some(restart(world)),
        organisations,
        members: members.iter().map(enrolled).collect(),
        authors: vec![],
        domains: vec![],
        ..world.genesis.file().clone()
    }
}

fn genesis(world: &World, members: &[(u8, u8)]) -> Genesis {
    Genesis::build(file(world, members)).expect("a good genesis")
}

/// Replica 0 goes on under its key, and three new ones.
const MEMBERS: &[(u8, u8)] = &[(0, 0), (11, 1), (12, 2), (13, 0)];

fn restarted() -> (World, World) {
    let old = lost();
    let new = old.restarted(genesis(&old, MEMBERS)).expect("its own state");
    (old, new)
}

#[test]
fn a_group_goes_on_with_the_files_conflicts_and_numbers_that_were_left() {
    let (old, mut new) = restarted();
    assert_eq!((new.text("a"), new.text("kept")), (old.text("a"), old.text("kept")));
    let conflicts = |world: &World| world.view().conflicts(None, Some(true), None, 10).expect("a page").items;
    assert_eq!((conflicts(&new).len(), conflicts(&new)), (1, conflicts(&old)));
    assert_eq!(new.ledger.revision(), old.ledger.revision());

    let receipt = new.does(0, &[write("kept", "and gone on with")]);
    assert_eq!((receipt.code, new.text("kept").as_deref()), (None, Some("and gone on with")));
    assert_eq!(new.ledger.executed().seq, old.ledger.executed().seq.next());
    (0..40).for_each(|n| drop(new.does(0, &[write("more", &n.to_string())]))); // each is held against copies
}

#[test]
fn the_log_of_a_domain_in_which_nobody_had_written_is_whole_in_the_group_that_goes_on() {
    let mut old = lost();
    let policy = DomainPolicy::new(vec![Principal::Everyone], vec![]);
    old.agrees(GROUP_DOMAIN, Act::CreateDomain { name: "quiet".into(), policy });

    let mut new = old.restarted(genesis(&old, MEMBERS)).expect("its own state");
    new.does_in("quiet", 0, &[write("a", "first")]);

    assert_eq!(new.view().log_begins("quiet"), Ok(None));
    assert_eq!(new.view().log_begins("main"), Ok(Some(old.ledger.executed().seq.next())));
}

#[test]
fn members_of_the_genesis_vote_from_the_next_epoch_on_and_the_old_ones_are_remembered() {
    let (old, new) = restarted();
    let committee = new.genesis.founders();
    assert_eq!((committee.epoch(), committee.base()), (Epoch::new(1), old.ledger.executed().seq));
    assert_eq!((new.ledger.voters(), new.ledger.executed().epoch), (committee, Epoch::new(1)));
    assert_eq!(new.genesis.groups().collect::<Vec<_>>(), [new.genesis.group(), old.genesis.group()]);
    let epochs = new.view().epochs(None, 10).expect("memory").items;
    let seen: Vec<_> = epochs.iter().map(|epoch| (epoch.epoch.get(), epoch.after, epoch.members.len())).collect();
    assert_eq!(seen, [(0, SeqNum::new(0), 4), (1, committee.base(), 4)]);
    let opened = Ledger::open(&new.store, &new.genesis).expect("it was written");
    assert_eq!(opened.executed(), new.ledger.executed());
}

#[test]
fn what_waited_for_an_approval_takes_effect_in_the_group_that_goes_on() {
    let (_, mut new) = restarted();
    let id = new.view().pending_changes("main", None, 10).expect("a page").items[0].0;
    let receipt = new.does(1, &[Edit::Other(Op::Attest { envelope: id, approve: true })]);
    assert_eq!(receipt.code, None, "{receipt:?}");
    assert_eq!(new.text("reviewed/a").as_deref(), Some("seen by two"));
}

#[test]
fn proofs_of_the_group_that_goes_on_lead_from_its_own_genesis_and_no_other() {
    let (old, mut new) = restarted();
    new.does(0, &[write("kept", "and gone on with")]);
    let prove = |world: &World| {
        let proof = world.view().prove_file(&certificate_of(&world.ledger), "main", "kept", None);
        Proof::File(Box::new(proof.expect("in this state")))
    };
    assert!(prove(&new).verify(&new.genesis).is_ok() && prove(&old).verify(&old.genesis).is_ok());
    assert!(prove(&new).verify(&old.genesis).is_err() && prove(&old).verify(&new.genesis).is_err());
}

#[test]
fn a_group_that_was_restarted_can_be_restarted_again() {
    let (_, mut second) = restarted();
    second.does(0, &[write("kept", "by the second group")]);
    let third = second.restarted(genesis(&second, &[(20, 1), (21, 2), (22, 3)])).expect("its own state");
    assert_eq!(third.text("kept").as_deref(), Some("by the second group"));
    assert_eq!(third.genesis.groups().count(), 3);
    assert!(restarted_from(&third.genesis).is_ok_and(|epochs| epochs.is_some()));
}

#[test]
fn a_list_that_never_came_into_force_is_forgotten() {
    let mut old = lost();
    let checkpoint = certificate_of(&old.ledger).claim().clone();
    let (group, joins) = (old.genesis.group(), replica(9));
    let statement = quorate_ledger::JoinStatement::sign(&group, checkpoint, quorate_ledger::RULES, &joins);
    let joiner = Joiner { statement: Some(statement), ..Joiner::prove("org-0", &joins) };
    let change = Reconfiguration { add: vec![joiner], ..Reconfiguration::default() };
    old.agrees(GROUP_DOMAIN, Act::Reconfigure { change });
    assert!(old.ledger.next_voters().is_some());

    let mut new = old.restarted(genesis(&old, MEMBERS)).expect("its own state");

    assert_eq!(new.ledger.next_voters(), None);
    assert_eq!(new.does(0, &[write("kept", "by four")]).code, None);
    let again = old.restarted(genesis(&old, &[(9, 0), (11, 1), (12, 2), (13, 3)])).expect("its own state");
    assert_eq!(again.ledger.voters().len(), 4);
}

#[test]
fn a_genesis_that_names_another_state_or_unknown_organisations_begins_nothing() {
    let mut old = lost();
    let early = genesis(&old, MEMBERS);
    old.does(0, &[write("kept", "above that state")]);
    let refused = |outcome: Result<World, OpenError>| match outcome.map(drop) {
        Err(OpenError::NotRestarted(why)) => why,
        other => panic!("{other:?}"),
    };
    assert!(refused(old.restarted(early)).contains("and the genesis names slot"));
    let stranger = genesis(&old, &[(11, 7)]);
    assert!(refused(old.restarted(stranger)).contains("organisation \"org-7\" was none of the group's"));
    let later = GenesisFile { rules: Some(9), ..file(&old, MEMBERS) };
    assert!(refused(old.restarted(Genesis::build(later).expect("a good genesis"))).contains("rules 8"));
}

#[test]
fn the_first_state_of_a_restarted_group_is_not_made_from_its_genesis_alone() {
    let old = lost();
    let made = Ledger::create(&mut MemoryStore::new(), &genesis(&old, MEMBERS)).map(drop);
    let seq = old.ledger.executed().seq.get();
    assert_eq!(made, Err(OpenError::Restarted { group: old.genesis.group(), seq }));
}

#[test]
fn a_genesis_is_refused_that_brings_people_or_numbers_beside_the_state() {
    let old = lost();
    let good = file(&old, MEMBERS);
    let refused = |change: &dyn Fn(&mut GenesisFile)| {
        let mut file = good.clone();
        change(&mut file);
        matches!(Genesis::build(file), Err(GenesisError::Restart(_)))
    };
    let authors = old.genesis.file().authors.iter().filter(|author| author.organisation == "org-0");
    assert!(refused(&|file| file.authors = authors.clone().cloned().collect()));
    assert!(refused(&|file| file.domains = vec![DomainRules::open("more")]));
    assert!(refused(&|file| file.limits.base_horizon_ms += 1));
    assert!(refused(&|file| file.rules = None));
    assert!(refused(&|file| file.restarted_from.iter_mut().for_each(|restart| restart.group = support::digest(b"x"))));
}

#[test]
fn a_restart_that_members_did_not_sign_as_it_is_told_is_refused() {
    let old = lost();
    let good = file(&old, MEMBERS);
    assert!(restarted_from(&Genesis::build(good.clone()).expect("a good genesis")).is_ok());
    let refused = |change: &dyn Fn(&mut Restart)| {
        let mut file = good.clone();
        file.restarted_from.iter_mut().for_each(change);
        restarted_from(&Genesis::build(file).expect("a good genesis")).is_err()
    };
    assert!(refused(&|restart| restart.seq += 1));
    assert!(refused(&|restart| restart.epoch += 1));
    assert!(refused(&|restart| restart.time += 1));
    assert!(refused(&|restart| restart.state_root = support::digest(b"another")));
    assert!(refused(&|restart| restart.signers.reverse()));
    assert!(refused(&|restart| *restart.proof.last_mut().expect("a proof") ^= 1));
    assert!(refused(&|restart| restart.proof.clear()));
}

#[test]
fn a_state_of_another_group_proves_no_restart() {
    let old = lost();
    let (_, checkpoint) = certified(&old.ledger, &old.store);
    assert_eq!(restart_from(&support::genesis(7), &checkpoint), Err(ProofError::NotCertified));
}
