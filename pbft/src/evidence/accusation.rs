//! Contradicting words of a signer, and the proof of them on its way to the ledger (E2, E5).

use crate::agreement::order::Order;
use crate::effects::{Effect, Record, Rejected};
use crate::evidence::proof::{Evidence, EvidenceKey};
use crate::evidence::witness::{Heard, POSITIONS_REMEMBERED_MAX, Subject, Witness};
use crate::lanes::Lanes;
use crate::member::Member;
use crate::replica::Replica;
use crate::views::Views;
use crate::wire::{Digest, Epoch, Item, ItemKind, Kind, Message, ReplicaId, SeqNum, Signed, View};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Positions above a lane's certified tip at which statements are remembered: an owner has eight out (L1), and whoever has not
/// heard of that many certificates lags. Less than what is remembered, so that nobody's flood pushes out the rest.
const POSITIONS_AHEAD_MAX: u64 = 512;
const _: () = assert!(POSITIONS_AHEAD_MAX < POSITIONS_REMEMBERED_MAX as u64);

/// Evidence that this replica holds or knows recorded.
#[derive(Debug, Clone)]
pub(crate) struct Accusations {
    epoch: Epoch,
    held: BTreeMap<EvidenceKey, Evidence>,
    recorded: BTreeSet<EvidenceKey>,
}

impl Accusations {
    pub(crate) fn new(epoch: Epoch) -> Self {
        Self { epoch, held: BTreeMap::new(), recorded: BTreeSet::new() }
    }

    /// Evidence that is not yet on the ledger.
    pub(crate) fn held(&self) -> impl Iterator<Item = &Evidence> {
        self.held.values()
    }

    /// Whether there is a proof against a replica in this epoch already: one is enough (E2).
    pub(crate) fn is_proved(&self, signer: ReplicaId) -> bool {
        self.held.keys().chain(&self.recorded).any(|key| (key.signer, key.epoch) == (signer, self.epoch))
    }

    /// Whether a statement differs from what is certified. A backup's vote for the proposal of its view does not, unless
    /// that primary is proved a liar: honest backups voted so in a view that did not decide, and n replicas that send n
    /// such votes to n would make a view change cost the cube of the group.
    fn contradicts(&self, witness: &Witness, member: &Member, signed: &Signed) -> bool {
        let primary = member.committee.primary(signed.statement.view);
        witness.contradicts(signed) && (!witness.follows(signed, primary) || self.is_proved(primary))
    }

    pub(crate) fn add(&mut self, evidence: Evidence) {
        self.held.insert(evidence.key(), evidence);
    }

    /// The ledger has it: nothing more to do about it.
    fn record(&mut self, key: EvidenceKey) {
        self.held.remove(&key);
        self.recorded.insert(key);
    }
}

impl Replica {
    /// Takes in a valid statement of anybody, wherever it was found.
    pub(crate) fn hear(&mut self, signed: &Signed) {
        if signed.signer == self.member.me {
            self.member.meet_own(signed);
            return;
        }
        if !self.is_heard(signed) {
            return;
        }
        match self.witness.hear(signed) {
            Heard::Known => (),
            Heard::Again(known) => self.on_second(signed, known, None),
            Heard::First => {
                if self.accusations.contradicts(&self.witness, &self.member, signed) {
                    self.witness.pass_on(&mut self.member, &self.accusations, signed);
                }
                if signed.statement.kind.is_vote() {
                    self.compare_with_view_change(signed);
                }
            }
            Heard::Second(evidence) => {
                let known = evidence.statements().into_iter().find(|known| known != signed);
                self.on_second(signed, known.unwrap_or(*signed), Some(*evidence));
            }
        }
    }

    /// A verified word beside a remembered one that is not the same: a contradiction, or another signature. The remembered
    /// one may have been let in unchecked; if it is not genuine, it makes room.
    fn on_second(&mut self, signed: &Signed, known: Signed, evidence: Option<Evidence>) {
        self.witness.suspect(signed.signer);
        let (view, signer) = (signed.statement.view, signed.signer);
        let is_over = view < self.views.number || self.member.committee.primary(view) != signer;
        if is_over && self.accusations.is_proved(signer) {
            return;
        }
        if !self.witness.is_genuine(&self.member, &known) {
            self.hear(signed);
        } else if let Some(evidence) = evidence {
            self.accuse(evidence);
        }
    }

    /// Takes in a word that nobody has verified: it says what is certified, so its signature matters only beside another
    /// word of its signer, and then it is looked at.
    pub(crate) fn on_word(&mut self, from: ReplicaId, signed: &Signed) -> Result<(), Rejected> {
        if let Some(peer) = self.peers.get_mut(from) {
            peer.heard = Some(self.member.now.ticks);
        }
        if from == self.member.me || !self.witness.agrees(signed) {
            return Err(Rejected::Unknown { from, what: "a certificate" });
        }
        if !self.is_heard(signed) {
            return Ok(());
        }
        match self.witness.hear_unchecked(signed) {
            Heard::First if signed.statement.kind.is_vote() => self.compare_with_view_change(signed),
            Heard::Known | Heard::First => (),
            Heard::Again(_) | Heard::Second(_) => {
                self.witness.suspect(from);
                if self.member.is_genuine(signed) {
                    self.hear(signed);
                }
            }
        }
        Ok(())
    }

    /// B: whether a statement lies where an honest one can; what lies elsewhere would only push that out of memory.
    fn is_heard(&self, signed: &Signed) -> bool {
        let statement = &signed.statement;
        let (view, seq) = (statement.view, statement.seq);
        let near = |lane: ReplicaId| {
            let certified = self.lanes.get(lane).map(|lane| lane.certified().position.get());
            certified.is_some_and(|certified| seq.get() <= certified.saturating_add(POSITIONS_AHEAD_MAX))
        };
        match statement.kind {
            Kind::Bundle | Kind::Checkpoint if view != View::new(0) => false,
            Kind::ViewChange | Kind::NewView if seq != SeqNum::new(0) => false,
            Kind::PrePrepare | Kind::Prepare | Kind::Commit => {
                view <= self.views.number && self.order.is_remembered(&self.member, seq)
            }
            Kind::Bundle => near(signed.signer),
            Kind::Ack => near(view.lane()),
            Kind::Checkpoint => seq <= self.order.executed().plus(2 * self.member.constants.window),
            Kind::ViewChange | Kind::NewView => view <= self.views.expected(&self.member.committee),
            Kind::Status => false,
        }
    }

    /// E2: a certificate is there: words that came before it are held against it.
    pub(crate) fn refer(&mut self, subject: Subject, seq: SeqNum, digest: Digest) {
        if !self.witness.refer(subject, seq, digest) {
            return;
        }
        for signed in self.witness.heard_about(self.member.committee.replicas(), subject, seq) {
            if self.accusations.contradicts(&self.witness, &self.member, &signed) {
                self.witness.pass_on(&mut self.member, &self.accusations, &signed);
            }
        }
    }

    pub(crate) fn on_evidence(&mut self, evidence: Evidence) -> Result<(), Rejected> {
        // One's own words in it may be news (E7); of others' there is proof enough.
        let me = self.member.me;
        let own = evidence.statements().into_iter().filter(|signed| signed.signer == me);
        own.for_each(|signed| self.member.meet_own(&signed));
        self.accuse(evidence);
        Ok(())
    }

    /// E5: gossip it and put it on the own lane, once.
    pub(crate) fn accuse(&mut self, evidence: Evidence) {
        if !evidence.statements().iter().all(|signed| self.witness.is_genuine(&self.member, signed)) {
            return; // A word that was let in unchecked is not its signer's.
        }
        self.views.note_equivocator(&self.member, &evidence);
        if self.accusations.is_proved(evidence.key().signer) {
            return;
        }
        assert!(evidence.is_well_formed(), "I21: an accusation that proves nothing");
        let genuine = evidence.statements().iter().all(|signed| self.member.is_genuine(signed));
        assert!(genuine, "I22: an accusation with a word that its signer did not sign");
        self.accusations.add(evidence.clone());
        self.member.out.persist(Record::Evidence(evidence.clone()));
        self.member.out.push(Effect::Accuse(evidence.clone()));
        self.lanes.own.push(item_of(&evidence));
        self.member.out.push(Effect::Broadcast(Arc::new(Message::Evidence(evidence.clone()))));
        self.witness.review_followers(&mut self.member, &self.accusations, evidence.key().signer);
    }

    /// E5: the ledger has it. A proof that was ordered before anybody sent it here is news like any other.
    pub(crate) fn record(&mut self, key: EvidenceKey) {
        let news = key.epoch == self.accusations.epoch && !self.accusations.is_proved(key.signer);
        self.accusations.record(key);
        if news {
            self.witness.review_followers(&mut self.member, &self.accusations, key.signer);
        }
    }
}

impl Witness {
    /// E2: sends a word that contradicts to all, once.
    fn pass_on(&mut self, member: &mut Member, accusations: &Accusations, signed: &Signed) {
        self.suspect(signed.signer);
        let wanted = signed.signer != member.me && !accusations.is_proved(signed.signer);
        if wanted && self.is_genuine(member, signed) && self.may_send(signed.signer, member.now.ticks.get()) {
            member.out.push(Effect::Broadcast(Arc::new(Message::Contradiction(*signed))));
        }
    }

    /// E2: a primary is proved a liar: votes for its proposals are held against what was decided after all.
    fn review_followers(&mut self, member: &mut Member, accusations: &Accusations, primary: ReplicaId) {
        let backups = member.committee.replicas().flat_map(|signer| self.votes_of(signer));
        let in_its_views = backups.filter(|vote| member.committee.primary(vote.statement.view) == primary);
        let words = in_its_views.filter(|vote| self.follows(vote, primary) && self.contradicts(vote));
        let words: Vec<Signed> = words.copied().collect();
        words.iter().for_each(|vote| self.pass_on(member, accusations, vote));
    }

    /// E2: sends a NewView that this replica did not enter: who entered another one of that view lacks this contradiction.
    pub(crate) fn pass_on_new_view(&mut self, member: &mut Member, known: &Accusations, views: &Views, word: &Signed) {
        if views.entered.get(&word.statement.view) != Some(&word.statement.digest) {
            self.pass_on(member, known, word);
        }
    }

    /// E2: the same for NewViews of views that are passed, on the way to `next`, without being entered.
    pub(crate) fn pass_on_new_views(&mut self, member: &mut Member, known: &Accusations, views: &Views, next: View) {
        let entered = views.entered.range(..next).next_back().map_or(View::new(0), |(view, _)| *view);
        for word in self.new_views_between(member.committee.replicas(), entered.next(), next) {
            self.pass_on_new_view(member, known, views, &word);
        }
    }
}

impl Order {
    /// E5: statements are of use from two periods below the stable checkpoint to the end of the window.
    fn is_remembered(&self, member: &Member, seq: SeqNum) -> bool {
        let oldest = self.low().get().saturating_sub(2 * member.constants.checkpoint_period);
        seq.get() >= oldest && (self.in_reach(seq) || seq <= self.low())
    }
}

impl Accusations {
    /// After a restart: what was not recorded goes on the lane again.
    pub(crate) fn accuse_again(&mut self, lanes: &mut Lanes) {
        let items: Vec<Item> = self.held().map(item_of).collect();
        items.into_iter().for_each(|item| lanes.own.push(item));
    }
}

fn item_of(evidence: &Evidence) -> Item {
    let bytes = borsh::to_vec(evidence).expect("writing into memory cannot fail");
    Item { kind: ItemKind::Evidence, bytes }
}
