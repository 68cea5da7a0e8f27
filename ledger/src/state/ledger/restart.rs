//! First state of a group that goes on from another one (M5): the entries that were left, under other members, in the epoch
//! after.

use super::{GENESIS, Ledger, OpenError};
use crate::format::constants::GROUP;
use crate::format::genesis::{Genesis, Restart};
use crate::state::name;
use crate::state::overlay::Overlay;
use crate::state::record::{EpochRecord, MemberRecord};
use crate::state::store::{Store, Table};
use quorate_pbft::{Committee, PublicKey};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Ledger {
    /// Turns a store with the last certified state of a group into one with the first state of the group that goes on from
    /// it. Whether members signed that state is asked before, by [`crate::proof::restarted_from`].
    ///
    /// Slots and epochs are counted on, so that each revision in the state stays what it is; lanes begin anew. The old
    /// members' keys stay known, and have voted up to here.
    pub fn restart(store: &mut dyn Store, genesis: &Genesis) -> Result<Self, OpenError> {
        let (restart, before) = genesis.restarted().ok_or_else(|| not("its genesis names no group before it"))?;
        let old = Self::open(&*store, before)?;
        old.is_left(restart)?;
        if old.rules != genesis.rules() {
            return Err(not(&format!("the state was executed by rules {}, and the genesis names others", old.rules)));
        }
        store.put(Table::Meta, GENESIS, genesis.bytes())?;
        let mut overlay = Overlay::new(store, None);
        old.retire(genesis.founders(), &mut overlay)?;
        let voters = old.voters.keys().copied().collect();
        let mut ledger = old;
        ledger.genesis = Arc::new(genesis.clone());
        ledger.install(&voters, &mut overlay)?;
        ledger.commit(&mut overlay)?;
        Ok(ledger)
    }

    /// Checks that this is the state that a restart names.
    fn is_left(&self, restart: &Restart) -> Result<(), OpenError> {
        let (held, named) = ((self.head.seq.get(), self.state_root()), (restart.seq, restart.state_root));
        if held == named {
            return Ok(());
        }
        let ((seq, root), (named_seq, named_root)) = (held, named);
        Err(not(&format!(
            "it is that of slot {seq}, root {root}, and the genesis names slot {named_seq}, root {named_root}"
        )))
    }

    /// Ends the old members' time, and forgets a next list that never came into force.
    fn retire(&self, founders: &Committee, overlay: &mut Overlay) -> Result<(), OpenError> {
        for key in self.next.iter().flat_map(|next| next.keys()) {
            if self.voters.replica_of(key).is_none() {
                overlay.remove(GROUP, name::member(key));
            }
        }
        for key in self.voters.keys() {
            if let Some(known) = overlay.get::<MemberRecord>(GROUP, &name::member(key))? {
                let record = MemberRecord { until: Some(founders.epoch()), ..known };
                overlay.put(GROUP, name::member(key), &record);
            }
        }
        Ok(())
    }

    /// Names the members of the genesis as those of the epoch after, of whom `voters` voted up to here.
    fn install(&mut self, voters: &BTreeSet<PublicKey>, overlay: &mut Overlay) -> Result<(), OpenError> {
        let genesis = self.genesis_shared();
        let (founders, rules) = (genesis.founders(), self.rules);
        for member in &genesis.file().members {
            let (organisation, key, proof) = (member.organisation.clone(), member.key, member.proof);
            if !overlay.has(GROUP, &name::organisation(&organisation))? {
                return Err(not(&format!("organisation {organisation:?} was none of the group's")));
            }
            if !voters.contains(&key) && overlay.has(GROUP, &name::member(&key))? {
                return Err(not(&format!("key {key} has left the group before: use a new one")));
            }
            let record =
                MemberRecord { organisation, proof, addresses: Vec::new(), since: founders.epoch(), until: None };
            overlay.put(GROUP, name::member(&key), &record);
        }
        let members = founders.keys().copied().collect();
        let record = EpochRecord { after: founders.base(), members, rules };
        overlay.put(GROUP, name::epoch(founders.epoch()), &record);
        self.head.enter(founders.epoch(), founders.len());
        self.voters = Arc::new(founders.clone());
        (self.next, self.next_rules) = (None, rules);
        Ok(())
    }
}

fn not(why: &str) -> OpenError {
    OpenError::NotRestarted(why.to_owned())
}
