//! `quorate debug zip`: what a node tells of itself, in one file for somebody who helps. Nothing secret is in it.

use super::beside::own_address;
use super::document;
use super::failure::{Failure, Outcome};
use super::print;
use super::reach::Reach;
use super::zip::Zip;
use quorate_client::http::{Client, ClientError};
use quorate_service::config::{ADMIN_TOKEN_FILE, Config, Overrides, effective};
use quorate_service::doctor::configuration;
use serde::Serialize;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Answers below `/v1`.
const ANSWERS: [&str; 8] = ["status", "health", "issues", "members", "peers", "checkpoints", "evidence", "log"];
/// Answers beside `/v1`.
const BESIDE: [(&str, &str); 2] = [("version", "version.json"), ("metrics", "metrics.txt")];

/// Collect what helps to find a fault
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Write a zip file with what the node tells: status, issues, peers, metrics, and with --dir its configuration.
    /// No key, token or content is in it
    Zip {
        /// File to make; one that is there is never overwritten
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Folder of the replica on this machine, for its configuration; without --node its replica is asked
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
        #[command(flatten)]
        reach: Reach,
    },
}

/// Parts of a bundle, and those that could not be had.
#[derive(Default)]
struct Bundle {
    zip: Zip,
    parts: Vec<String>,
    missing: Vec<String>,
}

/// Runs the command; exit 3 if the node does not answer, also where the folder has told something.
pub async fn run(command: &Command) -> Outcome {
    let Command::Zip { out, dir, reach } = command;
    let mut bundle = Bundle::default();
    dir.iter().for_each(|dir| bundle.folder(dir));
    let asked = bundle.ask(&client(dir.as_deref(), reach)?).await;
    let Bundle { zip, parts, missing } = bundle;
    if parts.is_empty() {
        return asked.map_err(Failure::from);
    }
    document::write_new_bytes(out, &zip.finish())?;
    if reach.json {
        print::json(&json!({ "file": out, "parts": parts, "missing": missing }))?;
    } else {
        print::say(format!("{}: {}", out.display(), parts.join(", ")))?;
        missing.iter().try_for_each(|part| print::say(format!("  missing: {part}")))?;
    }
    asked.map_err(Failure::from)
}

/// A client of the replica of a folder; of the node that is named, where there is none.
fn client(dir: Option<&Path>, reach: &Reach) -> Result<Client, Failure> {
    let configured =
        dir.and_then(|dir| Some((Config::load(dir, Overrides::default()).ok()?, dir.join(ADMIN_TOKEN_FILE))));
    let Some((config, secret)) = configured else { return reach.doctor() };
    reach.doctor_of(&own_address(&config), Some(&*secret).filter(|file| file.exists()))
}

impl Bundle {
    fn folder(&mut self, dir: &Path) {
        self.json("doctor.json", &configuration(dir));
        match effective(dir) {
            Ok(settings) => self.json("config.json", &settings),
            Err(error) => self.missing.push(format!("config.json: {error}")),
        }
    }

    /// Asks for every answer; a node that does not answer the first is asked no more.
    async fn ask(&mut self, client: &Client) -> Result<(), ClientError> {
        for name in ANSWERS {
            let answer = client.get_bytes(&[name], &[]).await;
            self.take(&format!("{name}.json"), answer.map(|answer| answer.body))?;
        }
        for (address, name) in BESIDE {
            let answer = client.get_beside(address).await;
            self.take(name, answer.map(|answer| answer.body))?;
        }
        Ok(())
    }

    fn take(&mut self, name: &str, answer: Result<Vec<u8>, ClientError>) -> Result<(), ClientError> {
        match answer {
            Ok(body) => self.add(name, &body),
            Err(error @ ClientError::NoAnswer { .. }) => {
                self.missing.push(format!("{name}: {error}"));
                return Err(error);
            }
            Err(error) => self.missing.push(format!("{name}: {error}")),
        }
        Ok(())
    }

    fn json(&mut self, name: &str, value: &impl Serialize) {
        let text = serde_json::to_vec_pretty(value).expect("plain data");
        self.add(name, &text);
    }

    fn add(&mut self, name: &str, content: &[u8]) {
        self.zip.add(name, content);
        self.parts.push(name.to_owned());
    }
}
