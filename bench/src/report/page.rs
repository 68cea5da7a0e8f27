//! Report as a page: one file of HTML, with tables and pictures, that loads nothing.

use super::html::{begin, escaped, number, pairs, section, table};
use super::plot::{Axis, Line, Plot, bars};
use super::{Report, Size};
use crate::ceilings::{HOPS_OF_A_CHANGE, SYNCS_OF_A_CHANGE};
use crate::fault::Outage;
use crate::figures::{Figures, Outcomes};
use crate::peers::Peer;
use crate::ramp::Ramp;
use crate::restarts::Restarts;
use crate::rounds::{Compared, Rounds, Spread, System};
use crate::timeline::Step;
use std::fmt::Write as _;

/// Heads of a table of systems.
const OF_SYSTEMS: [&str; 6] = ["system", "changes a second", "p50 ms", "p99 ms", "processor µs", "leaves out"];

/// The page of a report; `json` is the same report, to be copied out of it.
pub fn page(report: &Report, json: &str) -> String {
    let title = format!("quorate: {} replicas, {} authors", report.replicas, report.authors);
    let mut page = begin(&title);
    for part in
        [head, ramp, outage, restarts, latencies, over_time, threads, space, sizes, peers, rounds, ceilings, settings]
    {
        page += &part(report);
    }
    let _ = write!(
        page,
        "<h2>As JSON</h2>\n<details><summary>All figures</summary><pre>{}</pre></details>\n",
        escaped(json)
    );
    page
}

fn head(report: &Report) -> String {
    let Figures { changes_per_second, due, unsent, p50_ms, p99_ms, cpu_us_per_change, view_changes, outcomes, .. } =
        &report.figures;
    let Outcomes { applied, merged, conflict } = outcomes;
    let floor = report.ceilings.latency_ms;
    pairs(&[
        ("changes a second", format!("{changes_per_second:.0}, {:.3} of the ceiling", report.share_of_ceiling)),
        ("half answered within", format!("{p50_ms:.1} ms; the floor is {floor:.2} ms")),
        ("99 of 100 answered within", format!("{p99_ms:.1} ms")),
        ("envelopes that were due", format!("{due}, {unsent} of them never sent")),
        ("view changes", view_changes.to_string()),
        ("processor for a change", format!("{cpu_us_per_change:.0} µs, {}", report.counted())),
        ("envelopes", format!("{applied} applied, {merged} merged, {conflict} left a conflict")),
    ])
}

fn latencies(report: &Report) -> String {
    // Each nine takes the same room.
    let nines = |percent: f64| -(1.0 - percent / 100.0).max(1e-4).log10();
    let below = |percent: &&crate::times::Percentile| percent.percent < 100.0;
    let points = report.percentiles.iter().filter(below).map(|at| (nines(at.percent), at.ms)).collect();
    let ticks = [10.0, 50.0, 90.0, 99.0, 99.9].map(|percent| (nines(percent), format!("{percent} %")));
    let x = Axis { label: "share of the answers", ticks: ticks.into() };
    let plot = Plot { x, y_label: "ms", lines: vec![Line { name: "within", points }], mark: None };
    section("Time from sending to the receipt", &plot.svg())
}

fn over_time(report: &Report) -> String {
    let [Step { from_ms: first, .. }, Step { from_ms: second, .. }, ..] = report.over_time[..] else {
        return String::new();
    };
    let width = (second - first) as f64 / 1e3;
    let rate = timed(&report.over_time, |step| Some((step.commits * report.changes_per_envelope) as f64 / width));
    let p99 = timed(&report.over_time, |step| step.p99_ms);
    let plot = |y_label, name, points| {
        let x = Axis::round("seconds", 0.0, report.figures.seconds);
        Plot { x, y_label, lines: vec![Line { name, points }], mark: None }.svg()
    };
    section("Over time", &(plot("changes a second", "answered", rate) + &plot("ms", "p99", p99)))
}

fn timed(steps: &[Step], value: impl Fn(&Step) -> Option<f64>) -> Vec<(f64, f64)> {
    steps.iter().filter_map(|step| Some((step.from_ms as f64 / 1e3, value(step)?))).collect()
}

fn threads(report: &Report) -> String {
    let told = report.cpu_by_thread.iter().filter(|share| share.us_per_change >= 1.0);
    let rows: Vec<(String, f64)> = told.map(|share| (share.thread.clone(), share.us_per_change)).collect();
    section(&format!("Processor time for a change, by thread, {}", report.counted()), &bars(&rows, "µs"))
}

fn ramp(report: &Report) -> String {
    let Some(Ramp { p99_bound_ms, best_rate, steps }) = &report.ramp else { return String::new() };
    let line = |name, value: fn(&Figures) -> f64| Line {
        name,
        points: steps.iter().map(|step| (step.rate, value(&step.figures).min(2.0 * *p99_bound_ms as f64))).collect(),
    };
    let lines = vec![line("p99", |figures| figures.p99_ms), line("p50", |figures| figures.p50_ms)];
    let x = Axis::round("changes a second that were sent", 0.0, steps.last().map_or(1.0, |step| step.rate));
    let plot = Plot { x, y_label: "ms", lines, mark: Some((*best_rate, "highest that held")) };
    let row = |step: &crate::ramp::Step| {
        let Figures { changes_per_second, p50_ms, p99_ms, cpu_us_per_change, .. } = &step.figures;
        let figures = [changes_per_second, p50_ms, p99_ms, cpu_us_per_change].map(|figure| number(*figure));
        [vec![format!("{:.0}", step.rate)], figures.into(), vec![if step.held { "yes" } else { "no" }.into()]].concat()
    };
    let heads = ["sent a second", "answered a second", "p50 ms", "p99 ms", "processor µs", "held"];
    let rows: Vec<Vec<String>> = steps.iter().map(row).collect();
    let title = format!("Highest rate with a p99 of at most {p99_bound_ms} ms: {best_rate:.0} changes a second");
    section(&title, &(plot.svg() + &table(&heads, &rows)))
}

fn outage(report: &Report) -> String {
    let Some(outage) = &report.outage else { return String::new() };
    let Outage { fault, struck, silence_ms, resumed_after_ms, bound_ms, within_bound, .. } = outage;
    let points = timed(&outage.timeline, |step| Some(step.commits as f64));
    let x = Axis::round("seconds after the fault", -1.0, points.last().map_or(1.0, |(x, _)| *x));
    let lines = vec![Line { name: "commits", points }];
    let plot = Plot { x, y_label: "in 100 ms", lines, mark: Some((0.0, fault.words())) };
    let verdict = if *within_bound { "within" } else { "later than" };
    let rows = pairs(&[
        ("struck replicas", format!("{struck:?}")),
        ("longest silence", format!("{silence_ms} ms")),
        ("commits again", format!("{resumed_after_ms} ms after the fault, {verdict} {bound_ms} ms")),
        ("view", format!("{} before, {} after", outage.view_before, outage.view_after)),
    ]);
    section(&format!("A fault under load: {}", fault.words()), &(plot.svg() + &rows))
}

fn restarts(report: &Report) -> String {
    let Some(restarts) = &report.restarts else { return String::new() };
    let Restarts { acknowledged, read_back, late_ready, late_active, restarts: each } = restarts;
    let told = |(half, most): (u64, u64), late: &usize, bound| {
        format!("half within {half} ms, all within {most} ms; later than within {bound}: {late}")
    };
    let rows = pairs(&[
        ("acknowledged meanwhile", format!("{acknowledged} envelopes")),
        ("read back as acknowledged", format!("{read_back} files")),
        ("ready", told(restarts.spread(|restart| restart.ready_ms), late_ready, "a second")),
        ("all vote", told(restarts.spread(|restart| restart.active_ms), late_active, "three seconds")),
    ]);
    section(&format!("All replicas killed at one moment, {} times", each.len()), &rows)
}

fn space(report: &Report) -> String {
    if report.minutes.is_empty() {
        return String::new();
    }
    let line = |name, value: fn(&crate::load::Minute) -> u64| Line {
        name,
        points: report.minutes.iter().map(|at| (at.minute as f64, (value(at) >> 20) as f64)).collect(),
    };
    let lines = vec![line("disk", |at| at.disk_bytes), line("memory", |at| at.memory_bytes)];
    let x = Axis::round("minutes", 0.0, report.minutes.len() as f64);
    let title = format!("Space of all replicas, history {}", report.history);
    section(&title, &Plot { x, y_label: "MiB", lines, mark: None }.svg())
}

fn sizes(report: &Report) -> String {
    if report.sizes.is_empty() {
        return String::new();
    }
    let row = |Size { replicas, files, cpu_us_per_replica, figures }: &Size| {
        let Figures { changes_per_second, p50_ms, p99_ms, cpu_us_per_change, .. } = figures;
        let told =
            [changes_per_second, p50_ms, p99_ms, cpu_us_per_change, cpu_us_per_replica].map(|told| number(*told));
        [vec![replicas.to_string(), files.unwrap_or_default().to_string()], told.into()].concat()
    };
    let heads =
        ["replicas", "files before", "changes a second", "p50 ms", "p99 ms", "processor µs, all", "one replica"];
    let rows: Vec<Vec<String>> = report.sizes.iter().map(row).collect();
    section("Cost against the size of the group", &(by_replicas(&report.sizes) + &table(&heads, &rows)))
}

/// Picture of the cost against the number of replicas; none where groups differ by their files.
fn by_replicas(sizes: &[Size]) -> String {
    if sizes.windows(2).any(|pair| pair[0].replicas == pair[1].replicas) {
        return String::new();
    }
    let points = sizes.iter().map(|size| (f64::from(size.replicas), size.cpu_us_per_replica)).collect();
    let ticks = sizes.iter().map(|size| (f64::from(size.replicas), size.replicas.to_string())).collect();
    let lines = vec![Line { name: "one replica", points }];
    Plot { x: Axis { label: "replicas", ticks }, y_label: "µs for a change", lines, mark: None }.svg()
}

fn peers(report: &Report) -> String {
    if report.peers.is_empty() || report.rounds.is_some() {
        return String::new();
    }
    let row = |name: String, peer: &Peer| {
        [vec![name], peer.compared().map(number).into(), vec![peer.leaves_out.join("; ")]].concat()
    };
    let own = row(report.machine.program.clone(), &Peer::own(&report.machine, &report.figures));
    let others = report.peers.iter().map(|peer| row(format!("{} {}", peer.name, peer.version), peer));
    let rows: Vec<Vec<String>> = [own].into_iter().chain(others).collect();
    section("Other systems under the same load, in the same run", &table(&OF_SYSTEMS, &rows))
}

fn rounds(report: &Report) -> String {
    let Some(Rounds { rounds, systems }) = &report.rounds else { return String::new() };
    let row = |name: String, figures: &Compared, leaves_out: String| {
        let told = figures.all().map(|Spread { median, least, greatest }| {
            format!("{} ({} to {})", number(median), number(least), number(greatest))
        });
        [vec![name], told.into(), vec![leaves_out]].concat()
    };
    let rows = systems.iter().flat_map(|System { name, version, figures, times_quorate, leaves_out }| {
        let own = row(format!("{name} {version}"), figures, leaves_out.join("; "));
        let ratio = times_quorate.map(|times| row("times quorate's in the same round".into(), &times, String::new()));
        [Some(own), ratio].into_iter().flatten()
    });
    let title = format!("Systems in turn, {rounds} rounds: medians (from the least to the greatest)");
    section(&title, &table(&OF_SYSTEMS, &rows.collect::<Vec<_>>()))
}

fn ceilings(report: &Report) -> String {
    let ceilings = &report.ceilings;
    let one_by_one = "once a replica, strictly, one by one";
    let steps = format!("{SYNCS_OF_A_CHANGE} syncs and {HOPS_OF_A_CHANGE} hops");
    let rows = pairs(&[
        ("a strict verification", format!("{:.1} µs, by {} code", ceilings.verify_us, report.machine.curve_code)),
        ("appending 512 bytes, synced", format!("{:.1} µs", ceilings.sync_us)),
        ("a hop over loopback", format!("{:.1} µs", ceilings.hop_us)),
        (
            "ceiling",
            format!(
                "{:.0} changes a second: all cores verify each envelope, {one_by_one}",
                ceilings.changes_per_second
            ),
        ),
        ("floor", format!("{:.2} ms: {steps}", ceilings.latency_ms)),
    ]);
    section("This machine alone, in the same run", &rows)
}

fn settings(report: &Report) -> String {
    let machine = &report.machine;
    let rate = report.rate.map_or("as soon as there is an answer".into(), |rate| format!("{rate:.0} changes a second"));
    let rows = pairs(&[
        ("load", format!("{} authors, {rate}", report.authors)),
        ("changes in an envelope", format!("{}, of {} bytes each", report.changes_per_envelope, report.bytes)),
        ("under way for an author", report.under_way.to_string()),
        ("contention", format!("{} of a hundred", report.contention)),
        ("levels", report.levels.join(", ")),
        ("history", report.history.clone()),
        ("program", format!("{}, SHA-256 {}", machine.program, machine.program_sha256)),
        ("bench", format!("{} build", machine.build)),
        ("machine", format!("{}, {} cores, {} MiB", machine.processor, machine.cores, machine.memory_bytes >> 20)),
        ("kernel", machine.kernel.clone()),
    ]);
    section("Settings", &rows)
}

#[cfg(test)]
mod tests;
