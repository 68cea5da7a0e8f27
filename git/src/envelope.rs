//! Packs the operations of one commit into envelopes under the protocol's limits.

use std::ops::Range;

use quorate_ledger::{FOLDERS_BYTES_MAX, Limits, folders_bytes};

use super::Operation;

/// Bytes of an operation besides its path and content: kind, mode, the hash in it and with the content, the lengths.
const OPERATION_BYTES_MAX: u64 = 128;

/// Bytes of an envelope besides its operations and message: author, domain, numbers, base, wishes, signature.
const FRAME_BYTES_MAX: u64 = 16 << 10;

/// Sorts operations by path, but puts a file that takes a folder's place after what was in that folder.
///
/// So after each operation no path is both a file and a folder, wherever the list is cut.
pub fn sort_operations(operations: &mut [Operation]) {
    operations.sort_by(|a, b| a.path().cmp(b.path()));
    let last: Vec<String> = operations.iter().filter(|put| takes_folder(operations, put)).map(path_of).collect();
    if !last.is_empty() {
        operations.sort_by_cached_key(|operation| sort_key(operation, &last));
    }
}

fn path_of(operation: &Operation) -> String {
    operation.path().to_owned()
}

/// Whether `put` writes a file where operations of the sorted list have paths below it.
fn takes_folder(sorted: &[Operation], put: &Operation) -> bool {
    let folder = format!("{}/", put.path());
    let at = sorted.partition_point(|other| other.path() < folder.as_str());
    put.entry().is_some() && sorted.get(at).is_some_and(|other| other.path().starts_with(&folder))
}

fn sort_key(operation: &Operation, last: &[String]) -> Vec<u8> {
    let mut key = operation.path().as_bytes().to_vec();
    if last.binary_search_by(|path| path.as_str().cmp(operation.path())).is_ok() {
        key.extend([b'/', u8::MAX]); // above every path in the folder: no UTF-8 has this byte
    }
    key
}

/// Cuts sorted operations into as few ranges as fit one envelope each; one empty range if there are none.
///
/// Counts each content in full, as if the group had none of them. `message_bytes` is the length of the commit's
/// message as it is sent, which goes with each. A file that leaves no room for anything else gets an envelope of its own.
pub fn pack(operations: &[Operation], message_bytes: usize, limits: &Limits) -> Vec<Range<usize>> {
    let room = limits.envelope_bytes_max.saturating_sub(FRAME_BYTES_MAX + message_bytes as u64);
    let operations_max = limits.operations_max as usize;
    let mut ranges = Vec::new();
    let (mut start, mut used, mut folders) = (0, 0, 0);
    for (at, operation) in operations.iter().enumerate() {
        let (bytes, above) = (bytes_of(operation), folders_bytes(operation.path()));
        let is_full = at - start == operations_max || used + bytes > room || folders + above > FOLDERS_BYTES_MAX;
        if at > start && is_full {
            ranges.push(start..at);
            (start, used, folders) = (at, 0, 0);
        }
        (used, folders) = (used + bytes, folders + above);
    }
    ranges.push(start..operations.len());
    ranges
}

fn bytes_of(operation: &Operation) -> u64 {
    let content = operation.entry().map_or(0, |entry| entry.size);
    OPERATION_BYTES_MAX + operation.path().len() as u64 + content
}
