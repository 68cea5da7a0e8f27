//! Levels of answers: the state that a read must show, and when a change is answered (R). These functions do not wait: callers
//! ask again whenever the replica has published a state.

use quorate_ledger::Level;
use quorate_pbft::SeqNum;

/// Whether a read mark must be ordered for a read, and executed before its answer.
pub fn needs_mark(level: Level) -> bool {
    level == Level::Strong
}

/// Whether a state after `executed` shows all that was confirmed before the read whose mark was executed in `mark` began.
pub fn shows_mark(executed: SeqNum, mark: SeqNum) -> bool {
    executed >= mark
}

/// Whether a read waits until the replica has executed what its session has seen.
pub fn awaits_session(level: Level) -> bool {
    level != Level::Eventual
}

/// Whether a state after `executed` shows a session nothing older than it has seen.
pub fn shows_session(executed: SeqNum, seen: SeqNum) -> bool {
    executed >= seen
}

/// Whether a change whose receipt is of slot `at` is answered with it.
pub fn is_settled(level: Level, at: SeqNum, executed: SeqNum, stable: SeqNum) -> bool {
    executed >= at && (level != Level::Strong || stable >= at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVELS: [Level; 4] = [Level::Eventual, Level::Causal, Level::Sequential, Level::Strong];

    #[test]
    fn a_session_is_shown_nothing_older_than_it_has_seen_unless_it_asks_for_whatever_is_there() {
        let shown = [6, 7, 8].map(|executed| shows_session(SeqNum::new(executed), SeqNum::new(7)));
        assert_eq!(shown, [false, true, true]);
        assert_eq!(LEVELS.map(awaits_session), [false, true, true, true]);
    }

    #[test]
    fn a_change_is_answered_when_it_is_executed_and_at_strong_when_a_checkpoint_covers_it() {
        let settled =
            |level, executed, stable| is_settled(level, SeqNum::new(7), SeqNum::new(executed), SeqNum::new(stable));
        for level in LEVELS {
            assert!(!settled(level, 6, 6) && settled(level, 9, 8), "{level:?}");
            assert_eq!(settled(level, 9, 6), level != Level::Strong, "{level:?}");
        }
    }
}
