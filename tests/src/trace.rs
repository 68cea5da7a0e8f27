//! A run in readable lines, the same to the byte each time.

use crate::weather::Micros;
use quorate_pbft::{ClaimedCert, Digest, Message, Signed, Wanted};
use std::fmt::Write;

/// The lines of a run, if somebody wants them.
#[derive(Debug, Default)]
pub struct Trace(Option<String>);

impl Trace {
    /// A trace that keeps its lines.
    pub fn on() -> Self {
        Self(Some(String::new()))
    }

    /// Adds a line; `line` is asked only if somebody wants it.
    pub fn line(&mut self, at: Micros, line: impl FnOnce() -> String) {
        if let Some(text) = &mut self.0 {
            let (seconds, micros) = (at / 1_000_000, at % 1_000_000);
            writeln!(text, "{seconds:3}.{micros:06} {}", line()).expect("writing into memory cannot fail");
        }
    }

    /// Lines of the trace.
    pub fn text(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }
}

/// A message in a few words.
pub fn words(message: &Message) -> String {
    match message {
        Message::PrePrepare { statement, content, .. } => {
            let cut: Vec<String> = content.cut.iter().map(|(lane, tip)| format!("{lane}:{}", tip.position)).collect();
            let mark = if content.mark { " mark" } else { "" };
            format!("{} [{}]{mark}", signed(statement), cut.join(" "))
        }
        Message::Prepare { statement, pre_prepare } if statement.statement.digest == pre_prepare.statement.digest => {
            signed(statement)
        }
        Message::Prepare { statement, pre_prepare } => format!("{} to {}", signed(statement), signed(pre_prepare)),
        Message::Commit(one) | Message::Ack(one) | Message::Checkpoint(one) => signed(one),
        Message::LaneCert(cert) | Message::StableCheckpoint(cert) => certificate(cert),
        Message::Status { body, .. } => {
            let stuck = if body.stuck { " stuck" } else { "" };
            format!(
                "Status v{}{} stable {} executed {} slots {} lanes {}{stuck}",
                body.view,
                if body.changing { "?" } else { "" },
                body.stable,
                body.executed,
                body.slots.len(),
                body.lanes.len()
            )
        }
        Message::Contradiction(one) => format!("Contradiction of {}", signed(one)),
        Message::Evidence(evidence) => format!("Evidence {:?} against {}", evidence.key().kind, evidence.key().signer),
        Message::Bundle(bundle) => format!("{} with {} items", signed(&bundle.statement), bundle.items.len()),
        Message::Content { content, .. } => format!("Content {}", short(&content.digest())),
        Message::Decided { certificate: cert, .. } => format!("Decided by {}", certificate(cert)),
        Message::Ask(question) => format!("Ask {}", asked(&question.wanted)),
        Message::Recalled { statements, .. } => format!("Recalled {} statements", statements.len()),
        Message::ViewChange { statement, body } => {
            format!("{} from {} P {} Q {}", signed(statement), body.base(), body.prepared.len(), body.voted.len())
        }
        Message::NewView { statement, body } => {
            let from: Vec<String> = body.view_changes.iter().map(|(signed, _)| signed.signer.to_string()).collect();
            format!("{} of {} with {} slots", signed(statement), from.join(" "), body.pre_prepares.len())
        }
    }
}

fn signed(signed: &Signed) -> String {
    let statement = &signed.statement;
    let (view, seq) = (statement.view, statement.seq);
    format!("{:?} by {} v{view} s{seq} {}", statement.kind, signed.signer, short(&statement.digest))
}

/// A certificate in a few words.
pub fn certificate(cert: &ClaimedCert) -> String {
    let count = cert.signatures.len();
    format!("{count} {:?} v{} s{} {}", cert.kind, cert.view, cert.seq, short(&cert.digest))
}

fn asked(wanted: &Wanted) -> String {
    match wanted {
        Wanted::Slots { from, to } => format!("slots {from} to {to}"),
        Wanted::Content { seq, digest } => format!("content {} of slot {seq}", short(digest)),
        Wanted::Bundles { lane, from, to } => format!("bundles {from} to {to} of lane {lane}"),
        Wanted::StableCheckpoint => "stable checkpoint".to_owned(),
        Wanted::NewView { view, digest } => format!("new view {view} {}", short(digest)),
        Wanted::Recall { incarnation, .. } => format!("recall {incarnation}"),
    }
}

fn short(digest: &Digest) -> String {
    digest.to_string()[..6].to_owned()
}
