//! What the policy of a path says of an operation: stages `schema` and `ownership`.

use super::Turn;
use crate::author_view::AuthorView;
use crate::change::Mode;
use crate::path::Shown;
use crate::state::record::File;
use crate::stop::Stop;
use crate::store::StoreError;
use crate::verdict::{Code, Refusal};

impl Turn<'_, '_> {
    /// Holds an operation on a path against the path's rule. What it breaks is refused at its stage, which comes later.
    pub(super) fn guard(&mut self, path: &str, made: Option<&File>, view: &AuthorView) -> Result<(), Stop> {
        self.is_unlocked(path)?;
        let Some(rule) = self.place.record.policy.rule(path) else {
            return Ok(());
        };
        if let Some(made) = made
            && let Some((code, why)) = self.breaks(path, made)?
        {
            self.refuse_later(Refusal::new(code, format!("{}: {why}", Shown(path))));
        }
        if let Some(requirement) = rule.requirement().filter(|required| required.asks_others_than(&self.author()))
            && !self.done.requirements.contains(&requirement)
        {
            self.done.requirements.push(requirement);
        }
        if !rule.is_owner(&self.author(), self.organisation) {
            let detail = format!("{}: {:?} belongs to others", Shown(path), rule.pattern);
            self.refuse_later(Refusal::new(Code::NotOwner, detail));
        }
        if rule.write_once {
            let stands = self.record(path)?.is_some_and(|record| record.file.is_some());
            if stands || view.file(self.draft, self.domain, path)?.is_some() {
                let detail = format!("{}: {:?} is written once", Shown(path), rule.pattern);
                self.refuse_later(Refusal::new(Code::WriteOnce, detail));
            }
        }
        Ok(())
    }

    /// What the rule of a path does not allow of a file there.
    pub(super) fn breaks(&mut self, path: &str, file: &File) -> Result<Option<(Code, String)>, StoreError> {
        let rule = self.place.record.policy.rule(path);
        let Some(rule) = rule.filter(|rule| rule.reads_content() && file.mode != Mode::Link) else {
            return Ok(None);
        };
        if !self.budget.take_bytes(file.size) {
            return Ok(Some((Code::Validator, "the envelope has more content to check than one may".into())));
        }
        let content = self.bytes(file)?;
        Ok(self.checks.broken(rule, &content))
    }
}
