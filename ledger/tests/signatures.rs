//! Signatures of authors: every predicate answers alike for one and for many, and the genesis says which one holds.

#[path = "support/crafted.rs"]
mod crafted;
mod support;

use crafted::{Off, Torsioned};
use curve25519_dalek::Scalar;
use quorate_ledger::{
    Base, Body, Change, Envelope, EnvelopeCheck, Genesis, GenesisError, GenesisFile, Predicate, RULES, Revision, Signed,
};
use quorate_pbft::{Digest, Ed25519Signer, Item, ItemKind, PayloadCheck, PublicKey, Signature, Signer};
use support::genesis_by;

/// A published case: points of small and mixed order, scalars out of bounds, other encodings of a point.
struct Case {
    key: &'static str,
    signature: &'static str,
    message: &'static str,
    strict: bool,
    cofactored: bool,
}

/// The vectors of Chalkias, Garillot and Nikolaenko, "Taming the many EdDSAs" (2020), table 5, in their order.
const CASES: [Case; 12] = [
    Case {
        key: "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        signature: "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a0000000000000000000000000000000000000000000000000000000000000000",
        message: "8c93255d71dcab10e8f379c26200f3c7bd5f09d9bc3068d3ef4edeb4853022b6",
        strict: false,
        cofactored: false,
    },
    Case {
        key: "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        signature: "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43a5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04",
        message: "9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
        strict: false,
        cofactored: false,
    },
    Case {
        key: "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
        signature: "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa8c4bd45aecaca5b24fb97bc10ac27ac8751a7dfe1baff8b953ec9f5833ca260e",
        message: "aebf3f2601a0c8c5d39cc7d8911642f740b78168218da8471772b35f9d35b9ab",
        strict: false,
        cofactored: true,
    },
    Case {
        key: "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
        signature: "9046a64750444938de19f227bb80485e92b83fdb4b6506c160484c016cc1852f87909e14428a7a1d62e9f22f3d3ad7802db02eb2e688b6c52fcd6648a98bd009",
        message: "9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
        strict: true,
        cofactored: true,
    },
    Case {
        key: "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
        signature: "160a1cb0dc9c0258cd0a7d23e94d8fa878bcb1925f2c64246b2dee1796bed5125ec6bc982a269b723e0668e540911a9a6a58921d6925e434ab10aa7940551a09",
        message: "e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
        strict: false,
        cofactored: true,
    },
    Case {
        key: "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
        signature: "21122a84e0b5fca4052f5b1235c80a537878b38f3142356b2c2384ebad4668b7e40bc836dac0f71076f9abe3a53f9c03c1ceeeddb658d0030494ace586687405",
        message: "e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
        strict: false,
        cofactored: true,
    },
    Case {
        key: "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623",
        signature: "e96f66be976d82e60150baecff9906684aebb1ef181f67a7189ac78ea23b6c0e547f7690a0e2ddcd04d87dbc3490dc19b3b3052f7ff0538cb68afb369ba3a514",
        message: "85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
        strict: false,
        cofactored: false,
    },
    Case {
        key: "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623",
        signature: "8ce5b96c8f26d0ab6c47958c9e68b937104cd36e13c33566acd2fe8d38aa19427e71f98a473474f2f13f06f97c20d58cc3f54b8bd0d272f42b695dd7e89a8c22",
        message: "85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
        strict: false,
        cofactored: false,
    },
    Case {
        key: "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
        signature: "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff03be9678ac102edcd92b0210bb34d7428d12ffc5df5f37e359941266a4e35f0f",
        message: "9bedc267423725d473888631ebf45988bad3db83851ee85c85e241a07d148b41",
        strict: false,
        cofactored: false,
    },
    Case {
        key: "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
        signature: "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffca8c5b64cd208982aa38d4936621a4775aa233aa0505711d8fdcfdaa943d4908",
        message: "9bedc267423725d473888631ebf45988bad3db83851ee85c85e241a07d148b41",
        strict: false,
        cofactored: false,
    },
    Case {
        key: "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        signature: "a9d55260f765261eb9b84e106f665e00b867287a761990d7135963ee0a7d59dca5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04",
        message: "e96b7021eb39c1a163b6da4e3093dcd3f21387da4cc4572be588fafae23c155b",
        strict: false,
        cofactored: false,
    },
    Case {
        key: "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        signature: "a9d55260f765261eb9b84e106f665e00b867287a761990d7135963ee0a7d59dca5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04",
        message: "39a591f5321bbe07fd5a23dc2f39d025d74526615746727ceefd6e82ae65c06f",
        strict: false,
        cofactored: false,
    },
];

impl Case {
    fn signed(&self) -> Signed {
        let bytes = |text| hex::decode(text).expect("hex");
        let key = PublicKey(bytes(self.key).try_into().expect("32 bytes"));
        let signature = Signature(bytes(self.signature).try_into().expect("64 bytes"));
        Signed { key, bytes: bytes(self.message), signature }
    }
}

fn honest(n: u8) -> Signed {
    signed_by(&Ed25519Signer::from_seed(&[n; 32]), n)
}

fn signed_by(signer: &dyn Signer, n: u8) -> Signed {
    let bytes = vec![n; usize::from(n)];
    Signed { key: signer.public_key(), signature: signer.sign(&bytes), bytes }
}

#[test]
fn the_published_cases_fit_or_do_not_as_their_authors_say() {
    for (number, case) in CASES.iter().enumerate() {
        assert_eq!(Predicate::Strict.holds(&case.signed()), case.strict, "strict, case {number}");
        assert_eq!(Predicate::Cofactored.holds(&case.signed()), case.cofactored, "cofactored, case {number}");
    }
}

#[test]
fn in_every_mixture_of_the_published_cases_all_fit_if_and_only_if_each_does() {
    for by in [Predicate::Strict, Predicate::Cofactored] {
        for mixture in 0_u32..1 << CASES.len() {
            let chosen = CASES.iter().enumerate().filter(|(number, _)| mixture >> number & 1 == 1);
            let signed: Vec<Signed> = chosen.map(|(_, case)| case.signed()).collect();
            assert_eq!(by.all_hold(&signed), signed.iter().all(|signed| by.holds(signed)), "{by:?}, {mixture:012b}");
        }
    }
}

#[test]
fn a_case_beside_itself_and_beside_honest_signatures_fits_as_it_does_alone() {
    for by in [Predicate::Strict, Predicate::Cofactored] {
        for (number, case) in CASES.iter().enumerate() {
            for times in 1..=9 {
                let mut signed = vec![case.signed(); times];
                signed.extend((0..4).map(honest));
                assert_eq!(by.all_hold(&signed), by.holds(&case.signed()), "{by:?}, case {number}, {times} times");
            }
        }
    }
}

#[test]
fn honest_signatures_fit_alone_and_in_batches_of_every_size() {
    let signed: Vec<Signed> = (0..=255).map(honest).collect();
    for by in [Predicate::Strict, Predicate::Cofactored] {
        assert!(signed.iter().all(|signed| by.holds(signed)));
        assert!((0..=256).step_by(5).all(|size| by.all_hold(&signed[..size])));
    }
}

#[test]
fn one_flipped_bit_in_a_batch_is_found_wherever_it_is() {
    let signed: Vec<Signed> = (1..=8).map(honest).collect();
    for place in 0..signed.len() {
        for bit in 0..8 * (32 + 64) {
            let mut signed = signed.clone();
            let (byte, bit) = (bit / 8, 1 << (bit % 8));
            let Signed { key, signature, .. } = &mut signed[place];
            if byte < 32 {
                key.0[byte] ^= bit
            } else {
                signature.0[byte - 32] ^= bit
            }
            assert!(!Predicate::Cofactored.all_hold(&signed), "signature {place}, byte {byte}, bit {bit}");
        }
    }
}

#[test]
fn two_wrong_signatures_whose_errors_cancel_each_other_out_are_both_found() {
    let off = |n: u8, by: Scalar| signed_by(&Off(Ed25519Signer::from_seed(&[n; 32]), by), n);
    assert_eq!(off(1, Scalar::ZERO), honest(1));

    assert!(!Predicate::Cofactored.all_hold(&[off(1, Scalar::ONE), off(2, -Scalar::ONE)]));
}

#[test]
fn nonces_with_a_part_of_small_order_fit_the_cofactored_equation_alone() {
    let torsioned = signed_by(&Torsioned::nonces(&[1; 32]), 1);
    assert_eq!(torsioned.key, honest(1).key);

    assert!(!Predicate::Strict.holds(&torsioned));
    assert!(Predicate::Cofactored.holds(&torsioned));
    assert!(Predicate::Cofactored.all_hold(&[honest(2), torsioned.clone(), torsioned]));
}

#[test]
fn a_check_that_has_seen_a_key_before_answers_as_one_that_has_not() {
    let check = EnvelopeCheck::new(&genesis_by(Some(11)));
    for _ in 0..2 {
        for (number, case) in CASES.iter().enumerate() {
            assert_eq!(check.all_signed(&[case.signed()]), case.cofactored, "case {number}");
        }
    }
}

/// An envelope in this group, signed by this author.
fn item(group: &Digest, signer: &dyn Signer) -> Item {
    let changes = vec![Change::new(Base::Revision(Revision::GENESIS), vec![], "nothing", 0)];
    let (author, domain) = (signer.public_key(), "main".into());
    let body = Body { author, domain, from_seq: 1, to_seq: 1, attempt: 1, changes, carried: vec![] };
    Item { kind: ItemKind::Envelope, bytes: Envelope::sign(group, body, vec![], signer).encode() }
}

#[test]
fn a_group_has_the_predicate_of_the_rules_that_its_genesis_names() {
    for (rules, by) in [(None, Predicate::Strict), (Some(10), Predicate::Strict), (Some(11), Predicate::Cofactored)] {
        let genesis = genesis_by(rules);
        let check = EnvelopeCheck::new(&genesis);
        let torsioned = item(&genesis.group(), &Torsioned::key(Scalar::from(7_u8)));
        let honest = item(&genesis.group(), &support::author(0));

        assert_eq!(Predicate::of(&genesis), by);
        assert_eq!(check.is_valid(&torsioned), by == Predicate::Cofactored, "rules {rules:?}");
        assert_eq!(check.all_valid(&[&honest, &torsioned]), by == Predicate::Cofactored, "rules {rules:?}");
        assert!(check.all_valid(&[&honest, &honest]));
    }
}

#[test]
fn a_genesis_of_rules_that_come_later_is_refused_by_name() {
    let file = support::genesis(4).file().clone();
    let refused = Genesis::build(GenesisFile { rules: Some(RULES.newest + 1), ..file }).expect_err("unknown rules");
    assert_eq!(refused, GenesisError::Rules(RULES.newest + 1));
}

#[test]
fn a_bundle_with_one_bad_item_of_any_kind_is_not_valid() {
    let genesis = genesis_by(Some(11));
    let (check, group) = (EnvelopeCheck::new(&genesis), genesis.group());
    let good: Vec<Item> = (0..4).map(|n| item(&group, &support::author(n))).collect();
    let foreign = item(&Digest([9; 32]), &support::author(0));
    let torn = Item { kind: ItemKind::Envelope, bytes: good[0].bytes[1..].to_vec() };
    let short = Item { kind: ItemKind::ReadMark, bytes: vec![0; 31] };

    assert!(check.all_valid(&good.iter().collect::<Vec<_>>()));
    for bad in [foreign, torn, short] {
        for place in 0..=good.len() {
            let mut items: Vec<&Item> = good.iter().collect();
            items.insert(place, &bad);
            assert!(!check.all_valid(&items), "{:?} at {place}", bad.kind);
        }
    }
}
