//! Files of a replica that is to become a member: its request, and its statement that it follows the group; and the request
//! of an observer to be enrolled. None holds anything secret.

use quorate_ledger::keys::BadKey;
use quorate_ledger::{JoinStatement, Joiner, Observer, hexed};
use quorate_pbft::{Digest, PublicKey};
use serde::{Deserialize, Serialize};

/// Value of a request's `format`.
const REQUEST_FORMAT: &str = "quorate-join-1";
/// Value of a statement's `format`.
const READY_FORMAT: &str = "quorate-join-ready-1";
/// Value of an observer's request's `format`.
const OBSERVE_FORMAT: &str = "quorate-observe-1";

/// Request of a replica to become a member: what `quorate join request` writes and `quorate members add` reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoinRequest {
    /// `quorate-join-1`.
    format: String,
    /// The replica, without a statement.
    joiner: Joiner,
}

/// Statement of a replica that it follows the group: what `quorate members ready` reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadyFile {
    /// `quorate-join-ready-1`.
    format: String,
    /// The group's id.
    #[serde(with = "hexed")]
    pub group: Digest,
    /// The replica's key.
    #[serde(with = "hexed")]
    pub key: PublicKey,
    /// Its statement.
    pub statement: JoinStatement,
}

/// Request of an observer to be enrolled: what `quorate observers request` writes and `quorate observers enrol` reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObserveRequest {
    /// `quorate-observe-1`.
    format: String,
    /// The group's id.
    #[serde(with = "hexed")]
    pub group: Digest,
    /// The enrolment, which the observer's key has signed for this group.
    observer: Observer,
}

/// Why a file is none of a joiner or an observer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// A file of another format.
    #[error("format is {found:?}, expected {expected:?}")]
    Format {
        /// As the file says.
        found: String,
        /// Format of such a file.
        expected: &'static str,
    },
    /// A key that may not be a member's or an observer's.
    #[error("key {0}: {1}")]
    Key(PublicKey, BadKey),
    /// Addresses that nobody could dial.
    #[error("a replica has 1 to 8 multiaddrs, as in /ip4/10.0.0.3/tcp/7700")]
    Addresses,
}

impl JoinRequest {
    /// Request of this replica.
    pub fn new(joiner: Joiner) -> Self {
        Self { format: REQUEST_FORMAT.to_owned(), joiner: Joiner { statement: None, ..joiner } }
    }

    /// The replica, if the file is sound: its key proven, and an address given.
    pub fn joiner(self) -> Result<Joiner, JoinError> {
        check_format(self.format, REQUEST_FORMAT)?;
        let joiner = self.joiner;
        if joiner.addresses.is_empty() || !joiner.has_sound_addresses() {
            return Err(JoinError::Addresses);
        }
        joiner.check().map_err(|why| JoinError::Key(joiner.key, why))?;
        Ok(joiner)
    }
}

impl ReadyFile {
    /// Statement of the replica with this key.
    pub fn new(group: Digest, key: PublicKey, statement: JoinStatement) -> Self {
        Self { format: READY_FORMAT.to_owned(), group, key, statement }
    }

    /// Refuses a file of another format.
    pub fn check(self) -> Result<Self, JoinError> {
        check_format(self.format.clone(), READY_FORMAT)?;
        Ok(self)
    }
}

impl ObserveRequest {
    /// Request for this enrolment in a group.
    pub fn new(group: Digest, observer: Observer) -> Self {
        Self { format: OBSERVE_FORMAT.to_owned(), group, observer }
    }

    /// The enrolment, if the file is sound: signed by the key that it names, for the group that it names.
    pub fn observer(self) -> Result<Observer, JoinError> {
        check_format(self.format, OBSERVE_FORMAT)?;
        self.observer.check(&self.group).map_err(|why| JoinError::Key(self.observer.key, why))?;
        Ok(self.observer)
    }
}

fn check_format(found: String, expected: &'static str) -> Result<(), JoinError> {
    if found == expected { Ok(()) } else { Err(JoinError::Format { found, expected }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_pbft::{Ed25519Signer, Signature, Signer as _};

    fn joiner() -> Joiner {
        let addresses = vec!["/ip4/10.0.0.3/tcp/7700".to_owned()];
        Joiner { addresses, ..Joiner::prove("acme", &Ed25519Signer::from_seed(&[7; 32])) }
    }

    fn read(text: &str) -> Result<Joiner, String> {
        let request: JoinRequest = serde_json::from_str(text).map_err(|error| error.to_string())?;
        request.joiner().map_err(|error| error.to_string())
    }

    #[test]
    fn a_request_is_read_back_as_it_was_written() {
        let text = serde_json::to_string(&JoinRequest::new(joiner())).expect("plain data");
        assert_eq!(read(&text), Ok(joiner()));
        let other = text.replace("quorate-join-1", "quorate-join-2");
        assert!(read(&other).is_err_and(|why| why.contains("expected \"quorate-join-1\"")));
    }

    #[test]
    fn a_request_without_an_address_or_with_the_proof_of_another_organisation_is_refused() {
        let of = |joiner| JoinRequest::new(joiner).joiner();
        assert_eq!(of(Joiner { addresses: vec![], ..joiner() }), Err(JoinError::Addresses));
        assert_eq!(of(Joiner { addresses: vec!["here".to_owned()], ..joiner() }), Err(JoinError::Addresses));
        let theirs = Joiner { organisation: "other".to_owned(), ..joiner() };
        assert_eq!(of(theirs.clone()), Err(JoinError::Key(theirs.key, BadKey::NoPossession)));
    }

    #[test]
    fn an_observers_request_that_was_changed_after_it_was_signed_is_refused() {
        let (signer, group) = (Ed25519Signer::from_seed(&[8; 32]), Digest([1; 32]));
        let (key, organisation, proof) = (signer.public_key(), "acme".to_owned(), Signature([0; 64]));
        let unsigned = Observer { key, organisation, domains: vec![], until: 9, proof };
        let observer = Observer { proof: signer.sign(&unsigned.signed_bytes(&group)), ..unsigned };
        assert_eq!(ObserveRequest::new(group, observer.clone()).observer(), Ok(observer.clone()));
        let refused = Err(JoinError::Key(key, BadKey::NoPossession));
        assert_eq!(ObserveRequest::new(Digest([2; 32]), observer.clone()).observer(), refused);
        assert_eq!(ObserveRequest::new(group, Observer { until: 10, ..observer }).observer(), refused);
    }
}
