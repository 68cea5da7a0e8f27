//! Scope of a store: the group's own tree, and the trees of some domains. Of the other domains it has what the group's
//! tree says of them, and nothing else.

use crate::state::entry;
use crate::state::store::{Read, Store, StoreError, Table};
use std::collections::BTreeSet;

/// Domains whose trees a store has.
pub type Scope = BTreeSet<String>;

/// The row of [`Table::Meta`] with these domains.
const SCOPE: &[u8] = b"domains";

/// Scope of a store; none where it holds all domains, or nothing.
pub(crate) fn load(read: &dyn Read) -> Result<Option<Scope>, StoreError> {
    entry::load_row(read, Table::Meta, SCOPE)
}

/// Notes the scope of a store.
pub(crate) fn keep(store: &mut dyn Store, scope: &Scope) -> Result<(), StoreError> {
    store.put(Table::Meta, SCOPE, &entry::bytes_of(scope))
}

/// The scope in words.
pub(crate) fn named(scope: &Scope) -> String {
    let names: Vec<&str> = scope.iter().map(String::as_str).collect();
    format!("domain {}", names.join(", "))
}
