//! Faults of the group, begun and ended one at a time.

use super::group::ON_SMALL_DISK;
use serde::Serialize;

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Slow, uneven and lossy links between replicas.
    FoulWeather,
    /// The primary is killed with SIGKILL, and started again.
    KillPrimary,
    /// The primary is killed while all links are slow, uneven and lossy, and started again in good weather.
    KillInFoulWeather,
    /// The next primary is killed, and again and again as soon as it has come back a little.
    CrashLoop,
    /// The primary is stopped with SIGSTOP, and goes on.
    FreezePrimary,
    /// The primary is heard by nobody, but hears all.
    MutePrimary,
    /// The next primary hears nobody, but is heard.
    DeafBackup,
    /// Partition between the primary and the others.
    IsolatePrimary,
    /// The group falls into two halves, neither of them a quorum.
    SplitInHalves,
    /// The disk of one replica is full. The replica waits, is killed and starts without room, and goes on once there is some.
    FullDisk,
    /// The primary's wall clock jumps one hour ahead, and back.
    ClockAhead,
    /// The primary's wall clock jumps one hour back, and ahead.
    ClockBehind,
    /// SIGKILL for every replica at once, and a start.
    KillAll,
}

impl Fault {
    /// Faults in the order of a round.
    pub const ALL: &[Self] = &[
        Self::FoulWeather,
        Self::KillPrimary,
        Self::KillInFoulWeather,
        Self::CrashLoop,
        Self::FreezePrimary,
        Self::MutePrimary,
        Self::DeafBackup,
        Self::IsolatePrimary,
        Self::SplitInHalves,
        Self::FullDisk,
        Self::ClockAhead,
        Self::ClockBehind,
        Self::KillAll,
    ];

    /// Whether a quorum of replicas is left that hear each other, so that writes go on meanwhile.
    pub fn leaves_a_quorum(self) -> bool {
        !matches!(self, Self::SplitInHalves | Self::KillAll)
    }

    /// Whether it needs clocks that can be set.
    pub fn needs_clocks(self) -> bool {
        matches!(self, Self::ClockAhead | Self::ClockBehind)
    }

    /// The replica that it strikes, if it strikes one.
    pub fn victim(self, primary: usize, replicas: usize) -> Option<usize> {
        match self {
            Self::FoulWeather | Self::SplitInHalves | Self::KillAll => None,
            Self::DeafBackup | Self::CrashLoop => Some((primary + 1) % replicas),
            Self::FullDisk => Some(ON_SMALL_DISK),
            _ => Some(primary),
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::FoulWeather => "foul-weather",
            Self::KillPrimary => "kill-primary",
            Self::KillInFoulWeather => "kill-in-foul-weather",
            Self::CrashLoop => "crash-loop",
            Self::FreezePrimary => "freeze-primary",
            Self::MutePrimary => "mute-primary",
            Self::DeafBackup => "deaf-backup",
            Self::IsolatePrimary => "isolate-primary",
            Self::SplitInHalves => "split-in-halves",
            Self::FullDisk => "full-disk",
            Self::ClockAhead => "clock-ahead",
            Self::ClockBehind => "clock-behind",
            Self::KillAll => "kill-all",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_told_as_it_is_written_in_json() {
        for fault in Fault::ALL {
            assert_eq!(serde_json::to_value(fault).expect("a name"), fault.to_string());
        }
    }
}
