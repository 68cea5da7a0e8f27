//! Anchored branches: the whole domain is locked against writers up to the decision.

use super::{is_refused, text, with};
use crate::support::world::{Edit, at, write};
use quorate_ledger::{Op, State};

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
