//! Failure of a command: an exit code, what happened, and what to do next.

use super::{advice, print};
use quorate_client::api::CLOSED_DOMAIN;
use quorate_client::author::SubmitError;
use quorate_client::http::{AUTHORITY_SHOWN, ClientError, NO_HTTP, NOTHING_LISTENS};
use quorate_client::keys::KeyError;
use quorate_client::outbox::OutboxError;
use quorate_ledger::{Code, EnvelopeId, State};
use quorate_service::copying::DISK_FULL;
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt;
use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::process::ExitCode;

/// The exit codes that scripts rely on; 0 is success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The answer is no: a conflict, a refusal, a proof that does not verify, something that is not there.
    No = 1,
    /// Wrong usage or configuration.
    Usage = 2,
    /// The cluster could not be reached, or did not answer in time.
    Unreachable = 3,
    /// An internal invariant broke.
    Internal = 70,
    /// The disk is full or damaged.
    Disk = 74,
}

/// Advice where no node answers.
pub const NOT_THERE: &str = "is it started, and is this the address that `quorate start` printed? --node URL or \
                             QUORATE_NODE names another";

/// Words of the operating system where a file is not there, and advice.
const NOT_FOUND: &str = "No such file or directory";
const LOST: &str = "is the path right? without a / in front it begins in this folder";

/// Advice where the key that is to sign is not there.
const NO_SIGNER: &str = "--key FILE or QUORATE_KEY names it; `quorate keys new --out FILE` makes one";

/// Words of the operating system where a disk, or the share of it that its user has, takes no more.
const NO_ROOM: [&str; 2] = [DISK_FULL, "Disk quota exceeded"];

/// Why a command ends with another code than 0.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    what: String,
    next: Option<String>,
    /// Fields of the document with `--json` beside the common ones; null where there are none.
    more: Value,
}

/// Result of every command.
pub type Outcome = Result<(), Failure>;

impl Failure {
    /// A failure that says what happened, and where.
    pub fn new(exit: Exit, what: impl fmt::Display) -> Self {
        Self { exit, what: what.to_string(), next: None, more: Value::Null }
    }

    /// The answer is no.
    pub fn no(what: impl fmt::Display) -> Self {
        Self::new(Exit::No, what)
    }

    /// Refusal by a rule of the ledger before anything is signed: its document is a receipt without what an order gives.
    pub fn refused(code: Code, domain: Option<&str>, why: impl fmt::Display) -> Self {
        let more = json!({
            "id": null, "domain": domain, "author": null, "from_seq": null, "to_seq": null, "state": State::Refused,
            "revision": null, "lane": null, "detail": why.to_string(), "conflicts": [], "changes": [],
        });
        Self { more, ..Self::no(format!("{why}; nothing was signed")) }.with(code)
    }

    /// The question was wrong.
    pub fn usage(what: impl fmt::Display) -> Self {
        let failure = Self::new(Exit::Usage, what);
        if failure.what.contains(NOT_FOUND) { failure.next(LOST) } else { failure }
    }

    /// A fault of the operating system or of what stands in files, in its own words: of a full disk, else of what was given.
    /// Many are words alone by then, as those of a database.
    pub fn met(fault: impl fmt::Display) -> Self {
        let what = fault.to_string();
        match NO_ROOM.iter().any(|words| what.contains(words)) {
            true => Self::new(Exit::Disk, what).next("make room and run again"),
            false => Self::usage(what),
        }
    }

    /// The key that is to sign, where it cannot be read.
    pub fn of_signer(error: KeyError) -> Self {
        let is_absent = matches!(&error, KeyError::Io { error, .. } if error.kind() == io::ErrorKind::NotFound);
        let failure = Self::from(error);
        if is_absent { failure.next(NO_SIGNER) } else { failure }
    }

    /// A file that cannot be read or written.
    pub fn file(path: &Path, error: io::Error) -> Self {
        let met = Self::met(error); // by its own words: a path may hold any
        Self { what: format!("{}: {}", path.display(), met.what), ..met }
    }

    /// The answer is no, and standard output has said it all.
    pub fn silent() -> Self {
        Self::no("")
    }

    /// Refuses a step that takes something away at a terminal, where a flag says that it is meant; in a script it is told of.
    pub fn unless_scripted(self) -> Outcome {
        if io::stdin().is_terminal() {
            return Err(self);
        }
        print::explain(&format!("quorate: {}\n", self.what));
        Ok(())
    }

    /// Exit code of the command.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// Puts before the failure what had happened until then.
    pub fn after(self, what: impl fmt::Display) -> Self {
        Self { what: format!("{what}: {}", self.what), ..self }
    }

    /// Names the rule of the ledger that is broken.
    pub fn with(mut self, code: Code) -> Self {
        (self.more["stage"], self.more["code"]) = (json!(code.stage()), json!(code));
        self.after(format_args!("{}: {code}", code.stage()))
    }

    /// Names with `--json` what the failure is about.
    pub fn about(mut self, name: &str, value: impl Serialize) -> Self {
        self.more[name] = json!(value);
        self
    }

    /// Adds what to do next.
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// Adds what to do next where nothing better is known.
    pub fn or_next(self, next: impl Into<String>) -> Self {
        if self.next.is_none() { self.next(next) } else { self }
    }

    /// Adds what to do next where the answer is no; another failure has its own advice.
    pub fn next_if_no(self, next: impl Into<String>) -> Self {
        if self.exit == Exit::No { self.next(next) } else { self }
    }

    /// Tells standard error, and gives the code; with `--json`, a document on standard output where there is none.
    pub fn report(&self, json: bool) -> ExitCode {
        self.report_as(self.exit as u8, json)
    }

    /// The same with another exit code.
    pub fn report_as(&self, exit: u8, json: bool) -> ExitCode {
        if json && !self.what.is_empty() && !print::has_printed() {
            document(&self.what, self.next.as_deref(), exit, &self.more);
        }
        if !self.what.is_empty() {
            print::explain(&format!("quorate: {}\n", self.what)); // it may quote what a node said
        }
        if let Some(next) = &self.next {
            print::explain(&format!("  {next}\n"));
        }
        ExitCode::from(exit)
    }
}

/// Prints an error, and more fields about it, as JSON on standard output: on one line, as results that stream are.
pub fn document(what: &str, next: Option<&str>, exit: u8, more: &Value) {
    let mut document = json!({ "error": what, "next": next, "exit": exit });
    more.as_object().into_iter().flatten().for_each(|(name, value)| document[name] = value.clone());
    // The reader may have gone; the exit code tells it all the same.
    let _ = print::json_line(&document);
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self { next: None, ..Self::met(format!("standard output: {error}")) }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let next = advice(&error);
        let exit = match &error {
            ClientError::Address { .. } | ClientError::TooLong(_) | ClientError::Token => Exit::Usage,
            ClientError::Trust(_) | ClientError::Session(_) => return Self::met(error),
            ClientError::Refused(problem) if problem.status == 400 => Exit::Usage,
            ClientError::Refused(_) => Exit::No,
            ClientError::NoAnswer { .. } | ClientError::Garbled { .. } | ClientError::Tls { .. } => Exit::Unreachable,
        };
        Self { next, ..Self::new(exit, error) }
    }
}

fn advice(error: &ClientError) -> Option<String> {
    match error {
        ClientError::Address { .. } => {
            Some("give --node http://HOST:PORT or https://HOST:PORT, or set QUORATE_NODE".into())
        }
        ClientError::NoAnswer { last, .. } if last == NOTHING_LISTENS => Some(NOT_THERE.into()),
        ClientError::NoAnswer { node, last, .. } if last == NO_HTTP && node.starts_with("http:") => {
            Some(format!("it may speak TLS: --node {}", node.replacen("http:", "https:", 1)))
        }
        ClientError::NoAnswer { last, .. } if last.starts_with("no-quorum") => {
            Some("a read with --level sequential answers from what this node has executed".into())
        }
        ClientError::NoAnswer { node, .. } => Some(format!("`quorate status --explain --node {node}` says why")),
        ClientError::Garbled { .. } => Some("is this the API address that `quorate start` printed?".into()),
        ClientError::Tls { is_of_time: true, .. } => Some(
            "`date -u` shows whether the clock here is right; if it is, the node's operator renews its certificate"
                .into(),
        ),
        ClientError::Tls { why, .. } if why == AUTHORITY_SHOWN => {
            Some("the node's operator makes it one with CA:FALSE (docs/runbooks/certificate.md)".into())
        }
        ClientError::Tls { .. } => Some("--ca FILE or QUORATE_CA names who signed the node's certificate".into()),
        ClientError::Refused(problem) if ["admin-only", CLOSED_DOMAIN].contains(&problem.code.as_str()) => Some(
            "--token FILE or QUORATE_TOKEN names the file with that secret; --token FILE=URL for one of several nodes"
                .into(),
        ),
        ClientError::Refused(problem) if problem.code == "role" && problem.status == 403 => {
            let role = problem.detail.rsplit(' ').next().unwrap_or_default();
            Some(format!("`quorate token new --dir DIR --role {}` on the node's machine makes one", print::plain(role)))
        }
        ClientError::TooLong(_) => Some("give a shorter path, domain or position".into()),
        ClientError::Refused(problem) => match problem.conflict {
            Some(conflict) => Some(format!("`quorate conflicts show {conflict}` tells more")),
            None => advice::of(&problem.code),
        },
        ClientError::Token | ClientError::Trust(_) | ClientError::Session(_) => None,
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        let next = match &error {
            KeyError::Agent(_) => Some("`ssh-add -l` shows whether the agent answers"),
            KeyError::OnlyInAgent(_) => Some("use a key file; only authors' keys can stay in an agent"),
            _ => None,
        };
        let met = Self::met(error);
        Self { next: next.map(Into::into).or(met.next), ..met }
    }
}

impl From<SubmitError> for Failure {
    fn from(error: SubmitError) -> Self {
        match &error {
            SubmitError::Client(error @ ClientError::NoAnswer { .. }) => {
                Self::new(Exit::Unreachable, format!("{error}; the change was neither signed nor sent"))
            }
            SubmitError::Unanswered {
                receipt,
                error: ClientError::NoAnswer { held_back: Some(problem), node, .. },
            } => {
                let what = format!("{node} held it back: {problem}; nothing was taken there: {}", receipt.id);
                let next = "give the command again later, or with a longer --timeout; it may still be ordered only if \
                            the node does not keep its word";
                Self::new(Exit::Unreachable, what).next(next)
            }
            SubmitError::Unanswered { receipt, error } => {
                let what = format!("{error}; the change may still be ordered: {}", receipt.id);
                Self::new(open_end(error), what).next(later(&receipt.id))
            }
            SubmitError::Earlier { id, error: cause } => Self::new(open_end(cause), &error).next(later(id)),
            SubmitError::Forgotten { id, file, .. } => Self::new(Exit::Unreachable, &error).next(elsewhere(id, file)),
            SubmitError::Gate { receipt, problem } => {
                let stage = problem.stage.as_ref().map(|stage| format!("{stage}: ")).unwrap_or_default();
                Self { next: advice::on(receipt), ..Self::no(format!("refused: {stage}{problem}")) }
            }
            SubmitError::NoDomain(domain) => Self::no(&error).next(absent(domain)),
            SubmitError::Outbox(OutboxError::Busy(_)) => Self::new(Exit::Unreachable, &error),
            _ => match error {
                SubmitError::Client(error) => error.into(),
                SubmitError::Key(error) => Self::of_signer(error),
                other => Self::met(other),
            },
        }
    }
}

/// Exit code where the fate of a change is open: no node is to blame for a session that cannot be written.
fn open_end(error: &ClientError) -> Exit {
    if let ClientError::Session(_) = error { Failure::met(error).exit } else { Exit::Unreachable }
}

/// Advice on how to learn the fate of a change whose history a node does not keep.
fn elsewhere(id: &EnvelopeId, file: &Path) -> String {
    format!(
        "give the command with --node of a member that keeps more: it is sent there again first, and nothing is ordered \
         twice. Where no member keeps {id}, its log begins after the change as well: look at the files themselves whether \
         it is there, and remove {}",
        file.display()
    )
}

/// Advice where the group has no domain of this name.
pub fn absent(domain: &str) -> String {
    format!("`quorate domains` lists them; `quorate domains create {domain}` proposes it")
}

/// Advice on how to learn the fate of a change without an answer.
fn later(id: &EnvelopeId) -> String {
    format!(
        "`quorate receipt {id}` tells; the next command with this key sends it again first. `quorate give-up` lists what this \
         key waits for, and lets go of what never ends"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_client::api::{HISTORY_PRUNED, Problem};
    use quorate_client::session::SessionError;
    use quorate_pbft::Digest;
    use quorate_service::init::InitError;
    use quorate_service::tokens::TokensError;
    use std::path::PathBuf;

    #[test]
    fn a_refused_question_has_advice_by_its_code() {
        for (code, advice) in [
            ("missing-path", "`quorate ls`"),
            ("unknown-domain", "`quorate domains`"),
            ("unknown-revision", "`quorate log`"),
            ("content-gone", "--node URL"),
            ("not-member", "`quorate policy show`"),
        ] {
            let refused = ClientError::Refused(Box::new(Problem::new(404, code, "no")));
            let next = Failure::from(refused).next.unwrap_or_default();
            assert!(next.contains(advice), "{code}: {next}");
        }
    }

    #[test]
    fn who_speaks_tls_already_is_not_told_to_where_no_http_is_spoken() {
        let advice = |node: &str| {
            let (node, last) = (node.to_owned(), NO_HTTP.to_owned());
            let waited = std::time::Duration::ZERO;
            let error = ClientError::NoAnswer { node, waited, last, held_back: None, ticket: None };
            Failure::from(error).next.unwrap_or_default()
        };
        assert!(advice("http://a:1").contains("--node https://a:1"));
        assert!(!advice("https://a:1").contains("TLS"));
    }

    /// Number of the operating system's error, and the exit code of a command that meets it.
    const FULL: [(i32, Exit); 3] = [(28, Exit::Disk), (122, Exit::Disk), (13, Exit::Usage)];

    #[test]
    fn a_full_disk_is_told_apart_from_wrong_usage_wherever_a_command_meets_it() {
        for (number, exit) in FULL {
            let (path, error) = (PathBuf::from("a.key"), || io::Error::from_raw_os_error(number));
            let outbox = OutboxError::Io { path: path.clone(), error: error() };
            let session = ClientError::Session(SessionError::Io { path: path.clone(), error: error() });
            for failure in [
                Failure::file(&path, error()),
                Failure::from(KeyError::Io { path: path.clone(), error: error() }),
                Failure::from(SubmitError::Outbox(outbox)),
                Failure::from(session),
                Failure::from(TokensError::Io { path: path.clone(), source: error() }),
                Failure::met(InitError::Io { path: path.clone(), source: error() }),
            ] {
                let is_advised = failure.next.as_deref().is_some_and(|next| next.contains("make room"));
                assert_eq!((failure.exit, is_advised), (exit, exit == Exit::Disk), "{failure}");
            }
        }
    }

    #[test]
    fn a_session_that_cannot_be_written_is_no_silence_of_the_node_also_where_a_change_is_open() {
        for (number, exit) in FULL {
            let error = io::Error::from_raw_os_error(number);
            let error = ClientError::Session(SessionError::Io { path: PathBuf::from("session"), error });
            let id = EnvelopeId(Digest([7; 32]));

            let failure = Failure::from(SubmitError::Earlier { id, error });

            assert_eq!(failure.exit, exit, "{failure}");
            assert!(failure.next.is_some_and(|next| next.contains("quorate receipt")));
        }
    }

    #[test]
    fn a_name_that_reads_like_a_full_disk_fills_none() {
        let path = Path::new("No space left on device");

        let failure = Failure::file(path, io::ErrorKind::NotFound.into());

        assert_eq!(failure.exit, Exit::Usage, "{failure}");
        assert!(failure.what.starts_with("No space left on device: "), "{failure}");
    }

    #[test]
    fn a_token_whose_role_is_too_low_is_answered_with_how_to_make_one_and_no_policy() {
        let detail = "this token's role is read, and this takes operate";
        let refused = ClientError::Refused(Box::new(Problem::new(403, "role", detail)));

        let next = Failure::from(refused).next.expect("advice");

        assert!(next.contains("`quorate token new --dir DIR --role operate`") && !next.contains("policy"), "{next}");
    }

    #[test]
    fn the_fate_of_a_forgotten_change_is_looked_for_at_another_member_or_in_the_files_and_not_in_a_log_that_begins_later()
     {
        let problem = Box::new(Problem::new(410, HISTORY_PRUNED, "history begins with slot 90"));
        let (id, file) = (EnvelopeId(Digest([7; 32])), "a.key.outbox/main-1-1.envelope".into());

        let next = Failure::from(SubmitError::Forgotten { id, file, problem }).next.expect("advice");

        assert!(next.contains("--node of a member that keeps more") && next.contains("look at the files"), "{next}");
        assert!(next.contains("main-1-1.envelope") && !next.contains("`quorate log`"), "{next}");
    }
}
