//! Histories that the checker must accept, and ones that it must refuse.

use super::*;
use crate::dice::Dice;

fn operation(client: usize, action: Action, call: u64, answer: Option<u64>) -> Operation {
    Operation { client, action, call: Duration::from_millis(call), answer: answer.map(Duration::from_millis) }
}

fn read(seen: Value, call: u64, answer: u64) -> Operation {
    operation(9, Action::Read(seen), call, Some(answer))
}

fn write(expected: Value, number: u64, outcome: Written, call: u64, answer: u64) -> Operation {
    let answer = (outcome != Written::Unknown).then_some(answer);
    operation(number as usize, Action::Write { expected, number, outcome }, call, answer)
}

fn is_explained(operations: &[Operation]) -> bool {
    let mut operations = operations.to_vec();
    operations.sort_by_key(|operation| operation.call);
    check(&operations).is_ok()
}

use Written::{Applied, Disputed, Unknown};

#[test]
fn reads_after_writes_that_saw_each_other_are_explained() {
    assert!(is_explained(&[
        read(None, 0, 1),
        write(None, 1, Applied, 2, 3),
        write(Some(1), 2, Applied, 4, 5),
        read(Some(2), 6, 7),
    ]));
}

#[test]
fn a_read_that_misses_a_write_answered_before_it_is_refused() {
    let history = [write(None, 1, Applied, 0, 1), read(None, 2, 3)];
    assert!(!is_explained(&history));
    let unexplained = check(&history).expect_err("a stale read");
    assert_eq!((unexplained.explained, unexplained.register.value), (1, Some(1)));
    assert_eq!(unexplained.stuck_at, [history[1]]);
    assert!(!unexplained.given_up);
}

#[test]
fn a_read_beside_a_write_may_see_either() {
    for seen in [None, Some(1)] {
        assert!(is_explained(&[write(None, 1, Applied, 0, 10), read(seen, 2, 3)]));
    }
}

#[test]
fn two_reads_one_after_the_other_never_go_back() {
    let write = write(None, 1, Applied, 0, 10);
    assert!(is_explained(&[write, read(None, 1, 2), read(Some(1), 3, 4)]));
    assert!(!is_explained(&[write, read(Some(1), 1, 2), read(None, 3, 4)]));
}

#[test]
fn two_writes_that_saw_the_same_never_both_take_effect() {
    assert!(!is_explained(&[write(None, 1, Applied, 0, 10), write(None, 2, Applied, 0, 10)]));
    assert!(is_explained(&[write(None, 1, Applied, 0, 10), write(None, 2, Disputed, 0, 10)]));
}

#[test]
fn a_write_is_not_disputed_when_nobody_stood_in_its_way() {
    assert!(!is_explained(&[write(None, 1, Disputed, 0, 1)]));
}

#[test]
fn a_write_that_did_not_see_a_dispute_is_disputed_too() {
    let before = [write(None, 1, Applied, 0, 1), write(None, 2, Disputed, 2, 3)];
    let late = write(Some(1), 3, Disputed, 4, 5);
    assert!(is_explained(&[before[0], before[1], late]));
    assert!(!is_explained(&[before[0], late]));
}

#[test]
fn a_disputed_write_is_never_read() {
    let history = [write(None, 1, Applied, 0, 1), write(None, 2, Disputed, 0, 2), read(Some(2), 3, 4)];
    assert!(!is_explained(&history));
}

#[test]
fn what_nobody_wrote_is_never_read() {
    assert!(!is_explained(&[write(None, 1, Applied, 0, 1), read(Some(7), 2, 3)]));
}

#[test]
fn a_write_without_an_answer_may_show_late_or_never_but_not_vanish() {
    let lost = write(None, 1, Unknown, 0, 0);
    assert!(is_explained(&[lost, read(None, 5, 6), read(None, 7, 8)]));
    assert!(is_explained(&[lost, read(None, 5, 6), read(Some(1), 7, 8)]));
    assert!(!is_explained(&[lost, read(Some(1), 5, 6), read(None, 7, 8)]));
    assert!(!is_explained(&[read(Some(1), 5, 6), write(None, 1, Unknown, 7, 0)]));
}

/// Plays one register with clients whose answers come late, so that the history has an order by construction.
fn played(dice: &mut Dice, operations: u64) -> Vec<Operation> {
    let (mut register, mut free_at, mut known) = (Register::default(), [0_u64; 4], [None; 4]);
    let (mut history, mut at) = (Vec::new(), 0);
    for number in 1..=operations {
        let client = dice.below(4) as usize;
        at = (at + 1).max(free_at[client] + 1); // when it happens
        let call = at.saturating_sub(dice.below(12)).max(free_at[client] + 1);
        let answer = at + dice.below(12);
        free_at[client] = answer;
        let (expected, fresh) = (known[client], dice.chance(50));
        let action = if fresh {
            known[client] = register.value;
            Action::Read(register.value)
        } else {
            let outcome = if expected == register.value { Applied } else { Disputed };
            Action::Write { expected, number, outcome }
        };
        register = register.after(action).expect("it was made to follow");
        history.push(operation(client, action, call, Some(answer)));
    }
    history
}

#[test]
fn histories_that_were_played_are_explained_and_one_wrong_read_in_them_is_found() {
    let (mut dice, mut refused) = (Dice::new(77), 0);
    for _ in 0..200 {
        let mut history = played(&mut dice, 40);
        assert!(is_explained(&history), "{history:?}");
        let Some(wrong) = history.iter().rposition(|operation| matches!(operation.action, Action::Read(Some(_))))
        else {
            continue;
        };
        history[wrong].action = Action::Read(Some(1_000));
        assert!(!is_explained(&history), "{history:?}");
        refused += 1;
    }
    assert!(refused > 150, "{refused}");
}

/// Every order of a small history, one after the other: slow, and too simple to be wrong in the same way.
fn is_explained_by_trying_all(left: &[Operation], register: Register) -> bool {
    if left.iter().all(|operation| operation.answer.is_none()) {
        return true;
    }
    (0..left.len()).any(|index| {
        let next = left[index];
        let preceded = left.iter().any(|other| other.answer.is_some_and(|answer| answer < next.call));
        let mut rest = left.to_vec();
        rest.remove(index);
        !preceded && register.after(next.action).is_some_and(|after| is_explained_by_trying_all(&rest, after))
    })
}

#[test]
fn the_search_agrees_with_trying_every_order() {
    let (mut dice, mut verdicts) = (Dice::new(5), [0; 2]);
    for _ in 0..3_000 {
        let mut history = played(&mut dice, 6);
        for _ in 0..dice.below(3) {
            let index = dice.below(6);
            history[index as usize] = rolled(&mut dice, index + 1);
        }
        let expected = is_explained_by_trying_all(&history, Register::default());
        assert_eq!(is_explained(&history), expected, "{history:?}");
        verdicts[usize::from(expected)] += 1;
    }
    assert!(verdicts.iter().all(|count| *count > 100), "both verdicts were tried: {verdicts:?}");
}

/// Any operation on a register whose values are few.
fn rolled(dice: &mut Dice, number: u64) -> Operation {
    let value = |dice: &mut Dice| Some(dice.below(4)).filter(|value| *value > 0);
    let (seen, call) = (value(dice), dice.below(20));
    let answer = call + dice.below(12);
    match dice.below(5) {
        0 | 1 => read(seen, call, answer),
        2 | 3 => write(seen, number, Applied, call, answer),
        _ => write(seen, number, *dice.pick(&[Disputed, Unknown]), call, answer),
    }
}
