//! Contents that rows name: a content stays in the store while a row does.

use crate::format::constants::Limits;
use crate::format::envelope::Envelope;
use crate::state::branch::Promise;
use crate::state::index::Indexed;
use crate::state::record::{ConflictRecord, FileRecord, NumberRow, Side, Version};
use crate::state::store::{StoreError, Table};
use crate::state::{entry, rows};
use crate::vocabulary::file::File;
use quorate_pbft::Digest;

/// Contents that an entry names: as it stands, or as it was when it left the state.
pub(crate) fn by_entry(name: &[u8], value: &[u8]) -> Result<Vec<Digest>, StoreError> {
    let files = match name.first() {
        Some(&FileRecord::KIND) => vec![entry::value_of::<FileRecord>(value)?.file],
        Some(&ConflictRecord::KIND) => vec![entry::value_of::<ConflictRecord>(value)?.base],
        Some(&Promise::KIND) => entry::value_of::<Promise>(value)?.writes.into_iter().map(|(_, file)| file).collect(),
        _ => Vec::new(),
    };
    Ok(files.into_iter().flatten().map(|file| file.content).collect())
}

/// Contents that a row beside the trees names. An envelope that waits names none here: see [`by_waiting`].
pub(crate) fn by_row(table: Table, key: &[u8], value: &[u8]) -> Result<Vec<Digest>, StoreError> {
    let files: Vec<Option<File>> = match (table, key.len().saturating_sub(rows::PAST_BYTES)) {
        (Table::Contents, _) => return Ok(key.try_into().map(Digest).into_iter().collect()),
        (Table::Archive, _) => {
            return rows::left_name(key).map_or(Ok(Vec::new()), |name| by_entry(name, value));
        }
        (Table::Past, rows::SIDE_BYTES) => vec![entry::value_of::<Side>(value)?.file],
        (Table::Past, rows::VERSION_BYTES) => vec![entry::value_of::<Version>(value)?.file],
        (Table::Past, rows::NUMBER_BYTES) => {
            let row: NumberRow = entry::value_of(value)?;
            row.view().into_iter().flat_map(|view| view.writes.iter().map(|(_, file)| *file)).collect()
        }
        _ => Vec::new(),
    };
    Ok(files.into_iter().flatten().map(|file| file.content).collect())
}

/// Contents that travel with an envelope that waits, where a row of the past is one: its author may go on from them, and
/// those who are to approve it read them.
pub(crate) fn by_waiting(key: &[u8], value: &[u8], limits: &Limits) -> Result<Vec<Digest>, StoreError> {
    if key.len() != rows::PAST_BYTES {
        return Ok(Vec::new());
    }
    let envelope = Envelope::decode(value, limits).map_err(|_| entry::damaged("a pending envelope"))?;
    Ok(envelope.carried().map(|(content, _)| *content).collect())
}
