//! `quorate demo`: a git history on a group of its own.

use super::failure::{Exit, Failure, Outcome};
use super::print;
use crate::demo::{self, DemoError};

/// Plays it and prints what came out.
pub fn run(args: &demo::Args) -> Outcome {
    let summary = demo::run(args).map_err(|error| failed(&error))?;
    match args.json {
        true => print::json(&summary)?,
        false => print::say(&summary)?,
    }
    if summary.is_good() { Ok(()) } else { Err(Failure::no("not everything came out as it must; see above")) }
}

fn failed(error: &DemoError) -> Failure {
    match error.exit_code() {
        2 => Failure::met(error),
        3 => Failure::new(Exit::Unreachable, error),
        _ => Failure::no(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_under_a_demo_is_no_wrong_usage() {
        for (number, exit) in [(28, Exit::Disk), (13, Exit::Usage)] {
            let error = std::io::Error::from_raw_os_error(number);
            assert_eq!(failed(&DemoError::System(error)).exit(), exit);
        }
    }
}
