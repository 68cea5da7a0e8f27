//! Verdict on an answer to an offer: whether anything was kept, and how long others are waited for.

use super::ANSWERS_WITHIN;
use crate::observing::wire::Answered;
use quorate_client::api::Problem;
use std::time::Duration;

/// Code of an answer to an author that is too fast.
pub(super) const RATE: &str = "rate";

/// Time for the answers of others after this one. Another member is asked where one holds back; but an author that is too fast is
/// to wait. A refusal for ever is the answer unless another who was asked may have the envelope: that one has a little time, for
/// most likely it is silent, and its author is better told to ask again.
pub(super) fn others_within(answer: &Answered, others_may_have_it: bool, patience: Duration) -> Duration {
    let is_refusal = keeps_nothing(answer) && !is_held_back(answer);
    match others_may_have_it {
        _ if !keeps_nothing(answer) && answer.status < 500 => Duration::ZERO,
        false if is_refusal || is_too_fast(answer) => Duration::ZERO,
        true if is_refusal => patience,
        _ => ANSWERS_WITHIN,
    }
}

/// Whether an answer says that nothing was kept: a refusal, for now or for ever.
pub(super) fn keeps_nothing(answer: &Answered) -> bool {
    is_held_back(answer) || (400..500).contains(&answer.status)
}

/// Whether an answer says that nothing was kept for now.
fn is_held_back(answer: &Answered) -> bool {
    matches!(answer.status, 429 | 507) || answer.status == 503 && code_of(answer).as_deref() == Some("no-quorum")
}

/// Whether the author is too fast, by the policy's rate or by that of a member.
fn is_too_fast(answer: &Answered) -> bool {
    answer.status == 429 && code_of(answer).as_deref() == Some(RATE)
}

fn code_of(answer: &Answered) -> Option<String> {
    serde_json::from_slice::<Problem>(&answer.body).ok().map(|problem| problem.code)
}

#[cfg(test)]
mod tests {
    use super::super::testing::answered;
    use super::*;

    #[test]
    fn others_are_waited_for_as_long_as_theirs_may_be_another_answer() {
        let patience = Duration::from_secs(1);
        let cases = [
            (200, true, Duration::ZERO),
            (422, false, Duration::ZERO),
            (422, true, patience),
            (429, false, ANSWERS_WITHIN),
            (429, true, ANSWERS_WITHIN),
            (503, true, ANSWERS_WITHIN),
        ];
        for (status, others_may_have_it, wait) in cases {
            assert_eq!(others_within(&answered(status), others_may_have_it, patience), wait, "{status}");
        }
    }

    #[test]
    fn an_answer_says_that_nothing_was_kept_by_its_status_or_that_there_is_no_quorum() {
        let problem = |code| {
            let body = serde_json::to_vec(&Problem::new(503, code, "for people")).expect("plain data");
            Answered { body, ..answered(503) }
        };
        assert!([answered(429), answered(507), problem("no-quorum")].iter().all(is_held_back));
        assert!(![answered(200), answered(422), answered(503), problem("timeout")].iter().any(is_held_back));
    }
}
