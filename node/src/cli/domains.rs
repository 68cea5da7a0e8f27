//! `quorate domains`: the scopes of the group, and a proposal for one more.

use super::failure::{Failure, Outcome};
use super::govern;
use super::print::{plain, short};
use super::reach::Reach;
use super::sending::SignedRequest;
use super::{document, listing};
use quorate_client::api::Domain;
use quorate_ledger::policy::DomainPolicy;
use quorate_ledger::{Act, GROUP_DOMAIN, Principal};
use std::path::PathBuf;

/// List the domains, or propose a new one
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Propose a new domain; it exists once enough organisations agree
    Create {
        #[command(flatten)]
        plan: Plan,
        #[command(flatten)]
        word: SignedRequest,
    },
}

/// A domain that does not exist yet.
#[derive(Debug, clap::Args)]
pub struct Plan {
    /// Its name
    name: String,
    /// Its policy, a JSON file as `quorate policy show` prints one; `-` reads standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["writers", "readers"])]
    policy: Option<PathBuf>,
    /// Principals that may change files: `*`, `org:NAME`, `key:HEX`
    #[arg(long, value_name = "WHO", value_delimiter = ',', default_value = "*")]
    writers: Vec<Principal>,
    /// Principals that may read; writers may as well
    #[arg(long, value_name = "WHO", value_delimiter = ',', default_value = "*")]
    readers: Vec<Principal>,
}

impl Plan {
    /// Act to propose.
    pub fn act(&self) -> Result<Act, Failure> {
        let policy = match &self.policy {
            Some(file) => document::read(file)?,
            None => DomainPolicy::new(self.writers.clone(), self.readers.clone()),
        };
        super::policy::tell_readers(&policy);
        Ok(Act::CreateDomain { name: self.name.clone(), policy })
    }
}

/// Runs the command.
pub async fn run(args: &Args) -> Outcome {
    match &args.command {
        None => list(&args.reach).await,
        Some(Command::Create { plan, word }) => govern::propose(word, GROUP_DOMAIN, plan.act()?).await,
    }
}

async fn list(reach: &Reach) -> Outcome {
    let headings = ["domain", "revision", "root"];
    listing::list(reach, &["domains"], &headings, "no domains", |table, domain: Domain| {
        table.row([plain(&domain.name), domain.revision.to_string(), short(domain.root)]);
    })
    .await
}
