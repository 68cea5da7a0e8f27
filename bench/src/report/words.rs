//! Report in words, for a terminal.

use super::{Report, Size};
use crate::ceilings::{HOPS_OF_A_CHANGE, SYNCS_OF_A_CHANGE};
use crate::figures::{Figures, Outcomes};
use crate::load::Minute;
use crate::peers::Peer;
use std::fmt;

/// Kinds of threads that are told.
const THREADS_TOLD: usize = 6;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.load(f)?;
        if let Some(outage) = &self.outage {
            write!(f, "{outage}")?;
        }
        if let Some(restarts) = &self.restarts {
            write!(f, "{restarts}")?;
        }
        if let Some(ramp) = &self.ramp {
            write!(f, "{ramp}")?;
        }
        self.figures(f)?;
        self.space(f)?;
        self.others(f)?;
        self.ceilings(f)
    }
}

impl Report {
    fn load(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} replicas, {} authors, files of {} bytes", self.replicas, self.authors, self.bytes)?;
        let (changes, seconds) = (self.changes_per_envelope, self.figures.seconds);
        writeln!(f, "{changes} changes in an envelope, {seconds:.1} s counted, answers at {}", self.levels.join(", "))?;
        if let Some(rate) = self.rate {
            let Figures { due, unsent, .. } = self.figures;
            writeln!(f, "{rate:.0} changes a second asked for: {due} envelopes were due, {unsent} of them never sent")?;
        }
        if self.contention > 0 {
            let Outcomes { applied, merged, conflict } = self.figures.outcomes;
            writeln!(f, "{} envelopes of a hundred edit a file which others edit too", self.contention)?;
            writeln!(f, "outcomes: {applied} applied, {merged} merged, {conflict} left a conflict")?;
        }
        writeln!(f)
    }

    fn figures(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { changes_per_second, due, p50_ms, p99_ms, cpu_us_per_change, view_changes, .. } = &self.figures;
        writeln!(f, "  changes a second   {changes_per_second:>10.0}")?;
        writeln!(f, "  latency p50        {p50_ms:>10.1} ms")?;
        writeln!(f, "  latency p99        {p99_ms:>10.1} ms, of {due} envelopes")?;
        writeln!(f, "  view changes       {view_changes:>10}")?;
        writeln!(f, "  CPU for a change   {cpu_us_per_change:>10.0} µs, {}, of it", self.counted())?;
        for share in self.cpu_by_thread.iter().take(THREADS_TOLD) {
            writeln!(f, "    {:<17}{:>10.0} µs", share.thread, share.us_per_change)?;
        }
        writeln!(f)
    }

    fn space(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.minutes.is_empty() {
            return Ok(());
        }
        writeln!(f, "history {}; at the end of each minute, all replicas together", self.history)?;
        for Minute { minute, disk_bytes, memory_bytes } in &self.minutes {
            let (disk, memory) = (disk_bytes >> 20, memory_bytes >> 20);
            writeln!(f, "  {minute:>3} {disk:>8} MiB on the disk {memory:>8} MiB of memory")?;
        }
        if let Some((middle, last)) = later_thirds(&self.minutes) {
            writeln!(
                f,
                "disk on the mean: {middle:.0} MiB in the middle third of the minutes, {last:.0} MiB in the last"
            )?;
        }
        writeln!(f)
    }

    fn others(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Size { replicas, files, cpu_us_per_replica, figures } in &self.sizes {
            let Figures { changes_per_second, p50_ms, p99_ms, .. } = figures;
            let files = files.map(|files| format!(", {files:>9} files")).unwrap_or_default();
            write!(
                f,
                "{replicas:>3} replicas{files} {changes_per_second:>8.0}/s, p50 {p50_ms:.1} ms, p99 {p99_ms:.1} ms, "
            )?;
            writeln!(f, "{cpu_us_per_replica:.0} µs a replica for a change")?;
        }
        match &self.rounds {
            Some(rounds) => write!(f, "{rounds}")?,
            None => self.peers(f)?,
        }
        if self.sizes.is_empty() && self.peers.is_empty() { Ok(()) } else { writeln!(f) }
    }

    fn peers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Peer { name, version, changes_per_second, p50_ms, p99_ms, cpu_us_per_change, leaves_out } in &self.peers {
            write!(f, "{name} {version}: {changes_per_second:.0}/s, p50 {p50_ms:.1} ms, p99 {p99_ms:.1} ms, ")?;
            writeln!(f, "{cpu_us_per_change:.0} µs for a change")?;
            writeln!(f, "  leaves out: {}", leaves_out.join("; "))?;
        }
        Ok(())
    }

    fn ceilings(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ceilings, code) = (&self.ceilings, &self.machine.curve_code);
        writeln!(f, "this machine alone, in the same run ({} cores)", ceilings.cores)?;
        writeln!(f, "  verify             {:>10.1} µs, by {code} code", ceilings.verify_us)?;
        writeln!(f, "  append and sync    {:>10.1} µs", ceilings.sync_us)?;
        writeln!(f, "  hop over loopback  {:>10.1} µs", ceilings.hop_us)?;
        let words = "changes a second, if each envelope were verified strictly, one by one";
        writeln!(f, "  ceiling            {:>10.0} {words}", ceilings.changes_per_second)?;
        writeln!(
            f,
            "  floor              {:>10.2} ms to an executed change, {SYNCS_OF_A_CHANGE} syncs and {HOPS_OF_A_CHANGE} hops",
            ceilings.latency_ms
        )?;
        writeln!(f, "measured / ceiling   {:>10.3}", self.share_of_ceiling)?;
        write!(f, "floor / p50          {:>10.3}", self.share_of_floor)
    }
}

/// Mean MiB on the disk in the second third of the minutes and in the last one. Runs are merged and removed in a saw tooth, so that
/// two single minutes say little about growth.
fn later_thirds(minutes: &[Minute]) -> Option<(f64, f64)> {
    let third = minutes.len() / 3;
    let mean = |minutes: &[Minute]| {
        let mib: f64 = minutes.iter().map(|minute| minute.disk_bytes as f64 / f64::from(1 << 20)).sum();
        mib / minutes.len() as f64
    };
    let (before, last) = minutes.split_at(minutes.len() - third);
    (third > 0).then(|| (mean(&before[before.len() - third..]), mean(last)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_of_the_last_third_of_the_minutes_stands_beside_that_of_the_third_before() {
        let minutes: Vec<Minute> = [900, 1, 3, 4, 6]
            .into_iter()
            .zip(1..)
            .map(|(mib, minute)| Minute { minute, disk_bytes: mib << 20, memory_bytes: 0 })
            .collect();
        assert_eq!(later_thirds(&minutes), Some((4.0, 6.0)));
        assert_eq!(later_thirds(&minutes[..2]), None, "two minutes have no thirds");
        let six = [minutes.as_slice(), &[Minute { minute: 6, disk_bytes: 8 << 20, memory_bytes: 0 }]].concat();
        assert_eq!(later_thirds(&six), Some((3.5, 7.0)));
    }
}
