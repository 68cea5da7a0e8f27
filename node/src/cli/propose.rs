//! `quorate propose`: what several organisations decide together.

use super::domains::Plan;
use super::failure::Outcome;
use super::govern;
use super::identities::{self, Newcomer};
use super::policy;
use super::reach::Scope;
use super::sending::SignedRequest;
use quorate_ledger::{Act, Enrolment, GROUP_DOMAIN};
use std::path::PathBuf;

/// Propose what needs the approval of several organisations
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// A new policy for a domain, decided as its present policy says
    Policy {
        /// The whole policy, a JSON file; `-` reads standard input
        file: PathBuf,
        #[command(flatten)]
        scope: Scope,
        #[command(flatten)]
        word: SignedRequest,
    },
    /// A new policy of the whole group
    GroupPolicy {
        /// The whole policy, a JSON file; `-` reads standard input
        file: PathBuf,
        #[command(flatten)]
        word: SignedRequest,
    },
    /// A new policy for a domain in which too few have a voice to change it: the whole group decides
    Rescue {
        /// The whole policy, a JSON file; `-` reads standard input
        file: PathBuf,
        #[command(flatten)]
        scope: Scope,
        #[command(flatten)]
        word: SignedRequest,
    },
    /// A new domain
    Domain {
        #[command(flatten)]
        plan: Plan,
        #[command(flatten)]
        word: SignedRequest,
    },
    /// A new organisation
    Organisation {
        /// Its name
        name: String,
        #[command(flatten)]
        word: SignedRequest,
    },
    /// An author of any organisation, such as the first of a new one
    Enrol {
        #[command(flatten)]
        newcomer: Newcomer,
        #[command(flatten)]
        word: SignedRequest,
    },
    /// The loss of a key, for an author of any organisation
    Revoke {
        /// The author's key, in hex or as a key file
        #[arg(value_name = "AUTHOR")]
        who: String,
        #[command(flatten)]
        word: SignedRequest,
    },
}

/// Runs the command.
pub async fn run(command: &Command) -> Outcome {
    let (word, act) = match command {
        Command::Policy { file, scope, word } => return policy::set(file, scope, word).await,
        Command::Rescue { file, scope, word } => return policy::rescue(file, scope, word).await,
        Command::GroupPolicy { file, word } => return policy::set_group(file, word).await,
        Command::Domain { plan, word } => (word, plan.act()?),
        Command::Organisation { name, word } => (word, Act::AddOrganisation { name: name.clone() }),
        Command::Enrol { newcomer, word } => {
            let Enrolment { key, organisation, proof } = newcomer.enrolment(word).await?;
            (word, Act::Enrol { key, organisation, proof })
        }
        Command::Revoke { who, word } => (word, Act::Revoke { key: identities::key_of(who)? }),
    };
    govern::propose(word, GROUP_DOMAIN, act).await
}
