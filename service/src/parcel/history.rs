//! A domain's history for an auditor: the receipt of each accepted change in the order of execution, each with its proof.

use super::error::ParcelError;
use super::frame::Frame;
use super::write::{Draft, Packed};
use quorate_client::api::{LogEntry, Page};
use quorate_client::http::Client;
use quorate_ledger::Revision;
use quorate_pbft::SeqNum;
use std::path::Path;

/// Pages in a row without an entry that are followed: a node that lies may go on for ever.
const EMPTY_PAGES_MAX: usize = 1_000;

/// Writes the receipts of a domain's changes between two slots, as a node lists them, into a file.
///
/// In memory are ids and revisions of all that is listed.
pub async fn export_history(
    node: &Client,
    domain: &str,
    (from, to): (SeqNum, Option<SeqNum>),
    out: &Path,
) -> Result<Packed, ParcelError> {
    let group = node.renewed().status().await?.group;
    let (mut listed, mut cursor, mut oldest, mut empty) = (Vec::new(), String::new(), None, 0);
    loop {
        let query = [("from", cursor.as_str()), ("limit", "1000")];
        let page: Page<LogEntry> = node.renewed().get(&["domains", domain, "log"], &query).await?;
        let revisions: Vec<Revision> =
            oldest.into_iter().chain(page.items.iter().map(|entry| entry.revision)).collect();
        empty = if page.items.is_empty() { empty + 1 } else { 0 };
        if empty > EMPTY_PAGES_MAX || !revisions.is_sorted_by(|newer, older| newer > older) {
            return Err(node.garbled("its log does not go back from page to page").into());
        }
        oldest = revisions.last().copied();
        let wanted = |seq: SeqNum| seq >= from && to.is_none_or(|to| seq <= to);
        listed.extend(page.items.iter().map(|entry| (entry.revision, entry.id)).filter(|(at, _)| wanted(at.seq())));
        match page.next {
            // Newest first: behind the first slot nothing is wanted.
            Some(next) if next != cursor && oldest.is_none_or(|oldest| oldest.seq() >= from) => cursor = next,
            _ => break,
        }
    }
    listed.sort();
    let mut draft = Draft::begin(out, &Frame::History { group, domain: domain.to_owned(), from, to })?;
    for (_, id) in listed {
        draft.add(&Frame::Receipt(node.renewed().receipt_proof(&id).await?))?;
    }
    draft.count()
}
