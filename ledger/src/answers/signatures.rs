//! Verdicts on signatures, by each predicate: curve arithmetic has code of its own for several kinds of processor.

use crate::format::signature::{Predicate, Signed};
use quorate_pbft::{Ed25519Signer, Signer as _};

/// Signatures of the largest batch: sums of so many points have an algorithm of their own.
const SIGNED: u8 = 128;

/// Signatures that are looked at one by one, too.
const ALONE: usize = 8;

/// Whether signatures hold, as they were made and with a bit changed, one by one and in batches that grow.
pub(super) fn verdicts() -> Vec<bool> {
    let all: Vec<Signed> = (0..SIGNED).map(signed).collect();
    let mut verdicts = Vec::new();
    for predicate in [Predicate::Strict, Predicate::Cofactored] {
        let alone = all.iter().take(ALONE).flat_map(|signed| [signed.clone()].into_iter().chain(changed(signed)));
        verdicts.extend(alone.map(|signed| predicate.holds(&signed)));
    }
    for size in (1..=all.len()).filter(|size| size.is_power_of_two()) {
        verdicts.push(Predicate::Cofactored.all_hold(&all[..size]));
        verdicts.extend(changed(&all[size - 1]).map(|last| {
            let batch = [&all[..size - 1], &[last]].concat();
            Predicate::Cofactored.all_hold(&batch)
        }));
    }
    verdicts
}

fn signed(number: u8) -> Signed {
    let signer = Ed25519Signer::from_seed(&[number; 32]);
    let bytes = vec![number; usize::from(number)];
    Signed { key: signer.public_key(), signature: signer.sign(&bytes), bytes }
}

/// The same with a bit changed: of R, of s, of the key; and with a byte more to sign.
fn changed(of: &Signed) -> impl Iterator<Item = Signed> {
    let change = |change: fn(&mut Signed)| {
        let mut signed = of.clone();
        change(&mut signed);
        signed
    };
    let changes: [fn(&mut Signed); 4] = [
        |signed| signed.signature.0[0] ^= 1,
        |signed| signed.signature.0[32] ^= 1,
        |signed| signed.key.0[0] ^= 2,
        |signed| signed.bytes.push(0),
    ];
    changes.map(change).into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_hold_as_they_were_made_and_in_no_other_way() {
        let verdicts = verdicts();
        let expected: Vec<bool> = (0..verdicts.len()).map(|at| at % 5 == 0).collect();
        assert_eq!(verdicts, expected);
    }
}
