//! The author's own view: what a change was made on, before any merging.

use crate::state::chain::{self, Link};
use crate::state::overlay::Overlay;
use crate::state::record::{FileRecord, ViewRecord};
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
    parent: Option<EnvelopeId>,
    link: Option<Link>,
    written: BTreeMap<String, Option<File>>,
}

impl AuthorView {
    /// The view of somebody who read a revision.
    pub(crate) fn of_revision(first: Revision) -> Self {
        Self { first, parent: None, link: None, written: BTreeMap::new() }
    }

    /// The view that an earlier envelope left.
    pub(crate) fn of_envelope(id: EnvelopeId, first: Revision, link: Link) -> Self {
        Self { first, parent: Some(id), link: Some(link), written: BTreeMap::new() }
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
        let key = tree::key_of(&name::file(path));
        if let Some(link) = &self.link
            && let Some(written) = chain::written(overlay.stored(), link, &key)?
        {
            return Ok(written);
        }
        let current: Option<FileRecord> = overlay.get(domain, &name::file(path))?;
        if current.is_none() {
            return Ok(None); // within the horizon nothing ever stood there
        }
        let version = versions::at(overlay, (domain, &key), current.as_ref(), self.first)?;
        Ok(version.and_then(|(_, file)| file))
    }

    /// Lays an operation over it.
    pub(crate) fn write(&mut self, path: &str, file: Option<File>) {
        self.written.insert(path.to_owned(), file);
    }

    /// Record that the next envelope of the chain needs.
    pub(crate) fn into_record(self) -> ViewRecord {
        ViewRecord { first: self.first, parent: self.parent, writes: self.written.into_iter().collect() }
    }
}
