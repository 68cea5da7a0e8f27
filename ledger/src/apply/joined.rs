//! Bounds of the sides that join a conflict, from rules 16 on.

use super::Applier;
use crate::state::abort::Abort;
use crate::state::record::{ConflictRecord, Side};
use crate::state::rows;
use crate::state::store::Live;
use crate::vocabulary::ids::ConflictId;
use crate::vocabulary::revision::Revision;
use crate::vocabulary::verdict::{Code, TOO_MUCH};
use quorate_pbft::{Digest, hash};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// Envelopes of one organisation that join one conflict: enough for a chain that was written without a network, too few to keep
/// others for ever from having seen the newest side.
const JOINS_PER_ORGANISATION_MAX: usize = 64;
/// Sides that they have together: a new folder may meet a file with all of its own.
const SIDES_PER_ORGANISATION_MAX: u32 = 4_096;

/// Sides of a conflict that the envelope has looked at.
#[derive(Default)]
pub(super) struct Joined {
    seen: u32,
    /// Digests of paths and files, as paths may be long.
    made: BTreeSet<Digest>,
    /// Revisions at which the author's organisation joined, and its sides.
    own: BTreeSet<Revision>,
    sides: u32,
}

impl Applier<'_, '_> {
    /// Whether no author has made the same of an open conflict. Refuses more than an organisation may have in it.
    pub(super) fn is_new_side(&mut self, id: &ConflictId, made: &Side) -> Result<bool, Abort> {
        let conflict = self.conflict(id)?;
        let mut joined = self.joined.remove(id).unwrap_or_default();
        self.look_at_sides(id, &conflict, &mut joined)?;
        let whose = format_args!("{:?} has joined its conflict", self.organisation);
        if joined.own.len() >= JOINS_PER_ORGANISATION_MAX && !joined.own.contains(&self.revision) {
            let why = format!("{whose} {JOINS_PER_ORGANISATION_MAX} times, and may no more until it is settled");
            return Err(Abort::at(Code::Quota, &conflict.path, &why));
        }
        if joined.sides >= SIDES_PER_ORGANISATION_MAX {
            let why = format!("{whose} with {SIDES_PER_ORGANISATION_MAX} sides, and may with no more");
            return Err(Abort::at(Code::Quota, &conflict.path, &why));
        }
        let is_new = !joined.made.contains(&digest_of(made));
        self.joined.insert(*id, joined);
        Ok(is_new)
    }

    /// Takes a look at a side of a conflict at this path.
    pub(super) fn take_side(&mut self, path: &str) -> Result<(), Abort> {
        match self.budget.take_side() {
            true => Ok(()),
            false => Err(Abort::at(Code::Quota, path, &format!("the envelope asks for more sides {TOO_MUCH}"))),
        }
    }

    /// Looks at the sides that have come since the last look.
    fn look_at_sides(&mut self, id: &ConflictId, conflict: &ConflictRecord, joined: &mut Joined) -> Result<(), Abort> {
        let mut organisations = BTreeMap::new();
        for index in joined.seen..conflict.sides {
            self.take_side(&conflict.path)?;
            let side: Option<Side> = self.overlay.row(Live::Past, &rows::side(self.domain, id, index))?;
            let Some(side) = side.filter(|side| side.proposed.is_none()) else { continue };
            joined.made.insert(digest_of(&side));
            let organisation = match organisations.entry(side.author) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => place.insert(self.organisation_of(&side.author)?),
            };
            if side.revision >= conflict.since && organisation.as_deref() == Some(self.organisation) {
                joined.own.insert(side.revision);
                joined.sides += 1;
            }
        }
        joined.seen = conflict.sides;
        Ok(())
    }
}

/// Digest of what a side has, and where.
fn digest_of(side: &Side) -> Digest {
    hash("quorate/v1/made", &(&side.path, side.file))
}
