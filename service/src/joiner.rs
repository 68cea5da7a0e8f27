//! Statement of a joiner: that it follows, and up to which state.

use crate::engine::Published;
use quorate_client::joining::ReadyFile;
use quorate_ledger::{JoinStatement, RULES};
use quorate_pbft::{Ed25519Signer, Signer as _};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The joiner's statement in its folder, for `quorate members ready`.
pub const READY_FILE: &str = "joiner.ready";
/// Slots that a replica may be behind when it states its newest state: an old one is refused by those who are asked to agree,
/// and under load nobody who follows is ever at the last slot.
const BEHIND_MAX: u64 = 16;
/// Pause between two statements: an old one says too little.
const STATES_EVERY: Duration = Duration::from_secs(600);

/// Writes the statement of a replica that follows, and writes it anew while it is no member.
pub(crate) async fn state(mut published: watch::Receiver<Published>, signer: Ed25519Signer, path: PathBuf) {
    let mut stated: Option<Instant> = None;
    loop {
        let now = published.borrow_and_update().clone();
        if now.report.me.is_some() {
            return;
        }
        if stated.is_none_or(|at| at.elapsed() >= STATES_EVERY)
            && now.report.knows_the_newest()
            && now.report.behind <= BEHIND_MAX
            && let Some(file) = statement(&now, &signer)
        {
            stated = Some(Instant::now());
            match write(&path, &file) {
                Ok(()) => {
                    tracing::info!(event = "joiner-ready", path = %path.display(), "this replica follows; `quorate members ready` takes its statement")
                }
                Err(error) => {
                    tracing::warn!(event = "joiner-silent", path = %path.display(), %error, "the statement of this replica cannot be written")
                }
            }
        }
        if published.changed().await.is_err() {
            return;
        }
    }
}

/// The statement about the newest state that q members have signed and this replica has executed.
fn statement(published: &Published, signer: &Ed25519Signer) -> Option<ReadyFile> {
    let certified = published.certified.as_ref()?;
    let (ledger, mut checkpoint) = (&certified.moment.ledger, certified.certificate.claim().clone());
    checkpoint.signatures.truncate(ledger.voters().quorum());
    let group = ledger.genesis().group();
    let statement = JoinStatement::sign(&group, checkpoint, RULES, signer);
    Some(ReadyFile::new(group, signer.public_key(), statement))
}

/// By rename, so that nobody reads half of it.
fn write(path: &Path, file: &ReadyFile) -> io::Result<()> {
    let text = serde_json::to_string_pretty(file)?;
    let unfinished = path.with_extension("unfinished");
    fs::write(&unfinished, text)?;
    fs::rename(unfinished, path)
}
