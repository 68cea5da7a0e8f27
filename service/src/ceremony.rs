//! The ceremony: several organisations make one genesis, and no folder ever holds the keys of two.
//!
//! A draft goes round as a file. Each organisation adds an entry with the public halves of its keys and the proofs that
//! it holds them; building puts the entries in the order of the organisations' names, so that the same entries make the
//! same genesis, on whichever machine and in whichever order they came.

use quorate_client::keys::{Key, KeyError};
use quorate_ledger::hexed;
use quorate_ledger::keys::{BadKey, Purpose, check_possession};
use quorate_ledger::{
    DomainRules, Enrolment, FORMAT, Genesis, GenesisError, GenesisFile, Limits, RULES, Restart, check_window, is_name,
};
use quorate_net::Member;
use quorate_pbft::{Constants, PublicKey, ReplicaId, Signature};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Value of a draft's `format`.
const DRAFT_FORMAT: &str = "quorate-genesis-draft-1";
/// Value of an entry's `format`.
const ENTRY_FORMAT: &str = "quorate-genesis-entry-1";

/// A genesis that is not yet complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// `quorate-genesis-draft-1`.
    format: String,
    /// Name, domains, constants and limits; its organisations, members and authors come from the entries.
    genesis: GenesisFile,
    /// Entries of the organisations, by name.
    entries: BTreeMap<String, Entry>,
}

/// Keys with which an organisation takes part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// `quorate-genesis-entry-1`.
    format: String,
    /// Name of the organisation.
    pub organisation: String,
    /// Its replicas.
    pub replicas: Vec<ReplicaEntry>,
    /// Its authors from the beginning.
    pub authors: Vec<ProvenKey>,
}

/// A voter in an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplicaEntry {
    /// The key.
    #[serde(with = "hexed")]
    key: PublicKey,
    /// Its signature for voting in the organisation's name (rule M4).
    #[serde(with = "hexed")]
    proof: Signature,
    /// Multiaddr on which the others reach it. It goes into configurations, never into the genesis.
    pub listen: String,
}

/// An author's key with the proof that its owner holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvenKey {
    /// The key.
    #[serde(with = "hexed")]
    key: PublicKey,
    /// Its signature for the purpose and the organisation (rule M4).
    #[serde(with = "hexed")]
    proof: Signature,
}

/// Why a draft does not take an entry, or makes no genesis.
#[derive(Debug, thiserror::Error)]
pub enum CeremonyError {
    /// A file of another format.
    #[error("format is {found:?}, expected {expected:?}")]
    Format {
        /// As the file says.
        found: String,
        /// Format of such a file.
        expected: &'static str,
    },
    /// An organisation's name that is none.
    #[error("{0:?} is no name of an organisation: 1 to 100 of a-z A-Z 0-9 . _ -, beginning with a letter or digit")]
    Name(String),
    /// Entry of an organisation that has another one in the draft.
    #[error(
        "{0} is in the draft with another entry (keys or addresses); who keeps the draft removes that one first, if it is \
         to change"
    )]
    Other(String),
    /// A key that stands twice.
    #[error("key {0} stands twice")]
    Twice(PublicKey),
    /// A key that may not be enrolled.
    #[error("key {key} of {organisation}: {why}")]
    Key {
        /// Name of the organisation.
        organisation: String,
        /// The key.
        key: PublicKey,
        /// Fault of the key.
        why: BadKey,
    },
    /// A replica whose address nobody can dial.
    #[error(
        "replica of {organisation}: {listen:?} is no multiaddr such as /ip4/10.0.0.3/tcp/7700, or names another key"
    )]
    Address {
        /// Name of the organisation.
        organisation: String,
        /// As the entry says it.
        listen: String,
    },
    /// People in the draft's genesis itself.
    #[error("`genesis` in the draft lists organisations, members or authors: those come from entries alone")]
    People,
    /// Authors for a group that goes on from another one.
    #[error(
        "{0} brings authors: the group goes on from another one, whose authors stay; make the entry without --author"
    )]
    Authors(String),
    /// No genesis that a group can begin with.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
}

impl Entry {
    /// Entry of an organisation, proven with its own keys: replicas with the addresses on which the others reach them.
    pub fn new(organisation: &str, replicas: &[(Key, String)], authors: &[Key]) -> Result<Self, KeyError> {
        let proven = |purpose, key: &Key| {
            let Enrolment { key, proof, .. } =
                Enrolment::prove_by(purpose, organisation, key.public_key(), |bytes| key.sign(bytes))?;
            Ok(ProvenKey { key, proof })
        };
        let replica = |(key, listen): &(_, String)| {
            let ProvenKey { key, proof } = proven(Purpose::Member, key)?;
            Ok(ReplicaEntry { key, proof, listen: listen.clone() })
        };
        Ok(Self {
            format: ENTRY_FORMAT.to_owned(),
            organisation: organisation.to_owned(),
            replicas: replicas.iter().map(replica).collect::<Result<_, _>>()?,
            authors: authors.iter().map(|key| proven(Purpose::Author, key)).collect::<Result<_, _>>()?,
        })
    }

    /// Checks format, name, every address and every proof.
    pub fn check(&self) -> Result<(), CeremonyError> {
        check_format(&self.format, ENTRY_FORMAT)?;
        if !is_name(&self.organisation) {
            return Err(CeremonyError::Name(self.organisation.clone()));
        }
        let fault = |(purpose, proven): (Purpose, ProvenKey)| {
            let why = check_possession(purpose, &self.organisation, &proven.key, &proven.proof).err()?;
            Some(CeremonyError::Key { organisation: self.organisation.clone(), key: proven.key, why })
        };
        self.keys().find_map(fault).map_or(Ok(()), Err)?;
        self.replicas.iter().find(|replica| !replica.can_be_dialled()).map_or(Ok(()), |replica| {
            let (organisation, listen) = (self.organisation.clone(), replica.listen.clone());
            Err(CeremonyError::Address { organisation, listen })
        })
    }

    fn keys(&self) -> impl Iterator<Item = (Purpose, ProvenKey)> {
        let replicas = self.replicas.iter().map(|replica| (Purpose::Member, replica.proven()));
        replicas.chain(self.authors.iter().map(|author| (Purpose::Author, *author)))
    }
}

impl ReplicaEntry {
    fn proven(&self) -> ProvenKey {
        ProvenKey { key: self.key, proof: self.proof }
    }

    /// Whether a configuration may name its address.
    fn can_be_dialled(&self) -> bool {
        let at = |address| Member { id: ReplicaId::new(0), key: self.key.0, addresses: vec![address] };
        self.listen.parse().is_ok_and(|address| at(address).check().is_ok())
    }
}

impl Draft {
    /// Draft without an entry; its domains are open to every author until somebody edits the file.
    pub fn new(name: String, mut domains: Vec<String>) -> Self {
        domains.sort();
        let genesis = GenesisFile {
            format: FORMAT.to_owned(),
            name,
            rules: Some(RULES.newest),
            restarted_from: None,
            organisations: Vec::new(),
            members: Vec::new(),
            authors: Vec::new(),
            domains: domains.into_iter().map(DomainRules::open).collect(),
            constants: Constants::default(),
            limits: Limits::default(),
        };
        Self { format: DRAFT_FORMAT.to_owned(), genesis, entries: BTreeMap::new() }
    }

    /// Draft of a group that goes on from another one, by the same numbers and these rules; who takes part in it comes from
    /// entries, and authors and domains stay as they are in the state. An error if no entries could make it a genesis.
    pub fn restarted(name: String, restart: Restart, rules: u32) -> Result<Self, CeremonyError> {
        let Self { format, genesis, entries } = Self::new(name, Vec::new());
        let (constants, limits) = (restart.genesis.constants.clone(), restart.genesis.limits.clone());
        let restarted_from = Some(restart);
        let genesis = GenesisFile { rules: Some(rules), restarted_from, constants, limits, ..genesis };
        genesis.spelled()?;
        Ok(Self { format, genesis, entries })
    }

    /// Entries, in the order of the organisations' names.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// Takes an organisation's entry; the same one again changes nothing.
    pub fn add(&mut self, entry: Entry) -> Result<(), CeremonyError> {
        entry.check()?;
        match self.entries.get(&entry.organisation) {
            Some(there) if *there == entry => return Ok(()),
            Some(_) => return Err(CeremonyError::Other(entry.organisation)),
            None => (),
        }
        self.entries.insert(entry.organisation.clone(), entry);
        self.check()
    }

    /// The genesis that the entries make.
    pub fn build(&self) -> Result<Genesis, CeremonyError> {
        self.check()?;
        let mut file = self.genesis.clone();
        file.organisations = self.entries.keys().cloned().collect();
        let of = |entry: &Entry, proven: ProvenKey| Enrolment {
            organisation: entry.organisation.clone(),
            key: proven.key,
            proof: proven.proof,
        };
        for entry in self.entries() {
            file.members.extend(entry.replicas.iter().map(|replica| of(entry, replica.proven())));
            file.authors.extend(entry.authors.iter().map(|author| of(entry, *author)));
        }
        file.authors.sort_by_key(|author| author.key);
        check_window(file.members.len(), file.constants.window).map_err(GenesisError::from)?;
        Ok(Genesis::build(file)?)
    }

    /// Addresses of the replicas, by their keys: numbers are those of a genesis, which may have other entries.
    pub fn addresses(&self) -> Vec<(PublicKey, String)> {
        self.entries().flat_map(|entry| &entry.replicas).map(|replica| (replica.key, replica.listen.clone())).collect()
    }

    fn check(&self) -> Result<(), CeremonyError> {
        check_format(&self.format, DRAFT_FORMAT)?;
        let people = &self.genesis;
        if !people.organisations.is_empty() || !people.members.is_empty() || !people.authors.is_empty() {
            return Err(CeremonyError::People);
        }
        for (name, entry) in &self.entries {
            entry.check()?;
            if *name != entry.organisation {
                return Err(CeremonyError::Name(name.clone()));
            }
            if people.restarted_from.is_some() && !entry.authors.is_empty() {
                return Err(CeremonyError::Authors(name.clone()));
            }
        }
        let mut keys: Vec<PublicKey> = self.entries().flat_map(Entry::keys).map(|(_, proven)| proven.key).collect();
        keys.sort();
        let twice = keys.windows(2).find(|pair| pair[0] == pair[1]);
        twice.map_or(Ok(()), |pair| Err(CeremonyError::Twice(pair[0])))
    }
}

fn check_format(found: &str, expected: &'static str) -> Result<(), CeremonyError> {
    if found == expected { Ok(()) } else { Err(CeremonyError::Format { found: found.to_owned(), expected }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_net::peer_of_key;
    use quorate_pbft::Ed25519Signer;

    fn entry(organisation: &str, seed: u8) -> Entry {
        let key = |at| Key::Held(Ed25519Signer::from_seed(&[seed + at; 32]));
        Entry::new(organisation, &[(key(0), format!("/ip4/10.0.0.{seed}/tcp/7700"))], &[key(1)]).expect("keys at hand")
    }

    fn draft(entries: &[Entry]) -> Draft {
        let mut draft = Draft::new("ours".to_owned(), vec!["main".to_owned()]);
        entries.iter().for_each(|entry| draft.add(entry.clone()).expect("a good entry"));
        draft
    }

    #[test]
    fn the_same_entries_make_the_same_genesis_in_whichever_order_they_come() {
        let [acme, birch] = [entry("acme", 1), entry("birch", 3)];
        let there = draft(&[acme.clone(), birch.clone()]).build().expect("a genesis");
        let back = draft(&[birch, acme]).build().expect("a genesis");
        assert_eq!(there.bytes(), back.bytes());
        assert_eq!(there.file().members[0].organisation, "acme");
    }

    #[test]
    fn an_entry_whose_proof_is_for_another_organisation_is_refused() {
        let stolen = Entry { organisation: "birch".to_owned(), ..entry("acme", 1) };
        let refused = draft(&[]).add(stolen);
        assert!(matches!(refused, Err(CeremonyError::Key { why: BadKey::NoPossession, .. })), "{refused:?}");
    }

    #[test]
    fn an_entry_with_an_address_that_nobody_can_dial_is_refused_whichever_program_made_it() {
        let [own, other] = [1, 3].map(|seed| peer_of_key(&entry("acme", seed).replicas[0].key).expect("a key"));
        let at = |rest: &str| format!("/ip4/10.0.0.1/tcp/7700{rest}");
        let added = |listen: String| {
            let mut entry = entry("acme", 1);
            entry.replicas[0].listen = listen;
            Draft::new("ours".to_owned(), vec!["main".to_owned()]).add(entry)
        };
        added(at(&format!("/p2p/{own}"))).expect("its own key");
        for bad in ["10.0.0.1:7700".to_owned(), at("/ws"), at(&format!("/p2p/{other}"))] {
            let refused = added(bad);
            assert!(matches!(refused, Err(CeremonyError::Address { .. })), "{refused:?}");
        }
    }

    #[test]
    fn an_organisation_is_not_replaced_unasked() {
        let mut draft = draft(&[entry("acme", 1)]);
        draft.add(entry("acme", 1)).expect("the same once more");
        assert!(matches!(draft.add(entry("acme", 5)), Err(CeremonyError::Other(_))));
    }

    #[test]
    fn a_key_of_two_organisations_is_refused() {
        let mut draft = draft(&[entry("acme", 1)]);
        assert!(matches!(draft.add(entry("birch", 1)), Err(CeremonyError::Twice(_))));
    }

    #[test]
    fn a_draft_that_lists_people_beside_its_entries_makes_no_genesis() {
        let mut draft = draft(&[entry("acme", 1)]);
        draft.genesis.organisations.push("birch".to_owned());
        assert!(matches!(draft.build(), Err(CeremonyError::People)));
    }
}
