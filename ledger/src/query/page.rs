//! Long lists in pages.

/// Items of one page; a larger wish is cut to this.
pub(super) const ITEMS_MAX: usize = 1_000;

/// Page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// In the list's order.
    pub items: Vec<T>,
    /// Beginning of the next page; none at the end.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Cuts `found`, in which there is one item more than `limit` if there are more to come.
    pub(super) fn cut(mut found: Vec<T>, limit: usize, cursor: impl Fn(&T) -> String) -> Self {
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(cursor);
        Self { items: found, next }
    }
}

/// Rows that one page looks at where most may be dropped: in a listing of the past, paths of files that were not there
/// yet, or no more; in a list of proposals, those of other domains. Such a page may have fewer items than asked for, or none, and say where to go on.
pub(super) const LOOKED_AT_MAX: usize = 1_000;

/// At least one, at most [`ITEMS_MAX`].
pub(super) fn limit(wished: usize) -> usize {
    wished.clamp(1, ITEMS_MAX)
}
