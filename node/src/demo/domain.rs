//! Reading a domain back, and holding it against git.

use super::DemoError;
use quorate_client::api::{ConflictEntry, TreeEntry};
use quorate_client::http::Client;
use quorate_git::{Entry, ObjectId, Repository, Tree};
use quorate_ledger::Revision;
use quorate_pbft::{Digest, SeqNum};
use sha2::{Digest as _, Sha256};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

/// More paths than this are looked up in one listing of the whole domain rather than one by one.
const LOOKUPS_MAX: usize = 100;

/// Files of one domain: more than any history has.
const FILES_MAX: usize = 10_000_000;

/// SHA-256 of git's contents, each read once.
pub struct Contents<'r> {
    repository: &'r Repository,
    known: RefCell<HashMap<ObjectId, Digest>>,
}

impl<'r> Contents<'r> {
    pub fn new(repository: &'r Repository) -> Self {
        Self { repository, known: RefCell::default() }
    }

    fn digest(&self, blob: ObjectId) -> Result<Digest, DemoError> {
        if let Some(digest) = self.known.borrow().get(&blob) {
            return Ok(*digest);
        }
        let digest = Digest(Sha256::digest(self.repository.content(blob)?).into());
        self.known.borrow_mut().insert(blob, digest);
        Ok(digest)
    }

    /// Whether the domain has at some path what git has there, and nothing open about it.
    pub fn agree(&self, ours: Option<&TreeEntry>, gits: Option<&Entry>) -> Result<bool, DemoError> {
        Ok(match (ours, gits) {
            (None, None) => true,
            (Some(ours), Some(gits)) => {
                ours.conflict.is_none() && ours.mode == gits.mode.into() && ours.hash == self.digest(gits.blob)?
            }
            _ => false,
        })
    }
}

/// Reader of a domain at one replica.
pub struct DomainReader {
    client: Client,
    domain: String,
    replica: u16,
}

impl DomainReader {
    pub fn new(client: Client, domain: &str, replica: u16) -> Self {
        Self { client, domain: domain.into(), replica }
    }

    /// Returns when this replica has executed the revision: another one may be ahead.
    pub async fn catch_up(&self, revision: Revision) -> Result<(), DemoError> {
        let client = self.client.renewed();
        let mut tries = client.tries();
        while Revision::slot(SeqNum::new(client.status().await?.executed_seq)) < revision {
            tries.pause(format!("replica {} has not executed {revision} yet", self.replica), None).await?;
        }
        Ok(())
    }

    /// Entries at these paths; paths without any are left out.
    pub async fn entries(
        &self,
        paths: impl ExactSizeIterator<Item = &String>,
        at: Option<Revision>,
    ) -> Result<BTreeMap<String, TreeEntry>, DemoError> {
        if paths.len() > LOOKUPS_MAX {
            let mut all = self.tree(at).await?;
            return Ok(paths.filter_map(|path| all.remove_entry(path)).collect());
        }
        let mut found = BTreeMap::new();
        for path in paths {
            let first = self.list(path, at, 1).await?;
            found.extend(first.into_iter().filter(|entry| entry.path == *path).map(|entry| (path.clone(), entry)));
        }
        Ok(found)
    }

    /// Open conflicts by path, also where no file stands any more.
    pub async fn open_conflicts(&self) -> Result<BTreeMap<String, ConflictEntry>, DemoError> {
        let query = [("domain", self.domain.as_str()), ("state", "open")];
        let open: Vec<ConflictEntry> = self.client.renewed().list(&["conflicts"], &query, FILES_MAX).await?;
        Ok(open.into_iter().map(|conflict| (conflict.path.clone(), conflict)).collect())
    }

    /// Files of the domain.
    pub async fn tree(&self, at: Option<Revision>) -> Result<BTreeMap<String, TreeEntry>, DemoError> {
        let all = self.list("", at, FILES_MAX).await?;
        Ok(all.into_iter().map(|entry| (entry.path.clone(), entry)).collect())
    }

    async fn list(&self, prefix: &str, at: Option<Revision>, limit: usize) -> Result<Vec<TreeEntry>, DemoError> {
        let at = at.map(|revision| revision.to_string()).unwrap_or_default();
        let query = [("level", "sequential"), ("prefix", prefix), ("at", at.as_str())];
        Ok(self.client.renewed().list(&["domains", &self.domain, "tree"], &query, limit).await?)
    }

    /// Errs at the first path where the whole domain is not git's tree.
    pub async fn check_tree(&self, contents: &Contents<'_>, commit: ObjectId, tree: &Tree) -> Result<(), DemoError> {
        let ours = self.tree(None).await?;
        let paths = ours.keys().chain(tree.files.keys());
        for path in paths {
            self.check_path(contents, commit, path, ours.get(path), tree.files.get(path))?;
        }
        Ok(())
    }

    /// Errs where the domain has something else at one of these paths than git.
    pub async fn check_paths(
        &self,
        contents: &Contents<'_>,
        commit: ObjectId,
        gits: &BTreeMap<String, Option<Entry>>,
    ) -> Result<(), DemoError> {
        let ours = self.entries(gits.keys(), None).await?;
        for (path, entry) in gits {
            self.check_path(contents, commit, path, ours.get(path), entry.as_ref())?;
        }
        Ok(())
    }

    fn check_path(
        &self,
        contents: &Contents<'_>,
        commit: ObjectId,
        path: &str,
        ours: Option<&TreeEntry>,
        gits: Option<&Entry>,
    ) -> Result<(), DemoError> {
        if contents.agree(ours, gits)? {
            return Ok(());
        }
        let what = match (ours, gits) {
            (None, _) => "nothing is there",
            (Some(_), None) => "git has nothing there",
            (Some(ours), Some(_)) if ours.conflict.is_some() => "a conflict is open",
            _ => "the content or the mode is another",
        };
        let (commit, replica, path) = (commit.to_string(), self.replica, path.to_owned());
        Err(DemoError::Differs { commit, replica, path, what: what.to_owned() })
    }
}
