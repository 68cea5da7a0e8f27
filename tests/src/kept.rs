//! Seeds that once failed: `tests/seeds.txt`, run for ever.

use crate::plan::Plan;

/// A line for each seed: number, preset, `#`, what it found.
const SEEDS: &str = include_str!("../seeds.txt");

/// The plans of all kept seeds.
pub fn plans() -> Vec<Plan> {
    let lines = SEEDS.lines().map(|line| line.split('#').next().unwrap_or_default());
    let words = lines.map(|line| line.split_whitespace().collect::<Vec<_>>()).filter(|words| !words.is_empty());
    words.map(|words| plan(&words)).collect()
}

fn plan(words: &[&str]) -> Plan {
    let [seed, preset] = words else { panic!("a line of seeds.txt is a seed and a preset: {words:?}") };
    let seed = seed.parse().unwrap_or_else(|error| panic!("{seed}: {error}"));
    Plan::of(seed, Some(preset.parse().unwrap_or_else(|error| panic!("{error}"))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::run;

    #[test]
    fn what_once_failed_passes() {
        for plan in plans() {
            let failure = run(&plan, false).failure;
            assert_eq!(failure, None, "seed {} ({})", plan.seed, plan.preset);
        }
    }
}
