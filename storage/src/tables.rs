//! The tables: one for each thing that is kept, each ordered by its keys' bytes.

use quorate_ledger::Table;
use redb::{Database, TableDefinition, WriteTransaction};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Value of a row, shared by all who read it; none where the row is removed.
pub(crate) type Value = Option<Arc<Vec<u8>>>;

/// New values by key.
pub(crate) type Writes = BTreeMap<Vec<u8>, Value>;

/// Names a table. The ledger's come last. The numbers are part of the keys of [`Name::Pieces`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    /// Format, group, what was pruned, why the replica takes no part.
    About,
    /// Own statements: (epoch, kind, view, seq) to (signer, digest, signature).
    Statements,
    /// The highest view of each epoch: epoch to (view, changing).
    Views,
    /// (epoch, lane, position, and the digest if another one is there) to (header, signature, items).
    Bundles,
    /// (epoch, lane, position) to (digest, signatures).
    LaneCerts,
    /// (seq, view) to (epoch, signer and signature of the PrePrepare, content).
    Accepted,
    /// seq to (epoch, certificate of the highest view).
    Prepared,
    /// seq to (epoch, certificate, content).
    Committed,
    /// seq to (epoch, certificate).
    Stable,
    /// (epoch, kind, view, seq, digest) to (epoch, certificate that contradicts another one).
    Conflicting,
    /// (signer, epoch, kind, id) to evidence.
    Evidence,
    /// Parts of large values of the other tables: (table, key, index) to bytes.
    Pieces,
    /// [`Table::Entries`].
    Entries,
    /// [`Table::Names`].
    Names,
    /// [`Table::Contents`].
    Contents,
    /// [`Table::Receipts`].
    Receipts,
    /// [`Table::Range`].
    Range,
    /// [`Table::Past`].
    Past,
    /// [`Table::Index`].
    Index,
    /// [`Table::Archive`].
    Archive,
    /// [`Table::Meta`].
    Meta,
    /// epoch to (statement, the own newest demand for a view).
    ViewChanges,
    /// (epoch, view, and the digest of one that was not entered) to (statement, the start of the view).
    NewViews,
    /// Number to (when it came, envelope): what waits until something can be ordered again.
    Queue,
}

/// Bytes to bytes: every key is made in [`crate::key`], every value in [`crate::row`] or by the ledger.
pub(crate) type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

impl Name {
    pub(crate) const COUNT: usize = Self::ALL.len();

    pub(crate) const ALL: [Self; 24] = [
        Self::About,
        Self::Statements,
        Self::Views,
        Self::Bundles,
        Self::LaneCerts,
        Self::Accepted,
        Self::Prepared,
        Self::Committed,
        Self::Stable,
        Self::Conflicting,
        Self::Evidence,
        Self::Pieces,
        Self::Entries,
        Self::Names,
        Self::Contents,
        Self::Receipts,
        Self::Range,
        Self::Past,
        Self::Index,
        Self::Archive,
        Self::Meta,
        Self::ViewChanges,
        Self::NewViews,
        Self::Queue,
    ];

    /// Whether execution alone writes the table: its rows are made again from the journal's slots.
    pub(crate) const fn is_executed(self) -> bool {
        self.table().is_some()
    }

    /// The ledger's table; none for the core's.
    pub(crate) const fn table(self) -> Option<Table> {
        Some(match self {
            Self::Entries => Table::Entries,
            Self::Names => Table::Names,
            Self::Contents => Table::Contents,
            Self::Receipts => Table::Receipts,
            Self::Range => Table::Range,
            Self::Past => Table::Past,
            Self::Index => Table::Index,
            Self::Archive => Table::Archive,
            Self::Meta => Table::Meta,
            _ => return None,
        })
    }

    /// The table's name on disk.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::About => "about",
            Self::Statements => "statements",
            Self::Views => "views",
            Self::Bundles => "bundles",
            Self::LaneCerts => "lane-certs",
            Self::Accepted => "accepted",
            Self::Prepared => "prepared",
            Self::Committed => "committed",
            Self::Stable => "stable",
            Self::Conflicting => "conflicting",
            Self::Evidence => "evidence",
            Self::Pieces => "pieces",
            Self::Entries => "ledger-entries",
            Self::Names => "ledger-names",
            Self::Contents => "ledger-contents",
            Self::Receipts => "ledger-receipts",
            Self::Range => "ledger-range",
            Self::Past => "ledger-past",
            Self::Index => "ledger-index",
            Self::Archive => "ledger-archive",
            Self::Meta => "ledger-meta",
            Self::ViewChanges => "view-changes",
            Self::NewViews => "new-views",
            Self::Queue => "queue",
        }
    }

    pub(crate) const fn definition(self) -> Definition {
        TableDefinition::new(self.as_str())
    }
}

impl From<Table> for Name {
    fn from(table: Table) -> Self {
        match table {
            Table::Entries => Self::Entries,
            Table::Names => Self::Names,
            Table::Contents => Self::Contents,
            Table::Receipts => Self::Receipts,
            Table::Range => Self::Range,
            Table::Past => Self::Past,
            Table::Index => Self::Index,
            Table::Archive => Self::Archive,
            Table::Meta => Self::Meta,
        }
    }
}

/// Begins to write the trees. The commit leaves what a start after a crash needs: otherwise redb walks all pages there,
/// which takes a second for 100,000 changes.
pub(crate) fn begin_write(database: &Database) -> Result<WriteTransaction, redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    Ok(transaction)
}
