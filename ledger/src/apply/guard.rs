//! Policy of a path against an operation: stages `schema` and `ownership`.

use super::Applier;
use crate::format::rules::{DISPUTES_ARE_BOUNDED_SINCE, WORK_IS_BOUNDED_SINCE, WORK_OF_ONE_SINCE};
use crate::policy::PathRule;
use crate::policy::attestation::Requirement;
use crate::state::abort::Abort;
use crate::state::author_view::AuthorView;
use crate::state::record::Side;
use crate::state::store::StoreError;
use crate::vocabulary::file::{File, Mode};
use crate::vocabulary::path::{self, BadPath, Shown};
use crate::vocabulary::verdict::{Code, Refusal, TOO_MUCH};

/// Paths whose rules are remembered: those of all conflicts that one envelope proposes for or votes on. The next one makes room.
const RULED_MAX: usize = 64;

impl<'t> Applier<'t, '_> {
    /// Holds an operation on a path against the path's rule. A breach is refused at its stage, which comes later.
    pub(super) fn guard(&mut self, path: &str, made: Option<&File>, view: &AuthorView) -> Result<(), Abort> {
        if made.is_some()
            && let Some(why) = self.fault_of_new(path)?
            && view.file(self.overlay, self.domain, path)?.is_none()
        {
            return Err(Abort::at(Code::BadPath, path, &why.to_string()));
        }
        self.is_unlocked(path)?;
        let Some(rule) = self.rule(path)? else {
            return Ok(());
        };
        let stands = rule.write_once && view.file(self.overlay, self.domain, path)?.is_some();
        for refusal in self.objections(rule, path, made, stands)? {
            self.refuse_later(refusal);
        }
        if let Some(requirement) = self.required_opinions(rule)
            && !self.applied.requirements.contains(&requirement)
        {
            self.applied.requirements.push(requirement);
        }
        Ok(())
    }

    /// Why no file may come to a path where nothing stands or is in dispute, from rules 15 on.
    fn fault_of_new(&self, path: &str) -> Result<Option<BadPath>, StoreError> {
        let fault = path::check_new(path).err().filter(|_| self.place.rules >= WORK_IS_BOUNDED_SINCE);
        let is_new = fault.is_some() && self.record(path)?.is_none_or(|record| record.is_gone());
        Ok(fault.filter(|_| is_new))
    }

    /// Whether the author's own work at `from` may come to another path by itself: the rule there has nothing against it,
    /// and asks for nobody's word that `from` does not ask for as well.
    pub(super) fn admits(&mut self, from: &str, to: &str, made: Option<&File>) -> Result<bool, Abort> {
        let asked = self.rule(from)?.and_then(|rule| self.required_opinions(rule));
        self.may_come(to, made, asked.as_ref())
    }

    /// Whether what others made may come to a path by the author's hand: nobody who has approved of the author's change has
    /// seen it, so the rule must not ask for that.
    pub(super) fn takes_in(&mut self, path: &str, file: Option<&File>) -> Result<bool, Abort> {
        self.may_come(path, file, None)
    }

    /// Whether the author may have a file that others made taken away: its rule has nothing against that, and asks for no other
    /// word than this change waits for anyway.
    pub(super) fn may_dispute(&mut self, path: &str) -> Result<bool, Abort> {
        let asked = self.rule(path)?.and_then(|rule| self.required_opinions(rule));
        let waits_anyway = asked.filter(|asked| self.applied.requirements.contains(asked));
        self.may_come(path, None, waits_anyway.as_ref())
    }

    /// Whether a file may be there at all, and the rule of the path has nothing against it and asks for no other word of others
    /// than `asked`.
    fn may_come(&mut self, path: &str, file: Option<&File>, asked: Option<&Requirement>) -> Result<bool, Abort> {
        if file.is_some() && self.fault_of_new(path)?.is_some() {
            return Ok(false);
        }
        let Some(rule) = self.rule(path)? else {
            return Ok(true);
        };
        let is_asked = self.required_opinions(rule).is_none_or(|requirement| Some(&requirement) == asked);
        Ok(is_asked && self.objections(rule, path, file, false)?.is_empty())
    }

    /// The word of others that a rule asks for.
    fn required_opinions(&self, rule: &PathRule) -> Option<Requirement> {
        rule.requirement().filter(|required| required.asks_others_than(&self.author()))
    }

    /// Objections of a path's rule to an operation there; `stands` says whether its author saw a file.
    fn objections(
        &mut self,
        rule: &PathRule,
        path: &str,
        made: Option<&File>,
        stands: bool,
    ) -> Result<Vec<Refusal>, Abort> {
        let mut objections = Vec::new();
        if let Some(made) = made
            && let Some((code, why)) = self.breaks_rule(rule, made)?
        {
            objections.push(Refusal::new(code, format!("{}: {why}", Shown(path))));
        }
        if !rule.is_owner(&self.author(), self.organisation) {
            let detail = format!("{}: {:?} belongs to others", Shown(path), rule.pattern);
            objections.push(Refusal::new(Code::NotOwner, detail));
        }
        if rule.write_once && (stands || self.record(path)?.is_some_and(|record| record.file.is_some())) {
            let detail = format!("{}: {:?} is written once", Shown(path), rule.pattern);
            objections.push(Refusal::new(Code::WriteOnce, detail));
        }
        Ok(objections)
    }

    /// The rule for a path. From rules 16 on an envelope that has looked for more than one may is refused; the last paths
    /// take no further look.
    pub(super) fn rule(&mut self, path: &str) -> Result<Option<&'t PathRule>, Abort> {
        let policy = &self.place.record.policy;
        if self.place.rules < WORK_OF_ONE_SINCE {
            return Ok(policy.rule(path));
        }
        if let Some(rule) = self.ruled.get(path) {
            return Ok(*rule);
        }
        let why = || format!("the envelope asks for the rules of more paths {TOO_MUCH}");
        let rule = self.budget.rule(policy, path).ok_or_else(|| Abort::refused(Code::Validator, why()))?;
        if self.ruled.len() >= RULED_MAX {
            self.ruled.clear();
        }
        self.ruled.insert(path.to_owned(), rule);
        Ok(rule)
    }

    /// Objections to a proposal for a path. Votes put it there, and nobody is asked before for approval or attestation, so
    /// from rules 16 on the rule must ask for neither, and let the proposer write.
    pub(super) fn objections_to_proposal(&mut self, path: &str, file: Option<&File>) -> Result<Vec<Refusal>, Abort> {
        if self.place.rules < DISPUTES_ARE_BOUNDED_SINCE {
            let breach = file.map(|file| self.breaks(path, file)).transpose()?.flatten();
            return Ok(breach.map(|(code, why)| Refusal::new(code, why)).into_iter().collect());
        }
        let Some(rule) = self.rule(path)? else { return Ok(Vec::new()) };
        let mut objections = self.objections(rule, path, file, false)?;
        if let Some(required) = self.required_opinions(rule) {
            let (code, what) = match required.approvals {
                0 => (Code::Validator, "attests"),
                _ => (Code::Approvals, "approves"),
            };
            let why = format!("{:?} has changes wait, and nobody {what} a proposal: send it as a change", rule.pattern);
            objections.push(Refusal::new(code, format!("{}: {why}", Shown(path))));
        }
        Ok(objections)
    }

    /// Holds the side that a vote lets win against the rule of its path as it is now (rules 16), unless it is served there.
    pub(super) fn guard_winner(&mut self, side: &Side) -> Result<(), Abort> {
        let served = self.record(&side.path)?.and_then(|record| record.file);
        if let Some(file) = side.file.filter(|file| Some(*file) != served)
            && let Some((code, why)) = self.breaks(&side.path, &file)?
        {
            self.refuse_later(Refusal::new(code, format!("{}: {why}", Shown(&side.path))));
        }
        Ok(())
    }

    /// Breach by a file of the rule of its path.
    pub(super) fn breaks(&mut self, path: &str, file: &File) -> Result<Option<(Code, String)>, Abort> {
        let Some(rule) = self.rule(path)? else { return Ok(None) };
        self.breaks_rule(rule, file)
    }

    fn breaks_rule(&mut self, rule: &PathRule, file: &File) -> Result<Option<(Code, String)>, Abort> {
        if !rule.reads_content() || file.mode == Mode::Link {
            return Ok(None);
        }
        let texts = if self.place.rules < WORK_OF_ONE_SINCE { 0 } else { rule.forbidden.len() };
        if !self.budget.take_forbidden(file.size, texts) {
            let why = format!("the envelope has more content to search {TOO_MUCH}");
            return Err(Abort::refused(Code::Validator, why));
        }
        if !self.budget.take_bytes(file.size) {
            return Ok(Some((Code::Validator, format!("the envelope has more content to check {TOO_MUCH}"))));
        }
        let content = self.bytes(file)?;
        Ok(self.checks.broken(rule, &content))
    }
}
