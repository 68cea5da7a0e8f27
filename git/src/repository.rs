//! The door to a git repository: a worktree, a linked worktree, a bare repository, a folder inside one, a shallow or
//! partial clone.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use gix::discover::upwards::{self, TrustPolicy};
use gix::hashtable::HashMap;
use gix::odb::pack::cache::lru::MemoryCappedHashmap;
use gix::sec::{Trust, trust::Mapping};
use gix::{Object, ObjectId, ThreadSafeRepository};
use quorate_ledger::Limits;

use super::{Commit, GitError};

/// Bytes of decoded objects kept in memory: the folders that consecutive commits share.
const OBJECT_CACHE_BYTES: usize = 32 << 20;

/// Bytes of intermediate results kept in memory while packed objects are put together.
const PACK_CACHE_BYTES: usize = 32 << 20;

/// Contents whose size is remembered, at about 50 bytes each; then they are looked up again.
const SIZES_MAX: usize = 1 << 20;

/// Bytes of memory that the list of what one comparison finds may take: some millions of files. A few folders in each other
/// that hold the same one often name more files than any memory has room for.
const COMPARED_BYTES_MAX: usize = 512 << 20;

/// A branch, or a HEAD that is on none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Its name without `refs/heads/`; `HEAD` when HEAD is on no branch.
    pub name: String,
    /// Its newest commit.
    pub tip: ObjectId,
}

/// A git repository, opened for reading. Belongs to one thread at a time.
pub struct Repository {
    git: gix::Repository,
    /// Ends of a shallow clone: these commits count as roots. Sorted.
    shallow: Vec<ObjectId>,
    /// Bytes that a file may have; a larger one is left out.
    file_bytes_max: u64,
    /// Bytes that the list of what one comparison finds may take.
    pub(super) compared_bytes_max: usize,
    /// Sizes of contents, none for a missing one.
    sizes: RefCell<HashMap<ObjectId, Option<u64>>>,
}

impl Repository {
    /// Opens the repository at `path`, or the one that `path` lies in, whoever owns it.
    ///
    /// Reads no configuration but the repository's own, no environment, and runs no program: what git guards against
    /// in repositories of others cannot happen here.
    pub fn open(path: &Path) -> Result<Self, GitError> {
        let isolated = gix::open::Options::isolated();
        let options = upwards::Options { trust: TrustPolicy::Assume(Trust::Full), ..Default::default() };
        let mapping = Mapping { full: isolated.clone(), reduced: isolated };
        let git = ThreadSafeRepository::discover_opts(path, options, mapping).map_err(|cause| {
            GitError::of_hash(path, &cause).unwrap_or_else(|| GitError::Open { path: path.to_owned(), cause })
        })?;
        let git = git.to_thread_local();
        GitError::unless_files(&git, path)?;
        Self::new(git)
    }

    fn new(mut git: gix::Repository) -> Result<Self, GitError> {
        git.object_cache_size(OBJECT_CACHE_BYTES);
        git.objects.set_pack_cache(|| Box::new(MemoryCappedHashmap::new(PACK_CACHE_BYTES)));
        let boundary = git.shallow_commits().map_err(|cause| GitError::Shallow { cause })?;
        let mut shallow: Vec<ObjectId> = boundary.iter().flat_map(|commits| commits.iter().copied()).collect();
        shallow.sort_unstable();
        let file_bytes_max = Limits::default().file_bytes_max;
        let (compared_bytes_max, sizes) = (COMPARED_BYTES_MAX, RefCell::default());
        Ok(Self { git, shallow, file_bytes_max, compared_bytes_max, sizes })
    }

    /// The same, with the bytes that a file of the group may have; larger ones are left out.
    pub fn with_file_limit(self, file_bytes_max: u64) -> Self {
        Self { file_bytes_max, ..self }
    }

    /// The repository's git folder: where its objects and branches are.
    pub fn git_dir(&self) -> PathBuf {
        self.git.common_dir().to_owned()
    }

    /// Branch that is checked out.
    pub fn head(&self) -> Result<Branch, GitError> {
        let unresolved = |cause| GitError::Reference { name: "HEAD".to_owned(), cause };
        let head = self.git.head().map_err(unresolved)?;
        if head.is_unborn() {
            return Err(GitError::Unborn { path: self.git_dir() });
        }
        let name = head.referent_name().map_or_else(|| "HEAD".to_owned(), |name| name.shorten().to_string());
        let tip = head.into_peeled_id().map_err(unresolved)?.detach();
        Ok(Branch { name, tip })
    }

    /// The local branch of a name, if there is one.
    pub fn branch(&self, name: &str) -> Result<Option<Branch>, GitError> {
        let unresolved = |cause| GitError::Reference { name: name.to_owned(), cause };
        self.git.try_find_reference(&format!("refs/heads/{name}")).map_err(unresolved)?.map(ended).transpose()
    }

    /// The local branches, by name; behind them, why others cannot be resolved.
    pub fn branches(&self) -> Result<Vec<Result<Branch, GitError>>, GitError> {
        let unresolved = |cause| GitError::Reference { name: "refs/heads".to_owned(), cause };
        let references = self.git.references().map_err(unresolved)?;
        let references = references.local_branches().map_err(unresolved)?;
        let mut branches: Vec<_> = references.map(|reference| reference.map_err(unresolved).and_then(ended)).collect();
        branches.sort_by_key(|branch| (branch.is_err(), branch.as_ref().ok().map(|branch| branch.name.clone())));
        Ok(branches)
    }

    /// A commit without its files.
    pub fn commit(&self, id: ObjectId) -> Result<Commit, GitError> {
        let object = self.commit_object(id)?;
        Commit::read(id, &object.data, self.parents_in(&object))
    }

    /// A commit's parents in order; none of a root and where a shallow clone ends.
    pub fn parents(&self, id: ObjectId) -> Result<Vec<ObjectId>, GitError> {
        Ok(self.parents_in(&self.commit_object(id)?))
    }

    fn commit_object(&self, id: ObjectId) -> Result<Object<'_>, GitError> {
        self.object(id)?.ok_or(GitError::CommitMissing { id })
    }

    fn parents_in(&self, commit: &Object<'_>) -> Vec<ObjectId> {
        if self.is_cut(commit.id) {
            return Vec::new();
        }
        gix::objs::CommitRefIter::from_bytes(&commit.data, commit.id.kind()).parent_ids().collect()
    }

    /// The content of a file, or the target of a link.
    pub fn content(&self, blob: ObjectId) -> Result<Vec<u8>, GitError> {
        let object = self.object(blob)?.ok_or(GitError::ContentMissing { id: blob })?;
        Ok(object.detach().data)
    }

    pub(super) fn git(&self) -> &gix::Repository {
        &self.git
    }

    /// Whether a shallow clone ends with this commit.
    pub fn is_cut(&self, id: ObjectId) -> bool {
        self.shallow.binary_search(&id).is_ok()
    }

    /// Whether a shallow clone ends somewhere.
    pub(super) fn is_shallow(&self) -> bool {
        !self.shallow.is_empty()
    }

    pub(super) fn file_bytes_max(&self) -> u64 {
        self.file_bytes_max
    }

    /// Length of a content in bytes; none if the repository does not have it.
    pub(super) fn size(&self, blob: ObjectId) -> Result<Option<u64>, GitError> {
        if let Some(&size) = self.sizes.borrow().get(&blob) {
            return Ok(size);
        }
        let header = self.git.try_find_header(blob).map_err(|cause| GitError::Unreadable { id: blob, cause })?;
        let size = header.filter(|header| header.kind() == gix::objs::Kind::Blob).map(|header| header.size());
        let mut sizes = self.sizes.borrow_mut();
        if sizes.len() == SIZES_MAX {
            sizes.clear();
        }
        sizes.insert(blob, size);
        Ok(size)
    }

    /// A folder's object; none if there is no folder, or the repository does not have it.
    pub(super) fn folder(&self, id: Option<ObjectId>) -> Result<Option<Object<'_>>, GitError> {
        id.map_or(Ok(None), |id| self.object(id))
    }

    pub(super) fn object(&self, id: ObjectId) -> Result<Option<Object<'_>>, GitError> {
        self.git.try_find_object(id).map_err(|cause| GitError::Unreadable { id, cause })
    }
}

/// Branch of a reference.
fn ended(reference: gix::Reference<'_>) -> Result<Branch, GitError> {
    let name = reference.name().shorten().to_string();
    match reference.into_fully_peeled_id() {
        Ok(tip) => Ok(Branch { name, tip: tip.detach() }),
        Err(cause) => Err(GitError::Reference { name, cause }),
    }
}
