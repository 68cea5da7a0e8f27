//! Names of things: replicas, views, positions, digests, times. No two of them convert into each other.

use borsh::{BorshDeserialize, BorshSerialize};
use core::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, BorshSerialize, BorshDeserialize)]
        pub struct $name($inner);

        impl $name {
            /// The number as a name.
            pub const fn new(value: $inner) -> Self {
                Self(value)
            }

            /// The bare number, for encodings and for people.
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

macro_rules! counts_up {
    ($($name:ident),*) => {$(
        impl $name {
            /// Successor; stays at the end of the numbers, which a peer may name and nobody reaches.
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }

            /// Predecessor; none before 0.
            pub const fn previous(self) -> Option<Self> {
                match self.0.checked_sub(1) {
                    Some(value) => Some(Self(value)),
                    None => None,
                }
            }

            /// `count` further on; stays at the end of the numbers.
            pub const fn plus(self, count: u64) -> Self {
                Self(self.0.saturating_add(count))
            }
        }
    )*};
}

number! {
    /// A voter's place in the member list of its epoch, from 0.
    ReplicaId(u16)
}
number! {
    /// A period with one member list; never a view.
    Epoch(u64)
}
number! {
    /// A primary's term within an epoch.
    View(u64)
}
number! {
    /// A slot's place in the total order, from 1; 0 is genesis.
    SeqNum(u64)
}
number! {
    /// A bundle's place in its lane, from 1; 0 is "no bundle yet".
    Position(u64)
}
number! {
    /// Milliseconds since the Unix epoch, by somebody's clock. Orders nothing by itself (rule T).
    Time(u64)
}
number! {
    /// Milliseconds on a clock that never goes back, from an arbitrary start. Never leaves the replica.
    Ticks(u64)
}
counts_up!(Epoch, View, SeqNum, Position);

impl View {
    /// The view of Acks for a lane: its number.
    pub(crate) const fn of_lane(lane: ReplicaId) -> Self {
        Self(lane.0 as u64)
    }

    /// The lane that an Ack's view names; a number that no group has, for one beyond all.
    pub(crate) const fn lane(self) -> ReplicaId {
        ReplicaId(if self.0 < u16::MAX as u64 { self.0 as u16 } else { u16::MAX })
    }
}

impl ReplicaId {
    /// The place as an index into the member list.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl Ticks {
    /// `millis` later.
    pub const fn after(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds since `earlier`; 0 if `earlier` is later.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A SHA-256 value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, BorshSerialize, BorshDeserialize)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// 32 zero bytes: the parent of a lane's first bundle, the root of an empty tree.
    pub const ZERO: Self = Self([0; 32]);

    /// The value as bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in &self.0[..4] {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("…")
    }
}
