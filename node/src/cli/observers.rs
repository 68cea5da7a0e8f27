//! `quorate observers`: nodes without a vote that the group has enrolled, and proposals to enrol and revoke them.

use super::clock::date;
use super::failure::{Failure, Outcome};
use super::listing::{self, LIST_MAX};
use super::print::{self, plain};
use super::reach::Reach;
use super::sending::SignedRequest;
use super::{document, govern, identities, observe};
use quorate_client::api::{EnrolledObserver, Members, Status};
use quorate_client::joining::ObserveRequest;
use quorate_client::keys::{Key, KeyError};
use quorate_ledger::{GROUP_DOMAIN, OBSERVERS_SINCE, Observer, ObserverAct, hexed};
use quorate_pbft::{Digest, PublicKey, Signature};
use quorate_service::observer::{OBSERVER_KEY_FILE, furnish};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;

/// Days of ledger time for which an observer is enrolled where nobody says how many.
const DAYS: u64 = 365;

/// List the enrolled observers, or propose to enrol or revoke one
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List them by key
    List {
        #[command(flatten)]
        reach: Reach,
    },
    /// Write the request with which an author of the observer's organisation proposes it: on the observer's machine, signed
    /// by its key. Nothing in it is secret
    Request(Request),
    /// Propose to enrol an observer, or to change its enrolment: members serve its key before strangers
    Enrol {
        /// The observer's request, as `quorate observers request` wrote it, or its key file
        #[arg(value_name = "FILE")]
        who: PathBuf,
        #[command(flatten)]
        terms: Terms,
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

/// Terms of an enrolment; a request has them in it.
#[derive(Debug, clap::Args)]
pub struct Terms {
    /// Organisation that runs it [default where a key file is enrolled: the organisation of the signer]
    #[arg(long)]
    org: Option<String>,
    /// Domain that it follows; may stand several times [default: all]
    #[arg(long = "follows", value_name = "DOMAIN")]
    domains: Vec<String>,
    /// Days of ledger time for which it is enrolled [default: 365]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    days: Option<u64>,
}

/// Arguments of `quorate observers request`.
#[derive(Debug, clap::Args)]
pub struct Request {
    /// The observer's folder, as of `quorate observe`; made where there is none, with a new key
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Genesis of the group [default: that of the folder]
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
    #[command(flatten)]
    terms: Terms,
    /// The request to make; a file that is there is never overwritten
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
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
        Command::Request(args) => request(args),
        Command::Enrol { who, terms, how } => {
            let status: Status = how.word.reach.client()?.get(&["status"], &[]).await?;
            how.act(&ObserverAct::Enrol(enrolment(who, terms, status.group, &how.word).await?)).await
        }
        Command::Revoke { who, how } => {
            let key =
                identities::key_of(who).map_err(|failure| failure.next("`quorate observers list` shows the keys"))?;
            how.act(&ObserverAct::Revoke(key)).await
        }
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
            date(observer.until),
            over.into(),
        ]);
    })
    .await
}

fn request(args: &Request) -> Outcome {
    let Request { dir, genesis, terms, out, json } = args;
    let genesis = observe::given_genesis(dir, genesis.as_deref())?;
    furnish(dir, &genesis, false).map_err(Failure::met)?;
    let missing = || Failure::usage("give --org NAME: the organisation that runs the observer");
    let organisation = terms.org.clone().ok_or_else(missing)?;
    let observer = terms.signed_by(&Key::open(&dir.join(OBSERVER_KEY_FILE))?, organisation, genesis.group())?;
    let (key, file) = (observer.key, out.display());
    document::write_new(out, &ObserveRequest::new(genesis.group(), observer))?;
    if *json {
        return Ok(print::json(&json!({ "file": file.to_string(), "key": key.to_string() }))?);
    }
    Ok(print::say(format!("{file}: an author of its organisation proposes it: quorate observers enrol {file}"))?)
}

/// The enrolment that a file asks for: signed by the observer, or now with its key.
async fn enrolment(file: &Path, terms: &Terms, group: Digest, word: &SignedRequest) -> Result<Observer, Failure> {
    if let Some(key) = file.to_str().and_then(|text| hexed::parse::<PublicKey>(text).ok()) {
        let next = "`quorate observers request` on the observer's machine writes the file to give here";
        return Err(Failure::usage(format!("{key}: a public key does not show that somebody holds it")).next(next));
    }
    let request: ObserveRequest = match Key::open(file) {
        Ok(key) => {
            let organisation = match &terms.org {
                Some(named) => named.clone(),
                None => identities::own_organisation(word).await?,
            };
            return terms.signed_by(&key, organisation, group);
        }
        Err(KeyError::NotAKey(_)) => document::read(file)?,
        Err(other) => return Err(other.into()),
    };
    let name = file.display();
    if terms.org.is_some() || !terms.domains.is_empty() || terms.days.is_some() {
        let next = "the observer signs other terms with another `quorate observers request`";
        return Err(
            Failure::usage(format!("{name} has its terms in it: leave --org, --follows and --days out")).next(next)
        );
    }
    if request.group != group {
        return Err(Failure::no(format!("{name} asks group {}, and the node is of group {group}", request.group)));
    }
    request.observer().map_err(|why| Failure::no(format!("{name}: {why}")))
}

impl Terms {
    /// The enrolment on these terms, signed by the observer's key.
    fn signed_by(&self, key: &Key, organisation: String, group: Digest) -> Result<Observer, Failure> {
        let mut domains = self.domains.clone();
        domains.sort();
        domains.dedup();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        let until = now.saturating_add(self.days.unwrap_or(DAYS).saturating_mul(DAY_MS));
        let unsigned = Observer { key: key.public_key(), organisation, domains, until, proof: Signature([0; 64]) };
        let proof = key.sign(&unsigned.signed_bytes(&group))?;
        Ok(Observer { proof, ..unsigned })
    }
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
                (format!("{what} {key} of {org}, domains {domains}, until {}", date(observer.until)), taken)
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
            print::json(&json!({ "does": line, "refused": refused }))?;
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
