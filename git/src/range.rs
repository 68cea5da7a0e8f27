//! Two commits to merge: the parents of a merge commit, or any two.

use gix::ObjectId;

use super::ancestry::merge_bases;
use super::{Commit, GitError, Repository};

/// Characters of an abbreviated commit id at least.
const ABBREVIATION_MIN: usize = 4;

/// Two commits, what they come from, and what became of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    /// Newest common ancestor; none where the histories share nothing.
    pub base: Option<Commit>,
    /// Common ancestors of which none is another's ancestor: more than one where branches were merged crosswise.
    pub bases: usize,
    /// First of the two.
    pub ours: Commit,
    /// The other.
    pub theirs: Commit,
    /// The merge commit, where the two were merged already.
    pub merged: Option<Commit>,
}

impl Repository {
    /// Reads `MERGE`, a commit with two parents, or `A...B`.
    pub fn fork(&self, range: &str) -> Result<Fork, GitError> {
        let (ours, theirs, merged) = match range.split_once("...") {
            Some((ours, theirs)) => (self.resolve(ours)?, self.resolve(theirs)?, None),
            None if range.contains("..") => return Err(GitError::TwoDots { range: range.to_owned() }),
            None => {
                let id = self.resolve(range)?;
                let [ours, theirs] = self.two_parents(id)?;
                (ours, theirs, Some(self.commit(id)?))
            }
        };
        let bases = merge_bases(ours, theirs, |id| self.parents(id))?;
        if bases.is_empty() && self.is_shallow() {
            return Err(GitError::TooShallow { id: theirs });
        }
        let commits = bases.iter().map(|id| self.commit(*id)).collect::<Result<Vec<_>, _>>()?;
        let base = commits.into_iter().max_by_key(|commit| (commit.time.seconds, commit.id));
        Ok(Fork { base, bases: bases.len(), ours: self.commit(ours)?, theirs: self.commit(theirs)?, merged })
    }

    fn two_parents(&self, id: ObjectId) -> Result<[ObjectId; 2], GitError> {
        self.parents(id)?.try_into().map_err(|parents: Vec<_>| match parents.len() {
            0 if self.is_shallow() => GitError::TooShallow { id },
            parents => GitError::NoMerge { id, parents },
        })
    }

    /// The commit of a name: a branch, tag or other reference, or an id of at least four characters, each with any number
    /// of `~N` and `^N`; HEAD where it is empty.
    pub fn resolve(&self, name: &str) -> Result<ObjectId, GitError> {
        let (start, mut steps) = name.split_at(name.find(['~', '^']).unwrap_or(name.len()));
        let unknown = || GitError::Unknown { name: name.to_owned() };
        let mut id = self.named(if start.is_empty() { "HEAD" } else { start })?.ok_or_else(unknown)?;
        while let Some(sign) = steps.chars().next() {
            let rest = &steps[sign.len_utf8()..];
            let (digits, others) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()));
            let count: usize = if digits.is_empty() { 1 } else { digits.parse().map_err(|_| unknown())? };
            id = self.step(id, sign, count)?.ok_or_else(unknown)?;
            steps = others;
        }
        Ok(id)
    }

    /// The commit that a name stands for, or a tag of it does; none of other objects.
    fn named(&self, name: &str) -> Result<Option<ObjectId>, GitError> {
        let Some(id) = self.named_object(name)? else { return Ok(None) };
        Ok(self.object(id)?.and_then(|object| object.peel_to_commit().ok()).map(|commit| commit.id))
    }

    fn named_object(&self, name: &str) -> Result<Option<ObjectId>, GitError> {
        if let Ok(id) = ObjectId::from_hex(name.as_bytes()) {
            return Ok(Some(id));
        }
        let unresolved = |cause| GitError::Reference { name: name.to_owned(), cause };
        if let Some(reference) = self.git().try_find_reference(name).map_err(unresolved)? {
            return Ok(Some(reference.into_fully_peeled_id().map_err(unresolved)?.detach()));
        }
        let prefix = gix::hash::Prefix::from_hex(name).ok().filter(|_| name.len() >= ABBREVIATION_MIN);
        let found = prefix.and_then(|prefix| self.git().objects.lookup_prefix(prefix, None).ok().flatten());
        found.transpose().map_err(|()| GitError::Ambiguous { name: name.to_owned() })
    }

    /// `~N`: N first parents up; `^N`: the Nth parent, `^0` the commit itself.
    fn step(&self, id: ObjectId, sign: char, count: usize) -> Result<Option<ObjectId>, GitError> {
        match (sign, count) {
            ('~' | '^', 0) => Ok(Some(id)),
            ('^', nth) => Ok(self.parents(id)?.get(nth - 1).copied()),
            ('~', count) => {
                let mut at = Some(id);
                for _ in 0..count {
                    let Some(id) = at else { break };
                    at = self.parents(id)?.first().copied();
                }
                Ok(at)
            }
            _ => Ok(None),
        }
    }
}
