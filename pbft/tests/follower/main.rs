//! A follower alone, with its disk, against messages made by hand.

#[path = "../cluster/mod.rs"]
mod cluster;

mod checkpoints;
mod neighbours;
mod slots;
mod unserved;

use cluster::alone::{bundle, certificate, empty, say, status};
use cluster::{HashVerify, WALL, committee, context, envelope, id};
use quorate_pbft::{
    Broken, Bundle, Claims, Constants, Content, Digest, Effect, Effects, Executed, Follower, FollowerConfig, Input,
    Item, Journal, Kind, Message, Now, PayloadCheck, Position, Question, Record, Rejected, SeqNum, StatusBody, Ticks,
    Time, Tip, Unverified, Wanted,
};
use std::sync::Arc;

/// A follower of a group of four, its disk, and all that it asked of the world.
struct Lone {
    follower: Follower,
    disk: Journal,
    now: u64,
    effects: Vec<Effect>,
}

fn config() -> FollowerConfig {
    FollowerConfig { committee: committee(4), constants: Constants::default(), verify: Arc::new(HashVerify) }
}

/// Root after each slot in these tests.
const ROOT: Digest = Digest([66; 32]);

impl Lone {
    fn new() -> Self {
        let mut lone =
            Self { follower: Follower::new(config()), disk: Journal::new(4), now: 1_000, effects: Vec::new() };
        lone.tick(1);
        lone
    }

    fn restart(&mut self) {
        self.follower = Follower::recover(config(), self.disk.recovered());
        self.effects.clear();
        self.tick(1);
    }

    fn tick(&mut self, millis: u64) {
        self.now += millis;
        self.step(Input::Tick(Now { ticks: Ticks::new(self.now), wall: Time::new(WALL + self.now) }));
    }

    fn hear(&mut self, from: usize, message: Message) {
        let (committee, constants) = (committee(4), Constants::default());
        let verified = Unverified::new(id(from), message).verify(&context(&committee, &constants));
        self.step(Input::Message(verified.expect("a message that verifies")));
    }

    fn status(&mut self, from: usize, counter: u64, body: StatusBody) {
        let statement = say(from, Kind::Status, 0, counter, body.digest());
        self.hear(from, Message::Status { statement, body });
    }

    fn decide(&mut self, seq: u64, content: &Content) {
        let certificate = certificate(Kind::Commit, 0, seq, content.digest(), &[0, 1, 2]);
        self.hear(1, Message::Decided { certificate, content: content.clone() });
    }

    fn stable(&mut self, seq: u64, digest: Digest) {
        self.hear(1, Message::StableCheckpoint(certificate(Kind::Checkpoint, 0, seq, digest, &[0, 1, 2])));
    }

    /// Writes down and executes as a shell does, one root for all slots.
    fn step(&mut self, input: Input) {
        let mut out = Effects::new();
        self.follower.step(input, &mut out);
        for effect in out.take() {
            self.effects.push(effect.clone());
            match effect {
                Effect::Persist(record) => self.disk.record(&record),
                Effect::Execute(decided) => {
                    let (state_root, members_after) = (ROOT, committee(4).digest());
                    let (seq, recorded) = (decided.seq, Vec::new());
                    let executed = Executed { seq, state_root, members_after, recorded, deadline: None, next: None };
                    self.disk.execute(&decided, &executed);
                    self.step(Input::Executed(executed));
                }
                _ => (),
            }
        }
    }

    fn executed(&self) -> Vec<u64> {
        let seq = |effect: &Effect| match effect {
            Effect::Execute(decided) => Some(decided.seq.get()),
            _ => None,
        };
        self.effects.iter().filter_map(seq).collect()
    }

    /// Questions so far, each with the member that it went to.
    fn asked(&self) -> Vec<(usize, Wanted)> {
        let question = |effect: &Effect| match effect {
            Effect::Send { to, message } => match &**message {
                Message::Ask(Question { wanted, .. }) => Some((to.index(), wanted.clone())),
                other => panic!("a follower sends {other:?}"),
            },
            Effect::Broadcast(message) => panic!("a follower broadcasts {message:?}"),
            _ => None,
        };
        self.effects.iter().filter_map(question).collect()
    }

    fn refused(&self) -> usize {
        self.effects.iter().filter(|effect| matches!(effect, Effect::Refused(_))).count()
    }

    /// The state digest that the group certifies after what is executed here.
    fn state(&self) -> Digest {
        self.follower.executed_point().checkpoint_digest()
    }
}

fn slots(from: u64, to: u64) -> Wanted {
    Wanted::Slots { from: SeqNum::new(from), to: SeqNum::new(to) }
}

fn bundles(from: u64, to: u64) -> Wanted {
    Wanted::Bundles { lane: id(2), from: Position::new(from), to: Position::new(to) }
}

/// Two bundles of lane 2, and a content that cuts the second.
fn two_bundles() -> ([Arc<Bundle>; 2], Content) {
    let first = bundle(2, Tip::default(), 0, envelope("one"));
    let second = bundle(2, first.header.tip(), first.header.lane_bytes, envelope("two"));
    let content = Content { cut: vec![(id(2), second.header.tip())], ..empty(1) };
    ([first, second], content)
}

fn marked(millis: u64) -> Content {
    Content { mark: true, ..empty(millis) }
}

/// Claims of another follower that has executed all up to a slot.
fn claims(executed: u64) -> Claims {
    let executed = SeqNum::new(executed);
    Claims { decided: executed, executed, oldest: SeqNum::new(1), stable: SeqNum::new(0) }
}
