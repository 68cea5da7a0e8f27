//! Rounds in which systems take turns under the same load: a ratio compares neighbours in time, so that a machine which is
//! slow for a while is slow for all of them.

use crate::peers::Peer;
use serde::Serialize;
use std::fmt;

/// Systems over several rounds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rounds {
    /// Rounds, in each of which every system was loaded once.
    pub rounds: usize,
    /// In the order of their turns, quorate first.
    pub systems: Vec<System>,
}

/// System over several rounds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct System {
    /// Name of the system.
    pub name: String,
    /// Version that it tells.
    pub version: String,
    /// Figures over the rounds.
    #[serde(flatten)]
    pub figures: Compared,
    /// The same as multiples of quorate's in the same round; none for quorate itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times_quorate: Option<Compared>,
    /// Services of quorate's answer that its answer lacks.
    pub leaves_out: Vec<String>,
}

/// Figures by which systems are compared.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Compared {
    /// Changes answered to their authors.
    pub changes_per_second: Spread,
    /// Half of them were answered within.
    pub p50_ms: Spread,
    /// 99 of 100 were.
    pub p99_ms: Spread,
    /// Processor time of all processes for one change.
    pub cpu_us_per_change: Spread,
}

/// Value over several rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The middle one, or the mean of the two middle ones.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The greatest.
    pub greatest: f64,
}

impl Rounds {
    /// Systems of these rounds, quorate first in each.
    pub fn of(rounds: &[Vec<Peer>]) -> Self {
        let systems = rounds.first().into_iter().flatten().enumerate();
        Self { rounds: rounds.len(), systems: systems.map(|(turn, system)| System::of(rounds, turn, system)).collect() }
    }
}

impl System {
    fn of(rounds: &[Vec<Peer>], turn: usize, system: &Peer) -> Self {
        let figures = rounds.iter().filter_map(|round| Some(round.get(turn)?.compared()));
        let ratios = rounds.iter().filter_map(|round| {
            let (own, others) = (round.first()?.compared(), round.get(turn)?.compared());
            Some(std::array::from_fn(|at| others[at] / own[at]))
        });
        Self {
            name: system.name.clone(),
            version: system.version.clone(),
            figures: Compared::over(figures.collect()),
            times_quorate: (turn > 0).then(|| Compared::over(ratios.collect())),
            leaves_out: system.leaves_out.clone(),
        }
    }
}

impl Compared {
    fn over(rounds: Vec<[f64; 4]>) -> Self {
        let of = |at: usize| Spread::over(rounds.iter().map(|round| round[at]).collect());
        Self { changes_per_second: of(0), p50_ms: of(1), p99_ms: of(2), cpu_us_per_change: of(3) }
    }

    /// The four, in the order in which [`Peer::compared`] has them.
    pub fn all(&self) -> [Spread; 4] {
        [self.changes_per_second, self.p50_ms, self.p99_ms, self.cpu_us_per_change]
    }
}

impl Spread {
    fn over(mut values: Vec<f64>) -> Self {
        values.sort_unstable_by(f64::total_cmp);
        let (least, greatest) = (values.first().copied(), values.last().copied());
        let median = f64::midpoint(values[(values.len() - 1) / 2], values[values.len() / 2]);
        Self { median, least: least.unwrap_or_default(), greatest: greatest.unwrap_or_default() }
    }
}

impl fmt::Display for Rounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} rounds, in which systems took turns: medians (from the least to the greatest)", self.rounds)?;
        for System { name, version, figures, times_quorate, leaves_out } in &self.systems {
            let Compared { changes_per_second, p50_ms, p99_ms, cpu_us_per_change } = figures;
            write!(f, "{name} {version}: {changes_per_second:.0}/s, p50 {p50_ms:.1} ms, p99 {p99_ms:.1} ms, ")?;
            writeln!(f, "{cpu_us_per_change:.0} µs for a change")?;
            if let Some(Compared { changes_per_second, p50_ms, p99_ms, cpu_us_per_change }) = times_quorate {
                write!(f, "  times quorate's in the same round: {changes_per_second:.2} the rate, ")?;
                writeln!(f, "{p50_ms:.2} the p50, {p99_ms:.2} the p99, {cpu_us_per_change:.2} the processor")?;
                writeln!(f, "  leaves out: {}", leaves_out.join("; "))?;
            }
        }
        Ok(())
    }
}

/// As the median with its bounds, all with the digits that are asked for.
impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self { median, least, greatest }, digits) = (self, f.precision().unwrap_or(2));
        write!(f, "{median:.digits$} ({least:.digits$} to {greatest:.digits$})")
    }
}

/// Round in which quorate's rate was the middle one; of an even number the slower of the two.
pub fn middle(rounds: &[Vec<Peer>]) -> usize {
    let rate = |round: usize| rounds[round].first().map_or(0.0, |own| own.changes_per_second);
    let mut order: Vec<usize> = (0..rounds.len()).collect();
    order.sort_by(|one, other| rate(*one).total_cmp(&rate(*other)));
    order[(order.len() - 1) / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(name: &str, changes_per_second: f64, p50_ms: f64) -> Peer {
        let (name, version, leaves_out) = (name.into(), "1".into(), Vec::new());
        Peer { name, version, changes_per_second, p50_ms, p99_ms: 2.0 * p50_ms, cpu_us_per_change: 100.0, leaves_out }
    }

    fn rounds(rates: &[(f64, f64)]) -> Vec<Vec<Peer>> {
        rates.iter().map(|(own, other)| vec![peer("quorate", *own, 10.0), peer("etcd", *other, 20.0)]).collect()
    }

    #[test]
    fn a_ratio_compares_systems_within_a_round_and_its_median_is_that_of_the_rounds() {
        // A machine that slows down to a tenth: the medians of both have no ratio that any round had.
        let told = Rounds::of(&rounds(&[(1_000.0, 500.0), (100.0, 200.0), (10.0, 30.0)]));

        let [own, other] = &told.systems[..] else { panic!("{told:?}") };
        assert_eq!(own.figures.changes_per_second, Spread { median: 100.0, least: 10.0, greatest: 1_000.0 });
        assert_eq!(other.figures.changes_per_second, Spread { median: 200.0, least: 30.0, greatest: 500.0 });
        let times = other.times_quorate.expect("a ratio");
        assert_eq!(times.changes_per_second, Spread { median: 2.0, least: 0.5, greatest: 3.0 });
        assert_eq!((times.p50_ms.median, times.cpu_us_per_change.median), (2.0, 1.0));
        assert_eq!(own.times_quorate, None);
    }

    #[test]
    fn the_median_of_two_rounds_lies_between_them() {
        let told = Rounds::of(&rounds(&[(100.0, 100.0), (200.0, 100.0)]));
        assert_eq!(told.systems[0].figures.changes_per_second.median, 150.0);
        assert_eq!(told.systems[1].times_quorate.expect("a ratio").changes_per_second.median, 0.75);
    }

    #[test]
    fn the_middle_round_is_the_one_with_the_middle_rate_of_quorate() {
        assert_eq!(middle(&rounds(&[(3.0, 0.0), (1.0, 0.0), (2.0, 0.0)])), 2);
        assert_eq!(middle(&rounds(&[(3.0, 0.0), (1.0, 0.0)])), 1);
        assert_eq!(middle(&rounds(&[(3.0, 0.0)])), 0);
    }
}
