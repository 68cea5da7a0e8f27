//! News of requests for locks, for people.

use super::StateView;
use crate::lock::LockNews;
use crate::state::store::{StoreError, Table};
use crate::state::{entry, rows};
use crate::vocabulary::revision::Revision;
use core::ops::ControlFlow;

impl<'a> StateView<'a> {
    /// News of requests for locks in all domains after one revision and not after another, in order. Requests that
    /// ended by themselves are told at the end of their slot.
    pub fn lock_news(&self, after: Revision, until: Revision) -> Result<Vec<LockNews>, StoreError> {
        let (from, to) = (rows::lock_news(after, u32::MAX), rows::lock_news(until, u32::MAX));
        let (mut found, mut failed) = (Vec::new(), None);
        self.read.scan(Table::Archive, &from, &to, &mut |_, news| {
            match entry::value_of(news) {
                Ok(news) => found.push(news),
                Err(error) => failed = Some(error),
            }
            if failed.is_none() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        failed.map_or(Ok(found), Err)
    }
}
