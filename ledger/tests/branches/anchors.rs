//! Anchored branches: the whole domain is locked against writers up to the decision.

use super::{answer, is_refused, text, with};
use crate::support::disputes::{policy, rule};
use crate::support::world::{Edit, at, write};
use quorate_ledger::policy::PathRule;
use quorate_ledger::{Code, Op, Principal, State};

fn anchor() -> Edit {
    Edit::Other(Op::Anchor { revision: at("2") })
}

#[test]
fn an_anchored_branch_keeps_writers_out_of_its_domain_up_to_its_decision() {
    let edits = vec![anchor(), write("d/x", "new")];
    let mut two = with(edits, [write("b", "elsewhere")].into()).prepared();
    is_refused(&two.home.does(2, &[write("far", "away")]), &format!("transaction {}", two.id()));
    assert_eq!(two.home.does_in("other", 2, &[write("far", "away")]).state, State::Applied);
    assert_eq!((two.decide_home(0, true).code, two.home.text("d/x")), (None, text("new")));
    assert_eq!(two.home.does(2, &[write("far", "away")]).state, State::Applied);
}

#[test]
fn only_who_may_lock_the_whole_domain_anchors_a_branch_in_it() {
    let owned =
        |pattern: &str, org: &str| PathRule { owners: vec![Principal::Organisation(org.into())], ..rule(pattern) };
    for (all_of, code) in [("org-1", Some(Code::NotOwner)), ("org-0", None)] {
        let mut two = with(vec![anchor(), write("docs/x", "new")], [write("b", "elsewhere")].into());
        two.home.decide("main", policy(vec![owned("docs/**", "org-0"), owned("**", all_of)]));
        let prepared = two.prepare_home();
        assert_eq!(prepared.code, code, "{:?}", answer(&prepared));
        let others = two.home.does(1, &[write("far", "away")]);
        assert_eq!(others.state == State::Applied, all_of == "org-1", "{:?}", answer(&others));
    }
}
