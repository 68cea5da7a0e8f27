//! Engines go from one member list to the next: joiners, leavers, new keys, and starts at every place of the way.

use crate::group::{Group, author, key_of, member};
use quorate_client::api::Mode;
use quorate_ledger::{
    Act, Base, Body, Change, Envelope, GROUP_DOMAIN, JoinStatement, Joiner, Op, OpenError, RULES, Reconfiguration,
    Rekey, Revision, State,
};
use quorate_pbft::{Broken, Constants, Epoch, Record, ReplicaId, SeqNum, Signer, View};
use quorate_service::engine::{Candidate, Engine, EngineError, History, Notice};
use quorate_storage::Db;
use quorate_storage::faulty::Loss;
use std::collections::BTreeSet;

impl Group {
    /// A group in which a boundary is soon reached.
    pub fn soon() -> Self {
        Self::with(4, Constants { checkpoint_period: 4, window: 8, ..Constants::default() })
    }

    pub fn engine(&self, site: usize) -> &Engine {
        self.sites[site].engine.as_ref().expect("it runs")
    }

    /// The epoch that a replica's core is in.
    fn epoch(&self, site: usize) -> u64 {
        self.engine(site).committees().current().epoch().get()
    }

    pub fn is_in(&self, sites: &[usize], epoch: u64) -> bool {
        sites.iter().all(|site| self.epoch(*site) == epoch)
    }

    /// A joiner that states the newest checkpoint that it has executed.
    fn joiner(&mut self, site: usize) -> Joiner {
        let is_ready = |group: &Self| group.engine(site).core().stable().is_some();
        self.until("the joiner follows", is_ready);
        let mut checkpoint = self.engine(site).core().stable().expect("just seen").claim().clone();
        let committees = self.engine(site).committees();
        checkpoint.signatures.truncate(committees.current().quorum());
        let (signer, group) = (member(site as u16), self.genesis.group());
        let statement = JoinStatement::sign(&group, checkpoint, RULES, &signer);
        Joiner { statement: Some(statement), ..Joiner::prove("org", &signer) }
    }

    /// Has a reconfiguration decided by way of a replica; `seq` is its author's number in the group's domain.
    pub fn reconfigure(&mut self, by: usize, seq: u64, change: Reconfiguration) {
        let op = Op::Propose { act: Act::Reconfigure { change } };
        let body = Body {
            author: author().public_key(),
            domain: GROUP_DOMAIN.into(),
            from_seq: seq,
            to_seq: seq,
            attempt: 1,
            changes: vec![Change::new(Base::Revision(Revision::GENESIS), vec![op], "", 0)],
            carried: vec![],
        };
        let envelope = Envelope::sign(&self.genesis.group(), body, vec![], &author());
        let id = envelope.id(&self.genesis.group());
        self.submit(by, &Candidate::new(id, &envelope, "org".into(), envelope.encode()));
        self.until("the next members are named", |group| group.engine(by).ledger().next_voters().is_some());
        let receipt = self.receipt(by, &id).expect("it was executed");
        assert_eq!(receipt.state, State::Applied, "{receipt:?}");
    }

    pub fn confirmed(&mut self, site: usize, seq: u64) {
        let envelope = self.envelope(seq, &format!("file-{seq}"));
        self.submit(site, &envelope);
        self.until("the receipt", |group| group.receipt(site, &envelope.id).is_some());
    }

    fn nobody_is_accused(&self) -> bool {
        !self.sites.iter().flat_map(|site| &site.notices).any(|notice| matches!(notice, Notice::Accused(_)))
    }
}

fn charges(group: &Group) -> usize {
    group.sites.iter().map(|site| site.useless.len()).sum()
}

fn adding(joiner: Joiner) -> Reconfiguration {
    Reconfiguration { add: vec![joiner], ..Reconfiguration::default() }
}

pub fn removing(site: usize) -> Reconfiguration {
    Reconfiguration { remove: vec![key_of(site)], ..Reconfiguration::default() }
}

#[test]
fn a_fifth_member_joins_and_votes_while_the_group_works() {
    let mut group = Group::soon();
    group.confirmed(0, 1);
    let joiner = group.sit_down();
    let change = adding(group.joiner(joiner));

    group.reconfigure(0, 1, change);
    group.until("all are in epoch 1", |group| group.is_in(&[0, 1, 2, 3, joiner], 1));

    group.confirmed(joiner, 2);
    group.confirmed(2, 3);
    let active = |group: &Group| group.engine(joiner).core().member().is_some_and(|replica| replica.can_order());
    group.until("it votes", active);
    group.crash(3, Loss::All);
    group.confirmed(1, 4); // q of five is four: the joiner's vote is needed
    group.start(3);
    group.until("equal states", Group::roots_agree);
    assert!(group.nobody_is_accused());
    assert_eq!(charges(&group), 0);
}

#[test]
fn a_leaver_follows_and_tells_laggards_of_the_end() {
    let mut group = Group::soon();
    group.confirmed(0, 1);
    group.crash(1, Loss::All);

    group.reconfigure(0, 1, removing(3));
    group.until("three are in epoch 1", |group| group.is_in(&[0, 2, 3], 1));
    assert!(group.engine(3).core().member().is_none());
    group.crash(2, Loss::All);
    group.crash(0, Loss::All);
    group.start(1);

    group.until("the laggard crosses by the leaver's word alone", |group| group.epoch(1) == 1);
    [0, 2].into_iter().for_each(|site| group.start(site));
    group.confirmed(1, 2);
    group.until("the leaver follows", Group::roots_agree);
    assert!(group.nobody_is_accused());
}

#[test]
fn a_member_goes_on_with_a_new_key_from_another_disk() {
    let mut group = Group::soon();
    group.confirmed(0, 1);
    let anew = group.sit_down();
    let new = group.joiner(anew);
    group.crash(2, Loss::All);

    group.reconfigure(
        0,
        1,
        Reconfiguration { rekey: vec![Rekey { old: key_of(2), new }], ..Reconfiguration::default() },
    );
    group.until("all are in epoch 1", |group| group.is_in(&[0, 1, 3, anew], 1));

    assert_eq!(group.engine(anew).number().map(|number| number.get()), Some(2));
    group.confirmed(anew, 2);
    group.start(2);
    group.until("the old disk follows", |group| group.epoch(2) == 1 && group.roots_agree());
    assert_eq!(group.engine(2).number(), None);
}

/// docs/adr/epochs.md, 1 to 4.
#[test]
fn a_start_finds_its_epoch_wherever_the_crash_was() {
    let mut group = Group::soon();
    group.confirmed(0, 1);
    let joiner = group.sit_down();
    let change = adding(group.joiner(joiner));
    group.reconfigure(0, 1, change);
    let end = group.engine(0).ledger().next_voters().expect("just named").base();

    for site in [1, joiner] {
        group.crash(site, Loss::All);
        group.start(site);
        assert_eq!(group.epoch(site), 0, "between the name and the boundary the old list holds");
    }
    let executed = |group: &Group, site: usize, seq: SeqNum| group.executed(site) >= seq;
    group.until("the boundary is executed", |group| executed(group, 1, end));
    group.crash(1, Loss::All);
    group.start(1);
    group.until("all are in epoch 1", |group| group.is_in(&[0, 1, 2, 3, joiner], 1));
    for site in [2, joiner] {
        group.crash(site, Loss::All);
        group.start(site);
        assert_eq!(group.epoch(site), 1, "who has entered an epoch is in it after a start");
        assert!(group.engine(site).core().member().is_some());
    }
    group.confirmed(2, 2);
    group.crash(2, Loss::All);
    group.start(2);
    group.confirmed(joiner, 3);
    group.until("equal states", Group::roots_agree);
    assert!(group.nobody_is_accused());
}

#[test]
fn an_epoch_ends_without_changes_of_authors() {
    let mut group = Group::soon();
    group.reconfigure(1, 1, removing(3));
    let begun = group.now.ticks;

    group.until("three are in epoch 1", |group| group.is_in(&[0, 1, 2], 1));

    let waited = group.now.ticks.since(begun);
    assert!(waited <= 5_000, "{waited} ms");
    group.confirmed(1, 1);
}

#[test]
fn slots_decided_on_the_fast_path_are_counted_on_in_the_next_epoch_also_by_who_leaves() {
    let mut group = Group::soon();
    let fast = |group: &Group| [0, 3].map(|site| group.engine(site).published().report.fast_commits);
    group.confirmed(0, 1);
    group.until("the votes of all decide", |group| fast(group).iter().all(|count| *count > 0));
    group.reconfigure(0, 1, removing(3));
    let before = fast(&group);

    group.until("both are in epoch 1", |group| group.is_in(&[0, 3], 1));

    let after = fast(&group);
    assert!(before.iter().zip(&after).all(|(before, after)| before <= after), "{before:?}, {after:?}");
}

#[test]
fn four_epochs_lead_to_seven_members_and_back_without_a_gap_in_numbers() {
    let mut group = Group::soon();
    group.confirmed(0, 1);
    for (epoch, number) in (1..).zip([1, 2, 3]) {
        let joiner = group.sit_down();
        let change = adding(group.joiner(joiner));
        group.reconfigure(0, number, change);
        group.until("the joiner is a member", |group| group.epoch(joiner) == epoch);
        group.confirmed(joiner, epoch + 1);
    }
    for (epoch, (leaver, number)) in (4..).zip([(0, 4), (1, 5), (2, 6)]) {
        group.reconfigure(5, number, removing(leaver));
        group.until("the rest go on", |group| group.epoch(5) == epoch);
        group.confirmed(6, epoch + 1);
    }
    group.until("equal states", Group::roots_agree);
    let chain = group.engine(6).published().moment.view().chain_of_epochs().expect("the disk");
    assert_eq!(chain.newest().epoch(), Epoch::new(6));
    assert_eq!(chain.newest().keys().copied().collect::<Vec<_>>(), (3..7).map(key_of).collect::<Vec<_>>());
}

/// Lanes begin anew with each epoch, and so do the counts of their bytes.
#[test]
fn slots_go_once_the_epochs_since_them_have_more_bytes_than_are_kept_though_none_of_them_has() {
    const KEPT: u64 = 150_000;
    let constants = Constants { checkpoint_period: 4, window: 8, ..Constants::default() };
    let mut group = Group::keeping(History::Bytes(KEPT), 4, constants);
    let mut seq = 0;
    let mut put = |group: &mut Group, bytes: usize| {
        seq += 1;
        let envelope = group.putting(seq, &format!("file-{seq}"), &"x".repeat(bytes), Revision::GENESIS);
        group.submit(0, &envelope);
        group.until("the receipt", |group| group.receipt(0, &envelope.id).is_some());
        (0..60).for_each(|_| group.turn()); // the state is folded once a second
    };
    put(&mut group, 30_000);
    let joiner = group.sit_down();
    let change = adding(group.joiner(joiner));
    group.reconfigure(0, 1, change);
    let end = group.engine(0).ledger().next_voters().expect("just named").base();
    group.until("all are in epoch 1", |group| group.is_in(&[0, 1, 2, 3, joiner], 1));
    (0..3).for_each(|_| put(&mut group, 30_000));
    group.reconfigure(0, 2, removing(3));
    group.until("the rest go on", |group| group.is_in(&[0, 1, 2, joiner], 2));
    (0..3).for_each(|_| put(&mut group, 30_000));
    (0..50).for_each(|_| put(&mut group, 10));

    let engine = group.engine(0);
    let executed = engine.ledger().executed();
    assert!(executed.lane_bytes.iter().sum::<u64>() < KEPT, "{executed:?}");
    let oldest = engine.published().moment.snapshot.recover(executed.clone()).expect("the disk").oldest;
    assert!(oldest > end, "{oldest} is kept, and epoch 0 ended with {end}");
}

/// L7: its bundles are void, and what of them had its verdict on another lane meanwhile needs none again.
#[test]
fn a_member_that_was_cut_off_does_not_bring_into_an_epoch_what_others_brought_in_the_one_before() {
    let mut group = Group::soon();
    group.confirmed(0, 1);
    let joiner = group.sit_down();
    let change = adding(group.joiner(joiner));
    group.cut_off = BTreeSet::from([3]);
    let (others, own) = (group.envelope(2, "others"), group.envelope(3, "own"));
    group.submit(3, &others);
    group.turn();
    group.submit(0, &others);
    group.until("others have it", |group| group.receipt(0, &others.id).is_some());
    group.reconfigure(0, 1, change);
    group.until("the others are in epoch 1", |group| group.is_in(&[0, 1, 2, joiner], 1));

    group.cut_off.clear();
    group.until("it is in epoch 1", |group| group.epoch(3) == 1);
    group.submit(3, &own);
    group.until("its own has its verdict", |group| group.receipt(0, &own.id).is_some());

    let tip = group.engine(0).core().member().expect("a member").executed_point().tips[3];
    assert_eq!(tip.position.get(), 1, "a bundle for its own alone");
    assert_eq!(charges(&group), 0, "it was late, and its old bundles came to nothing");
}

/// E7, C3: the key may have voted in the epoch that names it, with another disk.
#[test]
fn a_copied_disk_that_follows_does_not_vote_in_an_epoch_that_names_its_key() {
    let mut group = Group::soon();
    group.confirmed(0, 1);
    let joiner = group.sit_down();
    let new = group.joiner(joiner);
    group.crash(joiner, Loss::Nothing);
    let db = Db::on(&group.sites[joiner].disk).expect("the disk");
    let mut batch = db.begin().expect("a batch");
    batch.record(&Record::Broken(Broken::Copied(SeqNum::new(1)))).expect("a record");
    batch.commit().expect("a commit");
    drop(db);
    group.start(joiner);

    group.reconfigure(0, 1, adding(new));
    group.until("all are in epoch 1", |group| group.is_in(&[0, 1, 2, 3, joiner], 1));

    assert!(!group.engine(joiner).core().can_order());
    group.crash(joiner, Loss::All);
    group.start(joiner);
    assert_eq!(group.engine(joiner).broken(), Some(&Broken::Copied(SeqNum::new(1))));
    group.confirmed(0, 2);
    assert!(!group.engine(joiner).core().can_order());
}

/// Rules that no program knows.
const LATER: u32 = 1_000;

#[test]
fn a_replica_stays_at_the_end_of_its_epoch_before_rules_that_its_program_does_not_know() {
    let mut group = Group::soon();
    group.confirmed(0, 1);
    let rules = Reconfiguration { rules: Some(LATER), ..Reconfiguration::default() };
    group.reconfigure(0, 1, rules);
    let end = group.engine(0).ledger().next_voters().expect("just named").base();
    let report = group.engine(0).published().report;
    assert_eq!((report.unknown_rules, report.mode), (Some(LATER), Mode::Active), "it votes up to the boundary");

    let waits = |group: &Group, site: usize| group.engine(site).published().report.mode == Mode::ReadOnly;
    group.until("all wait at the boundary", |group| (0..4).all(|site| waits(group, site)));
    for site in 0..4 {
        assert_eq!((group.executed(site), group.epoch(site)), (end, 0));
        let why = group.engine(site).published().report.why.clone();
        assert!(why.contains("rules 1000") && why.contains("start a program that knows them"), "{why}");
    }
    group.crash(1, Loss::All);
    group.start(1);
    group.until("it waits there after a start too", |group| waits(group, 1));
    assert_eq!((group.executed(1), group.epoch(1)), (end, 0));
    assert!(group.nobody_is_accused());
}

#[test]
fn a_disk_with_promises_of_an_epoch_by_rules_that_the_program_does_not_know_is_refused_by_their_name() {
    let mut group = Group::soon();
    group.confirmed(0, 1);
    group.reconfigure(0, 1, Reconfiguration { rules: Some(LATER), ..Reconfiguration::default() });
    let end = group.engine(0).ledger().next_voters().expect("just named").base();
    group.until("it is at the boundary", |group| group.executed(1) == end);
    group.crash(1, Loss::Nothing);
    let db = Db::on(&group.sites[1].disk).expect("the disk");
    let mut batch = db.begin().expect("a batch");
    let entered = Record::View { epoch: Epoch::new(1), view: View::new(0), changing: false };
    batch.record(&entered).expect("what a newer program wrote when it went on");
    batch.commit().expect("a commit");
    drop(db);
    let refused = group.opened(1).map(drop).expect_err("rules of another program");
    assert!(
        matches!(&refused, EngineError::Open(OpenError::OtherRules { theirs, .. }) if theirs == "rules 1000"),
        "{refused}"
    );
}

#[test]
fn statuses_tell_by_which_rules_each_program_executes() {
    let mut group = Group::soon();
    group.confirmed(0, 1);
    let report = group.engine(0).published().report;
    for number in 0..4 {
        let program = report.program_of(ReplicaId::new(number)).expect("heard");
        assert_eq!((program.rules_oldest, program.rules_newest), (RULES.oldest, RULES.newest), "member {number}");
        assert!(program.wire > 0 && program.version != [0; 3]);
    }
}
