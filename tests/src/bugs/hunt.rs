//! Hunt for planted mistakes: each is planted, built, and looked for.

use super::{Mistake, Workshop};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::fs::{self, File};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

/// Time that the run of a mistake may take.
const RUN_MAX: Duration = Duration::from_secs(600);
/// Exit code of a test program of which a test has failed.
const TEST_FAILED: i32 = 101;

/// A mistake, and whether the machine found it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hunted {
    /// The patch file's name without its ending.
    pub name: String,
    /// The patch file, from the root of the repository.
    pub patch: String,
    /// The arguments of `quorate-tests`, or the test, that find it.
    pub run: String,
    /// Whether they did.
    pub found: bool,
    /// The oracle, the command or the test that found it.
    pub by: Option<String>,
    /// Seeds, or schedules, until then; an exhaustive search counts none.
    pub seeds: Option<u64>,
    /// Mistake in words.
    pub what: String,
    /// The rules that it breaks.
    pub breaks: String,
    /// Why it was not found, if that was not the machine's fault: it did not build, say.
    pub error: Option<String>,
    /// Output of the finder.
    pub said: Option<String>,
    /// Real seconds of build and run.
    pub seconds: f64,
}

impl fmt::Display for Hunted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match (&self.by, self.seeds, &self.error) {
            (Some(by), Some(seeds), _) => write!(f, "{name}: found by {by} in {seeds}"),
            (Some(by), None, _) => write!(f, "{name}: found by {by}"),
            (None, _, Some(error)) => write!(f, "{name}: NOT FOUND, {error}"),
            (None, _, None) => write!(f, "{name}: NOT FOUND by `{}`", self.run),
        }
    }
}

impl Hunted {
    /// A mistake that nobody has looked for.
    pub fn unknown(mistake: &Mistake) -> Self {
        let Mistake { name, patch, what, breaks, run, .. } = mistake.clone();
        let patch = patch.to_string_lossy().into_owned();
        let (by, seeds, error, said) = Default::default();
        Self { name, patch, run, found: false, by, seeds, what, breaks, error, said, seconds: 0.0 }
    }
}

/// Plants the mistake, builds, runs, and says what came of it. The copy keeps the mistake until the next one.
pub fn hunt(workshop: &Workshop, mistake: &Mistake) -> Hunted {
    let begin = Instant::now();
    let mut hunted = Hunted::unknown(mistake);
    if let Err(error) = look(workshop, mistake, &mut hunted) {
        hunted.error = Some(format!("{error:#}"));
    }
    hunted.seconds = begin.elapsed().as_secs_f64();
    hunted
}

fn look(workshop: &Workshop, mistake: &Mistake, hunted: &mut Hunted) -> Result<()> {
    workshop.restore()?;
    workshop.plant(mistake)?;
    let (mut finder, fails_with) = match mistake.test() {
        Some(test) => (one_test(workshop, test)?, TEST_FAILED),
        None => (runs(workshop, &mistake.run)?, 1),
    };
    let status = wait(finder.stdout(File::create(workshop.report())?))?;
    let report = fs::read_to_string(workshop.report()).context("the run left no report")?;
    if status.code() != Some(fails_with) {
        return if status.success() { Ok(()) } else { Err(anyhow::anyhow!("the run ended with {status}")) };
    }
    if let Some([_, _, name]) = mistake.test() {
        let failed = report.lines().any(|line| line.strip_prefix("    ") == Some(name));
        anyhow::ensure!(failed, "the tests ended with {status}, and `{name}` did not fail");
        (hunted.found, hunted.by, hunted.said) = (true, Some(name.to_owned()), panicked(&report));
        return Ok(());
    }
    hunted.found = true;
    let report: Value = serde_json::from_str(&report).context("the run's report is not JSON")?;
    read_failure(&report, &mistake.run, hunted);
    Ok(())
}

/// The test machine, until the first failure.
fn runs(workshop: &Workshop, arguments: &str) -> Result<Command> {
    let mut machine = workshop.machine()?;
    machine.args(arguments.split(' ')).arg("--json");
    if arguments.starts_with("simulate") {
        machine.arg("--first");
    }
    Ok(machine)
}

/// A test by the room that it belongs to, its program and its name.
fn one_test(workshop: &Workshop, [room, program, name]: [&str; 3]) -> Result<Command> {
    let mut test = workshop.test(room, program)?;
    test.args([name, "--exact"]);
    Ok(test)
}

/// The message of the first panic in the output of a test program.
fn panicked(said: &str) -> Option<String> {
    let mut lines = said.lines().skip_while(|line| !line.contains("panicked at "));
    lines.nth(1).map(str::to_owned)
}

/// Runs until the end, or until its time is over.
fn wait(command: &mut Command) -> Result<ExitStatus> {
    let mut child = command.spawn().with_context(|| format!("{} cannot be run", command.get_program().display()))?;
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if begin.elapsed() >= RUN_MAX {
            child.kill()?;
            child.wait()?;
            anyhow::bail!("the run took more than {} s", RUN_MAX.as_secs());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The first failure of a report, in whichever of its shapes.
fn read_failure(report: &Value, run: &str, hunted: &mut Hunted) {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let command = run.split(' ').next().map(str::to_owned);
    let first = &report["failures"][0];
    if first.is_object() {
        let from = run.split(' ').skip_while(|word| *word != "--from").nth(1).and_then(|from| from.parse().ok());
        let ran = first["seed"].as_u64().map(|seed| seed + 1 - from.unwrap_or(0));
        (hunted.by, hunted.seeds, hunted.said) = (text(&first["oracle"]), ran, text(&first["what"]));
    } else if first.is_array() {
        (hunted.by, hunted.seeds, hunted.said) = (command, report["schedules"].as_u64(), text(&first[1]));
    } else {
        (hunted.by, hunted.said) = (command, text(first));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::path::PathBuf;

    fn hunted(report: &Value, run: &str) -> Hunted {
        let (what, breaks) = ("wrong".to_owned(), "N1".to_owned());
        let (name, patch) = ("a".to_owned(), PathBuf::from("tests/bugs/a.patch"));
        let mistake = Mistake { name, patch, what, breaks, run: run.to_owned(), files: Vec::new() };
        let mut hunted = Hunted::unknown(&mistake);
        read_failure(report, run, &mut hunted);
        hunted
    }

    #[test]
    fn the_seeds_until_a_failure_are_counted_from_the_first_one() {
        let report = json!({ "failures": [{ "seed": 21, "oracle": "agreement", "what": "two" }] });
        let whole = hunted(&report, "simulate --seeds 3000");
        assert_eq!((whole.by.as_deref(), whole.seeds), (Some("agreement"), Some(22)));
        assert_eq!(hunted(&report, "simulate --seeds 3000 --from 20").seeds, Some(2));
    }

    #[test]
    fn a_failed_test_is_told_in_its_own_words() {
        let said =
            "test a ... FAILED\n\nthread 'a' (7) panicked at tests/a.rs:1:2:\ntwo, one is right\nstack backtrace:\n";
        assert_eq!(panicked(said).as_deref(), Some("two, one is right"));
    }

    #[test]
    fn other_commands_are_named_where_no_oracle_is() {
        let twins = hunted(&json!({ "schedules": 40, "failures": [[7, "two"]] }), "twins --schedules 40");
        assert_eq!((twins.by.as_deref(), twins.seeds), (Some("twins"), Some(40)));
        let explored = hunted(&json!({ "failures": ["two"] }), "explore --minutes 1");
        assert_eq!((explored.by.as_deref(), explored.said.as_deref()), (Some("explore"), Some("two")));
    }
}
