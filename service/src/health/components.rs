//! Components of the group: members that hear each other, as far as this replica knows.
//!
//! Each member tells in its signed status whom it hears (R). Two members are linked if each hears the other by its own
//! word, so that a liar moves no links but its own. Of members that are not heard the last word counts, though it is
//! old: which of them hear each other now is an assumption.

use crate::engine::Report;
use quorate_pbft::ReplicaId;

/// Members of a connected component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// Ascending.
    pub members: Vec<ReplicaId>,
    /// Whether this replica is one of them. Of other components the last words are all that is known.
    pub is_ours: bool,
}

/// Words of the members about whom they hear.
struct Words<'a> {
    me: ReplicaId,
    report: &'a Report,
}

/// The components of the group, by their first member. A group that is whole has one.
pub fn components(report: &Report, me: ReplicaId) -> Vec<Component> {
    let words = Words { me, report };
    let mut left: Vec<ReplicaId> = report.peers.iter().map(|peer| peer.replica).chain([me]).collect();
    left.sort_unstable();
    let mut found = Vec::new();
    while let Some(first) = left.first().copied() {
        left.remove(0);
        let (mut members, mut at) = (vec![first], 0);
        while let Some(member) = members.get(at).copied() {
            let (linked, others) = left.into_iter().partition(|other| words.are_linked(member, *other));
            members.extend::<Vec<_>>(linked);
            left = others;
            at += 1;
        }
        members.sort_unstable();
        let is_ours = members.contains(&me);
        found.push(Component { members, is_ours });
    }
    found
}

impl Words<'_> {
    fn are_linked(&self, one: ReplicaId, other: ReplicaId) -> bool {
        match (self.is_heard(one), self.is_heard(other)) {
            (true, true) => self.says(one, other) == Some(true) && self.says(other, one) == Some(true),
            (true, false) => self.says(one, other) == Some(true),
            (false, true) => self.says(other, one) == Some(true),
            // Members of which nothing is known are taken to be together.
            (false, false) => self.says(one, other) != Some(false) && self.says(other, one) != Some(false),
        }
    }

    fn is_heard(&self, member: ReplicaId) -> bool {
        member == self.me || self.report.heard().any(|heard| heard == member)
    }

    /// The last word of a member about whether it hears another; none if it never said anything.
    fn says(&self, member: ReplicaId, of: ReplicaId) -> Option<bool> {
        if member == self.me {
            return Some(self.is_heard(of));
        }
        let facts = self.report.peers.iter().find(|peer| peer.replica == member)?;
        Some(facts.hears.as_ref()?.contains(&of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::PeerFacts;

    fn id(number: u16) -> ReplicaId {
        ReplicaId::new(number)
    }

    /// The report of replica 0 in a group of four: for each other member whether it is heard, and its last word.
    fn report(peers: [(bool, Option<&[u16]>); 3]) -> Report {
        let facts = |(number, (is_heard, hears)): (u16, (bool, Option<&[u16]>))| PeerFacts {
            replica: id(number),
            heard_at: None,
            is_heard,
            executed: None,
            view: None,
            hears: hears.map(|hears| hears.iter().copied().map(id).collect()),
            program: None,
            oldest: None,
        };
        Report { peers: (1..).zip(peers).map(facts).collect(), ..Report::of_nobody() }
    }

    fn parts(report: &Report) -> Vec<Vec<u16>> {
        let found = components(report, id(0));
        assert_eq!(found.iter().filter(|component| component.is_ours).count(), 1);
        found.iter().map(|component| component.members.iter().map(|member| member.get()).collect()).collect()
    }

    #[test]
    fn a_group_in_which_each_hears_each_is_one() {
        let whole = report([(true, Some(&[0, 2, 3])), (true, Some(&[0, 1, 3])), (true, Some(&[0, 1, 2]))]);
        assert_eq!(parts(&whole), [[0, 1, 2, 3]]);
    }

    #[test]
    fn halves_name_each_other_by_the_last_words() {
        let split = report([(true, Some(&[0])), (false, Some(&[0, 1, 3])), (false, Some(&[0, 1, 2]))]);
        assert_eq!(parts(&split), [[0, 1], [2, 3]]);
    }

    #[test]
    fn one_alone_takes_the_others_to_be_together() {
        let last = report([(false, Some(&[0, 2, 3])), (false, Some(&[0, 1, 3])), (false, Some(&[0, 1, 2]))]);
        assert_eq!(parts(&last), [vec![0], vec![1, 2, 3]]);
        assert_eq!(parts(&report([(false, None); 3])), [vec![0], vec![1, 2, 3]]);
    }

    #[test]
    fn a_member_that_a_third_one_hears_is_no_part_of_its_own() {
        let chain = report([(true, Some(&[0, 2, 3])), (true, Some(&[0, 1])), (false, Some(&[1, 2]))]);
        assert_eq!(parts(&chain), [[0, 1, 2, 3]]);
    }

    #[test]
    fn a_majority_loses_the_one_that_it_does_not_hear_whatever_that_one_said_last() {
        let boast = report([(true, Some(&[0, 2])), (true, Some(&[0, 1])), (false, Some(&[0, 1, 2]))]);
        assert_eq!(parts(&boast), [vec![0, 1, 2], vec![3]]);
        let apart = report([(false, Some(&[])), (true, Some(&[0])), (false, Some(&[1]))]);
        assert_eq!(parts(&apart), [vec![0, 2], vec![1], vec![3]]);
    }
}
