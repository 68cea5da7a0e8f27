//! Attackers, one a file.

mod dense_bundles;
mod dense_posts;
mod endless_waits;
pub mod garbage;
mod greedy_observers;
mod long_pages;
mod nonsense_frames;
mod silent_connections;
mod stalled_bodies;
mod strangers_bundles;
mod strong_reads;
mod subscribers;
mod unread_streams;
mod wide_envelopes;
pub mod wire;

use super::kernel;
use super::target::Target;
use quorate_client::api::ConductState;
use std::fmt;

/// A way to hurt a replica from outside, or as a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Attack {
    /// A member at work and an observer; of their messages one in a hundred is garbage, while another member is silent.
    #[value(name = "garbage-1")]
    Garbage1,
    /// The same with one in ten.
    #[value(name = "garbage-10")]
    Garbage10,
    /// Unsigned envelopes of millions of empty operations.
    DensePosts,
    /// The same as items of a member's bundles.
    DenseBundles,
    /// Large bodies that are announced and do not come, or come a byte a second.
    StalledBodies,
    /// More connections than there is room for, silent or dripping.
    SilentConnections,
    /// Event streams from the beginning that nobody reads.
    UnreadStreams,
    /// Hundreds of subscribers to what happens now.
    Subscribers,
    /// The longest pages of the log, again and again.
    LongPages,
    /// Questions about a revision that is far ahead.
    EndlessWaits,
    /// Strong reads of files that are not there.
    StrongReads,
    /// An enrolled author's envelopes of as many paths as fit.
    WideEnvelopes,
    /// A member's frames that are no messages.
    NonsenseFrames,
    /// More observers than there are places for, each asking for the whole history and for marks as fast as it can.
    GreedyObservers,
    /// A member's bundles of a mebibyte each, signed by keys that nobody enrolled.
    StrangersBundles,
}

impl Attack {
    /// Presets in the order of the table. Those that leave evidence against the member come after those in which it votes.
    pub const ALL: [Self; 15] = [
        Self::Garbage1,
        Self::Garbage10,
        Self::DensePosts,
        Self::DenseBundles,
        Self::StalledBodies,
        Self::SilentConnections,
        Self::UnreadStreams,
        Self::Subscribers,
        Self::LongPages,
        Self::EndlessWaits,
        Self::StrongReads,
        Self::WideEnvelopes,
        Self::NonsenseFrames,
        Self::GreedyObservers,
        Self::StrangersBundles,
    ];

    /// The lie, in words.
    pub fn lie(self) -> &'static str {
        match self {
            Self::Garbage1 => {
                "one message in a hundred of a member and of an observer is garbage; another member is silent"
            }
            Self::Garbage10 => "the same with one in ten",
            Self::DensePosts => "unsigned envelopes of millions of empty operations",
            Self::DenseBundles => "the same as items of a member's bundles",
            Self::StalledBodies => "large bodies that are announced and do not come, or come a byte a second",
            Self::SilentConnections => "more connections than there is room for, silent or dripping",
            Self::UnreadStreams => "event streams from the beginning that nobody reads",
            Self::Subscribers => "hundreds of subscribers to what happens now",
            Self::LongPages => "the longest pages of the log, again and again",
            Self::EndlessWaits => "questions about a revision that is far ahead",
            Self::StrongReads => "strong reads of files that are not there",
            Self::WideEnvelopes => "an enrolled author's envelopes of as many paths as fit",
            Self::NonsenseFrames => "a member's frames that are no messages",
            Self::GreedyObservers => "more observers than have places, each asking for the whole history and for marks",
            Self::StrangersBundles => "a member's bundles of a mebibyte each, signed by keys that nobody enrolled",
        }
    }

    /// Treatment that the attacker must come to, while its votes are needed; none of other attacks.
    pub fn earns(self) -> Option<ConductState> {
        match self {
            Self::Garbage1 => Some(ConductState::Strict),
            Self::Garbage10 => Some(ConductState::Suspended),
            _ => None,
        }
    }

    /// Whether it speaks with the key of a member, of which there is one: two of them cannot attack at a time.
    pub fn takes_seat(self) -> bool {
        matches!(
            self,
            Self::Garbage1 | Self::Garbage10 | Self::DenseBundles | Self::NonsenseFrames | Self::StrangersBundles
        )
    }

    /// KiB that it may make a replica write in so many seconds beside what honest authors write: a page and its copy in the
    /// journal for each byte that a lane may owe, 8 KiB for each slot of a strong read. None where nothing is said of it.
    pub fn written_kib_max(self, seconds: u64) -> Option<u64> {
        match self {
            Self::StrangersBundles => Some(2 * ((16 << 10) + (1 << 10) * seconds.div_ceil(60))),
            Self::StrongReads => Some(8 * (40 + 4 * seconds)),
            _ => None,
        }
    }

    /// Attacks until somebody ends this process, or what the attacker needs is not there.
    pub fn run(self, target: Target) -> anyhow::Result<()> {
        kernel::raise_open_files()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            match self {
                Self::Garbage1 => garbage::attack(target, 100).await,
                Self::Garbage10 => garbage::attack(target, 10).await,
                Self::DensePosts => dense_posts::attack(target).await,
                Self::DenseBundles => dense_bundles::attack(target).await,
                Self::StalledBodies => stalled_bodies::attack(target).await,
                Self::SilentConnections => silent_connections::attack(target).await,
                Self::UnreadStreams => unread_streams::attack(target).await,
                Self::Subscribers => subscribers::attack(target).await,
                Self::LongPages => long_pages::attack(target).await,
                Self::EndlessWaits => endless_waits::attack(target).await,
                Self::StrongReads => strong_reads::attack(target).await,
                Self::WideEnvelopes => wide_envelopes::attack(target).await,
                Self::NonsenseFrames => nonsense_frames::attack(target).await,
                Self::GreedyObservers => greedy_observers::attack(target).await,
                Self::StrangersBundles => strangers_bundles::attack(target).await,
            }
        })
    }
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = clap::ValueEnum::to_possible_value(self).expect("no attack is hidden");
        f.pad(value.get_name())
    }
}
