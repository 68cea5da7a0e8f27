//! Acts of later rules than the first, by their numbers.

use super::Applier;
use crate::format::governance::Proposal;
use crate::format::groups::GroupsAct;
use crate::format::observers::{OBSERVERS_SINCE, ObserverAct};
use crate::format::rules::BRANCHES_SINCE;
use crate::state::abort::Abort;
use crate::state::store::StoreError;
use crate::vocabulary::verdict::Code;

/// Act that the rules in force define.
enum LaterAct {
    Observers(ObserverAct),
    Groups(GroupsAct),
}

impl Applier<'_, '_> {
    fn of_later_rules(&self, number: u8, body: &[u8]) -> Result<LaterAct, Abort> {
        let rules = self.place.rules;
        let (act, about) = match number {
            ObserverAct::NUMBER if rules >= OBSERVERS_SINCE => {
                (borsh::from_slice(body).map(LaterAct::Observers), "an observer")
            }
            GroupsAct::NUMBER if rules >= BRANCHES_SINCE => {
                (borsh::from_slice(body).map(LaterAct::Groups), "another group")
            }
            _ => {
                let unknown =
                    format!("rules {rules}, by which the group executes, know no act with the number {number}");
                return Err(Abort::refused(Code::BadAct, unknown));
            }
        };
        act.map_err(|_| Abort::refused(Code::BadAct, format!("this is not the encoding of an act about {about}")))
    }

    /// Refuses an act of later rules that cannot be done as things stand.
    pub(super) fn check_later(&self, number: u8, body: &[u8]) -> Result<(), Abort> {
        match self.of_later_rules(number, body)? {
            LaterAct::Observers(act) => self.check_observers(&act),
            LaterAct::Groups(act) => self.check_groups(&act),
        }
    }

    /// Whether nobody else's word is to be waited for.
    pub(super) fn is_later_ready(&self, proposal: &Proposal, number: u8, body: &[u8]) -> Result<bool, StoreError> {
        match self.of_later_rules(number, body) {
            Ok(LaterAct::Observers(act)) => self.is_vouched_for(proposal, &act),
            Ok(LaterAct::Groups(_)) | Err(_) => Ok(true),
        }
    }

    /// Does what was just found to be possible.
    pub(super) fn enact_later(&mut self, number: u8, body: &[u8]) -> Result<(), Abort> {
        match self.of_later_rules(number, body)? {
            LaterAct::Observers(act) => self.enact_observers(act),
            LaterAct::Groups(act) => self.enact_groups(act),
        }
    }
}
