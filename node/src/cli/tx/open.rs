//! An open transaction: what is added waits in a folder beside the key, `KEY.tx`, until it is committed.

use super::super::failure::{Exit, Failure};
use super::super::print::quoted;
use quorate_client::api::TransactionTerms;
use quorate_client::author::{Plan, Planned};
use quorate_client::content;
use quorate_client::keys;
use quorate_client::outbox;
use quorate_ledger::Base;
use quorate_ledger::{EnvelopeId, GlobalTransaction, Mode, Op, Revision, TransactionId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// The file that lists the parts.
const LIST: &str = "tx.json";

/// Pause between two tries for the lock.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// A transaction before it is signed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Open {
    /// Base of every part.
    pub base: Revision,
    /// Whether it is refused when any of its domains has changed since.
    pub anchored: bool,
    /// For people.
    pub message: String,
    /// The envelope that was signed of it and has no verdict here yet, or a refusal.
    pub sent: Option<EnvelopeId>,
    /// Terms of the transaction over several groups of which this is a branch, once something of it may have been signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub across: Option<TransactionTerms>,
    /// Keys of the groups that a commit over several groups has named, the home first, each with a node: they commit together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub together: Vec<(String, String)>,
    /// In the order in which they were added.
    pub parts: Vec<Part>,
}

/// Operation of the transaction.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Part {
    /// Counted from 1.
    pub number: usize,
    /// Domain of the operation.
    pub domain: String,
    /// Operation and its path.
    #[serde(flatten)]
    pub what: What,
    /// Parts that it depends on, where all are of one domain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<usize>,
}

/// Operation of a part.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
pub enum What {
    /// Writes a file.
    Put {
        /// Path in the domain.
        path: String,
        /// As what.
        mode: Mode,
        /// SHA-256 of the content, which lies in the folder under this name.
        content: String,
    },
    /// Removes a file.
    Rm {
        /// Path in the domain.
        path: String,
    },
    /// Renames a file.
    Mv {
        /// From where.
        path: String,
        /// To where.
        to: String,
    },
    /// Only while the author holds the lock with this token.
    Fence {
        /// As the lock was granted.
        token: u64,
    },
}

/// The folder of a key's open transaction.
pub struct Folder {
    path: PathBuf,
    /// The file `KEY.tx.lock`, unlocked when it is closed.
    _lock: Option<File>,
}

impl Folder {
    /// Folder beside the key, for a look at it.
    pub fn of(key: &Path) -> Result<Self, Failure> {
        let mut folder = keys::home(key)?.into_os_string();
        folder.push(".tx");
        Ok(Self { path: folder.into(), _lock: None })
    }

    /// Folder beside the key, for a command that changes it. Waits until no other does, but no longer than for a node.
    pub fn locked(key: &Path, patience: Duration) -> Result<Self, Failure> {
        let Self { path, .. } = Self::of(key)?;
        let (file, begun) = (path.with_added_extension("lock"), Instant::now());
        loop {
            match outbox::lock(&file).map_err(Failure::met)? {
                Some(lock) => return Ok(Self { path, _lock: Some(lock) }),
                None if begun.elapsed() < patience => thread::sleep(LOCK_PAUSE),
                None => {
                    let what = format!("another command uses the transaction {}", path.display());
                    return Err(Failure::new(Exit::Unreachable, what).next("--timeout SECONDS waits for longer"));
                }
            }
        }
    }

    /// Open transaction, if there is one.
    pub fn read(&self) -> Result<Option<Open>, Failure> {
        let path = self.path.join(LIST);
        match fs::read(&path) {
            Ok(json) => Ok(Some(serde_json::from_slice(&json).map_err(|error| {
                Failure::usage(format!("{}: {error}", path.display())).next("`quorate tx abort` throws it away")
            })?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::file(&path, error)),
        }
    }

    /// Open transaction; a failure if there is none.
    pub fn open(&self) -> Result<Open, Failure> {
        let none = || Failure::no("no transaction is open for this key").next("`quorate tx begin` opens one");
        self.read()?.ok_or_else(none)
    }

    /// Keeps what is open, whole or not at all.
    pub fn write(&self, open: &Open) -> Result<(), Failure> {
        fs::create_dir_all(&self.path).map_err(|error| Failure::file(&self.path, error))?;
        let json = serde_json::to_vec_pretty(open).expect("plain data with string keys");
        self.put(LIST, &json)
    }

    /// Keeps a content under its digest.
    pub fn keep(&self, bytes: &[u8]) -> Result<(), Failure> {
        self.put(&content::digest(bytes).to_string(), bytes)
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        outbox::write(&self.path, name, bytes).map_err(|error| Failure::file(&self.path.join(name), error))
    }

    /// Forgets everything, the list first: a list whose contents are gone would be no transaction and no end of one.
    pub fn remove(&self) -> Result<(), Failure> {
        let list = self.path.join(LIST);
        let gone = |path: &Path, removed: io::Result<()>| match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Failure::file(path, error)),
            _ => Ok(()),
        };
        gone(&list, fs::remove_file(&list))?;
        gone(&self.path, fs::remove_dir_all(&self.path))
    }

    /// Plan to sign in its home.
    pub fn plan(&self, open: &Open) -> Result<Plan, Failure> {
        let home = open.home()?.to_owned();
        let others: BTreeSet<&str> = open.parts.iter().map(|part| part.domain.as_str()).collect();
        let mut contents = Vec::new();
        for part in &open.parts {
            if let What::Put { content, .. } = &part.what {
                let path = self.path.join(content);
                contents.push(fs::read(&path).map_err(|error| Failure::file(&path, error))?);
            }
        }
        let own = if others.len() == 1 { open.composition() } else { vec![open.change_in(&home)] };
        let others = others.into_iter().filter(|domain| *domain != home);
        let others = others.map(|domain| (domain.to_owned(), open.change_in(domain))).collect();
        Ok(Plan { own, others, contents })
    }
}

impl Open {
    /// Transaction over several groups of which it is a branch.
    pub fn id(&self) -> Option<TransactionId> {
        self.across.as_ref().map(|terms| GlobalTransaction::from(terms).id())
    }

    /// Domain that it is signed in: the first that something was added for.
    pub fn home(&self) -> Result<&str, Failure> {
        let none = || Failure::no("nothing was added to the transaction").next("`quorate tx add` adds a change");
        self.parts.first().map(|part| part.domain.as_str()).ok_or_else(none)
    }

    /// Parts as the branch of a transaction over several groups.
    pub fn branch(&self) -> Result<Planned, Failure> {
        let home = self.home()?;
        let is_in_it = |part: &&Part| part.domain == home && matches!(part.what, What::Put { .. } | What::Rm { .. });
        match self.parts.iter().find(|part| !is_in_it(part)) {
            None => Ok(self.change_in(home)),
            Some(Part { number, .. }) => Err(Failure::no(format!(
                "change {number}: over several groups, each group has files to write and to remove, of one domain"
            ))
            .next("`quorate tx abort` and `begin` start anew; a rename is a file to write and one to remove")),
        }
    }

    /// Parts of a domain, as one change.
    fn change_in(&self, domain: &str) -> Planned {
        let parts = self.parts.iter().filter(|part| part.domain == domain);
        let ops = self.anchor().into_iter().chain(parts.map(|part| part.what.op())).collect();
        Planned { base: Base::Revision(self.base), ops, message: self.message.clone(), after: vec![] }
    }

    /// Parts of the one domain: a change for each, and the changes hold together.
    fn composition(&self) -> Vec<Planned> {
        let change = |(place, part): (usize, &Part)| {
            let anchor = self.anchor().filter(|_| place == 0);
            let after: Vec<usize> = part.after.iter().map(|number| number - 1).collect();
            Planned {
                base: if place == 0 { Base::Revision(self.base) } else { Base::Previous },
                ops: anchor.into_iter().chain([part.what.op()]).collect(),
                message: if place == 0 { self.message.clone() } else { String::new() },
                after: if after.is_empty() && place > 0 { vec![0] } else { after },
            }
        };
        self.parts.iter().enumerate().map(change).collect()
    }

    fn anchor(&self) -> Option<Op> {
        self.anchored.then_some(Op::Anchor { revision: self.base })
    }
}

/// Command that commits what is open for these keys, the home's first, each with a node.
pub fn command(together: &[(String, String)]) -> String {
    let words = together.iter().enumerate().map(|(place, (key, node))| match place {
        0 => format!(" --key {} --node {}", quoted(key), quoted(node)),
        _ => format!(" --with {}", quoted(&format!("{key}={node}"))),
    });
    format!("quorate tx commit{}", words.collect::<String>())
}

impl What {
    fn op(&self) -> Op {
        match self.clone() {
            Self::Put { path, mode, content } => {
                let content = quorate_ledger::hexed::parse(&content).unwrap_or_default();
                Op::Put { path, mode, content }
            }
            Self::Rm { path } => Op::Delete { path },
            Self::Mv { path, to } => Op::Rename { from: path, to },
            Self::Fence { token } => Op::Fence { token },
        }
    }
}
