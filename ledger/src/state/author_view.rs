//! The author's own view: what a change was made on, before any merging.

use crate::state::chain;
use crate::state::overlay::Overlay;
use crate::state::record::{ChainPlace, FileRecord, ViewRecord};
use crate::state::store::StoreError;
use crate::state::{name, tree, versions};
use crate::vocabulary::file::File;
use crate::vocabulary::ids::EnvelopeId;
use crate::vocabulary::revision::Revision;
use std::collections::BTreeMap;

/// A revision with the author's own operations laid over it.
///
/// For a path that the author's chain wrote it has what the last of them wrote; for every other path what stood there
/// in the chain's first revision.
#[derive(Debug, Clone)]
pub(crate) struct AuthorView {
    first: Revision,
    parent: Option<(EnvelopeId, ChainPlace)>,
    written: BTreeMap<String, Option<File>>,
}

impl AuthorView {
    /// The view of somebody who read a revision.
    pub(crate) fn of_revision(first: Revision) -> Self {
        Self { first, parent: None, written: BTreeMap::new() }
    }

    /// The view that an earlier envelope left.
    pub(crate) fn of_envelope(id: EnvelopeId, view: &ViewRecord) -> Self {
        Self { first: view.first, parent: Some((id, view.place)), written: BTreeMap::new() }
    }

    /// The chain's first revision: all that the author has seen of others.
    pub(crate) fn first(&self) -> Revision {
        self.first
    }

    /// File at a path, as the author sees it.
    pub(crate) fn file(&self, overlay: &Overlay, domain: u32, path: &str) -> Result<Option<File>, StoreError> {
        if let Some(written) = self.written.get(path) {
            return Ok(*written);
        }
        let name = name::file(path);
        if let Some((_, place)) = &self.parent
            && let Some(written) = chain::written(&overlay.stored(), place, &tree::key_of(&name))?
        {
            return Ok(written);
        }
        let current: Option<FileRecord> = overlay.get(domain, &name)?;
        if current.is_none() {
            return Ok(None); // within the horizon nothing ever stood there
        }
        let key = tree::key_of(&name);
        let version = versions::at(overlay, (domain, &key), current.as_ref(), self.first)?;
        Ok(version.and_then(|(_, file)| file))
    }

    /// Lays an operation over it.
    pub(crate) fn write(&mut self, path: &str, file: Option<File>) {
        self.written.insert(path.to_owned(), file);
    }

    /// The envelope whose view this one was laid over.
    pub(crate) fn parent(&self) -> Option<EnvelopeId> {
        self.parent.map(|(id, _)| id)
    }

    /// Place of that envelope in the chains of the author.
    pub(crate) fn parent_place(&self) -> Option<&ChainPlace> {
        self.parent.as_ref().map(|(_, place)| place)
    }

    /// Files that its author laid over it, by path.
    pub(crate) fn writes(&self) -> impl Iterator<Item = (&str, File)> {
        self.written.iter().filter_map(|(path, file)| Some((path.as_str(), (*file)?)))
    }

    /// Record that the next envelope of the chain needs.
    pub(crate) fn into_record(self, place: ChainPlace) -> ViewRecord {
        let (first, parent) = (self.first, self.parent());
        ViewRecord { first, parent, place, writes: self.written.into_iter().collect() }
    }
}
