//! Signed requests: one change with one operation or several, as `put` sends it.

use super::change;
use super::failure::{Failure, Outcome};
use super::reach::{Reach, Signing, parse_level};
use quorate_client::author::{self, Draft, SubmitError};
use quorate_ledger::{Level, Op, Receipt, State};

/// Arguments of every signed request.
#[derive(Debug, clap::Args)]
pub struct SignedRequest {
    #[command(flatten)]
    pub reach: Reach,
    #[command(flatten)]
    pub signing: Signing,
    /// When to answer: eventual (taken), causal or sequential (executed), strong (under a stable checkpoint)
    #[arg(long, default_value = "sequential", value_parser = parse_level, value_name = "LEVEL")]
    pub level: Level,
    /// Purpose of the change, for people
    #[arg(long, short, default_value = "", value_name = "TEXT")]
    pub message: String,
}

/// Signs one operation and prints its receipt.
pub async fn change(word: &SignedRequest, domain: &str, op: Op) -> Outcome {
    let answer = submit(word, domain, vec![op]).await?;
    change::report(answer, word.reach.json)
}

/// Signs operations as one change and waits for its answer.
pub async fn submit(
    word: &SignedRequest,
    domain: &str,
    ops: Vec<Op>,
) -> Result<Result<author::Outcome, SubmitError>, Failure> {
    submit_saying(word, domain, ops, &word.message).await
}

/// As [`submit`], with this message for people.
pub async fn submit_saying(
    word: &SignedRequest,
    domain: &str,
    ops: Vec<Op>,
    message: &str,
) -> Result<Result<author::Outcome, SubmitError>, Failure> {
    let draft = Draft { base: None, ops, contents: vec![], message: message.to_owned() };
    change::send(&word.reach, &word.signing, domain, &draft, word.level).await
}

/// The receipt of a change that took effect.
pub fn applied(answer: &Result<author::Outcome, SubmitError>) -> Option<&Receipt> {
    match answer {
        Ok(author::Outcome::Verdict(receipt)) if receipt.state == State::Applied => Some(receipt),
        _ => None,
    }
}
