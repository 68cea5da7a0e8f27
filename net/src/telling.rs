//! Cursor of a peer among the address records: how far it was told of them. No frames in here, and time comes in.

use std::time::Instant;

use crate::limits::TELLING_EVERY;

/// Place of a peer in the order in which records came, and the time of its next frame.
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    is_linked: bool,
    /// Number of the last record that it was told on this stream.
    number: u64,
    /// Time of the last frame, also on an earlier stream: the peer looks at no more, however often the stream breaks.
    told_at: Option<Instant>,
    due: Option<Instant>,
}

impl Cursor {
    /// A stream stands, on which the peer is told all records anew.
    pub(crate) fn on_linked(&mut self, now: Instant) {
        (self.is_linked, self.number, self.due) = (true, 0, None);
        self.on_news(now);
    }

    /// The stream has ended, with the frames on it.
    pub(crate) fn on_unlinked(&mut self) {
        (self.is_linked, self.due) = (false, None);
    }

    /// There may be records that the peer was not told of.
    pub(crate) fn on_news(&mut self, now: Instant) {
        if self.is_linked && self.due.is_none() {
            self.due = Some(self.told_at.map_or(now, |at| now.max(at + TELLING_EVERY)));
        }
    }

    /// When a frame is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Number of the record behind which the frame begins that is due.
    pub(crate) fn number(&self, now: Instant) -> Option<u64> {
        self.due.filter(|due| *due <= now).map(|_| self.number)
    }

    /// A frame left with records up to this number; there may be more.
    pub(crate) fn on_told(&mut self, number: u64, now: Instant) {
        (self.number, self.told_at, self.due) = (number, Some(now), Some(now + TELLING_EVERY));
    }

    /// There is no record behind its place.
    pub(crate) fn on_all_told(&mut self) {
        self.due = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Cursor of a peer that was told up to record 16 at this time.
    fn told(now: Instant) -> Cursor {
        let mut cursor = Cursor::default();
        cursor.on_linked(now);
        assert_eq!(cursor.number(now), Some(0), "at once, from the first on");
        cursor.on_told(16, now);
        cursor
    }

    #[test]
    fn one_frame_leaves_in_a_second_until_all_is_told() {
        let now = Instant::now();
        let mut cursor = told(now);
        assert_eq!(cursor.number(now + TELLING_EVERY - Duration::from_millis(1)), None);
        assert_eq!(cursor.number(now + TELLING_EVERY), Some(16));

        cursor.on_all_told();

        assert_eq!(cursor.due(), None);
    }

    #[test]
    fn news_is_told_from_where_the_peer_was_left_and_not_before_its_time() {
        let now = Instant::now();
        let mut cursor = told(now);
        cursor.on_all_told();

        cursor.on_news(now);
        assert_eq!((cursor.number(now), cursor.number(now + TELLING_EVERY)), (None, Some(16)));
        cursor.on_all_told();
        let later = now + 10 * TELLING_EVERY;
        cursor.on_news(later);

        assert_eq!(cursor.number(later), Some(16), "at once, after a pause");
    }

    #[test]
    fn a_new_stream_is_told_all_anew_at_the_same_pace() {
        let now = Instant::now();
        let mut cursor = told(now);
        cursor.on_unlinked();

        cursor.on_linked(now);

        assert_eq!((cursor.number(now), cursor.number(now + TELLING_EVERY)), (None, Some(0)));
    }

    #[test]
    fn without_a_stream_nothing_is_due() {
        let now = Instant::now();
        let mut cursor = told(now);

        cursor.on_unlinked();
        cursor.on_news(now + 10 * TELLING_EVERY);

        assert_eq!(cursor.due(), None);
    }
}
