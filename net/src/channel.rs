//! The two channels between two replicas, and things that exist once for each.

use std::fmt;
use std::ops::{Index, IndexMut};

use libp2p::StreamProtocol;

use crate::limits::{BULK_FRAME_BYTES_MAX, VOTES_FRAME_BYTES_MAX};

/// Which stream a frame takes. Each keeps its order; there is none between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// Small and urgent: what replicas wait for.
    Votes,
    /// Large and patient: bundles, chunks of state. Never delays a vote.
    Bulk,
}

impl Channel {
    /// Both, in the order in which they are opened.
    pub const ALL: [Channel; 2] = [Channel::Votes, Channel::Bulk];

    /// Bytes of the largest frame on this channel.
    pub const fn frame_bytes_max(self) -> usize {
        match self {
            Channel::Votes => VOTES_FRAME_BYTES_MAX,
            Channel::Bulk => BULK_FRAME_BYTES_MAX,
        }
    }

    pub(crate) const fn protocol(self) -> StreamProtocol {
        match self {
            Channel::Votes => StreamProtocol::new("/quorate/votes/4"),
            Channel::Bulk => StreamProtocol::new("/quorate/bulk/4"),
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Channel::Votes => "votes",
            Channel::Bulk => "bulk",
        })
    }
}

/// A value of `T` for each channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PerChannel<T> {
    /// Value of [`Channel::Votes`].
    pub votes: T,
    /// Value of [`Channel::Bulk`].
    pub bulk: T,
}

impl<T> Index<Channel> for PerChannel<T> {
    type Output = T;

    fn index(&self, channel: Channel) -> &T {
        match channel {
            Channel::Votes => &self.votes,
            Channel::Bulk => &self.bulk,
        }
    }
}

impl<T> IndexMut<Channel> for PerChannel<T> {
    fn index_mut(&mut self, channel: Channel) -> &mut T {
        match channel {
            Channel::Votes => &mut self.votes,
            Channel::Bulk => &mut self.bulk,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_pbft::WIRE;

    #[test]
    fn members_of_another_version_of_the_wire_open_no_stream_with_each_other() {
        for channel in Channel::ALL {
            assert_eq!(channel.protocol().as_ref(), format!("/quorate/{channel}/{WIRE}"));
        }
    }
}
