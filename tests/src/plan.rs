//! Decisions of a seed before a run begins. Shrinking takes things out of a plan and plays it again.

use crate::attackers::Attack;
use crate::clients::Trick;
use crate::dice::Dice;
use crate::keys::Signatures;
use crate::presets::Preset;
use crate::weather::{Micros, Weather};
use quorate_ledger::Level;
use quorate_pbft::{Constants, Epoch, ReplicaId, SeqNum};

/// Sessions of clients where levels of consistency are asked for.
pub const SESSIONS: usize = 6;

/// Those of them that write too, each as an author of its own and to files of its own.
pub const WRITERS: usize = 4;

/// Files of each writer.
pub const FILES_EACH: usize = 2;

/// A whole run, decided.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Seed that it was made from; the run rolls its delays from it.
    pub seed: u64,
    /// Kind of trouble.
    pub preset: Preset,
    /// Members of the first epoch.
    pub n: usize,
    /// Member lists of the epochs after the first one, each by places at the table. The group has as many of them as the
    /// changes that its clients ask for.
    pub lists: Vec<Vec<ReplicaId>>,
    /// The group's numbers.
    pub constants: Constants,
    /// Signature scheme.
    pub signatures: Signatures,
    /// Rules that the genesis names, where there is one: they say how authors' signatures are checked.
    pub rules: Option<u32>,
    /// Dishonest replicas, each with its attack. At most f.
    pub attackers: Vec<(ReplicaId, Attack)>,
    /// Until the calm.
    pub weather: Weather,
    /// Faults with their times.
    pub faults: Vec<Fault>,
    /// Requests of clients before the calm.
    pub requests: Vec<Request>,
    /// Clocks of the replicas.
    pub clocks: Vec<Clock>,
    /// Followers beside the group.
    pub onlookers: Vec<Onlooker>,
    /// When the weather clears, links heal and everybody gets up.
    pub calm_at: Micros,
}

/// Follower beside the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Onlooker {
    /// When it comes, with an empty disk.
    pub joins_at: Micros,
    /// Kills of its process, each with the time until it starts again.
    pub crashes: Vec<(Micros, Micros)>,
    /// The slot from which on its execution is wrong, if it ever is.
    pub spoiled_at: Option<SeqNum>,
    /// Members that lie to it; to the group they may be honest.
    pub liars: Vec<(ReplicaId, ServingLie)>,
}

/// Lies of a member that serves a follower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServingLie {
    /// Answers nothing, and tells half of the news.
    Withhold,
    /// Claims a thousand slots that nobody decided, and answers nothing.
    Boast,
    /// Answers half of the questions, with the first message twice.
    Stale,
    /// Changes contents under certificates, leaves out signatures and items.
    Forge,
    /// Makes another bundle at the place of its own, and signs it.
    Fork,
    /// Answers from the end, and leaves out the first slot.
    Shuffle,
}

impl ServingLie {
    /// Each of them.
    pub const ALL: [Self; 6] = [Self::Withhold, Self::Boast, Self::Stale, Self::Forge, Self::Fork, Self::Shuffle];
}

/// The clocks of one replica: how wrong they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Clock {
    /// Milliseconds that the wall clock is ahead at the beginning.
    pub ahead_ms: i64,
    /// Gain of the wall clock, in parts of a million.
    pub wall_ppm: i64,
    /// Gain of the clock that timers run by, in parts of a million.
    pub ticks_ppm: i64,
}

/// Fault that lasts for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// When it begins.
    pub at: Micros,
    /// Duration; the calm ends it earlier.
    pub lasts: Micros,
    /// Kind of fault.
    pub kind: FaultKind,
}

impl FaultKind {
    /// Name in summaries.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Crash(_) => "crash",
            Self::Blackout => "blackout",
            Self::Partition(_) => "partition",
            Self::OneWay { .. } => "one-way",
            Self::Clock(..) => "clock",
        }
    }
}

/// Kinds of fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// A process is killed; its disk keeps what was durable.
    Crash(ReplicaId),
    /// Kill of every process at once.
    Blackout,
    /// Partition between these replicas and the others.
    Partition(Vec<ReplicaId>),
    /// Loss of every message in one direction.
    OneWay {
        /// Sender that is not heard.
        from: ReplicaId,
        /// By whom.
        to: ReplicaId,
    },
    /// A wall clock jumps by this many milliseconds, and back at the end.
    Clock(ReplicaId, i64),
}

/// Act of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// When.
    pub at: Micros,
    /// Kind of act.
    pub kind: RequestKind,
}

/// Acts of clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestKind {
    /// Hands the author's next envelope to these replicas.
    Write {
        /// Which author.
        author: u16,
        /// To whom.
        to: Vec<ReplicaId>,
        /// Bytes of its text.
        bytes: u32,
    },
    /// Asks this replica for a strong read.
    Read(ReplicaId),
    /// An author who is not honest hands in what it likes.
    Trick {
        /// Which author.
        rogue: u16,
        /// Trick that the rogue tries.
        trick: Trick,
        /// To whom; two envelopes go to different ones.
        to: Vec<ReplicaId>,
    },
    /// An author's organisation takes its key away.
    Revoke {
        /// Rogue that signs.
        rogue: u16,
        /// To whom it is handed.
        to: Vec<ReplicaId>,
    },
    /// The organisations agree on rates; handed to these replicas.
    Limit(Vec<ReplicaId>),
    /// A client with a session acts; what it still waited for it gives up.
    InSession {
        /// Which session.
        session: usize,
        /// Level that it asks for.
        level: Level,
        /// Wish of the client.
        wish: Wish,
        /// Replica that it asks.
        to: ReplicaId,
    },
}

/// Wishes of clients with sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Writes the next version of a file.
    Write(usize),
    /// Reads a file.
    Read(usize),
    /// Gives its token to another session.
    Hand(usize),
}

impl RequestKind {
    /// Name in the run's summary of a trick, or of a measure against rogues; none for ordinary requests.
    pub fn trick_name(&self) -> Option<&'static str> {
        match self {
            Self::Trick { trick, .. } => Some(trick.name()),
            Self::Revoke { .. } => Some("is-revoked"),
            Self::Limit(_) => Some("is-limited"),
            Self::Write { .. } | Self::Read(_) | Self::InSession { .. } => None,
        }
    }
}

impl Plan {
    /// The plan of a seed; a preset other than its own on request.
    pub fn of(seed: u64, preset: Option<Preset>) -> Self {
        let dice = Dice::new(seed);
        let own = Preset::of(&mut dice.fork(1));
        preset.unwrap_or(own).plan(seed, &dice)
    }

    /// Whether the replicas are the node's own engines, with ledger and disk, or the core alone.
    pub fn has_ledger(&self) -> bool {
        matches!(self.preset, Preset::Disk | Preset::Levels)
    }

    /// f: how many may lie.
    pub fn faulty_max(&self) -> usize {
        (self.n - 1) / 3
    }

    /// Whether a replica does what it should.
    pub fn is_honest(&self, replica: ReplicaId) -> bool {
        self.attackers.iter().all(|(liar, _)| *liar != replica)
    }

    /// Replicas at the table: the members of the first epoch, and those who join later.
    pub fn replicas(&self) -> impl Iterator<Item = ReplicaId> + use<> {
        (0..self.people() as u16).map(ReplicaId::new)
    }

    /// Count of the replicas at the table.
    pub fn people(&self) -> usize {
        let last = self.lists.iter().flatten().map(|place| place.index() + 1).max();
        last.unwrap_or_default().max(self.n)
    }

    /// The members of an epoch, by their places at the table.
    pub fn list(&self, epoch: Epoch) -> Vec<ReplicaId> {
        match epoch.get().checked_sub(1) {
            None => (0..self.n as u16).map(ReplicaId::new).collect(),
            Some(later) => self.lists.get(later as usize).cloned().unwrap_or_default(),
        }
    }

    /// The first epoch whose list names a place, and its number there.
    pub fn joins(&self, place: ReplicaId) -> Option<(Epoch, ReplicaId)> {
        let epochs = (0..=self.lists.len() as u64).map(Epoch::new);
        let mut named = epochs.filter_map(|epoch| Some((epoch, self.number(epoch, place)?)));
        named.next()
    }

    /// The number of a place in an epoch.
    pub fn number(&self, epoch: Epoch, place: ReplicaId) -> Option<ReplicaId> {
        let number = self.list(epoch).iter().position(|of| *of == place)?;
        Some(ReplicaId::new(number as u16))
    }

    /// The replica that has a number in an epoch.
    pub fn seat(&self, epoch: Epoch, number: ReplicaId) -> Option<ReplicaId> {
        match epoch.get() {
            0 => (number.index() < self.n).then_some(number),
            _ => self.list(epoch).get(number.index()).copied(),
        }
    }

    /// Whether the member with a number in an epoch does what it should; a number that nobody has belongs to nobody honest.
    pub fn is_honest_member(&self, epoch: Epoch, number: ReplicaId) -> bool {
        self.seat(epoch, number).is_some_and(|seat| self.is_honest(seat))
    }

    /// Size of the largest member list.
    pub fn n_max(&self) -> usize {
        self.lists.iter().map(Vec::len).max().unwrap_or_default().max(self.n)
    }

    /// The replicas that do what they should.
    pub fn honest(&self) -> impl Iterator<Item = ReplicaId> + '_ {
        self.replicas().filter(|replica| self.is_honest(*replica))
    }
}
