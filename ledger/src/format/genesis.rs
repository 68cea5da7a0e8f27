//! The genesis: the file that a group descends from. Its SHA-256 is the group's id.
//!
//! Canonical JSON: two spaces of indent, members in the order of the structures below, one newline at the end. A file
//! that is not spelled so is refused, so that a genesis has one id.

use crate::format::constants::{self, BadConstants, Limits, ProtocolConstants};
use crate::format::rules::{RULES, RULES_FIRST};
use crate::vocabulary::hexed;
use crate::vocabulary::keys::{self, BadKey, Purpose};
use crate::vocabulary::name::{Principal, is_name};
use quorate_pbft::{Committee, Constants, Digest, Epoch, PublicKey, SeqNum, Signature, Signer};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::convert::Infallible;

/// Value of the file's `format`.
pub const FORMAT: &str = "quorate-genesis-1";
/// Bytes of a genesis: what a reader takes before it parses.
pub const GENESIS_BYTES_MAX: usize = 16 << 20;
/// Groups that one goes on from, each restarted from the one before.
const RESTARTS_MAX: usize = 16;
/// Characters of a group's name.
const GROUP_NAME_CHARS_MAX: usize = 200;

/// The file's content, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisFile {
    /// [`FORMAT`].
    pub format: String,
    /// Name of the group for people.
    pub name: String,
    /// Rules by which the group begins; none: [`RULES_FIRST`], as groups have that began before rules were named. A new
    /// group names the newest of [`RULES`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<u32>,
    /// Group from whose last certified state this one goes on; none of a group that begins with nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarted_from: Option<Restart>,
    /// Names of the organisations that take part, ascending.
    pub organisations: Vec<String>,
    /// The voters; replica i is the i-th.
    pub members: Vec<Enrolment>,
    /// Authors from the beginning, beside those that the group enrols later; ascending by key.
    pub authors: Vec<Enrolment>,
    /// The domains that exist from the start, ascending by name.
    pub domains: Vec<DomainRules>,
    /// Numbers of the protocol.
    #[serde(with = "ProtocolConstants")]
    pub constants: Constants,
    /// Numbers of the ledger.
    pub limits: Limits,
}

/// Restart of a group that lost more than f disks (M5): another group goes on from the newest certified state that was left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    /// Id of the group that is over.
    #[serde(with = "hexed")]
    pub group: Digest,
    /// Epoch of the state.
    pub epoch: u64,
    /// Slot of the state. Whatever the group decided above it is not in the one that goes on.
    pub seq: u64,
    /// Ledger time of the state, milliseconds since the Unix epoch.
    pub time: u64,
    /// Root of the state.
    #[serde(with = "hexed")]
    pub state_root: Digest,
    /// Keys of the members that signed it.
    #[serde(with = "hexed::list")]
    pub signers: Vec<PublicKey>,
    /// The checkpoint with their signatures and the epochs that lead to it, in its encoding.
    #[serde(with = "hexed::bytes")]
    pub proof: Vec<u8>,
    /// Genesis of the group that is over.
    pub genesis: Box<GenesisFile>,
}

/// A key with whom it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolment {
    /// Name of the organisation.
    pub organisation: String,
    /// The key.
    #[serde(with = "hexed")]
    pub key: PublicKey,
    /// Signature of [`keys::possession_bytes`] by the key.
    #[serde(with = "hexed")]
    pub proof: Signature,
}

/// A domain and who may do what in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DomainRules {
    /// Its name.
    pub name: String,
    /// Principals that may change files; they may read as well.
    pub writers: Vec<Principal>,
    /// Principals that may read; tells observers and the API, not replicas, which hold everything.
    pub readers: Vec<Principal>,
}

impl Enrolment {
    /// The signer's key for an organisation, with the proof that its owner holds it (rule M4).
    pub fn prove(purpose: Purpose, organisation: &str, signer: &dyn Signer) -> Self {
        let Ok(proven) =
            Self::prove_by(purpose, organisation, signer.public_key(), |bytes| Ok::<_, Infallible>(signer.sign(bytes)));
        proven
    }

    /// A key for an organisation, as [`Enrolment::prove`], by a signer that may fail.
    pub fn prove_by<E>(
        purpose: Purpose,
        organisation: &str,
        key: PublicKey,
        sign: impl FnOnce(&[u8]) -> Result<Signature, E>,
    ) -> Result<Self, E> {
        let proof = sign(&keys::possession_bytes(purpose, organisation, &key))?;
        Ok(Self { organisation: organisation.to_owned(), key, proof })
    }
}

impl GenesisFile {
    /// The file as it is spelled: with a name for people, and not too large.
    pub fn spelled(&self) -> Result<Vec<u8>, GenesisError> {
        let named = !self.name.is_empty() && self.name.chars().count() <= GROUP_NAME_CHARS_MAX;
        if !named || self.name.chars().any(char::is_control) {
            return Err(GenesisError::Name { what: "group", name: self.name.clone() });
        }
        let mut bytes = serde_json::to_vec_pretty(self).map_err(|error| GenesisError::Json(error.to_string()))?;
        bytes.push(b'\n');
        if bytes.len() > GENESIS_BYTES_MAX { Err(GenesisError::TooLarge(bytes.len())) } else { Ok(bytes) }
    }
}

impl DomainRules {
    /// A domain in which everybody may write and read.
    pub fn open(name: impl Into<String>) -> Self {
        let everyone = || vec![Principal::Everyone];
        Self { name: name.into(), writers: everyone(), readers: everyone() }
    }
}

/// Why a file is no genesis.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// Not JSON of this shape.
    #[error("not a genesis: {0}")]
    Json(String),
    /// Spelled in another way than the canonical one.
    #[error("the file is not spelled canonically; `genesis build` writes it so")]
    NotCanonical,
    /// Another format.
    #[error("format is {0:?}, this program reads {FORMAT:?}")]
    Format(String),
    /// A name that is none, or a name or key that stands twice or out of order.
    #[error("{what} {name:?} is not a name, stands twice or is out of order")]
    Name {
        /// Organisation, domain or group.
        what: &'static str,
        /// As it stands there.
        name: String,
    },
    /// Key of an organisation that is not listed.
    #[error("organisation {0:?} is not listed")]
    Organisation(String),
    /// A key that may not be enrolled.
    #[error("key {key}: {why}")]
    Key {
        /// The key.
        key: PublicKey,
        /// Fault of the key.
        why: BadKey,
    },
    /// No members, too many, or one twice.
    #[error("a group has 1 to 256 members with different keys")]
    Members,
    /// Numbers with which a group cannot work.
    #[error(transparent)]
    Constants(#[from] BadConstants),
    /// Rules that this program does not know: which signatures and items are good in the group, a later one says.
    #[error("it begins by rules {0}, this program knows {RULES}: use a newer one")]
    Rules(u32),
    /// A restart that does not fit the group that it names.
    #[error("a group that goes on from another one: {0}")]
    Restart(&'static str),
    /// A restart from a state that members of the group before did not sign.
    #[error("members of the group before did not sign what it goes on from: {0}; do not use it")]
    Unsigned(String),
    /// More bytes than are read.
    #[error(
        "{0} bytes are more than the {GENESIS_BYTES_MAX} of a genesis; of a group that goes on from another one it holds the proof          through all epochs of that, and its genesis"
    )]
    TooLarge(usize),
}

/// A checked genesis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Genesis {
    file: GenesisFile,
    bytes: Vec<u8>,
    committee: Committee,
    /// Genesis of the group that this one goes on from.
    before: Option<Box<Genesis>>,
}

impl Genesis {
    /// Reads a genesis file: canonical, every key good, every proof of possession right.
    pub fn parse(bytes: &[u8]) -> Result<Self, GenesisError> {
        if bytes.len() > GENESIS_BYTES_MAX {
            return Err(GenesisError::TooLarge(bytes.len()));
        }
        let file: GenesisFile = serde_json::from_slice(bytes).map_err(|error| GenesisError::Json(error.to_string()))?;
        let genesis = Self::build(file)?;
        if genesis.bytes == bytes { Ok(genesis) } else { Err(GenesisError::NotCanonical) }
    }

    /// Checks a genesis and writes its file.
    pub fn build(file: GenesisFile) -> Result<Self, GenesisError> {
        check(&file)?;
        if let Some(rules) = file.rules.filter(|rules| *rules > RULES.newest) {
            return Err(GenesisError::Rules(rules));
        }
        let before = before(&file)?;
        let bytes = file.spelled()?;
        let group = Digest(Sha256::digest(&bytes).into());
        let members = file.members.iter().map(|member| member.key).collect();
        let (epoch, after) = match &file.restarted_from {
            Some(restart) => (restart.epoch + 1, restart.seq), // checked above
            None => (0, 0),
        };
        let committee = Committee::new(group, Epoch::new(epoch), members).ok_or(GenesisError::Members)?;
        Ok(Self { file, bytes, committee: committee.after(SeqNum::new(after)), before: before.map(Box::new) })
    }

    /// The group's id: SHA-256 of the file's bytes.
    pub fn group(&self) -> Digest {
        self.committee.group()
    }

    /// The file, byte for byte.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Content of the file.
    pub fn file(&self) -> &GenesisFile {
        &self.file
    }

    /// Name of the group for people.
    pub fn name(&self) -> &str {
        &self.file.name
    }

    /// The protocol's numbers.
    pub fn constants(&self) -> &Constants {
        &self.file.constants
    }

    /// The ledger's numbers.
    pub fn limits(&self) -> &Limits {
        &self.file.limits
    }

    /// Rules of the first epoch.
    pub fn rules(&self) -> u32 {
        self.file.rules.unwrap_or(RULES_FIRST)
    }

    /// The voters of the first epoch. Of a restarted group it is the one after the last epoch of the group before, and begins
    /// after the slot of the state that was left.
    pub fn founders(&self) -> &Committee {
        &self.committee
    }

    /// Restart by which the group began, and the genesis of the group before; none of a group that began with nothing.
    ///
    /// Whether members of that group signed the state is asked of the proofs.
    pub fn restarted(&self) -> Option<(&Restart, &Self)> {
        self.file.restarted_from.as_ref().zip(self.before.as_deref())
    }

    /// Ids of this group and of those that it goes on from, the newest first.
    pub fn groups(&self) -> impl Iterator<Item = Digest> {
        core::iter::successors(Some(self), |genesis| genesis.before.as_deref()).map(Self::group)
    }
}

/// The genesis that a restart names, if the new one goes on from that group: its people and domains are in the state.
fn before(file: &GenesisFile) -> Result<Option<Genesis>, GenesisError> {
    let Some(restart) = &file.restarted_from else { return Ok(None) };
    let older = core::iter::successors(Some(restart), |restart| restart.genesis.restarted_from.as_ref());
    if older.take(RESTARTS_MAX + 1).count() > RESTARTS_MAX {
        return Err(GenesisError::Restart("it was restarted too often"));
    }
    let before = Genesis::build((*restart.genesis).clone())?;
    let faults = [
        (before.group() != restart.group, "its genesis is of another group than it names"),
        (restart.epoch == u64::MAX || restart.seq == 0, "it names no state"),
        (file.rules.is_none(), "it names no rules"),
        (
            !file.authors.is_empty() || !file.domains.is_empty(),
            "authors and domains stand in the state, and in no entry",
        ),
        (file.constants != *before.constants() || file.limits != *before.limits(), "its numbers are others"),
    ];
    match faults.into_iter().find(|(is_so, _)| *is_so) {
        Some((_, why)) => Err(GenesisError::Restart(why)),
        None => Ok(Some(before)),
    }
}

fn check(file: &GenesisFile) -> Result<(), GenesisError> {
    if file.format != FORMAT {
        return Err(GenesisError::Format(file.format.clone()));
    }
    ascending("organisation", file.organisations.iter().map(String::as_str))?;
    ascending("domain", file.domains.iter().map(|domain| domain.name.as_str()))?;
    check_people(file)?;
    constants::check(&file.constants, &file.limits)?;
    Ok(())
}

/// Names are names and stand once, ascending.
fn ascending<'a>(what: &'static str, names: impl Iterator<Item = &'a str>) -> Result<(), GenesisError> {
    let mut before = "";
    for name in names {
        if !is_name(name) || name <= before {
            return Err(GenesisError::Name { what, name: name.into() });
        }
        before = name;
    }
    Ok(())
}

fn check_people(file: &GenesisFile) -> Result<(), GenesisError> {
    let organisations: BTreeSet<&str> = file.organisations.iter().map(String::as_str).collect();
    if let Some(pair) = file.authors.windows(2).find(|pair| pair[0].key >= pair[1].key) {
        return Err(GenesisError::Name { what: "author", name: pair[1].key.to_string() });
    }
    let members = file.members.iter().map(|member| (Purpose::Member, member));
    let authors = file.authors.iter().map(|author| (Purpose::Author, author));
    for (purpose, enrolled) in members.chain(authors) {
        check_enrolment(purpose, enrolled, &organisations)?;
    }
    let principals = file.domains.iter().flat_map(|domain| domain.writers.iter().chain(&domain.readers));
    for principal in principals {
        match principal {
            Principal::Organisation(name) if !organisations.contains(name.as_str()) => {
                return Err(GenesisError::Organisation(name.clone()));
            }
            _ => (),
        }
    }
    Ok(())
}

fn check_enrolment(purpose: Purpose, who: &Enrolment, organisations: &BTreeSet<&str>) -> Result<(), GenesisError> {
    if !organisations.contains(who.organisation.as_str()) {
        return Err(GenesisError::Organisation(who.organisation.clone()));
    }
    keys::check_possession(purpose, &who.organisation, &who.key, &who.proof)
        .map_err(|why| GenesisError::Key { key: who.key, why })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_genesis_is_read_back_from_its_bytes() {
        let genesis = testing::genesis(4);
        assert_eq!(Genesis::parse(genesis.bytes()), Ok(genesis.clone()));
        assert_eq!(genesis.group(), Digest(Sha256::digest(genesis.bytes()).into()));
        assert_eq!((genesis.founders().len(), genesis.founders().epoch()), (4, Epoch::new(0)));
    }

    #[test]
    fn another_spelling_of_the_same_genesis_is_refused() {
        let mut bytes = testing::genesis(4).bytes().to_vec();
        bytes.push(b'\n');
        assert_eq!(Genesis::parse(&bytes), Err(GenesisError::NotCanonical));
    }

    #[test]
    fn a_genesis_that_nobody_could_read_is_not_made() {
        let mut file = testing::genesis(4).file().clone();
        let domains = (0..200_000).map(|number| DomainRules::open(format!("d{number:06}")));
        file.domains = domains.collect();
        assert!(matches!(Genesis::build(file.clone()), Err(GenesisError::TooLarge(_))));
        file.domains.truncate(1);
        file.name = "n".repeat(GROUP_NAME_CHARS_MAX + 1);
        assert!(matches!(Genesis::build(file), Err(GenesisError::Name { what: "group", .. })));
    }

    #[test]
    fn unknown_fields_are_refused() {
        let text = String::from_utf8(testing::genesis(1).bytes().to_vec()).expect("JSON is UTF-8");
        let text = text.replacen("{\n", "{\n  \"more\": 1,\n", 1);
        assert!(matches!(Genesis::parse(text.as_bytes()), Err(GenesisError::Json(_))));
    }

    #[test]
    fn a_member_without_its_own_proof_of_possession_is_refused() {
        let mut file = testing::genesis(4).file().clone();
        file.members[1].proof = file.members[0].proof;
        let refused = Genesis::build(file.clone());
        assert_eq!(refused, Err(GenesisError::Key { key: file.members[1].key, why: BadKey::NoPossession }));
    }

    #[test]
    fn a_member_that_stands_twice_is_refused() {
        let mut file = testing::genesis(4).file().clone();
        file.members[1] = file.members[0].clone();
        assert_eq!(Genesis::build(file), Err(GenesisError::Members));
    }

    #[test]
    fn somebody_of_an_organisation_that_is_not_listed_is_refused() {
        let mut file = testing::genesis(4).file().clone();
        file.organisations.remove(0);
        assert_eq!(Genesis::build(file), Err(GenesisError::Organisation("org-0".into())));
    }
}
