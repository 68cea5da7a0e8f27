//! Policy of a path about a merge.

/// Policy for one merge. The default is what is right without anybody looking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
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
        Self { same_line: false, newest_version: false, union_lists: true, lists: Vec::new() }
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
