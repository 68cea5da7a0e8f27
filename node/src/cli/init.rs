//! `quorate init`: a test group on this machine.

use super::failure::{Failure, Outcome};
use super::print;
use quorate_service::init::{Made, Plan, make};
use std::path::PathBuf;

/// Make genesis, keys, databases and configuration for a test group on this machine
#[derive(Debug, clap::Args)]
pub struct Init {
    /// Folder for the group; may exist as long as it holds no genesis.json
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Replicas of the group
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    replicas: u16,
    /// Names of the organisations; replica i belongs to number i modulo how many there are [default: one for each
    /// replica, org-0 and so on]
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    orgs: Vec<String>,
    /// Replica i listens for the others on this port + i
    #[arg(long, default_value_t = 7700, value_name = "P")]
    base_port: u16,
    /// Replica i serves its API on this port + i
    #[arg(long, default_value_t = 8700, value_name = "P")]
    api_port: u16,
    /// Name of the group for people
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

impl Init {
    fn plan(&self) -> Plan {
        Plan {
            out: self.out.clone(),
            replicas: self.replicas,
            orgs: self.orgs.clone(),
            base_port: self.base_port,
            api_port: self.api_port,
            name: self.name.clone(),
            domains: Vec::new(),
        }
    }
}

/// Makes the group and says what to do with it.
pub fn run(args: &Init) -> Outcome {
    let made = make(&args.plan()).map_err(Failure::usage)?;
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
