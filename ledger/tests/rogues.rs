//! Byzantine authors: they use a number twice, forge bases, sign on after their key was revoked, and flood. They stop
//! nobody but themselves, leave nothing that grows without a bound, and every replica says the same of them.

mod support;

use proptest::prelude::*;
use quorate_ledger::keys::{Purpose, prove_possession};
use quorate_ledger::policy::DomainPolicy;
use quorate_ledger::{
    Act, Base, Code, DeferReason, EnvelopeId, GROUP_DOMAIN, Op, Outcome, Principal, ProposalId, State,
};
use quorate_pbft::{Digest, Signer};
use support::author;
use support::world::{Draft, Edit, World, revision, write};

/// The honest author, and the one who is not.
const HONEST: u8 = 0;
const ROGUE: u8 = 1;

#[derive(Debug, Clone)]
enum Trick {
    /// Two envelopes for one number and attempt.
    Twice,
    /// A base that the rogue never saw: the future, a stranger's envelope, somebody else's.
    ForgedBase(u8),
    /// An envelope far ahead of the next number.
    Ahead(u64),
    /// The same envelope over and over.
    Again(usize),
    /// A number with ever higher attempts, each refused.
    Attempts(usize),
    /// An envelope that depends on a number that is never used.
    Waits,
    /// The key is revoked, and signs on.
    Revoked,
}

fn any_trick() -> impl Strategy<Value = Trick> {
    prop_oneof![
        3 => Just(Trick::Twice),
        3 => (0u8..3).prop_map(Trick::ForgedBase),
        2 => (1u64..3_000).prop_map(Trick::Ahead),
        2 => (1usize..20).prop_map(Trick::Again),
        2 => (1usize..20).prop_map(Trick::Attempts),
        1 => Just(Trick::Waits),
        1 => Just(Trick::Revoked),
    ]
}

struct Stage {
    world: World,
    honest: Vec<EnvelopeId>,
    revoked: bool,
}

impl Stage {
    fn new() -> Self {
        Self { world: World::new(), honest: Vec::new(), revoked: false }
    }

    /// The rogue's envelopes for one slot.
    fn tricks(&mut self, trick: &Trick, n: usize) -> Vec<Draft> {
        let now = self.world.now();
        let mut draft = |base, text: String| {
            let next = self.world.ledger.next_seq(&self.world.store, &author(ROGUE).public_key(), "main");
            let mut draft = self.world.draft(ROGUE, base, &[write("rogue", &text)]);
            let next = next.expect("memory does not fail");
            (draft.body.from_seq, draft.body.to_seq) = (next, next);
            draft
        };
        match trick {
            Trick::Twice => {
                let one = draft(now, format!("one {n}"));
                let mut other = draft(now, format!("other {n}"));
                other.body.attempt = one.body.attempt;
                vec![one, other]
            }
            Trick::ForgedBase(0) => vec![draft(revision("999999"), "future".into())],
            Trick::ForgedBase(1) => vec![draft(Base::Envelope(EnvelopeId(Digest([9; 32]))), "nobody's".into())],
            Trick::ForgedBase(_) => {
                let stolen = self.honest.last().map_or(now, |id| Base::Envelope(*id));
                vec![draft(stolen, "stolen".into())]
            }
            Trick::Ahead(by) => {
                let mut ahead = draft(now, "ahead".into());
                ahead.body.from_seq += by;
                ahead.body.to_seq += by;
                vec![ahead]
            }
            Trick::Again(times) => vec![draft(now, format!("again {n}")); *times],
            Trick::Attempts(times) => (0..*times).map(|_| draft(revision("999999"), "attempt".into())).collect(),
            Trick::Waits => {
                let mut waits = draft(now, "waits".into());
                let author = author(9).public_key();
                let never = quorate_ledger::Dependency { author, domain: "main".into(), seq: 1 };
                waits.body.changes[0].wishes.depends_on.push(never);
                vec![waits]
            }
            Trick::Revoked if !self.revoked => {
                self.revoked = true;
                let before = draft(now, "before".into());
                let key = author(ROGUE).public_key();
                let revoke = self.world.draft_in(GROUP_DOMAIN, ROGUE, now, &[Edit::Other(Op::Revoke { key })]);
                let mut after = before.clone();
                (after.body.from_seq, after.body.to_seq) = (before.body.from_seq + 1, before.body.from_seq + 1);
                after.body.attempt += 1;
                vec![before, revoke, after]
            }
            Trick::Revoked => vec![draft(now, "after".into())],
        }
    }

    /// Executes a slot: the tricks around an honest change. Returns what was said of all.
    fn slot(&mut self, trick: &Trick, n: usize) -> Outcome {
        let mut drafts = self.tricks(trick, n);
        let mut honest = self.world.draft(HONEST, self.world.now(), &[write("honest", &format!("{n}\n"))]);
        honest.body.changes[0].message = format!("honest {n}");
        let id = self.world.id(&honest);
        drafts.insert(drafts.len() / 2, honest);
        let outcome = self.world.slot(&drafts.iter().collect::<Vec<_>>());
        self.honest.push(id);
        outcome
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn rogue_authors_stop_nobody_but_themselves(tricks in proptest::collection::vec(any_trick(), 1..25)) {
        let (mut one, mut other) = (Stage::new(), Stage::new());
        for (n, trick) in tricks.iter().enumerate() {
            let (outcome, again) = (one.slot(trick, n), other.slot(trick, n));
            prop_assert_eq!(&outcome, &again, "{:?}", trick);
            let honest = outcome.receipts.iter().find(|receipt| receipt.author == author(HONEST).public_key());
            prop_assert_eq!(honest.map(|receipt| receipt.state), Some(State::Applied), "{:?}", trick);
            let text = one.world.text("honest");
            prop_assert_eq!(text, Some(format!("{n}\n")));
            // A number has one accepted envelope, however many there are for it.
            let rogue = outcome.receipts.iter().filter(|receipt| receipt.author == author(ROGUE).public_key());
            let accepted: Vec<u64> = rogue
                .filter(|receipt| receipt.state != State::Refused && receipt.domain == "main")
                .map(|receipt| receipt.from_seq)
                .collect();
            prop_assert!(accepted.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", accepted);
        }
        let standing = one.world.view().author("main", &author(ROGUE).public_key()).expect("known");
        prop_assert!(standing.repeated.len() <= 64);
    }
}

#[test]
fn a_number_that_was_used_twice_is_shown_and_the_first_counts() {
    let mut stage = Stage::new();
    let outcome = stage.slot(&Trick::Twice, 0);
    assert_eq!(outcome.deferred.len(), 1);
    assert_eq!(outcome.deferred[0].why, DeferReason::Taken);
    assert_eq!(stage.world.text("rogue").as_deref(), Some("one 0"));
    let standing = stage.world.view().author("main", &author(ROGUE).public_key()).expect("known");
    assert_eq!(standing.repeated, [1]);
}

#[test]
fn a_base_of_somebody_else_is_refused() {
    let mut stage = Stage::new();
    stage.slot(&Trick::Waits, 0);
    for kind in 0..3 {
        let outcome = stage.slot(&Trick::ForgedBase(kind), 1);
        let codes: Vec<_> = outcome.receipts.iter().filter_map(|receipt| receipt.code).collect();
        assert_eq!(codes, [Code::BaseUnknown], "{kind}");
    }
}

#[test]
fn a_revoked_key_counts_up_to_its_position_and_no_further() {
    let mut stage = Stage::new();
    let outcome = stage.slot(&Trick::Revoked, 0);
    let said: Vec<_> = outcome.receipts.iter().map(|receipt| (receipt.from_seq, receipt.code)).collect();
    assert_eq!(said.iter().filter(|(_, code)| code.is_none()).count(), 3, "honest, before, revoking: {said:?}");
    assert_eq!(said.last(), Some(&(2, Some(Code::Revoked))));
    let later = stage.slot(&Trick::Revoked, 1);
    assert!(later.receipts.iter().any(|receipt| receipt.code == Some(Code::Revoked)));
}

/// A flood of attempts costs its lane, and the state one entry: the author's numbers.
#[test]
fn a_flood_of_refused_attempts_leaves_the_state_as_small_as_it_was() {
    let mut stage = Stage::new();
    stage.slot(&Trick::Attempts(1), 0);
    let entries = |world: &World| {
        let mut count = 0;
        let each = &mut |_: &[u8], _: &[u8]| {
            count += 1;
            core::ops::ControlFlow::Continue(())
        };
        use quorate_ledger::Read;
        world.store.scan(quorate_ledger::Table::Entries, &[0], &[0xff; 64], each).expect("memory does not fail");
        count
    };
    let before = entries(&stage.world);
    for n in 1..50 {
        stage.slot(&Trick::Attempts(20), n);
    }
    assert_eq!(entries(&stage.world), before);
}

/// An envelope that was refused because its author or its domain was not there yet is refused for good, whoever orders
/// it again.
#[test]
fn a_refusal_of_somebody_not_yet_enrolled_is_not_taken_back_by_ordering_the_envelope_again() {
    let mut world = World::new();
    let early = world.draft(7, world.now(), &[write("a", "x")]);
    assert_eq!(world.verdict(&early).code, Some(Code::UnknownAuthor));
    let proof = prove_possession(Purpose::Author, "org-0", &author(7));
    let enrol = Op::Enrol { key: author(7).public_key(), organisation: "org-0".into(), proof };
    world.does_in(GROUP_DOMAIN, 0, &[Edit::Other(enrol)]);
    let again = world.slot(&[&early]);
    assert_eq!((again.receipts[0].code, world.text("a")), (Some(Code::BaseTooOld), None));
    assert_eq!(world.does(7, &[write("a", "x")]).state, State::Applied);
}

/// A base of the future, or an envelope of its own author, may be good one day: a refusal would not be final.
#[test]
fn an_envelope_of_somebody_not_yet_enrolled_has_no_verdict_while_a_later_slot_could_accept_it() {
    let mut world = World::new();
    let first = world.draft(7, revision("3"), &[write("a", "x")]);
    let second = world.draft(7, Base::Envelope(world.id(&first)), &[write("b", "x")]);
    let outcome = world.slot(&[&first, &second]);
    assert!(outcome.receipts.is_empty() && outcome.deferred.iter().all(|it| it.why == DeferReason::TooEarly));
    assert_eq!(outcome.deferred.len(), 2);
    let proof = prove_possession(Purpose::Author, "org-0", &author(7));
    let enrol = Op::Enrol { key: author(7).public_key(), organisation: "org-0".into(), proof };
    world.does_in(GROUP_DOMAIN, 0, &[Edit::Other(enrol)]);
    while world.ledger.head().seq < quorate_pbft::SeqNum::new(3) {
        world.slot(&[]);
    }
    let outcome = world.slot(&[&first, &second]);
    assert!(outcome.receipts.iter().all(|receipt| receipt.state == State::Applied), "{:?}", outcome.receipts);
    assert_eq!(outcome.receipts.len(), 2);
}

#[test]
fn a_refusal_in_a_domain_that_was_not_made_yet_is_final_as_well() {
    let mut world = World::new();
    let early = world.draft_in("later", 3, world.now(), &[write("a", "x")]);
    assert_eq!(world.verdict(&early).code, Some(Code::UnknownDomain));
    let policy = DomainPolicy::new(vec![Principal::Everyone], vec![]);
    let act = Act::CreateDomain { name: "later".into(), policy };
    let proposed = world.does_in(GROUP_DOMAIN, 0, &[Edit::Other(Op::Propose { act })]);
    for who in [1, 2] {
        let proposal = ProposalId::of(&proposed.id, 0);
        world.does_in(GROUP_DOMAIN, who, &[Edit::Other(Op::Approve { proposal })]);
    }
    assert_eq!(world.slot(&[&early]).receipts[0].code, Some(Code::BaseTooOld));
    assert_eq!(world.does_in("later", 3, &[write("a", "x")]).state, State::Applied);
}

/// A small envelope must not make every replica look at, and remember, gigabytes of names of folders.
#[test]
fn names_of_folders_that_are_long_and_deep_have_a_bound_for_each_envelope() {
    let deep = |n: usize| format!("{n:03}/{}", "a/".repeat(2_045)) + "a";
    let mut world = World::new();
    let few: Vec<Edit> = (0..4).map(|n| write(&deep(n), "x")).collect();
    assert_eq!(world.does(0, &few).state, State::Applied);
    let many: Vec<Edit> = (0..40).map(|n| write(&deep(n), "y")).collect();
    let draft = world.draft(0, world.now(), &many);
    let bytes = world.sign(&draft).encode();
    let refused = world.ledger.admit(&world.store, &bytes).expect("memory").expect_err("too much");
    assert_eq!(refused.refusal.code, Code::TooLarge);
    assert_eq!(world.slot(&[&draft]).receipts, []);
}
