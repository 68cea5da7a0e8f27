//! Whatever stands in a slot, every replica executes it alike and none of them stops.

mod support;

use proptest::prelude::*;
use quorate_ledger::policy::DomainPolicy;
use quorate_ledger::{
    Act, Base, Body, Change, ConflictId, Envelope, EnvelopeId, GROUP_DOMAIN, JoinStatement, Joiner, Ledger, LockMode,
    Mode, Op, ProposalId, RULES, Reconfiguration, Rekey, Revision,
};
use quorate_pbft::{ClaimedCert, Digest, Epoch, Item, ItemKind, Kind, ReplicaId, SeqNum, Signature, Signer, View};
use support::world::World;
use support::{author, replica};

/// Paths that clash, climb, or are none.
fn any_path() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::sample::select(vec!["a", "a/b", "a/b/c", "b"]).prop_map(str::to_owned),
        1 => prop::sample::select(vec!["", "..", "/", "a//b", ".git/x", "a\0b"]).prop_map(str::to_owned),
        1 => ".{0,12}",
    ]
}

fn any_digest() -> impl Strategy<Value = Digest> {
    prop_oneof![3 => (0u8..4).prop_map(|n| support::digest(&[n])), 1 => any::<[u8; 32]>().prop_map(Digest)]
}

fn any_act() -> impl Strategy<Value = Act> {
    let policy = || DomainPolicy::new(vec![], vec![]);
    prop_oneof![
        "[a-z/]{0,3}".prop_map(move |name| Act::CreateDomain { name, policy: policy() }),
        "[a-z/]{0,3}".prop_map(|name| Act::AddOrganisation { name }),
        (0u8..9).prop_map(|n| Act::Revoke { key: author(n).public_key() }),
        Just(Act::SetPolicy { policy: policy() }),
        any_reconfiguration().prop_map(|change| Act::Reconfigure { change }),
    ]
}

/// Member lists that could come up, and others.
fn any_reconfiguration() -> impl Strategy<Value = Reconfiguration> {
    let key = || (0u8..6).prop_map(|n| replica(n).public_key());
    let joiner = || {
        let statement = prop::option::of(any_statement());
        let organisation = prop::sample::select(vec!["org-0", "org-1", "nobody"]);
        (0u8..7, organisation, statement)
            .prop_map(|(n, name, statement)| Joiner { statement, ..Joiner::prove(name, &replica(n)) })
    };
    let rekey = (key(), joiner()).prop_map(|(old, new)| Rekey { old, new });
    let few = 0..2;
    let lists = (
        prop::collection::vec(joiner(), few.clone()),
        prop::collection::vec(key(), few.clone()),
        prop::collection::vec(rekey, few),
        prop::collection::vec(key(), 0..5),
    );
    lists.prop_map(|(add, remove, rekey, order)| Reconfiguration { add, remove, rekey, order, rules: None })
}

/// Statements that nobody certified.
fn any_statement() -> impl Strategy<Value = JoinStatement> {
    (0u64..3, 0u64..4, 0u16..5, 0u8..7).prop_map(|(epoch, seq, signers, n)| {
        let signatures = (0..signers).map(|id| (ReplicaId::new(id), Signature([n; 64]))).collect();
        let (epoch, seq) = (Epoch::new(epoch), SeqNum::new(seq));
        let (kind, view, digest) = (Kind::Checkpoint, View::new(0), Digest::ZERO);
        let checkpoint = ClaimedCert { epoch, kind, view, seq, digest, signatures };
        JoinStatement::sign(&support::genesis(4).group(), checkpoint, RULES, &replica(n))
    })
}

/// Operations on locks, and those that make a transaction.
fn any_coordination() -> impl Strategy<Value = Op> {
    let mode = prop::sample::select(LockMode::ALL.to_vec());
    let domain = prop::sample::select(vec!["main", "other", "@group", "nowhere"]);
    let small = || prop_oneof![0u64..4, Just(u64::MAX)];
    let ms = || prop_oneof![3 => 100u64..500, 1 => any::<u64>()];
    prop_oneof![
        3 => (any_path(), mode, ms(), ms())
            .prop_map(|(path, mode, lease_ms, wait_ms)| Op::Acquire { path, mode, lease_ms, wait_ms }),
        1 => any_path().prop_map(|path| Op::Release { path }),
        1 => small().prop_map(|token| Op::Fence { token }),
        1 => small().prop_map(|slot| Op::Anchor { revision: Revision::slot(SeqNum::new(slot)) }),
        1 => (domain, small(), small())
            .prop_map(|(domain, seq, attempt)| Op::Enter { domain: domain.into(), seq, attempt }),
    ]
}

fn any_op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => any_coordination(),
        6 => (any_path(), any_digest()).prop_map(|(path, content)| Op::Put { path, mode: Mode::File, content }),
        2 => any_path().prop_map(|path| Op::Delete { path }),
        2 => (any_path(), any_path()).prop_map(|(from, to)| Op::Rename { from, to }),
        1 => any_act().prop_map(|act| Op::Propose { act }),
        1 => any_digest().prop_map(|id| Op::Approve { proposal: ProposalId(id) }),
        1 => any_digest().prop_map(|id| Op::Withdraw { proposal: ProposalId(id) }),
        1 => (any_digest(), 0u8..7, any_statement()).prop_map(|(id, n, statement)| {
            Op::Ready { proposal: ProposalId(id), key: replica(n).public_key(), statement }
        }),
        1 => (any_digest(), any::<u32>()).prop_map(|(id, side)| Op::Vote { conflict: ConflictId(id), side }),
        1 => (any_digest(), any::<bool>()).prop_map(|(id, approve)| Op::Attest { envelope: EnvelopeId(id), approve }),
        1 => (0u8..9).prop_map(|n| Op::Revoke { key: author(n).public_key() }),
    ]
}

fn any_base() -> impl Strategy<Value = Base> {
    let number = prop_oneof![0u64..6, Just(u64::MAX)];
    prop_oneof![
        4 => number.prop_map(|slot| Base::Revision(Revision::slot(SeqNum::new(slot)))),
        1 => (1u64..4, 1u32..4).prop_filter_map("a revision", |(s, i)| Revision::item(SeqNum::new(s), i).map(Base::Revision)),
        1 => any_digest().prop_map(|id| Base::Envelope(EnvelopeId(id))),
        1 => Just(Base::Previous),
    ]
}

/// A signed envelope of somebody, enrolled or not, with all that it names.
fn any_envelope() -> impl Strategy<Value = (u8, Body)> {
    let change = (any_base(), proptest::collection::vec(any_op(), 0..4));
    let changes = proptest::collection::vec(change.prop_map(|(base, ops)| Change::new(base, ops, "", 0)), 1..3);
    let domain = prop::sample::select(vec!["main", "other", GROUP_DOMAIN, "nowhere"]);
    (0u8..6, domain, 1u64..6, 1u64..4, changes).prop_map(|(who, domain, from_seq, attempt, changes)| {
        let (author, domain, to_seq) =
            (author(who).public_key(), domain.to_owned(), from_seq + changes.len() as u64 - 1);
        (who, Body { author, domain, from_seq, to_seq, attempt, changes, carried: vec![] })
    })
}

fn any_item() -> impl Strategy<Value = Option<(u8, Body)>> {
    proptest::option::weighted(0.95, any_envelope())
}

fn item(world: &World, made: &Option<(u8, Body)>) -> Item {
    let contents = (0u8..4).map(|n| vec![n]).collect();
    match made {
        Some((who, body)) => {
            let envelope = Envelope::sign(&world.genesis.group(), body.clone(), contents, &author(*who));
            Item { kind: ItemKind::Envelope, bytes: envelope.encode() }
        }
        None => Item { kind: ItemKind::Evidence, bytes: vec![7; 99] },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn nothing_in_a_slot_stops_a_replica_or_parts_it_from_another(
        slots in proptest::collection::vec(proptest::collection::vec(any_item(), 0..6), 1..8)
    ) {
        let (mut one, mut other) = (World::new(), World::new());
        for items in &slots {
            let items: Vec<Item> = items.iter().map(|made| item(&one, made)).collect();
            let (left, right) = items.split_at(items.len() / 2);
            let lanes = vec![(0, left.to_vec()), (1, right.to_vec())];
            let outcome = one.slot_of(lanes.clone());
            prop_assert_eq!(&outcome, &other.slot_of(lanes));
            other.ledger = Ledger::open(&other.store, &other.genesis).expect("it was written");
            prop_assert_eq!(one.ledger.state_root(), other.ledger.state_root());
            for receipt in &outcome.receipts {
                prop_assert_eq!(receipt.code.map(|code| code.stage()), receipt.stage);
                let size = receipt.detail.as_ref().map_or(0, String::len);
                prop_assert!(size < 1_024, "{:?}", receipt.detail);
            }
        }
        prop_assert_eq!(one.store, other.store);
    }

    #[test]
    fn bytes_from_anybody_are_refused_or_read(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let world = World::new();
        let _ = world.ledger.admit(&world.store, &bytes).expect("memory does not fail");
        prop_assert!(quorate_ledger::proof::Proof::decode(&bytes).is_err());
    }
}
