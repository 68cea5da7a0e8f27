//! The real core over this disk: four replicas whose power is cut again and again go on from what was committed.

use quorate_ledger::{Read, Store, StoreError, Table};
use quorate_pbft::{
    Committee, Constants, Digest, Effect, Effects, Epoch, Executed, ExecutedPoint, Input, Item, ItemKind, Message, Now,
    PayloadCheck, PublicKey, Replica, ReplicaConfig, ReplicaId, SeqNum, Signature, Signer, Ticks, Time, Unverified,
    Verify, VerifyContext, hash_parts,
};
use quorate_storage::faulty::{Disk, Loss};
use quorate_storage::{Db, RecordError, Snapshot, SupplyLimits};
use std::collections::BTreeMap;
use std::sync::Arc;

const REPLICAS: u16 = 4;
const ROUND_MS: u64 = 20;

/// Keyed hashes in place of ed25519: the disk does not look at signatures.
struct Key(PublicKey);

fn tag(key: &PublicKey, bytes: &[u8]) -> Signature {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&hash_parts("test", &[&key.0, bytes]).0);
    Signature(signature)
}

impl Signer for Key {
    fn public_key(&self) -> PublicKey {
        self.0
    }

    fn sign(&self, bytes: &[u8]) -> Signature {
        tag(&self.0, bytes)
    }
}

impl Verify for Key {
    fn verify(&self, key: &PublicKey, bytes: &[u8], signature: &Signature) -> bool {
        tag(key, bytes) == *signature
    }
}

impl PayloadCheck for Key {
    fn is_valid(&self, _: &Item) -> bool {
        true
    }
}

fn key(replica: u16) -> PublicKey {
    PublicKey([replica as u8 + 1; 32])
}

fn committee() -> Committee {
    Committee::new(Digest([7; 32]), Epoch::new(0), (0..REPLICAS).map(key).collect()).unwrap()
}

fn config(me: u16, incarnation: u64) -> ReplicaConfig {
    let (signer, verify) = (Arc::new(Key(key(me))), Arc::new(Key(key(me))));
    let constants = Constants { checkpoint_period: 8, window: 16, ..Constants::default() };
    ReplicaConfig {
        me: ReplicaId::new(me),
        committee: committee(),
        constants,
        signer,
        verify,
        incarnation,
        die: incarnation,
        program: quorate_pbft::Program::default(),
    }
}

/// Replica as a process with its disk.
struct Node {
    me: u16,
    disk: Disk,
    db: Db,
    replica: Replica,
    inbox: Vec<(ReplicaId, Arc<Message>)>,
    /// By slot; the disk says which one it has reached.
    points: BTreeMap<u64, ExecutedPoint>,
    /// The slot whose state is folded.
    folded: SeqNum,
    starts: u64,
}

type Outbox = Vec<(Option<ReplicaId>, Arc<Message>)>;

impl Node {
    fn new(me: u16) -> Self {
        let disk = Disk::new();
        let db = Db::on(&disk).unwrap();
        let n = usize::from(REPLICAS);
        let points = BTreeMap::from([(0, ExecutedPoint::genesis(n))]);
        Self {
            me,
            disk,
            db,
            replica: Replica::new(config(me, 1)),
            inbox: Vec::new(),
            points,
            folded: SeqNum::default(),
            starts: 1,
        }
    }

    fn crash(&mut self, seed: u64) {
        self.disk.crash(Loss::Some { seed });
        self.db = Db::on(&self.disk).unwrap();
        self.inbox.clear();
        self.starts += 1;
        let snapshot = self.db.snapshot().unwrap();
        let folded = snapshot.get(Table::Meta, b"executed").unwrap().map_or(0, |seq| borsh::from_slice(&seq).unwrap());
        self.folded = SeqNum::new(folded);
        let executed = self.execute_again(&snapshot, self.points[&folded].clone());
        let recovered = snapshot.recover(executed).unwrap();
        self.replica = Replica::recover(config(self.me, self.starts), recovered);
    }

    /// Execution of what was decided since the state was folded.
    fn execute_again(&mut self, snapshot: &Snapshot, mut point: ExecutedPoint) -> ExecutedPoint {
        while let Some((epoch, content)) = snapshot.decided(point.seq.next()).unwrap() {
            let above = |lane: ReplicaId| point.tips[lane.index()].position;
            let path = |lane, tip| snapshot.path((epoch, lane), above(lane), tip).unwrap();
            let Some((decided, mut next)) = point.advanced(&content, path) else { break };
            next.state_root = hash_parts("test", &[&decided.lane_hash.0]);
            self.points.insert(next.seq.get(), next.clone());
            point = next;
        }
        point
    }

    /// A group of steps and its commit; what may leave afterwards.
    fn round(&mut self, now: Now, submit: Option<Item>) -> Result<Outbox, StoreError> {
        let context = (committee(), Key(key(0)), config(0, 0).constants);
        let context =
            VerifyContext { committee: &context.0, verify: &context.1, payload: &context.1, constants: &context.2 };
        let verified = std::mem::take(&mut self.inbox).into_iter().map(|(from, message)| {
            Input::Message(Unverified::new(from, Message::clone(&message)).verify(&context).unwrap())
        });
        let mut inputs: Vec<Input> = [Input::Tick(now)].into_iter().chain(verified).collect();
        inputs.extend(submit.map(Input::Submit));
        let (mut batch, mut outbox, mut asked) = (self.db.begin()?, Outbox::new(), Vec::new());
        let mut effects = Effects::new();
        let mut inputs = std::collections::VecDeque::from(inputs);
        while let Some(input) = inputs.pop_front() {
            let executed = matches!(input, Input::Executed(_));
            self.replica.step(input, &mut effects);
            if executed {
                let point = self.replica.executed_point().clone();
                batch.put(Table::Meta, b"executed", &borsh::to_vec(&point.seq).unwrap())?;
                self.points.insert(point.seq.get(), point);
            }
            for effect in effects.take() {
                match effect {
                    Effect::Persist(record) => match batch.record(&record) {
                        Err(RecordError::Store(error)) => return Err(error),
                        other => other.unwrap(),
                    },
                    Effect::Send { to, message } => outbox.push((Some(to), message)),
                    Effect::Broadcast(message) => outbox.push((None, message)),
                    Effect::Execute(decided) => {
                        let state_root = hash_parts("test", &[&decided.lane_hash.0]);
                        let (seq, members_after) = (decided.seq, committee().digest());
                        let done = Executed {
                            seq,
                            state_root,
                            members_after,
                            recorded: Vec::new(),
                            deadline: None,
                            next: None,
                        };
                        inputs.push_front(Input::Executed(done));
                    }
                    Effect::Supply { to, question } => asked.push((to, question)),
                    Effect::ReadReady { .. } | Effect::EpochOver { .. } | Effect::Refused(_) => {}
                    Effect::Accuse(_) | Effect::Broken(_) => panic!("replica {}: {effect:?}", self.me),
                }
            }
        }
        if let Some(stable) = self.replica.stable() {
            batch.prune(stable.seq().min(self.folded), 8)?;
        }
        batch.commit()?;
        if now.ticks.get().is_multiple_of(7 * ROUND_MS) {
            self.db.fold()?;
            self.folded = self.executed();
        }
        let snapshot = self.db.snapshot()?;
        for (to, question) in asked {
            let answer = snapshot.supply(&question, SupplyLimits::default())?;
            outbox.extend(answer.into_iter().map(|message| (Some(to), Arc::new(message))));
        }
        Ok(outbox)
    }

    fn executed(&self) -> SeqNum {
        self.replica.executed_point().seq
    }
}

/// Runs rounds; in some of them somebody's power goes, at some operation of its commit.
fn run(nodes: &mut [Node], rounds: std::ops::Range<u64>, cut_every: Option<u64>) {
    for round in rounds {
        let now = Now { ticks: Ticks::new(round * ROUND_MS), wall: Time::new(1_000_000 + round * ROUND_MS) };
        let victim = cut_every.filter(|every| round % every == 0).map(|every| (round / every) as u16 % REPLICAS);
        for index in 0..nodes.len() {
            let node = &mut nodes[index];
            if victim == Some(node.me) {
                node.disk.cut_power_after(round % 9);
            }
            let bytes = format!("{} in {round}", node.me).into_bytes();
            let submit = (round % 3 == 0).then_some(Item { kind: ItemKind::Envelope, bytes });
            let sent = node.round(now, submit);
            if victim == Some(node.me) {
                node.crash(round); // in the middle of its commit, or right after it
            }
            let from = ReplicaId::new(index as u16);
            for (to, message) in sent.unwrap_or_default() {
                let receivers =
                    nodes.iter_mut().filter(|node| to.map_or(node.me != from.get(), |to| to.get() == node.me));
                receivers.for_each(|node| node.inbox.push((from, message.clone())));
            }
        }
    }
}

#[test]
fn replicas_go_on_from_their_disks_through_power_cuts_without_contradiction() {
    let mut nodes: Vec<Node> = (0..REPLICAS).map(Node::new).collect();
    run(&mut nodes, 1..600, Some(11));
    let starts: u64 = nodes.iter().map(|node| node.starts - 1).sum();
    run(&mut nodes, 600..800, None);

    let lowest = nodes.iter().map(Node::executed).min().unwrap();
    assert!(lowest.get() > 100 && starts > 50, "slot {lowest} after {starts} crashes");
    for node in &nodes {
        assert_eq!(node.points[&lowest.get()], nodes[0].points[&lowest.get()], "replica {}", node.me);
    }
}

/// N9, from the disk: what the others executed while this one was away is in no memory any more.
#[test]
fn a_replica_that_was_away_catches_up_from_the_disks_of_the_others() {
    let mut nodes: Vec<Node> = (0..REPLICAS).map(Node::new).collect();
    let mut away = nodes.pop().unwrap();
    run(&mut nodes, 1..400, None);
    let missed = nodes[0].executed();
    for node in &mut nodes {
        node.crash(1);
    }
    away.crash(1);
    nodes.push(away);
    run(&mut nodes, 400..1_000, None);

    assert!(missed.get() > 50, "{missed}");
    assert!(nodes[3].executed() > missed, "{} of {missed}", nodes[3].executed());
    assert_eq!(nodes[3].points[&missed.get()], nodes[0].points[&missed.get()]);
}
