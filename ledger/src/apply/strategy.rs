//! Resolution where a path has moved since the base of a change: the policy's strategies, in order.

use super::Applier;
use super::merge::{Disagreement, Merged, ThreeWay};
use crate::format::constants::GROUP;
use crate::format::receipt::{PathOutcome, Rung};
use crate::format::rules::PRINCIPLES_COUNT_SINCE;
use crate::policy::{Principle, Step, Strategy, Takeover};
use crate::state::abort::Abort;
use crate::state::name;
use crate::state::record::{AuthorRecord, FileRecord};
use crate::state::rules::merging;
use crate::state::store::StoreError;
use crate::vocabulary::conflict::{Class, Decider};
use crate::vocabulary::file::File;
use crate::vocabulary::shelter::sheltered;
use crate::vocabulary::verdict::Code;
use quorate_pbft::{PublicKey, Time};
use quorate_semantic::{Input, Options};

/// Why a file with an owner who makes it anew is not merged.
const GENERATED: &str = "it is made from other files, and its owner makes it anew";

/// Fate of an edit.
pub(super) enum Answer {
    /// This stands at the path.
    Set(Option<File>, PathOutcome, Rung),
    /// Dispute, in which all sides are kept.
    Dispute(Disagreement),
}

impl Applier<'_, '_> {
    /// Fate of an edit where `record` is what stands there.
    pub(super) fn answer(&mut self, path: &str, record: &FileRecord, versions: ThreeWay) -> Result<Answer, Abort> {
        let ThreeWay { base, current, made } = versions;
        if current == base {
            return Ok(Answer::Set(made, PathOutcome::Applied, Rung::OneSided));
        }
        let merged = self.checked_merge(path, versions)?;
        if made == base || made == current {
            return Ok(set_merged(merged));
        }
        let steps = self.rule(path)?.map_or(&[][..], |rule| &rule.strategies);
        if steps.is_empty() {
            return Ok(set_merged(merged));
        }
        let class = match &merged {
            Merged::Clean(..) => None,
            Merged::Unclean(why) => Some(why.class),
        };
        for step in steps.iter().filter(|step| step.class.is_none() || step.class == class) {
            match &step.strategy {
                Strategy::Merge if class.is_none() => return Ok(set_merged(merged)),
                Strategy::Merge => (),
                Strategy::Rule(Principle::Regenerate(_)) => {
                    let class = class.unwrap_or(Class::Value);
                    return Ok(Answer::Dispute(Disagreement { class, ..Disagreement::value(GENERATED) }));
                }
                Strategy::Authoritative(_) | Strategy::Rule(_) => {
                    if let Some(answer) = self.decided(path, step, record, versions)? {
                        return Ok(answer);
                    }
                }
                Strategy::Vote(_) | Strategy::Arbitrate(_) => break,
                Strategy::LastWriterWins => return Ok(Answer::Set(made, PathOutcome::Applied, Rung::None)),
                Strategy::Reject => return Err(rejected(path)),
            }
        }
        Ok(Answer::Dispute(match merged {
            Merged::Unclean(why) => why,
            Merged::Clean(..) => Disagreement::value("both sides changed it, and its policy does not merge"),
        }))
    }

    /// A merge that the rule of its path holds against as well.
    fn checked_merge(&mut self, path: &str, versions: ThreeWay) -> Result<Merged, Abort> {
        let ThreeWay { current, made, .. } = versions;
        match self.merge(path, versions)? {
            Merged::Clean(Some(file), _)
                if Some(file) != made && Some(file) != current && self.breaks(path, &file)?.is_some() =>
            {
                Ok(Merged::Unclean(Disagreement::of_rule("what a merge makes breaks a rule of its path")))
            }
            merged => Ok(merged),
        }
    }

    /// Answer by an owner's authority or a principle; none where it does not apply.
    fn decided(
        &mut self,
        path: &str,
        step: &Step,
        record: &FileRecord,
        versions: ThreeWay,
    ) -> Result<Option<Answer>, Abort> {
        match &step.strategy {
            Strategy::Authoritative(who) => {
                let theirs = self.organisation_of(&record.author)?;
                let is_mine = who.covers(&self.author(), self.organisation);
                let is_theirs = theirs.is_some_and(|organisation| who.covers(&record.author, &organisation));
                Ok(match (is_mine, is_theirs) {
                    (true, false) => Some(Answer::Set(versions.made, PathOutcome::Applied, Rung::None)),
                    (false, true) => Some(Answer::Set(record.file, PathOutcome::Overruled, Rung::None)),
                    _ => None,
                })
            }
            Strategy::Rule(principle) => self.by_principle(path, principle, versions),
            Strategy::Merge | Strategy::Vote(_) | Strategy::Arbitrate(_) => Ok(None),
            Strategy::LastWriterWins | Strategy::Reject => Ok(None),
        }
    }

    fn by_principle(&mut self, path: &str, principle: &Principle, versions: ThreeWay) -> Result<Option<Answer>, Abort> {
        let ThreeWay { base, current: Some(current), made: Some(made) } = versions else {
            return Ok(None);
        };
        if current.mode != made.mode {
            return Ok(None);
        }
        let counts_steps = self.place.rules >= PRINCIPLES_COUNT_SINCE;
        if !self.budget.take_bytes(versions.bytes()) || counts_steps && self.budget.is_out_of_steps() {
            return Ok(None);
        }
        let base = base.map_or(Ok(Vec::new()), |base| self.bytes(&base))?;
        let (ours, theirs) = (self.bytes(&current)?, self.bytes(&made)?);
        let (work, options) = (self.budget.work(), Options { rules: merging(self.place.rules), ..Options::default() });
        let input = Input { base: Some(&base), ours: &ours, theirs: &theirs, path, options: &options };
        let decided = sheltered(|| principle.decide(&input, &work)).flatten();
        if counts_steps {
            self.budget.count_work(&work);
        }
        let Some(bytes) = decided else { return Ok(None) };
        let file = self.store(path, made.mode, bytes)?;
        let allowed = self.breaks(path, &file)?.is_none();
        Ok(allowed.then_some(Answer::Set(Some(file), PathOutcome::Merged, Rung::None)))
    }

    pub(super) fn organisation_of(&self, author: &PublicKey) -> Result<Option<String>, StoreError> {
        let author: Option<AuthorRecord> = self.overlay.get(GROUP, &name::author(author))?;
        Ok(author.map(|author| author.organisation))
    }

    /// Authority that may end a conflict of this class at a path, its deadline, and the steps that come then. No
    /// authority is needed where the policy refuses such changes.
    pub(super) fn decider(&mut self, path: &str, class: Class) -> Result<(Decider, Option<Time>, Vec<Step>), Abort> {
        let steps = self.rule(path)?.map_or(&[][..], |rule| &rule.strategies);
        let steps: Vec<&Step> = steps.iter().filter(|step| step.class.is_none_or(|of| of == class)).collect();
        for (index, step) in steps.iter().enumerate() {
            let rest = || steps[index + 1..].iter().map(|step| (*step).clone()).collect();
            match step.strategy.takeover() {
                Some(Takeover::Decides(decider)) => return Ok((decider, step.deadline(self.place.time), rest())),
                Some(Takeover::FirstStands) => return Err(rejected(path)),
                Some(Takeover::LastWins) | None => (),
            }
        }
        Ok((Decider::Writers(None), None, Vec::new()))
    }
}

fn set_merged(merged: Merged) -> Answer {
    match merged {
        Merged::Clean(file, rung) => Answer::Set(file, PathOutcome::Merged, rung),
        Merged::Unclean(why) => Answer::Dispute(why),
    }
}

fn rejected(path: &str) -> Abort {
    Abort::at(Code::Validator, path, "somebody else changed it first, and its policy rejects what comes later")
}
