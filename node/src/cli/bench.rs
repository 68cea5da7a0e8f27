//! `quorate bench`: load from outside on a group of this program.

use super::failure::{Exit, Failure, Outcome};
use super::print;
use quorate_bench::{BenchArgs, Failure as Told, measure, page};
use quorate_service::engine::History;
use std::{fs, io};

/// Measures, writes the page, and prints.
pub async fn run(args: &BenchArgs) -> Outcome {
    let program = std::env::current_exe().map_err(|error| Failure::usage(format!("where this program is: {error}")))?;
    args.history.parse::<History>().map_err(|error| Failure::usage(format!("--history: {error}")))?;
    let report = measure(args, &program).await.map_err(failed)?;
    if let Some(file) = &args.report {
        let json = serde_json::to_string_pretty(&report).expect("a report is JSON");
        let written = fs::write(file, page(&report, &json));
        written.map_err(|error| Failure::file(file, error))?;
        tell!("bench: wrote {}", file.display());
    }
    match args.json {
        true => print::json(&report)?,
        false => print::say(&report)?,
    }
    Ok(())
}

fn failed(error: anyhow::Error) -> Failure {
    let what = format!("{error:#}");
    match error.chain().find_map(|cause| cause.downcast_ref()) {
        Some(Told::Verdict(_)) => Failure::no(what),
        Some(Told::Usage(_)) => Failure::usage(what),
        None if error.chain().any(|cause| cause.is::<io::Error>()) => Failure::met(what),
        None => Failure::new(Exit::Unreachable, what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::{Context as _, anyhow};

    #[test]
    fn a_lost_change_is_no_silence_of_the_group() {
        let lost = || Err::<(), _>(Told::Verdict("lost".into())).context("an author").unwrap_err();
        let exits = [
            (lost(), Exit::No),
            (Told::Usage("few".into()).into(), Exit::Usage),
            (io::Error::from_raw_os_error(28).into(), Exit::Disk),
            (anyhow!("no answer"), Exit::Unreachable),
        ];
        for (error, exit) in exits {
            assert_eq!(failed(error).exit(), exit);
        }
    }
}
