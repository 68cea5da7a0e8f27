//! `quorate observers`: nodes without a vote that the group has enrolled, and proposals to enrol and revoke them.

use super::failure::{Failure, Outcome};
use super::listing::{self, LIST_MAX};
use super::print::{self, plain};
use super::reach::Reach;
use super::sending::SignedRequest;
use super::{govern, identities};
use quorate_client::api::{EnrolledObserver, Members};
use quorate_ledger::{GROUP_DOMAIN, OBSERVERS_SINCE, Observer, ObserverAct};
use quorate_pbft::PublicKey;
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;

/// List the enrolled observers, or propose to enrol or revoke one
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List them by key
    List {
        #[command(flatten)]
        reach: Reach,
    },
    /// Propose to enrol an observer, or to change its enrolment: members serve its key before strangers
    Enrol {
        /// The observer's key, in hex or as a key file
        #[arg(value_name = "FILE")]
        who: String,
        /// Organisation that runs it
        #[arg(long)]
        org: String,
        /// Domain that it follows; may stand several times [default: all]
        #[arg(long = "follows", value_name = "DOMAIN")]
        domains: Vec<String>,
        /// Days of ledger time for which it is enrolled
        #[arg(long, default_value_t = 365)]
        days: u64,
        #[command(flatten)]
        how: How,
    },
    /// Propose to revoke an enrolment: members that serve the observer stop
    Revoke {
        /// The observer's key, in hex or as a key file
        #[arg(value_name = "KEY")]
        who: String,
        #[command(flatten)]
        how: How,
    },
}

/// Whether an act is proposed, or only looked at.
#[derive(Debug, clap::Args)]
pub struct How {
    /// Propose nothing: say what would be enrolled or revoked, and what stands in its way
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    word: SignedRequest,
}

/// Runs the command.
pub async fn run(command: &Command) -> Outcome {
    match command {
        Command::List { reach } => list(reach).await,
        Command::Enrol { who, org, domains, days, how } => {
            let (key, mut domains) = (identities::key_of(who)?, domains.clone());
            domains.sort();
            domains.dedup();
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
            let until = now.saturating_add(days.saturating_mul(DAY_MS));
            how.act(&ObserverAct::Enrol(Observer { key, organisation: org.clone(), domains, until })).await
        }
        Command::Revoke { who, how } => how.act(&ObserverAct::Revoke(identities::key_of(who)?)).await,
    }
}

async fn list(reach: &Reach) -> Outcome {
    let headings = ["key", "organisation", "domains", "until", "over"];
    listing::list(reach, &["observers"], &headings, "no observers", |table, observer: EnrolledObserver| {
        let over = if observer.is_over { "yes" } else { "no" };
        let organisation = plain(&observer.organisation);
        table.row([
            observer.key.to_string(),
            organisation,
            followed(&observer.domains),
            observer.until.to_string(),
            over.into(),
        ]);
    })
    .await
}

fn followed(domains: &[String]) -> String {
    if domains.is_empty() {
        "all".to_owned()
    } else {
        domains.iter().map(|name| plain(name)).collect::<Vec<_>>().join(", ")
    }
}

impl How {
    async fn act(&self, act: &ObserverAct) -> Outcome {
        if self.dry_run { self.plan(act).await } else { govern::propose(&self.word, GROUP_DOMAIN, act.act()).await }
    }

    /// Shows what an act would do, by the state of the node that is asked; exit 1 where it could not take effect.
    async fn plan(&self, act: &ObserverAct) -> Outcome {
        let client = self.word.reach.client()?;
        let members: Members = client.get(&["members"], &[]).await?;
        let known: Vec<EnrolledObserver> = client.list(&["observers"], &[], LIST_MAX).await?;
        let of = |key: &PublicKey| known.iter().find(|observer| observer.key == *key);
        let (line, refused) = match act {
            ObserverAct::Enrol(observer) => {
                let what = if of(&observer.key).is_some() { "changes the enrolment of" } else { "enrols" };
                let (key, org, domains) = (observer.key, plain(&observer.organisation), followed(&observer.domains));
                let taken = of(&observer.key).filter(|known| known.organisation != observer.organisation);
                let taken = taken.map(|known| format!("{key} is an observer of {}", plain(&known.organisation)));
                (format!("{what} {key} of {org}, domains {domains}, until {}", observer.until), taken)
            }
            ObserverAct::Revoke(key) => {
                let unknown = of(key).is_none().then(|| format!("{key} is no enrolled observer"));
                (format!("revokes {key}"), unknown)
            }
        };
        let early = members.rules < OBSERVERS_SINCE;
        let early = early
            .then(|| format!("the group executes by rules {}, and {OBSERVERS_SINCE} enrol observers", members.rules));
        let refused = early.or(refused);
        if self.word.reach.json {
            print::json(&serde_json::json!({ "does": line, "refused": refused }))?;
            return if refused.is_none() { Ok(()) } else { Err(Failure::silent()) };
        }
        print::say(&line)?;
        match refused {
            None => Ok(print::say("nothing stands in its way: without --dry-run it is proposed")?),
            Some(why) => {
                Err(Failure::no(why)
                    .next("`quorate observers list` shows who is enrolled, `quorate members` the rules"))
            }
        }
    }
}
