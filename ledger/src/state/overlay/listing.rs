//! Files and promises below a path, as the envelope in hand sees them.

use super::Overlay;
use crate::state::store::{Live, ReadLive, StoreError};
use crate::state::{entry, rows};
use crate::vocabulary::ids::TransactionId;
use core::ops::ControlFlow;
use quorate_pbft::Digest;

impl Overlay<'_> {
    /// Whether a file stands at a path as the envelope in hand sees it. Paths that were only asked for are not
    /// remembered: those of the folders above a file are many times as long as its own.
    pub(crate) fn is_listed(&self, domain: u32, path: &str) -> Result<bool, StoreError> {
        Ok(self.bytes(Live::Names, &rows::listed(domain, path))?.is_some())
    }

    /// Whether any file stands below a folder as the envelope in hand sees it.
    pub(crate) fn has_below(&self, domain: u32, folder: &str) -> Result<bool, StoreError> {
        let folder = rows::listed(domain, &format!("{folder}/"));
        if self.full.borrow().as_ref() == Some(&folder) {
            return Ok(true);
        }
        let (from, to) = rows::below_path(&folder);
        let found = self.has_row(Live::Names, &from, &to)?;
        if found {
            self.full.replace(Some(folder));
        }
        Ok(found)
    }

    fn has_row(&self, table: Live, from: &[u8], to: &[u8]) -> Result<bool, StoreError> {
        let mut found = false;
        self.scan(table, from, to, &mut |_, _| {
            found = true;
            ControlFlow::Break(())
        })?;
        Ok(found)
    }

    /// A transaction over several groups that has promised to write something below a path.
    pub(crate) fn promise_below(&self, domain: u32, path: &str) -> Result<Option<TransactionId>, StoreError> {
        if self.unpromised.get() == Some(domain) {
            return Ok(None);
        }
        let (from, to) = rows::promised_in(domain);
        if !self.has_row(Live::Index, &from, &to)? {
            self.unpromised.set(Some(domain));
            return Ok(None);
        }
        let ((from, to), mut found) = (rows::promised_below(domain, path), None);
        self.scan(Live::Index, &from, &to, &mut |key, _| {
            found = key.last_chunk().map(|id| TransactionId(Digest(*id)));
            ControlFlow::Break(())
        })?;
        Ok(found)
    }

    /// The first `most` files below a folder as the envelope in hand sees them, by their paths.
    pub(crate) fn below(&self, domain: u32, folder: &str, most: usize) -> Result<Vec<String>, StoreError> {
        let prefix = rows::listed(domain, &format!("{folder}/"));
        let (from, to) = rows::below_path(&prefix);
        let mut found = Vec::new();
        self.scan(Live::Names, &from, &to, &mut |key, _| {
            found.push(path_of(key));
            if found.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        found.into_iter().collect()
    }
}

/// The path in a key of [`rows::listed`].
pub(crate) fn path_of(key: &[u8]) -> Result<String, StoreError> {
    let path = key.get(4..).and_then(|path| core::str::from_utf8(path).ok());
    path.map(str::to_owned).ok_or_else(|| entry::damaged("a listed path"))
}
