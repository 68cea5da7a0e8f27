//! False Q claims: its demands for a view say that it last voted for what it never voted for: another PrePrepare of the
//! slot that it heard or, where it was the primary, made up; of an older view where it knows one.
//! Must survive: agreement; q − f equal claims are needed, and P goes before Q (V5).

use super::{Attacker, Mask, another};
use quorate_pbft::{Digest, Kind, Message, ReplicaId, SeqNum, Signed, Statement, View, ViewChange, VotedEntry};
use std::collections::BTreeMap;
use std::sync::Arc;

/// PrePrepares that are kept.
const KEPT_MAX: usize = 512;

pub(super) struct FalseVotes {
    mask: Mask,
    heard: BTreeMap<(SeqNum, View, Digest), Signed>,
    /// The starts of views, as demands must name them.
    starts: BTreeMap<View, Digest>,
    /// View change that it sent for each view: the same to everybody.
    said: BTreeMap<View, Arc<Message>>,
}

impl FalseVotes {
    pub(super) fn new(mask: Mask) -> Self {
        let starts = BTreeMap::from([(View::new(0), Digest::ZERO)]);
        Self { mask, heard: BTreeMap::new(), starts, said: BTreeMap::new() }
    }

    fn keep(&mut self, signed: &Signed) {
        let statement = &signed.statement;
        self.heard.insert((statement.seq, statement.view, statement.digest), *signed);
        if self.heard.len() > KEPT_MAX {
            self.heard.pop_first();
        }
    }

    fn note(&mut self, message: &Message) {
        match message {
            Message::PrePrepare { statement, .. } => self.keep(statement),
            Message::Prepare { pre_prepare, .. } => self.keep(pre_prepare),
            Message::NewView { statement, body } => {
                self.starts.insert(body.view, statement.statement.digest);
                body.pre_prepares.iter().for_each(|signed| self.keep(signed));
            }
            _ => (),
        }
    }

    /// Another PrePrepare for the slot than the one that was voted for.
    fn instead(&self, entry: &VotedEntry) -> Option<VotedEntry> {
        let voted = &entry.pre_prepare.statement;
        if entry.pre_prepare.signer == self.mask.me && voted.view == View::new(0) {
            let pre_prepare = self.mask.sign(Statement { digest: another(&voted.digest), ..*voted });
            return Some(VotedEntry { pre_prepare, new_view: Digest::ZERO });
        }
        let of_slot =
            self.heard.range((voted.seq, View::new(0), Digest::ZERO)..(voted.seq.next(), View::new(0), Digest::ZERO));
        let others = of_slot.filter(|(_, signed)| signed.statement != *voted);
        let named = others.filter_map(|((_, view, _), signed)| Some((self.starts.get(view)?, signed)));
        named.map(|(new_view, signed)| VotedEntry { pre_prepare: *signed, new_view: *new_view }).next()
    }

    fn falsify(&self, body: &ViewChange) -> Message {
        let mut lie = body.clone();
        for entry in &mut lie.voted {
            if let Some(instead) = self.instead(entry) {
                *entry = instead;
            }
        }
        let digest = lie.digest(self.mask.constants.window);
        let statement = self.mask.say(Kind::ViewChange, lie.view, SeqNum::new(0), digest);
        Message::ViewChange { statement, body: Arc::new(lie) }
    }
}

impl Attacker for FalseVotes {
    fn outgoing(&mut self, _to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        self.note(message);
        let Message::ViewChange { statement, body } = &**message else { return vec![message.clone()] };
        if statement.signer != self.mask.me {
            return vec![message.clone()];
        }
        if !self.said.contains_key(&body.view) {
            self.said.insert(body.view, Arc::new(self.falsify(body)));
        }
        vec![self.said[&body.view].clone()]
    }

    fn overhear(&mut self, message: &Arc<Message>) {
        self.note(message);
    }

    fn may_hear(&mut self, message: &Arc<Message>) -> bool {
        !super::speaks_of(message, self.mask.me)
    }
}
