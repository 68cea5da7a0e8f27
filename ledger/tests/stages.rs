//! The eight stages in order: each with its refusals, and the first that fails names it.

mod support;

use quorate_ledger::policy::{DomainPolicy, Format, PathRule, Quota, Rate, Rates, Schema};
use quorate_ledger::{
    Base, Code, DeferReason, Envelope, EnvelopeId, GROUP_DOMAIN, Op, Principal, ProposalId, Receipt, Stage, State,
};
use quorate_pbft::{Digest, Signer};
use support::world::{Edit, World, remove, rename, revision, write};
use support::{author, put};

fn organisation(n: u8) -> Principal {
    Principal::Organisation(format!("org-{n}"))
}

fn rule(pattern: &str) -> PathRule {
    PathRule { pattern: pattern.into(), ..PathRule::default() }
}

/// A domain in which everything can be broken: organisations 0 and 1 write, 2 reads, 3 is no member.
fn policy() -> DomainPolicy {
    let paths = vec![
        PathRule { format: Some(Format::Json), schema: Some(Schema::new(r#"{"type": "object"}"#)), ..rule("*.json") },
        PathRule { size_max: Some(8), forbidden: vec!["secret".into()], ..rule("small/*") },
        PathRule { owners: vec![organisation(1)], ..rule("owned/*") },
        PathRule { write_once: true, ..rule("once/*") },
        PathRule { approvals: 2, ..rule("reviewed/*") },
    ];
    let per_hour = Rate { per_ms: 3_600_000, changes: None, bytes: Some(4_000) };
    DomainPolicy {
        paths,
        quota: Quota { files_max: Some(20), bytes_max: None },
        rates: Rates { organisation: Some(per_hour), ..Rates::default() },
        ..DomainPolicy::new(vec![organisation(0), organisation(1)], vec![organisation(2)])
    }
}

fn world() -> World {
    let mut world = World::new();
    world.decide("main", policy());
    world.time += 3_600_000; // what the policy took of its own rate is leaked out
    world
}

fn is(receipt: &Receipt, code: Code) {
    let found = (receipt.state, receipt.stage, receipt.code);
    assert_eq!(found, (State::Refused, Some(code.stage()), Some(code)), "{:?}", receipt.detail);
    assert!(receipt.detail.as_ref().is_some_and(|detail| !detail.is_empty() && detail.len() < 1_000));
    assert_eq!((&receipt.changes[..], &receipt.conflicts[..]), (&[][..], &[][..]));
}

/// Answer of the gate to these bytes.
fn gate(world: &World, bytes: &[u8]) -> Option<Code> {
    world.ledger.admit(&world.store, bytes).expect("memory").err().map(|refused| refused.refusal.code)
}

#[test]
fn structure_is_refused_at_the_gate() {
    let mut world = world();
    let draft = world.draft(0, world.now(), &[write("a", "x")]);
    let sound = world.sign(&draft).encode();
    assert_eq!(gate(&world, &sound), None);
    assert_eq!(gate(&world, &sound[1..]), Some(Code::Malformed));
    assert_eq!(gate(&world, &[&sound[..], &[0]].concat()), Some(Code::TrailingBytes));
    let large = vec![0; world.genesis.limits().envelope_bytes_max as usize + 1];
    assert_eq!(gate(&world, &large), Some(Code::TooLarge));
    let mut none = draft;
    none.body.changes.clear();
    assert_eq!(gate(&world, &world.sign(&none).encode()), Some(Code::Malformed));
}

#[test]
fn signature_is_refused_at_the_gate_and_revoked_keys_at_their_position() {
    let mut world = world();
    let body = support::body_of(9, 1, vec![put("a", b"x")]);
    let stranger = Envelope::sign(&world.genesis.group(), body.clone(), vec![b"x".to_vec()], &author(9));
    assert_eq!(gate(&world, &stranger.encode()), Some(Code::UnknownAuthor));
    let forged = Envelope::sign(&world.genesis.group(), body, vec![], &author(8));
    assert_eq!(gate(&world, &forged.encode()), Some(Code::BadSignature));
    let revoke = Edit::Other(Op::Revoke { key: author(0).public_key() });
    world.does_in(GROUP_DOMAIN, 0, &[revoke]);
    is(&world.does(0, &[write("a", "x")]), Code::Revoked);
}

#[test]
fn sequence_refuses_bases_and_the_gate_refuses_numbers() {
    let mut world = world();
    world.does(0, &[write("a", "x")]);
    is(&world.does_on(revision("999"), 0, &[write("a", "y")]), Code::BaseUnknown);
    is(&world.does_on(Base::Envelope(EnvelopeId(Digest([7; 32]))), 0, &[write("a", "y")]), Code::BaseUnknown);
    let refused = world.does(0, &[remove("nothing")]);
    is(&world.does_on(Base::Envelope(refused.id), 0, &[write("a", "y")]), Code::BaseRefused);

    let mut draft = world.draft(0, world.now(), &[write("a", "y")]);
    let next = draft.body.from_seq;
    let mut at = |seq: u64| {
        (draft.body.from_seq, draft.body.to_seq) = (seq, seq);
        gate(&world, &world.sign(&draft).encode())
    };
    assert_eq!((at(next - 1), at(next), at(next + 1_024)), (Some(Code::Overlap), None, None));
    assert_eq!(at(next + 1_025), Some(Code::GapTooWide));
    draft.body.attempt = 1;
    (draft.body.from_seq, draft.body.to_seq) = (next, next);
    assert_eq!(gate(&world, &world.sign(&draft).encode()), Some(Code::SequenceTaken));
}

#[test]
fn content_is_refused() {
    let mut world = world();
    world.does(0, &[write("file", "x"), write("folder/file", "x")]);
    is(&world.does(0, &[write("../a", "x")]), Code::BadPath);
    is(&world.does(0, &[write("file/a", "x")]), Code::PathIsFile);
    is(&world.does(0, &[write("folder", "x")]), Code::PathIsFolder);
    is(&world.does(0, &[remove("nothing")]), Code::MissingPath);
    is(&world.does(0, &[rename("nothing", "a")]), Code::MissingPath);
    let revoke = Edit::Other(Op::Revoke { key: author(0).public_key() });
    is(&world.does(0, &[revoke]), Code::BadAct);
    is(&world.does(0, &[Edit::Other(Op::Approve { proposal: ProposalId(Digest([1; 32])) })]), Code::UnknownProposal);
    let attest = Op::Attest { envelope: EnvelopeId(Digest([1; 32])), approve: true };
    is(&world.does(0, &[Edit::Other(attest)]), Code::UnknownPending);
    let vote = Op::Vote { conflict: quorate_ledger::ConflictId(Digest([1; 32])), side: 0 };
    is(&world.does(0, &[Edit::Other(vote)]), Code::UnknownConflict);
}

#[test]
fn domain_is_refused() {
    let mut world = world();
    is(&world.does_in("nowhere", 0, &[write("a", "x")]), Code::UnknownDomain);
    is(&world.does(3, &[write("a", "x")]), Code::NotMember);
}

#[test]
fn schema_is_refused() {
    let mut world = world();
    is(&world.does(0, &[write("a.json", "{")]), Code::DoesNotParse);
    is(&world.does(0, &[write("a.json", "[]")]), Code::Schema);
    is(&world.does(0, &[write("small/a", "123456789")]), Code::Validator);
    is(&world.does(0, &[write("small/a", "secret")]), Code::Validator);
    let pending = world.does(0, &[write("reviewed/a", "x")]);
    let mut last = pending.clone();
    for who in [1, 2] {
        let word = Edit::Other(Op::Attest { envelope: pending.id, approve: false });
        let draft = world.draft(who, world.now(), &[word]);
        last = world.slot(&[&draft]).receipts.pop().expect("a verdict");
    }
    assert_eq!(last.id, pending.id);
    is(&last, Code::Approvals);
}

#[test]
fn ownership_is_refused() {
    let mut world = world();
    is(&world.does(0, &[write("owned/a", "x")]), Code::NotOwner);
    assert_eq!(world.does(1, &[write("owned/a", "x"), write("once/a", "x")]).state, State::Applied);
    is(&world.does(1, &[write("once/a", "y")]), Code::WriteOnce);
}

#[test]
fn access_is_refused() {
    let mut world = world();
    is(&world.does(2, &[write("a", "x")]), Code::Role);
    let many: Vec<Edit> = (0..21).map(|n| write(&format!("file-{n}"), "x")).collect();
    is(&world.does(0, &many), Code::Quota);
    is(&world.does(0, &[write("a", &"x".repeat(5_000))]), Code::Rate);
}

/// An author whose change breaks every rule mends one after the other.
#[test]
fn the_first_stage_that_fails_names_the_refusal() {
    let mut world = world();
    let all = |json: &str| {
        let mut edits = vec![write("a.json", json), write("owned/a", "x")];
        edits.extend((0..21).map(|n| write(&format!("file-{n}"), &format!("{n}{}", "x".repeat(300)))));
        edits
    };
    let climbs = |mut edits: Vec<Edit>| {
        edits.push(write("..", "x"));
        edits
    };
    let future = revision("999");
    let found = [
        world.does(9, &climbs(all("{"))),
        world.does_on(future, 3, &climbs(all("{"))),
        world.does(3, &climbs(all("{"))),
        world.does(3, &all("{")),
        world.does(2, &all("{")),
        world.does(2, &all("{}")),
        world.does(2, &all("{}")[2..]),
        world.does(1, &all("{}")),
        world.does(1, &all("{}")[..15]),
    ];
    let codes: Vec<_> = found.iter().map(|receipt| (receipt.stage, receipt.code)).collect();
    let expected = [
        (Stage::Signature, Code::UnknownAuthor),
        (Stage::Sequence, Code::BaseUnknown),
        (Stage::Content, Code::BadPath),
        (Stage::Domain, Code::NotMember),
        (Stage::Schema, Code::DoesNotParse),
        (Stage::Ownership, Code::NotOwner),
        (Stage::Access, Code::Role),
        (Stage::Access, Code::Quota),
        (Stage::Access, Code::Rate),
    ];
    assert_eq!(codes, expected.map(|(stage, code)| (Some(stage), Some(code))));
    assert!(world.view().ls("main", "", None, None, 10).expect("known").items.is_empty(), "nothing was left");
}

/// A2: a gap, a missing dependency and a copy are no verdicts.
#[test]
fn what_is_no_verdict_leaves_no_receipt() {
    let mut world = world();
    let first = world.draft(0, world.now(), &[write("a", "x")]);
    let second = world.draft(0, world.now(), &[write("b", "x")]);
    let outcome = world.slot(&[&second]);
    assert!(matches!(outcome.deferred[0].why, DeferReason::Gap { .. }) && outcome.receipts.is_empty());
    assert_eq!(world.ledger.receipt(&world.store, &world.id(&second)), Ok(None));
    let outcome = world.slot(&[&first, &first, &second]);
    assert_eq!((outcome.receipts.len(), &outcome.deferred[0].why), (2, &DeferReason::Copy));
}
