//! Address records: the addresses of one key, signed by it.
//!
//! Encoding: borsh of key, time of issue, lifetime and places, then the signature's 64 bytes. The signature covers a domain
//! tag, the group and the encoding, so that a record counts in one group and for nothing else. The time of issue is the
//! order of a key's records; a record that it did not sign last counts for nothing.

use std::time::Duration;

use borsh::{BorshDeserialize, BorshSerialize};
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use quorate_pbft::{Digest, Ed25519, PublicKey, Signature, Signer, Verify};
use tokio_util::bytes::Bytes;

const DOMAIN: &[u8] = b"quorate/v1/addresses\0";
/// Addresses of one record.
pub const PLACES_MAX: usize = 4;
/// Bytes of one record: four addresses, each with a relay's name in it.
pub const RECORD_BYTES_MAX: usize = 512;
/// Time after its issue at which a record counts no more, at most.
pub const LIFETIME_MAX: Duration = Duration::from_secs(3_600);
/// Difference of two machines' clocks that is borne.
const CLOCKS_APART_MAX: Duration = Duration::from_secs(3_600);
const SIGNATURE_BYTES: usize = 64;

/// Door of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub enum Entrance {
    /// For the other members.
    Members,
    /// For observers.
    Observers,
}

impl Entrance {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Members, Self::Observers];
}

/// Place at which a key is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Door that stands there.
    pub door: Entrance,
    /// Its address.
    pub address: Multiaddr,
}

/// Addresses of a key, not signed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The key.
    pub key: PublicKey,
    /// Time of issue in ms since 1970: of two records the later counts.
    pub issued_ms: u64,
    /// Time for which it counts.
    pub lifetime: Duration,
    /// At most [`PLACES_MAX`], the best first.
    pub places: Vec<Place>,
}

/// Why bytes are no record that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsound {
    /// Longer than a record.
    #[error("more than {RECORD_BYTES_MAX} bytes")]
    Long,
    /// No record, or one in another encoding than the one.
    #[error("not an address record")]
    Malformed,
    /// Too many places, of several doors, or an address that cannot be dialled.
    #[error("its addresses are too many, of several doors, or cannot be dialled")]
    Places,
    /// Issued in the future, over, or made for longer than is allowed.
    #[error("it is over, or of a time to come")]
    Time,
    /// Key that is none of the group.
    #[error("its key is not known here")]
    Stranger,
    /// Signature of another key, group or record.
    #[error("its signature does not fit")]
    Signature,
}

#[derive(BorshSerialize, BorshDeserialize)]
struct Wire {
    key: PublicKey,
    issued_ms: u64,
    lifetime_s: u32,
    places: Vec<(Entrance, Vec<u8>)>,
}

/// Record of somebody's, whose signature was not checked.
#[derive(Debug, Clone)]
pub(crate) struct Claimed {
    pub(crate) record: Record,
    signature: Signature,
    bytes: Bytes,
}

/// Record whose signature was checked, or made here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    record: Record,
    bytes: Bytes,
}

impl Record {
    /// The record with its signature. Places beyond the bound are left out, and those for which others would refuse it.
    pub fn sign(mut self, group: &Digest, signer: &impl Signer) -> Signed {
        self.places.retain(can_be_dialled);
        self.places.truncate(PLACES_MAX);
        let mut bytes = self.encode();
        let signature = signer.sign(&covered(group, &bytes));
        bytes.extend_from_slice(&signature.0);
        Signed { record: self, bytes: bytes.into() }
    }

    fn encode(&self) -> Vec<u8> {
        let places = self.places.iter().map(|place| (place.door, place.address.to_vec())).collect();
        let lifetime_s = self.lifetime.as_secs() as u32;
        let wire = Wire { key: self.key, issued_ms: self.issued_ms, lifetime_s, places };
        borsh::to_vec(&wire).expect("writing into memory cannot fail")
    }

    /// The door that all its places lead to, that of members where there is no place; none if there are several.
    pub(crate) fn door(&self) -> Option<Entrance> {
        let door = self.places.first().map_or(Entrance::Members, |place| place.door);
        self.places.iter().all(|place| place.door == door).then_some(door)
    }

    /// Time since its issue, unless it is over or of a time to come.
    pub(crate) fn age(&self, now_ms: u64) -> Result<Duration, Unsound> {
        let apart = CLOCKS_APART_MAX.as_millis() as u64;
        let ends_ms = self.issued_ms.saturating_add(self.lifetime.as_millis() as u64);
        let counts = self.lifetime <= LIFETIME_MAX && self.issued_ms <= now_ms.saturating_add(apart);
        let counts = counts && now_ms <= ends_ms.saturating_add(apart);
        if counts { Ok(Duration::from_millis(now_ms.saturating_sub(self.issued_ms))) } else { Err(Unsound::Time) }
    }
}

impl Claimed {
    /// Reads one record; whose it is, is not checked yet.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Unsound> {
        if bytes.len() > RECORD_BYTES_MAX {
            return Err(Unsound::Long);
        }
        let (encoded, signature) = bytes.split_last_chunk::<SIGNATURE_BYTES>().ok_or(Unsound::Malformed)?;
        let Wire { key, issued_ms, lifetime_s, places } = borsh::from_slice(encoded).map_err(|_| Unsound::Malformed)?;
        if places.len() > PLACES_MAX {
            return Err(Unsound::Places);
        }
        let place = |(door, address)| Some(Place { door, address: Multiaddr::try_from(address).ok()? });
        let places: Vec<Place> = places.into_iter().map(place).collect::<Option<_>>().ok_or(Unsound::Malformed)?;
        if !places.iter().all(can_be_dialled) {
            return Err(Unsound::Places);
        }
        let record = Record { key, issued_ms, lifetime: Duration::from_secs(lifetime_s.into()), places };
        if record.encode() != encoded {
            return Err(Unsound::Malformed);
        }
        Ok(Self { record, signature: Signature(*signature), bytes: Bytes::copy_from_slice(bytes) })
    }

    /// The record, if its key signed it for this group.
    pub(crate) fn verify(self, group: &Digest) -> Result<Signed, Unsound> {
        let encoded = &self.bytes[..self.bytes.len() - SIGNATURE_BYTES];
        let fits = Ed25519.verify(&self.record.key, &covered(group, encoded), &self.signature);
        if fits { Ok(Signed { record: self.record, bytes: self.bytes }) } else { Err(Unsound::Signature) }
    }
}

impl Signed {
    /// Word of the record.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// As it travels.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

fn covered(group: &Digest, encoded: &[u8]) -> Vec<u8> {
    [DOMAIN, &group.0, encoded].concat()
}

/// An IP address with a port; observers may also be awaited at a relay. Names come from configurations and from members'
/// entries alone.
fn can_be_dialled(Place { door, address }: &Place) -> bool {
    let parts: Vec<Protocol<'_>> = address.iter().collect();
    match parts.as_slice() {
        [Protocol::Ip4(_) | Protocol::Ip6(_), Protocol::Tcp(port)] => *port > 0,
        [Protocol::Ip4(_) | Protocol::Ip6(_), Protocol::Tcp(port), Protocol::P2p(_), Protocol::P2pCircuit] => {
            *port > 0 && *door == Entrance::Observers
        }
        _ => false,
    }
}

/// Address of a relay at which a key is awaited: the relay's door, and the relay's key.
pub fn relayed(address: &Multiaddr) -> Option<(Multiaddr, PeerId)> {
    let parts: Vec<Protocol<'_>> = address.iter().collect();
    match parts.as_slice() {
        [host, port @ Protocol::Tcp(_), Protocol::P2p(relay), Protocol::P2pCircuit, ..] => {
            Some((Multiaddr::from_iter([host.clone(), port.clone()]), *relay))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_pbft::Ed25519Signer;

    const GROUP: Digest = Digest([7; 32]);
    const NOW_MS: u64 = 1_800_000_000_000;

    fn record(addresses: &[&str]) -> Record {
        let place = |address: &&str| Place { door: Entrance::Observers, address: address.parse().unwrap() };
        let key = Ed25519Signer::from_seed(&[1; 32]).public_key();
        let places = addresses.iter().map(place).collect();
        Record { key, issued_ms: NOW_MS, lifetime: LIFETIME_MAX, places }
    }

    fn signed(addresses: &[&str]) -> Signed {
        record(addresses).sign(&GROUP, &Ed25519Signer::from_seed(&[1; 32]))
    }

    #[test]
    fn a_record_is_read_as_it_was_signed() {
        let signed = signed(&["/ip4/203.0.113.7/tcp/8200", "/ip6/2001:db8::1/tcp/8200"]);

        let read = Claimed::parse(signed.bytes()).unwrap().verify(&GROUP).unwrap();

        assert_eq!(read, signed);
    }

    #[test]
    fn the_largest_record_fits_its_bound() {
        let relay = PeerId::from_public_key(&crate::member::key_pair([9; 32]).public());
        let address = format!("/ip6/2001:db8:1:2:3:4:5:6/tcp/65535/p2p/{relay}/p2p-circuit");

        assert!(signed(&[&address[..]; PLACES_MAX]).bytes().len() <= RECORD_BYTES_MAX);
    }

    #[test]
    fn a_flipped_byte_is_seen_wherever_it_is() {
        let good = signed(&["/ip4/203.0.113.7/tcp/8200"]).bytes().to_vec();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(Claimed::parse(&bad).and_then(|claimed| claimed.verify(&GROUP)).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_record_of_another_group_counts_for_nothing() {
        let claimed = Claimed::parse(signed(&[]).bytes()).unwrap();

        assert_eq!(claimed.verify(&Digest([8; 32])), Err(Unsound::Signature));
    }

    #[test]
    fn a_record_with_more_places_than_are_allowed_is_refused() {
        let mut wire = record(&["/ip4/203.0.113.7/tcp/1"; PLACES_MAX]);
        wire.places.push(wire.places[0].clone());
        let mut bytes = wire.encode();
        bytes.extend_from_slice(&[0; SIGNATURE_BYTES]);

        assert_eq!(Claimed::parse(&bytes).unwrap_err(), Unsound::Places);
    }

    #[test]
    fn a_list_that_claims_a_huge_length_costs_nothing() {
        let mut bytes = record(&[]).encode();
        let end = bytes.len();
        bytes[end - 4..].copy_from_slice(&u32::MAX.to_le_bytes());
        bytes.extend_from_slice(&[0; SIGNATURE_BYTES]);

        assert_eq!(Claimed::parse(&bytes).unwrap_err(), Unsound::Malformed);
    }

    #[test]
    fn names_other_transports_and_ports_of_nobody_are_no_places() {
        for address in ["/dns4/a.example/tcp/1", "/ip4/203.0.113.7/udp/1", "/ip4/203.0.113.7", "/ip4/203.0.113.7/tcp/0"]
        {
            let bytes = [&record(&[address]).encode()[..], &[0; SIGNATURE_BYTES]].concat();
            assert_eq!(Claimed::parse(&bytes).unwrap_err(), Unsound::Places, "{address}");
        }
    }

    #[test]
    fn a_place_that_others_would_refuse_takes_no_other_along() {
        let signed = signed(&["/dns4/a.example/tcp/1", "/ip4/203.0.113.7/tcp/8200"]);

        let read = Claimed::parse(signed.bytes()).unwrap();

        assert_eq!(read.record.places.len(), 1);
    }

    #[test]
    fn a_record_counts_for_its_lifetime_and_the_difference_of_clocks() {
        let record = record(&[]);
        let hour_ms = LIFETIME_MAX.as_millis() as u64;

        assert_eq!(record.age(NOW_MS + 5_000), Ok(Duration::from_secs(5)));
        assert!(record.age(NOW_MS - hour_ms).is_ok() && record.age(NOW_MS + 2 * hour_ms).is_ok());
        assert_eq!(record.age(NOW_MS - hour_ms - 1), Err(Unsound::Time));
        assert_eq!(record.age(NOW_MS + 2 * hour_ms + 1), Err(Unsound::Time));
    }

    #[test]
    fn a_record_that_would_count_for_longer_than_an_hour_is_none() {
        let long = Record { lifetime: LIFETIME_MAX + Duration::from_secs(1), ..record(&[]) };

        assert_eq!(long.age(NOW_MS), Err(Unsound::Time));
    }

    #[test]
    fn the_door_of_a_relay_stands_before_the_circuit() {
        let relay = PeerId::random();
        let address = format!("/ip4/203.0.113.7/tcp/8200/p2p/{relay}/p2p-circuit").parse().unwrap();

        assert_eq!(relayed(&address), Some(("/ip4/203.0.113.7/tcp/8200".parse().unwrap(), relay)));
        assert_eq!(relayed(&"/ip4/203.0.113.7/tcp/8200".parse().unwrap()), None);
    }
}
