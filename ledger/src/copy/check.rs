//! Checks of an answer: that q members signed the state under which it was given, and that it is part of that state.

use super::frame::{ANSWER_BYTES_MAX, Answer, DomainPath, GivenPart, Held, LEVELS, WantedPart};
use crate::format::constants::GROUP_DOMAIN;
use crate::format::genesis::Genesis;
use crate::proof::{Checkpoint, Epochs, ProofError, epochs};
use crate::state::store::{Store, StoreError};
use crate::state::tree::key_of;
use crate::state::tree::part::Subtree;
use crate::state::tree::proof::End;
use crate::state::{entry, name};
use quorate_pbft::{Digest, Epoch, SeqNum};
use std::collections::VecDeque;

/// Milliseconds of ledger time by which an answer may lie behind the newest state that another answer has shown: a
/// server answers from one state for some seconds.
const BEHIND_MS_MAX: u64 = 60_000;

/// Checkpoints that are remembered: their signatures are checked once.
const REMEMBERED: usize = 64;

/// Why an answer was refused. Nothing of it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Bytes that are no answer.
    #[error("the answer cannot be read")]
    Malformed,
    /// Answer to another question.
    #[error("the answer is not one to the question")]
    NotAsked,
    /// State that q members did not sign.
    #[error("the state was not signed by the members: {0}")]
    NotCertified(ProofError),
    /// State that the group has left behind.
    #[error("the state is that of slot {given}, and the group has certified slot {known}")]
    Old {
        /// Slot of the answer.
        given: SeqNum,
        /// The newest known slot.
        known: SeqNum,
    },
    /// Leaves or hashes of another state: a wrong or missing leaf, or a wrong sibling.
    #[error("entries or hashes do not make the certified root")]
    OtherRoot,
    /// A row that an entry does not vouch for.
    #[error("wrong row: {0}")]
    WrongRow(String),
    /// Rows that an entry vouches for and that were left out.
    #[error("rows that an entry vouches for are missing")]
    MissingRow,
    /// A content with another hash.
    #[error("the content {0} has another hash")]
    WrongContent(Digest),
    /// A content that an entry names and that was left out.
    #[error("the content {0} is missing")]
    MissingContent(Digest),
}

impl Refused {
    /// Whether it shows its sender to be wrong. An older state is only late.
    pub fn is_lie(&self) -> bool {
        !matches!(self, Self::Old { .. } | Self::NotCertified(ProofError::OlderEpoch { .. }))
    }
}

/// Why nothing could be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TakeError {
    /// The answer is wrong: its sender is to blame.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The own store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// State under which an answer was given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Under {
    pub(super) seq: SeqNum,
    /// Root and entries of the tree that was asked about.
    pub(super) root: Digest,
    pub(super) count: u64,
    /// The oldest slot within the horizon there.
    pub(super) floor: SeqNum,
}

/// States that q members signed, as answers have shown them.
pub(super) struct Certified {
    genesis: Genesis,
    /// The epochs that are known: members that left before them could sign a second history (M3).
    epochs: Epochs,
    /// Number of steps between them that the store holds.
    kept: usize,
    /// The newest ones last.
    shown: VecDeque<Checkpoint>,
    /// Slot that no state may lie below: never back.
    least: SeqNum,
}

impl Certified {
    pub(super) fn new(genesis: Genesis, epochs: Epochs, least: SeqNum) -> Self {
        let kept = epochs.steps().len();
        Self { genesis, epochs, kept, shown: VecDeque::new(), least }
    }

    /// The newest epoch that is known.
    pub(super) fn epoch(&self) -> Epoch {
        self.epochs.newest().epoch()
    }

    /// Keeps the steps to all epochs that are known.
    pub(super) fn keep_epochs(&mut self, store: &mut dyn Store) -> Result<(), StoreError> {
        let steps = self.epochs.steps();
        steps[self.kept..].iter().try_for_each(|step| epochs::keep(store, step))?;
        self.kept = steps.len();
        Ok(())
    }

    pub(super) fn not_below(&mut self, least: SeqNum) {
        self.least = self.least.max(least);
    }

    pub(super) fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The newest state that was shown.
    pub(super) fn newest(&self) -> Option<&Checkpoint> {
        self.shown.iter().max_by_key(|shown| shown.head().seq)
    }

    /// The state with this root of the group's tree, if it was shown.
    pub(super) fn with_group(&self, root: Digest, count: u64) -> Option<&Checkpoint> {
        self.shown.iter().find(|shown| (shown.group_root, shown.group_count) == (root, count))
    }

    /// Reads an answer about a domain's tree and checks the state under which it was given.
    pub(super) fn admit(&mut self, domain: &str, bytes: &[u8]) -> Result<(Answer, Under), Refused> {
        if bytes.len() > ANSWER_BYTES_MAX {
            return Err(Refused::Malformed);
        }
        let answer: Answer = borsh::from_slice(bytes).map_err(|_| Refused::Malformed)?;
        self.know(&answer.checkpoint)?;
        let under = under(&answer, domain)?;
        Ok((answer, under))
    }

    /// Checks a state, unless it was shown before, and keeps it by way of the epochs that are known: those that an answer
    /// shows may begin later, and lead through steps that nobody has signed where the members are known already.
    pub(super) fn know(&mut self, checkpoint: &Checkpoint) -> Result<(), Refused> {
        let is_shown = self.shown.iter().any(|shown| shown.is_of_the_state_of(checkpoint));
        if !is_shown {
            let verified = checkpoint.verify_after(&self.epochs).map_err(Refused::NotCertified)?;
            self.epochs = verified.1;
        }
        let (given, head) = (checkpoint.head().seq, checkpoint.head());
        if given < self.least {
            return Err(Refused::Old { given, known: self.least });
        }
        if let Some(newest) = self.newest().map(Checkpoint::head)
            && head.time.get().saturating_add(BEHIND_MS_MAX) < newest.time.get()
        {
            return Err(Refused::Old { given, known: newest.seq });
        }
        if !is_shown {
            self.shown.push_back(checkpoint.by_way_of(self.epochs.steps_to(head.epoch)));
            if self.shown.len() > REMEMBERED {
                self.shown.pop_front();
            }
        }
        Ok(())
    }
}

/// The state of the tree that an answer is about, as the head and the paths in the answer lead to it.
pub(super) fn under(answer: &Answer, domain: &str) -> Result<Under, Refused> {
    let (checkpoint, head) = (&answer.checkpoint, answer.checkpoint.head());
    let (seq, floor) = (head.seq, head.times.floor());
    match &answer.domain {
        None if domain == GROUP_DOMAIN => {
            Ok(Under { seq, root: checkpoint.group_root, count: checkpoint.group_count, floor })
        }
        Some(path) if domain != GROUP_DOMAIN => {
            path.check(checkpoint, domain)?;
            let floor = floor.max(path.usage.marks.floor());
            Ok(Under { seq, root: path.root.root, count: path.root.count, floor })
        }
        _ => Err(Refused::NotAsked),
    }
}

impl DomainPath {
    fn check(&self, checkpoint: &Checkpoint, domain: &str) -> Result<(), Refused> {
        let named = name::domain_root(domain);
        let root = checkpoint.holds(&named, Some(&entry::bytes_of(&self.root)), &self.root_path, "the domain");
        root.map_err(|_| Refused::OtherRoot)?;
        let usage = entry::value_hash(&entry::bytes_of(&self.usage));
        let found = self.usage_path.root(&key_of(name::USAGE), Some(&usage));
        if found == Some(self.root.root) { Ok(()) } else { Err(Refused::OtherRoot) }
    }
}

impl GivenPart {
    /// Checks that it is what was asked for and stands in the tree.
    pub(super) fn check(&self, wanted: &WantedPart, under: &Under) -> Result<(), Refused> {
        let subtree = match &self.held {
            Held::Subtrees(subtrees) if !wanted.part.is_key() => {
                let parts = wanted.part.below(LEVELS);
                if subtrees.len() != parts.len() {
                    return Err(Refused::NotAsked);
                }
                if !subtrees.iter().zip(&parts).all(|(subtree, part)| subtree.may_stand_in(part)) {
                    return Err(Refused::OtherRoot);
                }
                Subtree::over(subtrees.clone())
            }
            Held::Entries(entries) if wanted.entries => {
                let leaf = |(name, value): &(Vec<u8>, Vec<u8>)| End {
                    key: key_of(name),
                    value_hash: entry::value_hash(value),
                };
                let leaves: Vec<_> = entries.iter().map(leaf).collect();
                let is_ascending = leaves.windows(2).all(|pair| pair[0].key < pair[1].key);
                if !is_ascending || !leaves.iter().all(|leaf| wanted.part.contains(&leaf.key)) {
                    return Err(Refused::OtherRoot);
                }
                Subtree::of(&leaves, wanted.part.bits())
            }
            _ => return Err(Refused::NotAsked),
        };
        let root = wanted.part.climb(subtree, &self.siblings);
        if root.is_some_and(|root| root.hash() == under.root) { Ok(()) } else { Err(Refused::OtherRoot) }
    }
}
