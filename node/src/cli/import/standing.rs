//! Files that stand in a domain while commits go in.

use quorate_client::api::TreeEntry;
use quorate_client::http::{Client, ClientError};
use quorate_git::Operation;
use std::collections::BTreeSet;

/// Paths of the files; none where whatever git deletes stands.
pub struct Standing(Option<BTreeSet<String>>);

impl Standing {
    /// Files that git deletes, whichever they are, as where each change is based on an import that has seen no change of others.
    pub fn whatever() -> Self {
        Self(None)
    }

    /// Files of a domain at a revision.
    pub async fn at(client: &Client, domain: &str, revision: &str) -> Result<Self, ClientError> {
        let tree: Vec<TreeEntry> = client.list(&["domains", domain, "tree"], &[("at", revision)], usize::MAX).await?;
        Ok(Self(Some(tree.into_iter().map(|file| file.path).collect())))
    }

    /// Files that stand in one of two states.
    pub fn or(self, other: Self) -> Self {
        Self(self.0.zip(other.0).map(|(one, other)| &one | &other))
    }

    /// Leaves out deletions of what others have deleted as well: they are done.
    pub fn pass(&mut self, operations: &mut Vec<Operation>) {
        let Some(paths) = &mut self.0 else { return };
        operations.retain(|operation| match operation {
            Operation::Put { path, .. } => {
                paths.insert(path.clone());
                true
            }
            Operation::Delete { path } => paths.remove(path),
        });
    }
}
