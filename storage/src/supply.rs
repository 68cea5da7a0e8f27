//! Answers to peers (N9, L5) from persisted records, bounded in number and in bytes.

use crate::key;
use crate::record::committed;
use crate::row::{self, Accepted, Committed, LaneCert, decode};
use crate::rows::{Order, Rows};
use crate::snapshot::Snapshot;
use crate::tables::Name;
use quorate_ledger::StoreError;
use quorate_pbft::{
    ClaimedCert, Content, Digest, Epoch, Message, Position, Question, ReplicaId, SeqNum, Tip, View, Wanted,
};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Bounds of one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SupplyLimits {
    /// Messages.
    pub messages_max: usize,
    /// Bytes of all messages. The first message goes out whatever it weighs: a bundle of one large item must arrive.
    pub bytes_max: usize,
    /// Whether slots come with the certificates of their tips, as voters need them.
    pub lane_certificates: bool,
}

impl SupplyLimits {
    /// Messages in an answer to one question: two windows of slots would not speed up who is behind, they would keep
    /// the stream from the next question.
    pub const MESSAGES_MAX: usize = 512;
    /// Bytes in an answer to one question: 0.3 s of a 100 Mbit/s line.
    pub const BYTES_MAX: usize = 4 << 20;
}

impl Default for SupplyLimits {
    fn default() -> Self {
        Self { messages_max: Self::MESSAGES_MAX, bytes_max: Self::BYTES_MAX, lane_certificates: true }
    }
}

impl Snapshot {
    /// The answer to a question, as far as it is here and within the limits: slots from the lowest on, each
    /// after those certificates of its tips that are here and that no slot before it in the answer named; bundles from
    /// the highest down, because the asker knows the highest one's digest and each names the one below; a content with
    /// its certificates, or, if some are not here and the slot is decided, as the decided slot. A damaged row ends the
    /// answer; it is an error where it would begin one.
    pub fn supply(&self, question: &Question, limits: SupplyLimits) -> Result<Vec<Message>, StoreError> {
        let mut answer = Answer { messages: Vec::new(), bytes: 0, limits };
        match self.fill(question, &mut answer) {
            Err(error) if answer.messages.is_empty() => Err(error),
            _ => Ok(answer.messages),
        }
    }

    fn fill(&self, Question { epoch, wanted }: &Question, answer: &mut Answer) -> Result<(), StoreError> {
        match wanted {
            Wanted::Slots { from, to } => self.supply_slots(*from, *to, answer)?,
            Wanted::Content { seq, digest } => answer.extend(self.content(*seq, *digest)?),
            Wanted::Bundles { lane, from, to } => self.supply_bundles(*epoch, *lane, (*from, *to), answer)?,
            Wanted::NewView { view, digest } => {
                let found = self.new_view(*epoch, *view, *digest)?;
                answer.extend(found.map(|(statement, body)| Message::NewView { statement, body }));
            }
            Wanted::StableCheckpoint => {
                answer.extend(self.stable(SeqNum::new(u64::MAX))?.map(Message::StableCheckpoint));
            }
            Wanted::Recall { .. } => (), // the core answers it from memory (E7)
        }
        Ok(())
    }

    fn supply_slots(&self, from: SeqNum, to: SeqNum, answer: &mut Answer) -> Result<(), StoreError> {
        let mut named = BTreeMap::new();
        self.rows(Name::Committed, &key::slot(from), &key::slot(to), Order::Up, &mut |_, value| {
            let Committed { certificate, content } = decode(value)?;
            for (lane, tip) in &content.cut {
                if answer.limits.lane_certificates && named.insert(*lane, *tip) != Some(*tip) {
                    answer.extend(self.tip_cert(certificate.epoch, *lane, *tip)?.map(Message::LaneCert));
                }
            }
            Ok(answer.push(Message::Decided { certificate, content }))
        })
    }

    fn supply_bundles(
        &self,
        epoch: Epoch,
        lane: ReplicaId,
        (from, to): (Position, Position),
        answer: &mut Answer,
    ) -> Result<(), StoreError> {
        let Some(group) = self.group()? else { return Ok(()) };
        let from = key::lane(epoch, lane, from);
        let to = key::beside(&key::lane(epoch, lane, to), Digest([u8::MAX; 32]));
        self.rows(Name::Bundles, &from, &to, Order::Down, &mut |_, value| {
            Ok(answer.push(Message::Bundle(Arc::new(row::parse_bundle(value, group, epoch)?))))
        })
    }

    fn content(&self, seq: SeqNum, digest: Digest) -> Result<Option<Message>, StoreError> {
        let decided = committed(self, seq)?.filter(|slot| slot.certificate.digest == digest);
        let found = match &decided {
            Some(slot) => Some((slot.certificate.epoch, slot.content.clone())),
            None => self.accepted_content(seq, digest)?,
        };
        let Some((epoch, content)) = found else { return Ok(None) };
        let certificates = self.tip_certs(epoch, &content)?;
        match decided {
            Some(slot) if certificates.len() < content.cut.len() => {
                Ok(Some(Message::Decided { certificate: slot.certificate, content }))
            }
            _ => Ok(Some(Message::Content { content, certificates })),
        }
    }

    fn accepted_content(&self, seq: SeqNum, digest: Digest) -> Result<Option<(Epoch, Content)>, StoreError> {
        let mut found = None;
        let (from, to) = (key::slot_view(seq, View::new(0)), key::slot_view(seq, View::new(u64::MAX)));
        self.rows(Name::Accepted, &from, &to, Order::Down, &mut |_, value| {
            let row: Accepted = decode(value)?;
            if row.content.digest() != digest {
                return Ok(ControlFlow::Continue(()));
            }
            found = Some((row.epoch, row.content));
            Ok(ControlFlow::Break(()))
        })?;
        Ok(found)
    }

    /// As many as are here, in the cut's order.
    fn tip_certs(&self, epoch: Epoch, content: &Content) -> Result<Vec<ClaimedCert>, StoreError> {
        let found = content.cut.iter().map(|(lane, tip)| self.tip_cert(epoch, *lane, *tip));
        found.filter_map(Result::transpose).collect()
    }

    fn tip_cert(&self, epoch: Epoch, lane: ReplicaId, tip: Tip) -> Result<Option<ClaimedCert>, StoreError> {
        let Some(value) = self.row(Name::LaneCerts, &key::lane(epoch, lane, tip.position))? else {
            return Ok(None);
        };
        let cert: LaneCert = decode(&value)?;
        Ok((cert.digest == tip.digest).then(|| cert.claim(epoch, lane, tip.position)))
    }
}

/// An answer that fills up.
struct Answer {
    messages: Vec<Message>,
    bytes: usize,
    limits: SupplyLimits,
}

impl Answer {
    /// Adds a message if it fits, or if it is the first.
    fn push(&mut self, message: Message) -> ControlFlow<()> {
        let bytes = borsh::object_length(&message).expect("counting in memory cannot fail");
        let fits = self.messages.len() < self.limits.messages_max && self.bytes + bytes <= self.limits.bytes_max;
        if !fits && !self.messages.is_empty() {
            return ControlFlow::Break(());
        }
        self.bytes += bytes;
        self.messages.push(message);
        ControlFlow::Continue(())
    }

    fn extend(&mut self, messages: impl IntoIterator<Item = Message>) {
        for message in messages {
            if self.push(message).is_break() {
                break;
            }
        }
    }
}
