//! Analysis of a conflict by a replica: a function of the state, so every honest replica says the same.

use super::StateView;
use crate::apply::{kind, merge_options, mode};
use crate::format::analysis::{ANALYSIS_BYTES_MAX, ANALYSIS_REASON_BYTES_MAX, Analysis};
use crate::format::constants::GROUP;
use crate::state::conflict_log::Actor;
use crate::state::domain::Domain;
use crate::state::record::{ConflictRecord, Side, WorkOwed};
use crate::state::rules::merging;
use crate::state::store::{StoreError, Table};
use crate::state::work::WORK_MAX;
use crate::state::{entry, name, rows};
use crate::vocabulary::file::{File, Mode};
use crate::vocabulary::ids::ConflictId;
use crate::vocabulary::shelter::sheltered;
use quorate_pbft::{PublicKey, Time};
use quorate_semantic::{Conflict, Entry, EntryOutcome, Piece, Reason, merge_entries};

/// Ledger time at which nothing was settled.
const NEVER: Time = Time::new(u64::MAX);

impl<'a> StateView<'a> {
    /// Whether an analysis by a replica would be looked at: the conflict is open, and the replica has brought none.
    pub fn awaits_analysis(&self, id: &ConflictId, replica: &PublicKey) -> Result<bool, StoreError> {
        self.awaited_analysis(id, replica, NEVER)
    }

    /// The same, or the conflict was settled at this ledger time or later.
    pub fn awaited_analysis(&self, id: &ConflictId, replica: &PublicKey, since: Time) -> Result<bool, StoreError> {
        let (found, voice) = (self.conflict_since(id, since)?, Actor::Replica(*replica));
        Ok(found.is_some_and(|(_, record)| !record.supporters.values().any(|of| of.contains(&voice))))
    }

    /// Whether a conflict is open, or was settled at this ledger time or later.
    pub fn has_conflict(&self, id: &ConflictId, since: Time) -> Result<bool, StoreError> {
        Ok(self.conflict_since(id, since)?.is_some())
    }

    /// Whether a member owes so much work at a time that its analyses do nothing; before rules 16 none does.
    pub fn owes_too_much(&self, member: &PublicKey, now: Time) -> Result<bool, StoreError> {
        let owed: Option<WorkOwed> = entry::load(self.read, GROUP, &name::work_of_member(member))?;
        Ok(owed.is_some_and(|owed| self.ledger.owed(&owed, now) >= WORK_MAX))
    }

    fn conflict_since(&self, id: &ConflictId, since: Time) -> Result<Option<(&Domain, ConflictRecord)>, StoreError> {
        let Some(domain) = self.domain_of(id)?.and_then(|domain| self.ledger.domain(&domain)) else { return Ok(None) };
        let record: Option<ConflictRecord> = entry::load_ever(self.read, domain.record.number, &name::conflict(id))?;
        let is_gone = |record: &ConflictRecord| record.settled.as_ref().is_some_and(|settled| settled.time < since);
        Ok(record.filter(|record| !is_gone(record)).map(|record| (domain, record)))
    }

    /// The analyser's best proposal for an open conflict, from its first two sides; none where it knows nothing better
    /// than the sides themselves, and where contents are larger than an item of a lane may be.
    pub fn analyse(&self, id: &ConflictId) -> Result<Option<Analysis>, StoreError> {
        let Some((domain, record)) = self.conflict_since(id, NEVER)? else { return Ok(None) };
        let side =
            |place| entry::load_row::<Side>(self.read, Table::Past, &rows::side(domain.record.number, id, place));
        let (Some(first), Some(second)) = (side(0)?, side(1)?) else { return Ok(None) };
        let files = [record.base, first.file, second.file];
        let is_small = files.iter().flatten().all(|file| file.size <= ANALYSIS_BYTES_MAX as u64);
        if !is_small || first.path != record.path || second.path != record.path {
            return Ok(None);
        }
        let [base, ours, theirs] = [self.bytes(record.base)?, self.bytes(first.file)?, self.bytes(second.file)?];
        let entries = (side_entry(&base), side_entry(&ours), side_entry(&theirs));
        let options = merge_options(domain.record.policy.rule(&record.path), merging(self.ledger.rules()));
        let merge = || merge_entries(entries.0, entries.1, entries.2, &record.path, &options);
        let Some(outcome) = sheltered(merge) else { return Ok(None) };
        let proposal = match outcome {
            EntryOutcome::Clean { entry: Some((found, bytes)), rung } => {
                let why =
                    format!("the merge ladder makes one of them (rung `{}`), and the policy asks first", rung.name());
                Some((mode(found), bytes, why))
            }
            EntryOutcome::Clean { entry: None, .. } => None,
            EntryOutcome::Conflict(conflict) => best(conflict, &files, (ours, theirs)),
        };
        Ok(proposal.map(|(mode, bytes, mut reason)| {
            reason.truncate(ANALYSIS_REASON_BYTES_MAX); // our own words: ASCII, and far below
            Analysis { conflict: *id, file: Some((mode, bytes)), reason }
        }))
    }

    fn bytes(&self, file: Option<File>) -> Result<Option<(File, Vec<u8>)>, StoreError> {
        let Some(file) = file else { return Ok(None) };
        let bytes = self.content(&file.content)?;
        let bytes = bytes.ok_or_else(|| StoreError(format!("content {} is missing", file.content)))?;
        Ok(Some((file, bytes)))
    }
}

type Held = Option<(File, Vec<u8>)>;

fn side_entry(held: &Held) -> Option<Entry<'_>> {
    held.as_ref().map(|(file, bytes)| Entry { kind: kind(file.mode), bytes })
}

/// The best whole file for a conflict: what a rule that the policy does not have would give, or the edited file where
/// the other side deleted it (a deletion can be made again, an edit that is lost cannot).
fn best(
    conflict: Conflict,
    files: &[Option<File>; 3],
    (ours, theirs): (Held, Held),
) -> Option<(Mode, Vec<u8>, String)> {
    let why = why(&conflict);
    if conflict.reason == Reason::DeletedAndEdited {
        let (file, bytes) = ours.or(theirs)?;
        return Some((file.mode, bytes, format!("{why}; keeps the edit, because a deletion can be made again")));
    }
    let mode = files[1].or(files[2])?.mode;
    let is_a_side = |bytes: &[u8]| [&ours, &theirs].into_iter().flatten().any(|(_, side)| side == bytes);
    let is_refused = conflict.check().is_some();
    conflict.proposal.map(|bytes| {
        let how = match (is_refused, is_a_side(&bytes)) {
            (true, _) => "the merge that the check refused, for people to look at",
            (false, true) => "the newer of two versions",
            (false, false) => "both edits of the same lines, word by word",
        };
        (mode, bytes, format!("{why}; proposes {how}"))
    })
}

/// Which rung gave up, which check refused, how far the merge came.
fn why(conflict: &Conflict) -> String {
    let mut words = format!("{} (rung `{}`", conflict.reason.words(), conflict.gave_up.name());
    if let Some(check) = conflict.check() {
        words += &format!(", check `{}`", check.name());
    }
    words += ")";
    let disputed = conflict.pieces.iter().filter(|piece| matches!(piece, Piece::Disputed { .. })).count();
    if disputed > 0 {
        let verb = if disputed == 1 { "is" } else { "are" };
        words += &format!("; {disputed} of {} stretches {verb} disputed", conflict.pieces.len());
    }
    words
}
