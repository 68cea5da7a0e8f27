//! Signatures, and verdicts on them by each predicate: curve arithmetic has code of its own for several kinds of processor.

use crate::format::signature::{Predicate, Signed};
use quorate_pbft::{Ed25519Signer, Signer as _};

/// Signatures of the largest batch: sums of so many points have an algorithm of their own, with its widest window.
const SIGNED: u16 = 512;

/// Signatures that are looked at one by one, too.
const ALONE: usize = 8;

/// Keys and signatures that seeds give: there is one for each message.
pub(super) fn made() -> Vec<Signed> {
    (0..SIGNED).map(signed).collect()
}

/// Whether signatures hold, as they were made and with a bit changed, one by one and in batches that grow.
pub(super) fn verdicts(all: &[Signed]) -> Vec<bool> {
    let mut verdicts = Vec::new();
    for predicate in [Predicate::Strict, Predicate::Cofactored] {
        for signed in all.iter().take(ALONE) {
            verdicts.push(predicate.holds(signed));
            verdicts.extend(changed(signed).map(|changed| predicate.holds(&changed)));
        }
    }
    for size in (1..=all.len()).filter(|size| size.is_power_of_two()) {
        let (last, others) = all[..size].split_last().expect("one at least");
        verdicts.push(Predicate::Cofactored.all_hold(&all[..size]));
        verdicts.extend(changed(last).take(1).map(|last| Predicate::Cofactored.all_hold(&[others, &[last]].concat())));
    }
    verdicts
}

fn signed(number: u16) -> Signed {
    let mut seed = [7; 32];
    seed[..2].copy_from_slice(&number.to_le_bytes());
    let signer = Ed25519Signer::from_seed(&seed);
    let bytes = vec![7; usize::from(number)];
    Signed { key: signer.public_key(), signature: signer.sign(&bytes), bytes }
}

/// The same with a bit changed: of R, of s, of the key; and with a byte more to sign.
fn changed(of: &Signed) -> impl Iterator<Item = Signed> {
    let changes: [fn(&mut Signed); 4] = [
        |signed| signed.signature.0[0] ^= 1,
        |signed| signed.signature.0[32] ^= 1,
        |signed| signed.key.0[0] ^= 2,
        |signed| signed.bytes.push(0),
    ];
    changes.into_iter().map(|change| {
        let mut signed = of.clone();
        change(&mut signed);
        signed
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_hold_as_they_were_made_and_in_no_other_way() {
        let all = made();
        let verdicts = verdicts(&all);
        let (alone, batches) = verdicts.split_at(2 * 5 * ALONE);
        assert!(alone.chunks(5).all(|verdicts| *verdicts == [true, false, false, false, false]), "{alone:?}");
        assert!(batches.chunks(2).all(|verdicts| *verdicts == [true, false]), "{batches:?}");
        assert_eq!(batches.len(), 20);
    }
}
