//! Other groups: which ones are known here, and what their proofs show of branches of transactions.

use super::Applier;
use crate::format::constants::GROUP;
use crate::format::groups::{GroupsAct, KnownGroup};
use crate::proof::{BranchProof, Epochs, ProofError};
use crate::state::abort::Abort;
use crate::state::branch::{BranchRecord, BranchState, ForeignGroup};
use crate::state::store::StoreError;
use crate::state::{entry, name};
use crate::vocabulary::ids::TransactionId;
use crate::vocabulary::name::is_name;
use crate::vocabulary::verdict::Code;
use quorate_pbft::{Committee, Digest};

impl Applier<'_, '_> {
    /// Refuses an act about another group that cannot be done as things stand.
    pub(super) fn check_groups(&self, act: &GroupsAct) -> Result<(), Abort> {
        match act {
            GroupsAct::Know(wanted) => self.check_known(wanted),
            GroupsAct::Forget(group) => self.foreign(group)?.map(drop).ok_or_else(|| unknown(group)),
            GroupsAct::Settle { transaction, .. } => match self.branch(transaction)? {
                Some(record) if record.is_home => Err(bad("its home is this group, which decides it or aborts it")),
                Some(BranchRecord { state: BranchState::Prepared, .. }) => Ok(()),
                _ => Err(bad(&format!("no transaction {transaction} waits here for its home"))),
            },
        }
    }

    fn check_known(&self, wanted: &KnownGroup) -> Result<(), Abort> {
        let KnownGroup { name, group, epoch, members } = wanted;
        if !is_name(name) || *group == self.place.members.group() {
            return Err(bad(&format!("{name:?} is no name of another group")));
        }
        if Committee::new(*group, *epoch, members.clone()).is_none() {
            return Err(bad("these keys make no group"));
        }
        match self.foreign(group)? {
            Some(known) if known.epoch >= *epoch => {
                Err(bad(&format!("epoch {} of {:?} is known here already", known.epoch, known.name)))
            }
            _ => Ok(()),
        }
    }

    /// Does what was just found to be possible.
    pub(super) fn enact_groups(&mut self, act: GroupsAct) -> Result<(), Abort> {
        match act {
            GroupsAct::Know(KnownGroup { name, group, epoch, members }) => {
                let before: Option<ForeignGroup> = self.overlay.get(GROUP, &name::foreign(&group))?;
                let seen = before.map(|before| before.seen).unwrap_or_default();
                let known = ForeignGroup { name, epoch, members, seen, since: self.revision };
                self.overlay.put(GROUP, name::foreign(&group), &known);
            }
            GroupsAct::Forget(group) => {
                let known = self.foreign(&group)?.ok_or_else(|| entry::damaged("a known group"))?;
                let forgotten = ForeignGroup { members: Vec::new(), ..known };
                self.overlay.put(GROUP, name::foreign(&group), &forgotten);
            }
            GroupsAct::Settle { transaction, commit } => {
                let record = self.branch(&transaction)?.ok_or_else(|| entry::damaged("a branch"))?;
                let record = BranchRecord { state: BranchState::Settled(commit), ..record };
                self.overlay.put_indexed(GROUP, name::transaction(&transaction), Some(&record))?;
            }
        }
        Ok(())
    }

    /// Branch that a proof of another group shows, by members that are known here. Notes what else it shows of that group.
    pub(super) fn heard(&mut self, group: &Digest, id: &TransactionId, proof: &[u8]) -> Result<BranchRecord, Abort> {
        let known = self.foreign(group)?.ok_or_else(|| unknown(group))?;
        let proof = BranchProof::decode(proof).ok_or_else(|| bad("this is not the encoding of a branch's proof"))?;
        if !self.budget.take_voices(proof.signatures(known.epoch)) {
            return Err(bad("its proofs have more signatures than one envelope may have checked"));
        }
        let committee = known.committee(*group).ok_or_else(|| entry::damaged("a known group"))?;
        let epochs = proof.verify(&Epochs::known(committee)).map_err(|why| unproven(&known, &why))?;
        if proof.record.transaction.id() != *id {
            return Err(bad(&format!("the proof of {:?} is of another transaction", known.name)));
        }
        let (newest, seen) = (epochs.newest(), known.seen.max(proof.seq()));
        let (epoch, members) = (newest.epoch(), newest.keys().copied().collect());
        self.overlay.put(GROUP, name::foreign(group), &ForeignGroup { epoch, members, seen, ..known });
        Ok(proof.record)
    }

    fn foreign(&self, group: &Digest) -> Result<Option<ForeignGroup>, StoreError> {
        let known: Option<ForeignGroup> = self.overlay.get(GROUP, &name::foreign(group))?;
        Ok(known.filter(ForeignGroup::is_known))
    }

    /// The group's branch of a transaction.
    pub(super) fn branch(&self, id: &TransactionId) -> Result<Option<BranchRecord>, StoreError> {
        self.overlay.get(GROUP, &name::transaction(id))
    }
}

/// Words that do not change with those of the library that checks proofs: they are part of a receipt.
fn unproven(known: &ForeignGroup, why: &ProofError) -> Abort {
    let (name, epoch) = (&known.name, known.epoch);
    bad(&match why {
        ProofError::OlderEpoch { .. } => {
            format!("the proof of {name:?} is of an epoch before {epoch}, which is known here")
        }
        _ => format!("the proof of {name:?} does not hold by the members of its epoch {epoch}, which are known here"),
    })
}

fn unknown(group: &Digest) -> Abort {
    bad(&format!("the group {group} is not known here: the organisations agree on its members before"))
}

fn bad(why: &str) -> Abort {
    Abort::refused(Code::BadAct, why)
}
