//! The line as readers see it. Cost of showing a request is bounded, however long the line is.

use super::line::{At, above};
use super::record::{LockNode, LockRequest};
use crate::state::store::{Read, StoreError, Table};
use crate::state::{entry, name, rows};
use core::ops::ControlFlow;
use quorate_pbft::PublicKey;
use std::collections::BTreeSet;

/// Paths with locks below a folder that are looked at to say whom a request for the folder waits for.
const BELOW_MAX: usize = 64;
/// Authors that a request is said to wait for.
const WAITS_FOR_MAX: usize = 64;

/// Requests that stand in line in a domain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Queue {
    waiting: Vec<At>,
}

/// Place of a request in line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueuePosition {
    /// Among those who wait for what it waits for, from 1.
    pub(crate) place: u32,
    /// Authors that it waits for, ascending: those found within the bounds.
    pub(crate) waits_for: Vec<PublicKey>,
}

impl Queue {
    /// At most [`super::WAITING_PER_DOMAIN_MAX`] requests.
    pub(crate) fn of(read: &dyn Read, domain: u32) -> Result<Self, StoreError> {
        let (from, to) = rows::in_lines(domain);
        let (mut places, mut failed) = (Vec::new(), None);
        read.scan(Table::Index, &from, &to, &mut |_, place| {
            match entry::value_of::<(String, PublicKey)>(place) {
                Ok(place) => places.push(place),
                Err(error) => failed = Some(error),
            }
            if failed.is_none() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        failed.map_or(Ok(()), Err)?;
        let mut waiting = Vec::new();
        for (path, author) in places {
            let request = node(read, domain, &path)?.of(&author).cloned();
            waiting.extend(request.map(|request| At { path, request }));
        }
        Ok(Self { waiting })
    }

    /// Place of a request in line; none for one that does not wait.
    pub(crate) fn position(
        &self,
        read: &dyn Read,
        domain: u32,
        path: &str,
        request: &LockRequest,
    ) -> Result<Option<QueuePosition>, StoreError> {
        let mine = At { path: path.to_owned(), request: request.clone() };
        let Some(ask) = mine.ask() else { return Ok(None) };
        let in_line = self.waiting.iter().filter(|other| other.blocks(&ask));
        let before = in_line.clone().filter(|other| other.ask().is_some_and(|other| other.turn < ask.turn)).count();
        let mut whom: BTreeSet<PublicKey> = in_line.map(|other| other.request.author).collect();
        for place in near(read, domain, path)? {
            let requests = node(read, domain, &place)?.requests.into_iter();
            let there = requests.map(|request| At { path: place.clone(), request });
            whom.extend(there.filter(|other| other.blocks(&ask)).map(|other| other.request.author));
        }
        let waits_for = whom.into_iter().take(WAITS_FOR_MAX).collect();
        Ok(Some(QueuePosition { place: before as u32 + 1, waits_for }))
    }
}

/// A path, the folders above it, and the first paths with locks below it.
fn near(read: &dyn Read, domain: u32, path: &str) -> Result<Vec<String>, StoreError> {
    let mut found: Vec<String> = above(path).chain([path]).map(str::to_owned).collect();
    let folder = if path.is_empty() { String::new() } else { format!("{path}/") };
    let (from, to) = rows::below_path(&rows::locked(domain, &folder));
    let mut looked = 0;
    read.scan(Table::Index, &from, &to, &mut |key, _| {
        found.extend(rows::locked_path(key).filter(|below| !below.is_empty()));
        looked += 1;
        if looked < BELOW_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(found)
}

pub(crate) fn node(read: &dyn Read, domain: u32, path: &str) -> Result<LockNode, StoreError> {
    Ok(entry::load(read, domain, &name::lock(path))?.unwrap_or_default())
}
