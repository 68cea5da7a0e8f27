//! Members and other followers that serve a follower: their claims, which only say whom to ask.

use crate::effects::Rejected;
use crate::recovery::peer::Peers;
use crate::wire::{ReplicaId, SeqNum, Signed, StatusBody, Ticks};
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

/// Followers that may serve one follower at a time.
const FOLLOWERS_MAX: usize = 64;
/// Time for which a follower that left a question unanswered is asked last.
const SILENT_MS: u64 = 600_000;
/// Time after which a neighbour that left a question for a slot, or for the bundles that it cuts, unanswered does not count as one
/// that has it, while nothing that is missing comes from it and the slot is not executed.
const OWES_MS: u64 = 60_000;

/// Claims of another follower about what it can hand out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Claims {
    /// The highest slot whose decision it has.
    pub decided: SeqNum,
    /// Its highest executed slot: it has the data of all slots up to there.
    pub executed: SeqNum,
    /// The oldest slot that it still has.
    pub oldest: SeqNum,
    /// Its newest certified checkpoint.
    pub stable: SeqNum,
}

/// Another follower.
#[derive(Debug, Clone, Copy, Default)]
struct Other {
    claims: Claims,
    /// It handed out data that was asked for.
    has_answered: bool,
    silent_at: Option<Ticks>,
}

/// Members by place in the member list, and other followers by places after it.
#[derive(Debug, Clone)]
pub(super) struct Neighbours {
    peers: Peers,
    /// Of each member the highest slot whose decision it handed over, and the oldest slot that it says it has beside its statuses.
    shown: Vec<Claims>,
    /// The highest slot of which a certificate came, whoever handed it over.
    proved: SeqNum,
    others: BTreeMap<ReplicaId, Other>,
    /// The slot of which each neighbour left a question for the decision or the bundles unanswered, and when it did first.
    owing: BTreeMap<ReplicaId, (SeqNum, Ticks)>,
}

impl Neighbours {
    pub(super) fn new(n: usize) -> Self {
        Self {
            peers: Peers::new(n),
            shown: vec![Claims::default(); n],
            proved: SeqNum::default(),
            others: BTreeMap::new(),
            owing: BTreeMap::new(),
        }
    }

    pub(super) fn peers(&self) -> &Peers {
        &self.peers
    }

    /// Claims of another follower; those of more than [`FOLLOWERS_MAX`] are forgotten at once. Of a member only the oldest slot
    /// counts, while no status of this epoch says it: the member may be in a later one.
    pub(super) fn on_claims(&mut self, from: ReplicaId, claims: Claims) {
        if let Some(shown) = self.shown.get_mut(from.index()) {
            shown.oldest = claims.oldest;
        } else if self.others.contains_key(&from) || self.others.len() < FOLLOWERS_MAX {
            let other = self.others.entry(from).or_default();
            other.claims = Claims { decided: claims.decided.max(other.claims.decided), ..claims };
        }
    }

    pub(super) fn forget(&mut self, other: ReplicaId) {
        self.others.remove(&other);
        self.owing.remove(&other);
    }

    /// A question for a slot, or for the bundles that it cuts, stayed without an answer. Who was forgotten owes nothing.
    pub(super) fn owes(&mut self, id: ReplicaId, seq: SeqNum, now: Ticks) {
        if id.index() >= self.shown.len() && !self.others.contains_key(&id) {
            return;
        }
        let owed = self.owing.entry(id).or_insert((seq, now));
        if owed.0 != seq {
            *owed = (seq, now);
        }
    }

    /// Whether a neighbour has left questions for a slot unanswered for so long that its claim counts no more.
    fn withholds(&self, id: ReplicaId, seq: SeqNum, now: Ticks) -> bool {
        self.owing.get(&id).is_some_and(|(owed, since)| *owed == seq && now.since(*since) >= OWES_MS)
    }

    /// A question stayed without an answer.
    pub(super) fn on_silence(&mut self, of: ReplicaId, now: Ticks) {
        if let Some(other) = self.others.get_mut(&of) {
            other.silent_at = Some(now);
        }
    }

    /// The next decision or a bundle that was missing came, if late: what is still to come has a minute anew.
    pub(super) fn on_part(&mut self, from: ReplicaId) {
        self.owing.remove(&from);
    }

    /// Data came that was asked for, if late.
    pub(super) fn on_answer(&mut self, from: ReplicaId) {
        self.on_part(from);
        if let Some(other) = self.others.get_mut(&from) {
            (other.has_answered, other.silent_at) = (true, None);
        }
    }

    /// Whether a neighbour is a member, or has handed out data before.
    pub(super) fn is_proved(&self, id: ReplicaId) -> bool {
        self.others.get(&id).is_none_or(|other| other.has_answered)
    }

    /// Other followers that answer, those that did before first; or else those that did not lately.
    pub(super) fn others(&self, answering: bool, now: Ticks) -> impl Iterator<Item = ReplicaId> {
        let is_silent = move |other: &Other| other.silent_at.is_some_and(|at| now.since(at) < SILENT_MS);
        let of = move |proved: bool| {
            let chosen = move |other: &Other| is_silent(other) != answering && other.has_answered == proved;
            self.others.iter().filter(move |(_, other)| chosen(other)).map(|(id, _)| *id)
        };
        of(true).chain(of(false))
    }

    pub(super) fn hear(&mut self, from: ReplicaId, now: Ticks) -> Result<(), Rejected> {
        if self.others.contains_key(&from) {
            return Ok(());
        }
        let peer = self.peers.get_mut(from).ok_or(Rejected::Unknown { from, what: "a member" })?;
        peer.heard = Some(now);
        Ok(())
    }

    /// Only a member's own status says what it has; another's tells nothing of who hands it over.
    pub(super) fn on_status(&mut self, from: ReplicaId, statement: &Signed, body: StatusBody) -> Result<(), Rejected> {
        if statement.signer != from {
            return Err(Rejected::Unknown { from, what: "a status of its own" });
        }
        self.peers[from].accept(statement.statement.seq, body);
        Ok(())
    }

    /// A checked certificate came of a slot, or of the state after it.
    pub(super) fn prove(&mut self, seq: SeqNum) {
        self.proved = seq.max(self.proved);
    }

    /// A neighbour handed the decision of a slot over: it has what led to it as well, unless it says otherwise.
    pub(super) fn show(&mut self, from: ReplicaId, seq: SeqNum) {
        self.prove(seq);
        if let Some(other) = self.others.get_mut(&from) {
            other.claims.decided = seq.max(other.claims.decided);
        } else if let Some(shown) = self.shown.get_mut(from.index()) {
            shown.decided = seq.max(shown.decided);
        }
    }

    /// The highest slot of which a certificate came.
    pub(super) fn proved(&self) -> SeqNum {
        self.proved
    }

    /// Claims of a neighbour: of a member those of its newest status, and the decisions that it handed over.
    fn known(&self, id: ReplicaId) -> Claims {
        if let Some(other) = self.others.get(&id) {
            return other.claims;
        }
        let shown = self.shown[id.index()];
        let Some(&StatusBody { executed, oldest, stable, .. }) = self.peers[id].status.as_ref() else { return shown };
        Claims { decided: executed.max(shown.decided), executed, oldest, stable }
    }

    /// The highest slot that a neighbour claims to have.
    pub(super) fn claims(&self, id: ReplicaId) -> SeqNum {
        self.known(id).decided
    }

    /// The checkpoint that a neighbour says is stable; genesis for a member that is not heard.
    pub(super) fn stable(&self, id: ReplicaId, now: Ticks) -> SeqNum {
        if self.is_there(id, now) { self.known(id).stable } else { SeqNum::default() }
    }

    /// Whether a neighbour is another follower, or a member that is heard.
    fn is_there(&self, id: ReplicaId, now: Ticks) -> bool {
        self.others.contains_key(&id) || self.peers[id].is_heard(now)
    }

    /// Whether a neighbour may still have a slot.
    pub(super) fn serves(&self, id: ReplicaId, seq: SeqNum, now: Ticks) -> bool {
        let Claims { oldest, decided, .. } = self.known(id);
        self.is_there(id, now) && (oldest..=decided).contains(&seq)
    }

    /// Whether a neighbour may still have the bundles that a slot cuts. Another follower hands decisions on before it has
    /// their data.
    pub(super) fn serves_data(&self, id: ReplicaId, seq: SeqNum, now: Ticks) -> bool {
        self.serves(id, seq, now) && self.others.get(&id).is_none_or(|other| other.claims.executed >= seq)
    }

    /// Whether no neighbour can hand out a slot any more that f + 1 members that are heard claim, or that is certified and that
    /// all neighbours have dropped, as far as they say what they have. One that claims it and never gives it has none.
    pub(super) fn unserved(&self, seq: SeqNum, now: Ticks) -> bool {
        let has_said = |id: &ReplicaId| self.is_there(*id, now) && self.known(*id) != Claims::default();
        let members = || (0..self.shown.len() as u16).map(ReplicaId::new).filter(has_said);
        let mut neighbours = members().chain(self.others.keys().copied()).peekable();
        // Some of them is honest.
        let is_claimed =
            members().filter(|id| self.claims(*id) >= seq).count() > self.shown.len().saturating_sub(1) / 3;
        let is_certified = self.proved >= seq && neighbours.peek().is_some();
        let has = |id| self.serves_data(id, seq, now) && !self.withholds(id, seq, now);
        is_claimed && !neighbours.clone().any(has)
            || is_certified && neighbours.all(|id| self.known(id).oldest > seq || self.withholds(id, seq, now))
    }
}
