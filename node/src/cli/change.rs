//! `quorate put`, `rm`, `mv`: one signed change each.

mod offline;

use super::advice;
use super::failure::{Failure, Outcome};
use super::level::{Wish, parse_wish};
use super::listing::LIST_MAX;
use super::print::{self, plain, steers};
use super::reach::{Reach, Scope, Signing};
use quorate_client::api::{ConflictEnd, ConflictEntry, Page, Ticket, TreeEntry, named};
use quorate_client::author::{self, Author, Draft, SubmitError};
use quorate_client::calls::level_name;
use quorate_client::content;
use quorate_client::http::{Client, ClientError};
use quorate_client::outbox::Answer;
use quorate_ledger::{
    Base, Code, ConflictId, EnvelopeId, Level, Mode, Op, PathChange, PathOutcome, Receipt, Revision, State, path,
};
use quorate_pbft::Constants;
use serde::Serialize;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Arguments of every change.
#[derive(Debug, clap::Args)]
pub struct Terms {
    #[command(flatten)]
    pub reach: Reach,
    #[command(flatten)]
    pub scope: Scope,
    #[command(flatten)]
    pub signing: Signing,
    /// Base of the change: a revision, as `at` of `quorate get --json` names the one that was read, or an earlier envelope of
    /// this key; what others did since is merged, or a conflict [default: the newest, which the change replaces]
    #[arg(long, value_name = "REV|ENVELOPE", value_parser = parse_base)]
    base: Option<Base>,
    /// When to answer: eventual (taken), causal or sequential (executed), strong (under a stable checkpoint), or auto,
    /// which chooses and says why
    #[arg(long, default_value = "sequential", value_parser = parse_wish, value_name = "LEVEL")]
    level: Wish,
    /// Milliseconds within which an answer is of use, for level auto
    #[arg(long, value_name = "MS")]
    within: Option<u64>,
    /// Only while this key holds the lock with this token (see `quorate lock`); may be given several times
    #[arg(long, value_name = "TOKEN")]
    fence: Vec<u64>,
    /// Purpose of the change, for people
    #[arg(long, short, default_value = "", value_name = "TEXT")]
    message: String,
    /// Sign and keep the change for `quorate bundle outbox`, and send nothing: for a place without a network
    #[arg(long)]
    offline: bool,
}

/// Write a file
#[derive(Debug, clap::Args)]
pub struct Put {
    /// Path in the domain
    path: String,
    /// Content to write; `-` or nothing reads standard input
    file: Option<PathBuf>,
    /// Kind of file [default: as FILE is]
    #[arg(long, value_parser = parse_mode, value_name = "file|exec|link")]
    mode: Option<Mode>,
    #[command(flatten)]
    terms: Terms,
}

/// Remove a file
#[derive(Debug, clap::Args)]
pub struct Rm {
    /// Path in the domain
    path: String,
    #[command(flatten)]
    terms: Terms,
}

/// Rename a file; edits that others make meanwhile go along
#[derive(Debug, clap::Args)]
pub struct Mv {
    /// Present path
    from: String,
    /// New path
    to: String,
    #[command(flatten)]
    terms: Terms,
}

/// Runs `quorate put`.
pub async fn put(args: &Put) -> Outcome {
    let path = checked_new(&args.path)?;
    let (mode, bytes) = given(args.file.as_deref(), args.mode, args.terms.reach.patience()?)?;
    let op = Op::Put { path, mode, content: content::digest(&bytes) };
    submit(&args.terms, &[&args.path], op, vec![bytes]).await
}

/// Runs `quorate rm`.
pub async fn rm(args: &Rm) -> Outcome {
    submit(&args.terms, &[&args.path], Op::Delete { path: checked(&args.path)? }, vec![]).await
}

/// Runs `quorate mv`.
pub async fn mv(args: &Mv) -> Outcome {
    let op = Op::Rename { from: checked(&args.from)?, to: checked_new(&args.to)? };
    submit(&args.terms, &[&args.from, &args.to], op, vec![]).await
}

/// A path that may name a file. A typing mistake is told here: once signed it would be ordered, and stay.
pub fn checked(path: &str) -> Result<String, Failure> {
    let why = match path::check(path) {
        Ok(()) => return Ok(path.to_owned()),
        Err(_) if path.starts_with('/') => "a path begins in its domain, without a slash".to_owned(),
        Err(why) => why.to_string(),
    };
    Err(Failure::usage(format!("{}: {why}; nothing was signed", plain(path)))
        .with(Code::BadPath)
        .next("a path is FOLDER/FILE, without a slash at either end"))
}

/// A path at which something new is to stand. The ledger takes control characters and those that turn the direction of a
/// text, as histories of git hold such names; who types one has mistyped, or would mislead those who read it.
pub fn checked_new(path: &str) -> Result<String, Failure> {
    if path.chars().any(steers) {
        let what = format!("{}: the path has a character that shows as none; nothing was signed", plain(path));
        return Err(Failure::usage(what).next("a path is FOLDER/FILE on one line"));
    }
    checked(path)
}

async fn submit(terms: &Terms, paths: &[&str], op: Op, contents: Vec<Vec<u8>>) -> Outcome {
    let stands = (terms.base.is_none() && !matches!(op, Op::Put { .. })).then_some(paths[0]);
    let fences = terms.fence.iter().map(|token| Op::Fence { token: *token });
    let draft = Draft { base: terms.base, ops: fences.chain([op]).collect(), contents, message: terms.message.clone() };
    if terms.offline {
        return offline::keep(terms, paths, draft, stands).await;
    }
    let (mut author, earlier) = author(&terms.reach, &terms.signing, &terms.scope.domain).await?;
    let level = terms.level.level(&terms.reach.client()?, &terms.scope.domain, paths, terms.within).await?;
    let mut missing = None;
    if let Some(path) = stands.filter(|_| author.newest_unanswered().is_none()) {
        let levels = [Level::Sequential, Level::Strong];
        missing = must_stand(&terms.reach.client()?, &terms.scope.domain, path, &levels).await.err();
    }
    if let Some(answer) = again(&mut author, (earlier, missing.is_some()), &draft, level).await {
        return report(answer, terms.reach.json);
    }
    if let Some(missing) = missing {
        return Err(missing);
    }
    author.renew(); // the questions took of its time
    let answer = author.submit(&draft, level).await;
    tell_unnoted(&mut author);
    let settling = match &answer {
        Ok(author::Outcome::Verdict(receipt)) if !terms.reach.json => Some(receipt.clone()),
        _ => None,
    };
    report(answer, terms.reach.json)?;
    let Some(receipt) = settling else { return Ok(()) };
    let over = settled(&terms.reach.client()?, &receipt).await;
    Ok(over.iter().try_for_each(|id| print::say(format_args!("  the conflict is over  {id}")))?)
}

/// Conflicts that a change has settled, as a node tells: the change is ordered, whatever this look says.
async fn settled(client: &Client, receipt: &Receipt) -> Vec<ConflictId> {
    if receipt.changes.iter().all(|change| change.outcome != PathOutcome::Settled) {
        return vec![];
    }
    let query = [("domain", receipt.domain.as_str()), ("state", "settled"), ("level", level_name(Level::Sequential))];
    let known: Result<Vec<ConflictEntry>, _> = client.list(&["conflicts"], &query, LIST_MAX).await;
    let is_by_it = |end: &ConflictEnd| end.receipt == receipt.id;
    let over = known.unwrap_or_default().into_iter().filter(|known| known.settled.as_ref().is_some_and(is_by_it));
    over.map(|conflict| conflict.id).collect()
}

/// Refuses a path at which nothing stands at any of these levels: where there is a network, the group is asked before the answer is
/// no, as the node may be behind.
pub async fn must_stand(client: &Client, domain: &str, path: &str, levels: &[Level]) -> Outcome {
    for level in levels {
        let query = [("prefix", path), ("level", level_name(*level)), ("limit", "1")];
        let page: Page<TreeEntry> = match client.get(&["domains", domain, "tree"], &query).await {
            Ok(page) => page,
            // Whether there is such a domain is looked at before a change is signed.
            Err(ClientError::Refused(_)) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        if page.items.iter().any(|entry| entry.path == path) {
            return Ok(());
        }
    }
    let what = match is_folder(client, domain, path).await {
        true => format!("{} is a folder: `mv` and `rm` take files", plain(path)),
        false => format!("nothing stands at {}", plain(path)),
    };
    let next = format!("`quorate ls{}` shows what stands where", advice::option(domain));
    Err(Failure::refused(Code::MissingPath, Some(domain), what).next(next))
}

/// Whether a file stands below a path, as a node has it.
pub async fn is_folder(client: &Client, domain: &str, path: &str) -> bool {
    let below = format!("{path}/");
    let query = [("prefix", below.as_str()), ("level", level_name(Level::Sequential)), ("limit", "1")];
    let page: Result<Page<TreeEntry>, _> = client.renewed().get(&["domains", domain, "tree"], &query).await;
    page.is_ok_and(|page| !page.items.is_empty())
}

/// Sends what is unanswered, then signs a change and waits for its answer.
pub async fn send(
    reach: &Reach,
    signing: &Signing,
    domain: &str,
    draft: &Draft,
    level: Level,
) -> Result<Result<author::Outcome, SubmitError>, Failure> {
    send_unless(reach, signing, domain, draft, level, async |_| Ok(())).await
}

/// As [`send`], unless something speaks against a new change of the author once what is unanswered was sent: it may be an earlier one
/// that says the same.
pub async fn send_unless(
    reach: &Reach,
    signing: &Signing,
    domain: &str,
    draft: &Draft,
    level: Level,
    objection: impl AsyncFnOnce(&Author) -> Outcome,
) -> Result<Result<author::Outcome, SubmitError>, Failure> {
    let (mut author, earlier) = author(reach, signing, domain).await?;
    let objection = objection(&author).await;
    if let Some(answer) = again(&mut author, (earlier, objection.is_err()), draft, level).await {
        return Ok(answer);
    }
    objection?;
    author.renew();
    let answer = author.submit(draft, level).await;
    tell_unnoted(&mut author);
    Ok(answer)
}

/// An author whose unanswered changes were sent again, and the newest of them in the domain.
async fn author(reach: &Reach, signing: &Signing, domain: &str) -> Result<(Author, Option<EnvelopeId>), Failure> {
    let mut author = Author::open(signing.key()?, reach.client()?, domain).await?;
    let newest = author.newest_unanswered();
    let tell = |answer: &Answer| match answer {
        Answer::Verdict(receipt) if matches!(receipt.state, State::Applied | State::Merged | State::Pending) => {
            tell!("quorate: an earlier change: {}", lines(receipt)[0]);
        }
        other => tell_earlier(other),
    };
    let sent = author.resend_telling(tell).await;
    tell_unnoted(&mut author);
    sent?;
    Ok((author, newest))
}

/// Answer to an earlier change that was sent again just now, where a draft says the same: a command that is given again, because its
/// answer was lost, makes no second change. An edit that took effect may have been followed by others', and is meant anew unless
/// what it was to remove is gone, or the conflict is over that it was to end; a ticket is an answer that was not lost.
async fn again(
    author: &mut Author,
    (earlier, is_gone): (Option<EnvelopeId>, bool),
    draft: &Draft,
    level: Level,
) -> Option<Result<author::Outcome, SubmitError>> {
    let is_said_once = |op: &Op| {
        matches!(op, Op::Enrol { .. } | Op::Revoke { .. } | Op::Rotate { .. } | Op::Propose { .. } | Op::Suggest { .. })
    };
    let earlier = earlier?;
    let is_open = author.fate(&earlier) == Some(None);
    if level == Level::Eventual || !(is_gone || is_open || draft.ops.iter().all(is_said_once)) {
        return None;
    }
    let answer = author.repeated(earlier, draft, level).await?;
    tell!("quorate: nothing new was signed: an earlier change without an answer says the same");
    tell_unnoted(author);
    Some(answer)
}

/// Sends again what earlier commands left unanswered, and tells what became of it.
pub async fn resend(author: &mut Author) -> Outcome {
    let sent = author.resend_telling(tell_earlier).await;
    tell_unnoted(author);
    Ok(sent?)
}

/// Tells of a change that an earlier command left unanswered, where its author should know.
pub fn tell_earlier(answer: &Answer) {
    match answer {
        Answer::Verdict(receipt) if matches!(receipt.state, State::Refused | State::Conflict) => {
            let code = receipt.code.map(|code| format!(": {code}")).unwrap_or_default();
            tell!("quorate: an earlier change: {}{code}", word(receipt.state));
            tell!("  `quorate receipt {}` tells more", receipt.id);
        }
        Answer::Gate(problem) => tell!("quorate: an earlier change was refused: {problem}"),
        Answer::Verdict(_) => (),
    }
}

/// Tells of a verdict that could not be noted beside the key.
pub fn tell_unnoted(author: &mut Author) {
    if let Some(error) = author.unnoted() {
        tell!("quorate: the answer is not noted beside the key: {error}");
        tell!("  the next command with this key asks for it again; the change is made once");
    }
}

/// Prints how a change was answered; conflicts and refusals end with exit code 1.
pub fn report(answer: Result<author::Outcome, SubmitError>, json: bool) -> Outcome {
    match answer {
        Ok(author::Outcome::Verdict(receipt)) => verdict(&receipt, json),
        Ok(author::Outcome::Ticket(ticket)) => taken(&ticket, json),
        Err(error) => {
            if let (true, SubmitError::Gate { receipt, .. } | SubmitError::Unanswered { receipt, .. }) = (json, &error)
            {
                print::json(receipt)?;
            }
            Err(error.into())
        }
    }
}

fn verdict(receipt: &Receipt, json: bool) -> Outcome {
    let printed = if json { print::json(receipt) } else { lines(receipt).iter().try_for_each(print::say) };
    // Whoever reads the exit code alone must not send it again.
    let untold = |error| Failure::from(error).after(format_args!("{} ended as {}", receipt.id, word(receipt.state)));
    printed.map_err(untold)?;
    match receipt.state {
        State::Pending if !json => {
            let (id, domain) = (receipt.id, plain(&receipt.domain));
            print::say("  it takes effect when others have approved or attested it:")?;
            Ok(print::say(format_args!("  quorate attest {id} --domain {domain}"))?)
        }
        State::Refused => Err(refusal(receipt)),
        State::Conflict => {
            Err(Failure::no("the change conflicts with what others did; all sides are kept").next(format!(
                "`quorate conflicts show {}` tells more",
                receipt.conflicts.first().map(ToString::to_string).unwrap_or_default()
            )))
        }
        _ => Ok(()),
    }
}

fn refusal(receipt: &Receipt) -> Failure {
    let name = |value: Option<String>| value.unwrap_or_else(|| "unknown".into());
    let (stage, code) =
        (name(receipt.stage.map(|stage| stage.to_string())), name(receipt.code.map(|code| code.to_string())));
    let detail = receipt.detail.as_deref().map(|detail| with_short_keys(&plain(detail))).unwrap_or_default();
    let proof = format!("`quorate receipt {} --out FILE` keeps the proof of the refusal", receipt.id);
    let next = advice::on(receipt).map_or(proof.clone(), |advice| format!("{advice}\n  {proof}"));
    Failure::no(format!("refused: {stage}: {code}: {detail}")).next(next)
}

/// Words of a refusal, with the first digits of each key or id.
fn with_short_keys(text: &str) -> String {
    const DIGITS: usize = 64;
    let is_key = |word: &str| word.len() == DIGITS && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let words = text.split(' ').map(|word| if is_key(word) { print::short(word) } else { word.to_owned() });
    words.collect::<Vec<_>>().join(" ")
}

/// A verdict for people: what became of it, and of each path.
pub fn lines(receipt: &Receipt) -> Vec<String> {
    let at = receipt.revision.map(|revision| format!(" at {revision}")).unwrap_or_default();
    let state = word(receipt.state);
    let mut lines = vec![format!("{state}{at}  {}", receipt.id)];
    lines.extend(receipt.changes.iter().map(|change| format!("  {}  {}", plain(&change.path), outcome(change))));
    lines
}

/// Outcome of a path in words, with the rung that merged it.
pub fn outcome(change: &PathChange) -> String {
    match change.outcome {
        PathOutcome::Merged => format!("merged ({})", word(change.rung)),
        other => word(other),
    }
}

/// A name as JSON spells it.
pub fn word(value: impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn taken(ticket: &Ticket, json: bool) -> Outcome {
    let receipt = &ticket.receipt;
    if json {
        return Ok(print::json(ticket)?);
    }
    print::say(format_args!("{}  {}", word(receipt.state), receipt.id))?;
    if let Some(number) = ticket.waits_for {
        print::say(format_args!("  it waits for the author's number {number}"))?;
    }
    if let Some(why) = &ticket.why {
        print::say(format_args!("  it waits: {}", plain(why)))?;
    }
    Ok(())
}

/// Content that a command is to write, and its mode: that of the file, where none is asked for. The content is a file of this
/// machine, or standard input. A pipe with a name is waited for no longer than for a node.
pub fn given(file: Option<&Path>, mode: Option<Mode>, patience: Duration) -> Result<(Mode, Vec<u8>), Failure> {
    let (found, bytes) = match file.filter(|file| *file != Path::new("-")) {
        Some(file) => read(file, mode, patience).map_err(|error| Failure::file(file, error))?,
        None => (Mode::File, read_all(io::stdin().lock()).map_err(|error| Failure::file(Path::new("-"), error))?),
    };
    if bytes.len() > Constants::ITEM_BYTES_MAX {
        let most = print::size(Constants::ITEM_BYTES_MAX as u64);
        let why = format_args!("no group takes a file of more than {most}");
        return Err(Failure::refused(Code::TooLarge, None, why).after("refused"));
    }
    Ok((mode.unwrap_or(found), bytes))
}

/// File or link of this machine: links as links, the executable bit as mode. A link is followed where it leads to a stream, or
/// where another mode is asked for.
fn read(file: &Path, mode: Option<Mode>, patience: Duration) -> io::Result<(Mode, Vec<u8>)> {
    let is_link = fs::symlink_metadata(file)?.is_symlink();
    if is_link && mode.map_or_else(|| !is_stream(file), |mode| mode == Mode::Link) {
        return Ok((Mode::Link, fs::read_link(file)?.as_os_str().as_bytes().to_vec()));
    }
    let found = fs::metadata(file)?;
    if found.file_type().is_fifo() && !is_of_system(file) {
        return Ok((Mode::File, read_within(file, patience)?));
    }
    let mode = if found.is_file() && found.permissions().mode() & 0o100 != 0 { Mode::Exec } else { Mode::File };
    Ok((mode, read_all(fs::File::open(file)?)?))
}

/// Whether a link leads to a pipe or device, or is one of the system's: `/dev/stdin`, or what a shell gives for `<(…)`.
fn is_stream(link: &Path) -> bool {
    let leads_to = fs::metadata(link).map(|found| found.file_type());
    is_of_system(link) || leads_to.is_ok_and(|kind| kind.is_fifo() || kind.is_char_device())
}

/// Whether a path names an open file of this process.
fn is_of_system(file: &Path) -> bool {
    ["/dev/stdin", "/dev/fd", "/proc"].iter().any(|above| file.starts_with(above))
}

/// Reads a pipe on a thread of its own, which ends with the program where nobody writes.
fn read_within(file: &Path, patience: Duration) -> io::Result<Vec<u8>> {
    let (tell, told) = mpsc::channel();
    let file = file.to_owned();
    thread::spawn(move || drop(tell.send(fs::File::open(file).and_then(read_all))));
    let late = "a pipe that nobody wrote to its end; --timeout SECONDS waits for longer";
    told.recv_timeout(patience).unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, late)))
}

/// Reads to the end, up to one byte more than any group takes.
fn read_all(from: impl io::Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(Constants::ITEM_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn parse_base(text: &str) -> Result<Base, String> {
    if let Ok(id) = text.parse::<EnvelopeId>() {
        return Ok(Base::Envelope(id));
    }
    let revision = text.parse::<Revision>().map(Base::Revision);
    revision.map_err(|error| format!("{error}; an envelope is 64 hex digits"))
}

/// Reads a mode's name.
pub fn parse_mode(text: &str) -> Result<Mode, String> {
    named(text).ok_or_else(|| "modes are file, exec, link".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::os::fd::AsRawFd as _;
    use std::os::unix::fs::symlink;

    fn read(file: &Path, mode: Option<Mode>) -> (Mode, Vec<u8>) {
        given(Some(file), mode, Duration::from_secs(20)).expect("it can be read")
    }

    #[test]
    fn what_a_shell_gives_for_a_pipe_is_read() {
        let (from, mut to) = io::pipe().expect("a pipe");
        to.write_all(b"piped").expect("room");
        drop(to);

        let given = read(Path::new(&format!("/dev/fd/{}", from.as_raw_fd())), None);

        assert_eq!(given, (Mode::File, b"piped".to_vec()));
    }

    #[test]
    fn an_open_file_of_the_process_is_read() {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(b"open").expect("a disk");

        let given = read(Path::new(&format!("/proc/self/fd/{}", file.as_raw_fd())), None);

        assert_eq!(given, (Mode::File, b"open".to_vec()));
    }

    #[test]
    fn a_link_to_a_device_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let link = folder.path().join("link");
        symlink("/dev/null", &link).expect("a link");

        assert_eq!(read(&link, None), (Mode::File, vec![]));
    }

    #[test]
    fn a_link_is_followed_only_where_another_mode_is_asked_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let link = folder.path().join("link");
        fs::write(folder.path().join("file"), "text").expect("a file");
        symlink("file", &link).expect("a link");

        for as_link in [None, Some(Mode::Link)] {
            assert_eq!(read(&link, as_link), (Mode::Link, b"file".to_vec()));
        }
        for followed in [Mode::File, Mode::Exec] {
            assert_eq!(read(&link, Some(followed)), (followed, b"text".to_vec()));
        }
    }
}
