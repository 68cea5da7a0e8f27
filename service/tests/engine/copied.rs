//! A replica on a state that was copied or restored signs nothing that binds its key, whatever comes after (E7).

use crate::group::{Group, key_of};
use quorate_pbft::{Broken, Message, QuorumCert, Record, ReplicaId, Signed};
use quorate_service::engine::Moment;
use quorate_storage::Db;
use quorate_storage::faulty::{Disk, Loss};
use std::collections::BTreeSet;
use std::sync::Arc;

const SEEDS: u64 = 100;

/// A state, and what its members have signed of it.
type Certified = (Arc<Moment>, Arc<QuorumCert>);

/// Random numbers that each run of a seed throws alike.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    /// A site of four other than this one.
    fn beside(&mut self, site: usize) -> usize {
        (site + 1 + self.below(3) as usize) % 4
    }
}

/// The member whose statement a message brings, if the statement binds its key.
fn bound_by(message: &Message) -> Option<ReplicaId> {
    let of = |signed: &Signed| Some(signed.signer);
    match message {
        Message::PrePrepare { statement, .. }
        | Message::Prepare { statement, .. }
        | Message::ViewChange { statement, .. }
        | Message::NewView { statement, .. }
        | Message::Commit(statement)
        | Message::Ack(statement)
        | Message::Checkpoint(statement) => of(statement),
        Message::Bundle(bundle) => of(&bundle.statement),
        _ => None,
    }
}

impl Group {
    /// Puts a certified state into a fresh database, as `quorate copy` and `quorate restore` do, and starts the replica on it.
    fn restore(&mut self, site: usize, (moment, certificate): &Certified) {
        self.crash(site, Loss::All);
        self.sites[site].disk = Disk::new();
        let db = Db::on(&self.sites[site].disk).expect("an empty disk");
        let (mut batch, executed) = (db.begin().expect("a batch"), moment.ledger.executed());
        moment.ledger.copy(&moment.snapshot, &mut batch).expect("the state is whole");
        let lanes = executed.tips.iter().zip(&executed.lane_bytes).map(|(tip, bytes)| (tip.position, *bytes));
        batch.serve_behind((certificate.epoch(), executed.seq, executed.time), lanes);
        batch.record(&Record::Broken(Broken::Copied(executed.seq))).expect("a record");
        batch.record(&Record::Stable((**certificate).clone())).expect("a record");
        batch.commit().and_then(|()| db.fold()).expect("a commit");
        drop(db);
        self.start(site);
    }

    fn certified(&self, site: usize) -> Option<Certified> {
        let state = self.engine(site).published().certified.filter(|state| state.moment.seq().get() > 0);
        state.map(|state| (state.moment, state.certificate))
    }

    /// Turns in which the statements that a site sends are looked at.
    fn watch(&mut self, site: usize, turns: usize, seed: u64) {
        for _ in 0..turns {
            self.turn();
            let said = std::mem::take(&mut self.said);
            let own = self.engine(site).committees().current().replica_of(&key_of(site));
            let bound = said.iter().find(|message| own.is_some() && bound_by(message) == own);
            assert_eq!(bound, None, "seed {seed}: replica {site} on a copied state");
        }
    }
}

fn tell(seed: u64) {
    let (mut dice, mut group, mut numbers) = (Dice(seed), Group::soon(), 1..);
    let site = dice.below(4) as usize;
    let (before, after, backed_up) = (1 + dice.below(4), dice.below(6), dice.below(4) as usize);
    group.watched = Some(site);
    for _ in 0..before {
        group.confirmed(dice.below(4) as usize, numbers.next().expect("endless"));
    }
    group.until("a state for a copy", |group| group.certified(backed_up).is_some());
    let state = group.certified(backed_up).expect("just seen");
    for _ in 0..after {
        group.confirmed(dice.below(4) as usize, numbers.next().expect("endless"));
    }

    let own = ReplicaId::new(site as u16);
    assert!(group.said.iter().any(|message| bound_by(message) == Some(own)), "seed {seed}: it voted before");
    group.restore(site, &state);
    group.said.clear();
    for _ in 0..4 {
        let other = dice.beside(site);
        match dice.below(5) {
            0 => group.confirmed(other, numbers.next().expect("endless")),
            1 => {
                group.crash(site, Loss::Some { seed });
                group.start(site);
            }
            2 => {
                group.crash(other, Loss::Some { seed });
                group.start(other);
            }
            3 => {
                let refused = group.envelope(1_000, "refused");
                group.submit(site, &refused);
            }
            _ => {
                group.cut_off = BTreeSet::from([other]); // too few vote, and the others ask for another view
                group.watch(site, 500, seed);
                group.cut_off.clear();
            }
        }
        group.watch(site, 60, seed);
    }
    let last = group.envelope(numbers.next().expect("endless"), "last");
    group.submit(dice.beside(site), &last);
    for _ in 0..40 {
        group.watch(site, 50, seed);
        if group.receipt(site, &last.id).is_some() {
            break;
        }
    }

    assert!(group.receipt(site, &last.id).is_some(), "seed {seed}: it follows the others");
    let (engine, copied) = (group.engine(site), Broken::Copied(state.0.seq()));
    assert_eq!((engine.broken(), engine.core().can_order()), (Some(&copied), false), "seed {seed}");
}

#[test]
fn a_replica_on_a_restored_state_binds_its_key_to_nothing_in_a_hundred_stories() {
    (0..SEEDS).for_each(tell);
}
