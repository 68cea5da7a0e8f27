//! `quorate policy check`: a policy read as the ledger would read it, offline.

use super::document;
use super::failure::{Failure, Outcome};
use super::policy_parts::{self, Unread};
use super::print::{self, plain};
use quorate_ledger::Principal;
use quorate_ledger::policy::{BadPolicy, DomainPolicy, Fault, GroupPolicy, Tally};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::PathBuf;

/// Arguments of `quorate policy check`.
#[derive(Debug, clap::Args)]
pub struct Check {
    /// The whole policy, a JSON file; `-` reads standard input
    file: PathBuf,
    /// The group's own policy instead of a domain's
    #[arg(long)]
    group: bool,
    /// Organisations of the group: no more of them can approve
    #[arg(long, value_name = "NUMBER")]
    organisations: Option<u32>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Fault as it is printed.
#[derive(Debug, Serialize)]
struct Finding {
    place: String,
    fault: String,
    advice: &'static str,
}

/// Output with `--json`.
#[derive(Debug, Serialize)]
struct Findings {
    ok: bool,
    faults: Vec<Finding>,
}

/// Runs the command.
pub fn run(args: &Check) -> Outcome {
    let faults = findings(args)?;
    let ok = faults.is_empty();
    if args.json {
        print::json(&Findings { ok, faults })?;
    } else if ok {
        print::say("the policy can be proposed")?;
    } else {
        for Finding { place, fault, advice } in &faults {
            print::say(format_args!("{place}: {}", plain(fault)))?;
            print::say(format_args!("  {advice}"))?;
        }
    }
    if ok { Ok(()) } else { Err(Failure::silent()) }
}

fn findings(args: &Check) -> Result<Vec<Finding>, Failure> {
    let document = document::bytes(&args.file)?;
    let everyone = || vec![Principal::Everyone];
    let among = |organisations: u32| match args.group {
        true => found(&document, &GroupPolicy::default(), |policy| policy.faults(organisations).collect()),
        false => {
            found(&document, &DomainPolicy::new(everyone(), everyone()), |policy| of_domain(policy, organisations))
        }
    };
    let faults = among(args.organisations.unwrap_or(u32::MAX));
    if args.organisations.is_none() && among(1).len() > faults.len() {
        tell!("quorate: the policy asks for approvals or votes, which were held against no number of organisations");
        tell!("  next: give --organisations NUMBER, those of the group");
    }
    Ok(faults)
}

/// Faults of a document: of its parts that do not parse, and of the rest, in which a sound policy's stand for them.
fn found<P: Serialize + DeserializeOwned>(
    document: &[u8],
    sound: &P,
    faults: impl Fn(&P) -> Vec<Fault>,
) -> Vec<Finding> {
    let of = |policy: &P| faults(policy).into_iter().map(Finding::of).collect::<Vec<_>>();
    let error = match serde_json::from_slice(document) {
        Ok(policy) => return of(&policy),
        Err(error) => error,
    };
    match policy_parts::read(document, sound) {
        Some((rest, unread)) if !unread.is_empty() => {
            unread.into_iter().map(Finding::unread).chain(of(&rest)).collect()
        }
        _ => vec![Finding::unreadable(&error)],
    }
}

fn of_domain(policy: &DomainPolicy, organisations: u32) -> Vec<Fault> {
    let faults: Vec<_> = policy.faults(organisations).collect();
    let dear = [policy.schemas_cost(Tally::AsCompiled).err(), policy.check_patterns(None).err()];
    let dear = dear.into_iter().flatten().map(|why| Fault { place: "paths".into(), why });
    let dear: Vec<_> = dear.filter(|dear| !faults.contains(dear)).collect();
    faults.into_iter().chain(dear).collect()
}

impl Finding {
    fn of(Fault { place, why }: Fault) -> Self {
        Self { place, fault: why.to_string(), advice: advice(&why) }
    }

    fn unreadable(error: &serde_json::Error) -> Self {
        Self::unread((format!("line {}, column {}", error.line(), error.column()), error.to_string()))
    }

    fn unread((place, fault): Unread) -> Self {
        Self { place, fault, advice: "correct the word there; `quorate policy show` prints an example" }
    }
}

fn advice(why: &BadPolicy) -> &'static str {
    match why {
        BadPolicy::TooLong(_) => {
            "make it shorter: 1024 principals, 256 rules, 32 strategies, 256 named validators, \
                                  64 forbidden texts of 1 to 256 bytes, 64 KiB of patterns, 1 MiB of schemas with 256 regular expressions"
        }
        BadPolicy::Pattern(_) => "write components with `*` and `?` between slashes; `**` stands alone: docs/**/*.md",
        BadPolicy::Approvals(_) => {
            "ask for at least one organisation, and for no more than the group has; a rule can \
                                    ask only for others than the author's"
        }
        BadPolicy::Arbiter(_) => "name the arbiter among the writers, and among the owners of the rule if it has any",
        BadPolicy::Schema { .. } => "give the rule format json, toml or yaml, and correct the schema",
        BadPolicy::Rate => "give at least 1, or leave the bound out; per_ms goes from 1 to 86400000",
    }
}
