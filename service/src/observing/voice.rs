//! Voice of an observer that serves this one, in the core: its claims, up to the word that it has left.

use crate::engine::{Inbox, Request};
use std::sync::{Arc, Mutex, PoisonError};

/// Voice of one link. Nothing comes after [`Request::Leaves`]: claims that were still on their way would stay for ever.
pub struct Voice {
    inbox: Arc<Inbox>,
    has_left: Arc<Mutex<bool>>,
}

impl Voice {
    /// Voice that is heard at this door of the core.
    pub fn at(inbox: &Arc<Inbox>) -> Self {
        Self { inbox: inbox.clone(), has_left: Arc::default() }
    }

    /// Hands a word in, where a thread may wait for room; it is handed in also where nobody waits for it any more.
    pub async fn say(&self, word: Request) {
        let (inbox, has_left) = (self.inbox.clone(), self.has_left.clone());
        let say = move || {
            let mut has_left = has_left.lock().unwrap_or_else(PoisonError::into_inner);
            if !std::mem::replace(&mut *has_left, matches!(word, Request::Leaves(_))) {
                inbox.hear(word);
            }
        };
        // The inbox may be closed: then nobody needs it.
        let _ = tokio::task::spawn_blocking(say).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Woken;
    use quorate_pbft::{Claims, ReplicaId};
    use std::time::Duration;

    #[tokio::test]
    async fn a_claim_that_comes_after_its_owner_has_left_is_not_heard() {
        let (inbox, from) = (Arc::new(Inbox::default()), ReplicaId::new(1 << 15));
        let voice = Voice::at(&inbox);
        let holds = || Request::Holds { from, claims: Claims::default(), leads: true };
        for word in [holds(), Request::Leaves(from), holds()] {
            voice.say(word).await;
        }
        let Woken::Round(heard) = inbox.round(Duration::ZERO) else { panic!("the inbox stands open") };
        assert!(matches!(heard[..], [Request::Holds { .. }, Request::Leaves(_)]), "{heard:?}");
    }
}
