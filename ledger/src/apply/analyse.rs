//! Proposals: what people and the replicas' analysers would make of a conflict.

use super::Applier;
use crate::format::analysis::Analysis;
use crate::format::rules::{DISPUTES_ARE_BOUNDED_SINCE, WORK_OF_ONE_SINCE};
use crate::state::abort::Abort;
use crate::state::author_view::AuthorView;
use crate::state::conflict_log::{Actor, ConflictEventKind};
use crate::state::record::{ConflictRecord, Side};
use crate::state::store::Live;
use crate::state::{name, rows};
use crate::vocabulary::file::{File, Mode};
use crate::vocabulary::ids::ConflictId;
use crate::vocabulary::verdict::Code;
use quorate_pbft::{Digest, PublicKey};

/// Bytes of a suggestion's reason.
const REASON_BYTES_MAX: usize = 4_096;
/// Sides that a conflict may have before nobody may suggest more; from rules 16 on sides that somebody proposes.
const SIDES_MAX: u32 = 256;
/// Proposals of one organisation's authors for one conflict: enough to change one's mind, too few to drown the others.
const PROPOSALS_PER_ORGANISATION_MAX: u32 = 16;

impl Applier<'_, '_> {
    /// Proposes a side to vote for. As nobody's edit, it need not be seen: an author who has not seen it may settle the
    /// conflict all the same.
    pub(super) fn suggest(&mut self, id: &ConflictId, file: Option<(Mode, Digest)>, reason: &str) -> Result<(), Abort> {
        let conflict = self.open_conflict(id)?;
        if reason.len() > REASON_BYTES_MAX {
            let detail = format!("a reason has at most {REASON_BYTES_MAX} bytes");
            return Err(Abort::refused(Code::BadAct, detail));
        }
        self.has_proposals_left(&conflict)?;
        let view = AuthorView::of_revision(self.revision);
        let file = match file {
            Some((mode, content)) => Some(self.named(&conflict.path, mode, content, &view)?),
            None => None,
        };
        for refusal in self.objections_to_proposal(&conflict.path, file.as_ref())? {
            self.refuse_later(refusal);
        }
        self.put_forward(id, Actor::Author(self.author()), file, reason)
    }

    /// Takes an analyser's proposal: once for each conflict, and none that the path's rule does not allow.
    pub(crate) fn analysed(&mut self, replica: PublicKey, analysis: Analysis) -> Result<(), Abort> {
        let id = analysis.conflict;
        let conflict = self.open_conflict(&id)?;
        let voice = Actor::Replica(replica);
        if conflict.supporters.values().any(|supporters| supporters.contains(&voice)) {
            return Err(Abort::refused(Code::BadAct, "a replica proposes once"));
        }
        let file = match analysis.file {
            Some((mode, bytes)) => Some(self.store(&conflict.path, mode, bytes)?),
            None => None,
        };
        if let Some(refusal) = self.objections_to_proposal(&conflict.path, file.as_ref())?.pop() {
            return Err(refusal.into());
        }
        self.put_forward(&id, voice, file, &analysis.reason)
    }

    fn has_proposals_left(&mut self, conflict: &ConflictRecord) -> Result<(), Abort> {
        let made = conflict.proposals.get(self.organisation).copied().unwrap_or(0);
        if made < PROPOSALS_PER_ORGANISATION_MAX {
            return Ok(());
        }
        let detail = format!("{:?} has made {made} proposals for this conflict, and no more", self.organisation);
        Err(Abort::refused(Code::Quota, detail))
    }

    /// Adds a side, or one more supporter to the same side.
    fn put_forward(&mut self, id: &ConflictId, by: Actor, file: Option<File>, reason: &str) -> Result<(), Abort> {
        let path = self.conflict(id)?.path;
        let side = match self.same_side(id, &path, file)? {
            Some(side) => side,
            None => {
                let conflict = self.conflict(id)?;
                let (side, proposed) = (conflict.sides, conflict.supporters.len());
                let (taken, what) = match self.place.rules >= DISPUTES_ARE_BOUNDED_SINCE {
                    true => (proposed, "proposals"),
                    false => (side as usize, "sides"),
                };
                if taken >= SIDES_MAX as usize {
                    return Err(Abort::refused(Code::BadAct, format!("the conflict has {taken} {what}, and no more")));
                }
                let (author, revision, proposed) = (self.author(), self.revision, Some(reason.to_owned()));
                self.add_side(id, Side { author, revision, path, file, proposed }, true)?;
                side
            }
        };
        let mut conflict = self.conflict(id)?;
        if !conflict.supporters.entry(side).or_default().insert(by) {
            return Ok(()); // it said so before
        }
        if matches!(by, Actor::Author(_)) {
            *conflict.proposals.entry(self.organisation.to_owned()).or_default() += 1;
        }
        self.overlay.put_indexed(self.domain, name::conflict(id), Some(&conflict))?;
        Ok(self.tell(id, by, ConflictEventKind::Proposed { side, reason: reason.to_owned() })?)
    }

    /// The first side that says the same, of the oldest ones and of those that somebody has proposed. From rules 16 on each is a
    /// look of the envelope's.
    fn same_side(&mut self, id: &ConflictId, path: &str, file: Option<File>) -> Result<Option<u32>, Abort> {
        let ConflictRecord { sides, supporters, .. } = self.conflict(id)?;
        let counts = self.place.rules >= WORK_OF_ONE_SINCE;
        for index in (0..sides.min(SIDES_MAX)).chain(supporters.into_keys().filter(|side| *side >= SIDES_MAX)) {
            if counts {
                self.take_side(path)?;
            }
            let side: Option<Side> = self.overlay.row(Live::Past, &rows::side(self.domain, id, index))?;
            if side.is_some_and(|side| side.path == path && side.file == file) {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }
}
