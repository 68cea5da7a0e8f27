//! Arguments of the demo.

use super::DemoError;
use crate::lines::Branches;
use std::path::PathBuf;

/// Fewest replicas that bear one liar: f = ⌊(n − 1)/3⌋.
const REPLICAS_FOR_A_LIAR: u16 = 4;

/// Replay a git history on a group of replicas on this machine, one of which lies
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The git repository to replay [default: the one around this folder, else a small one that is made]
    #[arg(long, value_name = "PATH")]
    pub repo: Option<PathBuf>,
    /// Newest commits of the first-parent line to replay
    #[arg(long, default_value_t = 2000, value_name = "N")]
    pub commits: usize,
    /// `all`: each local branch into a domain of its own
    #[arg(long, value_enum, value_name = "WHICH")]
    pub branches: Option<Branches>,
    /// Replicas of the group
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub replicas: u16,
    /// Behaviour of one of them [default: equivocate; none in a group of fewer than four, which bears no liar]
    #[arg(long, value_enum, value_name = "LIE")]
    pub byzantine: Option<Byzantine>,
    /// Empty folder for the group, which stays [default: a temporary one, which stays too]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Print one JSON document instead of words
    #[arg(long)]
    pub json: bool,
}

/// Behaviour of one replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Byzantine {
    /// Says two different things.
    Equivocate,
    /// Says nothing.
    Silent,
    /// No replica lies.
    None,
}

impl Args {
    /// Behaviour of one replica in a group of this size: fewer than four bear no liar.
    pub fn byzantine(&self) -> Result<Byzantine, DemoError> {
        let bears = self.replicas >= REPLICAS_FOR_A_LIAR;
        match self.byzantine {
            None if !bears => Ok(Byzantine::None),
            Some(Byzantine::Equivocate | Byzantine::Silent) if !bears => Err(DemoError::TooFew(self.replicas)),
            asked => Ok(asked.unwrap_or(Byzantine::Equivocate)),
        }
    }
}
