//! Counts of a run, the file that keeps them, and their comparison.

use crate::surroundings::Surroundings;
use anyhow::Context as _;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// Difference that is none, in hundredths.
const PERCENT: u64 = 3;

/// Instructions of all cases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// What they depend on beside the source.
    pub surroundings: Surroundings,
    /// By the cases' names.
    pub cases: BTreeMap<String, u64>,
}

impl Counts {
    /// Reads the file.
    pub fn read(file: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        Self::parse(&text).with_context(|| format!("{} is no file of counts", file.display()))
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let mut counts = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.split_once(": ").with_context(|| format!("a line without a colon: {line}"))?;
            match name {
                "processor" => counts.surroundings.processor = value.to_owned(),
                "compiler" => counts.surroundings.compiler = value.to_owned(),
                "library" => counts.surroundings.library = value.to_owned(),
                case => drop(counts.cases.insert(case.to_owned(), value.parse().context("no number")?)),
            }
        }
        Ok(counts)
    }
}

/// The file's text.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "# Instructions of each case, under valgrind. `tests/measures/instructions/run --accept` writes this file."
        )?;
        writeln!(f, "{}", self.surroundings)?;
        self.cases.iter().try_for_each(|(name, count)| writeln!(f, "{name}: {count}"))
    }
}

/// Counts of a run beside those that are kept.
#[derive(Debug)]
pub struct Comparison(Vec<Compared>);

#[derive(Debug)]
struct Compared {
    name: String,
    kept: Option<u64>,
    now: Option<u64>,
}

impl Comparison {
    /// All cases of both.
    pub fn of(kept: &Counts, now: &Counts) -> Self {
        let mut names: Vec<&String> = kept.cases.keys().chain(now.cases.keys()).collect();
        names.sort_unstable();
        names.dedup();
        let both = |counts: &Counts, name: &String| counts.cases.get(name).copied();
        let compared = |name: &String| Compared { name: name.clone(), kept: both(kept, name), now: both(now, name) };
        Self(names.into_iter().map(compared).collect())
    }

    /// Whether a case costs more than is kept, or has no count that is kept.
    pub fn fails(&self) -> bool {
        self.0.iter().any(Compared::fails)
    }
}

impl Compared {
    fn fails(&self) -> bool {
        match (self.kept, self.now) {
            (Some(kept), Some(now)) => 100 * now > (100 + PERCENT) * kept,
            (None, _) => true,
            (Some(_), None) => false,
        }
    }

    fn is_old(&self) -> bool {
        match (self.kept, self.now) {
            (Some(kept), Some(now)) => 100 * now < (100 - PERCENT) * kept,
            (_, now) => now.is_none(),
        }
    }

    fn difference(&self) -> String {
        match (self.kept, self.now) {
            (Some(kept), Some(now)) => format!("{:+.2} %", 100.0 * (now as f64 - kept as f64) / kept as f64),
            (None, _) => "new".into(),
            (_, None) => "gone".into(),
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), |count| count.to_string());
        writeln!(f, "{:>12} {:>12}  instructions: kept, and now", "kept", "now")?;
        for compared in &self.0 {
            let (kept, now) = (told(compared.kept), told(compared.now));
            writeln!(f, "{kept:>12} {now:>12} {:>9}  {}", compared.difference(), compared.name)?;
        }
        for Compared { name, kept, now } in self.0.iter().filter(|compared| compared.fails()) {
            writeln!(f, "FAILED: {name}: {} instructions, {} are kept", told(*now), told(*kept))?;
        }
        for Compared { name, kept, now } in self.0.iter().filter(|compared| compared.is_old()) {
            writeln!(f, "CHEAPER: {name}: {} instructions, {} are kept", told(*now), told(*kept))?;
        }
        match (self.fails(), self.0.iter().any(Compared::is_old)) {
            (true, _) => write!(
                f,
                "Make it cheaper, or write the file anew by `tests/measures/instructions/run --accept` and say why in the commit."
            ),
            (false, true) => {
                write!(f, "Write the file anew, so that it stays so: `tests/measures/instructions/run --accept`.")
            }
            (false, false) => write!(f, "No case differs by more than {PERCENT} %."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(cases: &[(&str, u64)]) -> Counts {
        let cases = cases.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        let surroundings =
            Surroundings { processor: "p q".into(), compiler: "1.9 (x)".into(), library: "glibc 2".into() };
        Counts { surroundings, cases }
    }

    fn compared(kept: u64, now: u64) -> Comparison {
        Comparison::of(&counts(&[("a case", kept)]), &counts(&[("a case", now)]))
    }

    #[test]
    fn a_file_of_counts_is_read_as_it_was_written() {
        let written = counts(&[("a case, with words", 12), ("b", 3)]);
        assert_eq!(Counts::parse(&written.to_string()).expect("a file"), written);
        assert!(Counts::parse("a case: many\n").is_err());
    }

    #[test]
    fn a_case_that_costs_more_than_three_in_a_hundred_more_fails_with_both_counts_and_a_way_out() {
        assert!(!compared(1_000, 1_030).fails());
        let dearer = compared(1_000, 1_031);
        assert!(dearer.fails());
        let said = dearer.to_string();
        assert!(
            said.contains("FAILED: a case: 1031 instructions, 1000 are kept") && said.contains("--accept"),
            "{said}"
        );
    }

    #[test]
    fn a_case_that_costs_less_asks_for_the_file_to_be_written_anew_and_does_not_fail() {
        assert!(!compared(1_000, 970).to_string().contains("--accept"));
        let cheaper = compared(1_000, 969);
        assert!(!cheaper.fails());
        let said = cheaper.to_string();
        assert!(
            said.contains("CHEAPER: a case: 969 instructions, 1000 are kept") && said.contains("--accept"),
            "{said}"
        );
    }

    #[test]
    fn a_case_without_a_count_fails_and_a_count_without_a_case_does_not() {
        assert!(Comparison::of(&counts(&[]), &counts(&[("new", 1)])).fails());
        let gone = Comparison::of(&counts(&[("old", 1)]), &counts(&[]));
        assert!(!gone.fails() && gone.to_string().contains("--accept"), "{gone}");
    }
}
