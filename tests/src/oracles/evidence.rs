//! Each signer of two words at one place that honest replicas compare is proved a liar on the ledger in the end (E2, E5).
//!
//! Compared are, in the calm, words at places with a certificate: votes for executed slots, acknowledgements of executed
//! bundles, statements about stable checkpoints. A replica holds a word against the certificate if it heard the one and
//! learned the other since it was started, and remembers it until a stable checkpoint lies two periods above. Votes beyond
//! its view or its window it may drop. Headers are compared with the tips that others announce, ViewChanges and NewViews
//! with those that they hold, in the storm too: two headers of which nobody honest acknowledged a bundle, and two statements
//! about views of which nobody honest has seen a body, need not meet. Of a signer's ViewChanges a replica holds the newest:
//! a word about an older view that comes to another one later meets nothing. One proof for each signer is enough.

use super::{Oracle, Verdict};
use crate::attackers::Attack;
use crate::scene::{Fact, Scene, Standing, Survey, statements};
use quorate_pbft::{
    Digest, Epoch, EvidenceKind, ExecutedPoint, Kind, Message, ReplicaId, SeqNum, Signed, Statement, View,
};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub(super) struct Evidenced {
    heard: BTreeMap<Place, Vec<(ReplicaId, Digest)>>,
    split: Vec<Place>,
    /// Bundles that an honest replica acknowledged, ViewChanges and NewViews that one has seen whole.
    announced: BTreeSet<Place>,
    /// The executed point of each replica when its process started.
    began: BTreeMap<ReplicaId, ExecutedPoint>,
    /// Stable checkpoints that a running process has written down.
    stable: BTreeSet<(ReplicaId, SeqNum)>,
}

/// Signer, kind (votes are one), epoch, view and slot.
type Place = (ReplicaId, EvidenceKind, Epoch, View, SeqNum);

fn place(signed: &Signed) -> Option<Place> {
    let Statement { kind, epoch, view, seq, .. } = signed.statement;
    let kind = match kind {
        Kind::Status => return None,
        Kind::PrePrepare | Kind::Prepare | Kind::Commit => EvidenceKind::Proposal,
        Kind::Bundle => EvidenceKind::Bundle,
        Kind::Ack => EvidenceKind::Ack,
        Kind::Checkpoint => EvidenceKind::Checkpoint,
        Kind::ViewChange => EvidenceKind::ViewChange,
        Kind::NewView => EvidenceKind::NewView,
    };
    Some((signed.signer, kind, epoch, view, seq))
}

/// Whether statuses say enough to compare statements of this kind.
fn is_announced(kind: EvidenceKind) -> bool {
    matches!(kind, EvidenceKind::Bundle | EvidenceKind::ViewChange | EvidenceKind::NewView)
}

impl Evidenced {
    fn hear(&mut self, by: ReplicaId, signed: &Signed, calm: bool) {
        let Some(place) = place(signed).filter(|place| calm || is_announced(place.1)) else { return };
        if place.1 == EvidenceKind::ViewChange && !self.is_newest_demand(by, &place) {
            return;
        }
        let holders = self.heard.entry(place).or_default();
        let digest = signed.statement.digest;
        if holders.contains(&(by, digest)) {
            return;
        }
        let was_split = is_split(holders);
        holders.push((by, digest));
        if !was_split && is_split(holders) {
            self.split.push(place);
        }
    }

    /// Whether a replica has no later demand of that signer. It keeps the newest alone: older ones that have met no other
    /// word are forgotten here too.
    fn is_newest_demand(&mut self, by: ReplicaId, place: &Place) -> bool {
        let (signer, kind, epoch, ..) = *place;
        let demands = self.heard.range_mut((signer, kind, epoch, View::new(0), SeqNum::new(0))..);
        for (other, holders) in demands.take_while(|(other, _)| (other.0, other.1, other.2) == (signer, kind, epoch)) {
            if other > place && holders.iter().any(|(holder, _)| *holder == by) {
                return false;
            }
            if other < place && !is_split(holders) {
                holders.retain(|(holder, _)| *holder != by);
            }
        }
        true
    }

    fn acknowledge(&mut self, ack: &Statement) {
        if let Ok(owner) = u16::try_from(ack.view.get()) {
            let place = (ReplicaId::new(owner), EvidenceKind::Bundle, ack.epoch, View::new(0), ack.seq);
            self.announced.insert(place);
        }
    }

    /// Whether two different words at this place are held by replicas that have something to compare them with.
    fn is_held(&self, place: &Place, survey: &Survey<'_>, scene: &Scene<'_>) -> bool {
        if is_announced(place.1) && !self.announced.contains(place) {
            return false;
        }
        let kept_below = 2 * scene.plan.constants.checkpoint_period;
        let keeps = |replica: &ReplicaId| {
            let standing = survey.standings.iter().find(|standing| standing.replica == *replica);
            let pruned = matches!(place.1, EvidenceKind::Proposal | EvidenceKind::Checkpoint);
            standing.is_some_and(|standing| {
                (!pruned || place.4.plus(kept_below) > standing.stable) && self.has_reference(place, standing)
            })
        };
        let holders: Vec<_> =
            self.heard.get(place).into_iter().flatten().filter(|(by, _)| keeps(by)).copied().collect();
        is_split(&holders)
    }

    /// Whether a replica has learned since it started what is certified there.
    fn has_reference(&self, (_, kind, epoch, view, seq): &Place, standing: &Standing<'_>) -> bool {
        let Some(core) = standing.machine.replica() else { return false };
        let now = core.executed_point();
        if now.epoch != *epoch {
            return false; // it compares words of its own epoch
        }
        let began = self.began.get(&standing.replica).filter(|began| began.epoch == *epoch);
        let position = |point: &ExecutedPoint| {
            let tip = point.tips.get(view.get() as usize);
            SeqNum::new(tip.map_or(0, |tip| tip.position.get()))
        };
        let since = |of: &dyn Fn(&ExecutedPoint) -> SeqNum| began.map_or(SeqNum::new(0), of) < *seq && *seq <= of(now);
        match kind {
            EvidenceKind::Proposal => since(&|point| point.seq),
            EvidenceKind::Ack => since(&position),
            EvidenceKind::Checkpoint => self.stable.contains(&(standing.replica, *seq)),
            _ => true,
        }
    }

    fn forget(&mut self, replica: ReplicaId) {
        self.heard.values_mut().for_each(|holders| holders.retain(|(by, _)| *by != replica));
        self.stable.retain(|(by, _)| *by != replica);
    }
}

fn is_split(holders: &[(ReplicaId, Digest)]) -> bool {
    holders.iter().any(|(_, digest)| Some(digest) != holders.first().map(|(_, first)| first))
}

/// True for liars whose statements must be remembered; a flooder says more than anybody has room for (E2).
fn is_liar(signed: &Signed, scene: &Scene<'_>) -> bool {
    let seat = scene.plan.seat(signed.statement.epoch, signed.signer);
    scene.plan.attackers.iter().any(|(liar, attack)| Some(*liar) == seat && *attack != Attack::Flooder)
}

/// Whether the hearer of a vote may not drop it.
fn is_due(signed: &Signed, view: View, stable: SeqNum, scene: &Scene<'_>) -> bool {
    let statement = &signed.statement;
    let vote = matches!(statement.kind, Kind::PrePrepare | Kind::Prepare | Kind::Commit | Kind::Checkpoint);
    let constants = &scene.plan.constants;
    let in_window = statement.seq <= stable.plus(constants.window);
    let recent = statement.seq.plus(constants.checkpoint_period) > stable;
    !vote || (statement.view <= view && in_window && recent)
}

impl Oracle for Evidenced {
    fn name(&self) -> &'static str {
        "evidence"
    }

    fn watch(&mut self, fact: &Fact<'_>, scene: &Scene<'_>) -> Verdict {
        match fact {
            Fact::Heard { message: Message::Recalled { .. }, .. } => (),
            Fact::Heard { by, message, view, stable, .. } => {
                let lies = statements(message).into_iter().filter(|signed| is_liar(signed, scene));
                let due: Vec<Signed> = lies.filter(|signed| is_due(signed, *view, *stable, scene)).collect();
                due.iter().for_each(|signed| self.hear(*by, signed, scene.calm_since.is_some()));
                if matches!(message, Message::ViewChange { .. } | Message::NewView { .. }) {
                    self.announced.extend(due.iter().filter_map(place));
                }
            }
            Fact::Sent { message: Message::Ack(signed), .. } => self.acknowledge(&signed.statement),
            Fact::Stored { by, certificate, .. } if certificate.kind == Kind::Checkpoint => {
                self.stable.insert((*by, certificate.seq));
            }
            Fact::Started { replica, machine, .. } => {
                let point = machine.replica().map(|core| core.executed_point().clone());
                self.began.insert(*replica, point.unwrap_or_default());
            }
            Fact::Killed { replica } => self.forget(*replica),
            _ => (),
        }
        Ok(())
    }

    fn waits_for(&self, survey: &Survey<'_>, scene: &Scene<'_>) -> Option<String> {
        self.split.iter().find_map(|place| {
            let (signer, kind, epoch, view, seq) = *place;
            let proves = |standing: &Standing<'_>| {
                standing.recorded.iter().any(|key| (key.signer, key.epoch) == (signer, epoch))
            };
            let missing = !survey.standings.iter().all(proves) && self.is_held(place, survey, scene);
            missing.then(|| {
                format!("{signer} said two things ({kind:?}, epoch {epoch}, view {view}, slot {seq}), nobody proved it")
            })
        })
    }
}
