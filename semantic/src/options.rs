//! What a path's policy may change about a merge.

/// Policy for one merge. The default is what is right without anybody looking.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// Whether edits of different words of one line may be merged; else that merge is only proposed.
    pub same_line: bool,
}
