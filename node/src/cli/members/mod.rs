//! `quorate members`: who votes, and proposals for another member list.

mod named;
mod plan;

use self::named::named;
use super::failure::{Failure, Outcome};
use super::group::because;
use super::listing::LIST_MAX;
use super::print::{self, Table, plain, short};
use super::reach::Reach;
use super::sending::SignedRequest;
use super::{document, govern, identities};
use quorate_client::api::{EvidenceEntry, Member, MemberProgram, Members, PendingEpoch, ProposalEntry};
use quorate_client::http::Client;
use quorate_client::joining::{JoinRequest, ReadyFile};
use quorate_ledger::policy::reputation::order_of_primaries;
use quorate_ledger::{Act, GROUP_DOMAIN, Joiner, Reconfiguration, Rekey};
use quorate_pbft::{PublicKey, ReplicaId};
use quorate_service::joiner::READY_FILE;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// List the voters, or propose another member list
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
    /// List the voters, and those of the next epoch
    List {
        #[command(flatten)]
        reach: Reach,
    },
    /// Propose new members
    Add {
        /// Request that `quorate join request` made; may stand several times
        #[arg(value_name = "FILE", required = true)]
        requests: Vec<PathBuf>,
        #[command(flatten)]
        how: How,
    },
    /// Say for a joiner that it follows the group: a proposal that enough agree with takes effect then
    Ready {
        /// The joiner's statement, as `quorate join` wrote it [default: joiner.ready in the current folder]
        file: Option<PathBuf>,
        /// The proposal that names the joiner, or the beginning of its id [default: the open one that does]
        #[arg(long, value_name = "ID")]
        proposal: Option<String>,
        #[command(flatten)]
        word: SignedRequest,
    },
    /// Propose that a member leaves
    Remove {
        /// Its organisation, number or key
        #[arg(value_name = "NAME")]
        member: String,
        /// Evidence against it, by the id or its beginning: the proposal says so
        #[arg(long, value_name = "ID")]
        evidence: Option<String>,
        #[command(flatten)]
        how: How,
    },
    /// Propose that a member goes on with a new key, as after a lost disk
    Rekey {
        /// Request that `quorate join request` made with the new key
        #[arg(value_name = "FILE")]
        request: PathBuf,
        /// The member, by organisation, number or key [default: the one of the organisation]
        #[arg(long, value_name = "NAME")]
        member: Option<String>,
        #[command(flatten)]
        how: How,
    },
    /// Propose the order in which members get their numbers, and so their turns as primary
    Order {
        /// All members, by organisation, number or key [default: as with --by-standing]
        #[arg(value_name = "NAME")]
        members: Vec<String>,
        /// All members by their figures, the best first, and by number where these are the same
        #[arg(long, conflicts_with = "members")]
        by_standing: bool,
        #[command(flatten)]
        how: How,
    },
    /// Propose that a member of your own organisation leaves
    Leave {
        /// The member, by number or key [default: the one of the organisation]
        #[arg(value_name = "NAME")]
        member: Option<String>,
        #[command(flatten)]
        how: How,
    },
}

/// Whether a change of the member list is proposed, or only looked at.
#[derive(Debug, clap::Args)]
pub struct How {
    /// Propose nothing: say what would change, who must be up, and what would be refused
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    pub word: SignedRequest,
}

/// Runs the command.
pub async fn run(args: &Args) -> Outcome {
    match &args.command {
        None => list(&args.reach).await,
        Some(Command::List { reach }) => list(reach).await,
        Some(Command::Add { requests, how }) => add(requests, how).await,
        Some(Command::Ready { file, proposal, word }) => {
            ready(&statement(file.as_deref())?, proposal.as_deref(), word).await
        }
        Some(Command::Remove { member, evidence, how }) => remove(member, evidence.as_deref(), how).await,
        Some(Command::Rekey { request, member, how }) => rekey(request, member.as_deref(), how).await,
        Some(Command::Order { members, how, .. }) if members.is_empty() => order_by_standing(how).await,
        Some(Command::Order { members, how, .. }) => order(members, how).await,
        Some(Command::Leave { member, how }) => leave(member.as_deref(), how).await,
    }
}

async fn list(reach: &Reach) -> Outcome {
    let client = reach.client()?;
    let raw: Value = client.get(&["members"], &[]).await?;
    if reach.json {
        return Ok(print::json(&raw)?);
    }
    let members: Members = client.read(&raw)?;
    let mut table = Table::new(&["replica", "organisation", "key", "standing", "figure", "because", "program", "peer"]);
    for member in &members.items {
        table.row([
            member.replica.to_string(),
            plain(&member.organisation),
            short(member.key),
            plain(&member.standing.state),
            member.standing.figure.to_string(),
            because(&member.standing),
            member.program.as_ref().map_or_else(|| "not heard".to_owned(), program),
            plain(&member.peer_id),
        ]);
    }
    table.print("no members")?;
    print::say(format_args!("epoch {}, rules {}", members.epoch, members.rules))?;
    members.pending.as_ref().map_or(Ok(()), tell_pending)
}

/// A member's program, for people.
fn program(program: &MemberProgram) -> String {
    format!("{}, {}", plain(&program.version), program.rules)
}

fn tell_pending(next: &PendingEpoch) -> Outcome {
    print::say(format_args!("epoch {} begins after slot {}, by rules {}, with", next.epoch, next.after, next.rules))?;
    let line = |member: &quorate_client::api::EpochMember| {
        print::say(format_args!("  {} {} {}", member.replica, plain(&member.organisation), short(member.key)))
    };
    Ok(next.members.iter().try_for_each(line)?)
}

impl How {
    /// Proposes a change of the member list or of the rules, or shows its plan.
    pub async fn change(&self, change: Reconfiguration, message: &str) -> Outcome {
        if self.dry_run {
            return plan::show(&self.word.reach, change).await;
        }
        govern::propose_saying(&self.word, GROUP_DOMAIN, Act::Reconfigure { change }, message).await
    }

    async fn members(&self) -> Result<Vec<Member>, Failure> {
        Ok(self.word.reach.client()?.list(&["members"], &[], LIST_MAX).await?)
    }
}

async fn add(requests: &[PathBuf], how: &How) -> Outcome {
    let add = requests.iter().map(|file| requested(file)).collect::<Result<_, _>>()?;
    how.change(Reconfiguration { add, ..Reconfiguration::default() }, &how.word.message).await?;
    if !how.dry_run && !how.word.reach.json {
        let next = "next: `quorate join` on the new machine, then `quorate members ready` with the file that it writes";
        print::say(next)?;
    }
    Ok(())
}

/// The joiner of a request.
fn requested(file: &Path) -> Result<Joiner, Failure> {
    let request: JoinRequest = document::read(file)?;
    request.joiner().map_err(|why| Failure::usage(format!("{}: {why}", file.display())))
}

/// File of a joiner's statement: the named one, else that of the current folder.
fn statement(named: Option<&Path>) -> Result<PathBuf, Failure> {
    let file = named.unwrap_or(Path::new(READY_FILE));
    if named.is_none() && !file.exists() {
        let next = "give FILE: `quorate join` writes it in the joiner's folder once the joiner follows the group";
        return Err(Failure::usage(format!("there is no {READY_FILE} in this folder")).next(next));
    }
    Ok(file.to_owned())
}

async fn ready(file: &Path, proposal: Option<&str>, word: &SignedRequest) -> Outcome {
    let read: ReadyFile = document::read(file)?;
    let ready = read.check().map_err(|why| Failure::usage(format!("{}: {why}", file.display())))?;
    let client = word.reach.client()?;
    let group = client.status().await?.group;
    if ready.group != group {
        let what = format!("{} is of group {}, this node is of {group}", file.display(), ready.group);
        return Err(Failure::usage(what));
    }
    let proposal = match proposal {
        Some(beginning) => beginning.to_owned(),
        None => naming(&client, &ready.key).await?,
    };
    govern::ready(word, &proposal, ready.key, ready.statement).await
}

/// The one open proposal that names a joiner.
async fn naming(client: &Client, key: &PublicKey) -> Result<String, Failure> {
    let names = |proposal: &&ProposalEntry| joiners(proposal).any(|joiner| joiner.key == *key);
    let open = open_proposals(client).await?;
    match open.iter().filter(names).collect::<Vec<_>>()[..] {
        [proposal] => Ok(proposal.id.to_string()),
        [] => {
            let failure = Failure::no(format!("no open proposal names {key}"));
            Err(failure.next("`quorate members add FILE` makes one"))
        }
        ref many => Err(Failure::usage(format!("{} open proposals name {key}: give --proposal", many.len()))),
    }
}

/// Open proposals of the group.
async fn open_proposals(client: &Client) -> Result<Vec<ProposalEntry>, Failure> {
    Ok(client.list(&["proposals"], &[("domain", GROUP_DOMAIN), ("state", "open")], LIST_MAX).await?)
}

/// Joiners that a proposal names.
fn joiners(proposal: &ProposalEntry) -> impl Iterator<Item = &Joiner> {
    let change = match &proposal.proposal {
        Act::Reconfigure { change } => Some(change),
        _ => None,
    };
    change.into_iter().flat_map(Reconfiguration::joiners)
}

async fn remove(member: &str, evidence: Option<&str>, how: &How) -> Outcome {
    let members = how.members().await?;
    let member = named(&members, member)?;
    let message = match evidence {
        Some(id) => {
            let id = against(&how.word.reach.client()?, id, &member.key).await?;
            let said = Some(&how.word.message).filter(|said| !said.is_empty());
            said.map_or_else(|| format!("evidence {id}"), |said| format!("{said}\n\nevidence {id}"))
        }
        None => how.word.message.clone(),
    };
    how.change(Reconfiguration { remove: vec![member.key], ..Reconfiguration::default() }, &message).await
}

/// The id of evidence against a member.
async fn against(client: &Client, beginning: &str, key: &PublicKey) -> Result<String, Failure> {
    let known: Vec<EvidenceEntry> = client.list(&["evidence"], &[], LIST_MAX).await?;
    let found = known.iter().find(|evidence| evidence.key == *key && evidence.id.to_string().starts_with(beginning));
    let none = || Failure::no(format!("no evidence {beginning} against {key} is recorded"));
    found.map(|evidence| evidence.id.to_string()).ok_or_else(|| none().next("`quorate evidence list` shows it"))
}

async fn rekey(request: &Path, member: Option<&str>, how: &How) -> Outcome {
    let (new, members) = (requested(request)?, how.members().await?);
    let old = named(&members, member.unwrap_or(&new.organisation))?.key;
    let change = Reconfiguration { rekey: vec![Rekey { old, new }], ..Reconfiguration::default() };
    how.change(change, &how.word.message).await
}

async fn order(names: &[String], how: &How) -> Outcome {
    let members = how.members().await?;
    let order = names.iter().map(|name| Ok(named(&members, name)?.key)).collect::<Result<_, Failure>>()?;
    how.change(Reconfiguration { order, ..Reconfiguration::default() }, &how.word.message).await
}

/// Proposes the order that the figures make, as the node has them now.
async fn order_by_standing(how: &How) -> Outcome {
    let members = how.members().await?;
    let figures: Vec<_> =
        members.iter().map(|member| (ReplicaId::new(member.replica), member.standing.figure)).collect();
    let place = |replica: ReplicaId| members.iter().find(|member| member.replica == replica.get());
    let order = order_of_primaries(&figures).into_iter().filter_map(place).map(|member| member.key).collect();
    how.change(Reconfiguration { order, ..Reconfiguration::default() }, &how.word.message).await
}

async fn leave(member: Option<&str>, how: &How) -> Outcome {
    let own = identities::own_organisation(&how.word).await?;
    let members = how.members().await?;
    let member = named(&members, member.unwrap_or(&own))?;
    if member.organisation != own {
        let failure =
            Failure::usage(format!("{} is a member of {}, not of {own}", member.replica, plain(&member.organisation)));
        return Err(failure.next("`quorate members remove` proposes that another organisation's member leaves"));
    }
    let change = Reconfiguration { remove: vec![member.key], ..Reconfiguration::default() };
    how.change(change, &how.word.message).await?;
    if !how.dry_run && !how.word.reach.json {
        let last = "keep the replica running until the next epoch's first checkpoint is stable, then destroy its key: whoever \
                    holds enough old keys can sign a second history";
        print::say(last)?;
    }
    Ok(())
}
