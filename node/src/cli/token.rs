//! `quorate token`: secrets that open what is for operators, each by its role.

use super::clock;
use super::failure::{Failure, Outcome};
use super::print::{self, Table, plain};
use quorate_service::clock::now_ms;
use quorate_service::config::CONFIG_FILE;
use quorate_service::engine::History;
use quorate_service::observer::OBSERVER_KEY_FILE;
use quorate_service::tokens::{self, Role, Token, TokensError};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Folder of the node that the tokens open, and how to print.
#[derive(Debug, clap::Args)]
pub struct Place {
    /// The replica's folder
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Make, list and revoke tokens of operators; a node that runs takes note within a second
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make a token and print its secret, which is kept nowhere
    New {
        /// Rights: read, operate or admin
        #[arg(long, value_name = "ROLE", value_parser = role)]
        role: Role,
        /// Name by which it is revoked [default: made from the role]
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Time from now for which it opens anything, as 12h or 90d [default: until it is revoked]
        #[arg(long, value_name = "TIME", value_parser = time)]
        until: Option<u64>,
        #[command(flatten)]
        place: Place,
    },
    /// List the tokens
    List {
        #[command(flatten)]
        place: Place,
    },
    /// End a token
    Revoke {
        /// Its name
        name: String,
        #[command(flatten)]
        place: Place,
    },
}

/// Runs the command.
pub fn run(command: &Command) -> Outcome {
    let (Command::New { place, .. } | Command::List { place } | Command::Revoke { place, .. }) = command;
    is_of_node(&place.dir)?;
    match command {
        Command::New { role, name, until, place } => new(*role, name.as_deref(), *until, place),
        Command::List { place } => list(place),
        Command::Revoke { name, place } => {
            tokens::revoke(&place.dir, name)?;
            match place.json {
                true => Ok(print::json(&json!({ "revoked": name }))?),
                false => Ok(print::say(format!("{} opens nothing any more", plain(name)))?),
            }
        }
    }
}

/// Refuses a folder of no node: no tokens there would say that none is out.
fn is_of_node(dir: &Path) -> Outcome {
    if [CONFIG_FILE, OBSERVER_KEY_FILE].iter().any(|file| dir.join(file).exists()) {
        return Ok(());
    }
    let what = format!("{}: neither {CONFIG_FILE} nor {OBSERVER_KEY_FILE} is there", dir.display());
    Err(Failure::usage(what).next("--dir DIR names the folder of a replica or an observer"))
}

fn new(role: Role, name: Option<&str>, until: Option<u64>, place: &Place) -> Outcome {
    let (token, secret) = tokens::make(&place.dir, role, name, until.map(|time| now_ms().saturating_add(time)))?;
    if place.json {
        let mut told = shown(&token);
        told["secret"] = secret.into();
        return Ok(print::json(&told)?);
    }
    // The secret alone, so that it can be led into the file that `--token` names.
    Ok(print::say(secret)?)
}

fn list(place: &Place) -> Outcome {
    let tokens = tokens::read(&place.dir)?;
    if place.json {
        let items: Vec<Value> = tokens.iter().map(shown).collect();
        return Ok(print::json(&super::listing::page(&items))?);
    }
    let mut table = Table::new(&["name", "role", "made", "until"]);
    for Token { name, role, made, until, .. } in &tokens {
        table.row([plain(name), role.to_string(), clock::date(*made), end(*until)]);
    }
    Ok(table.print("no tokens")?)
}

/// End of a token, for people.
fn end(until: Option<u64>) -> String {
    match until {
        Some(until) if until <= now_ms() => format!("over since {}", clock::date(until)),
        Some(until) => clock::date(until),
        None => "no end".into(),
    }
}

/// A token without its hash.
fn shown(Token { name, role, made, until, .. }: &Token) -> Value {
    json!({ "name": name, "role": role, "made": made, "until": until })
}

fn role(text: &str) -> Result<Role, String> {
    let found = Role::ALL.into_iter().find(|role| role.to_string() == text);
    found.ok_or_else(|| "roles are read, operate, admin".into())
}

/// Milliseconds of a time.
fn time(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(History::Time(ms)) => Ok(ms),
        Ok(History::All | History::Bytes(_)) | Err(_) => Err("expected a time as 30m, 12h or 90d".into()),
    }
}

impl From<TokensError> for Failure {
    fn from(error: TokensError) -> Self {
        match error {
            TokensError::Unknown(_) => Self::no(error.to_string()),
            other => Self::met(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_without_an_end_is_not_called_revoked() {
        assert_eq!(end(None), "no end");
        assert!(end(Some(0)).starts_with("over since"));
    }
}
