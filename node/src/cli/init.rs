//! `quorate init`: a test group on this machine.

use super::failure::{Failure, Outcome};
use super::print;
use quorate_node::init::{Made, Plan, make};

/// Make genesis, keys, databases and configuration for a test group on this machine
#[derive(Debug, clap::Args)]
pub struct Init {
    #[command(flatten)]
    plan: Plan,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Makes the group and says what to do with it.
pub fn run(args: &Init) -> Outcome {
    let made = make(&args.plan).map_err(Failure::usage)?;
    if args.json {
        return Ok(print::json(&made)?);
    }
    Ok(tell(&made)?)
}

fn tell(made: &Made) -> std::io::Result<()> {
    print::say(format!("group {} ({})", made.name, made.group))?;
    for (dir, api) in made.replicas.iter().zip(&made.apis) {
        print::say(format!("  quorate start --dir {}   # {api}", dir.display()))?;
    }
    for (organisation, key) in &made.authors {
        print::say(format!("  author of {organisation}: --key {}", key.display()))?;
    }
    Ok(())
}
