//! A conversation as people read it: who says what to whom, and what comes of it.

use super::{Cluster, id};
use quorate_pbft::{
    Broken, ClaimedCert, Content, Digest, Evidence, EvidenceKind, Item, ItemKind, Kind, Message, ReplicaId, Signed,
    Wanted,
};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// Lines, with milliseconds since the recording began. Statuses are left out: everybody sends them all the time.
#[derive(Default)]
pub struct Trace {
    begin: u64,
    text: String,
    /// Contents by digest, named A, B, C as they come.
    names: BTreeMap<Digest, String>,
    /// What was sent last, and to whom so far.
    sent: Option<(u64, ReplicaId, Arc<Message>, Vec<ReplicaId>)>,
    /// Slots executed, proofs made, and reasons to stop, of each replica as last seen.
    seen: Vec<(usize, usize, usize)>,
}

impl Trace {
    /// Begins now.
    pub fn begin(group: &Cluster) -> Self {
        let seen = group.nodes.iter().map(|node| (node.ledger.history.len(), node.accused.len(), node.broken.len()));
        Self { begin: group.now, seen: seen.collect(), ..Self::default() }
    }

    /// Everything so far.
    pub fn finish(mut self) -> String {
        self.flush();
        self.text
    }

    /// A line about what happens from outside.
    pub fn note(&mut self, now: u64, what: &str) {
        self.flush();
        self.line(now, what);
    }

    pub(super) fn sent(&mut self, now: u64, from: ReplicaId, to: ReplicaId, message: &Arc<Message>) {
        if matches!(**message, Message::Status { .. }) {
            return;
        }
        if let Some((at, by, last, receivers)) = &mut self.sent
            && (*at, *by) == (now, from)
            && last == message
            && !receivers.contains(&to)
        {
            receivers.push(to);
            return;
        }
        self.flush();
        self.sent = Some((now, from, message.clone(), vec![to]));
    }

    /// What a replica did that is not a message.
    pub(super) fn look(&mut self, group: &Cluster) {
        for (index, node) in group.nodes.iter().enumerate() {
            let (slots, proofs, reasons) = self.seen[index];
            let now = (node.ledger.history.len(), node.accused.len(), node.broken.len());
            if now == self.seen[index] {
                continue;
            }
            self.flush();
            self.seen[index] = now;
            for seq in node.ledger.history.keys().skip(slots) {
                self.line(group.now, &format!("{index} executes slot {seq}"));
            }
            for evidence in node.accused.iter().skip(proofs) {
                self.line(group.now, &format!("{index} can prove: {}", accusation(evidence)));
            }
            for broken in node.broken.iter().skip(reasons) {
                let why = match broken {
                    Broken::OlderThanPromises(signed) => format!("it never said {}", self.said(signed)),
                    broken => broken.to_string(),
                };
                self.line(group.now, &format!("{index} takes no part any more: {why}"));
            }
        }
    }

    fn line(&mut self, now: u64, what: &str) {
        writeln!(self.text, "{:>6}  {what}", now - self.begin).expect("memory");
    }

    fn flush(&mut self) {
        let Some((now, from, message, to)) = self.sent.take() else { return };
        let to: Vec<String> = to.iter().map(ToString::to_string).collect();
        let what = self.words(&message);
        self.line(now, &format!("{from} → {}  {what}", to.join(" ")));
    }

    fn name(&mut self, digest: &Digest) -> String {
        if *digest == Content::NULL.digest() {
            return "null".to_owned();
        }
        let next = char::from(b'A' + self.names.len() as u8).to_string();
        self.names.entry(*digest).or_insert(next).clone()
    }

    fn words(&mut self, message: &Message) -> String {
        match message {
            Message::PrePrepare { statement, content, .. } => {
                format!("{}: {}", self.said(statement), described(content))
            }
            Message::Prepare { statement, .. } => self.said(statement),
            Message::Commit(signed) | Message::Ack(signed) | Message::Checkpoint(signed) => self.said(signed),
            Message::Contradiction(signed) => format!("says that {} said {}", signed.signer, self.said(signed)),
            Message::LaneCert(claimed) | Message::StableCheckpoint(claimed) => self.certified(claimed),
            Message::Evidence(evidence) => format!("Evidence: {}", accusation(evidence)),
            Message::Bundle(bundle) => {
                let items: Vec<String> = bundle.items.iter().map(item).collect();
                format!("Bundle {} of lane {}: {}", bundle.header.position, bundle.header.lane, items.join(", "))
            }
            Message::Content { content, .. } => {
                format!("Content {}: {}", self.name(&content.digest()), described(content))
            }
            Message::Decided { certificate, content } => {
                format!("Decided: {}: {}", self.certified(certificate), described(content))
            }
            Message::Ask(question) => format!("asks for {}", self.wanted(&question.wanted)),
            Message::Recalled { statements, .. } => format!("Recalled: {} statements", statements.len()),
            Message::ViewChange { statement, body } => {
                let entries = |of: Vec<&Signed>, trace: &mut Self| {
                    let named = of.iter().map(|signed| {
                        let said = &signed.statement;
                        format!("{} = {} in view {}", said.seq, trace.name(&said.digest), said.view)
                    });
                    let named: Vec<String> = named.collect();
                    if named.is_empty() { "none".to_owned() } else { named.join(", ") }
                };
                let prepared = entries(body.prepared.iter().map(|entry| &entry.pre_prepare).collect(), self);
                let voted = entries(body.voted.iter().map(|entry| &entry.pre_prepare).collect(), self);
                format!("{} above slot {}, P: {prepared}; Q: {voted}", self.said(statement), body.base())
            }
            Message::NewView { statement, body } => {
                let demands: Vec<String> =
                    body.view_changes.iter().map(|(signed, _)| signed.signer.to_string()).collect();
                let carried: Vec<String> = body
                    .pre_prepares
                    .iter()
                    .map(|signed| format!("{} = {}", signed.statement.seq, self.name(&signed.statement.digest)))
                    .collect();
                let carried = if carried.is_empty() { "nothing".to_owned() } else { carried.join(", ") };
                format!("{} from the demands of {}, carries {carried}", self.said(statement), demands.join(" "))
            }
            Message::Status { .. } => "Status".to_owned(),
        }
    }

    fn said(&mut self, signed: &Signed) -> String {
        let said = &signed.statement;
        let (view, seq) = (said.view, said.seq);
        match said.kind {
            Kind::Ack => format!("Ack {seq} of lane {view}"),
            Kind::Bundle => format!("Bundle {seq}"),
            Kind::Checkpoint => format!("Checkpoint {seq}"),
            Kind::ViewChange | Kind::NewView => format!("{:?} {view}", said.kind),
            kind => format!("{kind:?} {seq} = {} in view {view}", self.name(&said.digest)),
        }
    }

    fn certified(&mut self, claimed: &ClaimedCert) -> String {
        let signers: Vec<String> = claimed.signatures.iter().map(|(signer, _)| signer.to_string()).collect();
        let signers = signers.join(" ");
        match claimed.kind {
            Kind::Ack => format!("certificate of {} of lane {} by {signers}", claimed.seq, claimed.view),
            Kind::Checkpoint => format!("certificate of checkpoint {} by {signers}", claimed.seq),
            kind => {
                let name = self.name(&claimed.digest);
                format!("{kind:?} {} = {name} in view {} by {signers}", claimed.seq, claimed.view)
            }
        }
    }

    fn wanted(&mut self, wanted: &Wanted) -> String {
        match wanted {
            Wanted::Slots { from, to } => format!("slots {from} to {to}"),
            Wanted::Content { seq, digest } => format!("content {} of slot {seq}", self.name(digest)),
            Wanted::Bundles { lane, from, to } => format!("bundles {from} to {to} of lane {lane}"),
            Wanted::StableCheckpoint => "the newest stable checkpoint".to_owned(),
            Wanted::NewView { view, .. } => format!("the start of view {view}"),
            Wanted::Recall { .. } => "what it said before".to_owned(),
        }
    }
}

fn described(content: &Content) -> String {
    let mut parts: Vec<String> =
        content.cut.iter().map(|(lane, tip)| format!("lane {lane} up to {}", tip.position)).collect();
    if content.mark {
        parts.push("mark".to_owned());
    }
    if parts.is_empty() { "empty".to_owned() } else { parts.join(", ") }
}

fn item(item: &Item) -> String {
    match item.kind {
        ItemKind::Envelope => format!("\"{}\"", String::from_utf8_lossy(&item.bytes)),
        ItemKind::Evidence => match borsh::from_slice::<Evidence>(&item.bytes) {
            Ok(evidence) => format!("evidence, {}", accusation(&evidence)),
            Err(error) => error.to_string(),
        },
        ItemKind::ReadMark => "a read mark".to_owned(),
        ItemKind::Member | ItemKind::Analysis => format!("{:?}", item.kind),
    }
}

fn accusation(evidence: &Evidence) -> String {
    let (key, (view, seq)) = (evidence.key(), evidence.place());
    match key.kind {
        EvidenceKind::Proposal => format!("{} voted for two contents of slot {seq} in view {view}", key.signer),
        kind => format!("{} did {kind:?} at {seq}, view {view}", key.signer),
    }
}

impl Cluster {
    /// Records from now on.
    pub fn record(&mut self) {
        self.trace = Some(Trace::begin(self));
    }

    /// Says in the recording what happens from outside.
    pub fn note(&mut self, what: &str) {
        let now = self.now;
        if let Some(trace) = &mut self.trace {
            trace.note(now, what);
        }
    }

    /// What was recorded.
    pub fn recorded(&mut self) -> String {
        self.trace.take().map(Trace::finish).unwrap_or_default()
    }

    /// Stops a process, and says so.
    pub fn kill(&mut self, index: usize) {
        self.note(&format!("replica {} is killed", id(index)));
        self.crash(index);
    }
}
