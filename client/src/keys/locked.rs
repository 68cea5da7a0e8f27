//! Key files under a passphrase.
//!
//! ```text
//! quorate locked key, version 1: an ed25519 seed under a passphrase (argon2id, xchacha20poly1305)
//! key 8f1a…            the public half, in hex
//! cost 65536 3 1       KiB of memory, passes, lanes
//! salt 5c07…           16 bytes
//! nonce 22d9…          24 bytes
//! seed 97b2…           32 bytes sealed, and the 16 bytes of their seal
//! ```
//!
//! The seal covers all lines above it, so that no cost, salt or public half can be exchanged unnoticed.

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use quorate_pbft::{Ed25519Signer, PublicKey, Signer as _};
use zeroize::Zeroizing;

/// The first line of a locked key file.
pub(super) const FIRST_LINE: &str =
    "quorate locked key, version 1: an ed25519 seed under a passphrase (argon2id, xchacha20poly1305)";

/// Bytes of a locked key file at most.
pub(super) const FILE_BYTES_MAX: u64 = 1024;

/// Memory, passes and lanes of a derivation: the second recommendation of RFC 9106, section 4.
const COST: Cost = Cost { kib: 64 << 10, passes: 3, lanes: 1 };

/// A file that demands more than this was not written by us, and would only hold the machine.
const COST_MAX: Cost = Cost { kib: 1 << 20, passes: 16, lanes: 16 };

/// Price of one guess at the passphrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cost {
    kib: u32,
    passes: u32,
    lanes: u32,
}

/// A key as its file tells it without the passphrase.
pub(super) struct Locked {
    /// The public half.
    pub key: PublicKey,
    cost: Cost,
    salt: [u8; 16],
    nonce: [u8; 24],
    sealed: [u8; 48],
}

impl Locked {
    /// Seals a seed. `random` is fresh from the operating system.
    pub fn seal(seed: &[u8; 32], passphrase: &str, random: &[u8; 40]) -> Self {
        let (mut salt, mut nonce) = ([0; 16], [0; 24]);
        salt.copy_from_slice(&random[..16]);
        nonce.copy_from_slice(&random[16..]);
        let key = Ed25519Signer::from_seed(seed).public_key();
        let mut locked = Self { key, cost: COST, salt, nonce, sealed: [0; 48] };
        let covered = locked.head();
        let payload = Payload { msg: seed, aad: covered.as_bytes() };
        let sealed = locked.cipher(passphrase).encrypt(XNonce::from_slice(&nonce), payload).expect("32 bytes fit");
        locked.sealed.copy_from_slice(&sealed);
        locked
    }

    /// The seed; none if the passphrase is not the one that sealed it, or a byte of the file was changed.
    pub fn open(&self, passphrase: &str) -> Option<Zeroizing<[u8; 32]>> {
        let covered = self.head();
        let payload = Payload { msg: &self.sealed, aad: covered.as_bytes() };
        let opened = self.cipher(passphrase).decrypt(XNonce::from_slice(&self.nonce), payload).ok()?;
        let seed = Zeroizing::new(Zeroizing::new(opened).as_slice().try_into().ok()?);
        (Ed25519Signer::from_seed(&seed).public_key() == self.key).then_some(seed)
    }

    /// Reads a file's text; none if it is not spelled as [`Locked::text`] spells it.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        (lines.next()? == FIRST_LINE).then_some(())?;
        let key = PublicKey(digits(lines.next()?, "key")?);
        let cost = Cost::parse(lines.next()?)?;
        let (salt, nonce) = (digits(lines.next()?, "salt")?, digits(lines.next()?, "nonce")?);
        let read = Self { key, cost, salt, nonce, sealed: digits(lines.next()?, "seed")? };
        (read.text() == text).then_some(read)
    }

    /// The file's text.
    pub fn text(&self) -> String {
        format!("{}seed {}\n", self.head(), hex::encode(self.sealed))
    }

    fn head(&self) -> String {
        let Cost { kib, passes, lanes } = self.cost;
        let (salt, nonce) = (hex::encode(self.salt), hex::encode(self.nonce));
        format!("{FIRST_LINE}\nkey {}\ncost {kib} {passes} {lanes}\nsalt {salt}\nnonce {nonce}\n", self.key)
    }

    fn cipher(&self, passphrase: &str) -> XChaCha20Poly1305 {
        let Cost { kib, passes, lanes } = self.cost;
        let params = Params::new(kib, passes, lanes, Some(32)).expect("a cost within its bounds");
        let mut derived = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.as_bytes(), &self.salt, &mut *derived)
            .expect("a salt and an output of lengths that argon2 takes");
        XChaCha20Poly1305::new(Key::from_slice(&*derived))
    }
}

impl Cost {
    fn parse(line: &str) -> Option<Self> {
        let mut figures = line.strip_prefix("cost ")?.split(' ').map(|figure| figure.parse::<u32>().ok());
        let cost = Self { kib: figures.next()??, passes: figures.next()??, lanes: figures.next()?? };
        let within = (1..=COST_MAX.lanes).contains(&cost.lanes)
            && (1..=COST_MAX.passes).contains(&cost.passes)
            && (8 * cost.lanes..=COST_MAX.kib).contains(&cost.kib);
        (within && figures.next().is_none()).then_some(cost)
    }
}

/// Bytes of a line `name HEX`.
fn digits<const N: usize>(line: &str, name: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    hex::decode_to_slice(line.strip_prefix(name)?.strip_prefix(' ')?, &mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed() -> Locked {
        Locked::seal(&[7; 32], "correct horse", &[9; 40])
    }

    #[test]
    fn a_seed_comes_back_with_its_passphrase_alone() {
        let locked = Locked::parse(&sealed().text()).expect("our own spelling");
        assert_eq!(locked.open("correct horse").as_deref(), Some(&[7; 32]));
        assert!(locked.open("correct hors").is_none());
    }

    #[test]
    fn a_public_half_is_read_without_the_passphrase() {
        let locked = Locked::parse(&sealed().text()).expect("our own spelling");
        assert_eq!(locked.key, Ed25519Signer::from_seed(&[7; 32]).public_key());
    }

    #[test]
    fn a_changed_line_opens_nothing() {
        let text = sealed().text();
        let other = Ed25519Signer::from_seed(&[8; 32]).public_key();
        let changes = [
            text.replace(&sealed().key.to_string(), &other.to_string()),
            text.replace("cost 65536 3 1", "cost 65536 2 1"),
            text.replace("salt 0909", "salt 0908"),
            text.replace("nonce 0909", "nonce 0908"),
        ];
        for changed in changes {
            assert_ne!(changed, text);
            assert!(Locked::parse(&changed).expect("the same shape").open("correct horse").is_none(), "{changed}");
        }
    }

    #[test]
    fn a_file_that_demands_gigabytes_is_none_of_ours() {
        for cost in ["cost 4194304 3 1", "cost 65536 99 1", "cost 65536 3 99", "cost 1 3 1", "cost 65536 3 1 1"] {
            assert!(Locked::parse(&sealed().text().replace("cost 65536 3 1", cost)).is_none(), "{cost}");
        }
    }

    #[test]
    fn a_locked_file_is_within_its_bound() {
        assert!(sealed().text().len() as u64 <= FILE_BYTES_MAX);
    }
}
