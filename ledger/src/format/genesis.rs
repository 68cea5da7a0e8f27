//! The genesis: the file that a group descends from. Its SHA-256 is the group's id.
//!
//! Canonical JSON: two spaces of indent, members in the order of the structures below, one newline at the end. A file
//! that is not spelled so is refused, so that a genesis has one id.

use crate::format::constants::{self, BadConstants, Limits, ProtocolConstants};
use crate::format::rules::RULES_FIRST;
use crate::vocabulary::hexed;
use crate::vocabulary::keys::{self, BadKey, Purpose};
use crate::vocabulary::name::{Principal, is_name};
use quorate_pbft::{Committee, Constants, Digest, Epoch, PublicKey, Signature, Signer};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::convert::Infallible;

/// Value of the file's `format`.
pub const FORMAT: &str = "quorate-genesis-1";
/// Bytes of a genesis: what a reader takes before it parses.
pub const GENESIS_BYTES_MAX: usize = 16 << 20;
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
    /// Rules by which the group begins; none: [`RULES_FIRST`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<u32>,
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
}

/// A checked genesis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Genesis {
    file: GenesisFile,
    bytes: Vec<u8>,
    committee: Committee,
}

impl Genesis {
    /// Reads a genesis file: canonical, every key good, every proof of possession right.
    pub fn parse(bytes: &[u8]) -> Result<Self, GenesisError> {
        if bytes.len() > GENESIS_BYTES_MAX {
            return Err(GenesisError::Json(format!("{} bytes are too many", bytes.len())));
        }
        let file: GenesisFile = serde_json::from_slice(bytes).map_err(|error| GenesisError::Json(error.to_string()))?;
        let genesis = Self::build(file)?;
        if genesis.bytes == bytes { Ok(genesis) } else { Err(GenesisError::NotCanonical) }
    }

    /// Checks a genesis and writes its file.
    pub fn build(file: GenesisFile) -> Result<Self, GenesisError> {
        check(&file)?;
        let mut bytes = serde_json::to_vec_pretty(&file).map_err(|error| GenesisError::Json(error.to_string()))?;
        bytes.push(b'\n');
        let group = Digest(Sha256::digest(&bytes).into());
        let members = file.members.iter().map(|member| member.key).collect();
        let committee = Committee::new(group, Epoch::new(0), members).ok_or(GenesisError::Members)?;
        Ok(Self { file, bytes, committee })
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

    /// The voters of the first epoch.
    pub fn founders(&self) -> &Committee {
        &self.committee
    }
}

fn check(file: &GenesisFile) -> Result<(), GenesisError> {
    if file.format != FORMAT {
        return Err(GenesisError::Format(file.format.clone()));
    }
    let named = !file.name.is_empty() && file.name.chars().count() <= GROUP_NAME_CHARS_MAX;
    if !named || file.name.chars().any(char::is_control) {
        return Err(GenesisError::Name { what: "group", name: file.name.clone() });
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
