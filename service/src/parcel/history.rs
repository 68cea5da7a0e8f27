//! A domain's history for an auditor: the receipt of each accepted change in the order of execution, each with its proof.

use super::error::ParcelError;
use super::frame::Frame;
use super::write::{Draft, Packed};
use quorate_client::api::{LogEntry, Page};
use quorate_client::http::Client;
use quorate_pbft::SeqNum;
use std::path::Path;

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
    let (mut listed, mut cursor) = (Vec::new(), String::new());
    loop {
        let query = [("from", cursor.as_str()), ("limit", "1000")];
        let page: Page<LogEntry> = node.renewed().get(&["domains", domain, "log"], &query).await?;
        let wanted = |seq: SeqNum| seq >= from && to.is_none_or(|to| seq <= to);
        listed.extend(page.items.iter().map(|entry| (entry.revision, entry.id)).filter(|(at, _)| wanted(at.seq())));
        match page.next {
            // Newest first: behind the first slot nothing is wanted.
            Some(next) if next != cursor && page.items.last().is_none_or(|last| last.revision.seq() >= from) => {
                cursor = next;
            }
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
