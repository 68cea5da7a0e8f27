//! `quorate keys`: making and showing key files.

use super::failure::{Failure, Outcome};
use super::{identities, print};
use quorate_client::keys::passphrase::{self, Passphrase};
use quorate_client::keys::{self, Key, KeyError};
use quorate_pbft::{PublicKey, Signer as _};
use serde_json::json;
use std::io;
use std::path::{Path, PathBuf};

/// Source of a passphrase.
#[derive(Debug, clap::Args)]
pub struct Phrase {
    /// File whose first line is the passphrase [default: asked for]
    #[arg(long, env = passphrase::PASSPHRASE_FILE, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Make, lock and show keys
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make a key; a file that is there is never overwritten
    New {
        /// The file to make, readable by its owner alone
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Put a key file under a passphrase
    Lock {
        /// The key file
        file: PathBuf,
        #[command(flatten)]
        phrase: Phrase,
    },
    /// Take a key file out of its passphrase
    Unlock {
        /// The key file
        file: PathBuf,
        #[command(flatten)]
        phrase: Phrase,
    },
    /// Put a locked key file under another passphrase
    Change {
        /// The key file
        file: PathBuf,
        #[command(flatten)]
        phrase: Phrase,
        /// File whose first line is the new passphrase [default: asked for]
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
    },
    /// Prove to an organisation that you hold a key; it enrols you with what this prints
    Prove {
        /// The key file
        file: PathBuf,
        /// The organisation that will enrol the key
        #[arg(long, value_name = "NAME")]
        org: String,
        /// Print JSON, as it does anyway
        #[arg(long)]
        json: bool,
    },
    /// Show the public half of a key
    Show {
        /// The key file, a `.pub` file, or ssh-agent:FINGERPRINT
        file: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command.
pub fn run(command: &Command) -> Outcome {
    match command {
        Command::New { out, json } => {
            let made = keys::create(out).map_err(|error| not_made(out, error))?;
            show(out, &made.public_key(), *json)
        }
        Command::Lock { file, phrase } => lock(file, phrase),
        Command::Unlock { file, phrase } => {
            keys::relock(file, &phrase.current(file)?, None)?;
            done(file, phrase, "is plain now: whoever reads it signs as you")
        }
        Command::Change { file, phrase, new_passphrase_file } => {
            let current = phrase.current(file)?;
            keys::relock(file, &current, Some(&chosen(file, new_passphrase_file.as_deref())?))?;
            done(file, phrase, "is under the new passphrase")
        }
        Command::Prove { file, org, json: _ } => prove(file, org),
        Command::Show { file, json } => show(file, &keys::public(file)?, *json),
    }
}

/// Failure to make a key: what is not there then is its folder.
pub fn not_made(out: &Path, error: KeyError) -> Failure {
    match (&error, out.parent()) {
        (KeyError::Io { error: why, .. }, Some(folder)) if why.kind() == io::ErrorKind::NotFound => {
            Failure::usage(error).next(format!("make the folder {} first", folder.display()))
        }
        _ => error.into(),
    }
}

fn prove(file: &Path, organisation: &str) -> Outcome {
    Ok(print::json(&identities::prove(&Key::open(file)?, organisation)?)?)
}

fn lock(file: &Path, phrase: &Phrase) -> Outcome {
    if keys::is_locked(file)? {
        let why = format!("{} is locked already", file.display());
        return Err(Failure::no(why).next("`quorate keys change` gives it another passphrase"));
    }
    keys::lock(file, &chosen(file, phrase.passphrase_file.as_deref())?)?;
    let what = "is under a passphrase now; without it, nobody can use the file; its old bytes may stay in free space of \
                the disk and in backups";
    done(file, phrase, what)
}

/// Tells of a key file that was changed.
fn done(file: &Path, phrase: &Phrase, what: &str) -> Outcome {
    if phrase.json {
        let (key, locked) = (keys::public(file)?.to_string(), keys::is_locked(file)?);
        return Ok(print::json(&json!({ "file": file, "key": key, "locked": locked }))?);
    }
    Ok(print::say(format!("{} {what}", file.display()))?)
}

impl Phrase {
    /// The passphrase that opens a locked key.
    fn current(&self, file: &Path) -> Result<Passphrase, Failure> {
        if !keys::is_locked(file)? {
            return Err(Failure::no(format!("{} is not locked", file.display())));
        }
        given(self.passphrase_file.as_deref(), || passphrase::of(file))
    }
}

/// A passphrase for a key from now on: from a file, or asked for twice.
fn chosen(key: &Path, file: Option<&Path>) -> Result<Passphrase, Failure> {
    given(file, || passphrase::chosen(key))
}

fn given(file: Option<&Path>, ask: impl Fn() -> Option<io::Result<Passphrase>>) -> Result<Passphrase, Failure> {
    let nobody = || Failure::usage("no passphrase: there is no terminal to ask at").next("give --passphrase-file FILE");
    let given = file.map(passphrase::from_file).or_else(ask).ok_or_else(nobody)?;
    given.map_err(Failure::usage)
}

fn show(file: &Path, key: &PublicKey, as_json: bool) -> Outcome {
    if as_json {
        print::json(&json!({ "file": file, "key": key.to_string() }))?;
    } else {
        print::say(key)?;
    }
    Ok(())
}
