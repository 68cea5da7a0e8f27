//! `quorate tx`: several changes, of one domain or of several, or of several groups, that take effect together or not at all.
//!
//! Begin, add, show and abort happen on this machine, but for a look at a group that may have promised what is open; only commit signs
//! and sends. Changes added for one domain become a composition, for several a transaction.

mod across;
mod open;
mod record;

use super::change::{self, checked, checked_new, given, resend, tell_earlier, tell_unnoted};
use super::failure::{Exit, Failure, Outcome};
use super::print::{self, Table, plain};
use super::reach::{Pair, Reach, Scope, Signing, parse_pair};
use super::sending::SignedRequest;
use crate::counted::counted;
use open::{Folder, Open, Part, What, command};
use quorate_client::api::{TransactionEntry, TransactionState};
use quorate_client::author::{self, Author, SubmitError};
use quorate_client::calls::Posted;
use quorate_client::content;
use quorate_client::http::{Client, ClientError};
use quorate_ledger::{Code, EnvelopeId, Level, Mode, Revision, State, TransactionId};
use serde_json::json;
use std::path::PathBuf;

/// Change several files, of one domain or of several, together or not at all
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Open a transaction, based on the newest revision
    Begin(Begin),
    /// Add a change: a file to write, or with --rm, --to or --fence something else
    Add(Add),
    /// Sign what was added and send it
    Commit(Commit),
    /// Throw away what was added
    Abort(Local),
    /// Show what was added, or how a transaction over several groups stands
    Show(Show),
    /// List the group's branches of transactions over several groups that are not decided
    List {
        #[command(flatten)]
        reach: Reach,
    },
    Decide(record::Decide),
}

/// Runs the command.
pub async fn run(command: &Command) -> Outcome {
    match command {
        Command::Begin(args) => begin(args).await,
        Command::Add(args) => add(args).await,
        Command::Commit(args) => commit(args).await,
        Command::Abort(args) => abort(args).await,
        Command::Show(args) => show(args).await,
        Command::List { reach } => record::list(reach).await,
        Command::Decide(args) => record::decide(args).await,
    }
}

#[derive(Debug, clap::Args)]
pub struct Begin {
    /// Base of the changes [default: the newest revision]
    #[arg(long, value_name = "REV")]
    base: Option<Revision>,
    /// Refuse it when a file of any of its domains has changed since that revision, not only where changes clash
    #[arg(long)]
    anchored: bool,
    /// Purpose of the changes, for people
    #[arg(long, short, default_value = "", value_name = "TEXT")]
    message: String,
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    local: Local,
}

#[derive(Debug, clap::Args)]
pub struct Add {
    /// Path in the domain; not for --fence
    #[arg(required_unless_present = "fence", conflicts_with = "fence")]
    path: Option<String>,
    /// Content to write; `-` or nothing reads standard input
    file: Option<PathBuf>,
    /// Kind of file [default: as FILE is]
    #[arg(long, value_parser = change::parse_mode, value_name = "file|exec|link")]
    mode: Option<Mode>,
    /// Remove the file
    #[arg(long, conflicts_with_all = ["file", "mode", "to", "fence"])]
    rm: bool,
    /// Rename the file to this
    #[arg(long, value_name = "PATH", conflicts_with_all = ["file", "mode", "fence"])]
    to: Option<String>,
    /// Only while this key holds the lock with this token
    #[arg(long, value_name = "TOKEN")]
    fence: Option<u64>,
    /// Part that this one depends on, by its number; may be given several times [default: the first]
    #[arg(long, value_name = "NUMBER")]
    after: Vec<usize>,
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    local: Local,
}

#[derive(Debug, clap::Args)]
pub struct Commit {
    /// Another group that takes part: the key whose open transaction is its branch, and a node of it; may be given several times
    #[arg(long, value_parser = parse_pair, value_name = "KEY=URL")]
    with: Vec<Pair>,
    /// Seconds of the group's ledger time within which a transaction with others can commit
    #[arg(long, default_value_t = 600.0, value_name = "SECONDS", requires = "with")]
    lease: f64,
    #[command(flatten)]
    word: SignedRequest,
}

#[derive(Debug, clap::Args)]
pub struct Show {
    /// Transaction over several groups, of which the node of --node tells [default: what was added here]
    id: Option<TransactionId>,
    /// Write the proof of how it stands that other groups take: waits for a stable checkpoint
    #[arg(long, value_name = "FILE", requires = "id")]
    out: Option<PathBuf>,
    #[command(flatten)]
    local: Local,
}

/// Arguments of the commands that act on this machine only.
#[derive(Debug, clap::Args)]
pub struct Local {
    #[command(flatten)]
    signing: Signing,
    #[command(flatten)]
    reach: Reach,
}

async fn begin(args: &Begin) -> Outcome {
    let (key, json) = (args.local.signing.key()?, args.local.reach.json);
    let folder = Folder::locked(key, args.local.reach.patience()?)?;
    if folder.read()?.is_some() {
        return Err(Failure::no("a transaction is open for this key already")
            .next("`quorate tx show` shows it, `commit` or `abort` ends it"));
    }
    let base = match args.base {
        Some(base) => base,
        None => Author::open(key, args.local.reach.client()?, &args.scope.domain).await?.newest().await?,
    };
    let message = args.message.clone();
    let open =
        Open { base, anchored: args.anchored, message, sent: None, across: None, together: vec![], parts: vec![] };
    folder.remove()?;
    folder.write(&open)?;
    tell(&open, json)
}

async fn add(args: &Add) -> Outcome {
    let (key, patience) = (args.local.signing.key()?, args.local.reach.patience()?);
    free(&mut Folder::of(key)?.open()?, &args.local).await?;
    let (what, content) = what(args)?; // before the lock, which nobody keeps while somebody types
    let folder = Folder::locked(key, patience)?;
    let mut open = folder.open()?;
    free(&mut open, &args.local).await?;
    let number = open.parts.len() + 1;
    if let Some(after) = args.after.iter().find(|after| **after == 0 || **after >= number) {
        return Err(Failure::usage(format!("--after {after}: part {number} can depend on parts before it only")));
    }
    if let Some(content) = content {
        folder.keep(&content)?;
    }
    open.parts.push(Part { number, domain: args.scope.domain.clone(), what, after: args.after.clone() });
    folder.write(&open)?;
    tell(&open, args.local.reach.json)
}

/// Operation to add, and the content that it writes.
fn what(args: &Add) -> Result<(What, Option<Vec<u8>>), Failure> {
    let path = args.path.as_deref().unwrap_or_default();
    let what = match (args.fence, &args.to) {
        (Some(token), _) => What::Fence { token },
        (None, Some(to)) => What::Mv { path: checked(path)?, to: checked_new(to)? },
        (None, None) if args.rm => What::Rm { path: checked(path)? },
        (None, None) => {
            let path = checked_new(path)?;
            let (mode, bytes) = given(args.file.as_deref(), args.mode, args.local.reach.patience()?)?;
            return Ok((What::Put { path, mode, content: content::digest(&bytes).to_string() }, Some(bytes)));
        }
    };
    Ok((what, None))
}

async fn commit(args: &Commit) -> Outcome {
    let (word, key) = (&args.word, args.word.signing.key()?);
    Folder::of(key)?.open()?; // before the lock, whose file would stay where nothing is open
    if !args.with.is_empty() {
        return across::commit(args).await;
    }
    let folder = Folder::locked(key, word.reach.patience()?)?;
    let mut open = folder.open()?;
    is_alone(&open)?;
    is_whole(&open, &[])?;
    let mut author = Author::open(key, word.reach.client()?, open.home()?).await?;
    resend(&mut author).await?;
    if let Some(sent) = open.sent {
        may_be_sent_again(sent, fate(&mut author, &word.reach.client()?, sent).await?, &folder)?;
    }
    let mut plan = folder.plan(&open)?;
    if let (false, Some(first)) = (word.message.is_empty(), plan.own.first_mut()) {
        first.message.clone_from(&word.message);
    }
    let answer = author.transact(&plan, word.level, |id| remember(&folder, &mut open, id)).await;
    tell_unnoted(&mut author);
    if matches!(&answer, Ok(author::Outcome::Verdict(receipt)) if receipt.state != State::Refused) {
        folder.remove()?;
    }
    let code = refusal(&answer);
    let reported = change::report(answer, word.reach.json);
    reported.map_err(|failure| if is_of_base(code) { failure.next(format!("{ANEW}; then commit")) } else { failure })
}

/// Way on where what was added can never go in as it is.
const ANEW: &str = "what was added there is based on what stood there before: `quorate tx abort` with its key, \
                    `quorate tx begin` and add it anew";

/// Whether a refusal is for the base of a draft, which is that of its beginning.
fn is_of_base(code: Option<Code>) -> bool {
    matches!(code, Some(Code::WouldConflict | Code::Anchor | Code::BaseTooOld))
}

fn refusal(answer: &Result<author::Outcome, SubmitError>) -> Option<Code> {
    match answer {
        Ok(author::Outcome::Verdict(receipt)) => receipt.code,
        Err(SubmitError::Gate { receipt, .. }) => receipt.code,
        _ => None,
    }
}

/// State of what was sent before; none without a verdict. The outbox forgets what was answered long ago; a node that keeps all history,
/// and has executed what the outbox knows of, knows of it, or it never left this machine.
async fn fate(author: &mut Author, client: &Client, sent: EnvelopeId) -> Result<Option<State>, Failure> {
    if let Some(known) = author.fate(&sent) {
        return Ok(known);
    }
    let unknown = |why: String| {
        Failure::new(Exit::Unreachable, format!("it was sent before as {sent}, whose verdict is not known: {why}")).next(
            "`quorate log` shows what was applied; ask another node with --node URL, or throw it away with `quorate tx abort`",
        )
    };
    author.newest().await.map_err(|error| unknown(error.to_string()))?;
    match client.envelope(&sent).await {
        Ok(Posted::Verdict(receipt)) => Ok(Some(receipt.state)),
        Ok(Posted::Ticket(ticket)) if ticket.receipt.state == State::Expired && author.has_receipts() => {
            Ok(Some(State::Refused))
        }
        Ok(Posted::Ticket(_)) => Ok(None),
        Err(ClientError::Refused(problem)) if problem.is_unknown() && author.has_receipts() => Ok(Some(State::Refused)),
        Err(error) => Err(unknown(error.to_string())),
    }
}

/// Only what was refused is signed again.
fn may_be_sent_again(sent: EnvelopeId, fate: Option<State>, folder: &Folder) -> Outcome {
    match fate {
        Some(State::Refused) => Ok(()),
        Some(_) => {
            folder.remove()?;
            Err(Failure::no(format!("it was committed before: {sent}")).next(format!("`quorate receipt {sent}` tells")))
        }
        None => Err(Failure::no(format!("it was sent before and has no verdict yet: {sent}"))
            .next(format!("`quorate receipt {sent}` tells; then commit again"))),
    }
}

/// Notes which envelope is on its way, so that no later command signs the same again.
fn remember(folder: &Folder, open: &mut Open, id: EnvelopeId) -> Result<(), SubmitError> {
    open.sent = Some(id);
    folder.write(open).map_err(|failure| SubmitError::NotKept(failure.to_string()))
}

async fn abort(args: &Local) -> Outcome {
    let key = args.signing.key()?;
    if let Ok(None) = Folder::of(key)?.read() {
        return Folder::of(key)?.open().map(drop);
    }
    let folder = Folder::locked(key, args.reach.patience()?)?;
    let found = match folder.read() {
        Ok(None) => return folder.open().map(drop),
        Ok(Some(open)) => Ok((unpromised(&open, args).await?, open)),
        Err(unread) => Err(unread),
    };
    folder.remove()?;
    let (branch, open) = found.as_ref().map_or((None, None), |(branch, open)| (branch.as_ref(), Some(open)));
    let (count, sent) = (open.map(|open| open.parts.len()), open.and_then(|open| open.sent));
    let committed = branch.and_then(took_effect);
    if args.reach.json {
        let aborted = committed.is_none();
        let document = json!({ "aborted": aborted, "parts": count, "sent": sent, "committed": committed });
        return Ok(print::json(&document)?);
    }
    match (&found, committed) {
        (_, Some(at)) => print::say(format_args!("it took effect at {at}; the draft is removed"))?,
        (Ok((_, open)), None) => print::say(format_args!("thrown away: {}", counted(open.parts.len(), "change")))?,
        (Err(unread), None) => {
            print::say(format_args!("thrown away unread: {unread}; `quorate log` shows what was sent"))?
        }
    }
    if let Some(branch) = branch.filter(|branch| branch.home) {
        let (id, client) = (branch.id, args.reach.client()?);
        let node = client.node();
        print::say(format_args!("  to a group that waits: `quorate tx decide {id} --home {node} --node URL`"))?;
    }
    match sent {
        Some(id) => Ok(print::say(format_args!("  {id} was sent: `quorate receipt {id}` tells what became of it"))?),
        None => Ok(()),
    }
}

async fn show(args: &Show) -> Outcome {
    match &args.id {
        Some(id) => record::show(id, args.out.as_deref(), &args.local.reach).await,
        None => tell(&Folder::of(args.local.signing.key()?)?.open()?, args.local.reach.json),
    }
}

/// Branch of what is open in its group, once nothing of it is on its way there; a failure while the group promises it. Where the
/// group has no branch, or an aborted one, its home commits the transaction no more without another word of this key.
async fn unpromised(open: &Open, local: &Local) -> Result<Option<TransactionEntry>, Failure> {
    let Some(id) = open.id() else { return Ok(None) };
    let mut author = Author::open(local.signing.key()?, local.reach.client()?, open.home()?).await?;
    author.group_of_node().await?;
    let settled = author.settle_telling(tell_earlier).await;
    tell_unnoted(&mut author);
    settled.map_err(|error| author.earlier(error))?;
    let branch = local.reach.client()?.transaction(&id, Level::Strong).await?;
    match branch.as_ref().map(|branch| branch.state) {
        Some(TransactionState::Prepared | TransactionState::Settled) => {
            Err(promised(&id, branch.as_ref().is_some_and(|branch| branch.home)))
        }
        Some(TransactionState::Committed | TransactionState::Aborted) | None => Ok(branch),
    }
}

/// Revision at which a branch took effect; none where it did not.
fn took_effect(branch: &TransactionEntry) -> Option<Revision> {
    branch.decided.filter(|_| branch.state == TransactionState::Committed)
}

/// Takes what is open out of a transaction over several groups that its group does not promise; refuses what may be sent.
async fn free(open: &mut Open, local: &Local) -> Outcome {
    let branch = unpromised(open, local).await?;
    match branch.as_ref().and_then(took_effect) {
        Some(at) => Err(Failure::no(format!("it took effect at {at}, over several groups"))
            .next("`quorate tx abort` removes the draft; then begin anew")),
        None => {
            open.across = None;
            is_unsent(open)
        }
    }
}

/// Refuses what is a branch of a transaction over several groups.
fn is_alone(open: &Open) -> Outcome {
    let Some(id) = open.id() else { return Ok(()) };
    Err(promised(&id, true))
}

/// Failure where a group may promise a branch: at the home its author's organisation ends it, elsewhere what the home has decided.
fn promised(id: &TransactionId, is_at_home: bool) -> Failure {
    let elsewhere = format!("`quorate tx decide {id} --home URL`, with a node of the home, ends it in another group");
    let ends = match is_at_home {
        true => format!("`quorate tx decide {id} --abort` at its home, and then {elsewhere}"),
        false => format!("its home ends it, by `quorate tx decide {id} --abort` there or its lease; then {elsewhere}"),
    };
    Failure::no(format!("it is a branch of a transaction over several groups, which may be prepared: {id}"))
        .next(format!("`quorate tx commit --with` goes on. {ends}"))
}

/// Refuses to commit with these keys alone what was to take effect in other groups too.
fn is_whole(Open { together, .. }: &Open, given: &[(String, String)]) -> Outcome {
    if together.iter().all(|(key, _)| given.iter().any(|(given, _)| given == key)) {
        return Ok(());
    }
    let what =
        "it was given to be committed together with other groups, and would be a part of that; nothing was signed";
    let next = format!("`{}` commits it with them; `quorate tx abort` throws it away", command(together));
    Err(Failure::usage(what).next(next))
}

fn is_unsent(open: &Open) -> Outcome {
    is_alone(open)?;
    match open.sent {
        None => Ok(()),
        Some(sent) => Err(Failure::no(format!("it was sent as {sent}; what was sent stays as it is"))
            .next("`quorate tx commit` looks what became of it, `abort` throws it away")),
    }
}

fn tell(open: &Open, json: bool) -> Outcome {
    if json {
        return Ok(print::json(open)?);
    }
    let anchored = if open.anchored { ", anchored there" } else { "" };
    print::say(format_args!("a transaction based on {}{anchored}", open.base))?;
    if let (Some(id), Some(terms)) = (open.id(), &open.across) {
        print::say(format_args!(
            "  a branch of {id}, with {}",
            counted(terms.branches.len().saturating_sub(1), "other group")
        ))?;
    }
    let mut table = Table::new(&["change", "domain", "what", "after"]);
    for part in &open.parts {
        let what = match &part.what {
            What::Put { path, .. } => format!("put {}", plain(path)),
            What::Rm { path } => format!("rm {}", plain(path)),
            What::Mv { path, to } => format!("mv {} {}", plain(path), plain(to)),
            What::Fence { token } => format!("only with token {token}"),
        };
        let after: Vec<String> = part.after.iter().map(ToString::to_string).collect();
        table.row([part.number.to_string(), plain(&part.domain), what, after.join(", ")]);
    }
    Ok(table.print("nothing was added yet")?)
}
