//! Rows about the database itself, read and written beside batches: its format, its owner, where its journal begins.

use crate::error::DbError;
use crate::key;
use crate::row::{decode, encode};
use crate::runs::Manifest;
use crate::tables::{Name, Writes, begin_write};
use crate::value;
use redb::{Database, ReadableDatabase, TableError, WriteTransaction};
use std::sync::Arc;

/// Version of the layout that this program writes. Goes up with every change of a table's key or value, and where a row is not
/// written any more that programs before it look for: format 7 has no second row of a path with a file.
pub(crate) const FORMAT: u32 = 7;

/// The oldest version that this program reads: format 5 has no runs.
const OLDEST_FORMAT: u32 = 5;

/// Whether this program reads the database.
pub(crate) fn check_format(database: &Database) -> Result<(), DbError> {
    let stored = read(database, key::FORMAT)?.ok_or_else(|| DbError::Foreign("no format".into()))?;
    match decode::<u32>(&stored).map_err(|error| DbError::Foreign(error.0))? {
        OLDEST_FORMAT..=FORMAT => Ok(()),
        found if found > FORMAT => Err(DbError::NewerFormat { found, known: FORMAT }),
        found => Err(DbError::OlderFormat { found, known: OLDEST_FORMAT }),
    }
}

/// Whether an older program wrote it.
pub(crate) fn is_older(database: &Database) -> Result<bool, DbError> {
    Ok(read(database, key::FORMAT)? != Some(encode(&FORMAT)))
}

/// The sorted runs.
pub(crate) fn runs(database: &Database) -> Result<Manifest, DbError> {
    let decoded = match read(database, key::RUNS)? {
        Some(stored) => decode(&stored),
        None if read(database, key::FORMAT)? == Some(encode(&OLDEST_FORMAT)) => Ok(Manifest::default()),
        None => return Err(DbError::Foreign("no list of runs".into())),
    };
    decoded.map_err(|error| DbError::Foreign(error.0))
}

/// The value under a key of [`Name::About`]; whole in every format.
pub(crate) fn read(database: &Database, key: &[u8]) -> Result<Option<Vec<u8>>, DbError> {
    let transaction = database.begin_read()?;
    let about = match transaction.open_table(Name::About.definition()) {
        Err(TableError::TableDoesNotExist(name)) => return Err(DbError::Foreign(format!("no table `{name}`"))),
        other => other?,
    };
    let Some(stored) = about.get(key)? else { return Ok(None) };
    let value = value::read(Name::About, key, stored.value(), |_, _| Ok(()));
    value.map(|value| Some(value.into_owned())).map_err(|error| DbError::Foreign(error.0))
}

/// Sets a value inside a transaction.
pub(crate) fn set(transaction: &WriteTransaction, key: &[u8], value: Vec<u8>) -> Result<(), redb::Error> {
    value::write(transaction, Name::About, &Writes::from([(key.to_vec(), Some(Arc::new(value)))]))
}

/// Sets a value, durably.
pub(crate) fn note(database: &Database, key: &[u8], value: Vec<u8>) -> Result<(), DbError> {
    let transaction = begin_write(database)?;
    set(&transaction, key, value)?;
    Ok(transaction.commit()?)
}

/// Whether nothing was ever made here.
#[cfg(feature = "testing")]
pub(crate) fn is_empty(database: &Database) -> Result<bool, DbError> {
    Ok(database.begin_read()?.list_tables()?.next().is_none())
}
