//! `merge [--same-line] [--newest-version] [--proposal] [--rules-21|…|--rules-25] BASE OURS THEIRS PATH`: the merge on standard
//! output; exit 0 clean, 1 conflict (with markers, or OURS where nothing can be shown line by line), 129 on error. With `--proposal` a conflict's proposal counts as clean, so
//! that a score tells how good proposals are; with `--rules-21` the merge is that of a group that has these older rules.

use std::io::Write;
use std::process::ExitCode;

use quorate_semantic::{Input, Labels, Options, Outcome, Rules, markers, merge, report};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(clean) => ExitCode::from(u8::from(!clean)),
        Err(error) => {
            eprintln!("merge: {error}");
            ExitCode::from(129)
        }
    }
}

fn run(args: &[String]) -> std::io::Result<bool> {
    let flags = args.iter().take_while(|a| a.starts_with("--")).count();
    let has = |flag: &str| args[..flags].iter().any(|a| a == flag);
    let older = [
        ("--rules-21", Rules::V21),
        ("--rules-22", Rules::V22),
        ("--rules-23", Rules::V23),
        ("--rules-24", Rules::V24),
        ("--rules-25", Rules::V25),
    ];
    let rules = older.into_iter().find(|(flag, _)| has(flag)).map_or(Rules::NEWEST, |(_, rules)| rules);
    let (same_line, newest_version) = (has("--same-line"), has("--newest-version"));
    let options = Options { rules, same_line, newest_version, ..Options::default() };
    let [base, ours, theirs, path] = &args[flags..] else {
        return Err(std::io::Error::other(
            "usage: merge [--same-line] [--newest-version] [--proposal] [--rules-21|…|--rules-25] BASE OURS THEIRS PATH",
        ));
    };
    let (base, ours, theirs) = (std::fs::read(base)?, std::fs::read(ours)?, std::fs::read(theirs)?);
    let input = Input { base: Some(&base), ours: &ours, theirs: &theirs, path, options: &options };
    match merge(&input) {
        Outcome::Clean { bytes, rung } => {
            std::io::stdout().write_all(&bytes)?;
            eprintln!("{}", rung.name());
            Ok(true)
        }
        Outcome::Conflict(conflict) if has("--proposal") && conflict.proposal.is_some() => {
            std::io::stdout().write_all(&conflict.proposal.unwrap_or_default())?;
            Ok(true)
        }
        Outcome::Conflict(conflict) => {
            // Without lines to show the file stays as ours: an empty one would lose it.
            std::io::stdout().write_all(&markers(&conflict, &Labels::default()).unwrap_or(ours))?;
            eprint!("{}", report(&conflict, path));
            Ok(false)
        }
    }
}
