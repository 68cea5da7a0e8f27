//! `quorate approve` and `attest`, and proposals of the other commands: one signed change each, and where it led.

use super::advice;
use super::change;
use super::failure::{Failure, Outcome};
use super::listing::{one, whole};
use super::other_group;
use super::print::{self, plain};
use super::reach::Scope;
use super::receipt::parse_beginning;
use super::sending::{SignedRequest, applied, submit, submit_saying};
use super::spelled;
use quorate_client::api::{PendingChange, ProposalEntry};
use quorate_client::author::{self, SubmitError};
use quorate_client::calls::Posted;
use quorate_client::http::Client;
use quorate_ledger::{Act, EnvelopeId, JoinStatement, Op, ProposalId, Receipt, SpelledAct, State};
use quorate_pbft::PublicKey;
use serde::Serialize;
use std::path::PathBuf;

/// Agree with a proposal, for your organisation
///
/// What an act about another group or an observer says is printed first; one that this program cannot read is not signed.
#[derive(Debug, clap::Args)]
pub struct Approve {
    /// The proposal's id, or the beginning of it
    proposal: String,
    /// Genesis of the other group that the proposal makes known: another group, or other members of it, are not agreed with
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
    /// Epochs of that group that you have seen, where its members are not its founders any more
    #[arg(long, value_name = "FILE", requires = "genesis")]
    epochs: Option<PathBuf>,
    #[command(flatten)]
    word: SignedRequest,
}

/// Say whether a change that waits may take effect, as a validator or for your organisation
#[derive(Debug, clap::Args)]
pub struct Attest {
    /// The envelope that waits, as `put` printed it, or the beginning of it
    #[arg(value_parser = parse_beginning)]
    envelope: String,
    /// Attest that it must not take effect
    #[arg(long)]
    reject: bool,
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    word: SignedRequest,
}

/// Output with `--json` about a proposal: the receipt of the change, and the proposal's state.
#[derive(Serialize)]
struct Decided<'a> {
    #[serde(flatten)]
    receipt: &'a Receipt,
    proposal: ProposalId,
    proposal_state: &'a str,
    approvals: &'a [String],
    needed: u32,
}

/// Output with `--json` about an attestation: its receipt, and the state of the change that waited.
#[derive(Serialize)]
struct Attested<'a> {
    #[serde(flatten)]
    receipt: &'a Receipt,
    envelope: EnvelopeId,
    envelope_state: State,
}

/// Proposes something and prints where the proposal stands.
pub async fn propose(word: &SignedRequest, domain: &str, act: Act) -> Outcome {
    propose_saying(word, domain, act, &word.message).await
}

/// As [`propose`], with this message for people.
pub async fn propose_saying(word: &SignedRequest, domain: &str, act: Act, message: &str) -> Outcome {
    let answer = submit_saying(word, domain, vec![Op::Propose { act }], message).await?;
    decided(word, answer, |receipt| ProposalId::of(&receipt.id, 0), &[]).await
}

/// Advice where an id is no proposal's.
const OR_A_CHANGE: &str = "`quorate proposals list --open` shows proposals; a change that waits takes `quorate attest ID`: \
                           `quorate pending list` shows those";

/// Runs `quorate approve`.
pub async fn approve(args: &Approve) -> Outcome {
    let client = args.word.reach.client()?;
    let known = known(&client, &args.proposal).await.map_err(|failure| failure.next_if_no(OR_A_CHANGE))?;
    let spelled = readable(&known)?;
    if let Some(genesis) = &args.genesis {
        other_group::is_named(spelled.as_ref(), &other_group::known(genesis, args.epochs.as_deref(), None)?)?;
    }
    if let Some(act) = spelled.filter(|_| !args.word.reach.json) {
        spelled::lines(&act).iter().try_for_each(print::say)?;
    }
    let answer = submit(&args.word, &known.domain, vec![Op::Approve { proposal: known.id }]).await?;
    decided(&args.word, answer, |_| known.id, &known.approvals).await
}

/// The act of later rules that is proposed, if it is one. Nobody agrees with what cannot be read.
fn readable(proposal: &ProposalEntry) -> Result<Option<SpelledAct>, Failure> {
    match (&proposal.proposal, SpelledAct::of(&proposal.proposal)) {
        (Act::Later { number, .. }, None) => {
            let what = format!("the proposal is an act {number} that this program cannot read; nothing was signed");
            Err(Failure::no(what).next("a program of the rules that define it says what it is"))
        }
        (_, spelled) => Ok(spelled),
    }
}

/// Runs `quorate proposals withdraw`.
pub async fn withdraw(word: &SignedRequest, proposal: &str) -> Outcome {
    about(word, proposal, |proposal| Op::Withdraw { proposal }).await
}

/// Puts a joiner's statement into an open proposal.
pub async fn ready(word: &SignedRequest, proposal: &str, key: PublicKey, statement: JoinStatement) -> Outcome {
    about(word, proposal, |proposal| Op::Ready { proposal, key, statement }).await
}

/// Submits an operation about a proposal, named by its id or the beginning of it, where it was made.
async fn about(word: &SignedRequest, proposal: &str, op: impl FnOnce(ProposalId) -> Op) -> Outcome {
    let known = known(&word.reach.client()?, proposal).await?;
    let answer = submit(word, &known.domain, vec![op(known.id)]).await?;
    decided(word, answer, |_| known.id, &[]).await
}

/// The proposal of an id, or of the beginning of one.
async fn known(client: &Client, proposal: &str) -> Result<ProposalEntry, Failure> {
    let id = whole(client, "proposals", proposal).await?;
    Ok(client.get(&["proposals", &id], &[]).await?)
}

/// Runs `quorate attest`.
pub async fn attest(args: &Attest) -> Outcome {
    let word = &args.word;
    let envelope = waiting(&args.word.reach.client()?, &args.scope.domain, &args.envelope).await?;
    let answer = submit(word, &args.scope.domain, vec![Op::Attest { envelope, approve: !args.reject }]).await?;
    let Some(receipt) = applied(&answer) else { return change::report(answer, word.reach.json) };
    // The word is given, whatever this look says.
    let Ok(Posted::Verdict(now)) = word.reach.client()?.envelope(&envelope).await else {
        return change::report(answer, word.reach.json);
    };
    if word.reach.json {
        return Ok(print::json(&Attested { receipt, envelope, envelope_state: now.state })?);
    }
    change::lines(receipt).iter().try_for_each(print::say)?;
    print::say(format_args!("  the change is now {}", change::word(now.state)))?;
    let path = ["domains", &args.scope.domain, "pending", &envelope.to_string()];
    let pending: Result<PendingChange, _> = match now.state {
        State::Pending => word.reach.client()?.get(&path, &[("level", "sequential")]).await,
        _ => return Ok(()),
    };
    // Others may have had the last word meanwhile.
    let lines = pending.map(|pending| waits_for(&pending)).unwrap_or_default();
    Ok(lines.iter().try_for_each(print::say)?)
}

/// The one waiting change of a domain that begins so; a whole id is taken as it is.
pub async fn waiting(client: &Client, domain: &str, beginning: &str) -> Result<EnvelopeId, Failure> {
    if let Ok(id) = beginning.parse() {
        return Ok(id);
    }
    let next = format!("`quorate pending list{}` shows them", advice::option(domain));
    let id = one(client, &["domains", domain, "pending"], ("changes that wait", &next), beginning).await?;
    id.parse().map_err(|_| client.garbled(format!("{id} is no envelope")).into())
}

/// Approvals and attestations that a waiting change still needs, for people; or why it waits with all of them.
pub fn waits_for(pending: &PendingChange) -> Vec<String> {
    let for_it = pending.organisations.iter().filter(|(_, word)| **word).map(|(name, _)| plain(name));
    let for_it: Vec<String> = for_it.collect();
    let mut lines = Vec::new();
    for required in &pending.requirements {
        let (pattern, n) = (plain(&required.pattern), required.validators.len());
        if required.approvals > 0 {
            let by = if for_it.is_empty() { "nobody yet".to_owned() } else { for_it.join(", ") };
            let have = for_it.len();
            lines.push(format!("  {pattern}: {have} of {} organisations approve: {by}", required.approvals));
        }
        if n > 0 {
            let have = required.validators.iter().filter(|validator| validator.word == Some(true)).count();
            lines.push(format!("  {pattern}: {have} of {} validators attest ({n} are asked)", 2 * n / 3 + 1));
        }
    }
    if pending.complete {
        let why = "the envelope with the last answer had spent what one may cost on other changes";
        lines.push(format!("  all answers are in: {why}; one of them given again, alone, lets it take effect"));
    }
    lines
}

/// Prints the receipt and where the proposal stands; one that enough agreed with in vain ends with exit code 1. An approval that
/// leaves those that there were before, if any, as they were adds none.
async fn decided(
    word: &SignedRequest,
    answer: Result<author::Outcome, SubmitError>,
    id: impl FnOnce(&Receipt) -> ProposalId,
    before: &[String],
) -> Outcome {
    let Some(receipt) = applied(&answer) else { return change::report(answer, word.reach.json) };
    // The change is ordered, whatever this look says.
    let Ok(proposal) = look(&word.reach.client()?, id(receipt)).await else {
        return change::report(answer, word.reach.json);
    };
    if word.reach.json {
        print::json(&Decided {
            receipt,
            proposal: proposal.id,
            proposal_state: &proposal.state,
            approvals: &proposal.approvals,
            needed: proposal.needed,
        })?;
    } else {
        change::lines(receipt).iter().try_for_each(print::say)?;
        lines(&proposal).iter().try_for_each(print::say)?;
        if !before.is_empty() && before == proposal.approvals {
            print::say("  your organisation had agreed before")?;
        }
    }
    match &proposal.failed {
        Some(why) => Err(Failure::no(format!("enough agreed, but it could not be done any more: {}", plain(why)))),
        None => Ok(()),
    }
}

/// A proposal as the node that executed the change has it.
async fn look(client: &Client, id: ProposalId) -> Result<ProposalEntry, Failure> {
    Ok(client.get(&["proposals", &id.to_string()], &[("level", "sequential")]).await?)
}

/// State of a proposal, for people.
pub fn lines(proposal: &ProposalEntry) -> Vec<String> {
    let agreed: Vec<String> = proposal.approvals.iter().map(|name| plain(name)).collect();
    let by = if agreed.is_empty() { "nobody".to_owned() } else { agreed.join(", ") };
    let mut lines = vec![format!("  proposal {}", proposal.id)];
    match proposal.decided {
        None => {
            let (have, need) = (agreed.len(), proposal.needed);
            lines.push(format!("  {have} of {need} organisations agree: {by}"));
            lines.push(match have >= need as usize && awaits_joiner(&proposal.proposal) {
                true => "  enough agree; it waits for the joiner: `quorate members ready FILE`".to_owned(),
                false => format!("  quorate approve {}", proposal.id),
            });
        }
        Some(at) => lines.push(format!("  {} since {at}, agreed by {by}", plain(&proposal.state))),
    }
    lines
}

/// Whether a joiner that the act names has not said yet that it follows the group.
fn awaits_joiner(act: &Act) -> bool {
    matches!(act, Act::Reconfigure { change } if change.joiners().any(|joiner| joiner.statement.is_none()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// An open proposal to add a member, with which two organisations agree.
    fn adding(needed: u32) -> ProposalEntry {
        let (key, proof) = ("01".repeat(32), "02".repeat(64));
        let joiner = json!({ "organisation": "d", "key": key, "proof": proof });
        let proposal = json!({
            "id": key, "domain": "@group", "author": key, "since": "1", "approvals": ["a", "b"], "needed": needed,
            "proposal": { "act": "reconfigure", "change": { "add": [joiner] } }, "state": "open", "decided": null, "failed": null,
        });
        serde_json::from_value(proposal).expect("a proposal")
    }

    #[test]
    fn a_proposal_that_enough_agree_with_is_said_to_wait_for_its_joiner() {
        let [agreed, open] = [2, 3].map(|needed| lines(&adding(needed)).concat());
        assert!(agreed.contains("members ready FILE") && !agreed.contains("quorate approve"), "{agreed}");
        assert!(open.contains("quorate approve") && !open.contains("members ready"), "{open}");
    }
}
