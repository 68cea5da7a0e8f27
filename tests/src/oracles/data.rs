//! Execution never waits for data that nobody honest holds (L2 to L5): an honest replica acknowledges only bundles that
//! it got, and has them on its disk after any restart; of everything that a certificate or an honest Commit stands on, at
//! least f + 1 honest replicas hold the data.

use super::{Oracle, Verdict};
use crate::machine::Machine;
use crate::scene::{Fact, Scene};
use crate::weather::Micros;
use quorate_pbft::{Bundle, ClaimedCert, Content, Digest, Epoch, Message, Position, ReplicaId, Signed, Tip};
use std::collections::{BTreeMap, BTreeSet};

/// A bundle's name: lane, position, digest.
type Name = (ReplicaId, Position, Digest);

#[derive(Default)]
pub(super) struct Data(BTreeMap<Epoch, InEpoch>);

/// Lanes of one epoch.
#[derive(Default)]
struct InEpoch {
    epoch: Epoch,
    /// Honest replicas that were given it, or made it.
    holders: BTreeMap<Name, BTreeSet<ReplicaId>>,
    parents: BTreeMap<Name, Digest>,
    /// Bundles that are known to be held by enough, with all below them.
    safe: BTreeSet<Name>,
    /// The newest bundle of each lane that an honest replica acknowledged.
    acknowledged: BTreeMap<(ReplicaId, ReplicaId), (Position, Digest)>,
    contents: BTreeMap<Digest, Vec<(ReplicaId, Tip)>>,
    /// The executed tip of each lane at each replica, as far as it is known to be durable.
    executed: BTreeMap<ReplicaId, Vec<Tip>>,
    /// Tips that an honest replica committed to and that too few hold, and since when. A tip at or below what was
    /// executed when it was first voted for means nothing (L4), and what a voter executed in the same moment is known a
    /// little later.
    doubtful: Vec<(Micros, ReplicaId, Name)>,
}

impl InEpoch {
    fn learn(&mut self, by: ReplicaId, message: &Message) {
        match message {
            Message::Bundle(bundle) => self.hold(by, bundle),
            Message::PrePrepare { content, .. }
            | Message::Content { content, .. }
            | Message::Decided { content, .. } => self.note(content),
            _ => (),
        }
    }

    fn hold(&mut self, by: ReplicaId, bundle: &Bundle) {
        let name = (bundle.header.lane, bundle.header.position, bundle.header.digest());
        self.holders.entry(name).or_default().insert(by);
        self.parents.insert(name, bundle.header.parent);
    }

    fn note(&mut self, content: &Content) {
        self.contents.entry(content.digest()).or_insert_with(|| content.cut.clone());
    }

    /// Highest position of a lane that an honest replica has executed: the first honest vote for a tip comes after a
    /// check or an execution.
    fn furthest(&self, lane: ReplicaId) -> Position {
        let tips = self.executed.values().filter_map(|tips| tips.get(lane.index()));
        tips.map(|tip| tip.position).max().unwrap_or_default()
    }

    fn tip(&self, of: ReplicaId, lane: ReplicaId) -> Position {
        self.executed.get(&of).and_then(|tips| tips.get(lane.index())).copied().unwrap_or_default().position
    }

    fn acknowledge(&mut self, by: ReplicaId, signed: &Signed, scene: &Scene<'_>) -> Verdict {
        let statement = &signed.statement;
        let (lane, position) = (ReplicaId::new(statement.view.get() as u16), Position::new(statement.seq.get()));
        let holders = self.holders.entry((lane, position, statement.digest)).or_default();
        if scene.plan.seat(self.epoch, lane) == Some(by) {
            holders.insert(by); // a crash may have kept it from sending it
        }
        if !holders.contains(&by) {
            return Err(format!("{by} acknowledges bundle {position} of lane {lane}, which nobody gave it"));
        }
        let newest = self.acknowledged.entry((by, lane)).or_insert((position, statement.digest));
        *newest = (*newest).max((position, statement.digest));
        Ok(())
    }

    /// L3: of a certified bundle and of all below it at least f + 1 honest replicas hold the data. The owner of a
    /// bundle has made every bundle below it, though a crash may have kept it from sending one, which in a group of one
    /// nobody ever sees.
    fn is_held(&mut self, name: Name, scene: &Scene<'_>) -> Verdict {
        let enough = (scene.plan.list(self.epoch).len() - 1) / 3 + 1;
        let (lane, mut at) = (name.0, name);
        let owner = scene.plan.seat(self.epoch, lane);
        let (mut walked, mut is_owners) = (Vec::new(), false);
        while at.1 > Position::default() && !self.safe.contains(&at) {
            let holders = self.holders.get(&at);
            let has_owner = owner.is_some_and(|owner| holders.is_some_and(|holders| holders.contains(&owner)));
            let holders = holders.map_or(0, BTreeSet::len) + usize::from(is_owners && !has_owner);
            is_owners |= has_owner;
            if holders < enough {
                let (position, wanted) = (at.1, name.1);
                return Err(format!("{holders} honest replicas hold bundle {position} of lane {lane}, below {wanted}"));
            }
            walked.push(at);
            let Some(parent) = self.parents.get(&at) else {
                return if is_owners && enough == 1 { Ok(()) } else { Err("a bundle without a parent".into()) };
            };
            at = (lane, at.1.previous().unwrap_or_default(), *parent);
        }
        self.safe.extend(walked);
        Ok(())
    }

    fn certified(&mut self, claimed: &ClaimedCert, scene: &Scene<'_>) -> Verdict {
        let (lane, tip) = claimed.tip();
        self.is_held((lane, tip.position, tip.digest), scene)
    }

    /// L4, L5: what an honest replica commits to can be executed.
    fn commit(&mut self, by: ReplicaId, digest: &Digest, scene: &Scene<'_>) {
        for (lane, tip) in self.contents.get(digest).cloned().unwrap_or_default() {
            let name = (lane, tip.position, tip.digest);
            if tip.position > self.furthest(lane) && self.is_held(name, scene).is_err() {
                self.doubtful.push((scene.now, by, name));
            }
        }
    }

    fn settle_doubts(&mut self, scene: &Scene<'_>) -> Verdict {
        let (old, fresh): (Vec<_>, Vec<_>) = self.doubtful.drain(..).partition(|(at, ..)| *at < scene.now);
        self.doubtful = fresh;
        let above = old.into_iter().filter(|(_, _, (lane, position, _))| *position > self.furthest(*lane));
        above
            .collect::<Vec<_>>()
            .into_iter()
            .try_for_each(|(_, by, name)| self.is_held(name, scene).map_err(|why| format!("{by} commits, and {why}")))
    }

    fn is_own(&self, from: ReplicaId, signed: &Signed, scene: &Scene<'_>) -> bool {
        scene.plan.seat(self.epoch, signed.signer) == Some(from)
    }

    fn sent(&mut self, from: ReplicaId, message: &Message, scene: &Scene<'_>) -> Verdict {
        self.learn(from, message);
        match message {
            Message::Ack(signed) if self.is_own(from, signed, scene) => self.acknowledge(from, signed, scene),
            Message::Commit(signed) if self.is_own(from, signed, scene) => {
                self.commit(from, &signed.statement.digest, scene);
                Ok(())
            }
            Message::LaneCert(claimed) => self.certified(claimed, scene),
            Message::PrePrepare { certificates, .. } | Message::Content { certificates, .. } => {
                certificates.iter().try_for_each(|claimed| self.certified(claimed, scene))
            }
            _ => Ok(()),
        }
    }
}

impl Oracle for Data {
    fn name(&self) -> &'static str {
        "data"
    }

    fn watch(&mut self, fact: &Fact<'_>, scene: &Scene<'_>) -> Verdict {
        for lanes in self.0.values_mut().filter(|lanes| !lanes.doubtful.is_empty()) {
            lanes.settle_doubts(scene)?;
        }
        match fact {
            Fact::Sent { from, epoch, message } => return self.of(*epoch).sent(*from, message, scene),
            Fact::Heard { by, epoch, message, .. } => self.of(*epoch).learn(*by, message),
            Fact::Executed { by, decided, .. } => {
                let n = scene.plan.list(decided.epoch).len();
                let tips = self.of(decided.epoch).executed.entry(*by).or_insert_with(|| vec![Tip::default(); n]);
                decided.bundles.iter().for_each(|bundle| tips[bundle.header.lane.index()] = bundle.header.tip());
            }
            Fact::Reached { by, point, .. } => drop(self.of(point.epoch).executed.insert(*by, point.tips.clone())),
            Fact::Started { replica, machine, .. } => {
                // Bundles of an epoch that is over are void, and nobody needs them any more.
                let epoch = machine.progress().map(|progress| progress.epoch).unwrap_or_default();
                self.of(epoch).find_own(*replica, *machine, scene);
                return self.of(epoch).find_lost(*replica, *machine);
            }
            _ => (),
        }
        Ok(())
    }
}

impl Data {
    fn of(&mut self, epoch: Epoch) -> &mut InEpoch {
        self.0.entry(epoch).or_insert_with(|| InEpoch { epoch, ..InEpoch::default() })
    }
}

impl InEpoch {
    /// Own bundles on the disk that a crash kept from being sent: in a group of one nobody ever sees them.
    fn find_own(&mut self, replica: ReplicaId, machine: &dyn Machine, scene: &Scene<'_>) {
        let Some(lane) = scene.plan.number(self.epoch, replica) else { return };
        let bundles = machine.bundles_from(self.epoch, lane, self.tip(replica, lane).next());
        bundles.iter().for_each(|bundle| self.hold(replica, bundle));
    }

    /// What a replica acknowledged and did not execute is on its disk.
    fn find_lost(&self, replica: ReplicaId, machine: &dyn Machine) -> Verdict {
        for ((_, lane), (position, digest)) in self.acknowledged.iter().filter(|((of, _), _)| *of == replica) {
            let executed = self.tip(replica, *lane) >= *position;
            if !executed && !machine.bundles(*lane, *position).contains(digest) {
                return Err(format!("{replica} acknowledged bundle {position} of lane {lane} and lost it"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Keys, Signatures};
    use crate::plan::Plan;
    use crate::presets::Preset;
    use quorate_pbft::{BundleHeader, Kind, SeqNum, Statement, View};
    use std::sync::Arc;

    fn bundle(keys: &Keys) -> (Bundle, Statement) {
        let header = BundleHeader {
            lane: ReplicaId::new(1),
            position: Position::new(1),
            parent: Digest::ZERO,
            items: 0,
            bytes: 0,
            items_root: Digest::ZERO,
            lane_bytes: 0,
        };
        let (group, epoch, digest) = (keys.committee.group(), keys.committee.epoch(), header.digest());
        let made = Statement { group, epoch, kind: Kind::Bundle, view: View::new(0), seq: SeqNum::new(1), digest };
        let statement = made.sign(header.lane, &*keys.signers[1]);
        let ack = Statement { kind: Kind::Ack, view: View::new(1), ..made };
        (Bundle { header, statement, items: Vec::new() }, ack)
    }

    fn judged(facts: &[(u16, Message, bool)]) -> Verdict {
        let (plan, keys) = (Plan::of(1, Some(Preset::Short)), Keys::new(4, Signatures::Keyed));
        let scene = Scene { plan: &plan, keys: &keys, now: 0, calm_since: None, clock: Default::default() };
        let mut oracle = Data::default();
        facts.iter().try_for_each(|(by, message, sent)| {
            let by = ReplicaId::new(*by);
            let (epoch, view, stable) = Default::default();
            match sent {
                true => oracle.watch(&Fact::Sent { from: by, epoch, message }, &scene),
                false => oracle.watch(&Fact::Heard { by, epoch, message, view, stable }, &scene),
            }
        })
    }

    #[test]
    fn whoever_acknowledges_what_it_never_got_is_noticed() {
        let keys = Keys::new(4, Signatures::Keyed);
        let (bundle, ack) = bundle(&keys);
        let given = (2, Message::Bundle(Arc::new(bundle)), false);
        let acknowledged = (2, Message::Ack(ack.sign(ReplicaId::new(2), &*keys.signers[2])), true);
        assert_eq!(judged(&[given, acknowledged.clone()]), Ok(()));
        assert!(judged(&[acknowledged]).is_err());
    }

    #[test]
    fn a_certificate_of_what_one_honest_replica_holds_is_noticed() {
        let keys = Keys::new(4, Signatures::Keyed);
        let (bundle, ack) = bundle(&keys);
        let Statement { epoch, kind, view, seq, digest, .. } = ack;
        let claimed = ClaimedCert { epoch, kind, view, seq, digest, signatures: Vec::new() };
        let given = |to| (to, Message::Bundle(Arc::new(bundle.clone())), false);
        let certified = (0, Message::LaneCert(claimed), true);
        assert_eq!(judged(&[given(0), given(2), certified.clone()]), Ok(()));
        assert!(judged(&[given(0), certified]).is_err());
    }
}
