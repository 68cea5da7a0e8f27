//! `quorate groups`: other groups with which this one has transactions, and proposals about them.

use super::advice;
use super::failure::{Failure, Outcome};
use super::govern;
use super::listing;
use super::other_group::known;
use super::print::{plain, short};
use super::reach::Reach;
use super::sending::SignedRequest;
use quorate_client::api::KnownGroupEntry;
use quorate_client::http::Client;
use quorate_ledger::{GROUP_DOMAIN, GroupsAct, KnownGroup, TransactionId, hexed, is_name};
use quorate_pbft::Digest;
use std::path::PathBuf;

/// List the other groups that are known for transactions, or propose to know or forget one, or to end what it left open
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List them by id
    List {
        #[command(flatten)]
        reach: Reach,
    },
    /// Propose that proofs of another group count, or those of a newer epoch of it alone
    Know {
        /// Genesis of the other group, whose hash its organisations have read out
        genesis: PathBuf,
        /// Epochs of the other group, as `quorate epochs export` wrote them there: the newest of them counts [default: the
        /// genesis's own]
        #[arg(long, value_name = "FILE")]
        epochs: Option<PathBuf>,
        /// Name for people [default: the genesis's]
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        #[command(flatten)]
        word: SignedRequest,
    },
    /// Propose that proofs of another group count no more
    Forget {
        /// Its name, or its id
        #[arg(value_name = "NAME|ID")]
        group: String,
        #[command(flatten)]
        word: SignedRequest,
    },
    /// Propose how a branch here ends whose home group is gone for ever: `quorate tx decide` carries it out
    Settle {
        /// The transaction
        #[arg(value_name = "ID")]
        transaction: TransactionId,
        /// Whether the branch takes effect
        end: End,
        #[command(flatten)]
        word: SignedRequest,
    },
}

/// End of a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum End {
    Commit,
    Abort,
}

/// Runs the command.
pub async fn run(command: &Command) -> Outcome {
    let (word, act) = match command {
        Command::List { reach } => return list(reach).await,
        Command::Know { genesis, epochs, name, word } => {
            let known = known(genesis, epochs.as_deref(), name.as_deref())?;
            is_another(&known, &word.reach.client()?).await?;
            (word, GroupsAct::Know(known))
        }
        Command::Forget { group, word } => (word, GroupsAct::Forget(named(&word.reach.client()?, group).await?)),
        Command::Settle { transaction, end, word } => {
            (word, GroupsAct::Settle { transaction: *transaction, commit: *end == End::Commit })
        }
    };
    govern::propose(word, GROUP_DOMAIN, act.act()).await
}

async fn list(reach: &Reach) -> Outcome {
    let headings = ["name", "group", "epoch", "members", "seen", "since"];
    listing::list(reach, &["groups"], &headings, "no other groups", |table, known: KnownGroupEntry| {
        let numbers = [known.epoch, known.members.into(), known.seen].map(|number| number.to_string());
        let [epoch, members, seen] = numbers;
        table.row([plain(&known.name), short(known.group), epoch, members, seen, known.since.to_string()]);
    })
    .await
}

/// Refuses a name that no group can be known by, and the group that is to know it.
async fn is_another(known: &KnownGroup, client: &Client) -> Outcome {
    if !is_name(&known.name) {
        let what = format!("{:?} is no name that a group can be known by here; nothing was signed", known.name);
        return Err(Failure::usage(what).next(format!("give --name NAME: {}", advice::OF_NAMES)));
    }
    if client.status().await?.group == known.group {
        let what = "this genesis is the group's own; nothing was signed";
        return Err(
            Failure::usage(what).next("give the genesis of the other group, or --node of the one that is to know it")
        );
    }
    Ok(())
}

/// The known group of a name, or of an id.
async fn named(client: &Client, group: &str) -> Result<Digest, Failure> {
    if let Ok(id) = hexed::parse(group) {
        return Ok(id);
    }
    let known = client.known_groups().await?;
    match known.iter().filter(|known| known.name == group).collect::<Vec<_>>()[..] {
        [known] => Ok(known.group),
        [] => Err(Failure::no(format!("no group {} is known", plain(group))).next("`quorate groups list` shows them")),
        _ => Err(Failure::usage(format!("several groups are called {}", plain(group))).next("name one by its id")),
    }
}
