//! One replica alone, with its disk, against messages made by hand: what was once wrong stays right.

mod cluster;

use cluster::{AnyItem, Cluster, HashSigner, HashVerify, WALL, alone, committee, config, id, key};
use quorate_pbft::{
    Broken, Bundle, BundleHeader, ClaimedCert, Constants, Content, Decided, Digest, Effect, Effects, Epoch, Executed,
    Input, Item, ItemKind, Journal, Kind, LaneStatus, Message, NewView, Now, Position, PreparedEntry, Replica,
    ReplicaId, SeqNum, Signed, Statement, Ticks, Time, Tip, Unverified, VerifyContext, View, ViewChange, Wanted,
    checkpoint_digest, items_root,
};
use std::sync::Arc;

fn st(kind: Kind, view: u64, seq: u64, digest: Digest, signer: usize) -> Signed {
    Statement {
        group: Digest([7; 32]),
        epoch: Epoch::new(0),
        kind,
        view: View::new(view),
        seq: SeqNum::new(seq),
        digest,
    }
    .sign(id(signer), &HashSigner(key(signer)))
}
fn cert(kind: Kind, view: u64, seq: u64, digest: Digest, signers: &[usize]) -> ClaimedCert {
    let signatures = signers.iter().map(|s| (id(*s), st(kind, view, seq, digest, *s).signature)).collect();
    ClaimedCert { epoch: Epoch::new(0), kind, view: View::new(view), seq: SeqNum::new(seq), digest, signatures }
}
/// A replica of a group of four, and its disk.
struct One {
    r: Replica,
    disk: Journal,
    now: u64,
    sent: Vec<Message>,
    broken: Vec<Broken>,
}
impl One {
    fn new(me: usize) -> Self {
        let r = Replica::new(config(4, me, 9, &Constants::default()));
        let mut one = Self { r, disk: Journal::new(4), now: 1000, sent: vec![], broken: vec![] };
        one.start(9, me);
        one
    }
    fn start(&mut self, inc: u64, me: usize) {
        self.tick(1);
        for p in (0..4).filter(|p| *p != me) {
            self.msg(p, Message::Recalled { incarnation: inc, statements: vec![] });
        }
    }
    fn restart(&mut self, me: usize) {
        self.r = Replica::recover(config(4, me, 77, &Constants::default()), self.disk.recovered());
        self.sent.clear();
        self.start(77, me);
    }
    fn tick(&mut self, by: u64) {
        self.now += by;
        self.step(Input::Tick(Now { ticks: Ticks::new(self.now), wall: Time::new(WALL + self.now) }));
    }
    fn msg(&mut self, from: usize, m: Message) {
        let c = committee(4);
        let k = Constants::default();
        let ctx = VerifyContext { committee: &c, verify: &HashVerify, payload: &AnyItem, constants: &k };
        let v = Unverified::new(id(from), m).verify(&ctx).expect("valid");
        self.step(Input::Message(v));
    }
    fn step(&mut self, i: Input) {
        let mut out = Effects::new();
        self.r.step(i, &mut out);
        for e in out.take() {
            match e {
                Effect::Persist(r) => self.disk.record(&r),
                Effect::Broadcast(m) | Effect::Send { message: m, .. } => self.sent.push((*m).clone()),
                Effect::Broken(b) => self.broken.push(b),
                _ => (),
            }
        }
    }
}
fn status(lanes: Vec<(ReplicaId, LaneStatus)>, executed: u64) -> Message {
    let body = alone::status(lanes, executed);
    let statement = st(Kind::Status, 0, 1, body.digest(), 3);
    Message::Status { statement, body }
}
/// Numbers at the end of their range are a peer's to name (pitfall 29).
#[test]
fn a_status_that_claims_to_have_executed_the_last_number_harms_nobody() {
    let mut a = One::new(0);
    a.msg(3, status(vec![], u64::MAX));
}
#[test]
fn a_status_that_claims_the_last_position_of_our_lane_harms_nobody() {
    let mut a = One::new(0);
    let tip = Tip { position: Position::new(u64::MAX), digest: Digest([1; 32]) };
    a.msg(3, status(vec![(id(0), LaneStatus { acknowledged: tip, certified: Tip::default() })], 0));
}
/// L4: at or below the executed tip of its voters a cut may name any digest.
#[test]
fn a_cut_with_a_wrong_low_tip_does_not_stop_a_replica_that_is_behind() {
    let mut c = One::new(2);
    let real = Digest([5; 32]);
    c.msg(0, Message::LaneCert(cert(Kind::Ack, 0, 10, real, &[0, 1, 3])));
    let one = Content {
        cut: vec![(id(0), Tip { position: Position::new(10), digest: real })],
        time: Some(Time::new(WALL)),
        mark: false,
    };
    c.msg(0, Message::Decided { certificate: cert(Kind::Commit, 0, 1, one.digest(), &[0, 1, 3]), content: one });
    // Others executed slot 1; lane 0 is at 10 there, and any digest at 10 or below passes.
    let two = Content {
        cut: vec![(id(0), Tip { position: Position::new(10), digest: Digest([9; 32]) })],
        time: Some(Time::new(WALL)),
        mark: false,
    };
    c.msg(0, Message::Decided { certificate: cert(Kind::Commit, 0, 2, two.digest(), &[0, 1, 3]), content: two });
    assert!(c.broken.is_empty(), "{:?}", c.broken);
}
/// L4: below the executed tip a cut changes nothing, whatever digest it names.
#[test]
fn a_cut_with_a_wrong_low_tip_changes_nothing() {
    let mut g = Cluster::new(4, 5);
    g.run_for(300);
    g.submit(1, "x");
    assert!(g.run_until(2000, |g| (0..4).all(|i| g.has(i, "x"))));
    g.run_for(1000);
    let next = (0..4).map(|i| g.executed(i)).max().expect("four") + 1;
    let low = Tip { position: Position::new(1), digest: Digest([9; 32]) };
    let content = Content { cut: vec![(id(1), low)], time: Some(Time::new(WALL + g.now)), mark: false };
    let statement = st(Kind::PrePrepare, 0, next, content.digest(), 0);
    g.liars.insert(id(0), Box::new(|_, _, _| Vec::new()));
    for to in 1..4 {
        let message = Message::PrePrepare { statement, content: content.clone(), certificates: vec![] };
        g.deliver_later(id(0), id(to), Arc::new(message));
    }
    g.submit(1, "y");
    assert!(g.run_until(8000, |g| (1..4).all(|i| g.has(i, "y"))), "{}", g.brief());
    g.judge();
}

/// L5: bundles come highest first, and only the next slot's are taken whatever they weigh.
#[test]
fn a_replica_fetches_bundles_that_memory_does_not_bear_when_their_slots_are_next() {
    let mut one = One::new(3);
    let item = || Item { kind: ItemKind::Envelope, bytes: vec![7; 30 << 20] };
    let mut lane: Vec<Arc<Bundle>> = Vec::new();
    for seq in 1..4 {
        let (tip, bytes) =
            lane.last().map_or_else(Default::default, |last| (last.header.tip(), last.header.lane_bytes));
        let bundle = alone::bundle(1, tip, bytes, item());
        let content = Content { cut: vec![(id(1), bundle.header.tip())], ..alone::empty(seq) };
        let certificate = cert(Kind::Commit, 0, seq, content.digest(), &[0, 1, 2]);
        one.msg(0, Message::Decided { certificate, content });
        lane.push(bundle);
    }
    let bundles = |from, to| Wanted::Bundles { lane: id(1), from: Position::new(from), to: Position::new(to) };
    one.tick(100);
    one.msg(1, Message::Bundle(lane[2].clone()));
    let asked = one.sent.iter().filter_map(|message| match message {
        Message::Ask(question) if matches!(question.wanted, Wanted::Bundles { .. }) => Some(question.wanted.clone()),
        _ => None,
    });
    assert_eq!(asked.collect::<Vec<_>>(), [bundles(1, 3), bundles(1, 2)]);
}

fn demand(view: u64, signer: usize, prepared: Vec<PreparedEntry>) -> Message {
    let body = ViewChange { view: View::new(view), checkpoint: None, prepared, voted: vec![] };
    let statement = st(Kind::ViewChange, view, 0, body.digest(Constants::default().window), signer);
    Message::ViewChange { statement, body: Arc::new(body) }
}
/// V4: what was prepared is reported after any crash.
#[test]
fn a_new_primary_reports_what_it_prepared_after_a_restart() {
    let mut b = One::new(1);
    let content = Content { cut: vec![], time: Some(Time::new(WALL + 900)), mark: true };
    let d = content.digest();
    let entry = PreparedEntry {
        certificate: cert(Kind::Prepare, 0, 1, d, &[0, 2, 3]),
        pre_prepare: st(Kind::PrePrepare, 0, 1, d, 0),
        new_view: Digest::ZERO,
    };
    b.msg(2, demand(1, 2, vec![entry]));
    b.msg(3, demand(1, 3, vec![]));
    b.tick(10);
    // Fetched content.
    b.msg(2, Message::Content { content: content.clone(), certificates: vec![] });
    b.tick(50);
    let pre_prepare = st(Kind::PrePrepare, 1, 1, d, 1);
    for p in [0, 2] {
        b.msg(p, Message::Prepare { statement: st(Kind::Prepare, 1, 1, d, p), pre_prepare });
    }
    let committed = b.disk.statements().any(|s| s.statement.kind == Kind::Commit && s.statement.view.get() == 1);
    assert!(committed, "commit signed");
    b.restart(1);
    b.msg(0, demand(3, 0, vec![]));
    b.msg(3, demand(3, 3, vec![]));
    b.tick(10);
    let own = b
        .sent
        .iter()
        .find_map(|m| match m {
            Message::ViewChange { statement, body } if statement.signer == id(1) && body.view.get() == 3 => {
                Some(body.clone())
            }
            _ => None,
        })
        .expect("own demand");
    assert_eq!(own.prepared.len(), 1, "P lost after Commit");
}
/// B: there are no more lanes than members.
#[test]
fn acknowledgements_of_lanes_that_nobody_has_are_not_kept() {
    let mut a = One::new(0);
    for view in 0..20_000u64 {
        a.msg(3, Message::Contradiction(st(Kind::Ack, view, 1, Digest([1; 32]), 3)));
    }
    let holds = a.r.holdings();
    assert_eq!((holds.series, holds.remembered_of_lanes), (4, 1), "one for each lane that there is");
}
/// C3.
#[test]
fn a_replica_that_diverged_before_a_restart_sees_it_afterwards() {
    let mut b = One::new(1);
    let mark = Content { cut: vec![], time: Some(Time::new(WALL)), mark: true };
    let plain = Content { cut: vec![], time: Some(Time::new(WALL + 1)), mark: false };
    for (seq, content) in [(1, mark), (2, plain)] {
        b.msg(
            0,
            Message::Decided {
                certificate: cert(Kind::Commit, 0, seq, content.digest(), &[0, 2, 3]),
                content: content.clone(),
            },
        );
        let mut out = Effects::new();
        let executed = Executed {
            seq: SeqNum::new(seq),
            state_root: Digest([66; 32]),
            members_after: committee(4).digest(),
            recorded: vec![],
            deadline: None,
            next: None,
        };
        let decided = Decided {
            epoch: Epoch::new(0),
            seq: SeqNum::new(seq),
            content,
            time: Time::new(WALL),
            bundles: vec![],
            lane_hash: Digest::ZERO,
        };
        b.disk.execute(&decided, &executed);
        b.r.step(Input::Executed(executed), &mut out);
        for e in out.take() {
            if let Effect::Persist(r) = e {
                b.disk.record(&r)
            }
        }
    }
    b.restart(1);
    b.msg(0, Message::StableCheckpoint(cert(Kind::Checkpoint, 0, 1, Digest([77; 32]), &[0, 2, 3])));
    assert!(!b.broken.is_empty(), "took a checkpoint that is not its state");
}
/// C2.
#[test]
fn the_stable_checkpoint_moves_while_the_newest_one_stays_ahead_of_execution() {
    let mut b = One::new(1);
    let content = |s: u64| Content { cut: vec![], time: Some(Time::new(WALL + s)), mark: true };
    // The group is always two slots ahead of what b has executed.
    for s in 1..=300u64 {
        b.msg(
            0,
            Message::Decided {
                certificate: cert(Kind::Commit, 0, s, content(s).digest(), &[0, 2, 3]),
                content: content(s),
            },
        );
        if s > 2 {
            let e = s - 2;
            b.step(Input::Executed(Executed {
                seq: SeqNum::new(e),
                state_root: Digest([66; 32]),
                members_after: committee(4).digest(),
                recorded: vec![],
                deadline: None,
                next: None,
            }));
        }
        // What q others certified: the state as b will compute it.
        let c = checkpoint_digest(&Digest::ZERO, &Digest([66; 32]), &committee(4).digest());
        b.msg(0, Message::StableCheckpoint(cert(Kind::Checkpoint, 0, s, c, &[0, 2, 3])));
    }
    let r = b.r.report();
    assert!(r.stable.get() > 0);
}
/// V4, E1.
#[test]
fn a_primary_that_crashed_before_it_entered_its_view_makes_sound_demands() {
    // b starts view 2? primary of view 1 is b: a demand names a start that b must fetch again after the crash.
    let mut b = One::new(1);
    let d = Content { cut: vec![], time: Some(Time::new(WALL + 900)), mark: true }.digest();
    // A start of view 4 (primary 0) made by 0, 2, 3.
    let w = Constants::default().window;
    let vc = |view: u64, signer: usize, prepared: Vec<PreparedEntry>| {
        let body = ViewChange { view: View::new(view), checkpoint: None, prepared, voted: vec![] };
        (st(Kind::ViewChange, view, 0, body.digest(w), signer), Arc::new(body))
    };
    let entry0 = PreparedEntry {
        certificate: cert(Kind::Prepare, 0, 1, d, &[0, 2, 3]),
        pre_prepare: st(Kind::PrePrepare, 0, 1, d, 0),
        new_view: Digest::ZERO,
    };
    let four = NewView {
        view: View::new(4),
        view_changes: vec![vc(4, 0, vec![entry0.clone()]), vc(4, 2, vec![]), vc(4, 3, vec![])],
        pre_prepares: vec![st(Kind::PrePrepare, 4, 1, d, 0)],
    };
    let four_digest = four.digest(w);
    let entry4 = PreparedEntry {
        certificate: cert(Kind::Prepare, 4, 1, d, &[0, 2, 3]),
        pre_prepare: st(Kind::PrePrepare, 4, 1, d, 0),
        new_view: four_digest,
    };
    // View 5: primary 1. b was not in view 4.
    let (s2, b2) = vc(5, 2, vec![entry4]);
    b.msg(2, Message::ViewChange { statement: s2, body: b2 });
    let (s3, b3) = vc(5, 3, vec![]);
    b.msg(3, Message::ViewChange { statement: s3, body: b3 });
    b.tick(10);
    b.msg(2, Message::NewView { statement: st(Kind::NewView, 4, 0, four_digest, 0), body: Arc::new(four) });
    // Crash after Record::NewView and the rows, before Record::View { changing: false }: cut the disk there.
    let mut rec = b.disk.recovered();
    rec.changing = true;
    b.r = Replica::recover(config(4, 1, 78, &Constants::default()), rec);
    b.sent.clear();
    b.start(78, 1);
    b.tick(10);
    for p in [2, 3] {
        let (s, body) = vc(6, p, vec![]);
        b.msg(p, Message::ViewChange { statement: s, body });
    }
    b.tick(10);
    let own = b
        .sent
        .iter()
        .find(|m| matches!(m, Message::ViewChange { body, .. } if body.view.get() == 6))
        .expect("demand for 6")
        .clone();
    let c = committee(4);
    let k = Constants::default();
    let ctx = VerifyContext { committee: &c, verify: &HashVerify, payload: &AnyItem, constants: &k };
    assert!(Unverified::new(id(1), own).verify(&ctx).is_ok(), "an honest demand is malformed");
}

/// E7: a key in use elsewhere. The group went on with the other one's bundle, and this replica stored it.
#[test]
fn who_stored_a_bundle_that_its_key_signed_elsewhere_starts_again_and_follows() {
    let mut a = One::new(2);
    a.step(Input::Submit(cluster::envelope("mine")));
    let other = elsewhere(2);
    let (tip, position) = (other.header.tip(), other.header.position);
    a.msg(0, Message::Bundle(Arc::new(other.clone())));
    a.msg(0, Message::LaneCert(cert(Kind::Ack, 2, position.get(), tip.digest, &[0, 1, 3])));
    let content = Content { cut: vec![(id(2), tip)], time: Some(Time::new(WALL)), mark: false };
    a.msg(0, Message::Decided { certificate: cert(Kind::Commit, 0, 1, content.digest(), &[0, 1, 3]), content });
    a.msg(0, Message::Bundle(Arc::new(other)));
    assert!(a.disk.recovered().bundles.iter().any(|stored| stored.header.tip() == tip), "it is on the disk");
    a.restart(2);
    assert!(a.r.report().following);
}

/// The first bundle of a lane, signed with its owner's key by somebody else.
fn elsewhere(lane: usize) -> Bundle {
    let items = vec![Item { kind: ItemKind::Envelope, bytes: b"theirs".to_vec() }];
    let header = BundleHeader {
        lane: id(lane),
        position: Position::new(1),
        parent: Digest::ZERO,
        items: 1,
        bytes: 6,
        items_root: items_root(&items),
        lane_bytes: 6,
    };
    Bundle { statement: st(Kind::Bundle, 0, 1, header.digest(), lane), header, items }
}
