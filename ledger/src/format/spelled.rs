//! Acts of later rules spelled out, for those who are asked to agree with them.

use crate::format::governance::Act;
use crate::format::groups::{GroupsAct, KnownGroup};
use crate::format::observers::{Observer, ObserverAct};
use crate::vocabulary::hexed;
use crate::vocabulary::ids::TransactionId;
use quorate_pbft::{Digest, PublicKey};
use serde::Serialize;

/// What an [`Act::Later`] encodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", tag = "act")]
pub enum SpelledAct {
    /// An observer is enrolled, or enrolled anew.
    EnrolObserver(Observer),
    /// An observer is taken out.
    RevokeObserver {
        /// Key of the node.
        #[serde(with = "hexed")]
        #[cfg_attr(feature = "schema", schemars(with = "crate::vocabulary::shape::Hex<32>"))]
        key: PublicKey,
    },
    /// Proofs of another group count from here on, or those of a newer epoch alone.
    KnowGroup {
        /// Name for people.
        name: String,
        /// The other group.
        #[serde(with = "hexed")]
        #[cfg_attr(feature = "schema", schemars(with = "crate::vocabulary::shape::Hex<32>"))]
        group: Digest,
        /// Epoch of its members.
        epoch: u64,
        /// Keys of the members whose signatures prove its state; replica i is the i-th.
        #[serde(with = "hexed::list")]
        #[cfg_attr(feature = "schema", schemars(with = "Vec<crate::vocabulary::shape::Hex<32>>"))]
        members: Vec<PublicKey>,
    },
    /// Proofs of another group count no more.
    ForgetGroup {
        /// The other group.
        #[serde(with = "hexed")]
        #[cfg_attr(feature = "schema", schemars(with = "crate::vocabulary::shape::Hex<32>"))]
        group: Digest,
    },
    /// The organisations decide a branch in place of its home.
    SettleBranch {
        /// The transaction.
        transaction: TransactionId,
        /// Whether the branch takes effect.
        commit: bool,
    },
}

impl SpelledAct {
    /// What an act encodes; none if it is none of later rules, or this program does not know it.
    pub fn of(act: &Act) -> Option<Self> {
        let of_groups = || GroupsAct::of(act).map(Self::from);
        ObserverAct::of(act).map(Self::from).or_else(of_groups)
    }
}

impl From<ObserverAct> for SpelledAct {
    fn from(act: ObserverAct) -> Self {
        match act {
            ObserverAct::Enrol(observer) => Self::EnrolObserver(observer),
            ObserverAct::Revoke(key) => Self::RevokeObserver { key },
        }
    }
}

impl From<GroupsAct> for SpelledAct {
    fn from(act: GroupsAct) -> Self {
        match act {
            GroupsAct::Know(KnownGroup { name, group, epoch, members }) => {
                Self::KnowGroup { name, group, epoch: epoch.get(), members }
            }
            GroupsAct::Forget(group) => Self::ForgetGroup { group },
            GroupsAct::Settle { transaction, commit } => Self::SettleBranch { transaction, commit },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_pbft::Epoch;

    #[test]
    fn an_act_about_another_group_is_spelled_out_with_the_keys_that_will_count() {
        let (group, members) = (Digest([1; 32]), vec![PublicKey([2; 32])]);
        let known = KnownGroup { name: "lab".into(), group, epoch: Epoch::new(3), members };
        let spelled = SpelledAct::of(&GroupsAct::Know(known).act()).expect("it is known");
        let (group, member) = ("01".repeat(32), "02".repeat(32));
        let json =
            serde_json::json!({ "act": "know-group", "name": "lab", "group": group, "epoch": 3, "members": [member] });
        assert_eq!(serde_json::to_value(spelled).expect("plain data"), json);
    }

    #[test]
    fn ends_of_a_branch_are_told_apart() {
        let settle = |commit| GroupsAct::Settle { transaction: TransactionId(Digest([1; 32])), commit }.act();
        assert_ne!(SpelledAct::of(&settle(true)), SpelledAct::of(&settle(false)));
    }

    #[test]
    fn an_act_that_this_program_does_not_know_is_not_spelled_out() {
        assert_eq!(SpelledAct::of(&Act::Later { number: 99, body: vec![1] }), None);
        assert_eq!(SpelledAct::of(&Act::Later { number: GroupsAct::NUMBER, body: vec![9] }), None);
    }
}
