//! A follower alone, with its disk, against messages made by hand.

mod cluster;

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

/// N6: slots are executed in their order, whatever order they come in.
#[test]
fn a_follower_executes_decided_slots_without_gaps() {
    let mut lone = Lone::new();
    lone.decide(2, &empty(2));
    assert_eq!(lone.executed(), []);
    lone.decide(1, &empty(1));
    assert_eq!(lone.executed(), [1, 2]);
}

#[test]
fn a_follower_asks_for_the_slots_that_a_member_claims() {
    let mut lone = Lone::new();
    lone.status(1, 1, status(Vec::new(), 70));
    assert_eq!(lone.asked(), [(1, slots(1, 64))]);
}

#[test]
fn a_decision_that_a_member_shows_calls_for_those_before_it() {
    let mut lone = Lone::new();
    lone.decide(5, &empty(5));
    assert_eq!(lone.asked(), [(1, slots(1, 5))]);
}

/// N9: one peer at a time, the next after a time-out.
#[test]
fn an_unanswered_question_goes_to_the_next_member_that_claims_the_slot() {
    let mut lone = Lone::new();
    lone.status(1, 1, status(Vec::new(), 3));
    lone.status(3, 1, status(Vec::new(), 3));
    lone.tick(Constants::default().base_timeout_ms / 5);
    assert_eq!(lone.asked(), [(1, slots(1, 3)), (3, slots(1, 3))]);
}

#[test]
fn a_member_that_has_dropped_a_slot_is_not_asked_for_it() {
    let mut lone = Lone::new();
    let late = || StatusBody { oldest: SeqNum::new(2), ..status(Vec::new(), 3) };
    lone.status(1, 1, late());
    assert_eq!(lone.asked(), []);
    assert_eq!(lone.follower.report().unserved, None, "one member may lie");
    lone.status(3, 1, late());
    assert_eq!(lone.follower.report().unserved, Some(SeqNum::new(1)));
}

#[test]
fn a_status_of_another_member_tells_nothing_of_who_hands_it_over() {
    let mut lone = Lone::new();
    let body = status(Vec::new(), 70);
    let statement = say(1, Kind::Status, 0, 1, body.digest());
    lone.hear(2, Message::Status { statement, body });
    assert_eq!((lone.asked(), lone.refused()), (vec![], 1));
}

/// L3: the digest of a decided tip vouches for its bundle, and each bundle for the one before it.
#[test]
fn a_slot_is_executed_once_the_chain_below_its_tips_is_here() {
    let mut lone = Lone::new();
    let ([first, second], content) = two_bundles();
    lone.decide(1, &content);
    assert_eq!(lone.asked(), [(1, bundles(1, 2))]);
    lone.hear(1, Message::Bundle(second));
    assert_eq!(lone.executed(), []);
    lone.hear(3, Message::Bundle(first));
    assert_eq!(lone.executed(), [1]);
}

#[test]
fn a_bundle_that_no_decided_chain_names_is_refused_and_not_kept() {
    let mut lone = Lone::new();
    let ([first, _], content) = two_bundles();
    lone.hear(2, Message::Bundle(first));
    lone.decide(1, &content);
    lone.hear(2, Message::Bundle(bundle(2, Tip::default(), 0, envelope("forked"))));
    assert_eq!((lone.refused(), lone.follower.held_bytes()), (2, 0));
}

#[test]
fn votes_and_proposals_are_refused() {
    let mut lone = Lone::new();
    lone.hear(1, Message::Commit(say(1, Kind::Commit, 0, 1, empty(1).digest())));
    assert_eq!((lone.refused(), lone.executed()), (1, vec![]));
}

#[test]
fn items_and_strong_reads_are_refused_for_want_of_a_lane() {
    let mut lone = Lone::new();
    lone.step(Input::Submit(envelope("one")));
    lone.step(Input::Read { reader: 7, nonce: Digest([1; 32]) });
    let refused: Vec<_> = lone.effects.iter().collect();
    assert!(matches!(
        refused[..],
        [Effect::Refused(Rejected::LaneFull), Effect::Refused(Rejected::Read { reader: 7, .. })]
    ));
}

/// C2: a certificate for the own state makes it stable, and it is written down.
#[test]
fn a_certified_state_that_is_the_own_one_becomes_stable() {
    let mut lone = Lone::new();
    lone.decide(1, &marked(1));
    lone.stable(1, lone.state());
    assert_eq!(lone.follower.stable().map(|stable| stable.seq()), Some(SeqNum::new(1)));
    assert!(lone.effects.iter().any(|effect| matches!(effect, Effect::Persist(Record::Stable(_)))));
}

/// C3: a certified state that is not the own one stops it.
#[test]
fn a_follower_whose_state_is_not_the_certified_one_stops() {
    let mut lone = Lone::new();
    lone.decide(1, &marked(1));
    lone.stable(1, Digest([1; 32]));
    assert!(matches!(lone.follower.broken(), Some(Broken::Diverged { seq, .. }) if *seq == SeqNum::new(1)));
    lone.decide(2, &empty(2));
    assert_eq!(lone.executed(), [1]);
}

#[test]
fn a_checkpoint_certified_before_it_is_executed_is_compared_when_it_is() {
    let mut lone = Lone::new();
    lone.stable(2, Digest([1; 32]));
    lone.decide(1, &empty(1));
    assert_eq!(lone.follower.broken(), None);
    lone.decide(2, &marked(2));
    assert!(lone.follower.broken().is_some());
}

#[test]
fn a_newer_stable_checkpoint_of_a_member_is_asked_for() {
    let mut lone = Lone::new();
    lone.status(2, 1, StatusBody { stable: SeqNum::new(1), ..status(Vec::new(), 0) });
    assert_eq!(lone.asked(), [(2, Wanted::StableCheckpoint)]);
}

/// N4: two decisions of one slot mean that more than f members are faulty.
#[test]
fn a_second_decision_of_a_slot_stops_a_follower() {
    let mut lone = Lone::new();
    lone.decide(2, &empty(2));
    lone.decide(2, &empty(3));
    assert!(matches!(lone.follower.broken(), Some(Broken::TwoCommits { .. })));
}

#[test]
fn a_follower_goes_on_from_its_disk() {
    let mut lone = Lone::new();
    let ([first, second], content) = two_bundles();
    lone.decide(1, &empty(1));
    lone.decide(2, &content);
    lone.hear(1, Message::Bundle(second));
    lone.restart();
    lone.status(3, 1, status(Vec::new(), 2));
    assert_eq!(lone.asked(), [(3, bundles(1, 1))]);
    lone.hear(3, Message::Bundle(first));
    assert_eq!(lone.executed(), [2]);
}

/// Finds one envelope false.
struct Wary;

impl PayloadCheck for Wary {
    fn is_valid(&self, item: &Item) -> bool {
        *item != envelope("two")
    }
}

#[test]
fn a_certified_bundle_with_a_false_item_stops_a_follower_that_checks_and_is_not_written_down() {
    let mut lone = Lone::new();
    lone.follower = lone.follower.checking(Arc::new(Wary));
    let ([first, second], content) = two_bundles();
    lone.decide(1, &content);
    for bundle in [&second, &first] {
        lone.hear(1, Message::Bundle((*bundle).clone()));
    }
    let Some(Broken::FalseItem { lane, position, item, .. }) = lone.follower.broken() else {
        panic!("it goes on: {:?}", lone.follower.broken())
    };
    assert_eq!((*lane, *position, *item), (id(2), second.header.position, 0));
    assert_eq!(lone.executed(), [0u64; 0]);
    assert!(lone.disk.recovered().bundles.is_empty());

    let mut trusting = Lone::new();
    trusting.decide(1, &content);
    for bundle in [&second, &first] {
        trusting.hear(1, Message::Bundle((*bundle).clone()));
    }
    assert_eq!(trusting.executed(), [1], "without the check members are believed");
}

/// Claims of another follower that has executed all up to a slot.
fn claims(executed: u64) -> Claims {
    let executed = SeqNum::new(executed);
    Claims { decided: executed, executed, oldest: SeqNum::new(1), stable: SeqNum::new(0) }
}

#[test]
fn another_follower_is_asked_before_the_members() {
    let mut lone = Lone::new();
    lone.follower.take_claims(id(4), claims(2));
    lone.status(1, 1, status(Vec::new(), 2));
    assert_eq!(lone.asked(), [(4, slots(1, 2))]);
}

#[test]
fn another_follower_that_does_not_answer_is_asked_last() {
    let mut lone = Lone::new();
    lone.follower.take_claims(id(4), claims(1));
    lone.status(1, 1, status(Vec::new(), 9));
    lone.tick(200);
    lone.decide(1, &empty(1));
    lone.follower.take_claims(id(4), claims(9));
    lone.tick(200);
    assert_eq!(lone.asked().into_iter().map(|(whom, _)| whom).collect::<Vec<_>>(), [4, 1, 1]);
}

#[test]
fn a_follower_that_handed_a_decision_on_is_asked_for_its_data_once_it_has_executed_it() {
    let mut lone = Lone::new();
    let ([first, second], content) = two_bundles();
    lone.follower.take_claims(id(4), Claims { decided: SeqNum::new(1), ..claims(0) });
    let certificate = certificate(Kind::Commit, 0, 1, content.digest(), &[0, 1, 2]);
    lone.hear(4, Message::Decided { certificate, content });
    assert_eq!(lone.asked(), []);
    lone.follower.take_claims(id(4), claims(1));
    lone.tick(1);
    assert_eq!(lone.asked(), [(4, bundles(1, 2))]);
    lone.hear(4, Message::Bundle(second));
    lone.hear(4, Message::Bundle(first));
    assert_eq!(lone.executed(), [1]);
}

#[test]
fn a_follower_that_handed_data_out_is_asked_before_one_that_never_did() {
    let mut lone = Lone::new();
    let ([first, second], content) = two_bundles();
    lone.follower.take_claims(id(5), claims(1));
    lone.decide(1, &content);
    lone.hear(5, Message::Bundle(second));
    lone.hear(5, Message::Bundle(first));
    [4, 5].iter().for_each(|other| lone.follower.take_claims(id(*other), claims(2)));
    lone.tick(1);
    assert_eq!(lone.asked().last(), Some(&(5, slots(2, 2))));
}

#[test]
fn a_follower_that_never_answered_is_not_waited_for_once_one_that_did_has_the_slot_as_well() {
    let mut lone = Lone::new();
    let ([first, second], content) = two_bundles();
    lone.follower.take_claims(id(5), claims(1));
    lone.decide(1, &content);
    lone.hear(5, Message::Bundle(second));
    lone.hear(5, Message::Bundle(first));
    lone.follower.take_claims(id(4), claims(2));
    lone.tick(1);
    lone.follower.take_claims(id(5), claims(2));
    lone.tick(1);
    lone.tick(1);
    assert_eq!(lone.asked()[1..], [(4, slots(2, 2)), (5, slots(2, 2))]);
}

#[test]
fn a_neighbour_that_drips_does_not_keep_the_members_from_being_asked() {
    let mut lone = Lone::new();
    let ([first, second], content) = two_bundles();
    lone.follower.take_claims(id(5), claims(1));
    lone.decide(1, &content);
    lone.hear(5, Message::Bundle(second));
    lone.hear(5, Message::Bundle(first));
    [4, 5].iter().for_each(|other| lone.follower.take_claims(id(*other), claims(9)));
    lone.status(1, 1, status(Vec::new(), 9));
    let drop = empty(2);
    let certificate = certificate(Kind::Commit, 0, 2, drop.digest(), &[0, 1, 2]);
    lone.hear(5, Message::Decided { certificate, content: drop });
    [200, 1, 200].iter().for_each(|wait| lone.tick(*wait));
    let whom: Vec<usize> = lone.asked()[1..].iter().map(|(whom, _)| *whom).collect();
    assert_eq!(whom, [5, 4, 1]);
}

/// L5: bundles come highest first, and a follower takes 16 MiB of a lane beyond what its next slot needs.
#[test]
fn a_follower_whose_memory_is_full_of_later_bundles_asks_for_those_of_the_next_slot() {
    let mut lone = Lone::new();
    let mut lane: Vec<Arc<Bundle>> = Vec::new();
    for _ in 0..4 {
        let (tip, bytes) =
            lane.last().map_or_else(Default::default, |last| (last.header.tip(), last.header.lane_bytes));
        let large = Item { bytes: vec![7; 9 << 20], ..envelope("") };
        lane.push(bundle(2, tip, bytes, large));
    }
    for (bundle, seq) in lane.iter().rev().zip([4, 3, 2, 1]) {
        lone.decide(seq, &Content { cut: vec![(id(2), bundle.header.tip())], ..empty(seq) });
    }
    lone.hear(1, Message::Bundle(lane[3].clone()));
    lone.hear(1, Message::Bundle(lane[2].clone()));
    let asked = lone.asked().into_iter().map(|(_, wanted)| wanted).collect::<Vec<_>>();
    assert!(asked.ends_with(&[bundles(1, 3), bundles(1, 1)]), "{asked:?}");
}

#[test]
fn a_follower_that_answers_late_is_asked_first_again() {
    let mut lone = Lone::new();
    let ([first, second], content) = two_bundles();
    [4, 5].iter().for_each(|other| lone.follower.take_claims(id(*other), claims(1)));
    lone.decide(1, &content);
    lone.tick(200);
    assert_eq!(lone.asked(), [(4, bundles(1, 2)), (5, bundles(1, 2))]);
    lone.hear(4, Message::Bundle(second));
    lone.hear(4, Message::Bundle(first));
    [4, 5].iter().for_each(|other| lone.follower.take_claims(id(*other), claims(2)));
    lone.tick(1);
    assert_eq!(lone.asked().last(), Some(&(4, slots(2, 2))));
}

#[test]
fn a_question_to_a_follower_that_leaves_goes_to_the_next_at_once() {
    let mut lone = Lone::new();
    [4, 5].iter().for_each(|other| lone.follower.take_claims(id(*other), claims(1)));
    lone.tick(1);
    lone.follower.forget(id(4));
    lone.tick(1);
    assert_eq!(lone.asked(), [(4, slots(1, 1)), (5, slots(1, 1))]);
}

#[test]
fn a_follower_that_has_left_is_not_asked_any_more() {
    let mut lone = Lone::new();
    lone.follower.take_claims(id(4), claims(2));
    lone.follower.forget(id(4));
    lone.tick(1);
    assert_eq!(lone.asked(), []);
}

#[test]
fn a_certificate_shows_a_follower_how_far_it_is_behind_whoever_hands_it_over() {
    let mut lone = Lone::new();
    lone.follower.take_claims(id(4), claims(0));
    let content = empty(1);
    let decided = certificate(Kind::Commit, 0, 9_000, content.digest(), &[0, 1, 2]);
    lone.hear(4, Message::Decided { certificate: decided, content });
    assert_eq!((lone.refused(), lone.follower.report().decided), (1, SeqNum::new(9_000)), "far outside the window");
    let stable = certificate(Kind::Checkpoint, 0, 9_001, ROOT, &[0, 1, 2]);
    lone.hear(4, Message::StableCheckpoint(stable));
    assert_eq!(lone.follower.report().decided, SeqNum::new(9_001));
}

#[test]
fn a_certified_slot_that_all_other_followers_have_dropped_is_unserved() {
    let mut lone = Lone::new();
    let unserved = |lone: &Lone| lone.follower.report().unserved.map(SeqNum::get);
    let late = Claims { oldest: SeqNum::new(8_000), ..claims(9_000) };
    [4, 5].iter().for_each(|other| lone.follower.take_claims(id(*other), late));
    assert_eq!(unserved(&lone), None, "nothing is certified");
    lone.stable(9_000, ROOT);
    assert_eq!(unserved(&lone), Some(1));
    lone.follower.take_claims(id(5), claims(0));
    assert_eq!(unserved(&lone), None, "one of them may have it yet");
    [4, 5].iter().for_each(|other| lone.follower.forget(id(*other)));
    assert_eq!(unserved(&lone), None, "nobody is there to say so");
}

/// A certificate cannot be lied about, so that one member's word is enough.
#[test]
fn a_certified_slot_that_the_only_member_that_is_heard_has_dropped_is_unserved() {
    let mut lone = Lone::new();
    let late = StatusBody { oldest: SeqNum::new(8_000), ..status(Vec::new(), 9_000) };
    lone.status(1, 1, late);
    assert_eq!(lone.follower.report().unserved, None, "one member may lie");
    lone.stable(9_000, ROOT);
    assert_eq!(lone.follower.report().unserved, Some(SeqNum::new(1)));
    lone.status(3, 1, status(Vec::new(), 9_000));
    assert_eq!(lone.follower.report().unserved, None, "another one has it");
}

/// A lie keeps nobody from hearing that waiting does not help; a slow neighbour has a minute.
#[test]
fn a_slot_that_a_neighbour_claims_and_never_gives_is_unserved_once_the_others_have_dropped_it() {
    let mut lone = Lone::new();
    let late = || StatusBody { oldest: SeqNum::new(8_000), ..status(Vec::new(), 9_000) };
    lone.stable(9_000, ROOT);
    lone.follower.take_claims(id(4), claims(9_000));
    (1..=120).for_each(|second| {
        lone.status(1, second, late());
        lone.tick(500);
    });
    assert_eq!(lone.follower.report().unserved, None, "{:?}", lone.asked().first());
    (121..=130).for_each(|second| {
        lone.status(1, second, late());
        lone.tick(500);
    });
    assert_eq!(lone.follower.report().unserved, Some(SeqNum::new(1)));
    lone.decide(1, &empty(1));
    assert_eq!(lone.follower.report().unserved, None, "of another slot it was asked for nothing yet");
}

/// Decisions are small: who hands them out and keeps the data back hides as little.
#[test]
fn a_slot_whose_bundles_a_neighbour_never_gives_is_unserved_once_the_others_have_dropped_it() {
    let mut lone = Lone::new();
    let late = || StatusBody { oldest: SeqNum::new(8_000), ..status(Vec::new(), 9_000) };
    lone.decide(1, &two_bundles().1);
    lone.stable(9_000, ROOT);
    lone.follower.take_claims(id(4), claims(9_000));
    let mut unserved = Vec::new();
    for second in 1..=130 {
        lone.status(1, second, late());
        lone.tick(500);
        unserved.push(lone.follower.report().unserved);
    }
    assert!(unserved[..120].iter().all(Option::is_none) && lone.asked().contains(&(4, bundles(1, 2))));
    assert_eq!(unserved[129], Some(SeqNum::new(1)));
}

/// A number is free once its follower has left.
#[test]
fn a_follower_answers_for_no_question_that_one_of_its_number_left_unanswered_as_it_went() {
    let mut lone = Lone::new();
    lone.stable(9_000, ROOT);
    lone.follower.take_claims(id(4), claims(9_000));
    lone.status(1, 1, status(Vec::new(), 9_000));
    lone.follower.forget(id(4));
    lone.tick(1);
    lone.tick(61_000);
    lone.status(1, 2, StatusBody { oldest: SeqNum::new(8_000), ..status(Vec::new(), 9_000) });
    lone.follower.take_claims(id(4), claims(9_000));
    assert_eq!(lone.follower.report().unserved, None, "{:?}", lone.asked());
}

/// Decisions alone execute nothing.
#[test]
fn a_slot_that_members_have_dropped_is_unserved_although_an_observer_that_has_not_executed_it_shows_its_decision() {
    let mut lone = Lone::new();
    lone.decide(1, &two_bundles().1);
    lone.follower.take_claims(id(4), claims(9_000));
    lone.follower.take_claims(id(4), claims(0));
    let late = || StatusBody { oldest: SeqNum::new(8_000), ..status(Vec::new(), 9_000) };
    lone.status(1, 1, late());
    assert_eq!(lone.follower.report().unserved, None, "one member may lie");
    lone.status(3, 1, late());
    assert_eq!(lone.follower.report().unserved, Some(SeqNum::new(1)));
}

/// A bundle of a MiB takes longer than a question waits.
#[test]
fn a_neighbour_that_hands_bundles_out_slowly_for_more_than_a_minute_serves_the_slot() {
    let mut lone = Lone::new();
    let mut lane: Vec<Arc<Bundle>> = Vec::new();
    for _ in 0..130 {
        let below = lane.last().map(|last| (last.header.tip(), last.header.lane_bytes));
        let (tip, bytes) = below.unwrap_or_default();
        lane.push(bundle(2, tip, bytes, envelope("x")));
    }
    let last = lane.last().expect("it has some").header.tip();
    lone.stable(9_000, ROOT);
    lone.follower.take_claims(id(4), claims(9_000));
    lone.tick(500);
    lone.tick(500);
    let content = Content { cut: vec![(id(2), last)], ..empty(1) };
    let certificate = certificate(Kind::Commit, 0, 1, content.digest(), &[0, 1, 2]);
    lone.hear(4, Message::Decided { certificate, content });
    for bundle in lane.iter().rev() {
        (0..3).for_each(|_| lone.tick(200));
        assert_eq!(lone.follower.report().unserved, None, "at {:?}", bundle.header.position);
        lone.hear(4, Message::Bundle(bundle.clone()));
    }
    assert_eq!(lone.executed(), [1]);
}

/// Small answers that bring nothing new keep nobody from hearing that waiting does not help.
#[test]
fn a_neighbour_that_says_a_decision_again_and_again_has_a_minute_for_its_bundles() {
    let mut lone = Lone::new();
    let (_, content) = two_bundles();
    let certificate = certificate(Kind::Commit, 0, 1, content.digest(), &[0, 1, 2]);
    lone.stable(9_000, ROOT);
    lone.follower.take_claims(id(4), claims(9_000));
    lone.tick(500);
    lone.tick(500);
    lone.tick(58_500);
    lone.hear(4, Message::Decided { certificate: certificate.clone(), content: content.clone() });
    lone.tick(500);
    lone.tick(59_000);
    assert_eq!(lone.follower.report().unserved, None, "the decision came within a minute, if late");
    lone.hear(4, Message::Decided { certificate, content });
    lone.status(1, 1, StatusBody { oldest: SeqNum::new(8_000), ..status(Vec::new(), 9_000) });
    lone.tick(1_000);
    assert_eq!(lone.follower.report().unserved, Some(SeqNum::new(1)));
}

/// Members of a later epoch show the end of this one, and have no status in it.
#[test]
fn a_slot_that_a_member_of_a_later_epoch_says_it_has_dropped_is_not_asked_of_it_and_is_unserved() {
    let mut lone = Lone::new();
    lone.follower.take_claims(id(1), Claims { oldest: SeqNum::new(8_000), ..claims(20_000) });
    lone.decide(9_000, &empty(1));
    assert_eq!((lone.asked(), lone.follower.report().unserved), (vec![], Some(SeqNum::new(1))));
    lone.status(1, 1, status(Vec::new(), 3));
    assert_eq!(lone.asked(), [(1, slots(1, 64))], "its status counts before its claims");
    assert_eq!(lone.follower.report().unserved, None);
}
