//! The ledger under slots of any envelopes that somebody signed: every replica executes them alike, one that starts
//! again from its disk too, and no refusal leaves more than its receipt says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_fuzz::Source;
use quorate_ledger::policy::DomainPolicy;
use quorate_ledger::{
    Act, Base, Body, Change, ConflictId, Dependency, Envelope, EnvelopeId, GROUP_DOMAIN, JoinStatement, Joiner, Ledger,
    Level, Mode, Op, ProposalId, Reconfiguration, Revision, Wishes, RULES,
};
use quorate_pbft::{ClaimedCert, Digest, Epoch, Item, ItemKind, Kind, PublicKey, SeqNum, Signature, Signer, View};
use support::author;
use support::world::World;

#[path = "../../../ledger/tests/support/mod.rs"]
mod support;

/// Slots of one run, and envelopes of one slot.
const SLOTS_MAX: u64 = 12;
const ENVELOPES_MAX: u64 = 5;

fuzz_target!(|bytes: &[u8]| {
    let mut source = Source::new(bytes);
    // By the length: a byte for it would shift every input of the corpus.
    let rules = (bytes.len() % 2 == 1).then_some(RULES.newest);
    let [mut one, mut other] = [rules, rules].map(|rules| World::of(support::genesis_by(rules)));
    let mut ids = vec![Digest::ZERO];
    for _ in 0..SLOTS_MAX {
        if source.is_empty() {
            break;
        }
        let lanes = vec![(0, items(&mut source, &one, &mut ids)), (1, items(&mut source, &one, &mut ids))];
        let outcome = one.slot_of(lanes.clone());
        assert_eq!(outcome, other.slot_of(lanes), "two replicas");
        other.ledger = Ledger::open(&other.store, &other.genesis).expect("it was written");
        assert_eq!(one.ledger.state_root(), other.ledger.state_root(), "after a restart");
        ids.extend(outcome.receipts.iter().flat_map(|receipt| &receipt.conflicts).map(|conflict| conflict.0));
    }
    assert!(one.store == other.store, "the same disk");
});

fn items(source: &mut Source<'_>, world: &World, ids: &mut Vec<Digest>) -> Vec<Item> {
    (0..source.below(ENVELOPES_MAX)).map(|_| item(source, world, ids)).collect()
}

fn item(source: &mut Source<'_>, world: &World, ids: &mut Vec<Digest>) -> Item {
    if source.below(24) == 0 {
        return Item { kind: ItemKind::Evidence, bytes: source.take(99).to_vec() };
    }
    let who = source.below(6) as u8;
    let changes: Vec<Change> = (0..1 + source.below(3)).map(|_| change(source, ids)).collect();
    let from_seq = 1 + source.number(5).min(u64::MAX - 8);
    let body = Body {
        author: author(who).public_key(),
        domain: source.pick(&["main", "main", "other", GROUP_DOMAIN, "nowhere"]).to_owned(),
        from_seq,
        to_seq: from_seq + changes.len() as u64 - 1,
        attempt: 1 + source.below(3),
        changes,
        carried: vec![],
    };
    let contents = (0u8..4).map(content).collect();
    let envelope = Envelope::sign(&world.genesis.group(), body, contents, &author(who));
    ids.push(envelope.id(&world.genesis.group()).0);
    Item { kind: ItemKind::Envelope, bytes: envelope.encode() }
}

/// Contents that merge, and that do not.
fn content(number: u8) -> Vec<u8> {
    match number {
        0 => b"a\nb\nc\nd\ne\n".to_vec(),
        1 => b"a1\nb\nc\nd\ne\n".to_vec(),
        2 => b"a\nb\nc\nd\ne2\n".to_vec(),
        _ => vec![0, 159, number],
    }
}

fn digest(source: &mut Source<'_>) -> Digest {
    support::digest(&content(source.below(4) as u8))
}

fn known(source: &mut Source<'_>, ids: &[Digest]) -> Digest {
    ids[source.below(256) as usize % ids.len()]
}

fn change(source: &mut Source<'_>, ids: &[Digest]) -> Change {
    let base = match source.below(8) {
        0 => Base::Previous,
        1 => Base::Envelope(EnvelopeId(known(source, ids))),
        2 => {
            Revision::item(SeqNum::new(source.below(8)), source.below(4) as u32).map_or(Base::Previous, Base::Revision)
        }
        _ => Base::Revision(Revision::slot(SeqNum::new(source.number(8)))),
    };
    let ops = (0..source.below(4)).map(|_| op(source, ids)).collect();
    let mut change = Change::new(base, ops, "m", 0);
    change.wishes = wishes(source);
    change
}

fn wishes(source: &mut Source<'_>) -> Wishes {
    if source.below(8) > 0 {
        return Wishes::default();
    }
    let after = Dependency {
        author: author(source.below(4) as u8).public_key(),
        domain: source.pick(&["main", "other"]).to_owned(),
        seq: source.number(5),
    };
    Wishes { critical: source.coin(), level: Some(Level::Strong), depends_on: vec![after] }
}

fn path(source: &mut Source<'_>) -> String {
    source.pick(&["a", "a/b", "a/b/c", "b", "c.json", "", "..", "a//b", ".git/x", "a\0b"]).to_owned()
}

fn op(source: &mut Source<'_>, ids: &[Digest]) -> Op {
    match source.below(18) {
        16 => Op::Ready { proposal: ProposalId(known(source, ids)), key: member(source), statement: statement(source) },
        15 => Op::Withdraw { proposal: ProposalId(known(source, ids)) },
        0..6 => {
            let modes = [Mode::File, Mode::File, Mode::Exec, Mode::Link];
            Op::Put { path: path(source), mode: modes[source.below(4) as usize], content: digest(source) }
        }
        6 => Op::Delete { path: path(source) },
        7 => Op::Rename { from: path(source), to: path(source) },
        8 => Op::Propose { act: act(source) },
        9 => Op::Approve { proposal: ProposalId(known(source, ids)) },
        10 => Op::Vote { conflict: ConflictId(known(source, ids)), side: source.number(3) as u32 },
        11 => Op::Attest { envelope: EnvelopeId(known(source, ids)), approve: source.coin() },
        12 => {
            let file = source.coin().then(|| (Mode::File, digest(source)));
            Op::Suggest { conflict: ConflictId(known(source, ids)), file, reason: String::from("r") }
        }
        13 => Op::Revoke { key: author(source.below(6) as u8).public_key() },
        14 => Op::Rotate { key: author(source.below(9) as u8).public_key(), proof: Signature([0; 64]) },
        _ => {
            let organisation = source.pick(&["org-0", "org-1", "nobody"]).to_owned();
            Op::Enrol { key: author(source.below(9) as u8).public_key(), organisation, proof: Signature([0; 64]) }
        }
    }
}

/// Any act whose encoding the bytes spell, or one of those that come up in practice.
fn act(source: &mut Source<'_>) -> Act {
    match source.below(6) {
        5 => Act::Reconfigure { change: reconfiguration(source) },
        0 => Act::AddOrganisation { name: source.pick(&["org-0", "new", ""]).to_owned() },
        1 => Act::CreateDomain { name: source.pick(&["main", "new", "@x"]).to_owned(), policy: policy(source) },
        2 => Act::Revoke { key: author(source.below(6) as u8).public_key() },
        _ => Act::SetPolicy { policy: policy(source) },
    }
}

fn member(source: &mut Source<'_>) -> PublicKey {
    support::replica(source.below(6) as u8).public_key()
}

/// Any member list whose encoding the bytes spell, or one of those that come up in practice.
fn reconfiguration(source: &mut Source<'_>) -> Reconfiguration {
    let joiner = Joiner::prove("org-0", &support::replica(source.below(6) as u8));
    match source.below(3) {
        0 => Reconfiguration { add: vec![joiner], ..Reconfiguration::default() },
        1 => Reconfiguration { remove: vec![member(source)], ..Reconfiguration::default() },
        _ => borsh::from_slice(source.take(256)).unwrap_or_default(),
    }
}

/// A statement whose checkpoint nobody certified.
fn statement(source: &mut Source<'_>) -> JoinStatement {
    let (epoch, seq) = (Epoch::new(source.below(3)), SeqNum::new(source.below(8)));
    let (kind, view, signatures) = (Kind::Checkpoint, View::new(0), vec![]);
    let checkpoint = ClaimedCert { epoch, kind, view, seq, digest: digest(source), signatures };
    JoinStatement::sign(&support::genesis(4).group(), checkpoint, RULES, &support::replica(4))
}

fn policy(source: &mut Source<'_>) -> DomainPolicy {
    let plain = DomainPolicy::new(vec![], vec![]);
    borsh::from_slice(source.take(source_length(&plain))).unwrap_or(plain)
}

fn source_length(policy: &DomainPolicy) -> usize {
    borsh::to_vec(policy).expect("memory").len() + 16
}
