//! A node against words and links made by hand.

use quorate_pbft::{
    ClaimedCert, Committee, Constants, Content, Digest, Epoch, Item, Kind, Message, PayloadCheck, PublicKey, ReplicaId,
    SeqNum, Signature, Statement, Ticks, Unverified, Verified, Verify, VerifyContext, View, hash_parts,
};
use quorate_spread::limits::{HINTS_MAX, KNOWN_MAX};
use quorate_spread::{
    CHANGE_MS, Contact, Door, Dropped, Effect, HOPS_MAX, Input, Interest, Inventory, News, ROUND_MS, Shape, Spread,
    Way, Word,
};
use std::sync::Arc;

/// Signatures that are hashes.
struct Hashes;

impl Verify for Hashes {
    fn verify(&self, key: &PublicKey, bytes: &[u8], signature: &Signature) -> bool {
        *signature == sign(key, bytes)
    }
}

impl PayloadCheck for Hashes {
    fn is_valid(&self, _: &Item) -> bool {
        true
    }
}

fn sign(key: &PublicKey, bytes: &[u8]) -> Signature {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&hash_parts("test", &[&key.0, bytes]).0);
    Signature(signature)
}

fn key(number: u8) -> PublicKey {
    PublicKey([number; 32])
}

fn contact(number: u8) -> Contact {
    Contact { key: key(number), address: vec![number] }
}

fn committee() -> Committee {
    Committee::new(Digest([7; 32]), Epoch::new(0), (200..204).map(key).collect()).expect("four keys")
}

fn certificate(kind: Kind, seq: u64, digest: Digest) -> ClaimedCert {
    let (epoch, view, seq) = (Epoch::new(0), View::new(0), SeqNum::new(seq));
    let statement = Statement { group: committee().group(), epoch, kind, view, seq, digest };
    let signed = |number: u16| {
        let id = ReplicaId::new(number);
        (id, sign(committee().key(id).expect("a member"), &statement.signed_bytes()))
    };
    ClaimedCert { epoch, kind, view, seq, digest, signatures: (0..3).map(signed).collect() }
}

fn verified(message: Message) -> Verified<Message> {
    let (committee, constants) = (committee(), Constants::default());
    let context = VerifyContext { committee: &committee, verify: &Hashes, payload: &Hashes, constants: &constants };
    Unverified::new(ReplicaId::new(0), message).verify(&context).expect("a message that verifies")
}

fn decided(seq: u64) -> Message {
    let content = Content { time: None, mark: false, cut: Vec::new() };
    Message::Decided { certificate: certificate(Kind::Commit, seq, content.digest()), content }
}

fn checkpoint(seq: u64) -> Message {
    Message::StableCheckpoint(certificate(Kind::Checkpoint, seq, Digest([1; 32])))
}

/// A follower and the effects of its last step.
struct Lone {
    spread: Spread,
    now: u64,
    out: Vec<Effect>,
}

impl Lone {
    fn new() -> Self {
        let spread = Spread::new(key(100), Shape::FOLLOWER, Interest::Everything, 1);
        Self { spread, now: 1, out: Vec::new() }
    }

    /// A follower with so many linked neighbours, of one organisation each.
    fn with(neighbours: u8) -> Self {
        let mut lone = Self::new();
        (0..neighbours).for_each(|number| lone.up(number, Some(u32::from(number))));
        lone
    }

    fn up(&mut self, number: u8, organisation: Option<u32>) {
        self.input(Input::Up { key: key(number), organisation, rtt_ms: 10, is_dialled: false });
    }

    fn input(&mut self, input: Input) {
        self.out.clear();
        self.spread.take_in(input, &mut self.out);
    }

    fn tick(&mut self, millis: u64) {
        self.now += millis;
        self.input(Input::Tick(Ticks::new(self.now)));
    }

    fn hear(&mut self, from: u8, word: Word) {
        self.input(Input::Heard { from: key(from), word });
    }

    fn push(&mut self, from: u8, hops: u8, message: Message) {
        let (message, way) = (verified(message), Way::Pushed(key(from), hops));
        self.input(Input::Verified { message, way, changed: Vec::new() });
    }

    /// Whom news went to, with its hops and items.
    fn pushed(&self) -> Vec<(PublicKey, u8, usize)> {
        let news = |effect: &Effect| match effect {
            Effect::Send { to, word: Word::News(news) } => Some((*to, news.hops, news.items.len())),
            _ => None,
        };
        self.out.iter().filter_map(news).collect()
    }

    fn dropped(&self) -> Vec<(PublicKey, Dropped)> {
        let dropped = |effect: &Effect| match effect {
            Effect::Drop(key, why) => Some((*key, *why)),
            _ => None,
        };
        self.out.iter().filter_map(dropped).collect()
    }

    fn dialled(&self) -> Vec<PublicKey> {
        let dialled = |effect: &Effect| match effect {
            Effect::Dial(contact) => Some(contact.key),
            _ => None,
        };
        self.out.iter().filter_map(dialled).collect()
    }

    fn knows(&mut self, numbers: std::ops::Range<u8>) {
        numbers.for_each(|number| self.input(Input::Known { contact: contact(number), is_pinned: false }));
    }
}

fn inventory(decided: u64) -> Inventory {
    Inventory { decided: SeqNum::new(decided), ..Inventory::default() }
}

#[test]
fn newer_news_goes_on_at_once_to_three_neighbours_and_not_back() {
    let mut lone = Lone::with(8);
    lone.push(0, 2, decided(5));
    let pushed = lone.pushed();
    assert_eq!(pushed.len(), Shape::FOLLOWER.fanout);
    assert!(pushed.iter().all(|(to, hops, _)| *to != key(0) && *hops == 3), "{pushed:?}");
}

#[test]
fn news_that_is_known_goes_nowhere() {
    let mut lone = Lone::with(8);
    lone.push(0, 2, decided(5));
    lone.push(1, 0, decided(5));
    lone.push(1, 0, decided(4));
    assert_eq!(lone.pushed(), []);
}

#[test]
fn old_news_is_answered_without_a_check() {
    let mut lone = Lone::with(2);
    lone.push(0, 0, decided(5));
    lone.hear(1, Word::News(News { hops: 0, inventory: inventory(4), items: vec![Arc::new(decided(4))] }));
    assert!(
        lone.out.iter().any(|effect| matches!(effect, Effect::Send { to, word: Word::Inventory(_) } if *to == key(1)))
    );
    assert!(!lone.out.iter().any(|effect| matches!(effect, Effect::Check { .. })));
}

#[test]
fn news_goes_no_further_than_its_hops() {
    let mut lone = Lone::with(8);
    lone.push(0, HOPS_MAX - 1, decided(5));
    assert_eq!(lone.pushed(), []);
    assert_eq!(lone.spread.inventory().decided, SeqNum::new(5));
}

#[test]
fn fetched_news_goes_on_as_an_inventory() {
    let mut lone = Lone::with(2);
    lone.tick(200);
    lone.input(Input::Verified { message: verified(decided(5)), way: Way::Fetched, changed: Vec::new() });
    assert_eq!(lone.pushed(), []);
    lone.tick(200);
    let told = lone.out.iter().filter(
        |effect| matches!(effect, Effect::Send { word: Word::Inventory(own), .. } if own.decided == SeqNum::new(5)),
    );
    assert_eq!(told.count(), 2);
}

#[test]
fn one_item_of_news_is_in_flight_and_the_newest_follows_its_answer() {
    let mut lone = Lone::with(2);
    lone.push(0, 0, decided(5));
    assert_eq!(lone.pushed(), [(key(1), 1, 1)]);
    lone.push(0, 0, decided(6));
    lone.push(0, 0, decided(7));
    assert_eq!(lone.pushed(), []);
    lone.hear(1, Word::Inventory(inventory(5)));
    assert_eq!(lone.pushed(), [(key(1), 1, 1)]);
    lone.hear(1, Word::Inventory(inventory(7)));
    assert_eq!(lone.pushed(), []);
}

#[test]
fn neighbours_that_lack_the_data_of_a_slot_are_told_when_it_is_here() {
    let mut lone = Lone::with(2);
    lone.tick(200);
    lone.push(0, 0, decided(5));
    let (executed, oldest, stable, root) = (SeqNum::new(5), SeqNum::new(1), SeqNum::default(), Digest::ZERO);
    lone.input(Input::Holds { executed, oldest, stable, root });
    let told = lone.out.iter().any(|effect| matches!(effect, Effect::Send { to, .. } if *to == key(1)));
    assert!(told, "{:?}", lone.out);
}

#[test]
fn a_forger_is_dropped_and_not_dialled_again() {
    let mut lone = Lone::new();
    lone.knows(0..1);
    lone.input(Input::Up { key: key(0), organisation: None, rtt_ms: 1, is_dialled: true });
    lone.input(Input::Forged(key(0)));
    assert_eq!(lone.dropped(), [(key(0), Dropped::Forger)]);
    lone.tick(ROUND_MS);
    assert_eq!(lone.dialled(), []);
}

#[test]
fn news_that_says_it_came_too_far_costs_its_sender_the_link() {
    let mut lone = Lone::with(2);
    lone.hear(1, Word::News(News { hops: HOPS_MAX, inventory: inventory(5), items: vec![Arc::new(decided(5))] }));
    assert_eq!(lone.dropped(), [(key(1), Dropped::Forger)]);
}

#[test]
fn a_neighbour_with_another_state_under_one_checkpoint_is_dropped() {
    let mut lone = Lone::with(2);
    let (executed, oldest, stable) = (SeqNum::new(5), SeqNum::new(1), SeqNum::new(5));
    lone.input(Input::Holds { executed, oldest, stable, root: Digest([1; 32]) });
    lone.hear(0, Word::Inventory(Inventory { stable, root: Digest([1; 32]), ..inventory(5) }));
    assert_eq!(lone.dropped(), []);
    lone.hear(1, Word::Compare(Inventory { stable, root: Digest([2; 32]), ..inventory(5) }));
    assert_eq!(lone.dropped(), [(key(1), Dropped::Contrary)]);
}

#[test]
fn an_enrolled_follower_takes_the_place_of_a_stranger() {
    let mut lone = Lone::new();
    (0..Shape::FOLLOWER.places as u8).for_each(|number| lone.up(number, None));
    let youngest = key(Shape::FOLLOWER.places as u8 - 1);
    assert_eq!(lone.spread.arrive(key(50), Some(1)), Door::Welcome { in_place_of: Some(youngest) });
}

#[test]
fn fifty_keys_of_one_organisation_leave_places_for_another() {
    let mut lone = Lone::new();
    (0..Shape::FOLLOWER.places as u8).for_each(|number| lone.up(number, Some(1)));
    assert!(matches!(lone.spread.arrive(key(50), Some(1)), Door::Busy { .. }));
    assert!(matches!(lone.spread.arrive(key(51), Some(2)), Door::Welcome { in_place_of: Some(_) }));
}

#[test]
fn organisations_with_equal_shares_take_nothing_from_each_other() {
    let mut lone = Lone::with(Shape::FOLLOWER.places as u8);
    assert!(matches!(lone.spread.arrive(key(50), Some(3)), Door::Busy { .. }));
}

#[test]
fn a_stranger_at_a_full_door_is_told_of_others() {
    let mut lone = Lone::with(Shape::FOLLOWER.places as u8);
    lone.knows(0..Shape::FOLLOWER.places as u8);
    let Door::Busy { hints } = lone.spread.arrive(key(50), None) else { panic!("a full door") };
    assert_eq!(hints.len(), HINTS_MAX);
}

#[test]
fn a_follower_dials_four_and_one_more_for_a_round() {
    let mut lone = Lone::new();
    lone.knows(0..20);
    lone.tick(1);
    assert_eq!(lone.dialled().len(), Shape::FOLLOWER.dials);
    let dialled = lone.dialled();
    dialled.into_iter().for_each(|key| lone.input(Input::Up { key, organisation: None, rtt_ms: 9, is_dialled: true }));
    lone.tick(ROUND_MS);
    assert_eq!(lone.dialled().len(), 1);
}

#[test]
fn one_neighbour_changes_every_five_minutes() {
    let mut lone = Lone::new();
    lone.knows(0..20);
    lone.tick(1);
    let dialled = lone.dialled();
    dialled.into_iter().for_each(|key| lone.input(Input::Up { key, organisation: None, rtt_ms: 9, is_dialled: true }));
    let changed = (0..CHANGE_MS / 200).filter(|_| {
        lone.tick(200);
        lone.dropped().iter().any(|(_, why)| *why == Dropped::Changed)
    });
    assert_eq!(changed.count(), 1);
}

#[test]
fn a_refused_dial_goes_on_to_the_hints() {
    let mut lone = Lone::new();
    lone.knows(0..1);
    lone.tick(1);
    assert_eq!(lone.dialled(), [key(0)]);
    lone.input(Input::Busy { key: key(0), rtt_ms: 9, hints: vec![contact(1), contact(2)] });
    assert_eq!(lone.dialled().len(), 2);
}

#[test]
fn known_addresses_are_bounded_and_pinned_ones_stay() {
    let mut lone = Lone::new();
    lone.input(Input::Known { contact: contact(1), is_pinned: true });
    for number in 0..2 * KNOWN_MAX as u32 {
        let mut name = [9; 32];
        name[..4].copy_from_slice(&number.to_le_bytes());
        lone.input(Input::Known { contact: Contact { key: PublicKey(name), address: Vec::new() }, is_pinned: false });
    }
    assert_eq!(lone.spread.known(), KNOWN_MAX);
    assert_eq!(lone.spread.clone().arrive(key(1), None), Door::Welcome { in_place_of: None });
}

#[test]
fn a_neighbour_that_follows_a_domain_hears_of_its_checkpoints_alone() {
    let (ours, other) = (Digest([3; 32]), Digest([4; 32]));
    let mut lone = Lone::with(1);
    lone.hear(0, Word::Inventory(Inventory { interest: Interest::Domains(vec![ours]), ..inventory(0) }));
    lone.input(Input::Verified { message: verified(decided(5)), way: Way::Own, changed: Vec::new() });
    assert_eq!(lone.pushed(), []);
    lone.input(Input::Verified { message: verified(checkpoint(5)), way: Way::Own, changed: vec![other] });
    assert_eq!(lone.pushed(), []);
    lone.input(Input::Verified { message: verified(checkpoint(6)), way: Way::Own, changed: vec![ours] });
    assert_eq!(lone.pushed(), [(key(0), 0, 1)]);
}

#[test]
fn a_word_with_more_items_than_its_bound_is_none() {
    let news = |items| {
        Word::News(News {
            hops: 1,
            inventory: inventory(5),
            items: std::iter::repeat_n(Arc::new(decided(5)), items).collect(),
        })
    };
    let read = |word: &Word| borsh::from_slice::<Word>(&borsh::to_vec(word).expect("memory"));
    assert_eq!(read(&news(2)).ok(), Some(news(2)));
    assert!(read(&news(3)).is_err());
}
