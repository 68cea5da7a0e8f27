//! Followers that lie to others. Each follows truly itself, so that it knows what it bends.

use crate::world::forged;
use quorate_pbft::Message;
use quorate_spread::{HOPS_MAX, News, Word};
use serde::Serialize;
use std::sync::Arc;

/// Lie of a follower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lie {
    /// Claims to have all, pushes nothing, answers nothing.
    Withholder,
    /// Pushes and answers the first slot that it ever saw, for ever.
    StaleNewsman,
    /// Pushes true news as if they had come all the way, so that nobody passes them on.
    HopAbuser,
    /// Pushes and answers what nobody signed.
    WrongAnswerer,
}

impl Lie {
    /// All of them, in turns.
    pub const ALL: [Self; 4] = [Self::Withholder, Self::StaleNewsman, Self::HopAbuser, Self::WrongAnswerer];

    /// The word that leaves in place of this one.
    pub(super) fn bend(self, word: Word, first: Option<&Arc<Message>>) -> Option<Word> {
        let Word::News(news) = word else { return Some(word) };
        let items = match self {
            Self::Withholder => return None,
            Self::HopAbuser => return Some(Word::News(News { hops: HOPS_MAX - 1, ..news })),
            Self::StaleNewsman => first.into_iter().cloned().collect(),
            Self::WrongAnswerer => news.items.iter().map(|item| Arc::new(forged(item))).collect(),
        };
        Some(Word::News(News { items, ..news }))
    }
}
