//! The lock manager: everything that changes a line, and everything that is written with it.

use super::line::{Ask, At, Turn, above, named, related};
use super::record::{Held, LockNode, LockRequest, LockTable, Wanted};
use super::{
    AuthorLocks, LeftLine, REQUESTS_PER_AUTHOR_MAX, REQUESTS_PER_DOMAIN_MAX, REQUESTS_PER_ORGANISATION_MAX,
    WAITING_PER_DOMAIN_MAX, WAITING_PER_ORGANISATION_MAX, circle,
};
use crate::format::constants::GROUP;
use crate::format::rules::{BRANCHES_SINCE, ROOM_IS_SHARED_SINCE};
use crate::state::abort::Abort;
use crate::state::overlay::Overlay;
use crate::state::store::{Live, ReadLive, StoreError};
use crate::state::{name, rows};
use crate::vocabulary::lock::{LockEnd, LockMode, LockStep};
use crate::vocabulary::path::Shown;
use crate::vocabulary::revision::Revision;
use crate::vocabulary::verdict::Code;
use borsh::{BorshDeserialize, BorshSerialize};
use core::ops::ControlFlow;
use quorate_pbft::{PublicKey, Time};
use std::collections::BTreeSet;

/// Authors of a circle that a refusal names, so that it stays small.
const AUTHORS_SHOWN: usize = 4;

/// The line of one domain while an envelope, or a lease that is over, changes it.
pub(crate) struct Manager<'a, 's> {
    pub(crate) overlay: &'a mut Overlay<'s>,
    pub(crate) domain: u32,
    /// Rules of the epoch.
    pub(crate) rules: u32,
    pub(crate) now: Time,
    pub(crate) revision: Revision,
    pub(crate) changes: &'a mut Vec<LockChange>,
}

/// Step of a request, for observers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LockChange {
    pub(crate) domain: u32,
    pub(crate) path: String,
    pub(crate) author: PublicKey,
    pub(crate) step: LockStep,
}

/// Step of a request, as it is kept for readers. No execution depends on it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct LockNews {
    /// The revision that did it; the end of the slot where no envelope did.
    pub revision: Revision,
    /// Ledger time of its slot.
    pub time: Time,
    /// The domain.
    pub domain: String,
    /// The path; empty for the root.
    pub path: String,
    /// Author of the request.
    pub author: PublicKey,
    /// Step of the request.
    pub step: LockStep,
}

/// Request of an author, as it comes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) author: PublicKey,
    pub(crate) organisation: &'a str,
    pub(crate) path: &'a str,
    pub(crate) mode: LockMode,
    pub(crate) lease_ms: u64,
    pub(crate) wait_ms: u64,
}

/// Answer to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placed {
    /// The lock.
    Held(Held),
    /// A place in line.
    Waits,
}

impl Manager<'_, '_> {
    /// Asks for a lock: grants or renews it, or takes the author into the line. Circles are looked for within these steps.
    pub(crate) fn acquire(&mut self, asked: &Asked, steps: &mut u64) -> Result<Placed, Abort> {
        self.expire(asked.path, &asked.author)?;
        let known = self.node(asked.path)?.of(&asked.author).cloned();
        match known {
            Some(LockRequest { wants: Some(wants), .. }) if wants.mode.join(asked.mode) == wants.mode => {
                Ok(Placed::Waits)
            }
            Some(LockRequest { wants: Some(wants), .. }) => {
                let why = format!("it waits for {:?} there already: release that first", wants.mode);
                Err(locked(asked.path, &why))
            }
            Some(LockRequest { held: Some(held), .. }) if held.mode.join(asked.mode) == held.mode => {
                self.renew(asked, held)
            }
            Some(request) => self.ask(asked, request, steps),
            None => {
                self.has_room(asked)?;
                let (author, organisation) = (asked.author, asked.organisation.to_owned());
                self.ask(asked, LockRequest { author, organisation, held: None, wants: None }, steps)
            }
        }
    }

    /// Gives back what the author holds or awaits at a path.
    pub(crate) fn release(&mut self, path: &str, author: &PublicKey) -> Result<(), Abort> {
        self.expire(path, author)?;
        if self.node(path)?.of(author).is_none() {
            return Err(locked(path, &format!("{author} neither holds it nor stands in line for it")));
        }
        self.write(path, author, None)?;
        self.tell(path, author, LockStep::Released);
        Ok(self.promote(path)?)
    }

    /// Takes away what an author holds or awaits at a path, where its time is over.
    pub(crate) fn expire(&mut self, path: &str, author: &PublicKey) -> Result<(), StoreError> {
        let Some(request) = self.node(path)?.of(author).cloned() else {
            return Ok(());
        };
        let lease_over = request.held.is_some_and(|held| held.until <= self.now);
        let waited = request.wants.is_some_and(|wants| wants.until <= self.now);
        match (lease_over, waited) {
            (true, _) => self.leave(path, author, None, LockEnd::Lease),
            (false, true) => {
                let rest = request.held.is_some().then_some(LockRequest { wants: None, ..request });
                self.leave(path, author, rest, LockEnd::Waited)
            }
            (false, false) => Ok(()),
        }
    }

    /// The time of what these authors hold or await at a path is over now.
    pub(crate) fn end(&mut self, path: &str, is_theirs: impl Fn(&LockRequest) -> bool) -> Result<(), StoreError> {
        let mut node = self.node(path)?;
        for request in node.requests.iter_mut().filter(|request| is_theirs(request)) {
            request.held = request.held.map(|held| Held { until: held.until.min(self.now), ..held });
            request.wants = request.wants.map(|wants| Wanted { until: wants.until.min(self.now), ..wants });
        }
        let node = Some(&node).filter(|node| !node.requests.is_empty());
        self.overlay.put_indexed(self.domain, name::lock(path), node)
    }

    /// Count of the requests of the whole domain.
    pub(crate) fn requests(&self) -> Result<u32, StoreError> {
        Ok(self.table()?.requests)
    }

    /// Requests of the whole domain, held or waiting, with their paths.
    pub(crate) fn line(&self) -> Result<Vec<(String, LockRequest)>, StoreError> {
        let all = related(self.overlay, self.domain, "")?;
        Ok(all.into_iter().map(|at| (at.path, at.request)).collect())
    }

    fn leave(
        &mut self,
        path: &str,
        author: &PublicKey,
        rest: Option<LockRequest>,
        why: LockEnd,
    ) -> Result<(), StoreError> {
        self.write(path, author, rest)?;
        let mut known = self.locks_of(author)?;
        known.note(LeftLine { domain: self.domain, path: path.to_owned(), why, at: self.now });
        self.overlay.put(GROUP, name::author_locks(author), &known);
        self.tell(path, author, LockStep::Left(why));
        self.promote(path)
    }

    /// Grants what others do not stand in the way of; else it waits, if its author wants to.
    fn ask(&mut self, asked: &Asked, request: LockRequest, steps: &mut u64) -> Result<Placed, Abort> {
        let held = request.held;
        let mode = held.map_or(asked.mode, |held| held.mode.join(asked.mode));
        let turn = Turn::last(held.is_some());
        let ask = Ask { author: &asked.author, path: asked.path, mode, turn };
        let related = related(self.overlay, self.domain, asked.path)?;
        let in_the_way = related.iter().find(|other| other.blocks(&ask));
        let awaited = self.awaited(asked.path, mode)?;
        let placed = match in_the_way {
            None if awaited.is_none() => Placed::Held(self.grant(asked.path, request, mode, asked.lease_ms)?),
            Some(other) if asked.wait_ms == 0 => {
                let whose = &other.request;
                let what = if whose.held.is_some() { "has locked" } else { "waits for" };
                let who = named(self.overlay, &whose.author)?;
                let why = format!("{who} of {:?} {what} {}", whose.organisation, Shown(&other.path));
                return Err(locked(asked.path, &why));
            }
            None if asked.wait_ms == 0 => {
                let named = awaited.filter(|_| self.rules >= BRANCHES_SINCE);
                let place = named.map_or_else(|| "there".to_owned(), |path| format!("at {}", Shown(&path)));
                return Err(locked(asked.path, &format!("the end of a conflict {place} has to take effect first")));
            }
            _ => self.queue(asked, request, mode)?,
        };
        self.break_circles(asked, steps)?;
        Ok(placed)
    }

    fn grant(&mut self, path: &str, request: LockRequest, mode: LockMode, lease_ms: u64) -> Result<Held, StoreError> {
        let mut table = self.table()?;
        table.tokens += 1;
        self.overlay.put(self.domain, name::LOCKS.to_vec(), &table);
        let over = after(self.now, lease_ms);
        let until = request.held.map_or(over, |held| held.until.max(over));
        let held = Held { mode, token: table.tokens, since: self.revision, until };
        let author = request.author;
        self.write(path, &author, Some(LockRequest { held: Some(held), wants: None, ..request }))?;
        self.tell(path, &author, LockStep::Granted(held.token));
        Ok(held)
    }

    fn queue(&mut self, asked: &Asked, request: LockRequest, mode: LockMode) -> Result<Placed, Abort> {
        let mut table = self.table()?;
        if table.waiting >= WAITING_PER_DOMAIN_MAX {
            let detail = format!("{} requests wait in this domain already", table.waiting);
            return Err(Abort::refused(Code::Quota, detail));
        }
        self.has_room_in_line(asked)?;
        table.tickets += 1;
        self.overlay.put(self.domain, name::LOCKS.to_vec(), &table);
        let (ticket, since, until) = (table.tickets, self.revision, after(self.now, asked.wait_ms));
        let wants = Some(Wanted { mode, ticket, since, until, lease_ms: asked.lease_ms });
        self.write(asked.path, &asked.author, Some(LockRequest { wants, ..request }))?;
        self.tell(asked.path, &asked.author, LockStep::Waits);
        Ok(Placed::Waits)
    }

    /// Whether the author's organisation may have one request more in line, from rules 16 on.
    fn has_room_in_line(&self, asked: &Asked) -> Result<(), Abort> {
        if self.rules < ROOM_IS_SHARED_SINCE {
            return Ok(());
        }
        let waits = |request: &LockRequest| request.wants.is_some() && request.organisation == asked.organisation;
        let ours = self.line()?.iter().filter(|(_, request)| waits(request)).count();
        if ours < WAITING_PER_ORGANISATION_MAX {
            return Ok(());
        }
        let detail = format!("{ours} requests of {:?} wait in this domain already", asked.organisation);
        Err(Abort::refused(Code::Quota, detail))
    }

    /// Lets the lease begin again, as long as nobody waits for it to be over.
    fn renew(&mut self, asked: &Asked, held: Held) -> Result<Placed, Abort> {
        let related = related(self.overlay, self.domain, asked.path)?;
        let mine = related.iter().find(|at| at.path == asked.path && at.request.author == asked.author);
        let waits = |other: &&At| mine.zip(other.ask()).is_some_and(|(mine, ask)| mine.blocks(&ask));
        if let Some(other) = related.iter().find(waits) {
            let why = format!("{} waits for it, so the lease is not renewed", other.request.author);
            return Err(locked(asked.path, &why));
        }
        if self.awaited(asked.path, held.mode)?.is_some() {
            return Err(locked(asked.path, "the end of a conflict waits for it, so the lease is not renewed"));
        }
        let held = Held { until: held.until.max(after(self.now, asked.lease_ms)), ..held };
        let request = mine.map(|mine| LockRequest { held: Some(held), ..mine.request.clone() });
        self.write(asked.path, &asked.author, request)?;
        Ok(Placed::Held(held))
    }

    /// Path at which the decided end of a conflict waits to be written, where this lock would keep writers out.
    fn awaited(&self, path: &str, mode: LockMode) -> Result<Option<String>, StoreError> {
        let ranges = rows::held_up_under(self.domain, path);
        self.first_held_up(ranges.into_iter().filter(|_| mode.keeps_writers_out()))
    }

    /// Path of a decided conflict that waits, in one of these ranges of rows.
    pub(crate) fn first_held_up(
        &self,
        ranges: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
    ) -> Result<Option<String>, StoreError> {
        let mut found = None;
        for (from, to) in ranges {
            self.overlay.scan(Live::Index, &from, &to, &mut |key, _| {
                found = rows::held_up_path(key);
                ControlFlow::Break(())
            })?;
        }
        Ok(found)
    }

    /// Whether there is room for one request more.
    fn has_room(&self, asked: &Asked) -> Result<(), Abort> {
        let table = self.table()?;
        let ours = table.organisations.get(asked.organisation).copied().unwrap_or(0);
        let mine = self.locks_of(&asked.author)?.places.len();
        let full = [
            (mine >= REQUESTS_PER_AUTHOR_MAX, "author", mine),
            (ours >= REQUESTS_PER_ORGANISATION_MAX, "organisation in this domain", ours as usize),
            (table.requests >= REQUESTS_PER_DOMAIN_MAX, "domain", table.requests as usize),
        ];
        match full.iter().find(|(is_full, ..)| *is_full) {
            Some((_, whose, n)) => Err(Abort::refused(Code::Quota, format!("{n} locks of this {whose} already"))),
            None => Ok(()),
        }
    }

    /// Grants, in the order of the line, whatever a change at `path` has freed.
    pub(crate) fn promote(&mut self, path: &str) -> Result<(), StoreError> {
        if self.table()?.waiting == 0 {
            return Ok(());
        }
        let mut related = related(self.overlay, self.domain, self.topmost_waiting(path)?.unwrap_or(path))?;
        let waiting = |at: &At| at.request.wants.is_some_and(|wants| self.now < wants.until);
        let mut line: Vec<usize> = (0..related.len()).filter(|place| waiting(&related[*place])).collect();
        line.sort_unstable_by_key(|place| related[*place].ask().map(|ask| ask.turn));
        for place in line {
            let at = &related[place];
            let Some(wants) = at.request.wants else { continue };
            if at.ask().is_some_and(|ask| related.iter().any(|other| other.blocks(&ask))) {
                continue;
            }
            if self.awaited(&at.path, wants.mode)?.is_some() {
                continue;
            }
            let (path, request) = (at.path.clone(), at.request.clone());
            let held = self.grant(&path, request, wants.mode, wants.lease_ms)?;
            related[place].request.held = Some(held);
            related[place].request.wants = None;
        }
        Ok(())
    }

    /// The highest folder above a path at which somebody waits.
    fn topmost_waiting<'p>(&self, path: &'p str) -> Result<Option<&'p str>, StoreError> {
        for folder in above(path) {
            if self.node(folder)?.requests.iter().any(|request| request.wants.is_some()) {
                return Ok(Some(folder));
            }
        }
        Ok(None)
    }

    /// Ends every circle that the author is in now. The author's newest request is refused where it is the youngest.
    fn break_circles(&mut self, asked: &Asked, steps: &mut u64) -> Result<(), Abort> {
        loop {
            let circle = circle::around(self.overlay, &asked.author, steps)?;
            let Some(victim) = circle.iter().max_by_key(|waiting| waiting.age()) else { return Ok(()) };
            let (domain, author, path) = (victim.domain, victim.at.request.author, victim.at.path.clone());
            if (domain, author, path.as_str()) == (self.domain, asked.author, asked.path) {
                let who: BTreeSet<String> =
                    circle.iter().map(|waiting| waiting.at.request.author.to_string()).collect();
                let shown: Vec<String> = who.iter().take(AUTHORS_SHOWN).cloned().collect();
                let more = who.len() - shown.len();
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                let why = format!("deadlock: {}{more} would wait for each other", shown.join(", "));
                return Err(locked(asked.path, &why));
            }
            let request = victim.at.request.clone();
            let rest = request.held.is_some().then_some(LockRequest { wants: None, ..request });
            let mut there = Manager { overlay: self.overlay, domain, changes: self.changes, ..*self };
            there.leave(&path, &author, rest, LockEnd::Deadlock)?;
        }
    }

    /// Writes what an author has at a path from now on, and everything that is derived from it.
    pub(super) fn write(&mut self, path: &str, author: &PublicKey, now: Option<LockRequest>) -> Result<(), StoreError> {
        let mut node = self.node(path)?;
        let before = node.of(author).cloned();
        self.count(path, &before, &now)?;
        match now {
            Some(request) => node.set(request),
            None => node.remove(author),
        }
        let node = Some(&node).filter(|node| !node.requests.is_empty());
        self.overlay.put_indexed(self.domain, name::lock(path), node)
    }

    fn count(&mut self, path: &str, before: &Option<LockRequest>, now: &Option<LockRequest>) -> Result<(), StoreError> {
        let mut table = self.table()?;
        let waits = |request: &Option<LockRequest>| request.as_ref().is_some_and(|request| request.wants.is_some());
        table.count_waiting(waits(before), waits(now));
        if before.is_some() != now.is_some()
            && let Some(request) = before.as_ref().or(now.as_ref())
        {
            table.count(&request.organisation, now.is_some());
            let mut known = self.locks_of(&request.author)?;
            if now.is_some() {
                known.add(self.domain, path)
            } else {
                known.remove(self.domain, path)
            }
            self.overlay.put(GROUP, name::author_locks(&request.author), &known);
        }
        self.overlay.put(self.domain, name::LOCKS.to_vec(), &table);
        Ok(())
    }

    pub(super) fn tell(&mut self, path: &str, author: &PublicKey, step: LockStep) {
        self.changes.push(LockChange { domain: self.domain, path: path.to_owned(), author: *author, step });
    }

    fn node(&self, path: &str) -> Result<LockNode, StoreError> {
        Ok(self.overlay.get(self.domain, &name::lock(path))?.unwrap_or_default())
    }

    fn table(&self) -> Result<LockTable, StoreError> {
        Ok(self.overlay.get(self.domain, name::LOCKS)?.unwrap_or_default())
    }

    pub(super) fn locks_of(&self, author: &PublicKey) -> Result<AuthorLocks, StoreError> {
        Ok(self.overlay.get(GROUP, &name::author_locks(author))?.unwrap_or_default())
    }
}

fn after(now: Time, ms: u64) -> Time {
    Time::new(now.get().saturating_add(ms))
}

fn locked(path: &str, why: &str) -> Abort {
    Abort::at(Code::Lock, super::shown(path), why)
}
