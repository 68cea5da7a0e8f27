//! Makes each fault, and ends it.

use super::clocks::Clocks;
use super::conductor::{Conductor, Halt};
use super::faults::Fault;
use super::group::{ON_SMALL_DISK, REPLICAS};
use super::links::Weather;
use super::summary::Episode;
use std::time::Duration;

/// Jump of a clock: beyond every bound on ledger time.
const JUMP: Duration = Duration::from_secs(3_600);

/// Crashes of a replica in a loop of crashes.
const CRASHES: usize = 5;

/// Milliseconds at most between its start and the next crash: long enough to sign something, short enough to have to
/// ask what it had signed.
const CRASH_WITHIN_MS: u64 = 600;

impl Conductor {
    /// Begins a fault.
    pub(super) fn begin(&mut self, fault: Fault, primary: usize, episode: &mut Episode) -> Result<(), Halt> {
        match fault {
            Fault::FoulWeather => self.group.switch.links().weather = Weather::FOUL,
            Fault::KillPrimary => self.group.take(primary)?.kill()?,
            Fault::KillInFoulWeather => {
                self.group.switch.links().weather = Weather::FOUL;
                self.group.take(primary)?.kill()?;
            }
            Fault::CrashLoop => self.group.take((primary + 1) % REPLICAS)?.kill()?,
            Fault::FreezePrimary => self.group.replica(primary)?.freeze()?,
            Fault::MutePrimary => self.cut(|other| (primary, other)),
            Fault::DeafBackup => self.cut(|other| (other, (primary + 1) % REPLICAS)),
            Fault::IsolatePrimary => self.group.switch.links().isolate(primary),
            Fault::SplitInHalves => self.group.switch.links().split(&[primary, (primary + 1) % REPLICAS]),
            Fault::FullDisk => episode.notes.push(format!("{} KiB taken", self.group.fill_disk()? >> 10)),
            Fault::ClockAhead => self.clocks()?.ahead(primary, JUMP)?,
            Fault::ClockBehind => self.clocks()?.behind(primary, JUMP)?,
            Fault::KillAll => {
                let all: Vec<_> = (0..REPLICAS).map(|number| self.group.take(number)).collect::<Result<_, _>>()?;
                all.into_iter().try_for_each(|replica| replica.kill())?;
            }
        }
        Ok(())
    }

    /// Ends it.
    pub(super) fn end(&mut self, fault: Fault, primary: usize) -> Result<(), Halt> {
        match fault {
            Fault::FoulWeather
            | Fault::MutePrimary
            | Fault::DeafBackup
            | Fault::IsolatePrimary
            | Fault::SplitInHalves => self.group.switch.links().heal(),
            Fault::KillPrimary => self.group.start(primary)?,
            Fault::KillInFoulWeather => {
                self.group.switch.links().heal();
                self.group.start(primary)?;
            }
            Fault::CrashLoop => self.crash_again((primary + 1) % REPLICAS)?,
            Fault::FreezePrimary => self.group.replica(primary)?.thaw()?,
            Fault::FullDisk => self.free_disk()?,
            Fault::ClockAhead | Fault::ClockBehind => self.clocks()?.right(primary)?,
            Fault::KillAll => (0..REPLICAS).try_for_each(|number| self.group.start(number))?,
        }
        Ok(())
    }

    /// Cuts three links in one direction; `link` says which for each other replica.
    fn cut(&mut self, link: impl Fn(usize) -> (usize, usize)) {
        let mut links = self.group.switch.links();
        let all = (0..REPLICAS).map(link).filter(|(from, to)| from != to);
        all.for_each(|(from, to)| links.cut(from, to));
    }

    /// Starts a replica and kills it a moment later, several times, and lets it live the last time.
    fn crash_again(&mut self, number: usize) -> Result<(), Halt> {
        for _ in 0..CRASHES {
            self.group.start(number)?;
            let moment = self.dice.below(CRASH_WITHIN_MS);
            self.pause(Duration::from_millis(moment))?;
            self.group.take(number)?.kill()?;
        }
        Ok(self.group.start(number)?)
    }

    fn clocks(&self) -> Result<&Clocks, Halt> {
        self.group.clocks.as_ref().map_err(|why| Halt::Broken(why.clone()))
    }

    /// The replica must have waited for room rather than ended. Kills it, starts it without room, and makes room.
    fn free_disk(&mut self) -> Result<(), Halt> {
        match self.group.lost(ON_SMALL_DISK) {
            Some(how) => {
                let words = self.group.last_words(ON_SMALL_DISK);
                self.failures.push(format!("{}: {how}: {words}", Fault::FullDisk));
                drop(self.group.take(ON_SMALL_DISK)?);
            }
            None => self.group.take(ON_SMALL_DISK)?.kill()?,
        }
        if let Err(why) = self.group.start(ON_SMALL_DISK) {
            self.failures.push(format!("{}: it does not start without room: {why}", Fault::FullDisk));
        }
        self.group.free_disk()?;
        if !self.group.runs(ON_SMALL_DISK) {
            self.group.start(ON_SMALL_DISK)?;
        }
        Ok(())
    }
}
