//! Reconfigurations: changes of the member list, and the statement by which a joiner says that it follows.

use crate::format::rules::{RULES, RulesRange};
use crate::vocabulary::hexed;
use crate::vocabulary::keys::{self, BadKey, Purpose};
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{
    ClaimedCert, Committee, Constants, Digest, Ed25519, Kind, PublicKey, Signature, Signer, Verify, bounded,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeSet;

/// Before the bytes that a joiner signs.
const JOIN: &[u8] = b"quorate/v1/join\0";

/// Addresses of one member.
pub(crate) const ADDRESSES_MAX: usize = 8;
/// Bytes of an address.
const ADDRESS_BYTES_MAX: usize = 255;

/// Change of the member list, for the next epoch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Reconfiguration {
    /// New members: they get the last numbers, in this order.
    #[borsh(deserialize_with = "bounded::list::<{ Constants::REPLICAS_MAX }, _, _>")]
    pub add: Vec<Joiner>,
    /// Keys of members that leave.
    #[serde(with = "hexed::list")]
    #[cfg_attr(feature = "schema", schemars(with = "crate::vocabulary::shape::Keys"))]
    #[borsh(deserialize_with = "bounded::list::<{ Constants::REPLICAS_MAX }, _, _>")]
    pub remove: Vec<PublicKey>,
    /// Members that go on with another key, under their number.
    #[borsh(deserialize_with = "bounded::list::<{ Constants::REPLICAS_MAX }, _, _>")]
    pub rekey: Vec<Rekey>,
    /// Keys of all members of the next epoch in the order of their numbers; empty: as they come.
    #[serde(with = "hexed::list")]
    #[cfg_attr(feature = "schema", schemars(with = "crate::vocabulary::shape::Keys"))]
    #[borsh(deserialize_with = "bounded::list::<{ Constants::REPLICAS_MAX }, _, _>")]
    pub order: Vec<PublicKey>,
    /// Rules by which the next epoch executes; none: as this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<u32>,
}

/// Replica that is to become a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Joiner {
    /// Organisation that runs it.
    pub organisation: String,
    /// Its key, which was never a member's.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "crate::vocabulary::shape::Hex<32>"))]
    pub key: PublicKey,
    /// Multiaddrs on which the other members reach it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[borsh(deserialize_with = "bounded::list::<ADDRESSES_MAX, _, _>")]
    pub addresses: Vec<String>,
    /// The key's signature of [`crate::keys::possession_bytes`] for a member.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "crate::vocabulary::shape::Hex<64>"))]
    pub proof: Signature,
    /// Statement that it follows the group; without one the proposal waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<JoinStatement>,
}

/// Member that goes on with another key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Rekey {
    /// The key that leaves.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "crate::vocabulary::shape::Hex<32>"))]
    pub old: PublicKey,
    /// The key that takes its place, of the same organisation.
    pub new: Joiner,
}

/// Statement of a joiner that it holds a certified state of the group and executes by its rules. JSON shows its encoding in
/// hex.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct JoinStatement {
    /// Checkpoint that q members signed.
    pub checkpoint: ClaimedCert,
    /// Rules that the joiner's program can execute.
    pub rules: RulesRange,
    /// By the joiner's key.
    pub signature: Signature,
}

/// Why a list of members does not follow from another one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// A reconfiguration without any change.
    #[error("it changes nothing")]
    Nothing,
    /// More members than may change at once (M2).
    #[error("it touches {touched} members, and of a group of {of} at most {most} may change at once")]
    TooMany {
        /// Members that join, leave or change their key.
        touched: usize,
        /// Members now.
        of: usize,
        /// Of these, max(1, f).
        most: usize,
    },
    /// A key to leave that is no member's, or stands twice.
    #[error("{0} is no member, or is named twice")]
    NoMember(PublicKey),
    /// A new key that is a member's, or stands twice.
    #[error("{0} is a member already, or is named twice")]
    Known(PublicKey),
    /// No member, or too many.
    #[error("a group has 1 to 256 members, and it would have {0}")]
    Size(usize),
    /// Order that is none of the next epoch's members.
    #[error("an order names each of the next members once, and no other key")]
    Order,
}

/// Why a statement says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadStatement {
    /// By another key, or about something else.
    #[error("it is not signed by the joiner's key")]
    Signature,
    /// A checkpoint that q members did not sign.
    #[error("its checkpoint is not certified by the members of epoch {0}")]
    NotCertified(quorate_pbft::Epoch),
    /// A joiner whose program executes by other rules.
    #[error("its program executes by {theirs}, the group by rules {ours}")]
    Rules {
        /// By the statement.
        theirs: RulesRange,
        /// Of the group, in this epoch or the next.
        ours: u32,
    },
}

impl Reconfiguration {
    /// Members that join, leave or change their key.
    pub fn touched(&self) -> usize {
        self.add.len() + self.remove.len() + self.rekey.len()
    }

    /// Why nobody should propose it with this program: the next rules are none that it knows.
    pub fn unknown_rules(&self) -> Option<String> {
        let unknown = self.rules.filter(|rules| *rules > RULES.newest)?;
        Some(format!("the program of this node executes {RULES}: start one that knows rules {unknown} here first"))
    }

    /// Members of a group that may change at once: max(1, f) (M2).
    pub fn touched_max(members: &Committee) -> usize {
        members.faulty_max().max(1)
    }

    /// The joiners, those with a number of their own first.
    pub fn joiners(&self) -> impl Iterator<Item = &Joiner> {
        self.add.iter().chain(self.rekey.iter().map(|rekey| &rekey.new))
    }

    /// The joiner with this key.
    pub fn joiner_mut(&mut self, key: &PublicKey) -> Option<&mut Joiner> {
        let rekeyed = self.rekey.iter_mut().map(|rekey| &mut rekey.new);
        self.add.iter_mut().chain(rekeyed).find(|joiner| joiner.key == *key)
    }

    /// Keys that leave.
    pub fn leavers(&self) -> impl Iterator<Item = &PublicKey> {
        self.remove.iter().chain(self.rekey.iter().map(|rekey| &rekey.old))
    }

    /// Keys of the next members in order, if these follow from the present ones.
    pub fn members(&self, present: &Committee) -> Result<Vec<PublicKey>, Unfit> {
        self.check_counts(present)?;
        self.check_keys(present)?;
        let stays = |key: &PublicKey| match self.rekey.iter().find(|rekey| rekey.old == *key) {
            Some(rekey) => Some(rekey.new.key),
            None => (!self.remove.contains(key)).then_some(*key),
        };
        let next: Vec<PublicKey> =
            present.keys().filter_map(stays).chain(self.add.iter().map(|joiner| joiner.key)).collect();
        if next.is_empty() || next.len() > Constants::REPLICAS_MAX {
            return Err(Unfit::Size(next.len()));
        }
        let next = self.ordered(next)?;
        if self.rules.is_none() && present.keys().eq(&next) { Err(Unfit::Nothing) } else { Ok(next) }
    }

    fn check_counts(&self, present: &Committee) -> Result<(), Unfit> {
        let (touched, most) = (self.touched(), Self::touched_max(present));
        if touched == 0 && self.order.is_empty() && self.rules.is_none() {
            return Err(Unfit::Nothing);
        }
        if touched > most { Err(Unfit::TooMany { touched, of: present.len(), most }) } else { Ok(()) }
    }

    fn check_keys(&self, present: &Committee) -> Result<(), Unfit> {
        let (mut leaving, mut joining) = (BTreeSet::new(), BTreeSet::new());
        for key in self.leavers() {
            if present.replica_of(key).is_none() || !leaving.insert(key) {
                return Err(Unfit::NoMember(*key));
            }
        }
        for Joiner { key, .. } in self.joiners() {
            if present.replica_of(key).is_some() || !joining.insert(key) {
                return Err(Unfit::Known(*key));
            }
        }
        Ok(())
    }

    fn ordered(&self, next: Vec<PublicKey>) -> Result<Vec<PublicKey>, Unfit> {
        if self.order.is_empty() {
            return Ok(next);
        }
        let set = |keys: &[PublicKey]| keys.iter().copied().collect::<BTreeSet<_>>();
        let fits = self.order.len() == next.len() && set(&self.order) == set(&next);
        if fits { Ok(self.order.clone()) } else { Err(Unfit::Order) }
    }

    /// Keys and signatures in it: what it takes to check it.
    pub(crate) fn entries(&self) -> usize {
        self.touched() + self.order.len() + self.joiners().map(Joiner::entries).sum::<usize>()
    }
}

impl Joiner {
    /// The signer's key for an organisation, with the proof that its owner holds it (M4), and no statement yet.
    pub fn prove(organisation: &str, signer: &dyn Signer) -> Self {
        let proof = keys::prove_possession(Purpose::Member, organisation, signer);
        let (organisation, key) = (organisation.to_owned(), signer.public_key());
        Self { organisation, key, addresses: Vec::new(), proof, statement: None }
    }

    /// Whether the key may be a member's (M4).
    pub fn check(&self) -> Result<(), BadKey> {
        keys::check_possession(Purpose::Member, &self.organisation, &self.key, &self.proof)
    }

    /// Whether the addresses are few and look like multiaddrs. Whether somebody is there is not asked.
    pub fn has_sound_addresses(&self) -> bool {
        let is_sound = |address: &String| {
            address.starts_with('/') && address.len() <= ADDRESS_BYTES_MAX && !address.chars().any(char::is_control)
        };
        self.addresses.len() <= ADDRESSES_MAX && self.addresses.iter().all(is_sound)
    }

    fn entries(&self) -> usize {
        self.addresses.len() + self.statement.as_ref().map_or(0, JoinStatement::entries)
    }
}

impl JoinStatement {
    /// Statement of the signer that it holds the state of a checkpoint, and executes by these rules.
    pub fn sign(group: &Digest, checkpoint: ClaimedCert, rules: RulesRange, signer: &dyn Signer) -> Self {
        let mut made = Self { checkpoint, rules, signature: Signature([0; 64]) };
        made.signature = signer.sign(&made.signed_bytes(group, &signer.public_key()));
        made
    }

    /// The bytes that a joiner signs.
    pub fn signed_bytes(&self, group: &Digest, key: &PublicKey) -> Vec<u8> {
        let ClaimedCert { epoch, seq, digest, .. } = &self.checkpoint;
        let said = (group, key, epoch, seq, digest, &self.rules);
        [JOIN, &borsh::to_vec(&said).expect("writing into memory cannot fail")].concat()
    }

    /// Checks the joiner's signature, that it can execute these rules, and that members of the checkpoint's epoch certified it.
    pub fn check(&self, key: &PublicKey, members: &Committee, rules: [u32; 2]) -> Result<(), BadStatement> {
        if let Some(ours) = rules.into_iter().find(|rules| !self.rules.contains(*rules)) {
            return Err(BadStatement::Rules { theirs: self.rules, ours });
        }
        if !Ed25519.verify(key, &self.signed_bytes(&members.group(), key), &self.signature) {
            return Err(BadStatement::Signature);
        }
        let ClaimedCert { epoch, kind, signatures, .. } = &self.checkpoint;
        let is_checkpoint = *kind == Kind::Checkpoint && signatures.len() <= members.quorum();
        let is_certified = is_checkpoint && members.check(self.checkpoint.clone(), &Ed25519).is_ok();
        if is_certified { Ok(()) } else { Err(BadStatement::NotCertified(*epoch)) }
    }

    /// Signatures to check.
    pub(crate) fn entries(&self) -> usize {
        1 + self.checkpoint.signatures.len()
    }

    /// The encoding in hex, as files and JSON have it.
    pub fn to_hex(&self) -> String {
        hex::encode(borsh::to_vec(self).expect("writing into memory cannot fail"))
    }

    /// Reads the encoding in hex; none for any other text.
    pub fn from_hex(text: &str) -> Option<Self> {
        borsh::from_slice(&hex::decode(text).ok()?).ok()
    }
}

impl Serialize for JoinStatement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_hex())
    }
}

impl<'de> Deserialize<'de> for JoinStatement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as Deserialize>::deserialize(deserializer)?;
        Self::from_hex(&text).ok_or_else(|| serde::de::Error::custom("not the encoding of a joiner's statement in hex"))
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for JoinStatement {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "JoinStatement".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^([0-9a-f]{2})+$",
            "description": "Statement of a joiner that it holds a certified state, in hex",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_pbft::{Ed25519Signer, Epoch};

    fn signer(n: u8) -> Ed25519Signer {
        Ed25519Signer::from_seed(&[n + 1; 32])
    }

    fn key(n: u8) -> PublicKey {
        signer(n).public_key()
    }

    fn group(n: u8) -> Committee {
        Committee::new(Digest::ZERO, Epoch::new(0), (0..n).map(key).collect()).expect("different keys")
    }

    fn joiner(n: u8) -> Joiner {
        Joiner::prove("org-0", &signer(n))
    }

    fn add(joiners: &[u8]) -> Reconfiguration {
        Reconfiguration { add: joiners.iter().map(|n| joiner(*n)).collect(), ..Reconfiguration::default() }
    }

    fn remove(leavers: &[u8]) -> Reconfiguration {
        Reconfiguration { remove: leavers.iter().map(|n| key(*n)).collect(), ..Reconfiguration::default() }
    }

    #[test]
    fn joiners_come_last_and_a_new_key_keeps_the_number_of_the_old_one() {
        assert_eq!(add(&[9]).members(&group(4)), Ok([0, 1, 2, 3, 9].map(key).to_vec()));
        assert_eq!(remove(&[1]).members(&group(4)), Ok([0, 2, 3].map(key).to_vec()));
        let rekey = vec![Rekey { old: key(1), new: joiner(9) }];
        let rekey = Reconfiguration { rekey, ..Reconfiguration::default() };
        assert_eq!(rekey.members(&group(4)), Ok([0, 9, 2, 3].map(key).to_vec()));
        let order = [3, 2, 1, 0].map(key).to_vec();
        assert_eq!(Reconfiguration { order: order.clone(), ..add(&[]) }.members(&group(4)), Ok(order));
    }

    #[test]
    fn at_most_max_of_one_and_f_members_change_at_once() {
        for (n, most) in [(1, 1), (3, 1), (4, 1), (6, 1), (7, 2), (10, 3)] {
            let joiners: Vec<u8> = (100..).take(most).collect();
            assert!(add(&joiners).members(&group(n)).is_ok(), "{most} of {n}");
            let joiners: Vec<u8> = (100..).take(most + 1).collect();
            let of = usize::from(n);
            assert_eq!(add(&joiners).members(&group(n)), Err(Unfit::TooMany { touched: most + 1, of, most }));
        }
        let both = Reconfiguration { remove: vec![key(0)], ..add(&[9]) };
        assert_eq!(both.members(&group(4)), Err(Unfit::TooMany { touched: 2, of: 4, most: 1 }));
    }

    #[test]
    fn a_list_that_does_not_follow_from_the_present_one_is_refused() {
        assert_eq!(add(&[]).members(&group(4)), Err(Unfit::Nothing));
        assert_eq!(add(&[2]).members(&group(4)), Err(Unfit::Known(key(2))));
        assert_eq!(remove(&[9]).members(&group(4)), Err(Unfit::NoMember(key(9))));
        assert_eq!(add(&[9, 9]).members(&group(7)), Err(Unfit::Known(key(9))));
        assert_eq!(remove(&[1, 1]).members(&group(7)), Err(Unfit::NoMember(key(1))));
        assert_eq!(remove(&[0]).members(&group(1)), Err(Unfit::Size(0)));
        for order in [vec![key(0)], vec![key(0), key(0), key(1), key(2)], vec![key(0), key(1), key(2), key(9)]] {
            assert_eq!(Reconfiguration { order, ..add(&[]) }.members(&group(4)), Err(Unfit::Order));
        }
        let same = Reconfiguration { order: (0..4).map(key).collect(), ..add(&[]) };
        assert_eq!(same.members(&group(4)), Err(Unfit::Nothing));
    }

    #[test]
    fn each_signature_of_a_joiners_checkpoint_counts_as_an_operation() {
        let signatures = (0..3).map(|n| (quorate_pbft::ReplicaId::new(n), Signature([0; 64]))).collect();
        let (epoch, kind, view, seq) = (Epoch::new(0), Kind::Checkpoint, Default::default(), Default::default());
        let checkpoint = ClaimedCert { epoch, kind, view, seq, digest: Digest::ZERO, signatures };
        let stated = JoinStatement::sign(&Digest::ZERO, checkpoint, RULES, &signer(9));
        assert_eq!(JoinStatement::from_hex(&stated.to_hex()).as_ref(), Some(&stated));
        let with = Reconfiguration { add: vec![Joiner { statement: Some(stated), ..joiner(9) }], ..add(&[]) };
        assert_eq!((add(&[9]).entries(), with.entries()), (1, 5));
    }

    #[test]
    fn a_group_is_not_made_larger_than_a_committee() {
        let largest: Vec<PublicKey> = (0..=255).map(|n: u8| Ed25519Signer::from_seed(&[n; 32]).public_key()).collect();
        let largest = Committee::new(Digest::ZERO, Epoch::new(0), largest).expect("256 keys");
        let stranger = Joiner::prove("org-0", &Ed25519Signer::from_seed(&core::array::from_fn(|byte| byte as u8)));
        let joined = Reconfiguration { add: vec![stranger], ..Reconfiguration::default() };
        assert_eq!(joined.members(&largest), Err(Unfit::Size(257)));
    }
}
