//! Policy of a path about a merge, and the rules by which it is answered.

/// Rules of merging, by their numbers.
///
/// Replicas that answer by different rules part for ever, so the answers of a number never change: better ones have a number
/// of their own, and a group goes over to them together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rules {
    /// Rules 21.
    V21,
    /// Rules 22: more of what came out clean and wrong is a conflict.
    V22,
    /// Rules 23: no edit of one side is lost beside what the other wrote, and no continuation stands alone.
    V23,
    /// Rules 24: no import is lost beside a comment, a second statement of its line or another of its name, and what the
    /// diff engine looks back over counts.
    V24,
    /// Rules 25: no line comes to stand in a bracket of another kind.
    V25,
    /// Rules 26: fewer merges of code and imports are clean and wrong, and what lists in lists cost counts once.
    V26,
}

impl Rules {
    /// All of them, the oldest first.
    pub const ALL: [Self; 6] = [Self::V21, Self::V22, Self::V23, Self::V24, Self::V25, Self::V26];
    /// The rules of a merge that no group made.
    pub const NEWEST: Self = Self::V26;

    /// Name with everything that decides what [`merge`](crate::merge) answers: these rules, and the exact releases of what
    /// compares lines and spellings.
    pub fn name(self) -> &'static str {
        match self {
            Self::V21 => "quorate-semantic 0.1.0 rules 21, imara-diff 0.2.0 myers, unicode-normalization 0.1.26",
            Self::V22 => "quorate-semantic 0.1.0 rules 22, imara-diff 0.2.0 myers, unicode-normalization 0.1.26",
            Self::V23 => "quorate-semantic 0.1.0 rules 23, imara-diff 0.2.0 myers, unicode-normalization 0.1.26",
            Self::V24 => "quorate-semantic 0.1.0 rules 24, imara-diff 0.2.0 myers, unicode-normalization 0.1.26",
            Self::V25 => "quorate-semantic 0.1.0 rules 25, imara-diff 0.2.0 myers, unicode-normalization 0.1.26",
            Self::V26 => "quorate-semantic 0.1.0 rules 26, imara-diff 0.2.0 myers, unicode-normalization 0.1.26",
        }
    }
}

/// Policy for one merge. The default is what is right without anybody looking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Rules that answer.
    pub rules: Rules,
    /// Whether edits of different words of one line may be merged; else that merge is only proposed.
    pub same_line: bool,
    /// Whether the newer of two bumps of one version wins; else it is only proposed.
    pub newest_version: bool,
    /// Whether items that both sides added to one place of a list of a data file are all kept, as by default; else two
    /// additions at one place are a conflict, because their order may say something.
    pub union_lists: bool,
    /// Lists in data files whose items have an identity of their own. Where none is named, the first of `id`, `name`,
    /// `key`, `path`, `uses`, `package` that every item has, each item another, is it.
    pub lists: Vec<ListKey>,
}

/// Says what identifies the items of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListKey {
    /// Place of the list: keys from the root joined by dots, `*` for any one key (`jobs.*.steps`).
    pub list: String,
    /// The key of each item that identifies it.
    pub key: String,
}

impl Default for Options {
    fn default() -> Self {
        Self { rules: Rules::NEWEST, same_line: false, newest_version: false, union_lists: true, lists: Vec::new() }
    }
}

impl Options {
    /// The identity named for the list at `place`.
    pub(crate) fn list_key(&self, place: &[&str]) -> Option<&str> {
        let is_there = |list: &str| {
            let mut keys = list.split('.');
            place.iter().all(|at| keys.next().is_some_and(|key| key == "*" || key == *at)) && keys.next().is_none()
        };
        self.lists.iter().find(|l| is_there(&l.list)).map(|l| l.key.as_str())
    }
}
