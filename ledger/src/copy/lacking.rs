//! Contents that a state names and a store lacks, asked for by their hashes: nothing else vouches for them.

use super::check::{Refused, TakeError};
use super::frame::{ANSWER_BYTES_MAX, Answer, Ask, CONTENTS_MAX, Given, Wanted};
use crate::format::constants::GROUP_DOMAIN;
use crate::state::entry;
use crate::state::store::{Store, Table};
use quorate_pbft::Digest;
use std::collections::{BTreeSet, VecDeque};

/// Contents that one node is asked for.
#[derive(Debug, Clone, Default)]
pub struct Lacking {
    hashes: VecDeque<Digest>,
    /// Contents that the node does not have.
    pub not_given: BTreeSet<Digest>,
}

impl Lacking {
    /// All contents are still to be asked for.
    pub fn new(hashes: impl IntoIterator<Item = Digest>) -> Self {
        Self { hashes: hashes.into_iter().collect(), not_given: BTreeSet::new() }
    }

    /// The next question; none once each content was given or is not there.
    pub fn ask(&self) -> Option<Ask> {
        let hashes: Vec<Digest> = self.hashes.iter().take(CONTENTS_MAX).copied().collect();
        (!hashes.is_empty()).then(|| Ask { domain: GROUP_DOMAIN.to_owned(), wanted: Wanted::Contents(hashes) })
    }

    /// Contents that no answer has brought.
    pub fn left(self) -> BTreeSet<Digest> {
        self.hashes.into_iter().chain(self.not_given).collect()
    }

    /// Puts the contents of an answer into a store; a wrong one is refused, and nothing behind it is written.
    pub fn take(&mut self, store: &mut dyn Store, answer: &[u8]) -> Result<(), TakeError> {
        if answer.len() > ANSWER_BYTES_MAX {
            return Err(Refused::Malformed.into());
        }
        let answer: Answer = borsh::from_slice(answer).map_err(|_| Refused::Malformed)?;
        let Given::Contents(given) = answer.given else { return Err(Refused::NotAsked.into()) };
        if given.is_empty() || given.len() > self.hashes.len().min(CONTENTS_MAX) {
            return Err(Refused::NotAsked.into());
        }
        for content in given {
            let hash = *self.hashes.front().expect("no more is given than is asked for");
            match content {
                Some(bytes) => {
                    let bytes = entry::sound_content(&hash, bytes).map_err(|_| Refused::WrongContent(hash))?;
                    store.give(Table::Contents, hash.0.to_vec(), bytes)?;
                }
                None => drop(self.not_given.insert(hash)),
            }
            self.hashes.pop_front();
        }
        Ok(())
    }
}
