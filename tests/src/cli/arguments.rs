//! Arguments of the commands.

use clap::builder::RangedU64ValueParser;
use clap::{Parser, Subcommand};
use quorate_tests::attacks::attackers::Attack;
use quorate_tests::bugs::Shard;
use quorate_tests::presets::Preset;
use quorate_tests::processes::faults::Fault;
use std::path::PathBuf;

/// Tries to break quorate.
#[derive(Parser)]
#[command(name = "quorate-tests", version)]
pub struct Arguments {
    /// Campaign, or what is done with one seed.
    #[command(subcommand)]
    pub command: Command,
}

/// Commands.
#[derive(Subcommand)]
pub enum Command {
    /// Runs seeds; each is a whole group with faults, attackers and judges.
    Simulate {
        /// Count of seeds.
        #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
        seeds: u64,
        /// The first one.
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// Kind of trouble for all of them, instead of each its own.
        #[arg(long)]
        preset: Option<Preset>,
        /// Stops at the first failure and makes it no smaller.
        #[arg(long)]
        first: bool,
        /// Prints one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Runs one seed again, exactly.
    Replay {
        /// The seed.
        seed: u64,
        /// The preset that it was run with, if it was not its own.
        #[arg(long)]
        preset: Option<Preset>,
        /// Prints every event.
        #[arg(long)]
        trace: bool,
        /// Prints one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Makes a failing seed smaller and prints what is left of its plan.
    Shrink {
        /// The seed.
        seed: u64,
        /// The preset that it was run with, if it was not its own.
        #[arg(long)]
        preset: Option<Preset>,
        /// Prints every event of the smaller run.
        #[arg(long)]
        trace: bool,
        /// Prints one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Plays schedules in which one member runs twice.
    Twins {
        /// Count of schedules, spread evenly over all that there are.
        #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
        schedules: u64,
        /// How many of them to leave out first.
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// Plays them over the end of an epoch.
        #[arg(long)]
        boundary: bool,
        /// Prints one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Lets f + 1 liars fork groups, and asks of what is left who lied.
    Forks {
        /// Count of seeds.
        #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
        seeds: u64,
        /// The first one.
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// Prints one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Lets a replica forget contents while they come back and the power goes.
    Contents {
        /// Count of seeds.
        #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
        seeds: u64,
        /// The first one.
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// Prints one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Throws a ledger away at random slots and makes it anew from a copy, beside one that never is.
    Rebuilt {
        /// Count of seeds.
        #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
        seeds: u64,
        /// The first one.
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// Slots of each.
        #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..))]
        slots: u64,
        /// Prints one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Searches every order of deliveries of a small conversation with a lying primary.
    Explore {
        /// Minutes at most.
        #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
        minutes: u64,
        /// Prints one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Measures a healthy group in virtual time: changes, messages, signatures, verifications, rows, hops and syncs.
    Pace {
        /// Prints one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Plays hundreds of followers of a group in virtual time, with liars, strangers and partitions among them.
    Sites {
        /// Replicas.
        #[arg(long, default_value_t = 4, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
        voters: usize,
        /// Followers.
        #[arg(long, default_value_t = 500, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
        observers: usize,
        /// Nodes stand in five regions, with the delays between them.
        #[arg(long)]
        regions: bool,
        /// Followers in a hundred that lie.
        #[arg(long, default_value_t = 10)]
        liars: u64,
        /// Strangers that take places at two doors.
        #[arg(long, default_value_t = 50)]
        sybils: usize,
        /// Virtual seconds that count.
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
        seconds: u64,
        /// Milliseconds between two changes.
        #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..))]
        change_every: u64,
        /// Decides everything.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Prints one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Troubles four real replicas in network namespaces, under load.
    Processes {
        /// Begins further rounds of all faults for so long; a round takes about two minutes.
        #[arg(long, default_value_t = 1)]
        minutes: u64,
        /// Seeds clients and network; the machine has a will of its own, so nothing repeats exactly.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Only this fault; may stand several times.
        #[arg(long, value_name = "FAULT")]
        only: Vec<Fault>,
        /// The program to run; by default the `quorate` beside this one.
        #[arg(long, value_name = "FILE")]
        program: Option<PathBuf>,
        /// Prints one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Asks four real replicas at every level of consistency while they are killed, stopped and frozen.
    Levels {
        /// Minutes of trouble.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
        minutes: u64,
        /// Seeds clients and trouble; the machine has a will of its own, so nothing repeats exactly.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// The program to run; by default the `quorate` beside this one.
        #[arg(long, value_name = "FILE")]
        program: Option<PathBuf>,
        /// Prints one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Lets hostile clients and members loose on real replicas, and measures what others notice of it.
    Attack {
        /// Which; all of them unless some are named.
        #[arg(value_name = "NAME")]
        attacks: Vec<Attack>,
        /// Seconds of each attack; 0: none alone.
        #[arg(long, default_value_t = 12)]
        seconds: u64,
        /// Seconds of quiet that are measured before and after each.
        #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..))]
        quiet: u64,
        /// Seconds of all attacks at once, in the end.
        #[arg(long, default_value_t = 0)]
        together: u64,
        /// Judges memory and who lives, and not how long anybody waited: for a busy machine.
        #[arg(long)]
        lasting: bool,
        /// MiB of address space that each replica has.
        #[arg(long, value_name = "MIB")]
        address_space: Option<u64>,
        /// The program to run; by default the `quorate` beside this one.
        #[arg(long, value_name = "FILE")]
        program: Option<PathBuf>,
        /// Prints one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Flips ten bits in each of so many databases of a stopped replica, and looks at what it then serves.
    Flips {
        /// Databases.
        #[arg(long, default_value_t = 20, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
        stores: usize,
        /// Seeds the places of the bits.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// The program to run; by default the `quorate` beside this one.
        #[arg(long, value_name = "FILE")]
        program: Option<PathBuf>,
    },
    /// Play an attacker, as `attack` starts it.
    #[command(hide = true)]
    AttackAs {
        /// Which.
        attack: Attack,
        /// The group, as JSON.
        #[arg(long)]
        target: String,
    },
    /// Runs one test of a room: how a known mistake is found that no run of replicas finds.
    Test {
        /// The room, as `ledger`.
        room: String,
        /// The program of its tests.
        program: String,
        /// The test, with its modules.
        name: String,
    },
    /// Plants known mistakes into a copy of the source, one at a time, and shows that they are found.
    Bugs {
        /// Only says which there are.
        #[arg(long)]
        list: bool,
        /// Plants this one alone.
        #[arg(long)]
        only: Option<String>,
        /// A part of them: the first of six is `0/6`.
        #[arg(long, default_value = "0/1", value_name = "I/K")]
        shard: Shard,
        /// Lines of JSON, one for each mistake as it was looked for: those that have one are not looked for again.
        #[arg(long, value_name = "FILE")]
        results: Option<PathBuf>,
        /// Prints one JSON document.
        #[arg(long)]
        json: bool,
    },
}
