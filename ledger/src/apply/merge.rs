//! The seam to the merge layer: files of the state in, an entry or a conflict out.

use super::Applier;
use crate::format::receipt::Rung;
use crate::policy::PathRule;
use crate::state::abort::Abort;
use crate::state::rules::merging;
use crate::vocabulary::conflict::Class;
use crate::vocabulary::file::{File, Mode};
use crate::vocabulary::shelter::sheltered;
use quorate_semantic::{Entry, EntryOutcome, Kind, Options, Rules, merge_entries_within};

/// Versions of a file that meet: the base that its author saw, the current one, and the one that the author made.
#[derive(Debug, Clone, Copy)]
pub(super) struct ThreeWay {
    pub(super) base: Option<File>,
    pub(super) current: Option<File>,
    pub(super) made: Option<File>,
}

impl ThreeWay {
    /// Bytes of the three contents.
    pub(super) fn bytes(&self) -> u64 {
        [self.base, self.current, self.made].iter().flatten().map(|file| file.size).sum()
    }
}

/// Result of merging three versions of a file.
pub(super) enum Merged {
    /// Single version, and the rung that made it.
    Clean(Option<File>, Rung),
    /// None.
    Unclean(Disagreement),
}

/// Why a merge is not clean.
pub(super) struct Disagreement {
    /// Value, structural or semantic.
    pub(super) class: Class,
    /// For people; the same on every replica.
    pub(super) reason: &'static str,
    /// The last rung that tried.
    pub(super) rung: Rung,
    /// The check that refused a merge which was otherwise clean.
    pub(super) check: Option<&'static str>,
}

impl Disagreement {
    pub(super) fn structural(reason: &'static str) -> Self {
        Self { class: Class::Structural, reason, rung: Rung::OneSided, check: None }
    }

    /// A clean merge that the rule of its path does not allow.
    pub(super) fn of_rule(reason: &'static str) -> Self {
        Self { class: Class::Semantic, reason, rung: Rung::None, check: Some("path-rule") }
    }

    pub(super) fn value(reason: &'static str) -> Self {
        Self { class: Class::Value, reason, rung: Rung::OneSided, check: None }
    }
}

impl Applier<'_, '_> {
    /// Merges what stands at `path` (the earlier side in the order) with what the author made of `base`.
    pub(super) fn merge(&mut self, path: &str, versions: ThreeWay) -> Result<Merged, Abort> {
        let ThreeWay { base, current, made } = versions;
        if made == current || made == base {
            return Ok(Merged::Clean(current, Rung::OneSided));
        }
        if current == base {
            return Ok(Merged::Clean(made, Rung::OneSided));
        }
        if !self.budget.take_bytes(versions.bytes()) || self.budget.is_out_of_steps() {
            return Ok(Merged::Unclean(Disagreement::value("the envelope asks for more merging than one may")));
        }
        let contents = [base, current, made].map(|file| file.map(|file| self.bytes(&file)).transpose());
        let [b, c, m] = contents;
        let (b, c, m) = (b?, c?, m?);
        let entries = (side(base, &b), side(current, &c), side(made, &m));
        let options = merge_options(self.rule(path)?, merging(self.place.rules));
        let work = self.budget.work();
        let outcome = sheltered(|| merge_entries_within(entries.0, entries.1, entries.2, path, &options, &work));
        self.budget.count_work(&work);
        let Some(outcome) = outcome else {
            return Ok(Merged::Unclean(Disagreement::value("merging these versions fails, by a mistake in quorate")));
        };
        match outcome {
            EntryOutcome::Clean { entry: None, rung } => Ok(Merged::Clean(None, rung.into())),
            EntryOutcome::Clean { entry: Some((kind, bytes)), rung } => {
                Ok(Merged::Clean(Some(self.store(path, mode(kind), bytes)?), rung.into()))
            }
            EntryOutcome::Conflict(conflict) => Ok(Merged::Unclean(Disagreement {
                class: conflict.class.into(),
                reason: conflict.reason.words(),
                rung: conflict.gave_up.into(),
                check: conflict.check().map(quorate_semantic::Check::name),
            })),
        }
    }
}

/// Merge options of a path's rule, in a group that merges by these rules.
pub(crate) fn merge_options(rule: Option<&PathRule>, rules: Rules) -> Options {
    let [same_line, newest_version] = rule.map_or([false; 2], |rule| [rule.same_line, rule.newest_version]);
    Options { rules, same_line, newest_version, ..Options::default() }
}

fn side(file: Option<File>, bytes: &Option<Vec<u8>>) -> Option<Entry<'_>> {
    Some(Entry { kind: kind(file?.mode), bytes: bytes.as_deref()? })
}

/// A mode as the merge layer names it.
pub(crate) fn kind(mode: Mode) -> Kind {
    match mode {
        Mode::File => Kind::File,
        Mode::Exec => Kind::Executable,
        Mode::Link => Kind::Link,
    }
}

/// A kind as changes name it.
pub(crate) fn mode(kind: Kind) -> Mode {
    match kind {
        Kind::File => Mode::File,
        Kind::Executable => Mode::Exec,
        Kind::Link => Mode::Link,
    }
}

impl From<quorate_semantic::Class> for Class {
    fn from(class: quorate_semantic::Class) -> Self {
        match class {
            quorate_semantic::Class::Value => Self::Value,
            quorate_semantic::Class::Structural => Self::Structural,
            quorate_semantic::Class::Semantic => Self::Semantic,
        }
    }
}

impl From<quorate_semantic::Rung> for Rung {
    fn from(rung: quorate_semantic::Rung) -> Self {
        match rung {
            quorate_semantic::Rung::OneSided => Self::OneSided,
            quorate_semantic::Rung::Text => Self::Text,
            quorate_semantic::Rung::Data => Self::Data,
            quorate_semantic::Rung::Imports => Self::Imports,
            quorate_semantic::Rung::Code => Self::Code,
            quorate_semantic::Rung::None => Self::None,
        }
    }
}
